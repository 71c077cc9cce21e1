"""Delegation case by case: who may know of a grant, hand it on, and to whom. Every case is also asked of every mutant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chains import CELLS, END, LEAD, OFFICE, OPERATIONS, START, TOWN, TOWN_UNIT, VILLAGE, VILLAGE_UNIT, County, wanted
from test_authority import code, post
from test_delegation import axes, hand_on, refused

from authz import delegation, refusal, revocation
from authz.grant import Scope
from authz.household import Household

DAY = timedelta(days=1)
HERE, THERE = "640324", "640422"


def test_a_grant_is_known_to_its_holder_and_to_those_over_the_place() -> None:
    county = County()
    town = hand_on(county, 100, wanted())
    office = hand_on(county, 100, wanted(holder=OFFICE, role="department_officer"))
    told = {(person, number): code(delegation.find, number, county.scene(person)) for person in ("p-2", "p-4", "p-6", "p-8", "p-10", "p-1")
            for number in (town, office, 999)}  # fmt: skip
    assert {each for each, said in told.items() if not said} == {
        ("p-2", town), ("p-2", office), ("p-4", town), ("p-4", office), ("p-10", office), ("p-1", town), ("p-1", office),
    }  # fmt: skip
    assert set(told.values()) == {"", "unknown"}
    assert [each.number for each in delegation.find(town, county.scene("p-2"))] == [100, town]
    county.rows.posts["p-2"] = [replace(county.rows.posts["p-2"][0], valid_until=START)]
    assert code(delegation.find, town, county.scene("p-2")) == "unknown"


def test_whoever_has_no_post_any_more_hands_on_and_ends_nothing() -> None:
    county = County()
    links = county.links(100)
    county.rows.posts["p-2"] = county.rows.posts["p-1"] = [replace(county.rows.posts["p-2"][0], valid_until=START)]
    assert code(delegation.plan, wanted(), links, county.scene("p-2")) == "not_employed"
    assert code(revocation.revoke, links, "r", county.scene("p-1")) == "not_employed"


def test_an_ancestor_that_was_narrowed_binds_a_delegation_below() -> None:
    """The parent still says the whole county; the grant above it has shrunk to one township."""
    county = County()
    child = hand_on(county, 100, wanted(holder=LEAD, role="county_clerk", division=HERE))
    county.record("p-1", revocation.narrow(county.links(100), {"division": TOWN}, "r", county.scene("p-1"))[0])
    assert axes(county, child, wanted(division="640324105")) == {"division"}
    made = hand_on(county, child, wanted())
    assert county.rows.grants[made].path == (100, child, made)


TIGHT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"cells": frozenset(CELLS[:1])}, {"cells": frozenset(CELLS[:1])}), ({"operations": frozenset(("verify",))}, {"operations": frozenset(("verify",))}),
    ({"data_year": 2025}, {"data_year": 2025}), ({"valid_from": START + DAY}, {"valid_from": START + DAY}),
    ({"valid_until": END - DAY}, {"valid_until": END - DAY}), ({"max_records": 2}, {"max_records": 2}),
    ({"households": frozenset(("h-1",))}, {"households": frozenset(("h-1",))}),
]  # fmt: skip


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize(("tight", "left"), TIGHT, ids=lambda each: str(sorted(each))[:40])
def test_a_chain_leaves_over_what_its_tightest_link_says(
    tight: dict[str, Any], left: dict[str, Any], upper: bool
) -> None:
    wide = Scope(HERE, frozenset(CELLS), frozenset(OPERATIONS), None, START, END, 9, frozenset(("h-1", "h-2")))
    county = County()
    one, other = (replace(county.rows.grants[100], scope=each) for each in (replace(wide, **tight), wide))
    links = (one, other) if upper else (other, one)
    assert delegation.reach(links) == replace(wide, **left)
    assert delegation.reach((replace(one, scope=replace(wide, max_records=None, households=None)),)).max_records is None
    place = delegation.reach((replace(one, scope=replace(wide, division=TOWN)), other))
    assert place.division == HERE, "the last link's; `outgrown` asks every link for the place"


def test_a_delegation_to_a_unit_is_to_others() -> None:
    """Not to a unit in whose role one stands oneself, whatever other post one holds."""
    county = County()
    education = "u-640324-education"
    county.rows.units[education] = replace(county.rows.units[OFFICE], id=education, kind="education")
    scene = county.scene("p-2")
    county.rows.posts["p-2"].append(post(222, "p-2", OFFICE, "department_officer"))
    links = county.links(100)
    told = {(unit, role): code(delegation.plan, wanted(holder=unit, role=role), links, scene)
            for unit, role in ((LEAD, "county_admin"), (OFFICE, "department_officer"), (LEAD, "county_clerk"), (education, "department_officer"))}  # fmt: skip
    assert told == {(LEAD, "county_admin"): "duty_conflict", (OFFICE, "department_officer"): "duty_conflict",
                    (LEAD, "county_clerk"): "", (education, "department_officer"): ""}  # fmt: skip
    county.rows.posts["p-2"][1] = post(222, "p-2", OFFICE, "department_officer", valid_until=START)
    assert code(delegation.plan, wanted(holder=OFFICE, role="department_officer"), links, scene) == ""


def test_a_person_takes_a_grant_in_the_post_that_is_near() -> None:
    """Of two posts in the role: the one over the place, then the older; never one that has ended, nor another role."""
    county = County()
    listed = frozenset(("h-near",))
    county.rows.posts["p-11"].append(post(211, "p-11", TOWN_UNIT, "assistance_person"))
    wish = wanted(holder="p-11", role="assistance_person", households=listed)
    units = {place: delegation.plan(replace(wish, division=place), county.links(100), county.scene("p-2")).unit
             for place in (TOWN, VILLAGE, HERE, "640324105")}  # fmt: skip
    assert units == {TOWN: TOWN_UNIT, VILLAGE: VILLAGE_UNIT, HERE: VILLAGE_UNIT, "640324105": VILLAGE_UNIT}
    county.rows.posts["p-11"][0] = replace(county.rows.posts["p-11"][0], valid_until=START)
    assert delegation.plan(replace(wish, division=VILLAGE), county.links(100), county.scene("p-2")).unit == TOWN_UNIT
    county.rows.posts["p-11"][1] = replace(county.rows.posts["p-11"][1], valid_until=START)
    assert isinstance(refused(county, 100, wish), refusal.UnfitHolder)
    assert isinstance(refused(county, 100, wanted(holder="p-6", role="grid_worker")), refusal.UnfitHolder)


def test_a_post_without_its_person_takes_nothing() -> None:
    county = County()
    county.rows.posts["p-77"] = [post(277, "p-77", TOWN_UNIT, "township_admin")]
    assert isinstance(refused(county, 100, wanted(holder="p-77")), refusal.UnfitHolder)
    scene = county.scene("p-2")
    scene.person = None
    assert code(delegation.plan, wanted(holder="p-4"), county.links(100), scene) == "unfit_holder"


def test_an_unknown_household_may_be_listed_and_a_far_one_not() -> None:
    county = County()
    county.rows.households["h-here"] = Household("h-here", TOWN, "monitored")
    for listed, far in (
        (("h-near",), 0),
        (("h-near", "h-unheard"), 0),
        (("h-near", "h-far"), 1),
        (("h-here", "h-far"), 1),
    ):
        found = delegation.plan(wanted(households=frozenset(listed)), county.links(100), county.scene("p-2")).misfits
        assert [(each.axis, each.asked) for each in found] == ([("household_division", far)] if far else [])


REPORTED = [
    (None, {}, False), ({}, {}, False), ({"operations": ("verify",)}, {}, True), ({}, {"operations": ("verify",)}, False),
    ({"division": TOWN}, {}, True), ({"division": "640399"}, {}, False), ({"division": "640399", "cells": CELLS[:1]}, {}, True),
    ({}, {"division": "640399"}, False), ({"division": "640399"}, {"division": "640398"}, False),
]  # fmt: skip


@pytest.mark.parametrize(("line", "issued", "wide"), REPORTED)
def test_what_exceeds_its_line_is_reported(line: dict[str, Any] | None, issued: dict[str, Any], wide: bool) -> None:
    """`wider_than_document`: places that the present edition lacks are compared as written, and never cry wolf."""
    divisions = County().scene("p-2").law.divisions
    made, held = (
        County(**issued).rows.grants[100].scope,
        None if line is None else County(**line).rows.grants[100].scope,
    )
    assert delegation.wider(made, (held,), divisions) is wide
    assert delegation.wider(made, (made, held), divisions) is wide
    assert delegation.wider(made, (), divisions) is False


def test_a_grant_of_a_person_is_not_handed_on_from_a_later_post() -> None:
    """Whoever left and came back does not use what was made out to him before, nor hand it on."""
    county = County(holder_person="p-2")
    assert hand_on(county, 100, wanted()) == 101
    county.at = START + 2 * DAY
    old = county.rows.posts["p-2"][0]
    county.rows.posts["p-2"] = [
        replace(old, valid_until=START + DAY),
        replace(old, number=500, valid_from=START + 2 * DAY),
    ]
    assert isinstance(refused(county, 100, wanted()), refusal.Denied)


def deputy(county: County, **limits: Any) -> Any:
    """A scene in which p-5 stands in for the township's administrator."""
    base, footing = county.rows.posts["p-4"][0], county.rows.posts["p-5"][0]
    made = replace(post(400, "p-5", TOWN_UNIT, "township_admin"), deputy_for=base.number, rests_on=footing.number, principal=base,
                   footing=footing, **limits)  # fmt: skip
    county.rows.posts["p-5"] = [made]
    return county.scene("p-5")


