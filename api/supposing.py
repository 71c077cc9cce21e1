"""Questions to a draft over HTTP: what an answer would be if proposed rules were in force, beside what it is.

POST /v1/policies/{digest}/questions   the message of an AuthZEN evaluation; both answers, and what makes the difference

It is asked by those who may read the draft, try out rules over the place (`policy.replay`) and ask about the person
(`decision.ask`, or himself), all by the law in force. The answer decides nothing, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from pydantic import ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.authzen import access_form as form
from api.authzen.access_reasons import reasons
from api.pep import Asked, Wish
from api.wire import examples, fields
from audit import amendments, head
from audit.act import Recorded
from authz import amendment, refusal, supposing
from authz.decision import Scene
from authz.fact import Fact
from authz.question import Question
from authz.register import Reads
from authz.supposing import Answered, DraftQuestioned, Supposed

router = APIRouter()


class PartyBody(fields.Body):
    type: form.Name
    id: form.Name


class DeedBody(fields.Body):
    name: form.Name


class PropertiesBody(form.StatedBody):
    """What the resource says of the edit that is asked about, as `/access/v1/evaluation` takes it, and nothing else."""

    model_config = ConfigDict(extra="forbid")
    division: fields.DivisionCode | None = None
    data_year: fields.DataYear | None = None


class ThingBody(PartyBody):
    properties: PropertiesBody | None = None


class ChoiceBody(fields.Body):
    explain: bool | None = None


class QuestionBody(fields.Body):
    """The message of an evaluation about now. What it does not know it refuses, as every route of our own."""

    subject: PartyBody
    action: DeedBody
    resource: ThingBody
    options: ChoiceBody | None = None

    def question(self) -> Question:
        told = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return form.question(fields.validate(form.EvaluationBody, told))


@dataclass(kw_only=True)
class AskDraft(Asked):
    """One question, put to a draft and to the law in force."""

    name: ClassVar[str] = "policy.replay"
    authority: ClassVar[bool] = False
    supposed: Supposed | None
    """Null where the caller may not see such rules."""
    question: Question | None
    wish: Wish[QuestionBody]
    found: Answered | None = None
    scene: Scene | None = None

    @property
    def reads(self) -> Reads:
        return self.question.reads() if self.question is not None else Reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if self.supposed is None:
            raise refusal.Unknown()
        supposing.must_suppose(scene, self.question)
        self.wish.take()
        assert self.question is not None
        self.scene, self.found = scene, supposing.ask(scene, self.question, self.supposed)
        return (supposing.recorded(scene, self.question, self.supposed, self.found),)

    def about(self) -> Mapping[str, Any]:
        return {"household": self.question.token if self.question is not None else None}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact, found = recorded.facts[0], self.found
        assert isinstance(fact, DraftQuestioned)
        assert found is not None
        now: dict[str, Any] = {"policy": fact.standing, "decision": found.standing.decision}
        then: dict[str, Any] = {"policy": fact.policy, "part": fact.part, "division": fact.narrows}
        then["decision"] = found.drafted.decision
        if self.wish.got is not None and self.wish.got.options is not None and self.wish.got.options.explain:
            now["context"], then["context"] = self._reasons(found)
        answers = {"in_force": now, "draft": then}
        return 200, {"draft": True, "answers": answers, "change": found.change, "difference": supposing.told(found)}

    def _reasons(self, found: Answered) -> tuple[dict[str, Any], dict[str, Any]]:
        """Why each says what it says. What an administrator is told goes by the law in force, whatever the draft says."""
        scene, question, supposed = self.scene, self.question, self.supposed
        assert scene is not None
        assert question is not None
        assert supposed is not None
        now, then = reasons(question, found.standing, scene), reasons(question, found.drafted, supposed.beside(scene))
        if "reason_admin" not in now:
            then.pop("reason_admin", None)
        return now, then


@router.post("/v1/policies/{digest}/questions", summary="向一套规则草案提问，并与在用规则的答复对照（只供参考，不作为依据）",
             openapi_extra=pep.described(QuestionBody, examples.EVALUATION))  # fmt: skip
async def ask(request: Request, digest: str) -> Response:
    """The same question as `/access/v1/evaluation` takes, about now. It is recorded as a question to a draft, never as a decision."""
    who, wish = pep.caller(request), await pep.wish(request, QuestionBody)
    act = AskDraft(
        ref=pep.new_ref(), caller=who, question=wish.got.question() if wish.got else None, wish=wish,
        supposed=await run_in_threadpool(_supposed, request, digest),
    )  # fmt: skip
    return await pep.perform(request, act)


def _supposed(request: Request, digest: str) -> Supposed | None:
    """The draft in its place in the law, worked out before the lock; None if the caller may not see such rules."""
    scene, house = pep.look(request, Reads()), pep.deployment(request)
    with head.reading(house.database.engine) as connection:
        known = amendments.meant(connection, digest, scene)
        if known is None:
            return None
        part, division = known
        law = house.laws.supposed(connection, amendment.named(part, division), digest)
    return Supposed(digest, part, division if part == amendment.NARROWING else None, scene.law, law)
