"""The council: all witnesses of this log, what each has cosigned, and what is done when one lags or contradicts.

Each witness has a thread of its own, so that a silent one delays nobody: no edit and no other witness. The process
that holds the signer's lock hands checkpoints in, and before each of them asks `consult`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from api.database import Database
from api.witness.liaison import Conflict, Cosigned, Known, Liaison, compare
from api.witness.outbound import SECONDS, Unanswered
from audit import checkpoint, cosignature, head, keyring, nodes, note
from audit.checkpoint import Checkpoint, Verifier
from audit.cosignature import Disputed, Session
from audit.note import BadNote, Note, Signature
from authz import refusal
from authz.fact import Fact
from authz.witness import WitnessConflict, WitnessLagged, WitnessRecovered

ROUND, LONGEST_ROUND = 2.0, 60.0
QUESTION = 5.0
"""Seconds that a start waits for what the witnesses last saw."""
log = structlog.get_logger("mandate.witnesses")


@dataclass(frozen=True, slots=True)
class Stored:
    """The history of this log as the database has it."""

    database: Database

    def size(self) -> int:
        with head.reading(self.database.engine) as connection:
            return head.read(connection).size

    def root(self, size: int) -> bytes:
        with head.reading(self.database.engine) as connection:
            return nodes.root(connection, size)

    def path(self, first: int, second: int) -> Sequence[bytes]:
        try:
            with head.reading(self.database.engine) as connection:
                return nodes.consistency(connection, first, second).path
        except nodes.Torn as torn:
            raise Unanswered("no proof can be made here") from torn


@dataclass(slots=True)
class Council:
    """All witnesses of one log. `record` puts a fact on record, `number` reads handling.toml, and only the process that
    is `leading` (it holds the signer's lock) hands anything in."""

    origin: str
    known: tuple[Known, ...]
    database: Database
    number: Callable[[str], int]
    record: Callable[[Fact], object]
    keys: Callable[[], Sequence[Verifier]] = tuple
    leading: Callable[[], bool] = lambda: True
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    seconds: float = SECONDS
    asked: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    calls: list[threading.Event] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.known]

    @property
    def history(self) -> Stored:
        return Stored(self.database)

    def verifiers(self) -> list[Verifier]:
        """Every key that ever signed this log: those on record, and those that lie here though a backup forgot them."""
        with head.reading(self.database.engine) as connection:
            return list(dict.fromkeys([*keyring.verifiers(connection), *self.keys()]))

    # --- what the signer and the log's routes ask ---------------------------------------------------------------------
    def consult(self, connection: Session, wanted: Checkpoint | None) -> None:
        """Return if nothing that is known of the witnesses speaks against signing this; else Disputed, for all processes.

        The first time they are all asked what they last saw. One that does not answer is no obstacle, but a verdict it
        once gave stays until it is seen to agree.
        """
        if not self.asked:
            self.ask()
            self.asked = True
        try:
            cosignature.witnessed(connection, wanted, self.names)
        except Disputed as found:
            with cosignature.writing(self.database.engine) as other:
                cosignature.condemn(other, found.witness, found.verdict)
            raise

    def ask(self) -> None:
        """Ask every witness that can be reached what it last saw, all at once."""
        reached = [each for each in self.known if each.url is not None]
        if reached:
            with ThreadPoolExecutor(len(reached)) as pool:
                list(pool.map(self._ask, reached))

    def cosigned(self, signed: Note) -> Note:
        """The same note with the good cosignatures of this very checkpoint."""
        mine = {(each.name, each.verifier.key_id) for each in self.known}
        kept = tuple(each for each in signed.signatures if (each.name, each.key_id) not in mine)
        wanted = checkpoint.parse(signed.text)
        with head.reading(self.database.engine) as connection:
            more = cosignature.cosignatures(connection, wanted, [each.verifier for each in self.known])
        return Note(signed.text, (*kept, *more))

    # --- the standing threads -----------------------------------------------------------------------------------------
    def start(self) -> None:
        for each in self.known:
            call = threading.Event()
            self.calls.append(call)
            self.threads.append(threading.Thread(target=self._attend, args=(each, call), name=each.name, daemon=True))
        for thread in self.threads:
            thread.start()

    def offer(self) -> None:
        """A new checkpoint has been signed and stored. Returns at once."""
        for call in self.calls:
            call.set()

    def stop(self) -> None:
        """End the threads; one that waits for an answer is left to its own end."""
        self.stopping.set()
        self.offer()
        for thread in self.threads:
            thread.join(1.0)

    def _attend(self, known: Known, call: threading.Event) -> None:
        pause = ROUND
        while not self.stopping.is_set():
            call.clear()
            try:
                pause = ROUND if self.visit(known) else min(pause * 2, LONGEST_ROUND)
            except Exception as error:  # the next round must come, whatever went wrong in this one
                log.error("witness_round_failed", witness=known.name, exception=type(error).__name__)
            call.wait(pause)

    def visit(self, known: Known) -> bool:
        """One round with one witness: hand in the newest checkpoint, then judge whether it lags. Whether it answered."""
        if not self.leading():
            return True
        with head.reading(self.database.engine) as connection:
            signed = cosignature.signed(connection, self.origin)
            standing = cosignature.standings(connection, [known.name])[known.name]
        if signed is None:
            return True
        wanted, answered = checkpoint.parse(signed.text), True
        if known.url is not None and standing.size < wanted.size and standing.verdict is None:
            answered = self._push(known, signed, standing.size)
        if standing.verdict is None:
            self._watch(known, wanted)
        return answered

    def _push(self, known: Known, signed: Note, believed: int) -> bool:
        try:
            outcome = self._liaison(known).push(signed, believed)
        except Unanswered as fault:
            log.warning("witness_unanswered", witness=known.name, exception=str(fault))
            return False
        if isinstance(outcome, Cosigned):
            self.keep(known, outcome.checkpoint, outcome.signature)
        elif outcome is not None:
            self.conflict(known, outcome, alarm=True)
        return True

    def _watch(self, known: Known, wanted: Checkpoint) -> None:
        """Raise an alarm once when the witness is too far behind, and end it once when it has caught up."""
        at = self.clock()
        with cosignature.writing(self.database.engine) as connection:
            standing = cosignature.standings(connection, [known.name])[known.name]
            if standing.size < wanted.size and standing.behind is None:
                standing = replace(standing, behind=at)
                cosignature.mark(connection, known.name, behind=at, lagging=standing.lagging)
        behind, waiting = standing.behind, wanted.size - standing.size
        elapsed = 0 if behind is None else int((at - behind).total_seconds())
        late = waiting > 0 and (
            elapsed > self.number("witness_lag_seconds") or waiting > self.number("witness_lag_entries")
        )
        if late and not standing.lagging:
            self.record(WitnessLagged(witness=known.name, cosigned=standing.size, size=wanted.size, seconds=elapsed))
        elif standing.lagging and not late:
            self.record(WitnessRecovered(witness=known.name, size=standing.size))
        else:
            return
        with cosignature.writing(self.database.engine) as connection:
            cosignature.mark(connection, known.name, behind=behind, lagging=late)

    # --- what a witness says ------------------------------------------------------------------------------------------
    def _ask(self, known: Known) -> None:
        """What this witness last saw, before anything is written or signed."""
        liaison = replace(self._liaison(known), seconds=min(QUESTION, self.seconds))
        try:
            held = liaison.held()
            found: Conflict | None = None
            if held is not None:
                found = compare(held, self.history)
                if found is None:
                    self._acquit(known)
            else:
                with head.reading(self.database.engine) as connection:
                    signed = cosignature.signed(connection, self.origin)
                outcome = None if signed is None else liaison.push(signed, checkpoint.parse(signed.text).size)
                found = outcome if isinstance(outcome, Conflict) else None
                if isinstance(outcome, Cosigned):
                    self.keep(known, outcome.checkpoint, outcome.signature)
                    self._acquit(known)
        except Unanswered as fault:
            log.warning("witness_unanswered", witness=known.name, exception=str(fault))
            return
        if found is not None:
            # Not put on record as an entry: it would be one more that the witness does not know.
            self.conflict(known, found, alarm=False)

    def keep(self, known: Known, seen: Checkpoint, signature: Signature) -> None:
        """Store a verified cosignature."""
        with cosignature.writing(self.database.engine) as connection:
            cosignature.keep(connection, known.name, seen, signature, self.clock())

    def conflict(self, known: Known, found: Conflict, *, alarm: bool) -> None:
        """From now on nothing is signed. The alarm comes first: once the verdict stands, nothing is recorded any more."""
        with head.reading(self.database.engine) as connection:
            fresh = cosignature.standings(connection, [known.name])[known.name].verdict is None
        log.error("witness_conflict", witness=known.name, verdict=found.verdict, held=found.held)
        shown = found.shown
        try:
            if fresh and alarm:
                self.record(
                    WitnessConflict(
                        witness=known.name, verdict=found.verdict, held=found.held, size=self.history.size(),
                        root=None if shown is None else shown.root.hex(), proven=shown is not None,
                    )
                )  # fmt: skip
        except refusal.Refusal as refused:
            log.error("alarm_not_recorded", witness=known.name, code=refused.code)
        finally:
            with cosignature.writing(self.database.engine) as connection:
                cosignature.condemn(connection, known.name, found.verdict)

    def receive(self, body: bytes) -> int:
        """A cosigned checkpoint that a witness has brought; its size. Refused unless both keys have signed it."""
        try:
            given = note.parse(body)
            seen = checkpoint.parse(given.text)
        except BadNote:
            raise refusal.Unreadable("不是签名的检查点，请检查报文后重新提交") from None
        if seen.origin != self.origin:
            raise refusal.Unknown()
        try:
            checkpoint.verify(given, self.verifiers())
            signatures = checkpoint.verify(given, [each.verifier for each in self.known])
        except BadNote:
            raise refusal.NotWitnessed() from None
        found = compare(seen, self.history)
        for signature in signatures:
            known = self._of(signature)
            if found is None:
                self.keep(known, seen, signature)
            else:
                self.conflict(known, found, alarm=True)
        if found is not None:
            raise refusal.OtherHistory()
        return seen.size

    def _acquit(self, known: Known) -> None:
        with cosignature.writing(self.database.engine) as connection:
            cosignature.acquit(connection, known.name)

    def _of(self, signature: Signature) -> Known:
        made_by = (signature.name, signature.key_id)
        return next(each for each in self.known if (each.name, each.verifier.key_id) == made_by)

    def _liaison(self, known: Known) -> Liaison:
        return Liaison(known, self.origin, self.verifiers, self.history, self.seconds)
