"""A refusal on record judged again: always the same refusal, and never a permit, whatever the world has become."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_asking import HOMES, scene
from test_decision import HOURS, POST, WISH, whole, wishes, worlds

from api import reasons
from authz import explanation, refusal
from authz.asking import ask
from authz.decision import Refused, Wish
from authz.recall import asked, kinds, recall
from authz.register import Rows


def recorded(wish: Wish, code: str, missing: str | None, **more: Any) -> Refused:
    words = {
        "act": "edit", "subject": None, "division": wish.division, "cell": wish.cell, "operation": wish.operation,
        "data_year": wish.data_year, "quarter": None, "household": wish.household, "grant": None, "policy": "", "count": 1,
    }  # fmt: skip
    return Refused(code=code, missing=missing, **(words | more))


@settings(max_examples=200, deadline=None)
@given(worlds(), wishes, st.sampled_from(HOURS), HOMES)
def test_what_was_refused_is_explained_as_it_was_refused(rows: Rows, wish: Wish, at: datetime, homes: Any) -> None:
    found = ask(scene(rows, at, homes), POST.person, wish, at)
    if found.refused is None:
        return
    assert isinstance(found.refused, refusal.Denied)
    fact = recorded(wish, found.refused.code, found.refused.members.get("missing"))
    again = recall(fact, POST.person, POST.number, scene(rows, at, homes), at)
    assert again is not None
    assert again.verdict.refused is not None
    assert (again.verdict.refused.code, again.verdict.refused.members) == (found.refused.code, found.refused.members)
    told = explanation.explain(again.verdict, again.scene, again.wish, again.at)
    assert (told.decision, told.full["code"]) == (False, fact.code)
    # What an edit is told at once is what is told later: the sentence, and whether a request could lift it.
    lifts = reasons.tell(found.refused, scene(rows, at, homes), wish)
    assert found.refused.members["explanation"].startswith(told.plain)
    assert lifts == (told.full["request"] is not None)


@pytest.mark.parametrize("code", sorted(kinds()))
def test_no_recorded_refusal_becomes_a_permit(code: str) -> None:
    """On rows that would permit it, as after a refusal by the duties, or by the fields, the recorded reason stands."""
    grant = whole(1)
    rows = Rows(grants={1: grant}, by_unit={POST.unit: [grant]})
    asking = scene(rows, HOURS[2], (WISH.division, "monitored"))
    assert ask(asking, POST.person, WISH, HOURS[2]).decision
    found = recall(recorded(WISH, code, "x"), POST.person, POST.number, asking, HOURS[2])
    assert found is not None
    assert found.verdict.refused is not None
    assert (found.verdict.decision, found.verdict.refused.code) == (False, code)
    told = explanation.explain(found.verdict, found.scene, found.wish, found.at)
    assert not told.decision
    assert told.full["request"] is None
    assert found.verdict.undetermined == (code in ("no_grant", "not_employed"))


def test_what_is_no_refused_data_operation_is_not_recalled() -> None:
    other = recorded(WISH, "no_role", "role", act="request.draft")
    formless = recorded(WISH, "not_employed", "post", division=None, cell=None, operation=None)
    unknown = recorded(WISH, "wrong_state", None)
    for fact in (other, formless, unknown):
        assert recall(fact, POST.person, POST.number, scene(Rows(), HOURS[2]), HOURS[2]) is None
    assert asked(unknown) == WISH


def test_whoever_had_no_post_is_told_so() -> None:
    found = recall(recorded(WISH, "not_employed", "post"), POST.person, None, scene(Rows(), HOURS[2]), HOURS[2])
    assert found is not None
    assert isinstance(found.verdict.refused, refusal.NotEmployed)
    assert "岗位任命" in explanation.said(found.verdict, found.scene, found.wish, found.at)
