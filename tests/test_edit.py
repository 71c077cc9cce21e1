"""The edit, rule by rule: what it is judged on, the four who answer for it, and what it leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from acts import law

from authz import edit as rule
from authz import refusal
from authz.caution import HighRiskNoted
from authz.decision import Scene
from authz.edit import Edit, EditPermitted
from authz.fact import Once, Where, instant
from authz.grant import Grant, Scope
from authz.household import Household, bind
from authz.post import FAR, Person, Post
from authz.rows import Rows

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SINCE = NOW - 30 * DAY
VILLAGE, NEXT = "640324100201", "640324100202"
UNIT = f"u-{VILLAGE}-village"
COLLECTOR, GRID, IDLE, GONE, TWICE = "p-1", "p-2", "p-3", "p-4", "p-5"
USUAL = frozenset(("collect", "update", "verify", "query", "export"))


def scene(person: str = COLLECTOR, grid: frozenset[str] = USUAL, cap: int | None = None, place: str = VILLAGE) -> Scene:
    """A village: a collector, grid workers with these operations, and a secretary without a grant. One worker has left, one
    is the secretary's fellow as well."""
    rows = Rows()
    seats = [
        (1, COLLECTOR, "village_collector", SINCE, FAR), (2, GRID, "grid_worker", SINCE, FAR), (3, IDLE, "first_secretary", SINCE, FAR),
        (4, GONE, "grid_worker", SINCE, NOW - DAY), (5, TWICE, "first_secretary", SINCE, FAR), (6, TWICE, "grid_worker", SINCE, FAR),
    ]  # fmt: skip
    for number, who, role, begin, end in seats:
        rows.people[who] = Person(who, f"n-{who}", 0)
        rows.post[number] = Post(number, who, UNIT, VILLAGE, role, role, begin, end)
        rows.posts.setdefault(who, []).append(rows.post[number])
    wide = Scope("640324", frozenset(law().policy.catalogue.cells), USUAL, None, SINCE, FAR, cap, None)
    root = Grant(
        number=5, origin="request", scope=wide, holder_unit="u-640324-lead", holder_person=None, role="county_admin", request=1,
        line=1, window=None, parent=None, path=(5,), document="上", document_sha256=None, edition="", division_name="n",
        issuer_unit="u-64-lead", issued_by=None, issued_at=SINCE, revoked_at=None,
    )  # fmt: skip
    for number, role, operations in ((6, "village_collector", USUAL), (7, "grid_worker", grid)):
        held = replace(wide, division=place, operations=operations)
        rows.by_unit.setdefault(UNIT, []).append(
            replace(
                root, number=number, scope=held, holder_unit=UNIT, role=role, parent=5, path=(5, number), document="下"
            )
        )
    rows.grants = {5: root} | {each.number: each for each in rows.by_unit[UNIT]}
    rows.households = {"h-1": Household("h-1", VILLAGE, "monitored")}
    return Scene(rows, NOW, 100, law(), rows.people[person], rows.posts[person][0])


def wish(operation: str = "update", **more: Any) -> Edit:
    return Edit(**{
        "household": "h-1", "member": None, "division": VILLAGE, "cell": "monitored.income", "operation": operation,
        "data_year": 2026, "quarter": 4, "occurred_at": None, "channel": "APP", "named": {}, "changes_made": (), "evidence": (),
        "ruleset": None, "checks_failed": (), "checks_overridden": (), "campaign": None,
    } | more)  # fmt: skip


def told(asked: Edit, where: Scene | None = None) -> str:
    try:
        rule.permit(asked, where or scene())
    except refusal.Refusal as refused:
        return refused.code
    return ""


def done(asked: Edit, where: Scene | None = None) -> EditPermitted:
    return rule.permit(asked, where or scene())


# --- what it is judged on -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "operation", ["collect", "update", "query", "export", "verify", "review", "delete", "mark_eliminated"]
)
def test_only_what_checks_is_compared_with_who_collected(operation: str) -> None:
    asked = wish(operation, named={"collected_by": GRID, "verified_by": None})
    mine = frozenset(("h-1",))
    compared = frozenset[str]() if operation in ("collect", "update", "query", "export") else mine
    found = asked.reads
    assert (found.persons, found.households, found.checked) == (frozenset((GRID,)), mine, mine)
    assert (found.collected, found.approved) == (compared, compared)


