"""Acts of the land: new editions, the confirmations after them, and the moves of households, each compared as it happens."""

from __future__ import annotations

from typing import Any

from draws import Draw
from envelope import Holding, Seat
from lands import EDITIONS, KINDS, USUAL, VILLAGE_DIGITS, Drafted, Land
from realm import HOMES, PEOPLE
from walks import Walk

from authz import refusal
from authz.confirmation import GrantConfirmed, UnitConfirmed

CONFIRMERS = ("region_approver", "county_admin", "township_admin")
SPEAKERS = ("county_admin", "township_admin")
"""Who confirms grants, and who speaks for the households of a place (roles.csv, said again)."""


class Shifts(Walk):
    """The acts of administrators, and those of the land."""

    # --- editions ---------------------------------------------------------------------------------------------------
    def update(self, draw: Draw) -> None:
        """A new edition: one or two things change. What was given waits for a person wherever a place became another."""
        land = self.envelope.land
        place = EDITIONS.index(land.edition) + 1
        if place == len(EDITIONS) or len(land.of(VILLAGE_DIGITS)) < 3:
            return
        kind, drafted = draw.choice(USUAL), Drafted(land, EDITIONS[place])
        idle = sorted({each.division for each in self.envelope.holdings.values()} - set(land.parent))
        if idle and draw.choice((True, False)):
            kind = "founded"
            drafted.refound(draw, idle)
        else:
            KINDS[kind](drafted, draw)
        made = drafted.made()
        if self.lost_home(made):
            return
        by = draw.choice((("p-17", "p-1"),) * 5 + (("p-1", "p-17"), ("p-17", "p-17"), ("p-2", "p-1")))
        told = self.take(f"update {kind}", self.realm.update, made, drafted, by)
        if isinstance(told, refusal.Refusal):
            assert by != ("p-17", "p-1"), f"refused although it fits: {told.code}"
            return
        assert by == ("p-17", "p-1"), "an edition by one hand"
        homes = self.envelope.homes
        self.envelope.land = made
        self.envelope.homes = {token: made.home(home) for token, home in homes.items()}
        for _ in range(draw.choice((0, 1, 2, 4))):
            self.carry(draw)
            self.confirm(draw)

    def lost_home(self, made: Land) -> bool:
        """Whether the edition gives a code to others that somebody's household is on record under."""
        kept = [each.division for each in self.realm.rows.households.values()]
        return any(made.changed.get(code) == made.edition and code not in self.envelope.land.parent and code in self.envelope.land.seen
                   for code in kept)  # fmt: skip

    # --- confirmations ----------------------------------------------------------------------------------------------
    def confirm(self, draw: Draw) -> None:
        """A grant goes on under the edition in force, where somebody says who may say it."""
        known = list(self.envelope.holdings.values())
        waiting = [each for each in known if each.edition < self.envelope.land.edition and self.envelope.touched(each)]
        if not known:
            return
        held, land = draw.choice((*waiting, *waiting, draw.choice(known))), self.envelope.land
        pool = ("p-1", "p-2", "p-4", "p-15", self.administrator(draw, held))
        may = [each for each in pool if self.confirmer(each, held) is not None]
        person = draw.choice((*may, *may, *may, draw.choice(pool)))
        heirs = sorted(land.heirs(held.division)) or [held.division]
        asked = draw.choice((None, None, held.division, *heirs, draw.choice(sorted(land.parent))))
        way = draw.choice(("fitting", "fitting", "tempting", ""))
        if way:
            held, person, asked = self.offered(draw, pool, waiting, fits=way == "fitting") or (held, person, asked)
        name = "confirm" if held.division in land.parent else "confirm elsewhere"
        told = self.take(name, self.realm.confirm, person, held.number, asked)
        if isinstance(told, refusal.Refusal):
            place = asked or (held.division if held.division in land.parent else None)
            emptied = place is not None and told.code == "wider_than_held" and land.hollow(place)
            assert place is None or emptied or not self.goes_on(person, held, place), (
                f"not confirmed although it fits: {told.code}"
            )
            return
        _, (fact,) = told
        assert isinstance(fact, GrantConfirmed)
        assert (fact.left, fact.edition) == (held.division, land.edition)
        assert self.goes_on(person, held, fact.division), f"confirmed at {fact.division} by {person}, who may not"
        assert asked in (None, fact.division)
        self.envelope.settle(held, fact.division)

    def offered(
        self, draw: Draw, pool: tuple[str, ...], waiting: list[Holding], *, fits: bool
    ) -> tuple[Holding, str, str | None] | None:
        """One that may be confirmed, by whom and where; or one that may not, although everything above it reaches there."""
        land, found = self.envelope.land, list[tuple[Holding, str, str | None]]()
        for held in waiting:
            higher = self.envelope.line(held.number)[:-1]
            heirs = {outer for each in land.heirs(held.division) for outer in land.above(each)}
            places = [
                each for each in (held.division, *sorted(heirs)) if all(self.envelope.reaches(h, each) for h in higher)
            ]
            able = [each for each in pool if places and self.confirmer(each, held) is not None]
            found += [(held, who, each) for who in able for each in places if self.goes_on(who, held, each) is fits]
        gone = [each for each in found if each[0].division not in land.parent]
        return draw.choice((*gone, *gone, *gone, *found)) if found else None

    def confirmer(self, person: str, held: Holding) -> Seat | None:
        """The seat in which this person may confirm it: that of the region, or of a unit that handed it on, or on it."""
        mine = list(self.envelope.live(person, self.now).values())
        if len(mine) != 1 or mine[0].role not in CONFIRMERS or held.dead(self.now) or held.over(self.now):
            return None
        issuers = [each.issuer for each in self.envelope.line(held.number)]
        within = self.envelope.oversees(mine[0], held.division)
        return mine[0] if within and (mine[0].role == "region_approver" or mine[0].unit in issuers) else None

    def goes_on(self, person: str, held: Holding, place: str) -> bool:
        """Whether this person may say that the holding goes on at this place: it touches an edition, the place lies in what
        was held or became of it, it is no more ground than was held unless the region says so, and all above reach it."""
        by, land = self.confirmer(person, held), self.envelope.land
        if by is None or place not in land.parent or not self.envelope.touched(held) or held.edition == land.edition:
            return False
        region, higher = by.role == "region_approver", self.envelope.line(held.number)[:-1]
        if held.division in land.parent:
            fits = place in land.inside(held.division) and (region or not land.grown(held.division, held.edition))
        else:
            within = any(place in land.inside(each) for each in land.heirs(held.division))
            own = bool(land.ground(place)) and land.ground(place) <= held.ground
            fits = (within or own) if region else own
        return fits and all(self.envelope.reaches(each, place) for each in higher)

    def carry(self, draw: Draw) -> None:
        """A unit of an abolished place goes on in what took its place, with the people employed there."""
        land, units = self.envelope.land, self.envelope.units
        gone = sorted(unit for unit, place in units.items() if place not in land.parent)
        unit = draw.choice((*gone, *gone, *gone, draw.choice(sorted(units))))
        old = units[unit]
        found = sorted({outer for each in land.heirs(old) for outer in land.above(each) if len(outer) == len(old)})
        asked = draw.choice((None, None, *found, draw.choice(sorted(land.parent))))
        person = draw.choice(("p-17", "p-17", "p-17", "p-2"))
        told = self.take("carry", self.realm.carry, person, unit, asked)
        fits = person == "p-17" and unit in gone and (asked in found or (asked is None and len(found) == 1))
        if isinstance(told, refusal.Refusal):
            assert not fits, f"not carried although it fits: {told.code}"
            return
        _, (fact,) = told
        assert fits, "carried where its people did not go"
        assert isinstance(fact, UnitConfirmed)
        units[unit] = fact.division
        for number, seat in self.envelope.seats.items():
            if (seat.unit, seat.division) == (unit, old) and seat.until > self.now:
                self.envelope.seats[number] = seat._replace(division=fact.division)

    # --- households -------------------------------------------------------------------------------------------------
    def speaks(self, person: str, place: str) -> bool:
        """Whether this person speaks for the households of a place."""
        mine = self.envelope.live(person, self.now).values()
        return any(each.role in SPEAKERS and self.envelope.oversees(each, place) for each in mine)

    def spokesman(self, draw: Draw, place: str) -> str:
        able = [each for each in PEOPLE if place and self.speaks(each, place)]
        return draw.choice((*able, *able, draw.choice(("p-2", "p-4", "p-8", "p-15", "p-16", "p-9"))))

    def move(self, draw: Draw) -> None:
        """A household is to live elsewhere; nothing changes before the other side accepts."""
        land, token = self.envelope.land, draw.choice(tuple(HOMES))
        home, to = self.envelope.homes[token], draw.choice(land.of(VILLAGE_DIGITS))
        person = self.spokesman(draw, draw.choice((home, to)))
        told = self.take("move", self.realm.ask_move, person, token, to)
        if not isinstance(told, refusal.Refusal):
            assert not home or self.speaks(person, home) or self.speaks(person, to), "asked by neither side"
        self.at_home()

    def accept(self, draw: Draw) -> None:
        """The side that did not ask takes it over or lets it go; one human being is never both."""
        moving = [each for each in self.realm.rows.households.values() if each.moving_to is not None]
        if not moving:
            return
        known = draw.choice(moving)
        asker, home, to = (
            str(known.move_asked_by),
            self.envelope.homes[known.token],
            self.envelope.land.home(str(known.moving_to)),
        )
        person = self.spokesman(draw, draw.choice((home, to, to)))
        told = self.take("accept", self.realm.accept_move, person, known.token)
        if isinstance(told, refusal.Refusal):
            self.at_home()
            return
        assert not self.hands(asker) & self.hands(person), "one human being on both sides"
        asked = {side for side in (home, to) if side and self.speaks(asker, side)}
        missing = [{home, to} - {side} for side in asked] or [{home, to}]
        assert any(all(not side or self.speaks(person, side) for side in each) for each in missing), (
            f"moved without the consent of one of {missing}"
        )
        self.envelope.homes[known.token] = to
        self.at_home()

    def hands(self, person: str) -> set[str]:
        """The human beings whose hand this person's is in the seat he sits in."""
        seats = self.envelope.live(person, self.now).values()
        others = {self.envelope.seats[each].person for seat in seats if len(seats) == 1 for each in seat.leans}
        return {PEOPLE[each][0] for each in (person, *others)}

    def at_home(self) -> None:
        """Every household is where people agreed that it lives."""
        for token, home in self.envelope.homes.items():
            recorded: Any = self.realm.rows.households[token].division
            assert self.envelope.land.home(recorded) == home, f"{token} is at {recorded}, but lives at {home}"
