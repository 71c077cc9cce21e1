"""What a line that renews may cite and ask for: more time, and nothing else; once; and nothing that was revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chains import CELLS, COUNTY, END, LEAD, OPERATIONS, START, TOWN, County, regional, wanted
from hypothesis import given
from hypothesis import strategies as st
from offices import LINE as LETTER
from offices import NOW, TEXT, Office
from test_authority import code
from test_delegation import hand_on

from authz import renewal, revocation, scope
from authz.citation import Citing
from authz.decision import Scene
from authz.fact import instant
from authz.policy import Setting
from authz.reply import Answer
from authz.term import LONGEST

DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
FAR_LEAD = "u-640422-lead"
AT = END - 10 * DAY
LINE: dict[str, Any] = {
    "line": 1, "division": TOWN, "cells": list(CELLS), "operations": list(OPERATIONS), "data_year": 2026,
    "from": instant(END), "until": instant(END + 100 * DAY), "max_records": None, "renews": 100,
}  # fmt: skip


def line(**more: Any) -> dict[str, Any]:
    return LINE | {name: instant(value) if isinstance(value, datetime) else value for name, value in more.items()}


def scene(county: County, at: datetime = AT, person: str = "p-3", **numbers: int) -> Scene:
    county.at = at
    made = county.scene(person)
    policy = made.law.policy
    settings = {name: Setting(name, "zh", value, "day", "local", "L") for name, value in numbers.items()}
    made.law = replace(made.law, policy=replace(policy, handling={**policy.handling, **settings}))
    return made


LINES: list[tuple[dict[str, Any], str, list[str]]] = [
    ({}, "", []),
    ({"data_year": 2027}, "", []),
    ({"data_year": 2025}, "wider_than_held", ["data_year"]),
    ({"division": COUNTY}, "", []),
    ({"division": "6403"}, "wider_than_held", ["division"]),
    ({"division": "640422"}, "wider_than_held", ["division"]),
    ({"cells": ["monitored.base"]}, "", []),
    ({"cells": ["lifted_out.base"], "operations": ["delete"]}, "wider_than_held", ["cells", "operations"]),
    ({"max_records": 9}, "", []),
    ({"until": END}, "unacceptable", []),
    ({"from": START, "until": END}, "unacceptable", []),
    ({"until": END + TICK}, "", []),
    ({"from": END + TICK}, "unacceptable", []),
    ({"from": END - TICK}, "", []),
    ({"from": START}, "", []),
    ({"renews": 999}, "misshapen", []),
    ({"renews": None, "cells": ["lifted_out.base"], "from": END + 9 * DAY}, "", []),
]


@pytest.mark.parametrize(("more", "told", "axes"), LINES)
def test_a_renewal_asks_for_more_time_and_nothing_else(more: dict[str, Any], told: str, axes: list[str]) -> None:
    found = scene(County())
    assert code(renewal.must_renew, (line(**more),), LEAD, None, found) == told
    if axes:
        outgrown = renewal.outgrown(found.rows.grants[100].scope, scope.of(line(**more)), found)
        assert [each.axis for each in outgrown] == axes


def test_limits_of_the_old_grant_are_limits_of_the_new() -> None:
    capped, listed = County(max_records=9), County(households=("h-near",))
    told = [code(renewal.must_renew, (line(max_records=most),), LEAD, None, scene(capped)) for most in (9, 10, None)]
    assert told == ["", "wider_than_held", "wider_than_held"]
    assert code(renewal.must_renew, (line(),), LEAD, None, scene(listed)) == "wider_than_held"


def test_only_what_the_region_gave_the_county_itself_on_a_request_is_renewed() -> None:
    """Absent, foreign, handed on, unified: one answer, whose words do not tell which."""
    county = County()
    below = hand_on(county, 100, wanted())
    unified = county.record("p-1", regional(origin="unified", request=None, line=None, window=5))
    foreign = county.record("p-1", regional(holder_unit=FAR_LEAD))
    found, messages = scene(county), set()
    for number in (999, below, unified, foreign):
        with pytest.raises(renewal.refusal.Misshapen) as fault:
            renewal.must_renew((line(renews=number),), LEAD, None, found)
        messages.add(str(fault.value.members["pointers"]))
        assert str(number) not in str(fault.value.members)
    assert len(messages) == 1
    assert code(renewal.must_renew, (line(renews=foreign),), FAR_LEAD, None, found) == ""


STATES = [("suspend", ""), ("revoke", "unacceptable")]


@pytest.mark.parametrize(("verb", "told"), STATES)
def test_a_suspended_grant_may_be_renewed_and_a_revoked_one_not(verb: str, told: str) -> None:
    county = County()
    county.at = START + DAY
    county.record("p-1", getattr(revocation, verb)(county.links(100), "r", county.scene("p-1"))[0])
    found = scene(county)
    assert code(renewal.must_renew, (line(),), LEAD, None, found) == told
    asked = (line(), scope.of(line()))
    assert code(renewal.must_stand, [asked], found) == told
    assert code(renewal.must_stand, [(line(renews=None), asked[1])], found) == ""


LATE = [(END - TICK, 90, ""), (END, 90, ""), (END + 90 * DAY - TICK, 90, ""), (END + 90 * DAY, 90, "unacceptable"),
        (END, 0, "unacceptable"), (END - TICK, 0, "")]  # fmt: skip


@pytest.mark.parametrize(("at", "days", "told"), LATE)
def test_what_has_lapsed_may_be_cited_for_a_while_and_begins_at_once(at: datetime, days: int, told: str) -> None:
    found = scene(County(), at, renewal_grace_days=days)
    begin = max(at, END)
    asked = line(**{"from": begin, "until": begin + DAY})
    assert code(renewal.must_renew, (asked,), LEAD, None, found) == told
    if not told:
        later = line(**{"from": begin + TICK, "until": begin + DAY})
        assert code(renewal.must_renew, (later,), LEAD, None, found) == "unacceptable"


def test_the_days_are_counted_to_the_first_filing() -> None:
    row = {"number": 7, "body": {"filed_at": instant(END + DAY)}}
    late = scene(County(), END + 200 * DAY)
    asked = line(**{"from": END + 200 * DAY, "until": END + 300 * DAY})
    assert code(renewal.must_renew, (asked,), LEAD, row, late) == ""
    assert code(renewal.must_renew, (asked,), LEAD, None, late) == "unacceptable"


def citing(state: str, grant: int | None = None, revoked: datetime | None = None, request: int = 50) -> Citing:
    return Citing(100, request, state, instant(START), 1, grant, revoked)


ONCE = [
    (citing("drafted"), "already_registered"), (citing("filed"), "already_registered"), (citing("received"), "already_registered"),
    (citing("returned"), "already_registered"), (citing("withdrawn"), ""), (citing("rejected"), ""), (citing("partial"), ""),
    (citing("approved", 60), "already_registered"), (citing("partial", 60), "already_registered"),
    (citing("approved", 60, AT - DAY), ""), (citing("approved", 60, AT + DAY), "already_registered"),
    (citing("received", request=7), ""),
]  # fmt: skip


@pytest.mark.parametrize(("other", "told"), ONCE)
def test_a_grant_is_renewed_once(other: Citing, told: str) -> None:
    """By one request that awaits its answer, and not again once a line was granted and stands."""
    found = scene(County())
    found.rows.renewals = {100: [other]}
    row = {"number": 7, "body": {}}
    assert code(renewal.must_renew, (line(),), LEAD, row, found) == told


def test_a_request_that_died_of_age_frees_the_grant() -> None:
    found = scene(County(), request_expiry_days=30)
    found.rows.renewals = {100: [citing("filed")]}
    assert code(renewal.must_renew, (line(),), LEAD, None, found) == ""


def test_two_lines_do_not_renew_one_grant() -> None:
    county = County()
    other = county.record("p-1", regional())
    found = scene(county)
    twice = (line(), line(line=2))
    assert code(renewal.must_renew, twice, LEAD, None, found) == "unacceptable"
    assert code(renewal.must_renew, (line(), line(line=2, renews=other)), LEAD, None, found) == ""


NOTICED = [(AT, 14, True), (END - 14 * DAY, 14, True), (END - 14 * DAY - TICK, 14, False), (END - TICK, 14, True), (END, 14, False),
           (AT, 9, False), (AT, 10, True)]  # fmt: skip


@pytest.mark.parametrize(("at", "days", "told"), NOTICED)
def test_notice_is_given_before_the_lapse(at: datetime, days: int, told: bool) -> None:
    found = scene(County(), at, lapse_notice_days=days)
    grant = found.rows.grants[100]
    assert renewal.lapsing(grant, (), found) is told
    assert renewal.lapsing(grant, (citing("received"),), found) is told
    assert not renewal.lapsing(grant, (citing("approved", 60),), found)
    assert renewal.lapsing(grant, (citing("approved", 60, at),), found) is told
    for other in (replace(grant, origin="unified"), replace(grant, parent=3), replace(grant, revoked_at=at)):
        assert not renewal.lapsing(other, (), found)


def test_nothing_is_granted_that_was_revoked_or_narrowed_since() -> None:
    held = County(valid_from=instant(NOW - 30 * DAY), valid_until=instant(NOW + DAY)).rows.grants[100]
    asked = replace(TEXT, lines=({**LETTER, "until": instant(NOW + 9 * DAY), "renews": 100},))
    for changed, told in (
        (held, ""), (replace(held, revoked_at=NOW), "unacceptable"),
        (replace(held, scope=replace(held.scope, operations=frozenset(("collect",)))), "wider_than_held"),
    ):  # fmt: skip
        for outcome in ("approved", "rejected"):
            office = Office()
            office.rows.grants[100] = held
            office.run("draft", "sign", "receive", "propose", text=asked)
            office.rows.grants[100] = changed
            answers = (Answer(1, outcome, None, None),)
            assert code(lambda office=office, answers=answers: office.run("decide", answers=answers)) == (
                told if outcome == "approved" else ""
            )


@pytest.mark.parametrize(("other", "told"), [
    (citing("approved", 60), "already_registered"), (citing("partial", 60), "already_registered"), (citing("rejected"), ""),
    (citing("received"), ""), (citing("approved", 60, NOW - DAY), ""), (citing("approved", 60, NOW + DAY), "already_registered"),
])  # fmt: skip
@pytest.mark.parametrize("outcome", ["approved", "rejected"])
def test_of_two_renewals_that_await_their_answer_the_first_granted_is_the_one(
    other: Citing, told: str, outcome: str
) -> None:
    office = Office()
    office.rows.grants[100] = County(valid_from=instant(NOW - 30 * DAY), valid_until=instant(NOW + DAY)).rows.grants[
        100
    ]
    text = replace(TEXT, lines=({**LETTER, "until": instant(NOW + 9 * DAY), "renews": 100},))
    office.run("draft", "sign", "receive", "propose", text=text)
    office.rows.renewals = {100: [other]}
    answers = (Answer(1, outcome, None, None),)
    assert code(lambda: office.run("decide", answers=answers)) == (told if outcome == "approved" else "")


def test_a_returned_letter_goes_on_citing_what_it_cited() -> None:
    held = County(valid_from=instant(NOW - 30 * DAY), valid_until=instant(NOW + DAY)).rows.grants[100]
    cites, plain = ({**LETTER, "until": instant(NOW + 9 * DAY), "renews": each} for each in (100, None))
    for before, after, told in (
        (cites, cites, ""),
        (plain, plain, ""),
        (cites, plain, "wider_than_filed"),
        (plain, cites, "wider_than_filed"),
    ):
        for steps, expected in ((("draft",), ""), (("draft", "sign", "return"), told)):
            office = Office()
            office.rows.grants[100] = held
            office.run(*steps, text=replace(TEXT, lines=(before,)))
            change = replace(TEXT, lines=(after,))
            assert code(lambda office=office, change=change: office.run("change", text=change)) == expected


@given(
    begin=st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    length=st.timedeltas(DAY, 1100 * DAY), left=st.timedeltas(-89 * DAY, 30 * DAY), year=st.integers(2024, 2028),
    most=st.integers(0, 1100), cap=st.none() | st.integers(1, 99),
)  # fmt: skip
def test_what_is_filled_in_is_accepted_and_leaves_no_gap(
    begin: datetime, length: timedelta, left: timedelta, year: int, most: int, cap: int | None
) -> None:
    end = begin + length
    limits = {"valid_from": instant(begin), "valid_until": instant(end), "data_year": year, "max_records": cap}
    found = scene(County(**limits), max(end - left, START), **{LONGEST: most})
    if found.at >= end + renewal.grace(found) * DAY:
        return
    made = renewal.prefilled(found.rows.grants[100], found)
    assert code(renewal.must_renew, (made,), LEAD, None, found) == ""
    asked = scope.of(made)
    assert asked.valid_from in (found.at, max(end, found.at))
    assert asked.valid_until > max(end, found.at) >= asked.valid_from
    assert not most or asked.valid_until - asked.valid_from <= most * DAY
    assert made["data_year"] >= year
    wide = made | {"operations": [*made["operations"], "delete"]}
    assert code(renewal.must_renew, (wide,), LEAD, None, found) == "wider_than_held"
