"""The reasons of an answer, for those who ask for them (`options.explain`); nulls are left out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api import pep
from api.authzen.access_past import Past
from authz import access, answer, explanation
from authz.asking import Verdict
from authz.decision import Permit, Scene, Wish
from authz.question import Question

LATER = "之后补录的授权（编号 {grant}）在文面上包括这一时间，但自记录之日起才有效，不改变当时的结论。"


def reasons(
    question: Question | None, verdict: Verdict | None, scene: Scene | None, past: Past | None = None
) -> dict[str, Any]:
    """Why: the grant chain and policy row of a permit, or what is missing first and who may grant it. Of an answer about
    the `past` it is told from what was on record then, with both readings of that instant."""
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
        then, at = (scene, scene.at) if past is None else (past.then, past.at)
        told |= {"assumed": answer.assumed(then, question, verdict) or None}
        told |= voices(question, verdict, then, at, scene)
        told |= {} if past is None else readings(question, past, str(told.get("reason_user", "")))
    return dict(_without_nulls(told))


def readings(question: Question, past: Past, said: str) -> dict[str, Any]:
    """What was answered as known then, and what is as known now. Paper recorded later makes neither a permit: it is named
    with the day from which it reads, and the day from which it was known."""
    told: dict[str, Any] = {"log_position": past.then.size, "policy": past.then.law.policy.digest}
    found: dict[str, Any] = {"readings": {"known_then": told | {"decision": past.verdict.decision}}}
    if past.now is None:
        return found
    now = access.judge(past.now, question, past.at)
    again = {"log_position": past.now.size, "policy": past.now.law.policy.digest, "decision": now.decision}
    late = None if past.verdict.decision else access.documented_later(past.now, question, past.at)
    if late is not None:
        again["documented_later"] = {
            "grant": late.number, "document": late.document, "from": pep.written(late.scope.valid_from),
            "known_from": pep.written(late.issued_at),
        }  # fmt: skip
        found["reason_user"] = said + LATER.format(grant=late.number)
    found["readings"]["known_now"] = again
    return found


def voices(question: Question, verdict: Verdict, then: Scene, at: datetime, asker: Scene) -> dict[str, Any]:
    """The explanation in plain words, and in full for whoever may ask about others there; `then` is what it is told from."""
    about = answer.concerns(then, question)
    if None in (about["person_id"], about["cell"], about["operation"], about["division"]):
        return {}
    wish = Wish(about["operation"], about["cell"], about["division"], about["data_year"], about["household"])
    found = explanation.explain(verdict, then, wish, at)
    told: dict[str, Any] = {"reason_user": found.plain}
    if asker.post is not None and asker.may("decision.ask", wish.division):
        told["reason_admin"] = found.full
    return told


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list | tuple) else value