def test_nobody_edits_without_a_post_or_about_nothing() -> None:
    where = scene()
    for lost in (replace(where, post=None), replace(where, person=None)):
        with pytest.raises(refusal.NotEmployed):
            rule.permit(wish(), lost)
    assert told(wish(cell="lifted_out.risk_elimination")) == "no_such_cell"
    assert told(wish(division="640399999999")) == "bad_division_code"


@pytest.mark.parametrize(("names", "wrong"), [
    (("wage_income",), []), (("health",), [0]), (("wage_income", "health", "wage_income", "risk_1"), [1, 3]),
])  # fmt: skip
def test_a_field_is_one_of_the_cell(names: tuple[str, ...], wrong: list[int]) -> None:
    asked = wish(changes_made=tuple((each, None, "c") for each in names))
    if not wrong:
        assert done(asked).changes_made == asked.changes_made
        return
    with pytest.raises(refusal.Misshapen) as caught:
        rule.permit(asked, scene())
    assert [each["pointer"] for each in caught.value.members["pointers"]] == [f"/changes/{n}/field" for n in wrong]


@pytest.mark.parametrize(("ahead", "code"), [(-DAY, ""), (timedelta(0), ""), (timedelta(microseconds=1), "misshapen")])
def test_nothing_occurs_ahead_of_the_clock(ahead: timedelta, code: str) -> None:
    asked = wish(occurred_at=NOW + ahead)
    assert told(asked) == code
    if not code:
        assert done(asked).occurred_at == instant(NOW + ahead)
    assert done(wish()).occurred_at is None


def test_a_household_is_edited_where_it_lives() -> None:
    where = scene()
    where.rows.households["h-1"] = Household("h-1", NEXT, "monitored")
    assert told(wish(), where) == "wrong_household"


def test_a_place_that_is_no_more_is_a_wrong_code() -> None:
    gone = min(code for code in law().lineage.seat if len(code) == len(VILLAGE))
    assert told(wish(division=gone)) == "bad_division_code"
    assert told(wish(division=NEXT)) == "outside_division"
    bare = scene()
    bare.rows.by_unit = {}
    assert (told(wish(division=gone), bare), told(wish(), bare)) == ("bad_division_code", "no_grant")


# --- who answers for it ---------------------------------------------------------------------------------------------
def responsible(fact: EditPermitted) -> dict[str, tuple[str, int]]:
    """Person and post of each of the four that is named."""
    names = [each.removesuffix("_by") for each in rule.RESPONSIBLE]
    found = {each: (getattr(fact, f"{each}_by"), getattr(fact, f"{each}_post")) for each in names}
    return {each: pair for each, pair in found.items() if pair != (None, None)}


@pytest.mark.parametrize(("operation", "named", "answers"), [
    ("collect", {}, {"collected": (COLLECTOR, 1)}), ("update", {}, {"collected": (COLLECTOR, 1)}),
    ("verify", {}, {"verified": (COLLECTOR, 1)}), ("query", {}, {}),
    ("update", {"collected_by": GRID}, {"collected": (GRID, 2)}), ("verify", {"verified_by": GRID}, {"verified": (GRID, 2)}),
    ("update", {"verified_by": GRID}, {"collected": (COLLECTOR, 1), "verified": (GRID, 2)}),
    ("verify", {"collected_by": GRID}, {"collected": (GRID, 2), "verified": (COLLECTOR, 1)}),
    ("update", {"provided_by": IDLE, "monitored_by": TWICE},
     {"collected": (COLLECTOR, 1), "provided": (IDLE, 3), "monitored": (TWICE, 5)}),
    ("update", {"collected_by": TWICE}, {"collected": (TWICE, 6)}),
    ("update", {"provided_by": COLLECTOR}, {"collected": (COLLECTOR, 1), "provided": (COLLECTOR, 1)}),
])  # fmt: skip
def test_each_of_the_four_is_on_record_with_his_post(
    operation: str, named: dict[str, str | None], answers: dict[str, tuple[str, int]]
) -> None:
    """Whoever writes collects or verifies himself, unless he names another; of several posts it is that which may."""
    assert responsible(done(wish(operation, named=named))) == answers


