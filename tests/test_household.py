"""Households: bound once, claimed by nobody, moved by two."""

from __future__ import annotations

from dataclasses import replace

import pytest
from acts import law
from hypothesis import given
from hypothesis import strategies as st

from authz import household as rule
from authz import refusal
from authz.household import POPULATIONS, Household, HouseholdMoveAsked, HouseholdsLoaded

VILLAGES = ("640324100201", "640324100202", "640324105200")
DIVISIONS = law().divisions
tokens = st.integers(0, 12).map(lambda number: f"h-{number}")
families = st.dictionaries(tokens, st.tuples(st.sampled_from(VILLAGES), st.sampled_from(POPULATIONS)))


def households(given: dict[str, tuple[str, str]]) -> dict[str, Household]:
    return {token: Household(token, *where) for token, where in given.items()}


@given(families, families)
def test_a_load_binds_what_is_free_and_nothing_else(
    known: dict[str, tuple[str, str]], asked: dict[str, tuple[str, str]]
) -> None:
    claimed = any(known[token] != where for token, where in asked.items() if token in known)
    try:
        facts = rule.load(list(households(asked).values()), "640324", households(known), DIVISIONS)
    except refusal.AlreadyRegistered:
        assert claimed
        return
    assert not claimed
    bound = [row for fact in facts for row in fact.households]
    assert {row[0]: row[1:] for row in bound} == {token: where for token, where in asked.items() if token not in known}
    assert facts


@pytest.mark.parametrize(
    ("count", "length", "parts"), [(0, 9, 1), (1, 9, 1), (1000, 9, 1), (1001, 9, 2), (1000, 42, 2), (10_000, 9, 10)]
)
def test_an_entry_stays_inside_its_bound(count: int, length: int, parts: int) -> None:
    rows = [Household(f"h-{number:0{length - 2}}", VILLAGES[0], "monitored") for number in range(count)]
    facts = rule.load(rows, "640324", {}, DIVISIONS)
    assert len(facts) == parts
    assert sum(len(each.households) for each in facts) == count
    assert all(len(str(each.plain()["households"])) < 65_535 and len(each.households) <= 1000 for each in facts)


HERE = Household("h-1", VILLAGES[0], "monitored")
ASKED = Household("h-1", VILLAGES[0], "monitored", VILLAGES[1], "p-1")


def test_attack_63_a_move_takes_two() -> None:
    asked = rule.ask_move(HERE, VILLAGES[1], "r")
    assert isinstance(asked, HouseholdMoveAsked)
    assert (asked.division, asked.to) == (VILLAGES[0], VILLAGES[1])
    moved = rule.accept_move(ASKED, "n-1", {"n-2"})
    assert (moved.division, moved.left) == (VILLAGES[1], VILLAGES[0])
    for known, asker, receiver, kind in (
        (ASKED, "n-1", "n-1", refusal.DutyConflict), (ASKED, None, "n-2", refusal.DutyConflict), (HERE, "n-1", "n-2", refusal.WrongState),
    ):  # fmt: skip
        with pytest.raises(kind):
            rule.accept_move(known, asker, {receiver})
    for known, to, kind in ((ASKED, VILLAGES[2], refusal.WrongState), (HERE, VILLAGES[0], refusal.Unacceptable)):
        with pytest.raises(kind):
            rule.ask_move(known, to, "r")


@pytest.mark.parametrize(("known", "division", "cell", "level", "fits"), [
    (None, VILLAGES[0], "monitored.base", "village", True), (None, "640324100", "monitored.base", "township", False),
    (HERE, VILLAGES[0], "monitored.income", "village", True), (HERE, VILLAGES[1], "monitored.income", "village", False),
    (HERE, "640324100", "monitored.income", "township", False), (HERE, VILLAGES[0], "lifted_out.income", "village", False),
])  # fmt: skip
def test_an_edit_is_made_where_the_household_lives(
    known: Household | None, division: str, cell: str, level: str, fits: bool
) -> None:
    if fits:
        rule.check(known, division, cell, level)
    else:
        with pytest.raises(refusal.WrongHousehold):
            rule.check(known, division, cell, level)


