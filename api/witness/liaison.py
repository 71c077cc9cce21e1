"""The speech with one witness: handing in a checkpoint, and asking what it holds.

Whatever it answers is judged against this history. Nothing it says is believed but a cosignature under its own key,
and what it shows under the log's key is proof against this history or for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from api.witness.outbound import SECONDS, Reply, Unanswered, exchange
from audit import checkpoint, note
from audit.checkpoint import Checkpoint, Verifier
from audit.cosignature import FORK, ROLLBACK
from audit.note import BadNote, Note, Signature
from audit.submission import Submission
from audit.witness import SIZE, key

OK, ABSENT, OTHER, UNPROVEN = 200, 404, 409, 422
ATTEMPTS = 3
DIGITS = 19


class History(Protocol):
    """The log as this database has it now."""

    def size(self) -> int: ...

    def root(self, size: int) -> bytes: ...

    def path(self, first: int, second: int) -> Sequence[bytes]: ...


@dataclass(frozen=True, slots=True)
class Known:
    """A witness of the configuration. Without a URL it comes to us."""

    verifier: Verifier
    url: str | None

    @property
    def name(self) -> str:
        return self.verifier.name


@dataclass(frozen=True, slots=True)
class Conflict:
    """A witness holds a longer history (ROLLBACK) or another (FORK); `shown` is its proof, if it gave one."""

    verdict: str
    held: int
    shown: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness has cosigned this checkpoint."""

    checkpoint: Checkpoint
    signature: Signature


Outcome = Conflict | Cosigned


def compare(held: Checkpoint, history: History) -> Conflict | None:
    """What a checkpoint under the log's own key says of this history: nothing, if it lies on it."""
    if held.size > history.size():
        return Conflict(ROLLBACK, held.size, held)
    try:
        same = history.root(held.size) == held.root
    except LookupError:
        # A tree that is torn cannot be shown to be the one that was signed.
        same = False
    return None if same else Conflict(FORK, held.size, held)


@dataclass(frozen=True, slots=True)
class Liaison:
    """One witness that is reached by URL, the log it watches, and the keys that log signs with."""

    known: Known
    origin: str
    verifiers: Callable[[], Sequence[Verifier]]
    history: History
    seconds: float = SECONDS

    def held(self) -> Checkpoint | None:
        """What it shows to hold, under the log's key and its own; null if it shows none that can be believed."""
        reply = self._ask("GET", f"/checkpoint/{key(self.origin)}")
        if reply.status != OK:
            return None
        try:
            shown = note.parse(reply.body)
            checkpoint.verify(shown, self.verifiers())
            checkpoint.verify(shown, (self.known.verifier,))
            found = checkpoint.parse(shown.text)
        except BadNote:
            return None
        return found if found.origin == self.origin else None

    def push(self, signed: Note, believed: int) -> Outcome | None:
        """Hand in a signed checkpoint, from the size it is believed to hold; null if it holds a newer one of ours."""
        wanted = checkpoint.parse(signed.text)
        old = min(believed, wanted.size)
        for _ in range(ATTEMPTS):
            path = self.history.path(old, wanted.size) if 0 < old < wanted.size else ()
            reply = self._ask("POST", "/add-checkpoint", Submission(old, tuple(path), signed).format())
            if reply.status == OK:
                return Cosigned(wanted, self._signature(wanted, reply.body))
            if reply.status == UNPROVEN:
                return self._proven(Conflict(FORK, old))
            if reply.status != OTHER:
                break
            held = _size(reply)
            if old == wanted.size and held in (None, old):
                return self._proven(Conflict(FORK, old))
            if held is None or held == old:
                break
            if held > wanted.size:
                # Asked only now: what another process of this service has handed in meanwhile is on record here.
                return None if held <= self.history.size() else self._proven(Conflict(ROLLBACK, held))
            old = held
        raise Unanswered(f"it answers {reply.status}")

    def _proven(self, said: Conflict) -> Conflict:
        """The same with the witness's proof. A witness that contradicts its own proof is out of order, not a witness."""
        try:
            held = self.held()
        except Unanswered:
            return said
        if held is None:
            return said
        found = compare(held, self.history)
        if found is None:
            raise Unanswered("it refuses, yet what it holds is ours")
        return found

    def _signature(self, wanted: Checkpoint, lines: bytes) -> Signature:
        try:
            found = note.parse(wanted.text.encode() + b"\n" + lines)
            return checkpoint.verify(found, (self.known.verifier,))[0]
        except BadNote as error:
            raise Unanswered("what it answers is no cosignature of its own") from error

    def _ask(self, verb: str, path: str, body: bytes | None = None) -> Reply:
        return exchange(verb, (self.known.url or "").rstrip("/") + path, body, seconds=self.seconds)


def _size(reply: Reply) -> int | None:
    """The size in a 409, if it carries one."""
    text = reply.body.decode("ascii", "replace").removesuffix("\n")
    whole = text.isascii() and text.isdigit() and len(text) <= DIGITS and str(int(text)) == text
    return int(text) if reply.kind == SIZE and whole else None
