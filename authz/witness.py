"""Witnesses outside: what the log says about those who watch it. Each fact is an alarm, or the end of one."""

from __future__ import annotations

from authz.fact import Fact


class WitnessLagged(Fact):
    """`witness` has cosigned nothing beyond size `cosigned` although `size` is signed; `seconds` since it fell behind."""

    authority = False
    witness: str
    cosigned: int
    size: int
    seconds: int


class WitnessRecovered(Fact):
    """`witness`, which had lagged, has cosigned `size`."""

    authority = False
    witness: str
    size: int


class WitnessConflict(Fact):
    """`witness` holds a longer history (ROLLBACK) or another one (FORK) than this database.

    `held` is the size it holds, `root` that checkpoint's root if it showed it, `size` what is on record here. `proven`
    says that it showed a checkpoint under this log's own key, which nobody can have made but a holder of that key.
    """

    authority = False
    witness: str
    verdict: str
    held: int
    root: str | None
    size: int
    proven: bool
