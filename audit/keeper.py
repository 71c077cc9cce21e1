"""The keeper of checkpoints: one thread of each process, of which the holder of the signer lock signs.

Every process compares the log with what was signed last and with what it saw itself, at start before it serves and
every `checkpoint_seconds` (handling.toml, local); where they part, that is put where every process sees it
(`audit/halt.py`), and none writes any more. The holder also signs, records a heartbeat when nothing has been recorded
for `heartbeat_seconds`, and drops what has outlived `idempotency_hours`. The lock is the session's, so it falls with
the process.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from audit import halt, idempotency, keyring, second, signing
from audit.checkpoint import Checkpoint
from audit.cosignature import Disputed
from audit.ledger import Ledger
from audit.note import BadNote
from audit.signing import Consult, Halted, Head
from authz.fact import Fact
from authz.signing import Heartbeat, LogKeyAdopted

SWEPT, SWEEP = 60.0, 5_000
"""Seconds between two sweeps of stored answers, and how many go in one (local)."""
log = structlog.get_logger("mandate.keeper")


class Closed(Exception):
    """Another process, or a witness, has found that nothing may be recorded. The text is Chinese."""


@dataclass(slots=True)
class Keeper:
    """The signing side of one process; `engine` is its own, so that the lock takes no connection from those who answer.

    `number` reads handling.toml, `record` puts a fact on record, `consult` may raise Disputed: a witness disagrees.
    """

    engine: Engine
    ledger: Ledger
    origin: str
    folder: Path
    number: Callable[[str], int]
    record: Callable[[Fact], object]
    consult: Consult | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    connection: Connection | None = None
    holder: bool = False
    seen: Checkpoint | None = None
    swept: float = 0.0

    def start(self) -> None:
        """Compare, and sign what is there, before anybody is served; then go on in the background."""
        self.turn()
        self.thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Sign what was written last, and let the lock go. The ledger has stopped before."""
        self.stopping.set()
        if self.thread is not None:
            self.thread.join()
            self.turn(writing=False)
        self._hang_up()
        self.engine.dispose()

    def turn(self, *, writing: bool = True) -> None:
        """Look once. Whatever stands in the way is said in the log of the process, and looked at again next time."""
        try:
            self._turn(writing)
            self._resume()
        except Halted as halted:
            self._halt(str(halted), mine=True)
        except (Disputed, Closed) as halted:
            self._halt(str(halted), mine=False)
        except BadNote as error:
            log.error("key_unfit", error=str(error))
        except Exception as error:  # the keeper must outlive anything, or silence would look like peace
            self._hang_up()
            log.warning("checkpoint_postponed", error=type(error).__name__)

    def _run(self) -> None:
        while not self.stopping.wait(self.number("checkpoint_seconds")):
            self.turn()

    def _turn(self, writing: bool) -> None:
        origin, connection = self.origin, self._connected()
        now = signing.head(connection, origin)
        if now.vkey is not None and keyring.signer(self.folder, origin, now.vkey) is None:
            # A process without the key only compares; the lock is for those who can sign.
            self._let_go()
        elif not self.holder:
            self.holder = bool(connection.execute(text(signing.LOCK)).scalar_one())
        connection.commit()
        if writing and self.holder and now.vkey is None:
            self._adopt()
        now = signing.turn(connection, self.folder, origin, holder=self.holder, consult=self._consult, seen=self.seen)
        connection.commit()
        self.seen = now.checkpoint
        if self.holder and now.vkey is not None and self.number("log_sm3"):
            self._sign_sm3(connection, now)
        if writing and self.holder:
            self._sweep(connection)
        quiet = (now.clock - now.at).total_seconds()
        if writing and self.holder and quiet >= self.number("heartbeat_seconds"):
            self.record(Heartbeat())

    def _adopt(self) -> None:
        """The first key of this log, made here and put on record."""
        if signing.last(self.folder, self.origin) is not None:
            raise Halted(signing.ROLLBACK)
        key = keyring.first_key(self.folder, self.origin)
        self.record(LogKeyAdopted(vkey=key.verifier.vkey))

    def _sign_sm3(self, connection: Connection, now: Head) -> None:
        key = keyring.signer(self.folder, self.origin, now.vkey)
        if key is not None and now.checkpoint.size:
            second.turn(connection, self.folder, now, signing.hands(connection, self.folder, self.origin, key))
            connection.commit()

    def _consult(self, connection: Connection, wanted: Checkpoint | None) -> None:
        """What this process knows agrees: then the witnesses are asked, and what others have found."""
        halt.clear(connection, halt.source(self.folder))
        if self.consult is not None:
            self.consult(connection, wanted)
        told = halt.others(connection, halt.source(self.folder))
        if told is not None:
            raise Closed(told)

    def _sweep(self, connection: Connection) -> None:
        """A bounded number of old answers at a time, so that nobody waits for it."""
        if self.swept and time.monotonic() - self.swept < SWEPT:
            return
        self.swept = time.monotonic()
        dropped = idempotency.forget(connection, self.number("idempotency_hours"), SWEEP)
        connection.commit()
        if dropped == SWEEP:
            self.swept = 0.0

    def _connected(self) -> Connection:
        if self.connection is None:
            self.connection = self.engine.connect()
        return self.connection

    def _let_go(self) -> None:
        if self.holder and self.connection is not None:
            self.connection.execute(text("SELECT pg_advisory_unlock(5786957, 4)"))
        self.holder = False

    def _hang_up(self) -> None:
        """Drop the connection, and the lock with it."""
        if self.connection is not None:
            connection, self.connection, self.holder = self.connection, None, False
            with contextlib.suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()

    def _halt(self, told: str, *, mine: bool) -> None:
        if self.connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                self.connection.rollback()
                if mine:
                    halt.put(self.connection, halt.source(self.folder), told)
                self.connection.commit()
        if self.ledger.halted != told:
            log.error("signing_halted", code=told.partition("：")[0], exception=told)
        self.ledger.halted = told

    def _resume(self) -> None:
        if self.ledger.halted is not None:
            log.warning("signing_resumed")
        self.ledger.halted = None
