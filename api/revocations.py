"""Ending and limiting grants over HTTP: revocation, suspension, resumption and narrowing, by the issuer or above (S34).

The answer's `cut` lists every grant below that lost its effect with this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.pep import Asked, Wish
from api.wire import fields
from audit.act import Recorded
from authz import delegation, revocation
from authz.decision import Scene
from authz.fact import Fact
from authz.grant import Grant
from authz.register import Reads

router = APIRouter()


class ReasonBody(fields.Body):
    reason: fields.Reason


class NarrowingBody(fields.Body):
    """The new, narrower limits; what is left out stays as it is."""

    reason: fields.Reason
    division: fields.DivisionCode | None = None
    cells: Annotated[fields.Several[fields.Cell], Field(min_length=1, max_length=7)] | None = None
    operations: Annotated[fields.Several[fields.Operation], Field(min_length=1, max_length=10)] | None = None
    from_: Annotated[fields.Instant | None, Field(alias="from")] = None
    until: fields.Instant | None = None
    data_year: fields.DataYear | None = None
    max_records: fields.Amount | None = None
    households: Annotated[fields.Several[fields.HouseholdToken], Field(min_length=1, max_length=1000)] | None = None


_AXES = {"from_": "valid_from", "until": "valid_until"}
_SETS = ("cells", "operations", "households")


def limits(body: NarrowingBody) -> dict[str, Any]:
    """The axes of a scope that a body changes."""
    given = {name: value for name, value in body if name != "reason" and value is not None}
    return {_AXES.get(name, name): frozenset(value) if name in _SETS else value for name, value in given.items()}


@dataclass(kw_only=True)
class RuleGrant(Asked):
    """A grant is revoked, suspended or resumed."""

    name: ClassVar[str] = "grant.revoke"
    number: int
    wish: Wish[Any]
    reason: str
    cut: tuple[int, ...] = field(default=(), init=False)

    @property
    def reads(self) -> Reads:
        return Reads(grants=frozenset((self.number,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        links = delegation.find(self.number, scene)
        scene.must(self.name, links[-1].scope.division)
        self.wish.take()
        scene.fresh("grants", self.number, self.if_match)
        return (self.rule(links, scene),)

    def rule(self, links: tuple[Grant, ...], scene: Scene) -> Fact:
        fact, self.cut = revocation.revoke(links, self.reason, scene)
        return fact

    def about(self) -> Mapping[str, Any]:
        return {"grant": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"id": self.number, "state": "revoked", "cut": list(self.cut)}


@dataclass(kw_only=True)
class SuspendGrant(RuleGrant):
    """A grant rests until it is resumed."""

    name: ClassVar[str] = "grant.suspend"

    def rule(self, links: tuple[Grant, ...], scene: Scene) -> Fact:
        fact, self.cut = revocation.suspend(links, self.reason, scene)
        return fact

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"id": self.number, "state": "suspended", "cut": list(self.cut)}


@dataclass(kw_only=True)
class ResumeGrant(RuleGrant):
    """A suspended grant may be used again."""

    name: ClassVar[str] = "grant.resume"

    def rule(self, links: tuple[Grant, ...], scene: Scene) -> Fact:
        return revocation.resume(links, self.reason, scene)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"id": self.number, "state": "live", "cut": []}


@dataclass(kw_only=True)
class NarrowGrant(RuleGrant):
    """A grant reaches less: a part of it is revoked, so whoever may revoke may narrow."""

    def rule(self, links: tuple[Grant, ...], scene: Scene) -> Fact:
        fact, self.cut = revocation.narrow(links, limits(self.wish.take()), self.reason, scene)
        return fact

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"id": self.number, "cut": list(self.cut)}


async def _rule(request: Request, id: str, kind: type[RuleGrant], model: type[fields.Body] = ReasonBody) -> Response:
    number, who = pep.number(id), pep.caller(request)
    wish: Wish[Any] = await pep.wish(request, model)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = kind(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, wish=wish, sealed=sealed, reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)


_REASON = pep.described(ReasonBody, {"reason": "工作分工调整"})


@router.post("/v1/grants/{id}/revocation", summary="收回授权，下级转授同时失效", openapi_extra=_REASON)
async def revoke(request: Request, id: str) -> Response:
    return await _rule(request, id, RuleGrant)


@router.post("/v1/grants/{id}/suspension", summary="停用授权，下级转授同时停用", openapi_extra=_REASON)
async def suspend(request: Request, id: str) -> Response:
    return await _rule(request, id, SuspendGrant)


@router.post("/v1/grants/{id}/resumption", summary="恢复已停用的授权", openapi_extra=_REASON)
async def resume(request: Request, id: str) -> Response:
    return await _rule(request, id, ResumeGrant)


@router.post("/v1/grants/{id}/narrowing", summary="收窄授权范围，下级转授随之收窄",
             openapi_extra=pep.described(NarrowingBody, {"operations": ["update"], "reason": "只保留更新维护"}))  # fmt: skip
async def narrow(request: Request, id: str) -> Response:
    return await _rule(request, id, NarrowGrant, NarrowingBody)
