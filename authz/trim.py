"""Trim: which posts of one human being are left out of account beside another one of his, and which count as his own.

A `trim` row of two roles in `duties.csv` leaves the one on the right out, whole: the grants of that post
(`authz/clash.py`) and the service's own acts in it, as if it were not held.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from authz.policy import Duty, PolicySet
from authz.post import Post
from authz.rows import Rows


def roles_of(rows: Rows, hands: frozenset[str], at: datetime) -> frozenset[str]:
    """The roles these natural persons hold at the instant, under all their accounts."""
    return frozenset(post.role for post in _held(rows, hands, at))


def left_out(policy: PolicySet, rows: Rows, post: Post, at: datetime) -> Duty | None:
    """The row that leaves this post out of account: whoever acts in it has the role on the left as well."""
    rules = [
        each for each in policy.duties.values()
        if each.strength == "trim" and each.kind == "roles" and post.role in each.right
    ]  # fmt: skip
    held = roles_of(rows, rows.naturals(post), at) if rules else frozenset[str]()
    return next((each for each in rules if held & each.left), None)


def own(by: Post, rows: Rows, at: datetime) -> Iterable[Post]:
    """The posts to which the holder of this one hands nothing on.

    What somebody hands to a second account of his own is trimmed at the decision, where the giver is known; whom a deputy
    stood in for is not known there, so his accounts count here.
    """
    if by.principal is None:
        return [each for each in rows.posts.get(by.person, ()) if each.live(at)]
    return _held(rows, rows.naturals(by), at)


def _held(rows: Rows, hands: frozenset[str], at: datetime) -> list[Post]:
    mine = [each.id for each in rows.people.values() if each.natural in hands]
    return [post for each in mine for post in rows.posts.get(each, ()) if post.live(at)]
