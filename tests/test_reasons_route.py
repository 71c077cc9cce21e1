"""A refused edit says why and what to do, and leads to the request that lifts it: all the way round, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import worlds
from conftest import World
from worlds import ADMIN, CLERK, COLLECTOR, FAR_COLLECTOR, FAR_VILLAGE, OTHER_VILLAGE, VILLAGE, Town

from api import reasons

YEAR = datetime.now(UTC).year
UNIT = f"u-{VILLAGE}-village"
Built = Callable[[Town], None]


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as built:
        yield built


def refused(town: Town, code: str, person: str = COLLECTOR, **more: Any) -> dict[str, Any]:
    answer = town.post("/v1/edits", person, town.edit(**more))
    assert (answer.status_code, answer.json()["code"]) == (403, code), answer.text
    found: dict[str, Any] = answer.json()
    return found


def held(**scope: Any) -> Built:
    """The collectors of the village hold this, through the county."""

    def build(town: Town) -> None:
        wish = {
            name: scope[name]
            for name in ("cells", "operations", "data_year", "max_records", "households")
            if name in scope
        }
        line = {name: scope[name] for name in ("cells", "operations", "data_year", "max_records") if name in scope}
        below = town.delegated(town.granted(town.line(**line))[0], **wish)
        if "revoked" in scope:
            answer = town.change(f"/v1/grants/{below}/revocation", ADMIN, {"reason": "整改"})
            assert answer.is_success, answer.text

    return build


def later(town: Town) -> None:
    begin = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    town.delegated(town.granted()[0], **{"from": begin})


def full(town: Town) -> None:
    held(max_records=1)(town)
    assert town.post("/v1/edits", COLLECTOR, town.edit(household="h-first")).status_code == 201


def nothing(town: Town) -> None:
    pass


LIFTED: dict[str, tuple[Built, dict[str, Any]]] = {
    "no_grant": (nothing, {}),
    "outside_division": (held(), {"division": OTHER_VILLAGE, "household": "h-new"}),
    "outside_cell": (held(), {"cell": "monitored.base", "changes": []}),
    "outside_operation": (held(operations=["collect"]), {}),
    "outside_period": (later, {}),
    "outside_households": (held(households=["h-other"]), {}),
    "wrong_year": (held(), {"data_year": YEAR - 1}),
    "record_limit": (full, {}),
    "revoked": (held(revoked=True), {}),
}  # fmt: skip


def completed(town: Town, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the clerk adds: the number, who signs, the sealed paper."""
    letter = wanted["document"] | {"signatory": worlds.SIGNATORY, "number": town.draft()["document"]["number"]}
    ground = wanted["ground"] | {"code": wanted["ground"]["code"] or "correction"}
    return wanted | {"document": letter, "ground": ground, "attachments": [town.paper()]}


def granted(town: Town, body: dict[str, Any]) -> int:
    """Filed, approved as asked; the grant of the county."""
    number = town.post("/v1/requests", CLERK, body).json()["entry"]
    answer = town.change(f"/v1/requests/{number}/signature", worlds.SIGNATORY)
    assert answer.is_success, answer.text
    receipt = {"register_no": f"收{number}", "received_on": datetime.now(UTC).date().isoformat()}
    assert town.change(f"/v1/requests/{number}/receipt", worlds.HANDLER, receipt).is_success
    answer = town.decided(number, [{"line": 1, "outcome": "approved"}])
    assert answer.is_success, answer.text
    listed = town.get(f"/v1/grants?holder={worlds.LEAD}&limit=1000", ADMIN).json()["items"]
    return next(int(each["id"]) for each in listed if each["request"] == number)


@pytest.mark.parametrize("code", LIFTED)
def test_the_prefilled_request_lifts_the_refusal(town: Town, code: str) -> None:
    build, more = LIFTED[code]
    build(town)
    told = refused(town, code, **more)
    assert told["request"] == f"/v1/requests/draft?refusal={told['entry']}"
    answer = town.get(told["request"], CLERK)
    assert answer.status_code == 200, answer.text
    wanted = answer.json()["request"]
    (line,) = wanted["lines"]
    edit = town.edit(**more)
    assert (line["division"], line["cells"], line["operations"], line["data_year"], line["max_records"]) == (
        edit["division"], [edit["cell"]], [edit["operation"]], edit["data_year"], 1,
    )  # fmt: skip
    grant = granted(town, completed(town, wanted))
    refused(town, code, **more)
    scope = {
        "cells": line["cells"],
        "operations": line["operations"],
        "division": line["division"],
        "until": line["until"],
    }
    town.delegated(grant, holder=UNIT, **scope)
    assert town.post("/v1/edits", COLLECTOR, edit).status_code == 201
    # It lifts this refusal and nothing beside it.
    beside = edit | {"cell": "lifted_out.measures", "household": "h-lifted", "division": VILLAGE, "changes": []}
    assert town.post("/v1/edits", COLLECTOR, beside).status_code == 403


