"""The decision over grant chains: equal to a naive oracle on random worlds, and blind without any one of its conditions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import acts
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz import decision, refusal
from authz.decision import AXES, Scene, Wish, decide, held
from authz.grant import Grant, Scope
from authz.post import FAR, Post
from authz.register import Rows

T0 = datetime(2026, 12, 1, tzinfo=UTC)
HOURS = [T0 + timedelta(hours=n) for n in range(6)]
PLACES = ["64", "6403", "640324", "640324100", "640324100201", "640324100202", "640324105", "640422", "640104010",
          "640104011"]  # fmt: skip
CELLS = ["monitored.base", "monitored.income", "lifted_out.income"]
OPERATIONS = ["collect", "update", "verify", "query"]
POST = Post(9, "p-1", "u-640324100201-village", "640324100201", "village_collector", "", T0 - timedelta(days=9), FAR)
TOKENS = ["h-1", "h-2"]


def some(pool: list[Any], least: int = 1) -> st.SearchStrategy[frozenset[Any]]:
    return st.frozensets(st.sampled_from(pool), min_size=least)


@st.composite
def scopes(draw: Any) -> Scope:
    begin, end = sorted(draw(st.lists(st.sampled_from(HOURS), min_size=2, max_size=2, unique=True)))
    return Scope(
        draw(st.sampled_from(PLACES)), draw(some(CELLS)), draw(some(OPERATIONS)), draw(st.sampled_from([None, 2025, 2026])),
        begin, end, draw(st.sampled_from([None, None, 1, 2])), draw(st.none() | some(TOKENS)),
    )  # fmt: skip


@st.composite
def worlds(draw: Any) -> Rows:
    """Grants that need not be contained in their parents: the decision must not rely on checks made on write."""
    rows = Rows(posts={"p-1": [POST]})
    for number in range(1, draw(st.integers(1, 5)) + 1):
        parent = draw(st.sampled_from([None, *rows.grants]))
        mine = draw(st.booleans()) or number == 1
        grant = Grant(
            number=number, origin="delegated" if parent else "request", scope=draw(scopes()),
            holder_unit=POST.unit if mine else "u-640324-lead",
            holder_person=draw(st.sampled_from([None, None, "p-1", "p-2"])),
            role=draw(st.sampled_from(["village_collector"] * 3 + ["grid_worker", "auditor"])), request=None, line=None,
            window=None, parent=parent, path=(*(rows.grants[parent].path if parent else ()), number), document="文",
            document_sha256=None, edition="", division_name="", issuer_unit="u-64-lead", issued_by=None,
            issued_at=draw(st.sampled_from([HOURS[0], HOURS[0], HOURS[2]])),
            revoked_at=draw(st.sampled_from([None, None, HOURS[1], HOURS[3]])),
            rests=draw(st.sampled_from([(), (), ((HOURS[1], HOURS[2], None),), ((HOURS[3], None, None),)])),
        )  # fmt: skip
        if grant.holder_person == "p-2" and draw(st.booleans()):
            mine_then = replace(POST, number=50 + number, person="p-2", unit=grant.holder_unit, role=grant.role)
            rows.posts.setdefault("p-2", []).append(
                replace(mine_then, valid_until=draw(st.sampled_from([HOURS[2], FAR])))
            )
        rows.grants[number] = grant
        rows.by_unit.setdefault(grant.holder_unit, []).append(grant)
        rows.used[number] = draw(st.integers(0, 2))
        if draw(st.booleans()):
            rows.seen.add((number, "h-1"))
    return rows


wishes = st.builds(
    Wish, st.sampled_from(OPERATIONS), st.sampled_from(CELLS), st.sampled_from(PLACES), st.sampled_from([2025, 2026]),
    st.sampled_from(TOKENS),
)  # fmt: skip


def oracle(rows: Rows, post: Post, wish: Wish, at: datetime) -> set[int]:
    """The grants that permit, said as plainly as possible."""
    divisions, found = acts.law().divisions, set()
    for grant in rows.grants.values():
        if grant.holder_unit != post.unit or grant.role != post.role or grant.holder_person not in (None, post.person):
            continue
        links, link = [grant], grant
        while link.parent is not None:
            link = rows.grants[link.parent]
            links.append(link)
        if all(_contains(each, wish, at, rows, divisions) for each in links) and all(
            each.holder_person is None or _sat(each, at, rows) for each in links[1:]
        ):
            found.add(grant.number)
    return found


def _sat(link: Grant, at: datetime, rows: Rows) -> bool:
    """Whether he whom it was made out to was in that seat when it was issued, and is at the instant."""
    seats = [each for each in rows.posts.get(link.holder_person or "", ()) if each.unit == link.holder_unit]
    return any(each.role == link.role and link.issued_at < each.valid_until and at < each.valid_until for each in seats)


def _contains(link: Grant, wish: Wish, at: datetime, rows: Rows, divisions: Any) -> bool:
    scope, walk = link.scope, wish.division
    while walk and walk != scope.division:
        walk = divisions.get(walk).parent
    return (
        bool(walk) and wish.cell in scope.cells and wish.operation in scope.operations
        and scope.data_year in (None, wish.data_year)
        and (scope.households is None or wish.household in scope.households)
        and scope.valid_from <= at < scope.valid_until and link.issued_at <= at
        and not (link.revoked_at and link.revoked_at <= at)
        and not any(a <= at and (b is None or at < b) for a, b, _ in link.rests)
        and (scope.max_records is None or wish.operation == "query" or (link.number, wish.household) in rows.seen
             or rows.used[link.number] < scope.max_records)
    )  # fmt: skip


def answer(rows: Rows, post: Post, wish: Wish, at: datetime) -> int | str:
    try:
        return decide(Scene(rows, at, 100, acts.law()), post, wish).grant.number
    except refusal.Denied as denied:
        return denied.code


def role_permits(wish: Wish) -> bool:
    return wish.cell != "monitored.risk_elimination"


@settings(max_examples=600, deadline=None)
@given(worlds(), wishes, st.sampled_from(HOURS))
def test_the_decision_is_the_oracles(rows: Rows, wish: Wish, at: datetime) -> None:
    expected, found = oracle(rows, POST, wish, at), answer(rows, POST, wish, at)
    assert (found in expected) if expected else isinstance(found, str)


@settings(max_examples=200, deadline=None)
@given(worlds(), wishes, st.sampled_from(HOURS))
def test_a_refusal_names_the_furthest_axis_of_a_held_grant(rows: Rows, wish: Wish, at: datetime) -> None:
    found = answer(rows, POST, wish, at)
    if isinstance(found, str):
        assert (found == "no_grant") == (not any(held(rows, POST)))


@settings(max_examples=100, deadline=None)
@given(worlds(), wishes)
def test_nobody_acts_without_a_live_post(rows: Rows, wish: Wish) -> None:
    gone = replace(POST, valid_until=T0)
    assert answer(rows, gone, wish, HOURS[1]) == "not_employed"


def whole(number: int = 1, **changed: Any) -> Grant:
    scope = Scope("640324", frozenset(CELLS), frozenset(OPERATIONS), 2026, HOURS[0], HOURS[5])
    limits = {name: value for name, value in changed.items() if name in Scope.__slots__}
    rest = {name: value for name, value in changed.items() if name not in limits}
    return replace(
        Grant(
            number=number, origin="request", scope=replace(scope, **limits), holder_unit=POST.unit, holder_person=None,
            role=POST.role, request=1, line=1, window=None, parent=None, path=(number,), document="文", document_sha256=None,
            edition="", division_name="", issuer_unit="u-64-lead", issued_by=None, issued_at=HOURS[0], revoked_at=None,
        ),
        **rest,
    )  # fmt: skip


WISH = Wish("update", "monitored.income", "640324100201", 2026, "h-1")
CASES: list[tuple[dict[str, Any], str]] = [
    ({"division": "640324105"}, "outside_division"),
    ({"division": "64032410"}, "outside_division"),
    ({"cells": frozenset({"monitored.base"})}, "outside_cell"),
    ({"operations": frozenset({"query"})}, "outside_operation"),
    ({"data_year": 2025}, "wrong_year"),
    ({"households": frozenset({"h-2"})}, "outside_households"),
    ({"valid_from": HOURS[3]}, "outside_period"),
    ({"valid_until": HOURS[2]}, "outside_period"),
    ({"issued_at": HOURS[3]}, "outside_period"),
    ({"revoked_at": HOURS[2]}, "revoked"),
    ({"rests": ((HOURS[1], None, None),)}, "suspended"),
    ({"holder_person": "p-2"}, "vacated"),
    ({"max_records": 1}, "record_limit"),
]


def rows_of(parent: Grant) -> Rows:
    child = whole(2, parent=1, path=(1, 2))
    rows = Rows(grants={1: parent, 2: child}, by_unit={POST.unit: [child]}, used={1: 1})
    return rows


@pytest.mark.parametrize(("changed", "code"), CASES, ids=lambda each: str(each)[:50])
def test_each_limit_of_an_ancestor_binds_those_below(changed: dict[str, Any], code: str) -> None:
    assert answer(rows_of(whole(**changed)), POST, WISH, HOURS[2]) == code
    assert answer(rows_of(whole()), POST, WISH, HOURS[2]) == 2


@pytest.mark.parametrize(("changed", "code"), CASES, ids=lambda each: str(each)[:50])
def test_without_its_condition_the_limit_would_not_bind(
    changed: dict[str, Any], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: with that one axis removed from the decision the same edit is permitted."""
    asked = decision._first_missing
    axis = next(place for place, kind in enumerate(KINDS) if kind.code == code)

    def blind(*given: Any) -> Any:
        failed = asked(*given)
        return None if failed is not None and failed[0] == axis else failed

    monkeypatch.setattr(decision, "_first_missing", blind)
    assert answer(rows_of(whole(**changed)), POST, WISH, HOURS[2]) == 2


KINDS = (refusal.OutsideDivision, refusal.OutsideCell, refusal.OutsideOperation, refusal.WrongYear,
         refusal.OutsideHouseholds, refusal.OutsidePeriod, refusal.Revoked, refusal.Suspended,
         refusal.Vacated, refusal.RecordLimit)  # fmt: skip


def test_every_axis_has_a_case() -> None:
    """The last axis, the edition, needs a place that has become another one: `test_authority.py` asks for it."""
    assert {code for _, code in CASES} == {kind.code for kind in KINDS}
    assert len(KINDS) == len(AXES) - 1
    assert AXES[-1] == "edition"


def test_a_refusal_says_who_can_grant() -> None:
    scene = Scene(rows_of(whole(cells=frozenset({"monitored.base"}))), HOURS[2], 100, acts.law())
    with pytest.raises(refusal.OutsideCell) as caught:
        decide(scene, POST, WISH)
    assert caught.value.members["missing"] == "cell"
    assert [each["how"] for each in caught.value.members["who_can_grant"]] == ["delegation", "written_request"]
