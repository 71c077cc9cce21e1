"""Tenure: a grant made out to a person rests on the post he held when it was issued, and so does all he handed on.

When that post is over, nobody can use the grant, nor any below it, until whoever issued it makes it out to somebody who
is in office and he hands on anew. It is asked at the instant of each decision: nothing is written when a post ends, and a
term that runs out is no act (docs/decisions/0016).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from authz.grant import Grant, effective, narrowed
from authz.post import Post

Seats = Mapping[str, Sequence[Post]]
"""Person -> all his posts; of whom nothing is known is in no office."""

VACATED: Final = "vacated"


def rests(grant: Grant, post: Post) -> bool:
    """Whether a grant made out to a person rests on this post of his."""
    earlier = post.valid_from < grant.issued_at or (post.valid_from == grant.issued_at and post.number < grant.number)
    return grant.holder_person == post.person and earlier and grant.issued_at < post.valid_until


def vacant(grant: Grant, seats: Seats, at: datetime) -> bool:
    """Whether it is made out to a person who is not in the post it rests on."""
    return grant.holder_person is not None and not _sat(grant, seats, at)


def _sat(grant: Grant, seats: Seats, at: datetime) -> list[Post]:
    """The posts it rests on in which its holder is."""
    return [
        post for post in seats.get(str(grant.holder_person), ())
        if (post.unit, post.role) == (grant.holder_unit, grant.role) and rests(grant, post) and post.live(at)
    ]  # fmt: skip


def last(links: Sequence[Grant], seats: Seats, at: datetime) -> datetime:
    """The instant at which a chain that is worth something ends by itself: with a link, or with the post of whoever
    holds one above the last."""
    ends = [
        max(post.valid_until for post in sat) for each in links[:-1]
        if (sat := _sat(each, seats, at))
    ]  # fmt: skip
    return min([narrowed(links), *ends])


def state(grant: Grant, seats: Seats, at: datetime) -> str:
    """What stands against this grant alone: its state, or that its holder has left."""
    own = grant.state(at)
    return VACATED if own in ("live", "pending") and vacant(grant, seats, at) else own


def worth(links: Sequence[Grant], seats: Seats, at: datetime) -> tuple[str, int]:
    """What the last grant of a chain is worth with whoever holds those above it, and the number of the link that
    decides it. Whether its own holder is in office is asked of him who uses it."""
    told, because = effective(links, at)
    left = next((each.number for each in links[:-1] if vacant(each, seats, at)), None)
    if left is None or told not in ("live", "pending"):
        return told, because
    return VACATED, left


def above(known: Collection[Grant]) -> frozenset[str]:
    """The persons to whom grants above others of these are made out."""
    made = {each.number: each.holder_person for each in known}
    parents = {number for grant in known for number in grant.path[:-1]}
    return frozenset(person for number in parents if (person := made.get(number)) is not None)
