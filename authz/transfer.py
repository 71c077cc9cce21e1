"""Transfer: a person changes posts in one act, and the authority that was his own stays behind at rest (S25, S35). Who
leaves for good (离任) leaves the same behind.

PostEnded        the old post
GrantSuspended   each grant made out to him in it; whoever issued it revokes it or makes it out anew. Resumed, it would
                 still be of no use to anybody
PostAssigned     the new post, if he takes one up
WorkHandedOver   what he had begun and nobody has finished
TransferRecorded who left what to whom
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from authz import post as posts
from authz import refusal, revocation, staffing
from authz.decision import Scene
from authz.fact import Fact
from authz.grant import Grant
from authz.post import Appointment, Post, PostAssigned, stretch
from authz.tenure import rests

Work = tuple[str, str]
"""Something unfinished: its kind, and its number or (a household's move) its token."""


class TransferRecorded(Fact):
    """The person left the post `subject`; `grants` were suspended with it, and `successor` took over (null: nobody yet)."""

    authority = False
    subject: int
    person_id: str
    successor: str | None
    division: str
    grants: tuple[int, ...]
    reason: str


class WorkHandedOver(Fact):
    """Unfinished when the person left the post `subject`: it goes on with `successor` (null: with whoever is in the unit).

    Each of `work` is a kind (request, move, erasure, edition, policy, officer, proposal, approval, deputy) and the number
    of the thing, or the token of a household that is to move.
    """

    authority = False
    subject: int
    person_id: str
    successor: str | None
    division: str
    work: tuple[tuple[str, ...], ...]


def transfer(
    old: Post, wanted: Appointment | None, held: Iterable[Post], successor: str | None, reason: str, scene: Scene,
    work: Sequence[Work] = (),
) -> tuple[Fact, ...]:  # fmt: skip
    """The facts of a transfer, judged as an end and an appointment are; `held` are all posts of the natural person.

    `wanted` is null for whoever leaves for good. `work` is what was unfinished just before the lock.
    """
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    if successor is not None and (_same(successor, old.person, scene) or not _employed(successor, scene)):
        raise refusal.UnfitHolder("接手人没有在任岗位，或与调动人为同一人，请核对人员编号", missing="successor")
    by, policy = scene.post, scene.law.policy
    colleagues = scene.rows.staff.get(old.unit, ())
    people = scene.rows.people
    ended = posts.end(old, None, reason, by=by, colleagues=colleagues, at=scene.at, policy=policy, people=people)
    left = [each for each in held if each.number != old.number]
    assigned = posts.appoint(wanted, by, left, scene.at, policy, scene.law.divisions) if wanted is not None else ()
    resting = own(old, scene)
    facts = [revocation.rest(each, reason, scene)[0] for each in resting]
    recorded = TransferRecorded(
        subject=old.number,
        person_id=old.person,
        successor=successor,
        division=old.division,
        grants=tuple(each.number for each in resting),
        reason=reason,
    )
    begun = WorkHandedOver(
        subject=old.number, person_id=old.person, successor=successor, division=old.division, work=tuple(work)
    )
    staff = (*colleagues, *_coming(assigned, old.unit, scene))
    return (
        ended, *facts, *assigned, *staffing.left(old, staff, scene.at, scene), *((begun,) if work else ()), recorded,
    )  # fmt: skip


def own(post: Post, scene: Scene) -> list[Grant]:
    """The grants made out to the holder of a post that rest on it, and are worth something or will be."""
    return [
        each
        for each in scene.rows.by_unit.get(post.unit, ())
        if each.role == post.role and rests(each, post) and each.state(scene.at) in ("live", "pending")
    ]


def _coming(assigned: Iterable[Fact], unit: str, scene: Scene) -> list[Post]:
    """The new post, where it is in the unit that is left: who only changes his role there still works there."""
    return [
        Post(
            scene.size,
            each.person_id,
            unit,
            each.division,
            each.role,
            each.title,
            *stretch(each.valid_from, each.valid_until),
        )
        for each in assigned
        if isinstance(each, PostAssigned) and each.post_unit == unit
    ]


def _same(one: str, other: str, scene: Scene) -> bool:
    """Whether two accounts are one human being's."""
    people = scene.rows.people
    return one == other or (one in people and other in people and people[one].natural == people[other].natural)


def _employed(person: str, scene: Scene) -> bool:
    return any(each.live(scene.at) for each in scene.rows.posts.get(person, ()))
