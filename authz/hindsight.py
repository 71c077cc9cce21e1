"""Hindsight: what an edit made elsewhere would have been told at its own instant. A verdict is not a permission.

    allowed_then             what was on record then permits it, judged at that instant
    not_allowed_then         the person had grants on record then, and none of them permits it
    no_authority_on_record   no live post then, or no grant on record for it

`documented_later` names the grant recorded since that covers the edit on its face: both readings stand side by side, and
the second never turns into the first. So do the hands: what duty the edit breaks together with what is on record by now,
permitted or reported, is noted beside it (`beside`). An imported edit changes nothing: it uses up no cap and puts no household on the
register. Whoever reports it may do so over the division; who made it is judged on the past alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from authz import asking, duty, household, refusal
from authz import edit as edits
from authz.clash import COLLECTING
from authz.decision import Permit, Scene, held
from authz.edit import Edit, EditPermitted
from authz.fact import Change, Fact, Put, Where, instant, moment
from authz.household import Household
from authz.post import DutyNoted, Post
from authz.refusal import Refusal
from authz.rows import Hand, Reads, Rows

ALLOWED: Final = "allowed_then"
NOT_ALLOWED: Final = "not_allowed_then"
NO_AUTHORITY: Final = "no_authority_on_record"


class ImportOpened(Fact):
    """Edits made elsewhere are about to be reported. Only what happened before this entry is judged under it, on a past
    that can no longer change; `source` names the sender within which a ref is unique."""

    authority = False
    division: str
    source: str
    policy: str


class EditImported(Fact):
    """An edit made elsewhere at `occurred_at` by `person_id`, reported under the import `subject`.

    `ref` is the digest of the sender's own number of it. It was judged as known at the log position `known`; `grant`,
    `chain`, `document` and `rule` stand for what permitted it then, `code` and `missing` for why not.
    """

    authority = False
    subject: int
    ref: str
    person_id: str
    household: str
    member: str | None
    division: str
    cell: str
    operation: str
    data_year: int
    quarter: int | None
    occurred_at: str
    channel: str
    collected_by: str | None
    provided_by: str | None
    verified_by: str | None
    monitored_by: str | None
    changes_made: tuple[tuple[str | None, ...], ...]
    evidence: tuple[tuple[str | None, ...], ...]
    ruleset: str | None
    checks_failed: tuple[str, ...]
    checks_overridden: tuple[str, ...]
    campaign: str | None
    verdict: str
    code: str | None
    missing: str | None
    made_post: int | None
    grant: int | None
    chain: tuple[int, ...]
    document: str | None
    rule: str | None
    documented_later: int | None
    known: int
    policy: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Put("imported", (self.ref,), {"division": self.division}, first=True),)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict with what it rests on: the permit it would have had, or the refusal."""

    verdict: str
    permit: Permit | None
    refused: Refusal | None
    post: Post | None
    known: int
    policy: str
    documented_later: int | None = None
    hands: frozenset[str] = frozenset()
    """The natural persons who did it, as they were known at that instant."""
    worded: bool = False
    """Whether the catalogue of that time had all its fields."""


def name(source: str, ref: str) -> str:
    """The name of an imported edit: unique where the sender's number is unique within its source."""
    return hashlib.sha256(f"{source}\x00{ref}".encode()).hexdigest()


def judged(edit: Edit, person: str, then: Scene) -> Judgement:
    """The verdict on what was on record then. `then` was fetched as known at the position of the instant, and is at it.

    The most that any post of the person would have been told; a household not on record yet is taken to live where the
    edit says, because it was put on record elsewhere.
    """
    scene = _settled(edit, then)
    told = asking.ask(scene, person, edit, scene.at)
    found = told.permit if isinstance(told.permit, Permit) else None
    posts = [each for each in scene.rows.posts.get(person, ()) if each.live(scene.at)]
    had = any(True for post in posts for _ in held(scene.rows, post))
    verdict = ALLOWED if found is not None else NOT_ALLOWED if had else NO_AUTHORITY
    return Judgement(
        verdict, found, told.refused, told.post, then.size, scene.law.policy.digest,
        hands=hands(edit, person, scene.rows, told.post), worded=_worded(edit, then),
    )  # fmt: skip


def _worded(edit: Edit, then: Scene) -> bool:
    cell = then.law.policy.catalogue.cells.get(edit.cell)
    return cell is not None and all(change[0] in cell.fields for change in edit.changes_made)


# --- whose hands ----------------------------------------------------------------------------------------------------
def actor(edit: Edit, person: str) -> str:
    """Who did it: the collector or verifier it names, else who made the edit."""
    role = "collected_by" if edit.operation in COLLECTING else "verified_by" if edit.operation == "verify" else ""
    return edit.named.get(role) or person