UNLIFTED: dict[str, tuple[Built, str, dict[str, Any]]] = {
    "no_role": (held(cells=["monitored.income"], operations=["review", "update"]), COLLECTOR, {"operation": "review"}),
    "wrong_household": (held(), COLLECTOR, {"household": "h-far"}),
    "no_grant": (nothing, COLLECTOR, {"operation": "delete"}),
    "outside_division": (held(), COLLECTOR, {"division": "640422100200", "household": "h-new"}),
    "outside_cell": (held(), COLLECTOR, {"cell": "monitored.base", "household": "h-lifted", "changes": []}),
}  # fmt: skip


@pytest.mark.parametrize("code", UNLIFTED)
def test_what_no_request_could_lift_offers_none(town: Town, code: str) -> None:
    build, person, more = UNLIFTED[code]
    build(town)
    told = refused(town, code, person, **more)
    assert "request" not in told
    assert told["explanation"].startswith(("不允许：", "依据不足："))
    assert town.get(f"{reasons.PATH}?refusal={told['entry']}", CLERK).status_code == 404


def test_the_sentence_says_what_is_missing_what_is_there_who_gives_it_and_what_to_do(town: Town) -> None:
    nobody = refused(town, "no_grant")
    assert nobody["explanation"].startswith("依据不足：")
    assert "您目前没有可用的数据授权" in nobody["explanation"]
    assert [each["role"] for each in nobody["who_can_grant"]] == ["county_admin", "region_approver"]
    held()(town)
    told = refused(town, "outside_cell", cell="monitored.base", changes=[])
    said = told["explanation"]
    for part in ("不允许：", "监测对象基础数据", "您现在可以办理：", "收入", "同心县乡村振兴机构（县级管理员）", "转授", "书面申请",
                 "自治区审批人", "办理时限以本地设定为准"):  # fmt: skip
        assert part in said, said
    assert "20" not in said
    assert "工作日" not in said


def test_a_permit_and_a_form_without_a_record_carry_no_reasons(town: Town) -> None:
    held()(town)
    permit = town.post("/v1/edits", COLLECTOR, town.edit()).json()
    form = town.post("/v1/edits", COLLECTOR, town.edit(quarter=9)).json()
    for each in (permit, form):
        assert not {"explanation", "request"} & each.keys()


def test_a_batch_carries_them_item_by_item_as_single_edits_do(town: Town) -> None:
    held()(town)
    items = [town.edit(), *(town.edit(**more) for _, more in LIFTED.values() if more)]
    told = town.post("/v1/edits/batch", COLLECTOR, items).json()["results"]
    for item, each in zip(items, told, strict=True):
        alone = town.post("/v1/edits", COLLECTOR, item).json()
        assert each.get("explanation") == alone.get("explanation")
        if each["decision"] == "deny":
            assert each["request"] == f"{reasons.PATH}?refusal={each['entry']}"


def test_the_stored_answer_is_the_same_to_the_byte(town: Town) -> None:
    first = town.post("/v1/edits", COLLECTOR, town.edit(), idempotency_key="k-1")
    held()(town)
    again = town.post("/v1/edits", COLLECTOR, town.edit(), idempotency_key="k-1")
    assert first.content == again.content
    assert first.json()["request"].endswith(f"={first.json()['entry']}")
    batch = [
        town.post("/v1/edits/batch", COLLECTOR, [town.edit(data_year=YEAR - 1)], idempotency_key="k-2") for _ in "12"
    ]
    assert batch[0].content == batch[1].content
    assert "explanation" in batch[0].json()["results"][0]


