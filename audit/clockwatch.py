"""The clockwatch: an instant is taken for a batch only from a clock that does not step.

The database's clock is held against the last entry and against the machine's steady clock, which nobody sets.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from authz import refusal

STEP = timedelta(seconds=2)
DRIFT = 0.001
"""Seconds per second that an honest clock may drift: twice what NTP slews."""


def steady() -> float:
    """Seconds on the clock nobody sets; where the system has one, it runs on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(slots=True)
class Clockwatch:
    """Notices a clock that steps: back past the last entry, or either way against the machine's steady clock.

    `offset` is database time minus steady time. It follows a clock that drifts, but far slower than one that runs fast
    or slow to stretch a grant.
    """

    offset: float | None = None
    seen: float = 0.0

    def check(self, clock: datetime, last: datetime, asked: float, now: float) -> datetime:
        """The instant of this batch, or refusal.Clock. `asked` and `now`: steady seconds before and after the reading."""
        low, high = clock.timestamp() - now, clock.timestamp() - asked
        if clock < last - STEP:
            raise refusal.Clock()
        if self.offset is None:
            self.offset = (low + high) / 2
        else:
            step = STEP.total_seconds()
            if low > self.offset + step or high < self.offset - step:
                raise refusal.Clock()
            slack = DRIFT * (now - self.seen)
            self.offset += min(max(min(max(self.offset, low), high) - self.offset, -slack), slack)
        self.seen = now
        return max(clock, last)
