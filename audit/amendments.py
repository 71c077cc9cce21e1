"""Proposed rules as lists: by digest, and by division."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

_COLUMNS = "SELECT number, state, division, body, since FROM amendment WHERE ended IS NULL"


def of(connection: Connection, policy: str) -> list[dict[str, Any]]:
    """The proposals of these files, the open ones first, then the newest."""
    statement = f"{_COLUMNS} AND body->>'policy' = :policy ORDER BY state = 'proposed' DESC, number DESC LIMIT 100"
    return [dict(row) for row in connection.execute(text(statement), {"policy": policy}).mappings()]


def listed(connection: Connection, within: Iterable[str], before: int | None, limit: int) -> list[dict[str, Any]]:
    """Proposals for these divisions, newest first."""
    statement = (
        f"{_COLUMNS} AND division = ANY(:within) AND (CAST(:before AS bigint) IS NULL OR number < :before)"
        " ORDER BY number DESC LIMIT :limit"
    )
    found = connection.execute(text(statement), {"within": sorted(within), "before": before, "limit": limit})
    return [dict(row) for row in found.mappings()]
