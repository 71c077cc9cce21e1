"""Grants: containment is a partial order, the chain is worth its worst link, and the tree covers as its parents say."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from acts import law
from chains import CELLS, END, OPERATIONS, PLACES, START, County, regional
from hypothesis import given
from hypothesis import strategies as st

from authz import delegation
from authz.fact import Where, instant, parse
from authz.grant import STATES, GrantNarrowed, GrantResumed, GrantRevoked, GrantSuspended, Scope, effective, misfits

DIVISIONS = law().divisions
DAY = timedelta(days=1)
HOUSEHOLDS = ("h-1", "h-2", "h-3")


def scopes() -> st.SearchStrategy[Scope]:
    """Small scopes, so that one often contains another."""
    days = st.integers(0, 3)
    return st.builds(
        lambda place, cells, operations, year, begin, length, most, listed: Scope(
            place, cells, operations, year, START + begin * DAY, START + (begin + length + 1) * DAY, most, listed
        ),
        st.sampled_from(PLACES), st.frozensets(st.sampled_from(CELLS), min_size=1),
        st.frozensets(st.sampled_from(OPERATIONS), min_size=1), st.sampled_from((None, 2026, 2027)), days, days,
        st.sampled_from((None, 5, 9)), st.none() | st.frozensets(st.sampled_from(HOUSEHOLDS)),
    )  # fmt: skip


def within(outer: Scope, inner: Scope) -> bool:
    return not misfits(outer, inner, DIVISIONS)


@given(scopes())
def test_a_scope_contains_itself(scope: Scope) -> None:
    assert within(scope, scope)


@given(scopes(), scopes())
def test_two_scopes_that_contain_each_other_are_one(one: Scope, other: Scope) -> None:
    assert not (within(one, other) and within(other, one)) or one == other


@given(scopes(), scopes(), scopes())
def test_containment_carries_over(one: Scope, two: Scope, three: Scope) -> None:
    assert not (within(one, two) and within(two, three)) or within(one, three)


@given(scopes(), scopes())
def test_what_is_contained_permits_nothing_more(outer: Scope, inner: Scope) -> None:
    """Containment against its meaning: every point of the inner scope is one of the outer."""
    points = itertools.product(PLACES, CELLS, OPERATIONS, (2026, 2027), range(9), HOUSEHOLDS)
    escapes = any(holds(inner, *point) and not holds(outer, *point) for point in points)
    assert not (within(outer, inner) and escapes)


def holds(scope: Scope, place: str, cell: str, operation: str, year: int, day: int, household: str) -> bool:
    return (
        scope.division in DIVISIONS.path(place) and cell in scope.cells and operation in scope.operations
        and scope.data_year in (None, year) and scope.valid_from <= START + day * DAY < scope.valid_until
        and (scope.households is None or household in scope.households)
    )  # fmt: skip


WIDER = {
    "division": {"division": "640324105"}, "cells": {"cells": frozenset(CELLS)},
    "operations": {"operations": frozenset(OPERATIONS)}, "data_year": {"data_year": None}, "from": {"valid_from": START - DAY},
    "until": {"valid_until": END + DAY}, "max_records": {"max_records": None}, "households": {"households": None},
}  # fmt: skip
TIGHT = Scope(
    "640324100", frozenset(CELLS[:1]), frozenset(OPERATIONS[:1]), 2026, START, END, 10, frozenset(HOUSEHOLDS[:1])
)  # fmt: skip


@pytest.mark.parametrize("axes", [axes for n in (1, 2, 8) for axes in itertools.combinations(WIDER, n)])
def test_every_axis_that_does_not_fit_is_named(axes: tuple[str, ...]) -> None:
    asked = replace(TIGHT, **{name: value for axis in axes for name, value in WIDER[axis].items()})
    assert {each.axis for each in misfits(TIGHT, asked, DIVISIONS)} == set(axes)


@pytest.mark.parametrize(("outer", "inner", "covered"), [
    ("640104010", "640104011", False), ("640104010", "640104012", False), ("640324100", "640324101", False),
    ("640302", "640303", False), ("640324", "640324100001", True), ("640324", "640422", False),
    ("640324100201", "640324100", False), ("64", "640303400", True), ("640324000000", "640324100", False),
])  # fmt: skip
def test_attacks_51_to_56_a_code_is_no_prefix(outer: str, inner: str, covered: bool) -> None:
    assert DIVISIONS.covers(outer, inner) is covered


def test_a_chain_is_worth_its_worst_link() -> None:
    """Every pair of states of parent and child; a grant that itself ended says so, whatever happened above it."""
    county = County()
    moments = {"pending": START - DAY, "live": START, "expired": END}
    facts = {"revoked": {"revoked_at": START}, "suspended": {"rests": ((START, None, None),)}}
    grant = county.rows.grants[100]

    def having(state: str, number: int) -> object:
        if state == "pending":
            return replace(grant, number=number, issued_at=START + DAY)
        if state == "expired":
            return replace(grant, number=number, scope=replace(grant.scope, valid_until=START))
        return replace(grant, number=number, **facts.get(state, {}))  # type: ignore[arg-type]

    assert set(STATES) == {*moments, *facts}
    for above, own in itertools.product(STATES, STATES):
        state, because = effective((having(above, 1), having(own, 2)), START)  # type: ignore[arg-type]
        assert (state, because) == _worth(above, own)


def _worth(above: str, own: str) -> tuple[str, int]:
    if own in ("revoked", "expired") or STATES.index(own) <= STATES.index(above):
        return own, 2
    return above, 1


@pytest.mark.parametrize("fact", [
    GrantRevoked(grant=100, division="640324", reason="r", cut=(1, 2)),
    GrantSuspended(grant=100, division="640324", reason="r", cut=(), suspensions=((instant(START), instant(END), "u-64-lead"),)),
    GrantResumed(grant=100, division="640324", reason="r", suspensions=((instant(START), None, "u-64-lead"),)),
    GrantNarrowed(grant=100, division="640324", cells=CELLS[:1], operations=OPERATIONS[:1], data_year=2026,
                  valid_from=instant(START), valid_until=instant(END), max_records=3, households=("h-1",), edition="e",
                  division_name="n", reason="r", cut=()),
    regional(),
], ids=lambda fact: fact.kind)  # fmt: skip
def test_a_fact_reads_back_as_itself_and_amends_only_its_grant(fact: object) -> None:
    assert parse(fact.plain()) == fact  # type: ignore[attr-defined]
    assert {each.key[0] for each in fact.changes(Where(100, START))} == {100}  # type: ignore[attr-defined]


def test_a_suspension_remembers_who_ordered_it_and_ends() -> None:
    county = County()
    county.record("p-1", GrantSuspended(grant=100, division="640324", reason="r", cut=(), suspensions=()))
    resting = county.rows.grants[100]
    assert resting.suspended(START)
    assert resting.rested_by == "u-64-lead"
    county.at += DAY
    spans = ((instant(START), None, "u-64-lead"),)
    county.record("p-1", GrantResumed(grant=100, division="640324", reason="r", suspensions=spans))
    resumed = county.rows.grants[100]
    assert resumed.suspended(START)
    assert not resumed.suspended(county.at)
    assert resumed.rested_by is None


@pytest.mark.parametrize(("inner", "wide"), [
    (TIGHT, False), (replace(TIGHT, operations=frozenset(OPERATIONS)), True), (replace(TIGHT, division="640324"), True),
    (replace(TIGHT, max_records=None), True), (replace(TIGHT, max_records=1), False),
])  # fmt: skip
def test_wider_than_its_document(inner: Scope, wide: bool) -> None:
    assert delegation.wider(inner, [None, TIGHT], DIVISIONS) is wide
    assert not delegation.wider(inner, [None], DIVISIONS)


def test_codes_the_edition_does_not_know_are_compared_as_written() -> None:
    gone = replace(TIGHT, division="640323104")
    assert not delegation.wider(gone, [gone], DIVISIONS)
    assert not delegation.wider(gone, [replace(gone, max_records=20)], DIVISIONS)
    assert delegation.wider(gone, [replace(gone, max_records=5)], DIVISIONS)
