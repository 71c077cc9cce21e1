"""Whole lives: people come and go, data are edited, time passes; and what must hold after every step."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from areas import CELLS, OPERATIONS, TOKENS, UNLIMITED, YEARS, inside
from draws import MOVERS, MOVES, TICKS, Draw, attempt
from envelope import Seat
from realm import DAY, HOMES, LEAD, PARENT, tree
from walks import Walk

from authz import refusal
from authz.decision import Permit, Wish
from authz.delegation import Wanted
from authz.grant import GrantRevoked, GrantSuspended
from authz.post import PostAssigned, PostEnded

SEEDS = int(os.environ.get("CONTAINMENT_SEQUENCES", "2000"))
STEPS = 22


STAND_INS = (
    ("p-4", "p-5"),
    ("p-6", "p-7"),
    ("p-6", "p-11"),
    ("p-10", "p-3"),
    ("p-14", "p-6"),
    ("p-4", "p-8"),
    ("p-11", "p-9"),
    ("p-4", "p-11"),
)
LENT: tuple[tuple[Any, Any], ...] = (
    (None, None), (None, None), (None, frozenset(("update",))), (frozenset(("grant.delegate",)), frozenset(("collect", "verify"))),
    (frozenset(("grant.delegate",)), None),
)  # fmt: skip
"""Who stands in for whom, and with how much: acts and operations."""


class Life(Walk):
    """The acts of `Walk`, and those of people and of time."""

    def shrunk(self, facts: Iterable[Any]) -> None:
        """Whatever a change of staff takes away with it; taking away is always allowed."""
        for fact in facts:
            if isinstance(fact, GrantRevoked):
                self.envelope.holdings[fact.grant].revoked = self.now
            elif isinstance(fact, GrantSuspended):
                self.envelope.holdings[fact.grant].rests.append([self.now, None, "u-64-lead"])

    def left(self, number: int, facts: Sequence[Any]) -> None:
        (ended,) = [each for each in facts if isinstance(each, PostEnded)]
        assert ended.subject == number
        until = self.realm.rows.post[number].valid_until
        assert self.now <= until
        self.envelope.seats[number] = self.envelope.seats[number]._replace(until=until)
        self.shrunk(facts)

    def leave(self, draw: Draw) -> None:
        """A post ends, now or soon."""
        numbers = [number for number, each in self.envelope.seats.items() if each.person in MOVERS]
        number, until = draw.choice(numbers), draw.choice((None, self.now + 2 * DAY))
        told = attempt(self.realm.leave, number, until)
        if isinstance(told, refusal.Refusal):
            return
        _, facts = told
        self.left(number, facts)

    def appoint(self, draw: Draw) -> None:
        """Somebody is appointed, often to the post he had."""
        idle = [each for each in MOVERS if not self.envelope.live(each, self.now)]
        person = draw.choice(idle or MOVERS)
        had = [(each.unit, each.role) for each in self.envelope.seats.values() if each.person == person]
        unit, role = draw.choice((*had, *had, draw.choice(MOVES)))
        if unit not in self.envelope.units or self.envelope.live(person, self.now):
            return
        told = attempt(self.realm.appoint, person, unit, role)
        if isinstance(told, refusal.Refusal):
            return
        number, facts = told
        self.seated(number, facts, person, unit, role)

    def seated(self, first: int, facts: Sequence[Any], person: str, unit: str, role: str) -> None:
        ((number, fact),) = [
            (first + place, each) for place, each in enumerate(facts) if isinstance(each, PostAssigned)
        ]
        assert (fact.person_id, fact.post_unit, fact.role) == (person, unit, role)
        begin, until = self.realm.rows.post[number].valid_from, self.realm.rows.post[number].valid_until
        assert begin >= self.now, "employed before the record"
        self.envelope.seats[number] = Seat(number, person, unit, unit.split("-")[1], role, begin, until)

    def transfer(self, draw: Draw) -> None:
        """Somebody changes posts; what was made out to him stays behind, at rest."""
        live = [n for n, each in self.envelope.seats.items() if each.person in MOVERS and each.until > self.now]
        if not live:
            return
        number, (unit, role) = draw.choice(live), draw.choice(MOVES)
        if unit not in self.envelope.units:
            return
        old = self.envelope.seats[number]
        told = attempt(self.realm.transfer, number, unit, role)
        if isinstance(told, refusal.Refusal):
            return
        first, facts = told
        self.left(number, facts)
        self.seated(first, facts, old.person, unit, role)
        for each in self.envelope.holdings.values():
            if (each.person, each.unit, each.role) == (old.person, old.unit, old.role):
                assert each.dead(self.now) or each.over(self.now) or each.resting(self.now), (
                    "what was his own went with him"
                )

    def stand_in(self, draw: Draw) -> None:
        """Somebody stands in for the holder of a post, for a time and within its limits."""
        absent, deputy = draw.choice(STAND_INS)
        base = next(each for each in self.envelope.seats.values() if each.person == absent)
        lent, place = draw.choice(LENT), draw.choice((None, None, None, "640324100201", "64"))
        end = self.now + draw.choice((2, 6)) * DAY
        told = attempt(self.realm.stand_in, base.number, deputy, end, lent, place)
        if isinstance(told, refusal.Refusal):
            return
        number, facts = told
        made = self.realm.rows.post[number]
        mine = self.envelope.live(deputy, self.now)
        assert {each.subject for each in facts if isinstance(each, PostEnded)} == set()
        assert made.valid_until <= base.until
        assert place in (None, *inside(base.division)), "lent beyond the post"
        assert made.rests_on in mine
        acts, operations = lent if lent == (None, None) else (lent[0] or (), lent[1] or frozenset())
        self.envelope.seats[number] = Seat(
            number, deputy, base.unit, place or base.division, base.role, self.now, end,
            (base.number, int(made.rests_on or 0)), operations, acts is None or "grant.delegate" in acts,
        )  # fmt: skip

    def update(self, draw: Draw) -> None:
        """A new edition of the divisions: a place is not any more who it was, and what was given over it waits."""
        if len(self.envelope.changed) > 1:
            return
        edition = f"2027-0{len(self.envelope.changed) + 1}-01"
        self.envelope.edition = edition
        self.envelope.changed[draw.choice(("640324100201", "640324100202", "640324100", "640324101"))] = edition
        self.realm.law = replace(self.realm.law, divisions=tree(edition, self.envelope.changed))

    def wait(self, draw: Draw) -> None:
        self.realm.at += draw.choice((1, 1, 1, 1, 2, 5)) * DAY

    def edit(self, draw: Draw) -> None:
        """A record is written, and counted under every cap above it."""
        for _ in range(6):
            seat, wish = self.wish(draw)
            wish = replace(wish, division=HOMES.get(wish.household or "", wish.division))
            expected = self.envelope.permits(seat, wish, self.now)
            if expected:
                break
        mine = self.envelope.live(seat.person, self.now)
        if wish.household is None or wish.operation in ("verify", "query") or list(mine.values()) != [seat]:
            return
        told = attempt(self.realm.edit, seat.person, wish)
        if isinstance(told, refusal.Refusal):
            return
        fact: Any = told
        assert fact.grant in expected, "edited outside the envelope"
        for link in self.envelope.line(fact.grant):
            cap = min(each.cap for each in link.limits)
            assert (link.number in fact.counted) == (cap < UNLIMITED and wish.household not in link.written)
            if cap < UNLIMITED:
                link.written.add(wish.household)
                assert self.realm.rows.used[link.number] == len(link.written)

    # --- what must hold ---------------------------------------------------------------------------------------------
    def wish(self, draw: Draw) -> tuple[Seat, Wish]:
        """A point of some holding or next to it, and a seat that may use it, or another."""
        seats = list(self.envelope.seats.values())
        wish = Wish(
            draw.choice(OPERATIONS),
            draw.choice(CELLS),
            draw.choice(tuple(PARENT)),
            draw.choice(YEARS),
            draw.choice(TOKENS),
        )
        held = self.holding(draw)
        if held is None:
            return draw.choice(seats), wish
        box, near = held.limits[-1], draw.choice(("", "", "operation", "cell", "division", "year", "household"))
        wish = Wish(
            wish.operation if near == "operation" else draw.choice(sorted(box.operations)),
            wish.cell if near == "cell" else draw.choice(sorted(box.cells)),
            wish.division if near == "division" else draw.choice(sorted(box.places)),
            wish.data_year if near == "year" or not box.years else draw.choice(sorted(box.years)),
            wish.household
            if near == "household" or not box.households
            else draw.choice(sorted(box.households, key=str)),
        )
        mine = [each for each in seats if (each.unit, each.role) == (held.unit, held.role)]
        return draw.choice((*mine, *mine, draw.choice(seats)) if mine else seats), wish

    def check(self, draw: Draw, times: int = 4) -> None:
        """Decisions now, and as of instants that have passed, are those of the envelope."""
        for _ in range(times):
            seat, wish = self.wish(draw)
            past = [each for each in TICKS if each <= self.now]
            self.compare(seat, wish, draw.choice((self.now, self.now, draw.choice(past or [self.now]))))

    def compare(self, seat: Seat, wish: Wish, at: Any) -> None:
        told, expected = (
            self.realm.decided(self.realm.rows.post[seat.number], wish, at),
            self.envelope.permits(seat, wish, at),
        )
        if not isinstance(told, Permit):
            self.refusals += 1
            if told == "scope_needs_confirmation":
                known = self.envelope.holdings
                assert any(self.envelope.waits(each, wish.division) for each in known if known[each].unit == seat.unit)
            assert not expected, f"{told} although {expected} hold {wish} for {seat} at {at}"
            return
        self.permits += 1
        assert told.grant.number in expected, f"escape: {told.grant.number} {wish} for {seat} at {at}"
        line = self.envelope.line(told.grant.number)
        assert [each.number for each in told.chain] == [each.number for each in line]
        root = told.chain[0]
        assert root.parent is None
        assert (root.origin, root.document is not None) in (("request", True), ("unified", False))
        assert root.window is None or root.window in self.envelope.openings
        assert told.rule.startswith("roles.csv:")

    def descend(self) -> None:
        """Five times the whole of what was just made, from hand to hand in the county's office."""
        for _ in range(5):
            mine = [each for each in self.envelope.holdings.values() if each.unit == LEAD]
            if not mine:
                return
            held = mine[-1]
            box, cap = held.limits[-1], held.limits[-1].cap
            wish = Wanted(LEAD, "county_clerk", held.division, box.cells, box.operations, box.begin, box.until)
            told = attempt(self.realm.delegate, "p-2", held.number, wish)
            if isinstance(told, refusal.Refusal):
                return
            made = box._replace(begin=max(box.begin, self.now), cap=cap)
            self.envelope.give(told[0], held.number, LEAD, None, "county_clerk", LEAD, self.now, [made], held.division)

    def step(self, draw: Draw) -> None:
        getattr(self, draw.choice(WEIGHTED))(draw)
        self.check(draw)


ACTS = {
    "ask": 2,
    "open": 2,
    "close": 1,
    "delegate": 16,
    "narrow": 4,
    "end": 6,
    "transfer": 1,
    "leave": 1,
    "appoint": 2,
    "stand_in": 2,
    "update": 1,
    "wait": 2,
    "edit": 9,
}
"""Every act with its weight; a new act is a method and a line here."""
WEIGHTED = tuple(name for name, weight in ACTS.items() for _ in range(weight))


DEEP = 6
"""One life in so many begins with a chain that is as long as a chain may be, or nearly."""


def walk(seed: int, steps: int = STEPS) -> Life:
    """One life from a seed; it begins with something to hand on."""
    draw, life = random.Random(seed), Life()  # noqa: S311 a life is drawn, not a key
    life.open(draw)
    life.ask(draw)
    if seed % DEEP == 0:
        life.descend()
    for _ in range(steps):
        life.step(draw)
    return life
