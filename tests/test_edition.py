"""What a new edition does to grants of an older one: nothing is gained without a confirmation, on the real editions."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import acts
import pytest
from test_redistricting import EDITIONS, THEN

from authz import edition, gazette, lineage, refusal
from authz.decision import Law, Scene
from authz.division import LEVELS, Division, Divisions
from authz.grant import Grant, Scope
from authz.household import Household
from authz.post import FAR, Person, Post
from authz.register import Rows

T0 = datetime(2026, 12, 1, tzinfo=UTC)
LAWS = {
    name: replace(acts.law(), divisions=divisions, lineage=past)
    for name in EDITIONS for divisions, past in [lineage.parse_bundle(name, THEN[name])]
}  # fmt: skip
LATER = [(old, new) for old in EDITIONS for new in EDITIONS if old < new]


def grant(division: str, given: str, number: int = 1, parent: int | None = None) -> Grant:
    scope = Scope(division, frozenset(["monitored.income"]), frozenset(["update"]), None, T0, FAR)
    return Grant(
        number=number, origin="request", scope=scope, holder_unit="u-640323-lead", holder_person=None, role="county_admin",
        request=None, line=None, window=None, parent=parent, path=(parent, number) if parent else (number,), document="文",
        document_sha256=None, edition=given, division_name="n", issuer_unit="u-64-lead" if parent is None else "u-640323-lead",
        issued_by=None, issued_at=T0, revoked_at=None,
    )  # fmt: skip


def held(given: str) -> list[str]:
    """Divisions of an edition: those that changed later, the region, and some others."""
    codes = [row.code for row in LAWS[given].divisions]
    gone = [code for code in codes if not LAWS[EDITIONS[-1]].divisions.known(code)]
    return [*gone, "64", "640323", *random.Random(4).sample(codes, 40)]  # noqa: S311


@pytest.mark.parametrize(("given", "now"), LATER)
def test_no_grant_reaches_a_place_it_did_not_reach_when_it_was_given(given: str, now: str) -> None:
    """The oracle is the tree of the time itself. What is still covered was covered then, as the same place."""
    before, law = LAWS[given], LAWS[now]
    waiting = 0
    for code in held(given):
        old = grant(code, given)
        answers = {row.code: edition.standing(old, row.code, law) for row in law.divisions}
        covered = {asked for asked, answer in answers.items() if answer == "covers"}
        assert covered <= before.divisions.below(code)
        assert all(lineage_stems(asked, given, now) for asked in covered)
        waits = {asked for asked, answer in answers.items() if answer == "waits"}
        waiting += len(waits)
        assert edition.waits(old, law) is (bool(waits) or not law.divisions.known(code))
        if law.divisions.known(code):
            new = grant(code, now)
            assert {asked for asked in answers if edition.standing(new, asked, law) == "covers"} == law.divisions.below(
                code
            )
            assert covered | waits == law.divisions.below(code)
    assert waiting


def lineage_stems(code: str, given: str, now: str) -> bool:
    """Whether the code had the same parent and, spelling aside, the same name in both editions."""
    one, other = (LAWS[each].divisions.get(code) for each in (given, now))
    outer = [LAWS[now].divisions.get(each).name for each in LAWS[now].divisions.path(code)[:-1]]
    outer += [LAWS[given].divisions.get(each).name for each in LAWS[given].divisions.path(code)[:-1]]
    same = one.name == other.name or lineage.stem(one.name, outer) == lineage.stem(other.name, outer)
    return one.parent == other.parent and same


def test_the_same_edition_asks_nothing() -> None:
    law = LAWS[EDITIONS[-1]]
    for code in held(EDITIONS[-1]):
        answers = {edition.standing(grant(code, EDITIONS[-1]), row.code, law) for row in law.divisions}
        assert "waits" not in answers


STREET, NEW, OTHER = "640323104", "640323001", "640323100012"
NOW = LAWS["2023-06-30"]
COUNTY = ("county_admin", "u-640323-lead")


def scene(role: str, unit: str, *known: Grant, law: Law = NOW) -> Scene:
    rows = Rows()
    rows.people["p-1"] = Person("p-1", "n", 0)
    division = unit.split("-")[1]
    rows.grants = {each.number: each for each in known}
    post = Post(9, "p-1", unit, division, role, role, T0, FAR)
    return Scene(rows, T0, 100, law, rows.people["p-1"], post)


@pytest.mark.parametrize(("code", "now"), [
    ("640323100001", f"{NEW}001"),  # by way of 640323104001
    (f"{STREET}007", OTHER), (STREET, None), ("640106002200", None), (f"{NEW}001", f"{NEW}001"),
])  # fmt: skip
def test_a_household_is_at_home_where_its_one_successor_is(code: str, now: str | None) -> None:
    known = edition.settled(Household("h-1", code, "monitored"), NOW)
    assert known is not None
    assert known.division == (now or code)


def test_who_acts_from_a_place_that_is_no_more_does_nothing() -> None:
    gone = scene("county_admin", "u-640323104-lead")
    with pytest.raises(refusal.ScopeNeedsConfirmation):
        gone.must("grant.read", "640323")


def test_an_abolished_place_is_answered_for_by_what_it_lay_in() -> None:
    assert scene(*COUNTY).may("grant.read", STREET)
    assert not scene("county_admin", "u-640324-lead").may("grant.read", STREET)
    assert STREET in edition.reach("640323", NOW)
    assert f"{STREET}001" in edition.reach(STREET, NOW)
    assert STREET not in edition.reach("640324", NOW)
    with pytest.raises(refusal.BadDivisionCode):
        edition.reach("640399", NOW)


# --- what an edition reaches ----------------------------------------------------------------------------------------
def drawn(name: str, town: str, since: str = "", **names: str) -> Divisions:
    """A county of two townships with one village, which lies in this township, of this identity since this edition."""
    rows = [("64", None), ("640324", "64"), ("640324100", "640324"), ("640324101", "640324"), ("640324100201", town)]
    return Divisions(
        name, [Division(code, names.get(f"n{code}", code), LEVELS[len(code)], parent, since if parent == town else "")
               for code, parent in rows]
    )  # fmt: skip


def test_an_edition_reaches_what_waits_and_apart_from_it_what_only_loses_a_place() -> None:
    old = drawn("2023-06-30", "640324100")
    found = gazette.reached(old, drawn("2026-06-30", "640324101", "2026-06-30"))
    assert found.waiting == {"64", "640324", "640324101", "640324100201"}
    assert (found.losing, found.ended) == ({"640324100"}, frozenset())
    spelt = gazette.reached(old, drawn("2026-06-30", "640324100", n640324100201="又名"))
    assert spelt == gazette.Reached(frozenset(), frozenset(), frozenset())


def test_what_was_given_inside_a_township_that_moved_is_reached() -> None:
    def land(edition: str, county: str, since: str) -> Divisions:
        rows = [
            ("64", None), ("640324", "64"), ("640325", "64"), ("640324100", county), ("640324100201", "640324100"),
        ]  # fmt: skip
        return Divisions(
            edition, [Division(c, c, LEVELS[len(c)], parent, since if c == "640324100" else "") for c, parent in rows]
        )

    found = gazette.reached(land("2023-06-30", "640324", ""), land("2026-06-30", "640325", "2026-06-30"))
    assert (found.waiting, found.losing) == ({"64", "640325", "640324100"}, {"640324", "640324100201"})
