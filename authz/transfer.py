"""Transfer: a person changes posts in one act, and the authority that was his own stays behind at rest (S25, S35).

PostEnded        the old post
GrantSuspended   each grant made out to him in it; whoever issued it may resume, revoke or make it out anew
PostAssigned     the new post
TransferRecorded who left what to whom
"""

from __future__ import annotations

from collections.abc import Iterable

from authz import post as posts
from authz import refusal, revocation, staffing
from authz.decision import Scene, rests
from authz.fact import Fact
from authz.post import Appointment, Post


class TransferRecorded(Fact):
    """The person left the post `subject`; `grants` were suspended with it, and `successor` took over (null: nobody yet)."""

    authority = False
    subject: int
    person_id: str
    successor: str | None
    division: str
    grants: tuple[int, ...]
    reason: str


def transfer(
    old: Post, wanted: Appointment, held: Iterable[Post], successor: str | None, reason: str, scene: Scene
) -> tuple[Fact, ...]:
    """The facts of a transfer, judged as an end and an appointment are; `held` are all posts of the natural person."""
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    if successor is not None and (successor == old.person or not _employed(successor, scene)):
        raise refusal.UnfitHolder("接手人没有在任岗位，或与调动人为同一人，请核对人员编号", missing="successor")
    by, policy = scene.post, scene.law.policy
    colleagues = scene.rows.staff.get(old.unit, ())
    people = scene.rows.people
    ended = posts.end(old, None, reason, by=by, colleagues=colleagues, at=scene.at, policy=policy, people=people)
    left = [each for each in held if each.number != old.number]
    assigned = posts.appoint(wanted, by, left, scene.at, policy, scene.law.divisions)
    resting = [
        each
        for each in scene.rows.by_unit.get(old.unit, ())
        if each.role == old.role and rests(each, old) and each.state(scene.at) in ("live", "pending")
    ]
    facts = [revocation.rest(each, reason, scene)[0] for each in resting]
    recorded = TransferRecorded(
        subject=old.number,
        person_id=old.person,
        successor=successor,
        division=old.division,
        grants=tuple(each.number for each in resting),
        reason=reason,
    )
    return (ended, *facts, *assigned, *staffing.left(old, colleagues, scene.at, scene), recorded)


def _employed(person: str, scene: Scene) -> bool:
    return any(each.live(scene.at) for each in scene.rows.posts.get(person, ()))
