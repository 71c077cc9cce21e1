"""An extent: what a post may do now, as data that a list can be filtered by.

A grant is worth what its whole chain leaves over (parental consent, S34), less what the role may not do, what a deputy
was not lent, what a duty leaves out, what a county forbids, and what waits since the divisions changed. So a grant may
yield several extents: one for each place that stands as a whole, and one for each set of operations that some cells have
in common. Every pair of cell and operation of an extent is permitted at every village in it, up to the households it
lists and the number it has left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from authz import clash, edition
from authz.decision import Scene, held
from authz.division import Divisions
from authz.grant import Grant, chain
from authz.post import Post
from authz.refusal import Denied
from authz.tenure import last, worth

NOTICE = "lapse_notice_days"
_NOTICE_DAYS = 14
"""Where the policy on record is older than the setting (local)."""


@dataclass(frozen=True, slots=True)
class Extent:
    """`households` is null for all of the place; `left` is how many new households still fit under the record caps."""

    post: Post
    division: str
    cells: tuple[str, ...]
    operations: tuple[str, ...]
    data_year: int | None
    until: datetime
    grant: Grant
    document: str | None
    households: frozenset[str] | None
    left: int | None

    def lapses(self, scene: Scene) -> bool:
        """Whether it ends within the days of notice, so that a new request should be written."""
        return self.until - scene.at <= timedelta(days=notice_days(scene))


def notice_days(scene: Scene) -> int:
    """How many days before its end an authority is marked."""
    setting = scene.law.policy.handling.get(NOTICE)
    return _NOTICE_DAYS if setting is None else setting.value


def extents(post: Post, scene: Scene) -> Iterator[Extent]:
    """Everything the post may do at the instant of the scene, grant by grant."""
    try:
        edition.must_stand(post, scene.law)
    except Denied:
        return
    left, _ = clash.trimmed(scene, post, scene.at)
    for grant in held(left.rows, post):
        links = chain(grant, scene.rows.grants)
        if worth(links, scene.rows.posts, scene.at)[0] == "live":
            yield from _of_chain(links, post, scene)


def _of_chain(links: Sequence[Grant], post: Post, scene: Scene) -> Iterator[Extent]:
    scopes = [each.scope for each in links]
    years = {each.data_year for each in scopes if each.data_year is not None}
    lists = [each.households for each in scopes if each.households is not None]
    listed = frozenset.intersection(*lists) if lists else None
    if len(years) > 1 or listed == frozenset():
        return
    room = [
        max(0, each.scope.max_records - scene.rows.used.get(each.number, 0))
        for each in links
        if each.scope.max_records is not None
    ]
    for place in _places(links, post, scene):
        for operations, cells in _deeds(links, place, post, scene).items():
            yield Extent(
                post, place, tuple(sorted(cells)), tuple(sorted(operations)), next(iter(years), None),
                min(last(links, scene.rows.posts, scene.at), post.valid_until), links[-1], links[0].document, listed, min(room, default=None),
            )  # fmt: skip


def _deeds(links: Sequence[Grant], place: str, post: Post, scene: Scene) -> dict[frozenset[str], list[str]]:
    """Operations -> the cells that have exactly these of them."""
    law, leaf = scene.law, links[-1]
    cells = frozenset.intersection(*(each.scope.cells for each in links))
    lent = [
        each
        for each in frozenset.intersection(*(each.scope.operations for each in links))
        if post.lends(each, place, law.divisions)
    ]
    found: dict[frozenset[str], list[str]] = {}
    for cell in cells:
        operations = frozenset(each for each in lent if law.permits(leaf, each, cell, place, scene.at) is not None)
        if operations:
            found.setdefault(operations, []).append(cell)
    return found


def _places(links: Sequence[Grant], post: Post, scene: Scene) -> Iterator[str]:
    """The largest places inside every link that stand as a whole."""
    divisions = scene.law.divisions
    held_at = [each.scope.division for each in links]
    if post.deputy_for is not None:
        held_at.append(post.division)
    if not all(map(divisions.known, held_at)):
        return
    inner = max(held_at, key=lambda each: len(divisions.path(each)))
    if all(divisions.covers(each, inner) for each in held_at):
        yield from _whole(inner, links, scene)


def _whole(place: str, links: Sequence[Grant], scene: Scene) -> Iterator[str]:
    law, divisions = scene.law, scene.law.divisions
    if not all(_way_stands(each, place, divisions) for each in links):
        return
    narrowed_inside = any(each != place and divisions.covers(place, each) for each in (*law.narrowings, *law.former))
    if not narrowed_inside and all(_inside_stands(each, place, divisions) for each in links):
        yield place
        return
    for child in divisions.children(place):
        yield from _whole(child.code, links, scene)


def _way_stands(link: Grant, place: str, divisions: Divisions) -> bool:
    """Whether nothing on the way to the place waits for a confirmation; otherwise everything inside it waits too."""
    return link.edition >= divisions.edition or divisions.newest_between(link.scope.division, place) <= link.edition


def _inside_stands(link: Grant, place: str, divisions: Divisions) -> bool:
    return link.edition >= divisions.edition or divisions.newest(place) <= link.edition
