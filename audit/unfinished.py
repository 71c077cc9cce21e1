"""Unfinished work: what waits for one person, or about one village, so that nothing is left lying when somebody goes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from audit import entry as entries
from audit.entry import Entry
from authz.post import Post, Unit
from authz.request import OPEN


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: its kind, its number (a household: its token), its state, and whose hand is in it how."""

    kind: str
    id: str
    state: str
    division: str | None


_OF_PERSON = """
    SELECT 'request' AS kind, CAST(number AS text) AS id, state, division FROM request WHERE ended IS NULL
        AND state = ANY(:open) AND :unit IN (body->>'unit', body->'document'->>'addressee')
        AND EXISTS (SELECT 1 FROM jsonb_array_elements(body->'hands') AS hand WHERE hand->>1 = :person)
    UNION ALL SELECT 'move', token, 'waiting', division FROM household WHERE ended IS NULL AND moving_to IS NOT NULL
        AND move_asked_by = :person
    UNION ALL SELECT 'erasure', CAST(number AS text), state, division FROM erasure WHERE ended IS NULL
        AND state = 'asked' AND body->>'asked_by' = :person
    UNION ALL SELECT 'edition', CAST(number AS text), state, division FROM edition WHERE ended IS NULL
        AND state = 'filed' AND body->>'filed_by' = :person
    UNION ALL SELECT 'policy', CAST(number AS text), state, division FROM amendment WHERE ended IS NULL
        AND state = 'proposed' AND body->>'proposed_by' = :person
    UNION ALL SELECT 'officer', CAST(number AS text), state, division FROM officer WHERE ended IS NULL
        AND state = 'proposed' AND body->>'proposed_by' = :person
    UNION ALL SELECT 'proposal', CAST(number AS text), state, division FROM proposal WHERE ended IS NULL
        AND state = 'proposed' AND body->>'person_id' = :person
    UNION ALL SELECT 'approval', CAST(number AS text), 'unused', NULL FROM approval WHERE ended IS NULL
        AND used IS NULL AND until > :at AND :person IN (person, approved_by)
    UNION ALL SELECT 'deputy', CAST(number AS text), 'live', division FROM post WHERE ended IS NULL
        AND valid_until > :at AND (deputy_for = :post OR rests_on = :post)
    ORDER BY kind, id LIMIT 500
"""
"""At most so many that one entry holds them. Requests are those of the unit he leaves, or put to it; the deputyships rest on the post, or stand in for it."""


def of_person(connection: Connection, person: str, post: Post, at: datetime) -> tuple[Waiting, ...]:
    """What is open by the hand of a person who holds a post, and the deputyships that lean on it."""
    binds = {"person": person, "unit": post.unit, "post": post.number, "at": at, "open": sorted(OPEN)}
    return tuple(Waiting(*row) for row in connection.execute(text(_OF_PERSON), binds))


_OF_VILLAGES = """
    SELECT v.unit, 'move' AS kind, h.token AS id, 'waiting' AS state, h.division FROM household h
        JOIN unnest(CAST(:units AS text[]), CAST(:divisions AS text[])) AS v(unit, division)
        ON v.division IN (h.division, h.moving_to) WHERE h.ended IS NULL AND h.moving_to IS NOT NULL
    UNION ALL SELECT holder_unit, 'grant', CAST(number AS text), 'waiting', division FROM grants WHERE ended IS NULL
        AND holder_unit = ANY(:units) AND revoked_at IS NULL AND valid_until > :at
    ORDER BY kind, id
"""


def of_villages(connection: Connection, units: Collection[Unit], at: datetime) -> Mapping[str, tuple[Waiting, ...]]:
    """What lies about villages when nobody is left in them, by unit: open moves from and to each, and grants made out to
    it. One question for all of them, because a region that begins has some thousands."""
    found: dict[str, list[Waiting]] = {each.id: [] for each in units}
    binds = {"units": list(found), "divisions": [each.division for each in units], "at": at}
    for unit, *row in connection.execute(text(_OF_VILLAGES), binds):
        found[unit].append(Waiting(*row))
    return {unit: tuple(waits) for unit, waits in found.items()}


_NOW = """
    SELECT 'request' AS kind, CAST(number AS text) AS id, state FROM request WHERE ended IS NULL AND number = ANY(:numbers)
    UNION ALL SELECT 'erasure', CAST(number AS text), state FROM erasure WHERE ended IS NULL AND number = ANY(:numbers)
    UNION ALL SELECT 'edition', CAST(number AS text), state FROM edition WHERE ended IS NULL AND number = ANY(:numbers)
    UNION ALL SELECT 'policy', CAST(number AS text), state FROM amendment WHERE ended IS NULL AND number = ANY(:numbers)
    UNION ALL SELECT 'officer', CAST(number AS text), state FROM officer WHERE ended IS NULL AND number = ANY(:numbers)
    UNION ALL SELECT 'proposal', CAST(number AS text), state FROM proposal WHERE ended IS NULL AND number = ANY(:numbers)
    UNION ALL SELECT 'move', token, CASE WHEN moving_to IS NULL THEN 'ended' ELSE 'waiting' END FROM household
        WHERE ended IS NULL AND token = ANY(:tokens)
    UNION ALL SELECT 'approval', CAST(number AS text), CASE WHEN used IS NOT NULL THEN 'settled' WHEN until > :at THEN 'unused'
        ELSE 'lapsed' END FROM approval WHERE ended IS NULL AND number = ANY(:numbers)
    UNION ALL SELECT 'deputy', CAST(number AS text), 'ended' FROM post WHERE ended IS NULL AND number = ANY(:numbers)
"""


def states(connection: Connection, work: Iterable[tuple[str, ...]], at: datetime) -> Mapping[tuple[str, str], str]:
    """What has become of things that once waited, by kind and id. A deputyship ended with the post it leaned on."""
    given = list(work)
    numbers = sorted({int(id) for kind, id in given if kind != "move"})
    binds = {"numbers": numbers, "tokens": sorted({id for kind, id in given if kind == "move"}), "at": at}
    return {(row.kind, row.id): row.state for row in connection.execute(text(_NOW), binds)}


def asked(connection: Connection, token: str) -> Entry | None:
    """The entry that made the household what it is on record: of an open move, that which asked for it."""
    found = connection.execute(
        text(
            "SELECT e.bytes FROM household h JOIN entry e ON e.number = h.since WHERE h.ended IS NULL AND h.token = :token"
        ),
        {"token": token},
    ).scalar()
    return None if found is None else entries.parse(bytes(found))
