"""Transfers over HTTP (scenario 4): one act ends the old post, rests what was made out to the person, begins the new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from conftest import World
from test_features_shown import employed
from worlds import (
    ADMIN,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_COLLECTOR,
    GRID_WORKER,
    HANDLER,
    LEAD,
    OBSERVER,
    OTHER_VILLAGE,
    REGION_LEAD,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip


def wish(town: Town, **more: Any) -> dict[str, Any]:
    post = town.get(f"/v1/people/{COLLECTOR}", ADMIN).json()["posts"][0]["post"]
    return {
        "person": COLLECTOR, "from_post": post, "unit": f"u-{OTHER_VILLAGE}-village", "role": "first_secretary",
        "reason": "工作调动", "successor": GRID_WORKER,
    } | more  # fmt: skip


def test_scenario_4_a_transfer_leaves_authority_behind(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        own, unit = town.delegated(root, holder=COLLECTOR), town.delegated(root)
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
        before = datetime.now(UTC).isoformat().replace("+", "%2B")
        answer = town.post("/v1/transfers", ADMIN, wish(town))
        told = answer.json()
        assert (answer.status_code, told["suspended"], told["successor"]) == (201, [own], GRID_WORKER)
        assert [each["lack"] for each in told["warnings"]] == ["idle"], (
            "no collector is left to use what the unit holds"
        )
        assert len(told["entries"]) == 5
        refused = town.post("/v1/edits", COLLECTOR, town.edit())
        assert (refused.status_code, refused.json()["code"]) == (403, "no_grant")
        states = {each["id"]: each["state"] for each in town.get("/v1/grants", ADMIN).json()["items"]}
        assert (states[own], states[unit], states[root]) == ("suspended", "live", "live")
        (mine,) = (each for each in town.get("/v1/me", COLLECTOR).json()["posts"] if each["live"])
        assert (mine["post"], mine["role"]) == (told["post"], "first_secretary")
        empty = {each["id"]: each["vacated"] for each in town.get("/v1/grants", ADMIN).json()["items"]}
        assert empty == {root: False, unit: False, own: True}, "nobody can use what rests on the post he left"
        assert town.get(f"/v1/grants/{own}", ADMIN).json()["vacated"] is True
        assert town.get(f"/v1/grants/{own}?at={before}", ADMIN).json()["vacated"] is False
        assert town.change(f"/v1/grants/{own}/resumption", ADMIN, {"reason": "x"}).json()["state"] == "live"
        back = {"person": COLLECTOR, "unit": f"u-{VILLAGE}-village", "role": "village_collector"}
        number = town.post("/v1/posts", ADMIN, back).json()["id"]
        assert town.get(f"/v1/grants/{own}", ADMIN).json()["vacated"] is True, "resumed, and he has come back"
        assert town.change(f"/v1/posts/{number}/end", ADMIN, {"reason": "x"}).is_success
        again = town.post("/v1/transfers", ADMIN, wish(town, role="village_collector"))
        assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


def test_a_transfer_is_judged_as_an_end_and_an_appointment(database: World) -> None:
    with Town(database) as town:
        for change, by, status, code in (
            ({}, CLERK, 403, "no_role"), ({}, AUDITOR, 403, "no_role"), ({}, TOWN_ADMIN, 403, "no_role"),
            ({}, FAR_COLLECTOR, 403, "no_role"), ({"role": "county_admin", "unit": "u-640324-lead"}, ADMIN, 403, "no_role"),
            ({"role": "township_admin"}, ADMIN, 422, "unfit_holder"), ({"successor": COLLECTOR}, ADMIN, 422, "unfit_holder"),
            ({"successor": "p-404"}, ADMIN, 422, "unfit_holder"), ({"successor": HANDLER}, ADMIN, 422, "unfit_holder"),
            ({"successor": OBSERVER}, ADMIN, 422, "unfit_holder"), ({"person": GRID_WORKER}, ADMIN, 422, "unfit_holder"),
            ({"unit": "u-640324101-township"}, ADMIN, 422, "unfit_holder"), ({"from_post": 10**6}, ADMIN, 404, "unknown"),
            ({"from": "x"}, ADMIN, 422, "misshapen"),
        ):  # fmt: skip
            answer = town.post("/v1/transfers", by, wish(town, **change))
            assert (answer.status_code, answer.json()["code"]) == (status, code), (change, by)
        assert (
            town.get(f"/v1/people?role=village_collector&division={VILLAGE}", SYSTEM_ADMIN).json()["items"][0]["id"]
            == COLLECTOR
        )


def test_who_has_gone_elsewhere_is_not_drawn_back_by_those_he_left(database: World) -> None:
    """A post that somebody once held here does not make him one of the people here."""
    with Town(database) as town:
        (root,) = town.granted()
        own = town.delegated(root, holder=GRID_WORKER, role="grid_worker")
        gone = wish(town, unit=REGION_LEAD, role="region_handler", successor=None)
        assert town.post("/v1/transfers", SYSTEM_ADMIN, gone).status_code == 201
        grid, clerk = (
            town.get(f"/v1/people/{each}", ADMIN).json()["posts"][0]["post"] for each in (GRID_WORKER, CLERK)
        )
        left = {"person": GRID_WORKER, "from_post": grid, "reason": "工作调动", "role": "first_secretary",
                "unit": f"u-{OTHER_VILLAGE}-village"}  # fmt: skip
        until = (datetime.now(UTC) + timedelta(days=5)).isoformat()
        stand_in = {"post": clerk, "deputy": COLLECTOR, "until": until, "reason": "外出培训"}
        again = {"person": COLLECTOR, "unit": f"u-{VILLAGE}-village", "role": "village_collector"}

        def refused(path: str, body: dict[str, Any]) -> tuple[int, str]:
            answer = town.post(path, ADMIN, body)
            return answer.status_code, answer.json().get("code")

        assert refused("/v1/transfers", left | {"successor": COLLECTOR}) == (422, "unfit_holder")
        assert refused("/v1/deputies", stand_in) == (422, "unfit_holder")
        assert refused("/v1/posts", again) == (422, "unfit_holder")
        for_grid = stand_in | {"post": grid}
        assert town.post("/v1/deputies", SYSTEM_ADMIN, for_grid).status_code == 201
        assert refused("/v1/posts", again) == (422, "unfit_holder"), "who stands in for somebody here serves elsewhere"
        transfer = town.post("/v1/transfers", ADMIN, left).json()["id"]
        handed = {"grants": [own], "successor": COLLECTOR, "reason": "工作调动"}
        assert refused(f"/v1/transfers/{transfer}/grants", handed) == (422, "unfit_holder")
        assert town.post("/v1/posts", SYSTEM_ADMIN, again).status_code == 201, "whose people he is may employ him here"
        assert town.post("/v1/deputies", ADMIN, stand_in).status_code == 201, "and then he serves here again"


def test_who_leaves_for_good_hands_over_as_well(database: World) -> None:
    """A village official whose term ends takes up no other post; his grants, his work and what he answers for go on."""
    heir = "p-4003"
    with Town(database, more=employed(heir, f"u-{VILLAGE}-village", "village_collector")) as town:
        (root,) = town.granted()
        own = town.delegated(root, holder=COLLECTOR, max_records=5)
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
        leaving = {name: value for name, value in wish(town, successor=heir).items() if name not in ("unit", "role")}
        for half in ({"unit": f"u-{OTHER_VILLAGE}-village"}, {"role": "first_secretary"}, {"post": "t"},
                     {"until": "2099-01-01T00:00:00+08:00"}):  # fmt: skip
            answer = town.post("/v1/transfers", ADMIN, leaving | half)
            assert (answer.status_code, answer.json()["code"]) == (422, "misshapen"), half
            assert [each["pointer"] for each in answer.json()["pointers"]] == [f"/{name}" for name in half]
        assert town.post("/v1/transfers", TOWN_ADMIN, leaving).json()["code"] == "no_role"
        done = town.post("/v1/transfers", ADMIN, leaving, idempotency_key="one")
        told = done.json()
        assert (done.status_code, told["post"], told["suspended"], told["successor"]) == (201, None, [own], heir)
        assert town.post("/v1/transfers", ADMIN, leaving, idempotency_key="one").content == done.content
        refused = town.post("/v1/edits", COLLECTOR, town.edit())
        assert (refused.status_code, refused.json()["code"]) == (403, "not_employed")
        (line,) = town.get("/v1/transfers", ADMIN).json()["items"]
        assert (line["id"], line["person"], line["suspended"]) == (told["id"], COLLECTOR, [own])
        passed = town.post(f"/v1/transfers/{told['id']}/grants", ADMIN, {"grants": [own], "reason": "换届"})
        (renewed,) = passed.json()["grants"]
        assert town.get(f"/v1/grants/{renewed['renewed']}", ADMIN).json()["scope"]["max_records"] == 4
        assert town.post("/v1/edits", heir, town.edit()).json()["grant"] == renewed["renewed"]
        asked = f"household=h-monitored&cell=monitored.income&data_year={town.edit()['data_year']}"
        figure = town.get(f"/v1/responsibility?{asked}", AUDITOR).json()["collected_by"]
        assert figure["now"]["person"]["id"] == heir


def test_a_helper_whose_post_has_ended_helps_nobody_any_more(database: World) -> None:
    """What rests on a post that is over names no helper: not from then on, but for the days before."""
    helper = "p-4005"
    with Town(database, more=employed(helper, LEAD, "assistance_person")) as town:
        (root,) = town.granted(town.line(cells=["monitored.measures"]))
        work = {"cells": ["monitored.measures"], "operations": ["update"], "households": ["h-monitored"]}
        own = town.delegated(root, holder=helper, role="assistance_person", **work)
        edit = town.edit(cell="monitored.measures", changes=[])
        assert town.post("/v1/edits", helper, edit).status_code == 201
        asked = f"/v1/responsibility?household=h-monitored&cell=monitored.measures&data_year={edit['data_year']}"
        before = datetime.now(UTC).isoformat().replace("+", "%2B")
        post = town.get(f"/v1/people/{helper}", ADMIN).json()["posts"][0]["post"]
        assert town.change(f"/v1/posts/{post}/end", ADMIN, {"reason": "离任"}).is_success
        told = [town.get(each, AUDITOR).json()["assistance"] for each in (asked, f"{asked}&at={before}")]
        assert [[each["grant"] for each in now] for now in told] == [[], [own]]