def test_whoever_has_no_post_is_told_where_to_turn(town: Town) -> None:
    post = town.get(f"/v1/people/{COLLECTOR}", worlds.SYSTEM_ADMIN).json()["posts"][0]["post"]
    assert town.change(f"/v1/posts/{post}/end", ADMIN, {"reason": "调离"}, thing=f"/v1/posts/{post}").is_success
    for body in (town.edit(), {}):
        told = town.post("/v1/edits", COLLECTOR, body).json()
        assert (told["code"], "request" in told) == ("not_employed", False)
        assert told["explanation"].startswith("依据不足：")
        assert "岗位" in told["explanation"]


def test_the_draft_is_the_clerks_and_his_own_who_was_refused(town: Town) -> None:
    told = refused(town, "no_grant")
    mine = town.get(told["request"], COLLECTOR)
    assert mine.status_code == 200
    assert "document" not in mine.json()["request"]
    assert "转交" in mine.json()["next"]
    assert f"编号 {told['entry']}" in mine.json()["next"]
    clerk = town.get(told["request"], CLERK).json()
    assert clerk["request"]["lines"][0]["cells"] == mine.json()["request"]["lines"][0]["cells"]
    assert clerk["to_complete"] == ["/document/number", "/document/signatory", "/attachments"]
    absent = town.get(f"{reasons.PATH}?refusal=999999", CLERK)
    for person in (
        FAR_COLLECTOR,
        worlds.AUDITOR,
        ADMIN,
        worlds.SIGNATORY,
        worlds.HANDLER,
        worlds.TOWN_ADMIN,
        worlds.OBSERVER,
    ):
        answer = town.get(told["request"], person)
        assert (answer.status_code, answer.content) == (404, absent.content), person


def test_only_a_refused_edit_has_a_draft(town: Town) -> None:
    held()(town)
    permitted = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
    other = town.post("/v1/requests", COLLECTOR, town.draft()).json()
    assert other["code"] == "no_role"
    for entry, person in ((permitted, CLERK), (permitted, COLLECTOR), (other["entry"], COLLECTOR), (0, CLERK)):
        assert town.get(f"{reasons.PATH}?refusal={entry}", person).status_code == 404
    for query in ("", "?refusal=x", "?refusal=-1", "?refusal=1&refusal=2", "?refusal=1&more=2"):
        assert town.get(f"{reasons.PATH}{query}", CLERK).status_code == 422


def test_the_draft_is_of_the_refusal_not_of_today(town: Town) -> None:
    """What came later does not change what was missing then."""
    told = refused(town, "no_grant")
    before = town.get(told["request"], CLERK).json()
    held()(town)
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
    after = town.get(told["request"], CLERK).json()
    assert (after["code"], after["explanation"]) == (before["code"], before["explanation"])
    assert after["explanation"].startswith("依据不足：")


def test_the_log_explains_a_refusal_as_it_was_decided(town: Town) -> None:
    held(operations=["collect", "update"])(town)
    places = (VILLAGE, OTHER_VILLAGE, FAR_VILLAGE, "640422100200")
    homes = ("h-monitored", "h-lifted", "h-far", "h-new")
    cells, operations = (
        ("monitored.income", "monitored.base", "lifted_out.income"),
        ("update", "delete", "review", "verify"),
    )
    items = [
        town.edit(division=place, household=home, cell=cell, operation=operation, data_year=year, changes=[])
        for place in places for home in homes for cell in cells for operation in operations for year in (YEAR, YEAR - 1)
    ]  # fmt: skip
    told = town.post("/v1/edits/batch", COLLECTOR, items).json()["results"]
    town.delegated(town.granted(town.line(cells=["monitored.base"]))[0], cells=["monitored.base"])
    denied = [each for each in told if each["decision"] == "deny"]
    codes = {each["code"] for each in denied}
    assert len(codes) >= 5
    for each in denied[::5]:
        entry = town.get(f"/v1/entries/{each['entry']}", worlds.AUDITOR).json()
        why = entry["explanation"]
        assert (why["decision"], why["code"], why["missing"]) == (False, each["code"], each["missing"])
        # The same words, only that the log knows by which name each unit goes.
        assert each["explanation"].partition("请")[0] == why["plain"].partition("请")[0]
        assert (why["request"] is not None) == ("request" in each)
        assert why["who_can_grant"] or each["code"] == "wrong_household"


def test_the_log_explains_nothing_else(town: Town) -> None:
    held()(town)
    permitted = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
    other = town.post("/v1/requests", COLLECTOR, town.draft()).json()["entry"]
    for number in (permitted, other, 3):
        assert "explanation" not in town.get(f"/v1/entries/{number}", worlds.AUDITOR).json()
