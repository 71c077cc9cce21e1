"""Edits over HTTP: the data system asks, the service decides and records in one act.

`POST /v1/edits` answers 201 with the grant chain, or the refusal. `POST /v1/edits/batch` takes up to 1,000 of them,
judges and records each on its own, and answers 200 with an outcome per item in the same order.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api import pep, problems, reasons
from api.pep import Asked, Wish
from api.wire import examples, fields
from audit.act import Caller, Once, Recorded, Sealed
from authz import edit as rule
from authz import refusal
from authz.decision import Scene
from authz.edit import Edit, EditPermitted
from authz.fact import Fact
from authz.refusal import Misshapen
from authz.register import Reads, Rows

router = APIRouter()
LARGEST_BATCH = 1000
DRAWN = 80
"""Random bytes for an item: its reference, and the salts of two changed values before and after."""

AnyCell = fields.Cell | Annotated[str, Field(pattern="^lifted_out.risk_elimination$")]
Value = fields.Fen | bool | fields.Note | None


class ChangeBody(fields.Body):
    field: fields.Word
    before: Value = None
    after: Value = None


class EvidenceBody(fields.Body):
    kind: fields.Word
    number: fields.Mark | None = None
    sha256: fields.Sha256 | None = None


class ChecksBody(fields.Body):
    ruleset: fields.Mark
    failed: Annotated[fields.Several[fields.Mark], Field(max_length=300)] = ()
    overridden: Annotated[fields.Several[fields.Mark], Field(max_length=300)] = ()


class ResponsibilityBody(fields.Body):
    collected_by: fields.PersonId | None = None
    provided_by: fields.PersonId | None = None
    verified_by: fields.PersonId | None = None
    monitored_by: fields.PersonId | None = None


class EditBody(fields.Body):
    household: fields.HouseholdToken
    member: fields.MemberToken | None = None
    division: fields.DivisionCode
    cell: AnyCell
    operation: fields.Operation
    data_year: fields.DataYear
    quarter: fields.Quarter | None = None
    occurred_at: fields.Instant | None = None
    channel: fields.Channel
    responsibility: ResponsibilityBody = ResponsibilityBody()
    changes: Annotated[fields.Several[ChangeBody], Field(max_length=100)] = ()
    evidence: Annotated[fields.Several[EvidenceBody], Field(max_length=20)] = ()
    checks: ChecksBody | None = None
    campaign: fields.Mark | None = None


def values(body: EditBody) -> dict[str, Any]:
    """Measured values by path, as the vault keeps them."""
    values: dict[str, Any] = {}
    for place, change in enumerate(body.changes):
        values[f"/changes/{place}/before"] = change.before
        values[f"/changes/{place}/after"] = change.after
    return values


def edit(body: EditBody, sealed: Mapping[str, str]) -> Edit:
    """The edit of a body whose values are sealed under these commitments."""
    checks = body.checks
    return Edit(
        household=body.household, member=body.member, division=body.division, cell=body.cell, operation=body.operation,
        data_year=body.data_year, quarter=body.quarter, occurred_at=body.occurred_at, channel=body.channel,
        named={name: getattr(body.responsibility, name) for name in rule.RESPONSIBLE},
        changes_made=tuple(
            (change.field, sealed.get(f"/changes/{place}/before"), sealed.get(f"/changes/{place}/after"))
            for place, change in enumerate(body.changes)
        ),
        evidence=tuple((each.kind, each.number, each.sha256) for each in body.evidence),
        ruleset=checks.ruleset if checks else None, checks_failed=checks.failed if checks else (),
        checks_overridden=checks.overridden if checks else (), campaign=body.campaign,
    )  # fmt: skip


@dataclass(kw_only=True)
class AskEdit(Asked):
    """One edit, or the refusal its form deserves: a person without any post is told so before his form is judged."""

    name: ClassVar[str] = "edit"
    authority: ClassVar[bool] = False
    wish: Wish[EditBody]
    edit: Edit | None = None
    lifted: bool = False
    """Whether a written request could lift the refusal it met."""

    @property
    def reads(self) -> Reads:
        return Reads() if self.edit is None else self.edit.reads

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        try:
            if scene.post is None:
                raise refusal.NotEmployed(missing="post")
            self.wish.take()
            assert self.edit is not None
            return rule.performed(self.edit, scene)
        except refusal.Denied as refused:
            self.lifted = reasons.tell(refused, scene, self.edit.wish if self.edit else None)
            raise

    def note(self, rows: Rows, facts: tuple[Fact, ...]) -> None:
        for fact in facts:
            rule.note(rows, fact, self.caller.person if self.caller else "")

    def about(self) -> dict[str, Any]:
        if self.edit is None:
            return {}
        names = ("division", "cell", "operation", "data_year", "quarter", "household")
        return {name: getattr(self.edit, name) for name in names}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 201, permitted(recorded)

    def answer(self, recorded: Recorded) -> tuple[int, bytes]:
        if recorded.stored is None and recorded.refused is not None:
            told = denied(self, recorded)
            return int(told["status"]), pep.encoded(told)
        return super().answer(recorded)


def permitted(recorded: Recorded) -> dict[str, Any]:
    """The members of a permit."""
    fact = recorded.facts[0]
    assert isinstance(fact, EditPermitted)
    return {
        "entry": recorded.number, "decision": "permit", "grant": fact.grant, "chain": list(fact.chain),
        "document": fact.document, "rule": fact.rule, "policy": fact.policy, "log_position": recorded.number,
    }  # fmt: skip


def denied(act: AskEdit, recorded: Recorded) -> dict[str, Any]:
    """The problem of a refused edit; `decision` stands in it so that a batch can be read item by item."""
    assert recorded.refused is not None
    told = problems.problem(recorded.refused, recorded.number) | {"decision": "deny"}
    return told | (reasons.link(recorded.number) if act.lifted else {})


def ask(parsed: Any, who: Caller, once: Once | None, draw: pep.Draw = secrets.token_bytes) -> AskEdit:
    """The act for one parsed item."""
    wish = pep.shaped(parsed, EditBody)
    sealed: tuple[Sealed, ...] = ()
    wanted = None
    if wish.got is not None:
        sealed, commitments = pep.seal(values(wish.got), draw)
        wanted = edit(wish.got, commitments)
    return AskEdit(ref=pep.new_ref(draw), caller=who, once=once, wish=wish, edit=wanted, sealed=sealed)


@router.post("/v1/edits", status_code=201, summary="判定并记录一次数据操作",
             openapi_extra=pep.described(EditBody, examples.EDIT))  # fmt: skip
async def one(request: Request) -> Response:
    who = pep.caller(request)
    return await pep.perform(request, ask(pep.gate_parsed(await request.body()), who, await pep.once(request, who)))


@router.post("/v1/edits/batch", summary="逐条判定并记录一批数据操作（至多 1000 条）",
             openapi_extra=pep.described_list(EditBody, examples.EDIT))  # fmt: skip
async def batch(request: Request) -> Response:
    who = pep.caller(request)
    parsed = pep.gate_parsed(await request.body())
    if isinstance(parsed, Misshapen):
        raise parsed
    if type(parsed) is not list or not 1 <= len(parsed) <= LARGEST_BATCH:
        raise Misshapen(pointers=[{"pointer": "", "message": f"应为 1 至 {LARGEST_BATCH} 项的列表"}])
    key = await pep.once(request, who)
    draw = pep.drawn(DRAWN * len(parsed))
    acts = [
        ask(item, who, replace(key, key=f"{key.key}/{place}", request=pep.digest(item)) if key else None, draw)
        for place, item in enumerate(parsed)
    ]
    outcomes = await pep.deployment(request).ledger.ask(acts)
    if all(isinstance(each, refusal.Stranger) for each in outcomes):
        raise refusal.Stranger()
    results = [outcome(act, each) for act, each in zip(acts, outcomes, strict=True)]
    size = max((each.size for each in outcomes if isinstance(each, Recorded)), default=0)
    return Response(b'{"results":[' + b",".join(results) + b"]}", 200, {"Log-Position": str(size)}, "application/json")


def outcome(act: AskEdit, found: Recorded | BaseException) -> bytes:
    """One item's answer or problem as JSON bytes."""
    if isinstance(found, refusal.Refusal):
        return pep.encoded(problems.problem(found) | {"decision": "deny"})
    if isinstance(found, BaseException):
        return pep.encoded(problems.problem(refusal.Closed()) | {"decision": "deny"})
    return act.answer(found)[1]
