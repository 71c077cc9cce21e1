"""Rows 63 and 72 of the list of attacks: nobody checks what he collected himself (S09, S46), whatever the order of acts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import World
from worlds import ADMIN, COLLECTOR, GRID_WORKER, VILLAGE, Town

from authz.fact import Fact
from authz.post import PersonRegistered, PostAssigned

VILLAGE_UNIT, TWIN = f"u-{VILLAGE}-village", "p-3009"
NATURAL = hashlib.sha256(f"natural{COLLECTOR}".encode()).hexdigest()
TWO_ACCOUNTS: tuple[Fact, ...] = (
    PersonRegistered(person_id=TWIN, natural=NATURAL, name="0" * 64, phone=None),
    PostAssigned(person_id=TWIN, post_unit=VILLAGE_UNIT, division=VILLAGE, role="grid_worker", title="t",
                 valid_from="2026-01-01T00:00:00.000000Z", valid_until=None),
)  # fmt: skip


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database, more=TWO_ACCOUNTS) as made:
        (root,) = made.granted(made.line(operations=["collect", "update", "verify", "review", "query"]))
        made.delegated(root)
        made.delegated(root, holder=VILLAGE_UNIT, role="grid_worker")
        yield made


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("duty", answer.json().get("code", ""))


def test_72_a_record_is_verified_by_another_natural_person(town: Town) -> None:
    assert town.post("/v1/edits", COLLECTOR, town.edit(operation="collect")).status_code == 201
    verify = town.edit(operation="verify", changes=[])
    size = town.size()
    for person in (COLLECTOR, TWIN):
        for quarter in (4, None):
            answer = town.post("/v1/edits", person, verify | {"quarter": quarter})
            assert told(answer) == (403, "collector_verifier"), (person, quarter)
    assert town.size() == size + 4
    assert town.post("/v1/edits", COLLECTOR, verify | {"quarter": 3}).status_code == 201
    assert (
        town.post("/v1/edits", COLLECTOR, verify | {"responsibility": {"verified_by": GRID_WORKER}}).status_code == 201
    )
    assert town.post("/v1/edits", GRID_WORKER, verify).status_code == 201


def test_72_a_reviewer_did_not_collect(town: Town) -> None:
    review = town.edit(operation="review", changes=[])
    assert town.post("/v1/edits", ADMIN, review).status_code == 201
    assert town.post("/v1/edits", ADMIN, town.edit()).status_code == 201
    assert told(town.post("/v1/edits", ADMIN, review)) == (403, "collector_reviewer")


def test_72_in_one_batch_as_one_after_the_other(town: Town) -> None:
    """The effect of an item is seen by the next ones, though they are judged on the same rows."""
    items = [
        town.edit(),
        town.edit(operation="verify", changes=[]),
        town.edit(operation="verify", changes=[], quarter=2),
    ]
    results = town.post("/v1/edits/batch", COLLECTOR, items).json()["results"]
    assert [each.get("duty", each["decision"]) for each in results] == ["permit", "collector_verifier", "permit"]
