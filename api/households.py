"""Households over HTTP: put on the register, looked up, and moved with the consent of the receiving side.

POST /v1/households                  NDJSON {token,division,population}, at most 10,000 lines, all or nothing
POST /v1/households/{h}/move         asked by the side that holds it, or by the receiving side
POST /v1/households/{h}/acceptance   by the other side than asked, another natural person than the asker
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.pep import Asked, Wish
from api.wire import boundary, fields
from audit import head as heads
from audit import listing
from audit.act import Recorded
from authz import household as rule
from authz import refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.household import Household
from authz.refusal import Misshapen
from authz.register import Reads

router = APIRouter()
MOST_LINES = 10_000
MOST_FAULTS = 100


class HouseholdLine(fields.Body):
    token: fields.HouseholdToken
    division: fields.DivisionCode
    population: Literal["lifted_out", "monitored"]


class MoveBody(fields.Body):
    division: fields.DivisionCode
    reason: fields.Reason


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


# --- one household --------------------------------------------------------------------------------------------------
def sides(known: Household) -> Iterator[str]:
    """Where a household lives, and where it is about to."""
    yield known.division
    if known.moving_to is not None:
        yield known.moving_to


def sees(known: Household, scene: Scene) -> bool:
    """Whether the acting post may read the household on either side."""
    return any(scene.may("household.read", side) for side in sides(known))


def find(token: str, scene: Scene, more: str | None = None) -> Household:
    """A household the acting post may know of: on its own side, or (a move) one it wants to receive."""
    known = scene.rows.households.get(token)
    if known is None:
        raise refusal.Unknown()
    if not sees(known, scene) and not (more is not None and scene.may("household.move", more)):
        raise refusal.Unknown()
    return known


@router.get("/v1/households/{token}", summary="一户：所在村、人口类别、待接收的迁移")
def one(request: Request, token: str) -> Response:
    scene = pep.look(request, Reads(households=frozenset((token,))))
    if scene.post is None:
        raise refusal.Unknown()
    known = find(token, scene)
    told = {
        "household": known.token, "division": known.division, "population": known.population, "moving_to": known.moving_to,
        "move_asked_by": known.move_asked_by,
    }  # fmt: skip
    return pep.told(told, etag=scene.rows.versions["household", token])


@dataclass(kw_only=True)
class AskMove(Asked):
    """A household is to move; nothing changes until the receiving side accepts."""

    name: ClassVar[str] = "household.move"
    token: str
    wish: Wish[MoveBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return Reads(households=frozenset((self.token,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        body = self.wish.got
        known = find(self.token, scene, body.division if body else None)
        if body is None or not scene.may(self.name, body.division):
            scene.must(self.name, known.division)
        body = self.wish.take()
        # A receiving side that cannot see the household cannot know its version.
        if self.if_match is not None or sees(known, scene):
            scene.fresh("household", self.token, self.if_match)
        if scene.law.divisions.get(body.division).level != "village":
            raise refusal.Unacceptable("迁入地应为 12 位村级区划代码", missing="division")
        return (rule.ask_move(known, body.division, self.reason),)

    def about(self) -> Mapping[str, Any]:
        return {"household": self.token}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"household": self.token, "moving_to": recorded.facts[0].plain()["to"]}


@router.post("/v1/households/{token}/move", summary="申请把一户迁到另一个村",
             openapi_extra=pep.described(MoveBody, {"division": "640324100202", "reason": "易地搬迁"}))  # fmt: skip
async def move(request: Request, token: str) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, MoveBody)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = AskMove(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        token=token, wish=wish, sealed=sealed, reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)


@dataclass(kw_only=True)
class AcceptMove(Asked):
    """The receiving side takes the household over. `asker` is who asked, as seen before the lock."""

    name: ClassVar[str] = "household.accept"
    token: str
    asker: str | None

    @property
    def reads(self) -> Reads:
        askers = frozenset((self.asker,)) if self.asker else frozenset[str]()
        return Reads(households=frozenset((self.token,)), persons=askers)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        known = find(self.token, scene)
        asker = scene.rows.people.get(self.asker) if self.asker else None
        hands = scene.rows.naturals(scene.post) if scene.post else frozenset[str]()
        theirs = asker.natural if asker else None
        if theirs is not None and known.move_asked_by == self.asker:
            rule.must_be_two(theirs, hands)
        for side in self.silent(known, scene):
            scene.must(self.name, side)
        scene.fresh("household", self.token, self.if_match)
        if known.move_asked_by != self.asker:
            raise refusal.Stale()
        return (rule.accept_move(known, theirs, hands),)

    def silent(self, known: Household, scene: Scene) -> tuple[str, ...]:
        """The sides the asker could not speak for: two people of the receiving side do not take a household over."""
        posts = scene.rows.posts.get(self.asker or "", ())

        def spoke(side: str | None) -> bool:
            law = scene.law
            return side is not None and any(
                law.rule.permits(each, "move", "household", side, scene.at, law.divisions) is not None for each in posts
            )

        return rule.consents(known, spoke(known.division), spoke(known.moving_to))

    def about(self) -> Mapping[str, Any]:
        return {"household": self.token}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"household": self.token, "division": recorded.facts[0].plain()["division"]}


@router.post("/v1/households/{token}/acceptance", summary="接收迁入的一户")
async def accept(request: Request, token: str) -> Response:
    who = pep.caller(request)
    asker = await run_in_threadpool(_asker, request, token)
    act = AcceptMove(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        token=token, asker=asker,
    )  # fmt: skip
    return await pep.perform(request, act)


def _asker(request: Request, token: str) -> str | None:
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return listing.mover(connection, token)
