"""Erasure: the values and salts of one person or household are dropped; the log and every proof stay (PIPL 47).

    asked -> performed          one officer asks, another natural person of the bureau approves

The scope is a person (the name and telephone numbers that stand under his id) or a household (every value of every
entry about it, or of one member of it). The log holds only commitments, which nobody can open without the salt. What
is erased is found again from the scope, so an erasure on record is repeated after a restore, before serving.

Free texts that officials wrote, and attachments, are official records and no part of a scope. Where one of them holds
what is to be erased, the officer names it: `also` (entry and path) and `attachments`; never a paper that a request, a
reply or a grant rests on, and never why an erasure was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from authz import refusal
from authz.decision import Scene
from authz.fact import Amend, Change, Fact, Put, Where
from authz.policy import PolicySet

LISTED: Final = 500
"""Entries that a performed erasure names one by one; the digest covers all."""
LEAST: Final = {
    "vault_days": 180,
    "content_days": 180,
    "export_days": 180,
    "network_log_days": 180,
    "retention_days": 1095,
}
"""Days below which no deployment may keep less, whatever its own table says (PIPL 56, Cybersecurity Law 23)."""


class ErasureAsked(Fact):
    """Somebody's values are to be erased: a person's, or a household's (of one `member` alone). `reason` is a commitment."""

    authority = False
    division: str
    person_id: str | None
    household: str | None
    member: str | None
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {
            "person": self.person_id, "household": self.household, "member": self.member, "asked_by": where.person,
            "performed": None,
        }  # fmt: skip
        return (Put("erasure", (where.number,), {"state": "asked", "division": self.division, "body": body}),)


class ErasureNamed(Fact):
    """What the erasure `subject` names one by one beside its scope: values (`entry`, `path`) and attachments."""

    authority = False
    subject: int
    division: str
    also: tuple[dict[str, Any], ...]
    attachments: tuple[str, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {"also": list(self.also), "attachments": list(self.attachments)}
        return (Amend("erasure", (self.subject,), {"body": body}),)


class NamedErased(Fact):
    """What the erasure `subject` named one by one is erased."""

    authority = False
    subject: int
    division: str
    also: tuple[dict[str, Any], ...]
    attachments: tuple[str, ...]


class ErasurePerformed(Fact):
    """The values of this scope under entries before this one are erased: `values` of them under `entries` entries.

    `erased` lists the first of these as [entry, values]; `digest` is the SHA-256 of all lines "<entry> <path>\\n".
    """

    subject: int
    division: str
    person_id: str | None
    household: str | None
    member: str | None
    entries: int
    values: int
    erased: tuple[tuple[int, ...], ...]
    digest: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {"performed": where.number, "values": self.values, "approved_by": where.person}
        return (Amend("erasure", (self.subject,), {"state": "performed", "body": body}),)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose values: exactly one of person and household."""

    person: str | None
    household: str | None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """What is named one by one: values as (entry, path), and attachments.

    `values` says where each of them lies, if it is there; `held` which attachments are kept, `cited` which of these a
    request, a reply or a grant rests on.
    """

    also: tuple[tuple[int, str], ...] = ()
    attachments: tuple[str, ...] = ()
    values: tuple[tuple[int, str] | None, ...] = ()
    held: frozenset[str] = frozenset()
    cited: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """What a scope reaches: entries with the number of their values, and the digest of all of them."""

    erased: tuple[tuple[int, int], ...]
    digest: str


def asked(scope: Scope, reason: str, scene: Scene) -> ErasureAsked:
    """The wish, put on record."""
    assert scene.post is not None
    if (scope.person is None) == (scope.household is None) or (scope.member is not None and scope.household is None):
        message = "请写明一名人员或者一户，二者只填一项；家庭成员须连同户编号一起填写"
        raise refusal.Misshapen(pointers=[{"pointer": "", "message": message}])
    if scope.person is not None and scope.person not in scene.rows.people:
        raise refusal.Unacceptable("没有这名人员，请核对人员编号", missing="person")
    if scope.household is not None and scope.household not in scene.rows.households:
        raise refusal.Unacceptable("没有登记这一户，请核对户编号", missing="household")
    return ErasureAsked(
        division=scene.post.division,
        person_id=scope.person,
        household=scope.household,
        member=scope.member,
        reason=reason,
    )


def named(wanted: Named, scene: Scene) -> tuple[ErasureNamed, ...]:
    """What the wish names beside its scope, put on record behind it; nothing if it names nothing."""
    assert scene.post is not None
    if None in wanted.values:
        raise refusal.Unacceptable("指明的内容不存在或已擦除，请核对记录编号和字段", missing="value")
    if not set(wanted.attachments) <= wanted.held:
        raise refusal.Unacceptable("指明的附件不存在或已擦除，请核对附件", missing="attachment")
    if wanted.cited:
        raise refusal.Unacceptable(
            "书面申请、批复或授权所依据的文件在保存期内不能擦除，请从清单中去掉", missing="attachment"
        )
    if not wanted.also and not wanted.attachments:
        return ()
    places = sorted({each for each in wanted.values if each is not None})
    also = tuple({"entry": number, "path": path} for number, path in places)
    attachments = tuple(sorted(set(wanted.attachments)))
    return (ErasureNamed(subject=scene.size, division=scene.post.division, also=also, attachments=attachments),)


def named_erased(row: dict[str, Any]) -> tuple[NamedErased, ...]:
    """That what was named is erased with the rest."""
    also, attachments = row["body"].get("also") or [], row["body"].get("attachments") or []
    if not also and not attachments:
        return ()
    return (
        NamedErased(subject=row["number"], division=row["division"], also=tuple(also), attachments=tuple(attachments)),
    )


def performed(row: dict[str, Any], found: Found, scene: Scene) -> ErasurePerformed:
    """The approval, which is the erasure; refused to whoever asked for it under any account."""
    body = row["body"]
    assert scene.person is not None
    if row["state"] != "asked":
        raise refusal.WrongState("这项擦除已经办理，不能重复办理", state=row["state"])
    asker = scene.rows.people.get(body["asked_by"])
    hands = scene.rows.naturals(scene.post) if scene.post else {scene.person.natural}
    if asker is None or asker.natural in hands:
        raise refusal.DutyConflict("擦除的提出人与批准人须为不同的人，请改由其他同志批准", missing="duty")
    return ErasurePerformed(
        subject=row["number"], division=row["division"], person_id=body["person"], household=body["household"],
        member=body["member"], entries=len(found.erased), values=sum(count for _, count in found.erased),
        erased=found.erased[:LISTED], digest=found.digest,
    )  # fmt: skip


def short(policy: PolicySet) -> tuple[str, ...]:
    """The retention settings that are missing or below what no deployment may go under."""
    return tuple(
        name for name, least in LEAST.items() if name not in policy.handling or policy.handling[name].value < least
    )
