"""Ties over HTTP: who belongs to which household (亲属申报), so that nobody handles the data of his own (M8).

POST /v1/ties                    a person declares his own; an administrator registers those of others
POST /v1/ties/{n}/withdrawal     somebody else than the person takes it back
GET  /v1/ties                    one's own, or (county administrators, auditors) those of one's people
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.dossiers import older
from api.grants import overseen
from api.pep import Asked, Wish
from api.wire import examples, fields
from audit import head, kinship
from audit.act import Recorded
from authz import kin, refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.kin import TieDeclared
from authz.register import Reads

router = APIRouter()
EXAMPLE = {"household": "h-9f2c", "kind": "kin"}


class TieBody(fields.Body):
    """`person` is left out where a person declares his own tie."""

    person: fields.PersonId | None = None
    household: fields.HouseholdToken
    kind: Literal["member", "kin"]


class WithdrawalBody(fields.Body):
    reason: fields.Reason


class TiesQuery(fields.Page):
    person: fields.PersonId | None = None
    household: fields.HouseholdToken | None = None


def places(scene: Scene, person: str) -> Iterator[str]:
    """Where a person serves, or served last."""
    held = scene.rows.posts.get(person, ())
    serving = [each for each in held if each.live(scene.at)]
    yield from sorted({each.division for each in serving or held})


def mine(scene: Scene) -> frozenset[str]:
    """The natural person who asks; only his own hands, for a deputy declares nothing for whom he stands in for."""
    return frozenset((scene.person.natural,)) if scene.person else frozenset()


@dataclass(kw_only=True)
class DeclareTie(Asked):
    """A person belongs to a household, or is kin of one who does."""

    name: ClassVar[str] = "tie.declare"
    wish: Wish[TieBody]
    person: str

    @property
    def reads(self) -> Reads:
        body = self.wish.got
        return Reads(persons=frozenset((self.person,)), checked=frozenset((body.household,) if body else ()))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        known = scene.rows.people.get(self.person)
        if known is None or known.natural not in mine(scene):
            if not any(scene.may("tie.register", each) for each in places(scene, self.person)):
                scene.must("tie.register", scene.post.division)
                raise refusal.Unknown()
        else:
            scene.must("tie.declare", scene.post.division)
        body = self.wish.take()
        if known is None:
            raise refusal.Unknown()
        members = {hand[4] for hand in scene.rows.hands.get(body.household, ()) if hand[3] == kin.MEMBER}
        return (kin.declare(self.person, known.natural, body.household, body.kind, members),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, TieDeclared)
        return 201, {
            "id": recorded.number,
            "person": fact.person_id,
            "household": fact.household,
            "kind": fact.tie,
        }


@router.post("/v1/ties", status_code=201, summary="亲属申报：本人或亲属属于哪一户",
             openapi_extra=pep.described(TieBody, EXAMPLE))  # fmt: skip
async def declare(request: Request) -> Response:
    """The household need not be on the register: a tie has to come before the first edit."""
    who, wish = pep.caller(request), await pep.wish(request, TieBody)
    person = (wish.got.person if wish.got else None) or who.person
    act = DeclareTie(ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, person=person)
    return await pep.perform(request, act)


@dataclass(kw_only=True)
class WithdrawTie(Asked):
    """A tie no longer stands. `person` is whom it binds, as seen before the lock: it never changes."""

    name: ClassVar[str] = "tie.withdraw"
    number: int
    person: str | None
    wish: Wish[WithdrawalBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return Reads(ties=frozenset((self.number,)), persons=frozenset((self.person,) if self.person else ()))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = scene.rows.ties.get(self.number)
        known = scene.rows.people.get(row["person"]) if row else None
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        if row is None or known is None:
            raise refusal.Unknown()
        over = [each for each in places(scene, known.id) if scene.may(self.name, each) or scene.may("tie.read", each)]
        if not over and known.natural not in mine(scene):
            raise refusal.Unknown()
        scene.must(self.name, over[0] if over else scene.post.division)
        self.wish.take()
        scene.fresh("tie", self.number, self.if_match)
        return (kin.withdraw(row, known.natural, scene.rows.naturals(scene.post), self.reason),)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"id": self.number, "withdrawn": True}


@router.post("/v1/ties/{id}/withdrawal", summary="撤销一项亲属申报（由他人办理）",
             openapi_extra=pep.described(WithdrawalBody, examples.REASON))  # fmt: skip
async def withdraw(request: Request, id: str) -> Response:
    number, who = pep.number(id), pep.caller(request)
    wish = await pep.wish(request, WithdrawalBody)

    def bound() -> str | None:
        row = pep.look(request, Reads(ties=frozenset((number,)))).rows.ties.get(number)
        return str(row["person"]) if row else None

    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = WithdrawTie(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, person=await run_in_threadpool(bound), wish=wish, sealed=sealed, reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)


@router.get("/v1/ties", summary="亲属申报列表（新的在前）", openapi_extra=pep.queried(TiesQuery))
def listed(request: Request) -> Response:
    query = fields.read_query(request.url.query.encode(), TiesQuery)
    scene = pep.look(request, Reads())
    own = [each.id for each in scene.rows.people.values() if each.natural in mine(scene)]
    with head.reading(pep.deployment(request).database.engine) as connection:
        rows = kinship.ties(
            connection, own, overseen(scene, "tie.read"), query.person, query.household, older(query.cursor),
            query.limit + 1,
        )  # fmt: skip
    shown = rows[: query.limit]
    items = [
        {
            "id": row["number"], "person": row["person"], "household": row["household"], "kind": row["tie"],
            "declared_by": row["declared_by"], "withdrawn": row["withdrawn_by"] is not None,
            "version": f'"{row["since"]}"',
        }
        for row in shown
    ]  # fmt: skip
    return pep.page(items, str(shown[-1]["number"]) if len(rows) > query.limit else None, request)
