"""Supposing: what a question would be answered if a draft of the rules were in force, beside what it is answered now.

The draft is a policy set or a narrowing that was proposed, and it is put into the law where it would stand if it were
adopted. Everything else is as it is: the record, the instant, the rest of the law. The answer under a draft is no
decision: its entry permits and denies nothing, and neither an edit nor an access request can rest on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from authz import access, answer, refusal
from authz.asking import Verdict
from authz.decision import Law, Permit, Scene
from authz.fact import Fact
from authz.question import Question
from authz.redecision import GIVEN, SAME, TAKEN

PERMIT: Final = "permit"
DENY: Final = "deny"


class DraftQuestioned(Fact):
    """A question was put to the rules `policy`, which need not be in force, and to the law in force, `standing`.

    `answer`, `grant`, `rule` and `code` are what the draft would have said, the same with `now_` what the law says.
    `part` and `narrows` tell which part of the law the draft would be. Parts of the question nobody knows are null, and
    `question` is the digest of all that was asked.
    """

    authority = False
    policy: str
    part: str
    narrows: str | None
    standing: str
    question: str
    person_id: str | None
    division: str | None
    household: str | None
    cell: str | None
    operation: str | None
    act_asked: str | None
    data_year: int | None
    quarter: int | None
    answer: str
    grant: int | None
    rule: str | None
    code: str | None
    now_answer: str
    now_grant: int | None
    now_rule: str | None
    now_code: str | None


@dataclass(frozen=True, slots=True)
class Supposed:
    """A draft in its place: the law `base` that was in force, and the same law with the draft in it."""

    policy: str
    part: str
    narrows: str | None
    base: Law
    law: Law

    def beside(self, scene: Scene) -> Scene:
        """The scene as it would be judged under the draft; refused where the law has changed since the draft was put
        in its place."""
        if _digests(self.base) != _digests(scene.law):
            raise refusal.WrongState("在用的规则刚刚有变，请重新提问", missing="base")
        return replace(scene, law=self.law)


@dataclass(frozen=True, slots=True)
class Answered:
    """Both answers to one question: by the law in force, and by the law with the draft in its place."""

    standing: Verdict
    drafted: Verdict

    @property
    def change(self) -> str:
        """What the draft changes about the answer."""
        if self.standing.decision == self.drafted.decision:
            return SAME
        return GIVEN if self.drafted.decision else TAKEN


def must_suppose(scene: Scene, question: Question | None) -> None:
    """Refuse whoever may not try out rules over the place."""
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    place = access.place(scene, question) if question is not None else None
    scene.must("policy.replay", place or scene.post.division)


def ask(scene: Scene, question: Question, supposed: Supposed) -> Answered:
    """Both answers, to somebody who may ask about the person."""
    access.must_ask(scene, question)
    then = supposed.beside(scene)
    return Answered(access.judge(scene, question, scene.at), access.judge(then, question, scene.at))


def recorded(scene: Scene, question: Question, supposed: Supposed, found: Answered) -> DraftQuestioned:
    """What is put on record of it."""
    now = {f"now_{name}": value for name, value in _told(found.standing).items()}
    return DraftQuestioned(
        policy=supposed.policy, part=supposed.part, narrows=supposed.narrows, standing=scene.law.policy.digest,
        question=answer.digest(scene, question), quarter=question.stated.quarter, **answer.concerns(scene, question),
        **_told(found.drafted), **now,
    )  # fmt: skip


def _told(verdict: Verdict) -> dict[str, Any]:
    permit, refused = verdict.permit, verdict.refused
    return {
        "answer": PERMIT if verdict.decision else DENY,
        "grant": permit.grant.number if isinstance(permit, Permit) else None,
        "rule": permit.rule if isinstance(permit, Permit) else permit, "code": refused.code if refused else None,
    }  # fmt: skip


def told(found: Answered) -> str:
    """The difference in one sentence."""
    now, then = (_because(each) for each in (found.standing, found.drafted))
    if found.change == SAME:
        return f"草案与在用规则的答复相同：{now}" if now == then else f"答复相同，依据不同：在用规则{now}，草案{then}"
    return f"在用规则{now}；草案{then}"


def _because(verdict: Verdict) -> str:
    if verdict.refused is not None:
        return f"不许可（{verdict.refused.title}）"
    rule = verdict.permit.rule if isinstance(verdict.permit, Permit) else verdict.permit
    return f"许可（依据 {rule}）"


def _digests(law: Law) -> Mapping[str, str]:
    return {**law.digests, **{each.division: each.digest for each in law.narrowings.values()}}
