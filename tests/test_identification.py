"""Identification as a rule: two accounts become one human being exactly where appointing him would have been allowed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from acts import law
from bureau import ADMIN, COUNTY, HAMLET, HOUR, LEAD, REGION, START, SYSTEM, Bureau

from authz import duty, refusal
from authz.fact import Amend, Where, parse
from authz.identification import PersonIdentified, identify
from authz.post import DutyNoted

POLICY = law().policy
NOBODY, KNOWN, ONE = "p-011", "p-11", "n1"
"""An account without a number; one of the human being `n1`."""
ROLES = sorted(POLICY.catalogue.roles)


def identified(bureau: Bureau, person: str = NOBODY, natural: str = ONE, by: str = SYSTEM) -> tuple[Any, ...]:
    return identify(bureau.person(person), natural, COUNTY, "c", bureau.scene(by))


def outcome(bureau: Bureau, **wish: str) -> tuple[str, list[str]]:
    """`one` with the duties noted, or the refusal with the duty named."""
    try:
        facts = identified(bureau, **wish)
    except refusal.Refusal as refused:
        return refused.code, [refused.members["duty"]] if "duty" in refused.members else []
    return "one", [each.duty for each in facts if isinstance(each, DutyNoted)]


def expected(one: str, other: str) -> tuple[str, list[str]]:
    """What duties.csv says of two roles in one hand, read row by row."""
    found = [
        each for each in POLICY.duties.values()
        if each.kind == "roles" and ((one in each.left and other in each.right) or (one in each.right and other in each.left))
    ]  # fmt: skip
    blocked = [each.code for each in found if each.strength == "block"]
    return ("duty_conflict", blocked[:1]) if blocked else ("one", [each.code for each in found])


def both(one: str, other: str) -> Bureau:
    """An account of nobody known in one role, and an account of a known human being in another, elsewhere."""
    bureau = Bureau()
    bureau.employ(NOBODY, LEAD, one)
    bureau.employ(KNOWN, REGION, other)
    return bureau


def differing() -> list[tuple[str, str]]:
    pairs = itertools.product(ROLES, repeat=2)
    return [(one, other) for one, other in pairs if outcome(both(one, other)) != expected(one, other)]


def test_every_two_roles_are_judged_as_the_table_of_duties_has_them() -> None:
    assert differing() == []
    told = [expected(one, other)[0] for one, other in itertools.product(ROLES, repeat=2)]
    assert {told.count("one") > 50, told.count("duty_conflict") > 50} == {True}


def test_a_rule_that_does_not_ask_the_table_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty, "roles_clash", lambda policy, held, role: ())
    assert differing()


@pytest.mark.parametrize(("mine", "theirs", "clash"), [
    ((0, 9), (0, 9), True), ((0, 9), (8, 20), True), ((0, 9), (9, 20), False), ((5, None), (0, 9), True),
    ((0, 1), (0, None), False), ((0, None), (0, 1), False), ((0, 4), (4, None), False),
])  # fmt: skip
def test_only_posts_that_are_held_at_one_time_meet(
    mine: tuple[int, int | None], theirs: tuple[int, int | None], clash: bool
) -> None:
    """Judged in the second hour: what is over by then is nobody's any more; what begins later counts."""
    bureau = Bureau()
    for person, unit, role, span in ((NOBODY, HAMLET, "grid_worker", mine), (KNOWN, REGION, "auditor", theirs)):
        begin, end = (None if each is None else START + each * HOUR for each in span)
        assert begin is not None
        bureau.employ(person, unit, role, begin, end)
    bureau.at += 2 * HOUR
    assert (outcome(bureau)[0] == "duty_conflict") is clash


def test_one_post_is_not_held_twice_and_an_a_is_not_his_own_b() -> None:
    for role, told in (
        ("county_admin", ("duty_conflict", ["primary_deputy"])),
        ("county_clerk", ("already_registered", [])),
    ):
        bureau = Bureau()
        bureau.employ(NOBODY, LEAD, role)
        mine = bureau.employ(KNOWN, LEAD, role)
        assert outcome(bureau) == told
        bureau.end(mine)
        bureau.at += HOUR
        assert outcome(bureau) == ("one", [])


@pytest.mark.parametrize("deputy", [NOBODY, KNOWN])
def test_nobody_turns_out_to_stand_in_for_himself(deputy: str) -> None:
    absent = KNOWN if deputy == NOBODY else NOBODY
    bureau = Bureau()
    post = bureau.employ(absent, HAMLET, "grid_worker")
    bureau.employ(deputy, HAMLET, "village_collector")
    number = bureau.deputise(post, deputy, ADMIN)
    assert outcome(bureau) == ("duty_conflict", ["primary_deputy"])
    assert outcome(bureau, natural="n2") == ("one", [])
    bureau.at += HOUR
    bureau.table["post"][number]["valid_until"] = bureau.table["post"][number]["valid_from"]
    bureau.record()
    assert outcome(bureau) == ("one", [])


def test_a_number_is_given_once_and_not_by_oneself() -> None:
    bureau = both("county_clerk", "region_handler")
    assert outcome(bureau, person=KNOWN, natural=ONE)[0] == "already_registered"
    assert outcome(bureau, person=KNOWN, natural="n9")[0] == "already_registered"
    assert outcome(bureau, by=NOBODY) == ("duty_conflict", [])


def test_nor_by_whoever_stands_in_for_him() -> None:
    bureau = Bureau()
    deputy = "p-21"
    post = bureau.employ(NOBODY, LEAD, "county_admin")
    bureau.employ(deputy, LEAD, "county_clerk")
    number = bureau.deputise(post, deputy, SYSTEM)
    scene = bureau.scene(deputy, number)
    with pytest.raises(refusal.DutyConflict):
        identify(bureau.person(NOBODY), "n3", COUNTY, "c", scene)
    assert outcome(bureau, natural="n3") == ("one", [])


def test_the_fact_reads_back_and_changes_who_it_is_and_nothing_else() -> None:
    fact = PersonIdentified(person_id=NOBODY, natural="f" * 64, division=COUNTY, reason="c")
    assert parse(fact.plain()) == fact
    assert fact.changes(Where(7, START)) == (Amend("person", (NOBODY,), {"natural": "f" * 64}),)
