"""Staffing over HTTP (S26, S27): who was short on a day, which village has nobody, and who are the A and B of a unit.

GET  /v1/staffing?division=&at=   as the register knows it now, at the instant `at`; A and B as named then
POST /v1/staffing/pairs           A and B (A角、B角): two human beings, both administrators of the unit
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answering, departures, pep
from api.outlook import outlook
from api.pep import Asked, Wish
from api.wire import fields
from audit import head as heads
from audit import listing, roster, unfinished
from audit.act import Recorded
from audit.roster import Roll
from authz import refusal
from authz import staffing as rule
from authz.decision import Scene
from authz.fact import Fact
from authz.post import Post
from authz.register import Reads
from authz.staffing import Orphan, PairNamed, Strength

router = APIRouter()


class StaffingQuery(fields.Query):
    division: fields.DivisionCode | None = None
    at: fields.Instant | None = None


class PairBody(fields.Body):
    unit: fields.UnitId
    primary: fields.PersonId
    deputy: fields.PersonId


def strengths(found: Roll, scene: Scene, at: datetime) -> list[tuple[Strength, tuple[Post, ...]]]:
    """Every body of which anything is asked, with its posts."""
    divisions, policy = scene.law.divisions, scene.law.policy
    told = []
    for unit in found.units:
        level = divisions.get(unit.division).level if divisions.known(unit.division) else ""
        posts = found.posts.get(unit.id, ())
        if rule.needed(unit, level, policy):
            one = rule.strength(unit, level, posts, found.pairs.get(unit.id), found.people, at, policy)
            told.append((one, posts))
    return told


def orphans(found: Roll, at: datetime) -> list[Orphan]:
    """Villages that nobody could collect in at that instant."""
    told = []
    for unit in found.units:
        if unit.kind == "village":
            posts = found.posts.get(unit.id, ())
            kept = rule.kept(unit.id, posts, found.held.get(unit.id, ()), found.grants, found.seats, at)
            told.append(rule.orphaned(unit, posts, kept, found.grants, found.seats, at))
    return [each for each in told if each is not None]


def strength_told(one: Strength, posts: tuple[Post, ...], pair: tuple[int, int] | None) -> dict[str, Any]:
    """A body as the report writes it. `missing_b`: A and B are due, and not both are in office."""
    holders = {each.number: each.person for each in posts}
    named = {} if pair is None else {"primary": holders.get(pair[0]), "deputy": holders.get(pair[1])}
    return {
        "unit": one.unit.id, "name": one.unit.name, "division": one.unit.division, "needed": one.needed,
        "present": one.present, "short": one.short, "pair": named or None, "missing_b": one.pair is False,
    }  # fmt: skip


@router.get("/v1/staffing", summary="人员配备：哪些机构人员不足、缺B角，哪些村无人采集",
            openapi_extra=pep.queried(StaffingQuery))  # fmt: skip
def report(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), StaffingQuery)
    seen, at = outlook(scene, "people.staff", query.division, query.division), query.at or scene.at
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = roster.roll(connection, seen, at, listing.position(connection, at) if at < scene.at else None)
        alone = orphans(found, at)
        unanswered = answering.unanswered(connection, found, scene, at)
        about = unfinished.of_villages(connection, [each.unit for each in alone], at)
    bodies = strengths(found, scene, at)
    return pep.told({
        "at": pep.written(at), "division": query.division or (scene.post.division if scene.post else None), "size": scene.size,
        "short": sum(one.short > 0 for one, _ in bodies), "missing_b": sum(one.pair is False for one, _ in bodies),
        "units": [strength_told(one, posts, found.pairs.get(one.unit.id)) for one, posts in bodies],
        "orphans": [
            {"unit": each.unit.id, "name": each.unit.name, "division": each.unit.division, "why": each.why,
             "grants": list(each.grants), "work": departures.work_told(about[each.unit.id])}
            for each in alone
        ],
        "unanswered": unanswered,
    })  # fmt: skip


@dataclass(kw_only=True)
class NamePair(Asked):
    """Two administrators of a unit are named its A and B; an earlier pair is replaced."""

    name: ClassVar[str] = "people.deputy"
    wish: Wish[PairBody]

    @property
    def reads(self) -> Reads:
        body = self.wish.got
        if body is None:
            return Reads()
        return Reads(persons=frozenset((body.primary, body.deputy)), units=frozenset((body.unit,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        unit = scene.rows.units.get(body.unit)
        if unit is None or not scene.law.divisions.covers(scene.post.division, unit.division):
            raise refusal.UnfitHolder("在您管辖的区划内没有这个单位，请核对单位编号", missing="unit")
        scene.must(self.name, unit.division)
        pair = [_administering(each, body.unit, scene) for each in (body.primary, body.deputy)]
        return (rule.name_pair(unit, pair[0], pair[1], scene.rows.people, scene.at, scene.law.policy),)

    def about(self) -> Mapping[str, Any]:
        return {}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact, body = recorded.facts[0], self.wish.take()
        assert isinstance(fact, PairNamed)
        return 201, {"unit": fact.pair_unit, "primary": body.primary, "deputy": body.deputy}


def _administering(person: str, unit: str, scene: Scene) -> Post | None:
    """The live post in which a person runs the unit."""
    posts = scene.rows.posts.get(person, ())
    return next(
        (each for each in posts if each.unit == unit and each.role in rule.PAIRED and each.live(scene.at)), None
    )


EXAMPLE = {"unit": "u-640324-lead", "primary": "p-1004", "deputy": "p-1005"}


@router.post("/v1/staffing/pairs", status_code=201, summary="登记一个单位的A角和B角（两个不同的人）",
             openapi_extra=pep.described(PairBody, EXAMPLE))  # fmt: skip
async def pair(request: Request) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, PairBody)
    return await pep.perform(
        request, NamePair(ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish)
    )
