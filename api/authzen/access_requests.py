"""Requests for access over HTTP, after the AuthZEN profile (a working-group draft): off unless the rules switch it on.

A person who was told no asks the clerk of his county to apply in writing. That gives nothing: the clerk ties it to a
request of the county, or declines; when the region has answered, the person asks the same question again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep, problems
from api.authzen import access_form as form
from api.authzen import access_tasks
from api.authzen.access_tasks import PATH, Denial
from api.pep import Asked
from api.wire import fields
from audit import head, proposals
from audit.act import Recorded
from authz import edition, proposal, refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.proposal import ExpiredDenial, InvalidDenialBinding, NotRequestable
from authz.question import Question
from authz.refusal import Refusal
from authz.register import Reads

router = APIRouter(include_in_schema=False)
URN = "urn:openid:authzen:access-request:error:"
ERRORS: dict[str, tuple[str, int]] = {
    "not_requestable": ("not_requestable", 400), "invalid_denial_binding": ("invalid_denial_binding", 400),
    "unknown_task": ("unknown_task", 404), "duplicate_request": ("duplicate_request", 409),
    "key_reused": ("duplicate_request", 409), "invalid_task_state": ("invalid_task_state", 409),
    "expired_denial": ("expired_denial", 410), "task_expired": ("task_expired", 410),
}  # fmt: skip
"""Our refusals as the profile names them, each with its status."""
MOST = 1_000


@dataclass(kw_only=True)
class AskAccess(Asked):
    """A person asks the clerk to apply for what a denial said was missing."""

    name: ClassVar[str] = "access.request"
    authority: ClassVar[bool] = False
    question: Question
    denial: Denial
    wanted: form.RequestedBody
    shown: Callable[[int], dict[str, Any]]
    same: frozenset[int]
    """Proposals on record that ask the same question."""

    @property
    def reads(self) -> Reads:
        return self.question.reads() | Reads(proposals=self.same)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        # Here, because whoever repeats a request under its key is told what he was told, however late.
        if self.denial.expires < scene.at.timestamp():
            raise ExpiredDenial()
        wanted = self.wanted
        return (proposal.proposed(
            scene, self.question, self.denial.question, self.denial.entry, wanted.requested_until, bool(wanted.emergency)
        ),)  # fmt: skip

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        assert recorded.number is not None
        return 201, self.shown(recorded.number)

    def answer(self, recorded: Recorded) -> tuple[int, bytes]:
        if recorded.stored is not None:
            return recorded.stored
        if recorded.refused is not None:
            told = problem(recorded.refused, recorded.number)
            return int(told["status"]), pep.encoded(told)
        status, members = self.told(recorded)
        return status, pep.encoded(members)


@dataclass(kw_only=True)
class EndProposal(Asked):
    """A task is ended: taken back by the person, or tied to a written request or declined by the clerk."""

    name: ClassVar[str] = "access.request.end"  # it ends a stretch: whoever comes behind it finds the task ended
    subject: int
    end: str
    request: int | None = None

    @property
    def reads(self) -> Reads:
        requests = frozenset(() if self.request is None else (self.request,))
        return Reads(proposals=frozenset((self.subject,)), requests=requests)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if self.end == "cancel":
            return (proposal.withdrawn(scene, self.subject),)
        if self.request is None:
            return (proposal.declined(scene, self.subject),)
        return (proposal.taken(scene, self.subject, self.request),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {}


def problem(refused: Refusal, entry: int | None = None) -> dict[str, Any]:
    """The problem of the profile; any other refusal is told as everywhere."""
    told = problems.problem(refused, entry, path=PATH)
    if refused.code not in ERRORS:
        return told
    code, status = ERRORS[refused.code]
    return told | {"type": URN + code, "status": status, "code": code}


def wrong(refused: Refusal, entry: int | None = None) -> Response:
    """A refusal, answered."""
    if refused.code not in ERRORS:
        return problems.answer(refused, entry, path=PATH)
    told = problem(refused, entry)
    return Response(pep.encoded(told), told["status"], media_type=problems.MEDIA_TYPE)


async def done(request: Request, act: Asked) -> Response | Recorded:
    """Have the act recorded; a Response is a refusal, or an answer given before."""
    outcome = (await pep.deployment(request).ledger.ask([act]))[0]
    if isinstance(outcome, Refusal):
        return wrong(outcome)
    if isinstance(outcome, BaseException):
        raise outcome
    if outcome.refused is not None:
        return wrong(outcome.refused, outcome.number)
    return pep.respond(act, outcome) if outcome.stored is not None else outcome


def must_be_on(request: Request) -> None:
    """Off, there is nothing here."""
    if not proposal.on(pep.deployment(request).law.policy):
        raise refusal.Unknown()


@router.post(PATH, status_code=201)
async def asked(request: Request) -> Response:
    must_be_on(request)
    house, who = pep.deployment(request), pep.caller(request)
    try:
        parsed = form.read(await request.body())
        if "items" in parsed:
            raise NotRequestable("请逐项申请：一次只能申请一项")
        body = fields.validate(form.AccessRequestBody, parsed)
        if body.denial is None:
            raise InvalidDenialBinding()
        denial = access_tasks.bound(house, body.denial.binding_token)
        once = await pep.once(request, who)
    except Refusal as refused:
        return wrong(refused)
    act = AskAccess(
        ref=pep.new_ref(), caller=who, once=once, question=form.question(body), denial=denial,
        wanted=body.requested_access or form.RequestedBody(), same=await run_in_threadpool(_same, request, denial),
        shown=lambda number: {"task": access_tasks.handle(house, number, "pending")},
    )  # fmt: skip
    outcome = await done(request, act)
    if isinstance(outcome, Response):
        return outcome
    status, content = act.answer(outcome)
    where = act.shown(outcome.numbers[0])["task"]["status_endpoint"]
    return Response(content, status, {"Log-Position": str(outcome.size), "Location": where}, "application/json")


def _same(request: Request, denial: Denial) -> frozenset[int]:
    """The waiting proposals of his county that ask the same question; whether one is his own is judged under the lock."""
    scene = pep.look(request, Reads())
    county = scene.law.divisions.county(scene.post.division) if scene.post is not None else None
    with head.reading(pep.deployment(request).database.engine) as connection:
        same = proposals.same(connection, county, denial.question) if county is not None else []
    return frozenset(each["number"] for each in same)


@router.get(PATH)
def inbox(request: Request) -> Response:
    """What waits for the clerk of a county, newest first."""
    must_be_on(request)
    scene, house = pep.look(request, Reads()), pep.deployment(request)
    if scene.post is None or not scene.may("request.draft", scene.post.division):
        raise refusal.Unknown()
    with head.reading(house.database.engine) as connection:
        rows = proposals.waiting(connection, edition.reach(scene.post.division, scene.law), MOST)
    names = ("person_id", "place", "household", "cell", "operation", "data_year", "until", "emergency", "code", "at")
    return pep.told({
        "items": [access_tasks.told(house, scene, row, None) | {name: row["body"][name] for name in names} for row in rows]
    })  # fmt: skip


@router.get(PATH + "/{task}")
def shown(request: Request, task: str) -> Response:
    must_be_on(request)
    house = pep.deployment(request)
    try:
        number = access_tasks.number(house, task)
        row = proposal.found(pep.look(request, Reads(proposals=frozenset((number,)))), number)
    except proposal.UnknownTask as refused:
        return wrong(refused)
    tied = row["body"]["request"]
    scene = pep.look(request, Reads(requests=frozenset(() if tied is None else (tied,))))
    return pep.told(access_tasks.told(house, scene, row, scene.rows.requests.get(tied)))


async def _ended(request: Request, task: str, end: str, tied: int | None = None) -> Response:
    try:
        number = access_tasks.number(pep.deployment(request), task)
    except proposal.UnknownTask as refused:
        return wrong(refused)
    act = EndProposal(ref=pep.new_ref(), caller=pep.caller(request), subject=number, end=end, request=tied)
    outcome = await done(request, act)
    return outcome if isinstance(outcome, Response) else await run_in_threadpool(shown, request, task)


@router.post(PATH + "/{task}/cancel")
async def cancelled(request: Request, task: str) -> Response:
    must_be_on(request)
    return await _ended(request, task, "cancel")


@router.post(PATH + "/{task}/refusal")
async def declined(request: Request, task: str) -> Response:
    must_be_on(request)
    return await _ended(request, task, "decline")


@router.post(PATH + "/{task}/ticket")
async def ticketed(request: Request, task: str) -> Response:
    """The clerk names the written request in which it is applied for."""
    must_be_on(request)
    body = fields.validate(form.TicketBody, form.read(await request.body()))
    return await _ended(request, task, "ticket", body.request)
