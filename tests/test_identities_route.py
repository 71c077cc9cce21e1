"""Identity numbers over HTTP: an account without one gets it once, and all that was done under it is one human being's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from conftest import World
from sqlalchemy import create_engine
from worlds import (
    ADMIN,
    ADMIN_B,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_ADMIN,
    LEAD,
    REGION_LEAD,
    SECURITY_ADMIN,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

from api import pep
from api.demo.world_names import draw
from api.identities import IdentifyPerson, IdentityBody
from api.people import token
from api.pep import Wish
from audit import fsck
from audit.act import Caller, Recorded
from authz import register
from authz.identification import PersonIdentified
from authz.rows import Reads

NUMBER, OTHER = draw("p-7001").identity_number, draw("p-7002").identity_number
UNIT = f"u-{VILLAGE}-village"
NAMELESS, TWIN = "p-7001", "p-7002"
"""An account without an identity number, and one of the same human being that has it."""


def registered(town: Town, person: str, unit: str | None = None, role: str = "", **body: Any) -> str:
    answer = town.post("/v1/people", SYSTEM_ADMIN, {"id": person, "name": "马秀兰"} | body)
    assert answer.status_code == 201, answer.text
    if unit is not None:
        answer = town.post("/v1/posts", SYSTEM_ADMIN, {"person": person, "unit": unit, "role": role})
        assert answer.status_code == 201, answer.text
    return person


def identify(town: Town, person: str = NAMELESS, by: str = ADMIN, number: str = NUMBER, **headers: str) -> Any:
    wish = {"identity_number": number, "reason": "核对身份证原件"}
    return town.post(f"/v1/people/{person}/identity", by, wish, **headers)


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def natural(town: Town, person: str = NAMELESS) -> str:
    with town.deployment.database.engine.connect() as connection:
        found = register.fetch(connection, Reads(persons=frozenset((person,))), datetime.now(UTC))
    return found.people[person].natural


def checked(database: World) -> str:
    engine = create_engine(database.superuser_url)
    found = fsck.check(engine).verdict
    engine.dispose()
    return found


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        yield made


# --- what comes together -----------------------------------------------------------------------------------------------
def test_an_auditor_turns_out_to_hold_an_audited_post(town: Town) -> None:
    registered(town, NAMELESS, UNIT, "grid_worker")
    registered(town, TWIN, "u-64-audit", "auditor", identity_number=NUMBER)
    refused = identify(town)
    assert (*told(refused), refused.json()["duty"]) == (403, "duty_conflict", "auditor_business")
    assert natural(town) == NAMELESS
    entry = town.get(f"/v1/entries/{refused.json()['entry']}", AUDITOR).json()
    assert (entry["fact"]["act"], entry["fact"]["code"]) == ("people.register", "duty_conflict")
    post = town.get(f"/v1/people/{NAMELESS}", ADMIN).json()["posts"][0]["post"]
    assert town.change(f"/v1/posts/{post}/end", ADMIN, {"reason": "离岗"}).status_code == 200
    assert identify(town).status_code == 200
    again = town.post("/v1/posts", ADMIN, {"person": NAMELESS, "unit": UNIT, "role": "grid_worker"})
    assert told(again) == (403, "duty_conflict")


def test_an_officer_turns_out_to_hold_business(town: Town) -> None:
    registered(town, NAMELESS, LEAD, "county_clerk")
    registered(town, TWIN, identity_number=NUMBER)
    wish = {"person": TWIN, "unit": REGION_LEAD, "role": "audit_admin", "reason": "轮岗"}
    number = town.post("/v1/officers", SYSTEM_ADMIN, wish).json()["id"]
    assert town.change(f"/v1/officers/{number}/approval", SECURITY_ADMIN).status_code == 200
    refused = identify(town)
    assert (*told(refused), refused.json()["duty"]) == (403, "duty_conflict", "officers_business")
    assert identify(town, number=OTHER).status_code == 200


def test_an_a_turns_out_to_be_his_own_b(town: Town) -> None:
    registered(town, NAMELESS, LEAD, "county_admin")
    registered(town, TWIN, LEAD, "county_admin", identity_number=NUMBER)
    pair = town.post("/v1/staffing/pairs", SYSTEM_ADMIN, {"unit": LEAD, "primary": TWIN, "deputy": NAMELESS})
    assert pair.status_code == 201, pair.text
    refused = identify(town)
    assert (*told(refused), refused.json()["duty"]) == (403, "duty_conflict", "primary_deputy")
    assert natural(town) == NAMELESS


@pytest.mark.parametrize(("second", "outcomes"), [(NUMBER, ["", "duty_conflict"]), (OTHER, ["", ""])])
def test_two_at_once_are_judged_one_after_the_other(town: Town, second: str, outcomes: list[str]) -> None:
    """In one batch: the first makes the account one with the other, which the second is judged on."""
    people = [registered(town, each, LEAD, "county_admin") for each in (NAMELESS, "p-7003")]
    body = IdentityBody(identity_number=NUMBER, reason="核对身份证原件")
    sealed, commitments = pep.seal({"/reason": body.reason})
    acts = [
        IdentifyPerson(
            ref=pep.new_ref(), caller=Caller(person=ADMIN, issued_at=int(time.time())), person=person, wish=Wish(body),
            natural=token(number, town.deployment.pseudonym), sealed=sealed, reason=commitments["/reason"],
        )
        for person, number in zip(people, (NUMBER, second), strict=True)
    ]  # fmt: skip
    members = town.deployment.ledger.submit(acts)
    told_ = [cast(Future[Recorded], each.future).result(20) for each in members]
    assert [each.refused.code if each.refused else "" for each in told_] == outcomes


def test_a_softer_duty_is_noted(town: Town) -> None:
    registered(town, NAMELESS, LEAD, "county_clerk")
    registered(town, TWIN, LEAD, "county_admin", identity_number=NUMBER)
    answer = identify(town)
    assert (answer.status_code, answer.json()["noted"]) == (200, ["admin_applicant"])
    kinds = [town.get(f"/v1/entries/{each}", AUDITOR).json()["kind"] for each in answer.json()["entries"]]
    assert kinds == ["PersonIdentified", "DutyNoted"]


def test_who_was_identified_is_one_with_his_other_account_for_every_later_appointment(
    town: Town, database: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An office for whoever is known, and none that excludes what the other account holds. A fact that changes nothing
    is noticed by that, and by the check of everything."""
    registered(town, NAMELESS)
    registered(town, TWIN, UNIT, "grid_worker", identity_number=NUMBER)
    wish = {"person": NAMELESS, "unit": REGION_LEAD, "role": "region_handler"}
    assert town.post("/v1/posts", SYSTEM_ADMIN, wish).json()["missing"] == "identity"
    assert identify(town, by=SYSTEM_ADMIN).status_code == 200
    audits = {"person": NAMELESS, "unit": "u-64-audit", "role": "auditor"}
    assert told(town.post("/v1/posts", SYSTEM_ADMIN, audits)) == (403, "duty_conflict")
    assert town.post("/v1/posts", SYSTEM_ADMIN, wish).status_code == 201
    registered(town, "p-7003", UNIT, "first_secretary")
    registered(town, "p-7004", identity_number=OTHER)
    database.intact = False
    with monkeypatch.context() as patched:
        patched.setattr(PersonIdentified, "changes", lambda self, where: ())
        assert identify(town, "p-7003", number=OTHER).status_code == 200
    assert town.post("/v1/posts", SYSTEM_ADMIN, audits | {"person": "p-7004"}).status_code == 201
    assert checked(database) == "UNLOGGED_CHANGE"


