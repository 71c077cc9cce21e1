"""The reasons of an answer, for those who ask for them (`options.explain`); nulls are left out."""

from __future__ import annotations

from typing import Any

from authz import answer, explanation
from authz.asking import Verdict
from authz.decision import Permit, Scene, Wish
from authz.question import Question


def reasons(question: Question | None, verdict: Verdict | None, scene: Scene | None) -> dict[str, Any]:
    """Why: the grant chain and policy row of a permit, or what is missing first and who may grant it."""
    if question is None or verdict is None:
        return {"code": "misshapen", "reason_user": "问题不完整：应有主体、操作和资源"}
    if isinstance(verdict.permit, Permit):
        permit = verdict.permit
        told = {
            "rule": permit.rule, "grant": permit.grant.number, "chain": [each.number for each in permit.chain],
            "document": permit.chain[0].document, "post": verdict.post.number if verdict.post else None,
        }  # fmt: skip
    elif verdict.refused is None:
        told = {"rule": verdict.permit, "post": verdict.post.number if verdict.post else None}
    else:
        members = verdict.refused.members
        told = {
            "code": verdict.refused.code, "missing": members.get("missing"), "grant": members.get("grant"),
            "who_can_grant": members.get("who_can_grant"), "duty": members.get("duty"),
            "who_can_approve": members.get("who_can_approve"), "reason_user": verdict.refused.detail or verdict.refused.title,
            "undetermined": verdict.undetermined or None,
        }  # fmt: skip
    if scene is not None:
        told |= {"assumed": answer.assumed(scene, question, verdict) or None}
        told |= {} if question.past else voices(question, verdict, scene)
    return dict(_without_nulls(told))


def voices(question: Question, verdict: Verdict, scene: Scene) -> dict[str, Any]:
    """The explanation in plain words, and in full for whoever may ask about others there."""
    about = answer.concerns(scene, question)
    if None in (about["person_id"], about["cell"], about["operation"], about["division"]):
        return {}
    wish = Wish(about["operation"], about["cell"], about["division"], about["data_year"], about["household"])
    found = explanation.explain(verdict, scene, wish, scene.at)
    told: dict[str, Any] = {"reason_user": found.plain}
    if scene.post is not None and scene.may("decision.ask", wish.division):
        told["reason_admin"] = found.full
    return told


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list | tuple) else value
