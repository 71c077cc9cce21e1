"""Scenes of single rules: windows, document numbers, skip-level letters, deadlines; and the auditor's two questions."""

from __future__ import annotations

import time
from datetime import datetime

from api.scenes_letters import draft, letter, line, next_sequence, sign, withdraw_draft
from api.stage import (
    ADMIN,
    APPROVER,
    AUDITOR,
    REGION_LEAD,
    Mismatch,
    NotYet,
    Stage,
    edit,
    fresh_household,
    moment,
    quarter,
    today,
)

YANCHI, TOWN = "640323", "640324100"
COUNTIES = 22
CELL = "lifted_out.measures"
OPEN_SECONDS = 2.0
DENIED, CONFLICT, UNACCEPTABLE = 403, 409, 422


def window(stage: Stage) -> None:
    """2: a unified window needs no request, and closes at the exact instant."""
    people = stage.look("p-1041", f"/v1/people?role=county_admin&division={YANCHI}&limit=1")["items"]
    admin = str(people[0]["id"])
    stage.names[admin] = "盐池县管理员"
    village = _village(stage, YANCHI)
    body = {
        "notice": {"title": "关于开放帮扶措施核准的通知", "issuer": REGION_LEAD, "dated": today().isoformat()},
        "division": "64", "cells": [CELL], "operations": ["collect", "update"], "data_year": today().year,
        "from": moment(), "until": f"{today().year}-12-31T24:00:00+08:00",
    }  # fmt: skip
    stage.ask(APPROVER, "开放统一授权窗口，截止写成 24:00", "POST", "/v1/windows", body, expect=UNACCEPTABLE)
    until = moment(seconds=OPEN_SECONDS)
    told = stage.ask(
        APPROVER, f"改写为 {until}（不含）", "POST", "/v1/windows", body | {"from": moment(), "until": until}
    )
    stage.equal("得到授权的县（市、区）数", len(told["grants"]), COUNTIES)
    wish = edit(fresh_household(), village, CELL, "update")
    done = stage.ask(admin, "截止之前更新帮扶措施，无需申请", "POST", "/v1/edits", wish)
    stage.equal("依据的授权属于本窗口", stage.look(admin, f"/v1/grants/{done['grant']}")["window"], told["entry"])
    time.sleep(max(0.0, datetime.fromisoformat(until).timestamp() - time.time()) + 0.2)
    stage.ask(admin, "截止之后作同样的更新", "POST", "/v1/edits", wish, expect=DENIED, code="outside_period")


def _village(stage: Stage, county: str) -> str:
    town = stage.look(ADMIN, f"/v1/divisions?parent={county}")["items"][0]["code"]
    return str(stage.look(ADMIN, f"/v1/divisions?parent={town}")["items"][0]["code"])


def number_twice(stage: Stage) -> None:
    """7: one number, one document."""
    sequence = next_sequence(stage)
    lines = [line(1, TOWN, ["monitored.base"], ["update"])]
    first = draft(stage, letter(sequence), "关于申请数据更正权限的请示", "correction", lines)
    sign(stage, first)
    second = draft(stage, letter(sequence), "关于另一事项的请示", "cleansing", lines)
    sign(stage, second, expect=CONFLICT, code="number_taken")
    withdraw_draft(stage, second)


def skip_level(stage: Stage) -> None:
    """8: a letter past the city without a copy to it."""
    lines = [line(1, TOWN, ["monitored.base"], ["update"])]
    request = draft(
        stage, letter(next_sequence(stage)), "关于申请数据更正权限的请示", "correction", lines, copied=False
    )
    sign(stage, request, expect=UNACCEPTABLE, code="not_copied")
    withdraw_draft(stage, request)


def deadline(stage: Stage) -> None:
    """9: twenty working days across regional holidays and past the last loaded year."""
    raise NotYet("20 个工作日跨开斋节、跨 2026-12-31（先暂定后重算），需要日历更新功能（POST /v1/calendars）")


def audit(stage: Stage) -> None:
    """10: the auditor's two questions."""
    household = stage.left.get("household")
    if household is None:
        raise Mismatch("应有场景 1 留下的农户可以追问，但场景 1 没有完成")
    asked = f"household={household}&cell=monitored.income&data_year={today().year}&quarter={quarter()}"
    told = stage.ask(AUDITOR, f"询问：{household} 本季度的收入由谁负责", "GET", f"/v1/responsibility?{asked}")
    found = told["collected_by"]
    stage.equal("谁采集谁负责", found["person"]["id"], stage.left["collector"])
    stage.equal("依据的批复", found["document"], stage.left["reply"])
    wide = stage.ask(AUDITOR, "询问：有哪些授权宽于其文件", "GET", "/v1/grants?wider_than_document=true")
    stage.equal("宽于文件的授权数", len(wide["items"]), 0)
