"""Approval: a second person agrees beforehand to one deed that `policies/duties.csv` wants an extra pair of eyes for.

It is good for exactly one edit of one person on one record, once, until it lapses or is withdrawn. `ApprovalUsed`
stands beside the `EditPermitted` it let happen, in the same act. `used` of the row is the entry that spent it: that
fact, or its withdrawal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from authz import refusal
from authz.fact import Amend, Change, Fact, Put, Where


class ApprovalGiven(Fact):
    """Another person agreed that `person_id` does this once before `until`. `reason` is a commitment."""

    person_id: str
    household: str
    division: str
    cell: str
    operation: str
    data_year: int
    quarter: int | None
    until: str
    grant: int
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        names = ("household", "cell", "operation", "data_year", "quarter", "until")
        values = {name: getattr(self, name) for name in names}
        more = {"person": self.person_id, "approved_by": where.person, "used": None}
        return (Put("approval", (where.number,), values | more),)


class ApprovalUsed(Fact):
    """The approval `subject` was consumed by the edit recorded in the same act, as the duty `duty` asked."""

    authority = False
    subject: int
    household: str
    division: str
    duty: str
    approved_by: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("approval", (self.subject,), {"used": where.number}),)


class ApprovalWithdrawn(Fact):
    """The approval `subject` was taken back before it was used. `reason` is a commitment."""

    subject: int
    household: str
    division: str
    approved_by: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("approval", (self.subject,), {"used": where.number}),)


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval on record; `natural` is the person who gave it."""

    number: int
    person: str
    household: str
    cell: str
    operation: str
    data_year: int
    quarter: int | None
    until: datetime
    approved_by: str
    natural: str

    def lets(
        self, person: str, deed: tuple[str, str, int | None, int | None], hands: Collection[str], at: datetime
    ) -> bool:
        """Whether it lets this person do this (cell, operation, data year, quarter) now, given by none of his hands."""
        mine = (self.person, (self.cell, self.operation, self.data_year, self.quarter))
        return mine == (person, deed) and at < self.until and self.natural not in hands


def withdraw(found: Approval | None, division: str, reason: str, at: datetime) -> ApprovalWithdrawn:
    """The fact that an approval no longer stands; `found` is null where it was used or withdrawn already."""
    if found is None:
        raise refusal.WrongState("这项批准已经用过或已经收回，不能再收回；已办理的变更如有不妥，请另行更正")
    if at >= found.until:
        raise refusal.WrongState("这项批准已过截止时间，不再有效，无需收回")
    return ApprovalWithdrawn(
        subject=found.number, household=found.household, division=division, approved_by=found.approved_by, reason=reason
    )
