"""Tasks of the access request profile: what is repeated, what waited too long, and how far what was asked for is granted."""

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
from questions import YEAR
from test_authzen_requests import PATH, SWITCH, asked, denied, problem, status
from worlds import CLERK, COLLECTOR, Town

from authz import proposal


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


def test_a_repeated_request_is_told_what_it_was_told_however_late(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its denial has expired meanwhile; for a new one that is the end."""
    monkeypatch.setattr(proposal, "BINDING", timedelta(seconds=2))
    body, late = denied(town), denied(town, action="review")
    first = town.post(PATH, COLLECTOR, body, idempotency_key="a-1")
    assert first.status_code == 201, first.text
    time.sleep(3)
    again = town.post(PATH, COLLECTOR, body, idempotency_key="a-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert problem(town.post(PATH, COLLECTOR, late)) == (410, "expired_denial")


def test_a_task_is_answered_with_where_to_ask_for_it(town: Town) -> None:
    answer = town.post(PATH, COLLECTOR, denied(town))
    task = answer.json()["task"]
    where = f"{town.settings.base_url}{PATH}/{task['id']}"
    assert (task["status_endpoint"], task["links"], answer.headers["location"]) == (
        where,
        {"cancel": f"{where}/cancel"},
        where,
    )


def test_what_waited_too_long_is_gone(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    task = asked(town)
    monkeypatch.setattr(proposal, "LIFE", timedelta(0))
    assert status(town, task) == "expired"
    for person, end in ((COLLECTOR, "cancel"), (CLERK, "refusal")):
        assert problem(town.post(f"{PATH}/{task}/{end}", person)) == (410, "task_expired")
    assert asked(town) != task, "it may be asked for anew"


@pytest.mark.parametrize(("scope", "own"), [({"operations": ["update"]}, "denied"), ({"max_records": 5}, "approved")])
def test_what_was_narrowed_is_approved_as_far_as_it_was_given(town: Town, scope: dict[str, Any], own: str) -> None:
    task = asked(town)
    number = town.received(town.line(operations=["delete", "update"]))
    assert town.post(f"{PATH}/{task}/ticket", CLERK, {"request": number}).is_success
    until = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    line = {"line": 1, "outcome": "narrowed", "scope": scope | {"until": until}, "reason": "先行试办"}
    answer = town.decided(number, [line])
    assert answer.is_success, answer.text
    told = town.get(f"{PATH}/{task}", COLLECTOR).json()
    item = told["task"]["items"][0]
    assert (told["task"]["status"], item["status"]) == ("partial", own)
    assert (item.get("result"), "result" in told) == (told.get("result"), own == "approved")
    if own == "approved":
        reached = datetime.fromisoformat(told["result"]["approval"]["approved_until"])
        assert reached == datetime.fromisoformat(until), "as granted, not as asked for"


def test_another_year_is_another_wish(town: Town) -> None:
    task = asked(town)
    other = town.drafted(town.line(operations=["delete"], data_year=YEAR - 1))
    assert problem(town.post(f"{PATH}/{task}/ticket", CLERK, {"request": other})) == (400, "not_requestable")
