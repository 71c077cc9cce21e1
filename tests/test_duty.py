"""Separation of duty compares natural persons, in whichever order the hands acted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import policies
from authz import duty, refusal

POLICY = policies.load(Path(__file__).parent.parent / "policies")
ROLES = sorted(POLICY.catalogue.roles)
KEYS = ["n-1", "n-11", "n-2", "N-1"]


@given(st.sampled_from(sorted(POLICY.duties)), st.lists(st.none() | st.sampled_from(KEYS), max_size=5))
def test_two_hands_are_one_when_the_key_repeats(code: str, persons: list[str | None]) -> None:
    known = [person for person in persons if person is not None]
    assert (duty.overlap(POLICY, code, *persons) is not None) == any(known.count(person) > 1 for person in known)


def test_a_person_without_a_key_is_a_bug_and_not_a_pass() -> None:
    with pytest.raises(ValueError, match="key"):
        duty.separated(POLICY, "clerk_signatory", "n-1", "")
    with pytest.raises(KeyError):
        duty.separated(POLICY, "no_such_duty", "n-1", "n-1")


def test_a_refusal_names_the_duty_and_says_what_to_do() -> None:
    with pytest.raises(refusal.DutyConflict) as caught:
        duty.separated(POLICY, "clerk_signatory", "n-1", "n-1")
    assert caught.value.members["duty"] == "clerk_signatory"
    assert "请改由其他同志办理" in str(caught.value)
    assert "n-1" not in str(caught.value)


HANDS = [
    ("request", [("request.draft", "n-1")], "request.sign", "n-1", "clerk_signatory"),
    ("request", [("request.draft", "n-1")], "request.sign", "n-2", None),
    ("request", [("request.draft", "n-1"), ("request.sign", "n-2")], "request.decide", "n-2", "applicant_approver"),
    ("request", [("request.receive", "n-3")], "request.decide", "n-3", "receiver_approver"),
    ("request", [("request.propose", "n-3")], "request.decide", "n-3", "handler_approver"),
    ("request", [("request.propose", "n-3")], "request.decide", "n-33", None),
    ("request", [("request.receive", "n-3")], "request.propose", "n-3", None),
    ("record", [("collect", "n-1")], "verify", "n-1", "collector_verifier"),
    ("record", [("verify", "n-1")], "collect", "n-1", "collector_verifier"),
    ("record", [("update", "n-1")], "review", "n-1", "collector_reviewer"),
    ("record", [("collect", "n-1"), ("verify", "n-2")], "review", "n-3", None),
    ("record", [("collect", "n-1")], "update", "n-1", None),
    ("record", [], "verify", "n-1", None),
    ("policy", [("policy.propose", "n-1")], "policy.adopt", "n-1", "proposer_adopter"),
]


@pytest.mark.parametrize(("kind", "history", "act", "person", "broken"), HANDS)
def test_the_hands_of_one_thing(
    kind: str, history: list[tuple[str, str]], act: str, person: str, broken: str | None
) -> None:
    if broken is None:
        assert duty.apart(POLICY, kind, history, act, person) == ()
        return
    with pytest.raises(refusal.DutyConflict) as caught:
        duty.apart(POLICY, kind, history, act, person)
    assert caught.value.members["duty"] == broken


def test_a_softer_duty_is_returned_and_not_refused() -> None:
    history = [("mark_eliminated", "n-1")]
    (softer,) = duty.apart(POLICY, "record", history, "rollback_elimination", "n-1")
    assert softer.strength == "extra"
    assert duty.apart(POLICY, "record", history, "rollback_elimination", "n-2") == ()
    assert [found.code for found in duty.roles_apart(POLICY, ["county_clerk"], "county_admin")] == ["admin_applicant"]


OFFICERS = ("system_admin", "security_admin", "audit_admin")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("officer", OFFICERS)
def test_the_three_officers_hold_nothing_else(officer: str, role: str) -> None:
    if role == officer:
        assert duty.roles_apart(POLICY, [officer], role) == ()
        return
    for held, new in ((officer, role), (role, officer)):
        with pytest.raises(refusal.DutyConflict):
            duty.roles_apart(POLICY, [held], new)


@given(st.sets(st.sampled_from(ROLES)), st.sampled_from(ROLES))
def test_static_duties_do_not_depend_on_the_order(held: set[str], role: str) -> None:
    one = {found.code for found in duty.roles_clash(POLICY, held, role)}
    other = {found.code for each in held for found in duty.roles_clash(POLICY, [role], each)}
    assert one == other


def test_ordinary_doubles_are_allowed() -> None:
    assert duty.roles_apart(POLICY, ["first_secretary"], "assistance_person") == ()
    assert duty.roles_apart(POLICY, [], "auditor") == ()
