"""Kin: who belongs to which household, or is kin of it, so that nobody handles the data of his own (M8, 亲属申报).

A person declares his own ties; an administrator may register those of others. A tie ends when somebody else withdraws
it. It names an account and a household token and nothing more. A household that is not on the register yet may be
declared too: village cadres registered themselves and their kin, so the tie has to come before the first edit.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from authz import duty, refusal
from authz.fact import Amend, Change, Fact, Put, Where

TIES: Final = ("member", "kin")
MEMBER: Final = "member"
"""What `policies/duties.csv` calls whoever has a tie to the household, of either sort."""


class TieDeclared(Fact):
    """A person belongs to a household (`member`) or is kin of one who does (`kin`)."""

    person_id: str
    household: str
    tie: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        values = {
            "person": self.person_id, "household": self.household, "tie": self.tie, "declared_by": where.person,
            "withdrawn_by": None,
        }  # fmt: skip
        return (Put("tie", (where.number,), values),)


class TieWithdrawn(Fact):
    """The tie `subject` no longer stands. `reason` is a commitment."""

    subject: int
    person_id: str
    household: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("tie", (self.subject,), {"withdrawn_by": where.person}),)


def declare(person: str, natural: str, household: str, tie: str, members: Collection[str]) -> TieDeclared:
    """The fact of a tie; `members` are the natural persons with one to this household already."""
    if natural in members:
        raise refusal.AlreadyRegistered("此人与该户的关系已经登记，无需重复登记")
    return TieDeclared(person_id=person, household=household, tie=tie)


def withdraw(row: dict[str, Any], natural: str, hands: Collection[str], reason: str) -> TieWithdrawn:
    """The fact that a tie ends, never by the hands of the person it binds (`natural`), nor by such as may be his."""
    if row["withdrawn_by"] is not None:
        raise refusal.WrongState("这项关系已经撤销，无需重复办理")
    if natural in hands:
        raise refusal.DutyConflict("本人的亲属申报须由其他同志撤销，请联系本县或本乡镇管理员", missing="duty")
    if not all(map(duty.known, (natural, *hands))):
        told = "亲属申报须由本人以外的同志撤销，双方有人没有登记身份证件号码，请先登记身份证件号码再办理"
        raise refusal.DutyConflict(told, missing="identity")
    return TieWithdrawn(subject=row["number"], person_id=row["person"], household=row["household"], reason=reason)
