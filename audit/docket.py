"""The docket: lists of written requests and windows, and the course one of them has taken through the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, text

from audit import entry as entries
from audit.entry import Entry

TEXTS = ("RequestDrafted", "RequestChanged")
"""The kinds that hold the text of a request."""
_REQUESTS = """
    SELECT number, state, division, body, since FROM request WHERE ended IS NULL
    AND (CAST(:before AS bigint) IS NULL OR number < :before)
    AND (body->>'unit' = :unit OR division = ANY(:overseen) OR (body->>'filed_at' IS NOT NULL
         AND (body->'document'->>'addressee' = :unit OR body->'document'->'cc' @> CAST(:copied AS jsonb))))
    AND (CAST(:within AS text[]) IS NULL OR division = ANY(:within))
    ORDER BY number DESC LIMIT :limit
"""


def requests_page(
    connection: Connection,
    unit: str,
    overseen: Iterable[str],
    within: Iterable[str] | None,
    before: int | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Requests that the unit writes, or, once signed, is asked by or is copied to, or that lie in overseen divisions;
    newest first."""
    binds = {
        "unit": unit, "copied": f'["{unit}"]', "overseen": sorted(overseen), "before": before, "limit": limit,
        "within": None if within is None else sorted(within),
    }  # fmt: skip
    return [dict(row) for row in connection.execute(text(_REQUESTS), binds).mappings()]


def waiting(connection: Connection, unit: str) -> list[dict[str, Any]]:
    """Requests in this body's hands that it has not answered yet, the oldest first."""
    found = connection.execute(
        text(
            "SELECT number, state, division, body, since FROM request WHERE ended IS NULL AND state IN ('filed', 'received')"
            " AND body->'document'->>'addressee' = :unit ORDER BY number"
        ),
        {"unit": unit},
    )
    return [dict(row) for row in found.mappings()]


def windows_page(
    connection: Connection, within: Iterable[str] | None, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Windows in these divisions, newest first."""
    found = connection.execute(
        text(
            "SELECT number, division, body, since FROM opening WHERE ended IS NULL"
            " AND (CAST(:before AS bigint) IS NULL OR number < :before)"
            " AND (CAST(:within AS text[]) IS NULL OR division = ANY(:within)) ORDER BY number DESC LIMIT :limit"
        ),
        {"before": before, "limit": limit, "within": None if within is None else sorted(within)},
    )
    return [dict(row) for row in found.mappings()]


def course(connection: Connection, number: int) -> list[Entry]:
    """Every entry about the thing of this number, its own first."""
    rows = connection.execute(
        text(
            "SELECT number, bytes FROM entry WHERE number = :number"
            " UNION SELECT number, bytes FROM entry WHERE subject = :number ORDER BY number"
        ),
        {"number": number},
    )
    return [entries.parse(bytes(row.bytes)) for row in rows]


def unsigned(connection: Connection, found: Iterable[Entry]) -> frozenset[int]:
    """Those of the entries that hold the text of a request which nobody has signed since."""
    texts = {each.number: each.fact.search().get("subject", each.number) for each in found if each.fact.kind in TEXTS}
    if not texts:
        return frozenset()
    rows = connection.execute(
        text("SELECT number, CAST(body->>'signed' AS bigint) AS signed FROM request WHERE ended IS NULL AND number = ANY(:n)"),
        {"n": sorted(set(texts.values()))},
    )  # fmt: skip
    signed = {row.number: row.signed or 0 for row in rows}
    return frozenset(number for number, thing in texts.items() if signed.get(thing, 0) < number)


def unit_names(connection: Connection, ids: Iterable[str], known: int | None = None) -> Mapping[str, str]:
    """What units are called, or were when entry `known` was written; an unknown one is absent."""
    rows = connection.execute(
        text(
            "SELECT id, name FROM unit WHERE id = ANY(:ids) AND CASE WHEN CAST(:known AS bigint) IS NULL"
            " THEN ended IS NULL ELSE since <= :known AND (ended IS NULL OR ended > :known) END"
        ),
        {"ids": sorted(ids), "known": known},
    )
    return {row.id: row.name for row in rows}
