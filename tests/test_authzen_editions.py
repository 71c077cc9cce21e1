"""Questions across a change of the divisions: answered as an edit at the old code, and at the new one, would be."""

from __future__ import annotations

from typing import Any

import editions
from conftest import World
from questions import MANY, YEAR, listed, person, yes
from test_editions_route import EDGE, NEW, REASON, RECODED, confirm
from worlds import ADMIN, APPROVER, AUDITOR, COLLECTOR, SYSTEM_ADMIN, VILLAGE, Town


def codes(town: Town) -> list[tuple[str, str]]:
    """What a question and an edit are told about each spelling of the place: `permit`, or the code of the refusal."""
    said = (VILLAGE, NEW, None)
    asked = {
        "subject": person(COLLECTOR), "action": {"name": "update"}, "options": {"explain": True},
        "evaluations": [{"resource": home(each)} for each in said],
    }  # fmt: skip
    told = town.post(MANY, AUDITOR, asked).json()["evaluations"]
    answers = ["permit" if each["decision"] else each["context"]["code"] for each in told]
    done = [town.post("/v1/edits", COLLECTOR, town.edit(division=each)) for each in (VILLAGE, NEW)]
    deeds = ["permit" if each.status_code == 201 else each.json()["code"] for each in done]
    return list(zip(answers, [*deeds, deeds[1]], strict=True))


def home(division: str | None) -> dict[str, Any]:
    told = {"data_year": YEAR, "quarter": 4} | ({} if division is None else {"division": division})
    return {"type": "monitored.income", "id": "h-monitored", "properties": told}


def test_a_question_follows_a_village_to_its_new_code(database: World) -> None:
    with Town(database) as town:
        root = town.granted(town.line(division="640324"))[0]
        lower = town.delegated(root)
        editions.in_force(town, editions.body(RECODED, EDGE))
        waits = ("scope_needs_confirmation", "scope_needs_confirmation")
        assert codes(town) == [waits, waits, waits]
        assert confirm(town, root, APPROVER).status_code == 200
        assert confirm(town, lower, ADMIN).status_code == 200
        assert codes(town) == [waits, waits, waits]
        assert town.post(f"/v1/units/u-{VILLAGE}-village/confirmation", SYSTEM_ADMIN, REASON).is_success
        permit = ("permit", "permit")
        assert codes(town) == [("bad_division_code", "bad_division_code"), permit, permit]
        for division in (NEW, None):
            whole = {"subject": person(COLLECTOR), "action": {"name": "update"}, "resource": home(division)}
            homes = {"h-monitored": {"resource": home(division)}}
            assert listed(town, "resource", whole) == yes(town, whole, homes) == ["h-monitored"]
            people = {each: {"subject": person(each)} for each in (COLLECTOR, ADMIN, SYSTEM_ADMIN)}
            got = [each for each in listed(town, "subject", whole) if each in people]
            assert got == yes(town, whole, people) == [ADMIN, COLLECTOR]


def test_an_abolished_place_of_another_county_is_not_ones_own(database: World) -> None:
    """Whoever may ask about others in his county does not get to ask about those elsewhere by naming a code that was."""
    village = next(
        each for each in editions.TREE.split() if each.startswith("640521") and each.split(",")[2] == "village"
    )
    code, name, _, township, _ = village.split(",")
    other = f"{township}999"
    with Town(database) as town:
        editions.in_force(
            town, editions.body({code: editions.line(other, name, township)}, f"successor,{code},{other}")
        )
        for place, status in ((code, 403), (other, 403), (VILLAGE, 200), ("640521999999", 200)):
            asked = {
                "subject": person(COLLECTOR), "action": {"name": "update"},
                "resource": {"type": "monitored.income", "id": "h-none", "properties": {"division": place}},
            }  # fmt: skip
            for context in ({}, {"time": "2026-03-01T00:00:00Z"}):
                answer = town.post("/access/v1/evaluation", ADMIN, asked | {"context": context})
                assert answer.status_code == status, (place, context, answer.text)
            assert town.post("/access/v1/evaluation", AUDITOR, asked).status_code == 200
