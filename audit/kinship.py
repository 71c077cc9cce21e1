"""Kinship: the ties on record, by the page."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, text

_TIES = """
    SELECT t.* FROM tie t WHERE t.ended IS NULL AND (CAST(:before AS bigint) IS NULL OR t.number < :before)
    AND (CAST(:person AS text) IS NULL OR t.person = :person)
    AND (CAST(:household AS text) IS NULL OR t.household = :household)
    AND (t.person = ANY(:mine) OR EXISTS (SELECT 1 FROM post o WHERE o.person = t.person AND o.ended IS NULL
        AND (CAST(:codes AS text[]) IS NULL OR o.division = ANY(:codes))))
    ORDER BY t.number DESC LIMIT :limit
"""


def ties(
    connection: Connection, mine: Collection[str], within: Collection[str] | None, person: str | None,
    household: str | None, before: int | None, limit: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Ties, newest first: those of the accounts `mine`, and of people with a post in the divisions `within` (null: all)."""
    binds = {
        "mine": sorted(mine), "codes": None if within is None else sorted(within), "person": person,
        "household": household, "before": before, "limit": limit,
    }  # fmt: skip
    return [dict(row) for row in connection.execute(text(_TIES), binds).mappings()]
