"""Approvals over HTTP: a second person agrees, once, to what one person alone may not do to a record.

POST /v1/approvals   by whoever may verify or review the record; the edit that needs it consumes it
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
from authz import clash, refusal
from authz.approval import ApprovalGiven
from authz.clash import Deed
from authz.decision import Scene
from authz.fact import Fact, moment
from authz.register import Reads

router = APIRouter()
EXAMPLE = {
    "person": "p-1201", "household": "h-9f2c", "cell": "monitored.risk_elimination", "operation": "rollback_elimination",
    "data_year": 2026, "quarter": 4, "until": "2026-12-04T10:05:00+08:00", "reason": "经入户复核，确属误标注",
}  # fmt: skip


class ApprovalBody(fields.Body):
    person: fields.PersonId
    household: fields.HouseholdToken
    cell: fields.Cell
    operation: fields.Operation
    data_year: fields.DataYear
    quarter: fields.Quarter | None = None
    until: fields.Instant
    reason: fields.Reason


@dataclass(kw_only=True)
class GiveApproval(Asked):
    """One deed of another person on one record is agreed to."""

    name: ClassVar[str] = "approval.give"
    wish: Wish[ApprovalBody]
    reason: str

    @property
    def reads(self) -> Reads:
        body = self.wish.got
        if body is None:
            return Reads()
        mine = frozenset((body.household,))
        return Reads(persons=frozenset((body.person,)), households=mine, checked=mine)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        known = scene.rows.households.get(body.household)
        if known is None or not scene.may(self.name, known.division):
            raise refusal.Unknown()
        deed = Deed(body.household, known.division, body.cell, body.operation, body.data_year, body.quarter)
        return (clash.approve(deed, body.person, body.until, self.reason, scene),)

    def about(self) -> Mapping[str, Any]:
        body = self.wish.got
        names = ("household", "cell", "operation", "data_year", "quarter")
        return {} if body is None else {name: getattr(body, name) for name in names}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, ApprovalGiven)
        names = ("household", "cell", "operation", "data_year", "quarter", "grant")
        told = {"id": recorded.number, "person": fact.person_id} | {name: getattr(fact, name) for name in names}
        return 201, told | {"until": pep.written(moment(fact.until))}


@router.post("/v1/approvals", status_code=201, summary="事先批准另一人办理一次（如风险消除回退）",
             openapi_extra=pep.described(ApprovalBody, EXAMPLE))  # fmt: skip
async def give(request: Request) -> Response:
    who, wish = pep.caller(request), await pep.wish(request, ApprovalBody)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = GiveApproval(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, sealed=sealed,
        reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)
