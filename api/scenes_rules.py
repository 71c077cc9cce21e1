"""Scenes of single rules: windows, document numbers, skip-level letters, deadlines; and the auditor's two questions."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from api.scenes_letters import draft, letter, line, next_sequence, sign, withdraw_draft
from api.stage import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CLERK,
    COUNTY,
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
OPEN_SECONDS = (2.0, 10.0, 30.0)
DEADLINES = (
    ("2021-05-06", COUNTY, "2021-06-04", False),
    ("2021-05-06", None, "2021-06-02", False),
    ("2026-12-03", COUNTY, "2026-12-31", False),
    ("2026-12-04", COUNTY, "2027-01-01", True),
)
"""Start, division, last day, provisional: across 开斋节, without it, the last computable start, and past it."""
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
    wish = edit(fresh_household(), village, CELL, "update")
    told, done, until = _in_time(stage, admin, body, wish)
    stage.equal("得到授权的县（市、区）数", len(told["grants"]), COUNTIES)
    stage.equal("依据的授权属于本窗口", stage.look(admin, f"/v1/grants/{done['grant']}")["window"], told["entry"])
    time.sleep(max(0.0, datetime.fromisoformat(until).timestamp() - time.time()) + 0.2)
    stage.ask(admin, "截止之后作同样的更新", "POST", "/v1/edits", wish, expect=DENIED, code="outside_period")


def _in_time(
    stage: Stage, admin: str, body: dict[str, Any], wish: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Open a short window and edit before it closes; where the machine is too slow for that, open a longer one."""
    for seconds in OPEN_SECONDS:
        until = moment(seconds=seconds)
        given = body | {"from": moment(), "until": until}
        told = stage.ask(APPROVER, f"改写为 {until}（不含）", "POST", "/v1/windows", given)
        try:
            done = stage.ask(admin, "截止之前更新帮扶措施，无需申请", "POST", "/v1/edits", wish)
        except Mismatch as late:
            if "outside_period" not in str(late):
                raise
            stage.say("窗口已先行关闭，重开一个更长的窗口")
        else:
            return told, done, until
    raise Mismatch(f"应能在 {OPEN_SECONDS[-1]} 秒内完成一次更新，实为没有")


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
    """9: twenty working days across regional holidays and past the last loaded year; the recount is still to come."""
    for start, division, end, provisional in DEADLINES:
        told = stage.look(CLERK, f"/v1/deadline?from={start}&days=20" + (f"&division={division}" if division else ""))
        stage.equal(f"{start} 起 20 个工作日（{'同心县' if division else '全国'}）", told["date"], end)
        stage.equal("其中是否暂定", told["provisional"], provisional)
    raise NotYet("以上推算已可用；放假通知公布后导入并重算，需要日历更新功能（POST /v1/calendars）")


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
