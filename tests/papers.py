"""Acts of the region and the county on paper: requests with detours, unified windows, what a county forbids its people.

Each is compared with the envelope as it happens; `met` counts what was tried and what was accepted.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from areas import Area, area
from country import Country
from draws import CAPS, CELL_SETS, END, OPERATION_SETS, Draw, attempt, box_of, told_box
from envelope import Envelope, Holding
from realm import COUNTY, DAY, ELSEWHERE, LEAD, REGION, START, TOWN

from authz import refusal
from authz.fact import Fact, instant
from authz.grant import GrantIssued, GrantRevoked
from authz.post import FAR
from authz.reply import Answer
from authz.window import Opening, WindowClosed, WindowRepeated

T = TypeVar("T")
SHANGHAI = timedelta(hours=8)
STRAIGHT: tuple[str, ...] = ()
AGAIN, TAKEN_BACK, UNANSWERED = ("return", "change", "sign"), ("withdraw",), ("return",)
DETOURS = (*(STRAIGHT,) * 6, *(AGAIN,) * 3, ("return", "sign"), TAKEN_BACK, UNANSWERED, ("return", "withdraw"))
"""What may happen to a letter between its receipt and the proposal; without a new signature nothing is decided."""
BANNED = (
    ("village_collector", ("village_collector",)), ("grassroots", ("village_collector", "grid_worker")), ("county_clerk", ("county_clerk",)),
    ("township_admin", ("township_admin",)), ("county_admin", ("county_admin",)),
)  # fmt: skip
"""A role or group as a narrowing names it, and the roles of the walk that it means."""
DEEDS = (
    ("update", "monitored.income"),
    ("update", "monitored.base"),
    ("collect", "monitored.income"),
    ("query", "monitored.base"),
    ("delegate", "grant"),
)


class Papers:
    """One life, and what has been met in it. `Wrong` decisions raise AssertionError; refusals of the rules are compared,
    never an error."""

    def __init__(self) -> None:
        self.realm, self.envelope = Country(), Envelope(START - 9 * DAY, FAR)
        self.permits = self.refusals = self.vacated = 0
        self.closed = set[int]()
        self.met = Counter[tuple[str, bool]]()

    @property
    def now(self) -> Any:
        return self.realm.at

    def take(self, name: str, act: Callable[..., T], *given: Any) -> T | refusal.Refusal:
        """An act attempted, and counted under its name as accepted or not."""
        told = attempt(act, *given)
        self.met[name, not isinstance(told, refusal.Refusal)] += 1
        return told

    def holding(self, draw: Draw) -> Holding | None:
        """One that exists, a late one more often."""
        known = list(self.envelope.holdings.values())
        return draw.choice((*known, *known[-3:])) if known else None

    # --- written requests -------------------------------------------------------------------------------------------
    def ask(self, draw: Draw) -> None:
        """The region answers a written request; only what it answered is given."""
        land, detour = self.envelope.land, draw.choice(DETOURS)
        lines = tuple(self.line(draw, number) for number in range(1, draw.choice((1, 1, 2)) + 1))
        wrong = self.unfit(lines) or (bool(detour) and detour[-1] != "sign")
        anew = lines
        if detour == AGAIN:
            anew = tuple(self.line(draw, each["line"], each) for each in lines)[: draw.choice((1, 2))]
            wrong |= self.unfit(anew)
            wrong |= any(box_of(lines[each["line"] - 1]).wider(box_of(each), land.inside) for each in anew)
        answers, given = [], list[dict[str, Any]]()
        for each in anew:
            outcome = draw.choice(("approved", "narrowed", "narrowed", "rejected"))
            narrower = self.line(draw, each["line"], each) if outcome == "narrowed" else None
            answers.append(Answer(each["line"], outcome, narrower, None))
            wrong |= bool(box_of(each).wider(box_of(narrower or each), land.inside)) or self.unfit((narrower or each,))
            wrong |= narrower is not None and narrower == each
            given += [narrower or each] if outcome != "rejected" else []
        name = f"ask {' '.join(detour)}".strip()
        told = self.take(name, self.realm.ask, lines, tuple(answers), detour, anew)
        if isinstance(told, refusal.Refusal):
            assert wrong, f"refused although it fits: {told.code}"
            return
        number, facts = told
        assert not wrong, "the region gave more than was asked, or what nobody signed"
        assert len(facts) == len(given) + 1
        for place, each in enumerate(given, start=1):
            self.given(number + place, facts[place], box_of(each), LEAD)

    def unfit(self, lines: Sequence[dict[str, Any]]) -> bool:
        """Whether a line is empty, or about what is no place of the county."""
        lies = self.envelope.land.inside(COUNTY)
        return any(each["from"] >= each["until"] or each["division"] not in lies for each in lines)

    def line(self, draw: Draw, number: int, old: dict[str, Any] | None = None) -> dict[str, Any]:
        """A line of a request, or a narrower (or wider) answer to one."""
        begin, until = START + draw.choice((0, 0, 1)) * DAY, END - draw.choice((0, 0, 4)) * DAY
        new = {
            "line": number, "division": draw.choice((COUNTY, COUNTY, TOWN)), "cells": sorted(draw.choice(CELL_SETS)),
            "operations": sorted(draw.choice(OPERATION_SETS[:7])), "data_year": draw.choice((None, 2026, 2026)), "from": instant(begin),
            "until": instant(until), "max_records": draw.choice(CAPS),
        }  # fmt: skip
        if old is None:
            return new
        axis = draw.choice(("division", "cells", "operations", "data_year", "from", "until", "max_records"))
        narrow = {"division": TOWN, "cells": old["cells"][:1], "operations": old["operations"][:1], "data_year": 2026,
                  "from": instant(START + DAY), "until": instant(END - 4 * DAY), "max_records": 1}  # fmt: skip
        return {**old, axis: draw.choice((new, narrow, narrow, narrow))[axis]}

    # --- unified windows --------------------------------------------------------------------------------------------
    def opening(self, draw: Draw) -> Opening:
        place, cells = draw.choice(("64", COUNTY, ELSEWHERE, TOWN)), draw.choice(CELL_SETS)
        operations = draw.choice(OPERATION_SETS[:7])
        begin = draw.choice((START, START, START + DAY, self.now))
        until = draw.choice((END, END, END - 5 * DAY, self.now + DAY))
        year = draw.choice((None, 2026))
        return Opening(place, tuple(cells), tuple(operations), year, begin, until, "t", "i", "2026-11-01", None, None)

    def open(self, draw: Draw) -> None:
        """A unified window: the same box for every county of the place."""
        wish = self.opening(draw)
        told = self.take("open", self.realm.open, wish)
        if isinstance(told, refusal.Refusal):
            assert self.shut(wish), f"refused although it fits: {told.code}"
            return
        assert not self.shut(wish)
        self.opened(wish, *told)

    def shut(self, wish: Opening) -> bool:
        empty = wish.valid_from >= wish.valid_until or wish.valid_until <= self.now
        return empty or wish.division not in self.envelope.land.parent

    def opened(self, wish: Opening, number: int, facts: Sequence[Fact]) -> None:
        """The window of this number with its grants, one for each county."""
        land, place = self.envelope.land, wish.division
        outer = next((each for each in land.above(place) if len(each) == len(COUNTY)), "")
        counties = sorted(each for each in land.inside(place) if len(each) == len(COUNTY)) or [outer]
        assert len(facts) == len(counties) + 1
        self.envelope.openings[number] = [number + n for n in range(1, len(facts))], wish.valid_until
        for county, (n, fact) in zip(counties, enumerate(facts[1:], start=1), strict=True):
            reach = county if place in ("64", county) else place
            box = area(reach, wish.cells, wish.operations, wish.data_year, wish.valid_from, wish.valid_until)
            self.given(number + n, fact, box, f"u-{county}-lead")

    def repeat(self, draw: Draw) -> None:
        """The same window for several quarters; each is a window of its own, which nothing reaches before its time."""
        wish, times = self.opening(draw), draw.choice((2, 3))
        told = self.take("repeat", self.realm.repeat, wish, times)
        if isinstance(told, refusal.Refusal):
            assert self.shut(wish) or wish.valid_until - wish.valid_from > 89 * DAY, (
                f"refused although it fits: {told.code}"
            )
            return
        assert not self.shut(wish)
        number, facts = told
        starts = [place for place, each in enumerate(facts) if isinstance(each, WindowRepeated)]
        assert len(starts) == times - 1
        for turn, (begin, end) in enumerate(zip([0, *starts], [*starts, len(facts)], strict=True)):
            later, years = quarters_on(wish.valid_from, turn)
            year = None if wish.data_year is None else wish.data_year + years
            until, _ = quarters_on(wish.valid_until, turn)
            each = Opening(wish.division, wish.cells, wish.operations, year, later, until, "t", "i", "d", None, None)
            self.opened(each, number + begin, facts[begin:end])

    def given(self, number: int, fact: Fact, box: Area, unit: str) -> None:
        """A regional grant is on record; it says what the region gave, not more and not less."""
        assert isinstance(fact, GrantIssued)
        assert (fact.parent, fact.path, fact.holder_unit, fact.holder_person, fact.role) == (
            None,
            (),
            unit,
            None,
            "county_admin",
        )
        assert told_box(fact) == box, "the record does not hold what the region gave"
        self.envelope.give(number, None, unit, None, "county_admin", REGION, self.now, [box], box.division)

    def close(self, draw: Draw) -> None:
        if not self.envelope.openings:
            return
        number = draw.choice(sorted(self.envelope.openings))
        mine, until = self.envelope.openings[number]
        known = self.envelope.holdings
        living = [known[each] for each in mine if not known[each].dead(self.now)]
        lower = [self.envelope.usable(each.number, self.now) for each in living]
        shut = self.now >= until or number in self.closed
        told = self.take("close", self.realm.close, number)
        if isinstance(told, refusal.Refusal):
            assert shut, f"not closed although it is open: {told.code}"
            return
        _, facts = told
        assert not shut
        self.closed.add(number)
        ended = {fact.grant for fact in facts[1:] if isinstance(fact, GrantRevoked)}
        assert ended == {each.number for each in living}, "a grant outlives its window"
        assert isinstance(facts[0], WindowClosed)
        assert set(facts[0].cut) == ended.union(*lower)
        assert [set(fact.cut) for fact in facts[1:] if isinstance(fact, GrantRevoked)] == lower
        for each in living:
            each.revoked = self.now

    # --- the rules of a county --------------------------------------------------------------------------------------
    def forbid(self, draw: Draw) -> None:
        """A county forbids its own people something, in place of what it forbade before; it allows nobody anything."""
        place = draw.choice((COUNTY, COUNTY, COUNTY, ELSEWHERE))
        rows = {
            draw.choice(tuple((who, deed) for who in BANNED for deed in DEEDS)) for _ in range(draw.choice((1, 1, 2)))
        }
        effect = draw.choice(("deny", "deny", "deny", "deny", "allow"))
        text = "".join(f"p,{who},{act},{thing},{effect}\n" for (who, _), (act, thing) in sorted(rows))
        found = frozenset((role, f"{act} {thing}") for (_, roles), (act, thing) in rows for role in roles)
        told = self.take("forbid", self.realm.forbid, place, text)
        if isinstance(told, refusal.Refusal):
            proposer = [each.role for each in self.envelope.live("p-2", self.now).values()]
            same = found == self.envelope.forbidden.get(place) or proposer != ["county_admin"]
            assert place != COUNTY or effect != "deny" or same, f"refused although it only takes away: {told.code}"
            return
        assert (place, effect) == (COUNTY, "deny"), "a county gave something, or took from another one"
        self.envelope.forbidden[place] = found


def quarters_on(at: Any, turn: int) -> tuple[Any, int]:
    """The same local day that many quarters on, or the last of a shorter month; and how many years that is on."""
    local = at + SHANGHAI
    months = local.year * 12 + local.month - 1 + 3 * turn
    year, month = divmod(months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day) - SHANGHAI, year - local.year
