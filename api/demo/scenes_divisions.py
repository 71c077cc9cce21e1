"""The scene of divisions that change: a grant given under an earlier edition waits, is confirmed, and goes on."""

from __future__ import annotations

from typing import Any

from api.demo.stage import APPROVER, AUDITOR, Mismatch, Stage, edit, fresh_household

SYSTEM_ADMIN, STREET_ADMIN = "p-1041", "p-1391"
COUNTY_UNIT, STREET_UNIT = "u-640323-lead", "u-640323104-township"
OLD_STREET, NEW_STREET, OTHER = "640323104", "640323001", "640323100012"
OLD, NEW = "640323104001", "640323001001"
DENIED, UNACCEPTABLE = 403, 422
REASON = "演示：区划调整后核对无误，继续使用"


def recode(stage: Stage) -> None:
    """5: 640323104 became 640323001 and 640323100012; the grant of its time is listed, confirmed, then effective."""
    stage.names |= {SYSTEM_ADMIN: "自治区系统管理员", STREET_ADMIN: "盐州路街道管理员"}
    told = _edition(stage)
    became = [each["new_code"] for each in told["changes"] if each["old_code"] == OLD]
    stage.equal(f"{told['base']} 到 {told['edition']} 之间 {OLD} 改为", became, [NEW])
    street = _held(stage, STREET_UNIT)
    county = int(street["parent"])
    body = edit(fresh_household(), NEW, "monitored.income", "update")
    if street["edition"] < told["edition"]:
        _wait_and_confirm(stage, told, int(street["id"]), county, body)
    else:
        stage.say(f"授权 {street['id']} 已在此前的演示中确认，按记录核对")
    found = stage.look(APPROVER, f"/v1/grants/{street['id']}")
    stage.equal("确认后的授权区划", (found["scope"]["division"], found["unconfirmed"]), (NEW_STREET, False))
    done = stage.ask(STREET_ADMIN, f"更新 {NEW} 一户的收入", "POST", "/v1/edits", body)
    stage.equal("授权链", done["chain"], [county, street["id"]])
    stage.ask(
        STREET_ADMIN, f"仍写已撤销的 {OLD}", "POST", "/v1/edits", body | {"division": OLD, "household": fresh_household()},
        expect=UNACCEPTABLE, code="bad_division_code",
    )  # fmt: skip
    then = stage.look(AUDITOR, f"/v1/divisions/{OLD}?at=2021-01-01")
    now = stage.look(AUDITOR, f"/v1/divisions/{OLD}")
    stage.equal("2021 年 1 月此代码已撤销", then["abolished"], False)
    stage.equal("如今此代码已撤销", now["abolished"], True)
    stage.equal("查到的名称", then["name"], "利民居委会")


def _edition(stage: Stage) -> dict[str, Any]:
    items = stage.look(APPROVER, "/v1/divisions/editions")["items"]
    found = [each for each in items if each["state"] == "confirmed"]
    if not found:
        raise Mismatch("应有一版已确认的区划，实为没有")
    return stage.look(APPROVER, f"/v1/divisions/editions/{found[-1]['id']}")


def _held(stage: Stage, unit: str) -> dict[str, Any]:
    items = stage.look(APPROVER, f"/v1/grants?holder={unit}")["items"]
    if not items:
        raise Mismatch(f"{unit} 应持有一项授权，实为没有")
    found: dict[str, Any] = items[-1]
    return found


def _wait_and_confirm(stage: Stage, told: dict[str, Any], street: int, county: int, body: dict[str, Any]) -> None:
    """The first time: what waits is refused, then confirmed from the region down."""
    stage.equal("该版区划涉及的授权", [each for each in told["grants"] if each in (county, street)], [county, street])
    listed = stage.look(APPROVER, "/v1/grants?unconfirmed=true")["items"]
    stage.equal("等待确认的授权", sorted(each["id"] for each in listed), [county, street])
    waiting = {"expect": DENIED, "code": "scope_needs_confirmation"}
    stage.ask(STREET_ADMIN, f"更新 {NEW} 一户的收入", "POST", "/v1/edits", body, **waiting)  # type: ignore[arg-type]
    stage.ask(
        SYSTEM_ADMIN, "确认街道办事处及其岗位的去向", "POST", f"/v1/units/{STREET_UNIT}/confirmation",
        {"division": NEW_STREET, "reason": REASON},
    )  # fmt: skip
    stage.ask(STREET_ADMIN, "授权未确认前再次更新", "POST", "/v1/edits", body, **waiting)  # type: ignore[arg-type]
    stage.change(APPROVER, "确认盐池县的授权", f"/v1/grants/{county}", "confirmation", {"reason": REASON})
    found = stage.look(APPROVER, f"/v1/grants/{street}")
    stage.equal("街道可选的接替区划", found["choices"], [NEW_STREET, OTHER])
    admin = stage.look(AUDITOR, f"/v1/people?unit={COUNTY_UNIT}&role=county_admin&limit=1")["items"][0]["id"]
    stage.names[admin] = "盐池县管理员"
    stage.change(
        admin, f"确认街道的授权，改为 {NEW_STREET}", f"/v1/grants/{street}", "confirmation",
        {"division": NEW_STREET, "reason": REASON},
    )  # fmt: skip
