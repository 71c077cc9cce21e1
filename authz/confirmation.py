"""Confirmation: a grant, or a unit with its posts, given under an older edition is carried over to the one in force.

who       the unit that issued the grant or stands above it in the chain; a regional grant only by the region
to what   the same code if it still stands; otherwise what took its place, or something inside that
never     more than came from the old place, unless the region itself confirms it; a choice is made by a person

A grant confirmed at a place is used there only together with its ancestors, each confirmed as far as it has to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from authz import edition, refusal, revocation
from authz.decision import Law, Scene
from authz.fact import Amend, Change, Fact, Where
from authz.grant import Grant
from authz.post import Post, Unit

REGION = revocation.REGION
ENDED = "请收回此项授权，由接管的单位另行申请或转授"
DISSOLVED = "请为有关人员另行任职，再结束他们在该单位的任职"
_NOBODY: frozenset[str] = frozenset()


class GrantConfirmed(Fact):
    """The grant goes on under this edition, at this division (`left` before), under its name of now."""

    grant: int
    division: str
    left: str
    edition: str
    division_name: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        values = {"division": self.division, "edition": self.edition, "division_name": self.division_name}
        return (Amend("grants", (self.grant,), values),)


class UnitConfirmed(Fact):
    """The unit goes on in `division`, which took the place of `left`; `posts` are its posts that go with it."""

    unit: str
    division: str
    left: str
    edition: str
    posts: tuple[int, ...]
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        moved = {"division": self.division}
        return (Amend("unit", (self.unit,), moved), *(Amend("post", (number,), moved) for number in self.posts))


def inherited(division: str, since: str, law: Law) -> frozenset[str]:
    """What came wholly from an abolished place: the widest divisions in which nobody else's people live."""
    past, divisions = law.lineage, law.divisions
    later = [each for each in past.editions if each >= since]
    fed: dict[str, set[tuple[str, str]]] = {}
    for edge in past.edges:
        if edge.edition > since:
            fed.setdefault(edge.new, set()).add((edge.edition, edge.old))

    def own(code: str) -> bool:
        """Whether it was the place, or lay in it, when the grant was given, and was nobody else's code later."""
        stood = [past.name_in(code, each) is not None for each in later]
        outer: str | None = code
        while outer not in (None, division):
            outer = past.lay_in(str(outer), since, divisions)
        return outer == division and stood[:1] == [True] and (False, True) not in pairwise(stood)

    def pure(code: str, met: frozenset[str] = _NOBODY) -> bool:
        """Whether all who live there came from the place: by themselves, or with a code that took nobody else in."""
        feeders = fed.get(code, set())
        if code in met or not all(pure(old, met | {code}) for _, old in feeders):
            return False
        before = [each for each in past.editions if feeders and each < min(feeders)[0]]
        return own(code) or (bool(before) and past.name_in(code, before[-1]) is None)

    def whole(code: str) -> bool:
        children = divisions.children(code)
        return all(whole(each.code) for each in children) if children else pure(code)

    mine = past.descent(division, since)
    reached = [row.code for row in divisions if row.code in mine or (row.since > since and own(row.code))]
    good = {each for each in {outer for code in reached for outer in divisions.path(code)} if whole(each)}
    return frozenset(each for each in good if not any(outer in good for outer in divisions.path(each)[:-1]))


def choices(grant: Grant, law: Law) -> tuple[str, ...]:
    """The places a grant may go on at, the widest ones: its own while it stands, else what it is known to have become."""
    held = grant.scope.division
    if law.divisions.known(held):
        return (held,)
    wide = inherited(held, grant.edition, law)
    rest = (each for each in law.lineage.heirs.get(held, ()) if not any(law.divisions.covers(w, each) for w in wide))
    return tuple(sorted({*wide, *rest}))


def _grown(held: str, since: str, law: Law) -> bool:
    """Whether the code stands for more, or for another place, than it did: it was used again, or took others in."""
    past = law.lineage
    gaps = [
        each for each in past.editions if each >= since and past.known_once(held) and past.name_in(held, each) is None
    ]
    return bool(gaps) or any(each.new == held and each.edition > since for each in past.edges)


def confirmed(links: Sequence[Grant], asked: str | None, reason: str, scene: Scene) -> GrantConfirmed:
    """The grant goes on under the edition in force."""
    grant, law = revocation.ruled(links, scene), scene.law
    if not edition.waits(grant, law):
        raise refusal.WrongState("该授权不受区划调整影响，无需确认")
    found = choices(grant, law)
    place = asked or (found[0] if len(found) == 1 else None)
    if place is None:
        told = "请从接替的区划中选定一个再确认" if found else f"又没有接替的区划，不能确认：{ENDED}"
        raise refusal.Unacceptable(f"原区划已撤销，{told}", missing="division", choices=list(found))
    row = law.divisions.get(place)
    if not any(law.divisions.covers(each, place) for each in found):
        raise refusal.WiderThanHeld(
            "所选区划不是原区划的接替，请从接替的区划中选定", missing="division", choices=list(found)
        )
    assert scene.post is not None
    if scene.post.role != REGION and _widens(grant, place, law):
        raise refusal.WiderThanHeld("接替的区划比原区划大，须由自治区确认，或另行转授", missing="division")
    edition.must_be_confirmed(links[:-1], place, law)
    if any(edition.standing(each, place, law) != "covers" for each in links[:-1]):
        raise refusal.WiderThanHeld(
            "上级授权不含所选区划：请收回此项授权，由管辖该处的单位另行转授", missing="division"
        )
    return GrantConfirmed(
        grant=grant.number, division=place, left=grant.scope.division, edition=law.divisions.edition,
        division_name=row.name, reason=reason,
    )  # fmt: skip


def _widens(grant: Grant, place: str, law: Law) -> bool:
    held = grant.scope.division
    if law.divisions.known(held):
        return _grown(held, grant.edition, law)
    wide = inherited(held, grant.edition, law)
    return not any(law.divisions.covers(each, place) for each in wide)


def carried(unit: Unit, staff: Iterable[Post], asked: str | None, reason: str, scene: Scene) -> UnitConfirmed:
    """A unit of an abolished place goes on in what took its place, with everybody who is employed there. A deputyship that
    was lent for a smaller place stays at that: it is not wider afterwards."""
    law = scene.law
    if law.divisions.known(unit.division):
        raise refusal.WrongState("该单位所在区划仍在，无需确认")
    level = len(unit.division)
    heirs = {outer for each in law.lineage.heirs.get(unit.division, ()) for outer in law.divisions.path(each)}
    found = sorted(each for each in heirs if len(each) == level)
    place = asked or (found[0] if len(found) == 1 else None)
    if place is None or place not in found:
        told = "请从接替的同级区划中选定该单位的去向" if found else f"没有接替的同级区划，不能确认：{DISSOLVED}"
        raise refusal.Unacceptable(told, missing="division", choices=found)
    posts = tuple(
        sorted(each.number for each in staff if each.valid_until > scene.at and each.division == unit.division)
    )
    return UnitConfirmed(
        unit=unit.id, division=place, left=unit.division, edition=law.divisions.edition, posts=posts, reason=reason
    )
