"""Retrospect: past edits judged on the register and the law of their own time, many at once.

All that happened at one log position is fetched together, so a file of many lines costs a few queries for each instant
at which something was on record, and one more reading of what was known at the end for those without authority then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from audit import entry as entries
from audit import moments
from audit.entry import Entry
from audit.lawbook import Lawbook
from authz import hindsight, register
from authz.decision import Law, Scene
from authz.edit import Edit
from authz.hindsight import Judgement
from authz.register import Reads, union

EVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Past:
    """An edit that somebody made at an instant."""

    edit: Edit
    person: str
    at: datetime

    @property
    def reads(self) -> Reads:
        return self.edit.reads | Reads(persons=frozenset((self.person,)))


def verdicts(connection: Connection, lawbook: Lawbook, asked: Sequence[Past], below: int) -> list[Judgement]:
    """The verdict on each, as the log of the first `below` entries tells; all of them happened before that entry."""
    known = moments.before(connection, {each.at for each in asked}, below)
    book = _Shelf(connection, lawbook, moments.turns(connection) if asked else [])
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, each in enumerate(asked):
        places[known[each.at]].append(place)
    found: dict[int, Judgement] = {}
    for position, mine in places.items():
        then = book.scene([asked[place] for place in mine], position)
        for place in mine:
            each = asked[place]
            found[place] = hindsight.judged(each.edit, each.person, replace(then, at=each.at))
    open_ = [place for place, each in found.items() if each.verdict != hindsight.ALLOWED]
    if open_:
        now = book.scene([asked[place] for place in open_], below)
        for place in open_:
            each = asked[place]
            found[place] = hindsight.followed(found[place], each.edit, each.person, each.at, now)
    return [found[place] for place in range(len(asked))]


@dataclass(slots=True)
class _Shelf:
    """Scenes of the past, with the law read once for each turn it took."""

    connection: Connection
    lawbook: Lawbook
    turns: list[int]
    laws: dict[int, Law] = field(default_factory=dict)

    def scene(self, asked: Sequence[Past], known: int) -> Scene:
        """What was on record at a position for these edits; every grant ever held counts, however long ago it ended."""
        reads = union(each.reads for each in asked)
        turn = bisect_left(self.turns, known)
        if turn not in self.laws:
            self.laws[turn] = self.lawbook.on_record(self.connection, known)
        return Scene(register.fetch(self.connection, reads, EVER, known), asked[0].at, known, self.laws[turn])


def reported(connection: Connection, names: Iterable[str]) -> dict[str, list[Entry]]:
    """What is on record of imported edits, by name: the entry of each, and those recorded beside it in the same act."""
    statement = (
        "SELECT i.name, e.bytes FROM imported i JOIN entry made ON made.number = i.since JOIN act ON act.ref = made.act"
        " CROSS JOIN generate_series(act.first, act.first + act.count - 1) AS place JOIN entry e ON e.number = place"
        " WHERE i.ended IS NULL AND i.name = ANY(:names) ORDER BY e.number"
    )
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for row in connection.execute(text(statement), {"names": sorted(names)}):
        found[row.name].append(entries.parse(bytes(row.bytes)))
    return found
