"""The rules of a unified window, without a database: one grant per county, and an end at an exact instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from acts import law
from hypothesis import given
from hypothesis import strategies as st

from authz import refusal, window
from authz.decision import Scene
from authz.fact import Amend, Put, Where, instant
from authz.grant import GrantIssued
from authz.post import FAR, Person, Post
from authz.refusal import Refusal
from authz.register import Rows
from authz.window import Opening, WindowOpened

NOW = datetime(2026, 11, 30, 16, tzinfo=UTC)
WISH = Opening(
    division="6403", cells=("monitored.income",), operations=("collect",), data_year=2026, valid_from=NOW,
    valid_until=NOW + timedelta(days=31), title="c", issuer="c", dated="2026-11-20", number=None, sha256=None,
)  # fmt: skip
DIVISIONS = law().divisions


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
    (replace(WISH, number="宁乡振发202612号"), refusal.BadDocumentNumber),
    (replace(WISH, division="649999"), refusal.BadDivisionCode),
])  # fmt: skip
def test_what_may_not_be_opened(wish: Opening, kind: type[Refusal]) -> None:
    with pytest.raises(kind):
        window.opened(wish, scene())


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