def test_a_loaded_fact_puts_every_household_on_record() -> None:
    fact = HouseholdsLoaded(
        division="640324", households=(("h-1", VILLAGES[0], "monitored"), ("h-2", VILLAGES[1], "lifted_out"))
    )
    assert [change.key for change in fact.changes(None)] == [("h-1",), ("h-2",)]  # type: ignore[arg-type]


def test_attack_63_a_move_between_two_accounts_of_whom_nobody_knows_is_not_shown_to_take_two() -> None:
    for asker, receiver in (("p-1", "n-2"), ("n-1", "p-2"), ("p-1", "p-2")):
        with pytest.raises(refusal.DutyConflict, match="请先登记身份证件号码"):
            rule.accept_move(ASKED, asker, {receiver})


# --- word by word ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "operation", ["collect", "update", "query", "export", "verify", "review", "delete", "remark_risk"]
)
def test_only_what_is_entered_or_read_may_be_about_a_household_nobody_has_recorded(operation: str) -> None:
    rule.check(HERE, VILLAGES[0], "monitored.income", "village", operation)
    if operation in ("collect", "update", "query", "export"):
        rule.check(None, VILLAGES[0], "monitored.income", "village", operation)
    else:
        with pytest.raises(refusal.WrongHousehold, match="请先采集录入"):
            rule.check(None, VILLAGES[0], "monitored.income", "village", operation)


def test_a_load_is_for_villages_and_leaves_out_what_is_bound_so_already() -> None:
    other = Household("h-2", VILLAGES[1], "lifted_out")
    for wrong in ([replace(HERE, division="640324100")], [HERE, replace(other, division="640324100")]):
        with pytest.raises(refusal.Unacceptable, match="12 位村级"):
            rule.load(wrong, "640324", {}, DIVISIONS)
    (fact,) = rule.load([HERE, other], "640324", {"h-1": HERE}, DIVISIONS)
    assert fact.households == (("h-2", VILLAGES[1], "lifted_out"),)
    for claimed in (replace(HERE, division=VILLAGES[1]), replace(HERE, population="lifted_out")):
        with pytest.raises(refusal.AlreadyRegistered) as caught:
            rule.load([claimed, other], "640324", {"h-1": HERE}, DIVISIONS)
        assert caught.value.members["count"] == 1


@pytest.mark.parametrize(("longer", "parts"), [(0, [750]), (1, [749, 1])])
def test_an_entry_is_filled_to_its_last_byte(longer: int, parts: list[int]) -> None:
    """750 rows of eighty bytes are the room there is."""
    tokens_ = [f"h-{number:046}" for number in range(750)]
    tokens_[-1] += "x" * longer
    facts = rule.load([Household(each, VILLAGES[0], "monitored") for each in tokens_], "640324", {}, DIVISIONS)
    assert [len(each.households) for each in facts] == parts


@pytest.mark.parametrize(("left", "to", "missing", "side"), [
    (True, True, (VILLAGES[1],), VILLAGES[0]), (True, False, (VILLAGES[1],), VILLAGES[0]), (False, True, (VILLAGES[0],), VILLAGES[1]),
    (False, False, (VILLAGES[0], VILLAGES[1]), VILLAGES[0]),
])  # fmt: skip
def test_whose_consent_is_missing_and_in_whose_name_a_move_was_asked_for(
    left: bool, to: bool, missing: tuple[str, ...], side: str
) -> None:
    assert rule.consents(ASKED, left, to) == missing
    assert rule.asking_side(ASKED, left, to) == side
    assert rule.consents(HERE, left, to) == (VILLAGES[0],)
    assert rule.asking_side(HERE, left, to) == VILLAGES[0]


def test_what_is_not_open_is_not_taken_back() -> None:
    fact = rule.withdraw_move(ASKED, "r")
    assert (fact.household, fact.division, fact.to) == ("h-1", VILLAGES[0], VILLAGES[1])
    with pytest.raises(refusal.WrongState):
        rule.withdraw_move(HERE, "r")
