"""A holiday notice makes provisional deadlines final: nothing is lost, nothing else moves, old and new are on record."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import worlds
from acts import FOLDER
from conftest import World
from hypothesis import given
from hypothesis import strategies as st
from worlds import APPROVER, AUDITOR, CLERK, SYSTEM_ADMIN, Town

from api import policies
from audit import charter
from authz import calendar, notice, refusal
from authz.notice import Named, Notice, Span

FILES = policies.tables(FOLDER / "calendars")
BEFORE = calendar.parse_bundle(FILES)
DIVISIONS = policies.load_divisions(FOLDER)
PATH = DIVISIONS.path("640324")
YEAR = (date(2027, 1, 1), date(2027, 12, 31))
SPRING = tuple(date(2027, 2, day) for day in range(5, 12))
NATION = Notice("nation", *YEAR, (
    Named(date(2027, 1, 1), "元旦", True), Named(date(2027, 1, 3), "元旦", False),
    *(Named(day, "春节", True) for day in SPRING),
), "演示")  # fmt: skip
BODY = {
    "layer": "nation", "first": "2027-01-01", "last": "2027-12-31", "source": "国务院办公厅关于2027年部分节假日安排的通知",
    "days": [{"date": each.date.isoformat(), "name": each.name, "kind": "off" if each.off else "work"} for each in NATION.days],
}  # fmt: skip


def after(given: Notice) -> calendar.Calendar:
    return calendar.parse_bundle(notice.extended(FILES, given, DIVISIONS))


# --- the rule -----------------------------------------------------------------------------------------------------------
@given(st.dates(date(2021, 1, 1), date(2026, 10, 1)), st.integers(1, 40))
def test_what_was_final_stays(start: date, days: int) -> None:
    old = BEFORE.deadline(start, days)
    if not old.provisional:
        assert after(NATION).deadline(start, days) == old


@given(st.dates(date(2026, 11, 1), date(2027, 11, 1)), st.integers(1, 30))
def test_a_deadline_within_the_notice_is_final_and_counts_its_days(start: date, days: int) -> None:
    new = after(NATION).deadline(start, days)
    off = {each.date: each.off for each in NATION.days}
    day, left = start, days
    while left:
        day += timedelta(days=1)
        left -= BEFORE.workday(day) if day < YEAR[0] else not off.get(day, day.weekday() >= 5)
    assert (new.date, new.provisional) == (day, False)


def test_every_deadline_that_moved_is_told_old_and_new_and_no_other() -> None:
    """Against brute force over every first day of two years."""
    new = after(NATION)
    told = {(row[0], row[1]): row[2:] for row in notice.moved(BEFORE, new, NATION, (15, 20), PATH)}
    day = date(2026, 1, 1)
    while day < date(2028, 1, 1):
        for days in (15, 20):
            one, other = BEFORE.deadline(day, days, PATH), new.deadline(day, days, PATH)
            changed = one.date != other.date or (one.provisional and not other.provisional)
            assert ((day.isoformat(), days) in told) == changed, day
            if changed:
                assert told[day.isoformat(), days] == (one.date.isoformat(), other.date.isoformat())
        day += timedelta(days=1)


def test_the_longest_notice_fits_one_entry() -> None:
    """Every deadline of the three clocks, none cut off, within the size of an entry."""
    span = (date(2027, 1, 1), date(2027, 1, 1) + timedelta(days=notice.MOST_SPAN))
    given_ = Notice("nation", *span, NATION.days, "演示")
    found = notice.moved(BEFORE, after(given_), given_, (15, 18, 20), PATH)
    assert len(found) <= notice.MOST_MOVED
    assert sum(len(" ".join(map(str, row))) + 3 for row in found) < 60_000


def test_a_notice_replaces_what_was_said_about_its_span_alone() -> None:
    first = notice.extended(FILES, NATION, DIVISIONS)
    mended = notice.extended(first, Notice("nation", *YEAR, NATION.days[:1], "更正"), DIVISIONS)
    assert calendar.parse_bundle(mended).layers["nation"].workdays == {
        **BEFORE.layers["nation"].workdays, YEAR[0]: False,
    }  # fmt: skip
    assert notice.extended(first, NATION, DIVISIONS) == first


def test_a_region_adds_days_of_its_own() -> None:
    given_ = Notice("64", date(2023, 1, 1), date(2027, 12, 31), (), "x")
    with pytest.raises(refusal.BadNotice):
        notice.extended(FILES, given_, DIVISIONS)
    first = Notice("64", date(2023, 1, 1), date(2023, 12, 31), (Named(date(2023, 4, 21), "开斋节", True),), "x")
    new = after(first)
    assert BEFORE.workday(date(2023, 4, 21), PATH)
    assert not new.workday(date(2023, 4, 21), PATH)
    county = Notice("640324", date(2026, 1, 1), date(2026, 12, 31), (Named(date(2026, 5, 20), "县庆", True),), "x")
    assert not after(county).workday(date(2026, 5, 20), PATH)
    assert after(county).workday(date(2026, 5, 20), DIVISIONS.path("640323"))


def named(*days: tuple[str, str]) -> tuple[Named, ...]:
    return tuple(Named(date.fromisoformat(day), "x", kind == "off") for day, kind in days)


@pytest.mark.parametrize("given", [
    Notice("nation", date(2028, 1, 1), date(2028, 12, 31), named(("2028-01-03", "off")), "x"),
    Notice("nation", date(2019, 1, 1), date(2019, 12, 31), named(("2019-01-01", "off")), "x"),
    Notice("nation", YEAR[1], YEAR[0], named(("2027-01-01", "off")), "x"),
    Notice("nation", *YEAR, (), "x"),
    Notice("nation", *YEAR, named(("2027-01-01", "off"), ("2027-01-01", "work")), "x"),
    Notice("nation", *YEAR, named(("2026-12-31", "off")), "x"),
    Notice("nation", *YEAR, named(("2027-01-04", "work")), "x"),
    Notice("nation", YEAR[0], date(2031, 1, 1), named(("2027-01-01", "off")), "x"),
    Notice("649999", *YEAR, named(("2027-01-01", "off")), "x"),
    Notice("640324", date(2199, 1, 1), date(2199, 12, 31), named(("2199-01-01", "off")), "x"),
    Notice("640324", date(1950, 1, 1), date(1950, 12, 31), named(("1950-01-01", "off")), "x"),
], ids=["a gap after", "a gap before", "backwards", "nothing", "twice", "outside", "a make-up day on a Monday", "too long", "nowhere",
        "in a later century", "in another age"])  # fmt: skip
def test_what_is_no_notice_is_refused(given: Notice) -> None:
    with pytest.raises(refusal.BadNotice):
        notice.extended(FILES, given, DIVISIONS)


# --- taken back -----------------------------------------------------------------------------------------------------------
COUNTY = Notice("640324", date(2027, 3, 1), date(2027, 12, 31), (
    Named(date(2027, 5, 12), "县庆", True), Named(date(2027, 5, 16), "县庆", False),
), "演示")  # fmt: skip
STARTS = [date(2027, 1, 1) + timedelta(days=n) for n in range(365)]
BOTH = notice.extended(notice.extended(FILES, NATION, DIVISIONS), COUNTY, DIVISIONS)


@pytest.mark.parametrize("given", [NATION, COUNTY], ids=["nation", "county"])
def test_what_is_taken_back_was_never_said(given: Notice) -> None:
    """Loading and taking back is the way there and the way back, in the files and in the deadlines told."""
    base = FILES if given is NATION else notice.extended(FILES, NATION, DIVISIONS)
    there = notice.extended(base, given, DIVISIONS)
    back = notice.shortened(there, Span(given.layer, given.first, given.last))
    assert calendar.parse_bundle(back) == calendar.parse_bundle(base)
    ways = [calendar.parse_bundle(each) for each in (base, there)]
    forth, home = (notice.moved(*each, given, (15, 20), PATH) for each in (ways, ways[::-1]))
    assert forth
    assert {(start, days): (old, new) for start, days, new, old in home} == {
        (start, days): (old, new) for start, days, old, new in forth
    }


@given(st.integers(0, 305), st.booleans())
def test_only_the_span_is_taken_back(length: int, late: bool) -> None:
    days = (COUNTY.last - COUNTY.first).days
    length = min(length, days)
    begin = COUNTY.last - timedelta(days=length) if late else COUNTY.first
    made = calendar.parse_bundle(notice.shortened(BOTH, Span("640324", begin, begin + timedelta(days=length))))
    was = calendar.parse_bundle(BOTH)
    for day in STARTS:
        gone = begin <= day <= begin + timedelta(days=length)
        plain = was.workday(day, ("64", "6403"))
        assert made.workday(day, PATH) == (plain if gone else was.workday(day, PATH))
    assert ("640324" in made.layers) == (length < days)


@pytest.mark.parametrize("span", [
    Span("640323", *YEAR), Span("640324", *YEAR), Span("640324", date(2027, 3, 1), date(2028, 1, 1)),
    Span("640324", date(2027, 4, 1), date(2027, 5, 1)), Span("640324", date(2027, 12, 31), date(2027, 3, 1)),
    Span("nation", date(2021, 1, 1), date(2027, 12, 31)), Span("nation", date(2021, 1, 1), date(2021, 12, 31)),
    Span("nation", date(2026, 1, 1), date(2026, 12, 31)),
], ids=["no layer", "before it", "after it", "the middle", "backwards", "all of the nation", "its beginning", "its middle"])  # fmt: skip
def test_what_was_not_said_or_would_leave_a_gap_is_not_taken_back(span: Span) -> None:
    with pytest.raises(refusal.BadNotice):
        notice.shortened(BOTH, span)


# --- over HTTP ------------------------------------------------------------------------------------------------------------
def asked(town: Town, start: str, division: str = worlds.COUNTY) -> dict[str, Any]:
    told: dict[str, Any] = town.get(f"/v1/deadline?from={start}&days=20&division={division}", CLERK).json()
    return told


def test_a_provisional_deadline_is_counted_again_and_both_days_are_on_record(database: World) -> None:
    with Town(database) as town:
        before = asked(town, "2026-12-10")
        assert (before["provisional"], before["recounted"]) == (True, [])
        settled = asked(town, "2026-11-23")
        done = town.post("/v1/calendars", SYSTEM_ADMIN, BODY)
        assert done.status_code == 201, done.text
        now = asked(town, "2026-12-10")
        assert not now["provisional"]
        assert [(each["date"], each["provisional"]) for each in now["recounted"]] == [(before["date"], True)]
        moved = {each["from"]: each for each in done.json()["moved"] if each["days"] == 20}
        assert (moved["2026-12-10"]["before"], moved["2026-12-10"]["after"]) == (before["date"], now["date"])
        assert asked(town, "2026-11-23") == settled
        entry = town.get(f"/v1/entries/{done.json()['entry']}", AUDITOR).json()
        assert f"2026-12-10 20 {before['date']} {now['date']}" in entry["fact"]["moved"]
        listed = town.get("/v1/calendars", CLERK).json()
        assert listed["items"][0] == {"layer": "nation", "first": "2021-01-01", "last": "2027-12-31", "days": 218 + 9}
        assert listed["calendar"] == done.json()["calendar"]


def test_only_who_is_appointed_loads_a_notice_and_only_once(database: World) -> None:
    with Town(database) as town:
        for person in (CLERK, APPROVER, AUDITOR):
            assert town.post("/v1/calendars", person, BODY).status_code == 403
        assert town.post("/v1/calendars", SYSTEM_ADMIN, BODY).status_code == 201
        again = town.post("/v1/calendars", SYSTEM_ADMIN, BODY)
        assert (again.status_code, again.json()["code"]) == (422, "nothing_changed")
        gap = BODY | {
            "first": "2030-01-01",
            "last": "2030-12-31",
            "days": [{"date": "2030-01-01", "name": "元旦", "kind": "off"}],
        }
        refused = town.post("/v1/calendars", SYSTEM_ADMIN, gap)
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_notice")
        assert town.get("/v1/calendars", CLERK).json()["items"][0]["last"] == "2027-12-31"


@pytest.mark.parametrize("change", [
    {"layer": "nations"}, {"layer": "64030"}, {"first": "2027-02-30"}, {"days": []}, {"days": [{"date": "2027-01-01", "name": "元旦"}]},
    {"days": [{"date": "2027-01-01", "name": "a\nb", "kind": "off"}]}, {"days": [{"date": "2027-01-01", "name": "元旦", "kind": "holiday"}]},
    {"source": ""}, {"more": 1},
])  # fmt: skip
def test_a_notice_of_the_wrong_form_is_refused(database: World, change: dict[str, Any]) -> None:
    with Town(database) as town:
        assert town.post("/v1/calendars", SYSTEM_ADMIN, BODY | change).status_code == 422


MISTAKEN = BODY | {"layer": worlds.COUNTY, "days": [{"date": "2027-01-12", "name": "县庆", "kind": "off"}]}
TAKEN = {"layer": worlds.COUNTY, "first": "2027-01-01", "last": "2027-12-31", "reason": "误报为本县"}
BACK = "/v1/calendars/withdrawals"


def test_a_mistaken_layer_is_taken_back_and_what_was_told_meanwhile_stays(database: World) -> None:
    with Town(database) as town:
        assert town.post("/v1/calendars", SYSTEM_ADMIN, BODY).status_code == 201
        before = asked(town, "2026-12-20")
        assert town.post("/v1/calendars", SYSTEM_ADMIN, MISTAKEN).status_code == 201
        wrong = asked(town, "2026-12-20")
        assert wrong["date"] > before["date"]
        for person in (CLERK, APPROVER, AUDITOR, worlds.ADMIN):
            assert town.post(BACK, person, TAKEN).status_code == 403
        done = town.post(BACK, SYSTEM_ADMIN, TAKEN)
        assert done.status_code == 201, done.text
        now = asked(town, "2026-12-20")
        assert (now["date"], now["provisional"]) == (before["date"], False)
        assert wrong["date"] in {each["date"] for each in now["recounted"]}
        moved = {each["from"]: each for each in done.json()["moved"] if each["days"] == 20}
        assert (moved["2026-12-20"]["before"], moved["2026-12-20"]["after"]) == (wrong["date"], before["date"])
        entry = town.get(f"/v1/entries/{done.json()['entry']}", AUDITOR).json()
        assert (entry["kind"], entry["fact"]["layer"], entry["fact"]["off"]) == ("CalendarWithdrawn", worlds.COUNTY, 1)
        assert [each["layer"] for each in town.get("/v1/calendars", CLERK).json()["items"]] == ["nation", "64"]
        again = town.post(BACK, SYSTEM_ADMIN, TAKEN)
        assert (again.status_code, again.json()["code"]) == (422, "bad_notice")


def test_a_notice_of_the_nation_taken_back_makes_its_deadlines_provisional_again(database: World) -> None:
    with Town(database) as town:
        first = asked(town, "2026-12-10")
        assert town.post("/v1/calendars", SYSTEM_ADMIN, BODY).status_code == 201
        final = asked(town, "2026-12-10")
        assert town.post(BACK, SYSTEM_ADMIN, TAKEN | {"layer": "nation"}).status_code == 201
        now = asked(town, "2026-12-10")
        assert (now["date"], now["provisional"]) == (first["date"], True)
        assert (final["date"], False) in {(each["date"], each["provisional"]) for each in now["recounted"]}


def test_a_deadline_is_remembered_through_many_notices(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with Town(database) as town:
        first = asked(town, "2026-12-10")
        assert town.post("/v1/calendars", SYSTEM_ADMIN, BODY).status_code == 201
        for day in range(1, 27):
            days = [{"date": f"2027-06-{day:02}", "name": "县庆", "kind": "off"}]
            assert town.post("/v1/calendars", SYSTEM_ADMIN, MISTAKEN | {"days": days}).status_code == 201
        known = [(each["date"], each["provisional"]) for each in asked(town, "2026-12-10")["recounted"]]
        assert known == [(first["date"], True)]
        monkeypatch.setattr(charter, "MOST", 24)
        assert asked(town, "2026-12-10")["recounted"] == []
