"""Delegation and its end: never wider than any ancestor, by whom, to whom, how deep; and who may revoke or narrow."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chains import (
    CELLS,
    END,
    FOREIGN,
    LEAD,
    OPERATIONS,
    START,
    TOWN_UNIT,
    VILLAGE,
    VILLAGE_UNIT,
    County,
    wanted,
)

from authz import delegation, refusal, revocation
from authz.delegation import Wanted
from authz.grant import GrantIssued

DAY = timedelta(days=1)


def hand_on(county: County, parent: int, wish: Wanted, person: str = "p-2") -> int:
    """Delegate and record; the new grant's number."""
    scene, links = county.scene(person), county.links(parent)
    return county.record(person, delegation.issue(delegation.plan(wish, links, scene), wish, links, "r", scene))


def refused(county: County, parent: int, wish: Wanted, person: str = "p-2") -> refusal.Refusal:
    with pytest.raises(refusal.Refusal) as caught:
        hand_on(county, parent, wish, person)
    return caught.value


def axes(county: County, parent: int, wish: Wanted, person: str = "p-2") -> set[str]:
    told = refused(county, parent, wish, person)
    assert isinstance(told, refusal.WiderThanHeld)
    return {each["axis"] for each in told.members["misfits"]}


def test_what_fits_is_issued_with_its_whole_descent() -> None:
    county = County()
    child = hand_on(county, 100, wanted())
    grandchild = hand_on(county, child, wanted(holder=VILLAGE_UNIT, role="village_collector", division=VILLAGE), "p-4")
    made = county.rows.grants[grandchild]
    assert made.path == (100, child, grandchild)
    assert (made.document, made.request, made.line, made.parent) == ("宁乡振发〔2026〕9号", 7, 1, child)
    assert (made.holder_unit, made.holder_person, made.issuer_unit) == (VILLAGE_UNIT, None, TOWN_UNIT)


def test_absent_limits_are_those_of_the_chain_and_a_past_beginning_is_now() -> None:
    county = County(max_records=7, households=("h-1", "h-2"))
    county.at = START + DAY
    number = hand_on(county, 100, wanted())
    made = county.rows.grants[number].scope
    assert (made.data_year, made.max_records, made.households) == (2026, 7, frozenset(("h-1", "h-2")))
    assert (made.valid_from, made.valid_until) == (START + DAY, END)


WIDE: dict[str, Any] = {
    "division": {"division": "640422100"}, "cells": {"cells": frozenset((*CELLS, "lifted_out.income"))},
    "operations": {"operations": frozenset((*OPERATIONS, "delete"))}, "data_year": {"data_year": 2027},
    "from": {"valid_from": START - DAY}, "until": {"valid_until": END + DAY}, "max_records": {"max_records": 8},
    "households": {"households": frozenset(("h-1", "h-3"))},
}  # fmt: skip


@pytest.mark.parametrize("axis", [axis for axis in WIDE if axis != "from"])
def test_attack_78_each_axis(axis: str) -> None:
    county = County(max_records=7, households=("h-1", "h-2"))
    assert axes(county, 100, wanted(**WIDE[axis])) == {axis}


def test_attack_78_all_misfits_at_once() -> None:
    county = County(max_records=7, households=("h-1", "h-2"))
    everything = wanted(**{name: value for part in WIDE.values() for name, value in part.items()})
    assert axes(county, 100, everything) == set(WIDE) - {"from"}


def test_every_ancestor_counts_not_only_the_parent() -> None:
    county = County()
    child = hand_on(county, 100, wanted())
    fact, _ = revocation.narrow(county.links(100), {"operations": frozenset(("verify",))}, "r", county.scene("p-1"))
    county.record("p-1", fact)
    assert axes(county, child, wanted(holder=VILLAGE_UNIT, role="village_collector"), "p-4") == {"operations"}


def test_attack_83_a_chain_ends_at_six() -> None:
    county, last = County(), 100
    for depth in range(2, 7):
        last = hand_on(county, last, wanted(holder=LEAD, role="county_clerk", division="640324"))
        assert len(county.rows.grants[last].path) == depth
    assert axes(county, last, wanted(holder=LEAD, role="county_clerk", division="640324")) == {"depth"}


