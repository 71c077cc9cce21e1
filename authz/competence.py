"""Competence: whether the body a written request goes to has the people who can answer it, and two of them (S32).

There is nobody above the region to whom a request could climb. So what is missing is said: with the signature and on
record, in the dossier for as long as it is so, in the staffing report, and to whoever ends the post that leaves it so.
Filing is never refused for it: the letter is good, and its day of filing counts.

    handler    nobody in office may receive and propose
    approver   nobody in office may decide it: the applicant's own people and the hands already in it may not
    two        there is one human being for both sides, and it takes two
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from authz import step
from authz.decision import Scene
from authz.fact import Fact, instant
from authz.post import Post
from authz.refusal import Denied

HANDLER, APPROVER, TWO = "handler", "approver", "two"
DECIDE: Final = "request.decide"
HANDLING: Final = ("request.receive", "request.propose")
ROLES: Final = ("region_handler", "region_approver")
WORDS: Final = {
    HANDLER: "目前没有可以承办的在任承办人",
    APPROVER: "目前没有可以审批的在任审批人（申请单位的人员和已经手的人员不得审批）",
    TWO: "目前可以承办和可以审批的是同一个人，须由两个不同的人分别办理",
}
Row = dict[str, Any]


class AnswererLacked(Fact):
    """The request `subject` was filed while the body it goes to could not answer it; `lacks` says of whom it is short."""

    authority = False
    subject: int
    division: str
    short_unit: str
    lacks: tuple[str, ...]


def lacks(row: Row, scene: Scene) -> tuple[str, ...]:
    """What the body is short of to answer this request as it stands, or would if it were signed now by whom it names.

    Every step is tried by every person in office there, by the very rules that will judge it.
    """
    body, rows = row["body"], scene.rows
    filed = row | {"body": body | {"filed_at": instant(scene.at), "hands": _hands(row, scene)}}
    staff = rows.staff.get(body["document"]["addressee"], ())
    left = () if body.get("proposal") is not None else HANDLING[1:] if row["state"] == "received" else HANDLING
    handling = [[after for each in staff if (after := _after(act, filed, each, scene))] for act in left]
    deciding = [each for each in staff if _after(DECIDE, filed, each, scene)]
    if any(all(any(_after(DECIDE, after, each, scene) for after in may) for may in handling) for each in deciding):
        return ()
    found = (() if all(handling) else (HANDLER,)) + (() if deciding else (APPROVER,))
    return found or (TWO,)


def unanswering(unit: str, division: str, staff: Iterable[Post], scene: Scene) -> tuple[str, ...]:
    """What a body with these posts is short of to answer whatever comes from nobody it knows."""
    rows = replace(scene.rows, staff={**scene.rows.staff, unit: list(staff)})
    letter = {"addressee": unit, "cc": [], "signatory": ""}
    body = {"unit": "", "document": letter, "hands": []}
    return lacks({"state": "filed", "division": division, "body": body}, replace(scene, rows=rows))


def noted(row: Row, hands: Any, scene: Scene) -> tuple[AnswererLacked, ...]:
    """The fact, beside the signature that makes these the hands in the request, that nobody can answer it."""
    found = lacks(row | {"body": row["body"] | {"hands": hands}}, scene)
    if not found:
        return ()
    unit = row["body"]["document"]["addressee"]
    return (AnswererLacked(subject=row["number"], division=row["division"], short_unit=unit, lacks=found),)


def appointing(division: str, scene: Scene) -> list[dict[str, str]]:
    """Who may fill the gap: the roles that give both posts, at the place of the body."""
    words = scene.law.policy.catalogue
    roles = [each for each in sorted(words.roles) if all(words.may_appoint(each, one) for one in ROLES)]
    return [{"division": division, "role": each, "how": "appointment"} for each in roles]


def _hands(row: Row, scene: Scene) -> list[Any]:
    """The hands in a request, with that of the signatory it names, whose turn may still be to come."""
    signatory = row["body"]["document"]["signatory"]
    return [*row["body"]["hands"], *([["request.sign", signatory]] if signatory in scene.rows.people else [])]


def _after(act: str, row: Row, post: Post, scene: Scene) -> Row | None:
    """The request with the hand of this post in it; None if the post may not take the step."""
    seat = replace(scene, person=scene.rows.people[post.person], post=post)
    try:
        seat.must(act, row["division"])
        if act == DECIDE:
            step.must_be_outside(row, seat)
        hands = step.hand(act, row, seat)
    except Denied:
        return None
    return row | {"body": row["body"] | {"hands": hands}} if step.visible(seat, row) else None
