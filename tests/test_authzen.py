"""Questions over HTTP as AuthZEN 1.0 has them: form, answers, batches, the past, and what is recorded of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import worlds
from conftest import World
from questions import MANY, ONE, YEAR, decision, facts, kinds, question
from worlds import ADMIN, AUDITOR, COLLECTOR, FAR_COLLECTOR, OTHER_COLLECTOR, VILLAGE, Town


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    """The collectors of one village hold income of both populations."""
    with Town(database) as built:
        built.grant = built.granted()[0]  # type: ignore[attr-defined]
        built.below = built.delegated(built.grant)  # type: ignore[attr-defined]
        yield built


# --- one question ---------------------------------------------------------------------------------------------------
ANSWERS: list[tuple[str, dict[str, Any], bool]] = [
    ("what the grant contains", question(), True),
    ("an operation outside it", question(action="delete"), False),
    ("a person nobody knows", question("p-999999"), False),
    ("a subject of another type", question() | {"subject": {"type": "robot", "id": COLLECTOR}}, False),
    ("an operation nobody knows", question(action="fly"), False),
    ("a resource of an unknown type", question(resource={"type": "spaceship", "id": "h-monitored"}), False),
    ("a division nobody knows", question(properties={"division": "649999999999"}), False),
    ("a division that is none", question(properties={"division": "village"}), False),
    ("the register's division, unsaid", question(properties={"division": None}), True),
    ("a household that lives elsewhere", question(properties={"division": worlds.OTHER_VILLAGE}), False),
    ("another year", question(properties={"data_year": YEAR - 1}), False),
    ("no year where the grant has one", question(properties={"data_year": None}), False),
    ("a quarter in which nobody had a hand", question(properties={"quarter": 4}), True),
    ("a role said in the request", question(OTHER_COLLECTOR, properties={"role": "county_admin"}), False),
    ("a household of the other population",
     question(resource={"type": "monitored.income", "id": "h-lifted", "properties": {"data_year": YEAR}}), False),
    ("a token that is none", question(resource={"type": "monitored.income", "id": "record 1"}), False),
    ("an act of the service", question(ADMIN, "delegate", resource={"type": "grant", "id": worlds.COUNTY}), True),
    ("the act in full", question(ADMIN, "grant.delegate", resource={"type": "grant", "id": worlds.COUNTY}), True),
    ("an act on another object", question(ADMIN, "grant.delegate", resource={"type": "window", "id": "640324"}), False),
    ("an act elsewhere", question(ADMIN, "delegate", resource={"type": "grant", "id": worlds.CITY}), False),
    ("an act where nobody says", question(ADMIN, "delegate", resource={"type": "grant", "id": "17"}), False),
    ("two places at once", question(ADMIN, "delegate", resource={
        "type": "grant", "id": worlds.YUHAI, "properties": {"division": worlds.WANGTUAN}}), False),
]  # fmt: skip


def test_answers_are_those_of_the_law_three_times_in_a_row(town: Town) -> None:
    for because, asked, expected in ANSWERS:
        assert [decision(town.post(ONE, ADMIN, asked)) for _ in range(3)] == [expected] * 3, because


def test_an_answer_is_that_of_the_edit_itself(town: Town) -> None:
    """The question and the deed are decided alike, for everybody and every operation."""
    for person in (COLLECTOR, OTHER_COLLECTOR, FAR_COLLECTOR, worlds.TOWN_ADMIN, ADMIN):
        for operation in ("collect", "update", "verify", "review", "delete"):
            asked = decision(town.post(ONE, person, question(person, operation, properties={"quarter": 4})))
            done = town.post("/v1/edits", person, town.edit(operation=operation, changes=[]))
            assert asked is (done.status_code == 201), (person, operation, done.text)


def test_unknown_members_are_passed_over_at_every_level(town: Town) -> None:
    asked = question()
    for part in (asked, asked["subject"], asked["action"], asked["resource"], asked["resource"]["properties"]):
        part["unheard"] = {"of": [1, 2.5, None]}
    assert decision(town.post(ONE, COLLECTOR, asked | {"context": {"weather": "dust"}, "options": {"x": 1}}))


def test_properties_that_nothing_hears_may_be_of_any_type(town: Town) -> None:
    """A division of the subject is not ours, whatever its own system writes there."""
    for part in ("subject", "action"):
        asked = question()
        asked[part]["properties"] = {"division": 640324, "data_year": "2026", "quarter": "Q4", "fields": 7}
        assert decision(town.post(ONE, COLLECTOR, asked)), part


def without(part: str, name: str | None = None) -> dict[str, Any]:
    asked: dict[str, Any] = question()
    if name is None:
        del asked[part]
    else:
        del asked[part][name]
    return asked


MISSHAPEN: list[Any] = [
    b"", b"{", b"[]", b"null", b'"text"', b"1", b'{"a":1,"a":2}', b"\xff",
    *(without(part) for part in ("subject", "action", "resource")), without("subject", "type"), without("subject", "id"),
    without("action", "name"), without("resource", "type"), without("resource", "id"),
    *(question(subject=each) for each in (None, "p-2001", 7, [], {"type": "person", "id": 2001})),
    *(question(subject={"type": "person", "id": each}) for each in ("", "*", None, ["a"], {"$ne": 1}, True, 1.5, "..")),
    *(question(subject={"type": each, "id": COLLECTOR}) for each in ("", 1, None)),
    question(action="update") | {"action": "update"}, question() | {"action": {"name": 1}},
    question(context=[]), question(context="now"), question(context={"time": "think"}), question(context={"time": 7}),
    question(context={"time": "2026-13-01T00:00:00Z"}), question(context={"time": "2026-12-01T10:00:00"}),
    question(context={"as_known_at": "3"}), question(context={"as_known_at": -1}), question(context={"as_known_at": 10**9}),
    question(properties={"data_year": "2026"}), question(properties={"division": 640324}), question(options=7),
    question(options={"explain": "yes"}), question() | {"subject": {"type": "person", "id": COLLECTOR, "properties": 1}},
]  # fmt: skip


def test_a_wrong_shape_is_400_whatever_is_wrong_and_leaves_no_entry(town: Town) -> None:
    before = town.size()
    for path in (ONE, MANY):
        for body in MISSHAPEN:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            answer = town.ask("POST", path, COLLECTOR, content, content_type="application/json", x_request_id="r-1")
            assert (answer.status_code, answer.headers["x-request-id"]) == (400, "r-1"), (body, answer.text)
            assert "2001" not in answer.text
    assert town.size() == before


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/xml", "application/jsonx"])
def test_another_content_type_is_400(town: Town, kind: str) -> None:
    content = json.dumps(question()).encode()
    assert town.ask("POST", ONE, COLLECTOR, content, content_type=kind).status_code == 400
    assert decision(town.ask("POST", ONE, COLLECTOR, content, content_type="application/json; charset=utf-8"))


def test_verbs_strangers_and_request_ids(town: Town) -> None:
    for verb in ("GET", "PUT"):
        assert town.ask(verb, ONE, COLLECTOR, question(), x_request_id="a.b-c").status_code == 405
    stranger = town.post(ONE, None, question(), x_request_id="q-7")
    assert (stranger.status_code, stranger.headers["x-request-id"]) == (401, "q-7")
    assert "bearer" in stranger.headers["www-authenticate"].lower()
    assert town.post(ONE, COLLECTOR, question(), x_request_id="q-8").headers["x-request-id"] == "q-8"
    assert town.post(ONE, COLLECTOR, question("p-1004"), x_request_id="q-9").headers["x-request-id"] == "q-9"


# --- about others ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asker", "asked", "status"),
    [
        (COLLECTOR, question(OTHER_COLLECTOR), 403), (worlds.CLERK, question(), 403), (ADMIN, question(), 200),
        (AUDITOR, question(), 200), (COLLECTOR, question("p-999999"), 403), (ADMIN, question("p-999999"), 200),
        (ADMIN, question(worlds.HANDLER, properties={"division": "640521"}), 403),
        (AUDITOR, question(worlds.HANDLER, properties={"division": "640521"}), 200),
        (worlds.SYSTEM_ADMIN, question(worlds.SYSTEM_ADMIN), 200),
    ],
)  # fmt: skip
def test_asking_about_others_is_an_act_of_its_own(town: Town, asker: str, asked: Any, status: int) -> None:
    before = town.size()
    answer = town.post(ONE, asker, asked)
    assert answer.status_code == status, answer.text
    recorded = kinds(town, before)
    assert recorded == (["Refused"] if status == 403 else ["DecisionAsked"])
    if status == 403:
        assert answer.json()["entry"] == before
        assert facts(town, before)[0]["act"] == "decision.ask"


def test_one_foreign_question_refuses_the_batch(town: Town) -> None:
    items = [{}, {"subject": {"type": "person", "id": OTHER_COLLECTOR}}]
    assert town.post(MANY, COLLECTOR, question(evaluations=items)).status_code == 403


# --- batches --------------------------------------------------------------------------------------------------------
YES, NO = {"action": {"name": "update"}}, {"action": {"name": "delete"}}
BATCHES: list[tuple[str | None, list[Any], list[bool]]] = [
    (None, [YES, NO, YES], [True, False, True]),
    ("execute_all", [NO, YES], [False, True]),
    ("deny_on_first_deny", [YES, NO, YES], [True, False]),
    ("deny_on_first_deny", [YES, YES], [True, True]),
    ("permit_on_first_permit", [NO, YES, NO], [False, True]),
    ("permit_on_first_permit", [NO, NO], [False, False]),
    ("execute_all", [{"action": {}}, YES, {"subject": {"id": 3}}, {"resource": {"type": "monitored.income"}}], [False, True, False, False]),
    ("deny_on_first_deny", [{"action": {}}, YES], [False]),
    ("permit_on_first_permit", [{"action": {}}, YES, NO], [False, True]),
    ("execute_all", [{"context": {"time": "think"}}, {}], [False, True]),
    # An item takes the place of a default whole: this resource has no division of the default's, and lives elsewhere.
    ("execute_all", [{"resource": {"type": "monitored.income", "id": "h-far"}}, YES | {"more": 1}], [False, True]),
]  # fmt: skip


@pytest.mark.parametrize(("semantic", "items", "expected"), BATCHES)
def test_a_batch_answers_in_order_as_far_as_asked(
    town: Town, semantic: str | None, items: list[Any], expected: list[bool]
) -> None:
    asked = question(evaluations=items) | ({"options": {"evaluations_semantic": semantic}} if semantic else {})
    answer = town.post(MANY, COLLECTOR, asked)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"evaluations": [{"decision": each} for each in expected]}


def test_an_item_replaces_a_default_whole(town: Town) -> None:
    """The default's year is not merged into a resource of the item's own."""
    resource = {"type": "monitored.income", "id": "h-monitored", "properties": {"division": VILLAGE}}
    answer = town.post(MANY, COLLECTOR, question(evaluations=[{"resource": resource}, {}]))
    assert [each["decision"] for each in answer.json()["evaluations"]] == [False, True]


def test_without_items_a_batch_is_one_question(town: Town) -> None:
    for more in ({}, {"evaluations": []}, {"evaluations": None}):
        assert decision(town.post(MANY, COLLECTOR, question(**more)))


@pytest.mark.parametrize(
    "wrong", [{"evaluations": {}}, {"evaluations": "x"}, {"evaluations": [1]}, {"evaluations": [{}], "subject": 3}]
)
def test_a_batch_that_is_none_is_400(town: Town, wrong: Any) -> None:
    assert town.post(MANY, COLLECTOR, question() | wrong).status_code == 400


@pytest.mark.parametrize("semantic", ["", "all", "EXECUTE_ALL", 7, ["execute_all"]])
def test_a_semantic_nobody_knows_is_400(town: Town, semantic: Any) -> None:
    asked = question(evaluations=[{}], options={"evaluations_semantic": semantic})
    assert town.post(MANY, COLLECTOR, asked).status_code == 400


def test_a_batch_of_a_thousand_and_one_is_400(town: Town) -> None:
    assert town.post(MANY, COLLECTOR, question(evaluations=[{}] * 1001)).status_code == 400
    assert len(town.post(MANY, COLLECTOR, question(evaluations=[YES] * 300)).json()["evaluations"]) == 300
