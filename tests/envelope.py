"""The envelope: what authority there is, written from the notice and from nothing else.

Authority is a set of points (place, cell, operation, data year, household, instant). The region gives some; whoever
holds some hands on a part of it; whatever is taken away is taken from everything below. No code of `authz` is used
here: places are walked by the parents of the edition in force (`lands.py`), limits are plain sets, instants are compared
once, below. Beside the codes stand the hamlets: what was given is ground, and no edition makes it more ground.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from areas import ABLE, ADMINISTRATORS, DEEPEST, READING, SEATED, Area, area
from lands import Land, first
from realm import HOMES, PEOPLE


@dataclass
class Holding:
    """A box in somebody's hands. What was narrowed later is a further box; authority is inside all of them. What was made
    out to a person is `on` the posts he had then, and on no later one."""

    number: int
    parent: int | None
    unit: str
    person: str | None
    role: str
    issuer: str
    issued: datetime
    limits: list[Area]
    division: str
    on: frozenset[int] = frozenset()
    edition: str = ""
    ground: frozenset[str] = frozenset()
    revoked: datetime | None = None
    rests: list[list[Any]] = field(default_factory=list)
    written: set[str] = field(default_factory=set)

    def dead(self, at: datetime) -> bool:
        return self.revoked is not None and self.revoked <= at

    def resting(self, at: datetime) -> bool:
        return any(begin <= at and (end is None or at < end) for begin, end, _ in self.rests)

    def running(self, at: datetime) -> bool:
        return self.issued <= at and all(each.begin <= at < each.until for each in self.limits)

    def over(self, at: datetime) -> bool:
        return any(at >= each.until for each in self.limits)

    def has(self, wish: Any) -> bool:
        """Whether the wish is a point of every box, the place left aside."""
        return all(
            wish.cell in each.cells and wish.operation in each.operations
            and wish.data_year in each.years and wish.household in each.households
            for each in self.limits
        )  # fmt: skip

    def room(self, wish: Any) -> bool:
        """Whether one more household may be written under it."""
        counted = wish.household is not None and wish.operation not in READING
        return (
            not counted or wish.household in self.written or all(len(self.written) < each.cap for each in self.limits)
        )


class Seat(NamedTuple):
    """A post as it is known: who, where, as what, from when until when; a deputyship leans on two others, and may be lent
    for some operations only."""

    number: int
    person: str
    unit: str
    division: str
    role: str
    begin: datetime
    until: datetime
    leans: tuple[int, ...] = ()
    operations: frozenset[str] | None = None
    may_delegate: bool = True
    """Of a deputyship only: whether handing on was lent."""


class Envelope:
    """All holdings and seats. Numbers are those of the record, so that answers can be compared."""

    def __init__(self, begin: datetime, until: datetime) -> None:
        self.holdings: dict[int, Holding] = {}
        self.land: Land = first()
        self.homes = dict(HOMES)
        self.forbidden: dict[str, frozenset[tuple[str, str]]] = {}
        self.openings: dict[int, tuple[list[int], datetime]] = {}
        self.seats = {
            number: Seat(number, person, unit, unit.split("-")[1], role, begin, until)
            for number, (person, (_, unit, role)) in enumerate(PEOPLE.items(), start=1)
        }
        self.units = {unit: unit.split("-")[1] for _, unit, _ in PEOPLE.values()}

    def line(self, number: int | None) -> list[Holding]:
        """The holding and what it came from, the region's first."""
        found: list[Holding] = []
        while number is not None:
            found.insert(0, self.holdings[number])
            number = found[0].parent
        return found

    def sits(self, seat: Seat, at: datetime) -> bool:
        """Whether the seat is live: a deputyship only while both seats it leans on are."""
        return seat.begin <= at < seat.until and all(self.sits(self.seats[each], at) for each in seat.leans)

    def live(self, person: str, at: datetime) -> dict[int, Seat]:
        return {number: each for number, each in self.seats.items() if each.person == person and self.sits(each, at)}

    def alive(self, number: int, at: datetime) -> bool:
        return all(
            each.running(at) and not each.dead(at) and not each.resting(at)
            and (each.person is None or each.number == number or self.manned(each, at))
            for each in self.line(number)
        )  # fmt: skip

    def manned(self, held: Holding, at: datetime) -> bool:
        """Whether he whom it was made out to sits, in that unit and role, where he sat then."""
        seats = [self.seats[each] for each in held.on]
        return any((each.unit, each.role) == (held.unit, held.role) and self.sits(each, at) for each in seats)

    def give(self, *told: Any) -> None:
        """A holding of the present edition."""
        made = Holding(*told)
        self.settle(made, made.division)
        self.holdings[made.number] = made

    def settle(self, held: Holding, place: str) -> None:
        """The holding is at this place as the edition in force knows it: from here on that is its ground."""
        held.division, held.edition, held.ground = place, self.land.edition, self.land.ground(place)
        held.limits = [each._replace(division=place) for each in held.limits]

    def reaches(self, link: Holding, place: str) -> bool:
        """Whether the place lies in it now and nothing on the way down has become somebody else since it was given."""
        way = [each for each in self.land.above(place) if link.division in self.land.above(each)]
        return bool(way) and all(self.land.changed.get(each, "") <= link.edition for each in way)

    def waits(self, link: Holding, place: str) -> bool:
        """Whether somebody has to confirm it first: it stands no more, or something on the way down is another now."""
        lost = link.division not in self.land.parent
        return lost or (link.division in self.land.above(place) and not self.reaches(link, place))

    def touched(self, held: Holding) -> bool:
        """Whether an edition has changed anything in it since it was given."""
        lies = self.land.inside(held.division)
        return not lies or any(self.land.changed.get(each, "") > held.edition for each in lies)

    def barred(self, role: str, act: str, place: str) -> bool:
        """Whether a county forbids its own people what the region lets them do."""
        return any((role, act) in self.forbidden.get(each, ()) for each in self.land.above(place))

    # --- who may do what --------------------------------------------------------------------------------------------
    def permits(self, seat: Seat, wish: Any, at: datetime) -> set[int]:
        """The holdings by which this seat may do it."""
        lent = not seat.leans or (
            wish.division in self.land.inside(seat.division)
            and (seat.operations is None or wish.operation in seat.operations)
        )
        able = self.sits(seat, at) and seat.division in self.land.parent and lent
        able = able and wish.operation in ABLE.get(seat.role, {}).get(wish.cell, ())
        if not able or self.barred(seat.role, f"{wish.operation} {wish.cell}", wish.division):
            return set()
        return {
            number for number, each in self.holdings.items()
            if (each.unit, each.role) == (seat.unit, seat.role) and (each.person is None or seat.number in each.on)
            and self.alive(number, at)
            and all(self.reaches(link, wish.division) and link.has(wish) and link.room(wish) for link in self.line(number))
        }  # fmt: skip

    def inherited(self, wish: Any, parent: int, now: datetime) -> Area:
        """The box a delegation would be: what is not said is what the line leaves over, and nothing begins before now."""
        boxes = [each for link in self.line(parent) for each in link.limits]
        made = area(
            wish.division, wish.cells, wish.operations, wish.data_year, max(wish.valid_from, now), wish.valid_until,
            wish.max_records, wish.households,
        )  # fmt: skip
        if wish.data_year is None:
            made = made._replace(years=frozenset.intersection(*(each.years for each in boxes)))
        if wish.households is None:
            made = made._replace(households=frozenset.intersection(*(each.households for each in boxes)))
        return made._replace(cap=min(each.cap for each in boxes)) if wish.max_records is None else made

    def faults(self, by: Seat, parent: int, wish: Any, now: datetime) -> tuple[set[str], set[str]]:
        """What forbids a delegation in this seat: why nobody could mend it, and the axes on which it is too wide."""
        held, land = self.holdings[parent], self.land
        if not self.sits(by, now):
            return {"post"}, set()
        box = self.inherited(wish, parent, now) if wish.division in land.parent else None
        if box is None:
            return {"place"}, set()
        wrong = {
            "right": by.role not in ADMINISTRATORS or not self.oversees(by, held.division, "delegate grant")
            or not by.may_delegate,
            "holder": by.unit != held.unit or (held.person is not None and by.number not in held.on),
            "state": not self.alive(parent, now),
            "edition": any(self.waits(link, wish.division) for link in self.line(parent)),
            "empty": box.begin >= box.until, "list": wish.role == "assistance_person" and None in box.households,
            "seat": self.seat_for(wish, by, now) is None,
        }  # fmt: skip
        listed = [self.homes[token] for token in wish.households or () if token in self.homes]
        beyond = {
            "operations": by.operations is not None and not box.operations <= by.operations,
            "division": bool(by.leans) and wish.division not in land.inside(by.division), "data_year": not box.years,
            "household_division": any(home not in land.inside(wish.division) for home in listed),
            "depth": len(self.line(parent)) >= DEEPEST,
        }  # fmt: skip
        axes = {axis for link in self.line(parent) for each in link.limits for axis in each.wider(box, land.inside)}
        return {each for each in wrong if wrong[each]}, axes | {each for each in beyond if beyond[each]}

    def oversees(self, by: Seat, place: str, act: str | None = None) -> bool:
        """Whether the place, or one that answers for an abolished one, lies in the seat's own, which has to stand; and,
        if an act is named, no county on the way forbids it."""
        mine = self.land.seats(place) & self.land.inside(by.division)
        return any(act is None or not self.barred(by.role, act, each) for each in mine)

    def seat_for(self, wish: Any, by: Seat, now: datetime) -> tuple[str, str | None] | None:
        """Unit and person a delegation would go to; None if it cannot."""
        if wish.holder.startswith("u-"):
            division, kind = self.units.get(wish.holder, ""), wish.holder.split("-")[2]
            fits = wish.role in SEATED.get((kind, len(division)), ())
            self_made = any(
                (each.unit, each.role) == (wish.holder, wish.role) for each in self.live(by.person, now).values()
            )
            near = division in self.land.inside(by.division)
            return (wish.holder, None) if fits and near and not self_made else None
        hands = {PEOPLE[each.person][0] for each in (by, *(self.seats[n] for n in by.leans))}
        seats = {
            n: each for n, each in self.live(wish.holder, now).items()
            if each.role == wish.role and each.division in self.land.inside(by.division)
        }  # fmt: skip
        if wish.role not in ABLE or not seats or PEOPLE[wish.holder][0] in hands:
            return None
        near = [n for n, each in seats.items() if wish.division in self.land.inside(each.division)]
        return seats[min(near or seats)].unit, wish.holder

    def ruled(self, person: str, number: int, verb: str, now: datetime) -> bool:
        """Whether this person may revoke, suspend, resume or narrow it."""
        mine, held = list(self.live(person, now).values()), self.holdings[number]
        issuers = [each.issuer for each in self.line(number)]
        if (
            len(mine) != 1
            or mine[0].role not in (*ADMINISTRATORS, "region_approver")
            or held.dead(now)
            or held.over(now)
        ):
            return False
        by, region = mine[0], mine[0].role == "region_approver"
        if not self.oversees(by, held.division) or not (region or by.unit in issuers):
            return False
        if verb == "suspend":
            return not held.resting(now)
        if verb != "resume":
            return True
        rester = held.rests[-1][2] if held.rests else None
        return held.resting(now) and (region or rester in issuers[issuers.index(by.unit) :])

    def below(self, number: int) -> list[int]:
        return [each for each in self.holdings if each != number and self.holdings[number] in self.line(each)]

    def ending(self, number: int, now: datetime) -> set[int]:
        """What ends below when this one does: all that nothing has ended yet."""
        return {
            each for each in self.below(number)
            if not any(link.dead(now) or link.resting(now) or link.over(now) for link in self.line(each))
            and all(link.person is None or self.manned(link, now) for link in self.line(each)[:-1])
        }  # fmt: skip

    def usable(self, number: int, now: datetime) -> set[int]:
        """What lies below and has not ended by itself."""
        return {
            each for each in self.below(number)
            if not self.holdings[each].dead(now) and not self.holdings[each].over(now)
        }  # fmt: skip
