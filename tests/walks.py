"""Lives of a small country: acts at random, each compared with the envelope, and decisions asked after every one.

An act is one method that draws what it needs; `ACTS` lists them with their weights. The same walk is driven by
hypothesis (which shrinks) and by a seeded generator (which is fast).
"""

from __future__ import annotations

from typing import Any

from areas import area, inside
from draws import ANY, LISTS, NARROW, SEATS, Draw, division_of, parts, told_box
from envelope import Holding, Seat
from papers import Papers

from authz import refusal
from authz.delegation import Wanted
from authz.grant import GrantIssued


class Walk(Papers):
    """The acts on paper, and those by which grants are handed on, narrowed, put to rest and ended."""

    def wanted(self, draw: Draw, held: Holding) -> Wanted:
        """A part of what is held, often with one axis out of line."""
        land = self.envelope.land
        mine = [each for each in SEATS if division_of(each[0]) in inside(division_of(held.unit))]
        box, lies = (
            held.limits[-1],
            sorted(land.inside(held.division)) or [held.division, *sorted(land.heirs(held.division))],
        )
        seat = draw.choice((*mine, *mine, *mine, draw.choice(SEATS)))
        whole = {
            "division": draw.choice(lies), "cells": draw.choice(parts(box.cells)),
            "operations": draw.choice((box.operations, box.operations, *parts(box.operations))), "valid_from": box.begin, "valid_until": box.until,
            "data_year": None, "max_records": None, "households": LISTS[2] if seat[1] == "assistance_person" else None,
        }  # fmt: skip
        for axis in draw.choice(((), (), ("division",), ("cells",), ("operations",), ("data_year",), ("max_records",), ("households",),
                                 ("valid_from", "valid_until"), ("data_year", "households"))):  # fmt: skip
            whole[axis] = draw.choice(ANY[axis] if axis != "division" else tuple(sorted(land.seen)))
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
        told = self.take("delegate", self.realm.delegate, by.person, held.number, wish, by.number)
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
        lies, moved = self.envelope.land.inside, said["division"] != held.division
        axes = box.wider(new, lies) - (set() if moved else {"division"})
        wrong = bool(axes) or new == box or max(new.begin, self.now) >= new.until
        wrong |= moved and not self.envelope.reaches(held, said["division"])
        may = self.envelope.ruled(person, held.number, "narrow", self.now)
        told = self.take("narrow", self.realm.rule, person, held.number, "narrow", changed)
        if isinstance(told, refusal.Refusal):
            assert wrong or not may, f"not narrowed although it fits: {told.code}"
            return
        fact, cut = told
        assert may, "narrowed by somebody who may not"
        assert not wrong, "a narrowing that widens, or nothing"
        below = self.envelope.below(held.number)
        fitted = {each for each in below if not box.wider(self.envelope.holdings[each].limits[-1], lies)}
        alive = {each for each in below if self.envelope.alive(each, self.now)}
        held.limits.append(new)
        if moved:
            self.envelope.settle(held, said["division"])
        unfit = {each for each in fitted if new.wider(self.envelope.holdings[each].limits[-1], lies)}
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
        told = self.take(verb, self.realm.rule, person, held.number, verb)
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
