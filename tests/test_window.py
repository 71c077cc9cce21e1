"""The rules of a unified window, without a database: one grant per county, and an end at an exact instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from acts import law
from hypothesis import given
from hypothesis import strategies as st

from authz import document, refusal, window
from authz.decision import Scene
from authz.fact import Amend, Put, Where, instant
from authz.grant import GrantIssued
from authz.post import FAR, Person, Post
from authz.refusal import Refusal
from authz.register import Rows
from authz.window import Opening, WindowOpened, WindowRepeated

NOW = datetime(2026, 11, 30, 16, tzinfo=UTC)
WISH = Opening(
    division="6403", cells=("monitored.income",), operations=("collect",), data_year=2026, valid_from=NOW,
    valid_until=NOW + timedelta(days=31), title="c", issuer="c", dated="2026-11-20", number=None, sha256=None,
)  # fmt: skip
DIVISIONS = law().divisions
DAY = timedelta(days=1)


def scene() -> Scene:
    made = Scene(Rows(), NOW, 7, law(), Person("p-1", "n1", 0))
    made.post = Post(1, "p-1", "u-64-lead", "64", "region_approver", "t", NOW - timedelta(days=1), FAR)
    return made


@given(st.sampled_from([each.code for each in DIVISIONS if each.level in ("region", "city", "county", "township")]))
def test_every_county_inside_has_one_grant_and_nobody_else(division: str) -> None:
    opened, *grants = window.opened(replace(WISH, division=division), scene())
    inside = [each.code for each in DIVISIONS if each.level == "county" and DIVISIONS.covers(division, each.code)]
    holders = inside or [code for code in DIVISIONS.path(division) if DIVISIONS.get(code).level == "county"]
    issued = [each for each in grants if isinstance(each, GrantIssued)]
    assert sorted(each.holder_unit for each in issued) == sorted(f"u-{code}-lead" for code in holders)
    for each in issued:
        assert DIVISIONS.covers(division, each.division)
        assert (each.window, each.origin, each.role, each.path) == (7, "unified", "county_admin", ())
    assert isinstance(opened, WindowOpened)
    assert opened.grants == len(issued)
    change = opened.changes(Where(7, NOW, "p-1", "u-64-lead"))[0]
    assert isinstance(change, Put)
    assert change.values["body"]["grants"] == [8 + place for place in range(len(issued))]


@pytest.mark.parametrize(("wish", "kind"), [
    (replace(WISH, cells=("lifted_out.risk_elimination",)), refusal.NoSuchCell),
    (replace(WISH, operations=("mark_eliminated",)), refusal.Unacceptable),
    (replace(WISH, cells=()), refusal.Unacceptable),
    (replace(WISH, valid_until=NOW), refusal.EmptyInterval),
    (replace(WISH, valid_from=NOW - 2 * DAY, valid_until=NOW - DAY), refusal.EmptyInterval),
    (replace(WISH, valid_from=NOW - 2 * DAY, valid_until=NOW), refusal.EmptyInterval),
    (replace(WISH, operations=("collect", "delete")), refusal.Unacceptable),
    (replace(WISH, cells=("monitored.risk_elimination",), operations=("rollback_elimination",)), refusal.Unacceptable),
    (replace(WISH, number="宁乡振发202612号"), refusal.BadDocumentNumber),
    (replace(WISH, division="649999"), refusal.BadDivisionCode),
])  # fmt: skip
def test_what_may_not_be_opened(wish: Opening, kind: type[Refusal]) -> None:
    with pytest.raises(kind):
        window.opened(wish, scene())


def test_a_window_that_still_has_an_instant_is_opened() -> None:
    """The control of the refusals above."""
    tick = timedelta(microseconds=1)
    assert window.opened(replace(WISH, valid_from=NOW - DAY, valid_until=NOW + tick), scene())
    marks = replace(WISH, cells=("monitored.risk_elimination",), operations=("mark_eliminated", "remark_risk"))
    assert window.opened(marks, scene())


# --- a window every quarter -----------------------------------------------------------------------------------------
def local(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=document.SHANGHAI)


SHIFTS = [
    (local(2026, 12, 25), 1, local(2027, 3, 25)), (local(2027, 1, 1), 1, local(2027, 4, 1)),
    (local(2026, 11, 30), 1, local(2027, 2, 28)), (local(2027, 11, 30), 1, local(2028, 2, 29)),
    (local(2026, 12, 31, 23), 1, local(2027, 3, 31, 23)), (local(2026, 12, 31, 23), 2, local(2027, 6, 30, 23)),
    (local(2026, 3, 31), 4, local(2027, 3, 31)), (local(2026, 10, 1), 0, local(2026, 10, 1)), (local(2026, 1, 1), 7, local(2027, 10, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("at", "turn", "then"), SHIFTS)
def test_a_quarter_on_is_the_same_day_in_china(at: datetime, turn: int, then: datetime) -> None:
    assert window.quarters_on(at, turn) == then
    assert window.quarters_on(at.astimezone(UTC), turn) == then


def test_one_notice_opens_one_window_a_quarter_each_with_its_own_grants() -> None:
    wish = replace(WISH, valid_from=local(2026, 12, 25), valid_until=local(2027, 1, 1))
    facts = window.repeated(wish, 4, scene())
    windows = [(7 + place, each) for place, each in enumerate(facts) if isinstance(each, WindowOpened | WindowRepeated)]
    assert [type(each) for _, each in windows] == [WindowOpened, WindowRepeated, WindowRepeated, WindowRepeated]
    (single, *below) = window.opened(wish, scene())
    assert (single, len(facts)) == (facts[0], 4 * (1 + len(below)))
    spans = [(each.valid_from, each.valid_until, each.data_year) for _, each in windows]
    ends = [((2026, 12), (2027, 1)), ((2027, 3), (2027, 4)), ((2027, 6), (2027, 7)), ((2027, 9), (2027, 10))]
    assert spans == [
        (instant(local(*begin, 25)), instant(local(*end, 1)), begin[0]) for begin, end in ends
    ]  # fmt: skip
    for number, each in windows:
        change = each.changes(Where(number, NOW, "p-1", "u-64-lead"))[0]
        assert isinstance(change, Put)
        assert (change.key, change.values["body"]["text"]) == ((number,), 7)
        for grant in change.values["body"]["grants"]:
            issued = facts[grant - 7]
            assert isinstance(issued, GrantIssued)
            assert (issued.window, issued.valid_from, issued.valid_until) == (number, each.valid_from, each.valid_until)


def test_a_window_for_every_data_year_stays_one() -> None:
    some = window.repeated(replace(WISH, data_year=None, valid_until=NOW + 9 * DAY), 3, scene())
    assert {each.data_year for each in some if isinstance(each, WindowOpened | WindowRepeated | GrantIssued)} == {None}


def test_a_quarterly_window_is_not_longer_than_a_quarter() -> None:
    wish = replace(WISH, valid_from=local(2027, 1, 1), valid_until=local(2027, 4, 1))
    assert len(window.repeated(wish, 2, scene())) == 2 * len(window.opened(wish, scene()))
    longer = replace(wish, valid_until=local(2027, 4, 1, 1))
    assert window.opened(longer, scene())
    with pytest.raises(refusal.Unacceptable) as caught:
        window.repeated(longer, 2, scene())
    assert caught.value.members["missing"] == "until"


def test_a_window_ends_at_its_instant_and_not_before() -> None:
    opened = window.opened(replace(WISH, number="宁乡振发[2026]9号"), scene())[0]
    change = opened.changes(Where(7, NOW, "p-1", "u-64-lead"))[0]
    assert isinstance(change, Put)
    body = change.values["body"]
    assert body["document"] == "宁乡振发〔2026〕9号"
    step = timedelta(microseconds=1)
    ends = [(WISH.valid_from - step, "pending"), (WISH.valid_from, "open"), (WISH.valid_until - step, "open")]
    for at, state in [*ends, (WISH.valid_until, "closed")]:
        assert window.state(body, at) == state
    shut = window.WindowClosed(subject=7, division="6403", reason="c", cut=()).changes(
        Where(20, NOW, "p-1", "u-64-lead")
    )[0]
    assert isinstance(shut, Amend)
    assert window.state(body | shut.values["body"], NOW) == "closed"
    assert shut.values["body"]["closed_at"] == instant(NOW)
