"""The amendment of the rules: proposed by one person, adopted by another, on record, in force from that entry on.

    proposed -> adopted         a whole policy set for the region, or a narrowing for one county (`authz/narrowing.py`)
            `-> withdrawn

An amendment is compared with what is in force: if something else has been adopted meanwhile, what was approved is no
longer what would happen, so it has to be proposed anew. A set is looked through again when it is adopted: it may have
been proposed under a release that asked for less. Clauses S34, S35.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from authz import bundle, duty, lint, narrowing, refusal, table
from authz import policy as policies
from authz.decision import Scene
from authz.difference import Difference, between
from authz.fact import Amend, Change, Fact, Put, Where
from authz.narrowing import Narrowing
from authz.pdp import Rule
from authz.policy import PolicySet

WHOLE, NARROWING = "policy", "narrowing"
MOST_TOLD: Final = 200
"""Rights an entry lists one by one; the digests say all."""


class PolicyProposed(Fact):
    """A set of rules for the division was handed in. `base` is what it would replace, empty for nothing.

    `gained` and `lost` are rights as "role act object", the first of them; `reason` is a commitment.
    """

    authority = False
    part: str
    division: str
    policy: str
    base: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {"part": self.part, "policy": self.policy, "base": self.base, "proposed_by": where.person}
        row = {"state": "proposed", "division": self.division, "body": body}
        return (Put("amendment", (where.number,), row, first=True),)


class PolicyAdopted(Fact):
    """From this entry on the division is judged by these rules, in place of `base`."""

    subject: int
    part: str
    division: str
    policy: str
    base: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        name = named(self.part, self.division)
        body = {"adopted_by": where.person, "adopted": where.number}
        return (
            Put("charter", (name,), {"value": self.policy}),
            Amend("amendment", (self.subject,), {"state": "adopted", "body": body}),
        )


class PolicyWithdrawn(Fact):
    """The proposal is off the table. `reason` is a commitment."""

    authority = False
    subject: int
    division: str
    policy: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("amendment", (self.subject,), {"state": "withdrawn", "body": {"withdrawn_by": where.person}}),)


@dataclass(frozen=True, slots=True)
class Draft:
    """Files that were handed in, as read beside the rules in force: what they change, or why they are refused."""

    part: str
    division: str
    digest: str
    base: str
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    fault: refusal.BadPolicy | None = None


def draft(
    division: str, files: Mapping[str, bytes], in_force: PolicySet, base: str, region: bool,
    standing: Narrowing | None = None,
) -> Draft:  # fmt: skip
    """Read these files: a whole set for the region, a narrowing for a county, which takes the place of the one `standing`.

    What is wrong comes back as the fault.
    """
    digest = bundle.digest(files)
    part = WHOLE if region else NARROWING
    try:
        if region:
            found = between(in_force, _following(files, in_force))
            return Draft(part, division, digest, base, _brief(found.gained), _brief(found.lost))
        narrowed = narrowing.parse(division, files, in_force)
        before, after = {*(standing.forbids if standing else ())}, {*narrowed.forbids}
        return Draft(part, division, digest, base, _brief(sorted(before - after)), _brief(sorted(after - before)))
    except table.BadTable as bad:
        return Draft(part, division, digest, base, fault=_fault(bad, files))


def flaw(files: Mapping[str, bytes], in_force: PolicySet) -> refusal.BadPolicy | None:
    """Why these files may not take the place of the set in force, or nothing."""
    try:
        _following(files, in_force)
    except table.BadTable as bad:
        return _fault(bad, files)
    return None


def _following(files: Mapping[str, bytes], in_force: PolicySet) -> PolicySet:
    made = whole(files)
    for remark in lint.gone(in_force, made):
        table.bad(remark.file, 0, remark.zh, remark.en)
    return made


def _fault(bad: table.BadTable, files: Mapping[str, bytes]) -> refusal.BadPolicy:
    # What is missing has no line; a program that jumps to one is led to the end, where it may be written.
    line = bad.line or max(files.get(bad.file, b"").count(b"\n"), 1)
    return refusal.BadPolicy(bad.told, file=bad.file, line=line)


def whole(files: Mapping[str, bytes]) -> PolicySet:
    """The policy set in these files, fit to be adopted; `table.BadTable` with the first reason why not."""
    made = policies.parse(files)
    if not made.catalogue.grants:
        table.bad(
            "catalogue.toml", 1, "grants 应为 true：不含授权的规则只能用于测试", "a set without grants is for tests"
        )
    Rule.compile(made)
    for remark in lint.faults(made):
        line = remark.line(files[remark.file])
        table.bad(remark.file, line, f"{remark.zh}（依据 {remark.clause}）", remark.en)
    return made


def proposed(made: Draft, reason: str, scene: Scene) -> PolicyProposed:
    """The proposal, put on record; refused whole where one row is wrong."""
    if made.fault is not None:
        raise made.fault
    if scene.post is not None and scene.post.deputy_for is not None:
        raise refusal.NoRole("代理期间不能提出规则变更，请由本岗位人员提出", missing="role")
    if made.digest == in_force(scene, made.part, made.division):
        raise refusal.NothingChanged()
    if made.part == NARROWING and not made.base and not made.lost:
        raise refusal.NothingChanged("本县没有在用的收窄规则，不必取消")
    if made.base != in_force(scene, made.part, made.division):
        raise refusal.WrongState("在用的规则刚刚有变，请重新提出", missing="base")
    return PolicyProposed(
        part=made.part, division=made.division, policy=made.digest, base=made.base, gained=made.gained[:MOST_TOLD],
        lost=made.lost[:MOST_TOLD], reason=reason,
    )  # fmt: skip


Pair = tuple[str, str, str]


def sound(set_: PolicySet, division: str, files: Mapping[str, bytes]) -> frozenset[Pair]:
    """That this narrowing holds under this set: (policy, division, narrowing), or nothing."""
    try:
        made = narrowing.parse(division, files, set_)
    except table.BadTable:
        return frozenset()
    return frozenset({(set_.digest, division, made.digest)})


def adopted(
    row: Mapping[str, Any], fits: frozenset[Pair], found: refusal.BadPolicy | None, scene: Scene
) -> PolicyAdopted:
    """The adoption by a second person. `fits` says which narrowings are known to hold under which set, `found` what is
    wrong with the files as this program reads them."""
    body = row["body"]
    assert scene.post is not None
    _open(row)
    proposer = scene.rows.people.get(body["proposed_by"])
    if proposer is None:
        raise refusal.DutyConflict("提出人不在册，请由在册人员重新提出", missing="duty")
    hands = scene.rows.naturals(scene.post)
    duty.apart(scene.law.policy, "policy", [("policy.propose", proposer.natural)], "policy.adopt", *hands)
    if body["base"] != in_force(scene, body["part"], row["division"]):
        raise refusal.WrongState("提出之后已采用了另一套规则，请重新提出", missing="base")
    if found is not None:
        raise found
    if body["part"] == NARROWING and (scene.law.policy.digest, row["division"], body["policy"]) not in fits:
        raise refusal.WrongState("自治区的规则已有变动，这项收窄在现行规则下不成立，请重新提出", missing="base")
    for each in scene.law.narrowings.values():
        if body["part"] == WHOLE and (body["policy"], each.division, each.digest) not in fits:
            raise refusal.WrongState(
                f"{each.division} 现行的收窄规则在新规则下不成立，请先请该县调整", missing="narrowing"
            )
    return PolicyAdopted(
        subject=row["number"], part=body["part"], division=row["division"], policy=body["policy"], base=body["base"]
    )


def withdrawn(row: Mapping[str, Any], reason: str) -> PolicyWithdrawn:
    """The withdrawal, by those who could have proposed or adopted it."""
    _open(row)
    return PolicyWithdrawn(subject=row["number"], division=row["division"], policy=row["body"]["policy"], reason=reason)


def named(part: str, division: str) -> str:
    """What the charter calls a whole set, or the narrowing of a division."""
    return part if part == WHOLE else f"{part} {division}"


def visible(number: int, scene: Scene) -> dict[str, Any]:
    """The proposal on record, or Unknown to whoever may not see it."""
    row = scene.rows.amendments.get(number)
    if row is None or not scene.may("policy.read", row["division"]):
        raise refusal.Unknown()
    return row


def in_force(scene: Scene, part: str, division: str) -> str:
    """The digest of the rules in force of this kind there, empty for none."""
    if part == WHOLE:
        return scene.law.policy.digest
    found = scene.law.narrowings.get(division)
    return found.digest if found else ""


def _open(row: Mapping[str, Any]) -> None:
    if row["state"] != "proposed":
        raise refusal.WrongState("这项规则变更已经办结，不能重复办理", state=row["state"])


def _brief(rights: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    return tuple(" ".join(each) for each in rights)


__all__ = ["Difference", "Draft", "adopted", "draft", "in_force", "proposed", "sound", "whole", "withdrawn"]
