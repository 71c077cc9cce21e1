"""Written requests over HTTP, the county's half: draft, change, sign, withdraw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from api import answering, dossiers, pep, reasons, steps
from api.pep import Asked, Wish
from api.steps import Row, Step
from api.wire import examples, fields
from audit.act import Recorded
from authz import competence, filing, refusal, renewal, step
from authz.decision import Scene
from authz.fact import Fact, instant
from authz.filing import Text
from authz.register import Reads
from authz.request import OPEN, Line, RequestSigned

router = APIRouter()
router.include_router(reasons.router)  # before the dossiers: `draft` is not the number of one
router.include_router(dossiers.router)

AnyCell = fields.Cell | Annotated[str, Field(pattern="^lifted_out.risk_elimination$")]
Cells = Annotated[fields.Several[AnyCell], Field(min_length=1, max_length=8)]
Operations = Annotated[fields.Several[fields.Operation], Field(min_length=1, max_length=10)]
# The form of a document number is the rule's question: its advice is better than a pattern's.
Numbered = Annotated[str, StringConstraints(max_length=100)]
Attachments = Annotated[fields.Several[fields.Sha256], Field(max_length=20)]
LineNumber = Annotated[int, Field(ge=1, le=1000)]


class ContactBody(fields.Body):
    person: fields.PersonId | None = None
    phone: Annotated[fields.Line, StringConstraints(max_length=30)] | None = None


class DocumentBody(fields.Body):
    kind: Literal["QINGSHI", "HAN"]
    number: Numbered
    title: fields.Title
    dated: fields.Day
    signatory: fields.PersonId
    addressee: fields.UnitId
    cc: Annotated[fields.Several[fields.UnitId], Field(max_length=20)] = ()
    contact: ContactBody = ContactBody()


class GroundBody(fields.Body):
    code: fields.Word
    text: fields.Note | None = None


class LineBody(fields.Body):
    line: LineNumber
    division: fields.DivisionCode
    cells: Cells
    operations: Operations
    data_year: fields.DataYear
    begin: Annotated[fields.Instant, Field(alias="from")]
    until: fields.Instant
    max_records: fields.Amount | None = None
    renews: fields.Number | None = None


class RequestBody(fields.Body):
    document: DocumentBody
    ground: GroundBody
    lines: Annotated[fields.Several[LineBody], Field(min_length=1, max_length=filing.MOST_LINES)]
    attachments: Attachments = ()


class WithdrawalBody(fields.Body):
    reason: fields.Reason


def texts(body: RequestBody | None) -> dict[str, Any]:
    """What of a request goes to the vault."""
    if body is None:
        return {}
    return {
        "/document/title": body.document.title, "/ground/text": body.ground.text,
        "/document/contact/phone": body.document.contact.phone,
    }  # fmt: skip


def text(body: RequestBody, sealed: dict[str, str]) -> Text:
    """The text of a request whose free parts are sealed under these commitments."""
    letter = body.document
    return Text(
        kind=letter.kind, number=letter.number, title=sealed["/document/title"], dated=letter.dated,
        signatory=letter.signatory, addressee=letter.addressee, cc=letter.cc, contact=letter.contact.person,
        phone=sealed.get("/document/contact/phone"), ground=body.ground.code, ground_text=sealed.get("/ground/text"),
        lines=tuple(line(each) for each in body.lines), attachments=tuple(dict.fromkeys(body.attachments)),
    )  # fmt: skip


def line(body: LineBody) -> Line:
    """A line as the register keeps it."""
    return {
        "line": body.line, "division": body.division, "cells": list(dict.fromkeys(body.cells)),
        "operations": list(dict.fromkeys(body.operations)), "data_year": body.data_year,
        "from": instant(body.begin), "until": instant(body.until), "max_records": body.max_records,
    } | ({} if body.renews is None else {"renews": body.renews})  # fmt: skip


def cited(wish: Wish[RequestBody]) -> Reads:
    """What is read for the grants that the lines of a body renew."""
    return steps.NOTHING if wish.got is None else renewal.reads(line(each) for each in wish.got.lines)


@dataclass(kw_only=True)
class DraftRequest(Asked):
    """A county clerk writes a request."""

    name: ClassVar[str] = "request.draft"
    wish: Wish[RequestBody]
    commitments: dict[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> Reads:
        return cited(self.wish)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must("request.draft", scene.post.division)
        filing.applicant(scene)
        return (filing.drafted(text(self.wish.take(), self.commitments), scene),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 201, {"id": recorded.number, "state": "drafted"}


class ChangeRequest(Step):
    """A clerk writes the draft anew."""

    name: ClassVar[str] = "request.change"
    right: ClassVar[str] = "request.draft"
    before: str = ""

    def happen(self, row: Row, body: RequestBody, scene: Scene) -> tuple[Fact, ...]:
        self.before = str(row["state"])
        return (filing.changed(row, text(body, self.commitments), scene),)

    def after(self, recorded: Recorded) -> str:
        return self.before


class SignRequest(Step):
    """A signatory signs: the text is frozen, the number taken."""

    name: ClassVar[str] = "request.sign"
    right: ClassVar[str] = "request.sign"
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def happen(self, row: Row, body: steps.Nothing, scene: Scene) -> tuple[Fact, ...]:
        signed = filing.signed(row, self.known.stored, scene)
        noted = competence.noted(row, signed.hands, scene)
        unit = row["body"]["document"]["addressee"]
        self.warnings = [told for each in noted for told in answering.warnings(each.lacks, unit, scene)]
        return (signed, *noted)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        status, told = super().told(recorded)
        return status, told | {"warnings": self.warnings}

    def after(self, recorded: Recorded) -> str:
        fact = recorded.facts[0]
        assert isinstance(fact, RequestSigned)
        return fact.state


class WithdrawRequest(Step):
    """The county takes its request back."""

    name: ClassVar[str] = "request.withdraw"
    right: ClassVar[str] = "request.withdraw"

    def permit(self, row: Row, scene: Scene) -> None:
        scene.must(self.right, row["division"])
        if step.state(row, scene.law.policy, scene.at) in OPEN:
            filing.must_withdraw(row, scene)

    def happen(self, row: Row, body: WithdrawalBody, scene: Scene) -> tuple[Fact, ...]:
        return (filing.withdrawn(row, self.commitments["/reason"], scene),)

    def after(self, recorded: Recorded) -> str:
        return "withdrawn"


@router.post("/v1/requests", status_code=201, summary="起草书面申请",
             openapi_extra=pep.described(RequestBody, examples.REQUEST))  # fmt: skip
async def draft(request: Request) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, RequestBody)
    sealed, commitments = pep.seal(texts(wish.got))
    act = DraftRequest(
        ref=pep.new_ref(),
        caller=who,
        once=await pep.once(request, who),
        wish=wish,
        sealed=sealed,
        commitments=commitments,
    )
    return await pep.perform(request, act)


@router.put("/v1/requests/{id}", summary="修改草稿（退回后只能缩小范围）",
            openapi_extra=pep.described(RequestBody, examples.REQUEST))  # fmt: skip
async def change(request: Request, id: str) -> Response:
    number = pep.number(id)
    wish = await pep.wish(request, RequestBody)
    known = await steps.prepare(request, number, more=cited(wish))
    return await pep.perform(request, await steps.asked(request, ChangeRequest, number, wish, known, texts(wish.got)))


@router.post("/v1/requests/{id}/signature", summary="签发报送：文本定稿，发文字号启用")
async def sign(request: Request, id: str) -> Response:
    number = pep.number(id)
    wish = await steps.optional(request, steps.Nothing)
    known = await steps.prepare(request, number, answering=True)
    return await pep.perform(request, await steps.asked(request, SignRequest, number, wish, known, {}))


@router.post("/v1/requests/{id}/withdrawal", summary="撤回申请",
             openapi_extra=pep.described(WithdrawalBody, examples.REASON))  # fmt: skip
async def withdraw(request: Request, id: str) -> Response:
    number = pep.number(id)
    wish = await pep.wish(request, WithdrawalBody)
    known = await steps.prepare(request, number)
    reason = {"/reason": wish.got.reason} if wish.got else {}
    return await pep.perform(request, await steps.asked(request, WithdrawRequest, number, wish, known, reason))
