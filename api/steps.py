"""Steps of a written request over HTTP: what the county's and the region's half have in common.

The keys a step is judged on (its hands, the applicant's staff, the numbers of its letters) are read before the lock;
should the request change in between, the version in If-Match no longer fits and the step is refused.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api import answering as answers
from api import pep
from api.pep import Asked, Wish
from api.wire import fields
from audit import content, head
from audit.act import Recorded
from authz import refusal, renewal, step
from authz.decision import Scene
from authz.fact import Fact
from authz.register import Reads

W = TypeVar("W", bound=fields.Body)
Row = dict[str, Any]
NOTHING = Reads()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a request before its step is judged: the register keys, and the cited files that are kept."""

    reads: Reads
    division: str | None
    stored: frozenset[str]


async def prepare(
    request: Request,
    number: int,
    cited: tuple[str, ...] = (),
    more: Reads = NOTHING,
    staff: bool = False,
    answering: bool = False,
) -> Known:
    """Read ahead for a step on this request; `more` is what the step itself names, `answering` whoever could answer it."""
    return await run_in_threadpool(_prepare, request, number, cited, more, staff, answering)


def _prepare(request: Request, number: int, cited: tuple[str, ...], more: Reads, staff: bool, answering: bool) -> Known:
    reads = Reads(requests=frozenset((number,))) | more
    row = pep.look(request, reads).rows.requests.get(number)
    if row is None:
        return Known(reads, None, frozenset())
    body = row["body"]
    persons = {person for _, person in body["hands"]}
    reads |= Reads(documents=frozenset((body["document"]["number"],))) | renewal.reads(body["lines"])
    if answering:
        reads |= answers.reads(row)
    if staff:
        unit = Reads(staff=frozenset((body["unit"],)))
        persons |= {post.person for post in pep.look(request, unit).rows.staff.get(body["unit"], ())}
        reads |= unit
    wanted = (*body["attachments"], *cited)
    with head.reading(pep.deployment(request).database.engine) as connection:
        stored = content.kept(connection, wanted)
    return Known(reads | Reads(persons=frozenset(persons)), row["division"], stored)


@dataclass(kw_only=True)
class Step(Asked):
    """One step on one request: found, permitted, in other hands than before, well formed, in its state, up to date."""

    right: ClassVar[str]
    """The act in `roles.csv`; `name` is the step."""
    number: int
    known: Known
    wish: Wish[Any]
    commitments: dict[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> Reads:
        return self.known.reads

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = step.found(scene, self.number)
        self.permit(row, scene)
        body = self.wish.take()
        if self.if_match is None:
            raise refusal.Unconditional()
        # What was done already is told as such (409), though the version shown is then old as well.
        step.must_stand(self.name, row, scene)
        scene.fresh("request", self.number, self.if_match)
        return self.happen(row, body, scene)

    def permit(self, row: Row, scene: Scene) -> None:
        """Refuse whoever may not take this step on this request at all."""
        scene.must(self.right, row["division"])
        step.hand(self.right, row, scene)

    @abstractmethod
    def happen(self, row: Row, body: Any, scene: Scene) -> tuple[Fact, ...]:
        """The facts, by the rules of authz."""

    def about(self) -> dict[str, Any]:
        return {"subject": self.number, "division": self.known.division}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"id": self.number, "state": self.after(recorded)}

    @abstractmethod
    def after(self, recorded: Recorded) -> str:
        """The state the request is in now."""


async def asked(
    request: Request, kind: type[Step], number: int, wish: Wish[W], known: Known, texts: dict[str, Any]
) -> Step:
    """The act of a step, its texts sealed."""
    who = pep.caller(request)
    sealed, commitments = pep.seal(texts)
    return kind(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, wish=wish, known=known, sealed=sealed, commitments=commitments,
    )  # fmt: skip


class Nothing(fields.Body):
    """A body that says nothing."""


async def optional(request: Request, model: type[W]) -> Wish[W]:
    """The body of a call that needs none."""
    body = await request.body()
    return pep.shaped(pep.gate_parsed(body), model) if body.strip() else pep.shaped({}, model)
