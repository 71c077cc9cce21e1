"""What an edit owes to the separations of duty, piece by piece: same record, hands, households, trimming, approvals."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from test_duty_rows import HOUSE, LAW, LONG, NOW, RISK, SINCE, UNIT, VILLAGE, done, outcome, scene

from authz import clash, refusal
from authz.approval import Approval, ApprovalUsed
from authz.clash import Deed
from authz.decision import Permit, Scene
from authz.kin import MEMBER
from authz.post import FAR, DutyNoted, Post

DAY = timedelta(days=1)
CELL = "monitored.income"
UPDATE = Deed(HOUSE, VILLAGE, CELL, "update", 2026, 4)
MARK = Deed(HOUSE, VILLAGE, RISK, "mark_eliminated", 2026, 4)


def test_a_record_is_a_cell_a_year_and_a_quarter_and_what_is_not_said_is_any() -> None:
    for year, quarter, own_year, own_quarter in itertools.product(
        (2025, 2026, None), (3, 4, None), (2026, None), (4, None)
    ):
        deed = replace(UPDATE, data_year=own_year, quarter=own_quarter)
        same = (None in (year, own_year) or year == own_year) and (
            None in (quarter, own_quarter) or quarter == own_quarter
        )
        assert deed.meets(CELL, year, quarter, "verify") is same
        assert not deed.meets("monitored.base", year, quarter, "verify")
        assert not deed.meets(None, year, quarter, "verify")
        assert replace(MARK, data_year=own_year, quarter=own_quarter).meets(RISK, year, quarter, "rollback_elimination")
        assert replace(MARK, data_year=own_year, quarter=own_quarter).meets(RISK, year, quarter, "verify") is same
        assert replace(deed, cell=RISK).meets(RISK, year, quarter, "remark_risk") is same, "a mark meets marks only"


# --- trim -------------------------------------------------------------------------------------------------------------
def asked(where: Scene, household: str = HOUSE, at: Any = None) -> str:
    assert where.post is not None
    wish = replace(UPDATE, household=household).wish("update")
    try:
        return str(clash.decided(where, where.post, wish, at).grant.number)
    except refusal.Denied as refused:
        return refused.code


def changed(where: Scene, **scope: Any) -> Scene:
    """The scene with another scope of the township's grant."""
    rows = where.rows
    made = replace(rows.grants[6], scope=replace(rows.grants[6].scope, **scope))
    rows.grants[6], rows.by_unit[UNIT] = made, [made]
    return where


def test_one_answer_serves_many_households_only_where_no_grant_counts_or_lists_them() -> None:
    plain = scene(LAW, issued_by="p-8")
    assert (asked(plain), len(plain.settled)) == ("6", 1)
    (kept,) = plain.settled.values()
    assert plain.post is not None
    assert clash.decided(plain, plain.post, replace(UPDATE, household="h-2").wish("update")) is kept
    listed = changed(scene(LAW, issued_by="p-8"), households=frozenset({HOUSE}))
    assert (asked(listed), asked(listed, "h-2"), listed.settled) == ("6", "outside_households", {})
    capped = changed(scene(LAW, issued_by="p-8"), max_records=1)
    capped.rows.used, capped.rows.seen = {6: 1}, {(6, HOUSE)}
    assert (asked(capped), asked(capped, "h-2"), capped.settled) == ("6", "record_limit", {})
    above = scene(LAW, issued_by="p-8")
    above.rows.grants[5] = replace(above.rows.grants[5], scope=replace(above.rows.grants[5].scope, max_records=0))
    assert (asked(above), above.settled) == ("record_limit", {}), "a limit of the chain counts as well"
    one = replace(scene(LAW, issued_by="p-8").rows.grants[6], number=7, path=(5, 7))
    two = changed(scene(LAW, issued_by="p-8"), households=frozenset({HOUSE}))
    two.rows.grants[7] = one
    two.rows.by_unit[UNIT].append(one)
    assert (asked(two), asked(two, "h-2"), two.settled) == ("6", "7", {}), "one that lists is enough"


