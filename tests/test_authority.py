"""The rules of authority case by case, where a random life seldom comes. Every case is also asked of every mutant."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import chains
import pytest
from chains import LEAD, OFFICE, OPERATIONS, START, TOWN, TOWN_UNIT, VILLAGE, VILLAGE_UNIT, County
from realm import COUNTY, ELSEWHERE, Realm
from realm import START as NOW

from authz import decision, delegation, refusal, revocation
from authz.decision import Law, Wish
from authz.narrowing import Narrowing
from authz.post import FAR, Person, Post

DAY = timedelta(days=1)
UPDATE = Wish("update", "monitored.income", VILLAGE, 2026, "h-near")


def post(number: int, person: str, unit: str, role: str, **more: Any) -> Post:
    return replace(Post(number, person, unit, unit.split("-")[1], role, role, NOW - DAY, FAR), **more)


def code(act: Callable[..., Any], *given: Any) -> str:
    """How an act refuses, or nothing."""
    try:
        act(*given)
    except refusal.Refusal as told:
        return told.code
    return ""


# --- who asks -------------------------------------------------------------------------------------------------------
def test_only_a_known_person_with_a_present_token_in_one_live_post_enters() -> None:
    realm = Realm()
    realm.rows.people["p-2"] = Person("p-2", "n-2", 50)
    scene = realm.scene("p-3")
    assert code(scene.enter, "p-404", 99, None) == "stranger"
    assert code(scene.enter, "p-2", 49, None) == "stranger"
    scene.enter("p-2", 50, None)
    assert scene.post is not None
    assert scene.post.number == 2
    scene.enter("p-2", 50, 1)
    assert scene.post is None, "the post of somebody else"
    realm.seat(post(200, "p-2", OFFICE, "department_officer"))
    with pytest.raises(refusal.PostRequired) as caught:
        scene.enter("p-2", 50, None)
    assert caught.value.members["posts"] == [2, 200]
    scene.enter("p-2", 50, 200)
    assert scene.post is not None
    assert scene.post.number == 200
    realm.seat(post(200, "p-2", OFFICE, "department_officer", valid_until=NOW))
    scene.enter("p-2", 50, None)
    assert scene.post is not None
    assert scene.post.number == 2
    scene.enter("p-2", 50, 200)
    assert scene.post is None, "a post that has ended"


MUST = [
    ("p-17", "grant.delegate", COUNTY, "no_role"),
    ("p-17", "request.decide", COUNTY, "no_role"),
    ("p-2", "grant.delegate", COUNTY, ""), ("p-2", "grant.delegate", TOWN, ""), ("p-2", "grant.delegate", ELSEWHERE, "outside_division"),
    ("p-2", "grant.delegate", "64", "outside_division"), ("p-12", "grant.delegate", COUNTY, "no_role"), ("p-12", "grant.delegate", ELSEWHERE, "no_role"),
    ("p-6", "request.decide", COUNTY, "no_role"), ("p-1", "request.decide", COUNTY, ""), ("p-9", "grant.delegate", COUNTY, "not_employed"),
]  # fmt: skip


@pytest.mark.parametrize(("person", "act", "division", "told"), MUST)
def test_an_act_of_the_service_is_done_in_the_role_and_the_place(
    person: str, act: str, division: str, told: str
) -> None:
    realm = Realm()
    realm.seat(replace(realm.rows.posts["p-9"][0], valid_until=NOW))
    scene = realm.scene(person)
    assert code(scene.must, act, division) == told
    assert scene.may(act, division) is (told == "")


def test_a_change_says_which_version_it_saw() -> None:
    realm = Realm()
    realm.rows.versions["grants", 7] = 41
    scene = realm.scene("p-2")
    assert code(scene.fresh, "grants", 7, None) == "unconditional"
    assert code(scene.fresh, "grants", 7, '"40"') == "stale"
    assert code(scene.fresh, "grants", 8, '"41"') == "stale"
    assert code(scene.fresh, "grants", 7, '"41"') == ""


def gone(law: Law) -> str:
    """A village that the edition in force does not have any more."""
    return min(each for each in law.lineage.seat if len(each) == len(VILLAGE))


def test_a_wish_about_nothing_is_refused() -> None:
    """An abolished place is still something: what was given over it waits, and the refusal says so."""
    scene = County().scene("p-2")
    assert code(decision.sensible, scene, replace(UPDATE, division=TOWN)) == ""
    assert code(decision.sensible, scene, replace(UPDATE, cell="lifted_out.risk_elimination")) == "no_such_cell"
    assert code(decision.sensible, scene, replace(UPDATE, division="640399")) == "bad_division_code"
    assert code(decision.sensible, scene, replace(UPDATE, division=gone(scene.law))) == ""
    named = replace(scene.law.lineage, names={})
    scene.law = replace(scene.law, lineage=named)
    assert code(decision.sensible, scene, replace(UPDATE, division=TOWN)) == "", "known, though it has no past"


def test_whoever_acts_from_a_place_that_is_no_more_is_told_so() -> None:
    county = County()
    old = gone(county.scene("p-2").law)
    county.rows.posts["p-6"] = [post(6, "p-6", f"u-{old}-village", "village_collector", division=old)]
    scene = county.scene("p-6")
    assert code(scene.must, "grant.delegate", TOWN) == "scope_needs_confirmation"
    assert asked(county, "p-6") == "scope_needs_confirmation None"


def test_a_refusal_about_an_abolished_place_says_that_it_is_abolished() -> None:
    county = County()
    law = county.scene("p-2").law
    old = min(each for each in law.lineage.seat if len(each) == len(VILLAGE) and law.lineage.seat[each][:6] != "640324")
    scene = county.scene("p-2")
    assert scene.post is not None
    told = {}
    for name, wish in {
        "gone": replace(UPDATE, division=old),
        "there": replace(UPDATE, division=ELSEWHERE),
        "cell": replace(UPDATE, cell="x", division=VILLAGE),
    }.items():
        with pytest.raises(refusal.Denied) as caught:
            decision.decide(scene, scene.post, wish)
        told[name] = (caught.value.members["missing"], "撤销" in (caught.value.detail or ""))
    county = County(edition="2000-01-01", division=old[:6])
    scene = county.scene("p-2")
    assert scene.post is not None
    with pytest.raises(refusal.OutsideCell) as caught:
        decision.decide(scene, scene.post, replace(UPDATE, division=old, cell="monitored.measures"))
    assert caught.value.detail is None
    assert asked(county, "p-2", replace(UPDATE, division=old)) == "scope_needs_confirmation 100"
    assert told == {"gone": ("division", True), "there": ("division", False), "cell": ("cell", False)}


LENT = [({}, 101), ({"operations": frozenset(("update",))}, 101), ({"operations": frozenset(("verify",))}, "outside_deputyship None"),
        ({"operations": frozenset()}, "outside_deputyship None"), ({"division": VILLAGE}, 101), ({"division": "640324100202"}, "outside_deputyship None")]  # fmt: skip


@pytest.mark.parametrize(("limits", "told"), LENT)
def test_a_deputy_does_what_was_lent_to_him(limits: dict[str, Any], told: Any) -> None:
    county = County()
    county.record("p-1", chains.regional(holder_unit=TOWN_UNIT, role="township_admin"))
    base, footing = county.rows.posts["p-4"][0], county.rows.posts["p-5"][0]
    made = replace(
        post(400, "p-5", TOWN_UNIT, "township_admin"),
        deputy_for=4,
        rests_on=5,
        principal=base,
        footing=footing,
        **limits,
    )
    county.rows.posts["p-5"] = [made]
    assert asked(county, "p-5") == told
    county.rows.posts["p-5"] = [replace(made, principal=replace(base, valid_until=NOW))]
    scene = county.scene("p-5")
    assert scene.post is None, "the absent one has left his post"


def test_a_place_that_one_link_does_not_reach_is_outside() -> None:
    """Not something that waits for a confirmation."""
    county = County()
    scene, links = county.scene("p-2"), county.links(100)
    wish = chains.wanted(holder=LEAD, role="county_clerk", division=COUNTY)
    county.record("p-2", delegation.issue(delegation.plan(wish, links, scene), wish, links, "r", scene))
    county.record("p-1", revocation.narrow(county.links(100), {"division": TOWN}, "r", county.scene("p-1"))[0])
    assert asked(county, "p-3", replace(UPDATE, division="640324105200")) == "outside_division 101"


# --- the decision ---------------------------------------------------------------------------------------------------
missing: set[str] = set()
"""What refusals named, for the test that asks."""


def asked(county: County, person: str, wish: Wish = UPDATE) -> str | int:
    scene = county.scene(person)
    assert scene.post is not None
    try:
        return decision.decide(scene, scene.post, wish).grant.number
    except refusal.Denied as told:
        missing.add(told.members["missing"])
        return f"{told.code} {told.members.get('grant')}"


def test_what_is_made_out_to_one_person_is_no_other_persons() -> None:
    """Two in one role of one unit: only the named one may use it."""
    county = County(holder_person="p-2")
    county.rows.people["p-22"], county.rows.posts["p-22"] = (
        Person("p-22", "n-22", 0),
        [post(222, "p-22", LEAD, "county_admin")],
    )
    county.number += 1
    assert asked(county, "p-2") == 100
    assert asked(county, "p-22") == "no_grant None"
    assert asked(County(), "p-3") == "no_grant None", "in another role of the unit"


ORDERS = list(itertools.permutations((
    ({"cells": ("monitored.base",)}, "outside_cell"), ({"operations": ("verify",)}, "outside_operation"),
    ({"data_year": 2025}, "wrong_year"), ({}, "suspended"),
), 2))  # fmt: skip
FURTHEST = ("outside_cell", "outside_operation", "wrong_year", "suspended")


@pytest.mark.parametrize(("first", "second"), ORDERS)
def test_a_refusal_names_what_the_best_grant_misses(
    first: tuple[dict[str, Any], str], second: tuple[dict[str, Any], str]
) -> None:
    """Whichever grant stands first; and of two equally good ones the first is named."""
    county = County(**first[0])
    numbers = [
        100,
        county.record("p-1", chains.regional(**second[0])),
        county.record("p-1", chains.regional(**second[0])),
    ]
    for number, (_, told) in zip(numbers, (first, second, second), strict=True):
        if told == "suspended":
            county.record("p-1", revocation.suspend(county.links(number), "r", county.scene("p-1"))[0])
    best = max((FURTHEST.index(first[1]), 0), (FURTHEST.index(second[1]), 1))
    missing.clear()
    assert asked(county, "p-2") == f"{FURTHEST[best[0]]} {numbers[best[1]]}"
    assert missing == {("cell", "operation", "data_year", "suspended")[best[0]]}


def test_a_grant_does_not_make_up_for_the_role() -> None:
    county = County(
        cells=("monitored.risk_elimination",),
        operations=("collect", "verify"),
        holder_unit=VILLAGE_UNIT,
        role="village_collector",
    )
    assert (
        asked(county, "p-6", replace(UPDATE, cell="monitored.risk_elimination", operation="collect")) == "no_role 100"
    )


CAP = [
    ({}, UPDATE, "record_limit 100"), ({"seen": {(100, "h-near")}}, UPDATE, 100), ({}, replace(UPDATE, household=None), 100),
    ({}, replace(UPDATE, operation="query"), 100), ({"used": {100: 0}}, UPDATE, 100), ({"used": {}}, UPDATE, 100),
    ({"used": {100: 2}}, UPDATE, "record_limit 100"), ({"seen": {(100, "h-far")}}, UPDATE, "record_limit 100"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "wish", "told"), CAP)
def test_a_cap_counts_distinct_households_written(rows: dict[str, Any], wish: Wish, told: Any) -> None:
    county = County(max_records=1, operations=(*OPERATIONS, "query"))
    county.rows.used = {100: 1}
    for name, value in rows.items():
        setattr(county.rows, name, value)
    assert asked(county, "p-2", wish) == told


def test_a_county_narrows_its_own_people_and_nobody_elses() -> None:
    """What the narrowing of a division forbids is forbidden there and inside, in that role, for that act alone."""
    asking = ("county_admin", "update", "monitored.income")
    whole = County().scene("p-2").law
    held = County().rows.grants[100]

    def row(narrowed: str, place: str = VILLAGE, triple: tuple[str, str, str] = asking) -> Any:
        law = replace(whole, narrowings={narrowed: Narrowing(narrowed, "d", {triple: "x"})})
        return law.permits(held, "update", "monitored.income", place, START)

    assert row("640422") is not None
    assert row("640422") == whole.permits(held, "update", "monitored.income", VILLAGE, START)
    assert row(COUNTY) is row(COUNTY, COUNTY) is row(TOWN) is row(VILLAGE) is None
    assert row(TOWN, COUNTY) is not None
    assert row(COUNTY, triple=("county_clerk", "update", "monitored.income")) is not None
    assert row(COUNTY, triple=("county_admin", "collect", "monitored.income")) is not None
    two = {each: Narrowing(each, "d", {asking: "x"}) for each in (COUNTY, "6403")}
    assert replace(whole, narrowings=two).permits(held, "update", "monitored.income", VILLAGE, START) is None
    assert replace(whole, narrowings=two).permits(held, "update", "monitored.income", "640399", START) is None


RESTS = [
    ({}, True), ({"person": "p-3"}, False), ({"valid_from": START, "number": 99}, True), ({"valid_from": START, "number": 100}, False),
    ({"valid_from": START, "number": 101}, False), ({"valid_from": START + DAY}, False), ({"valid_from": START + DAY, "number": 99}, False),
    ({"valid_from": START - DAY, "number": 101}, True), ({"valid_until": START}, False), ({"valid_until": START + DAY}, True),
    ({"valid_until": START - DAY}, False),
]  # fmt: skip


@pytest.mark.parametrize(("more", "told"), RESTS)
def test_a_personal_grant_rests_on_the_post_held_when_it_was_issued(more: dict[str, Any], told: bool) -> None:
    """Issued at START by entry 100: begun before (at one instant: by an earlier entry), and not over."""
    held = County(holder_person="p-2").rows.grants[100]
    assert decision.rests(held, replace(post(2, "p-2", LEAD, "county_admin"), **more)) is told
