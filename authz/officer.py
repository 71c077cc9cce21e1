"""The three officers (三员): appointed by two of them together, never by one, and never the last of a kind gone.

    OfficerProposed    an officer names the person (state `proposed`); OfficerSuccessionProposed: and whom he replaces
    OfficerApproved    an officer of another kind, another natural person, agrees; the post begins with the same act
    OfficerReplaced    and that of his predecessor ends with it, whether he agrees or not
    OfficerDropped     the proposal is taken back or turned down

Nobody ends the post of an officer by himself but the officer. One who is gone, or who must not stay, is replaced by two
others; he has no part in that, so while he is the only one of another kind, it is the approver of the bureau who agrees.

While no officer of another kind than the proposer's is in office, as on the first day, the approver of the bureau takes
that one's place: still two persons, still on record. No appointment goes round this: `[appoint]` names no officer, and
they have no deputies. A person who holds one of the three holds nothing else (`officers_*` in duties.csv).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authz import duty, refusal
from authz.fact import Amend, Change, Fact, Put, Where, instant, moment
from authz.office import OFFICERS, must_be_known
from authz.policy import PolicySet
from authz.post import Person, Post, PostAssigned, Unit

BUREAU: Final = "region_approver"


class OfficerProposed(Fact):
    """An officer proposes a person for one of the three offices. `reason` is a commitment."""

    person_id: str
    post_unit: str
    division: str
    role: str
    title: str
    valid_from: str | None
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {
            "person": self.person_id, "unit": self.post_unit, "role": self.role, "title": self.title,
            "from": self.valid_from, "proposed_by": where.person, "at": instant(where.at), "answered_by": None, "post": None,
        }  # fmt: skip
        return (Put("officer", (where.number,), {"state": "proposed", "division": self.division, "body": body}),)


class OfficerSuccessionProposed(Fact):
    """As `OfficerProposed`, in place of whoever holds the post `replaces`, which ends when the new one begins."""

    person_id: str
    post_unit: str
    division: str
    role: str
    title: str
    valid_from: str | None
    replaces: int
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {
            "person": self.person_id, "unit": self.post_unit, "role": self.role, "title": self.title,
            "from": self.valid_from, "replaces": self.replaces, "proposed_by": where.person, "at": instant(where.at),
            "answered_by": None, "post": None,
        }  # fmt: skip
        return (Put("officer", (where.number,), {"state": "proposed", "division": self.division, "body": body}),)


class OfficerReplaced(Fact):
    """The post `post` ends, by the approval of the proposal `subject`."""

    subject: int
    post: int
    person_id: str
    division: str
    role: str
    valid_until: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("post", (self.post,), {"valid_until": self.valid_until}),)


class OfficerApproved(Fact):
    """The proposal `subject` was approved; the post follows in the same act."""

    subject: int
    person_id: str
    division: str
    role: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {"answered_by": where.person, "post": where.number + 1}
        return (Amend("officer", (self.subject,), {"state": "approved", "body": body}),)


class OfficerDropped(Fact):
    """The proposal `subject` was taken back or turned down. `reason` is a commitment."""

    subject: int
    division: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("officer", (self.subject,), {"state": "dropped", "body": {"answered_by": where.person}}),)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who is to hold an office; `held` are all posts of the natural person, past and future, under every account."""

    person: Person
    unit: Unit
    role: str
    held: tuple[Post, ...]


def fit(wanted: Candidate, begin: datetime, policy: PolicySet, level: str) -> None:
    """Refuse whoever may not hold the office: not one of the three, unknown, or holding anything that excludes it."""
    if wanted.role not in OFFICERS:
        raise refusal.UnfitHolder(
            "此程序只任命系统管理员、安全保密管理员、安全审计员，其他岗位请用任岗", missing="role"
        )
    if not policy.catalogue.may_hold(wanted.unit.kind, level, wanted.role):
        raise refusal.UnfitHolder("该类单位不设此角色，请核对单位与角色", missing="unit")
    must_be_known(wanted.person.natural, wanted.role)
    standing = [each for each in wanted.held if each.valid_until > begin]
    if any(each.role == wanted.role for each in standing):
        raise refusal.AlreadyRegistered("此人已任此职，无需重复任命")
    duty.roles_apart(policy, (each.role for each in standing), wanted.role)


def replaceable(old: Post | None, wanted: Candidate, begin: datetime) -> None:
    """Refuse a post that the candidate would not take over: of another unit or office, or over by then."""
    fits = old is not None and (old.unit, old.role, old.deputy_for) == (wanted.unit.id, wanted.role, None)
    if not fits or old is None or old.valid_until <= begin:
        raise refusal.UnfitHolder("所接替的须是同一单位同一类管理员的在任岗位，请核对岗位编号", missing="replaces")


def approve(
    row: Mapping[str, Any], wanted: Candidate, *, by: Post, me: Person, proposer: Person, held: Iterable[Post],
    staff: Iterable[Post], at: datetime, policy: PolicySet, level: str, old: Post | None = None,
) -> tuple[OfficerApproved, PostAssigned, *tuple[OfficerReplaced, ...]]:  # fmt: skip
    """The facts of an appointment. `held` are the proposer's posts, `staff` everybody's in the officers' unit, `old` the
    post that it replaces."""
    body = row["body"]
    if row["state"] != "proposed":
        raise refusal.WrongState("该项任命已经办结", state=row["state"])
    if by.deputy_for is not None:
        raise refusal.NoRole("代理期间不能批准三员任命，请由本岗位人员批准", missing="role")
    kinds = {each.role for each in held if each.role in OFFICERS and each.live(at)}
    if not kinds:
        raise refusal.WrongState("提出人已不再担任三员，请另行提出")
    going = body.get("replaces")
    others = {each.role for each in staff if each.role in OFFICERS and each.live(at) and each.number != going} - kinds
    if by.role not in (others or {BUREAU}):
        raise refusal.DutyConflict(
            "须由另一类管理员批准；没有另一类管理员在任时，由自治区审批人批准",
            missing="duty",
            duty="officers_two_persons",
        )
    if len({me.natural, proposer.natural, wanted.person.natural}) < len(("approver", "proposer", "candidate")):
        raise refusal.DutyConflict(
            "提出人、批准人与被任命人须为三个不同的人", missing="duty", duty="officers_two_persons"
        )
    begin = max(moment(body["from"]) if body["from"] else at, at)
    fit(wanted, begin, policy, level)
    if going is not None:
        replaceable(old, wanted, begin)
    assigned = PostAssigned(
        person_id=wanted.person.id, post_unit=wanted.unit.id, division=wanted.unit.division, role=wanted.role,
        title=body["title"], valid_from=instant(begin), valid_until=None,
    )  # fmt: skip
    approved = OfficerApproved(
        subject=row["number"], person_id=wanted.person.id, division=wanted.unit.division, role=wanted.role
    )
    if old is None:
        return approved, assigned
    replaced = OfficerReplaced(
        subject=row["number"], post=old.number, person_id=old.person, division=old.division, role=old.role,
        valid_until=instant(begin),
    )  # fmt: skip
    return approved, assigned, replaced


def drop(row: Mapping[str, Any], reason: str) -> OfficerDropped:
    """The fact that a proposal comes to nothing."""
    if row["state"] != "proposed":
        raise refusal.WrongState("该项任命已经办结", state=row["state"])
    return OfficerDropped(subject=row["number"], division=row["division"], reason=reason)