@pytest.mark.parametrize("role", ["collected_by", "provided_by", "verified_by", "monitored_by"])
def test_who_answers_was_in_a_post_when_it_occurred(role: str) -> None:
    operation = "verify" if role == "verified_by" else "update"
    late, then = wish(operation, named={role: GONE}), wish(operation, named={role: GONE}, occurred_at=NOW - 2 * DAY)
    with pytest.raises(refusal.NotResponsible) as caught:
        rule.permit(late, scene())
    assert (caught.value.members["missing"], caught.value.members["pointers"]) == ("post", [f"/responsibility/{role}"])
    assert responsible(done(then))[role.removesuffix("_by")] == (GONE, 4)
    early = wish(operation, named={role: GRID}, occurred_at=SINCE - DAY)
    assert told(early) == "not_responsible"


@pytest.mark.parametrize(("operation", "role", "needs"), [
    ("collect", "collected_by", "collect"), ("update", "collected_by", "update"), ("verify", "collected_by", "collect"),
    ("collect", "verified_by", "verify"), ("update", "verified_by", "verify"), ("verify", "verified_by", "verify"),
])  # fmt: skip
def test_who_collects_or_verifies_needs_a_grant_for_just_that(operation: str, role: str, needs: str) -> None:
    asked = wish(operation, named={role: GRID})
    assert told(asked, scene(grid=frozenset((needs,)))) == ""
    without = scene(grid=USUAL - {needs})
    with pytest.raises(refusal.NotResponsible) as caught:
        rule.permit(asked, without)
    assert (caught.value.members["missing"], caught.value.members["pointers"]) == ("grant", [f"/responsibility/{role}"])
    assert told(wish(operation, named={role: IDLE})) == "not_responsible"


def test_the_callers_own_permit_is_for_what_he_does_and_nothing_else() -> None:
    """A grid worker who may update and not verify does not name himself as the verifier of what another collected."""
    asked = wish("update", named={"collected_by": COLLECTOR, "verified_by": GRID})
    assert told(asked, scene(GRID)) == ""
    assert told(asked, scene(GRID, grid=frozenset(("update",)))) == "not_responsible"


def test_one_natural_person_does_not_collect_and_verify() -> None:
    where = scene()
    where.rows.people[GRID] = replace(where.rows.people[GRID], natural=f"n-{COLLECTOR}")
    for asked in (wish(named={"verified_by": COLLECTOR}), wish("verify", named={"collected_by": COLLECTOR})):
        assert told(asked) == "duty_conflict"
    assert told(wish(named={"verified_by": GRID}), where) == "duty_conflict"
    assert told(wish(named={"verified_by": GRID})) == ""


def test_a_field_of_nobody_is_the_lead_bodys() -> None:
    where = scene()
    officer = replace(where.rows.post[1], unit="u-640324-civil_affairs", role="department_officer")
    for field, bodies in (("asset_dividend", rule.LEAD), ("wage_income", "人力资源和社会保障部门")):
        with pytest.raises(refusal.OutsideField, match=f"由{bodies}负责"):
            rule.fields_owned(wish(changes_made=((field, None, "c"),)), officer, where)


# --- what it leaves behind ------------------------------------------------------------------------------------------
def test_the_document_is_that_of_the_regional_grant() -> None:
    fact = done(wish())
    assert (fact.document, fact.chain, fact.grant) == ("上", (5, 6), 6)


