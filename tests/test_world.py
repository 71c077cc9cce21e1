"""The demo world: who and what is in it, the same at every start, whole after an interruption, and nobody real."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
import worlds
from conftest import World
from sqlalchemy import text

from api import founding, policies
from api.commands import greeting, handing
from api.database import Database
from api.demo import stage, world
from api.demo.world_bodies import COUNTY, DEPARTMENTS, bodies, townships, villages
from api.demo.world_names import AREA, draw
from api.demo.world_people import holders
from api.settings import Settings
from authz import identifier
from authz.household import POPULATIONS

POLICIES = Settings.read({}).policies
LAWBOOK = founding.read_lawbook(POLICIES)
LAW, DIVISIONS = LAWBOOK.law, LAWBOOK.law.divisions
PEOPLE, BODIES = holders(DIVISIONS), bodies(DIVISIONS)
HOUSEHOLDS = [each for town in townships(DIVISIONS) for each in world.households(town, DIVISIONS)]
KEY = bytes(32)


def test_everybody_and_everything_of_the_county_is_there() -> None:
    assert 880 <= len(PEOPLE) <= 960
    assert len(townships(DIVISIONS)) == 11
    assert len(villages(DIVISIONS)) == 153
    kinds = Counter(each.kind for each in BODIES)
    assert (kinds["lead"], kinds["township"], kinds["village"], kinds["audit"]) == (28, 11, 153, 1)
    assert len(DEPARTMENTS) == 8
    held = {(each.unit, each.role) for each in PEOPLE}
    for village in villages(DIVISIONS):
        for role in ("village_collector", "first_secretary", "grid_worker", "assistance_person"):
            assert (f"u-{village.code}-village", role) in held
    for county in (each.code for each in DIVISIONS if each.level == "county"):
        for role in ("county_clerk", "county_signatory", "county_admin"):
            assert (f"u-{county}-lead", role) in held
    everyone = {each.role for each in PEOPLE}
    assert everyone == set(LAW.policy.catalogue.roles)


def test_the_persons_of_the_contract_are_who_they_should_be() -> None:
    by_id = {each.person: each for each in PEOPLE}
    assert (by_id["p-1002"].role, by_id["p-1002"].division) == ("county_clerk", COUNTY)
    assert (by_id["p-1003"].role, by_id["p-1003"].division) == ("county_signatory", COUNTY)
    assert (by_id["p-2001"].role, by_id["p-2001"].division) == ("village_collector", "640324100201")


def test_the_persons_the_console_names_are_there() -> None:
    by_id = {each.person: each for each in PEOPLE}
    assert {each[0] for each in greeting.DEMO_PERSONS} <= set(by_id)
    assert (by_id["p-1226"].division, by_id["p-1226"].role) == ("640324105", "township_admin")
    for person, role in (
        (stage.CLERK, "county_clerk"), (stage.SIGNATORY, "county_signatory"), (stage.ADMIN, "county_admin"),
        (stage.HANDLER, "region_handler"), (stage.APPROVER, "region_approver"), (stage.AUDITOR, "auditor"),
        (handing.ASKING, "system_admin"),
    ):  # fmt: skip
        assert by_id[person].role == role


def test_every_post_is_one_its_unit_may_have() -> None:
    kind = {each.id: each for each in BODIES}
    assert len(kind) == len(BODIES)
    assert len({each.person for each in PEOPLE}) == len(PEOPLE)
    for each in PEOPLE:
        unit = kind[each.unit]
        assert unit.division == each.division
        assert LAW.policy.catalogue.may_hold(unit.kind, DIVISIONS.get(unit.division).level, each.role)


def test_nobody_is_real_and_everybody_is_the_same_at_every_start() -> None:
    drawn = [draw(each.person) for each in PEOPLE]
    assert drawn == [draw(each.person) for each in PEOPLE]
    assert len({each.identity_number for each in drawn}) == len(drawn)
    lineage = policies.load_lineage(POLICIES)
    assert not DIVISIONS.known(AREA)
    assert not lineage.known_once(AREA)
    for each in drawn:
        assert each.identity_number.startswith(AREA)
        assert identifier.identity_number(each.identity_number, date(2026, 1, 1)) == each.identity_number
        assert identifier.mobile(each.phone) == each.phone
        assert 2 <= len(each.name) <= 3


def test_households_are_distinct_and_live_in_villages() -> None:
    assert 7_000 <= len(HOUSEHOLDS) <= 8_200
    assert len({each[0] for each in HOUSEHOLDS}) == len(HOUSEHOLDS)
    codes = {each.code for each in villages(DIVISIONS)}
    assert {each[1] for each in HOUSEHOLDS} == codes
    assert {each[2] for each in HOUSEHOLDS} == set(POPULATIONS)
    assert ("h-9f2c", "640324100201", "monitored") in HOUSEHOLDS


def store(database: World) -> Database:
    return Database(None, database.app_url, database.engine)


def _counts(database: World) -> dict[str, int]:
    tables = ("person", "unit", "post", "household")
    with database.engine.connect() as connection:
        return {
            each: int(connection.execute(text(f"SELECT count(*) FROM {each} WHERE ended IS NULL")).scalar_one())
            for each in tables
        } | {"entry": int(connection.execute(text("SELECT size FROM head")).scalar_one())}


class Pulled(Exception):
    """The plug."""


@pytest.mark.parametrize("stop", [1, 5, 14])
def test_an_interrupted_first_start_goes_on_where_it_stopped(database: World, stop: int) -> None:
    def pull(done: int, total: int) -> None:
        if done == stop:
            raise Pulled

    founding.found(store(database), LAWBOOK, "x.test/log", demo=True)
    with pytest.raises(Pulled):
        world.plant(store(database), LAWBOOK, KEY, pull)
    assert _counts(database)["household"] < len(HOUSEHOLDS)
    assert world.plant(store(database), LAWBOOK, KEY, lambda done, total: None) is True
    found = _counts(database)
    whole = {"person": len(PEOPLE), "unit": len(BODIES), "post": len(PEOPLE), "household": len(HOUSEHOLDS)}
    assert {name: found[name] for name in whole} == whole
    assert world.plant(store(database), LAWBOOK, KEY, lambda done, total: None) is False
    assert _counts(database) == found


def test_the_log_learns_no_name_no_number_no_telephone(database: World) -> None:
    founding.found(store(database), LAWBOOK, "x.test/log", demo=True)
    world.plant(store(database), LAWBOOK, KEY, lambda done, total: None)
    with database.engine.connect() as connection:
        logged = b"\n".join(bytes(each) for each in connection.execute(text("SELECT bytes FROM entry")).scalars())
        kept = connection.execute(text("SELECT count(*) FROM vault")).scalar_one()
    assert kept == 2 * len(PEOPLE)
    for each in (draw(holder.person) for holder in PEOPLE):
        assert each.identity_number.encode() not in logged
        assert each.phone.encode() not in logged
    names = {draw(holder.person).name for holder in PEOPLE}
    assert not [name for name in names if f'"{name}"'.encode() in logged]


def test_the_small_world_of_the_tests_makes_the_whole_trip(database: World) -> None:
    with worlds.Town(database) as town:
        grant = town.granted(town.line(), town.line(2, worlds.WANGTUAN))[0]
        village = town.delegated(grant)
        answer = town.post("/v1/edits", worlds.COLLECTOR, town.edit())
        assert (answer.status_code, answer.json()["chain"]) == (201, [grant, village])
        far = town.post("/v1/edits", worlds.FAR_COLLECTOR, town.edit(household="h-far", division=worlds.FAR_VILLAGE))
        assert (far.status_code, far.json()["code"]) == (403, "no_grant")
