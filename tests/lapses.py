"""Faults in what changes over time: editions, confirmations, moves, letters, people. The walk by itself must notice each.

`relapses.py` holds the failures of others; these are our own fears, one or more for every act of the walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from authz import confirmation, decision, edition, filing, household, lineage, step, tenure, transfer, window
from authz import deputy as deputies
from authz.confirmation import GrantConfirmed, UnitConfirmed
from authz.decision import Law, Scene
from authz.division import Divisions
from authz.fact import Amend
from authz.household import HouseholdMoveAsked

Patch = tuple[Any, str, Any]
_STANDING, _REVISED_SINCE = edition.standing, lineage._since


def _passes(*given: Any, **named: Any) -> None:
    return None


def _prefix(self: Divisions, outer: str, inner: str) -> bool:
    return self.known(outer) and self.known(inner) and inner.startswith(outer)


def _no_wait(grant: Any, asked: str, law: Any) -> str:
    """An edition changes nothing: whatever lies in the place is covered."""
    return "covers" if law.divisions.covers(grant.scope.division, asked) else "outside"


def _old_parent(grant: Any, asked: str, law: Any) -> str:
    """A moved place stays with where it lay, as its code says."""
    gone_with = asked.startswith(grant.scope.division) and law.divisions.known(asked)
    return "covers" if gone_with else _STANDING(grant, asked, law)


def _alone(self: GrantConfirmed, where: Any) -> tuple[Any, ...]:
    """A confirmed grant forgets what it came from: it outlives its parent's end."""
    values = {
        "division": self.division,
        "edition": self.edition,
        "division_name": self.division_name,
        "path": [self.grant],
    }
    return (Amend("grants", (self.grant,), values),)


def _revived(self: GrantConfirmed, where: Any) -> tuple[Any, ...]:
    """A confirmed grant begins anew, without an end of its own."""
    values = {"division": self.division, "edition": self.edition, "division_name": self.division_name, "suspensions": [],
              "valid_until": "2027-06-30T00:00:00.000000Z"}  # fmt: skip
    return (Amend("grants", (self.grant,), values),)


def _no_edition(self: GrantConfirmed, where: Any) -> tuple[Any, ...]:
    return (Amend("grants", (self.grant,), {"edition": "9999-12-31", "division": self.division}),)


def _whole_unit(self: UnitConfirmed, where: Any) -> tuple[Any, ...]:
    """A carried unit takes its county with it."""
    wide = {"division": self.division[:6]}
    return (Amend("unit", (self.unit,), wide), *(Amend("post", (number,), wide) for number in self.posts))


def _moved_at_once(self: HouseholdMoveAsked, where: Any) -> tuple[Any, ...]:
    values = {"division": self.to, "moving_to": None, "move_asked_by": None}
    return (Amend("household", (self.household,), values),)


def _unmoved(found: Any, divisions: Any, rows: Any) -> dict[str, str]:
    return _REVISED_SINCE(found, divisions, tuple(each for each in rows if each.kind != lineage.MOVED))


def _merged_unseen(found: Any, divisions: Any, rows: Any) -> dict[str, str]:
    return _REVISED_SINCE(found, divisions, tuple(each for each in rows if each.kind not in lineage.RECODED))


def _regional_only(self: Law, holding: Any, act: str, object: str, division: str, at: Any) -> str | None:
    return self.rule.permits(holding, act, object, division, at, self.divisions)


def _anywhere(self: Law, holding: Any, act: str, object: str, division: str, at: Any) -> str | None:
    """A narrowing is looked up at the holder's own place instead of the place asked for."""
    row = self.rule.permits(holding, act, object, division, at, self.divisions)
    bound = self.narrowings.get(division)
    return None if row is None or (bound is not None and (holding.role, act, object) in bound.forbids) else row


def _any_token(self: Scene, person: str, issued_at: int, post: int | None) -> None:
    self.person = self.rows.people[person]
    live = [each for each in self.rows.posts.get(person, ()) if each.live(self.at) and post in (None, each.number)]
    self.post = live[0] if live else None