@pytest.mark.parametrize(("operation", "known", "bound"), [
    ("collect", False, True), ("update", False, True), ("query", False, False), ("collect", True, False), ("query", True, False),
])  # fmt: skip
def test_the_first_writing_edit_binds_the_household(operation: str, known: bool, bound: bool) -> None:
    where = scene()
    if not known:
        where.rows.households = {}
    fact = done(wish(operation), where)
    assert fact.bound is bound
    binding = [bind("h-1", VILLAGE, "monitored.income")] if bound else []
    assert list(fact.changes(Where(9, NOW))) == binding
    assert list(changed(fact, counted=(5,)).changes(Where(9, NOW))) == [*binding, Once("usage", (5, "h-1"))]


def changed(fact: EditPermitted, **more: Any) -> EditPermitted:
    return EditPermitted(**fact.__dict__ | more)


@pytest.mark.parametrize(("operation", "cap", "seen", "counted"), [
    ("update", 9, (), (5, 6)), ("update", None, (), ()), ("query", 9, (), ()), ("update", 9, (5,), (6,)), ("update", 9, (5, 6), ()),
])  # fmt: skip
def test_a_household_counts_once_under_each_cap(
    operation: str, cap: int | None, seen: tuple[int, ...], counted: tuple[int, ...]
) -> None:
    where = scene(cap=cap)
    where.rows.seen = {(each, "h-1") for each in seen}
    assert done(wish(operation), where).counted == counted


def hands(where: Scene) -> set[tuple[Any, ...]]:
    return {each[3:] for each in where.rows.hands.get("h-1", set())}


@pytest.mark.parametrize(("operation", "named", "left"), [
    ("update", {}, {("update", f"n-{COLLECTOR}")}), ("update", {"collected_by": GRID}, {("update", f"n-{GRID}")}),
    ("verify", {"verified_by": GRID}, {("verify", f"n-{GRID}")}), ("query", {}, set()),
])  # fmt: skip
@pytest.mark.parametrize("known", [False, True])
def test_what_was_done_counts_for_those_behind(
    operation: str, named: dict[str, str | None], left: set[tuple[str, str]], known: bool
) -> None:
    where = scene()
    fact = changed(done(wish(operation, named=named), where), bound=not known, counted=(5, 6))
    where.rows.households = {}
    where.rows.seen, where.rows.used = {(6, "h-1")}, {6: 4}
    for _ in range(2):  # one household counts once
        rule.note(where.rows, fact, COLLECTOR)
        assert hands(where) == left
        assert where.rows.households == ({} if known else {"h-1": Household("h-1", VILLAGE, "monitored")})
        assert (where.rows.used, where.rows.seen) == ({5: 1, 6: 4}, {(5, "h-1"), (6, "h-1")})


def test_what_nobody_is_named_for_is_the_callers() -> None:
    where, fact = scene(), changed(done(wish()), operation="review")
    rule.note(where.rows, fact, IDLE)
    assert hands(where) == {("review", f"n-{IDLE}")}
    rule.note(where.rows, fact, "p-99")
    assert hands(where) == {("review", f"n-{IDLE}")}
    # A deputy's hands are also those of whom he stands in for.
    mine = where.rows.post[2]
    where.rows.post[2] = replace(mine, deputy_for=3, rests_on=2, principal=where.rows.post[3], footing=mine)
    rule.note(where.rows, changed(done(wish(named={"collected_by": GRID})), household="h-2"), COLLECTOR)
    assert {each[4] for each in where.rows.hands["h-2"]} == {f"n-{GRID}", f"n-{IDLE}"}
    # Of whom the register has no post his own account is known all the same.
    where.rows.post = {}
    rule.note(where.rows, changed(done(wish(named={"collected_by": GRID})), household="h-3"), COLLECTOR)
    assert {each[4] for each in where.rows.hands["h-3"]} == {f"n-{GRID}"}


def test_a_high_risk_change_is_noted_beside_the_edit() -> None:
    asked = wish(cell="monitored.base", changes_made=(("first_identified_on", "c", "d"),))
    permitted, noted = rule.performed(asked, scene())
    assert isinstance(permitted, EditPermitted)
    assert isinstance(noted, HighRiskNoted)
    assert (noted.caution, noted.household, noted.person_id) == ("first_identified_changed", "h-1", COLLECTOR)
    assert len(rule.performed(wish(), scene())) == 1
