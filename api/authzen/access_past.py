"""The past: questions about another instant, or about what was known at a log position, answered from a read.

The register keeps what it held at every position, and the law is kept under its digest, so such an answer is the one
that was, or would have been, given then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.requests import Request

from api import pep
from audit import head as heads
from audit import listing
from authz import access, register
from authz.asking import Verdict
from authz.decision import Scene
from authz.question import Question
from authz.refusal import Misshapen
from authz.register import Reads, union

MOST_POSITIONS = 20
"""Different log positions in one request: each is a reading of its own."""


def past(request: Request, questions: Sequence[Question | None]) -> tuple[Mapping[int, Verdict], int]:
    """The verdicts of the questions about the past, by place, and the log position they were read at."""
    asked = {place: each for place, each in enumerate(questions) if each is not None and each.past}
    known_at = _positions(request, asked)
    if len({*known_at.values()}) > MOST_POSITIONS:
        raise Misshapen(f"一次请求最多询问 {MOST_POSITIONS} 个日志位置，请分次提交")
    found: dict[int, Verdict] = {}
    size = 0
    for known in {*known_at.values()}:
        mine = {place: each for place, each in asked.items() if known_at[place] == known}
        instants = [each.at for each in mine.values() if each.at is not None]
        scene, size = as_known(request, union(each.reads() for each in mine.values()), known, instants)
        for place, each in mine.items():
            found[place] = access.judge(scene, each, each.at or scene.at)
    return found, size


def _positions(request: Request, asked: Mapping[int, Question]) -> dict[int, int | None]:
    """As known at which position each is answered: at the one it names, else at its own instant, else now.

    Paper that came later must not legalise an earlier instant unasked: whoever wants that reading says so.
    """
    with heads.reading(pep.deployment(request).database.engine) as connection:
        clock = heads.read(connection).clock
        return {
            place: listing.position(connection, each.at)
            if each.known is None and each.at is not None and each.at < clock
            else each.known
            for place, each in asked.items()
        }


def as_known(request: Request, reads: Reads, known: int | None, instants: Sequence[datetime]) -> tuple[Scene, int]:
    """A scene as known at a log position (null: now), deep enough for these instants, and how long the log is."""
    house = pep.deployment(request)
    with heads.reading(house.database.engine) as connection:
        head = heads.read(connection)
        if known is not None and known > head.size:
            raise Misshapen(
                pointers=[{"pointer": "/context/as_known_at", "message": "日志还没有这么长，请核对日志位置"}]
            )
        rows = register.fetch(connection, reads, min([head.clock, *instants]), known)
        law = house.laws.on_record(connection, known)
    return Scene(rows, head.clock, head.size if known is None else known, law), head.size
