"""A question is answered as the edit that says the same would be, hands on the record and all: on random lives, in both
directions, now and at every past position; and a search is the list of these answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import acts
import pytest
from conftest import World
from questions import MANY, ONE, SEARCH, YEAR, decision, facts, listed, person, yes
from statements import counted
from test_strengths import RISK, TWIN_ADMIN, TWIN_COLLECTOR, second
from worlds import ADMIN, ADMIN_B, AUDITOR, COLLECTOR, COUNTY, GRID_WORKER, REVIEWER, VILLAGE, Town

from api import edits
from audit import head as heads
from authz import question as asked_of
from authz import register, traces
from authz.decision import Scene
from authz.fact import Fact
from authz.household import HouseholdsLoaded
from authz.post import PersonRegistered, PostAssigned
from authz.refusal import Refusal
from authz.register import Reads, union

NAMELESS, UNIT = "p-3010", f"u-{VILLAGE}-village"
MORE: tuple[Fact, ...] = (
    *second(TWIN_ADMIN, ADMIN, "u-640324100-township", "township_admin"),
    *second(TWIN_COLLECTOR, COLLECTOR, UNIT, "grid_worker"),
    PersonRegistered(person_id=NAMELESS, natural=NAMELESS, name="0" * 64, phone=None),
    PostAssigned(person_id=NAMELESS, post_unit=UNIT, division=VILLAGE, role="grid_worker", title="t",
                 valid_from="2026-01-01T00:00:00.000000Z", valid_until=None),
)  # fmt: skip
PEOPLE = (COLLECTOR, TWIN_COLLECTOR, GRID_WORKER, NAMELESS, REVIEWER, ADMIN, ADMIN_B, TWIN_ADMIN)
HOMES = ("h-monitored", "h-own", "h-new")
USUAL = ["collect", "update", "verify", "review", "query"]
MARKS = ["mark_eliminated", "remark_risk", "rollback_elimination"]
NAMED: tuple[dict[str, str], ...] = ({}, {"collected_by": COLLECTOR}, {"verified_by": GRID_WORKER}, {"provided_by": "p-9"},
         {"collected_by": GRID_WORKER, "verified_by": COLLECTOR})  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """A question, which is also an edit."""

    who: str
    operation: str
    home: str
    quarter: int | None = 4
    cell: str = "monitored.income"
    named: Mapping[str, str] | None = None

    def item(self) -> dict[str, Any]:
        told = {"division": VILLAGE, "data_year": YEAR, "quarter": self.quarter} | dict(self.named or {})
        resource = {"type": self.cell, "id": self.home, "properties": told}
        return {"subject": person(self.who), "action": {"name": self.operation}, "resource": resource}

    def act(self) -> edits.AskEdit:
        body = {
            "household": self.home, "division": VILLAGE, "cell": self.cell, "operation": self.operation,
            "data_year": YEAR, "quarter": self.quarter, "channel": "APP", "responsibility": dict(self.named or {}),
        }  # fmt: skip
        return edits.ask(body, acts.caller(self.who), None)


GRID = [
    *(Ask(*each) for each in product(PEOPLE, USUAL, HOMES, (3, 4, None))),
    *(Ask(*each, RISK) for each in product((ADMIN, ADMIN_B, TWIN_ADMIN), MARKS, HOMES[:1], (4, 1))),
    *(Ask(*each, "monitored.income", named) for each in product(PEOPLE[:3], USUAL[:3], HOMES[:1], (4,)) for named in NAMED),
]  # fmt: skip


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database, more=MORE) as made:
        (income,) = made.granted(made.line(operations=USUAL))
        made.granted(made.line(cells=[RISK], operations=MARKS[:2]))
        made.granted(made.line(cells=[RISK], operations=[*MARKS[2:], "review", "verify"]))
        for role in ("village_collector", "grid_worker"):
            made.delegated(income, operations=USUAL, role=role)
        # What the administrator hands on to himself is left out of his account.
        made.delegated(income, operations=USUAL, role="township_admin", holder="u-640324100-township", division=VILLAGE)
        made.delegated(income, operations=["verify"], role="township_reviewer", holder="u-640324100-township")
        tie = made.post("/v1/ties", GRID_WORKER, {"household": "h-own", "kind": "kin"})
        assert tie.status_code == 201, tie.text
        yield made


def live(town: Town, dice: random.Random, steps: int) -> None:
    """So many edits, whoever tries them, with an approval now and then."""
    for _ in range(steps):
        each = dice.choice(GRID)
        body = town.edit(
            household=each.home, cell=each.cell, operation=each.operation, quarter=each.quarter, changes=[],
            responsibility=dict(each.named or {}),
        )  # fmt: skip
        assert town.post("/v1/edits", each.who, body).status_code in (201, 403, 422)


def answered(town: Town, context: dict[str, Any]) -> list[str]:
    """What the service says: `permit`, or the code of the refusal."""
    body = {"evaluations": [each.item() for each in GRID], "context": context, "options": {"explain": True}}
    told = town.post(MANY, AUDITOR, body)
    assert told.status_code == 200, told.text
    return ["permit" if each["decision"] else each["context"]["code"] for each in told.json()["evaluations"]]


def filed(town: Town, at: datetime | None = None, known: int | None = None) -> list[set[str]]:
    """What the very act of the edit is told in each post of the person, without anything being recorded."""
    made = [(each, each.act()) for each in GRID]
    with heads.reading(town.deployment.database.engine) as connection:
        head = heads.read(connection)
        reads = union(act.reads for _, act in made) | Reads(persons=frozenset(PEOPLE))
        rows = register.fetch(connection, reads, at or head.clock, known)
        law = town.deployment.laws.on_record(connection, known)
    plain = Scene(rows, at or head.clock, head.size if known is None else known, law)
    return [{told(each, act, plain, post.number) for post in rows.posts[each.who]} for each, act in made]


def told(each: Ask, act: edits.AskEdit, plain: Scene, post: int) -> str:
    scene = replace(plain)
    scene.enter(each.who, 2**40, post)
    try:
        act.judge(scene)
    except Refusal as refused:
        return refused.code
    return "permit"


def differing(town: Town, at: datetime | None = None, known: int | None = None) -> list[Any]:
    """Questions that are answered otherwise than the edit would be, with both answers."""
    context = {} if at is None else {"time": at.isoformat()}
    pairs = zip(GRID, answered(town, context), filed(town, at, known), strict=True)
    return [each for each in pairs if each[1] not in each[2] or ("permit" in each[2]) is not (each[1] == "permit")]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_question_is_answered_as_the_edit_would_be(town: Town, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)  # noqa: S311 a life is drawn again from its seed
    seen: set[str] = set()
    moments: list[tuple[datetime, int]] = []
    for _ in range(3):
        live(town, dice, 14)
        with heads.reading(town.deployment.database.engine) as connection:
            head = heads.read(connection)
        moments.append((head.clock, head.size))
        assert differing(town) == []
        seen |= set(answered(town, {}))
    assert {"permit", "duty_conflict", "not_responsible", "no_grant"} <= seen
    assert len({str(answered(town, {"time": at.isoformat()})) for at, _ in moments}) > 1
    for at, known in moments:
        assert differing(town, at, known) == [], "the past is answered from what was on record then"
    real = asked_of.Question.reads
    blind = lambda asked: replace(real(asked), collected=frozenset(), checked=frozenset())  # noqa: E731
    monkeypatch.setattr(asked_of.Question, "reads", blind)
    assert differing(town) != [], "without the history of the household the answers would be lies"


def test_an_approval_is_asked_for_and_heeded(town: Town) -> None:
    mark, back = (Ask(ADMIN, each, "h-monitored", 4, RISK) for each in (MARKS[0], MARKS[2]))
    assert town.post("/v1/edits", ADMIN, town.edit(cell=RISK, operation=mark.operation, changes=[])).status_code == 201
    told = town.post(ONE, ADMIN, back.item() | {"options": {"explain": True}}).json()
    assert (told["decision"], told["context"]["code"]) == (False, "approval_needed")
    assert told["context"]["duty"] == "mark_rollback"
    assert told["context"]["who_can_approve"]
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    given = {"person": ADMIN, "household": "h-monitored", "cell": RISK, "operation": back.operation, "data_year": YEAR,
             "quarter": 4, "until": until, "reason": "入户复核"}  # fmt: skip
    assert town.post("/v1/approvals", ADMIN_B, given).status_code == 201
    assert decision(town.post(ONE, ADMIN, back.item()))
    assert decision(town.post(ONE, ADMIN, back.item())), "a question uses no approval up"
    assert not decision(town.post(ONE, ADMIN, replace(back, quarter=3).item()))
    assert town.post("/v1/edits", ADMIN, town.edit(cell=RISK, operation=back.operation, changes=[])).status_code == 201
    assert not decision(town.post(ONE, ADMIN, back.item()))


def test_the_past_has_the_hands_of_its_time(town: Town) -> None:
    """Before the collecting entry the answer is yes, after it no; whoever asks later is told the same."""
    verify = Ask(COLLECTOR, "verify", "h-monitored").item()
    before = {"time": datetime.now(UTC).isoformat()}
    done = town.post("/v1/edits", COLLECTOR, town.edit(operation="collect", changes=[]))
    entry = done.json()["entry"]
    after = {"time": (datetime.now(UTC) + timedelta(milliseconds=1)).isoformat()}
    for context, expected in (
        (before, True), (after, False), ({}, False), ({"as_known_at": entry}, True), ({"as_known_at": entry + 1}, False),
    ):  # fmt: skip
        assert decision(town.post(ONE, COLLECTOR, verify | {"context": context})) is expected, context


def test_a_quarter_that_is_not_said_is_every_quarter_and_the_answer_says_so(town: Town) -> None:
    assert town.post("/v1/edits", COLLECTOR, town.edit(operation="collect", changes=[], quarter=2)).status_code == 201
    for quarter, expected in ((2, False), (4, True), (None, False)):
        asked = Ask(COLLECTOR, "verify", "h-monitored", quarter).item() | {"options": {"explain": True}}
        told = town.post(ONE, COLLECTOR, asked).json()
        assert told["decision"] is expected, quarter
        assert told["context"].get("assumed") == ({"quarter": "any"} if quarter is None else None)
    assert told["context"]["duty"] == "collector_verifier"
    assert "其他同志" in told["context"]["reason_user"]
    assert "依据不足" not in told["context"]["reason_user"]


@pytest.mark.parametrize(
    "wrong",
    [{"quarter": 0}, {"quarter": 5}, {"quarter": "4"}, {"quarter": True}, {"collected_by": "马秀兰"}, {"verified_by": 7},
     {"occurred_at": "yesterday"}, {"fields": "wage_income"}, {"fields": [1]}],
)  # fmt: skip
def test_what_is_said_of_an_edit_has_its_form(town: Town, wrong: dict[str, Any]) -> None:
    asked = Ask(COLLECTOR, "update", "h-monitored").item()
    asked["resource"]["properties"] |= wrong
    before = town.size()
    answer = town.post(ONE, COLLECTOR, asked)
    assert (answer.status_code, town.size()) == (400, before)
    assert "马秀兰" not in answer.text


def test_what_is_said_of_an_edit_is_on_record_as_far_as_anybody_knows_it(town: Town) -> None:
    asked = Ask(COLLECTOR, "update", "h-monitored", 2, named={"collected_by": GRID_WORKER, "provided_by": "p-999999"})
    item = asked.item()
    item["resource"]["properties"] |= {"fields": ["wage_income", "no_such_field"]}
    before = town.size()
    assert not decision(town.post(ONE, COLLECTOR, item)), "no such field, no such person"
    (fact,) = facts(town, before)
    assert (fact["kind"], fact["quarter"], fact["fields_named"]) == ("DeedAsked", 2, ["wage_income"])
    assert (fact["collected_by"], fact["provided_by"]) == (GRID_WORKER, None)


def test_a_department_asks_about_its_fields(town: Town) -> None:
    """What a department may not write it may not have on its behalf either, and the question says so beforehand."""
    (wide,) = town.granted(town.line(cells=["monitored.base"], operations=["update"]))
    town.delegated(wide, cells=["monitored.base"], operations=["update"], holder="u-640324-civil_affairs",
                   role="department_officer", division="640324100")  # fmt: skip
    words = town.deployment.law.policy.catalogue
    known = words.cells["monitored.base"].fields
    own = [each for each in known if words.remits.has("civil_affairs", "base", each)]
    foreign = [each for each in known if each not in own]
    assert own
    assert foreign
    for fields, expected in (([], True), (own[:1], True), (foreign[:1], False), ([own[0], foreign[0]], False)):
        asked = Ask("p-1101", "update", "h-monitored", None, "monitored.base").item()
        asked["resource"]["properties"] |= {"fields": fields}
        told = town.post(ONE, "p-1101", asked | {"options": {"explain": True}}).json()
        assert told["decision"] is expected, fields
        changes = [{"field": each, "before": None, "after": None} for each in fields]
        body = town.edit(cell="monitored.base", quarter=None, changes=changes)
        assert (town.post("/v1/edits", "p-1101", body).status_code == 201) is expected, fields
        assert (told["context"]["assumed"].get("fields") == "own") is (not fields)


@pytest.mark.parametrize("seed", [3])
def test_a_search_is_the_list_of_these_answers(town: Town, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    live(town, random.Random(seed), 30)  # noqa: S311 a life is drawn again from its seed

    def wrong(quarter: int | None) -> list[Any]:
        found: list[Any] = []
        for who, operation, home in product((COLLECTOR, GRID_WORKER, ADMIN), ("verify", "update"), HOMES[:2]):
            whole = Ask(who, operation, home, quarter).item()
            resource = whole["resource"]
            people = {each: {"subject": person(each)} for each in PEOPLE}
            homes = {each: {"resource": resource | {"id": each}} for each in HOMES[:2]}
            deeds = {each: {"action": {"name": each}} for each in USUAL}
            seek = {name: whole[name] for name in ("subject", "action")}
            for sought, items in (("subject", people), ("resource", homes), ("action", deeds)):
                got = [each for each in listed(town, sought, whole, limit=3) if each in items]
                if got != yes(town, whole, items):
                    found.append((sought, seek, quarter, got))
        return found

    assert [wrong(quarter) for quarter in (4, None)] == [[], []]
    honest = traces.follow
    monkeypatch.setattr(
        traces, "follow", lambda ask, reads, rows, known: None if known is not None else honest(ask, reads, rows, known)
    )
    assert wrong(4) != [], "a search that looks at no history would be noticed"


def test_what_is_read_does_not_grow_with_the_questions(town: Town) -> None:
    """Hands and approvals are asked once for all households of a request, and once for a chunk of a search."""

    def reading(verb: str, path: str, body: Any) -> list[str]:
        with counted() as asked:
            assert town.ask(verb, path, AUDITOR, body).status_code == 200
        return sorted(first for each in asked if (first := each.partition(" ")[0]) in ("SELECT", "WITH"))

    one = Ask(COLLECTOR, "verify", "h-monitored").item()
    many = {"evaluations": [Ask(COLLECTOR, "verify", f"h-{number}").item() for number in range(60)]}
    assert reading("POST", MANY, many) == reading("POST", MANY, {"evaluations": [one]}) == reading("POST", ONE, one)
    sought = reading("POST", SEARCH + "resource", one)
    more = tuple((f"h-more-{number}", VILLAGE, "monitored") for number in range(60))
    town.deployment.ledger.record(acts.Say(facts=(HouseholdsLoaded(division=COUNTY, households=more),)))
    assert reading("POST", SEARCH + "resource", one) == sought
