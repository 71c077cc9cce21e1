"""Working days: a golden table, an oracle that counts by hand, and hostile tables."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import policies
from authz import calendar, refusal, table

CALENDAR = policies.load_calendar(Path(__file__).parent.parent / "policies")
NINGXIA = ("64", "6403", "640324")
REGIONAL = [
    "2019-06-05", "2019-06-06", "2019-08-12", "2019-08-13", "2020-05-25", "2020-05-26", "2020-07-30", "2020-07-31",
    "2021-05-13", "2021-05-14", "2021-07-19", "2021-07-20", "2022-07-11", "2022-07-12",
]  # fmt: skip
TWENTY = [
    ("2026-11-23", 20, NINGXIA, "2026-12-21"),
    ("2026-11-23", 15, NINGXIA, "2026-12-14"),
    ("2026-11-23", 18, NINGXIA, "2026-12-17"),
    ("2026-11-21", 20, NINGXIA, "2026-12-18"),
    ("2026-02-13", 20, NINGXIA, "2026-03-19"),
    ("2026-02-14", 20, NINGXIA, "2026-03-20"),
    ("2026-09-30", 20, NINGXIA, "2026-11-03"),
    ("2026-12-03", 20, NINGXIA, "2026-12-31"),
    ("2021-05-06", 20, NINGXIA, "2021-06-04"),
    ("2021-05-06", 20, (), "2021-06-02"),
    ("2021-07-05", 20, NINGXIA, "2021-08-04"),
    ("2021-07-05", 20, (), "2021-08-02"),
    ("2022-07-01", 20, NINGXIA, "2022-08-02"),
    ("2022-07-01", 20, (), "2022-07-29"),
]
MONTHS = [
    ("2026-01-31", "2026-02-28"),
    ("2026-08-31", "2026-09-30"),
    ("2026-09-01", "2026-10-08"),
    ("2024-01-31", "2024-02-29"),
    ("2025-12-08", "2026-01-08"),
]


@pytest.mark.parametrize(("start", "days", "path", "end"), TWENTY)
def test_the_golden_deadlines(start: str, days: int, path: tuple[str, ...], end: str) -> None:
    found = CALENDAR.deadline(date.fromisoformat(start), days, path)
    assert (found.date.isoformat(), found.provisional, found.counted) == (end, False, days)


@pytest.mark.parametrize(("start", "end"), MONTHS)
def test_one_month_ends_on_the_corresponding_day(start: str, end: str) -> None:
    found = CALENDAR.month_after(date.fromisoformat(start), NINGXIA)
    assert (found.date.isoformat(), found.provisional) == (end, False)


def test_past_the_last_loaded_day_it_is_provisional() -> None:
    first = CALENDAR.deadline(date(2026, 12, 4), 20, NINGXIA)
    assert (first.date, first.provisional) == (date(2027, 1, 1), True)  # weekends only: new year is not known yet
    assert CALENDAR.month_after(date(2026, 12, 15), NINGXIA).provisional
    assert CALENDAR.deadline(date(2150, 1, 1), calendar.MOST_DAYS).provisional


def test_a_later_notice_settles_a_provisional_deadline() -> None:
    nation = CALENDAR.layers["nation"]
    later = calendar.Layer("nation", nation.first, date(2027, 12, 31), {**nation.workdays, date(2027, 1, 1): False})
    settled = calendar.Calendar({**CALENDAR.layers, "nation": later}).deadline(date(2026, 12, 4), 20, NINGXIA)
    assert (settled.date, settled.provisional) == (date(2027, 1, 4), False)


@pytest.mark.parametrize("day", REGIONAL)
def test_the_regional_days_off_are_workdays_of_the_nation(day: str) -> None:
    assert CALENDAR.workday(date.fromisoformat(day))
    assert not CALENDAR.workday(date.fromisoformat(day), NINGXIA)
    assert CALENDAR.workday(date.fromisoformat(day), ("63",))


def test_the_regional_layer_holds_those_days_and_no_others() -> None:
    assert [day.isoformat() for day in CALENDAR.layers["64"].workdays] == REGIONAL


@pytest.mark.parametrize("day", ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"])
def test_make_up_workdays_of_2026(day: str) -> None:
    made_up = date.fromisoformat(f"2026-{day}")
    assert made_up.weekday() >= 5
    assert CALENDAR.workday(made_up, NINGXIA)


def test_a_missing_regional_notice_is_said() -> None:
    assert CALENDAR.deadline(date(2026, 5, 6), 20, NINGXIA).unheard == ("64",)
    assert CALENDAR.deadline(date(2021, 5, 6), 20, NINGXIA).unheard == ()
    assert date(2021, 5, 13) in CALENDAR.deadline(date(2021, 5, 6), 20, NINGXIA).skipped


@given(st.dates(date(2019, 1, 1), date(2028, 12, 31)), st.integers(1, 60), st.sampled_from([(), NINGXIA]))
def test_a_deadline_is_the_nth_workday_after(start: date, days: int, path: tuple[str, ...]) -> None:
    found = CALENDAR.deadline(start, days, path)
    between = (start + timedelta(days=n) for n in range(1, (found.date - start).days + 1))
    assert sum(CALENDAR.workday(day, path) for day in between) == days
    assert CALENDAR.workday(found.date, path)
    assert found.provisional == (found.date > date(2026, 12, 31) or start + timedelta(days=1) < date(2021, 1, 1))


@pytest.mark.parametrize("days", [0, -1, calendar.MOST_DAYS + 1])
def test_senseless_numbers_of_days_are_refused(days: int) -> None:
    with pytest.raises(refusal.Misshapen):
        CALENDAR.deadline(date(2026, 11, 23), days)


@pytest.mark.parametrize("start", [date.min, date.max])
def test_dates_at_the_end_of_time_are_refused(start: date) -> None:
    with pytest.raises(refusal.Misshapen):
        CALENDAR.month_after(start)
    with pytest.raises(refusal.Misshapen):
        CALENDAR.deadline(start, 1)


INDEX = "layer,file,first,last\nnation,n.csv,2026-01-01,2026-12-31\n"
HEAD = "date,name,kind,source\n"
GOOD = HEAD + "2026-01-01,元旦,off,x\n"
HOSTILE = [
    (INDEX, GOOD + "2026-01-01,元旦,off,x\n", 3),
    (INDEX, HEAD + "2026-01-01,元旦,holiday,x\n", 2),
    (INDEX, HEAD + "2026-01-01,元旦,off,\n", 2),
    (INDEX, HEAD + "2027-01-01,元旦,off,x\n", 2),
    (INDEX, HEAD + "20260101,元旦,off,x\n", 2),
    (INDEX, HEAD + "2026-02-30,元旦,off,x\n", 2),
    (INDEX, HEAD + "2026-01-01,元旦,off\n", 2),
    (INDEX, "date,name\n", 1),
    (INDEX, "", 1),
    (INDEX, HEAD + '2026-01-01,"元旦,off,x\n', 2),
    (INDEX + "nation,n.csv,2026-01-01,2026-12-31\n", GOOD, 3),
    (INDEX.replace("nation", "64"), GOOD, 1),
]


@pytest.mark.parametrize("name", ["../secrets.csv", "/etc/passwd", "", "a/b.csv", "n.csv\x00"])
def test_the_index_of_layers_names_files_of_its_own_folder(name: str) -> None:
    with pytest.raises(table.BadTable):
        calendar.files_of(INDEX.replace("n.csv", name).encode())
    assert calendar.files_of(INDEX.encode()) == ("n.csv",)


@pytest.mark.parametrize(("index", "days", "line"), HOSTILE)
def test_a_hostile_table_is_refused_with_its_line(index: str, days: str, line: int) -> None:
    with pytest.raises(table.BadTable) as caught:
        calendar.parse(index.encode(), {"n.csv": days.encode()})
    assert caught.value.line == line
    assert calendar.parse(INDEX.encode(), {"n.csv": GOOD.encode()}).layers["nation"].workdays
