"""The roster: posts with those they rest on, deputyships, and everything staffing is judged on, for many units at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from authz import grant as grants
from authz import post as rule
from authz.grant import Grant
from authz.post import Person, Post, Unit
from authz.tenure import Seats

Codes = frozenset[str] | None


def posts(connection: Connection, which: str, **binds: Any) -> list[tuple[Post, int]]:
    """Posts on record, the oldest first, each with the entry of its version; `which` is a condition of this package."""
    statement = f"SELECT * FROM post WHERE ended IS NULL AND {which} ORDER BY number"  # noqa: S608 our own conditions
    rows: list[Any] = list(connection.execute(text(statement), binds).mappings())
    known = {row["number"]: rule.read(row) for row in rows}
    borne = {each for post in known.values() for each in (post.deputy_for, post.rests_on) if each is not None}
    if missing := sorted(borne - known.keys()):
        more = text("SELECT * FROM post WHERE ended IS NULL AND number = ANY(:numbers)")
        rested: list[Any] = list(connection.execute(more, {"numbers": missing}).mappings())
        known |= {row["number"]: rule.read(row) for row in rested}
    return [(rule.joined(known[row["number"]], known), row["since"]) for row in rows]


def seats(connection: Connection, found: Iterable[Grant]) -> Seats:
    """The posts of the persons to whom these grants are made out."""
    persons = sorted({each.holder_person for each in found if each.holder_person is not None})
    held: dict[str, list[Post]] = {}
    for post, _ in posts(connection, "person = ANY(:ids)", ids=persons) if persons else ():
        held.setdefault(post.person, []).append(post)
    return held


def deputies(
    connection: Connection, within: Codes, unit: str | None, before: int | None, limit: int
) -> list[tuple[Post, int]]:
    """Deputyships in these divisions, live or past, newest first."""
    found = posts(
        connection,
        "number IN (SELECT number FROM post WHERE ended IS NULL AND deputy_for IS NOT NULL"
        " AND (CAST(:codes AS text[]) IS NULL OR division = ANY(:codes)) AND (CAST(:unit AS text) IS NULL OR unit = :unit)"
        " AND (CAST(:before AS bigint) IS NULL OR number < :before) ORDER BY number DESC LIMIT :limit)",
        codes=None if within is None else sorted(within), unit=unit, before=before, limit=limit,
    )  # fmt: skip
    return found[::-1]


@dataclass(frozen=True, slots=True)
class Roll:
    """Units with their posts, the people in them, their A and B, and the grants made out to them."""

    units: tuple[Unit, ...]
    posts: Mapping[str, tuple[Post, ...]]
    people: Mapping[str, Person]
    pairs: Mapping[str, tuple[int, int]]
    held: Mapping[str, tuple[Grant, ...]]
    grants: Mapping[int, Grant]
    seats: Seats
    """The posts of whoever these grants, and those above them, are made out to."""


_PAIRS = """
    SELECT unit, primary_post, deputy_post FROM pair WHERE (CAST(:codes AS text[]) IS NULL OR division = ANY(:codes))
    AND CASE WHEN CAST(:known AS bigint) IS NULL THEN ended IS NULL
        ELSE since < :known AND (ended IS NULL OR ended >= :known) END
"""


def roll(connection: Connection, within: Codes, at: datetime, known: int | None = None) -> Roll:
    """Everything staffing in these divisions is judged on, as it is on record now, at the instant `at`. A pair holds
    from when it was named until the next one is: it is the one on record at position `known`."""
    binds = {"codes": None if within is None else sorted(within)}
    inside = "(CAST(:codes AS text[]) IS NULL OR division = ANY(:codes))"
    bodies = connection.execute(text(f"SELECT * FROM unit WHERE ended IS NULL AND {inside}"), binds)  # noqa: S608 our own words
    units = tuple(Unit(*(row[name] for name in Unit.__slots__)) for row in bodies.mappings())
    staff: dict[str, list[Post]] = {}
    for post, _ in posts(connection, inside, **binds):
        staff.setdefault(post.unit, []).append(post)
    ids = sorted({post.person for each in staff.values() for post in each})
    found = connection.execute(text("SELECT * FROM person WHERE ended IS NULL AND id = ANY(:ids)"), {"ids": ids})
    people = {row["id"]: Person(row["id"], row["natural"], row["epoch"]) for row in found.mappings()}
    named = connection.execute(text(_PAIRS), binds | {"known": known})
    pairs = {row.unit: (row.primary_post, row.deputy_post) for row in named}
    held, chains = _held(connection, sorted(each.id for each in units if each.kind == "village"), at)
    kept = {unit: tuple(each) for unit, each in staff.items()}
    return Roll(
        tuple(sorted(units, key=lambda each: each.id)),
        kept,
        people,
        pairs,
        held,
        chains,
        seats(connection, chains.values()),
    )


def _held(
    connection: Connection, units: list[str], at: datetime
) -> tuple[dict[str, tuple[Grant, ...]], dict[int, Grant]]:
    """Grants of these units that reach the instant, and all their ancestors."""
    rows: Any = connection.execute(
        text("SELECT * FROM grants WHERE ended IS NULL AND holder_unit = ANY(:units) AND valid_until > :at"),
        {"units": units, "at": at},
    ).mappings()
    mine = [grants.read(row) for row in rows]
    known = {each.number: each for each in mine}
    above = sorted({number for each in mine for number in each.path} - known.keys())
    more: Any = connection.execute(
        text("SELECT * FROM grants WHERE ended IS NULL AND number = ANY(:numbers)"), {"numbers": above}
    )
    known |= {row["number"]: grants.read(row) for row in more.mappings()}
    held: dict[str, list[Grant]] = {}
    for each in mine:
        held.setdefault(each.holder_unit, []).append(each)
    return {unit: tuple(each) for unit, each in held.items()}, known


def person_of(connection: Connection, number: int) -> str | None:
    """Who holds a post."""
    found: str | None = connection.execute(
        text("SELECT person FROM post WHERE ended IS NULL AND number = :n"), {"n": number}
    ).scalar()
    return found


def holder_of(connection: Connection, number: int) -> str:
    """The unit that holds a grant, which never changes; nothing for a grant that does not exist."""
    found = connection.execute(
        text("SELECT holder_unit FROM grants WHERE ended IS NULL AND number = :n"), {"n": number}
    ).scalar()
    return found or ""


def officers(connection: Connection, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Proposals of officers, newest first."""
    found = connection.execute(
        text(
            "SELECT * FROM officer WHERE ended IS NULL AND (CAST(:before AS bigint) IS NULL OR number < :before)"
            " ORDER BY number DESC LIMIT :limit"
        ),
        {"before": before, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]


def officer(connection: Connection, number: int) -> dict[str, Any] | None:
    """A proposal of an officer."""
    row = connection.execute(
        text("SELECT * FROM officer WHERE ended IS NULL AND number = :n"), {"n": number}
    ).mappings()
    found = row.first()
    return None if found is None else dict(found)
