"""The end of a grant: who may end, rest or narrow it, and that one fact does it for everything below."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from chains import END, FAR_VILLAGE, OFFICE, OPERATIONS, OTHER_UNIT, START, TOWN, VILLAGE, VILLAGE_UNIT, County, wanted
from test_delegation import hand_on

from authz import refusal, revocation
from authz.decision import Wish, decide

DAY = timedelta(days=1)


def family() -> tuple[County, int, int, int]:
    """A county grant, the township's below it, a village's below that, and the department's beside."""
    county = County()
    town = hand_on(county, 100, wanted())
    village = hand_on(county, town, wanted(holder=VILLAGE_UNIT, role="village_collector", division=VILLAGE), "p-4")
    office = hand_on(county, 100, wanted(holder=OFFICE, role="department_officer"))
    return county, town, village, office


def may_update(county: County, person: str = "p-6", division: str = VILLAGE) -> bool:
    scene = county.scene(person)
    assert scene.post is not None
    try:
        decide(scene, scene.post, Wish("update", "monitored.income", division, 2026, "h-near"))
    except refusal.Denied:
        return False
    return True


def test_scenario_3_revoking_ends_everything_below_in_one_fact() -> None:
    county, town, village, office = family()
    assert may_update(county)
    fact, cut = revocation.revoke(county.links(100), "r", county.scene("p-1"))
    county.record("p-1", fact)
    assert cut == fact.cut == (town, village, office)
    assert not may_update(county)
    assert all(not each.revoked(county.at) for each in county.rows.grants.values() if each.number != 100)


def test_attack_95_a_suspended_grant_rests_with_all_below_and_comes_back() -> None:
    county, town, village, _ = family()
    fact, cut = revocation.suspend(county.links(town), "r", county.scene("p-2"))
    county.record("p-2", fact)
    assert cut == (village,)
    assert not may_update(county)
    assert may_update(county, "p-10")
    county.at += DAY
    county.record("p-2", revocation.resume(county.links(town), "r", county.scene("p-2")))
    assert may_update(county)


RULERS = [("town", "p-1", True), ("town", "p-2", True), ("town", "p-4", False), ("village", "p-4", True), ("village", "p-2", True),
          ("root", "p-2", False), ("root", "p-1", True), ("village", "p-8", False), ("office", "p-4", False)]  # fmt: skip


@pytest.mark.parametrize(("thing", "person", "may"), RULERS)
def test_the_issuer_and_those_above_rule_a_grant(thing: str, person: str, may: bool) -> None:
    county, town, village, office = family()
    links = county.links({"root": 100, "town": town, "village": village, "office": office}[thing])
    for rule in (revocation.revoke, revocation.suspend):
        try:
            rule(links, "r", county.scene(person))
        except refusal.Denied:
            assert not may
        else:
            assert may


def test_what_the_county_suspended_the_township_does_not_resume() -> None:
    county, _, village, _ = family()
    fact, _ = revocation.suspend(county.links(village), "r", county.scene("p-2"))
    county.record("p-2", fact)
    with pytest.raises(refusal.Denied):
        revocation.resume(county.links(village), "r", county.scene("p-4"))
    revocation.resume(county.links(village), "r", county.scene("p-1"))


WRONG = {
    "revoke": "revoke",
    "suspend": "revoke",
    "resume": "revoke",
    "narrow": "revoke",
    "resume live": None,
    "suspend twice": "suspend",
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_state_is_a_conflict(case: str) -> None:
    county, town, _, _ = family()
    if before := WRONG[case]:
        county.record("p-2", getattr(revocation, before)(county.links(town), "r", county.scene("p-2"))[0])
    verb, links, scene = case.split(maxsplit=1)[0], county.links(town), county.scene("p-2")
    with pytest.raises(refusal.WrongState):
        revocation.narrow(links, {"max_records": 1}, "r", scene) if verb == "narrow" else getattr(revocation, verb)(
            links, "r", scene
        )


def test_narrowing_cuts_below_without_a_word_about_it() -> None:
    county, town, village, _ = family()
    changed = {"operations": frozenset(("verify",)), "max_records": 5}
    fact, cut = revocation.narrow(county.links(town), changed, "r", county.scene("p-2"))
    county.record("p-2", fact)
    assert cut == (village,)
    assert not may_update(county)
    assert may_update(county, "p-10")
    assert county.rows.grants[village].scope.operations == frozenset(OPERATIONS)


NARROWINGS: list[tuple[dict[str, Any], type[refusal.Refusal]]] = [
    ({"division": "640324105"}, refusal.WiderThanHeld), ({"division": "640324"}, refusal.WiderThanHeld),
    ({"operations": frozenset(("delete",))}, refusal.WiderThanHeld), ({"valid_until": END + DAY}, refusal.WiderThanHeld),
    ({"data_year": 2025}, refusal.WiderThanHeld), ({"division": TOWN}, refusal.NothingNarrowed), ({}, refusal.NothingNarrowed),
    ({"valid_until": START}, refusal.EmptyInterval), ({"division": "123"}, refusal.BadDivisionCode),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "kind"), NARROWINGS)
def test_narrowing_only_narrows(changed: dict[str, Any], kind: type[refusal.Refusal]) -> None:
    county, town, _, _ = family()
    with pytest.raises(kind):
        revocation.narrow(county.links(town), changed, "r", county.scene("p-2"))


def test_another_village_is_never_reached() -> None:
    county, *_ = family()
    assert not may_update(county, division=FAR_VILLAGE)
    assert not may_update(county, "p-7", OTHER_UNIT.split("-")[1])
    assert isinstance(hand_on(county, 100, wanted(holder=OTHER_UNIT, role="grid_worker", division="640324100202")), int)
    assert may_update(county, "p-7", OTHER_UNIT.split("-")[1])
