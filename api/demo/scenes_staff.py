"""Scene of the staff: a cadre is transferred; what was his own authority rests, and the handover is on record."""

from __future__ import annotations

from typing import Any

from api.demo.scenes_letters import decide, delegate, line
from api.demo.stage import ADMIN, AUDITOR, Mismatch, Stage, edit, fresh_household

TOWN, VILLAGES = "640324201", ("640324201212", "640324201213")
CELLS, OPERATIONS = ["monitored.base"], ["collect", "update"]
DENIED = 403


def transfer(stage: Stage) -> None:
    """4: a member of staff is transferred, and comes back at the end so that the scene can be played again."""
    lines = [line(1, TOWN, CELLS, OPERATIONS)]
    top = decide(stage, "关于申请基础数据更正权限的请示", "correction", lines).grants[1]
    old, new, cadre = _settled(stage)
    stage.names[cadre] = "田老庄乡村级信息员"
    heir = stage.person(f"u-{old}-village", "grid_worker", "同村网格员")
    household = fresh_household()
    own = delegate(
        stage, ADMIN, "转授给该信息员本人", top, holder=cadre, role="village_collector", division=old, cells=CELLS,
        operations=OPERATIONS, households=[household],
    )  # fmt: skip
    body = edit(household, old, "monitored.base", "update")
    done = stage.ask(cadre, "更新一户基础数据", "POST", "/v1/edits", body)
    moved = _move(stage, cadre, old, new, heir)
    stage.equal(f"随调动停用的本人授权中有第 {own} 号", own in moved["suspended"], True)
    stage.equal("接手人", moved["successor"], heir)
    stage.ask(cadre, "调动后再更新原村的这一户", "POST", "/v1/edits", body, expect=DENIED)
    stage.equal("原授权的状态", stage.look(ADMIN, f"/v1/grants/{own}")["state"], "suspended")
    kept = stage.look(AUDITOR, f"/v1/entries/{done['entry']}")
    stage.equal("调动前那次更新仍归属于", kept["person"]["id"], cadre)
    stage.equal("当时的单位", kept["unit"]["id"], f"u-{old}-village")
    _move(stage, cadre, new, old, None)


def _settled(stage: Stage) -> tuple[str, str, str]:
    """The village a collector now works in, the other one, and who it is: an interrupted scene left him elsewhere."""
    for old, new in (VILLAGES, VILLAGES[::-1]):
        unit = f"u-{old}-village"
        for person in stage.look(ADMIN, f"/v1/people?unit={unit}&role=village_collector")["items"]:
            if any(each["unit"] == unit and each["live"] for each in person["posts"]):
                return old, new, str(person["id"])
    raise Mismatch("田老庄乡两个村应至少有一名在任的村级信息员，实为没有")


def _move(stage: Stage, person: str, left: str, joined: str, successor: str | None) -> dict[str, Any]:
    posts = stage.look(ADMIN, f"/v1/people/{person}")["posts"]
    post = next(each["post"] for each in posts if each["unit"] == f"u-{left}-village" and each["live"])
    told = {
        "person": person, "from_post": post, "unit": f"u-{joined}-village", "role": "village_collector",
        "reason": "演示：村干部轮换", "successor": successor,
    }  # fmt: skip
    return stage.ask(ADMIN, f"办理调动：{left} → {joined}", "POST", "/v1/transfers", told)
