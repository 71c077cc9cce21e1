"""Memory of a long-lived process: what is there for good is taken out of the garbage collector's sight."""

from __future__ import annotations

import gc


def settle() -> None:
    """Take the divisions, policies and code out of the collector's sight: walking them again and again costs a third of
    the throughput, and they live as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
