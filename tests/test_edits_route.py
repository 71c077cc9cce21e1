"""Edits over HTTP: each outcome with its code, its record, and nothing changed by a refusal."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import worlds
from conftest import World
from worlds import COLLECTOR, FAR_COLLECTOR, FAR_VILLAGE, GRID_WORKER, OTHER_COLLECTOR, VILLAGE, YUHAI, Town

YEAR = datetime.now(UTC).year


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    """The county holds income over Yuhai township; the collectors of one village hold it below."""
    with Town(database) as built:
        built.grant = built.granted()[0]  # type: ignore[attr-defined]
        built.below = built.delegated(built.grant)  # type: ignore[attr-defined]
        yield built


def edit(town: Town, person: str = COLLECTOR, **more: Any) -> Any:
    return town.post("/v1/edits", person, town.edit(**more))


def test_a_permit_names_its_chain_up_to_the_document(town: Town) -> None:
    answer = edit(town)
    told = answer.json()
    assert answer.status_code == 201
    assert told["decision"] == "permit"
    assert told["chain"] == [town.grant, town.below]  # type: ignore[attr-defined]
    assert told["document"].startswith("宁乡振发〔")
    assert told["rule"].startswith("roles.csv:")
    assert answer.headers["log-position"] == str(town.size())
    entry = town.get(f"/v1/entries/{told['entry']}", worlds.AUDITOR).json()
    assert entry["decision"] == "permit"


REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("another township (scenario 1)", COLLECTOR, {"division": "640324102200", "household": "h-new"}, 403, "outside_division"),
    ("its own township (row 56)", COLLECTOR, {"division": YUHAI, "household": "h-new"}, 403, "outside_division"),
    ("a neighbouring village", COLLECTOR, {"division": worlds.OTHER_VILLAGE, "household": "h-new"}, 403, "outside_division"),
    ("another cell", COLLECTOR, {"cell": "monitored.base", "changes": []}, 403, "outside_cell"),
    ("an operation not granted (scenario 6)", COLLECTOR, {"operation": "delete"}, 403, "outside_operation"),
    ("roll-back without it in the grant", COLLECTOR,
     {"cell": "monitored.risk_elimination", "operation": "rollback_elimination", "changes": []}, 403, "outside_cell"),
    ("another year", COLLECTOR, {"data_year": YEAR - 1}, 403, "wrong_year"),
    ("nobody's grant", OTHER_COLLECTOR, {"division": worlds.OTHER_VILLAGE, "household": "h-x"}, 403, "no_grant"),
    ("another role of the same unit", GRID_WORKER, {}, 403, "no_grant"),
    ("a household that lives elsewhere", COLLECTOR, {"household": "h-far"}, 403, "wrong_household"),
    ("a household of the other population", COLLECTOR, {"household": "h-lifted"}, 403, "wrong_household"),
    ("risk elimination of the lifted out", COLLECTOR,
     {"cell": "lifted_out.risk_elimination", "operation": "update", "changes": []}, 422, "no_such_cell"),
    ("a collector without a grant", COLLECTOR, {"responsibility": {"collected_by": FAR_COLLECTOR}}, 422, "not_responsible"),
    ("a verifier nobody knows", COLLECTOR, {"responsibility": {"verified_by": "p-999"}}, 422, "not_responsible"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("person", "more", "status", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_refusal_is_recorded_and_changes_nothing(
    town: Town, person: str, more: dict[str, Any], status: int, code: str
) -> None:
    before = town.get("/v1/households/h-monitored", worlds.ADMIN).json()
    answer = edit(town, person, **more)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    entry = town.get(f"/v1/entries/{told['entry']}", worlds.AUDITOR).json()
    assert (entry["decision"], entry["person"]["id"]) == ("deny", person)
    assert town.get("/v1/households/h-monitored", worlds.ADMIN).json() == before
    if status == 403:
        assert told["missing"]
    assert edit(town).status_code == 201


SHAPES: list[tuple[str, dict[str, Any], str]] = [
    ("full-width digits", {"division": "６４０３２４１００２０１"}, "bad_division_code"),
    ("five digits (G3)", {"division": "64030"}, "bad_division_code"),
    ("padded", {"division": "640324000000"}, "bad_division_code"),
    ("unknown code", {"division": "640324100999"}, "bad_division_code"),
    ("abolished code", {"division": "640181401"}, "bad_division_code"),
    ("a star", {"division": "*"}, "bad_division_code"),
    ("a final newline", {"division": "640324100201\n"}, "bad_division_code"),
    ("an unknown cell", {"cell": "monitored.wealth"}, "misshapen"),
    ("an unknown field of the body", {"approved_by": "p-1"}, "misshapen"),
    ("an unknown field of the record", {"changes": [{"field": "lottery_income", "after": 1}]}, "misshapen"),
    ("the future", {"occurred_at": "2199-01-01T00:00:00+08:00"}, "misshapen"),
    ("24:00", {"occurred_at": "2026-11-01T24:00:00+08:00"}, "misshapen"),
    ("no offset", {"occurred_at": "2026-11-01T10:00:00"}, "misshapen"),
    ("a fifth quarter", {"quarter": 5}, "misshapen"),
    ("true for a year", {"data_year": True}, "misshapen"),
    ("a number as text", {"data_year": "2026"}, "misshapen"),
    ("a household with a blank", {"household": "h-9 "}, "misshapen"),
    ("money too large", {"changes": [{"field": "wage_income", "after": 10**14}]}, "misshapen"),
]


@pytest.mark.parametrize(("more", "code"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
def test_a_wrong_form_is_no_decision_and_leaves_no_entry(town: Town, more: dict[str, Any], code: str) -> None:
    size = town.size()
    answer = edit(town, **more)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert town.size() == size
    sent = str(next(iter(more.values())))
    assert len(sent) < 6 or sent not in answer.text


def test_a_batch_answers_each_item_on_its_own(town: Town) -> None:
    items = [town.edit(), town.edit(cell="monitored.base", changes=[]), town.edit(quarter=9), town.edit(), town.edit()]
    answer = town.post("/v1/edits/batch", COLLECTOR, items)
    told = answer.json()["results"]
    assert answer.status_code == 200
    assert [each["decision"] for each in told] == ["permit", "deny", "deny", "permit", "permit"]
    assert [each.get("code") for each in told] == [None, "outside_cell", "misshapen", None, None]
    assert len({each["entry"] for each in told if "entry" in each}) == 4


def test_a_batch_is_the_map_of_its_single_edits(town: Town) -> None:
    items = [
        town.edit(household=f"h-{n % 3}", **more)
        for n, (_, _, more, _, _) in enumerate(REFUSED)
        if "household" not in more
    ]
    singles = [edit(town, **dict(item.items())).json() for item in items]
    batch = town.post("/v1/edits/batch", COLLECTOR, items).json()["results"]
    assert [(each.get("decision", "permit"), each.get("code")) for each in singles] == [
        (each["decision"], each.get("code")) for each in batch
    ]


@pytest.mark.parametrize("body", [{}, [], "x", list(range(1001))], ids=["object", "empty", "text", "1001"])
def test_a_batch_is_a_list_of_at_most_a_thousand(town: Town, body: Any) -> None:
    assert town.post("/v1/edits/batch", COLLECTOR, body).status_code == 422


def test_an_unknown_household_is_bound_where_it_was_first_edited(town: Town) -> None:
    assert edit(town, household="h-first").status_code == 201
    far = town.delegated(
        town.granted(town.line(division="640324105"))[0], holder=f"u-{FAR_VILLAGE}-village", division=FAR_VILLAGE
    )
    answer = edit(town, FAR_COLLECTOR, household="h-first", division=FAR_VILLAGE)
    assert (answer.status_code, answer.json()["code"], answer.json().get("grant")) == (403, "wrong_household", None)
    assert edit(town, FAR_COLLECTOR, household="h-second", division=FAR_VILLAGE).json()["grant"] == far


def test_two_edits_of_one_batch_cannot_bind_a_household_twice(town: Town) -> None:
    twice = [town.edit(household="h-new"), town.edit(household="h-new", cell="lifted_out.income")]
    told = town.post("/v1/edits/batch", COLLECTOR, twice).json()["results"]
    assert [each["decision"] for each in told] == ["permit", "deny"]


def test_a_record_cap_counts_distinct_households(database: World) -> None:
    with Town(database) as town:
        below = town.delegated(town.granted(town.line(max_records=2))[0])
        items = [town.edit(household=f"h-{name}") for name in ("a", "b", "a", "c", "b")]
        told = town.post("/v1/edits/batch", COLLECTOR, items).json()["results"]
        assert [each.get("code") for each in told] == [None, None, None, "record_limit", None]
        assert edit(town, household="h-d").json()["code"] == "record_limit"
        assert edit(town, household="h-a").json()["grant"] == below


def test_revoking_above_ends_everything_below_and_keeps_the_past(town: Town) -> None:
    before = edit(town).json()["entry"]
    answer = town.change(f"/v1/grants/{town.grant}/revocation", worlds.APPROVER, {"reason": "整改"})  # type: ignore[attr-defined]
    assert answer.json()["cut"] == [town.below]  # type: ignore[attr-defined]
    assert edit(town).json()["code"] == "revoked"
    assert town.get(f"/v1/entries/{before}", worlds.AUDITOR).json()["decision"] == "permit"


def test_a_key_repeats_the_answer_and_refuses_another_body(town: Town) -> None:
    one = town.post("/v1/edits", COLLECTOR, town.edit(), idempotency_key="k-1")
    again = town.post("/v1/edits", COLLECTOR, town.edit(), idempotency_key="k-1")
    other = town.post("/v1/edits", COLLECTOR, town.edit(quarter=3), idempotency_key="k-1")
    assert (one.status_code, one.content) == (again.status_code, again.content)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


def test_fifty_at_once_with_one_key_have_one_effect(town: Town) -> None:
    size, body = town.size(), town.edit()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        told = list(pool.map(lambda _: town.post("/v1/edits", COLLECTOR, body, idempotency_key="k-2"), range(50)))
    assert {each.content for each in told} == {told[0].content}
    assert town.size() == size + 1


def test_the_collector_named_by_another_must_have_been_granted(town: Town) -> None:
    town.delegated(town.grant, role="grid_worker")  # type: ignore[attr-defined]
    named = {"responsibility": {"collected_by": COLLECTOR}}
    at = datetime.now(UTC)
    assert edit(town, GRID_WORKER, **named, occurred_at=at.isoformat()).status_code == 201
    early = (at - timedelta(days=1)).isoformat(timespec="seconds")
    assert edit(town, GRID_WORKER, **named, occurred_at=early).json()["code"] == "not_responsible"


def test_values_lie_outside_the_log(town: Town) -> None:
    number = edit(town, changes=[{"field": "wage_income", "before": 7_654_321, "after": 8_765_432}]).json()["entry"]
    with town.deployment.database.engine.connect() as connection:
        content = connection.exec_driver_sql(f"SELECT bytes FROM entry WHERE number = {number}").scalar_one()
        kept = connection.exec_driver_sql(f"SELECT path, value FROM vault WHERE entry = {number} ORDER BY path").all()
    assert b"7654321" not in bytes(content)
    assert [tuple(row) for row in kept] == [("/changes/0/after", "8765432"), ("/changes/0/before", "7654321")]
    assert VILLAGE.encode() in bytes(content)
