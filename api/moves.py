"""Moves of households over HTTP: from one village to another, by two sides and two persons.

POST /v1/households/{h}/move         asked by the side that holds it, or by the receiving side
POST /v1/households/{h}/acceptance   by the other side than asked, another natural person than the asker
POST /v1/households/{h}/withdrawal   by the side that asked, while nobody has accepted
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep, stated
from api.pep import Asked
from api.stated import Reason, Reasoned
from api.wire import fields
from audit import head as heads
from audit import listing, unfinished
from audit.act import Recorded
from audit.entry import Entry
from authz import edition, refusal
from authz import household as rule
from authz.decision import Scene
from authz.fact import Fact
from authz.household import Household
from authz.register import Reads

router = APIRouter()


class MoveBody(Reason):
    division: fields.DivisionCode


def sides(known: Household) -> Iterator[str]:
    """Where a household lives, and where it is about to."""
    yield known.division
    if known.moving_to is not None:
        yield known.moving_to


def sees(known: Household, scene: Scene) -> bool:
    """Whether the acting post may read the household on either side."""
    return any(scene.may("household.read", side) for side in sides(known))


def find(token: str, scene: Scene, more: str | None = None) -> Household:
    """A household the acting post may know of: on its own side, or (a move) one it wants to receive. The sides are those
    where it lives and is about to live now, also if the codes on record are no more."""
    known = edition.settled(scene.rows.households.get(token), scene.law)
    if known is None:
        raise refusal.Unknown()
    if not sees(known, scene) and not (more is not None and scene.may("household.move", more)):
        raise refusal.Unknown()
    return known


@dataclass(kw_only=True)
class AskMove(Reasoned[MoveBody]):
    """A household is to move; nothing changes until the receiving side accepts."""

    name: ClassVar[str] = "household.move"
    token: str

    @property
    def reads(self) -> Reads:
        return Reads(households=frozenset((self.token,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        body = self.wish.got
        known = find(self.token, scene, body.division if body else None)
        if body is None or not scene.may(self.name, body.division):
            scene.must(self.name, known.division)
        body = self.wish.take()
        # A receiving side that cannot see the household cannot know its version.
        if self.if_match is not None or sees(known, scene):
            scene.fresh("household", self.token, self.if_match)
        if scene.law.divisions.get(body.division).level != "village":
            raise refusal.Unacceptable("迁入地应为 12 位村级区划代码", missing="division")
        return (rule.ask_move(known, body.division, self.reason),)

    def about(self) -> Mapping[str, Any]:
        return {"household": self.token}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"household": self.token, "moving_to": recorded.facts[0].plain()["to"]}


@router.post("/v1/households/{token}/move", summary="申请把一户迁到另一个村",
             openapi_extra=pep.described(MoveBody, {"division": "640324100202", "reason": "易地搬迁"}))  # fmt: skip
async def move(request: Request, token: str) -> Response:
    return await stated.perform(request, AskMove, await stated.wished(request, MoveBody), token=token)


def spoken(known: Household, asker: str | None, scene: Scene, at: datetime) -> tuple[bool, bool]:
    """Whether the asker of a move could speak for the side that holds the household, and for the receiving one."""
    posts, law = scene.rows.posts.get(asker or "", ()), scene.law

    def spoke(side: str | None) -> bool:
        return side is not None and any(
            law.rule.permits(each, "move", "household", side, at, law.divisions) is not None for each in posts
        )

    return spoke(known.division), spoke(known.moving_to)


@dataclass(kw_only=True)
class AcceptMove(Asked):
    """The receiving side takes the household over. `asker` is who asked, as seen before the lock."""

    name: ClassVar[str] = "household.accept"
    token: str
    asker: str | None

    @property
    def reads(self) -> Reads:
        askers = frozenset((self.asker,)) if self.asker else frozenset[str]()
        return Reads(households=frozenset((self.token,)), persons=askers)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        known = find(self.token, scene)
        asker = scene.rows.people.get(self.asker) if self.asker else None
        hands = scene.rows.naturals(scene.post) if scene.post else frozenset[str]()
        theirs = asker.natural if asker else None
        if theirs is not None and known.move_asked_by == self.asker:
            rule.must_be_two(theirs, hands)
        for side in self.silent(known, scene):
            scene.must(self.name, side)
        scene.fresh("household", self.token, self.if_match)
        if known.move_asked_by != self.asker:
            raise refusal.Stale()
        return (rule.accept_move(known, theirs, hands),)

    def silent(self, known: Household, scene: Scene) -> tuple[str, ...]:
        """The sides the asker could not speak for: two people of the receiving side do not take a household over."""
        return rule.consents(known, *spoken(known, self.asker, scene, scene.at))

    def about(self) -> Mapping[str, Any]:
        return {"household": self.token}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"household": self.token, "division": recorded.facts[0].plain()["division"]}


@router.post("/v1/households/{token}/acceptance", summary="接收迁入的一户")
async def accept(request: Request, token: str) -> Response:
    who = pep.caller(request)
    asker = await run_in_threadpool(_asker, request, token)
    act = AcceptMove(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        token=token, asker=asker,
    )  # fmt: skip
    return await pep.perform(request, act)


def _asker(request: Request, token: str) -> str | None:
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return listing.mover(connection, token)


@dataclass(kw_only=True)
class WithdrawMove(Reasoned[Reason]):
    """The side that asked takes its wish back. `asked` is the entry that asked, as seen before the lock."""

    name: ClassVar[str] = "household.move"
    token: str
    asked: Entry | None

    @property
    def reads(self) -> Reads:
        askers = frozenset() if self.asked is None else frozenset((self.asked.envelope.person or "",))
        return Reads(households=frozenset((self.token,)), persons=askers)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        known = find(self.token, scene)
        scene.must(self.name, self.side(known, scene))
        self.wish.take()
        scene.fresh("household", self.token, self.if_match)
        if self.asked is None or self.asked.number != scene.rows.versions["household", self.token]:
            raise refusal.Stale()
        return (rule.withdraw_move(known, self.reason),)

    def side(self, known: Household, scene: Scene) -> str:
        """In whose name it was asked, by what the asker held then: he may have left his post since."""
        if self.asked is None:
            return known.division
        return rule.asking_side(known, *spoken(known, self.asked.envelope.person, scene, self.asked.at))

    def about(self) -> Mapping[str, Any]:
        return {"household": self.token}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"household": self.token, "division": recorded.facts[0].plain()["division"]}


@router.post("/v1/households/{token}/withdrawal", summary="撤回尚未接收的迁移申请",
             openapi_extra=pep.described(Reason, {"reason": "农户决定不再搬迁"}))  # fmt: skip
async def withdraw(request: Request, token: str) -> Response:
    wish = await stated.wished(request, Reason)
    asked = await run_in_threadpool(_asked, request, token)
    return await stated.perform(request, WithdrawMove, wish, token=token, asked=asked)


def _asked(request: Request, token: str) -> Entry | None:
    """The entry that made the household what it is on record: of an open move, that which asked for it."""
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return unfinished.asked(connection, token)
