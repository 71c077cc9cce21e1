"""Staffing over HTTP: who was short on a day, who has no B, which village has nobody; a warning with the act that did it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from conftest import World
from test_features_shown import employed
from worlds import (
    ADMIN,
    ADMIN_B,
    APPROVER,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_COLLECTOR,
    FAR_GRID,
    LEAD,
    OBSERVER,
    SECURITY_ADMIN,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

REASON = {"reason": "调离"}
OFFICE, TOWN_UNIT = "u-640324-civil_affairs", "u-640324100-township"


def ended(town: Town, person: str, by: str = SYSTEM_ADMIN) -> Any:
    number = town.get(f"/v1/people/{person}", SYSTEM_ADMIN).json()["posts"][0]["post"]
    answer = town.change(f"/v1/posts/{number}/end", by, REASON)
    assert answer.status_code == 200, answer.text
    return answer.json()


def units(told: Any) -> dict[str, tuple[int, int, int, bool]]:
    return {each["unit"]: (each["needed"], each["present"], each["short"], each["missing_b"]) for each in told["units"]}


def test_who_was_short_on_a_day(database: World) -> None:
    """As the register knows it now, at the instant asked: before an end, after it, and long ago."""
    with Town(database) as town:
        before = datetime.now(UTC).isoformat()
        told = ended(town, TOWN_ADMIN)
        assert [each["lack"] for each in told["warnings"]] == ["staff", "no_admin"]
        assert ended(town, "p-1101")["warnings"][0]["unit"] == OFFICE
        now = town.get("/v1/staffing", ADMIN).json()
        past = town.get(f"/v1/staffing?at={before.replace('+', '%2B')}", ADMIN).json()
        ancient = town.get("/v1/staffing?at=2025-06-01T00:00:00%2B08:00", ADMIN).json()
        assert (units(now)[TOWN_UNIT], units(past)[TOWN_UNIT]) == ((2, 1, 1, True), (2, 2, 0, True))
        assert (units(now)[OFFICE], units(past)[OFFICE]) == ((1, 0, 1, False), (1, 1, 0, False))
        assert units(ancient)[LEAD] == (2, 0, 2, True)
        assert (now["short"], past["short"]) == (2, 0)
        assert "u-64-lead" not in units(town.get("/v1/staffing", AUDITOR).json())


def test_a_missing_b_is_shown_and_an_a_and_b_are_two(database: World) -> None:
    with Town(database) as town:
        pair = {"unit": LEAD, "primary": ADMIN, "deputy": ADMIN_B}
        for by, body, code in (
            (SYSTEM_ADMIN, pair | {"deputy": ADMIN}, "duty_conflict"), (ADMIN, pair | {"deputy": CLERK}, "unfit_holder"),
            (ADMIN, pair | {"unit": "u-64-lead"}, "unfit_holder"), (CLERK, pair, "no_role"), (ADMIN, pair, None),
        ):  # fmt: skip
            answer = town.post("/v1/staffing/pairs", by, body)
            assert answer.json().get("code") == code, (by, body)
        (told,) = [each for each in town.get("/v1/staffing", ADMIN).json()["units"] if each["unit"] == LEAD]
        assert (told["pair"], told["missing_b"]) == ({"primary": ADMIN, "deputy": ADMIN_B}, False)
        assert [each["lack"] for each in ended(town, ADMIN_B)["warnings"]] == ["no_b"]
        assert units(town.get("/v1/staffing", ADMIN).json())[LEAD][3] is True


def test_the_a_and_b_of_a_day_are_those_who_were_named_by_then(database: World) -> None:
    """A pair that was replaced since is not missed on the days on which it ran the unit; before any was named, it is."""
    third = "p-4009"
    with Town(database, more=employed(third, LEAD, "county_admin")) as town:

        def seen(at: str) -> tuple[Any, bool]:
            answer = town.get(f"/v1/staffing?at={at.replace('+', '%2B')}", ADMIN).json()
            (told,) = [each for each in answer["units"] if each["unit"] == LEAD]
            return told["pair"], told["missing_b"]

        pair, later = {"primary": ADMIN, "deputy": ADMIN_B}, {"primary": ADMIN, "deputy": third}
        days = [datetime.now(UTC).isoformat()]
        assert town.post("/v1/staffing/pairs", ADMIN, {"unit": LEAD, **pair}).is_success
        days.append(datetime.now(UTC).isoformat())
        ended(town, ADMIN_B)
        days.append(datetime.now(UTC).isoformat())
        assert town.post("/v1/staffing/pairs", ADMIN, {"unit": LEAD, **later}).is_success
        days.append(datetime.now(UTC).isoformat())
        assert [seen(each) for each in days] == [(None, True), (pair, False), (pair, True), (later, False)]


def test_who_may_see_the_report(database: World) -> None:
    with Town(database) as town:
        for person, status in (
            (ADMIN, 200), (OBSERVER, 200), (APPROVER, 200), (AUDITOR, 200), (SYSTEM_ADMIN, 200), (COLLECTOR, 403),
            (CLERK, 403), (TOWN_ADMIN, 403), (SECURITY_ADMIN, 403),
        ):  # fmt: skip
            assert town.get("/v1/staffing", person).status_code == status, person
        assert town.get("/v1/staffing?division=64", ADMIN).json()["code"] == "outside_division"
        assert set(units(town.get("/v1/staffing?division=640324100", ADMIN).json())) == {TOWN_UNIT}


def test_a_village_without_hands_is_told_at_once_and_listed(database: World) -> None:
    with Town(database) as town:
        assert town.get("/v1/staffing", ADMIN).json()["orphans"] == []
        assert ended(town, FAR_GRID, ADMIN)["warnings"] == []
        (told,) = ended(town, FAR_COLLECTOR, ADMIN)["warnings"]
        assert (told["lack"], told["unit"]) == ("orphan", "u-640324105200-village")
        (orphan,) = town.get("/v1/staffing", ADMIN).json()["orphans"]
        assert (orphan["division"], orphan["why"]) == ("640324105200", "no_collector")
        (root,) = town.granted()
        own = town.delegated(root, holder=COLLECTOR)
        body = {"person": COLLECTOR, "unit": f"u-{VILLAGE}-village", "role": "village_collector"}
        ended(town, COLLECTOR, ADMIN)
        assert town.post("/v1/posts", ADMIN, body).status_code == 201
        refused = town.post("/v1/edits", COLLECTOR, town.edit())
        assert (refused.status_code, refused.json()["code"]) == (403, "no_grant"), "it rested on the post that ended"
        listed = {each["division"]: each for each in town.get("/v1/staffing", ADMIN).json()["orphans"]}
        assert (listed[VILLAGE]["why"], listed[VILLAGE]["grants"]) == ("no_usable_grant", [own])
        town.delegated(root)
        assert VILLAGE not in {each["division"] for each in town.get("/v1/staffing", ADMIN).json()["orphans"]}
