"""Redecision: what was decided about an edit, decided once more on what was on record before its own entry.

Under the law of its time a decision comes out as it is recorded. Under another law it shows what that law would have
said, edit by edit, on the past as it really went: an edit that would have been refused still stands for the later ones.

    same   permit_to_deny   deny_to_permit
    unclear   a refusal whose entry does not hold all that was asked (named persons, an idempotency key)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from authz import amendment, hindsight
from authz import edit as edits
from authz.decision import Law, Refused, Scene
from authz.edit import Edit, EditPermitted
from authz.fact import Fact
from authz.narrowing import Narrowing
from authz.pdp import Rule
from authz.policy import PolicySet
from authz.refusal import Refusal
from authz.register import Reads, Rows

SAME, TAKEN, GIVEN, UNCLEAR = "same", "permit_to_deny", "deny_to_permit", "unclear"
CHANGES: Final = (SAME, TAKEN, GIVEN, UNCLEAR)
ACT: Final = "edit"


class ReplayAsked(Fact):
    """Somebody asks what these rules would have decided about the edits in the entries from `begin` to before `end`.

    `policy` is the digest of the files: a whole set, or the narrowing of the division `narrows`. Only entries of the
    instants from `since` to before `until` count.
    """

    authority = False
    division: str
    part: str
    policy: str
    narrows: str | None
    since: str
    until: str
    begin: int
    end: int

    @property
    def named(self) -> str:
        """The part of the charter that the files would be."""
        return amendment.named(self.part, self.narrows or "")


@dataclass(frozen=True, slots=True)
class Draft:
    """Rules that are not in force: a whole set with its compiled rule, or one narrowing."""

    whole: tuple[PolicySet, Rule] | None
    narrowing: Narrowing | None = None

    def law(self, then: Law) -> Law:
        """The law of a time with these rules in the place of its own."""
        if self.whole is not None:
            return replace(then, policy=self.whole[0], rule=self.whole[1])
        assert self.narrowing is not None
        return replace(then, narrowings={**then.narrowings, self.narrowing.division: self.narrowing})


@dataclass(frozen=True, slots=True)
class Decided:
    """One recorded decision: where it stands, who asked in which post, and what was asked and answered."""

    number: int
    at: datetime
    person: str
    post: int | None
    fact: EditPermitted | Refused
    edit: Edit

    @property
    def reads(self) -> Reads:
        return self.edit.reads | Reads(persons=frozenset((self.person,)))

    @property
    def decisions(self) -> int:
        """How many edits were told this: identical refusals of one batch share an entry."""
        return self.fact.count if isinstance(self.fact, Refused) else 1

    @property
    def code(self) -> str | None:
        """The recorded refusal, null for a permit."""
        return self.fact.code if isinstance(self.fact, Refused) else None


def asked(fact: Fact) -> Edit | None:
    """The edit that a recorded decision is about, as far as its entry tells; None for any other entry."""
    if isinstance(fact, EditPermitted):
        return hindsight.stated(fact)
    if not isinstance(fact, Refused) or fact.act != ACT or fact.household is None:
        return None
    told: dict[str, Any] = {name: getattr(fact, name) for name in ("household", "division", "cell", "operation")}
    return Edit(
        member=None, data_year=fact.data_year or 0, quarter=fact.quarter, occurred_at=None, channel="",
        named=dict.fromkeys(edits.RESPONSIBLE), changes_made=(), evidence=(), ruleset=None, checks_failed=(),
        checks_overridden=(), campaign=None, **told,
    )  # fmt: skip


def again(each: Decided, rows: Rows, law: Law) -> EditPermitted | Refusal:
    """The decision made once more. `rows` is what was on record before its entry."""
    post = next((post for post in rows.posts.get(each.person, ()) if post.number == each.post), None)
    scene = Scene(rows, each.at, each.number, law, rows.people.get(each.person), post)
    try:
        return edits.permit(each.edit, scene)
    except Refusal as refused:
        return refused


def explained(each: Decided, rows: Rows, law: Law) -> bool:
    """Whether the law of its time decides it as recorded: a permit to the last field, a refusal with its code."""
    found = again(each, rows, law)
    return found.code == each.code if isinstance(found, Refusal) else found == each.fact


def compared(each: Decided, rows: Rows, then: Law, draft: Law) -> tuple[str, str | None]:
    """What the draft changes about this decision, and the row or the refusal code it has for it."""
    if each.code is not None and not explained(each, rows, then):
        return UNCLEAR, None
    found = again(each, rows, draft)
    if isinstance(found, Refusal):
        return (SAME if each.code is not None else TAKEN), found.code
    return (SAME if each.code is None else GIVEN), found.rule


def touched(then: Law, draft: Law) -> frozenset[str] | None:
    """The cells about which the two laws can decide an edit otherwise; None if that may be any.

    An edit is decided by the rows about its cell, the narrowings, the duties and the catalogue of fields, whoever asks.
    """
    if then.policy.duties != draft.policy.duties or then.policy.catalogue != draft.policy.catalogue:
        return None
    old, new = then.rule.clauses, draft.rule.clauses
    keys = {key for key in old.keys() | new.keys() if _shape(old, key) != _shape(new, key)}
    for code in then.narrowings.keys() | draft.narrowings.keys():
        keys |= _forbidden(then, code) ^ _forbidden(draft, code)
    return frozenset(object_ for _, _, object_ in keys)


def _shape(clauses: Mapping[tuple[str, str, str], Any], key: tuple[str, str, str]) -> list[tuple[Any, bool, bool]]:
    """What the rows about a right ask and answer, whatever their lines are."""
    return [(each.left, each.allow is not None, each.deny) for each in clauses.get(key, ())]


def _forbidden(law: Law, code: str) -> set[tuple[str, str, str]]:
    found = law.narrowings.get(code)
    return set(found.forbids) if found is not None else set()
