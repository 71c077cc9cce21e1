"""Approvals over HTTP: who sees which, and who takes one back before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import World
from worlds import (
    ADMIN,
    ADMIN_B,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_ADMIN,
    REVIEWER,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    YUHAI,
    Town,
)  # fmt: skip

from authz.approval import Approval, ApprovalWithdrawn, withdraw
from authz.fact import Amend, Where, parse
from authz.refusal import WrongState

RISK = "monitored.risk_elimination"
WHY = {"reason": "情况有变"}
TOWNSHIP = f"u-{YUHAI}-township"


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    """Admins of the county mark and roll back; the reviewer of the township may agree to it, as any of them."""
    with Town(database) as made:
        made.granted(made.line(cells=[RISK], operations=["mark_eliminated"]))
        (root,) = made.granted(made.line(cells=[RISK], operations=["rollback_elimination", "review", "verify"]))
        wish: dict[str, Any] = {"holder": TOWNSHIP, "cells": [RISK], "operations": ["review"]}
        made.delegated(root, role="township_reviewer", **wish)
        made.delegated(root, role="township_admin", **wish)
        mark = made.edit(cell=RISK, operation="mark_eliminated", changes=[])
        assert made.post("/v1/edits", ADMIN, mark).status_code == 201
        yield made


def given(town: Town, by: str = ADMIN_B, **more: Any) -> int:
    now = datetime.now(UTC)
    wish = {
        "person": ADMIN, "household": "h-monitored", "cell": RISK, "operation": "rollback_elimination",
        "data_year": now.year, "quarter": 4, "until": (now + timedelta(days=2)).isoformat(), "reason": "入户复核",
    } | more  # fmt: skip
    answer = town.post("/v1/approvals", by, wish)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def rolled_back(town: Town) -> Any:
    return town.post("/v1/edits", ADMIN, town.edit(cell=RISK, operation="rollback_elimination", changes=[]))


def taken_back(town: Town, number: int, by: str, body: Any = WHY, **headers: str) -> tuple[int, str]:
    answer = town.post(f"/v1/approvals/{number}/withdrawal", by, body, **headers)
    return answer.status_code, answer.json().get("code", answer.json().get("state", ""))


def listed(town: Town, person: str, query: str = "") -> dict[int, str]:
    answer = town.get(f"/v1/approvals{query}", person)
    assert answer.status_code == 200, answer.text
    return {each["id"]: each["state"] for each in answer.json()["items"]}


def test_an_approval_that_was_taken_back_lets_nothing_happen(town: Town) -> None:
    first, second = given(town), given(town)
    assert taken_back(town, first, ADMIN_B) == (200, "withdrawn")
    assert taken_back(town, first, ADMIN_B) == (409, "wrong_state")
    assert rolled_back(town).status_code == 201, "the second one still stands"
    assert taken_back(town, second, ADMIN_B) == (409, "wrong_state")
    third = given(town)
    assert taken_back(town, third, ADMIN_B) == (200, "withdrawn")
    refused = rolled_back(town)
    assert (refused.status_code, refused.json()["code"]) == (403, "approval_needed")
    assert listed(town, ADMIN_B) == {third: "withdrawn", second: "used", first: "withdrawn"}
    entries = {each["id"]: each["spent"] for each in town.get("/v1/approvals", ADMIN_B).json()["items"]}
    kinds = {number: town.get(f"/v1/entries/{spent}", AUDITOR).json() for number, spent in entries.items()}
    assert {number: each["kind"] for number, each in kinds.items()} == {
        first: "ApprovalWithdrawn", second: "ApprovalUsed", third: "ApprovalWithdrawn",
    }  # fmt: skip
    assert kinds[first]["values"] == {"/reason": WHY["reason"]}
    assert kinds[first]["fact"]["subject"] == first


WHO = [
    (FAR_ADMIN, (404, "unknown")), (COLLECTOR, (404, "unknown")), (CLERK, (404, "unknown")), (SYSTEM_ADMIN, (404, "unknown")),
    (REVIEWER, (404, "unknown")), (AUDITOR, (403, "no_role")), (TOWN_ADMIN, (403, "outside_division")),
    (ADMIN, (200, "withdrawn")),
]  # fmt: skip


def test_who_takes_back_what_the_county_gave(town: Town) -> None:
    """Its giver, or an administrator who reaches him; the township sees it and does not reach the county."""
    number = given(town, person=ADMIN)
    for person, expected in WHO:
        before = town.size()
        assert taken_back(town, number, person) == expected, person
        assert town.size() - before == (expected[0] != 404), person


@pytest.mark.parametrize("by", [REVIEWER, TOWN_ADMIN, ADMIN_B])
def test_who_takes_back_what_the_township_gave(town: Town, by: str) -> None:
    number = given(town, REVIEWER)
    assert taken_back(town, number, by, {"reason": ""}) == (422, "misshapen")
    assert taken_back(town, number, by, idempotency_key="one") == (200, "withdrawn")
    assert taken_back(town, number, by, idempotency_key="one") == (200, "withdrawn")
    assert taken_back(town, number, by, idempotency_key="two") == (409, "wrong_state")
    assert rolled_back(town).status_code == 403


def test_there_is_no_other_approval(town: Town) -> None:
    number = given(town)
    for path in ("999999", str(number + 1), f"0{number}", "x"):
        assert town.post(f"/v1/approvals/{path}/withdrawal", ADMIN_B, WHY).status_code == 404
    assert listed(town, ADMIN) == {number: "given"}


def test_who_sees_which(town: Town) -> None:
    county, township = given(town), given(town, REVIEWER)
    both = {township: "given", county: "given"}
    assert {person: listed(town, person) for person in (ADMIN, ADMIN_B, TOWN_ADMIN, AUDITOR)} == dict.fromkeys(
        (ADMIN, ADMIN_B, TOWN_ADMIN, AUDITOR), both
    )
    assert listed(town, REVIEWER) == {township: "given"}
    for person in (FAR_ADMIN, COLLECTOR, CLERK, SYSTEM_ADMIN):
        assert listed(town, person) == {}, person
    item = town.get("/v1/approvals", AUDITOR).json()["items"][0]
    assert (item["person"], item["approved_by"], item["division"]) == (ADMIN, REVIEWER, VILLAGE)
    assert "入户复核" not in town.get("/v1/approvals", AUDITOR).text


def test_the_list_goes_by_the_page_and_by_what_is_asked(town: Town) -> None:
    made = [given(town, quarter=each) for each in (1, 2, 3)] + [given(town, person=COLLECTOR)]
    first = town.get("/v1/approvals?limit=3", ADMIN_B)
    rest = town.get(first.links["next"]["url"], ADMIN_B)
    assert [each["id"] for each in (*first.json()["items"], *rest.json()["items"])] == made[::-1]
    assert "next" not in rest.links
    assert list(listed(town, ADMIN_B, f"?person={COLLECTOR}")) == made[3:]
    assert list(listed(town, COLLECTOR)) == made[3:]
    assert listed(town, ADMIN_B, "?household=h-lifted") == {}
    assert town.get("/v1/approvals?cursor=x", ADMIN_B).status_code == 422
    assert town.get("/v1/approvals?state=given", ADMIN_B).status_code == 422


# --- the rule ---------------------------------------------------------------------------------------------------------
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "stands"), [(-1, True), (0, False), (1, False)])
def test_what_has_lapsed_is_not_taken_back(seconds: int, stands: bool) -> None:
    found = Approval(7, "p-1", "h-1", RISK, "rollback_elimination", 2026, 4, NOW, "p-2", "n-2")
    at = NOW + timedelta(seconds=seconds)
    if not stands:
        with pytest.raises(WrongState):
            withdraw(found, VILLAGE, "c", at)
        return
    fact = withdraw(found, VILLAGE, "c", at)
    assert fact == ApprovalWithdrawn(subject=7, household="h-1", division=VILLAGE, approved_by="p-2", reason="c")
    assert parse(fact.plain()) == fact
    assert fact.changes(Where(9, NOW)) == (Amend("approval", (7,), {"used": 9}),)


def test_what_was_used_or_withdrawn_is_not_taken_back() -> None:
    with pytest.raises(WrongState):
        withdraw(None, VILLAGE, "c", NOW)
