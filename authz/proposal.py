"""A proposal: a person who was told no asks the clerk of the county to apply in writing for what is missing.

    proposed -> taken       the clerk drafted a written request for it; what becomes of that is the answer
            |-> declined    the clerk will not apply for it
            `-> withdrawn   the person took it back

Asking gives nothing: a grant comes from a document, and a document from the clerk, the signatory and the region (S31,
S32). The task of the AuthZEN access request profile (a working-group draft, so behind a flag) is a view of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from authz import access, answer, edition, reply
from authz import scope as scopes
from authz.asking import Verdict
from authz.decision import Scene
from authz.fact import Amend, Change, Fact, Put, Where, instant, moment
from authz.grant import Scope
from authz.policy import PolicySet
from authz.question import Question
from authz.refusal import Conflict, Misshapen

FLAG: Final = "access_requests"
"""The setting of `handling.toml` that switches the profile on; a set without it, or with 0, has it off."""
LIFE: Final = timedelta(days=30)
"""How long a proposal waits for an answer (local)."""
BINDING: Final = timedelta(hours=24)
"""How long a denial can be referred to (local)."""
REQUESTABLE: Final = frozenset({
    "no_grant", "outside_division", "outside_cell", "outside_operation", "outside_period", "outside_households", "wrong_year",
    "revoked", "record_limit",
})  # fmt: skip
_PENDING: Final = frozenset({"drafted", "filed", "received", "returned", "proposed"})
_ENDED: Final = {"approved": "approved", "partial": "partial", "rejected": "denied", "withdrawn": "cancelled"}


class NotRequestable(Misshapen):
    title = "这项判定不能通过申请解决，请联系县级管理员"


class InvalidDenialBinding(Misshapen):
    title = "所引用的判定与本次申请不符，请重新判定后再申请"


class ExpiredDenial(Misshapen):
    title = "所引用的判定已过期，请重新判定后再申请"


class UnknownTask(Misshapen):
    title = "没有这项申请，或者您无权查看"


class DuplicateRequest(Conflict):
    title = "同样的申请正在等待经办人办理，无需重复提交"


class InvalidTaskState(Conflict):
    title = "这项申请已经办结，不能再更改"


class TaskExpired(Conflict):
    title = "这项申请等待过久，已经失效，请重新判定后再申请"


class AccessProposed(Fact):
    """A person asked for what the denial `denied` said was missing. `division` is the county whose clerk may apply."""

    authority = False
    division: str
    person_id: str
    place: str
    household: str | None
    cell: str
    operation: str
    data_year: int | None
    until: str | None
    emergency: bool
    code: str
    denied: int
    question: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        names = (
            "person_id",
            "place",
            "household",
            "cell",
            "operation",
            "data_year",
            "until",
            "emergency",
            "code",
            "question",
        )
        body = {name: getattr(self, name) for name in names} | {"at": instant(where.at), "request": None}
        return (
            Put(
                "proposal", (where.number,), {"state": "proposed", "division": self.division, "body": body}, first=True
            ),
        )


class ProposalTaken(Fact):
    """The clerk applies for it in the written request `request`."""

    authority = False
    subject: int
    division: str
    request: int

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("proposal", (self.subject,), {"state": "taken", "body": {"request": self.request}}),)


class ProposalDeclined(Fact):
    """The clerk will not apply for it."""

    authority = False
    subject: int
    division: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("proposal", (self.subject,), {"state": "declined"}),)


class ProposalWithdrawn(Fact):
    """The person took it back."""

    authority = False
    subject: int
    division: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("proposal", (self.subject,), {"state": "withdrawn"}),)


def on(policy: PolicySet) -> bool:
    """Whether the profile is switched on."""
    setting = policy.handling.get(FLAG)
    return setting is not None and setting.value == 1


def requestable(scene: Scene, question: Question, verdict: Verdict) -> bool:
    """Whether this denial can be asked for: by the person himself, about now, about data of a county. Where a duty stands
    in the way, no grant lifts it: it takes another person."""
    if verdict.refused is None or "duty" in verdict.refused.members:
        return False
    mine = scene.person is not None and question.person == scene.person.id
    place = access.place(scene, question)
    kind, words = question.resource.kind, scene.law.policy.catalogue
    on_cell = kind in words.cells and words.possible(question.action, kind)
    county = scene.law.divisions.county(place) if place is not None else None
    return mine and not question.past and on_cell and verdict.refused.code in REQUESTABLE and county is not None


def proposed(
    scene: Scene, question: Question, digest: str, denied: int, until: datetime | None, emergency: bool
) -> AccessProposed:
    """The fact that it is asked for; refused if it is another question, no longer one that is denied so, or asked for
    already: the proposals that the scene has read are those that may be the same."""
    if any(each["body"]["question"] == digest and _mine(scene, each) for each in scene.rows.proposals.values()):
        raise DuplicateRequest()
    if answer.digest(scene, question) != digest:
        raise InvalidDenialBinding()
    verdict = access.judge(scene, question, scene.at)
    if verdict.refused is None or not requestable(scene, question, verdict):
        raise NotRequestable()
    about = answer.concerns(scene, question)
    if until is not None and until <= scene.at:
        raise NotRequestable("申请的截止时间应晚于现在")
    return AccessProposed(
        division=str(scene.law.divisions.county(about["division"])), person_id=about["person_id"], place=about["division"],
        household=about["household"], cell=about["cell"], operation=about["operation"], data_year=about["data_year"],
        until=instant(until) if until is not None else None, emergency=emergency, code=verdict.refused.code, denied=denied,
        question=digest,
    )  # fmt: skip


def _mine(scene: Scene, row: Mapping[str, Any]) -> bool:
    """Whether the person asked for it, and it still waits."""
    person = scene.person is not None and row["body"]["person_id"] == scene.person.id
    return person and status(row, None, scene.at) == "pending"


def found(scene: Scene, number: int, *, mine: bool = False) -> dict[str, Any]:
    """A proposal that the person made, or that lies in the county whose clerk he is; for anybody else there is none."""
    row = scene.rows.proposals.get(number)
    if row is None or scene.person is None:
        raise UnknownTask()
    own = row["body"]["person_id"] == scene.person.id
    if not (own or (not mine and scene.may("request.draft", row["division"]))):
        raise UnknownTask()
    return row


def taken(scene: Scene, number: int, request: int) -> ProposalTaken:
    """The clerk ties it to a request of the same county that somebody drafted for the same place and cell."""
    row = _open(scene, number)
    scene.must("request.draft", row["division"])
    other = scene.rows.requests.get(request)
    if other is None or other["division"] != row["division"]:
        raise UnknownTask()
    if not any(_asks(row, scopes.of(line), scene) for line in other["body"]["lines"]):
        raise NotRequestable("该书面申请中没有覆盖此项的内容，请核对申请编号")
    return ProposalTaken(subject=number, division=row["division"], request=request)


def declined(scene: Scene, number: int) -> ProposalDeclined:
    row = _open(scene, number)
    scene.must("request.draft", row["division"])
    return ProposalDeclined(subject=number, division=row["division"])


def withdrawn(scene: Scene, number: int) -> ProposalWithdrawn:
    row = found(scene, number, mine=True)
    _open(scene, number)
    return ProposalWithdrawn(subject=number, division=row["division"])


def _open(scene: Scene, number: int) -> dict[str, Any]:
    """A proposal that still waits: each has one end, once."""
    row = found(scene, number)
    if status(row, None, scene.at) == "expired":
        raise TaskExpired()
    if row["state"] != "proposed":
        raise InvalidTaskState()
    return row


def _asks(row: Mapping[str, Any], scope: Scope, scene: Scene) -> bool:
    """Whether a scope contains what was asked for."""
    body, divisions = row["body"], scene.law.divisions
    outer, inner = (edition.heir(each, scene.law) or each for each in (scope.division, body["place"]))
    inside = divisions.known(outer) and divisions.known(inner) and divisions.covers(outer, inner)
    return (
        body["operation"] in scope.operations
        and body["cell"] in scope.cells
        and scope.data_year in (None, body["data_year"])
        and (inside or scope.division == body["place"])
    )


def _granted(row: Mapping[str, Any], request: Mapping[str, Any], scene: Scene) -> list[Scope]:
    """What the region granted, as far as it contains what was asked for: a narrowed line is what it was narrowed to."""
    lines = {each["line"]: each for each in request["body"]["lines"]}
    given = request["body"].get("decision", {}).get("lines", ())
    granted = [
        scopes.of(lines[each["line"]] | (each.get("scope") or {})) for each in given if each["outcome"] in reply.GRANTED
    ]
    return [each for each in granted if _asks(row, each, scene)]


# --- the task -------------------------------------------------------------------------------------------------------
def status(row: Mapping[str, Any], request: Mapping[str, Any] | None, at: datetime) -> str:
    """`task.status` of the profile: `pending` `approved` `partial` `denied` `expired` `cancelled`."""
    if row["state"] == "taken" and request is not None:
        return _ENDED.get(request["state"], "pending")
    ended = {"declined": "denied", "withdrawn": "cancelled"}.get(row["state"])
    if ended is None and row["state"] == "proposed" and at >= moment(row["body"]["at"]) + LIFE:
        return "expired"
    return ended or "pending"


def item(row: Mapping[str, Any], request: Mapping[str, Any] | None, scene: Scene) -> str:
    """The status of what was asked for itself: of a request that was granted, whether that is in what was granted."""
    found = status(row, request, scene.at)
    if request is None or found not in ("approved", "partial"):
        return found
    return "approved" if _granted(row, request, scene) else "denied"


def approved_until(row: Mapping[str, Any], request: Mapping[str, Any], scene: Scene) -> datetime | None:
    """Until when the written approval of it reaches, as it was granted."""
    return max((each.valid_until for each in _granted(row, request, scene)), default=None)
