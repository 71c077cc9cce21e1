"""Searches over HTTP (AuthZEN): who may do this, to what may he do it, what may he do to it.

A search is recorded first, one entry a page, and answered from before its entry: each candidate is asked the law, so a
result is in the list exactly if the evaluation of it is yes. The work of a page is bounded; its token says where to go
on, of which search, as known at which log position and at which instant, so that all pages are of one list.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.authzen import access_form as form
from api.authzen import access_tasks
from api.authzen.access_past import as_known, not_reached
from api.deployment import Deployment
from api.pep import Asked
from api.wire import examples, fields
from audit import candidates, head
from audit.act import Recorded
from authz import access, fact, seeking
from authz.decision import Scene
from authz.fact import Fact
from authz.question import PERSON, Question
from authz.refusal import Misshapen
from authz.register import Reads, union
from authz.seeking import ACTION, RESOURCE, SUBJECT, AccessSearched

router = APIRouter()
PAGE = b"page"
USUAL = form.MOST_ITEMS
CHUNK = 500
MOST = 10_000
"""Candidates looked at for one page: a page may be short, or empty, and still have a next one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page begins: behind the candidate `after`, of the list as known at `known` and judged at `at`."""

    search: str
    known: int
    at: str
    after: str

    def token(self, house: Deployment) -> str:
        return access_tasks.sealed(house, PAGE, json.dumps([self.known, self.at, self.after]), self.search)


def mark(house: Deployment, token: str, search: str) -> Mark:
    """The mark of a token, if it was given out here and belongs to this search."""
    content = access_tasks.unsealed(house, PAGE, token, search)
    if content is not None:
        return Mark(search, *json.loads(content))
    raise Misshapen(pointers=[{"pointer": "/page/token", "message": "翻页标记与查询条件不符，请从第一页重新查询"}])


@dataclass(kw_only=True)
class SearchAccess(Asked):
    """A search, recorded before it is answered."""

    name: ClassVar[str] = "decision.ask"
    authority: ClassVar[bool] = False
    question: Question
    sought: str
    begin: Mark | None
    scene: Scene | None = None

    @property
    def reads(self) -> Reads:
        return self.question.reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        self.scene = scene
        at, known = self.question.at or scene.at, self.question.known
        if self.begin is not None:
            at, known = fact.moment(self.begin.at), self.begin.known
        if known is not None and known > scene.size:
            raise not_reached()
        known = scene.size if known is None else known
        return (seeking.searched(scene, self.question, self.sought, at, known),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"results": []}


async def search(request: Request, model: type[form.SearchBody], sought: str) -> Response:
    """One page of a search."""
    asked = fields.validate(model, form.read(await request.body()))
    question, page = form.question(asked), asked.page or form.PageBody()
    house = pep.deployment(request)
    begin = mark(house, page.token, digest(question, sought)) if page.token else None
    act = SearchAccess(ref=pep.new_ref(), caller=pep.caller(request), question=question, sought=sought, begin=begin)
    outcome = (await house.ledger.ask([act]))[0]
    if isinstance(outcome, BaseException):
        raise outcome
    if outcome.refused is not None or act.scene is None:
        return pep.respond(act, outcome)
    told = outcome.facts[0]
    assert isinstance(told, AccessSearched)
    here = Mark(digest(question, sought), told.known, told.at, begin.after if begin else "")
    walk = Walk(request, act.scene, question, sought, here)
    found, after = await run_in_threadpool(walk.page, min(page.limit or USUAL, USUAL))
    token = replace(here, after=after).token(house) if after is not None else ""
    members = {"page": {"next_token": token}, "results": [walk.told(each) for each in found]}
    return Response(pep.encoded(members), 200, {"Log-Position": str(outcome.size)}, "application/json")


def digest(question: Question, sought: str) -> str:
    """Which search this is: all that was heard of it but its page."""
    plain = json.dumps([sought, asdict(question)], sort_keys=True, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:32]


@dataclass(slots=True)
class Walk:
    """The walk over the candidates of a search, by the chunk; `asker` is the scene in which it was recorded."""

    request: Request
    asker: Scene
    question: Question
    sought: str
    begin: Mark

    @property
    def at(self) -> datetime:
        return fact.moment(self.begin.at)

    def page(self, limit: int) -> tuple[list[str], str | None]:
        """At most `limit` results, and the candidate to go on behind (null: nothing is left)."""
        found: list[str] = []
        scanned, after, scene = 0, self.begin.after, self.scene(Reads())
        while scanned < MOST:
            chunk = self.candidates(scene, after)
            if chunk:
                scene = self.scene(self.reads(chunk))
                found += seeking.listed(self.asker, scene, self.question, chunk, self.sought, self.at)
            if len(found) > limit:
                return found[:limit], found[limit - 1]
            if len(chunk) < CHUNK:
                return found, None
            scanned, after = scanned + len(chunk), chunk[-1]
        return found, after

    def scene(self, more: Reads) -> Scene:
        reads = self.question.reads() | more
        return as_known(self.request, reads, self.begin.known, [self.at])[0]

    def reads(self, chunk: list[str]) -> Reads:
        return union(seeking.filled(self.question, self.sought, each).reads() for each in chunk)

    def candidates(self, scene: Scene, after: str) -> list[str]:
        """The next candidates behind `after`, in order, at most a chunk of them."""
        question, words = self.question, scene.law.policy.catalogue
        if self.sought == ACTION:
            return [each for each in sorted(access.actions(scene, question.resource.kind)) if each > after][:CHUNK]
        if not words.grants:
            return [each for each in seeking.members(scene, question, self.sought) if each > after][:CHUNK]
        if self.sought == SUBJECT:
            return self.persons(scene, after)
        if question.subject.kind != PERSON or question.person not in scene.rows.people:
            return []
        codes = seeking.codes(self.asker, scene, question)
        if question.resource.kind not in words.cells:
            return sorted(each for each in codes if each > after)[:CHUNK]
        population = seeking.living(question)
        return self.asked(lambda connection: candidates.households(
            connection, population, codes, self.begin.known, after, CHUNK))  # fmt: skip

    def persons(self, scene: Scene, after: str) -> list[str]:
        question, known = self.question, self.begin.known
        place = access.place(scene, question)
        if question.subject.kind != PERSON or place is None:
            return []
        path = scene.law.divisions.path(place)
        if question.resource.kind in scene.law.policy.catalogue.cells:
            cell, operation = question.resource.kind, question.action
            return self.asked(
                lambda connection: candidates.holders(connection, cell, operation, path, known, after, CHUNK)
            )
        roles = seeking.roles(scene, question)
        return self.asked(lambda connection: candidates.officers(connection, roles, path, known, after, CHUNK))

    def asked(self, ask: Callable[[Any], list[str]]) -> list[str]:
        with head.reading(pep.deployment(self.request).database.engine) as connection:
            return ask(connection)

    def told(self, candidate: str) -> dict[str, str]:
        """A result as the standard has it."""
        if self.sought == ACTION:
            return {"name": candidate}
        party = self.question.subject if self.sought == SUBJECT else self.question.resource
        return {"type": party.kind, "id": candidate}


@router.post("/access/v1/search/subject", summary="查找谁可以对某资源做某操作（AuthZEN）",
             openapi_extra=pep.described(form.SubjectSearchBody, examples.SUBJECT_SEARCH))  # fmt: skip
async def subjects(request: Request) -> Response:
    return await search(request, form.SubjectSearchBody, SUBJECT)


@router.post("/access/v1/search/resource", summary="查找某人可以操作哪些农户或区划（AuthZEN）",
             openapi_extra=pep.described(form.ResourceSearchBody, examples.RESOURCE_SEARCH))  # fmt: skip
async def resources(request: Request) -> Response:
    return await search(request, form.ResourceSearchBody, RESOURCE)


@router.post("/access/v1/search/action", summary="查找某人可以对某资源做哪些操作（AuthZEN）",
             openapi_extra=pep.described(form.ActionSearchBody, examples.ACTION_SEARCH))  # fmt: skip
async def actions(request: Request) -> Response:
    return await search(request, form.ActionSearchBody, ACTION)
