"""Proposals on record: the inbox of a county's clerk, and whether the same thing was asked for before."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, text

_WAITING = """
    SELECT number, state, division, body FROM proposal WHERE ended IS NULL AND state = 'proposed'
    AND division = ANY(:codes) ORDER BY number DESC LIMIT :limit
"""
_SAME = """
    SELECT number, state, division, body FROM proposal WHERE ended IS NULL AND state = 'proposed' AND division = ANY(:codes)
    AND body ->> 'question' = :question
"""


def waiting(connection: Connection, codes: Collection[str], limit: int) -> list[dict[str, Any]]:
    """Those that wait in these counties, newest first."""
    return [
        dict(row) for row in connection.execute(text(_WAITING), {"codes": sorted(codes), "limit": limit}).mappings()
    ]


def same(connection: Connection, county: str, question: str) -> list[dict[str, Any]]:
    """Those that wait and ask the same question."""
    return [dict(row) for row in connection.execute(text(_SAME), {"codes": [county], "question": question}).mappings()]
