"""Asking and explaining on random worlds: the verdict is the edit rule's, and what explains it never changes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import acts
import chains
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decision import HOURS, POST, TOKENS, whole, wishes, worlds

from authz import edit, explanation
from authz.asking import ask, ask_act, both, documented_later
from authz.decision import AXES, Scene, Wish, held
from authz.edit import Edit
from authz.fact import instant, moment
from authz.grant import Scope, misfits
from authz.household import Household
from authz.post import FAR, Person
from authz.refusal import Refusal
from authz.register import Rows

HOMES = st.sampled_from(
    [None, ("640324100201", "monitored"), ("640324100202", "monitored"), ("640324100201", "lifted_out")]
)


def scene(rows: Rows, at: datetime, homes: tuple[str, str] | None = None) -> Scene:
    rows.posts, rows.post = {**rows.posts, POST.person: [POST]}, {POST.number: POST}
    rows.people[POST.person] = Person(POST.person, "n-1", 0)
    if homes is not None:
        rows.households = {token: Household(token, *homes) for token in TOKENS}
    return Scene(rows, at, 100, acts.law(), rows.people[POST.person], POST)


def told_to_an_edit(wish: Wish, asked: Scene) -> str:
    made = Edit(
        household=wish.household or "", member=None, division=wish.division, cell=wish.cell, operation=wish.operation,
        data_year=wish.data_year or 0, quarter=None, occurred_at=None, channel="APP",
        named=dict.fromkeys(edit.RESPONSIBLE), changes_made=(), evidence=(), ruleset=None, checks_failed=(),
        checks_overridden=(), campaign=None,
    )  # fmt: skip
    try:
        found: Any = edit.permit(made, asked)
    except Refusal as refused:
        return refused.code
    return str(getattr(found[0] if isinstance(found, tuple) else found, "grant", "permit"))


def told(found: Any) -> str:
    return str(found.permit.grant.number) if found.decision else found.refused.code


@settings(max_examples=250, deadline=None)
@given(worlds(), wishes, st.sampled_from(HOURS), HOMES)
def test_the_verdict_is_what_an_edit_is_told(rows: Rows, wish: Wish, at: datetime, homes: Any) -> None:
    asked = scene(rows, at, homes)
    assert told(ask(asked, POST.person, wish, at)) == told_to_an_edit(wish, asked)


@settings(max_examples=150, deadline=None)
@given(worlds(), wishes, st.sampled_from(HOURS), HOMES)
def test_an_explanation_decides_as_the_verdict_and_changes_nothing(
    rows: Rows, wish: Wish, at: datetime, homes: Any
) -> None:
    asked = scene(rows, at, homes)
    verdict = ask(asked, POST.person, wish, at)
    told_why = explanation.explain(verdict, asked, wish, at)
    assert told_why.decision == verdict.decision == ask(asked, POST.person, wish, at).decision
    assert told_why.undetermined == (not verdict.decision and not any(held(rows, POST)))
    assert ("依据不足" in told_why.plain) == told_why.undetermined
    assert "工作日" not in told_why.plain
    axis = {"edition", "role", "household", "grant"}
    missing = told_why.full.get("missing")
    if missing is not None and missing not in axis:
        failed = [each["axis"] for each in told_why.full["axes"] if not each["fits"]]
        assert failed[0] == missing


@settings(max_examples=150, deadline=None)
@given(worlds(), wishes, st.sampled_from(HOURS))
def test_the_smallest_scope_permits_the_refused_wish_and_nothing_beside_it(
    rows: Rows, wish: Wish, at: datetime
) -> None:
    asked = scene(rows, at)
    verdict = ask(asked, POST.person, wish, at, placed=False)
    line = explanation.smallest(verdict, asked, wish, at)
    if line is None:
        return
    scope = Scope(
        line["division"], frozenset(line["cells"]), frozenset(line["operations"]), line["data_year"],
        moment(line["from"]), moment(line["until"]), line["max_records"],
    )  # fmt: skip
    given_it = whole(50, scope=scope, path=(50,), issued_at=at)
    better = Rows(grants={50: given_it}, by_unit={POST.unit: [given_it]})
    answer = ask(scene(better, at), POST.person, wish, at, placed=False)
    assert answer.decision or told(answer) == "no_role"
    exact = Scope(wish.division, frozenset({wish.cell}), frozenset({wish.operation}), wish.data_year, at, FAR, 1)
    assert misfits(exact, scope, acts.law().divisions) == ()


MISFITS: dict[str, dict[str, Any]] = {
    "division": {"division": "640324105"}, "cell": {"cells": ("monitored.base",)}, "operation": {"operations": ("verify",)},
    "data_year": {"data_year": 2025}, "households": {"households": ("h-far",)}, "period": {"valid_until": instant(chains.START)},
    "max_records": {"max_records": 0},
}  # fmt: skip
"""For each axis, a grant that fits on every other one."""


@pytest.mark.parametrize("axis", MISFITS)
def test_a_refusal_shows_the_axis_that_failed(axis: str) -> None:
    """Row 17 of the regressions: what is told in full is what was decided."""
    county = chains.County(**MISFITS[axis])
    asked = county.scene("p-2")
    wish = Wish("update", "monitored.income", chains.VILLAGE, 2026, "h-near")
    verdict = ask(asked, "p-2", wish, asked.at)
    told = explanation.explain(verdict, asked, wish, asked.at).full
    assert told["missing"] == axis
    assert [each["axis"] for each in told["axes"] if not each["fits"]] == [axis]
    assert {each["axis"] for each in told["axes"]} == {*AXES} - {"edition"}, "what an edition took is the place"


WISH = Wish("update", "monitored.income", "640324100201", 2026, "h-1")


def late(**changed: Any) -> tuple[Scene, Scene]:
    """A county grant and its delegation, recorded at the third hour with a beginning at the first one."""
    root = whole(1, issued_at=HOURS[3], holder_unit="u-640324-lead", role="county_admin", **changed)
    leaf = whole(2, parent=1, path=(1, 2), issued_at=HOURS[4], valid_from=HOURS[4])
    now = Rows(grants={1: root, 2: leaf}, by_unit={POST.unit: [leaf], "u-640324-lead": [root]})
    return scene(Rows(), HOURS[2]), scene(now, HOURS[2])


def test_paper_recorded_later_never_permits_and_is_named() -> None:
    then, now = late()
    found = both(then, now, POST.person, WISH, HOURS[2], placed=False)
    assert (told(found.known_then), told(found.known_now)) == ("no_grant", "outside_period")
    assert found.documented_later == 1
    assert found.known_then.undetermined
    assert not found.known_now.undetermined
    assert ask(now, POST.person, WISH, HOURS[4] + timedelta(minutes=1), placed=False).decision


def test_paper_that_does_not_reach_back_or_does_not_cover_documents_nothing() -> None:
    for changed in ({"valid_from": HOURS[3]}, {"division": "640324105"}, {"cells": frozenset({"monitored.base"})},
                    {"valid_until": HOURS[1]}, {"data_year": 2025}):  # fmt: skip
        assert documented_later(late(**changed)[1], POST.person, WISH, HOURS[2]) is None


def test_acts_of_the_service_are_asked_alike() -> None:
    asked = scene(Rows(), HOURS[2])
    admin = replace(POST, number=10, unit="u-640324-lead", division="640324", role="county_admin")
    asked.rows.posts[POST.person].append(admin)
    assert ask_act(asked, POST.person, "grant.delegate", "640324100", HOURS[2]).post == admin
    assert told(ask_act(asked, POST.person, "grant.delegate", "640422", HOURS[2])) == "outside_division"
    assert told(ask_act(asked, POST.person, "request.decide", "640324", HOURS[2])) == "no_role"
    assert told(ask_act(asked, "p-9", "request.decide", "640324", HOURS[2])) == "not_employed"
