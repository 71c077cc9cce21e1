"""Deputies over HTTP (职务代理): who stands in for whom, for how long and how narrowly.

POST /v1/deputies            a person stands in for the holder of a post; the deputyship is a post, for `Mandate-Post`
POST /v1/deputies/{id}/end   it ends early: by an appointer, by the deputy, or by whom he stands in for
GET  /v1/deputies, /v1/deputies/{id}
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

from api import pep, stated
from api.dossiers import older
from api.outlook import outlook
from api.people import held_by, post_told, serves
from api.stated import Reason, Reasoned
from api.wire import fields
from audit import head as heads
from audit import roster
from audit.act import Recorded
from authz import deputy as rule
from authz import refusal
from authz.decision import Scene
from authz.deputy import DeputyAppointed, DeputyEnded, Standing
from authz.fact import Fact, moment
from authz.post import Post
from authz.register import Reads

router = APIRouter()
ActName = Annotated[str, StringConstraints(pattern="^[a-z]+(?:_[a-z]+)*[.][a-z]+(?:_[a-z]+)*$", max_length=64)]


class DeputyBody(Reason):
    """`acts` and `operations` absent: all that the post may do; given, only what is listed."""

    post: fields.Number
    deputy: fields.PersonId
    until: fields.Instant
    from_: Annotated[fields.Instant | None, Field(alias="from")] = None
    acts: Annotated[fields.Several[ActName], Field(max_length=40)] | None = None
    operations: Annotated[fields.Several[fields.Operation], Field(max_length=10)] | None = None
    division: fields.DivisionCode | None = None


class DeputyEndBody(Reason):
    at: fields.Instant | None = None


class DeputiesQuery(fields.Page):
    unit: fields.UnitId | None = None
    division: fields.DivisionCode | None = None


@dataclass(kw_only=True)
class AppointDeputy(Reasoned[DeputyBody]):
    """A person is to stand in for the holder of a post. `principal` is that holder, who never changes."""

    name: ClassVar[str] = "people.deputy"
    principal: str

    @property
    def reads(self) -> Reads:
        body = self.wish.got
        if body is None:
            return Reads()
        return Reads(
            posts=frozenset((body.post,)), persons=frozenset((body.deputy, *([self.principal] * bool(self.principal))))
        )

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        base = _seen(body.post, scene)
        scene.must(self.name, base.division)
        person = scene.rows.people.get(body.deputy)
        if person is None or not serves(scene, body.deputy):
            raise refusal.UnfitHolder("没有这名人员，或此人在您管辖的区划之外任职，请核对人员编号", missing="deputy")
        if body.from_ is not None and body.from_ >= body.until:
            raise refusal.Misshapen(pointers=[{"pointer": "/until", "message": "结束时间应晚于开始时间"}])
        if body.division is not None and not scene.law.divisions.known(body.division):
            raise refusal.BadDivisionCode(pointers=[{"pointer": "/division", "message": refusal.BadDivisionCode.title}])
        wanted = Standing(
            base, person, body.from_, body.until, None if body.acts is None else frozenset(body.acts),
            None if body.operations is None else frozenset(body.operations), body.division,
        )  # fmt: skip
        return rule.appoint(wanted, held_by(scene, person), self.reason, scene)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.wish.got.post if self.wish.got else None}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, DeputyAppointed)
        return 201, {
            "id": recorded.number, "post": fact.deputy_for, "deputy": fact.person_id, "principal": fact.principal,
            "unit": fact.post_unit, "role": fact.role, "division": fact.division,
            "acts": None if fact.acts is None else list(fact.acts),
            "operations": None if fact.operations is None else list(fact.operations),
            "from": pep.written(moment(fact.valid_from)), "until": pep.written(moment(fact.valid_until)),
            "noted": [each.plain()["duty"] for each in recorded.facts[1:]],
        }  # fmt: skip


EXAMPLE = {
    "post": 41, "deputy": "p-1004", "from": "2026-12-01T00:00:00+08:00", "until": "2026-12-15T00:00:00+08:00",
    "acts": ["request.draft", "request.read"], "reason": "经办人外出培训期间代为办理",
}  # fmt: skip


@router.post("/v1/deputies", status_code=201, summary="设置职务代理：限时、限范围，不得宽于原岗位",
             openapi_extra=pep.described(DeputyBody, EXAMPLE))  # fmt: skip
async def appoint(request: Request) -> Response:
    wish = await stated.wished(request, DeputyBody)
    principal = await run_in_threadpool(_principal, request, wish.got.post) if wish.got else ""
    return await stated.perform(request, AppointDeputy, wish, principal=principal)


def _principal(request: Request, number: int) -> str:
    # Who holds a post never changes, so he can be named before the lock.
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return roster.person_of(connection, number) or ""


def _seen(number: int, scene: Scene) -> Post:
    """A post the acting one may know of: his own, one that stands in for his, or one over which he reads people."""
    post, me = scene.rows.post.get(number), scene.person
    parties = () if post is None else (post.person, post.principal.person if post.principal else None)
    if post is None or not ((me is not None and me.id in parties) or scene.may("people.read", post.division)):
        raise refusal.Unknown()
    return post


@dataclass(kw_only=True)
class EndDeputy(Reasoned[DeputyEndBody]):
    """A deputyship ends before its time."""

    name: ClassVar[str] = "people.deputy"
    number: int

    @property
    def reads(self) -> Reads:
        return Reads(posts=frozenset((self.number,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        found, me = _deputyship(self.number, scene), scene.person
        absent = found.principal.person if found.principal else None
        if me is None or me.id not in (found.person, absent):
            scene.must(self.name, found.division)
        body = self.wish.take()
        scene.fresh("post", self.number, self.if_match)
        return (rule.end(found, body.at, self.reason, scene),)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, DeputyEnded)
        return 200, {"id": self.number, "deputy": fact.person_id, "until": pep.written(moment(fact.valid_until))}


def _deputyship(number: int, scene: Scene) -> Post:
    found = _seen(number, scene)
    if found.deputy_for is None:
        raise refusal.Unknown()
    return found


@router.post("/v1/deputies/{id}/end", summary="提前解除职务代理",
             openapi_extra=pep.described(DeputyEndBody, {"reason": "原岗位人员已返岗"}))  # fmt: skip
async def end(request: Request, id: str) -> Response:
    number = pep.number(id)
    return await stated.perform(request, EndDeputy, await stated.wished(request, DeputyEndBody), number=number)


def deputy_told(post: Post, since: int, scene: Scene) -> dict[str, Any]:
    """A deputyship as answers write it: who stands in for whom, and whether it lives now."""
    absent = post.principal
    return {
        "id": post.number, "deputy": post.person, "principal": absent.person if absent else None,
    } | post_told(post, since, scene.at)  # fmt: skip


@router.get("/v1/deputies", summary="职务代理名单", openapi_extra=pep.queried(DeputiesQuery))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), DeputiesQuery)
    seen = outlook(scene, "people.read", query.division)
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = roster.deputies(connection, seen, query.unit, older(query.cursor), query.limit + 1)
    page = found[: query.limit]
    cursor = str(page[-1][0].number) if len(found) > query.limit else None
    return pep.page([deputy_told(post, since, scene) for post, since in page], cursor, request)


@router.get("/v1/deputies/{id}", summary="一项职务代理")
def one(request: Request, id: str) -> Response:
    number = pep.number(id)
    scene = pep.look(request, Reads(posts=frozenset((number,))))
    post = _deputyship(number, scene)
    since = scene.rows.versions["post", number]
    return pep.told(deputy_told(post, since, scene), etag=since)
