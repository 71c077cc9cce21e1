"""Approvals over HTTP: a second person agrees, once, to what one person alone may not do to a record.

POST /v1/approvals                  by whoever may verify or review the record; the edit that needs it consumes it
POST /v1/approvals/{n}/withdrawal   while it is unused, by whoever gave it or an administrator over him
GET  /v1/approvals                  those I gave or was given; administrators and auditors: those about their place
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep, stated
from api.dossiers import older
from api.grants import overseen
from api.pep import Asked, Wish
from api.stated import Reason, Reasoned
from api.wire import fields
from audit import approvals
from audit import head as heads
from audit.act import Recorded
from audit.approvals import Kept
from authz import approval as rule
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


class ApprovalsQuery(fields.Page):
    person: fields.PersonId | None = None
    household: fields.HouseholdToken | None = None


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


# --- withdrawing ------------------------------------------------------------------------------------------------------
@dataclass(kw_only=True)
class WithdrawApproval(Reasoned[Reason]):
    """An approval is taken back. `kept` is what it is about, as seen before the lock: that never changes."""

    name: ClassVar[str] = "approval.withdraw"
    kept: Kept | None

    @property
    def reads(self) -> Reads:
        if self.kept is None:
            return Reads()
        mine = frozenset((self.kept.household,))
        people = frozenset((self.kept.approved_by, self.kept.person))
        return Reads(persons=people, households=mine, approved=mine)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        kept = self.kept
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        if kept is None:
            raise refusal.Unknown()
        place = scene.rows.households[kept.household].division
        if not mine(scene, kept.approved_by, kept.person) and not scene.may("approval.read", place):
            raise refusal.Unknown()
        if not mine(scene, kept.approved_by):
            scene.must(self.name, place)
            _must_be_over(kept.approved_by, scene)
        self.wish.take()
        standing = scene.rows.approvals.get(kept.household, ())
        found = next((each for each in standing if each.number == kept.number), None)
        return (rule.withdraw(found, place, self.reason, scene.at),)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.kept.number if self.kept else None}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        assert self.kept is not None
        return 200, {"id": self.kept.number, "state": "withdrawn"}


def mine(scene: Scene, *accounts: str) -> bool:
    """Whether one of these accounts is the human being who asks; a deputy takes back nothing for whom he stands in for."""
    people = scene.rows.people
    return scene.person is not None and scene.person.natural in {people[each].natural for each in accounts}


def _must_be_over(giver: str, scene: Scene) -> None:
    """Refuse whoever does not reach the place where the giver serves, or served last."""
    assert scene.post is not None
    held = scene.rows.posts.get(giver, ())
    serving = [each for each in held if each.live(scene.at)]
    divisions = scene.law.divisions
    if not any(divisions.covers(scene.post.division, each.division) for each in serving or held):
        raise refusal.OutsideDivision("这项批准由上级单位的同志给出，请由其本人或其本级管理员收回", missing="division")


@router.post("/v1/approvals/{id}/withdrawal", summary="收回一项尚未使用的事先批准",
             openapi_extra=pep.described(Reason, {"reason": "复核发现情况有变"}))  # fmt: skip
async def withdraw(request: Request, id: str) -> Response:
    number, wish = pep.number(id), await stated.wished(request, Reason)

    def look() -> Kept | None:
        with heads.reading(pep.deployment(request).database.engine) as connection:
            return approvals.one(connection, number)

    return await stated.perform(request, WithdrawApproval, wish, kept=await run_in_threadpool(look))


# --- reading ----------------------------------------------------------------------------------------------------------
@router.get("/v1/approvals", summary="事先批准列表（新的在前）", openapi_extra=pep.queried(ApprovalsQuery))
def listed(request: Request) -> Response:
    query = fields.read_query(request.url.query.encode(), ApprovalsQuery)
    scene = pep.look(request, Reads())
    own = [each for each in scene.rows.people if mine(scene, each)]
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = approvals.page(
            connection, own, overseen(scene, "approval.read"), query.person, query.household, older(query.cursor),
            query.limit + 1,
        )  # fmt: skip
    page = found[: query.limit]
    items = [told(each, scene) for each in page]
    return pep.page(items, str(page[-1].number) if len(found) > query.limit else None, request)


def told(each: Kept, scene: Scene) -> dict[str, Any]:
    """An approval as answers write it; `spent` is the entry that used it up or took it back."""
    state = each.state or ("given" if scene.at < each.until else "lapsed")
    names = ("person", "approved_by", "household", "division", "cell", "operation", "data_year", "quarter", "spent")
    return {
        "id": each.number, "state": state, **{name: getattr(each, name) for name in names},
        "until": pep.written(each.until),
    }  # fmt: skip
