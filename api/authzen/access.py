"""Questions over HTTP: the AuthZEN Authorization API 1.0, evaluation and evaluations.

A question about now is judged and recorded in one act under the log's lock, like everything else that is answered; a
question about another instant, or about what was known at a log position, is read first, then recorded, then answered.
A denial is an answer (200, `false`); 403 is for whoever asks about others without `decision.ask`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.authzen import access_form as form
from api.authzen import access_tasks
from api.authzen.access_past import Past, not_reached, past
from api.authzen.access_reasons import reasons
from api.pep import Asked
from api.wire import examples, fields
from audit.act import Recorded
from authz import access, proposal
from authz import answer as answers
from authz.asking import Verdict
from authz.decision import Scene
from authz.fact import Fact
from authz.question import Question
from authz.register import Reads, union

router = APIRouter()
PUBLIC = frozenset({"/.well-known/authzen-configuration"})
EXECUTE_ALL, FIRST_DENY, FIRST_PERMIT = "execute_all", "deny_on_first_deny", "permit_on_first_permit"


@dataclass(kw_only=True)
class AskDecision(Asked):
    """Questions of one request, judged in order. `earlier` are those about the past, by place, already answered; `read`
    is how long the log was then. None stands for an incomplete one."""

    name: ClassVar[str] = "decision.ask"
    authority: ClassVar[bool] = False
    questions: Sequence[Question | None]
    semantic: str = EXECUTE_ALL
    earlier: Mapping[int, Past] = field(default_factory=dict)
    read: int = 0
    verdicts: list[tuple[Question | None, Verdict | None]] = field(default_factory=list)
    scene: Scene | None = None
    offers: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def reads(self) -> Reads:
        return union(each.reads() for each in self.questions if each is not None)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        for each in self.questions:
            if each is not None:
                access.must_ask(scene, each)
        self.verdicts, self.scene = [], scene
        for place, question in enumerate(self.questions):
            verdict = None if question is None else self.answered(scene, place, question)
            self.verdicts.append((question, verdict))
            decision = verdict is not None and verdict.decision
            if (self.semantic, decision) in ((FIRST_DENY, False), (FIRST_PERMIT, True)):
                break
        return answers.facts(
            scene,
            [
                (question, verdict, self.earlier[place].grounds if place in self.earlier else None)
                for place, (question, verdict) in enumerate(self.verdicts)
                if question is not None and verdict is not None
            ],
        )

    def answered(self, scene: Scene, place: int, question: Question) -> Verdict:
        if place in self.earlier:
            return self.earlier[place].verdict
        return access.judge(scene, question, scene.at)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"evaluations": self.outcomes(False)}

    def outcomes(self, explain: bool) -> list[dict[str, Any]]:
        """The answers in order; with `explain`, each with its reasons."""
        return [
            {"decision": verdict is not None and verdict.decision} | self.context(place, explain)
            for place, (_, verdict) in enumerate(self.verdicts)
        ]

    def context(self, place: int, explain: bool) -> dict[str, Any]:
        """What stands beside an answer: the reasons if asked for, and how to apply, while that profile is on."""
        found = reasons(*self.verdicts[place], self.scene, self.earlier.get(place)) if explain else {}
        if place in self.offers:
            found["access_request"] = self.offers[place]
        return {"context": found} if found else {}


async def evaluated(
    request: Request, questions: Sequence[Question | None], semantic: str | None = None, *, explain: bool
) -> AskDecision | Response:
    """The act with its verdicts, on record; or the answer of a refusal. `semantic` is that of a batch, null for a single
    question; `explain` asks for what explains the answers."""
    act = AskDecision(
        ref=pep.new_ref(), caller=pep.caller(request), questions=questions, semantic=semantic or EXECUTE_ALL
    )
    if any(each is not None and each.past for each in questions):
        found, act.read = await run_in_threadpool(past, request, questions, twice=explain)
        act.earlier = {place: each for place, each in found.items() if each is not None}
        if semantic is None and not act.earlier:
            raise not_reached()
        beyond = found.keys() - act.earlier.keys()
        act.questions = [None if place in beyond else each for place, each in enumerate(questions)]
    if not any(act.questions) or (semantic == FIRST_DENY and act.questions[0] is None):
        # Nothing was asked that could be answered or recorded; only who asks is looked at.
        await run_in_threadpool(pep.look, request, Reads())
        act.verdicts = [(None, None)] * (1 if semantic == FIRST_DENY else len(questions))
        return act
    outcome = (await pep.deployment(request).ledger.ask([act]))[0]
    if isinstance(outcome, BaseException):
        raise outcome
    if outcome.refused is not None:
        return pep.respond(act, outcome)
    act.read = outcome.size
    act.offers = offers(request, act, outcome)
    return act


def offers(request: Request, act: AskDecision, outcome: Recorded) -> dict[int, dict[str, Any]]:
    """For each denial on record that can be asked for, how."""
    found: dict[int, dict[str, Any]] = {}
    if act.scene is None or outcome.number is None or not proposal.on(act.scene.law.policy):
        return found
    asked = [(outcome.number + place, each) for place, each in enumerate(outcome.facts)]
    entries = {each.question: number for number, each in asked if isinstance(each, answers.DecisionAsked)}
    for place, (question, verdict) in enumerate(act.verdicts):
        if question is not None and verdict is not None and not verdict.decision:
            entry = entries[answers.digest(act.scene, question)]
            offer = access_tasks.offer(pep.deployment(request), act.scene, question, verdict, entry)
            found |= {place: offer} if offer is not None else {}
    return found


async def told(act: AskDecision, explain: bool) -> list[dict[str, Any]]:
    """The answers in order. What explains a batch is worked out beside the loop: meanwhile others are answered."""
    return await run_in_threadpool(act.outcomes, True) if explain else act.outcomes(False)


def answer(act: AskDecision | Response, members: Any) -> Response:
    """A JSON answer with the log position at which it was given."""
    if isinstance(act, Response):
        return act
    return Response(pep.encoded(members), 200, {"Log-Position": str(act.read)}, "application/json")


@router.post("/access/v1/evaluation", summary="判定一个问题：某人能否对某资源做某操作（AuthZEN）",
             openapi_extra=pep.described(form.EvaluationBody, examples.EVALUATION))  # fmt: skip
async def evaluation(request: Request) -> Response:
    return await single(request, form.read(await request.body()))


async def single(request: Request, parsed: Any) -> Response:
    """One question, one answer."""
    asked = fields.validate(form.EvaluationBody, parsed)
    explain = asked.options is not None and bool(asked.options.explain)
    act = await evaluated(request, [form.question(asked)], explain=explain)
    return act if isinstance(act, Response) else answer(act, (await told(act, explain))[0])


@router.post("/access/v1/evaluations", summary="一次判定多个问题（AuthZEN，至多 1000 个）",
             openapi_extra=pep.described(form.EvaluationsBody, examples.EVALUATIONS))  # fmt: skip
async def evaluations(request: Request) -> Response:
    parsed = form.read(await request.body())
    defaults = fields.validate(form.DefaultsBody, parsed)
    if not defaults.evaluations:
        return await single(request, parsed)
    options = defaults.options or form.OptionsBody()
    semantic, explain = options.evaluations_semantic or EXECUTE_ALL, bool(options.explain)
    act = await evaluated(request, form.items(defaults), semantic, explain=explain)
    if isinstance(act, Response):
        return act
    return answer(act, {"evaluations": await told(act, explain)})


@router.get("/.well-known/authzen-configuration", summary="判定接口的公开说明（AuthZEN 元数据）")
def configuration(request: Request) -> Response:
    """Where the interface is. The address comes from the settings, never from the request."""
    house = pep.deployment(request)
    base = house.settings.base_url.rstrip("/")
    paths = {
        "access_evaluation_endpoint": "/access/v1/evaluation",
        "access_evaluations_endpoint": "/access/v1/evaluations",
        "search_subject_endpoint": "/access/v1/search/subject",
        "search_resource_endpoint": "/access/v1/search/resource",
        "search_action_endpoint": "/access/v1/search/action",
    }
    more: dict[str, Any] = {}
    if proposal.on(house.law.policy):
        paths["access_request_endpoint"] = access_tasks.PATH
        more = {"capabilities": [access_tasks.CAPABILITY]}
    return pep.told({"policy_decision_point": base} | {name: base + path for name, path in paths.items()} | more)
