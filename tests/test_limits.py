"""The limits and the life of one grant, case by case. Every case is also asked of every mutant."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from areas import area
from chains import CELLS, END, LEAD, OPERATIONS, START, TOWN, County
from realm import COUNTY, ELSEWHERE, Realm
from test_authority import UPDATE, code, post

from authz import decision, delegation, grant
from authz.grant import Grant, Scope, misfits

DAY = timedelta(days=1)


def life(**more: Any) -> Grant:
    scope = Scope(COUNTY, frozenset(CELLS), frozenset(OPERATIONS), 2026, START + DAY, START + 5 * DAY)
    return replace(County().rows.grants[100], scope=scope, issued_at=START, **more)


REST = ((START + 2 * DAY, START + 3 * DAY, "u-64-lead"), (START + 4 * DAY, None, LEAD))
LIVES = [
    ({}, {0: "pending", 1: "live", 4: "live", 5: "expired", 6: "expired"}),
    ({"issued_at": START + 2 * DAY}, {1: "pending", 2: "live"}),
    ({"revoked_at": START + 3 * DAY}, {0: "pending", 2: "live", 3: "revoked", 6: "revoked"}),
    ({"rests": REST}, {1: "live", 2: "suspended", 3: "live", 4: "suspended", 5: "expired"}),
]  # fmt: skip


@pytest.mark.parametrize(("more", "states"), LIVES)
def test_a_grant_is_live_from_its_beginning_up_to_its_end(more: dict[str, Any], states: dict[int, str]) -> None:
    made = life(**{name: value for name, value in more.items() if name != "issued_at"})
    made = replace(made, issued_at=more.get("issued_at", START))
    for days, state in states.items():
        at = START + days * DAY
        assert made.state(at) == state, days
        assert made.live(at) is (state == "live")
    assert made.rested_by == (LEAD if "rests" in more else None)
    assert replace(made, rests=REST[:1]).rested_by is None


def test_a_grant_contains_its_pairs_only() -> None:
    made = life()
    assert made.includes("update", "monitored.income")
    assert not made.includes("delete", "monitored.income")
    assert not made.includes("update", "lifted_out.income")


def test_a_chain_is_worth_its_worst_link_and_ends_with_its_first() -> None:
    at, whole = START + 2 * DAY, life()
    over, dead, later = (
        replace(whole, number=8, scope=replace(whole.scope, valid_until=at)), replace(whole, number=9, revoked_at=at),
        replace(whole, number=7, scope=replace(whole.scope, valid_from=at + DAY)),
    )  # fmt: skip
    rest = replace(whole, number=6, rests=((START, None, None),))
    told = {(over, whole): ("expired", 8), (over, dead): ("revoked", 9), (dead, over): ("expired", 8), (rest, later): ("suspended", 6),
            (later, whole): ("pending", 7), (whole, whole): ("live", 100), (rest, over, whole): ("expired", 8), (dead, rest): ("revoked", 9)}  # fmt: skip
    assert {links: grant.effective(links, at) for links in told} == told
    assert grant.narrowed((whole, over)) == at


GRID: dict[str, tuple[Any, ...]] = {
    "division": (COUNTY, TOWN, ELSEWHERE), "cells": (frozenset(CELLS), frozenset(CELLS[:1])), "operations": (frozenset(OPERATIONS), frozenset(("verify",))),
    "data_year": (None, 2025, 2026), "valid_from": (START, START + DAY), "valid_until": (END, END - DAY), "max_records": (None, 1, 2),
    "households": (None, frozenset(("h-1",)), frozenset(("h-1", "h-2"))),
}  # fmt: skip


def test_a_misfit_is_every_axis_that_sticks_out_and_no_other() -> None:
    """Against sets of points, for every pair of values on every two axes."""
    divisions, wide = Realm().scene("p-2").law.divisions, {name: values[0] for name, values in GRID.items()}
    for one, other in itertools.combinations(GRID, 2):
        for held in itertools.product(GRID[one], GRID[other]):
            for wish in itertools.product(GRID[one], GRID[other]):
                mine, theirs = (
                    wide | dict(zip((one, other), held, strict=True)),
                    wide | dict(zip((one, other), wish, strict=True)),
                )
                found = misfits(Scope(**mine), Scope(**theirs), divisions)
                assert {each.axis for each in found} == _box(mine).wider(_box(theirs))
                assert len({each.axis for each in found}) == len(found)


def test_a_misfit_says_what_is_held_and_what_was_asked() -> None:
    divisions = Realm().scene("p-2").law.divisions
    held = Scope(TOWN, frozenset(CELLS[:1]), frozenset(("verify",)), 2026, START, END, 1, frozenset(("h-1",)))
    wish = Scope(
        COUNTY,
        frozenset(CELLS),
        frozenset(OPERATIONS),
        2025,
        START - DAY,
        END + DAY,
        2,
        frozenset(("h-1", "h-2", "h-3")),
    )
    told = {each.axis: (each.held, each.asked) for each in misfits(held, wish, divisions)}
    assert told["division"] == (TOWN, COUNTY)
    assert told["cells"] == ([CELLS[0]], [CELLS[1]])
    assert (told["households"], told["max_records"], told["data_year"]) == ((1, 2), (1, 2), (2026, 2025))
    assert dict.fromkeys(told) == dict.fromkeys(each.axis for each in misfits(held, wish, divisions))
    none = {
        each.axis: each.asked for each in misfits(held, replace(wish, households=None, max_records=None), divisions)
    }
    assert (none["households"], none["max_records"]) == (None, None)


def _box(limits: dict[str, Any]) -> Any:
    return area(limits["division"], limits["cells"], limits["operations"], limits["data_year"], limits["valid_from"],
                limits["valid_until"], limits["max_records"], limits["households"])  # fmt: skip


def test_attack_94_a_post_in_each_of_two_counties_lends_nothing_to_the_other() -> None:
    """The chosen post alone acts: what the other county holds, and whom it oversees, is out of its reach."""
    county = County()
    far = post(300, "p-2", f"u-{ELSEWHERE}-lead", "county_admin")
    county.rows.posts["p-2"].append(far)
    scene = county.scene("p-1")
    for chosen, reach in ((county.rows.posts["p-2"][0].number, COUNTY), (300, ELSEWHERE)):
        scene.enter("p-2", 0, chosen)
        assert scene.post is not None
        assert [code(scene.must, "grant.delegate", each) for each in (COUNTY, ELSEWHERE)] == [
            "" if each == reach else "outside_division" for each in (COUNTY, ELSEWHERE)
        ]
        assert code(decision.decide, scene, scene.post, UPDATE) == ("" if reach == COUNTY else "no_grant")
        assert (code(delegation.find, 100, scene) == "") is (reach == COUNTY)
