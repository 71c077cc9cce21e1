"""A ledger with keepers of checkpoints, for tests that sign."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from acts import Say, established, rows
from conftest import World
from sqlalchemy import create_engine

from audit import checkpoint, keyring, signing
from audit.checkpoint import Checkpoint
from audit.keeper import Keeper
from audit.ledger import Ledger

ORIGIN = "mandate.test/log"


@dataclass
class House:
    """One ledger, and as many keepers on it as a test wants."""

    world: World
    folder: Path
    ledger: Ledger
    stack: ExitStack
    numbers: dict[str, int] = field(
        default_factory=lambda: {
            "checkpoint_seconds": 3600,
            "heartbeat_seconds": 3600,
            "log_sm3": 0,
            "idempotency_hours": 24,
        }
    )

    def keeper(self, folder: Path | None = None) -> Keeper:
        made = Keeper(
            create_engine(self.world.app_url), self.ledger, ORIGIN, folder or self.folder, self.numbers.__getitem__,
            lambda fact: self.ledger.record(Say(facts=(fact,))),
        )  # fmt: skip
        self.stack.callback(made._hang_up)
        self.stack.callback(made.engine.dispose)
        return made

    def write(self, many: int = 1) -> None:
        begin = self.size()
        self.ledger.record(Say(facts=tuple(established(f"u-64-x{begin + each}") for each in range(many))))

    def size(self) -> int:
        return int(rows(self.world, "SELECT size FROM head")[0].size)

    def published(self) -> Checkpoint:
        with self.world.engine.connect() as connection:
            found = signing.published(connection, ORIGIN)
            assert found is not None
            return checkpoint.open(found.note, keyring.verifiers(connection))[0]

    def last(self) -> Path:
        return self.folder / "mandate.test_log.last"
