"""The past: questions about another instant, or about what was known at a log position, answered from a read.

The register keeps what it held at every position, and the law is kept under its digest, so such an answer is the one
that was, or would have been, given then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.requests import Request

from api import pep
from audit import head as heads
from audit import moments
from authz import access, register
from authz.answer import Grounds
from authz.asking import Verdict
from authz.decision import Scene
from authz.question import Question
from authz.refusal import Misshapen
from authz.register import Reads, union

MOST_POSITIONS = 20
"""Different log positions in one request: each is a reading of its own."""


def not_reached() -> Misshapen:
    """The refusal of a position that the log has not reached."""
    return Misshapen(pointers=[{"pointer": "/context/as_known_at", "message": "日志还没有这么长，请核对日志位置"}])


@dataclass(frozen=True, slots=True)
class Past:
    """An answer about the past, the instant it is about, and what it was found on. `now`, if it was asked for, is what
    was on record when it was read: the second reading of that instant."""

    verdict: Verdict
    at: datetime
    then: Scene
    now: Scene | None = None

    @property
    def grounds(self) -> Grounds:
        return Grounds(self.at, self.then.size, self.then.law.policy.digest)


def past(
    request: Request, questions: Sequence[Question | None], *, twice: bool
) -> tuple[Mapping[int, Past | None], int]:
    """The answers to the questions about the past, by place, and how long the log was; `twice` with both readings. None
    stands for a question about a position the log has not reached: it spoils no other of a batch."""
    asked = {place: each for place, each in enumerate(questions) if each is not None and each.past}
    known_at, size = _positions(request, asked)
    beyond = [place for place, known in known_at.items() if known is not None and known > size]
    for place in beyond:
        del asked[place], known_at[place]
    if len({*known_at.values()}) > MOST_POSITIONS:
        raise Misshapen(f"一次请求最多询问 {MOST_POSITIONS} 个日志位置，请分次提交")
    found: dict[int, Past] = {}
    for known in {*known_at.values()}:
        mine = {place: each for place, each in asked.items() if known_at[place] == known}
        scene, size = _read(request, mine, known)
        for place, each in mine.items():
            at = each.at or scene.at
            found[place] = Past(access.judge(scene, each, at), at, scene)
    if twice and asked:
        now, _ = _read(request, asked, None)
        found = {place: replace(each, now=now) for place, each in found.items()}
    return {**found, **dict.fromkeys(beyond)}, size


def _read(request: Request, asked: Mapping[int, Question], known: int | None) -> tuple[Scene, int]:
    instants = [each.at for each in asked.values() if each.at is not None]
    return as_known(request, union(each.reads() for each in asked.values()), known, instants)


def _positions(request: Request, asked: Mapping[int, Question]) -> tuple[dict[int, int | None], int]:
    """As known at which position each is answered: at the one it names, else at its own instant, else now; and how long
    the log is.

    Paper that came later must not legalise an earlier instant unasked: whoever wants that reading says so.
    """
    with heads.reading(pep.deployment(request).database.engine) as connection:
        head = heads.read(connection)
        unnamed = {each.at for each in asked.values() if each.known is None and each.at is not None}
        then = moments.before(connection, {at for at in unnamed if at < head.clock}, head.size)
    known = {
        place: each.known if each.known is not None or each.at is None else then.get(each.at)
        for place, each in asked.items()
    }
    return known, head.size


def as_known(request: Request, reads: Reads, known: int | None, instants: Sequence[datetime]) -> tuple[Scene, int]:
    """A scene as known at a log position (null: now), deep enough for these instants, and how long the log is."""
    house = pep.deployment(request)
    with heads.reading(house.database.engine) as connection:
        head = heads.read(connection)
        if known is not None and known > head.size:
            raise not_reached()
        # By its number even where it is the newest: what comes on record between two queries is no part of it.
        position = head.size if known is None else known
        rows = register.fetch(connection, reads, min([head.clock, *instants]), position)
        law = house.laws.on_record(connection, position)
    return Scene(rows, head.clock, position, law), head.size
