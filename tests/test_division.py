"""Divisions on the real 3,199 of Ningxia: the gotchas G1 to G12, and the algebra of `covers`."""

from __future__ import annotations

import csv
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import policies
from authz import refusal
from authz.division import Division, Divisions, check_code

POLICIES = Path(__file__).parent.parent / "policies"
NINGXIA = policies.load_divisions(POLICIES)
LINEAGE = policies.load_lineage(POLICIES)
CODES = [row.code for row in NINGXIA]
TOWNSHIPS = [row.code for row in NINGXIA if row.level == "township"]
COLLIDING = [t for t in TOWNSHIPS if any(o != t and o.startswith(t.rstrip("0")) for o in TOWNSHIPS)]
SMALL = [
    Division("64", "宁夏", "region", None),
    Division("6403", "吴忠", "city", "64"),
    Division("640324", "同心", "county", "6403"),
]


with (POLICIES / "divisions/ningxia.csv").open(encoding="utf-8") as _file:
    FILE = list(csv.DictReader(_file))
PARENTS = {row["code"]: row["parent_code"] for row in FILE}


def naive(outer: str, inner: str) -> bool:
    """The oracle: climb the parent column of the file, one step at a time."""
    at = inner
    while at:
        if at == outer:
            return True
        at = PARENTS[at]
    return False


def test_the_counts_are_those_of_the_edition() -> None:
    levels = [row.level for row in NINGXIA]
    assert {level: levels.count(level) for level in set(levels)} == {
        "region": 1, "city": 5, "county": 22, "township": 259, "village": 2912,
    }  # fmt: skip
    assert len(NINGXIA) == 3199
    assert len([c for c in NINGXIA.below("640324") if len(c) == 9]) == 11
    assert len([c for c in NINGXIA.below("640324") if len(c) == 12]) == 153
    assert [row.code for row in NINGXIA.children("64")] == ["6401", "6402", "6403", "6404", "6405"]
    assert [row.code for row in NINGXIA.roots()] == ["64"]


def test_forty_two_townships_collide_without_their_zeros() -> None:
    assert len(COLLIDING) == 42


@pytest.mark.parametrize("township", COLLIDING)
def test_a_township_that_ends_in_zero_covers_only_its_own(township: str) -> None:
    others = [o for o in CODES if o.startswith(township.rstrip("0")) and not o.startswith(township)]
    assert others  # the trap is real: stripping zeros would let these through
    assert not any(NINGXIA.covers(township, other) for other in others)
    assert NINGXIA.below(township) == {c for c in CODES if naive(township, c)}


def test_villages_that_end_in_zero_cover_only_themselves() -> None:
    villages = [code for code in CODES if len(code) == 12]
    stripped = {v: [o for o in villages if o != v and o.startswith(v.rstrip("0"))] for v in villages if v.endswith("0")}
    colliding = {village: others for village, others in stripped.items() if others}
    assert len(colliding) == 325
    assert not any(NINGXIA.covers(village, other) for village, others in colliding.items() for other in others)


def test_ten_thousand_pairs_against_the_walk() -> None:
    draw = random.Random(64)  # noqa: S311
    pairs = [(draw.choice(CODES), draw.choice(CODES)) for _ in range(5000)]
    near = [(draw.choice(NINGXIA.path(inner)), inner) for inner in draw.choices(CODES, k=5000)]
    answers = [(NINGXIA.covers(*pair), naive(*pair)) for pair in pairs + near]
    assert all(ours == theirs for ours, theirs in answers)
    assert {ours for ours, _ in answers} == {True, False}


def test_g1_a_padded_code_is_not_a_code_here() -> None:
    assert NINGXIA.covers("640324", "640324100001")
    assert not NINGXIA.covers("640324000000", "640324100001")
    with pytest.raises(refusal.BadDivisionCode):
        NINGXIA.get("640324000000")


def test_every_padded_form_is_refused_or_the_code_itself() -> None:
    for row in FILE:
        assert NINGXIA.known(row["code12"]) == (row["code12"] == row["code"])


@pytest.mark.parametrize("inner", ["640104011", "640104012"])
def test_g2_stripping_zeros_would_hit_neighbours(inner: str) -> None:
    assert not NINGXIA.covers("640104010", inner)
    assert NINGXIA.covers("640104", inner)


MALFORMED = [
    "", "6", "64010", "6403241", "64032410", "6403241000", "64032410020", "6403241002011", "６４０３２４",
    "640324\n", " 640324", "640324 ", "64032٤",
    "64%", "64.*", "*", "64032a", "+40324", "64_324", "640324100²⁰¹", "0x6403", "64\x00", "\u200b640324",
]  # fmt: skip


