"""Attribution: an edit entered by somebody else that names a person as its collector or verifier, and his objection.

The edit stands as it was recorded; the objection stands beside it for whoever asks who answers for the value (S08, S09).
"""

from __future__ import annotations

from authz import refusal
from authz.edit import EditPermitted
from authz.fact import Fact
from authz.rows import Rows

NAMED_AS = ("collected_by", "verified_by")


class AttributionObjected(Fact):
    """The person says that he did not do what the edit of entry `subject` attributes to him. `reason` is a commitment."""

    authority = False
    subject: int
    person_id: str
    named_as: tuple[str, ...]
    household: str
    division: str
    cell: str
    reason: str


def named_as(edit: EditPermitted, person: str) -> tuple[str, ...]:
    """The responsibilities, of those a person can object to, under which the edit names him."""
    return tuple(name for name in NAMED_AS if getattr(edit, name) == person)


def must_be_first(number: int, person: str, rows: Rows) -> None:
    """Refuse a second objection by the same person to the same edit."""
    if (number, person) in rows.objected:
        raise refusal.AlreadyRegistered("您已对这条记录提出异议，无需重复提交")


def note(rows: Rows, fact: Fact) -> None:
    """Carry an objection into the rows on which acts behind it are judged."""
    if isinstance(fact, AttributionObjected):
        rows.objected.add((fact.subject, fact.person_id))


def objection(number: int, edit: EditPermitted, by: str | None, person: str, reason: str) -> AttributionObjected:
    """The objection of `person` to an edit entered by `by`; Unknown unless another one's edit names him."""
    roles = named_as(edit, person)
    if by == person or not roles:
        raise refusal.Unknown()
    return AttributionObjected(
        subject=number, person_id=person, named_as=roles, household=edit.household, division=edit.division,
        cell=edit.cell, reason=reason,
    )  # fmt: skip