LAPSES: dict[str, tuple[Patch, ...]] = {
    # editions
    "an edition changes nothing": ((edition, "standing", _no_wait),),
    "a place lies where its code says": ((Divisions, "covers", _prefix),),
    "a moved village stays with the old township": ((edition, "standing", _old_parent),),
    "a moved village belongs to the new township at once": ((lineage, "_since", _unmoved),),
    "a village takes others in and nobody is asked": ((lineage, "_since", _merged_unseen),),
    "who sits in a place that is no more acts on": ((edition, "must_stand", _passes),),
    # confirmations
    "a confirmation widens the place": ((confirmation, "_widens", lambda grant, place, law: False),),
    "a grant is confirmed at any place": (
        (confirmation, "choices", lambda grant, law: tuple(each.code for each in law.divisions)),),
    "anybody confirms": ((confirmation.revocation, "ruled", lambda links, scene: links[-1]),),
    "a grant is confirmed before its parent": (
        (edition, "must_be_confirmed", _passes), (edition, "standing", lambda grant, asked, law: "covers")),
    "a confirmed grant outlives its parent": ((GrantConfirmed, "changes", _alone),),
    "a confirmed grant begins anew": ((GrantConfirmed, "changes", _revived),),
    "what is confirmed once is confirmed for ever": ((GrantConfirmed, "changes", _no_edition),),
    "what does not wait is confirmed": ((edition, "waits", lambda grant, law: True),),
    "a carried unit gets a wider place": ((UnitConfirmed, "changes", _whole_unit),),
    "a code that was used again is the old place": ((confirmation, "_grown", lambda held, since, law: False),),
    # households
    "a household moves when it is asked for": ((HouseholdMoveAsked, "changes", _moved_at_once),),
    "a household moves without the other side": ((household, "consents", lambda known, left, to: ()),),
    "one person moves a household alone": ((household, "must_be_two", _passes),),
    "a household lives where it was first recorded": ((edition, "settled", lambda known, law: known),),
    # letters, windows, the rules of a county
    "a returned request comes back wider": ((filing, "_must_narrow", _passes),),
    "what was taken back or returned is decided": ((step, "must_stand", _passes),),
    "a later quarter begins at once": ((window, "shifted", lambda wish, turn: wish),),
    "the data year of a later quarter stays": (
        (window, "shifted", lambda wish, turn: replace(
            wish, valid_from=window.quarters_on(wish.valid_from, turn), valid_until=window.quarters_on(wish.valid_until, turn))),),
    "what a county forbids is done all the same": ((Law, "permits", _regional_only),),
    "a narrowing binds the county's own office alone": ((Law, "permits", _anywhere),),
    # people
    "what he handed on outlives his post": ((tenure, "vacant", lambda grant, seats, at: False),),
    "what he handed on rests on any post of his": ((tenure, "rests", lambda grant, post: grant.holder_person == post.person),),
    "what was his own goes with him": ((transfer, "rests", lambda grant, post: False),),
    "a deputyship is not ended": ((deputies.DeputyEnded, "changes", lambda self, where: ()),),
    "a void token still acts": ((Scene, "enter", _any_token),),
    "a deputy does whatever the post may": ((decision.Post, "lends", lambda self, operation, division, divisions: True),),
}  # fmt: skip


EARLY = {
    "what was his own goes with him": 859, "a confirmation widens the place": 485, "a code that was used again is the old place": 485,
    "a household lives where it was first recorded": 548, "a deputyship is not ended": 660, "a carried unit gets a wider place": 95,
}  # fmt: skip
"""A life that meets a rare lapse soon: tried first, before all others in their order."""


@contextmanager
def lapsed(name: str) -> Iterator[None]:
    """While this lasts, the fault is there."""
    with ExitStack() as stack:
        for place, attribute, value in LAPSES[name]:
            stack.enter_context(patch.object(place, attribute, value))
        yield
