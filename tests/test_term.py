"""The longest term: asked, signed, decided, opened and handed on, nothing is longer. Every case is also asked of mutants."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from acts import law
from chains import CELLS, END, OPERATIONS, START, County, wanted
from offices import LINE, NOW, TEXT, YES, Office
from test_authority import code

from authz import delegation, filing, refusal, term, window
from authz.decision import Law
from authz.fact import instant
from authz.grant import GrantIssued
from authz.policy import PolicySet, Setting
from authz.reply import Answer
from authz.term import DAY, LONGEST
from authz.window import Opening

TICK = timedelta(microseconds=1)
POLICY = law().policy


def limited(days: int | None) -> PolicySet:
    """The policy with this number, or without it."""
    kept = {name: each for name, each in POLICY.handling.items() if name != LONGEST}
    more = {} if days is None else {LONGEST: Setting(LONGEST, "zh", days, "day", "local", "L")}
    return replace(POLICY, handling=kept | more)


def under(days: int | None) -> Law:
    return replace(law(), policy=limited(days))


TERMS = [(30, 30 * DAY, ""), (30, 30 * DAY + TICK, "unacceptable"), (30, DAY, ""), (0, 9999 * DAY, ""), (None, 9999 * DAY, ""),
         (1, DAY, ""), (1, DAY + TICK, "unacceptable")]  # fmt: skip


@pytest.mark.parametrize(("days", "length", "told"), TERMS)
def test_nought_is_no_limit_and_the_limit_itself_fits(days: int | None, length: timedelta, told: str) -> None:
    assert code(term.must_fit, limited(days), NOW, NOW + length, "/until") == told


def test_what_is_said_names_the_number_and_where_it_stands() -> None:
    with pytest.raises(refusal.Unacceptable) as fault:
        term.must_fit(limited(30), NOW, NOW + 31 * DAY, "/lines/0/until")
    assert "30 天" in str(fault.value)
    assert LONGEST in str(fault.value)
    assert fault.value.members["pointers"][0]["pointer"] == "/lines/0/until"


def test_a_begun_day_is_a_day() -> None:
    lengths = (DAY, DAY + TICK, 2 * DAY - TICK, 2 * DAY)
    assert [term.days(NOW, NOW + each) for each in lengths] == [1, 2, 2, 2]


def text(days: int, **more: Any) -> filing.Text:
    return replace(TEXT, lines=({**LINE, "until": instant(NOW + days * DAY), **more},))


@pytest.mark.parametrize(("days", "told"), [(30, ""), (31, "unacceptable")])
def test_a_line_is_no_longer_when_it_is_drafted_or_changed(days: int, told: str) -> None:
    office = Office(under(30))
    assert code(lambda: office.run("draft", text=text(days))) == told
    other = Office(under(30)).run("draft", text=text(3))
    assert code(lambda: other.run("change", text=text(days))) == told


def test_a_limit_set_since_is_kept_when_it_is_signed_and_decided() -> None:
    for steps, last in ((("draft",), "sign"), (("draft", "sign", "receive", "propose"), "decide")):
        for days, told in ((30, ""), (31, "unacceptable")):
            office = Office(under(40)).run(*steps, text=text(days))
            office.law = under(30)
            assert code(lambda office=office, last=last: office.run(last)) == told


SHORT = instant(NOW + 30 * DAY)
GIVEN: list[tuple[tuple[Answer, ...], str, list[str]]] = [
    (YES, "unacceptable", []), ((Answer(1, "rejected", None, None),), "", []),
    ((Answer(1, "narrowed", {"until": SHORT}, None),), "", [SHORT]),
    ((Answer(1, "narrowed", {"max_records": 1}, None),), "unacceptable", []),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "told", "ends"), GIVEN)
def test_only_what_is_granted_is_measured(answers: tuple[Answer, ...], told: str, ends: list[str]) -> None:
    """A line that is too long is refused, or made shorter; then nothing is in the way."""
    office = Office(under(40)).run("draft", "sign", "receive", "propose", text=text(40), answers=answers)
    office.law = under(30)
    assert code(lambda: office.run("decide", answers=answers)) == told
    assert [each.valid_until for each in office.facts if isinstance(each, GrantIssued)] == ends


def test_a_delegation_is_no_longer_and_says_so_among_its_misfits() -> None:
    county = County()
    found = county.scene("p-2")
    length = (END - START).days
    for days, axes in ((length, []), (length - 1, ["term"]), (0, []), (None, [])):
        found.law = replace(found.law, policy=limited(days))
        wish = wanted(valid_from=START, valid_until=END)
        planned = delegation.plan(wish, county.links(100), found)
        assert [each.axis for each in planned.misfits] == axes
        if not axes:
            continue
        assert (planned.misfits[0].held, planned.misfits[0].asked) == (days, length)
        with pytest.raises(refusal.WiderThanHeld) as fault:
            delegation.issue(planned, wish, county.links(100), "r", found)
        assert LONGEST in str(fault.value)
        # Beside another axis the usual words stay: the misfits name each of them.
        more = replace(planned, misfits=(*planned.misfits, planned.misfits[0].__class__("cells", [], ["x"])))
        with pytest.raises(refusal.WiderThanHeld) as other:
            delegation.issue(more, wish, county.links(100), "r", found)
        assert LONGEST not in str(other.value)


def test_a_window_is_no_longer() -> None:
    found = County().scene("p-1")
    found.law = replace(found.law, policy=limited(30))
    for length, told in ((30 * DAY, ""), (30 * DAY + TICK, "unacceptable")):
        wish = Opening("640324", CELLS, OPERATIONS, 2026, START, START + length, "t", "i", "2026-11-01", None, None)
        assert code(window.opened, wish, found) == told
