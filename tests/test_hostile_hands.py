"""Deputies and officers in hostile hands: what is lent for a time makes nothing that lasts for whoever it is lent to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import worlds
from bureau import REGION, SYSTEM, Bureau
from conftest import World
from worlds import ADMIN, AUDITOR, GRID_WORKER, REVIEWER, SYSTEM_ADMIN, Town

from authz import refusal

APPROVER, DEPUTY, CANDIDATE = "p-21", "p-31", "p-41"


def soon() -> str:
    return (datetime.now(UTC) + timedelta(days=9)).isoformat()


def post_of(town: Town, person: str) -> int:
    return int(town.get(f"/v1/people/{person}", SYSTEM_ADMIN).json()["posts"][0]["post"])


def test_a_deputy_gives_himself_no_post_and_gives_others_theirs(database: World) -> None:
    """A post would outlive the deputyship it was given in."""
    with Town(database) as town:
        wish: dict[str, Any] = {"post": post_of(town, ADMIN), "deputy": GRID_WORKER, "until": soon(), "reason": "x"}
        number = town.post("/v1/deputies", SYSTEM_ADMIN, wish).json()["id"]
        lead = {"unit": worlds.LEAD, "role": "county_clerk"}
        own = town.post("/v1/posts", GRID_WORKER, {"person": GRID_WORKER, **lead}, mandate_post=str(number))
        assert (own.status_code, own.json()["missing"]) == (403, "appoint")
        wish = {"person": GRID_WORKER, "from_post": post_of(town, GRID_WORKER), **lead, "reason": "x"}
        moved = town.post("/v1/transfers", GRID_WORKER, wish, mandate_post=str(number))
        assert moved.status_code == 403, moved.text
        other = town.post("/v1/posts", GRID_WORKER, {"person": REVIEWER, **lead}, mandate_post=str(number))
        assert other.status_code == 201, other.text
        by_admin = town.post("/v1/posts", ADMIN, {"person": GRID_WORKER, **lead})
        assert by_admin.status_code == 201, by_admin.text


@pytest.mark.parametrize("lent", [True, False])
def test_a_deputy_of_the_bureaus_approver_seats_no_officer(lent: bool) -> None:
    bureau = Bureau()
    bureau.employ(APPROVER, REGION, "region_approver")
    bureau.employ(DEPUTY, REGION, "region_handler")
    number = bureau.propose(CANDIDATE, "security_admin", SYSTEM)
    if not lent:
        assert bureau.approve(number, APPROVER)
        return
    deputyship = bureau.deputise(bureau.rows.posts[APPROVER][0].number, DEPUTY)
    with pytest.raises(refusal.NoRole):
        bureau.approve(number, DEPUTY, deputyship)


@pytest.mark.parametrize("year", [2**31, 2**53, -1, 10_000])
def test_a_year_that_no_register_holds_is_refused_before_anything_is_written(database: World, year: int) -> None:
    """One such question would else fail everything that is written together with it."""
    with Town(database) as town:
        size = town.size()
        resource = {"type": "monitored.income", "id": "h-monitored", "properties": {"data_year": year}}
        asked = {"subject": {"type": "person", "id": ADMIN}, "action": {"name": "update"}, "resource": resource}
        for path in ("evaluation", "search/subject", "search/resource", "search/action"):
            assert town.post(f"/access/v1/{path}", AUDITOR, asked).status_code == 400
        assert town.size() == size
        resource["properties"] = {"data_year": 9999}
        assert town.post("/access/v1/evaluation", AUDITOR, asked).status_code == 200
