"""What must hold after every step: decisions are those of the envelope, on ground that somebody gave."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from areas import CELLS, OPERATIONS, TOKENS, YEARS
from draws import TICKS, Draw
from envelope import Seat
from lands import VILLAGE_DIGITS
from shifts import Shifts

from authz.decision import Permit, Wish

NEAR = ("", "", "operation", "cell", "division", "year", "household")


@cache
def ordered(pool: Iterable[Any]) -> tuple[Any, ...]:
    """A set in an order of its own, for choices that a seed repeats."""
    return tuple(sorted(pool, key=str))


class Verdicts(Shifts):
    """The acts, and the questions asked after each."""

    def wish(self, draw: Draw, of: Seat | None = None) -> tuple[Seat, Wish]:
        """A point of some holding (of a seat) or next to it, and a seat that may use it, or another."""
        land, seats, held = self.envelope.land, tuple(self.envelope.seats.values()), self.holding(draw)
        if of is not None:
            own = [each for each in self.envelope.holdings.values() if (each.unit, each.role) == (of.unit, of.role)]
            held = draw.choice(own) if own else held
        if held is None:
            point = (draw.choice(each) for each in (OPERATIONS, CELLS, land.codes, YEARS, TOKENS))
            return draw.choice(seats), Wish(*point)
        box, near = held.limits[-1], draw.choice(NEAR)
        wish = Wish(
            draw.choice(OPERATIONS if near == "operation" else ordered(box.operations)),
            draw.choice(CELLS if near == "cell" else ordered(box.cells)),
            draw.choice(land.codes if near == "division" else ordered(land.inside(held.division)) or (held.division,)),
            draw.choice(YEARS if near == "year" or not box.years else ordered(box.years)),
            draw.choice(TOKENS if near == "household" or not box.households else ordered(box.households)),
        )
        mine = [each for each in seats if (each.unit, each.role) == (held.unit, held.role)]
        return draw.choice(mine if mine and draw.choice((True, True, False)) else seats), wish

    def check(self, draw: Draw, times: int = 4) -> None:
        """Decisions now, and as of instants that have passed, are those of the envelope."""
        past = [each for each in TICKS if each <= self.now] or [self.now]
        for _ in range(times):
            seat, wish = self.wish(draw)
            self.compare(seat, wish, draw.choice((self.now, self.now, draw.choice(past))))

    def compare(self, seat: Seat, wish: Wish, at: Any) -> None:
        told, expected = (
            self.realm.decided(self.realm.rows.post[seat.number], wish, at),
            self.envelope.permits(seat, wish, at),
        )
        if not isinstance(told, Permit):
            self.refusals += 1
            self.vacated += told == "vacated"
            if told == "scope_needs_confirmation":
                known = [each for each in self.envelope.holdings.values() if each.unit == seat.unit]
                late = any(
                    link.edition < self.envelope.land.edition
                    for each in known
                    for link in self.envelope.line(each.number)
                )
                assert late or seat.division not in self.envelope.land.parent, "waits although nothing changed"
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
        if len(wish.division) == VILLAGE_DIGITS:
            there = self.envelope.land.ground(wish.division)
            assert all(there <= each.ground for each in line), f"escape: {wish.division} is ground that nobody gave"
