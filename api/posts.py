"""Posts over HTTP: who may appoint whom is the catalogue's `[appoint]`; nobody removes the last administrator but above.

POST /v1/posts             a person holds a role in a unit
POST /v1/posts/{id}/end    the post ends; what was done in it stays attributed to it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import departures, pep, stated, transfers
from api.departures import Leaving
from api.people import held_by, known, post_told, serves
from api.pep import Asked, Wish
from api.stated import Reason, Reasoned
from api.wire import fields
from audit.act import Recorded
from authz import post as rule
from authz import refusal, staffing
from authz.decision import Scene
from authz.fact import Fact, moment
from authz.office import OFFICERS
from authz.post import Appointment, PostEnded
from authz.register import Reads
from authz.transfer import own

router = APIRouter()
router.include_router(transfers.router)


class PostBody(fields.Body):
    person: fields.PersonId
    unit: fields.UnitId
    role: fields.Role
    post: fields.Word | None = None
    from_: Annotated[fields.Instant | None, Field(alias="from")] = None
    until: fields.Instant | None = None


class EndBody(Reason):
    at: fields.Instant | None = None


@dataclass(kw_only=True)
class AssignPost(Asked):
    """A person is to hold a post."""

    name: ClassVar[str] = "people.post"
    wish: Wish[PostBody]

    @property
    def reads(self) -> Reads:
        body = self.wish.got
        return Reads(persons=frozenset((body.person,)), units=frozenset((body.unit,))) if body else Reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        person, unit = scene.rows.people.get(body.person), scene.rows.units.get(body.unit)
        if person is None or unit is None:
            raise refusal.UnfitHolder(
                "没有这名人员或这个单位，请先登记", missing="person" if person is None else "unit"
            )
        elsewhere = any(each.live(scene.at) for each in scene.rows.posts.get(body.person, ()))
        if elsewhere and not serves(scene, body.person):
            raise refusal.UnfitHolder("此人在您管辖的区划之外任职，请由自治区系统管理员办理", missing="person")
        if body.from_ is not None and body.until is not None and body.from_ >= body.until:
            raise refusal.Misshapen(pointers=[{"pointer": "/until", "message": "结束时间应晚于开始时间"}])
        wanted = Appointment(person, unit, body.role, body.post or body.role, body.from_, body.until)
        held = held_by(scene, person)
        return rule.appoint(wanted, scene.post, held, scene.at, scene.law.policy, scene.law.divisions)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0].plain()
        return 201, {
            "id": recorded.number, "person": fact["person_id"], "unit": fact["post_unit"], "role": fact["role"],
            "from": pep.written(moment(fact["valid_from"])),
            "until": None if fact["valid_until"] is None else pep.written(moment(fact["valid_until"])),
            "noted": [each.plain()["duty"] for each in recorded.facts[1:]],
        }  # fmt: skip


EXAMPLE = {"person": "p-1101", "unit": "u-640324-civil_affairs", "role": "department_officer", "post": "liaison"}


@router.post("/v1/posts", status_code=201, summary="任岗", openapi_extra=pep.described(PostBody, EXAMPLE))
async def assign(request: Request) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, PostBody)
    act = AssignPost(ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish)
    return await pep.perform(request, act)


@router.get("/v1/posts/{id}", summary="一个岗位")
def one(request: Request, id: str) -> Response:
    number = pep.number(id)
    scene = pep.look(request, Reads(posts=frozenset((number,))))
    post = known(number, scene)
    since = scene.rows.versions["post", number]
    return pep.told(post_told(post, since, scene.at) | {"person": post.person}, etag=since)


@dataclass(kw_only=True)
class EndPost(Reasoned[EndBody]):
    """The post `number` ends, now or at a later instant; `left` is what its holder leaves, `lapsing` (known once it is
    judged) are the grants of his own that end with it."""

    name: ClassVar[str] = "people.end"
    number: int
    left: Leaving
    lapsing: tuple[int, ...] = ()

    @property
    def reads(self) -> Reads:
        unit, holder = frozenset((self.left.unit,)), frozenset((self.left.person,))
        return Reads(posts=frozenset((self.number,)), persons=holder, staff=unit, units=unit)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        post = known(self.number, scene)
        if scene.post is None or scene.post.person != post.person or post.role not in OFFICERS:
            scene.must(self.name, post.division)
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        body = self.wish.take()
        scene.fresh("post", self.number, self.if_match)
        colleagues, rows = scene.rows.staff.get(post.unit, ()), scene.rows
        self.lapsing = tuple(each.number for each in own(post, scene))
        ended = rule.end(
            post, body.at, self.reason, by=scene.post, colleagues=colleagues, at=scene.at, policy=scene.law.policy,
            people=rows.people,
        )  # fmt: skip
        return (ended, *staffing.left(post, colleagues, moment(ended.valid_until), scene))

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, PostEnded)
        return 200, {
            "id": self.number, "person": fact.person_id, "until": pep.written(moment(fact.valid_until)),
            "lapsing": list(self.lapsing), "work": departures.work_told(self.left.work),
            "warnings": departures.warnings(recorded.facts, self.left),
        }  # fmt: skip


@router.post("/v1/posts/{id}/end", summary="离岗", openapi_extra=pep.described(EndBody, {"reason": "调离本单位"}))
async def end(request: Request, id: str) -> Response:
    number = pep.number(id)
    wish = await stated.wished(request, EndBody)
    left = await run_in_threadpool(departures.leaving, request, number)
    return await stated.perform(request, EndPost, wish, number=number, left=left)
