"""Moments: log positions of past instants. Instants never go back along the log, so each is found by halving.

What was on record at an instant is every entry from before it: the acts of one transaction share their instant, and
what an edit itself brought about is no part of what it was judged on. It is settled for ever as soon as the log holds an
entry of that instant or a later one, because entries are numbered in the order of their instants.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, text

_SEEK = """
    WITH RECURSIVE seek(at, low, high) AS (
        SELECT at, CAST(0 AS bigint), CAST(:below AS bigint) FROM unnest(CAST(:instants AS timestamptz[])) AS at
        UNION ALL
        SELECT s.at, CASE WHEN e.at < s.at THEN e.number + 1 ELSE s.low END,
            CASE WHEN e.at < s.at THEN s.high ELSE e.number END
        FROM seek s JOIN entry e ON e.number = (s.low + s.high) / 2 WHERE s.low < s.high
    )
    SELECT at, low FROM seek WHERE low = high
"""


def before(connection: Connection, instants: Collection[datetime], below: int) -> dict[datetime, int]:
    """For each instant how many of the first `below` entries are from before it, in one query."""
    if not instants:
        return {}
    found = connection.execute(text(_SEEK), {"instants": sorted(set(instants)), "below": below})
    return {row.at: row.low for row in found}


def turns(connection: Connection) -> list[int]:
    """The entries that changed the law, in order: between two of them, and at the second, it is the same."""
    statement = "SELECT since FROM charter UNION SELECT ended FROM charter WHERE ended IS NOT NULL ORDER BY 1"
    return list(connection.execute(text(statement)).scalars())
