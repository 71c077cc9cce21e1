"""Questions over HTTP: their reasons, the past, what is recorded of them, and the metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from conftest import World
from questions import MANY, ONE, decision, facts, question
from worlds import ADMIN, COLLECTOR, VILLAGE, Town

YES, NO = {"action": {"name": "update"}}, {"action": {"name": "delete"}}


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    """The collectors of one village hold income of both populations."""
    with Town(database) as built:
        built.grant = built.granted()[0]  # type: ignore[attr-defined]
        built.below = built.delegated(built.grant)  # type: ignore[attr-defined]
        yield built


# --- reasons --------------------------------------------------------------------------------------------------------
def test_reasons_are_told_only_when_asked_for(town: Town) -> None:
    told = town.post(ONE, COLLECTOR, question(options={"explain": True})).json()
    assert told["decision"]
    assert told["context"]["chain"] == [town.grant, town.below]  # type: ignore[attr-defined]
    told = town.post(ONE, COLLECTOR, question(action="delete", options={"explain": True})).json()
    assert (told["decision"], told["context"]["code"]) == (False, "outside_operation")
    asked = question(evaluations=[YES, {"action": {}}], options={"explain": True})
    items = town.post(MANY, COLLECTOR, asked).json()["evaluations"]
    assert all(each["context"] for each in items)
    assert "null" not in json.dumps([told, items])
    assert decision(town.post(ONE, COLLECTOR, question(options={"explain": False})))


def test_reasons_have_two_voices(town: Town) -> None:
    """Plain words for everybody; all of it only for whoever may ask about others there."""
    for action in ("update", "delete"):
        asked = question(action=action, options={"explain": True})
        mine, theirs = (town.post(ONE, person, asked).json()["context"] for person in (COLLECTOR, ADMIN))
        assert mine["reason_user"] == theirs["reason_user"]
        assert "reason_admin" not in mine
        assert theirs["reason_admin"]


# --- the past -------------------------------------------------------------------------------------------------------
def test_a_question_about_another_instant(town: Town) -> None:
    now = datetime.now(UTC)
    for time, expected in (
        (now + timedelta(days=1), True),
        (now + timedelta(days=120), False),
        (now - timedelta(days=2), False),
    ):
        context = {"time": time.isoformat()}
        assert decision(town.post(ONE, COLLECTOR, question(context=context))) is expected, time
    assert not decision(town.post(ONE, COLLECTOR, question(context={"time": "2025-06-27T18:03-07:00"})))


def test_a_past_instant_is_answered_by_what_was_on_record_then(town: Town) -> None:
    """A narrowing leaves no trace in valid time; whoever wants to know what is known today says so."""
    below = town.below  # type: ignore[attr-defined]
    then = {"time": datetime.now(UTC).isoformat()}
    path = f"/v1/grants/{below}"
    assert town.change(f"{path}/narrowing", ADMIN, {"reason": "x", "operations": ["verify"]}).is_success
    assert not decision(town.post(ONE, COLLECTOR, question()))
    assert decision(town.post(ONE, COLLECTOR, question(context=then)))
    assert not decision(town.post(ONE, COLLECTOR, question(context=then | {"as_known_at": town.size()})))


def test_a_question_as_known_at_a_position(town: Town) -> None:
    """Before the delegation nobody knew of it; the answer of a position never changes again."""

    def at(position: int) -> bool:
        return decision(town.post(ONE, COLLECTOR, question(context={"as_known_at": position})))

    below = town.below  # type: ignore[attr-defined]
    assert (at(below), at(below + 1)) == (False, True)
    assert town.change(f"/v1/grants/{below}/revocation", ADMIN, {"reason": "调整"}).is_success
    assert (at(below), at(below + 1)) == (False, True)
    assert not decision(town.post(ONE, COLLECTOR, question()))


# --- what is recorded -----------------------------------------------------------------------------------------------
def test_each_answer_about_writing_is_an_entry_and_reading_shares_one(town: Town) -> None:
    wide = town.granted(town.line(operations=["update", "query"]))[0]
    town.delegated(wide, operations=["query"])
    read = {"action": {"name": "query"}}
    far = {"resource": {"type": "monitored.income", "id": "h-far"}, **read}
    before = town.size()
    asked = question(evaluations=[read, YES, NO, read, far])
    told = town.post(MANY, COLLECTOR, asked)
    assert [each["decision"] for each in told.json()["evaluations"]] == [True, True, False, True, False]
    recorded = facts(town, before)
    assert [each["kind"] for each in recorded] == ["DecisionAsked"] * 3 + ["QueriesPermitted"]
    assert [(each["answer"], each["operation"]) for each in recorded[:3]] == [
        ("permit", "update"), ("deny", "delete"), ("deny", "query"),
    ]  # fmt: skip
    assert recorded[3]["households"] == ["h-monitored"]
    assert len(recorded[3]["queries"]) == 2
    assert recorded[3]["division"] == VILLAGE
    assert told.headers["log-position"] == str(town.size())


def test_nothing_a_stranger_wrote_gets_into_the_log(town: Town) -> None:
    before = town.size()
    secret = "马秀兰的身份证"
    asked = question(
        ADMIN, secret, resource={"type": secret, "id": secret, "properties": {"division": secret, "x": secret}}
    )
    assert not decision(town.post(ONE, ADMIN, asked))
    assert not decision(town.post(ONE, ADMIN, question(ADMIN) | {"subject": {"type": secret, "id": secret}}))
    assert secret not in json.dumps(facts(town, before), ensure_ascii=False)


def test_a_question_about_the_past_is_one_entry_with_its_digest(town: Town) -> None:
    before, context = town.size(), {"time": "2026-02-01T00:00:00Z", "as_known_at": 3}
    assert not decision(town.post(ONE, COLLECTOR, question(context=context)))
    (fact,) = facts(town, before)
    assert (fact["known"], fact["at"], fact["answer"]) == (3, "2026-02-01T00:00:00.000000Z", "deny")
    town.post(ONE, COLLECTOR, question(context=context))
    town.post(ONE, COLLECTOR, question(context=context | {"as_known_at": 4}))
    digests = [each["question"] for each in facts(town, before)]
    assert digests[0] == digests[1] != digests[2]


# --- metadata -------------------------------------------------------------------------------------------------------
def test_the_metadata_name_the_configured_address_whatever_the_host_says(town: Town) -> None:
    told = town.client.get("/.well-known/authzen-configuration", headers={"Host": "localhost:1"})
    base = town.settings.base_url
    assert told.status_code == 200
    assert told.json() == {
        "policy_decision_point": base,
        "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
        "search_subject_endpoint": f"{base}/access/v1/search/subject",
        "search_resource_endpoint": f"{base}/access/v1/search/resource",
        "search_action_endpoint": f"{base}/access/v1/search/action",
    }
    assert "localhost:1" not in told.text
