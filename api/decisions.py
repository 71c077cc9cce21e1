"""Written requests over HTTP, the region's half: receipt, return, proposal, decision, scan."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from api import pep, steps
from api.requests import AnyCell, Attachments, LineNumber, Numbered
from api.steps import Row, Step
from api.wire import examples, fields
from audit.act import Recorded
from authz import citation, document, refusal, reply, step
from authz.decision import Scene
from authz.fact import Fact, instant
from authz.refusal import BadDocumentNumber
from authz.register import Reads
from authz.reply import Answer, Reply
from authz.request import RequestDecided

router = APIRouter()


class ReceiptBody(fields.Body):
    register_no: Annotated[fields.Line, StringConstraints(max_length=64)]
    received_on: fields.Day


class WhyBody(fields.Body):
    path: Annotated[str, StringConstraints(pattern="^(?:/[a-z0-9_]{1,40}){0,8}$")]
    text: fields.Reason


class ReturnBody(fields.Body):
    reasons: Annotated[fields.Several[WhyBody], Field(min_length=1, max_length=100)]


class NarrowerBody(fields.Body):
    """The narrower scope; what is left out stays as asked."""

    division: fields.DivisionCode | None = None
    cells: Annotated[fields.Several[AnyCell], Field(min_length=1, max_length=8)] | None = None
    operations: Annotated[fields.Several[fields.Operation], Field(min_length=1, max_length=10)] | None = None
    data_year: fields.DataYear | None = None
    begin: Annotated[fields.Instant | None, Field(alias="from")] = None
    until: fields.Instant | None = None
    max_records: fields.Amount | None = None


class AnswerBody(fields.Body):
    line: LineNumber
    outcome: Literal["approved", "narrowed", "rejected"]
    scope: NarrowerBody | None = None
    reason: fields.Reason | None = None


Answers = Annotated[fields.Several[AnswerBody], Field(min_length=1, max_length=100)]


class ProposalBody(fields.Body):
    lines: Answers
    opinion: fields.Reason


class ReplyBody(fields.Body):
    number: Numbered
    dated: fields.Day
    kind: Literal["PIFU", "FUHAN"] | None = None
    title: fields.Title | None = None
    cites: Numbered | None = None
    note: fields.Note | None = None


class DecisionBody(fields.Body):
    document: ReplyBody
    lines: Answers
    opinion: fields.Reason
    attachments: Attachments = ()


class ScanBody(fields.Body):
    attachments: Annotated[Attachments, Field(min_length=1)]


def answers(given: tuple[AnswerBody, ...], sealed: dict[str, str]) -> tuple[Answer, ...]:
    """The lines of a proposal or decision, reasons sealed."""
    return tuple(
        Answer(each.line, each.outcome, _narrower(each.scope), sealed.get(f"/lines/{place}/reason"))
        for place, each in enumerate(given)
    )


def _narrower(scope: NarrowerBody | None) -> dict[str, Any] | None:
    if scope is None:
        return None
    given = {
        "division": scope.division, "cells": scope.cells and list(scope.cells),
        "operations": scope.operations and list(scope.operations), "data_year": scope.data_year,
        "from": scope.begin and instant(scope.begin), "until": scope.until and instant(scope.until),
        "max_records": scope.max_records,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def _texts(body: ProposalBody | DecisionBody | None) -> dict[str, Any]:
    if body is None:
        return {}
    found: dict[str, Any] = {f"/lines/{place}/reason": each.reason for place, each in enumerate(body.lines)}
    found["/opinion"] = body.opinion
    if isinstance(body, DecisionBody):
        found["/document/title"] = body.document.title
    return found


class ReceiveRequest(Step):
    """A handler registers the letter as received."""

    name: ClassVar[str] = "request.receive"
    right: ClassVar[str] = "request.receive"

    def happen(self, row: Row, body: ReceiptBody, scene: Scene) -> tuple[Fact, ...]:
        return (reply.received(row, body.register_no, body.received_on, scene),)

    def after(self, recorded: Recorded) -> str:
        return "received"


class ReturnRequest(Step):
    """A handler sends the letter back for correction."""

    name: ClassVar[str] = "request.return"
    right: ClassVar[str] = "request.return"

    def happen(self, row: Row, body: ReturnBody, scene: Scene) -> tuple[Fact, ...]:
        reasons = tuple((each.path, self.commitments[f"/reasons/{n}/text"]) for n, each in enumerate(body.reasons))
        return (reply.returned(row, reasons, scene),)

    def after(self, recorded: Recorded) -> str:
        return "returned"


class ProposeAnswer(Step):
    """A handler proposes what to answer."""

    name: ClassVar[str] = "request.propose"
    right: ClassVar[str] = "request.propose"

    def happen(self, row: Row, body: ProposalBody, scene: Scene) -> tuple[Fact, ...]:
        return (reply.proposed(row, answers(body.lines, self.commitments), self.commitments["/opinion"], scene),)

    def after(self, recorded: Recorded) -> str:
        return "received"


class DecideRequest(Step):
    """An approver answers, line by line."""

    name: ClassVar[str] = "request.decide"
    right: ClassVar[str] = "request.decide"

    def permit(self, row: Row, scene: Scene) -> None:
        super().permit(row, scene)
        step.must_be_outside(row, scene)

    def happen(self, row: Row, body: DecisionBody, scene: Scene) -> tuple[Fact, ...]:
        letter = body.document
        title = self.commitments.get("/document/title")
        answer = Reply(letter.kind, letter.number, title, letter.dated, letter.cites, letter.note)
        lines = answers(body.lines, self.commitments)
        facts = reply.decided(
            row, answer, lines, self.commitments["/opinion"], tuple(dict.fromkeys(body.attachments)), scene
        )
        must_be_kept(body.attachments, self.known.stored)
        return facts

    def after(self, recorded: Recorded) -> str:
        return _decided(recorded).outcome

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = _decided(recorded)
        assert recorded.number is not None
        granted = [each["line"] for each in fact.lines if each["outcome"] in reply.GRANTED]
        grants = [{"line": line, "grant": recorded.number + 1 + place} for place, line in enumerate(granted)]
        scan = list(fact.attachments) or None
        return 200, {
            "id": self.number,
            "state": fact.outcome,
            "document": fact.document,
            "scan": scan,
            "grants": grants,
        }


class ScanDecision(Step):
    """The sealed scan of the reply follows."""

    name: ClassVar[str] = "request.scan"
    right: ClassVar[str] = "request.propose"
    before: str = ""

    def permit(self, row: Row, scene: Scene) -> None:
        if not scene.may("request.decide", row["division"]):
            scene.must(self.right, row["division"])

    def happen(self, row: Row, body: ScanBody, scene: Scene) -> tuple[Fact, ...]:
        self.before = str(row["state"])
        must_be_kept(body.attachments, self.known.stored)
        return (reply.scanned(row, body.attachments, scene),)

    def after(self, recorded: Recorded) -> str:
        return self.before


def must_be_kept(cited: tuple[str, ...], stored: frozenset[str]) -> None:
    """Refuse to cite a file that was never uploaded."""
    if not stored.issuperset(cited):
        raise refusal.NotInWriting("批复扫描件尚未上传，请先上传附件再引用", missing="attachment")


def _decided(recorded: Recorded) -> RequestDecided:
    fact = recorded.facts[0]
    assert isinstance(fact, RequestDecided)
    return fact


@router.post("/v1/requests/{id}/receipt", summary="收文登记：办理时限开始计算",
             openapi_extra=pep.described(ReceiptBody, examples.RECEIPT))  # fmt: skip
async def receive(request: Request, id: str) -> Response:
    wish = await pep.wish(request, ReceiptBody)
    more = Reads(mail=frozenset((citation.folded(wish.got.register_no),)) if wish.got else frozenset())
    return await _perform(request, id, ReceiveRequest, wish, {}, more)


@router.post("/v1/requests/{id}/return", summary="退回补正：办理时限暂停",
             openapi_extra=pep.described(ReturnBody, examples.RETURN))  # fmt: skip
async def send_back(request: Request, id: str) -> Response:
    wish = await pep.wish(request, ReturnBody)
    given = wish.got.reasons if wish.got else ()
    return await _perform(
        request, id, ReturnRequest, wish, {f"/reasons/{n}/text": each.text for n, each in enumerate(given)}
    )


@router.post("/v1/requests/{id}/proposal", summary="提出拟办意见",
             openapi_extra=pep.described(ProposalBody, examples.PROPOSAL))  # fmt: skip
async def propose(request: Request, id: str) -> Response:
    wish = await pep.wish(request, ProposalBody)
    return await _perform(request, id, ProposeAnswer, wish, _texts(wish.got))


@router.post("/v1/requests/{id}/decision", summary="逐项批复：同意、缩小范围同意或不同意",
             openapi_extra=pep.described(DecisionBody, examples.DECISION))  # fmt: skip
async def decide(request: Request, id: str) -> Response:
    wish = await pep.wish(request, DecisionBody)
    cited, numbers = (wish.got.attachments, _number(wish.got.document.number)) if wish.got else ((), ())
    more = Reads(documents=frozenset(numbers))
    known = await steps.prepare(request, pep.number(id), cited, more, staff=True)
    return await pep.perform(
        request, await steps.asked(request, DecideRequest, pep.number(id), wish, known, _texts(wish.got))
    )


@router.post("/v1/requests/{id}/decision/scan", summary="补交盖章批复扫描件",
             openapi_extra=pep.described(ScanBody, examples.SCAN))  # fmt: skip
async def scan(request: Request, id: str) -> Response:
    wish = await pep.wish(request, ScanBody)
    known = await steps.prepare(request, pep.number(id), wish.got.attachments if wish.got else ())
    return await pep.perform(request, await steps.asked(request, ScanDecision, pep.number(id), wish, known, {}))


def _number(raw: str) -> tuple[str, ...]:
    """The number to look up; one that is none is refused later, in its turn."""
    try:
        return (document.parse(raw).text,)
    except BadDocumentNumber:
        return ()


async def _perform(
    request: Request, id: str, kind: type[Step], wish: pep.Wish[Any], texts: dict[str, Any], more: Reads = steps.NOTHING
) -> Response:
    number = pep.number(id)
    known = await steps.prepare(request, number, more=more)
    return await pep.perform(request, await steps.asked(request, kind, number, wish, known, texts))