DEPUTIES = [
    ({}, {}, set()), ({"operations": frozenset(("verify",))}, {}, {"operations"}), ({"operations": frozenset(OPERATIONS)}, {}, set()),
    ({"operations": frozenset(("verify",))}, {"operations": frozenset(("verify",))}, set()), ({"division": VILLAGE}, {}, {"division"}),
    ({"division": VILLAGE}, {"division": VILLAGE}, set()), ({"operations": frozenset()}, {}, {"operations"}),
]  # fmt: skip


@pytest.mark.parametrize(("limits", "wish", "told"), DEPUTIES)
def test_a_deputy_hands_on_what_was_lent_to_him(limits: dict[str, Any], wish: dict[str, Any], told: set[str]) -> None:
    county = County()
    town = hand_on(county, 100, wanted())
    asked = wanted(**{"holder": VILLAGE_UNIT, "role": "village_collector"} | wish)
    scene = deputy(county, **limits)
    planned = delegation.plan(asked, county.links(town), scene)
    assert {each.axis for each in planned.misfits} == told
    for each in planned.misfits:
        lent = sorted(limits["operations"]) if each.axis == "operations" else limits["division"]
        assert each.held == lent
    if "division" not in limits:
        absent = wanted(holder="p-4", role="township_admin")
        assert code(delegation.plan, absent, county.links(town), scene) == "duty_conflict"


