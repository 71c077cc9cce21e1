"""Households over HTTP: put on the register, looked up, and moved with the consent of the receiving side.

POST /v1/households                  NDJSON {token,division,population}, at most 10,000 lines, all or nothing
GET  /v1/households/{h}              one of them; its moves are in `api/moves.py`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import moves, pep
from api.pep import Asked
from api.wire import boundary, fields
from audit.act import Recorded
from authz import household as rule
from authz import refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.household import Household
from authz.refusal import Misshapen
from authz.register import Reads

router = APIRouter()
router.include_router(moves.router)
MOST_LINES = 10_000
MOST_FAULTS = 100


class HouseholdLine(fields.Body):
    token: fields.HouseholdToken
    division: fields.DivisionCode
    population: Literal["lifted_out", "monitored"]


@dataclass(kw_only=True)
class LoadHouseholds(Asked):
    """Households are bound to their villages, all of them or none."""

    name: ClassVar[str] = "household.load"
    lines: tuple[HouseholdLine, ...]
    fault: Misshapen | None

    @property
    def reads(self) -> Reads:
        return Reads(households=frozenset(each.token for each in self.lines))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        for division in sorted({each.division for each in self.lines} or {scene.post.division}):
            scene.must(self.name, division)
        if self.fault is not None:
            raise self.fault
        wanted = [Household(each.token, each.division, each.population) for each in self.lines]
        return rule.load(wanted, scene.post.division, scene.rows.households, scene.law.divisions)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        loaded = sum(len(each.plain()["households"]) for each in recorded.facts)
        return 201, {"loaded": loaded, "unchanged": len(self.lines) - loaded}


@router.post("/v1/households", status_code=201, summary="导入农户（每行一户，至多 10000 行，全部成功或全部不办）",
             openapi_extra={"requestBody": {"required": True, "content": {"application/x-ndjson": {
                 "schema": HouseholdLine.model_json_schema(),
                 "example": '{"token":"h-9f2c","division":"640324100201","population":"monitored"}\n'}}}})  # fmt: skip
async def load(request: Request) -> Response:
    who = pep.caller(request)
    body = await request.body()
    lines, fault = _read([line async for line in boundary.lines(_whole(body))])
    act = LoadHouseholds(ref=pep.new_ref(), caller=who, once=await pep.once(request, who), lines=lines, fault=fault)
    return await pep.perform(request, act)


async def _whole(body: bytes) -> Any:
    yield body


def _read(lines: list[bytes]) -> tuple[tuple[HouseholdLine, ...], Misshapen | None]:
    """The lines, and every fault by line number; what is no JSON at all is refused at once."""
    given = [(number, line) for number, line in enumerate(lines) if line.strip()]
    if len(given) > MOST_LINES:
        raise refusal.TooLarge(f"一次至多 {MOST_LINES} 行，请分批提交")
    found: list[HouseholdLine] = []
    faults: list[dict[str, Any]] = []
    for number, line in given:
        wish = pep.shaped(pep.gate_parsed(line), HouseholdLine)
        if wish.got is not None:
            found.append(wish.got)
        elif wish.fault is not None:
            told = wish.fault.members.get("pointers") or [
                {"pointer": "", "message": wish.fault.detail or wish.fault.title}
            ]
            faults += [{"pointer": f"/{number}{each['pointer']}", "message": each["message"]} for each in told]
    if not given:
        faults.append({"pointer": "", "message": "没有任何一行"})
    if len({each.token for each in found}) < len(found):
        faults.append({"pointer": "", "message": "同一户编号在文件中出现多次，请合并后提交"})
    return tuple(found), Misshapen(pointers=faults[:MOST_FAULTS]) if faults else None


@router.get("/v1/households/{token}", summary="一户：所在村、人口类别、待接收的迁移")
def one(request: Request, token: str) -> Response:
    scene = pep.look(request, Reads(households=frozenset((token,))))
    if scene.post is None:
        raise refusal.Unknown()
    known = moves.find(token, scene)
    told = {
        "household": known.token, "division": known.division, "population": known.population, "moving_to": known.moving_to,
        "move_asked_by": known.move_asked_by,
    }  # fmt: skip
    return pep.told(told, etag=scene.rows.versions["household", token])
