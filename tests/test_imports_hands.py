"""Whose hands were on a record counts for edits reported afterwards too: as of their time in the verdict, and as is known
by now beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import worlds
from conftest import World
from questions import facts
from test_imports_route import line, told
from worlds import COLLECTOR, GRID_WORKER, Town

from authz import traces


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as built:
        root = built.granted()[0]
        built.delegated(root)
        built.delegated(root, role="grid_worker")
        yield built


def deed(town: Town, ref: str, operation: str, **more: Any) -> dict[str, Any]:
    return line(town, ref, operation=operation, changes=[], **more)


def pairs(answers: list[dict[str, Any]]) -> list[tuple[str, str | None, list[str]]]:
    return [(each["verdict"], each.get("code"), each.get("duties", [])) for each in answers]


FINE = ("allowed_then", None, list[str]())
NOTED = ("allowed_then", None, ["collector_verifier"])


def test_hands_on_record_count_from_their_own_instant_on(town: Town) -> None:
    """Before it was collected he might have verified it, and the note says that it came together; afterwards he might not."""
    early = deed(town, "early", "verify")
    assert town.post("/v1/edits", COLLECTOR, town.edit(operation="collect", changes=[])).status_code == 201
    found = told(
        town, early, deed(town, "late", "verify"), deed(town, "quarter", "verify", quarter=3),
        deed(town, "another", "verify", person=GRID_WORKER),
    )  # fmt: skip
    assert pairs(found) == [NOTED, ("not_allowed_then", "duty_conflict", []), FINE, FINE]


@pytest.mark.parametrize("order", [("collect", "verify"), ("verify", "collect"), ("review", "update")])
@pytest.mark.parametrize("imports", [1, 2])
def test_reported_hands_are_set_against_each_other_in_any_order(
    town: Town, order: tuple[str, str], imports: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "collector_reviewer" if "review" in order else "collector_verifier"
    lines = [deed(town, f"{number}", operation) for number, operation in enumerate(order)]
    lines.append(deed(town, "2", order[1], person=GRID_WORKER))
    lines.append(deed(town, "3", order[1], quarter=2))
    found = told(town, *lines) if imports == 1 else [told(town, each)[0] for each in lines]
    assert [each.get("duties", []) for each in found] == [[], [code], [], []]
    assert pairs(told(town, *lines)) == pairs(found), "told again, it is what is on record"
    recorded = [each for each in facts(town, 0) if each["kind"] == "DutyNoted"]
    assert [(each["duty"], each["person_id"], each["role"]) for each in recorded] == [
        (code, COLLECTOR, "village_collector")
    ]
    monkeypatch.setattr(traces, "REPORTED", traces.REPORTED.replace("= 'EditImported'", "= 'none'"))
    assert pairs(told(town, deed(town, "4", order[1])))[0][2] == [], "the negative control: nobody looked"


def test_the_hands_are_those_of_whoever_is_named(town: Town) -> None:
    named = {"responsibility": {"collected_by": GRID_WORKER}}
    found = told(
        town, deed(town, "1", "collect", **named), deed(town, "2", "verify"), deed(town, "3", "verify", person=GRID_WORKER)
    )  # fmt: skip
    assert [each.get("duties", []) for each in found] == [[], [], ["collector_verifier"]]


def test_what_was_only_reported_keeps_nobody_from_his_work(town: Town) -> None:
    """Whoever reports is not who did it: a false report would lock others out."""
    assert pairs(told(town, deed(town, "1", "collect"))) == [FINE]
    assert town.post("/v1/edits", COLLECTOR, town.edit(operation="verify", changes=[])).status_code == 201
    assert pairs(told(town, deed(town, "2", "collect", at=datetime.now(UTC))))[0][1] == "duty_conflict"


def test_a_note_is_read_beside_its_edit(town: Town) -> None:
    first, second = told(town, deed(town, "1", "collect"), deed(town, "2", "verify"))
    kinds = [
        town.get(f"/v1/entries/{number}", worlds.AUDITOR).json()["kind"]
        for number in (first["entry"], second["entry"], second["entry"] + 1)
    ]  # fmt: skip
    assert kinds == ["EditImported", "EditImported", "DutyNoted"]
    assert json.dumps(second)
