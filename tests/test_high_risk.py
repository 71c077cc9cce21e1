"""High-risk operations and changes: asked for on grounds of their own, kept out of windows, and noted (local rules)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any

import acts
import pytest
from conftest import World
from offices import LINE, TEXT, Office
from worlds import ADMIN, AUDITOR, CLERK, COLLECTOR, Town

from authz import caution, filing, policy, refusal, table

HOME = Path(__file__).parent.parent / "policies"
FILES = {name: (HOME / name).read_bytes() for name in policy.FILES}
CATALOGUE = "catalogue.toml"
POLICY = acts.law().policy
WORDS = POLICY.catalogue
OPERATIONS = tomllib.loads(FILES[CATALOGUE].decode())["operations"]
CELL = {name: row.get("cells", ["monitored.base"])[0] for name, row in OPERATIONS.items()}
# Written by hand: on which grounds each high-risk operation may be asked for; the others on any.
PROPER = {
    "mark_eliminated": {"risk_elimination"}, "rollback_elimination": {"elimination_rollback"},
    "delete": {"duplicate_removal", "correction", "cleansing"},
}  # fmt: skip


def drafted(ground: str, *operations: str, cell: str | None = None) -> str:
    """How a request on this ground for these operations is refused, or nothing."""
    line = {**LINE, "cells": [cell or CELL[operations[0]]], "operations": list(operations)}
    scene = Office().scene("p-11")
    try:
        filing.drafted(replace(TEXT, ground=ground, lines=(line,)), scene)
    except refusal.Unacceptable as refused:
        return f"{refused.detail} {refused.members}"
    return ""


# --- grounds --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_on_every_ground(operation: str) -> None:
    for ground in WORDS.grounds:
        told = drafted(ground, operation)
        assert (not told) == (ground in PROPER.get(operation, WORDS.grounds)), ground
        if told:
            assert "'missing': 'ground'" in told
            assert "/lines/0/operations" in told
            assert all(WORDS.grounds[each] in told for each in PROPER[operation])
    assert WORDS.operations[operation].grounds == PROPER.get(operation, frozenset())


def test_only_high_risk_operations_are_held_to_a_ground_or_kept_out_of_windows() -> None:
    assert {each.name for each in WORDS.operations.values() if each.grounds} == set(PROPER)
    assert {each.name for each in WORDS.operations.values() if not each.unified} == {"delete", "rollback_elimination"}
    assert all(each.high_risk for each in WORDS.operations.values() if each.grounds or not each.unified)


def test_one_operation_too_many_refuses_the_line() -> None:
    assert drafted("quarterly_income", "collect", "update", "delete", cell="monitored.income")
    assert not drafted("quarterly_income", "collect", "update", cell="monitored.income")
    assert drafted("risk_elimination", "mark_eliminated", "rollback_elimination")
    assert not drafted("risk_elimination", "mark_eliminated", "remark_risk")


def test_a_set_that_names_no_grounds_holds_nobody_to_them() -> None:
    """The control: it is the catalogue that refuses."""
    free = {name: replace(each, grounds=frozenset[str]()) for name, each in WORDS.operations.items()}
    office = Office(
        replace(acts.law(), policy=replace(POLICY, catalogue=replace(WORDS, operations=MappingProxyType(free))))
    )
    line = {**LINE, "operations": ["delete"]}
    assert filing.drafted(replace(TEXT, lines=(line,)), office.scene("p-11")).ground == "quarterly_income"


# --- the catalogue --------------------------------------------------------------------------------------------------
def with_change(old: str, new: str) -> dict[str, bytes]:
    assert old.encode() in FILES[CATALOGUE]
    return {**FILES, CATALOGUE: FILES[CATALOGUE].replace(old.encode(), new.encode(), 1)}


DOUBLE = 'module = "base", fields = ["name", "id_no"], operations = ["collect", "update", "verify", "review"]'
BAD = [
    (with_change('grounds = ["risk_elimination"]', 'grounds = ["whim"]'), "whim"),
    (with_change('grounds = ["risk_elimination"]', "grounds = []"), "empty"),
    (with_change('grounds = ["risk_elimination"]', 'grounds = "risk_elimination"'), "empty|boolean"),
    (with_change("], unified = false", "], unified = 0"), "boolean"),
    (with_change("], unified = false", "], window = false"), "unknown key"),
    (with_change(DOUBLE, DOUBLE.replace("id_no", "wage_income")), "wage_income"),
    (with_change(DOUBLE, DOUBLE.replace("base", "wealth")), "unknown module"),
    (with_change(DOUBLE, DOUBLE.replace('"update"', '"smuggle"')), "smuggle"),
    (with_change(DOUBLE, DOUBLE.replace('"name", "id_no"', "")), "empty"),
    (with_change('source = "M6", ' + DOUBLE, 'source = "because", ' + DOUBLE), "unknown source"),
    (with_change('source = "M6", ' + DOUBLE, DOUBLE), "missing"),
    (with_change("[cautions]\n", "[cautions]\n[warnings]\n"), "unknown section"),
]


@pytest.mark.parametrize(("files", "reason"), BAD, ids=range(len(BAD)))
def test_a_bad_row_refuses_the_whole_set(files: dict[str, bytes], reason: str) -> None:
    with pytest.raises(table.BadTable, match=reason) as caught:
        policy.parse(files)
    assert caught.value.file == CATALOGUE
    assert caught.value.zh


# --- cautions -------------------------------------------------------------------------------------------------------
def test_a_caution_is_called_for_by_all_of_its_fields_and_no_fewer() -> None:
    names = ["name", "id_no", "sex", "first_identified_on"]
    for count in range(len(names) + 1):
        for some in combinations(names, count):
            changes = [(each, "before", "after") for each in some]
            found = caution.called_for(WORDS.cautions, "base", "update", changes)
            assert ("identity_double_change" in found) == ({"name", "id_no"} <= set(some))
            assert ("first_identified_changed" in found) == ("first_identified_on" in some)
            assert not caution.called_for(WORDS.cautions, "income", "update", changes)
            assert not caution.called_for({}, "base", "update", changes)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_change_is_not_made_quiet_by_calling_it_something_else(operation: str) -> None:
    """Whatever may carry fields is watched, but for what is collected where nothing stood, and deletion."""
    double = [("name", "before", "after"), ("id_no", "before", "after")]
    module = WORDS.cells[CELL[operation]].module
    names = {name: each for name, each in WORDS.cautions.items() if each.module == module}
    every = [(field, "before", "after") for each in names.values() for field in each.fields]
    watched = OPERATIONS[operation]["writes"] and operation != "delete"
    assert set(caution.called_for(WORDS.cautions, module, operation, every)) == (set(names) if watched else set())
    if module == "base":
        first = [(field, None, "after") for field, _, _ in double]
        found = caution.called_for(WORDS.cautions, module, operation, first)
        assert (found != ()) == (watched and operation != "collect")
        assert (caution.called_for(WORDS.cautions, module, operation, [double[0], first[1]]) != ()) == bool(found)


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        cells = ["monitored.base", "lifted_out.base"]
        (root,) = made.granted(made.line(cells=cells))
        made.delegated(root, cells=cells)
        yield made


def kinds(town: Town, answer: Any) -> list[str]:
    assert answer.status_code in (200, 201), answer.text
    found = answer.json()
    told = found["results"][0] if "results" in found else found
    entries = range(told["entry"], town.size())
    return [town.get(f"/v1/entries/{each}", AUDITOR).json()["kind"] for each in entries]


def edit(town: Town, *fields: str, **more: Any) -> dict[str, Any]:
    changes = [{"field": each, "before": "一", "after": "二"} for each in fields]
    return town.edit(cell="monitored.base", changes=changes) | more


def test_name_and_number_changed_together_are_let_pass_and_noted(town: Town) -> None:
    both = edit(town, "name", "sex", "id_no")
    assert kinds(town, town.post("/v1/edits", COLLECTOR, both)) == ["EditPermitted", "HighRiskNoted"]
    assert kinds(town, town.post("/v1/edits/batch", COLLECTOR, [both])) == ["EditPermitted", "HighRiskNoted"]
    for quiet in (edit(town, "name"), edit(town, "id_no"), edit(town)):
        assert kinds(town, town.post("/v1/edits", COLLECTOR, quiet)) == ["EditPermitted"]
    first = [{"field": each, "before": None, "after": "二"} for each in ("name", "id_no")]
    assert kinds(town, town.post("/v1/edits", COLLECTOR, both | {"operation": "collect", "changes": first})) == [
        "EditPermitted"
    ]
    again = town.post("/v1/edits", COLLECTOR, both | {"operation": "collect"})
    assert kinds(town, again) == ["EditPermitted", "HighRiskNoted"]
    (*_, noted) = town.get("/v1/entries?kind=HighRiskNoted", AUDITOR).json()["items"]
    fact = town.get(f"/v1/entries/{noted['number']}", AUDITOR).json()["fact"]
    assert (fact["caution"], fact["household"], fact["person_id"]) == (
        "identity_double_change",
        "h-monitored",
        COLLECTOR,
    )
    assert "二" not in str(fact)


def test_an_edit_that_is_refused_is_not_noted(town: Town) -> None:
    size = town.size()
    answer = town.post("/v1/edits", COLLECTOR, edit(town, "name", "id_no", data_year=2020))
    assert answer.status_code == 403
    assert town.size() == size + 1
    assert town.get("/v1/entries?kind=HighRiskNoted", AUDITOR).json()["items"] == []


# --- the route of a request -----------------------------------------------------------------------------------------
def test_a_request_for_deletion_under_another_ground_is_refused(town: Town) -> None:
    wish = town.draft(town.line(operations=["delete"]))
    assert town.post("/v1/requests", CLERK, wish).status_code == 201
    wrong = town.draft(town.line(operations=["delete"])) | {"ground": {"code": "annual_update", "text": "年度更新"}}
    answer = town.post("/v1/requests", CLERK, wrong)
    told = answer.json()
    assert (answer.status_code, told["code"], told["missing"]) == (422, "unacceptable", "ground")
    assert "删除重复户" in told["detail"]
    assert town.get("/v1/households/h-monitored", ADMIN).status_code == 200
