"""Approvals on record, by the page: what each was about, and the entry that used it up or took it back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

_KEPT = """
    SELECT a.number, a.person, a.approved_by, a.household, h.division, a.cell, a.operation, a.data_year, a.quarter,
        a.until, a.used AS spent,
        CASE e.kind WHEN 'ApprovalUsed' THEN 'used' WHEN 'ApprovalWithdrawn' THEN 'withdrawn' END AS state
    FROM approval a LEFT JOIN household h ON h.token = a.household AND h.ended IS NULL
    LEFT JOIN entry e ON e.number = a.used
    WHERE a.ended IS NULL
"""
_ONE = f"{_KEPT} AND a.number = :number"
_PAGE = f"""
    {_KEPT} AND (CAST(:before AS bigint) IS NULL OR a.number < :before)
    AND (CAST(:person AS text) IS NULL OR a.person = :person)
    AND (CAST(:household AS text) IS NULL OR a.household = :household)
    AND (a.approved_by = ANY(:mine) OR a.person = ANY(:mine) OR CAST(:codes AS text[]) IS NULL OR h.division = ANY(:codes))
    ORDER BY a.number DESC LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An approval as it stands: `state` null while nothing has become of it, `division` where the household lives now."""

    number: int
    person: str
    approved_by: str
    household: str
    division: str | None
    cell: str
    operation: str
    data_year: int
    quarter: int | None
    until: datetime
    spent: int | None
    state: str | None


def one(connection: Connection, number: int) -> Kept | None:
    """The approval of this number."""
    row = connection.execute(text(_ONE), {"number": number}).one_or_none()
    return None if row is None else Kept(*row)


def page(
    connection: Connection, mine: Collection[str], within: Collection[str] | None, person: str | None,
    household: str | None, before: int | None, limit: int,
) -> list[Kept]:  # fmt: skip
    """Approvals, newest first: those the accounts `mine` gave or were given, and those about the divisions `within`
    (null: all)."""
    binds: dict[str, Any] = {
        "mine": sorted(mine), "codes": None if within is None else sorted(within), "person": person,
        "household": household, "before": before, "limit": limit,
    }  # fmt: skip
    return [Kept(*row) for row in connection.execute(text(_PAGE), binds)]
