"""The written request over HTTP at its limits: fields that are not its own, texts, repeats, and the largest one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import worlds
from conftest import World
from worlds import CLERK, Town


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        yield found


@pytest.mark.parametrize("more", ["county", "owner", "status", "approved_by", "id", "created_at", "version"])
def test_mass_assignment(town: Town, more: str) -> None:
    body = town.draft()
    for spoiled in (body | {more: "x"}, body | {"document": body["document"] | {more: "x"}},
                    body | {"lines": [body["lines"][0] | {more: "x"}]}):  # fmt: skip
        assert town.post("/v1/requests", CLERK, spoiled).status_code == 422
    assert town.post("/v1/requests", CLERK, body).status_code == 201


def test_an_idempotent_draft_is_one_request(town: Town) -> None:
    body = town.draft()
    first, again = (town.post("/v1/requests", CLERK, body, idempotency_key="k-1") for _ in range(2))
    assert first.json() == again.json()
    assert len(town.get("/v1/requests", CLERK).json()["items"]) == 1


def test_the_largest_request_and_its_largest_answer_fit_into_entries(town: Town) -> None:
    cells = [
        "lifted_out.base",
        "lifted_out.measures",
        "lifted_out.income",
        "monitored.base",
        "monitored.measures",
        "monitored.income",
    ]
    operations = ["collect", "update", "verify", "review", "delete", "query", "export"]
    lines = [town.line(n, worlds.VILLAGE, cells=cells, operations=operations, max_records=10**7) for n in range(1, 101)]
    number = town.received(*lines)
    narrow = [
        {"line": n, "outcome": "narrowed", "scope": {"max_records": 9_999_999}, "reason": "按"} for n in range(1, 101)
    ]
    answer = town.decided(number, narrow)
    assert (answer.status_code, len(answer.json()["grants"])) == (200, 100), answer.text
    lines.append(town.line(101))
    assert town.post("/v1/requests", CLERK, town.draft(*lines)).status_code == 422
