"""How fast a log is read again: the whole check of the log a bench run leaves behind, and the hashing by itself."""

from __future__ import annotations

import time
from pathlib import Path

from api.database import open_engine
from api.postgres import opening
from api.settings import Settings
from audit import fsck
from audit.tree import Edge, leaf

HASHED, WIDTH = 100_000, 900
"""Entries hashed, and the bytes of an entry about an edit."""


def checked(folder: Path) -> list[tuple[str, str]]:
    """The check that `mandate fsck` makes, on the log of a stopped service."""
    with opening.visited(Settings.read({"MANDATE_DATA": str(folder)})) as database:
        assert database.owner_url is not None
        engine = open_engine(database.owner_url, 2)
        try:
            began = time.perf_counter()
            report = fsck.check(engine)
            seconds = time.perf_counter() - began
        finally:
            engine.dispose()
    assert report.verdict == "OK", report.findings
    return [(f"fsck, {report.size:,} entries, entries/s", f"{report.size / seconds:,.0f}")]


def hashed() -> list[tuple[str, str]]:
    """Leaf hash and right edge, in batches as the writer makes them."""
    contents = [number.to_bytes(8, "big") + bytes(WIDTH - 8) for number in range(HASHED)]
    edge = Edge()
    began = time.perf_counter()
    for begin in range(0, HASHED, 1_000):
        edge = edge.extend(map(leaf, contents[begin : begin + 1_000]))
    seconds = time.perf_counter() - began
    assert edge.size == HASHED
    return [(f"hashing, leaf and edge, {WIDTH} bytes, entries/s and core", f"{HASHED / seconds:,.0f}")]
