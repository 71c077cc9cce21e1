"""Search: entries found by their search columns, newest first, always below a fixed position of the log.

The columns are derived from the bytes and checked by `fsck`. A page never shifts: entries do not change, and `below`
keeps those written meanwhile out. `Sight` is what the reader's post lets him see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from audit import entry as entries
from audit.entry import Entry

PATIENCE = "SET LOCAL statement_timeout = '15s'"
MOST_EDITS = 1_000
"""Edits of one record that are looked through for the persons responsible (local)."""


INNER = ("RequestProposed",)
"""Kinds that only the whole region reads."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Entries of these divisions; null for all of them. Entries of no division are seen by their own author only.

    What the region's handler proposed is its own deliberation: the applicant reads the answer, here as in the dossier.
    """

    person: str
    codes: frozenset[str] | None

    def sees(self, division: str | None, person: str | None, kind: str | None = None) -> bool:
        if self.codes is None or (division is None and person == self.person):
            return True
        return division is not None and division in self.codes and kind not in INNER


@dataclass(frozen=True, slots=True)
class Filters:
    """What entries must have; null asks for nothing. `text` is a literal piece of the bytes."""

    within: frozenset[str] | None = None
    person: str | None = None
    unit: str | None = None
    cell: str | None = None
    operation: str | None = None
    kind: str | None = None
    decision: str | None = None
    grant: int | None = None
    household: str | None = None
    data_year: int | None = None
    quarter: int | None = None
    begin: datetime | None = None
    until: datetime | None = None
    text: str | None = None


_CLAUSES = {
    "within": "division = ANY(:within)",
    "grant": "grant_number = :grant",
    "begin": "at >= :begin",
    "until": "at < :until",
    "text": "position(:text IN bytes) > 0",
}


def page(connection: Connection, sight: Sight, filters: Filters, below: int, limit: int) -> list[Entry]:
    """At most `limit` entries before number `below`, newest first."""
    clauses = ["number < :below"]
    binds: dict[str, Any] = {"below": below, "limit": limit}
    for each in fields(filters):
        value = getattr(filters, each.name)
        if value is not None:
            clauses.append(_CLAUSES.get(each.name, f"{each.name} = :{each.name}"))
            binds[each.name] = _bound(each.name, value)
    if sight.codes is not None:
        clauses.append("(division = ANY(:sight) OR (division IS NULL AND person = :viewer))")
        clauses.append("kind <> ALL(:inner)")
        binds |= {"sight": sorted(sight.codes), "viewer": sight.person, "inner": list(INNER)}
    connection.execute(text(PATIENCE))
    statement = f"SELECT bytes FROM entry WHERE {' AND '.join(clauses)} ORDER BY number DESC LIMIT :limit"  # noqa: S608 names of ours
    return [entries.parse(bytes(row.bytes)) for row in connection.execute(text(statement), binds)]


def _bound(name: str, value: Any) -> Any:
    if name == "text":
        return json.dumps(value, ensure_ascii=False)[1:-1].encode()
    return sorted(value) if name == "within" else value


def one(connection: Connection, number: int) -> Entry | None:
    """The entry of this number."""
    row = connection.execute(text("SELECT bytes FROM entry WHERE number = :number"), {"number": number}).one_or_none()
    return None if row is None else entries.parse(bytes(row.bytes))


def edits(connection: Connection, sight: Sight, filters: Filters, below: int) -> Iterator[Entry]:
    """Permitted edits of one record, newest first."""
    found = page(connection, sight, filters, below, 100)
    for _ in range(MOST_EDITS // 100):
        yield from found
        if len(found) < 100:  # noqa: PLR2004 the last page
            return
        found = page(connection, sight, filters, found[-1].number, 100)
