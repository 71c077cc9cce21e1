"""Succession: who answers today for what somebody did in a post he has left, along the transfers in the log.

The past keeps its name: an edit is its author's for ever. What this tells is who is to be asked about it now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from audit import entry as entries
from audit import roster
from audit.entry import Entry
from authz import grant as grants
from authz.edit import EditPermitted
from authz.grant import Grant, chain
from authz.handover import DutyHandedOver
from authz.post import Post
from authz.tenure import vacant, worth
from authz.transfer import TransferRecorded

FURTHEST = 50
"""Transfers that are followed one after the other (local); a person who comes back ends the walk earlier."""


@dataclass(frozen=True, slots=True)
class Heir:
    """Who answers now (null: nobody has taken over), and the entry that says so (null: the post is still held)."""

    person: str | None
    since: int | None


_LAST = """
    SELECT bytes FROM entry WHERE kind = :kind AND subject = :subject AND number < :size ORDER BY number DESC LIMIT 1
"""
_PASSED = """
    SELECT bytes FROM entry WHERE kind = 'DutyHandedOver' AND grant_number = :grant AND number < :size
    ORDER BY number DESC LIMIT 1
"""


def heir(connection: Connection, edit: EditPermitted, post: int | None, person: str, at: datetime, size: int) -> Heir:
    """Who answers now for an edit somebody did in this post: he himself while he holds it; else whom his grant was
    handed to, or whom the transfer named, and so on from there."""
    walked: set[int] = set()
    since, grant = None, edit.grant
    while post is not None and post not in walked and len(walked) < FURTHEST:
        walked.add(post)
        held = _post(connection, post)
        if held is None or held.live(at):
            return Heir(person, since)
        absent = held.principal
        if absent is not None:
            # Who stood in for somebody did it for him.
            person, post = absent.person, absent.number
            continue
        found = _passed(connection, grant, person, size) or _transferred(connection, post, size)
        if found is None or found[0] is None:
            return Heir(None, since if found is None else found[1])
        (person, since, grant), post = (
            (found[0], found[1], found[2] or grant),
            _seat(connection, found[0], held, walked, at),
        )
    return Heir(None, since)


def _passed(connection: Connection, grant: int, person: str, size: int) -> tuple[str | None, int, int | None] | None:
    row = connection.execute(text(_PASSED), {"grant": grant, "size": size}).scalar()
    if row is None:
        return None
    entry = entries.parse(bytes(row))
    assert isinstance(entry.fact, DutyHandedOver)
    return (entry.fact.successor, entry.number, entry.fact.renewed) if entry.fact.person_id == person else None


def _transferred(connection: Connection, post: int, size: int) -> tuple[str | None, int, int | None] | None:
    row = connection.execute(text(_LAST), {"kind": "TransferRecorded", "subject": post, "size": size}).scalar()
    if row is None:
        return None
    entry = entries.parse(bytes(row))
    assert isinstance(entry.fact, TransferRecorded)
    return entry.fact.successor, entry.number, None


def _post(connection: Connection, number: int) -> Post | None:
    found = roster.posts(connection, "number = :number", number=number)
    return found[0][0] if found else None


def _seat(connection: Connection, person: str, left: Post, walked: Collection[int], at: datetime) -> int | None:
    """The post in which somebody took over: one in the same unit and role if he has it, one he still holds if he can; not
    one he had before."""
    mine = roster.posts(connection, "person = :person AND deputy_for IS NULL", person=person)
    posts = [post for post, _ in mine if post.number not in walked]

    def worth(post: Post) -> tuple[bool, bool, bool, int]:
        return post.unit == left.unit, post.live(at), post.role == left.role, post.number

    return max(posts, key=worth).number if posts else None


_ASSISTING = """
    SELECT * FROM grants WHERE ended IS NULL AND role = 'assistance_person' AND holder_person IS NOT NULL
    AND households @> ARRAY[CAST(:household AS text)] AND valid_until > :at AND issued_at <= :at ORDER BY number
"""


def assisting(connection: Connection, household: str, at: datetime) -> Sequence[Grant]:
    """The grants of those who had the household on their list (帮扶责任人) at an instant, in force then."""
    mine = [
        grants.read(dict(row))
        for row in connection.execute(text(_ASSISTING), {"household": household, "at": at}).mappings()
    ]
    above = sorted({number for each in mine for number in each.path})
    rows = connection.execute(
        text("SELECT * FROM grants WHERE ended IS NULL AND number = ANY(:numbers)"), {"numbers": above}
    )
    known = {row["number"]: grants.read(dict(row)) for row in rows.mappings()}
    seats = roster.seats(connection, (*mine, *known.values()))
    return [
        each for each in mine
        if not vacant(each, seats, at) and worth(chain(each, known), seats, at)[0] == "live"
    ]  # fmt: skip


def transfers_page(
    connection: Connection, within: Iterable[str] | None, person: str | None, before: int | None, limit: int
) -> list[Entry]:
    """Transfers out of posts in these divisions, newest first; of one person, or of everybody."""
    rows = connection.execute(
        text(
            "SELECT bytes FROM entry WHERE kind = 'TransferRecorded' AND (CAST(:before AS bigint) IS NULL OR number < :before)"
            " AND (CAST(:within AS text[]) IS NULL OR division = ANY(:within))"
            " AND (CAST(:named AS bytea) IS NULL OR position(CAST(:named AS bytea) IN bytes) > 0)"
            " ORDER BY number DESC LIMIT :limit"
        ),
        {
            "before": before, "limit": limit, "within": None if within is None else sorted(within),
            "named": None if person is None else f'"person_id":"{person}"'.encode(),
        },
    )  # fmt: skip
    return [entries.parse(bytes(row.bytes)) for row in rows]
