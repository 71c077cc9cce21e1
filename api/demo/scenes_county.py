"""Scenes of the county: the trip of a request down to a villager's figure, its revocation, and what it does not reach."""

from __future__ import annotations

import json
from typing import Any

from api.demo.scenes_letters import decide, delegate, line
from api.demo.stage import ADMIN, APPROVER, AUDITOR, Stage, edit, fresh_household

INCOME = ["monitored.income", "lifted_out.income"]
USUAL = ["collect", "update", "verify"]
CHANGES = [{"field": "wage_income", "before": 1200000, "after": 1350000}]
WANGTUAN, XIAMAGUAN, WEIZHOU = "640324105", "640324103", "640324102"
YUWANG, DINGTANG = "640324104", "640324106"
WANGTUAN_VILLAGES = ("640324105200", "640324105201")
WEIZHOU_VILLAGE, YUWANG_VILLAGE, DINGTANG_VILLAGE = "640324102200", "640324104200", "640324106200"
DENIED, UNACCEPTABLE = 403, 422


def written_request(stage: Stage) -> None:
    """1: from a written request to an edit, and the same edit one township further."""
    lines = [line(n, town, INCOME, USUAL) for n, town in enumerate((WANGTUAN, XIAMAGUAN, WEIZHOU), start=1)]
    decided = decide(stage, "关于申请防返贫监测系统收入信息采集权限的请示", "quarterly_income", lines, refused=(3,))
    stage.equal("三个乡镇批准两个，批复结果", decided.outcome, "partial")
    stage.equal("生成授权的申请项", sorted(decided.grants), [1, 2])
    top = decided.grants[1]
    delegate(
        stage, ADMIN, "转授给民政局：比对更新", top, holder="u-640324-civil_affairs", role="department_officer",
        division=WANGTUAN, cells=INCOME, operations=["update"],
    )  # fmt: skip
    town = delegate(
        stage, ADMIN, "转授给王团镇", top, holder=f"u-{WANGTUAN}-township", role="township_admin", division=WANGTUAN,
        cells=INCOME, operations=USUAL,
    )  # fmt: skip
    admin = stage.person(f"u-{WANGTUAN}-township", "township_admin", "王团镇管理员")
    household = fresh_household()
    villages = [
        delegate(
            stage, admin, f"分派给 {village} 的网格员", town, days=9, holder=f"u-{village}-village", role="grid_worker",
            division=village, cells=INCOME, operations=["collect", "update"], households=[household],
        )
        for village in WANGTUAN_VILLAGES
    ]  # fmt: skip
    worker = stage.person(f"u-{WANGTUAN_VILLAGES[0]}-village", "grid_worker", "张家湾村网格员")
    body = edit(household, WANGTUAN_VILLAGES[0], "monitored.income", "update", changes=CHANGES)
    told = stage.ask(worker, "更新一户监测对象的工资性收入", "POST", "/v1/edits", body)
    stage.equal("授权链", told["chain"], [top, town, villages[0]])
    stage.equal("追溯到的批复", told["document"], decided.reply)
    cited = stage.look(AUDITOR, f"/v1/requests/{decided.request}")["decision"]["document"]["cites"]
    stage.equal("批复所答的请示", cited, decided.document)
    far = body | {"division": WEIZHOU_VILLAGE}
    told = stage.ask(worker, "对韦州镇作同样的更新", "POST", "/v1/edits", far, expect=DENIED, code="outside_division")
    stage.equal("缺少的是", told["missing"], "division")
    stage.left |= {"household": household, "collector": worker, "reply": decided.reply}


