"""Replays: recorded decisions on edits, made once more under other rules, from entry to entry as far as one asks.

A replay is a function of the log and of the question on record, so it can be worked out again at any time. How far it
has come and what it found lie in two tables beside the log, written a piece at a time: no piece holds more than some
hundreds of entries, however long the range.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from audit import entry as entries
from audit import moments
from audit.entry import Entry
from audit.lawbook import Lawbook
from authz import narrowing, redecision, register, table
from authz.decision import Law, Refused
from authz.edit import EditPermitted
from authz.fact import instant, moment
from authz.redecision import Decided, Draft, ReplayAsked
from authz.refusal import WrongState

PAGE: Final = 200
MOST_DECIDED: Final = 500
"""Decisions made again in one piece; each costs a handful of queries."""
MOST_PASSED: Final = 20_000
"""Entries one piece looks at."""
_PAGE = (
    "SELECT number, unit, kind, cell, bytes FROM entry WHERE number >= :begin AND number < :end AND at >= :since"
    " AND at < :until AND kind IN ('EditPermitted', 'Refused') AND (CAST(:within AS text[]) IS NULL OR"
    " division = ANY(:within)) ORDER BY number LIMIT :limit"
)

Laws = tuple[Law, Law, frozenset[str] | None]
"""The law of a time, the same with the draft in it, and the cells they differ about (null: any)."""


@dataclass(slots=True)
class Progress:
    """How far a replay has come: the next entry, counts by unit and kind of change, and what changed in this piece."""

    reached: int
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    changed: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def count(self, unit: str | None, change: str, decisions: int) -> None:
        self.counts.setdefault(unit or "", Counter())[change] += decisions


@dataclass(slots=True)
class Replay:
    """A question on record with what it takes to answer it. `within` are the divisions it is about, null for all."""

    asked: ReplayAsked
    within: frozenset[str] | None
    lawbook: Lawbook
    laws: dict[int, Laws] = field(default_factory=dict)

    def advance(self, connection: Connection, progress: Progress, most: int = MOST_DECIDED) -> Progress:
        """One piece further."""
        draft, turns = drafted(connection, self.lawbook, self.asked), moments.turns(connection)
        decided = passed = 0
        while progress.reached < self.asked.end and decided < most and passed < MOST_PASSED:
            page = self._page(connection, progress.reached)
            for row in page:
                if decided >= most:
                    return progress
                decided += self._weigh(connection, row, self._law(connection, row.number, draft, turns), progress)
                progress.reached = row.number + 1
            passed += len(page)
            if len(page) < PAGE:
                progress.reached = self.asked.end
        return progress

    def _page(self, connection: Connection, begin: int) -> list[Row[Any]]:
        asked = self.asked
        binds = {
            "begin": begin, "end": asked.end, "since": moment(asked.since), "until": moment(asked.until),
            "within": None if self.within is None else sorted(self.within), "limit": PAGE,
        }  # fmt: skip
        return list(connection.execute(text(_PAGE), binds))

    def _weigh(self, connection: Connection, row: Row[Any], laws: Laws, progress: Progress) -> bool:
        """Count the decisions of one entry, which identical refusals share; whether that took a decision."""
        then, draft, cells = laws
        entry = entries.parse(bytes(row.bytes))
        each = decision(entry)
        if each is None:
            return False
        if cells is not None and row.cell not in cells:
            progress.count(row.unit, redecision.SAME, each.decisions)
            return False
        change, after = redecision.compared(each, before(connection, each), then, draft)
        progress.count(row.unit, change, each.decisions)
        if change in (redecision.TAKEN, redecision.GIVEN):
            progress.changed.append((entry.number, _told(entry, change, after)))
        return True

    def _law(self, connection: Connection, number: int, draft: Draft, turns: list[int]) -> Laws:
        turn = bisect_left(turns, number)
        if turn not in self.laws:
            then = self.lawbook.on_record(connection, number)
            try:
                with_draft = self.lawbook.supposed(connection, self.asked.named, self.asked.policy, number)
            except WrongState:  # what did not hold beside the rules of that time is tried on them as they were read
                with_draft = draft.law(then)
            self.laws[turn] = (then, with_draft, redecision.touched(then, with_draft))
        return self.laws[turn]


def drafted(connection: Connection, lawbook: Lawbook, asked: ReplayAsked) -> Draft:
    """The rules a replay asks about. What was ever proposed is kept for ever, like everything that may be the law."""
    if asked.narrows is None:
        return Draft(lawbook.policy(connection, asked.policy))
    in_force = lawbook.on_record(connection, asked.end).policy
    try:
        return Draft(None, narrowing.parse(asked.narrows, lawbook.files(connection, asked.policy), in_force))
    except table.BadTable as bad:
        raise WrongState(f"这项收窄在当时的规则下不成立（第 {bad.line} 行：{bad.zh}）", missing="base") from None


def decision(entry: Entry) -> Decided | None:
    """The recorded decision on an edit that an entry is, if it is one and names what was asked."""
    fact, who = entry.fact, entry.envelope
    edit = redecision.asked(fact)
    if edit is None or who.person is None or not isinstance(fact, EditPermitted | Refused):
        return None
    return Decided(entry.number, entry.at, who.person, who.post, fact, edit)


def before(connection: Connection, each: Decided) -> register.Rows:
    """What was on record before the entry of a decision."""
    return register.fetch(connection, each.reads, each.at, each.number)


def _told(entry: Entry, change: str, after: str | None) -> dict[str, Any]:
    fact, who = entry.fact.plain(), entry.envelope
    names = ("division", "cell", "operation", "data_year", "quarter", "household")
    return {
        "at": instant(entry.at), "person": who.person, "unit": who.unit, **{name: fact[name] for name in names},
        "count": fact.get("count", 1), "change": change, "after": after,
        "before": fact["code"] if change == redecision.GIVEN else fact["rule"],
    }  # fmt: skip


# --- kept beside the log --------------------------------------------------------------------------------------------
def resume(connection: Connection, replay: Replay, number: int) -> Progress:
    """Work out one more piece of the replay `number`, unless somebody else is at it; how far it has come."""
    begin = {"number": number, "reached": replay.asked.begin}
    connection.execute(
        text("INSERT INTO replay (number, reached, counts) VALUES (:number, :reached, '{}') ON CONFLICT DO NOTHING"),
        begin,
    )
    statement = "SELECT reached, counts FROM replay WHERE number = :number"
    mine = connection.execute(text(f"{statement} FOR UPDATE SKIP LOCKED"), {"number": number}).one_or_none()
    if mine is None or mine.reached >= replay.asked.end:
        connection.rollback() if mine is None else connection.commit()
        row = mine or connection.execute(text(statement), {"number": number}).one_or_none()
        return _progress(row) if row is not None else Progress(replay.asked.begin)
    progress = replay.advance(connection, _progress(mine))
    told = [{"replay": number, "entry": entry, "told": json.dumps(each)} for entry, each in progress.changed]
    if told:
        connection.execute(text("INSERT INTO redecided (replay, entry, told) VALUES (:replay, :entry, :told)"), told)
    connection.execute(
        text("UPDATE replay SET reached = :reached, counts = :counts WHERE number = :number"),
        {"number": number, "reached": progress.reached, "counts": json.dumps(progress.counts)},
    )
    connection.commit()
    return progress


def _progress(row: Row[Any]) -> Progress:
    return Progress(row.reached, {unit: Counter(found) for unit, found in row.counts.items()})


def changed(connection: Connection, number: int, after: int, limit: int) -> Iterator[dict[str, Any]]:
    """Entries found so far that would be decided otherwise, the oldest first."""
    found = connection.execute(
        text("SELECT entry, told FROM redecided WHERE replay = :number AND entry > :after ORDER BY entry LIMIT :limit"),
        {"number": number, "after": after, "limit": limit},
    )
    yield from ({"entry": row.entry, **row.told} for row in found)
