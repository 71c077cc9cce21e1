"""Listings: what the register holds, by the page; whoever asks has been told before what he may see.

Every list is a keyset walk. `codes` is the set of divisions whose things may be shown, null for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from audit import entry as entries
from audit import roster
from audit.entry import Entry
from authz import grant as grants
from authz.grant import Grant
from authz.post import Person, Post, Unit

CHUNK = 500
Codes = frozenset[str] | None


def codes(held: Codes) -> list[str] | None:
    """A set of divisions as a bind value."""
    return None if held is None else sorted(held)


# --- grants ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class GrantsAsked:
    """Which grants: those the caller may see (`codes`, or of his own `unit`), narrowed by what he asked for. `ending`: only
    what was issued on a request and ends after the first of these instants and no later than the second."""

    codes: Codes
    unit: str
    within: Codes = None
    holder: str | None = None
    cell: str | None = None
    origin: str | None = None
    ending: tuple[datetime, datetime] | None = None


_GRANTS = """
    SELECT * FROM grants WHERE ended IS NULL AND (CAST(:before AS bigint) IS NULL OR number < :before)
    AND (CAST(:codes AS text[]) IS NULL OR division = ANY(:codes) OR holder_unit = :unit)
    AND (CAST(:within AS text[]) IS NULL OR division = ANY(:within))
    AND (CAST(:holder AS text) IS NULL OR holder_unit = :holder OR holder_person = :holder)
    AND (CAST(:cell AS text) IS NULL OR :cell = ANY(cells)) AND (CAST(:origin AS text) IS NULL OR origin = :origin)
    AND (CAST(:last AS timestamptz) IS NULL OR (valid_until > :first AND valid_until <= :last AND parent IS NULL
        AND origin = 'request'))
    ORDER BY number DESC LIMIT :limit
"""


def grants_page(
    connection: Connection, asked: GrantsAsked, before: int | None, limit: int,
    keep: Callable[[Sequence[Grant]], Mapping[int, bool]],
) -> list[Grant]:  # fmt: skip
    """At most `limit` grants, newest first, older than `before`, that `keep` keeps (asked by the chunk)."""
    found: list[Grant] = []
    binds = {"codes": codes(asked.codes), "unit": asked.unit, "within": codes(asked.within), "holder": asked.holder}
    first, last = asked.ending or (None, None)
    while len(found) < limit:
        more = {
            "cell": asked.cell,
            "origin": asked.origin,
            "first": first,
            "last": last,
            "before": before,
            "limit": max(CHUNK, limit),
        }
        chunk = [_grant(row) for row in connection.execute(text(_GRANTS), binds | more).mappings()]
        if not chunk:
            break
        kept = keep(chunk)
        found += [each for each in chunk if kept[each.number]]
        before = chunk[-1].number
    return found[:limit]


def _grant(row: Any) -> Grant:
    return grants.read(row)


def chains(connection: Connection, wanted: Iterable[Grant]) -> dict[int, Grant]:
    """These grants and all their ancestors, as they are on record."""
    known = {each.number: each for each in wanted}
    above = sorted({number for each in known.values() for number in each.path} - known.keys())
    rows = connection.execute(
        text("SELECT * FROM grants WHERE ended IS NULL AND number = ANY(:numbers)"), {"numbers": above}
    )
    return known | {row["number"]: _grant(row) for row in rows.mappings()}


@dataclass(frozen=True, slots=True)
class Birth:
    """A grant as it was issued, with its parent and the body of its request as they were on record then."""

    grant: Grant
    parent: Grant | None
    request: Mapping[str, Any] | None


_BIRTHS = """
    SELECT c.*, r.body AS asked, p.since AS parent_since FROM grants c
    LEFT JOIN grants p ON p.number = c.parent AND p.since < c.number AND (p.ended IS NULL OR p.ended >= c.number)
    LEFT JOIN request r ON r.number = c.request AND r.ended IS NULL
    WHERE c.number = ANY(:numbers) AND c.since = (SELECT min(since) FROM grants f WHERE f.number = c.number)
"""


def births(connection: Connection, numbers: Iterable[int]) -> dict[int, Birth]:
    """How these grants came to be: what is written on a grant later does not make it wider than its document."""
    rows = list(connection.execute(text(_BIRTHS), {"numbers": sorted(numbers)}).mappings())
    wanted = {(row["parent"], row["parent_since"]) for row in rows if row["parent_since"] is not None}
    statement = text("SELECT * FROM grants WHERE number = ANY(:numbers) AND since = ANY(:sinces)")
    binds = {"numbers": sorted({n for n, _ in wanted}), "sinces": sorted({s for _, s in wanted})}
    versions = {(row["number"], row["since"]): _grant(row) for row in connection.execute(statement, binds).mappings()}
    return {
        row["number"]: Birth(_grant(row), versions.get((row["parent"], row["parent_since"])), row["asked"])
        for row in rows
    }


def position(connection: Connection, at: datetime) -> int:
    """How many entries were recorded by the instant `at`; the instants of the log never run back."""
    low, high = 0, int(connection.execute(text("SELECT size FROM head")).scalar_one())
    while low < high:
        middle = (low + high) // 2
        when = connection.execute(text("SELECT at FROM entry WHERE number = :n"), {"n": middle}).scalar_one()
        low, high = (middle + 1, high) if when <= at else (low, middle)
    return low


# --- people, posts, units -------------------------------------------------------------------------------------------
_PEOPLE = """
    SELECT p.id FROM person p WHERE p.ended IS NULL AND EXISTS (
        SELECT 1 FROM post o WHERE o.person = p.id AND o.ended IS NULL AND o.valid_from <= :at AND o.valid_until > :at
        AND (CAST(:codes AS text[]) IS NULL OR o.division = ANY(:codes))
        AND (CAST(:role AS text) IS NULL OR o.role = :role) AND (CAST(:unit AS text) IS NULL OR o.unit = :unit))
    AND (CAST(:after AS text) IS NULL OR (length(p.id), p.id) > (length(:after), CAST(:after AS text)))
    ORDER BY length(p.id), p.id LIMIT :limit