def hands(edit: Edit, person: str, rows: Rows, post: Post | None) -> frozenset[str]:
    """The natural persons whose hands it was; whoever stood in for somebody in this post acted with two pairs."""
    who = actor(edit, person)
    if post is not None and post.person == who:
        return rows.naturals(post)
    return frozenset((rows.people[who].natural,)) if who in rows.people else frozenset()


def touched(edit: Edit) -> Reads:
    """What the hands on record are asked by."""
    mine = frozenset((edit.household,))
    return Reads(reported=mine, collected=mine, checked=mine)


def beside(edit: Edit, person: str, found: Judgement, scene: Scene) -> tuple[DutyNoted, ...]:
    """The duties of a record that it breaks together with the hands on record by now, in whichever order they came.

    They change no verdict: what was not on record then could not forbid it. A verdict that rests on a duty needs no note.
    """
    if found.refused is not None and "duty" in found.refused.members:
        return ()
    rows, deed = scene.rows, edits.deed(edit)
    known = (*rows.hands.get(edit.household, ()), *rows.reported.get(edit.household, ()))
    done = [
        (operation, who) for cell, year, quarter, operation, who in known if deed.meets(cell, year, quarter, operation)
    ]
    role = found.post.role if found.post is not None else ""
    broken = duty.acted(scene.law.policy, "record", done, edit.operation, *found.hands) if found.hands else ()
    return tuple(DutyNoted(duty=each.code, person_id=actor(edit, person), role=role) for each in broken)


def note(rows: Rows, edit: Edit, found: Judgement) -> None:
    """Carry the hands of a reported edit into rows that later ones of the same stretch are set against."""
    record: tuple[str, int | None, int | None] = (edit.cell, edit.data_year, edit.quarter)
    made: set[Hand] = {(*record, edit.operation, who) for who in found.hands}
    rows.reported.setdefault(edit.household, set()).update(made)


def followed(judgement: Judgement, edit: Edit, person: str, at: datetime, now: Scene) -> Judgement:
    """The verdict beside the paper that was recorded since, if there is any. `now` is what was known at the import."""
    if judgement.verdict == ALLOWED:
        return judgement
    try:
        later = asking.documented_later(now, person, edit.wish, at)
    except refusal.Misshapen:  # the place is no more, so no grant of today reaches it on its face
        later = None
    return replace(judgement, documented_later=later)


def imported(edit: Edit, person: str, ref: str, opening: int, found: Judgement, scene: Scene) -> EditImported:
    """The fact that this edit was reported under the import `opening`, or the refusal of fields that the catalogue has
    neither now nor had then."""
    if not found.worded and edit.cell in scene.law.policy.catalogue.cells:
        edits.fields_exist(edit, scene)
    assert edit.occurred_at is not None
    permit, refused = found.permit, found.refused
    told: dict[str, Any] = {
        name: getattr(edit, name)
        for name in Edit.__slots__
        if name not in ("named", "occurred_at")
    } | edit.named  # fmt: skip
    return EditImported(
        subject=opening, ref=ref, person_id=person, occurred_at=instant(edit.occurred_at), verdict=found.verdict,
        code=refused.code if refused else None, missing=refused.members.get("missing") if refused else None,
        made_post=found.post.number if found.post else None, grant=permit.grant.number if permit else None,
        chain=permit.grant.path if permit else (), document=permit.chain[0].document if permit else None,
        rule=permit.rule if permit else None, documented_later=found.documented_later, known=found.known,
        policy=found.policy, **told,
    )  # fmt: skip


def must_be_a_place(division: str, scene: Scene) -> None:
    """Refuse a code that no edition ever had: nobody can be asked whether he may report about it."""
    if not (scene.law.divisions.known(division) or scene.law.lineage.known_once(division)):
        raise refusal.BadDivisionCode(pointers=[{"pointer": "/division", "message": refusal.BadDivisionCode.title}])


def stated(fact: EditImported | EditPermitted) -> Edit:
    """The edit that a recorded fact is about, as it was asked."""
    told = {name: getattr(fact, name) for name in Edit.__slots__ if name not in ("named", "occurred_at")}
    named = {name: getattr(fact, name) for name in edits.RESPONSIBLE}
    at = None if fact.occurred_at is None else moment(fact.occurred_at)
    return Edit(occurred_at=at, named=named, **told)


def _settled(edit: Edit, then: Scene) -> Scene:
    """The scene in which a household that nobody had recorded lives in the village the edit names."""
    known = then.law.divisions
    if edit.household in then.rows.households or not known.known(edit.division):
        return then
    if known.get(edit.division).level != "village":
        return then
    here = Household(edit.household, edit.division, household.population(edit.cell))
    return replace(then, rows=replace(then.rows, households={**then.rows.households, edit.household: here}))
