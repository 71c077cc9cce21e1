"""Questions about the past over HTTP: what was answered in a life is answered again, and late paper makes nothing legal."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import editions
import pytest
from conftest import World
from questions import MANY, ONE, YEAR, decision, facts, person, question
from statements import counted
from test_amendments import DENY, adopted, less, proposed, texts
from test_approvals_route import ADMIN_B, RISK, given
from test_editions_route import EDGE, NEW, REASON, RECODED, confirm
from test_features_shown import employed
from test_handover_route import HEIR, hand, moved
from test_identities_route import NAMELESS, NUMBER, TWIN, UNIT, identify, registered
from worlds import (
    ADMIN,
    APPROVER,
    AUDITOR,
    COLLECTOR,
    COUNTY,
    FAR_ADMIN,
    FAR_VILLAGE,
    GRID_WORKER,
    LEAD,
    SIGNATORY,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

PEOPLE = (COLLECTOR, HEIR, GRID_WORKER, NAMELESS, ADMIN)
SPOKEN = ("reason_user", "reason_admin", "readings")
"""What is said in words, and what only an answer about the past has."""


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    """The collectors of one village hold income of both populations."""
    with Town(database) as built:
        built.grant = built.granted()[0]  # type: ignore[attr-defined]
        built.below = built.delegated(built.grant)  # type: ignore[attr-defined]
        yield built


# --- a whole life -----------------------------------------------------------------------------------------------------
def items() -> Iterator[dict[str, Any]]:
    said = {"data_year": YEAR, "quarter": 4}
    for who in PEOPLE:
        for token in ("h-monitored", "h-far"):
            for operation in ("collect", "update", "verify"):
                resource = {"type": "monitored.income", "id": token, "properties": said}
                yield {"subject": person(who), "action": {"name": operation}, "resource": resource}
    risk = {"type": RISK, "id": "h-monitored", "properties": said}
    yield {"subject": person(ADMIN), "action": {"name": "rollback_elimination"}, "resource": risk}
    yield {"subject": person(ADMIN), "action": {"name": "delegate"}, "resource": {"type": "grant", "id": VILLAGE}}


def told(town: Town, **more: Any) -> list[Any]:
    """Every answer with its reasons, but for those in words."""
    answer = town.post(MANY, AUDITOR, {"evaluations": list(items()), "options": {"explain": True}} | more)
    assert answer.status_code == 200, answer.text
    found = answer.json()["evaluations"]
    return [each | {"context": {k: v for k, v in each["context"].items() if k not in SPOKEN}} for each in found]


class Memory:
    """What was answered at one moment of a life."""

    def __init__(self, town: Town) -> None:
        self.town, self.size = town, town.size()
        self.answers = told(town)
        with town.deployment.database.engine.connect() as connection:
            found = connection.exec_driver_sql(f"SELECT bytes FROM entry WHERE number = {self.size}").scalar_one()
        self.at = json.loads(bytes(found))["at"]

    def again(self) -> list[Any]:
        return told(self.town, context={"time": self.at, "as_known_at": self.size})


def life(town: Town) -> Iterator[Any]:
    """Paper, edits, an approval used, a suspension, a handover, an identity, rules, a move and an edition."""
    town.granted(town.line(cells=[RISK], operations=["mark_eliminated"]))
    (risk,) = town.granted(town.line(cells=[RISK], operations=["rollback_elimination", "review", "verify"]))
    yield risk
    (root,) = town.granted(town.line(division=COUNTY, max_records=3))
    below = town.delegated(root)
    yield town.delegated(root, role="grid_worker")
    yield town.post("/v1/edits", COLLECTOR, town.edit(operation="collect")).status_code == 201
    yield (
        town.post("/v1/edits", ADMIN, town.edit(cell=RISK, operation="mark_eliminated", changes=[])).status_code == 201
    )
    yield given(town, ADMIN_B)
    yield (
        town.post("/v1/edits", ADMIN, town.edit(cell=RISK, operation="rollback_elimination", changes=[])).status_code
        == 201
    )
    yield town.change(f"/v1/grants/{root}/suspension", APPROVER, {"reason": "整改"}).is_success
    yield town.change(f"/v1/grants/{root}/resumption", APPROVER, {"reason": "整改完成"}).is_success
    registered(town, NAMELESS, UNIT, "grid_worker")
    yield town.post("/v1/edits", NAMELESS, town.edit(operation="update")).status_code == 201
    registered(town, TWIN, LEAD, "county_admin", identity_number=NUMBER)
    yield identify(town).status_code == 200
    personal = town.delegated(root, holder=COLLECTOR)
    transfer = moved(town)["id"]
    yield transfer
    handed = hand(town, transfer, personal)
    assert handed.is_success, handed.text
    yield True
    yield town.change(f"/v1/grants/{below}/narrowing", ADMIN, {"reason": "x", "operations": ["verify"]}).is_success
    yield adopted(
        town, proposed(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY).json()["policy"], SIGNATORY
    ).is_success
    yield adopted(town, proposed(town, texts(roles_csv=less)).json()["policy"]).is_success
    yield town.change(
        "/v1/households/h-monitored/move", TOWN_ADMIN, {"division": FAR_VILLAGE, "reason": "搬迁"}
    ).is_success
    yield town.change("/v1/households/h-monitored/acceptance", FAR_ADMIN).is_success
    yield editions.in_force(town, editions.body(RECODED, EDGE))
    yield confirm(town, root, APPROVER).is_success
    yield town.post(f"/v1/units/u-{VILLAGE}-village/confirmation", SYSTEM_ADMIN, REASON).is_success
    yield town.change(f"/v1/grants/{root}/revocation", APPROVER, {"reason": "期满"}).is_success


def test_what_was_answered_in_a_life_is_answered_again(database: World) -> None:
    """To the last grant and code, at random moments while the life goes on, and of all of it at its end."""
    dice = random.Random(7)  # noqa: S311 a seed, so that a failure can be repeated
    assert NEW != VILLAGE
    with Town(database, more=employed(HEIR, UNIT, "village_collector")) as town:
        kept = [Memory(town)]
        for step, done in enumerate(life(town)):
            assert done, step
            kept.append(Memory(town))
            earlier = dice.choice(kept)
            assert earlier.again() == earlier.answers, (step, earlier.size)
        assert len({json.dumps(each.answers) for each in kept}) > 12, "a life in which nothing changes shows nothing"
        assert [each.size for each in kept if each.again() != each.answers] == []


# --- the record of such an answer -------------------------------------------------------------------------------------
def test_the_record_names_the_grounds_so_that_it_can_be_asked_again(town: Town) -> None:
    """Not the length of the log at the time of asking: what was on record at the instant that was asked about."""
    then = {"time": datetime.now(UTC).isoformat()}
    known, digest = town.size(), town.deployment.law.policy.digest
    below = town.below  # type: ignore[attr-defined]
    assert town.change(f"/v1/grants/{below}/narrowing", ADMIN, {"reason": "x", "operations": ["verify"]}).is_success
    assert adopted(town, proposed(town, texts(roles_csv=less)).json()["policy"]).is_success
    before = town.size()
    assert decision(town.post(ONE, COLLECTOR, question(context=then)))
    (fact,) = facts(town, before)
    assert (fact["known"], fact["policy"], fact["answer"]) == (known, digest, "permit")
    again = {"time": fact["at"], "as_known_at": fact["known"]}
    assert decision(town.post(ONE, COLLECTOR, question(context=again)))
    before = town.size()
    town.post(ONE, COLLECTOR, question(context={"as_known_at": known}))
    assert facts(town, before)[0]["at"] is not None, "a position alone is judged at an instant too"


def test_what_happened_at_the_instant_itself_is_no_part_of_what_it_was_judged_on(town: Town) -> None:
    """As for edits made elsewhere: the collection is on record at its instant, and was not when it was judged."""
    verify = question(action="verify", properties={"quarter": 4})
    assert decision(town.post(ONE, COLLECTOR, verify))
    number = town.post("/v1/edits", COLLECTOR, town.edit(operation="collect")).json()["entry"]
    at = town.get(f"/v1/entries/{number}", AUDITOR).json()["at"]
    assert decision(town.post(ONE, COLLECTOR, verify | {"context": {"time": at}}))
    after = (datetime.fromisoformat(at) + timedelta(microseconds=1)).isoformat()
    assert not decision(town.post(ONE, COLLECTOR, verify | {"context": {"time": after}}))


# --- both readings ------------------------------------------------------------------------------------------------------
def test_late_paper_is_shown_beside_the_answer_and_makes_nothing_legal(town: Town) -> None:
    grant = town.grant  # type: ignore[attr-defined]
    then = (datetime.now(UTC) - timedelta(hours=12)).isoformat()
    for who in (ADMIN, COLLECTOR):
        asked = question(who, context={"time": then}, options={"explain": True})
        said = town.post(ONE, AUDITOR, asked).json()
        assert not said["decision"]
        both = said["context"]["readings"]
        assert (both["known_then"]["log_position"], both["known_now"]["log_position"] > grant) == (0, True)
        assert (both["known_then"]["decision"], both["known_now"]["decision"]) == (False, False)
        late = both["known_now"]["documented_later"]
        assert late["grant"] == grant
        assert late["document"]
        assert (
            datetime.fromisoformat(late["from"])
            < datetime.fromisoformat(then)
            < datetime.fromisoformat(late["known_from"])
        )
        assert f"编号 {grant}" in said["context"]["reason_user"]
    asked = question(context={"time": then, "as_known_at": town.size()}, options={"explain": True})
    assert not town.post(ONE, COLLECTOR, asked).json()["decision"], "nor does naming the position of today"
    assert set(town.post(ONE, COLLECTOR, question(context={"time": then})).json()) == {"decision"}


def test_a_past_answer_is_explained_from_what_was_on_record_then(town: Town) -> None:
    """Both voices, about that instant: the chain of then, not that of now."""
    then, below = datetime.now(UTC).isoformat(), town.below  # type: ignore[attr-defined]
    assert town.change(f"/v1/grants/{below}/revocation", ADMIN, {"reason": "x"}).is_success
    asked = question(context={"time": then}, options={"explain": True})
    mine, theirs = (town.post(ONE, who, asked).json()["context"] for who in (COLLECTOR, AUDITOR))
    assert mine["reason_user"].startswith("您当时可以办理")
    assert "reason_admin" not in mine
    assert [each["grant"] for each in theirs["reason_admin"]["chain"]] == [town.grant, below]  # type: ignore[attr-defined]
    assert "documented_later" not in theirs["readings"]["known_now"]
    refused = town.post(ONE, COLLECTOR, asked | {"action": {"name": "delete"}}).json()["context"]["reason_user"]
    assert "您当时可以办理" in refused
    assert "现在" not in refused


# --- batches ------------------------------------------------------------------------------------------------------------
def test_a_position_that_is_not_reached_spoils_no_other_question(town: Town) -> None:
    far = {"context": {"as_known_at": 10**9}}
    for asked, expected in (([{}, far, {}], [True, False, True]), ([far], [False])):
        answer = town.post(MANY, COLLECTOR, question(evaluations=asked))
        assert [each["decision"] for each in answer.json()["evaluations"]] == expected
    first = question(evaluations=[far, {}], options={"evaluations_semantic": "deny_on_first_deny"})
    assert len(town.post(MANY, COLLECTOR, first).json()["evaluations"]) == 1
    assert town.post(ONE, COLLECTOR, question(**far)).status_code == 400
    assert town.post(MANY, COLLECTOR, question(**far)).status_code == 400


def test_many_instants_cost_as_many_statements_as_one(town: Town) -> None:
    def asked(count: int) -> int:
        old = datetime(2026, 1, 2, tzinfo=UTC)
        times = [{"context": {"time": (old + timedelta(minutes=each)).isoformat()}} for each in range(count)]
        with counted() as statements:
            assert town.post(MANY, COLLECTOR, question(evaluations=times)).status_code == 200
        return len(statements)

    asked(1)
    assert asked(300) <= asked(2) + 2, "of which the nodes of the tree"
