"""Asking: what the law answers to a question, for anybody, about any instant, without anything happening.

The verdict is that of the best of the person's posts: a permit if any post has one, otherwise the refusal that got
furthest. It is found by the function that decides edits (`authz.edit.judged`), so it is what an edit that says the same
would be told: the household, the hands on its record, the fields, the approvals. A scene must have read what that edit
reads.

A scene fetched as known at log position n knows nothing written later; `at` may lie in the past, and posts, grants,
suspensions and record caps are then judged at that instant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from authz import edit as edits
from authz import refusal
from authz.decision import AXES, Permit, Scene, Wish, decide, held, sensible
from authz.edit import Edit
from authz.grant import Grant, chain
from authz.post import Post
from authz.question import bare
from authz.refusal import Denied, Refusal
from authz.register import Rows


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer: the permit (a policy row, for the service's own acts) or the refusal, and the post it was found for."""

    permit: Permit | str | None
    refused: Refusal | None
    post: Post | None

    @property
    def decision(self) -> bool:
        return self.permit is not None

    @property
    def undetermined(self) -> bool:
        """Whether nothing on record speaks for or against it (依据不足), as against a record that says no (不允许)."""
        refused = self.refused
        return isinstance(refused, refusal.NoGrant | refusal.NotEmployed) and not refused.members.get("duty")


def ask(
    scene: Scene, person: str, asked: Wish | Edit, at: datetime, post: int | None = None, *, placed: bool = True
) -> Verdict:
    """What an edit is told in the best of the person's posts that were live at `at`, or in the one post. A wish is an
    edit that says nothing else: any quarter, the person's own hands.

    `placed` false leaves out the record of the household: whether the authority was there, and nothing else.
    """
    live = _live(scene, person, at, post)
    if not live:
        return _unemployed()
    wish = asked.wish if isinstance(asked, Edit) else asked
    try:
        sensible(scene, wish)
    except Refusal as refused:
        return Verdict(None, refused, live[0])
    best: tuple[int, Verdict] | None = None
    for each in live:
        found = _told(scene, each, asked, at) if placed else _judged(scene, each, wish, at)
        if found.decision:
            return found
        rank = _reached(found.refused)
        if best is None or rank > best[0]:
            best = (rank, found)
    assert best is not None
    return best[1]


def ask_act(scene: Scene, person: str, act: str, division: str, at: datetime, post: int | None = None) -> Verdict:
    """What `must` says about one of the service's own acts (`request.decide`) for the best of the person's posts."""
    kept: Verdict = _unemployed()
    for each in _live(scene, person, at, post):
        mine = Scene(scene.rows, at, scene.size, scene.law, scene.rows.people.get(person), each)
        try:
            return Verdict(mine.must(act, division), None, each)
        except Denied as refused:
            if kept.post is None or isinstance(refused, refusal.OutsideDivision):
                kept = Verdict(None, refused, each)
    return kept


_STAGES = (*AXES, "role", "field", "household", "responsible", "identity", "duty", "approval")
_RANK = {name: place for place, name in enumerate(_STAGES)}


def _reached(refused: Refusal | None) -> int:
    """How far a refusal got, in the order in which an edit is judged."""
    if isinstance(refused, refusal.NotResponsible):
        return _RANK["responsible"]
    return _RANK.get(str(refused.members.get("missing")), -1) if refused else -1


def _unemployed() -> Verdict:
    return Verdict(None, refusal.NotEmployed(missing="post"), None)


def _live(scene: Scene, person: str, at: datetime, post: int | None) -> list[Post]:
    """Oldest first, so that the same question gets the same answer."""
    found = [each for each in scene.rows.posts.get(person, ()) if each.live(at) and post in (None, each.number)]
    return sorted(found, key=lambda each: each.number)


def _told(scene: Scene, post: Post, asked: Wish | Edit, at: datetime) -> Verdict:
    """What the edit is told in this post."""
    edit = asked if isinstance(asked, Edit) else bare(asked)
    mine = replace(scene, at=at, person=scene.rows.people.get(post.person), post=post)
    try:
        return Verdict(edits.judged(edit, mine)[0], None, post)
    except Refusal as refused:
        return Verdict(None, refused, post)


def _judged(scene: Scene, post: Post, wish: Wish, at: datetime) -> Verdict:
    """What the holdings of this post say of the wish."""
    try:
        return Verdict(decide(scene, post, wish, at), None, post)
    except Denied as refused:
        return Verdict(None, refused, post)


# --- two readings of one instant ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Readings:
    """One question about a past instant, as known then and as known now. Paper that was recorded later makes neither a
    permit: it is named in `documented_later`, the grant that on its face covers the instant."""

    known_then: Verdict
    known_now: Verdict
    documented_later: int | None


def both(
    then: Scene, now: Scene, person: str, wish: Wish, at: datetime, post: int | None = None, *, placed: bool = True
) -> Readings:
    """Both readings. `then` was fetched as known at the log position of `at`, `now` as known at a later one."""
    first = ask(then, person, wish, at, post, placed=placed)
    later = None if first.decision else documented_later(now, person, wish, at, post)
    return Readings(first, ask(now, person, wish, at, post, placed=placed), later)


def documented_later(scene: Scene, person: str, wish: Wish, at: datetime, post: int | None = None) -> int | None:
    """The first recorded grant that would have permitted the wish at `at`, had it been on record by then.

    A grant of the person counts with its whole chain. Those passed on below a late one begin at their own record, so
    it is enough that the late one covers the instant on its face and all of the chain contains the wish.
    """
    dated = Scene(_dated(scene.rows, at), at, scene.size, scene.law)
    late = [
        link
        for each in _live(scene, person, at, post)
        for grant in held(scene.rows, each)
        if grant.issued_at > at and _judged(_only(dated, grant.number), each, wish, at).decision
        for link in chain(grant, scene.rows.grants)
        if link.issued_at > at and link.scope.valid_from <= at < link.scope.valid_until
    ]
    return min((each.number for each in late), default=None)


def _dated(rows: Rows, at: datetime) -> Rows:
    """The grants as their papers read: each late one as if recorded in time. One that was passed on from its own record
    (nothing is passed on backwards) begins with the late one above it."""
    made = {each.number: _as_written(each, rows, at) for each in rows.grants.values()}
    units = {unit: [made[each.number] for each in grants] for unit, grants in rows.by_unit.items()}
    return Rows(
        people=rows.people, posts=rows.posts, households=rows.households, grants=made, by_unit=units, used=rows.used,
        seen=rows.seen,
    )  # fmt: skip


def _as_written(grant: Grant, rows: Rows, at: datetime) -> Grant:
    late = next((each for each in chain(grant, rows.grants) if each.issued_at > at), None)
    if late is None:
        return grant
    begin = grant.scope.valid_from
    if begin <= grant.issued_at:
        begin = min(begin, late.scope.valid_from)
    return replace(grant, issued_at=min(grant.issued_at, at), scope=replace(grant.scope, valid_from=begin))


def _only(scene: Scene, number: int) -> Scene:
    """The scene in which the one grant is held and no other."""
    grant = scene.rows.grants[number]
    return replace(scene, rows=replace(scene.rows, by_unit={grant.holder_unit: [grant]}))
