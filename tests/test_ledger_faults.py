"""The ledger when the database fails it: lost COMMITs, killed connections, a database that is gone and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from acts import Ask, Say, as_superuser, caller, employ, established, loaded, raising, rows, running, submitted
from conftest import Server, World
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError
from statements import watched

from audit import ledger as ledgers
from audit import settlement
from audit.act import Act
from authz import refusal

Fault = Callable[[Connection], None]


def lost(connection: Connection) -> None:
    """COMMIT is done, its answer is lost."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.commit()
    driver.close()
    raise OperationalError("COMMIT", {}, psycopg.OperationalError("the connection was lost"))


def undone(connection: Connection) -> None:
    """The connection dies before COMMIT arrives."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.close()
    raise OperationalError("COMMIT", {}, psycopg.OperationalError("the connection was lost"))


@contextmanager
def at_commit(world: World, *faults: Fault) -> Iterator[list[Fault]]:
    """These faults, one per commit of a batch, in order."""
    waiting, told = list(faults), {"batch": False}

    def strike(connection: Connection) -> None:
        if waiting and told["batch"]:
            waiting.pop(0)(connection)

    def mark(driver: Any, statement: str) -> None:
        told["batch"] = "UPDATE head" in statement

    event.listen(world.engine, "commit", strike)
    try:
        with watched(mark):
            yield waiting
    finally:
        event.remove(world.engine, "commit", strike)


@pytest.mark.parametrize("faults", [(lost,), (undone,), (lost, undone), (undone, lost), (undone, undone, lost)])
def test_an_unanswered_commit_is_looked_up_and_has_one_effect(database: World, faults: tuple[Fault, ...]) -> None:
    with running(database.engine) as ledger, at_commit(database, *faults) as left:
        acts: list[Act] = [
            Say(facts=(loaded("h-1"),)),
            Say(facts=raising(refusal.Unknown())),
            Say(facts=(loaded("h-2"),)),
        ]
        outcome = submitted(ledger, acts)
        again = ledger.record(Say(facts=(loaded("h-3"),)))
    assert [outcome[0].number, outcome[2].number, again.number] == [0, 1, 2]
    assert isinstance(outcome[1], refusal.Unknown)
    assert len(rows(database, "SELECT 1 FROM entry")) == 3
    assert len(left) <= 1


def test_without_the_look_up_a_lost_answer_acts_twice(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a ledger that takes a lost answer for a failure writes the household's binding again."""

    def nothing_stands(connection: Connection, acts: list[Act], doubt: settlement.InDoubt) -> dict[str, Any]:
        for act in acts:
            act.ref = f"{int(act.ref, 16) ^ 1:032x}"
        return {}

    monkeypatch.setattr(ledgers.settlement, "find", nothing_stands)
    with running(database.engine) as ledger, at_commit(database, lost):
        ledger.record(Say(facts=(established("u-64-lead"),)))
    assert len(rows(database, "SELECT 1 FROM entry")) == 2


def test_a_refusal_that_shares_an_entry_stands_after_a_lost_answer(database: World) -> None:
    from_one = raising(refusal.NoGrant(missing="grant"))
    with running(database.engine) as ledger:
        employ(ledger, "p-1", "u-640324-lead", "county_admin")
        with at_commit(database, lost):
            outcome = submitted(ledger, [Ask(facts=from_one, caller=caller("p-1")) for _ in range(3)])
    assert [each.number for each in outcome] == [3, 3, 3]
    assert len(rows(database, "SELECT 1 FROM entry WHERE kind = 'Refused'")) == 1


def test_a_failure_at_any_statement_leaves_nothing_half_written(database: World) -> None:
    seen = {"n": 0, "strike": -1}

    def strike(driver: Any, statement: str) -> None:
        seen["n"] += 1
        if seen["n"] == seen["strike"]:
            struck.append(statement)
            raise psycopg.OperationalError("cut")

    struck: list[str] = []
    with running(database.engine) as ledger, watched(strike):
        for place in range(1, 16):
            seen |= {"n": 0, "strike": place}
            outcome = submitted(ledger, [Say(facts=(loaded(f"h-{place}-a"),)), Say(facts=(loaded(f"h-{place}-b"),))])
            assert [each.number for each in outcome] == [place * 2 - 2, place * 2 - 1]
    assert len(rows(database, "SELECT 1 FROM household")) == 30
    assert {"COPY entry", "UPDATE head"} <= {
        part for part in ("COPY entry", "UPDATE head") for each in struck if part in each
    }


def test_killed_connections_are_replaced(database: World) -> None:
    with running(database.engine) as ledger:
        for n in range(6):
            if n % 2:
                as_superuser(database, _KILL)
            outcome = submitted(ledger, [Say(facts=(loaded(f"h-{n}-{m}"),)) for m in range(2)])
            assert [each.number for each in outcome] == [2 * n, 2 * n + 1]


_KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def test_a_database_that_is_gone_closes_the_service_and_its_return_opens_it(database: World, server: Server) -> None:
    name = database.engine.url.database
    with running(database.engine, patience=1.0) as ledger:
        assert ledger.record(Say(facts=(loaded("h-1"),))).number == 0
        server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.run(_KILL.replace("current_database()", f"'{name}'"))
        for outcome in submitted(ledger, [Say(facts=(loaded(f"h-{n}"),)) for n in range(2, 5)]):
            assert isinstance(outcome, refusal.Closed)
        server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert ledger.record(Say(facts=(loaded("h-9"),))).number == 1
    assert {row.token for row in rows(database, "SELECT token FROM household")} == {"h-1", "h-9"}


def test_a_lock_held_elsewhere_is_not_waited_for_without_end(database: World) -> None:
    with database.engine.connect() as holder, running(database.engine, patience=1.5) as ledger:
        holder.exec_driver_sql("SELECT pg_advisory_xact_lock(5786957, 1)")
        begun = time.monotonic()
        with pytest.raises(refusal.Closed):
            ledger.record(Say(facts=(loaded("h-1"),)))
        assert time.monotonic() - begun < 10
        holder.rollback()
        assert ledger.record(Say(facts=(loaded("h-2"),))).number == 0
    assert {row.token for row in rows(database, "SELECT token FROM household")} == {"h-2"}


def test_a_member_that_was_not_begun_in_time_is_withdrawn(database: World) -> None:
    with database.engine.connect() as holder, running(database.engine, patience=0.3) as ledger:
        holder.exec_driver_sql("SELECT pg_advisory_xact_lock(5786957, 1)")
        first = ledger.submit([Say(facts=(loaded("h-1"),))])
        time.sleep(0.1)
        second = ledger.submit([Say(facts=(loaded("h-2"),))])
        time.sleep(0.5)
        holder.rollback()
        with pytest.raises(refusal.Overloaded):
            second[0].future.result(10)  # type: ignore[union-attr,call-arg]
        assert first[0].future.result(10).number == 0  # type: ignore[union-attr,call-arg]
