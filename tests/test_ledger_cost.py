"""What an edit costs the database: the same statements however many edits come together, and however long the log is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from acts import Say, laws, loaded
from conftest import World
from statements import watched
from worlds import COLLECTOR, TOWN_ADMIN, VILLAGE, YUHAI, Town

from audit.ledger import Ledger

LONG = 10_000


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    """The collectors of one village hold income."""
    with Town(database) as built:
        built.delegated(built.granted()[0])
        yield built


def under_the_lock(ask: Callable[[], Any]) -> list[str]:
    """The statements of the ledger's own thread, by their first words."""
    asked: list[str] = []

    def seen(connection: Any, statement: str) -> None:
        if threading.current_thread().name == "ledger":
            asked.append(" ".join(statement.split()[:2]))

    with watched(seen):
        assert ask().status_code in (200, 201)
    return asked


def asked(town: Town, *items: dict[str, Any], **headers: str) -> list[str]:
    return under_the_lock(lambda: town.post("/v1/edits/batch", COLLECTOR, list(items), **headers))


def edits(town: Town, count: int, mark: str = "") -> list[dict[str, Any]]:
    return [town.edit(household=f"h-{mark}{number}") for number in range(count)]


def test_a_batch_asks_as_many_statements_as_one_edit(town: Town) -> None:
    asked(town, *edits(town, 200))
    one = asked(town, town.edit(household="h-1"))
    assert asked(town, *edits(town, 200)) == one
    assert len(one) <= 12, one
    assert [each for each in one if each.startswith(("SELECT pg_advisory", "SELECT size,", "UPDATE"))] == one[:2]


@pytest.mark.parametrize(("holder", "more"), [("u-640324100-township", 0), (TOWN_ADMIN, 1)])
def test_only_a_person_above_costs_a_statement(town: Town, holder: str, more: int) -> None:
    """The posts of those to whom grants above are made out, however many edits come together."""
    usual = asked(town, *edits(town, 1, "u"))
    own = town.delegated(town.granted()[0], holder=holder, role="township_admin", division=YUHAI)
    until = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    town.delegated(own, TOWN_ADMIN, until=until)
    assert [len(asked(town, *edits(town, count, f"{count}-"))) - len(usual) for count in (1, 50)] == [more, more]


@pytest.mark.parametrize("key", [None, "k"], ids=["without a key", "with a key"])
def test_households_met_for_the_first_time_are_written_together(database: World, key: str | None) -> None:
    with Town(database) as town:
        town.delegated(town.granted(town.line(max_records=1000))[0])

        def met(mark: str, count: int) -> list[str]:
            headers = {} if key is None else {"idempotency_key": key + mark}
            return asked(town, *edits(town, count, mark), **headers)

        met("a", 2)
        assert met("b", 2) == met("c", 150)


def test_who_is_refused_costs_as_much_however_many_are(town: Town) -> None:
    """Each of another household, so that each has an entry of its own."""

    def refused(mark: str, count: int) -> list[str]:
        return asked(town, *[each | {"cell": "monitored.base", "changes": []} for each in edits(town, count, mark)])

    assert refused("a", 2) == refused("b", 150)


def test_what_an_edit_asks_does_not_grow_with_register_and_log(town: Town) -> None:
    def once() -> list[str]:
        return under_the_lock(lambda: town.post("/v1/edits", COLLECTOR, town.edit()))

    once()
    few, size = once(), town.size()
    far = [f"h-far-{number}" for number in range(LONG)]
    for begin in range(0, LONG, 1_000):
        loading = Say(facts=(loaded(*far[begin : begin + 1_000], division=VILLAGE),))
        assert town.deployment.ledger.record(loading).refused is None
        assert len(asked(town, *edits(town, 1_000))) < 2 * len(few)
    assert town.size() >= size + LONG
    assert once() == few


def test_the_plans_of_the_ledger_go_by_index_from_the_first_day(database: World) -> None:
    """A plan is made once and kept, so it must not be one for empty tables."""
    ledger = Ledger(database.engine, laws)
    ledger.start()
    try:
        ledger.record(Say(facts=(loaded("h-1"),)))
        assert ledger.connection is not None
        ask = ledger.connection.exec_driver_sql
        shown = {name: ask(f"SHOW {name}").scalar() for name in ("plan_cache_mode", "enable_seqscan")}
        ledger.connection.rollback()
    finally:
        ledger.stop()
    assert shown == {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
