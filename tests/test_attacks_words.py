"""What a caller says of a thing is judged anew each time it is said: kinds (82), and conditions on what is asked (86)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import World
from test_authzen_certification import folder
from worlds import AUDITOR, CLERK, Town

Change = Callable[[dict[str, Any]], Any]
KINDS: dict[str, Change] = {
    "another kind of document": lambda wish: wish["document"].update(kind="PIFU"),
    "a kind that is none": lambda wish: wish["document"].update(kind="XIN"),
    "another cell": lambda wish: wish["lines"][0].update(cells=["lifted_out.risk_elimination"]),
    "another operation": lambda wish: wish["lines"][0].update(operations=["rollback_elimination"]),
    "another place": lambda wish: wish["lines"][0].update(division="640323100"),
    "no place": lambda wish: wish["lines"][0].update(division="640324999"),
    "nothing": lambda wish: wish["lines"][0].update(cells=[]),
    "backwards": lambda wish: wish["lines"][0].update(until="2020-01-01T00:00:00+08:00"),
    "another ground": lambda wish: wish["ground"].update(code="nothing"),
    "another addressee": lambda wish: wish["document"].update(addressee="u-640323-lead"),
    "another's code word": lambda wish: wish["document"].update(number="宁乡振发〔2026〕901号"),
    "a state of its own": lambda wish: wish.update(state="approved"),
}


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        yield made


@pytest.mark.parametrize("what", KINDS)
def test_82_a_change_is_judged_like_a_first_writing(town: Town, what: str) -> None:
    """Metamorphic: a draft rewritten into something is refused exactly as if it had been written so at once."""
    number = town.drafted(town.line())
    good = town.draft(town.line())
    bad = copy.deepcopy(good)
    KINDS[what](bad)
    first = town.post("/v1/requests", CLERK, bad)
    again = town.change(f"/v1/requests/{number}", CLERK, bad, thing=f"/v1/requests/{number}", verb="PUT")
    assert (first.is_success, first.json().get("code")) == (again.is_success, again.json().get("code"))
    assert town.change(f"/v1/requests/{number}", CLERK, good, thing=f"/v1/requests/{number}", verb="PUT").is_success


@pytest.mark.parametrize(
    "said",
    [{}, {"soft": None}, {"soft": 1}, {"soft": ["true"]}, {"soft": {"is": True}}, {"soft": "yes"}, {"Soft": True}],
)
def test_86_a_condition_without_its_word_is_a_no(database: World, tmp_path: Path, said: dict[str, Any]) -> None:
    """The rule `delete` asks whether it is soft; with the word it is a yes."""
    question = {
        "subject": {"type": "user", "id": "alice"}, "action": {"name": "delete", "properties": said},
        "resource": {"type": "record", "id": "record-1"},
    }  # fmt: skip
    with Town(database, policies=folder(tmp_path / "policies")) as tiny:
        assert tiny.post("/access/v1/evaluation", AUDITOR, question).json() == {"decision": False}
        question["action"]["properties"] = {"soft": True}
        assert tiny.post("/access/v1/evaluation", AUDITOR, question).json() == {"decision": True}
