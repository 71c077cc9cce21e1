"""Hands of an account that got its identity number later: what was done under it counts for the human being it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import World
from test_identities_route import NAMELESS, NUMBER, OTHER, TWIN, UNIT, identify, natural, registered
from worlds import COLLECTOR, LEAD, Town

from authz import register, traces
from authz.rows import Reads


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        yield made


@pytest.fixture
def village(town: Town) -> Town:
    """Grid workers may collect and verify; the account without a number collected something."""
    (root,) = town.granted(town.line(operations=["collect", "update", "verify"]))
    town.delegated(root)
    town.delegated(root, holder=UNIT, role="grid_worker")
    registered(town, NAMELESS, UNIT, "grid_worker")
    registered(town, TWIN, UNIT, "village_collector", identity_number=NUMBER)
    assert town.post("/v1/edits", NAMELESS, town.edit(operation="collect")).status_code == 201
    return town


def verified(town: Town, person: str, **more: Any) -> tuple[int, str | None]:
    answer = town.post("/v1/edits", person, town.edit(operation="verify", changes=[]) | more)
    return answer.status_code, answer.json().get("missing")


def test_what_a_nameless_account_collected_his_other_account_does_not_verify(village: Town) -> None:
    assert [verified(village, each) for each in (TWIN, COLLECTOR)] == [(403, "identity")] * 2
    answer = identify(village)
    assert (answer.status_code, answer.json()["noted"]) == (200, []), answer.text
    assert verified(village, TWIN) == (403, "duty")
    assert verified(village, TWIN, quarter=3)[0] == 201
    assert verified(village, COLLECTOR)[0] == 201


def test_somebody_else_verifies_once_it_is_known_that_he_is_somebody_else(village: Town) -> None:
    assert identify(village, number=OTHER).status_code == 200
    assert verified(village, TWIN)[0] == 201


def test_what_the_identified_verified_his_other_account_does_not_collect(village: Town) -> None:
    assert village.post("/v1/edits", COLLECTOR, village.edit(quarter=2)).status_code == 201
    assert identify(village).status_code == 200
    assert verified(village, NAMELESS, quarter=2)[0] == 201
    again = village.post("/v1/edits", TWIN, village.edit(quarter=2))
    assert (again.status_code, again.json()["duty"]) == (403, "collector_verifier")


def hands(town: Town, known: int | None) -> set[str]:
    with town.deployment.database.engine.connect() as connection:
        reads = Reads(collected=frozenset(("h-monitored",)))
        rows = register.fetch(connection, reads, datetime.now(UTC), known)
    return {hand[4] for hand in rows.hands["h-monitored"]}


def test_an_earlier_position_of_the_log_knows_hands_as_they_were_known(
    village: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = village.size()
    assert identify(village).status_code == 200
    assert (hands(village, before), hands(village, None), hands(village, before + 1)) == (
        {NAMELESS}, {natural(village, TWIN)}, {natural(village, TWIN)},
    )  # fmt: skip
    assert "p.since < :known" in traces.HANDS
    monkeypatch.setattr(traces, "HANDS", traces.HANDS.replace("p.since < :known", "TRUE").replace("p.ended >=", "0 >="))
    assert hands(village, before) == {natural(village, TWIN)}


@pytest.mark.parametrize(("number", "signed"), [(OTHER, (200, None)), (NUMBER, (403, "duty"))])
def test_a_letter_drafted_by_a_nameless_account_is_signed_once_he_is_known(
    town: Town, number: str, signed: tuple[int, str | None]
) -> None:
    """Whoever signs is another human being than whoever drafted: shown by the numbers of both, or not at all."""
    registered(town, NAMELESS, LEAD, "county_clerk")
    registered(town, TWIN, LEAD, "county_signatory", identity_number=NUMBER)
    letter = town.post("/v1/requests", NAMELESS, town.draft(signatory=TWIN, contact={"person": NAMELESS}))
    assert letter.status_code == 201, letter.text
    path = f"/v1/requests/{letter.json()['id']}/signature"
    assert town.change(path, TWIN).json()["missing"] in ("identity", "duty")
    assert identify(town, number=number).status_code == 200
    answer = town.change(path, TWIN)
    assert (answer.status_code, answer.json().get("missing")) == signed, answer.text
