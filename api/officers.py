"""The three officers over HTTP (三员): one officer proposes, one of another kind approves, and only then there is a post.

POST /v1/officers                 a proposal; `replaces` names the post that ends when the new one begins
POST /v1/officers/{id}/approval   by an officer of another kind; while there is none, by the approver of the bureau
POST /v1/officers/{id}/rejection  turned down, or taken back by the proposer
GET  /v1/officers, /v1/officers/{id}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.dossiers import older
from api.people import ReasonBody, held_by
from api.pep import Asked, Wish
from api.wire import fields
from audit import head as heads
from audit import roster
from audit.act import Recorded
from authz import officer as rule
from authz import refusal
from authz.decision import Scene
from authz.fact import Fact, instant, moment
from authz.officer import (
    Candidate,
    OfficerApproved,
    OfficerDropped,
    OfficerProposed,
    OfficerReplaced,
    OfficerSuccessionProposed,
)
from authz.post import PostAssigned
from authz.register import Reads

router = APIRouter()


class OfficerBody(fields.Body):
    person: fields.PersonId
    unit: fields.UnitId
    role: Literal["system_admin", "security_admin", "audit_admin"]
    reason: fields.Reason
    post: fields.Word | None = None
    from_: Annotated[fields.Instant | None, Field(alias="from")] = None
    replaces: fields.Number | None = None


def candidate(person: str, unit: str, role: str, scene: Scene) -> tuple[Candidate, str]:
    """Who is to hold which office, and the level of the unit."""
    known, body = scene.rows.people.get(person), scene.rows.units.get(unit)
    if known is None or body is None:
        raise refusal.UnfitHolder("没有这名人员或这个单位，请先登记", missing="unit" if known else "person")
    return Candidate(known, body, role, tuple(held_by(scene, known))), scene.law.divisions.get(body.division).level


@dataclass(kw_only=True)
class ProposeOfficer(Asked):
    """An officer names who is to be one."""

    name: ClassVar[str] = "officer.propose"
    authority: ClassVar[bool] = True
    wish: Wish[OfficerBody]
    reason: str

    @property
    def reads(self) -> Reads:
        body = self.wish.got
        if body is None:
            return Reads()
        old = frozenset(() if body.replaces is None else (body.replaces,))
        return Reads(persons=frozenset((body.person,)), units=frozenset((body.unit,)), posts=old)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        wanted, level = candidate(body.person, body.unit, body.role, scene)
        if not scene.law.divisions.covers(scene.post.division, wanted.unit.division):
            raise refusal.OutsideDivision("该单位不在您岗位的管辖区划内", missing="division")
        begin = max(body.from_ or scene.at, scene.at)
        rule.fit(wanted, begin, scene.law.policy, level)
        told: dict[str, Any] = {
            "person_id": body.person, "post_unit": body.unit, "division": wanted.unit.division, "role": body.role,
            "title": body.post or body.role, "valid_from": instant(body.from_) if body.from_ else None, "reason": self.reason,
        }  # fmt: skip
        if body.replaces is None:
            return (OfficerProposed(**told),)
        rule.replaceable(scene.rows.post.get(body.replaces), wanted, begin)
        return (OfficerSuccessionProposed(**told, replaces=body.replaces),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 201, {"id": recorded.number, "state": "proposed"}


EXAMPLE = {"person": "p-1044", "unit": "u-64-lead", "role": "system_admin", "reason": "首任系统管理员轮岗，由其接任"}


@router.post("/v1/officers", status_code=201, summary="提出三员任命：须由另一类管理员批准",
             openapi_extra=pep.described(OfficerBody, EXAMPLE))  # fmt: skip
async def propose(request: Request) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, OfficerBody)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = ProposeOfficer(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, sealed=sealed,
        reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)


@dataclass(kw_only=True)
class ApproveOfficer(Asked):
    """A second person agrees, and the office begins. `body` is the proposal as it was made: it never changes."""

    name: ClassVar[str] = "officer.approve"
    number: int
    body: Mapping[str, Any]

    @property
    def reads(self) -> Reads:
        if not self.body:
            return Reads(officers=frozenset((self.number,)))
        unit = frozenset((self.body["unit"],))
        people = frozenset((self.body["person"], self.body["proposed_by"]))
        old = frozenset(each for each in (self.body.get("replaces"),) if each is not None)
        return Reads(officers=frozenset((self.number,)), persons=people, units=unit, staff=unit, posts=old)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = _found(self.number, scene)
        scene.must(self.name, row["division"])
        scene.fresh("officer", self.number, self.if_match)
        body = row["body"]
        wanted, level = candidate(body["person"], body["unit"], body["role"], scene)
        proposer = scene.rows.people[body["proposed_by"]]
        if scene.post is None or scene.person is None:
            raise refusal.NotEmployed(missing="post")
        return rule.approve(
            row, wanted, by=scene.post, me=scene.person, proposer=proposer, held=held_by(scene, proposer),
            staff=scene.rows.staff.get(wanted.unit.id, ()), at=scene.at, policy=scene.law.policy, level=level,
            old=scene.rows.post.get(body.get("replaces")),
        )  # fmt: skip

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        approved, assigned, *ended = recorded.facts
        assert isinstance(approved, OfficerApproved)
        assert isinstance(assigned, PostAssigned)
        return 200, {
            "id": self.number, "state": "approved", "post": (recorded.number or 0) + 1, "person": assigned.person_id,
            "role": assigned.role, "from": pep.written(moment(assigned.valid_from)),
            "replaced": next((each.post for each in ended if isinstance(each, OfficerReplaced)), None),
        }  # fmt: skip


def _found(number: int, scene: Scene) -> dict[str, Any]:
    row = scene.rows.officers.get(number)
    if row is None or not scene.may("officer.read", row["division"]):
        raise refusal.Unknown()
    return row


@router.post("/v1/officers/{id}/approval", summary="批准三员任命（另一类管理员）")
async def approve(request: Request, id: str) -> Response:
    number, who = pep.number(id), pep.caller(request)
    row = await run_in_threadpool(_proposal, request, number)
    act = ApproveOfficer(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, body=row["body"] if row else {},
    )  # fmt: skip
    return await pep.perform(request, act)


def _proposal(request: Request, number: int) -> dict[str, Any] | None:
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return roster.officer(connection, number)


@dataclass(kw_only=True)
class DropOfficer(Asked):
    """A proposal is turned down, or taken back by whoever made it."""

    name: ClassVar[str] = "officer.approve"
    number: int
    wish: Wish[ReasonBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return Reads(officers=frozenset((self.number,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = _found(self.number, scene)
        scene.must(self.name, row["division"])
        self.wish.take()
        scene.fresh("officer", self.number, self.if_match)
        return (rule.drop(row, self.reason),)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        assert isinstance(recorded.facts[0], OfficerDropped)
        return 200, {"id": self.number, "state": "dropped"}


@router.post("/v1/officers/{id}/rejection", summary="不同意或收回三员任命的提名",
             openapi_extra=pep.described(ReasonBody, {"reason": "人选另行研究"}))  # fmt: skip
async def drop(request: Request, id: str) -> Response:
    number, who = pep.number(id), pep.caller(request)
    wish = await pep.wish(request, ReasonBody)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = DropOfficer(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, wish=wish, sealed=sealed, reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)


def officer_told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A proposal as answers write it."""
    body = row["body"]
    names = ("person", "unit", "role", "title", "proposed_by", "answered_by", "post")
    return {
        "id": row["number"], "state": row["state"], **{name: body[name] for name in names}, "replaces": body.get("replaces"),
        "from": pep.written(moment(body["from"])) if body["from"] else None, "at": pep.written(moment(body["at"])),
    }  # fmt: skip


@router.get("/v1/officers", summary="三员任命", openapi_extra=pep.queried(fields.Page))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), fields.Page)
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    scene.must("officer.read", scene.post.division)
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = roster.officers(connection, older(query.cursor), query.limit + 1)
    page = [each for each in found[: query.limit] if scene.may("officer.read", each["division"])]
    cursor = str(found[query.limit - 1]["number"]) if len(found) > query.limit else None
    return pep.page([officer_told(each) for each in page], cursor, request)


@router.get("/v1/officers/{id}", summary="一项三员任命")
def one(request: Request, id: str) -> Response:
    number = pep.number(id)
    scene = pep.look(request, Reads(officers=frozenset((number,))))
    return pep.told(officer_told(_found(number, scene)), etag=scene.rows.versions["officer", number])
