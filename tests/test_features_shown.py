"""Features that no other file shows in one place: a handover, an answer and its way out, one end for every path, lists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import World
from questions import ONE, decision, question
from worlds import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CLERK,
    COLLECTOR,
    HANDLER,
    LEAD,
    OTHER_COLLECTOR,
    OTHER_VILLAGE,
    SIGNATORY,
    VILLAGE,
    Town,
)  # fmt: skip

from authz.post import PersonRegistered, PostAssigned

HELPER, NEXT_CLERK, NEXT_COLLECTOR = "p-4001", "p-4002", "p-4003"
TICK = timedelta(microseconds=1)


def employed(person: str, unit: str, role: str) -> tuple[Any, ...]:
    natural = hashlib.sha256(f"natural{person}".encode()).hexdigest()
    return (
        PersonRegistered(person_id=person, natural=natural, name=natural, phone=None),
        PostAssigned(person_id=person, post_unit=unit, division=unit.split("-")[1], role=role, title="t",
                     valid_from="2026-01-01T00:00:00.000000Z", valid_until=None),
    )  # fmt: skip


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    more = (
        *employed(HELPER, LEAD, "assistance_person"), *employed(NEXT_CLERK, LEAD, "county_clerk"),
        *employed(NEXT_COLLECTOR, f"u-{VILLAGE}-village", "village_collector"),
    )  # fmt: skip
    with Town(database, more=more) as made:
        yield made


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def post_of(town: Town, person: str) -> int:
    return int(town.get(f"/v1/people/{person}", ADMIN).json()["posts"][0]["post"])


# --- scoped delegation ------------------------------------------------------------------------------------------------
def test_22_a_household_that_is_not_on_the_list_is_refused_on_record(town: Town) -> None:
    (root,) = town.granted(town.line(cells=["monitored.measures"]))
    wish = {
        "holder": HELPER,
        "role": "assistance_person",
        "households": ["h-monitored"],
        "cells": ["monitored.measures"],
    }
    town.delegated(root, operations=["update"], **wish)
    edit = town.edit(cell="monitored.measures", changes=[])
    assert told(town.post("/v1/edits", HELPER, edit)) == (201, "")
    refused = town.post("/v1/edits", HELPER, edit | {"household": "h-other"})
    assert told(refused) == (403, "outside_households")
    entry = town.get(f"/v1/entries/{refused.json()['entry']}", AUDITOR).json()
    assert (entry["kind"], entry["fact"]["household"], entry["person"]["id"]) == ("Refused", "h-other", HELPER)


def test_25_open_work_and_grants_of_the_post_go_on_and_what_was_done_stays_with_who_did_it(town: Town) -> None:
    """A collector and a clerk leave: what is held by the unit passes at once, what was his own rests, the past keeps its name."""
    (root,) = town.granted()
    own, shared = town.delegated(root, holder=COLLECTOR), town.delegated(root)
    assert town.post("/v1/edits", COLLECTOR, town.edit(operation="collect")).status_code == 201
    open_work = town.drafted()
    moves = (
        (COLLECTOR, f"u-{OTHER_VILLAGE}-village", "first_secretary", NEXT_COLLECTOR, [own]),
        (CLERK, "u-640324-civil_affairs", "department_officer", NEXT_CLERK, []),
    )
    for person, unit, role, successor, resting in moves:
        wish = {"person": person, "from_post": post_of(town, person), "unit": unit, "role": role, "reason": "工作调动",
                "successor": successor}  # fmt: skip
        done = town.post("/v1/transfers", ADMIN, wish)
        assert (done.status_code, done.json()["suspended"], done.json()["successor"]) == (201, resting, successor)
        entry = town.get(f"/v1/entries/{done.json()['id']}", AUDITOR).json()
        assert (entry["kind"], entry["fact"]["successor"]) == ("TransferRecorded", successor)
    assert collector(town) == (COLLECTOR, f"u-{VILLAGE}-village"), "his figure stays his, with the unit of that time"
    assert town.post("/v1/edits", NEXT_COLLECTOR, town.edit()).json()["grant"] == shared
    assert collector(town) == (NEXT_COLLECTOR, f"u-{VILLAGE}-village")
    assert town.get(f"/v1/requests/{open_work}", CLERK).status_code == 404
    body = town.get(f"/v1/requests/{open_work}", NEXT_CLERK).json()
    changed = {name: body[name] for name in ("document", "ground", "lines", "attachments")}
    changed["document"].pop("number_written")
    path = f"/v1/requests/{open_work}"
    assert town.change(path, NEXT_CLERK, changed, thing=path, verb="PUT").is_success
    assert town.change(f"{path}/signature", SIGNATORY).is_success


def collector(town: Town) -> tuple[str, str]:
    """Who answers for the figure, and in which unit."""
    query = f"household=h-monitored&cell=monitored.income&data_year={town.edit()['data_year']}&quarter=4"
    found = town.get(f"/v1/responsibility?{query}", AUDITOR).json()["collected_by"]
    return found["person"]["id"], found["unit"]["id"]


# --- explanation --------------------------------------------------------------------------------------------------------
def test_33_rule_policy_and_position_stand_in_every_decision(town: Town) -> None:
    town.delegated(town.granted()[0])
    digest = town.get("/v1/policies", AUDITOR).json()["in_force"]
    for edit, kind in ((town.edit(), "EditPermitted"), (town.edit(operation="delete"), "Refused")):
        answer = town.post("/v1/edits", COLLECTOR, edit)
        size = town.size()
        entry = town.get(f"/v1/entries/{answer.json()['entry']}", AUDITOR).json()
        assert (entry["kind"], entry["fact"]["policy"]) == (kind, digest)
        assert answer.headers["log-position"] == str(entry["number"] + 1) == str(size)
    permitted = town.get("/v1/entries?kind=EditPermitted", AUDITOR).json()["items"][0]
    assert permitted["fact"]["rule"].startswith("roles.csv:")


def test_35_what_a_refusal_says_is_missing_is_what_lifts_it(town: Town) -> None:
    """The draft in the explanation is filed as it stands, decided, handed on by whom it names: the answer is yes."""
    asked = question(OTHER_COLLECTOR, resource={
        "type": "monitored.income", "id": "h-new", "properties": {"division": OTHER_VILLAGE, "data_year": town.edit()["data_year"]}})  # fmt: skip
    why = town.post(ONE, ADMIN, asked | {"options": {"explain": True}}).json()["context"]
    full = why["reason_admin"]
    assert (full["code"], full["missing"]) == ("no_grant", "grant")
    assert [(each["unit"], each["how"]) for each in full["who_can_grant"]] == [
        (LEAD, "delegation"), ("u-64-lead", "written_request"),
    ]  # fmt: skip
    assert "转授" in why["reason_user"]
    (line,) = full["request"]["lines"]
    (grant,) = town.granted(line)
    assert not decision(town.post(ONE, ADMIN, asked)), "a grant of the county is not yet one of the village"
    unit = f"u-{OTHER_VILLAGE}-village"
    town.delegated(grant, holder=unit, division=OTHER_VILLAGE, cells=line["cells"], operations=line["operations"],
                   until=line["until"], max_records=line["max_records"])  # fmt: skip
    assert decision(town.post(ONE, ADMIN, asked))
    asked["resource"] = asked["resource"] | {"type": "lifted_out.income"}
    assert not decision(town.post(ONE, ADMIN, asked)), "and nothing besides"


# --- time -------------------------------------------------------------------------------------------------------------
def test_40_a_grant_of_several_years_goes_the_same_way(town: Town) -> None:
    until = (datetime.now(UTC) + timedelta(days=3 * 365)).isoformat()
    (grant,) = town.granted(town.line(until=until))
    assert town.get(f"/v1/grants/{grant}", ADMIN).json()["scope"]["until"][:10] == until[:10]
    shorter = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    number = town.received(town.line(until=until))
    narrowed = [{"line": 1, "outcome": "narrowed", "scope": {"until": shorter}, "reason": "以一个年度为限"}]
    assert town.decided(number, narrowed).is_success, "how long is long is said by the region, line by line"


def test_43_the_end_is_the_same_instant_for_the_answer_the_list_and_the_single_grant(town: Town) -> None:
    grant = town.delegated(town.granted()[0])
    scope = town.get(f"/v1/grants/{grant}", ADMIN).json()["scope"]
    end = datetime.fromisoformat(scope["until"])
    for at, live in ((end - TICK, True), (end, False)):
        written = at.isoformat().replace("+", "%2B")
        assert decision(town.post(ONE, COLLECTOR, question(context={"time": at.isoformat()}))) is live
        listed = town.get(f"/v1/grants?live_at={written}&division={VILLAGE}", ADMIN).json()["items"]
        assert (grant in [each["id"] for each in listed]) is live
        assert (town.get(f"/v1/grants/{grant}?at={written}", ADMIN).json()["state"] == "live") is live
    assert town.change(f"/v1/grants/{grant}/revocation", ADMIN, {"reason": "期满"}).is_success
    assert town.get("/v1/me", COLLECTOR).json()["grants"] == []


# --- the whole way ------------------------------------------------------------------------------------------------------
def test_3_each_stage_is_a_step_of_a_named_person(town: Town) -> None:
    number = town.received()
    assert town.decided(number, [{"line": 1, "outcome": "approved"}]).is_success
    seen = {person: town.get(f"/v1/requests/{number}/timeline", person).json()["items"] for person in (CLERK, APPROVER)}
    assert [each["person"] for each in seen[APPROVER]] == [CLERK, SIGNATORY, HANDLER, HANDLER, APPROVER]
    assert [each["person"] for each in seen[CLERK]] == [CLERK, SIGNATORY, HANDLER, APPROVER], "the proposal is internal"
