"""Households over HTTP: bound once, moved only with the consent of the receiving side, seen only from either side."""

from __future__ import annotations

import json
from typing import Any

from conftest import World
from worlds import (
    ADMIN,
    ADMIN_B,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_ADMIN,
    FAR_VILLAGE,
    HANDLER,
    OTHER_VILLAGE,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip


def lines(*rows: tuple[str, str, str]) -> bytes:
    names = ("token", "division", "population")
    return "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows).encode()


def load(town: Town, body: bytes, person: str = ADMIN, **headers: str) -> Any:
    return town.post("/v1/households", person, body, content_type="application/x-ndjson", **headers)


def test_many_are_loaded_in_few_entries_and_again_without_effect(database: World) -> None:
    with Town(database) as town:
        rows = [(f"h-{number}", VILLAGE, "monitored") for number in range(2_500)]
        answer = load(town, lines(*rows))
        assert (answer.status_code, answer.json()["loaded"], len(answer.json()["entries"])) == (201, 2_500, 3)
        again = load(town, lines(*rows, ("h-new", OTHER_VILLAGE, "lifted_out")))
        assert (again.json()["loaded"], again.json()["unchanged"]) == (1, 2_500)
        seen = town.get("/v1/households/h-2499", ADMIN).json()
        assert (seen["division"], seen["population"], seen["moving_to"]) == (VILLAGE, "monitored", None)


def test_all_or_nothing(database: World) -> None:
    with Town(database) as town:
        good = ("h-good", VILLAGE, "monitored")
        for rows, status, code in (
            ([good, ("h-far", VILLAGE, "monitored")], 409, "already_registered"),
            ([good, ("h-monitored", VILLAGE, "lifted_out")], 409, "already_registered"),
            ([good, ("h-up", "640324100", "monitored")], 422, "unacceptable"),
            ([good, ("h-away", "640422100200", "monitored")], 403, "outside_division"),
            ([good, ("h-wrong", "６40324100201", "monitored")], 422, "misshapen"),
            ([good, ("h-wrong", VILLAGE, "rich")], 422, "misshapen"), ([good, good], 422, "misshapen"), ([], 422, "misshapen"),
        ):  # fmt: skip
            answer = load(town, lines(*rows))
            assert (answer.status_code, answer.json()["code"]) == (status, code), rows
            assert town.get("/v1/households/h-good", ADMIN).status_code == 404
        assert load(town, b"{oops").status_code == 400
        assert load(town, lines(*[(f"h-{n}", VILLAGE, "monitored") for n in range(10_001)])).status_code == 413
        for person in (TOWN_ADMIN, CLERK, COLLECTOR, AUDITOR):
            assert load(town, lines(good), person).json()["code"] == "no_role", person


def test_attack_63_a_household_moves_only_when_another_receives_it(database: World) -> None:
    """Nobody moves a household to his own village and edits it: the receiving side accepts, by another person."""
    with Town(database) as town:
        path = "/v1/households/h-monitored"
        body = {"division": FAR_VILLAGE, "reason": "易地搬迁"}
        assert town.post(f"{path}/move", TOWN_ADMIN, body).status_code == 428
        assert town.change(f"{path}/acceptance", ADMIN).json()["code"] == "wrong_state"
        assert (
            town.change(f"{path}/move", TOWN_ADMIN, body | {"division": "640324105"}).json()["code"] == "unacceptable"
        )
        assert town.change(f"{path}/move", TOWN_ADMIN, body | {"division": VILLAGE}).json()["code"] == "unacceptable"
        assert town.change(f"{path}/move", TOWN_ADMIN, body).status_code == 200
        assert town.change(f"{path}/move", TOWN_ADMIN, body).json()["code"] == "wrong_state"
        assert town.get(path, ADMIN).json()["division"] == VILLAGE
        for person in (TOWN_ADMIN, CLERK, HANDLER):
            assert town.change(f"{path}/acceptance", person).status_code == 403, person
        assert town.change(f"{path}/acceptance", FAR_ADMIN).status_code == 200
        assert town.get(path, ADMIN).json()["division"] == FAR_VILLAGE
        assert town.get(path, TOWN_ADMIN).status_code == 404


def test_the_receiving_side_may_ask_but_not_accept_itself(database: World) -> None:
    with Town(database) as town:
        path, body = "/v1/households/h-far", {"division": OTHER_VILLAGE, "reason": "投亲"}
        assert town.get(path, TOWN_ADMIN).status_code == 404
        assert town.post(f"{path}/move", TOWN_ADMIN, body | {"division": FAR_VILLAGE}).status_code == 404
        assert town.post(f"{path}/move", COLLECTOR, body).status_code == 404
        assert town.post(f"{path}/move", TOWN_ADMIN, body).status_code == 200
        own = town.change(f"{path}/acceptance", TOWN_ADMIN)
        assert (own.status_code, own.json()["code"]) == (403, "duty_conflict")
        assert town.change(f"{path}/acceptance", ADMIN_B).status_code == 200
        assert town.get("/v1/households/h-404", ADMIN).text == town.get(path, FAR_ADMIN).text


def test_a_move_is_taken_back_by_the_side_that_asked_while_it_is_open(database: World) -> None:
    with Town(database) as town:
        path, body = "/v1/households/h-monitored", {"division": FAR_VILLAGE, "reason": "易地搬迁"}
        back = {"reason": "农户决定不再搬迁"}
        assert town.change(f"{path}/withdrawal", TOWN_ADMIN, back).json()["code"] == "wrong_state"
        for by in (TOWN_ADMIN, ADMIN):
            assert town.change(f"{path}/move", TOWN_ADMIN, body).status_code == 200
            assert town.post(f"{path}/withdrawal", TOWN_ADMIN, back).status_code == 428
            assert town.post(f"{path}/withdrawal", TOWN_ADMIN, back, if_match='"1"').status_code == 412
            for person, code in ((FAR_ADMIN, "outside_division"), (CLERK, "no_role"), (HANDLER, "no_role")):
                refused = town.change(f"{path}/withdrawal", person, back)
                assert (refused.status_code, refused.json()["code"]) == (403, code), person
            assert town.change(f"{path}/withdrawal", by, {}).json()["code"] == "misshapen"
            assert town.change(f"{path}/withdrawal", by, back).status_code == 200
            told = town.get(path, ADMIN).json()
            assert (told["division"], told["moving_to"], told["move_asked_by"]) == (VILLAGE, None, None)
            assert town.get(path, FAR_ADMIN).status_code == 404, "no party any more"
        assert town.change(f"{path}/acceptance", ADMIN_B).json()["code"] == "wrong_state"
        assert town.change(f"{path}/move", TOWN_ADMIN, body).status_code == 200
        assert town.change(f"{path}/acceptance", FAR_ADMIN).status_code == 200
        assert town.change(f"{path}/withdrawal", FAR_ADMIN, back).json()["code"] == "wrong_state"


def test_the_side_is_that_of_the_asking_also_when_the_asker_has_left(database: World) -> None:
    """Asked by the receiving side: the side that holds the household cannot take it back, whoever is in office."""
    with Town(database) as town:
        path, body = "/v1/households/h-far", {"division": OTHER_VILLAGE, "reason": "投亲"}
        back = {"reason": "不再迁来"}
        assert town.post(f"{path}/move", TOWN_ADMIN, body).status_code == 200
        assert town.change(f"{path}/withdrawal", FAR_ADMIN, back).json()["code"] == "outside_division"
        post = town.get(f"/v1/people/{TOWN_ADMIN}", ADMIN).json()["posts"][0]["post"]
        left = {"person": TOWN_ADMIN, "from_post": post, "unit": "u-640324-civil_affairs", "role": "department_officer"}
        assert town.post("/v1/transfers", ADMIN, left | {"reason": "调动"}).status_code == 201
        assert town.change(f"{path}/withdrawal", FAR_ADMIN, back).json()["code"] == "outside_division"
        assert town.post(f"{path}/withdrawal", TOWN_ADMIN, back).status_code == 404
        assert town.change(f"{path}/withdrawal", ADMIN_B, back).status_code == 200
