"""What the log says of its own signing: which key signs its checkpoints, and that it is alive.

The key in force lies in the register table `charter` under `log_key`; earlier ones stay there as ended versions.
"""

from __future__ import annotations

from authz.fact import Change, Fact, Put, Where


class LogKeyAdopted(Fact):
    """Checkpoints are signed with this key (a C2SP vkey) from now on; the first of this log."""

    vkey: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Put("charter", ("log_key",), {"value": self.vkey}),)


class LogKeyRotated(Fact):
    """Checkpoints are signed with `vkey` from now on, and no longer with `earlier`.

    `signature` is the earlier key's, in base64, of "mandate/v1/log-key", the origin and `vkey`, each with a line end.
    """

    vkey: str
    earlier: str
    signature: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Put("charter", ("log_key",), {"value": self.vkey}),)


class Heartbeat(Fact):
    """Nothing else was recorded for a while, and the log is alive."""

    authority = False


class HaltLifted(Fact):
    """A person at the machine set aside what had halted the log: `verdicts` of it (ROLLBACK, FORK, LOST)."""

    authority = False
    verdicts: tuple[str, ...]
