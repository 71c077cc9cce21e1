"""Erasure as rules: who may ask and approve, and the retention no deployment may go under."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from acts import FOLDER, law

from api import founding
from authz import erasure, refusal
from authz.decision import Scene
from authz.erasure import Found, Scope
from authz.household import Household
from authz.post import Person, Post
from authz.rows import Rows
from authz.table import BadTable

AT = datetime(2026, 12, 1, tzinfo=UTC)
FOUND = Found(tuple((number, 2) for number in range(erasure.LISTED + 1)), "0" * 64)
PEOPLE = {name: Person(name, natural, 0) for name, natural in (("p-1", "a"), ("p-2", "b"), ("p-3", "a"))}
POST = Post(5, "p-2", "u-64-lead", "64", "region_approver", "x", AT, AT.replace(year=2099))


def scene(person: str = "p-2") -> Scene:
    rows = Rows(people=dict(PEOPLE), households={"h-1": Household("h-1", "640324100201", "monitored")})
    return Scene(rows, AT, 9, law(), PEOPLE[person], replace(POST, person=person))


def row(state: str = "asked") -> dict[str, Any]:
    body = {"person": None, "household": "h-1", "member": None, "asked_by": "p-1", "performed": None}
    return {"number": 4, "state": state, "division": "64", "since": 4, "body": body}


def test_an_approval_lists_the_first_and_counts_all() -> None:
    fact = erasure.performed(row(), FOUND, scene())
    assert (fact.entries, fact.values, len(fact.erased)) == (erasure.LISTED + 1, 2 * erasure.LISTED + 2, erasure.LISTED)


@pytest.mark.parametrize(("person", "state", "refused"), [
    ("p-1", "asked", refusal.DutyConflict), ("p-3", "asked", refusal.DutyConflict), ("p-2", "performed", refusal.WrongState),
])  # fmt: skip
def test_two_natural_persons_once(person: str, state: str, refused: type[refusal.Refusal]) -> None:
    with pytest.raises(refused):
        erasure.performed(row(state), FOUND, scene(person))


@pytest.mark.parametrize(("scope", "good"), [
    (Scope("p-1", None), True), (Scope(None, "h-1"), True), (Scope(None, "h-1", "m-1"), True), (Scope("p-1", "h-1"), False),
    (Scope(None, None), False), (Scope("p-1", None, "m-1"), False), (Scope("p-9", None), False), (Scope(None, "h-9"), False),
])  # fmt: skip
def test_a_scope_is_one_known_person_or_household(scope: Scope, good: bool) -> None:
    if good:
        assert erasure.asked(scope, "0" * 64, scene()).household == scope.household
    else:
        with pytest.raises((refusal.Misshapen, refusal.Unacceptable)):
            erasure.asked(scope, "0" * 64, scene())


@pytest.mark.parametrize("name", erasure.LEAST)
def test_retention_has_a_floor_that_no_table_lowers(name: str) -> None:
    policy = law().policy
    assert erasure.short(policy) == ()
    assert policy.number(name) >= 1095
    kept = dict(policy.handling)
    low = {**kept, name: replace(kept[name], value=erasure.LEAST[name] - 1)}
    assert erasure.short(replace(policy, handling=MappingProxyType(low))) == (name,)
    del kept[name]
    assert erasure.short(replace(policy, handling=MappingProxyType(kept))) == (name,)


def test_a_service_with_short_retention_does_not_start(tmp_path: Any) -> None:
    for file in FOLDER.rglob("*"):
        if file.is_file() and file.suffix in (".toml", ".csv", ".conf"):
            copy = tmp_path / file.relative_to(FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    founding.read_lawbook(tmp_path)
    table = tmp_path / "handling.toml"
    text = table.read_text(encoding="utf-8")
    table.write_text(
        re.sub(r"(\[vault_days\][^\[]*?value = )\d+([^\[]*?floor = )\d+", r"\g<1>30\g<2>1", text), encoding="utf-8"
    )
    with pytest.raises(BadTable, match="vault_days"):
        founding.read_lawbook(tmp_path)
