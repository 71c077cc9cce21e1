"""Confirmations after the divisions changed: a grant, or a unit with its posts, goes on in what took its place.

POST /v1/grants/{id}/confirmation   by the unit that issued it or above; a regional grant by the region
POST /v1/units/{id}/confirmation    by the system administrator; everybody employed there goes with it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.pep import Asked, Wish
from api.wire import fields
from audit.act import Recorded
from authz import confirmation, delegation, refusal
from authz.confirmation import GrantConfirmed, UnitConfirmed
from authz.decision import Scene
from authz.fact import Fact
from authz.register import Reads

router = APIRouter()
EXAMPLE = {"division": "640323001", "reason": "区划调整后核对无误，继续使用"}


class ConfirmationBody(fields.Body):
    """Without `division`: the same code, or its one successor."""

    reason: fields.Reason
    division: fields.DivisionCode | None = None


@dataclass(kw_only=True)
class ConfirmGrant(Asked):
    """A grant goes on under the edition in force."""

    name: ClassVar[str] = "grant.confirm"
    number: int
    wish: Wish[ConfirmationBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return Reads(grants=frozenset((self.number,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        links = delegation.find(self.number, scene)
        scene.must(self.name, links[-1].scope.division)
        body = self.wish.take()
        scene.fresh("grants", self.number, self.if_match)
        return (confirmation.confirmed(links, body.division, self.reason, scene),)

    def about(self) -> Mapping[str, Any]:
        return {"grant": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, GrantConfirmed)
        return 200, {
            "id": self.number, "division": fact.division, "division_name": fact.division_name, "left": fact.left,
            "edition": fact.edition,
        }  # fmt: skip


@router.post("/v1/grants/{id}/confirmation", summary="区划调整后确认一项授权",
             openapi_extra=pep.described(ConfirmationBody, EXAMPLE))  # fmt: skip
async def grant(request: Request, id: str) -> Response:
    number, who, wish = pep.number(id), pep.caller(request), await pep.wish(request, ConfirmationBody)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = ConfirmGrant(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, wish=wish, sealed=sealed, reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)


@dataclass(kw_only=True)
class ConfirmUnit(Asked):
    """A unit of an abolished place goes on elsewhere."""

    name: ClassVar[str] = "division.load"
    unit: str
    wish: Wish[ConfirmationBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return Reads(units=frozenset((self.unit,)), staff=frozenset((self.unit,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        unit = scene.rows.units.get(self.unit)
        if unit is None:
            raise refusal.Unknown()
        scene.must(self.name, unit.division)
        body = self.wish.take()
        staff = scene.rows.staff.get(self.unit, ())
        return (confirmation.carried(unit, staff, body.division, self.reason, scene),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, UnitConfirmed)
        return 200, {
            "id": self.unit, "division": fact.division, "left": fact.left, "edition": fact.edition, "posts": list(fact.posts),
        }  # fmt: skip


@router.post("/v1/units/{id}/confirmation", summary="区划撤销后确认一个单位的去向",
             openapi_extra=pep.described(ConfirmationBody, EXAMPLE))  # fmt: skip
async def unit(request: Request, id: str) -> Response:
    who, wish = pep.caller(request), await pep.wish(request, ConfirmationBody)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = ConfirmUnit(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), unit=id, wish=wish, sealed=sealed,
        reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)
