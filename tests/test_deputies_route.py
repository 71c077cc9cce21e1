"""Deputies over HTTP: named with their own post in every entry, limited, listed, and dead with the post they rest on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from conftest import World
from worlds import (
    ADMIN,
    ADMIN_B,
    AUDITOR,
    CLERK,
    COLLECTOR,
    COUNTY,
    FAR_COLLECTOR,
    GRID_WORKER,
    LEAD,
    OTHER_VILLAGE,
    SECURITY_ADMIN,
    SIGNATORY,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

REASON = {"reason": "外出培训"}


def post_of(town: Town, person: str) -> int:
    return int(town.get(f"/v1/people/{person}", SYSTEM_ADMIN).json()["posts"][0]["post"])


def wish(town: Town, absent: str, deputy: str, **more: Any) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    return {"post": post_of(town, absent), "deputy": deputy, "until": until, **REASON} | more


def deputised(town: Town, absent: str, deputy: str, by: str = SYSTEM_ADMIN, **more: Any) -> int:
    answer = town.post("/v1/deputies", by, wish(town, absent, deputy, **more))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def test_a_deputy_signs_in_his_own_name_and_is_shown_as_one(database: World) -> None:
    with Town(database) as town:
        number = deputised(town, SIGNATORY, ADMIN)
        request = town.drafted(signatory=ADMIN)
        path = f"/v1/requests/{request}"
        seen = town.get(path, ADMIN, mandate_post=str(number)).headers["etag"]
        assert town.post(f"{path}/signature", ADMIN, None, if_match=seen).json()["code"] == "post_required"
        answer = town.post(f"{path}/signature", ADMIN, None, if_match=seen, mandate_post=str(number))
        assert answer.status_code == 200, answer.text
        (signed,) = town.get("/v1/entries?kind=RequestSigned", AUDITOR).json()["items"]
        assert (signed["person"]["id"], signed["post"]) == (ADMIN, number)
        mine = {each["post"]: each for each in town.get("/v1/me", ADMIN).json()["posts"]}
        assert (mine[number]["deputy_for"], mine[number]["role"]) == (post_of(town, SIGNATORY), "county_signatory")
        assert [each["deputy_for"] for each in mine.values()].count(None) == 1


def test_attack_72_a_deputy_does_not_sign_what_he_or_the_absent_one_drafted(database: World) -> None:
    """The clerk stands in for the signatory: his own draft stays refused, that of another clerk does not."""
    with Town(database) as town:
        own, absent = town.drafted(signatory=CLERK), town.drafted(signatory=ADMIN)
        number = deputised(town, SIGNATORY, CLERK)
        path = f"/v1/requests/{own}"
        seen = town.get(path, CLERK, mandate_post=str(number)).headers["etag"]
        answer = town.post(f"{path}/signature", CLERK, None, if_match=seen, mandate_post=str(number))
        assert (answer.status_code, answer.json()["code"]) == (403, "duty_conflict")
        path, post = f"/v1/requests/{absent}", str(deputised(town, SIGNATORY, ADMIN))
        seen = town.get(path, ADMIN, mandate_post=post).headers["etag"]
        assert town.post(f"{path}/signature", ADMIN, None, if_match=seen, mandate_post=post).status_code == 200


def test_it_dies_with_the_post_it_rests_on_and_history_stays(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        own = town.delegated(root, holder=COLLECTOR)
        number = deputised(town, COLLECTOR, GRID_WORKER, by=ADMIN, operations=["update", "collect"])
        told = {each["post"]: each for each in town.get("/v1/me", GRID_WORKER).json()["posts"]}
        assert told[number]["limits"] == {"acts": [], "operations": ["collect", "update"]}
        assert own not in {each["id"] for each in town.get("/v1/me", GRID_WORKER).json()["grants"]}
        done = town.post("/v1/edits", GRID_WORKER, town.edit(), mandate_post=str(number))
        assert done.status_code == 201, done.text
        beyond = town.post(
            "/v1/edits", GRID_WORKER, town.edit(operation="verify", changes=[]), mandate_post=str(number)
        )
        assert (beyond.status_code, beyond.json()["code"]) == (403, "outside_deputyship")
        move = {"person": COLLECTOR, "from_post": post_of(town, COLLECTOR), "unit": f"u-{OTHER_VILLAGE}-village",
                "role": "first_secretary", **REASON}  # fmt: skip
        assert town.post("/v1/transfers", ADMIN, move).status_code == 201
        after = town.post("/v1/edits", GRID_WORKER, town.edit(), mandate_post=str(number))
        assert (after.status_code, after.json()["code"]) == (403, "not_employed")
        query = "/v1/responsibility?household=h-monitored&cell=monitored.income"
        collected = town.get(query, AUDITOR).json()["collected_by"]
        assert (collected["person"]["id"], collected["post"], collected["deputy_for"] is None) == (
            GRID_WORKER,
            number,
            False,
        )
        assert [each["live"] for each in town.get("/v1/deputies", ADMIN).json()["items"]] == [False]


def test_who_may_set_see_and_end_a_deputyship(database: World) -> None:
    with Town(database) as town:
        for by, absent, deputy, status in (
            (ADMIN, CLERK, ADMIN_B, 201), (ADMIN, SIGNATORY, ADMIN_B, 403), (TOWN_ADMIN, COLLECTOR, GRID_WORKER, 403),
            (CLERK, CLERK, ADMIN_B, 403), (SYSTEM_ADMIN, SYSTEM_ADMIN, CLERK, 422), (SYSTEM_ADMIN, ADMIN, SECURITY_ADMIN, 403),
            (ADMIN, CLERK, "p-404", 422), (AUDITOR, CLERK, ADMIN_B, 403), (SYSTEM_ADMIN, CLERK, CLERK, 403),
        ):  # fmt: skip
            assert town.post("/v1/deputies", by, wish(town, absent, deputy)).status_code == status, (by, absent, deputy)
        assert town.post("/v1/deputies", ADMIN, wish(town, CLERK, ADMIN) | {"post": 10**6}).status_code == 404
        bad = {"until": "2020-01-01T00:00:00+08:00", "from": "2021-01-01T00:00:00+08:00"}
        for more in (bad, {"division": "640999"}, {"acts": ["x"]}, {"for": 1}):
            assert town.post("/v1/deputies", SYSTEM_ADMIN, wish(town, CLERK, ADMIN, **more)).status_code == 422, more
        (item,) = town.get(f"/v1/deputies?unit={LEAD}&division={COUNTY}", ADMIN).json()["items"]
        assert (item["deputy"], item["principal"], item["live"]) == (ADMIN_B, CLERK, True)
        assert town.get(f"/v1/deputies?division={VILLAGE}", ADMIN).json()["items"] == []
        path = f"/v1/deputies/{item['id']}"
        for person, status in ((ADMIN, 200), (CLERK, 200), (AUDITOR, 200), (FAR_COLLECTOR, 404)):
            assert town.get(path, person).status_code == status, person
        assert town.get(f"/v1/deputies/{post_of(town, CLERK)}", ADMIN).status_code == 404
        assert town.post(f"{path}/end", CLERK, REASON).status_code == 428
        assert town.change(f"/v1/posts/{item['id']}/end", ADMIN, REASON).json()["code"] == "wrong_state"
        assert (
            town.post(f"{path}/end", AUDITOR, REASON, if_match=town.get(path, ADMIN).headers["etag"]).status_code == 403
        )
        ended = town.change(f"{path}/end", CLERK, REASON)
        assert (ended.status_code, ended.json()["until"][-6:]) == (200, "+08:00")
        assert town.get(path, ADMIN).json()["live"] is False
