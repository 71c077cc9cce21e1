"""A search lists exactly what the evaluation says yes to: on random worlds, in every direction, by pages of any length."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import acts
import pytest
import worlds
from conftest import World
from questions import listed, person, yes
from worlds import ADMIN, COLLECTOR, COUNTY, FAR_VILLAGE, OTHER_VILLAGE, VILLAGE, WANGTUAN, YUHAI, Town

from authz.fact import Fact, instant
from authz.grant import GrantIssued, GrantRevoked, GrantSuspended
from authz.household import HouseholdsLoaded

NOW = datetime.now(UTC)
YEAR = NOW.year
CELLS = ("monitored.income", "monitored.base", "lifted_out.income")
OPERATIONS = ("collect", "update", "verify", "review", "query", "delete")
DATA = ("village_collector", "grid_worker", "township_admin", "township_reviewer", "county_admin", "department_officer")
HOLDERS = [each for each in worlds.POSTS.values() if each[1] in DATA]
PEOPLE = sorted(worlds.POSTS)
WORLDS = int(os.environ.get("AUTHZEN_WORLDS", "2"))


class Chance:
    """A random world: grants of any width under each other, some of them ended, and households in three villages."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town, self.draw = town, random.Random(seed)  # noqa: S311
        self.tokens = [f"h-{number}" for number in range(30)]
        villages = (VILLAGE, OTHER_VILLAGE, FAR_VILLAGE)
        rows = tuple(
            (each, self.draw.choice(villages), self.draw.choice(("monitored", "lifted_out"))) for each in self.tokens
        )
        self.kinds = {kind: [row[0] for row in rows if row[2] == kind] for kind in ("monitored", "lifted_out")}
        self.say(HouseholdsLoaded(division=COUNTY, households=rows))
        paths = [self.issue(worlds.LEAD, "county_admin", ()) for _ in range(3)]
        for _ in range(40):
            paths.append(self.issue(*self.draw.choice(HOLDERS), self.draw.choice(paths[: self.draw.choice((3, 12))])))

    def say(self, fact: Fact) -> int:
        number = self.town.deployment.ledger.record(acts.Say(facts=(fact,))).number
        assert number is not None
        return number

    def some(self, pool: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(self.draw.sample(pool, self.draw.randint(len(pool) // 2 + 1, len(pool)))))

    def issue(self, unit: str, role: str, path: tuple[int, ...]) -> tuple[int, ...]:
        draw, root = self.draw, not path
        begin = NOW - timedelta(days=1)
        number = self.say(GrantIssued(
            origin="delegated" if path else "request", division=draw.choice((COUNTY, YUHAI, WANGTUAN, VILLAGE, FAR_VILLAGE)[: 1 if root else 5]),
            cells=CELLS if root else self.some(CELLS), operations=OPERATIONS if root else self.some(OPERATIONS), data_year=None if root else draw.choice((None, None, None, YEAR, YEAR - 1)),
            valid_from=instant(begin), valid_until=instant(draw.choice((NOW, *[NOW + timedelta(days=9)] * 6))),
            max_records=draw.choice((None, None, None, None, 1)), households=draw.choice((None,) * 5 + (tuple(draw.sample(self.tokens, 9)),)),
            holder_unit=unit, holder_person=None, role=role, request=None, line=None, window=None,
            parent=path[-1] if path else None, path=path, document=None, document_sha256=None, edition="2023-06-30",
            division_name="n", issuer_unit=worlds.LEAD, reason=None,
        ))  # fmt: skip
        if draw.random() < 0.1:
            self.say(GrantRevoked(grant=number, division=COUNTY, reason="r", cut=()))
        elif draw.random() < 0.1:
            self.say(GrantSuspended(grant=number, division=COUNTY, reason="r", cut=(), suspensions=()))
        return (*path, number)

    def wish(self) -> tuple[str, str, dict[str, Any]]:
        draw = self.draw
        said = {
            "data_year": draw.choice((YEAR, YEAR, None)),
            "division": draw.choice((None, None, None, VILLAGE, FAR_VILLAGE)),
        }
        return (
            draw.choice(CELLS),
            draw.choice(OPERATIONS),
            {name: value for name, value in said.items() if value is not None},
        )


@pytest.fixture(params=range(WORLDS))
def chance(request: pytest.FixtureRequest, database: World) -> Iterator[Chance]:
    with Town(database) as town:
        yield Chance(town, request.param)


def test_a_search_is_a_filtered_evaluation_in_every_direction(chance: Chance) -> None:
    town, hits = chance.town, 0
    for _ in range(12):
        cell, operation, said = chance.wish()
        kind = cell.partition(".")[0]
        token = chance.draw.choice(chance.tokens if chance.draw.random() < 0.2 else chance.kinds[kind])
        someone = chance.draw.choice([COLLECTOR, *PEOPLE])
        limit = chance.draw.choice((None, 1, 4))
        action, resource = {"name": operation}, {"type": cell, "id": token, "properties": said}
        everyone = {each: {"subject": person(each)} for each in [*PEOPLE, "p-1"]}
        found = listed(
            town,
            "subject",
            {"subject": {"type": "person", "id": "p-7"}, "action": action, "resource": resource},
            limit=limit,
        )
        assert found == yes(town, {"action": action, "resource": resource}, everyone)
        hits += len(found)
        sought = {"type": cell, "properties": said}
        households = {
            each: {"resource": sought | {"id": each}}
            for each in sorted([*chance.tokens, "h-monitored", "h-lifted", "h-far"])
        }
        found = listed(
            town,
            "resource",
            {"subject": person(someone), "action": action, "resource": sought | {"id": "x"}},
            limit=limit,
        )
        assert found == yes(town, {"subject": person(someone), "action": action}, households)
        hits += len(found)
        every = {each: {"action": {"name": each}} for each in OPERATIONS}
        found = listed(
            town, "action", {"subject": person(someone), "resource": resource, "action": {"name": "fly"}}, limit=limit
        )
        assert [each for each in found if each in OPERATIONS] == yes(
            town, {"subject": person(someone), "resource": resource}, every
        )
        hits += len(found)
    assert hits > 20, "a world in which nobody may do anything shows nothing"


ACTS = [
    ("request.decide", "request"),
    ("delegate", "grant"),
    ("log.read", "log"),
    ("move", "household"),
    ("read", "window"),
]


def test_the_services_own_acts_are_searched_alike(database: World) -> None:
    with Town(database) as town:
        divisions = ("64", "6403", COUNTY, YUHAI, WANGTUAN, VILLAGE, "640521")
        for act, noun in ACTS:
            resource = {"type": noun, "id": YUHAI}
            body = {"action": {"name": act}, "resource": resource}
            everyone = {each: {"subject": person(each)} for each in PEOPLE}
            assert listed(town, "subject", body | {"subject": {"type": "person"}}) == yes(town, body, everyone)
            for someone in (ADMIN, worlds.TOWN_ADMIN, worlds.APPROVER, COLLECTOR):
                body = {"subject": person(someone), "action": {"name": act}}
                places = {each: {"resource": {"type": noun, "id": each}} for each in divisions}
                found = listed(town, "resource", body | {"resource": {"type": noun}}, limit=1000)
                assert sorted(set(found) & set(divisions)) == yes(town, body, places)
                assert len(found) == len(set(found))
            own = {"subject": person(ADMIN), "resource": resource}
            assert (f"{noun}.{act.rpartition('.')[2]}" in listed(town, "action", own)) is bool(
                yes(town, own, {act: {"action": {"name": act}}})
            )
