"""Whole lives: people come and go, data are edited, time passes; and what must hold after every step."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from areas import UNLIMITED
from draws import MOVERS, MOVES, Draw, attempt
from envelope import Seat
from realm import DAY, LEAD, TOWN
from verdicts import Verdicts

from authz import refusal
from authz.delegation import Wanted
from authz.grant import GrantRevoked, GrantSuspended
from authz.post import FAR, PostAssigned, PostEnded

SEEDS = int(os.environ.get("CONTAINMENT_SEQUENCES", "2000"))
STEPS = 28


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


class Life(Verdicts):
    """The acts on paper, of administrators and of the land, and those of people and of time."""

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
        told = self.take("leave", self.realm.leave, number, until)
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
        told = self.take("appoint", self.realm.appoint, person, unit, role)
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
        self.envelope.seats[number] = Seat(number, person, unit, self.envelope.units[unit], role, begin, until)

    def transfer(self, draw: Draw) -> None:
        """Somebody changes posts; what was made out to him stays behind, at rest."""
        live = [n for n, each in self.envelope.seats.items() if each.person in MOVERS and each.until > self.now]
        if not live:
            return
        number, (unit, role) = draw.choice(live), draw.choice(MOVES)
        if unit not in self.envelope.units:
            return
        old, successor = self.envelope.seats[number], draw.choice((None, None, *MOVERS))
        name = "transfer" if successor is None else "transfer to a successor"
        told = self.take(name, self.realm.hand_over, number, unit, role, successor)
        if isinstance(told, refusal.Refusal):
            return
        first, facts = told
        self.left(number, facts)
        self.seated(first, facts, old.person, unit, role)
        for each in self.envelope.holdings.values():
            mine = (each.person, each.unit, each.role) == (old.person, old.unit, old.role)
            if mine and number in each.on:
                assert each.dead(self.now) or each.over(self.now) or each.resting(self.now), (
                    "what was his own went with him"
                )

    def stand_in(self, draw: Draw) -> None:
        """Somebody stands in for the holder of a post, for a time and within its limits."""
        absent, deputy = draw.choice(STAND_INS)
        base = next(each for each in self.envelope.seats.values() if each.person == absent)
        lent, place = draw.choice(LENT), draw.choice((None, None, None, "640324100201", "64"))
        end = self.now + draw.choice((2, 6)) * DAY
        told = self.take("stand_in", self.realm.stand_in, base.number, deputy, end, lent, place)
        if isinstance(told, refusal.Refusal):
            return
        number, facts = told
        made = self.realm.rows.post[number]
        mine = self.envelope.live(deputy, self.now)
        assert {each.subject for each in facts if isinstance(each, PostEnded)} == set()
        assert made.valid_until <= base.until
        assert place in (None, *self.envelope.land.inside(base.division)), "lent beyond the post"
        assert made.rests_on in mine
        acts, operations = lent if lent == (None, None) else (lent[0] or (), lent[1] or frozenset())
        self.envelope.seats[number] = Seat(
            number, deputy, base.unit, place or base.division, base.role, self.now, end,
            (base.number, int(made.rests_on or 0)), operations, acts is None or "grant.delegate" in acts,
        )  # fmt: skip

    def stand_down(self, draw: Draw) -> None:
        """A deputyship ends early: by the deputy, by whom he stands in for, or by an administrator."""
        known = [each for each in self.envelope.seats.values() if each.leans and each.until > self.now]
        if not known:
            return
        seat = draw.choice(known)
        person = draw.choice(("p-2", "p-2", self.envelope.seats[seat.leans[0]].person, "p-3", "p-16"))
        told = self.take("stand_down", self.realm.stand_down, person, seat.number)
        if not isinstance(told, refusal.Refusal):
            mine = (seat.person, self.envelope.seats[seat.leans[0]].person)
            assert person in mine or person not in ("p-3", "p-16"), "ended by a stranger"
            seat = seat._replace(until=self.now)
            self.envelope.seats[seat.number] = seat
            for _ in range(4):
                self.compare(seat, self.wish(draw, seat)[1], self.now)

    def void(self, draw: Draw) -> None:
        """Somebody's tokens are void: he does nothing until he signs in anew, and then neither more nor less than before."""
        person = draw.choice(("p-2", "p-4", "p-6", "p-8"))
        if self.realm.tokens.get(person) == int(self.now.timestamp()):
            return  # a token of the very second is none from before
        since = self.realm.void(person)
        assert isinstance(self.take("void", self.realm.scene, person), refusal.Stranger), "a void token still acts"
        self.realm.tokens[person] = since
        self.take("void", lambda: self.realm.scene(person, next(iter(self.envelope.live(person, self.now)), None)))

    def wait(self, draw: Draw) -> None:
        self.realm.at += draw.choice((*(1, 1, 1, 1, 2, 5) * 4, 88)) * DAY

    def edit(self, draw: Draw) -> None:
        """A record is written, and counted under every cap above it."""
        for _ in range(6):
            seat, wish = self.wish(draw)
            home = self.envelope.homes.get(wish.household or "") or wish.division
            wish = replace(wish, division=draw.choice((home, home, home, home, wish.division)))
            expected = self.envelope.permits(seat, wish, self.now)
            if expected:
                break
        mine = self.envelope.live(seat.person, self.now)
        if wish.household is None or wish.operation in ("verify", "query") or list(mine.values()) != [seat]:
            return
        told = self.take("edit", self.realm.edit, seat.person, wish)
        if isinstance(told, refusal.Refusal):
            return
        fact: Any = told
        assert fact.grant in expected, "edited outside the envelope"
        home = self.envelope.homes.setdefault(wish.household, wish.division)
        assert home == wish.division, f"edited at {wish.division} although the household lives at {home}"
        for link in self.envelope.line(fact.grant):
            cap = min(each.cap for each in link.limits)
            assert (link.number in fact.counted) == (cap < UNLIMITED and wish.household not in link.written)
            if cap < UNLIMITED:
                link.written.add(wish.household)
                assert self.realm.rows.used[link.number] == len(link.written)

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

    def entrust(self, draw: Draw) -> None:
        """The county makes a part out to the township's administrator himself, he hands it on to a village, and leaves."""
        village = "640324100201"
        mine = [each for each in self.envelope.holdings.values() if (each.unit, each.role) == (LEAD, "county_admin")]
        for person, taker, role, place in (
            ("p-2", "p-4", "township_admin", TOWN), ("p-4", f"u-{village}-village", "village_collector", village),
        ):  # fmt: skip
            known = {*self.envelope.holdings}
            if mine and place in self.envelope.land.inside(mine[-1].division):
                held, box = mine[-1], mine[-1].limits[-1]
                seats = [each for each in self.envelope.seats.values() if each.person == person]
                self.hand(seats[0], held, Wanted(taker, role, place, box.cells, box.operations, box.begin, box.until))
            mine = [each for number, each in self.envelope.holdings.items() if number not in known]
        if mine:
            self.entrusted(draw, next(n for n, each in self.envelope.seats.items() if each.person == "p-4"))

    def entrusted(self, draw: Draw, number: int) -> None:
        """He leaves now, soon, or not at all; the village is asked at once, and about the days to come."""
        until = draw.choice((None, self.now + 2 * DAY, self.now + 4 * DAY, FAR))
        if until != FAR:
            told = self.take("leave", self.realm.leave, number, until)
            if not isinstance(told, refusal.Refusal):
                self.left(number, told[1])
        seat = next(each for each in self.envelope.seats.values() if each.person == "p-6")
        for days in (0, 1, 2, 3, 4, 6):
            self.compare(seat, self.wish(draw, seat)[1], self.now + days * DAY)

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
    "stand_down": 1,
    "void": 1,
    "update": 3,
    "confirm": 7,
    "carry": 1,
    "move": 2,
    "accept": 3,
    "repeat": 1,
    "forbid": 1,
    "wait": 2,
    "edit": 9,
}
"""Every act with its weight; a new act is a method and a line here."""
WEIGHTED = tuple(name for name, weight in ACTS.items() for _ in range(weight))


DEEP, ENTRUSTED = 6, 3
"""One life in so many begins with a chain that is as long as a chain may be, or nearly; and one, with a grant that was
made out to somebody who handed it on."""


def walk(seed: int, steps: int = STEPS) -> Life:
    """One life from a seed; it begins with something to hand on."""
    draw, life = random.Random(seed), Life()  # noqa: S311 a life is drawn, not a key
    life.open(draw)
    life.ask(draw)
    if seed % DEEP == 0:
        life.descend()
    if seed % DEEP == ENTRUSTED:
        life.entrust(draw)
    for _ in range(steps):
        life.step(draw)
    return life
