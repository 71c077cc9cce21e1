"""Scenes of single rules: windows, document numbers, skip-level letters, deadlines; and the auditor's two questions."""

from __future__ import annotations

from datetime import datetime, timedelta

from api.demo.scenes_letters import draft, letter, line, next_sequence, sign, withdraw_draft
from api.demo.stage import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CLERK,
    COUNTY,
    REGION_LEAD,
    SHANGHAI,
    Mismatch,
    Stage,
    edit,
    fresh_household,
    moment,
    quarter,
    today,
)

SYSTEM_ADMIN = "p-1041"
YANCHI, TOWN = "640323", "640324100"
COUNTIES = 22
CELL = "lifted_out.measures"
LEEWAY = timedelta(minutes=10)
"""A window that would close within it closes a day later, so that the scene has time to end."""
DEADLINES = (
    ("2021-05-06", COUNTY, "2021-06-04"),
    ("2021-05-06", None, "2021-06-02"),
    ("2026-12-03", COUNTY, "2026-12-31"),
)
"""Start, division, last day: across 开斋节, without it, and the last one the notices of 2026 reach."""
BEYOND, PROVISIONAL, FINAL = "2026-12-04", "2027-01-01", "2027-01-04"
NOTICE = {
    "layer": "nation", "first": "2027-01-01", "last": "2027-12-31", "source": "演示用放假安排，非国务院办公厅通知",
    "days": [{"date": f"2027-01-0{day}", "name": "元旦", "kind": "off"} for day in (1, 2, 3)],
}  # fmt: skip
DENIED, CONFLICT, UNACCEPTABLE = 403, 409, 422


def window(stage: Stage) -> None:
    """2: a unified window needs no request, and closes at the exact instant, asked for and for real."""
    people = stage.look(SYSTEM_ADMIN, f"/v1/people?role=county_admin&division={YANCHI}&limit=1")["items"]
    admin = str(people[0]["id"])
    stage.names[admin] = "盐池县管理员"
    village = _village(stage, YANCHI)
    midnight = (datetime.now(SHANGHAI) + LEEWAY).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    body = {
        "notice": {"title": "关于开放帮扶措施核准的通知", "issuer": REGION_LEAD, "dated": today().isoformat()},
        "division": "64", "cells": [CELL], "operations": ["collect", "update"], "data_year": today().year,
        "from": moment(), "until": f"{(midnight - timedelta(days=1)).date()}T24:00:00+08:00",
    }  # fmt: skip
    stage.ask(APPROVER, "开放统一授权窗口，截止写成 24:00", "POST", "/v1/windows", body, expect=UNACCEPTABLE)
    until = midnight.isoformat()
    told = stage.ask(APPROVER, f"改写为 {until}（不含）", "POST", "/v1/windows", body | {"until": until})
    stage.equal("得到授权的县（市、区）数", len(told["grants"]), COUNTIES)
    wish = edit(fresh_household(), village, CELL, "update")
    done = stage.ask(admin, "截止之前更新帮扶措施，无需申请", "POST", "/v1/edits", wish)
    stage.equal("依据的授权属于本窗口", stage.look(admin, f"/v1/grants/{done['grant']}")["window"], told["entry"])
    for deed, away, permitted in (("23:59:59", -1, True), ("00:00:01", 1, False)):
        question = {
            "subject": {"type": "person", "id": admin}, "action": {"name": "update"},
            "resource": {"type": CELL, "id": wish["household"], "properties": {"division": village, "data_year": today().year}},
            "context": {"time": (midnight + timedelta(seconds=away)).isoformat()},
        }  # fmt: skip
        answer = stage.ask(admin, f"询问截止当晚 {deed} 能否更新", "POST", "/access/v1/evaluation", question)
        stage.equal(f"{deed} 可以更新", answer["decision"], permitted)
    stage.change(APPROVER, "关闭窗口", f"/v1/windows/{told['entry']}", "closure", {"reason": "核准结束"})
    stage.ask(admin, "关闭之后作同样的更新", "POST", "/v1/edits", wish, expect=DENIED, code="revoked")


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
    """9: twenty working days across regional holidays and past the last loaded year, counted again after the notice."""
    for start, division, end in DEADLINES:
        told = stage.look(CLERK, f"/v1/deadline?from={start}&days=20" + (f"&division={division}" if division else ""))
        stage.equal(f"{start} 起 20 个工作日（{'同心县' if division else '全国'}）", told["date"], end)
        stage.equal("其中是否暂定", told["provisional"], False)
    asked = f"/v1/deadline?from={BEYOND}&days=20&division={COUNTY}"
    before = stage.look(CLERK, asked)
    if before["provisional"]:
        stage.equal(f"{BEYOND} 起 20 个工作日，2027 年安排尚未公布", before["date"], PROVISIONAL)
        told = stage.ask(SYSTEM_ADMIN, "报送 2027 年放假安排（演示用）", "POST", "/v1/calendars", NOTICE)
        moved = [each for each in told["moved"] if (each["from"], each["days"]) == (BEYOND, 20)]
        stage.equal(
            "原期限和新期限一并留痕", [(each["before"], each["after"]) for each in moved], [(PROVISIONAL, FINAL)]
        )
    else:
        stage.say("2027 年放假安排（演示用）先前已经报送")
    after = stage.look(CLERK, asked)
    stage.equal(f"{BEYOND} 起 20 个工作日，重算之后", after["date"], FINAL)
    stage.equal("其中是否暂定", after["provisional"], False)
    earlier = [(each["date"], each["provisional"]) for each in after["recounted"]]
    stage.equal("此前答复过的暂定期限仍可查", (PROVISIONAL, True) in earlier, True)


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
