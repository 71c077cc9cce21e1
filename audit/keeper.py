"""The keeper of checkpoints: one thread of each process, of which the holder of the signer lock signs.

Every process compares the log with what was signed last, at start before it serves and every `checkpoint_seconds`
(handling.toml, local); where they part, it writes nothing more. The holder also signs, and records a heartbeat when
nothing has been recorded for `heartbeat_seconds`. The lock is the session's, so it falls with the process.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from audit import keyring, signing
from audit.cosignature import Disputed
from audit.ledger import Ledger
from audit.note import BadNote
from audit.signing import Consult, Halted, Head
from authz.fact import Fact
from authz.signing import Heartbeat, LogKeyAdopted

log = structlog.get_logger("mandate.keeper")


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
        except (Halted, Disputed) as halted:
            self._halt(str(halted))
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
        now = signing.turn(connection, self.folder, origin, holder=self.holder, consult=self.consult)
        connection.commit()
        if self.holder and now.vkey is not None and self.number("log_sm3"):
            self._sign_sm3(connection, now)
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
            signing.turn_sm3(connection, self.folder, now, key)
            connection.commit()

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

    def _halt(self, told: str) -> None:
        if self.connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                self.connection.rollback()
        if self.ledger.halted != told:
            log.error("signing_halted", reason=told)
        self.ledger.halted = told

    def _resume(self) -> None:
        if self.ledger.halted is not None:
            log.warning("signing_resumed")
        self.ledger.halted = None
