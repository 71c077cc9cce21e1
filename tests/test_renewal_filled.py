"""What a renewal cites, when it is due, and what is filled in for the clerk, to the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chains import COUNTY, END, LEAD, START, County
from offices import Office
from test_renewal import AT, DAY, LETTER, NOW, TEXT, TICK, line, scene

from authz import refusal, renewal
from authz.extent import notice_days
from authz.fact import instant
from authz.register import Reads
from authz.reply import Answer
from authz.term import LONGEST


def test_what_is_read_is_what_is_cited() -> None:
    found = frozenset((5, 6))
    lines: list[dict[str, Any]] = [{"renews": None}, {}, {"renews": 5}, {"renews": 6}, {"renews": 5}]
    assert renewal.reads(lines) == Reads(grants=found, renewals=found)
    assert renewal.reads(lines[:2]) == Reads()


def test_a_grant_renews_what_its_own_line_cites() -> None:
    held = County().rows.grants[100]
    asked = {"lines": [{"line": 1, "renews": 7}, {"line": 2, "renews": 8}, {"line": 3}]}
    for number, source in ((1, 7), (2, 8), (3, None), (4, None)):
        assert renewal.source(replace(held, line=number), asked) == source
    assert renewal.source(replace(held, line=1), None) is None
    assert renewal.source(replace(held, line=1, parent=3), asked) is None, "what was handed on renews nothing"


def test_what_is_handed_on_is_not_renewed_whatever_its_origin_says() -> None:
    held = County().rows.grants[100]
    assert renewal.renewable(held, LEAD)
    assert not renewal.renewable(replace(held, parent=3), LEAD)


def test_of_two_lines_that_cite_the_same_the_later_is_pointed_at() -> None:
    with pytest.raises(refusal.Unacceptable) as caught:
        renewal.must_renew((line(renews=None), line(line=2), line(line=3)), LEAD, None, scene(County()))
    assert [each["pointer"] for each in caught.value.members["pointers"]] == ["/lines/2/renews"]


def test_a_grant_that_is_not_at_hand_is_not_prolonged_unseen() -> None:
    office = Office()
    office.rows.grants[100] = County(valid_from=instant(NOW - 30 * DAY), valid_until=instant(NOW + DAY)).rows.grants[
        100
    ]
    text = replace(TEXT, lines=({**LETTER, "until": instant(NOW + 9 * DAY), "renews": 100},))
    office.run("draft", "sign", "receive", "propose", text=text)
    del office.rows.grants[100]
    with pytest.raises(refusal.Stale):
        office.run("decide", answers=(Answer(1, "approved", None, None),))


@pytest.mark.parametrize(("held", "asked", "fits"), [
    (None, None, True), (None, 2026, True), (2026, None, False), (2026, 2025, False), (2026, 2026, True), (2026, 2027, True),
])  # fmt: skip
def test_a_later_data_year_is_time_and_all_of_them_are_not(held: int | None, asked: int | None, fits: bool) -> None:
    county = scene(County())
    mine = county.rows.grants[100].scope
    found = renewal.outgrown(replace(mine, data_year=held), replace(mine, data_year=asked), county)
    assert [each.axis for each in found] == ([] if fits else ["data_year"])


def test_rules_older_than_the_setting_leave_ninety_days() -> None:
    where = scene(County())
    policy = where.law.policy
    bare = {name: each for name, each in policy.handling.items() if name != renewal.GRACE}
    where.law = replace(where.law, policy=replace(policy, handling=bare))
    assert renewal.grace(where) == 90
    assert renewal.grace(scene(County(), **{renewal.GRACE: 3})) == 3


def test_it_is_due_from_the_days_of_notice_to_the_days_of_grace() -> None:
    numbers = {"lapse_notice_days": 14, renewal.GRACE: 5}
    for at, due in (
        (END - 14 * DAY - TICK, False), (END - 14 * DAY, True), (END, True), (END + 5 * DAY - TICK, True), (END + 5 * DAY, False),
    ):  # fmt: skip
        where = scene(County(), at, **numbers)
        assert notice_days(where) == 14
        assert renewal.due(where.rows.grants[100], where) is due
        assert not renewal.due(replace(where.rows.grants[100], revoked_at=at), where)


def local(*parts: int) -> datetime:
    """An instant by the clock of the offices."""
    return datetime(*parts, tzinfo=UTC) - timedelta(hours=8)  # type: ignore[misc,arg-type]


FIRST, NEXT, LAST = local(2026, 12, 11), local(2027, 1, 1), local(2026, 12, 20)
FILLED = [
    # the grant ends, it is asked, no term is longer than (0: any), from, until
    (LAST, FIRST, 0, FIRST, NEXT), (LAST, FIRST, 21, FIRST, NEXT), (LAST, FIRST, 20, LAST, NEXT), (LAST, FIRST, 5, LAST, LAST + 5 * DAY),
    (LAST, FIRST, 12, LAST, NEXT), (LAST, LAST + DAY, 0, LAST + DAY, NEXT), (LAST, LAST + DAY, 3, LAST + DAY, LAST + 4 * DAY),
    (NEXT, FIRST, 0, FIRST, local(2028, 1, 1)), (NEXT - TICK, FIRST, 0, FIRST, NEXT), (LAST, NEXT + DAY, 0, NEXT + DAY, local(2028, 1, 1)),
    (local(2026, 6, 15, 13, 45) + TICK, local(2026, 6, 1), 0, local(2026, 6, 1), NEXT),
]  # fmt: skip


@pytest.mark.parametrize(("end", "at", "most", "begin", "until"), FILLED)
def test_the_same_again_to_the_end_of_the_year(
    end: datetime, at: datetime, most: int, begin: datetime, until: datetime
) -> None:
    where = scene(
        County(valid_from=instant(local(2026, 1, 2)), valid_until=instant(end), max_records=7), at, **{LONGEST: most}
    )
    made = renewal.prefilled(where.rows.grants[100], where)
    assert (made["from"], made["until"]) == (instant(begin), instant(until))
    assert (made["line"], made["renews"], made["division"], made["max_records"]) == (1, 100, COUNTY, 7)


@pytest.mark.parametrize(("year", "end", "filled"), [
    (2026, LAST, 2026), (2026, NEXT, 2027), (2025, LAST, 2026), (2030, LAST, 2030), (None, LAST, 2026), (None, NEXT, 2027),
])  # fmt: skip
def test_the_data_year_is_that_in_which_it_ends_or_the_grants_own_later_one(
    year: int | None, end: datetime, filled: int
) -> None:
    where = scene(County(valid_from=instant(local(2026, 1, 2)), valid_until=instant(end), data_year=year), FIRST)
    assert renewal.prefilled(where.rows.grants[100], where)["data_year"] == filled
    assert START < AT < END