def test_the_instant_of_the_question_counts() -> None:
    where = scene(LAW, issued_by="p-8")
    assert asked(where) == "6"
    assert asked(where, at=LONG) == "outside_period"
    assert asked(where, at=SINCE) == "6"


def test_what_was_left_out_is_told_with_what_is_missing_then() -> None:
    where = scene(LAW, issued_by="p-7")
    assert where.post is not None
    with pytest.raises(refusal.NoGrant) as caught:
        clash.decided(where, where.post, UPDATE.wish("update"))
    zh = LAW.policy.duties["self_delegation"].zh
    assert caught.value.members["duty"] == "self_delegation"
    assert caught.value.detail == f"{zh}；{refusal.NoGrant.title}"
    closed = changed(scene(LAW, issued_by="p-8"), cells=frozenset({"monitored.base"}))
    more = replace(closed.rows.grants[6], number=7, path=(5, 7), issued_by="p-7")
    closed.rows.grants[7] = more
    closed.rows.by_unit[UNIT].append(more)
    assert closed.post is not None
    left, duties = clash.trimmed(closed, closed.post, NOW)
    assert [each.number for each in left.rows.by_unit[UNIT]] == [6]
    assert [each.code for each in duties] == ["self_delegation"]
    assert closed.rows.by_unit[UNIT][-1] is more, "what was read is not changed"


def test_a_refusal_with_words_of_its_own_keeps_them() -> None:
    where = scene(LAW, issued_by="p-7")
    assert where.post is not None
    where.post = replace(where.post, division="649999")
    with pytest.raises(refusal.ScopeNeedsConfirmation) as caught:
        clash.decided(where, where.post, UPDATE.wish("update"))
    assert str(caught.value.detail).startswith(LAW.policy.duties["self_delegation"].zh)
    assert "请联系系统管理员" in str(caught.value.detail)


def test_a_duty_about_records_leaves_no_grant_out() -> None:
    row = replace(LAW.policy.duties["collector_verifier"], strength="trim")
    kept = {code: each for code, each in LAW.policy.duties.items() if code != "self_delegation"} | {row.code: row}
    assert asked(scene(replace(LAW, policy=replace(LAW.policy, duties=kept)), issued_by="p-7")) == "6"


def test_only_what_a_trim_duty_says_is_left_out() -> None:
    where = scene(LAW, issued_by="p-8")
    assert where.post is not None
    assert clash.trimmed(where, where.post, NOW) == (where, ())
    assert clash.trimmed(where, where.post, NOW)[0] is where
    assert asked(scene(LAW, issued_by="p-404")) == "6", "who gave it was not read: nobody of these hands"
    root = scene(LAW)
    regional = replace(root.rows.grants[6], parent=None, path=(6,), issued_by="p-7")
    root.rows.grants[6], root.rows.by_unit[UNIT] = regional, [regional]
    assert asked(root) == "6", "a regional grant was handed on by nobody"
    soft = replace(LAW.policy.duties["self_delegation"], strength="record")
    other = replace(LAW, policy=replace(LAW.policy, duties={**LAW.policy.duties, soft.code: soft}))
    assert asked(scene(other, issued_by="p-7")) == "6", "of another strength"


def test_of_two_roles_only_the_right_one_of_the_same_human_being_counts() -> None:
    row = replace(LAW.policy.duties["admin_applicant"], left=frozenset({"village_collector"}),
                  right=frozenset({"township_admin"}), strength="trim")  # fmt: skip
    used = replace(LAW, policy=replace(LAW.policy, duties={**LAW.policy.duties, row.code: row}))
    held = Post(20, "p-7", "u-640324100201-village", VILLAGE, "village_collector", "t", SINCE, FAR)
    for person, expected in (("p-7", "no_grant"), ("p-8", "6")):
        where = scene(used, issued_by="p-8")
        where.rows.posts[person] = [replace(held, person=person)]
        assert asked(where) == expected, person
    turned = replace(row, left=row.right, right=row.left)
    where = scene(
        replace(LAW, policy=replace(LAW.policy, duties={**LAW.policy.duties, row.code: turned})), issued_by="p-8"
    )
    where.rows.posts["p-7"] = [held]
    assert asked(where) == "6", "the one on the left is kept"


