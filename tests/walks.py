"""Lives of a small country: acts at random, each compared with the envelope, and decisions asked after every one.

An act is one method that draws what it needs; `ACTS` lists them with their weights. The same walk is driven by
hypothesis (which shrinks) and by a seeded generator (which is fast).
"""

from __future__ import annotations

from typing import Any

from areas import Area, area, inside
from draws import (
    ANY,
    CAPS,
    CELL_SETS,
    END,
    LISTS,
    NARROW,
    OPERATION_SETS,
    SEATS,
    Draw,
    attempt,
    box_of,
    division_of,
    parts,
    told_box,
)
from envelope import Envelope, Holding, Seat
from realm import COUNTY, DAY, ELSEWHERE, LEAD, REGION, START, TOWN, Realm

from authz import refusal
from authz.delegation import Wanted
from authz.fact import Fact, instant
from authz.grant import GrantIssued, GrantRevoked
from authz.post import FAR
from authz.reply import Answer
from authz.window import Opening, WindowClosed


class Walk:
    """One life. `Wrong` decisions raise AssertionError; refusals of the rules are compared, never an error."""

    def __init__(self) -> None:
        self.realm, self.envelope = Realm(), Envelope(START - 9 * DAY, FAR)
        self.permits = self.refusals = 0

    @property
    def now(self) -> Any:
        return self.realm.at

    def holding(self, draw: Draw) -> Holding | None:
        """One that exists, a late one more often."""
        known = list(self.envelope.holdings.values())
        return draw.choice((*known, *known[-3:])) if known else None

    # --- acts -------------------------------------------------------------------------------------------------------
    def ask(self, draw: Draw) -> None:
        """The region answers a written request; only what it answered is given."""
        lines = tuple(self.line(draw, number) for number in range(1, draw.choice((1, 1, 2)) + 1))
        answers, given, wrong = [], list[dict[str, Any]](), any(each["from"] >= each["until"] for each in lines)
        for each in lines:
            outcome = draw.choice(("approved", "narrowed", "narrowed", "rejected"))
            narrower = self.line(draw, each["line"], each) if outcome == "narrowed" else None
            answers.append(Answer(each["line"], outcome, narrower, None))
            held, asked = box_of(each), box_of(narrower or each)
            wrong |= bool(held.wider(asked)) or asked.begin >= asked.until or each["division"] not in inside(COUNTY)
            wrong |= narrower is not None and narrower == each
            given += [narrower or each] if outcome != "rejected" else []
        told = attempt(self.realm.ask, lines, tuple(answers))
        if isinstance(told, refusal.Refusal):
            assert wrong, f"refused although it fits: {told.code}"
            return
        number, facts = told
        assert not wrong, "the region gave more than was asked"
        assert len(facts) == len(given) + 1
        for place, each in enumerate(given, start=1):
            self.given(number + place, facts[place], box_of(each), each["division"], LEAD)

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

    def open(self, draw: Draw) -> None:
        """A unified window: the same box for every county of the place."""
        place, cells, operations = (
            draw.choice(("64", COUNTY, ELSEWHERE, TOWN)),
            draw.choice(CELL_SETS),
            draw.choice(OPERATION_SETS[:7]),
        )
        begin, until = (
            draw.choice((START, START, START + DAY, self.now)),
            draw.choice((END, END, END - 5 * DAY, self.now + DAY)),
        )
        year = draw.choice((None, 2026))
        wish = Opening(place, tuple(cells), tuple(operations), year, begin, until, "t", "i", "2026-11-01", None, None)
        told = attempt(self.realm.open, wish)
        if isinstance(told, refusal.Refusal):
            assert begin >= until or until <= self.now, f"refused although it fits: {told.code}"
            return
        number, facts = told
        counties = sorted(each for each in inside(place) if len(each) == len(COUNTY)) or [place[: len(COUNTY)]]
        assert len(facts) == len(counties) + 1
        self.envelope.openings[number] = [number + n for n in range(1, len(facts))], until
        for county, (n, fact) in zip(counties, enumerate(facts[1:], start=1), strict=True):
            reach = county if place in ("64", county) else place
            self.given(number + n, fact, area(reach, cells, operations, year, begin, until), reach, f"u-{county}-lead")

    def given(self, number: int, fact: Fact, box: Area, division: str, unit: str) -> None:
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
        self.envelope.give(number, None, unit, None, "county_admin", REGION, self.now, [box], division)

    def close(self, draw: Draw) -> None:
        if not self.envelope.openings:
            return
        number = draw.choice(sorted(self.envelope.openings))
        mine, until = self.envelope.openings[number]
        known = self.envelope.holdings
        living = [known[each] for each in mine if not known[each].dead(self.now)]
        lower = [self.envelope.usable(each.number, self.now) for each in living]
        shut = self.now >= until or number in self.closed
        told = attempt(self.realm.close, number)
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

    @property
    def closed(self) -> set[int]:
        return self.__dict__.setdefault("_closed", set())  # type: ignore[no-any-return]

    def wanted(self, draw: Draw, held: Holding) -> Wanted:
        """A part of what is held, often with one axis out of line."""
        box, mine = held.limits[-1], [each for each in SEATS if division_of(each[0]) in inside(division_of(held.unit))]
        seat = draw.choice((*mine, *mine, *mine, draw.choice(SEATS)))
        whole = {
            "division": draw.choice(sorted(box.places)), "cells": draw.choice(parts(box.cells)),
            "operations": draw.choice((box.operations, box.operations, *parts(box.operations))), "valid_from": box.begin, "valid_until": box.until,
            "data_year": None, "max_records": None, "households": LISTS[2] if seat[1] == "assistance_person" else None,
        }  # fmt: skip
        for axis in draw.choice(((), (), ("division",), ("cells",), ("operations",), ("data_year",), ("max_records",), ("households",),
                                 ("valid_from", "valid_until"), ("data_year", "households"))):  # fmt: skip
            whole[axis] = draw.choice(ANY[axis])
        return Wanted(holder=seat[0], role=seat[1], **whole)  # type: ignore[arg-type]

    def delegate(self, draw: Draw) -> None:
        held = self.holding(draw)
        if held is None:
            return
        known = self.envelope.holdings.values()
        live = [each for each in known if self.admins(each) and self.envelope.alive(each.number, self.now)]
        held = draw.choice((held, *live, *live[-3:], *live[-3:]))
        self.hand(self.delegator(draw, held), held, self.wanted(draw, held))

    def hand(self, by: Seat, held: Holding, wish: Wanted) -> None:
        """A delegation, compared."""
        faults, axes = self.envelope.faults(by, held.number, wish, self.now)
        told = attempt(self.realm.delegate, by.person, held.number, wish, by.number)
        if isinstance(told, refusal.WiderThanHeld):
            assert {each["axis"] for each in told.members["misfits"]} == axes, f"misfits {told.members} but {axes}"
            return
        if isinstance(told, refusal.Refusal):
            assert faults, f"refused although it fits: {told.code} {told.members}"
            return
        number, (fact,) = told
        assert not faults | axes, f"handed on although {faults | axes}"
        box = self.envelope.inherited(wish, held.number, self.now)
        taker = self.envelope.seat_for(wish, by, self.now)
        assert isinstance(fact, GrantIssued)
        assert (fact.holder_unit, fact.holder_person) == taker
        assert (*fact.path, number) == (*(each.number for each in self.envelope.line(held.number)), number)
        assert (fact.parent, fact.role, fact.issuer_unit) == (held.number, wish.role, by.unit)
        assert told_box(fact) == box, f"recorded {told_box(fact)}, given {box}"
        assert taker is not None
        on = frozenset(self.envelope.live(taker[1], self.now)) if taker[1] else frozenset[int]()
        self.envelope.give(
            number, held.number, *taker, wish.role, by.unit, self.now, [box], wish.division, on
        )  # fmt: skip

    def delegator(self, draw: Draw, held: Holding) -> Seat:
        """A seat in the unit, mostly; that of a deputy too."""
        person = self.administrator(draw, held)
        mine = [
            each
            for each in self.envelope.seats.values()
            if each.person == person or (each.leans and each.unit == held.unit)
        ]
        return draw.choice(mine)

    def admins(self, held: Holding) -> list[str]:
        leaders = [each for each in self.envelope.seats.values() if each.role.endswith("_admin")]
        return [each.person for each in leaders if each.unit == held.unit and each.until > self.now]

    def ruler(self, draw: Draw, held: Holding, verb: str) -> str:
        """Somebody who may, mostly."""
        pool = ("p-1", "p-2", "p-4", "p-15", self.administrator(draw, held))
        may = [each for each in pool if self.envelope.ruled(each, held.number, verb, self.now)]
        return draw.choice((*may, *may, draw.choice(pool)))

    def administrator(self, draw: Draw, held: Holding) -> str:
        """Somebody of the unit, mostly."""
        mine = self.admins(held)
        return draw.choice((*mine, *mine, *mine, *mine, "p-4", "p-2", "p-3")) if mine else draw.choice(("p-2", "p-4"))

    def narrow(self, draw: Draw) -> None:
        held = self.holding(draw)
        if held is None:
            return
        axis = draw.choice(tuple(ANY))
        value = draw.choice((*NARROW[axis], *ANY[axis]))
        self.shrink(self.ruler(draw, held, "narrow"), held, {axis: value} if value is not None else {})

    def shrink(self, person: str, held: Holding, changed: dict[str, Any]) -> None:
        """A narrowing, compared."""
        box, old = held.limits[-1], self.realm.rows.grants[held.number].scope
        said = {name: getattr(old, name) for name in ANY} | changed
        new = area(said["division"], said["cells"], said["operations"], said["data_year"], said["valid_from"], said["valid_until"],
                   said["max_records"], said["households"])  # fmt: skip
        wrong = bool(box.wider(new)) or new == box or max(new.begin, self.now) >= new.until
        wrong |= said["division"] != held.division and self.envelope.unsettled(held, said["division"])
        may = self.envelope.ruled(person, held.number, "narrow", self.now)
        told = attempt(self.realm.rule, person, held.number, "narrow", changed)
        if isinstance(told, refusal.Refusal):
            assert wrong or not may, f"not narrowed although it fits: {told.code}"
            return
        fact, cut = told
        assert may, "narrowed by somebody who may not"
        assert not wrong, "a narrowing that widens, or nothing"
        below = self.envelope.below(held.number)
        fitted = {each for each in below if not box.wider(self.envelope.holdings[each].limits[-1])}
        alive = {each for each in below if self.envelope.alive(each, self.now)}
        held.limits.append(new)
        if said["division"] != held.division:
            held.division, held.edition = said["division"], self.envelope.edition
        unfit = {each for each in fitted if new.wider(self.envelope.holdings[each].limits[-1])}
        assert set(cut) == unfit | {each for each in alive if not self.envelope.alive(each, self.now)}
        assert told_box(fact) == new

    def end(self, draw: Draw) -> None:
        held = self.holding(draw)
        if held is None:
            return
        resting = [each for each in self.envelope.holdings.values() if each.resting(self.now)]
        held = draw.choice((held, *resting))
        quiet, stirred = ("suspend", "suspend", "revoke", "resume"), ("resume", "resume", "resume", "suspend", "revoke")
        verb = draw.choice(stirred if resting else quiet)
        self.stop(self.ruler(draw, held, verb), held, verb)

    def stop(self, person: str, held: Holding, verb: str) -> None:
        """An end, a rest or its end, compared."""
        may, ending = (
            self.envelope.ruled(person, held.number, verb, self.now),
            self.envelope.ending(held.number, self.now),
        )
        told = attempt(self.realm.rule, person, held.number, verb)
        if isinstance(told, refusal.Refusal):
            assert not may, f"no {verb} although it may be: {told.code}"
            return
        _, cut = told
        assert may, f"{verb} by somebody who may not"
        unit = next(iter(self.envelope.live(person, self.now).values())).unit
        if verb == "resume":
            held.rests[-1][1] = self.now
            return
        assert set(cut) == ending, f"cut {cut}, ended {ending}"
        if verb == "revoke":
            held.revoked = self.now
        else:
            held.rests.append([self.now, None, unit])
