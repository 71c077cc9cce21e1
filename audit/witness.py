"""A witness: it has seen one history of each log it knows, and puts its name only to continuations of that one.

    submission -> known origin? 404 -> log's own signature? 403 -> old <= size? 400
               -> [lock] old = size held? 409 -> proof leads from held to new? 422 -> same size, same root? 409
               -> persist, then cosign -> 200

Answers are those of C2SP tlog-witness. What is held of a log is one file: its last checkpoint as a signed note. Looking
and storing are one step under a file lock, so neither two requests nor two processes can pass each other, and the file
is on disk before anybody sees a signature. A crash between the two leaves a witness that holds a checkpoint nobody has
its signature of; whoever asks again gets it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from audit import checkpoint, note, proof, tree
from audit.checkpoint import Checkpoint, Cosigner, Verifier
from audit.note import BadNote, Note, Signature
from audit.proof import BadProof
from audit.submission import Malformed, Submission

TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


class DamagedState(Exception):
    """What is held of a log cannot be read, so nothing of that log is cosigned: an empty memory would sign anything."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a submission: an HTTP status, its body, and the body's media type."""

    status: int
    body: str = ""
    kind: str = TEXT


class Shelf:
    """The folder in which a witness keeps the last checkpoint of each log, one file named by the origin's SHA-256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one, of all threads and processes, who looks and stores."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def held(self, origin: str) -> Note | None:
        """The last stored note of this log; null if there never was one."""
        try:
            content = self._file(origin).read_bytes()
        except FileNotFoundError:
            return None
        try:
            found = note.parse(content)
            other = checkpoint.parse(found.text).origin != origin
        except BadNote as error:
            raise DamagedState("the file holds no checkpoint") from error
        if other:
            raise DamagedState("the file holds another log")
        return found

    def keep(self, origin: str, kept: Note) -> None:
        """Put this note in the place of the last one, whole or not at all, on disk when this returns."""
        checkpoint.write(self._file(origin), note.format(kept))

    def dispute(self, origin: str, other: Note) -> None:
        """Keep, beside what is held, a signed checkpoint that speaks against it: proof against whoever signed both."""
        file = self.folder / f"{key(origin)}.disputed"
        if not file.exists():
            checkpoint.write(file, note.format(other))

    def _file(self, origin: str) -> Path:
        return self.folder / f"{key(origin)}.note"


def key(origin: str) -> str:
    """The name of a log where an origin cannot stand, in a file name or a path: 64 hexadecimal digits."""
    return hashlib.sha256(origin.encode()).hexdigest()


class Witness:
    """One witness: its key, the logs it knows with their keys, and the shelf it remembers on."""

    def __init__(self, cosigner: Cosigner, logs: Mapping[str, Sequence[Verifier]], shelf: Shelf) -> None:
        self.cosigner = cosigner
        self.logs = {origin: tuple(verifiers) for origin, verifiers in logs.items()}
        self.shelf = shelf

    def held(self, origin: str) -> Note | None:
        """The last cosigned checkpoint of a log, with the signatures of the log and of this witness."""
        return self.shelf.held(origin)

    def add_checkpoint(self, body: bytes, at: int) -> Verdict:
        """Judge a submission at this Unix second, and cosign it if it continues what is held."""
        try:
            asked = Submission.parse(body)
            wanted = checkpoint.parse(asked.note.text)
        except (Malformed, BadNote):
            return Verdict(400, "malformed\n")
        if wanted.origin not in self.logs:
            return Verdict(404, "unknown origin\n")
        try:
            signatures = checkpoint.verify(asked.note, self.logs[wanted.origin])
        except BadNote:
            return Verdict(403, "no signature of the log\n")
        if asked.old > wanted.size:
            return Verdict(400, "old size above the checkpoint's\n")
        with self.shelf.locked():
            return self._judge(asked, wanted, signatures, at)

    def _judge(self, asked: Submission, wanted: Checkpoint, signed: Sequence[Signature], at: int) -> Verdict:
        last = self.shelf.held(wanted.origin)
        held = checkpoint.parse(last.text) if last is not None else Checkpoint(wanted.origin, 0, tree.EMPTY)
        if asked.old != held.size:
            return Verdict(409, f"{held.size}\n", SIZE)
        try:
            continues(held, wanted, asked.proof)
        except BadProof:
            return Verdict(422, "the proof does not lead there\n")
        if wanted.size == held.size and wanted.root != held.root:
            self.shelf.dispute(wanted.origin, Note(wanted.text, tuple(signed)))
            return Verdict(409, f"{held.size}\n", SIZE)
        cosigned = self.cosigner.cosign(wanted.text, at)
        self.shelf.keep(wanted.origin, Note(wanted.text, (*signed, cosigned)))
        return Verdict(200, cosigned.line)


def continues(held: Checkpoint, wanted: Checkpoint, path: Sequence[bytes]) -> None:
    """Return if the proof leads from one checkpoint to the other; of equal sizes, and from nothing, it must be empty."""
    if held.size in (0, wanted.size):
        if path:
            raise BadProof("nothing is to be proven here")
        return
    proof.verify_consistency(held.size, wanted.size, held.root, wanted.root, path)
