"""What a post may do now, as data: the same as asking about every village, cell and operation one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import acts
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decision import CELLS, HOURS, OPERATIONS, POST, TOKENS, whole, worlds

from authz import extent
from authz.asking import ask
from authz.decision import Law, Scene, Wish
from authz.division import Division, Divisions
from authz.extent import Extent, extents
from authz.narrowing import Narrowing
from authz.post import FAR, Person, Post
from authz.register import Rows

NEW = "2026-06-30"
LATE = frozenset({"640324100202", "640324105"})
"""Places that became others with the new edition."""
VILLAGES = ("640324100201", "640324100202", "640324105200", "640422100200", "640104010001", "640104011001")


def small_law() -> Law:
    """The law of the repository over a country of six villages, two of which waited for a new edition; one county
    forbids verifying incomes."""
    law, codes = acts.law(), {"64", "6403", "6404", "6401", "640324", "640422", "640104"}
    codes |= {village[:9] for village in VILLAGES} | set(VILLAGES)
    parents = {2: None, 4: 2, 6: 4, 9: 6, 12: 9}
    names = {2: "region", 4: "city", 6: "county", 9: "township", 12: "village"}

    def parent(code: str) -> str | None:
        width = parents[len(code)]
        return None if width is None else code[:width]

    rows = [Division(code, code, names[len(code)], parent(code), NEW if code in LATE else "") for code in sorted(codes)]
    forbids = {("village_collector", "verify", "monitored.income"): "640324/roles.csv:1"}
    return replace(law, divisions=Divisions(NEW, rows), narrowings={"640324": Narrowing("640324", "", forbids)})


LAW = small_law()


def scene(rows: Rows, at: Any, post: Post) -> Scene:
    rows.posts, rows.post = {**rows.posts, post.person: [post]}, {post.number: post}
    rows.people[post.person] = Person(post.person, "n-1", 0)
    return Scene(rows, at, 100, LAW, rows.people[post.person], post)


def asked(found: Scene, post: Post) -> set[tuple[Any, ...]]:
    """By asking. A household that was counted before shows nothing about the caps."""
    every = product(OPERATIONS, CELLS, VILLAGES, (2025, 2026), TOKENS)
    return {each for each in every if ask(found, post.person, Wish(*each), found.at, placed=False).decision}


def listed(found: Scene, post: Post) -> set[tuple[Any, ...]]:
    """By the extents."""
    told = set()
    for each in extents(post, found):
        places = [village for village in VILLAGES if LAW.divisions.covers(each.division, village)]
        years = (2025, 2026) if each.data_year is None else (each.data_year,)
        homes = TOKENS if each.households is None else sorted(each.households)
        for one in product(each.operations, each.cells, places, years, homes):
            if fits(each, one, found):
                told.add(one)
    return told


def fits(each: Extent, one: tuple[Any, ...], found: Scene) -> bool:
    """Whether the household still fits under the caps, as a caller would judge by `left`, who knows his own households."""
    capped = [link for number in each.grant.path if (link := found.rows.grants[number]).scope.max_records is not None]
    mine = all((link.number, one[4]) in found.rows.seen or found.rows.used.get(link.number, 0) < link.scope.max_records
               for link in capped if link.scope.max_records is not None)  # fmt: skip
    if each.left is None or each.left > 0 or one[0] == "query":
        assert mine or one[0] == "query"
    return mine or one[0] == "query"


DEPUTY = replace(POST, deputy_for=4, operations=frozenset({"collect", "query"}), principal=POST, footing=POST)
EDITIONS = st.sampled_from(["", NEW])


@st.composite
def dated_worlds(draw: Any) -> Rows:
    rows: Rows = draw(worlds())
    for number, each in [*rows.grants.items()]:
        edition = draw(EDITIONS)
        places = draw(st.sampled_from([each.scope.division, "64", "640324", "640324100", "640104011", VILLAGES[0]]))
        rows.grants[number] = replace(each, edition=edition, scope=replace(each.scope, division=places))
    rows.by_unit = {unit: [rows.grants[each.number] for each in held] for unit, held in rows.by_unit.items()}
    return rows


@settings(max_examples=120, deadline=None)
@given(dated_worlds(), st.sampled_from(HOURS), st.sampled_from([POST, POST, DEPUTY]))
def test_the_extents_are_what_asking_says_one_by_one(rows: Rows, at: Any, post: Post) -> None:
    found = scene(rows, at, post)
    assert listed(found, post) == asked(found, post)


def one(**changed: Any) -> list[Extent]:
    grant = whole(**({"division": "64"} | changed))
    rows = Rows(grants={1: grant}, by_unit={POST.unit: [grant]})
    return [*extents(POST, scene(rows, HOURS[2], POST))]


def test_a_county_that_forbids_and_a_place_that_waits_split_a_grant() -> None:
    assert {each.division for each in one(edition=NEW)} == {"6401", "640324", "6404"}
    old = one(edition="")
    assert {each.division for each in old} == {"6401", "640324100201", "6404"}
    for each in old:
        forbidden = each.division.startswith("640324") and "monitored.income" in each.cells
        assert ("verify" in each.operations) != forbidden


@pytest.mark.parametrize("part", ["_way_stands", "_inside_stands", "narrowed", "permits", "worth", "lends"])
def test_without_one_of_its_conditions_an_extent_says_too_much(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative controls: each condition of an extent is one that the property would miss."""
    post = DEPUTY if part == "lends" else POST
    changed: dict[str, Any] = {"division": "64", "edition": "" if part.endswith("_stands") else NEW}
    above = whole(**changed, rests=((HOURS[1], None, None),) if part == "worth" else ())
    grant = whole(2, **changed, parent=1, path=(1, 2))
    found = scene(Rows(grants={1: above, 2: grant}, by_unit={POST.unit: [grant]}), HOURS[2], post)
    real = asked(found, post)
    assert listed(found, post) == real
    if part.endswith("_stands"):
        monkeypatch.setattr(extent, part, lambda *given: True)
    elif part == "worth":
        monkeypatch.setattr(extent, part, lambda *given: ("live", 1))
    elif part == "lends":
        monkeypatch.setattr(Post, part, lambda *given: True)
    elif part == "permits":
        monkeypatch.setattr(Law, part, lambda *given: "roles.csv:1")
    else:
        found = replace(found, law=replace(LAW, narrowings={}))
    assert listed(found, post) > real


def test_an_end_is_near_within_the_days_of_notice() -> None:
    (each, *_), at = one(edition=NEW), HOURS[2]
    days = LAW.policy.number(extent.NOTICE)
    near = replace(each, until=at + timedelta(days=days))
    assert near.lapses(scene(Rows(), at, POST))
    assert not replace(each, until=near.until + timedelta(seconds=1)).lapses(scene(Rows(), at, POST))
    older = replace(LAW, policy=replace(LAW.policy, handling={}))
    assert near.lapses(replace(scene(Rows(), at, POST), law=older))


def test_an_extent_ends_with_the_post() -> None:
    soon = replace(POST, valid_until=HOURS[3])
    grant = whole(edition=NEW)
    rows = Rows(grants={1: grant}, by_unit={POST.unit: [grant]})
    assert {each.until for each in extents(soon, scene(rows, HOURS[2], soon))} == {HOURS[3]}
    assert soon.valid_until < FAR
