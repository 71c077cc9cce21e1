"""Renewal over HTTP (延期): the county clerk's trip from the notice to authority without a gap, and what is in its way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import worlds
from acts import as_superuser
from conftest import World
from questions import ONE, decision, question
from test_letters import read
from worlds import ADMIN, APPROVER, AUDITOR, CLERK, COLLECTOR, HANDLER, OBSERVER, SIGNATORY, TOWN_ADMIN, Town

from api import letters
from audit import verify
from authz.fact import Fact
from authz.post import PersonRegistered, PostAssigned, UnitEstablished

TICK = timedelta(microseconds=1)
YES = [{"line": 1, "outcome": "approved"}]
FOREIGN, FAR_LEAD = "p-3001", "u-640422-lead"


def foreign() -> tuple[Fact, ...]:
    """The clerk of another county."""
    return (
        UnitEstablished(unit=FAR_LEAD, unit_kind="lead", division="640422", name="西吉", earlier_name=None),
        PersonRegistered(person_id=FOREIGN, natural="f" * 64, name="0" * 64, phone=None),
        PostAssigned(person_id=FOREIGN, post_unit=FAR_LEAD, division="640422", role="county_clerk", title="t",
                     valid_from="2026-01-01T00:00:00.000000Z", valid_until=None),
    )  # fmt: skip


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database, more=foreign()) as found:
        yield found


def soon(days: int = 10) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def ending(town: Town, **more: Any) -> int:
    """A grant of the county that ends in ten days."""
    (grant,) = town.granted(town.line(until=soon(), **more))
    return grant


def completed(town: Town, grant: int, **line: Any) -> dict[str, Any]:
    """The filled-in request with what the clerk adds: number, date, who signs, the sealed paper."""
    told = town.get(f"/v1/grants/{grant}/renewal", CLERK).json()
    assert told["to_complete"] == ["/document/number", "/document/signatory", "/attachments"]
    usual = town.draft()["document"]
    letter = told["request"]["document"] | {"signatory": SIGNATORY, "number": usual["number"], "dated": usual["dated"]}
    lines = [told["request"]["lines"][0] | line]
    return {**told["request"], "document": letter, "lines": lines, "attachments": [town.paper()]}


def renewal(town: Town, grant: int, **line: Any) -> int:
    answer = town.post("/v1/requests", CLERK, completed(town, grant, **line))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def received(town: Town, number: int) -> None:
    assert town.change(f"/v1/requests/{number}/signature", SIGNATORY).is_success
    receipt = {"register_no": f"收{number}", "received_on": worlds.today()}
    assert town.change(f"/v1/requests/{number}/receipt", HANDLER, receipt).is_success


def lapsing(town: Town, person: str = CLERK, flag: str = "true") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.get(f"/v1/grants?lapsing={flag}", person).json()["items"]
    return found


def members(town: Town, grant: int, person: str = CLERK) -> dict[str, Any]:
    told = town.get(f"/v1/grants/{grant}", person).json()
    return {name: told[name] for name in ("renews", "renewed_by", "renewal_request", "renewal")}


def scope_of(town: Town, grant: int) -> dict[str, Any]:
    scope: dict[str, Any] = town.get(f"/v1/grants/{grant}", CLERK).json()["scope"]
    return scope


def permitted(town: Town, person: str, at: datetime, year: int) -> bool:
    asked = question(person, properties={"data_year": year}, context={"time": at.isoformat()})
    return decision(town.post(ONE, ADMIN, asked))


# --- the trip -------------------------------------------------------------------------------------------------------
def test_the_county_clerks_trip(town: Town) -> None:
    """Notice, filled-in request, filing, decision: permitted to the last instant and from it on; each grant names the other."""
    later = town.granted()[0]
    old = ending(town)
    village = town.delegated(old, until=scope_of(town, old)["until"])
    (noticed,) = lapsing(town)
    assert (noticed["id"], noticed["renewal"]) == (old, f"/v1/grants/{old}/renewal")
    assert lapsing(town, flag="false")[-1]["id"] == later
    number = renewal(town, old)
    assert lapsing(town)[0]["renewal_request"] == number
    assert lapsing(town)[0]["renewal"] is None
    received(town, number)
    end = datetime.fromisoformat(scope_of(town, old)["until"])
    year = datetime.now(UTC).year
    assert town.change(f"/v1/grants/{later}/revocation", APPROVER, {"reason": "只看延期"}).is_success
    assert [permitted(town, ADMIN, at, year) for at in (end - TICK, end)] == [True, False], "without it there is a gap"
    new = town.decided(number, YES).json()["grants"][0]["grant"]
    scope = scope_of(town, new)
    assert datetime.fromisoformat(scope["from"]) < end
    next_year = scope["data_year"]
    assert (permitted(town, ADMIN, end - TICK, year), permitted(town, ADMIN, end, next_year)) == (True, True)
    assert not permitted(town, ADMIN, datetime.fromisoformat(scope["until"]), next_year)
    # What was handed on is handed on again, ahead of time, and goes on without a gap as well.
    assert not permitted(town, COLLECTOR, end, next_year)
    town.delegated(new, **{"from": end.isoformat(), "until": (end + timedelta(days=9)).isoformat()})
    assert (permitted(town, COLLECTOR, end - TICK, year), permitted(town, COLLECTOR, end, next_year)) == (True, True)
    assert members(town, new)["renews"] == old
    assert members(town, old) == {"renews": None, "renewed_by": new, "renewal_request": None, "renewal": None}
    assert (members(town, village)["renews"], members(town, village)["renewed_by"]) == (None, None)
    chain = town.get(f"/v1/grants/{new}", CLERK).json()["chain"]
    assert [(each["id"], each["renews"]) for each in chain] == [(new, old)]
    assert lapsing(town) == []


def test_the_citation_stands_in_dossier_letters_and_evidence(town: Town) -> None:
    old = ending(town)
    document = town.get(f"/v1/grants/{old}", CLERK).json()["document"]
    until = letters.clocked(datetime.fromisoformat(scope_of(town, old)["until"]))
    number, plain = renewal(town, old), town.filed()
    assert [each["renews"] for each in town.get(f"/v1/requests/{number}", CLERK).json()["lines"]] == [old]
    assert [each["renews"] for each in town.get(f"/v1/requests/{plain}", CLERK).json()["lines"]] == [None]
    received(town, number)
    new = town.decided(number, YES).json()["grants"][0]["grant"]
    for form in ("request", "reply", "receipt"):
        page = read(town, number, form).text
        for word in ("第1项为延期", f"申请延续{document}批复的授权", f"授权编号{old}", until):
            assert word in page, (form, word)
    assert "延期" not in read(town, plain, "request").text
    answer = town.get(f"/v1/entries/{new}/evidence", AUDITOR)
    verify.verify(answer.content)
    entries = [json.loads(each["bytes"]) for each in verify.parse(answer.content)["entries"]]
    assert {old, new} <= {each["number"] for each in entries}
    (signed,) = (each["fact"] for each in entries if each["fact"]["kind"] == "RequestSigned")
    assert [each["renews"] for each in signed["lines"]] == [old]


def test_a_draft_keeps_its_citation_through_changes_and_may_drop_it_before_it_is_signed(town: Town) -> None:
    old = ending(town)
    body = completed(town, old)
    number = town.post("/v1/requests", CLERK, body).json()["id"]
    path = f"/v1/requests/{number}"
    assert town.change(path, CLERK, body, thing=path, verb="PUT").is_success, "its own citation is not in its way"
    received(town, number)
    assert town.change(f"{path}/return", HANDLER, {"reasons": [{"path": "/lines/0", "text": "请核对"}]}).is_success
    dropped = body | {"lines": [body["lines"][0] | {"renews": None}]}
    answer = town.change(path, CLERK, dropped, thing=path, verb="PUT")
    assert (answer.status_code, answer.json()["code"]) == (422, "wider_than_filed")
    assert answer.json()["misfits"] == [{"line": 1, "axis": "renews", "held": old, "asked": None}]
    assert town.change(path, CLERK, body, thing=path, verb="PUT").is_success
    assert town.change(f"{path}/signature", SIGNATORY).json()["state"] == "received"


# --- who sees the notice --------------------------------------------------------------------------------------------
def test_the_notice_is_for_all_who_see_the_grant_and_the_link_for_the_clerk(town: Town) -> None:
    old = ending(town)
    for person in (CLERK, ADMIN, APPROVER, OBSERVER, AUDITOR, TOWN_ADMIN):
        (noticed,) = lapsing(town, person)
        assert (noticed["id"], noticed["renewal"] is not None) == (old, person == CLERK), person
    assert lapsing(town, FOREIGN) == []
    absent = town.get("/v1/grants/999999/renewal", CLERK)
    for person in (ADMIN, SIGNATORY, HANDLER, APPROVER, AUDITOR, TOWN_ADMIN, COLLECTOR, FOREIGN):
        answer = town.get(f"/v1/grants/{old}/renewal", person)
        assert (answer.status_code, answer.content) == (404, absent.content), person
    number = renewal(town, old)
    assert [members(town, old, who)["renewal_request"] for who in (ADMIN, APPROVER, AUDITOR)] == [number, None, None]
    assert town.change(f"/v1/requests/{number}/signature", SIGNATORY).is_success
    assert [members(town, old, who)["renewal_request"] for who in (ADMIN, APPROVER, AUDITOR)] == [number] * 3


def test_what_no_request_of_the_county_gave_has_no_renewal(town: Town) -> None:
    old = ending(town)
    below = town.delegated(old, until=soon(9))
    now = datetime.now(UTC)
    wish = {
        "notice": {"title": "关于统一开放的通知", "issuer": "自治区", "dated": worlds.today()}, "division": "640324",
        "cells": ["lifted_out.measures"], "operations": ["update"], "data_year": now.year, "from": now.isoformat(),
        "until": soon(9),
    }  # fmt: skip
    window = town.post("/v1/windows", APPROVER, wish).json()
    unified = town.get("/v1/grants?origin=unified", CLERK).json()["items"][0]["id"]
    assert window["entry"] < unified
    assert [each["id"] for each in lapsing(town)] == [old]
    for number in (below, unified):
        assert town.get(f"/v1/grants/{number}/renewal", CLERK).status_code == 404


# --- what is in its way ---------------------------------------------------------------------------------------------
def test_what_is_foreign_is_told_as_what_is_absent_and_leaves_no_record(town: Town) -> None:
    old = ending(town)
    body = completed(town, old)
    letter = body["document"] | {"signatory": FOREIGN, "cc": [], "number": "西乡振发〔2026〕1号"}
    size, answers = town.size(), set()
    for number in (old, 999_999):
        line = body["lines"][0] | {"renews": number, "division": "640422"}
        answer = town.post("/v1/requests", FOREIGN, body | {"document": letter, "lines": [line]})
        assert (answer.status_code, answer.json()["code"]) == (422, "misshapen")
        answers.add(answer.text)
    assert len(answers) == 1
    assert town.size() == size
    line = body["lines"][0] | {"renews": None, "division": "640422"}
    assert town.post("/v1/requests", FOREIGN, body | {"document": letter, "lines": [line]}).status_code == 201


def test_one_renewal_at_a_time_and_none_after_it_was_granted(town: Town) -> None:
    old = ending(town)
    bodies = [completed(town, old) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        ways = [pool.submit(town.post, "/v1/requests", CLERK, each) for each in bodies]
    found = sorted((way.result() for way in ways), key=lambda each: each.status_code)
    assert [each.status_code for each in found] == [201, 409]
    first = found[0].json()["id"]
    assert (found[1].json()["code"], f"事项 {first}" in found[1].json()["detail"]) == ("already_registered", True)
    assert town.get(f"/v1/grants/{old}/renewal", CLERK).status_code == 409
    assert town.change(f"/v1/requests/{first}/withdrawal", CLERK, {"reason": "重拟"}).is_success
    number = renewal(town, old)
    received(town, number)
    new = town.decided(number, YES).json()["grants"][0]["grant"]
    again = town.post("/v1/requests", CLERK, bodies[0])
    assert (again.status_code, f"授权 {new}" in again.json()["detail"]) == (409, True)
    assert town.change(f"/v1/grants/{new}/revocation", APPROVER, {"reason": "有误"}).is_success
    assert town.post("/v1/requests", CLERK, bodies[0]).status_code == 201, "what was taken back is no renewal"


def test_of_two_that_await_their_answer_only_one_is_granted(database: World) -> None:
    """The rules may have called the first dead of age, and may have changed their mind."""
    with Town(database) as town:
        old = ending(town)
        numbers = [renewal(town, old)]
        received(town, numbers[0])
        database.intact = False
        standing = f"UPDATE request SET state = '{{}}' WHERE number = {numbers[0]} AND ended IS NULL"
        as_superuser(database, standing.format("withdrawn"))
        numbers.append(renewal(town, old))
        received(town, numbers[1])
        as_superuser(database, standing.format("received"))
        new = town.decided(numbers[0], YES).json()["grants"][0]["grant"]
        answer = town.decided(numbers[1], YES)
        assert (answer.status_code, answer.json()["code"]) == (409, "already_registered")
        assert f"授权 {old} 已由授权 {new} 延期" in answer.json()["detail"]
        refused = [{"line": 1, "outcome": "rejected", "reason": "已延期"}]
        assert town.decided(numbers[1], refused).json()["state"] == "rejected"


def test_a_wider_wish_is_a_new_request_and_names_its_axes(town: Town) -> None:
    old = ending(town, max_records=9)
    line = completed(town, old)["lines"][0]
    wide = {"cells": [*line["cells"], "monitored.base"], "operations": [*line["operations"], "query"], "division": "640324",
            "max_records": None}  # fmt: skip
    answer = town.post("/v1/requests", CLERK, completed(town, old, **wide))
    assert (answer.status_code, answer.json()["code"]) == (422, "wider_than_held")
    assert {each["axis"] for each in answer.json()["misfits"]} == {"division", "cells", "operations", "max_records"}
    for word in ("行政区划", "数据类别", "操作", "户数上限"):
        assert word in answer.json()["detail"]
    assert town.post("/v1/requests", CLERK, completed(town, old, renews=None, **wide)).status_code == 201


def test_what_was_revoked_meanwhile_is_not_prolonged(town: Town) -> None:
    old = ending(town)
    number = renewal(town, old)
    received(town, number)
    assert town.change(f"/v1/grants/{old}/revocation", APPROVER, {"reason": "收回"}).is_success
    answer = town.decided(number, YES)
    assert (answer.status_code, answer.json()["code"]) == (422, "unacceptable")
    assert f"授权 {old} 已被收回" in answer.json()["detail"]
    assert town.get(f"/v1/grants/{old}/renewal", CLERK).status_code == 409
    assert (
        town.decided(number, [{"line": 1, "outcome": "rejected", "reason": "原授权已收回"}]).json()["state"]
        == "rejected"
    )
    told = town.get(f"/v1/grants/{old}/renewal", CLERK)
    assert (told.status_code, told.json()["code"]) == (422, "unacceptable")