# --- hands ------------------------------------------------------------------------------------------------------------
def test_a_caller_who_reports_for_another_answers_for_both_hands() -> None:
    """`actor` collected; the caller's own household counts as well, and each hand once."""
    for natural, told in (("n-1", "own_household"), ("n-8", "own_household"), ("n-5", "none")):
        where = scene(LAW, (MEMBER, natural), issued_by="p-9")
        actor = Post(30, "p-8", UNIT, "640324100", "township_admin", "t", SINCE, FAR)
        permitted = Permit(where.rows.grants[6], (where.rows.grants[5], where.rows.grants[6]), "r")
        found = outcome(
            told, lambda where=where, actor=actor, permitted=permitted: clash.heed(UPDATE, actor, where, permitted)
        )
        assert found == ("none" if told == "none" else "block"), natural
    assert outcome("own_household", lambda: done("update", scene(LAW, (MEMBER, "n-1"), issued_by="p-8"))) == "block"
    facts = done("query", scene(LAW, (MEMBER, "n-1"), issued_by="p-8"))
    assert [each.duty for each in facts if isinstance(each, DutyNoted)] == ["own_household_read"], "noted once"
    for quarter, told in ((4, "block"), (3, "none"), (None, "block")):
        where = scene(LAW, ("collect", "n-1"), issued_by="p-8")
        found = outcome(
            "collector_verifier", lambda where=where, quarter=quarter: done("verify", where, quarter=quarter)
        )
        assert found == told, quarter
    assert done("verify", scene(LAW, ("verify", "n-1"), issued_by="p-8")), "the same step again clashes with nothing"


def test_whom_nobody_knows_may_belong_to_any_household_when_he_checks() -> None:
    for person, natural, operation, told in (
        ("p-3", "p-3", "verify", "block"), ("p-3", "p-3", "review", "block"), ("p-3", "p-3", "update", "none"),
        ("p-1", "n-1", "verify", "none"),
    ):  # fmt: skip
        where = scene(LAW, (MEMBER, "n-44"), person=person, natural=natural, issued_by="p-8")
        assert outcome("own_household", lambda where=where, op=operation: done(op, where)) == told, (person, operation)
    two = scene(LAW, (MEMBER, "n-44"), person="p-3", natural="p-3", deputy_of="p-9", issued_by="p-8")
    assert outcome("own_household", lambda: done("verify", two)) == "block", "one of two hands is unknown"


def test_who_may_approve_is_whoever_checks_along_the_chain() -> None:
    where = scene(LAW, ("mark_eliminated", "n-1"), issued_by="p-8")
    assert where.post is not None
    deed = replace(MARK, operation="rollback_elimination")
    links = where.rows.grants[5], where.rows.grants[6]
    permitted = Permit(links[1], links, "r")
    assert [each["grant"] for each in clash.who_can_approve(deed, permitted)] == [6, 5]
    for operations, expected in (({"verify"}, [6, 5]), ({"review"}, [6, 5]), ({"update"}, [5])):
        low = replace(links[1], scope=replace(links[1].scope, operations=frozenset(operations)))
        assert [each["grant"] for each in clash.who_can_approve(deed, Permit(low, (links[0], low), "r"))] == expected
    with pytest.raises(refusal.ApprovalNeeded) as caught:
        clash.heed(deed, where.post, where, permitted)
    assert [each["grant"] for each in caught.value.members["who_can_approve"]] == [6, 5]


