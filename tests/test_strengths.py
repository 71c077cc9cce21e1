"""The four strengths of a separation of duty as they are met over HTTP: block, trim, extra, record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import World
from test_deputies_route import deputised
from worlds import (
    ADMIN,
    ADMIN_B,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_COLLECTOR,
    GRID_WORKER,
    OTHER_COLLECTOR,
    REVIEWER,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

from authz.fact import Fact
from authz.post import PersonRegistered, PostAssigned

RISK = "monitored.risk_elimination"
MARKS, BACK = ["mark_eliminated", "remark_risk"], ["rollback_elimination", "review", "verify"]
USUAL = ["collect", "update", "verify", "review", "query"]
TWIN_ADMIN, TWIN_COLLECTOR = "p-3004", "p-3001"
TOWNSHIP = "u-640324100-township"


def second(account: str, of: str, unit: str, role: str) -> tuple[Fact, ...]:
    """A second account of somebody, in another post."""
    natural = hashlib.sha256(f"natural{of}".encode()).hexdigest()
    return (
        PersonRegistered(person_id=account, natural=natural, name="0" * 64, phone=None),
        PostAssigned(person_id=account, post_unit=unit, division=unit.split("-")[1], role=role, title="t",
                     valid_from="2026-01-01T00:00:00.000000Z", valid_until=None),
    )  # fmt: skip


MORE = (
    *second(TWIN_ADMIN, ADMIN, TOWNSHIP, "township_admin"),
    *second(TWIN_COLLECTOR, COLLECTOR, f"u-{VILLAGE}-village", "grid_worker"),
)


class Held(Town):
    """A town whose county holds income and risk elimination over one township."""

    income: int
    risk: int


@pytest.fixture
def town(database: World) -> Iterator[Held]:
    with Held(database, more=MORE) as made:
        (made.income,) = made.granted(made.line(operations=USUAL))
        # Marking and rolling back are asked for by two letters: each has a ground of its own.
        made.granted(made.line(cells=[RISK], operations=MARKS))
        (made.risk,) = made.granted(made.line(cells=[RISK], operations=BACK))
        made.delegated(made.income, operations=USUAL)
        made.delegated(made.income, operations=USUAL, role="grid_worker")
        yield made


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("duty", answer.json().get("code", ""))


def kinds(town: Town, answer: Any) -> list[str]:
    """The kinds of the entries of an act, as an auditor reads them."""
    members = answer.json()
    return [
        town.get(f"/v1/entries/{n}", AUDITOR).json()["kind"] for n in members.get("entries") or [members["entry"]]
    ]  # fmt: skip


# --- extra ----------------------------------------------------------------------------------------------------------
def deed(town: Town, **more: Any) -> dict[str, Any]:
    return town.edit(cell=RISK, operation="rollback_elimination", changes=[]) | more


def agreed(**more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "person": ADMIN, "household": "h-monitored", "cell": RISK, "operation": "rollback_elimination",
        "data_year": now.year, "quarter": 4, "until": (now + timedelta(days=2)).isoformat(), "reason": "入户复核",
    } | more  # fmt: skip


def marked(town: Town, **more: Any) -> None:
    assert town.post("/v1/edits", ADMIN, deed(town, operation="mark_eliminated") | more).status_code == 201


def test_what_one_person_marked_he_rolls_back_only_with_another_ones_approval(town: Held) -> None:
    marked(town)
    for quarter in (4, 3, None):
        refused = town.post("/v1/edits", ADMIN, deed(town, quarter=quarter))
        assert told(refused) == (403, "mark_rollback"), quarter
        assert refused.json()["code"] == "approval_needed"
        assert {"unit": "u-640324-lead", "role": "county_admin", "grant": town.risk} in refused.json()[
            "who_can_approve"
        ]
    given = town.post("/v1/approvals", ADMIN_B, agreed())
    assert given.status_code == 201, given.text
    assert told(town.post("/v1/edits", ADMIN, deed(town, quarter=3))) == (403, "mark_rollback")
    done = town.post("/v1/edits", ADMIN, deed(town))
    assert done.status_code == 201, done.text
    assert kinds(town, done) == ["EditPermitted", "ApprovalUsed"]
    assert told(town.post("/v1/edits", ADMIN, deed(town))) == (403, "mark_rollback")


def test_another_person_rolls_back_without_any_approval(town: Held) -> None:
    marked(town)
    done = town.post("/v1/edits", ADMIN_B, deed(town))
    assert (done.status_code, kinds(town, done)) == (201, ["EditPermitted"])


def test_an_approval_is_used_once_in_one_batch_too(town: Held) -> None:
    marked(town)
    assert town.post("/v1/approvals", ADMIN_B, agreed()).status_code == 201
    items = [deed(town), deed(town), deed(town, operation="mark_eliminated"), deed(town)]
    results = town.post("/v1/edits/batch", ADMIN, items).json()["results"]
    assert [each.get("code", each["decision"]) for each in results] == [
        "permit", "approval_needed", "approval_needed", "approval_needed",
    ]  # fmt: skip


@pytest.mark.parametrize(("person", "more", "expected"), [
    (ADMIN, {}, (403, "duty_conflict")),
    (TWIN_ADMIN, {}, (403, "duty_conflict")),
    (COLLECTOR, {}, (403, "no_role")),
    (REVIEWER, {}, (403, "no_grant")),
    (ADMIN_B, {"operation": "update", "cell": "monitored.income"}, (422, "unacceptable")),
    (ADMIN_B, {"person": "p-99999"}, (422, "unfit_holder")),
    (ADMIN_B, {"household": "h-nobody"}, (404, "unknown")),
    (ADMIN_B, {"until": "2026-01-01T00:00:00+08:00"}, (422, "empty_interval")),
    (ADMIN_B, {"until": "2099-01-01T00:00:00+08:00"}, (422, "empty_interval")),
    (ADMIN_B, {"quarter": 5}, (422, "misshapen")),
])  # fmt: skip
def test_who_may_not_approve_what(town: Held, person: str, more: dict[str, Any], expected: tuple[int, str]) -> None:
    marked(town)
    town.delegated(town.risk, ADMIN_B, holder=TOWNSHIP, role="township_admin", cells=[RISK], operations=["review"])
    assert told(town.post("/v1/approvals", person, agreed(**more))) == expected
    assert told(town.post("/v1/edits", ADMIN, deed(town))) == (403, "mark_rollback")


def test_an_approval_names_its_person(town: Held) -> None:
    marked(town)
    assert town.post("/v1/approvals", ADMIN_B, agreed(person=COLLECTOR)).status_code == 201
    assert told(town.post("/v1/edits", ADMIN, deed(town))) == (403, "mark_rollback")


def test_an_approval_by_somebody_who_turns_out_to_be_kin_is_worth_nothing(town: Held) -> None:
    marked(town)
    assert town.post("/v1/approvals", ADMIN_B, agreed()).status_code == 201
    tie = town.post("/v1/ties", ADMIN_B, {"household": "h-monitored", "kind": "kin"})
    assert tie.status_code == 201, tie.text
    assert told(town.post("/v1/edits", ADMIN, deed(town))) == (403, "mark_rollback")
    told_of = town.get("/v1/approvals", ADMIN_B).json()["items"]
    assert [each["state"] for each in told_of] == ["given"]


# --- record, and block of one's own household -------------------------------------------------------------------------
def test_nobody_edits_the_household_of_his_kin_and_looking_at_it_is_noted(town: Held) -> None:
    look = town.edit(operation="query", changes=[])
    assert kinds(town, town.post("/v1/edits", COLLECTOR, look)) == ["EditPermitted"]
    tie = town.post("/v1/ties", COLLECTOR, {"household": "h-monitored", "kind": "kin"})
    assert tie.status_code == 201, tie.text
    for person in (COLLECTOR, TWIN_COLLECTOR):
        for operation in ("collect", "update", "verify"):
            body = town.edit(operation=operation, changes=[])
            assert told(town.post("/v1/edits", person, body)) == (403, "own_household"), (person, operation)
        assert kinds(town, town.post("/v1/edits", person, look)) == ["EditPermitted", "DutyNoted"]
    named = {"responsibility": {"collected_by": GRID_WORKER}}
    assert told(town.post("/v1/edits", COLLECTOR, town.edit(**named))) == (403, "own_household")
    named = {"responsibility": {"collected_by": COLLECTOR}}
    assert told(town.post("/v1/edits", GRID_WORKER, town.edit(**named))) == (403, "own_household")
    assert town.post("/v1/edits", COLLECTOR, town.edit(household="h-other")).status_code == 201
    assert town.post("/v1/edits", GRID_WORKER, town.edit()).status_code == 201


def test_a_tie_comes_before_the_household(town: Held) -> None:
    assert town.post("/v1/ties", COLLECTOR, {"household": "h-new", "kind": "member"}).status_code == 201
    body = town.edit(household="h-new", operation="collect")
    assert told(town.post("/v1/edits", COLLECTOR, body)) == (403, "own_household")
    assert town.post("/v1/edits", GRID_WORKER, body).status_code == 201


def test_a_tie_is_withdrawn_by_somebody_else(town: Held) -> None:
    tie = town.post("/v1/ties", ADMIN, {"person": COLLECTOR, "household": "h-monitored", "kind": "member"}).json()["id"]
    assert told(town.post("/v1/edits", COLLECTOR, town.edit())) == (403, "own_household")
    path, why = f"/v1/ties/{tie}/withdrawal", {"reason": "登记有误"}
    match = town.get("/v1/ties", COLLECTOR).json()["items"][0]["version"]
    assert told(town.post(path, COLLECTOR, why, if_match=match)) == (403, "no_role")
    assert told(town.post(path, FAR_COLLECTOR, why, if_match=match)) == (404, "unknown")
    assert told(town.post(path, ADMIN, why)) == (428, "unconditional")
    assert town.post(path, ADMIN, why, if_match=match).status_code == 200
    assert told(town.post(path, ADMIN, why, if_match=match))[0] == 412
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201


def test_an_administrator_does_not_withdraw_his_own_tie(town: Held) -> None:
    tie = town.post("/v1/ties", ADMIN, {"household": "h-monitored", "kind": "member"}).json()["id"]
    path, why = f"/v1/ties/{tie}/withdrawal", {"reason": "登记有误"}
    assert told(town.post(path, ADMIN, why, if_match=f'"{tie}"')) == (403, "duty_conflict")
    assert told(town.post(path, TWIN_ADMIN, why, if_match=f'"{tie}"')) == (403, "duty_conflict")
    assert town.post(path, ADMIN_B, why, if_match=f'"{tie}"').status_code == 200


def test_ties_are_seen_by_the_person_the_county_and_the_auditor(town: Held) -> None:
    for household in ("h-1", "h-2"):
        assert town.post("/v1/ties", COLLECTOR, {"household": household, "kind": "kin"}).status_code == 201
    assert told(town.post("/v1/ties", TWIN_COLLECTOR, {"household": "h-1", "kind": "kin"})) == (
        409,
        "already_registered",
    )
    wish = {"person": COLLECTOR, "household": "h-3", "kind": "kin"}
    assert told(town.post("/v1/ties", OTHER_COLLECTOR, wish)) == (403, "no_role")
    assert told(town.post("/v1/ties", TOWN_ADMIN, wish | {"person": FAR_COLLECTOR})) == (404, "unknown")
    assert town.post("/v1/ties", TOWN_ADMIN, wish).status_code == 201
    seen = {
        person: len(town.get(f"/v1/ties?person={COLLECTOR}", person).json()["items"])
        for person in (COLLECTOR, TWIN_COLLECTOR, ADMIN, AUDITOR, OTHER_COLLECTOR, REVIEWER)
    }
    assert seen == {COLLECTOR: 3, TWIN_COLLECTOR: 3, ADMIN: 3, AUDITOR: 3, OTHER_COLLECTOR: 0, REVIEWER: 0}
    page = town.get("/v1/ties?household=h-2&limit=1", ADMIN).json()["items"]
    assert [(each["person"], each["household"], each["withdrawn"]) for each in page] == [(COLLECTOR, "h-2", False)]


# --- trim -------------------------------------------------------------------------------------------------------------
def test_what_one_person_handed_to_himself_is_left_out_of_account(town: Held) -> None:
    wish = {"holder": TOWNSHIP, "role": "township_admin", "operations": USUAL}
    mine = town.delegated(town.income, ADMIN, **wish)
    refused = town.post("/v1/edits", TWIN_ADMIN, town.edit())
    assert told(refused) == (403, "self_delegation")
    assert (refused.json()["code"], refused.json()["missing"]) == ("no_grant", "grant")
    assert town.post("/v1/edits", TOWN_ADMIN, town.edit()).json()["grant"] == mine
    other = town.delegated(town.income, ADMIN_B, **wish)
    assert town.post("/v1/edits", TWIN_ADMIN, town.edit(quarter=3)).json()["grant"] == other


def test_a_deputy_hands_nothing_to_the_second_account_of_whom_he_stands_in_for(town: Held) -> None:
    number = deputised(town, ADMIN, CLERK)
    now = datetime.now(UTC)
    body = {
        "holder": TOWNSHIP, "role": "township_admin", "division": VILLAGE, "cells": ["monitored.income"],
        "operations": ["update"], "from": now.isoformat(), "until": (now + timedelta(days=9)).isoformat(), "reason": "分工",
    }  # fmt: skip
    path = f"/v1/grants/{town.income}/delegations"
    assert told(town.post(path, CLERK, body, mandate_post=str(number))) == (403, "self_delegation")
    village = body | {"holder": f"u-{VILLAGE}-village", "role": "first_secretary"}
    assert town.post(path, CLERK, village, mandate_post=str(number)).status_code == 201


# --- block, in either order -----------------------------------------------------------------------------------------
def test_who_verified_collects_again_only_after_somebody_else_did(town: Held) -> None:
    assert town.post("/v1/edits", GRID_WORKER, town.edit()).status_code == 201
    assert town.post("/v1/edits", COLLECTOR, town.edit(operation="verify", changes=[])).status_code == 201
    for person in (COLLECTOR, TWIN_COLLECTOR):
        for quarter in (4, None):
            answer = town.post("/v1/edits", person, town.edit(quarter=quarter))
            assert told(answer) == (403, "collector_verifier"), (person, quarter)
    assert town.post("/v1/edits", COLLECTOR, town.edit(quarter=3)).status_code == 201
    assert town.post("/v1/edits", GRID_WORKER, town.edit()).status_code == 201
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201


def test_who_verified_does_not_collect_in_the_same_batch(town: Held) -> None:
    verify, collect = town.edit(operation="verify", changes=[]), town.edit()
    results = town.post("/v1/edits/batch", COLLECTOR, [verify, collect, verify]).json()["results"]
    assert [each.get("duty", each["decision"]) for each in results] == ["permit", "collector_verifier", "permit"]
