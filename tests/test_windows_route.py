"""Unified windows over HTTP: no request needed while one is open, and everything below ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import World
from worlds import (
    ADMIN,
    APPROVER,
    CLERK,
    COLLECTOR,
    HANDLER,
    INCOME,
    LEAD,
    OBSERVER,
    SIGNATORY,
    TOWN_ADMIN,
    USUAL,
    VILLAGE,
    YUHAI,
    Town,
)  # fmt: skip


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        yield found


def notice(**more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "notice": {"title": "关于统一开放收入信息采集的通知", "issuer": "自治区乡村振兴局", "dated": now.date().isoformat()},
        "division": "64", "cells": INCOME, "operations": USUAL, "data_year": now.year,
        "from": (now - timedelta(hours=1)).isoformat(), "until": (now + timedelta(days=120)).isoformat(),
    } | more  # fmt: skip


def opened(town: Town, **more: Any) -> dict[str, Any]:
    answer = town.post("/v1/windows", APPROVER, notice(**more))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_county_works_under_a_window_without_a_request(town: Town) -> None:
    before = town.post("/v1/edits", COLLECTOR, town.edit())
    assert before.status_code == 403
    window = opened(town)
    assert len(window["grants"]) == 22
    mine = next(each["grant"] for each in window["grants"] if each["holder"] == LEAD)
    assert town.get(f"/v1/grants/{mine}", ADMIN).json()["origin"] == "unified"
    town.delegated(mine)
    permitted = town.post("/v1/edits", COLLECTOR, town.edit())
    assert (permitted.status_code, permitted.json()["document"]) == (201, None)
    closed = town.change(f"/v1/windows/{window['id']}/closure", APPROVER, {"reason": "采集提前完成"})
    assert closed.status_code == 200
    assert len(closed.json()["cut"]) == len(window["grants"]) + 1
    after = town.post("/v1/edits", COLLECTOR, town.edit())
    assert (after.status_code, after.json()["code"]) == (403, "revoked")
    assert town.get(f"/v1/grants/{mine}", ADMIN).json()["state"] == "revoked"
    again = town.change(f"/v1/windows/{window['id']}/closure", APPROVER)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


def test_the_notice_is_kept_and_may_have_no_number(town: Town) -> None:
    given = notice()["notice"] | {"number": "", "sha256": None}
    window = opened(town, notice=given, division=YUHAI)
    seen = town.get(f"/v1/windows/{window['id']}", COLLECTOR)
    assert seen.json()["notice"] == given | {"number": None}
    assert seen.json()["state"] == "open"
    assert [each["division"] for each in window["grants"]] == [YUHAI]
    log = town.deployment.database.engine.connect().exec_driver_sql(
        "SELECT bytes FROM entry WHERE kind = 'WindowOpened'"
    )
    assert all("通知".encode() not in bytes(row.bytes) for row in log)


@pytest.mark.parametrize("person", [CLERK, SIGNATORY, ADMIN, HANDLER, OBSERVER, TOWN_ADMIN, COLLECTOR])
def test_only_the_regional_approver_opens_and_closes(town: Town, person: str) -> None:
    assert town.post("/v1/windows", person, notice()).status_code == 403
    window = opened(town, division="640324")
    assert town.change(f"/v1/windows/{window['id']}/closure", person).status_code == 403
    assert town.get(f"/v1/windows/{window['id']}", person).json()["state"] == "open"


@pytest.mark.parametrize(("more", "code"), [
    ({"cells": ["lifted_out.risk_elimination"]}, "no_such_cell"), ({"cells": []}, "misshapen"),
    ({"operations": ["mark_eliminated"]}, "unacceptable"), ({"until": "2026-12-31T24:00:00+08:00"}, "misshapen"),
    ({"until": "2020-01-01T00:00:00+08:00"}, "empty_interval"), ({"division": "640324000"}, "bad_division_code"),
    ({"from": "2020-01-01T00:00:00+08:00", "until": "2020-02-01T00:00:00+08:00"}, "empty_interval"),
    ({"operations": ["update", "delete"]}, "unacceptable"), ({"state": "open"}, "misshapen"),
    ({"repeat": {"every": "month", "times": 2}}, "misshapen"), ({"repeat": {"every": "quarter", "times": 1}}, "misshapen"),
    ({"repeat": {"every": "quarter", "times": 9}}, "misshapen"), ({"repeat": {"every": "quarter"}}, "misshapen"),
    ({"repeat": {"every": "quarter", "times": 2}}, "unacceptable"),
])  # fmt: skip
def test_what_may_not_be_opened(town: Town, more: dict[str, Any], code: str) -> None:
    answer = town.post("/v1/windows", APPROVER, notice(**more))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert town.get("/v1/windows", APPROVER).json()["items"] == []


def test_versions_and_pages(town: Town) -> None:
    ids = [opened(town, division="640324")["id"] for _ in range(3)]
    assert [each["id"] for each in town.get("/v1/windows?division=6403", CLERK).json()["items"]] == ids[::-1]
    first = town.get("/v1/windows?limit=2", CLERK)
    path = first.headers["link"].split(">")[0][1:]
    assert [each["id"] for each in town.get(path, CLERK).json()["items"]] == ids[:1]
    assert town.post(f"/v1/windows/{ids[0]}/closure", APPROVER).status_code == 428
    assert town.post(f"/v1/windows/{ids[0]}/closure", APPROVER, if_match='"1"').status_code == 412
    assert town.post("/v1/windows/999999/closure", APPROVER, if_match='"1"').status_code == 404


def test_one_notice_opens_a_window_for_every_quarter(town: Town) -> None:
    """S19, S24: all of them at once, each with grants of its own; before its quarter a window permits nothing."""
    begin = datetime.now(UTC)
    until = begin + timedelta(days=20)
    wish = notice(
        division="640324",
        repeat={"every": "quarter", "times": 4},
        **{"from": begin.isoformat(), "until": until.isoformat()},
    )
    before = town.size()
    told = town.post("/v1/windows", APPROVER, wish).json()
    assert town.size() == before + 8, "four windows of one county each, in one act"
    assert [each["id"] for each in told["windows"]] == [before, before + 2, before + 4, before + 6]
    assert (told["id"], told["grants"]) == (before, told["windows"][0]["grants"])
    seen = [town.get(f"/v1/windows/{each['id']}", CLERK).json() for each in told["windows"]]
    assert [each["state"] for each in seen] == ["open", "pending", "pending", "pending"]
    assert all(each["notice"]["title"] == wish["notice"]["title"] for each in seen), (
        "the words are kept once, and read by all"
    )
    listed = town.get("/v1/windows", CLERK).json()["items"]
    assert [(each["id"], each["notice"]["issuer"]) for each in listed] == [
        (each["id"], wish["notice"]["issuer"]) for each in seen[::-1]
    ]
    mine = [each["grants"][0]["grant"] for each in told["windows"]]
    assert [town.get(f"/v1/grants/{each}", ADMIN).json()["window"] for each in mine] == [each["id"] for each in seen]
    # The second quarter's grant is on record and not in force: nothing is handed on under it; the first one's is.
    second = seen[1]
    early = {
        "holder": f"u-{VILLAGE}-village", "role": "village_collector", "division": VILLAGE, "cells": INCOME,
        "operations": USUAL, "from": second["from"], "until": second["until"], "reason": "按分工采集",
    }  # fmt: skip
    assert town.post(f"/v1/grants/{mine[1]}/delegations", ADMIN, early).json()["code"] == "outside_period"
    assert town.post("/v1/edits", COLLECTOR, town.edit()).json()["code"] == "no_grant"
    town.delegated(mine[0], until=until.isoformat())
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
    # Each is closed alone.
    assert len(town.change(f"/v1/windows/{second['id']}/closure", APPROVER).json()["cut"]) == 1
    states = [town.get(f"/v1/windows/{each['id']}", CLERK).json()["state"] for each in told["windows"]]
    assert states == ["open", "closed", "pending", "pending"]
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
