"""The failures of other systems: which tests keep each of them out, and which relapses show that they would (`regressions.csv`).

Rows 1 to 18 are the regression catalogue, rows from 101 the classes of bugs of authorization services.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import attack_rows
import pytest
from chains import LEAD, START, VILLAGE, County, regional
from conftest import World
from leaks import LEAKS, leaking
from offices import LINE, TEXT, WAY, Office
from relapses import RELAPSES
from test_authority import asked, code

from authz.decision import Wish

TABLE = Path(__file__).parent / "regressions.csv"
CATALOGUE = range(1, 19)
ROWS = (*CATALOGUE, *range(101, 113))
BY_AXIS = "the decision does not ask for "
"""Relapses that belong to the decision itself, not to a row."""


def read() -> list[dict[str, str]]:
    return list(csv.DictReader(TABLE.read_text("utf-8").splitlines()))


def faults(rows: list[dict[str, str]]) -> Iterator[str]:
    """A row missing or twice, without test and reason, with a test or a relapse that is none; a row of the catalogue that was
    never seeded; a relapse without a row."""
    seeded = {**RELAPSES, **LEAKS}
    numbers = [int(row["row"]) for row in rows]
    yield from (f"row {number} stands {numbers.count(number)} times" for number in ROWS if numbers.count(number) != 1)
    for row in rows:
        tests, relapses = row["tests"].split(), [each for each in row["relapses"].split(";") if each]
        if bool(tests) == bool(row["later"]):
            yield f"row {row['row']} needs either tests or a reason"
        yield from (
            f"row {row['row']}: no {each}"
            for each in tests
            if each.partition("::")[2] not in attack_rows.tests_of(each.partition("::")[0])
        )
        yield from (f"row {row['row']}: no relapse {each!r}" for each in relapses if each not in seeded)
        if int(row["row"]) in CATALOGUE and not relapses:
            yield f"row {row['row']} is seeded as no mutant"
    named = {each for row in rows for each in row["relapses"].split(";")}
    yield from (f"{each!r} belongs to no row" for each in seeded if each not in named and not each.startswith(BY_AXIS))


def test_every_failure_of_others_has_its_test() -> None:
    assert list(faults(read())) == []


@pytest.mark.parametrize(
    "spoil",
    [
        {"tests": ""},
        {"tests": "test_x.py::test_none"},
        {"relapses": "none"},
        {"row": "2"},
        {"later": "some day"},
        {"relapses": ""},
    ],
)
def test_a_spoilt_table_is_noticed(spoil: dict[str, str]) -> None:
    first, *rest = read()
    assert list(faults([first | spoil, *rest]))


@pytest.mark.parametrize("name", LEAKS)
def test_a_failure_of_others_at_the_door_is_noticed(database: World, name: str) -> None:
    """By what its check asserts; what breaks otherwise shows nothing."""
    with leaking(name) as check, pytest.raises(AssertionError):
        check(database)


# --- rows that had no test of their own -----------------------------------------------------------------------------
def test_no_table_of_duties_switches_the_four_hands_off() -> None:
    """Row 11: with every row of duties.csv gone, a request still takes four natural persons."""
    law = Office().law
    bare = replace(law, policy=replace(law.policy, duties={}))
    assert Office(bare).run(*WAY).row["state"] == "approved"
    for step, mine in (
        ("sign", "p-12"),
        ("receive", "p-14"),
        ("propose", "p-14"),
        ("decide", "p-15"),
        ("decide", "p-45"),
    ):
        told = code(lambda step=step, mine=mine: Office(bare).run(*WAY, who={step: mine}))
        assert told in ("duty_conflict", "not_signatory"), (step, told)


@pytest.mark.parametrize("empty", [{"cells": []}, {"operations": []}, {"until": LINE["from"]}])
def test_a_line_without_a_scope_is_not_even_drafted(empty: dict[str, object]) -> None:
    """Row 13."""
    assert code(lambda: Office().run("draft", text=replace(TEXT, lines=(LINE | empty,)))) in (
        "unacceptable",
        "empty_interval",
    )
    assert code(lambda: Office().run("draft", text=replace(TEXT, lines=()))) == "unacceptable"


def test_two_grants_never_flow_together() -> None:
    """Row 18: the cell of one and the operation of another make no permit; each alone does."""
    county = County(cells=("monitored.base",), operations=("update",))
    other = county.record("p-1", regional(cells=("monitored.income",), operations=("verify",)))
    wishes = {("monitored.base", "update"): 100, ("monitored.income", "verify"): other}
    for cell, operation in (
        ("monitored.base", "update"),
        ("monitored.income", "verify"),
        ("monitored.base", "verify"),
        ("monitored.income", "update"),
    ):
        told = asked(county, "p-2", Wish(operation, cell, VILLAGE, 2026, "h-near"))
        assert told == wishes.get((cell, operation), told)
        assert isinstance(told, int) is ((cell, operation) in wishes)
    assert county.rows.grants[100].holder_unit == LEAD
    assert county.at == START