def revocation(stage: Stage) -> None:
    """3: an approval revoked ends everything below it at once; past edits stay whose they were."""
    cells, operations = ["monitored.measures"], ["collect", "update"]
    lines = [line(1, YUWANG, cells, operations)]
    decided = decide(stage, "关于申请帮扶措施补录权限的请示", "measures_supplement", lines)
    top, household = decided.grants[1], fresh_household()
    town = delegate(
        stage, ADMIN, "转授给预旺镇", top, holder=f"u-{YUWANG}-township", role="township_admin", division=YUWANG,
        cells=cells, operations=operations,
    )  # fmt: skip
    admin = stage.person(f"u-{YUWANG}-township", "township_admin", "预旺镇管理员")
    village = delegate(
        stage, admin, "分派给该村村级信息员", town, days=9, holder=f"u-{YUWANG_VILLAGE}-village", role="village_collector",
        division=YUWANG_VILLAGE, cells=cells, operations=operations, households=[household],
    )  # fmt: skip
    collector = stage.person(f"u-{YUWANG_VILLAGE}-village", "village_collector", "预旺镇村级信息员")
    body = edit(household, YUWANG_VILLAGE, "monitored.measures", "update")
    done = stage.ask(collector, "更新帮扶措施", "POST", "/v1/edits", body)
    cut = stage.change(
        APPROVER, "收回批准的授权", f"/v1/grants/{top}", "revocation", {"reason": "演示：批准内容有误，予以收回"}
    )
    stage.equal("随之失效的下级授权", sorted(cut["cut"]), [town, village])
    stage.ask(collector, "再次更新帮扶措施", "POST", "/v1/edits", body, expect=DENIED, code="revoked")
    kept = stage.look(AUDITOR, f"/v1/entries/{done['entry']}")
    stage.equal("收回前那次更新仍归属于", kept["person"]["id"], collector)


def rollback(stage: Stage) -> None:
    """6: a roll-back of risk elimination without that operation in the grant."""
    cells, operations = ["monitored.risk_elimination"], ["mark_eliminated", "remark_risk"]
    decided = decide(
        stage, "关于申请风险消除标注权限的请示", "risk_elimination", [line(1, DINGTANG, cells, operations)]
    )
    top, household = decided.grants[1], fresh_household()
    known = {"token": household, "division": DINGTANG_VILLAGE, "population": "monitored"}
    stage.ask(
        ADMIN,
        "登记一户监测对象",
        "POST",
        "/v1/households",
        json.dumps(known).encode(),
        content_type="application/x-ndjson",
    )
    wish: dict[str, Any] = {
        "holder": f"u-{DINGTANG}-township", "role": "township_admin", "division": DINGTANG, "cells": cells,
        "operations": operations, "households": [household],
    }  # fmt: skip
    town = delegate(stage, ADMIN, "转授给丁塘镇", top, **wish)
    admin = stage.person(f"u-{DINGTANG}-township", "township_admin", "丁塘镇管理员")
    body = edit(household, DINGTANG_VILLAGE, "monitored.risk_elimination", "mark_eliminated")
    told = stage.ask(admin, "标注一户风险消除", "POST", "/v1/edits", body)
    stage.equal("授权链", told["chain"], [top, town])
    body["operation"] = "rollback_elimination"
    told = stage.ask(admin, "回退该户的风险消除", "POST", "/v1/edits", body, expect=DENIED, code="outside_operation")
    stage.equal("缺少的是", told["missing"], "operation")
    whole = {"from": body_from(stage, top), "until": body_until(stage, top), "reason": "演示"} | wish
    told = stage.ask(
        ADMIN, "想把回退也转授下去", "POST", f"/v1/grants/{top}/delegations",
        whole | {"operations": [*operations, "rollback_elimination"]}, expect=UNACCEPTABLE, code="wider_than_held",
    )  # fmt: skip
    stage.equal("超出的方面", [each["axis"] for each in told["misfits"]], ["operations"])


def body_from(stage: Stage, grant: int) -> str:
    return str(stage.look(ADMIN, f"/v1/grants/{grant}")["scope"]["from"])


def body_until(stage: Stage, grant: int) -> str:
    return str(stage.look(ADMIN, f"/v1/grants/{grant}")["scope"]["until"])
