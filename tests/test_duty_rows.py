"""Every row of `duties.csv` does what it says, through the very rule that heeds it, and is missed when it is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from acts import law
from offices import Office
from quorum import without

from authz import amendment, clash, duty, edit, post, refusal, staffing, step
from authz.approval import Approval, ApprovalUsed
from authz.decision import Law, Scene, decide
from authz.edit import Edit, EditPermitted
from authz.fact import Fact
from authz.grant import Grant, Scope
from authz.household import Household
from authz.post import FAR, Appointment, DutyNoted, Person, Post, Unit
from authz.rows import Rows

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
SINCE, LONG = NOW - timedelta(days=30), NOW + timedelta(days=300)
PLACE, UNIT, HOUSE, RISK = "640324100", "u-640324100-township", "h-1", "monitored.risk_elimination"
VILLAGE = "640324100201"
LAW = law()
EVERYTHING = frozenset(LAW.policy.catalogue.operations)


def scene(used: Law, *hands: tuple[str, str], person: str = "p-1", natural: str = "n-1", deputy_of: str | None = None,
          issued_by: str = "p-9", more: tuple[Grant, ...] = ()) -> Scene:  # fmt: skip
    """A township administrator with a chain of two grants over a household, on which these (operation, natural) were."""
    rows = Rows()
    for each in (Person(person, natural, 0), Person("p-8", "n-8", 0), Person("p-9", "n-9", 0), Person("p-7", "n-1", 0)):
        rows.people[each.id] = each
    mine = Post(1, person, UNIT, PLACE, "township_admin", "t", SINCE, FAR)
    rows.posts[person] = [mine]
    if deputy_of is not None:
        absent = replace(mine, number=2, person=deputy_of)
        mine = replace(mine, number=3, deputy_for=2, rests_on=1, principal=absent, footing=mine)
    given: dict[str, Any] = {
        "window": None, "document": "文", "document_sha256": None, "edition": "", "division_name": "", "line": None,
        "issued_at": SINCE, "revoked_at": None, "rests": (), "request": None, "holder_person": None,
    }  # fmt: skip
    wide = Scope("640324", frozenset(LAW.policy.catalogue.cells), EVERYTHING, None, SINCE, LONG, None, None)
    root = Grant(number=5, origin="request", scope=wide, holder_unit="u-640324-lead", role="county_admin", parent=None,
                 path=(5,), issuer_unit="u-64-lead", issued_by="p-8", **given)  # fmt: skip
    below = replace(root, number=6, origin="delegated", holder_unit=UNIT, role="township_admin", parent=5, path=(5, 6),
                    issued_by=issued_by)  # fmt: skip
    for each in (root, below, *more):
        rows.grants[each.number] = each
        rows.by_unit.setdefault(each.holder_unit, []).append(each)
    rows.households[HOUSE] = Household(HOUSE, VILLAGE, "monitored")
    rows.hands[HOUSE] = {
        (None, None, None, done, who) if done == "member" else (_cell(done), 2026, 4, done, who) for done, who in hands
    }
    return Scene(rows, NOW, 100, used, rows.people[person], mine)


def _cell(operation: str) -> str:
    return RISK if operation in ("mark_eliminated", "rollback_elimination", "remark_risk") else "monitored.income"


def done(operation: str, where: Scene, **more: Any) -> tuple[Fact, ...]:
    """The facts of this operation, or a refusal."""
    told: dict[str, Any] = {
        "household": HOUSE, "member": None, "division": VILLAGE, "cell": _cell(operation), "operation": operation,
        "data_year": 2026, "quarter": 4, "occurred_at": None, "channel": "APP", "named": {}, "changes_made": (),
        "evidence": (), "ruleset": None, "checks_failed": (), "checks_overridden": (), "campaign": None,
    }  # fmt: skip
    return edit.performed(Edit(**told | more), where)


def outcome(code: str, happen: Callable[[], Any]) -> str:
    """The strength in which this duty was met, or `none`."""
    try:
        facts = happen()
    except refusal.ApprovalNeeded as refused:
        return "extra" if refused.members["duty"] == code else str(refused.members["duty"])
    except refusal.DutyConflict as refused:
        return "block" if refused.members["duty"] == code else str(refused.members["duty"])
    except refusal.NoGrant as refused:
        return "trim" if refused.members.get("duty") == code else "no grant"
    noted = [each for each in facts if isinstance(each, DutyNoted) and each.duty == code]
    return "record" if noted else "none"


# --- how each row is met: with the natural person of the one side, by "n-1" on the other -------------------------------
def appointed(held: str, role: str, unit: str) -> Callable[[Law, str], Any]:
    def happen(used: Law, who: str) -> Any:
        by = Post(1, "p-2", "u-64-lead", "64", "system_admin", "t", SINCE, FAR)
        standing = [Post(2, "p-1", "u-64-lead", "64", held, "t", SINCE, FAR)] if who == "n-1" else []
        division = unit.split("-")[1]
        wanted = Appointment(Person("p-1", "n-1", 0), Unit(unit, "lead", division, "n", None), role, "t", None, None)
        return post.appoint(wanted, by, standing, NOW, used.policy, used.divisions)

    return happen


def officers(held: str, role: str) -> Callable[[Law, str], Any]:
    def happen(used: Law, who: str) -> Any:
        duty.roles_apart(used.policy, [held] if who == "n-1" else [], role)
        return ()

    return happen


def stepped(first: str, then: str) -> Callable[[Law, str], Any]:
    def happen(used: Law, who: str) -> Any:
        office = Office(used).run(*STEPS[: STEPS.index(then)])
        row = office.row
        row["body"]["hands"] = [[first, "p-55" if who == "n-1" else "p-33"]]
        step.hand(f"request.{then}", row, office.scene("p-55"))
        return ()

    return happen


STEPS = ("draft", "sign", "receive", "propose", "decide")


def on_record(before: str, now: str, **more: Any) -> Callable[[Law, str], Any]:
    return lambda used, who: done(now, scene(used, (before, who)), **more)


def adopted(used: Law, who: str) -> Any:
    where = scene(used)
    where.rows.people["p-6"] = Person("p-6", who, 0)
    body = {
        "proposed_by": "p-6",
        "base": amendment.in_force(where, "region", "64"),
        "part": "region",
        "policy": "0" * 64,
    }
    row = {"number": 3, "state": "proposed", "division": "64", "body": body}
    return (amendment.adopted(row, None, None, where),)


def paired(used: Law, who: str) -> Any:
    a, b = (Post(n, f"p-{n}", "u-640324-lead", "640324", "county_admin", "t", SINCE, FAR) for n in (1, 2))
    people = {"p-1": Person("p-1", "n-1", 0), "p-2": Person("p-2", who, 0)}
    unit = Unit("u-640324-lead", "lead", "640324", "n", None)
    return (staffing.name_pair(unit, a, b, people, NOW, used.policy),)


def handed(used: Law, who: str) -> Any:
    return done("update", scene(used, issued_by="p-7" if who == "n-1" else "p-8"))


MET: dict[str, list[Callable[[Law, str], Any]]] = {
    "officers_system_security": [officers("system_admin", "security_admin"), officers("security_admin", "system_admin")],
    "officers_system_audit": [officers("system_admin", "audit_admin")],
    "officers_security_audit": [officers("security_admin", "audit_admin")],
    "officers_business": [appointed("system_admin", "county_clerk", "u-640324-lead")],
    "auditor_business": [appointed("auditor", "region_handler", "u-64-lead")],
    "admin_applicant": [appointed("county_admin", "county_clerk", "u-640324-lead")],
    "clerk_signatory": [stepped("request.draft", "sign")],
    "receiver_approver": [stepped("request.receive", "decide")],
    "handler_approver": [stepped("request.propose", "decide")],
    "applicant_approver": [stepped("request.draft", "decide"), stepped("request.sign", "decide")],
    "collector_verifier": [
        on_record("collect", "verify"), on_record("update", "verify"), on_record("verify", "update"),
        on_record("collect", "verify", quarter=None),
    ],
    "collector_reviewer": [on_record("update", "review"), on_record("review", "collect")],
    "mark_rollback": [
        on_record("mark_eliminated", "rollback_elimination"), on_record("rollback_elimination", "mark_eliminated"),
        on_record("mark_eliminated", "rollback_elimination", quarter=1, data_year=2025),
    ],
    "own_household": [on_record("member", each) for each in (
        "collect", "update", "verify", "review", "mark_eliminated", "remark_risk", "rollback_elimination")],
    "own_household_read": [on_record("member", "query")],
    "primary_deputy": [paired],
    "proposer_adopter": [adopted],
    "self_delegation": [handed],
}  # fmt: skip
CASES = [(code, number) for code, met in MET.items() for number in range(len(met))]


def test_every_row_is_met() -> None:
    assert MET.keys() == LAW.policy.duties.keys()
    assert {each.strength for each in LAW.policy.duties.values()} == {"block", "trim", "extra", "record"}


@pytest.mark.parametrize(("code", "number"), CASES)
def test_a_row_does_what_its_strength_says_and_is_missed_when_gone(code: str, number: int) -> None:
    met = MET[code][number]
    with patch.object(step, "_must_be_four", lambda act, history, mine: None):  # the table alone
        assert outcome(code, lambda: met(LAW, "n-1")) == LAW.policy.duties[code].strength
        assert outcome(code, lambda: met(LAW, "n-11")) == "none"
        if code == "primary_deputy":
            with pytest.raises(KeyError):
                met(without(LAW, code), "n-1")
            return
        assert outcome(code, lambda: met(without(LAW, code), "n-1")) == "none"


STRENGTH_ON = ["collector_verifier", "mark_rollback", "own_household", "own_household_read"]


@pytest.mark.parametrize("strength", ["block", "trim", "extra", "record"])
@pytest.mark.parametrize("code", STRENGTH_ON)
def test_the_strength_is_the_tables_to_say(code: str, strength: str) -> None:
    row = replace(LAW.policy.duties[code], strength=strength)
    other = replace(LAW, policy=replace(LAW.policy, duties={**LAW.policy.duties, code: row}))
    assert outcome(code, lambda: MET[code][0](other, "n-1")) == strength


def test_of_two_roles_the_holdings_of_the_right_one_are_left_out() -> None:
    row = replace(LAW.policy.duties["admin_applicant"], left=frozenset({"village_collector"}),
                  right=frozenset({"township_admin"}), strength="trim")  # fmt: skip
    used = replace(LAW, policy=replace(LAW.policy, duties={**LAW.policy.duties, row.code: row}))
    held = Post(20, "p-7", "u-640324100201-village", VILLAGE, "village_collector", "t", SINCE, FAR)

    def beside(law: Law, *posts: Post) -> str:
        (where := scene(law)).rows.posts["p-7"] = list(posts)
        return outcome(row.code, lambda: done("update", where))

    met = [beside(used), beside(used, held), beside(LAW, held), beside(used, replace(held, valid_until=NOW))]
    assert met == ["none", "trim", "none", "none"]


def test_what_is_left_after_trimming_still_permits() -> None:
    other = replace(scene(LAW).rows.grants[6], number=7, path=(5, 7), issued_by="p-8")
    where = scene(LAW, issued_by="p-7", more=(other,))
    (fact,) = done("update", where)
    assert isinstance(fact, EditPermitted)
    assert fact.grant == other.number
    assert where.post is not None
    assert decide(where, where.post, clash.Deed(HOUSE, VILLAGE, "monitored.income", "update", 2026, 4).wish("update"))


# --- hands ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("before", "now", "code"), [
    ("collect", "verify", "collector_verifier"), ("verify", "collect", "collector_verifier"),
    ("update", "review", "collector_reviewer"), ("member", "update", "own_household"),
])  # fmt: skip
def test_a_deputy_acts_with_two_pairs_of_hands(before: str, now: str, code: str) -> None:
    for who, expected in (("n-1", "block"), ("n-9", "block"), ("n-8", "none")):
        where = scene(LAW, (before, who), deputy_of="p-9", issued_by="p-8")
        assert outcome(code, lambda where=where: done(now, where)) == expected, who


def test_of_an_account_nobody_knows_it_is_not_shown_that_there_are_two() -> None:
    for before, now in (("collect", "verify"), ("verify", "collect"), ("update", "review")):
        for hand, person, natural in (("p-4", "p-1", "n-1"), ("n-4", "p-3", "p-3"), ("p-4", "p-3", "p-3")):
            where = scene(LAW, (before, hand), person=person, natural=natural)
            with pytest.raises(refusal.DutyConflict, match="请先登记身份证件号码") as caught:
                done(now, where)
            assert caught.value.members["missing"] == "identity"
    assert done("verify", scene(LAW, ("verify", "p-4"), person="p-3", natural="p-3"))
    assert done("update", scene(LAW, ("collect", "p-4"), person="p-3", natural="p-3"))
    assert (
        outcome("mark_rollback", lambda: done("rollback_elimination", scene(LAW, ("mark_eliminated", "p-4"))))
        == "extra"
    )


def test_an_unknown_hand_signs_receives_and_decides_nothing_after_another() -> None:
    for then in STEPS[1:]:
        known = Office().run(*STEPS[: STEPS.index(then)])
        person = {"sign": "p-22", "receive": "p-44", "propose": "p-66", "decide": "p-55"}[then]
        if then == "propose":
            person = "p-64"
        known.rows.people[person] = replace(known.rows.people[person], natural=person)
        with pytest.raises(refusal.DutyConflict):
            step.hand(f"request.{then}", known.row, known.scene(person))


# --- approvals --------------------------------------------------------------------------------------------------------
def test_an_approval_is_for_exactly_one_deed_of_one_person_by_other_hands() -> None:
    good = Approval(50, "p-1", HOUSE, RISK, "rollback_elimination", 2026, 4, LONG, "p-8", "n-8")
    spoiled = [
        replace(good, person="p-7"), replace(good, cell="monitored.income"), replace(good, operation="delete"),
        replace(good, data_year=2025), replace(good, quarter=3), replace(good, quarter=None), replace(good, until=NOW),
        replace(good, natural="n-1"),
    ]  # fmt: skip
    for each in (good, *spoiled):
        where = scene(LAW, ("mark_eliminated", "n-1"))
        where.rows.approvals[HOUSE] = [each]
        if each is not good:
            assert outcome("mark_rollback", lambda where=where: done("rollback_elimination", where)) == "extra", each
            continue
        facts = done("rollback_elimination", where)
        assert [type(fact) for fact in facts] == [EditPermitted, ApprovalUsed]
        for fact in facts:
            edit.note(where.rows, fact, "p-1")
        assert outcome("mark_rollback", lambda where=where: done("rollback_elimination", where)) == "extra"
    deputised = scene(LAW, ("mark_eliminated", "n-1"), deputy_of="p-8")
    deputised.rows.approvals[HOUSE] = [good]
    assert outcome("mark_rollback", lambda: done("rollback_elimination", deputised)) == "extra"
