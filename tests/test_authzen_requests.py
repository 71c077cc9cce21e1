"""Requests for access (a draft profile of AuthZEN, off by default): a denial can be applied for, and gives nothing by that."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import acts
import pytest
from conftest import World
from questions import ONE, decision, facts, kinds, question
from worlds import ADMIN, AUDITOR, CLERK, COLLECTOR, HANDLER, OTHER_COLLECTOR, Town

from api import pep
from api.authzen import access_tasks
from api.authzen.access_requests import URN, EndProposal
from audit.act import Caller
from authz import proposal
from authz.fact import instant
from authz.proposal import InvalidTaskState

PATH = "/access/v1/requests"
SWITCH = """
[access_requests]
zh = "访问申请接口（草案）"
value = 1
unit = "flag"
source = "local"
"""


@pytest.fixture
def off(database: World) -> Iterator[Town]:
    with Town(database) as built:
        yield built


@pytest.fixture
def town(database: World, tmp_path: Path) -> Iterator[Town]:
    """The profile switched on by the rules; the collectors hold collecting, updating and verifying of income."""
    folder = tmp_path / "policies"
    shutil.copytree(acts.FOLDER, folder)
    with (folder / "handling.toml").open("a") as file:
        file.write(SWITCH)
    with Town(database, policies=folder) as built:
        built.delegated(built.granted()[0])
        yield built


def denied(town: Town, person: str = COLLECTOR, action: str = "delete") -> dict[str, Any]:
    """A question that is answered no, with the token of its denial."""
    asked = question(person, action)
    told = town.post(ONE, person, asked).json()
    assert not told["decision"]
    return asked | {"denial": {"binding_token": told["context"]["access_request"]["binding_token"]}}


def asked(town: Town) -> str:
    """The task of an application for what was denied."""
    answer = town.post(PATH, COLLECTOR, denied(town))
    assert answer.status_code == 201, answer.text
    assert answer.json()["task"]["status"] == "pending"
    return str(answer.json()["task"]["id"])


def status(town: Town, task: str, person: str = COLLECTOR) -> str:
    answer = town.get(f"{PATH}/{task}", person)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task"]["status"])


def problem(answer: Any) -> tuple[int, str]:
    told = answer.json()
    assert told["type"] == URN + told["code"]
    assert told["status"] == answer.status_code
    return answer.status_code, told["code"]


def test_a_task_ends_once_even_when_two_ends_come_together(town: Town) -> None:
    """They are judged in one transaction, the second on what the first left behind."""
    number, size = access_tasks.number(town.deployment, asked(town)), town.size()
    ends = [
        EndProposal(ref=pep.new_ref(), caller=Caller(person, int(time.time())), subject=number, end=end)
        for person, end in ((COLLECTOR, "cancel"), (CLERK, "decline"))
    ]
    first, second = [each.future.result(10) for each in town.deployment.ledger.submit(ends)]
    assert (first.refused, type(second.refused)) == (None, InvalidTaskState)
    assert kinds(town, size) == ["ProposalWithdrawn", "Refused"]


def test_switched_off_there_is_nothing_of_it(off: Town) -> None:
    assert not decision(off.post(ONE, COLLECTOR, question(action="delete")))
    body = question(action="delete") | {"denial": {"binding_token": "x"}}
    for answer in (off.post(PATH, COLLECTOR, body), off.get(PATH, CLERK), off.get(f"{PATH}/x", COLLECTOR)):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown")
    told = off.client.get("/.well-known/authzen-configuration").json()
    assert not {"capabilities", "access_request_endpoint"} & told.keys()


def test_switched_on_the_metadata_say_so(town: Town) -> None:
    told = town.client.get("/.well-known/authzen-configuration").json()
    assert told["capabilities"] == [access_tasks.CAPABILITY]
    assert told["access_request_endpoint"] == town.settings.base_url + PATH


def test_only_ones_own_denials_that_a_paper_could_cure_are_offered(town: Town) -> None:
    assert decision(town.post(ONE, COLLECTOR, question()))
    assert not decision(town.post(ONE, AUDITOR, question(action="delete")))
    assert not decision(town.post(ONE, COLLECTOR, question(action="fly")))
    assert not decision(town.post(ONE, COLLECTOR, question(context={"time": "2026-02-01T00:00:00Z"})))
    told = town.post(ONE, COLLECTOR, question(action="delete")).json()
    assert set(told["context"]) == {"access_request"}
    assert set(told["context"]["access_request"]) == {"expires_at", "endpoint", "binding_token"}


def test_asking_makes_a_proposal_and_nothing_else(town: Town) -> None:
    body = denied(town)
    before = town.size()
    answer = town.post(PATH, COLLECTOR, body | {"requested_access": {"emergency": True}})
    assert answer.status_code == 201
    assert kinds(town, before) == ["AccessProposed"]
    fact = facts(town, before)[0]
    assert (fact["person_id"], fact["operation"], fact["emergency"]) == (COLLECTOR, "delete", True)
    assert facts(town, fact["denied"])[0]["kind"] == "DecisionAsked"
    assert not town.get("/v1/requests", CLERK).json()["items"][1:], "nobody filed a request for it"
    assert str(before) not in answer.json()["task"].values()


def test_a_task_is_shown_to_its_person_and_to_the_clerk(town: Town) -> None:
    task = asked(town)
    assert {status(town, task, person) for person in (COLLECTOR, CLERK)} == {"pending"}
    for person in (OTHER_COLLECTOR, ADMIN, HANDLER, AUDITOR):
        assert problem(town.get(f"{PATH}/{task}", person)) == (404, "unknown_task")
    inbox = town.get(PATH, CLERK).json()["items"]
    assert [(each["task"]["id"], each["person_id"]) for each in inbox] == [(task, COLLECTOR)]
    assert town.get(PATH, COLLECTOR).status_code == 404
    for other in ("1", str(town.size() - 1), task[:-1] + ("A" if task[-1] != "A" else "B"), "AAAA", "a" * 27):
        assert problem(town.get(f"{PATH}/{other}", COLLECTOR)) == (404, "unknown_task")


def test_names_of_tasks_lead_back_and_tell_nothing(town: Town) -> None:
    house = town.deployment
    names = [access_tasks.name(house, number) for number in range(500)]
    assert [access_tasks.number(house, name) for name in names] == list(range(500))
    assert len({name[:6] for name in names}) == 500


def test_what_is_no_denial_of_this_question_is_refused(town: Town) -> None:
    body = denied(town)
    token = body["denial"]["binding_token"]
    other = [{"action": {"name": "review"}}, {"denial": {"binding_token": token[:-2]}}, {"denial": {"binding_token": "ä.ö"}},
             {"denial": None}]  # fmt: skip
    for change in other:
        assert problem(town.post(PATH, COLLECTOR, body | change)) == (400, "invalid_denial_binding")
    old = access_tasks.bind(town.deployment, access_tasks.Denial(1, "0" * 64, int(time.time()) - 1))
    assert problem(town.post(PATH, COLLECTOR, body | {"denial": {"binding_token": old}})) == (410, "expired_denial")
    assert problem(town.post(PATH, COLLECTOR, body | {"items": []})) == (400, "not_requestable")
    past = {"requested_access": {"requested_until": "2026-01-01T00:00:00Z"}}
    assert problem(town.post(PATH, COLLECTOR, body | past)) == (400, "not_requestable")
    assert problem(town.post(PATH, ADMIN, body))[1] == "not_requestable", "a denial is asked for by whom it met"
    del body["action"]
    assert town.post(PATH, COLLECTOR, body).status_code == 400


def test_the_same_is_asked_once_while_it_waits(town: Town) -> None:
    body = denied(town)
    first = town.post(PATH, COLLECTOR, body, idempotency_key="a-1")
    again = town.post(PATH, COLLECTOR, body, idempotency_key="a-1")
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert problem(town.post(PATH, COLLECTOR, body)) == (409, "duplicate_request")
    for _ in range(2):
        assert problem(town.post(PATH, COLLECTOR, body, idempotency_key="a-2")) == (409, "duplicate_request")
    other = denied(town, action="review")
    assert problem(town.post(PATH, COLLECTOR, other, idempotency_key="a-1")) == (409, "duplicate_request")
    assert len(town.get(PATH, CLERK).json()["items"]) == 1


def test_a_task_ends_once(town: Town) -> None:
    task = asked(town)
    assert problem(town.post(f"{PATH}/{task}/cancel", CLERK)) == (404, "unknown_task"), "only whose it is"
    assert town.post(f"{PATH}/{task}/cancel", COLLECTOR).json()["task"]["status"] == "cancelled"
    for end in ("cancel", "refusal"):
        assert problem(town.post(f"{PATH}/{task}/{end}", COLLECTOR)) == (409, "invalid_task_state")
    task = asked(town)
    assert town.post(f"{PATH}/{task}/refusal", COLLECTOR).status_code == 403, "nobody declines for the clerk"
    assert town.post(f"{PATH}/{task}/refusal", CLERK).json()["task"]["status"] == "denied"


def test_what_the_region_answers_is_the_answer(town: Town) -> None:
    """Tied to a written request the task follows it; approved, the same question is asked again and the law answers."""
    task = asked(town)
    number = town.received(town.line(operations=["delete"]))
    assert problem(town.post(f"{PATH}/{task}/ticket", CLERK, {"request": 999999})) == (404, "unknown_task")
    other = town.drafted(town.line(operations=["update"]))
    assert problem(town.post(f"{PATH}/{task}/ticket", CLERK, {"request": other})) == (400, "not_requestable")
    assert town.post(f"{PATH}/{task}/ticket", CLERK, {"request": number}).json()["task"]["status"] == "pending"
    assert town.decided(number, [{"line": 1, "outcome": "approved"}]).is_success
    told = town.get(f"{PATH}/{task}", COLLECTOR).json()
    assert told["task"]["status"] == "approved"
    assert set(told["result"]["approval"]) == {"id", "approved_at", "approved_until"}
    assert told["result"]["mode"] == "reevaluate"
    asks = question(action="delete", context={"approval": told["result"]["approval"]})
    assert not town.post(ONE, COLLECTOR, asks).json()["decision"], "an approval id bears no authority"


@pytest.mark.parametrize(
    ("outcomes", "whole", "own"),
    [
        (("rejected", "approved"), "partial", "denied"),
        (("approved", "rejected"), "partial", "approved"),
        (("rejected",) * 2, "denied", "denied"),
    ],
)
def test_a_request_answered_in_part(town: Town, outcomes: tuple[str, ...], whole: str, own: str) -> None:
    task = asked(town)
    number = town.received(town.line(1, operations=["delete"]), town.line(2))
    town.post(f"{PATH}/{task}/ticket", CLERK, {"request": number})
    lines = [{"line": place, "outcome": each} | ({"reason": "材料不足"} if each == "rejected" else {})
             for place, each in enumerate(outcomes, start=1)]  # fmt: skip
    answer = town.decided(number, lines)
    assert answer.is_success, answer.text
    told = town.get(f"{PATH}/{task}", COLLECTOR).json()["task"]
    assert (told["status"], told["items"][0]["status"]) == (whole, own)


STATES = {
    "drafted": "pending", "filed": "pending", "received": "pending", "returned": "pending", "proposed": "pending",
    "approved": "approved", "partial": "partial", "rejected": "denied", "withdrawn": "cancelled",
}  # fmt: skip


def test_states_are_mapped_and_waiting_has_an_end() -> None:
    now = datetime.now(UTC)
    row: dict[str, Any] = {"state": "taken", "body": {"at": instant(now)}}
    assert {state: proposal.status(row, {"state": state}, now) for state in STATES} == STATES
    waiting = row | {"state": "proposed"}
    assert proposal.status(waiting, None, now + timedelta(days=29)) == "pending"
    assert proposal.status(waiting, None, now + timedelta(days=30)) == "expired"
    assert proposal.status(row | {"state": "declined"}, None, now + timedelta(days=99)) == "denied"


@pytest.mark.parametrize(
    ("strength", "code"), [("block", "duty_conflict"), ("trim", "no_grant"), ("extra", "approval_needed")]
)
def test_where_a_duty_stands_in_the_way_nothing_is_applied_for(
    database: World, tmp_path: Path, strength: str, code: str
) -> None:
    """It takes another person and no paper, whatever strength the duty has."""
    folder = tmp_path / "policies"
    shutil.copytree(acts.FOLDER, folder)
    with (folder / "handling.toml").open("a") as file:
        file.write(SWITCH)
    duties = (folder / "duties.csv").read_text("utf-8")
    row = "collector_verifier,record,collect update,verify,"
    (folder / "duties.csv").write_text(duties.replace(f"{row}block", f"{row}{strength}"), "utf-8")
    with Town(database, policies=folder) as built:
        built.delegated(built.granted()[0])
        assert built.post("/v1/edits", COLLECTOR, built.edit(operation="collect", changes=[])).status_code == 201
        verify = question(action="verify", properties={"quarter": 4})
        assert not decision(built.post(ONE, COLLECTOR, verify)), "and nothing beside it"
        told = built.post(ONE, COLLECTOR, verify | {"options": {"explain": True}}).json()["context"]
        assert (told["code"], told["duty"]) == (code, "collector_verifier")
        assert "依据不足" not in told["reason_user"]
        assert denied(built), "the negative control: what a paper could cure is offered"
