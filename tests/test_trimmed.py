"""A `trim` duty of two roles leaves the one on the right out of account whole: its grants, and the acts of its post."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from acts import law
from conftest import World
from offices import NOW, Office
from test_amendments import adopted, proposed, texts
from worlds import ADMIN, CLERK, Town

from authz.decision import Law
from authz.fact import Fact
from authz.post import PersonRegistered, PostAssigned

TWIN = "p-3004"
LAW = law()
LEAD = "u-640324-lead"


def second(role: str) -> tuple[Fact, ...]:
    """A second account of the county administrator, in another post of his office."""
    natural = hashlib.sha256(f"natural{ADMIN}".encode()).hexdigest()
    return (
        PersonRegistered(person_id=TWIN, natural=natural, name="0" * 64, phone=None),
        PostAssigned(person_id=TWIN, post_unit=LEAD, division="640324", role=role, title="t",
                     valid_from="2026-01-01T00:00:00.000000Z", valid_until=None),
    )  # fmt: skip


def trimming(text: str) -> str:
    row = "admin_applicant,roles,county_admin,county_clerk county_signatory,record"
    assert row in text
    return text.replace(row, row.replace("record", "trim"))


SOFTER = LAW.policy.duties["admin_applicant"]
TRIMMING = replace(
    LAW, policy=replace(LAW.policy, duties={**LAW.policy.duties, SOFTER.code: replace(SOFTER, strength="trim")})
)


@pytest.mark.parametrize(("used", "person", "expected"), [
    (LAW, "p-11", True), (LAW, "p-13", True), (TRIMMING, "p-11", False), (TRIMMING, "p-12", False), (TRIMMING, "p-13", True),
    (TRIMMING, "p-14", True),
])  # fmt: skip
def test_of_one_human_being_the_post_on_the_right_may_do_nothing(used: Law, person: str, expected: bool) -> None:
    """p-11, p-12, p-13 and p-14 are clerk, signatory, administrator and handler, and one human being."""
    office = Office(used)
    division = "64" if person == "p-14" else "640324"
    assert office.scene(person).may("request.read", division) == expected


def test_the_post_on_the_right_comes_back_when_the_other_one_ends() -> None:
    office = Office(TRIMMING)
    office.rows.posts["p-13"] = [replace(office.rows.posts["p-13"][0], valid_until=NOW)]
    assert office.scene("p-11").may("request.draft", "640324")


def told(answer: Any) -> tuple[int, str | None, str | None]:
    members = answer.json()
    return answer.status_code, members.get("code"), members.get("duty")


def test_the_post_on_the_right_counts_for_nothing(database: World) -> None:
    with Town(database, more=second("county_clerk")) as town:
        paper = town.draft()
        assert adopted(town, proposed(town, texts(duties_csv=trimming)).json()["policy"]).status_code == 200
        refused = town.post("/v1/requests", TWIN, paper)
        assert told(refused) == (403, "no_role", "admin_applicant")
        assert "不计入" in refused.json()["detail"]
        # The role on the left is as good as ever, and so is the one on the right in other hands.
        assert "in_force" in town.get("/v1/policies", ADMIN).json()
        assert town.post("/v1/requests", CLERK, paper).status_code == 201


def test_as_the_set_stands_the_two_roles_are_noted_and_both_count(database: World) -> None:
    with Town(database, more=second("county_clerk")) as town:
        assert town.post("/v1/requests", TWIN, town.draft()).status_code == 201
