"""A step of a written request: whether its state, its age and the hands already in it allow it.

Four hands, four natural persons: who drafts, who signs, who handles and who decides. `policies/duties.csv` says so too,
and may say more; what stands here cannot be lowered by a table.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from authz import duty, refusal
from authz.decision import Scene
from authz.fact import moment
from authz.policy import PolicySet
from authz.request import ALLOWED, Hands

SIDES: Final = {
    "request.draft": "clerk", "request.sign": "signatory", "request.receive": "handler", "request.return": "handler",
    "request.propose": "handler", "request.decide": "approver",
}  # fmt: skip
_DUTY: Final = {
    frozenset(("clerk", "signatory")): "clerk_signatory",
    frozenset(("handler", "approver")): "handler_approver",
}
_EXPIRING: Final = frozenset({"filed", "received", "returned"})
LIMIT: Final = "request_expiry_days"


def visible(scene: Scene, row: dict[str, Any]) -> bool:
    """Whether the acting post may see a request: the applicant and an auditor over it; and, once it was signed, the region
    and the city copied to. What is not signed is the applicant's own."""
    post = scene.post
    if post is None or not scene.may("request.read", row["division"]):
        return False
    if inside(scene, row):
        return True
    letter = row["body"]["document"]
    return row["body"].get("filed_at") is not None and post.unit in (letter["addressee"], *letter["cc"])


def inside(scene: Scene, row: dict[str, Any]) -> bool:
    """Whether the acting post reads a request as it is being written: it works for the applicant, or audits."""
    return scene.post is not None and (scene.post.unit == row["body"]["unit"] or scene.post.role == "auditor")


def unsigned(row: dict[str, Any]) -> bool:
    """Whether the text on record is newer than the last signature."""
    signed: int | None = row["body"].get("signed")
    return signed is None or row["body"]["text"] > signed


def found(scene: Scene, number: int) -> dict[str, Any]:
    """The request on record; absent and invisible are one answer, and a person without a post learns neither."""
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    row = scene.rows.requests.get(number)
    if row is None or not visible(scene, row):
        raise refusal.Unknown()
    return row


def state(row: dict[str, Any], policy: PolicySet, at: datetime) -> str:
    """The state on record, or `expired` where a local limit is set and over."""
    limit, filed = policy.handling.get(LIMIT), row["body"].get("filed_at")
    limited = limit is not None and limit.value and filed and row["state"] in _EXPIRING
    if limited and limit and at >= moment(filed) + timedelta(days=limit.value):
        return "expired"
    return str(row["state"])


def must_stand(act: str, row: dict[str, Any], scene: Scene) -> None:
    """Refuse a step that the state does not allow."""
    present = state(row, scene.law.policy, scene.at)
    if present not in ALLOWED[act]:
        raise refusal.WrongState(state=present)


def hand(act: str, row: dict[str, Any] | None, scene: Scene) -> Hands:
    """The hands in the request with the caller's added, or a DutyConflict."""
    assert scene.post is not None
    before: Hands = () if row is None else tuple(tuple(each) for each in row["body"]["hands"])
    mine = scene.rows.naturals(scene.post)
    history = [(done, natural(scene, person)) for done, person in before]
    duty.apart(scene.law.policy, "request", history, act, *mine)
    _must_be_four(act, history, mine)
    added = [(act, each) for each in scene.post.accounts]
    return (*before, *(each for each in added if each not in before))


def _must_be_four(act: str, history: list[tuple[str, str]], mine: frozenset[str]) -> None:
    """Refuse one natural person on two sides of a request, and whoever may be one because nobody knows him."""
    for done, other in history:
        if SIDES[done] != SIDES[act] and (other in mine or not all(map(duty.known, (other, *mine)))):
            _conflict(SIDES[done], SIDES[act])


def must_be_outside(row: dict[str, Any], scene: Scene) -> None:
    """Refuse an approver who is, under whatever account, employed by the applicant."""
    assert scene.post is not None
    mine = scene.rows.naturals(scene.post)
    for post in scene.rows.staff.get(row["body"]["unit"], ()):
        if post.live(scene.at) and natural(scene, post.person) in mine:
            _conflict("clerk", "approver")


def natural(scene: Scene, person: str) -> str:
    """The natural person behind an account; one that was not read means the request has changed since."""
    known = scene.rows.people.get(person)
    if known is None:
        raise refusal.Stale()
    return known.natural


def _conflict(one: str, other: str) -> None:
    code = _DUTY.get(frozenset((one, other)), "applicant_approver")
    raise refusal.DutyConflict(
        "起草、签发、承办、审批须由四个不同的人办理（按自然人，不按账号），请改由其他同志办理",
        missing="duty",
        duty=code,
    )
