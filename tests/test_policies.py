"""Every row of every truth table in `policies/`, and every combination no row allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from api import policies
from authz import duty, policy, refusal, spec, table
from authz.division import Divisions
from authz.pdp import Rule

HOME = Path(__file__).parent.parent / "policies"
POLICY = policies.load(HOME)
RULE = Rule.compile(POLICY)
NINGXIA = policies.load_divisions(HOME)
SPEC = policy.parse_spec("roles.spec.csv", (HOME / "roles.spec.csv").read_bytes(), POLICY)
ALLOWED = {(r.role, act, o) for r in SPEC if r.expected == "allow" for act, o in product(r.acts, r.objects)}
REFUSED = {(r.role, act, o) for r in SPEC if r.expected == "deny" for act, o in product(r.acts, r.objects)}
DUTIES = table.rows(
    "duties.spec.csv", (HOME / "duties.spec.csv").read_bytes(), ("code", "left", "right", "expected", "because")
)
FIELDS = table.rows(
    spec.FIELDS, (HOME / spec.FIELDS).read_bytes(), ("unit_kind", "field", "expected", "because"), comments=True
)
CONTRACT_ROLES = {
    "region_handler", "region_approver", "city_observer", "county_clerk", "county_signatory", "county_admin",
    "department_officer", "township_admin", "township_reviewer", "village_collector", "first_secretary", "grid_worker",
    "assistance_person", "auditor", "system_admin", "security_admin", "audit_admin",
}  # fmt: skip
CONTRACT_OPERATIONS = {
    "collect", "update", "verify", "review", "mark_eliminated", "remark_risk", "rollback_elimination", "delete",
    "query", "export",
}  # fmt: skip
AT = datetime(2026, 12, 1, tzinfo=UTC)


class Everything:
    """A holding that contains everything, everywhere, always: what is left is the role alone."""

    def __init__(self, role: str) -> None:
        self.role = role

    def includes(self, act: str, object: str) -> bool:
        return bool(act and object)

    def covers(self, division: str, divisions: Divisions) -> bool:
        return divisions.known(division)

    def live(self, at: datetime) -> bool:
        return at == AT


def may(rule: Rule, role: str, act: str, object: str) -> str | None:
    return rule.permits(Everything(role), act, object, "640324", AT, NINGXIA)


@pytest.mark.parametrize("row", SPEC, ids=lambda row: row.because)
def test_a_row_of_the_truth_table(row: policy.SpecRow) -> None:
    for act, object in product(row.acts, row.objects):
        assert (may(RULE, row.role, act, object) is not None) == (row.expected == "allow"), (act, object)


def test_whatever_the_table_does_not_allow_is_refused() -> None:
    acts = {*POLICY.catalogue.operations, *(verb for verbs in POLICY.catalogue.acts.values() for verb in verbs)}
    objects = {*POLICY.catalogue.cells, *POLICY.catalogue.objects}
    everything = set(product(POLICY.catalogue.roles, acts, objects))
    permitted = {triple for triple in everything if may(RULE, *triple)}
    assert permitted == ALLOWED
    assert not ALLOWED & REFUSED
    assert {(role, act, object) for role in POLICY.catalogue.roles for act, object in RULE.rights(role)} == ALLOWED
    assert set(POLICY.triples()) >= ALLOWED


@pytest.mark.parametrize("row", [row for row in POLICY.rows if row.eft == "allow"], ids=lambda row: row.id)
def test_every_allow_is_missed_when_it_is_gone(row: policy.RuleRow) -> None:
    without = Rule.compile(replace(POLICY, rows=tuple(each for each in POLICY.rows if each != row)))
    assert {triple for triple in ALLOWED if not may(without, *triple)}


@pytest.mark.parametrize("row", [row for row in POLICY.rows if row.eft == "deny"], ids=lambda row: row.id)
def test_every_deny_outweighs_a_careless_allow(row: policy.RuleRow) -> None:
    careless = policy.RuleRow("roles.csv:999", row.role, row.act, row.object, "allow")
    guarded = Rule.compile(replace(POLICY, rows=(*POLICY.rows, careless)))
    bare = Rule.compile(replace(POLICY, rows=(*(each for each in POLICY.rows if each != row), careless)))
    touched = {t for t in REFUSED if may(bare, *t)}
    assert touched
    assert not any(may(guarded, *triple) for triple in touched)


def test_risk_elimination_exists_only_for_monitored_households() -> None:
    special = {"mark_eliminated", "remark_risk", "rollback_elimination"}
    assert "lifted_out.risk_elimination" not in POLICY.catalogue.cells
    assert len(POLICY.catalogue.cells) == 7
    assert {(act, object) for _, act, object in POLICY.triples() if act in special} == {
        (act, "monitored.risk_elimination") for act in special
    }


@pytest.mark.parametrize("line", DUTIES, ids=lambda line: line.fields[4])
def test_a_row_of_the_duties(line: table.Line) -> None:
    code, left, right, expected, _ = line.fields
    found = duty.overlap(POLICY, code, left, right)
    assert (found.strength if found else "none") == expected
    if expected == "block":
        with pytest.raises(refusal.DutyConflict):
            duty.separated(POLICY, code, left, right)
    else:
        duty.separated(POLICY, code, left, right)


@pytest.mark.parametrize("line", FIELDS, ids=lambda line: f"{line.fields[0]}-{line.fields[3]}")
def test_a_row_of_the_fields(line: table.Line) -> None:
    kind, names, expected, _ = line.fields
    for name in names.split():
        assert POLICY.catalogue.remits.has(kind, *name.split(".")) == (expected == "allow"), name


def test_every_duty_rests_on_a_row() -> None:
    assert {line.fields[0] for line in DUTIES if line.fields[3] != "none"} == set(POLICY.duties)


def test_the_vocabulary_of_the_contract_is_complete() -> None:
    words = POLICY.catalogue
    assert set(words.roles) == CONTRACT_ROLES
    assert set(words.operations) == CONTRACT_OPERATIONS
    assert "wage_income" in words.cells["monitored.income"].fields
    assert "monitored_category" in words.cells["monitored.base"].fields
    assert "monitored_category" not in words.cells["lifted_out.base"].fields
    assert "quarterly_income" in words.grounds
    assert {role for kind in words.unit_kinds.values() for role in kind.roles} == set(words.roles)


def test_nobody_appoints_above_himself_or_one_of_the_three_officers() -> None:
    words, officers = POLICY.catalogue, {"system_admin", "security_admin", "audit_admin"}
    appointed = {(by, role) for by in words.roles for role in words.roles if words.may_appoint(by, role)}
    assert appointed
    assert not any(role in officers or by == role for by, role in appointed)
    assert not any(by == "county_admin" and role.startswith(("region", "city", "auditor")) for by, role in appointed)
    assert words.may_hold("lead", "county", "county_admin")
    assert not words.may_hold("lead", "county", "region_approver")
    assert not words.may_hold("civil_affairs", "county", "county_admin")


def test_the_numbers_carry_their_clause() -> None:
    assert POLICY.number("intake_days") == 20
    assert (POLICY.handling["intake_days"].source, POLICY.handling["intake_days"].strength) == ("S15", "P")
    assert POLICY.handling["member_change_months"].strength == "M"
    assert POLICY.number("request_expiry_days") == 0
