"""Grants over HTTP: delegation, its question, its end, and who sees what of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from acts import Say
from chains import regional
from conftest import World
from worlds import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CLERK,
    COLLECTOR,
    COUNTY,
    FAR_ADMIN,
    GRID_WORKER,
    INCOME,
    LEAD,
    OBSERVER,
    REVIEWER,
    SIGNATORY,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    USUAL,
    VILLAGE,
    YUHAI,
    Town,
)  # fmt: skip

from authz.fact import instant
from authz.post import PersonRegistered, PostAssigned, UnitEstablished

FOREIGN = "p-3001"
FAR_LEAD = "u-640422-lead"
NOW = datetime.now(UTC)


def foreign() -> tuple[Any, ...]:
    """Another county with an administrator and a grant of its own."""
    return (
        UnitEstablished(unit=FAR_LEAD, unit_kind="lead", division="640422", name="西吉", earlier_name=None),
        PersonRegistered(person_id=FOREIGN, natural="f" * 64, name="0" * 64, phone=None),
        PostAssigned(person_id=FOREIGN, post_unit=FAR_LEAD, division="640422", role="county_admin", title="t",
                     valid_from=instant(datetime(2026, 1, 1, tzinfo=UTC)), valid_until=None),
    )  # fmt: skip


def wish(**more: Any) -> dict[str, Any]:
    return {
        "holder": "u-640324100-township", "role": "township_admin", "division": YUHAI, "cells": INCOME, "operations": USUAL,
        "from": NOW.isoformat(), "until": (NOW + timedelta(days=60)).isoformat(), "reason": "按分工组织",
    } | more  # fmt: skip


def test_a_grant_runs_from_the_document_to_the_village_and_back(database: World) -> None:
    """Scenarios 1 and 3: county to township to village; an edit is permitted until the root is revoked, in one act."""
    with Town(database) as town:
        (root,) = town.granted()
        township = town.delegated(root, holder="u-640324100-township", role="township_admin", division=YUHAI)
        village = town.delegated(township, TOWN_ADMIN, until=(NOW + timedelta(days=30)).isoformat())
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
        seen = town.get(f"/v1/grants/{village}", COLLECTOR).json()
        assert [each["id"] for each in seen["chain"]] == [root, township, village]
        assert (seen["state"], seen["origin"], seen["parent"]) == ("live", "delegated", township)
        assert seen["document"] == seen["chain"][0]["document"]
        assert seen["document"].startswith("宁乡振发")
        before = seen["issued_at"]
        answer = town.change(f"/v1/grants/{root}/revocation", APPROVER, {"reason": "任务结束"})
        assert (answer.status_code, answer.json()["cut"]) == (200, [township, village])
        refused = town.post("/v1/edits", COLLECTOR, town.edit())
        assert (refused.status_code, refused.json()["code"]) == (403, "revoked")
        after = town.get(f"/v1/grants/{village}", COLLECTOR).json()
        assert (after["state"], after["because"]) == ("revoked", root)
        then = town.get(f"/v1/grants/{village}?at={before.replace('+', '%2B')}", COLLECTOR).json()
        assert then["state"] == "live"


def test_a_dry_run_asks_and_changes_nothing(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        size, path = town.size(), f"/v1/grants/{root}/delegations"
        assert town.post(f"{path}?dry_run=true", ADMIN, wish()).json() == {"fits": True, "misfits": []}
        wide = wish(division=COUNTY, operations=[*USUAL, "delete"], cells=[*INCOME, "monitored.base"], data_year=2020)
        told = town.post(f"{path}?dry_run=true", ADMIN, wide)
        assert told.status_code == 200
        assert {each["axis"] for each in told.json()["misfits"]} == {"division", "operations", "cells", "data_year"}
        assert town.size() == size
        refused = town.post(path, ADMIN, wide)
        assert (refused.status_code, refused.json()["code"]) == (422, "wider_than_held")
        assert refused.json()["misfits"] == told.json()["misfits"]
        assert refused.json()["entry"] == size


SHAPES: list[tuple[dict[str, Any], str]] = [
    ({"division": "64030"}, "bad_division_code"),
    ({"division": "６４０３２４"}, "bad_division_code"),
    ({"division": "64%"}, "bad_division_code"),
    ({"division": "*"}, "bad_division_code"),
    ({"division": ""}, "bad_division_code"),
    ({"division": "640324000000"}, "bad_division_code"),
    ({"division": "640324199"}, "bad_division_code"),
    ({"division": " 640324"}, "bad_division_code"),
    ({"role": "village_head"}, "misshapen"),
    ({"reason": " "}, "misshapen"),
    ({"operations": []}, "misshapen"),
    ({"max_records": 0}, "misshapen"),
    ({"max_records": True}, "misshapen"),
    ({"until": NOW.isoformat()}, "misshapen"),
    ({"issued_by": "p-1012"}, "misshapen"),
    ({"holder": "u-*"}, "misshapen"),
]


def test_attacks_50_to_58_and_67_wrong_shapes_are_refused_and_not_echoed(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        for change, code in SHAPES:
            answer = town.post(f"/v1/grants/{root}/delegations", ADMIN, wish(**change))
            assert (answer.status_code, answer.json()["code"]) == (422, code), change
            assert all(
                str(value) not in answer.text for value in change.values() if isinstance(value, str) and len(value) > 3
            )


def test_attack_65_and_79_what_is_hidden_is_absent(database: World) -> None:
    """Another county learns nothing from numbers guessed in sequence: same status, same body, for every verb."""
    with Town(database, more=foreign()) as town:
        (root,) = town.granted()
        answers = set()
        for number in (root, 999_999):
            answers.add(town.get(f"/v1/grants/{number}", FOREIGN).text)
            for verb, body in (
                ("revocation", {"reason": "x"}),
                ("delegations", wish()),
                ("narrowing", {"reason": "x"}),
            ):
                answer = town.post(f"/v1/grants/{number}/{verb}", FOREIGN, body, if_match='"1"')
                assert answer.status_code == 404
                answers.add(answer.text)
        assert len(answers) == 1
        assert town.get("/v1/grants", FOREIGN).json()["items"] == []


SEES = {ADMIN: True, CLERK: True, SIGNATORY: True, APPROVER: True, OBSERVER: True, AUDITOR: True, TOWN_ADMIN: True,
        REVIEWER: False, COLLECTOR: False, SYSTEM_ADMIN: False, FAR_ADMIN: False, FOREIGN: False}  # fmt: skip


def test_who_sees_a_grant_sees_it_in_the_list_too(database: World) -> None:
    """Promise P14 on one grant of the county over a township: the list is the filter of the single answer."""
    with Town(database, more=foreign()) as town:
        (root,) = town.granted()
        for person, sees in SEES.items():
            assert (town.get(f"/v1/grants/{root}", person).status_code == 200) is sees, person
            listed = town.get("/v1/grants", person).json()["items"]
            assert ([each["id"] for each in listed] == [root]) is sees, person


def test_who_may_delegate_and_revoke(database: World) -> None:
    """Attacks 73 and 93: the role decides; whoever sees without the role is denied and recorded."""
    with Town(database) as town:
        (root,) = town.granted()
        for person in (CLERK, SIGNATORY, APPROVER, OBSERVER, AUDITOR):
            answer = town.post(f"/v1/grants/{root}/delegations", person, wish())
            assert (answer.status_code, answer.json()["code"]) == (403, "no_role"), person
            assert answer.json()["entry"] == town.size() - 1
        for person, status in ((ADMIN, 403), (CLERK, 403), (AUDITOR, 403), (APPROVER, 200)):
            answer = town.change(f"/v1/grants/{root}/suspension", person, {"reason": "核查"})
            assert answer.status_code == status, person
        answer = town.post(f"/v1/grants/{root}/delegations", ADMIN, wish())
        assert (answer.status_code, answer.json()["code"]) == (403, "suspended")


def test_a_change_says_on_which_version_it_was_decided(database: World) -> None:
    """Attacks 75 to 77: no version 428, an older one 412, a wrong state 409; none of the first two is recorded."""
    with Town(database) as town:
        (root,) = town.granted()
        child = town.delegated(root)
        path, size = f"/v1/grants/{child}", town.size()
        assert town.post(f"{path}/suspension", ADMIN, {"reason": "x"}).status_code == 428
        assert town.post(f"{path}/suspension", ADMIN, {"reason": "x"}, if_match='"1"').status_code == 412
        assert town.size() == size
        seen = town.get(path, ADMIN).headers["etag"]
        assert town.post(f"{path}/suspension", ADMIN, {"reason": "x"}, if_match=seen).status_code == 200
        assert town.post(f"{path}/revocation", ADMIN, {"reason": "x"}, if_match=seen).status_code == 412
        assert town.change(f"{path}/suspension", ADMIN, {"reason": "x"}).json()["code"] == "wrong_state"
        assert town.change(f"{path}/resumption", ADMIN, {"reason": "x"}).status_code == 200
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
        narrowed = town.change(f"{path}/narrowing", ADMIN, {"reason": "x", "operations": ["verify"]})
        assert narrowed.status_code == 200
        assert town.post("/v1/edits", COLLECTOR, town.edit()).json()["code"] == "outside_operation"
        wider = town.change(f"{path}/narrowing", ADMIN, {"reason": "x", "operations": ["verify", "update"]})
        assert wider.json()["code"] == "wider_than_held"


def test_lists_are_filtered_and_paged(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        village, person = town.delegated(root), town.delegated(root, holder=GRID_WORKER, role="grid_worker")
        township = town.delegated(root, holder="u-640324100-township", role="township_admin", division=YUHAI)
        town.change(f"/v1/grants/{village}/suspension", ADMIN, {"reason": "x"})
        now = datetime.now(UTC).isoformat().replace("+", "%2B")
        for query, expected in {
            "": [township, person, village, root], f"holder={LEAD}": [root], f"holder={GRID_WORKER}": [person],
            f"division={VILLAGE}": [person, village], f"division={COUNTY}": [township, person, village, root],
            "division=640324105": [], "cell=monitored.base": [], "origin=request": [root], "origin=unified": [],
            f"live_at={now}": [township, person, root], "live_at=2020-01-01T00:00:00Z": [],
            "wider_than_document=true": [], "wider_than_document=false": [township, person, village, root],
        }.items():  # fmt: skip
            found = town.get(f"/v1/grants?{query}", ADMIN)
            assert [each["id"] for each in found.json()["items"]] == expected, query
        pages, link = [], "/v1/grants?limit=3"
        while link:
            answer = town.get(link, ADMIN)
            pages.append([each["id"] for each in answer.json()["items"]])
            link = answer.links["next"]["url"] if "link" in answer.headers else ""
        assert pages == [[township, person, village], [root]]
        for query in (
            "limit=0",
            "limit=1e3",
            "limit=1001",
            "sort=number",
            "origin=other",
            "holder=a&holder=b",
            "division=64030",
        ):
            assert town.get(f"/v1/grants?{query}", ADMIN).status_code == 422, query


def test_all_grants_wider_than_their_document(database: World) -> None:
    """Scenario 10: nothing we issue is; rows that came in another way are found, against the parent or the request."""
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        row = town.get(f"/v1/grants/{root}", AUDITOR).json()
        scope = row["scope"]
        usual: dict[str, Any] = {
            "cells": tuple(INCOME), "operations": tuple(USUAL), "data_year": scope["data_year"], "request": row["request"],
            "valid_from": instant(datetime.fromisoformat(scope["from"])), "division": YUHAI,
            "valid_until": instant(datetime.fromisoformat(scope["until"])),
        }  # fmt: skip
        beyond_parent = regional(**usual | {"division": COUNTY, "origin": "delegated", "parent": root, "path": (root,)})
        beyond_line = regional(**usual | {"operations": (*USUAL, "delete")})
        facts = (beyond_parent, beyond_line, regional(**usual))
        wide = [town.deployment.ledger.record(Say(facts=(each,))).number for each in facts][:2]
        found = town.get("/v1/grants?wider_than_document=true", AUDITOR).json()["items"]
        assert [each["id"] for each in found] == wide[::-1]
        # A parent narrowed later does not make what was issued before wider than its document.
        town.change(f"/v1/grants/{root}/narrowing", APPROVER, {"reason": "x", "operations": ["verify"]})
        assert town.get("/v1/grants?wider_than_document=true", AUDITOR).json()["items"] == found


def test_the_same_key_delegates_once(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        answers = [town.post(f"/v1/grants/{root}/delegations", ADMIN, wish(), idempotency_key="k1") for _ in range(2)]
        assert len({each.text for each in answers}) == 1
        assert len(town.get("/v1/grants?origin=delegated", ADMIN).json()["items"]) == 1
        other = town.post(f"/v1/grants/{root}/delegations", ADMIN, wish(reason="另一理由"), idempotency_key="k1")
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")
