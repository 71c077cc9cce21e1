"""Delegation over HTTP: a county hands on what it holds, which is its own duty (S34).

POST /v1/grants/{id}/delegations          a narrower grant below; ?dry_run=true only asks
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.pep import Asked, Wish
from api.wire import fields
from audit import head as heads
from audit import roster
from audit.act import Recorded
from authz import delegation, refusal
from authz.decision import Scene
from authz.delegation import Wanted
from authz.fact import Fact, moment
from authz.grant import Grant
from authz.register import Reads

router = APIRouter()
Holder = Annotated[
    str, StringConstraints(pattern="^(?:p-[0-9]{1,12}|u-[0-9]{2,12}-[a-z]+(?:_[a-z]+)*)$", max_length=64)
]


class DelegationBody(fields.Body):
    holder: Holder
    role: fields.Role
    division: fields.DivisionCode
    cells: Annotated[fields.Several[fields.Cell], Field(min_length=1, max_length=7)]
    operations: Annotated[fields.Several[fields.Operation], Field(min_length=1, max_length=10)]
    from_: Annotated[fields.Instant, Field(alias="from")]
    until: fields.Instant
    reason: fields.Reason
    data_year: fields.DataYear | None = None
    max_records: fields.Amount | None = None
    households: Annotated[fields.Several[fields.HouseholdToken], Field(min_length=1, max_length=1000)] | None = None


EXAMPLE = {
    "holder": "u-640324100-township", "role": "township_admin", "division": "640324100",
    "cells": ["monitored.income", "lifted_out.income"], "operations": ["collect", "update", "verify"],
    "from": "2026-12-01T00:00:00+08:00", "until": "2027-01-01T00:00:00+08:00", "reason": "第四季度收入监测，按分工由豫海镇组织",
}  # fmt: skip


def wanted(body: DelegationBody) -> Wanted:
    """The wish of a body."""
    return Wanted(
        body.holder, body.role, body.division, frozenset(body.cells), frozenset(body.operations), body.from_, body.until,
        body.data_year, body.max_records, None if body.households is None else frozenset(body.households),
    )  # fmt: skip


def reads(number: int, body: DelegationBody | None, giver: str) -> Reads:
    """What judging a delegation looks at; `giver` is the unit that holds the grant. Who serves in either counts."""
    if body is None:
        return Reads(grants=frozenset((number,)))
    holder, units = frozenset((body.holder,)), frozenset((giver,))
    units |= holder if body.holder.startswith("u-") else frozenset()
    return Reads(
        grants=frozenset((number,)), households=frozenset(body.households or ()), units=units, staff=units,
        persons=holder if body.holder.startswith("p-") else frozenset(),
    )  # fmt: skip


def plan(number: int, wish: Wish[DelegationBody], scene: Scene) -> tuple[delegation.Plan, Wanted, tuple[Grant, ...]]:
    """Judge a delegation in the order of refusals: hidden, no authority, wrong form, rule."""
    links = delegation.find(number, scene)
    scene.must("grant.delegate", links[-1].scope.division)
    body = wish.take()
    if body.from_ >= body.until:
        raise refusal.Misshapen(pointers=[{"pointer": "/until", "message": "结束时间应晚于开始时间"}])
    asked = wanted(body)
    return delegation.plan(asked, links, scene), asked, links


@dataclass(kw_only=True)
class DelegateGrant(Asked):
    """A narrower grant is made out below the grant `number`."""

    name: ClassVar[str] = "grant.delegate"
    number: int
    giver: str
    wish: Wish[DelegationBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return reads(self.number, self.wish.got, self.giver)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        planned, asked, links = plan(self.number, self.wish, scene)
        return (delegation.issue(planned, asked, links, self.reason, scene),)

    def about(self) -> Mapping[str, Any]:
        body = self.wish.got
        return {"grant": self.number, "division": body.division if body else None}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact, number = recorded.facts[0].plain(), recorded.number
        made = ("division", "cells", "operations", "data_year", "max_records", "households")
        members = {name: fact[name] for name in ("origin", "parent", "role", "request", "window", "document")}
        members |= {"holder": fact["holder_person"] or fact["holder_unit"], "holder_unit": fact["holder_unit"]}
        times = {name: pep.written(moment(fact[f"valid_{name}"])) for name in ("from", "until")}
        scope = {name: fact[name] for name in made} | times
        return 201, {"id": number, **members, "scope": scope, "path": [*fact["path"], number]}


ASKED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "只问不办（dry_run）：是否放得下，以及全部超出的方面",
        "content": {"application/json": {
            "schema": {"type": "object", "required": ["fits", "misfits"]}, "example": {"fits": True, "misfits": []},
        }},
    }
}  # fmt: skip


class DelegationQuery(fields.Query):
    dry_run: fields.Flag = False


@router.post("/v1/grants/{id}/delegations", status_code=201, summary="转授：把上级授予的权限在范围内分给单位或人员",
             openapi_extra=pep.described(DelegationBody, EXAMPLE) | pep.queried(DelegationQuery), responses=ASKED)  # fmt: skip
async def delegate(request: Request, id: str) -> Response:
    number = pep.number(id)
    who, asking = pep.caller(request), fields.read_query(request.url.query.encode(), DelegationQuery)
    wish = await pep.wish(request, DelegationBody)
    giver = await run_in_threadpool(_giver, request, number)
    if asking.dry_run:
        scene = await run_in_threadpool(pep.look, request, reads(number, wish.got, giver))
        planned, _, _ = plan(number, wish, scene)
        return pep.told({"fits": not planned.misfits, "misfits": [each.plain() for each in planned.misfits]})
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    return await pep.perform(
        request,
        DelegateGrant(
            ref=pep.new_ref(), caller=who, once=await pep.once(request, who), number=number, giver=giver, wish=wish,
            sealed=sealed, reason=commitments["/reason"],
        ),
    )  # fmt: skip


def _giver(request: Request, number: int) -> str:
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return roster.holder_of(connection, number)
