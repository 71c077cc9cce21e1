"""A world small enough to try everything: one county, two townships of two villages, two cells, two operations.

Every tree of up to three delegations with every single change afterwards (of three, one change each in turn), every
pair of scopes on every axis, and every state of every link at every instant: each decision is the envelope's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from areas import area
from envelope import Envelope, Holding
from lives import Life
from realm import COUNTY, DAY, LEAD, OTHER_TOWN, REGION, START, TOWN, TOWN_UNIT, Realm

from authz import delegation
from authz.decision import Permit, Wish
from authz.delegation import Wanted
from authz.grant import Grant, Scope
from authz.window import Opening

A, B = "monitored.income", "monitored.base"
X, Y = "update", "verify"
END = START + 4 * DAY
VILLAGE, NEXT, FAR = "640324100201", "640324100202", "640324101200"
CELLS, OPERATIONS = (frozenset((A,)), frozenset((A, B))), (frozenset((X,)), frozenset((X, Y)))
SEATS = (
    (TOWN_UNIT, "township_admin", TOWN),
    ("u-640324100201-village", "village_collector", VILLAGE),
    (LEAD, "county_clerk", COUNTY),
)
DEEPEST = 3
ADMIN = {LEAD: 2, TOWN_UNIT: 4}
"""The post of the administrator of a unit."""


# --- every tree -----------------------------------------------------------------------------------------------------
def trees(first: int) -> Iterator[tuple[tuple[int, int, frozenset[str]], ...]]:
    """(which grant it comes from, which seat it goes to, which operations) for up to three delegations."""
    steps = [
        [(parent, seat, each) for parent in range(n + 1) for seat in range(len(SEATS)) for each in OPERATIONS]
        for n in range(3)
    ]
    for count in (1, 2, 3):
        yield from (each for each in itertools.product(*steps[:count]) if each[0][1] == first)


def planted(tree: tuple[tuple[int, int, frozenset[str]], ...]) -> tuple[Life, list[int]]:
    """The tree as far as the rules let it grow; each delegation is compared as it is made."""
    life = Life()
    wish = Opening(COUNTY, (A, B), (X, Y), 2026, START, END, "t", "i", "2026-11-01", None, None)
    number, facts = life.realm.open(wish)
    life.envelope.openings[number] = [number + 1], END
    life.given(number + 1, facts[1], area(COUNTY, (A, B), (X, Y), 2026, START, END), LEAD)
    numbers = [number + 1]
    for parent, seat, operations in tree:
        held = life.envelope.holdings[numbers[min(parent, len(numbers) - 1)]]
        unit, role, place = SEATS[seat]
        by = life.envelope.seats[ADMIN.get(held.unit, 2)]
        life.hand(by, held, Wanted(unit, role, place, held.limits[-1].cells, operations, START, END))
        numbers += [each for each in life.envelope.holdings if each not in numbers]
    return life, numbers


WISHES = [Wish(operation, A, place, 2026, None) for operation in (X, Y) for place in (COUNTY, TOWN, VILLAGE, NEXT, FAR)]
USERS = (2, 4, 6, 3)
"""The administrators of county and township, the collector, the clerk."""


def compare_all(life: Life) -> int:
    for number, wish in itertools.product(USERS, WISHES):
        life.compare(life.envelope.seats[number], wish, life.now)
    return life.permits


CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("revoke", {}), ("suspend", {}), ("narrow", {"operations": frozenset((X,))}), ("narrow", {"division": TOWN}),
    ("narrow", {"valid_from": START + DAY}),
)  # fmt: skip


@pytest.mark.parametrize("first", range(len(SEATS)))
def test_every_tree_and_every_change_of_it(first: int) -> None:
    grown, permits = set(), 0
    for tree in trees(first):
        life, numbers = planted(tree)
        shape = tuple((each.parent, each.unit, each.limits[0].operations) for each in life.envelope.holdings.values())
        if shape in grown:
            continue  # a delegation was refused: the smaller tree was tried already
        grown.add(shape)
        permits += compare_all(life)
        turn = len(grown) % len(CHANGES)
        changes = CHANGES if len(tree) < DEEPEST else CHANGES[turn : turn + 1]
        for number, (verb, changed) in itertools.product(numbers, changes):
            other, _ = planted(tree)
            held = other.envelope.holdings[number]
            if verb == "narrow":
                other.shrink("p-1", held, changed)
            else:
                other.stop("p-1", held, verb)
            permits += compare_all(other)
    assert len(grown) > 50
    assert permits > len(grown)


# --- every pair of scopes -------------------------------------------------------------------------------------------
def scopes() -> list[Scope]:
    return [
        Scope(place, cells, operations, year, START, until, cap, households)
        for place, cells, operations, year, until, cap, households in itertools.product(
            (COUNTY, TOWN, VILLAGE), CELLS, OPERATIONS, (None, 2026), (END, END - DAY), (None, 1), (None, frozenset(("h-1",)))
        )
    ]  # fmt: skip


def box(scope: Scope) -> Any:
    return area(scope.division, scope.cells, scope.operations, scope.data_year, scope.valid_from, scope.valid_until, scope.max_records,
                scope.households)  # fmt: skip


@pytest.mark.parametrize("part", range(2))
def test_every_wish_against_every_parent(part: int) -> None:
    """36,864 delegations: what fits is issued, what does not is refused with exactly the axes that stick out."""
    realm, envelope = Realm(), Envelope(START - DAY, START + 99 * DAY)
    scene, seen = realm.scene("p-2"), [0, 0]
    for held in scopes()[part::2]:
        grant = _grant(1, held, None)
        envelope.holdings = {1: Holding(1, None, LEAD, None, "county_admin", REGION, START, [box(held)], held.division)}
        for scope in scopes():
            wish = Wanted(LEAD, "county_clerk", scope.division, scope.cells, scope.operations, START, scope.valid_until, scope.data_year,
                          scope.max_records, scope.households)  # fmt: skip
            faults, axes = envelope.faults(envelope.seats[2], 1, wish, START)
            found = delegation.plan(wish, (grant,), scene).misfits
            assert faults - {"right"} == set()
            assert {each.axis for each in found} == axes
            seen[bool(axes)] += 1
    assert min(seen) > 1000


def _grant(number: int, scope: Scope, parent: int | None, **more: Any) -> Grant:
    unit, role = (LEAD, "county_admin") if parent is None else (TOWN_UNIT, "township_admin")
    path = (number,) if parent is None else (parent, number)
    made = Grant(
        number, "request", scope, unit, None, role, 1, 1, None, parent, path, "文", None, "e", "n", REGION, None, START, None
    )  # fmt: skip
    return replace(made, **more)


# --- every state at every instant -----------------------------------------------------------------------------------
STATES: tuple[dict[str, Any], ...] = (
    {}, {"revoked_at": START + DAY}, {"rests": ((START + DAY, None, REGION),)}, {"rests": ((START, START + DAY, REGION),)},
    {"issued_at": START + DAY},
)  # fmt: skip
INSTANTS = tuple(START + n * DAY / 2 for n in range(-1, 9))
PLACES = (COUNTY, TOWN, VILLAGE, FAR, OTHER_TOWN)


@pytest.mark.parametrize("upper", range(len(STATES)))
def test_every_state_of_every_link_at_every_instant(upper: int) -> None:
    """Two links in every pair of states and of ends, on every instant and boundary, for every axis of the wish."""
    limits = [(place, cells, until) for place in (COUNTY, TOWN) for cells in CELLS for until in (END, START + DAY)]
    wishes = [
        Wish(op, cell, place, 2026, "h-1") for op, cell, place in itertools.product((X, "collect"), (A, B), PLACES)
    ]
    seen = [0, 0]
    for lower, one, other in itertools.product(range(len(STATES)), limits, limits):
        realm, envelope = Realm(), Envelope(START - 9 * DAY, START + 99 * DAY)
        for number, (place, cells, until), state in ((1, one, STATES[upper]), (2, other, STATES[lower])):
            scope = Scope(place, cells, frozenset((X,)), 2026, START, until)
            grant = _grant(number, scope, None if number == 1 else 1, **state)
            realm.rows.grants[number] = grant
            realm.rows.by_unit[grant.holder_unit] = [grant]
            made = Holding(
                number, grant.parent, grant.holder_unit, None, grant.role, REGION, grant.issued_at, [box(scope)], place
            )
            made.revoked, made.rests = grant.revoked_at, [list(each) for each in grant.rests]
            envelope.holdings[number] = made
        seat, post = envelope.seats[4], realm.rows.post[4]
        for at, wish in itertools.product(INSTANTS, wishes[upper % 2 :: 2]):
            told, expected = realm.decided(post, wish, at), envelope.permits(seat, wish, at)
            assert isinstance(told, Permit) == bool(expected), (told, wish, at)
            seen[isinstance(told, Permit)] += 1
    assert min(seen) > 100


def test_the_exhaustive_world_notices_a_wider_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the comparison of axes, and with a chain of one, the small world fails."""
    monkeypatch.setattr(delegation, "outgrown", lambda links, asked, divisions: ())
    with pytest.raises(AssertionError):
        test_every_wish_against_every_parent(0)
    monkeypatch.undo()
    monkeypatch.setattr(Grant, "current", lambda self, at: at < self.scope.valid_until + timedelta(seconds=1))
    with pytest.raises(AssertionError):
        test_every_state_of_every_link_at_every_instant(0)
