"""Steps of a request, piece by piece: who sees it, whose hands are in it, when its time is over; and what keeps hands apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from offices import NOW, WAY, Office

from authz import approval, duty, gazette, kin, refusal, step
from authz.approval import Approval
from authz.decision import Scene
from authz.fact import instant
from authz.policy import Duty, PolicySet
from authz.post import FAR, Person, Post

DAY = timedelta(days=1)


def seen_by(office: Office, unit: str, role: str) -> Scene:
    """A scene of somebody of this unit, in this role."""
    post = Post(900, "p-900", unit, unit.split("-")[1], role, "t", NOW - DAY, FAR)
    office.rows.people["p-900"] = Person("p-900", "n-900", 0)
    return Scene(office.rows, NOW, office.size, office.law, office.rows.people["p-900"], post)


@pytest.mark.parametrize(
    ("unit", "role", "drafted", "filed"),
    [
        ("u-640324-lead", "county_clerk", True, True),
        ("u-64-lead", "region_handler", False, True),
        ("u-6403-lead", "city_observer", False, True),
        ("u-64-audit", "auditor", True, True),
        ("u-64-other", "region_handler", False, False),
        ("u-6404-lead", "city_observer", False, False),
        ("u-640422-lead", "county_clerk", False, False),
    ],
)
def test_who_sees_a_request_before_and_after_it_is_signed(unit: str, role: str, drafted: bool, filed: bool) -> None:
    office = Office().run("draft")
    assert step.visible(seen_by(office, unit, role), office.row) is drafted
    office.run("sign")
    assert step.visible(seen_by(office, unit, role), office.row) is filed
    assert step.inside(seen_by(office, unit, role), office.row) is (unit == "u-640324-lead" or role == "auditor")


def test_without_a_post_nothing_is_seen_and_an_absent_request_is_unknown() -> None:
    office = Office().run("draft")
    nobody = Scene(office.rows, NOW, office.size, office.law)
    assert not step.visible(nobody, office.row)
    assert not step.inside(nobody, office.row)
    with pytest.raises(refusal.NotEmployed):
        step.found(nobody, 0)
    with pytest.raises(refusal.Unknown):
        step.found(office.scene("p-11"), 999)
    with pytest.raises(refusal.Unknown):
        step.found(seen_by(office, "u-640422-lead", "county_clerk"), 0)
    assert step.found(office.scene("p-11"), 0) is office.row


def test_a_text_is_unsigned_until_the_signature_and_again_when_it_is_written_anew() -> None:
    office = Office().run("draft")
    assert step.unsigned(office.row)
    assert not step.unsigned(office.run("sign").row)
    assert not step.unsigned(office.run("receive", "return").row)
    assert step.unsigned(office.run("change").row)
    assert not step.unsigned(office.run("sign").row)
    assert not step.unsigned({"body": {"signed": 5, "text": 5}})


def test_a_request_expires_only_where_a_limit_is_set_and_while_it_waits() -> None:
    policy = Office().law.policy
    limit = next(iter(policy.handling.values()))
    for days, state, filed, after, told in (
        (3, "filed", NOW, 3, "expired"), (3, "received", NOW, 3, "expired"), (3, "returned", NOW, 3, "expired"),
        (3, "filed", NOW, 2, "filed"), (3, "approved", NOW, 9, "approved"), (3, "drafted", None, 9, "drafted"),
        (3, "filed", None, 9, "filed"), (0, "filed", NOW, 9, "filed"), (None, "filed", NOW, 9, "filed"),
    ):  # fmt: skip
        rest = {name: each for name, each in policy.handling.items() if name != step.LIMIT}
        numbers = rest if days is None else rest | {step.LIMIT: replace(limit, value=days)}
        row = {"state": state, "body": {"filed_at": instant(filed) if filed else None}}
        assert step.state(row, replace(policy, handling=numbers), NOW + after * DAY) == told, (days, state, after)


def test_a_hand_stands_once_and_one_that_was_not_read_means_the_request_has_changed() -> None:
    office = Office().run("draft", "change", "change")
    assert office.row["body"]["hands"] == [["request.draft", "p-11"]]
    with pytest.raises(refusal.Stale):
        step.natural(office.scene("p-11"), "p-404")
    del office.rows.people["p-11"]
    with pytest.raises(refusal.Stale):
        step.hand("request.sign", office.row, office.scene("p-22"))
    assert len(Office().run(*WAY).row["body"]["hands"]) == len(WAY), "receiving and proposing are two acts of one hand"


# --- duties -----------------------------------------------------------------------------------------------------------
POLICY = Office().law.policy


def with_row(**changed: Any) -> PolicySet:
    """The rules with one more duty."""
    row: Duty = replace(POLICY.duties["collector_verifier"], code="more", **changed)
    return replace(POLICY, duties={**POLICY.duties, "more": row})


def test_nobody_is_not_one_person_with_nobody() -> None:
    assert duty.overlap(POLICY, "primary_deputy", None, None) is None
    assert duty.overlap(POLICY, "primary_deputy", "n-1", None) is None
    assert duty.overlap(POLICY, "primary_deputy", "n-1", "n-1") is POLICY.duties["primary_deputy"]
    soft = replace(POLICY.duties["primary_deputy"], strength="record")
    duty.separated(replace(POLICY, duties={**POLICY.duties, soft.code: soft}), soft.code, "n-1", "n-1")
    with pytest.raises(refusal.DutyConflict):
        duty.separated(POLICY, soft.code, "n-1", "n-1")


def test_a_duty_of_one_kind_says_nothing_of_another() -> None:
    acts = with_row(left=frozenset({"request.receive"}), right=frozenset({"request.propose"}))
    assert duty.acted(acts, "request", [("request.receive", "n-1")], "request.propose", "n-1") == ()
    assert [
        each.code for each in duty.acted(acts, "record", [("request.receive", "n-1")], "request.propose", "n-1")
    ] == ["more"]
    roles = with_row(left=frozenset({"township_admin"}), right=frozenset({"village_collector"}))
    assert duty.roles_clash(roles, ["township_admin"], "village_collector") == ()


def test_a_tie_is_declared_once_and_withdrawn_once() -> None:
    assert kin.declare("p-1", "n-1", "h-1", "kin", {"n-2"}).household == "h-1"
    with pytest.raises(refusal.AlreadyRegistered):
        kin.declare("p-1", "n-1", "h-1", "kin", {"n-2", "n-1"})
    row = {"number": 7, "person": "p-1", "household": "h-1", "withdrawn_by": "p-3"}
    with pytest.raises(refusal.WrongState):
        kin.withdraw(row, "n-1", {"n-2"}, "c")


def test_an_approval_is_withdrawn_while_it_stands() -> None:
    given = Approval(40, "p-1", "h-1", "monitored.income", "delete", 2026, 4, NOW, "p-8", "n-8")
    assert approval.withdraw(given, "640324", "c", NOW - DAY).subject == given.number
    for found, at, said in (
        (None, NOW - DAY, "已经用过"),
        (given, NOW, "已过截止时间"),
        (given, NOW + DAY, "已过截止时间"),
    ):
        with pytest.raises(refusal.WrongState, match=said):
            approval.withdraw(found, "640324", "c", at)


def test_an_edition_is_confirmed_by_other_hands_than_filed_it() -> None:
    """Neither by another account of whoever filed it, nor in his stead."""
    office = Office()
    row = {"number": 3, "state": "filed", "division": "64", "body": {"filed_by": "p-44", "base": "1900-01-01"}}
    mine = Post(901, "p-55", "u-64-lead", "64", "region_approver", "t", NOW - DAY, FAR)
    standing_in = replace(
        mine, deputy_for=902, rests_on=901, principal=replace(mine, number=902, person="p-45"), footing=mine
    )
    for post, refused in ((mine, False), (replace(mine, person="p-45"), True), (standing_in, True)):
        scene = Scene(office.rows, NOW, office.size, office.law, office.rows.people[post.person], post)
        with pytest.raises(refusal.Refusal) as caught:
            gazette.confirmed(row, scene)
        assert isinstance(caught.value, refusal.DutyConflict) is refused, post.person
        assert refused or caught.value.members["missing"] == "base", "whoever may confirm is told what is wrong next"
