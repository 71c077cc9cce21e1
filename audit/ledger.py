"""The ledger: the sequencing pool through which every act of the system becomes durable, numbered and answered.

Acts wait in a queue; one worker takes what is waiting and, in one transaction under the log's advisory lock, judges
each on fresh rows, numbers the entries without gaps, extends the tree, folds the facts into the register, and
commits. Only then does anybody learn the outcome: nobody is told yes before the record is durable. So the order of
the log is the order of decisions, on every process that shares the database.

    waiting -> taken -> judged -> written -> COMMIT -> answered
                 |         |          |         `- answer lost: in doubt, looked up by act reference
                 |         |          `- failed: rolled back, members retried one by one
                 |         `- a bug: that member fails alone, nothing of it is written
                 `- not begun within its patience: withdrawn, refused as Overloaded
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from audit import batch, settlement
from audit.act import Act, Recorded
from audit.batch import Laws
from audit.clockwatch import Clockwatch
from authz.refusal import Closed, Overloaded, Refusal

LARGEST_BATCH = 1000
QUEUE = 20_000
_UNSURE = "办理结果暂时无法确认，请用同一幂等键重试以查询结果"
log = structlog.get_logger("mandate.ledger")


@dataclass(slots=True)
class Member:
    """One waiting act with the future its caller watches."""

    act: Act
    future: Future[Recorded] | asyncio.Future[Recorded]
    deadline: float
    loop: asyncio.AbstractEventLoop | None
    begun: bool = False


@dataclass(slots=True)
class Ledger:
    """The pool of one process. The law is the one on record at each batch, so that a new one is never half in force."""

    engine: Engine
    laws: Laws
    patience: float = 5.0
    waiting: deque[Member] = field(default_factory=deque)
    wake: threading.Condition = field(default_factory=threading.Condition)
    worker: threading.Thread | None = None
    stopping: bool = False
    clock: Clockwatch = field(default_factory=Clockwatch)
    connection: Connection | None = None
    charter: Mapping[str, str] = field(default_factory=dict)
    """What the law at hand was read from."""
    halted: str | None = None
    """Why nothing may be written: the database does not continue what was signed."""

    def start(self) -> None:
        self.worker = threading.Thread(target=self._run, name="ledger", daemon=True)
        self.worker.start()

    def stop(self) -> None:
        """Finish what is waiting, then stop."""
        with self.wake:
            self.stopping = True
            self.wake.notify()
        if self.worker is not None:
            self.worker.join()
        self._hang_up()

    def submit(self, acts: Sequence[Act], loop: asyncio.AbstractEventLoop | None = None) -> list[Member]:
        """Queue acts in this order. Each member's future (of `loop`, if given) yields its Recorded or raises why not."""
        deadline = time.monotonic() + self.patience
        members = [Member(act, loop.create_future() if loop else Future(), deadline, loop) for act in acts]
        if self.halted is not None:
            raise Closed(self.halted)
        with self.wake:
            if self.stopping or self.worker is None or len(self.waiting) + len(members) > QUEUE:
                raise Overloaded()
            self.waiting.extend(members)
            self.wake.notify()
        return members

    def record(self, act: Act) -> Recorded:
        """Submit one act and wait for it."""
        member = self.submit([act])[0]
        assert isinstance(member.future, Future)
        try:
            return member.future.result(self.patience * 2)
        except TimeoutError:
            member.deadline = 0
            raise Closed(_UNSURE) from None

    async def ask(self, acts: Sequence[Act]) -> list[Recorded | BaseException]:
        """Submit acts from an event loop and wait for all; the outcome of each, or the exception that is its outcome."""
        members = self.submit(acts, asyncio.get_running_loop())
        futures = [each.future for each in members if isinstance(each.future, asyncio.Future)]
        alarm = asyncio.get_running_loop().call_later(self.patience * 2, _give_up, members)
        try:
            return [await _outcome(each) for each in futures]
        finally:
            alarm.cancel()

    def _run(self) -> None:
        while True:
            with self.wake:
                while not self.waiting and not self.stopping:
                    self.wake.wait()
                if not self.waiting:
                    return
                taken = [self.waiting.popleft() for _ in range(min(len(self.waiting), LARGEST_BATCH))]
            try:
                self._sequence(self._begun(taken))
            except Exception as error:  # the worker must outlive anything, or nobody is ever answered again
                self._hang_up()
                log.error("worker_failed", error=type(error).__name__)
                _answer([(each, Closed()) for each in taken])

    def _begun(self, members: list[Member]) -> list[Member]:
        """The members still within their patience; the others are withdrawn."""
        now = time.monotonic()
        _answer([(each, Overloaded()) for each in members if each.deadline <= now and not each.begun])
        _answer([(each, Closed()) for each in members if each.deadline <= now and each.begun])
        within = [each for each in members if each.deadline > now]
        for each in within:
            each.begun = True
        return within

    def _sequence(self, members: list[Member]) -> None:
        if not members:
            return
        try:
            outcome = self._write([each.act for each in members])
        except Refusal as refused:
            _answer([(each, refused) for each in members])
        except settlement.InDoubt as doubt:
            self._settle(members, doubt)
        except Exception as error:
            self._hang_up()
            log.warning("batch_failed", error=type(error).__name__, members=len(members))
            if len(members) == 1:
                _answer([(members[0], Closed())])
                return
            for each in members:
                self._sequence(self._begun([each]))
        else:
            _answer(list(zip(members, outcome, strict=True)))

    def _write(self, acts: list[Act]) -> list[Recorded | Exception]:
        """Judged by the law on record. One that was changed elsewhere is read with the lock let go, the first time."""
        try:
            return self._written(acts, self.charter)
        except batch.Unread as unread:
            with self._connect().begin():
                self.laws(self._connect(), unread.charter)
            self.charter = unread.charter
        return self._written(acts, None)

    def _written(self, acts: list[Act], charter: Mapping[str, str] | None) -> list[Recorded | Exception]:
        connection = self._connect()
        transaction = connection.begin()
        try:
            outcome = batch.write(connection, acts, self.laws, self.clock, charter)
        except BaseException:
            if connection.in_transaction():
                transaction.rollback()
            raise
        try:
            transaction.commit()
        except DBAPIError as error:
            self._hang_up()
            raise settlement.InDoubt(outcome) from error
        return outcome

    def _settle(self, members: list[Member], doubt: settlement.InDoubt) -> None:
        """A COMMIT whose answer was lost: look up each act by its reference, and judge only the absent."""
        patience = max(each.deadline for each in members)
        while time.monotonic() < patience:
            try:
                known = settlement.find(self._connect(), [each.act for each in members], doubt)
            except SQLAlchemyError:
                self._hang_up()
                time.sleep(0.05)
                continue
            _answer([(each, known[each.act.ref]) for each in members if each.act.ref in known])
            for each in members:
                if each.act.ref not in known:
                    self._sequence(self._begun([each]))
            return
        _answer([(each, Closed(_UNSURE)) for each in members])

    def _connect(self) -> Connection:
        if self.connection is None:
            self.connection = self.engine.connect()
            for setting in (
                "lock_timeout = '2s'",
                "statement_timeout = '10s'",
                "idle_in_transaction_session_timeout = '5s'",
                # The same few look-ups by key for ever: planned once, by index, even while the tables are still small.
                "plan_cache_mode = force_generic_plan",
                "enable_seqscan = off",
            ):
                self.connection.execute(text(f"SET {setting}"))
            self.connection.commit()
        return self.connection

    def _hang_up(self) -> None:
        if self.connection is not None:
            connection, self.connection = self.connection, None
            with contextlib.suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()


def _answer(outcomes: list[tuple[Member, Recorded | Exception]]) -> None:
    """Hand out outcomes, with one call per event loop: waking a loop costs more than answering it."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[Member, Recorded | Exception]]] = defaultdict(list)
    for member, outcome in outcomes:
        if member.loop is None:
            _tell(member, outcome)
        else:
            by_loop[member.loop].append((member, outcome))
    for loop, mine in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits there any more
            loop.call_soon_threadsafe(_tell_all, mine)


async def _outcome(future: asyncio.Future[Recorded]) -> Recorded | BaseException:
    try:
        return await future
    except Exception as error:
        return error


def _give_up(members: list[Member]) -> None:
    """Those still waiting are told that the outcome is not known; whoever has not begun never will."""
    for each in members:
        each.deadline = 0
        if not each.future.done():
            each.future.set_exception(Closed(_UNSURE))


def _tell_all(outcomes: list[tuple[Member, Recorded | Exception]]) -> None:
    for member, outcome in outcomes:
        _tell(member, outcome)


def _tell(member: Member, outcome: Recorded | Exception) -> None:
    if member.future.done():
        return
    if isinstance(outcome, Exception):
        member.future.set_exception(outcome)
    else:
        member.future.set_result(outcome)
