"""The reply and the unified window case by case. Every case is also asked of every mutant."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import chains
import pytest
from chains import CELLS, END, OPERATIONS, START, VILLAGE, County, wanted
from offices import NOW, PAPER, REPLY, WAY, YES, Office
from test_authority import code
from test_delegation import hand_on

from authz import reply, revocation, window
from authz.citation import Letter
from authz.fact import Where, instant
from authz.grant import GrantIssued
from authz.reply import Answer
from authz.window import Opening

DAY = timedelta(days=1)
HERE, THERE = "640324", "640422"


STATES = {"drafted": ("draft",), "filed": ("draft", "sign"), "received": ("draft", "sign", "receive"), "proposed": WAY[:4],
          "returned": ("draft", "sign", "return"), "approved": WAY, "withdrawn": ("draft", "sign", "withdraw")}  # fmt: skip
POSSIBLE = {
    "receive": {"filed"},
    "return": {"filed", "received", "proposed"},
    "propose": {"received", "proposed"},
    "decide": {"proposed"},
}


@pytest.mark.parametrize("verb", [*POSSIBLE, "scan"])
@pytest.mark.parametrize("state", STATES)
def test_no_step_of_the_reply_is_taken_in_another_state(state: str, verb: str) -> None:
    office = Office().run(*STATES[state])
    if verb == "scan":
        told = code(reply.scanned, office.row, (PAPER,), office.scene("p-55"))
        assert told == ("" if state == "approved" else "wrong_state")
    else:
        other = replace(REPLY, number="宁乡振发〔2026〕99号")
        told = code(lambda: office.run(verb, answer=other))
        # What is not signed yet is absent for the region.
        wrong = "unknown" if state == "drafted" else "wrong_state"
        assert told == ("" if state in POSSIBLE[verb] else wrong)


def test_a_letter_is_received_between_its_date_and_today() -> None:
    office = Office().run("draft", "sign")
    days = {
        date(2026, 11, 19): "dated_before",
        date(2026, 11, 20): "",
        date(2026, 11, 23): "",
        date(2026, 11, 24): "unacceptable",
    }
    assert {day: code(reply.received, office.row, "1", day, office.scene("p-44")) for day in days} == days


def test_a_reply_is_dated_between_its_request_and_today() -> None:
    days = {
        date(2026, 11, 19): "dated_before",
        date(2026, 11, 20): "",
        date(2026, 11, 23): "",
        date(2026, 11, 24): "unacceptable",
    }
    office = Office().run(*WAY[:4])
    scene = office.scene("p-55")
    told = {day: code(reply.decided, office.row, replace(REPLY, dated=day), YES, "c", (), scene) for day in days}
    assert told == days
    # Today is that of the service: at 16:00 UTC the next day has come.
    scene.at = NOW.replace(hour=16)
    assert code(reply.decided, office.row, replace(REPLY, dated=date(2026, 11, 24)), YES, "c", (), scene) == ""


LETTERS = [("1", "u-64-lead", "2026", "already_registered"), ("1", "u-64-lead", "2025", ""), ("1", "u-6403-lead", "2026", ""),
           ("2", "u-64-lead", "2026", "")]  # fmt: skip


@pytest.mark.parametrize(("number", "unit", "year", "told"), LETTERS)
def test_a_register_number_is_one_letter_of_a_unit_and_year(number: str, unit: str, year: str, told: str) -> None:
    office = Office().run("draft", "sign")
    office.rows.mail = {number: [Letter(99, unit, year)]}
    scene = office.scene("p-44")
    for written in ("1", " １ ", "1\u3000"):
        assert code(reply.received, office.row, written, date(2026, 11, 23), scene) == told


def test_every_rest_of_the_handling_clock_is_kept() -> None:
    office = Office().run("draft", "sign", "receive", "return", "sign", "return")
    assert [end is None for _, end in office.row["body"]["paused"]] == [False, True]


def test_scans_are_added_to_those_there() -> None:
    office = Office().run(*WAY[:4])
    facts = reply.decided(office.row, REPLY, YES, "c", (PAPER, "b" * 64), office.scene("p-55"))
    assert isinstance(facts[1], GrantIssued)
    assert facts[1].document_sha256 == PAPER
    plain = reply.decided(office.row, replace(REPLY, kind=None), YES, "c", (), office.scene("p-55"))
    assert isinstance(plain[1], GrantIssued)
    assert plain[1].document_sha256 is None
    office.run("decide")
    office.row["body"]["scan"] = [PAPER]
    assert reply.scanned(office.row, ("b" * 64, PAPER), office.scene("p-55")).scan == (PAPER, "b" * 64)


OUTCOMES = [(("approved",), "approved"), (("rejected",), "rejected"), (("narrowed",), "partial"), (("approved", "rejected"), "partial"),
            (("approved", "approved"), "approved"), (("rejected", "rejected"), "rejected")]  # fmt: skip


@pytest.mark.parametrize(("lines", "told"), OUTCOMES)
def test_a_decision_is_named_by_its_lines(lines: tuple[str, ...], told: str) -> None:
    assert reply.outcome(tuple({"outcome": each} for each in lines)) == told


ANSWERS = [
    ({"division": "640324999"}, "bad_division_code"), ({"division": "640422"}, "wider_than_asked"), ({"cells": []}, "unacceptable"),
    ({"operations": ["delete"]}, "wider_than_asked"), ({"until": instant(NOW)}, "empty_interval"), ({"data_year": 2025}, "wider_than_asked"),
    ({}, "unacceptable"), ({"max_records": 100}, "unacceptable"), ({"max_records": 99}, ""), ({"operations": ["update"]}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("narrower", "told"), ANSWERS, ids=lambda each: str(each)[:40])
def test_a_narrowed_line_is_narrower_than_asked(narrower: dict[str, Any], told: str) -> None:
    """Neither wider on any axis, nor empty, nor the same under another word."""
    office = Office().run("draft", "sign", "receive")
    answers = (Answer(1, "narrowed", narrower, None),)
    assert code(reply.proposed, office.row, answers, "c", office.scene("p-44")) == told
    office.run("propose")
    assert code(reply.decided, office.row, REPLY, answers, "c", (), office.scene("p-55")) == told


def test_a_window_is_held_by_the_counties_of_its_place() -> None:
    divisions = County().scene("p-2").law.divisions
    assert window.counties(HERE, divisions) == (HERE,)
    assert window.counties(VILLAGE, divisions) == (HERE,)
    assert {HERE, THERE} < set(window.counties("64", divisions))
    assert HERE not in window.counties("6404", divisions)


def test_a_place_without_a_county_opens_nothing() -> None:
    county = County()
    scene = county.scene("p-1")
    kept = [each for each in scene.law.divisions if each.code in ("64", "6403")]
    scene.law = replace(scene.law, divisions=type(scene.law.divisions)("e", kept))
    wish = Opening("6403", CELLS, OPERATIONS, 2026, START, END, "t", "i", "2026-11-01", None, None)
    assert code(window.opened, wish, scene) == "unacceptable"


def rested(county: County, number: int, person: str, verb: str = "suspend") -> None:
    county.record(person, getattr(revocation, verb)(county.links(number), "r", county.scene(person))[0])


def opened(county: County) -> int:
    wish = Opening(HERE, CELLS, OPERATIONS, 2026, START, END, "t", "i", "2026-11-01", None, None)
    number, facts = county.number, window.opened(wish, county.scene("p-1"))
    body = facts[0].changes(Where(number, county.at, "p-1", chains.REGION_UNIT))[0].values["body"]
    county.number += 1
    for fact in facts[1:]:
        county.record("p-1", fact)
    county.rows.openings[number] = {"number": number, "division": HERE, "body": body}
    return number


def test_closing_a_window_ends_what_still_lives_and_nothing_twice() -> None:
    county = County()
    number = opened(county)
    (mine,) = county.rows.openings[number]["body"]["grants"]
    resting, ended, over = (
        hand_on(county, mine, wanted()),
        hand_on(county, mine, wanted()),
        hand_on(county, mine, wanted(valid_until=START + DAY)),
    )
    rested(county, resting, "p-2")
    rested(county, ended, "p-2", "revoke")
    county.at = START + DAY
    shut, revoked = window.closed(number, "r", county.scene("p-1"))
    assert (shut.cut, revoked.cut, over in shut.cut) == ((mine, resting), (resting,), False)
    rested(county, mine, "p-1", "revoke")
    facts = window.closed(number, "r", county.scene("p-1"))
    assert [type(each).__name__ for each in facts] == ["WindowClosed"]
    body = county.rows.openings[number]["body"]
    told = {at: window.state(body, at) for at in (START - DAY, START, END - DAY, END, END + DAY)}
    assert list(told.values()) == ["pending", "open", "open", "closed", "closed"]
    assert window.state(body | {"closed_at": instant(START)}, START) == "closed"
