"""A `trim` duty of two roles leaves the one on the right out of account whole: its grants, and the acts of its post."""

from __future__ import annotations

import hashlib
from typing import Any

from conftest import World
from test_amendments import adopted, proposed, texts
from worlds import ADMIN, CLERK, Town

from authz.fact import Fact
from authz.post import PersonRegistered, PostAssigned

TWIN = "p-3004"
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
