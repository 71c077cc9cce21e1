"""Proposed rules as lists: by digest, and by division; and what a digest means to whoever may read such rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

from audit import charter
from authz.amendment import WHOLE
from authz.decision import Scene

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


def proposals(connection: Connection, policy: str, scene: Scene) -> list[dict[str, Any]]:
    """The proposals of these files that the caller may see, the open ones first, then the newest."""
    return [row for row in of(connection, policy) if scene.may("policy.read", row["division"])]


def meant(connection: Connection, policy: str, scene: Scene) -> tuple[str, str] | None:
    """Which part of the law the files are, and of which division; None if the caller may see no such rules."""
    for row in proposals(connection, policy, scene):
        return row["body"]["part"], row["division"]
    if scene.post is not None and charter.ever(connection, "policy", policy):
        return (WHOLE, scene.post.division) if scene.may("policy.read", scene.post.division) else None
    return None