@pytest.mark.parametrize("code", MALFORMED)
def test_g3_width_and_digits_are_exact(code: str) -> None:
    with pytest.raises(refusal.BadDivisionCode) as caught:
        check_code(code)
    assert len(code) < 2 or code not in str(caught.value)
    assert not NINGXIA.covers("64", code)
    assert not NINGXIA.covers(code, "640324")


@pytest.mark.parametrize("ask", [NINGXIA.get, NINGXIA.path, NINGXIA.children, NINGXIA.below, NINGXIA.county])
@pytest.mark.parametrize("code", ["11", "640399", "640324109", "640324100299", "640324000000"])
def test_a_well_formed_unknown_code_is_refused(ask: object, code: str) -> None:
    assert check_code(code) == code
    with pytest.raises(refusal.BadDivisionCode):
        ask(code)  # type: ignore[operator]
    assert not NINGXIA.covers(code, code)


def test_abolished_codes_are_told_apart_from_wrong_ones() -> None:
    gone = [code for code in LINEAGE.names if not NINGXIA.known(code)]
    assert gone
    assert all(LINEAGE.known_once(code) and not NINGXIA.covers("64", code) for code in gone)
    assert LINEAGE.known_once("640323104")
    assert not LINEAGE.known_once("640399")
    assert LINEAGE.name_in("640303400", "2019-10-31") == "红寺堡工业园区管委会"
    assert LINEAGE.name_in("640303400", "2023-06-30") == NINGXIA.get("640303400").name
    assert LINEAGE.successors("640323104001") == ("640323001001",)


def test_the_last_edition_of_the_history_is_the_edition_loaded() -> None:
    latest = {code: LINEAGE.name_in(code, "2023-06-30") for code in LINEAGE.names}
    assert {code: name for code, name in latest.items() if name} == {
        row.code: row.name for row in NINGXIA if len(row.code) >= len("640324")
    }


def test_recoded_divisions_have_a_living_successor() -> None:
    assert len(LINEAGE.edges) == 49
    assert all(LINEAGE.known_once(new) for new in (each.new for each in LINEAGE.edges))


@given(st.sampled_from(CODES), st.sampled_from(CODES), st.sampled_from(CODES))
def test_covers_is_a_partial_order(a: str, b: str, c: str) -> None:
    assert NINGXIA.covers(a, a)
    assert not (NINGXIA.covers(a, b) and NINGXIA.covers(b, a)) or a == b
    assert not (NINGXIA.covers(a, b) and NINGXIA.covers(b, c)) or NINGXIA.covers(a, c)


@given(st.sampled_from(CODES))
def test_a_path_climbs_to_the_root(code: str) -> None:
    path = NINGXIA.path(code)
    assert (path[0], path[-1]) == ("64", code)
    assert all(NINGXIA.get(inner).parent == outer for outer, inner in pairwise(path))
    assert all(NINGXIA.covers(outer, code) for outer in path)
    county = NINGXIA.county(code)
    assert (county in path and NINGXIA.get(county).level == "county") if county else len(code) < len("640324")


def test_levels_may_be_skipped_but_not_turned_round() -> None:
    dongguan = [Division("44", "广东", "region", None), Division("4419", "东莞", "city", "44")]
    skipping = Divisions("x", [*dongguan, Division("441900003", "东城街道", "township", "4419")])
    assert skipping.covers("4419", "441900003")
    assert skipping.county("441900003") is None
    assert not skipping.covers("441900", "441900003")


BROKEN = [
    ("unknown parent", [*SMALL, Division("640324100", "豫海镇", "township", "640325")]),
    ("twice", [*SMALL, SMALL[2]]),
    ("level", [*SMALL, Division("640324100", "豫海镇", "village", "640324")]),
    ("level", [*SMALL, Division("640324100", "豫海镇", "", "640324")]),
    ("not a division code", [*SMALL, Division("64032", "同心", "county", "6403")]),
    ("not a division code", [*SMALL, Division("６４０３２５", "同心", "county", "6403")]),
    ("name", [*SMALL, Division("640325", " ", "county", "6403")]),
    ("above", [*SMALL, Division("640325", "同心", "county", "640324")]),
    ("unknown", SMALL[1:]),
    ("circle", [Division("64", "甲", "region", "65"), Division("65", "乙", "region", "64")]),
    ("circle", [Division("64", "甲", "region", "64")]),
]


@pytest.mark.parametrize(("reason", "rows"), BROKEN)
def test_a_broken_edition_is_refused_whole(reason: str, rows: list[Division]) -> None:
    with pytest.raises(ValueError, match=reason if reason != "unknown parent" else r"640324100: parent .* unknown"):
        Divisions("x", rows)
    assert len(Divisions("x", SMALL)) == len(SMALL)


def test_an_edition_never_changes() -> None:
    with pytest.raises(AttributeError):
        NINGXIA.edition = "2024"
    with pytest.raises(AttributeError):
        del NINGXIA.edition
