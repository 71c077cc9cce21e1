"""Erasures over HTTP: one person asks, another approves, and the values are gone while every proof stays.

POST /v1/erasures               {person} or {household, member?}, a reason, and what is named one by one beside them
POST /v1/erasures/{n}/approval  the erasure itself, on record before the values are dropped; a crash between the two is
                                made good at the next start
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.dossiers import older
from api.pep import Asked, Wish
from api.wire import fields
from audit import erasing, head, listing
from audit.act import Recorded
from authz import edition, erasure, refusal
from authz.decision import Scene
from authz.erasure import ErasureAsked, ErasurePerformed, Found, Named, Scope
from authz.fact import Fact
from authz.register import Reads

router = APIRouter()
MOST_NAMED = 100
EXAMPLE = {"household": "h-9f2c", "member": "m-1", "reason": "本人书面申请，保存期已满"}


class Item(fields.Body):
    entry: fields.Number
    path: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ErasureBody(fields.Body):
    person: fields.PersonId | None = None
    household: fields.HouseholdToken | None = None
    member: fields.MemberToken | None = None
    reason: fields.Reason
    also: Annotated[fields.Several[Item], Field(max_length=MOST_NAMED)] = ()
    attachments: Annotated[fields.Several[fields.Sha256], Field(max_length=MOST_NAMED)] = ()


@dataclass(kw_only=True)
class AskErasure(Asked):
    """Somebody's values are to be erased."""

    name: ClassVar[str] = "erasure.ask"
    wish: Wish[ErasureBody]
    reason: str
    named: Named

    @property
    def reads(self) -> Reads:
        got = self.wish.got
        persons = frozenset((got.person,)) if got and got.person else frozenset[str]()
        households = frozenset((got.household,)) if got and got.household else frozenset[str]()
        return Reads(persons=persons, households=households)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        asked = erasure.asked(Scope(body.person, body.household, body.member), self.reason, scene)
        return (asked, *erasure.named(self.named, scene))

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, ErasureAsked)
        return 201, {
            "id": recorded.number, "state": "asked", "person": fact.person_id, "household": fact.household, "member": fact.member,
        }  # fmt: skip


@router.post("/v1/erasures", status_code=201, summary="提出擦除一人或一户的原值",
             openapi_extra=pep.described(ErasureBody, EXAMPLE))  # fmt: skip
async def ask(request: Request) -> Response:
    """Recorded; nothing is erased before another person has approved."""
    who, wish = pep.caller(request), await pep.wish(request, ErasureBody)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    got = wish.got
    also = tuple((each.entry, each.path) for each in got.also) if got else ()
    attachments = tuple(got.attachments) if got else ()

    def look() -> Named:
        with head.reading(pep.deployment(request).database.engine) as connection:
            return erasing.look(connection, also, attachments)

    act = AskErasure(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, sealed=sealed,
        reason=commitments["/reason"], named=await run_in_threadpool(look) if also or attachments else Named(),
    )  # fmt: skip
    return await pep.perform(request, act)


@dataclass(kw_only=True)
class ApproveErasure(Asked):
    """The erasure `number` is approved, which performs it. `asker` is who asked; `found` what it reaches."""

    name: ClassVar[str] = "erasure.approve"
    number: int
    asker: str | None
    found: Found

    @property
    def reads(self) -> Reads:
        return Reads(erasures=frozenset((self.number,)), persons=frozenset((self.asker,) if self.asker else ()))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = visible(self.number, scene)
        scene.must(self.name, row["division"])
        scene.fresh("erasure", self.number, self.if_match)
        return (erasure.performed(row, self.found, scene), *erasure.named_erased(row))

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, ErasurePerformed)
        return 200, {"id": self.number, "state": "performed", "entries_reached": fact.entries, "values": fact.values}


@router.post("/v1/erasures/{id}/approval", summary="批准并执行擦除")
async def approve(request: Request, id: str) -> Response:
    """Salts and values are dropped; entries, hashes and proofs stay as they are."""
    number, who = pep.number(id), pep.caller(request)
    engine = pep.deployment(request).database.engine

    def look() -> tuple[Scope | None, str | None, Found]:
        row = pep.look(request, Reads(erasures=frozenset((number,)))).rows.erasures.get(number)
        if row is None:
            return None, None, Found((), "")
        body = row["body"]
        scope = Scope(body["person"], body["household"], body["member"])
        with head.reading(engine) as connection:
            return scope, body["asked_by"], erasing.reached(connection, scope, head.read(connection).size)

    scope, asker, found = await run_in_threadpool(look)
    act = ApproveErasure(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, asker=asker, found=found,
    )  # fmt: skip
    answer = await pep.perform(request, act)
    if answer.status_code == 200 and scope is not None:  # noqa: PLR2004 it is on record: now, or by an earlier asking
        await run_in_threadpool(erasing.repeat, engine)
    return answer


@router.get("/v1/erasures", summary="擦除列表（新的在前）", openapi_extra=pep.queried(fields.Page))
def listed(request: Request) -> Response:
    query = fields.read_query(request.url.query.encode(), fields.Page)
    scene = pep.look(request, Reads())
    if scene.post is None or not scene.may("erasure.read", scene.post.division):
        return pep.page([], None, request)
    within = edition.reach(scene.post.division, scene.law)
    with head.reading(pep.deployment(request).database.engine) as connection:
        rows = listing.erasures(connection, within, older(query.cursor), query.limit + 1)
    shown = rows[: query.limit]
    more = str(shown[-1]["number"]) if len(rows) > query.limit else None
    return pep.page([plain(row) for row in shown], more, request)


@router.get("/v1/erasures/{id}", summary="一项擦除")
def one(request: Request, id: str) -> Response:
    number = pep.number(id)
    row = visible(number, pep.look(request, Reads(erasures=frozenset((number,)))))
    return pep.told(plain(row), etag=row["since"])


def visible(number: int, scene: Scene) -> dict[str, Any]:
    """The erasure on record, or Unknown to whoever may not see it."""
    row = scene.rows.erasures.get(number)
    if row is None or not scene.may("erasure.read", row["division"]):
        raise refusal.Unknown()
    return row


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    body = row["body"]
    return {
        "id": row["number"], "state": row["state"], "entry": row["since"], "person": body["person"],
        "household": body["household"], "member": body["member"], "asked_by": body["asked_by"],
        "approved_by": body.get("approved_by"), "performed": body["performed"], "values": body.get("values"),
        "also": body.get("also") or [], "attachments": body.get("attachments") or [],
    }  # fmt: skip