BACK = replace(MARK, operation="rollback_elimination")
APPROVAL = Approval(40, "p-1", HOUSE, RISK, "rollback_elimination", 2026, 4, NOW + DAY, "p-8", "n-8")


def test_an_approval_lets_its_deed_and_no_other() -> None:
    deed = replace(MARK, operation="rollback_elimination")
    for more, lets in (
        ({}, True), ({"person": "p-8"}, False), ({"quarter": 3}, False), ({"quarter": None}, False), ({"data_year": 2025}, False),
        ({"cell": CELL}, False), ({"operation": "mark_eliminated"}, False), ({"until": NOW}, False), ({"natural": "n-1"}, False),
    ):  # fmt: skip
        where = scene(LAW, ("mark_eliminated", "n-1"), issued_by="p-8")
        where.rows.approvals = {HOUSE: [replace(APPROVAL, number=39, until=SINCE), replace(APPROVAL, **more)]}
        assert where.post is not None
        permitted = Permit(where.rows.grants[6], (where.rows.grants[5], where.rows.grants[6]), "r")
        try:
            used = [each for each in clash.heed(deed, where.post, where, permitted) if isinstance(each, ApprovalUsed)]
        except refusal.ApprovalNeeded:
            used = []
        assert [each.subject for each in used] == ([40] if lets else []), more
    theirs = scene(LAW, ("mark_eliminated", "n-1"), (MEMBER, "n-8"), issued_by="p-8")
    theirs.rows.approvals = {HOUSE: [APPROVAL]}
    with pytest.raises(refusal.ApprovalNeeded):
        clash.heed(deed, where.post, theirs, permitted)
    kept = [APPROVAL, replace(APPROVAL, number=41)]
    where.rows.approvals = {HOUSE: list(kept)}
    used_up = ApprovalUsed(subject=40, household=HOUSE, division=VILLAGE, duty="mark_rollback", approved_by="p-8")
    clash.use(where.rows, used_up)
    assert where.rows.approvals[HOUSE] == kept[1:]
    clash.use(where.rows, replace_household(used_up, "h-2"))
    assert where.rows.approvals == {HOUSE: kept[1:], "h-2": []}


def replace_household(fact: ApprovalUsed, household: str) -> ApprovalUsed:
    return ApprovalUsed(**{**{k: v for k, v in fact.plain().items() if k != "kind"}, "household": household})


def test_hands_of_the_same_stretch_are_carried_on() -> None:
    rows = scene(LAW).rows
    before = {(CELL, 2026, 4, "verify", "n-2"), (CELL, 2026, 4, "review", "n-3"), (CELL, 2026, 3, "verify", "n-2"),
              (CELL, 2026, 4, "collect", "n-4"), (None, None, None, MEMBER, "n-5")}  # fmt: skip
    for operation in ("query", "export"):
        rows.hands = {HOUSE: set(before)}
        clash.note(rows, replace(UPDATE, operation=operation), ("n-1",))
        assert rows.hands == {HOUSE: before}, "reading leaves no hand"
    for operation in ("collect", "update"):
        rows.hands = {HOUSE: set(before)}
        clash.note(rows, replace(UPDATE, operation=operation), ("n-1", "n-9"))
        mine = {(CELL, 2026, 4, operation, each) for each in ("n-1", "n-9")}
        checked = {(CELL, 2026, 4, "verify", "n-2"), (CELL, 2026, 4, "review", "n-3")}
        assert rows.hands[HOUSE] == before - checked | mine, (
            "what was checked has to be checked anew, of this record alone"
        )
    rows.hands = {}
    clash.note(rows, replace(UPDATE, operation="verify"), ("n-1",))
    assert rows.hands == {HOUSE: {(CELL, 2026, 4, "verify", "n-1")}}
    rows.hands = {HOUSE: set(before)}
    clash.note(rows, replace(UPDATE, operation="verify"), ("n-1",))
    assert rows.hands[HOUSE] == before | {(CELL, 2026, 4, "verify", "n-1")}