def test_a_post_of_its_own_sets_no_limit_beside_the_chain() -> None:
    """Only a deputyship does. For anybody else the act has asked for the place before (row 78 of the attacks)."""
    county = County()
    town = hand_on(county, 100, wanted(division=HERE))
    assert (
        delegation.plan(
            wanted(holder=VILLAGE_UNIT, role="village_collector", division=HERE),
            county.links(town),
            county.scene("p-4"),
        ).misfits
        == ()
    )
    assert code(county.scene("p-4").must, "grant.delegate", HERE) == "outside_division"


STAFFED = [(0, 0, ""), (1, 0, "unacceptable"), (1, 1, ""), (0, 1, "")]


@pytest.mark.parametrize(("setting", "more", "told"), STAFFED)
def test_a_short_body_hands_nothing_on_where_the_bureau_says_so(setting: int, more: int, told: str) -> None:
    county = County()
    scene, law = county.scene("p-2"), county.scene("p-2").law
    rule = replace(law.policy.handling["staffing_consequence"], value=setting)
    scene.law = replace(law, policy=replace(law.policy, handling={**law.policy.handling, "staffing_consequence": rule}))
    county.rows.staff[LEAD] = [county.rows.posts[each][0] for each in ("p-2", "p-3")[: 1 + more]]
    assert code(delegation.plan, wanted(), county.links(100), scene) == told


def test_nothing_is_built_on_a_chain_that_waits() -> None:
    """A village that has become another one since the grant was given: it is confirmed before it is handed on."""
    county = County(edition="2019-12-31")
    divisions = county.scene("p-1").law.divisions
    other = next(each.code for each in divisions if each.since > "2019-12-31" and divisions.covers(TOWN, each.code))
    told = {
        place: code(delegation.plan, wanted(division=place), county.links(100), county.scene("p-2"))
        for place in (other, VILLAGE)
    }
    assert told == {other: "scope_needs_confirmation", VILLAGE: ""}
