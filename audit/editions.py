"""Editions of the divisions as lists, what of the register a change of places reaches, and which edition held when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from authz.gazette import Touched

_LISTED = (
    "SELECT number, state, division, body, since FROM edition WHERE ended IS NULL"
    " AND (CAST(:before AS bigint) IS NULL OR number < :before) ORDER BY number DESC LIMIT :limit"
)
_GRANTS = (
    "SELECT number FROM grants WHERE ended IS NULL AND revoked_at IS NULL AND valid_until > :at AND edition < :edition"
    " AND division = ANY(:codes) ORDER BY number"
)
_UNITS = "SELECT id FROM unit WHERE ended IS NULL AND division = ANY(:codes) ORDER BY id"
_POSTS = "SELECT number FROM post WHERE ended IS NULL AND valid_until > :at AND division = ANY(:codes) ORDER BY number"
_HOUSEHOLDS = "SELECT count(*) FROM household WHERE ended IS NULL AND division = ANY(:codes)"


def listed(connection: Connection, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Editions that were filed, newest first."""
    found = connection.execute(text(_LISTED), {"before": before, "limit": limit})
    return [dict(row) for row in found.mappings()]


def touched(
    connection: Connection, edition: str, near: Collection[str], ended: Collection[str], at: datetime
) -> Touched:
    """Living grants of older editions at or above a changed place (`near`), and what is at places that end."""
    binds = {"at": at, "edition": edition, "codes": sorted(near)}
    grants = connection.execute(text(_GRANTS), binds).scalars()
    there = {"codes": sorted(ended), "at": at}
    return Touched(
        tuple(grants), tuple(connection.execute(text(_UNITS), {"codes": there["codes"]}).scalars()),
        tuple(connection.execute(text(_POSTS), there).scalars()),
        int(connection.execute(text(_HOUSEHOLDS), {"codes": there["codes"]}).scalar_one()),
    )  # fmt: skip


class Times:
    """Which edition was in force at each position of the log."""

    def __init__(self, connection: Connection) -> None:
        found = connection.execute(text("SELECT since, value FROM charter WHERE name = 'edition' ORDER BY since")).all()
        self._since = [int(row.since) for row in found]
        self._names = [str(row.value).partition(" ")[0] for row in found]

    def at(self, position: int) -> str | None:
        """The edition that held for the entry at this position; None before the first."""
        place = bisect_left(self._since, position)
        return self._names[place - 1] if place else None
