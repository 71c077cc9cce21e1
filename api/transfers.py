"""Transfers over HTTP: a person leaves a post and takes up another, or none, in one act; grants made out to him stay behind.

POST /v1/transfers   the answer lists what he leaves behind; handing it over is `api/handovers.py`

Without `unit` and `role` he leaves for good (离任): a village official whose term ends takes up no other post, and what
was his has to go to somebody all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import departures, handovers, pep, stated
from api.departures import Leaving
from api.people import held_by, known
from api.stated import Reason, Reasoned
from api.wire import fields
from audit.act import Recorded
from authz import refusal
from authz import transfer as rule
from authz.decision import Scene
from authz.fact import Fact
from authz.post import Appointment, Person, PostAssigned
from authz.register import Reads
from authz.transfer import TransferRecorded

router = APIRouter()
router.include_router(handovers.router)


TAKEN_UP: Final = ("unit", "role", "post", "until")
WHOLE: Final = "新单位（unit）和新角色（role）应同时填写；离任、不再任岗的，新岗位各项都不填"


class TransferBody(Reason):
    """`from_post` is the post that ends; unit and role are those of the new one, both absent for who leaves for good."""

    person: fields.PersonId
    from_post: fields.Number
    unit: fields.UnitId | None = None
    role: fields.Role | None = None
    post: fields.Word | None = None
    successor: fields.PersonId | None = None
    until: fields.Instant | None = None


def appointment(body: TransferBody, person: Person, scene: Scene) -> Appointment | None:
    """The post that is to be taken up; null for who leaves for good."""
    if body.unit is None or body.role is None:
        for name in TAKEN_UP:
            if getattr(body, name) is not None:
                raise refusal.Misshapen(pointers=[{"pointer": f"/{name}", "message": WHOLE}])
        return None
    unit = scene.rows.units.get(body.unit)
    if unit is None:
        raise refusal.UnfitHolder("没有这个单位，请核对单位编号", missing="unit")
    return Appointment(person, unit, body.role, body.post or body.role, None, body.until)


@dataclass(kw_only=True)
class TransferPerson(Reasoned[TransferBody]):
    """A person changes posts. `left` is what he leaves."""

    name: ClassVar[str] = "people.transfer"
    left: Leaving

    @property
    def reads(self) -> Reads:
        body = self.wish.got
        if body is None:
            return Reads()
        people = {body.person} | ({body.successor} if body.successor else set())
        return Reads(
            persons=frozenset(people), units=frozenset(each for each in (body.unit, self.left.unit) if each),
            staff=frozenset((self.left.unit,)), posts=frozenset((body.from_post,)),
        )  # fmt: skip

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        old, person = known(body.from_post, scene), scene.rows.people.get(body.person)
        scene.must(self.name, old.division)
        if person is None or old.person != person.id:
            raise refusal.UnfitHolder("岗位与人员不符，请核对", missing="from_post")
        held, wanted = held_by(scene, person), appointment(body, person, scene)
        if body.successor is not None:
            handovers.must_serve(body.successor, scene)
        return rule.transfer(old, wanted, held, body.successor, self.reason, scene, self.left.begun)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.wish.got.from_post if self.wish.got else None}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        first = recorded.number or 0
        assigned = next((n for n, fact in enumerate(recorded.facts) if isinstance(fact, PostAssigned)), None)
        done = next(fact for fact in recorded.facts if isinstance(fact, TransferRecorded))
        return 201, {
            "id": first + recorded.count - 1, "person": done.person_id, "ended": done.subject,
            "post": None if assigned is None else first + assigned, "suspended": list(done.grants), "successor": done.successor, "work": departures.work_told(self.left.work),
            "warnings": departures.warnings(recorded.facts, self.left),
        }  # fmt: skip


EXAMPLE = {
    "person": "p-2001", "from_post": 47, "unit": "u-640324100-township", "role": "township_reviewer",
    "reason": "工作调动", "successor": "p-2002",
}  # fmt: skip


@router.post("/v1/transfers", status_code=201, summary="调动（离任）交接：原岗位结束、本人授权停用、新岗位开始",
             openapi_extra=pep.described(TransferBody, EXAMPLE))  # fmt: skip
async def transfer(request: Request) -> Response:
    wish = await stated.wished(request, TransferBody)
    left = await run_in_threadpool(departures.leaving, request, wish.got.from_post) if wish.got else Leaving()
    return await stated.perform(request, TransferPerson, wish, left=left)
