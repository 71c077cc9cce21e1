"""Editions of the divisions as lists, what of the register a change of places reaches, and which edition held when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from authz import refusal
from authz.gazette import Reached, Touched
from authz.lineage import Change

_LISTED = (
    "SELECT number, state, division, body, since FROM edition WHERE ended IS NULL"
    " AND (CAST(:before AS bigint) IS NULL OR number < :before) ORDER BY number DESC LIMIT :limit"
)
_GRANTS = (
    "SELECT number, division FROM grants WHERE ended IS NULL AND revoked_at IS NULL AND valid_until > :at AND edition < :edition"
    " AND division = ANY(:codes) ORDER BY number"
)
_UNITS = "SELECT id FROM unit WHERE ended IS NULL AND division = ANY(:codes) ORDER BY id"
_POSTS = "SELECT number FROM post WHERE ended IS NULL AND valid_until > :at AND division = ANY(:codes) ORDER BY number"
_MOST = 100
_HOUSEHOLDS = "SELECT count(*) FROM household WHERE ended IS NULL AND division = ANY(:codes)"


def listed(connection: Connection, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Editions that were filed, newest first."""
    found = connection.execute(text(_LISTED), {"before": before, "limit": limit})
    return [dict(row) for row in found.mappings()]


def touched(connection: Connection, edition: str, reached: Reached, at: datetime) -> Touched:
    """Living grants of older editions at the places that an edition reaches, and what is at those that end."""
    near = {"at": at, "edition": edition, "codes": sorted(reached.waiting | reached.losing)}
    grants = connection.execute(text(_GRANTS), near).all()
    there = {"codes": sorted(reached.ended), "at": at}
    return Touched(
        tuple(each.number for each in grants), tuple(each.number for each in grants if each.division in reached.waiting),
        tuple(connection.execute(text(_UNITS), {"codes": there["codes"]}).scalars()),
        tuple(connection.execute(text(_POSTS), there).scalars()),
        int(connection.execute(text(_HOUSEHOLDS), {"codes": there["codes"]}).scalar_one()),
    )  # fmt: skip


def peopled(connection: Connection, changed: Iterable[Change], at: datetime) -> refusal.Unacceptable | None:
    """Why a code may not be used again yet: posts at it would speak for another place, and its households would be
    spoken for there. Nothing is put at a code that is no more, so this can only become less until it is used."""
    back = sorted(each.new for each in changed if each.kind == "returned")
    if not back:
        return None
    posts = list(connection.execute(text(_POSTS), {"codes": back, "at": at}).scalars())
    homes = int(connection.execute(text(_HOUSEHOLDS), {"codes": back}).scalar_one())
    if not posts and not homes:
        return None
    told = (
        f"恢复使用的代码上还有 {len(posts)} 个任职、{homes} 户，恢复后会与别处相混："
        "请先办理单位区划确认或结束这些任职，并把这些户迁到现属的村，再导入"
    )
    return refusal.Unacceptable(told, missing="posts" if posts else "households", posts=posts[:_MOST], households=homes)


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
