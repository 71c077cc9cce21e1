"""What somebody leaves behind, as answers tell it: bodies left short, villages left without hands, work left open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from api import pep
from api.people import shortfalls
from audit import head as heads
from audit import unfinished
from audit.unfinished import Waiting
from authz import register
from authz.fact import Fact
from authz.post import Post
from authz.register import Reads
from authz.transfer import Work

WORDS: Final = {
    "request": "书面申请尚未办结，由接手人或本单位同岗位人员继续办理",
    "move": "农户迁移尚待对方接收，申请一方可以继续等待或撤回",
    "erasure": "擦除尚待批准",
    "edition": "新版区划尚待确认",
    "policy": "规则变更尚待通过",
    "officer": "三员任命尚待批准",
    "proposal": "向县级经办人提出的申请尚未办理，由接手人另行提出",
    "approval": "事先批准尚未使用，不随人转移，需要时请另行批准",
    "deputy": "职务代理随原岗位结束，需要时请另行设置",
    "grant": "授权仍在该村名下，待安排接任的同志后使用或交接",
}
"""What waits, and what whoever takes over does about it."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A post that somebody leaves, as seen before the lock: whose it is, its unit, and what waits."""

    person: str = ""
    unit: str = ""
    name: str = ""
    division: str = ""
    work: tuple[Waiting, ...] = ()
    about: tuple[Waiting, ...] = ()
    """What waits about the village, if it is one."""

    @property
    def begun(self) -> tuple[Work, ...]:
        return tuple((each.kind, each.id) for each in self.work)


def leaving(request: Request, number: int) -> Leaving:
    """What is known of a post; nothing of one that does not exist. Who holds it, and where it is, never changes."""
    with heads.reading(pep.deployment(request).database.engine) as connection:
        at = heads.read(connection).clock
        post = register.fetch(connection, Reads(posts=frozenset((number,))), at).post.get(number)
        if post is None:
            return Leaving()
        return _left(connection, post, at)


def _left(connection: Any, post: Post, at: Any) -> Leaving:
    unit = register.fetch(connection, Reads(units=frozenset((post.unit,))), at).units[post.unit]
    about: tuple[Waiting, ...] = ()
    if unit.kind == "village":
        about = unfinished.of_villages(connection, (unit,), at)[unit.id]
    work = unfinished.of_person(connection, post.person, post, at)
    return Leaving(post.person, unit.id, unit.name, unit.division, work, about)


def work_told(work: Iterable[Waiting]) -> list[dict[str, Any]]:
    """What waits, as answers write it."""
    return [
        {"kind": each.kind, "id": each.id, "state": each.state, "text": WORDS[each.kind]}
        for each in work
    ]  # fmt: skip


def warnings(facts: Sequence[Fact], left: Leaving) -> list[dict[str, Any]]:
    """What an act left a unit short of, by name; of a village without hands also what waits about it."""
    found = []
    for each in shortfalls(facts):
        mine = {"name": left.name, "division": left.division, "text": f"{left.name}：{each['text']}"}
        waits = work_told(left.about) if each["lack"] in ("orphan", "idle") else []
        found.append(each | mine | {"work": waits})
    return found
