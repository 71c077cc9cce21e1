"""Replays over HTTP: what a draft would have decided about real past edits.

POST /v1/replays         {policy, from, until, division?}; the question is put on record, nothing is worked out yet
GET  /v1/replays/{id}    works out one more piece and tells how far it has come: ask again until the state is `done`

`policy` is the digest of files that were proposed, or that are in force. Whoever asks sees counts of the replay's
division; which entries they are (`items`, no values) only if he may read the log there: an officer who writes rules is
not thereby a reader of what people did (`listed` says which it is).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.dossiers import older
from api.pep import Wish
from api.placed import Placed
from api.wire import fields
from audit import amendments, head, moments, replay, search
from audit.act import Recorded
from audit.replay import Progress, Replay
from authz import amendment, edition, redecision, refusal
from authz.decision import Law, Scene
from authz.fact import Fact, instant
from authz.redecision import ReplayAsked
from authz.refusal import Misshapen
from authz.register import Reads

router = APIRouter()
EXAMPLE = {
    "policy": "0" * 64, "from": "2026-10-01T00:00:00+08:00", "until": "2026-12-31T00:00:00+08:00", "division": "640324",
}  # fmt: skip


class ReplayBody(fields.Body):
    policy: fields.Sha256 | None = None
    policies: fields.Sha256 | None = None
    begin: Annotated[fields.Instant, Field(alias="from")]
    until: fields.Instant
    division: fields.DivisionCode | None = None

    @property
    def digest(self) -> str | None:
        """The digest under whichever of its two names it came."""
        return self.policy or self.policies


@dataclass(frozen=True, slots=True)
class Found:
    """What is on record under a digest: which part of the rules it is, for which division, and where the range lies."""

    part: str
    division: str
    begin: int
    end: int | None
    """Null where the log has not passed the end of the range."""


@dataclass(kw_only=True)
class AskReplay(Placed):
    """Somebody asks what these rules would have decided."""

    name: ClassVar[str] = "policy.replay"
    authority: ClassVar[bool] = False
    wish: Wish[ReplayBody]
    found: Found | None

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        self.permit(scene)
        body = self.wish.take()
        assert scene.post is not None
        place = body.division or scene.post.division
        _must_make_sense(body, place, scene)
        if self.found is None or body.digest is None:
            raise refusal.Unknown()
        end = scene.size if self.found.end is None else self.found.end
        return (
            ReplayAsked(
                division=place, part=self.found.part, policy=body.digest,
                narrows=self.found.division if self.found.part == amendment.NARROWING else None,
                since=instant(body.begin), until=instant(body.until), begin=min(self.found.begin, end), end=end,
            ),
        )  # fmt: skip

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, ReplayAsked)
        assert recorded.number is not None
        return 201, question(recorded.number, fact) | {"state": "asked"}


def _must_make_sense(body: ReplayBody, place: str, scene: Scene) -> None:
    if (body.policy is None) == (body.policies is None):
        raise Misshapen(pointers=[{"pointer": "/policy", "message": "请填写一套规则的 SHA-256（policy）"}])
    if body.begin >= body.until:
        raise Misshapen(pointers=[{"pointer": "/until", "message": "结束时间应晚于开始时间"}])
    if not scene.law.lineage.known_once(place) and not scene.law.divisions.known(place):
        raise refusal.BadDivisionCode(pointers=[{"pointer": "/division", "message": refusal.BadDivisionCode.title}])


def question(number: int, fact: ReplayAsked) -> dict[str, Any]:
    return {
        "id": number, "policy": fact.policy, "part": fact.part, "division": fact.division, "from": fact.since,
        "until": fact.until, "begin": fact.begin, "end": fact.end,
    }  # fmt: skip


@router.post("/v1/replays", status_code=201, summary="用一套规则草案重新判定过去的数据操作",
             openapi_extra=pep.described(ReplayBody, EXAMPLE))  # fmt: skip
async def ask(request: Request) -> Response:
    who, wish = pep.caller(request), await pep.wish(request, ReplayBody)
    found = await run_in_threadpool(_found, request, wish.got)
    act = AskReplay(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, found=found,
        place=wish.got.division if wish.got else None,
    )  # fmt: skip
    return await pep.perform(request, act)


def _found(request: Request, body: ReplayBody | None) -> Found | None:
    """The draft, if the caller may see it, and the entries of the range."""
    scene = pep.look(request, Reads())
    if body is None or body.digest is None or scene.post is None:
        return None
    with head.reading(pep.deployment(request).database.engine) as connection:
        known = amendments.meant(connection, body.digest, scene)
        if known is None:
            return None
        size = head.read(connection).size
        ends = moments.before(connection, (body.begin, body.until), size)
    end = ends[body.until]
    return Found(*known, ends[body.begin], end if end < size else None)


@router.get(
    "/v1/replays/{id}", summary="重新判定的进度与结果：判定会改变的记录", openapi_extra=pep.queried(fields.Page)
)
def one(request: Request, id: str) -> Response:
    """Each asking carries the work one piece on; what has been found so far is listed, oldest first."""
    number, query = pep.number(id), fields.read_query(request.url.query.encode(), fields.Page)
    scene, house = pep.look(request, Reads()), pep.deployment(request)
    with head.reading(house.database.engine) as connection:
        entry = search.one(connection, number)
        if entry is None or not isinstance(entry.fact, ReplayAsked):
            raise refusal.Unknown()
        fact = entry.fact
        if scene.post is None or not scene.may("policy.replay", fact.division):
            raise refusal.Unknown()
        within = _within(fact, house.laws.on_record(connection, number))
        progress = replay.resume(connection, Replay(fact, within, house.laws), number)
        after = older(query.cursor)
        listed = scene.may("log.read", fact.division)
        begin = -1 if after is None else after
        found = list(replay.changed(connection, number, begin, query.limit + 1)) if listed else []
    items = found[: query.limit]
    cursor = str(items[-1]["entry"]) if len(found) > query.limit else None
    return pep.page(items, cursor, request, listed=listed, **question(number, fact), **told(progress, fact))


def _within(fact: ReplayAsked, law: Law) -> frozenset[str] | None:
    whole = any(each.code == fact.division for each in law.divisions.roots())
    return None if whole else edition.reach(fact.division, law)


def told(progress: Progress, fact: ReplayAsked) -> dict[str, Any]:
    """How far it has come, and the counts: all together and by the unit that edited."""
    whole: Counter[str] = sum(progress.counts.values(), Counter())
    return {
        "state": "done" if progress.reached >= fact.end else "running", "reached": progress.reached,
        "counts": {change: whole[change] for change in redecision.CHANGES},
        "units": [
            {"unit": unit or None} | {change: found[change] for change in redecision.CHANGES}
            for unit, found in sorted(progress.counts.items())
        ],
    }  # fmt: skip
