"""What closes the ledger: a clock that cannot be believed, no room, no queue, another policy set on record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from acts import Say, as_superuser, laws, loaded, rows, running
from conftest import World

from audit.clockwatch import Clockwatch
from audit.ledger import QUEUE, Ledger
from authz import refusal


def test_a_clock_behind_the_last_entry_closes_the_service_and_nothing_is_written(database: World) -> None:
    database.intact = False
    with running(database.engine) as ledger:
        ledger.record(Say(facts=(loaded("h-1"),)))
        as_superuser(database, "UPDATE head SET at = clock_timestamp() + interval '1.5 seconds'")
        assert ledger.record(Say(facts=(loaded("h-2"),))).number == 1
        as_superuser(database, "UPDATE head SET at = clock_timestamp() + interval '1 hour'")
        with pytest.raises(refusal.Clock):
            ledger.record(Say(facts=(loaded("h-3"),)))
    assert rows(database, "SELECT size FROM head")[0].size == 2


NOON = datetime(2026, 12, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("what", "seconds", "steady", "closed"),
    [
        ("runs on", 60, 60, False),
        ("one second fast at once", 61, 60, False),
        ("steps forward", 3600, 1, True),
        ("steps a little more than two seconds forward", 3.2, 1, True),
        ("steps back behind no entry", -3600, 1, True),
        ("runs at twice the pace", 20, 10, True),
        ("runs at half the pace", 5, 10, True),
        ("machine suspended ten minutes", 600, 600, False),
    ],
)
def test_a_clock_that_disagrees_with_the_steady_one_is_noticed(
    what: str, seconds: float, steady: float, closed: bool
) -> None:
    watch, old = Clockwatch(), NOON - timedelta(days=9)
    assert watch.check(NOON, old, 100.0, 100.01) == NOON
    then = NOON + timedelta(seconds=seconds)
    if closed:
        with pytest.raises(refusal.Clock):
            watch.check(then, old, 100 + steady, 100 + steady)
    else:
        assert watch.check(then, old, 100 + steady, 100 + steady) == then


def test_a_clock_that_drifts_slowly_is_followed_and_a_pause_of_the_process_is_no_step() -> None:
    watch = Clockwatch()
    for hour in range(200):
        watch.check(NOON + timedelta(hours=hour, seconds=hour), NOON, 3600.0 * hour, 3600.0 * hour)
    last = NOON + timedelta(hours=199, seconds=199)
    asked = 3600.0 * 199 + 1
    assert watch.check(last + timedelta(seconds=1), last, asked, asked + 30) == last + timedelta(seconds=1)


def test_without_room_for_entries_nothing_is_permitted(database: World) -> None:
    as_superuser(database, "UPDATE head SET room = 1")
    with running(database.engine) as ledger:
        ledger.record(Say(facts=(loaded("h-1"),)))
        with pytest.raises(refusal.Closed):
            ledger.record(Say(facts=(loaded("h-2"),)))
    assert rows(database, "SELECT size FROM head")[0].size == 1
    as_superuser(database, "UPDATE head SET room = 1048576")


def test_a_full_queue_is_refused_at_once(database: World) -> None:
    ledger = Ledger(database.engine, laws)
    with pytest.raises(refusal.Overloaded):
        ledger.submit([Say(facts=(loaded("h-1"),))])
    with running(database.engine) as ledger, pytest.raises(refusal.Overloaded):
        ledger.submit([Say(facts=(loaded("h-1"),))] * (QUEUE + 1))


def test_another_policy_set_on_record_closes_the_service(database: World) -> None:
    database.intact = False
    as_superuser(database, "INSERT INTO charter (name, value, since) VALUES ('policy', 'x', 0)")
    with running(database.engine) as ledger, pytest.raises(refusal.Closed):
        ledger.record(Say(facts=(loaded("h-1"),)))


OBSTACLES = {
    "the right to write is gone": "REVOKE INSERT ON entry FROM {app}",
    "the right to the head is gone": "REVOKE UPDATE ON head FROM {app}",
    "the log has another name": "ALTER TABLE entry RENAME TO entry_before",
    "the acts are gone": "ALTER TABLE act RENAME TO act_before",
    "a trigger swallows entries": (
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $m$no$m$; END';"
        "CREATE TRIGGER swallow BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION swallow()"
    ),
    "the register cannot be written": "REVOKE INSERT ON household FROM {app}",
}


@pytest.mark.parametrize("what", OBSTACLES)
def test_what_cannot_be_recorded_is_not_allowed(database: World, what: str) -> None:
    database.intact = False
    with running(database.engine) as ledger:
        ledger.record(Say(facts=(loaded("h-1"),)))
        app = database.engine.url.username
        as_superuser(database, OBSTACLES[what].format(app=app))
        with pytest.raises(refusal.Closed):
            ledger.record(Say(facts=(loaded("h-2"),)))
    assert rows(database, "SELECT size FROM head")[0].size == 1
    assert [row.token for row in rows(database, "SELECT token FROM household")] == ["h-1"]
