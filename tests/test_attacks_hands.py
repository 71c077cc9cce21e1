"""Rows 63 and 72 of the list of attacks: nobody checks what he collected himself (S09, S46), whatever the order of acts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import World
from worlds import ADMIN, COLLECTOR, GRID_WORKER, VILLAGE, Town

from authz import traces
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
    assert told(town.post("/v1/edits", ADMIN, town.edit())) == (403, "collector_reviewer")
    assert town.post("/v1/edits", ADMIN, town.edit(quarter=3)).status_code == 201
    assert told(town.post("/v1/edits", ADMIN, review | {"quarter": 3})) == (403, "collector_reviewer")


def test_72_in_one_batch_as_one_after_the_other(town: Town) -> None:
    """The effect of an item is seen by the next ones, though they are judged on the same rows."""
    items = [
        town.edit(),
        town.edit(operation="verify", changes=[]),
        town.edit(operation="verify", changes=[], quarter=2),
    ]
    results = town.post("/v1/edits/batch", COLLECTOR, items).json()["results"]
    assert [each.get("duty", each["decision"]) for each in results] == ["permit", "collector_verifier", "permit"]


@pytest.mark.parametrize(("arm", "first", "then"), [
    ("ANY(:collected)", "collect", "verify"), ("ANY(:checked) AND e.", "verify", "collect"),
])  # fmt: skip
def test_72_a_trace_that_is_not_followed_is_noticed(
    town: Town, monkeypatch: pytest.MonkeyPatch, arm: str, first: str, then: str
) -> None:
    assert arm in traces.HANDS
    assert town.post("/v1/edits", COLLECTOR, town.edit(operation=first, changes=[])).status_code == 201
    again = town.edit(operation=then, changes=[])
    assert told(town.post("/v1/edits", COLLECTOR, again)) == (403, "collector_verifier")
    monkeypatch.setattr(
        traces, "HANDS", traces.HANDS.replace(arm, f"{arm[: arm.index(')') + 1]} AND FALSE{arm[arm.index(')') + 1 :]}")
    )
    assert town.post("/v1/edits", COLLECTOR, again).status_code == 201


def test_72_a_deputy_collects_with_the_hands_of_whom_he_stands_in_for(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trace is read from the log: what the deputy collected, the holder of the post does not verify, nor the deputy."""
    post = town.get(f"/v1/people/{COLLECTOR}", ADMIN).json()["posts"][0]["post"]
    until = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    wish = {"post": post, "deputy": GRID_WORKER, "until": until, "reason": "外出培训"}
    answer = town.post("/v1/deputies", ADMIN, wish)
    assert answer.status_code == 201, answer.text
    deputy, own = (
        each["post"] for each in sorted(
            town.get(f"/v1/people/{GRID_WORKER}", ADMIN).json()["posts"], key=lambda each: -each["post"])
    )  # fmt: skip
    verify = town.edit(operation="verify", changes=[])
    done = town.post("/v1/edits", GRID_WORKER, town.edit(), mandate_post=str(deputy))
    assert done.status_code == 201, done.text
    for person, acting in ((COLLECTOR, post), (GRID_WORKER, own), (GRID_WORKER, deputy)):
        refused = town.post("/v1/edits", person, verify, mandate_post=str(acting))
        assert told(refused) == (403, "collector_verifier"), (person, acting)
    assert town.post("/v1/edits", GRID_WORKER, verify | {"quarter": 3}, mandate_post=str(own)).status_code == 201
    monkeypatch.setattr(traces, "HANDS", traces.HANDS.replace("= deputy.deputy_for", "= deputy.deputy_for AND FALSE"))
    assert town.post("/v1/edits", COLLECTOR, verify, mandate_post=str(post)).status_code == 201


def test_what_one_edit_of_a_batch_is_told_answers_for_no_other_instant_and_no_other_household(database: World) -> None:
    """Acts of one stretch share what was worked out; what depends on the household or on the instant is asked anew."""
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        town.delegated(root, role="grid_worker", households=["h-monitored", "h-listed"])
        before = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        named = {"responsibility": {"collected_by": COLLECTOR}}
        items = [town.edit(**named), town.edit(occurred_at=before, **named)]
        results = town.post("/v1/edits/batch", GRID_WORKER, items).json()["results"]
        assert [each.get("code") for each in results] == [None, "not_responsible"]
        items = [town.edit(household=token) for token in ("h-monitored", "h-free", "h-listed")]
        results = town.post("/v1/edits/batch", GRID_WORKER, items).json()["results"]
        assert [each.get("code") for each in results] == [None, "outside_households", None]
