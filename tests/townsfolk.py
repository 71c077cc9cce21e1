"""A body with one person, one household and one grant at every place of the real region that ever changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import almanac
from worlds import INCOME, REGION_LEAD, UNITS, USUAL, Town

from api import founding
from api.founding import Deed
from audit import head
from authz import decision, edition, refusal, register
from authz.decision import Wish
from authz.fact import Fact, instant
from authz.grant import GrantIssued
from authz.household import HouseholdsLoaded
from authz.post import PersonRegistered, PostAssigned, UnitEstablished
from authz.register import Reads

SINCE, UNTIL = (instant(datetime(year, 1, 1, tzinfo=UTC)) for year in (2026, 2028))
ROLES = {6: ("lead", "county_admin"), 9: ("township", "township_admin"), 12: ("village", "village_collector")}
TOLD = {"scope_needs_confirmation": "waits", "outside_division": "outside"}


def unit(place: str) -> str:
    return f"u-{place}-{ROLES[len(place)][0]}"


@dataclass
class Townsfolk:
    """Who sits where. A body is named by the code under which it was founded; `home` says where it is now."""

    town: Town
    person: dict[str, str] = field(default_factory=dict)
    grant: dict[str, int] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)
    version: dict[int, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    """Those whose grant will wait for ever: what it was for is outside of what those above them hold."""

    def at(self, place: str) -> str:
        """The body of a place."""
        return next(body for body, now in self.home.items() if now == place)

    def holds(self, body: str) -> list[str]:
        """The places of the chain of grants of a body."""
        return list(almanac.outer(self.home[body]))

    def settle(self, places: Iterable[str], now: str) -> None:
        """Bodies at places that have none yet, the outer ones first, because a grant names those above it."""
        wanted = set(places)
        for width in ROLES:
            new = sorted({each for each in wanted if len(each) == width} - set(self.home.values()))
            told: list[Fact] = [fact for place in new for fact in self._body(place)]
            facts = [*told, *(self._grant(place, now) for place in new)]
            if facts:
                deed = Deed(ref=f"{self.town.size():032x}", facts=tuple(facts))
                (first,) = founding.record(self.town.deployment.database, self.town.deployment.laws, [deed])
                self.grant |= {place: first + len(told) + count for count, place in enumerate(new)}

    def _body(self, place: str) -> Iterator[Fact]:
        (kind, role), person = ROLES[len(place)], f"p-9{place}"
        self.person[place], self.home[place] = person, place
        natural = hashlib.sha256(person.encode()).hexdigest()
        if unit(place) not in UNITS:
            yield UnitEstablished(unit=unit(place), unit_kind=kind, division=place, name=place, earlier_name=None)
        yield PersonRegistered(person_id=person, natural=natural, name=natural, phone=None)
        yield PostAssigned(
            person_id=person, post_unit=unit(place), division=place, role=role, title=role, valid_from=SINCE, valid_until=None
        )  # fmt: skip
        if len(place) == almanac.VILLAGE:
            yield HouseholdsLoaded(division=place[:6], households=((f"h-{place}", place, "monitored"),))

    def _grant(self, place: str, now: str) -> GrantIssued:
        above = [self.at(each) for each in almanac.outer(place)[:-1]]
        path = tuple(self.grant[each] for each in above)
        return GrantIssued(
            origin="delegated" if above else "request", division=place, cells=tuple(INCOME), operations=tuple(USUAL),
            data_year=None, valid_from=SINCE, valid_until=UNTIL, max_records=None, households=None,
            holder_unit=unit(place), holder_person=None, role=ROLES[len(place)][1], request=None, line=None, window=None,
            parent=path[-1] if path else None, path=path, document="宁乡振发〔2026〕1号", document_sha256=None,
            edition=now, division_name=almanac.name(place, now), issuer_unit=unit(above[-1]) if above else REGION_LEAD,
            reason=None,
        )  # fmt: skip

    # --- asking -----------------------------------------------------------------------------------------------------
    def answers(self, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """For each body and place: what its person is told who wants to update an income there."""
        pairs = sorted(set(asked))
        people = frozenset(self.person[body] for body, _ in pairs)
        with head.reading(self.town.deployment.database.engine) as connection:
            seen = head.read(connection)
            rows = register.fetch(connection, Reads(persons=people), seen.clock)
            law = self.town.deployment.laws.on_record(connection)
        scene, found = decision.Scene(rows, seen.clock, seen.size, law), dict[tuple[str, str], str]()
        for body, place in pairs:
            (post,) = rows.posts[self.person[body]]
            try:
                decision.decide(scene, post, Wish("update", "monitored.income", place, 2026, None))
                found[body, place] = "permit"
            except refusal.Denied as refused:
                found[body, place] = TOLD[refused.code]
        return found

    def waiting(self) -> list[int]:
        """The living grants that wait, the outer ones first."""
        wanted = Reads(grants=frozenset(self.grant.values()))
        with head.reading(self.town.deployment.database.engine) as connection:
            rows = register.fetch(connection, wanted, head.read(connection).clock)
            law = self.town.deployment.laws.on_record(connection)
        found = [each for each in rows.grants.values() if edition.waits(each, law)]
        return [each.number for each in sorted(found, key=lambda each: (len(each.path), each.number))]
