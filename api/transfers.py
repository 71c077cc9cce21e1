"""Transfers over HTTP: a person leaves a post and takes up another in one act; grants made out to him stay behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.people import accounts_of, known, shortfalls, unit_of
from api.pep import Asked, Wish
from api.wire import fields
from audit.act import Recorded
from authz import refusal
from authz import transfer as rule
from authz.decision import Scene
from authz.fact import Fact
from authz.post import Appointment, PostAssigned
from authz.register import Reads
from authz.transfer import TransferRecorded

router = APIRouter()


class TransferBody(fields.Body):
    """`from_post` is the post that ends; unit and role are those of the new one."""

    person: fields.PersonId
    from_post: fields.Number
    unit: fields.UnitId
    role: fields.Role
    reason: fields.Reason
    post: fields.Word | None = None
    successor: fields.PersonId | None = None
    until: fields.Instant | None = None


@dataclass(kw_only=True)
class TransferPerson(Asked):
    """A person changes posts. `accounts` are all accounts of the natural person, `leaves` the unit of the old post."""

    name: ClassVar[str] = "people.transfer"
    wish: Wish[TransferBody]
    accounts: frozenset[str]
    leaves: str
    reason: str

    @property
    def reads(self) -> Reads:
        body = self.wish.got
        if body is None:
            return Reads()
        people = self.accounts | ({body.successor} if body.successor else set())
        return Reads(
            persons=frozenset(people), units=frozenset((body.unit, self.leaves)), staff=frozenset((self.leaves,)),
            posts=frozenset((body.from_post,)),
        )  # fmt: skip

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        old, person = known(body.from_post, scene), scene.rows.people.get(body.person)
        scene.must(self.name, old.division)
        unit = scene.rows.units.get(body.unit)
        if person is None or old.person != person.id or unit is None:
            raise refusal.UnfitHolder("岗位与人员不符，或没有这个单位，请核对", missing="from_post" if unit else "unit")
        wanted = Appointment(person, unit, body.role, body.post or body.role, None, body.until)
        held = [each for account in self.accounts for each in scene.rows.posts.get(account, ())]
        return rule.transfer(old, wanted, held, body.successor, self.reason, scene)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.wish.got.from_post if self.wish.got else None}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        first = recorded.number or 0
        assigned = next(n for n, fact in enumerate(recorded.facts) if isinstance(fact, PostAssigned))
        done = next(fact for fact in recorded.facts if isinstance(fact, TransferRecorded))
        return 201, {
            "id": first + recorded.count - 1, "person": done.person_id, "ended": done.subject, "post": first + assigned,
            "suspended": list(done.grants), "successor": done.successor, "warnings": shortfalls(recorded.facts),
        }  # fmt: skip


EXAMPLE = {
    "person": "p-2001", "from_post": 47, "unit": "u-640324100-township", "role": "township_reviewer",
    "reason": "工作调动", "successor": "p-2002",
}  # fmt: skip


@router.post("/v1/transfers", status_code=201, summary="调动交接：原岗位结束、本人授权停用、新岗位开始",
             openapi_extra=pep.described(TransferBody, EXAMPLE))  # fmt: skip
async def transfer(request: Request) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, TransferBody)
    accounts, leaves = frozenset[str](), ""
    if wish.got is not None:
        accounts = await run_in_threadpool(accounts_of, request, wish.got.person)
        leaves = await run_in_threadpool(unit_of, request, wish.got.from_post)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = TransferPerson(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, accounts=accounts, leaves=leaves,
        sealed=sealed, reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)