"""


def people_page(connection: Connection, within: Codes, at: datetime, **asked: Any) -> list[str]:
    """Ids of people with a live post in these divisions; `asked` are role, unit, after and limit."""
    rows = connection.execute(text(_PEOPLE), {"codes": codes(within), "at": at, **asked})
    return [row.id for row in rows]


def posts_of(connection: Connection, persons: Iterable[str]) -> dict[str, list[tuple[Post, int]]]:
    """Every post of these people, oldest first, each with the entry of its version on record."""
    found: dict[str, list[tuple[Post, int]]] = {}
    for made, since in roster.posts(connection, "person = ANY(:ids)", ids=sorted(persons)):
        found.setdefault(made.person, []).append((made, since))
    return found


def person(connection: Connection, id: str) -> tuple[Person, int] | None:
    """A person with the entry of the version on record."""
    row = (
        connection.execute(text("SELECT * FROM person WHERE ended IS NULL AND id = :id"), {"id": id}).mappings().first()
    )
    return None if row is None else (Person(row["id"], row["natural"], row["epoch"]), row["since"])


_NAMES = """
    SELECT p.id, v.path, v.value FROM person p JOIN entry e ON e.number = p.since JOIN act a ON a.ref = e.act
    JOIN vault v ON v.entry = a.first AND v.path IN ('/name', '/phone', '/people/' || p.id || '/name', '/people/' || p.id || '/phone')
    WHERE p.id = ANY(:ids) AND p.since = (SELECT min(since) FROM person f WHERE f.id = p.id)
"""


def names(connection: Connection, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """`name` and `phone` of people out of the vault; an erased one is absent. An act that registers many people at
    once seals them as `/people/<id>/name`."""
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(text(_NAMES), {"ids": sorted(ids)}):
        found.setdefault(row.id, {})[row.path.rpartition("/")[2]] = json.loads(row.value)
    return found


def units_page(connection: Connection, within: Codes, after: str | None, limit: int) -> list[Unit]:
    """Units of these divisions, by id."""
    rows = connection.execute(
        text(
            "SELECT * FROM unit WHERE ended IS NULL AND (CAST(:codes AS text[]) IS NULL OR division = ANY(:codes))"
            " AND (CAST(:after AS text) IS NULL OR id > :after) ORDER BY id LIMIT :limit"
        ),
        {"codes": codes(within), "after": after, "limit": limit},
    ).mappings()
    return [Unit(*(row[name] for name in Unit.__slots__)) for row in rows]


def mover(connection: Connection, token: str) -> str | None:
    """Who asked for the open move of a household."""
    statement = text("SELECT move_asked_by FROM household WHERE ended IS NULL AND token = :token")
    asked: str | None = connection.execute(statement, {"token": token}).scalar()
    return asked


# --- attributions ---------------------------------------------------------------------------------------------------
_NAMED = """
    SELECT bytes FROM entry WHERE kind = 'EditPermitted' AND person <> :person AND division = ANY(:codes)
    AND (CAST(:before AS bigint) IS NULL OR number < :before)
    AND (position(CAST(:collected AS bytea) IN bytes) > 0 OR position(CAST(:verified AS bytea) IN bytes) > 0)
    ORDER BY number DESC LIMIT :limit
"""


def naming(connection: Connection, person: str, within: frozenset[str], before: int | None, limit: int) -> list[Entry]:
    """Edits of others in these divisions that name the person as collector or verifier, newest first. Canonical bytes
    have one spelling of a member, and no text of theirs can hold a bare quotation mark."""
    binds = {name: f'"{name}_by":"{person}"'.encode() for name in ("collected", "verified")}
    more = {"person": person, "codes": sorted(within), "before": before, "limit": limit}
    return [entries.parse(bytes(row.bytes)) for row in connection.execute(text(_NAMED), binds | more)]


def entry_at(connection: Connection, number: int) -> Entry | None:
    """One entry of the log."""
    found = connection.execute(text("SELECT bytes FROM entry WHERE number = :n"), {"n": number}).scalar()
    return None if found is None else entries.parse(bytes(found))


def objections(connection: Connection, person: str, numbers: Iterable[int]) -> dict[int, int]:
    """Objections of the person: the edit's entry and that of the objection."""
    statement = text(
        "SELECT subject, number FROM entry WHERE kind = 'AttributionObjected' AND person = :person AND subject = ANY(:numbers)"
    )
    return {
        row.subject: row.number for row in connection.execute(statement, {"person": person, "numbers": sorted(numbers)})
    }


def unit_of_post(connection: Connection, number: int) -> str:
    """The unit of a post, or nothing for a post that does not exist."""
    found = connection.execute(
        text("SELECT unit FROM post WHERE ended IS NULL AND number = :n"), {"n": number}
    ).scalar()
    return found or ""


def erasures(connection: Connection, within: Iterable[str], before: int | None, limit: int) -> list[dict[str, Any]]:
    """Erasures asked for in these divisions, newest first."""
    found = connection.execute(
        text(
            "SELECT number, state, division, body, since FROM erasure WHERE ended IS NULL AND division = ANY(:within)"
            " AND (CAST(:before AS bigint) IS NULL OR number < :before) ORDER BY number DESC LIMIT :limit"
        ),
        {"within": sorted(within), "before": before, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]
