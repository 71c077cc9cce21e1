"""Telephones over HTTP: the one door behind which a number stands in full, and who went through it.

POST /v1/people/{id}/telephone   by whoever has to reach the person; recorded before it is answered, each time anew
GET  /v1/me/disclosures          who was shown my number, where he works, and why

The number is read from the vault after the record, for this answer alone: nothing keeps the answer, so a repeated
request is a new showing, judged again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep, stated
from api.dossiers import older
from api.people import knows, reached
from api.stated import Reason, Reasoned
from api.wire import fields
from audit import disclosures
from audit import head as heads
from audit.act import Recorded
from authz import disclosure, refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.register import Reads

router = APIRouter()


@dataclass(kw_only=True)
class ShowTelephone(Reasoned[Reason]):
    """The telephone of a person is to be shown in full. `kept` says whether there is a number, as seen before the lock."""

    name: ClassVar[str] = disclosure.ACT
    authority: ClassVar[bool] = False
    person: str
    kept: bool

    @property
    def reads(self) -> Reads:
        return Reads(persons=frozenset((self.person,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if not knows(scene, self.person):
            raise refusal.Unknown()
        own = scene.person is not None and scene.person.id == self.person
        place = home(scene, self.person) if own else reached(scene, self.name, self.person)
        self.wish.take()
        return (disclosure.show(self.person, place, self.reason, kept=self.kept),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"id": self.person}


def home(scene: Scene, person: str) -> str:
    """Where it stands that somebody saw his own number: where he acts, or served last. Who has left may see it as well."""
    if scene.post is not None:
        return scene.post.division
    held = scene.rows.posts.get(person, ())
    last = max(held, key=lambda each: each.number, default=None)
    return scene.law.divisions.roots()[0].code if last is None else last.division


@router.post("/v1/people/{id}/telephone", summary="查看一名人员的完整电话（逐次留痕，本人可查）",
             openapi_extra=pep.described(Reason, {"reason": "通知其到岗参加复核"}))  # fmt: skip
async def show(request: Request, id: str) -> Response:
    who, wish = pep.caller(request), await stated.wished(request, Reason)

    def number() -> str | None:
        with heads.reading(pep.deployment(request).database.engine) as connection:
            return disclosures.telephone(connection, id)

    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = ShowTelephone(
        ref=pep.new_ref(), caller=who, person=id, kept=await run_in_threadpool(number) is not None, wish=wish,
        sealed=sealed, reason=commitments["/reason"],
    )  # fmt: skip
    outcome = (await pep.deployment(request).ledger.ask([act]))[0]
    if isinstance(outcome, BaseException):
        raise outcome
    if outcome.refused is not None:
        return pep.respond(act, outcome)
    found = await run_in_threadpool(number)
    if found is None:  # erased between the look and the record
        disclosure.show(id, "", "", kept=False)
    members = {"entry": outcome.number, "id": id, "phone": found}
    return Response(pep.encoded(members), 200, {"Log-Position": str(outcome.size)}, "application/json")


@router.get("/v1/me/disclosures", summary="谁查看过我的完整电话", openapi_extra=pep.queried(fields.Page))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), fields.Page)
    assert scene.person is not None
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = disclosures.of(connection, scene.person.id, older(query.cursor), query.limit + 1)
        page = found[: query.limit]
        names = disclosures.names(connection, page)
    items = [_told(each, names) for each in page]
    return pep.page(items, str(page[-1].entry.number) if len(found) > query.limit else None, request)


def _told(each: disclosures.Disclosure, names: Mapping[str, str | None]) -> dict[str, Any]:
    who = each.entry.envelope
    return {
        "entry": each.entry.number, "at": pep.written(each.entry.at), "by": who.person,
        "name": names.get(who.person or ""), "unit": who.unit, "reason": each.reason,
    }  # fmt: skip