def test_a_deputy_turns_out_to_stand_in_for_himself(town: Town) -> None:
    registered(town, NAMELESS, LEAD, "county_admin")
    registered(town, TWIN, UNIT, "grid_worker", identity_number=NUMBER)
    post = town.get(f"/v1/people/{TWIN}", ADMIN).json()["posts"][0]["post"]
    until = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    wish = {"post": post, "deputy": NAMELESS, "until": until, "reason": "外出培训"}
    assert town.post("/v1/deputies", ADMIN, wish).status_code == 201
    refused = identify(town)
    assert (*told(refused), refused.json()["duty"]) == (403, "duty_conflict", "primary_deputy")


# --- who may, and what is told ------------------------------------------------------------------------------------------
def test_who_gives_a_number_to_whom(town: Town) -> None:
    registered(town, NAMELESS, UNIT, "grid_worker")
    registered(town, "p-7003", LEAD, "county_admin")
    for person, by, expected in (
        (NAMELESS, FAR_ADMIN, (404, "unknown")), (NAMELESS, COLLECTOR, (404, "unknown")), ("p-404", ADMIN, (404, "unknown")),
        (NAMELESS, TOWN_ADMIN, (403, "no_role")), (NAMELESS, CLERK, (403, "no_role")), (NAMELESS, AUDITOR, (403, "no_role")),
        (NAMELESS, NAMELESS, (403, "no_role")), ("p-7003", "p-7003", (403, "duty_conflict")),
        (ADMIN_B, ADMIN, (409, "already_registered")), (NAMELESS, ADMIN, (200, "")), (NAMELESS, ADMIN, (409, "already_registered")),
        (NAMELESS, "p-7003", (409, "already_registered")), ("p-7003", ADMIN, (200, "")),
    ):  # fmt: skip
        before = town.size()
        answer = identify(town, person, by)
        assert told(answer) == expected, (person, by)
        assert town.size() - before == (expected[0] != 404), (person, by)
        assert NUMBER not in answer.text


def test_a_wrong_number_is_refused_and_not_echoed_after_it_is_known_who_asks(town: Town) -> None:
    registered(town, NAMELESS, UNIT, "grid_worker")
    for number in ("110105194912310021", "324", NUMBER[:-1] + "x1", ""):
        answer = identify(town, number=number)
        assert told(answer) == (422, "misshapen")
        assert answer.json()["pointers"][0]["pointer"] == "/identity_number"
        assert not number or number not in answer.text
        assert told(identify(town, by=TOWN_ADMIN, number=number)) == (403, "no_role")
    wish = {"identity_number": NUMBER}
    assert told(town.post(f"/v1/people/{NAMELESS}/identity", ADMIN, wish)) == (422, "misshapen")


def test_the_number_is_kept_nowhere_and_the_check_of_everything_agrees(town: Town, database: World) -> None:
    registered(town, NAMELESS, UNIT, "grid_worker")
    registered(town, TWIN, identity_number=NUMBER.lower())
    first = identify(town, idempotency_key="one")
    again = identify(town, idempotency_key="one")
    assert (first.status_code, again.content) == (200, first.content)
    assert natural(town) == natural(town, TWIN) != NAMELESS
    entry = town.get(f"/v1/entries/{first.json()['entry']}", ADMIN).json()
    assert (entry["fact"]["person_id"], entry["division"]["code"]) == (NAMELESS, VILLAGE)
    assert entry["values"] == {"/reason": "核对身份证原件"}
    assert NUMBER not in json.dumps(entry)
    hexed = NUMBER.encode().hex()
    with database.engine.connect() as connection:
        for table in ("entry", "vault", "person", "idempotency"):
            rows = list(connection.exec_driver_sql(f"SELECT t::text FROM {table} t").scalars())
            assert rows
            assert not any(NUMBER in row or hexed in row for row in rows), table
    assert checked(database) == "OK"
