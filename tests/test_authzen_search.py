"""Searches: who may be told what, shapes, pages, records; and that a wrong search would be noticed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import acts
import pytest
import worlds
from conftest import World
from questions import SEARCH, listed, person, yes
from worlds import ADMIN, AUDITOR, COLLECTOR, COUNTY, VILLAGE, Town

from audit import candidates
from authz.household import HouseholdsLoaded

NOW = datetime.now(UTC)
YEAR = NOW.year
PEOPLE = sorted(worlds.POSTS)


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as built:
        built.delegated(built.granted()[0])
        yield built


INCOME = {"type": "monitored.income", "id": "h-monitored", "properties": {"division": VILLAGE, "data_year": YEAR}}
UPDATE = {"name": "update"}
WHO: dict[str, Any] = {"subject": {"type": "person"}, "action": UPDATE, "resource": INCOME}
WHAT: dict[str, Any] = {
    "subject": person(COLLECTOR), "action": UPDATE, "resource": {"type": "monitored.income", "properties": {"data_year": YEAR}},
}  # fmt: skip
MAY = [ADMIN, worlds.ADMIN_B, COLLECTOR]
"""Who may: the county holds the grant, the village holds the one below it."""
HOW: dict[str, Any] = {"subject": person(COLLECTOR), "resource": INCOME}


def test_only_what_one_may_ask_about_is_listed(town: Town) -> None:
    assert listed(town, "subject", WHO, AUDITOR) == listed(town, "subject", WHO, ADMIN) == MAY
    assert listed(town, "subject", WHO, COLLECTOR) == [COLLECTOR], "about himself everybody may ask"
    assert listed(town, "subject", WHO, worlds.CLERK) == [], "about others not"
    assert listed(town, "resource", WHAT, COLLECTOR) == listed(town, "resource", WHAT, ADMIN) == ["h-monitored"]
    assert listed(town, "action", HOW, COLLECTOR) == ["collect", "update", "verify"]
    for sought, body in (("resource", WHAT), ("action", HOW)):
        before = town.size()
        answer = town.post(SEARCH + sought, worlds.CLERK, body)
        assert (answer.status_code, answer.json()["code"], answer.json()["entry"]) == (403, "no_role", before)


@pytest.mark.parametrize(
    ("sought", "body"),
    [
        ("subject", WHO | {"subject": {"type": "robot"}}), ("subject", WHO | {"action": {"name": "fly"}}),
        ("subject", WHO | {"resource": {"type": "spaceship", "id": "h-monitored"}}),
        ("subject", WHO | {"resource": {"type": "monitored.income", "id": "h-none"}}),
        ("resource", WHAT | {"subject": person("p-999999")}), ("resource", WHAT | {"subject": {"type": "robot", "id": COLLECTOR}}),
        ("resource", WHAT | {"resource": {"type": "spaceship"}}), ("action", HOW | {"subject": person("p-999999")}),
        ("resource", WHAT | {"resource": {"type": "monitored.income", "properties": {"division": "649999"}}}),
        ("action", HOW | {"resource": {"type": "spaceship", "id": "h-monitored"}}),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_an_empty_list(town: Town, sought: str, body: Any) -> None:
    assert listed(town, sought, body) == []


def test_a_context_or_an_id_that_is_not_asked_changes_nothing(town: Town) -> None:
    for sought, body in (("subject", WHO), ("resource", WHAT), ("action", HOW)):
        plain = listed(town, sought, body)
        assert plain
        assert listed(town, sought, body | {"context": {"weather": "dust"}, "options": {"explain": True}}) == plain
    assert listed(town, "subject", WHO | {"subject": {"type": "person", "id": worlds.CLERK}}) == MAY
    assert listed(town, "resource", WHAT | {"resource": WHAT["resource"] | {"id": "h-far"}}) == ["h-monitored"]


def test_a_search_about_the_past(town: Town) -> None:
    assert listed(town, "subject", WHO | {"context": {"as_known_at": 5}}) == []
    later = (NOW + timedelta(days=120)).isoformat()
    assert listed(town, "subject", WHO | {"context": {"time": later}}) == [ADMIN, worlds.ADMIN_B]


@pytest.mark.parametrize(
    ("sought", "body"),
    [
        ("subject", {**WHO, "resource": {"type": "monitored.income"}}), ("subject", {**WHO, "subject": {}}),
        ("subject", {"subject": {"type": "person"}, "resource": INCOME}), ("resource", {**WHAT, "subject": {"type": "person"}}),
        ("resource", {**WHAT, "resource": {"id": "h"}}), ("action", {"subject": person(COLLECTOR)}), ("action", []),
        ("subject", WHO | {"page": 3}), ("subject", WHO | {"page": {"limit": 0}}), ("subject", WHO | {"page": {"limit": "9"}}),
        ("subject", WHO | {"page": {"token": "x"}}), ("subject", WHO | {"page": {"token": "e30"}}),
        ("subject", WHO | {"context": {"time": "think"}}), ("subject", WHO | {"context": {"as_known_at": 10**9}}),
    ],
)  # fmt: skip
def test_a_search_of_a_wrong_shape_is_400_and_leaves_no_entry(town: Town, sought: str, body: Any) -> None:
    before = town.size()
    answer = town.post(SEARCH + sought, AUDITOR, body, x_request_id="s-1")
    assert (answer.status_code, answer.headers["x-request-id"], town.size()) == (400, "s-1", before), answer.text


def test_pages_are_of_one_list_even_while_the_world_moves(town: Town) -> None:
    rows = tuple((f"h-{number:02}", VILLAGE, "monitored") for number in range(7))
    town.deployment.ledger.record(acts.Say(facts=(HouseholdsLoaded(division=COUNTY, households=rows),)))
    whole = listed(town, "resource", WHAT)
    assert len(whole) == 8
    first = town.post(SEARCH + "resource", AUDITOR, WHAT | {"page": {"limit": 3, "unheard": 1}}).json()
    token = first["page"]["next_token"]
    more = (("h-05a", VILLAGE, "monitored"),)
    town.deployment.ledger.record(acts.Say(facts=(HouseholdsLoaded(division=COUNTY, households=more),)))
    second = town.post(SEARCH + "resource", AUDITOR, WHAT | {"page": {"limit": 100, "token": token}}).json()
    assert [each["id"] for each in (*first["results"], *second["results"])] == whole
    assert second["page"] == {"next_token": ""}
    other = WHAT | {"action": {"name": "verify"}, "page": {"token": token}}
    assert town.post(SEARCH + "resource", AUDITOR, other).status_code == 400
    assert len(listed(town, "resource", WHAT)) == 9


def test_a_token_is_taken_back_only_as_it_was_given_out(town: Town) -> None:
    """Sealed: what somebody wrote himself would be read as a candidate, an instant, a log position."""
    first = town.post(SEARCH + "subject", AUDITOR, WHO | {"page": {"limit": 1}}).json()
    token = first["page"]["next_token"]
    assert first["results"] == [person(ADMIN)]
    plain, _, seal = token.partition(".")
    known, at, after = json.loads(base64.urlsafe_b64decode(plain + "=="))
    forged = [
        [known, at, "a\x00b"],
        [known, at, "\ud800"],
        [10**12, at, after],
        [known, "0001-01-01T00:00:00.000000Z", after],
        [],
    ]
    made = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in forged]
    for wrong in (plain, f"{plain}.", f"{plain}.{'0' * 64}", f"{plain}.ä", *made, *(f"{each}.{seal}" for each in made)):
        answer = town.post(SEARCH + "subject", AUDITOR, WHO | {"page": {"token": wrong}})
        assert (answer.status_code, answer.json()["code"]) == (400, "misshapen"), wrong
    assert town.post(SEARCH + "action", AUDITOR, HOW | {"page": {"token": token}}).status_code == 400
    assert listed(town, "subject", WHO, limit=1) == MAY


def test_a_page_of_more_than_there_may_be_holds_as_much_as_may_be(town: Town) -> None:
    for limit in (1_001, 2**40):
        told = town.post(SEARCH + "subject", AUDITOR, WHO | {"page": {"limit": limit}}).json()
        assert [each["id"] for each in told["results"]] == MAY
    for begin in range(0, 1_200, 400):
        rows = tuple((f"h-{number}", VILLAGE, "monitored") for number in range(begin, begin + 400))
        town.deployment.ledger.record(acts.Say(facts=(HouseholdsLoaded(division=COUNTY, households=rows),)))
    told = town.post(SEARCH + "resource", AUDITOR, WHAT | {"page": {"limit": 5_000}}).json()
    assert (len(told["results"]), told["page"]["next_token"] != "") == (1_000, True)


def test_each_page_is_one_entry_recorded_before_it_is_shown(town: Town) -> None:
    before = town.size()
    assert listed(town, "subject", WHO) == MAY
    with town.deployment.database.engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT bytes FROM entry WHERE number >= {before}").scalars().all()
    (entry,) = [json.loads(bytes(each)) for each in found]
    assert (entry["fact"]["kind"], entry["fact"]["known"], entry["person"]) == ("AccessSearched", before, AUDITOR)
    assert (entry["fact"]["sought"], entry["fact"]["household"], entry["fact"]["cell"]) == (
        "subject",
        "h-monitored",
        "monitored.income",
    )


# --- the comparison itself notices a search that is wrong -----------------------------------------------------------
def test_candidates_that_miss_somebody_are_noticed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake itself: a search that looks only at grants of exactly the place."""
    real = candidates.holders
    monkeypatch.setattr(
        candidates, "holders", lambda c, cell, op, path, *more: real(c, cell, op, list(path)[:1], *more)
    )
    found = listed(town, "subject", WHO)
    assert found != yes(
        town, {"action": UPDATE, "resource": INCOME}, {each: {"subject": person(each)} for each in PEOPLE}
    )


def test_a_list_without_asking_the_law_is_noticed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake itself: candidates told as results. Another year is asked, so nobody may."""
    monkeypatch.setattr("authz.seeking.listed", lambda asker, scene, question, found, sought, at: list(found))
    resource = INCOME | {"properties": {"division": VILLAGE, "data_year": YEAR - 1}}
    body = {"action": UPDATE, "resource": resource}
    found = listed(town, "subject", WHO | {"resource": resource})
    assert found != yes(town, body, {each: {"subject": person(each)} for each in PEOPLE})
