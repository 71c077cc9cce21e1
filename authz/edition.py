"""What a new edition of the divisions does to what was given under an older one.

Nothing is written about a grant when an edition comes into force. Every division says since which edition it is who it
is, every grant under which edition it was given, and a decision compares the two on the way from the grant's place down
to the place asked for: what has changed in between waits until somebody confirms it (G11 to G13).

    covers    the grant reaches the place, and nothing on the way has changed since it was given
    waits     it would reach it, or once did, but somebody has to confirm that first
    outside   it does not reach it, now or then

Editions are named by their day, so an older one is the lesser text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, Protocol

from authz import refusal
from authz.division import Divisions, closing
from authz.grant import Grant
from authz.household import Household
from authz.lineage import Lineage
from authz.post import Post

Standing = Literal["covers", "waits", "outside"]


class Law(Protocol):
    """The part of the law in force that this is about."""

    @property
    def divisions(self) -> Divisions: ...

    @property
    def lineage(self) -> Lineage: ...


def standing(grant: Grant, asked: str, law: Law) -> Standing:
    """How one grant of a chain stands to a place, whatever the rest of its scope."""
    held, divisions = grant.scope.division, law.divisions
    if divisions.covers(held, asked):
        older = grant.edition < divisions.edition
        return "waits" if older and divisions.newest_between(held, asked) > grant.edition else "covers"
    if grant.edition >= divisions.edition:
        return "outside"
    heirs = law.lineage.heirs.get(held, frozenset())
    if any(divisions.covers(each, asked) for each in heirs):
        return "waits"
    gone = asked in law.lineage.seat and held in (asked, *law.lineage.above(asked))
    # Where there is nothing to confirm, nobody is sent to confirm it.
    return "waits" if gone and waits(grant, law) else "outside"


def waits(grant: Grant, law: Law) -> bool:
    """Whether there is anything in the grant's reach that it may not be used for before it is confirmed."""
    held, divisions = grant.scope.division, law.divisions
    if grant.edition >= divisions.edition:
        return False
    return not divisions.known(held) or divisions.newest(held) > grant.edition


def must_be_confirmed(links: Iterable[Grant], asked: str, law: Law) -> None:
    """Refuse to build on a chain that waits for its confirmation at this place."""
    waiting = [each.number for each in links if standing(each, asked, law) == "waits"]
    if waiting:
        raise refusal.ScopeNeedsConfirmation(missing="edition", grant=waiting[0])


def must_stand(post: Post, law: Law) -> None:
    """Refuse whoever acts from a place that is no more, until his unit has been carried over to what took its place."""
    if not law.divisions.known(post.division):
        raise refusal.ScopeNeedsConfirmation(
            "您所在单位的行政区划已撤销，请联系系统管理员办理单位区划确认后再办理业务", missing="unit"
        )


def seats(division: str, law: Law) -> tuple[str, ...]:
    """Who answers for a place: itself; for an abolished one what took it over as a whole, and what it lay in."""
    if (outer := law.lineage.seat.get(division)) is None:
        return (division,)
    now = law.lineage.sole.get(division)
    return (outer,) if now is None else (now, outer)


def reach(division: str, law: Law) -> frozenset[str]:
    """The place, everything inside it, and what was abolished there: whoever oversees the place reads its past too."""
    if law.divisions.known(division):
        inside = law.divisions.below(division)
        return inside | {code for code in law.lineage.seat if not inside.isdisjoint(seats(code, law))}
    if division not in law.lineage.seat:
        raise refusal.BadDivisionCode()
    return frozenset((division, *(each for each in law.lineage.seat if division in law.lineage.above(each))))


def heir(division: str, law: Law) -> str | None:
    """The one place that an abolished one lives on in; None while it stands, or if it was split or has no successor."""
    return law.lineage.sole.get(division)


def settled(known: Household | None, law: Law) -> Household | None:
    """The household where it lives now, and where it is about to: the register keeps the codes of their time, and the one
    successor of each is that place."""
    if known is None:
        return None
    now, to = heir(known.division, law), heir(known.moving_to, law) if known.moving_to is not None else None
    if now is None and to is None:
        return known
    return replace(known, division=now or known.division, moving_to=to or known.moving_to)


def closed(division: str, law: Law) -> str | None:
    """What to tell whoever names an abolished place; None while it stands."""
    return closing(heir(division, law)) if division in law.lineage.seat else None
