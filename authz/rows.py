"""What an act reads: the register keys it names beforehand (`Reads`), and what was on record for them (`Rows`).

Plain values without a database: rules and tests build them by hand, `authz/register.py` fills them from the tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from authz.approval import Approval
from authz.citation import Citing, Letter
from authz.grant import Grant
from authz.household import Household
from authz.post import Person, Post, Unit

Hand = tuple[str | None, int | None, int | None, str, str]
"""Cell, data year, quarter, operation, natural person; for the operation `member` the first three are null."""


@dataclass(slots=True)  # not frozen: one is made per act, and a frozen one is set member by member
class Reads:
    """Register keys an act needs, known before the lock is taken.

    `persons` brings their posts and every grant they may use with its ancestors; `grants` brings the ancestors of
    these grants and everything below them; `posts` brings the post and its person.
    """

    persons: frozenset[str] = frozenset()
    posts: frozenset[int] = frozenset()
    units: frozenset[str] = frozenset()
    staff: frozenset[str] = frozenset()
    """Units whose posts are needed."""
    households: frozenset[str] = frozenset()
    grants: frozenset[int] = frozenset()
    requests: frozenset[int] = frozenset()
    openings: frozenset[int] = frozenset()
    erasures: frozenset[int] = frozenset()
    editions: frozenset[int] = frozenset()
    """Editions by number, with which comes the one that lies filed; 0 asks for that alone."""
    documents: frozenset[str] = frozenset()
    renewals: frozenset[int] = frozenset()
    """Grants of which it is needed which request lines cite them."""
    mail: frozenset[str] = frozenset()
    """Numbers of the register of incoming mail, as they are compared (`authz/citation.py`)."""
    naturals: frozenset[str] = frozenset()
    """Identity tokens whose accounts are needed."""
    collected: frozenset[str] = frozenset()
    """Households of which it is needed who collected what."""
    checked: frozenset[str] = frozenset()
    """Households of which it is needed who did anything else to them that still stands, and who belongs to them."""
    reported: frozenset[str] = frozenset()
    """Households of which it is needed whose hands were reported on them (`authz/hindsight.py`)."""
    ties: frozenset[int] = frozenset()
    amendments: frozenset[int] = frozenset()
    officers: frozenset[int] = frozenset()
    proposals: frozenset[int] = frozenset()
    approved: frozenset[str] = frozenset()
    """Households of which the approvals not yet used are needed."""
    imports: frozenset[str] = frozenset()
    """Names of imported edits (`authz/hindsight.py`)."""
    contested: frozenset[int] = frozenset()
    """Entries of edits of which it is needed who has objected to them (`authz/attribution.py`)."""

    def __or__(self, other: Reads) -> Reads:
        return union((self, other))


_KEYS = attrgetter(*(each.name for each in fields(Reads)))


@dataclass(slots=True)
class Rows:
    """What is on record for some reads, at one log position."""

    people: dict[str, Person] = field(default_factory=dict)
    posts: dict[str, list[Post]] = field(default_factory=dict)
    post: dict[int, Post] = field(default_factory=dict)
    staff: dict[str, list[Post]] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    households: dict[str, Household] = field(default_factory=dict)
    grants: dict[int, Grant] = field(default_factory=dict)
    by_unit: dict[str, list[Grant]] = field(default_factory=dict)
    requests: dict[int, dict[str, Any]] = field(default_factory=dict)
    openings: dict[int, dict[str, Any]] = field(default_factory=dict)
    erasures: dict[int, dict[str, Any]] = field(default_factory=dict)
    editions: dict[int, dict[str, Any]] = field(default_factory=dict)
    officers: dict[int, dict[str, Any]] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    renewals: dict[int, list[Citing]] = field(default_factory=dict)
    mail: dict[str, list[Letter]] = field(default_factory=dict)
    charter: dict[str, str] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    """Distinct households with a permitted write, for capped grants only."""
    seen: set[tuple[int, str]] = field(default_factory=set)
    hands: dict[str, set[Hand]] = field(default_factory=dict)
    """Household -> whose hands were on it, and who belongs to it."""
    reported: dict[str, set[Hand]] = field(default_factory=dict)
    """Household -> whose hands were on it as somebody reported: permitted by nobody."""
    ties: dict[int, dict[str, Any]] = field(default_factory=dict)
    amendments: dict[int, dict[str, Any]] = field(default_factory=dict)
    proposals: dict[int, dict[str, Any]] = field(default_factory=dict)
    approvals: dict[str, list[Approval]] = field(default_factory=dict)
    imports: dict[str, int] = field(default_factory=dict)
    """Name of an imported edit -> its entry."""
    objected: set[tuple[int, str]] = field(default_factory=set)
    """Entry of an edit, and a person who has objected to what it attributes to him."""
    versions: dict[tuple[str, Any], int] = field(default_factory=dict)
    """(table, key) -> entry that made the version on record; the ETag of a thing."""

    def below(self, number: int) -> list[Grant]:
        """The grants under this one, itself left out, parents before children."""
        found = [each for each in self.grants.values() if number in each.path and each.number != number]
        return sorted(found, key=lambda each: each.number)

    def naturals(self, post: Post) -> frozenset[str]:
        """The natural persons whose hands an act in this post counts as."""
        return frozenset([self.people[each].natural for each in post.accounts])


def union(reads: Iterable[Reads]) -> Reads:
    """All of these reads as one."""
    sets: list[set[Any]] = [set() for _ in fields(Reads)]
    for each in reads:
        for kept, found in zip(sets, _KEYS(each), strict=True):
            if found:
                kept.update(found)
    return Reads(*map(frozenset, sets))