LISTED = frozenset(("h-near",))
HOLDERS = [
    ("another county's unit", {"holder": FOREIGN}, refusal.UnfitHolder),
    ("no such unit", {"holder": "u-640324101-township"}, refusal.UnfitHolder),
    ("a role the unit does not have", {"holder": TOWN_UNIT, "role": "village_collector"}, refusal.UnfitHolder),
    ("a role that never holds a grant", {"holder": LEAD, "role": "county_signatory"}, refusal.UnfitHolder),
    ("another county's person", {"holder": "p-8"}, refusal.UnfitHolder),
    ("nobody", {"holder": "p-404"}, refusal.UnfitHolder),
    ("a person in another role", {"holder": "p-5"}, refusal.UnfitHolder),
    ("himself", {"holder": "p-2", "role": "county_admin"}, refusal.DutyConflict),
    ("his own unit in his own role", {"holder": LEAD, "role": "county_admin"}, refusal.DutyConflict),
    ("his second account", {"holder": "p-9", "role": "assistance_person", "households": LISTED}, refusal.DutyConflict),
    ("an assistance person without a list", {"holder": "p-11", "role": "assistance_person"}, refusal.UnfitHolder),
    ("an end before now", {"valid_until": START}, refusal.EmptyInterval),
    ("a division that does not exist", {"division": "640399"}, refusal.BadDivisionCode),
]


@pytest.mark.parametrize(("wish", "kind"), [each[1:] for each in HOLDERS], ids=[each[0] for each in HOLDERS])
def test_whom_a_grant_cannot_be_given_to(wish: dict[str, Any], kind: type[refusal.Refusal]) -> None:
    assert type(refused(County(), 100, wanted(**wish))) is kind


def test_attack_79_absent_and_foreign_holders_are_told_alike() -> None:
    told = [refused(County(), 100, wanted(holder=each)) for each in (FOREIGN, "u-640324101-township")]
    told += [refused(County(), 100, wanted(holder=each)) for each in ("p-8", "p-404")]
    assert len({(type(each), each.detail, str(each.members)) for each in told[:2]}) == 1
    assert len({(type(each), each.detail, str(each.members)) for each in told[2:]}) == 1


def test_a_person_gets_the_grant_in_the_unit_where_he_serves() -> None:
    county = County()
    wish = wanted(holder="p-11", role="assistance_person", division=VILLAGE, households=LISTED)
    number = hand_on(county, 100, wish)
    made = county.rows.grants[number]
    assert (made.holder_unit, made.holder_person) == (VILLAGE_UNIT, "p-11")
    far = replace(wish, households=frozenset(("h-near", "h-far")))
    assert axes(county, 100, far) == {"household_division"}


DELEGATORS = [
    ("p-1", refusal.Denied),
    ("p-3", None),
    ("p-4", refusal.Denied),
    ("p-6", refusal.Denied),
    ("p-8", refusal.Denied),
]


@pytest.mark.parametrize(("person", "kind"), DELEGATORS)
def test_only_the_unit_that_holds_a_grant_hands_it_on(person: str, kind: type[refusal.Refusal] | None) -> None:
    """The act `grant.delegate` keeps the clerk out before this rule is asked; here only the unit is judged."""
    if kind is None:
        hand_on(County(), 100, wanted(), person)
    else:
        assert type(refused(County(), 100, wanted(), person)) is kind


def test_a_grant_of_one_person_is_handed_on_by_nobody_else() -> None:
    assert type(refused(County(holder_person="p-3"), 100, wanted())) is refusal.Denied


@pytest.mark.parametrize(("at", "kind"), [
    (START - DAY, refusal.OutsidePeriod), (END, refusal.OutsidePeriod), (START, None),
])  # fmt: skip
def test_attack_90_only_a_living_chain_is_handed_on(at: Any, kind: type[refusal.Refusal] | None) -> None:
    county = County()
    county.at = at
    wish = wanted(valid_until=END + 9 * DAY if kind else END)
    assert kind is None or type(refused(county, 100, wish)) is kind


def test_an_issued_fact_holds_no_free_text() -> None:
    county = County()
    scene, links = county.scene("p-2"), county.links(100)
    fact = delegation.issue(delegation.plan(wanted(), links, scene), wanted(), links, "commitment", scene)
    assert isinstance(fact, GrantIssued)
    assert fact.reason == "commitment"
