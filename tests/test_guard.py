"""Recording cannot be switched off: whatever is taken from the log's fence, the next write is refused, and so is a start."""

from __future__ import annotations

import time

import pytest
from acts import FOLDER, Say, as_superuser, established, rows, running
from conftest import World
from sqlalchemy import create_engine, text

from api import founding, policies
from api.database import Database
from audit import guard
from authz import refusal
from authz.refusal import Closed

FENCE = {
    "a trigger of a partition disabled": "ALTER TABLE entry_00000 DISABLE TRIGGER append_only",
    "the other one": "ALTER TABLE entry_00000 DISABLE TRIGGER append_only_whole",
    "all of the parent": "ALTER TABLE entry DISABLE TRIGGER ALL",
    "of the acts": "ALTER TABLE act DISABLE TRIGGER append_only",
    "of the nodes": "ALTER TABLE node DISABLE TRIGGER append_only_whole",
    "only for replicas": "ALTER TABLE act ENABLE REPLICA TRIGGER append_only",
    "only for ordinary sessions": "ALTER TABLE entry_00000 ENABLE TRIGGER append_only_whole",
    "dropped": "DROP TRIGGER append_only ON act",
    "one that never fires": "DROP TRIGGER append_only ON act; CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON act FOR EACH ROW"
    " WHEN (false) EXECUTE FUNCTION refuse_change(); ALTER TABLE act ENABLE ALWAYS TRIGGER append_only",
    "one that misses deletes": "DROP TRIGGER append_only ON act; CREATE TRIGGER append_only BEFORE UPDATE ON act FOR EACH ROW"
    " EXECUTE FUNCTION refuse_change(); ALTER TABLE act ENABLE ALWAYS TRIGGER append_only",
    "a function that lets pass": "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RETURN NULL; END $$",
}  # fmt: skip
ELSE = {
    "no right to insert": "REVOKE INSERT ON entry FROM {app}",
    "the log renamed": "ALTER TABLE entry RENAME TO entries",
    "the acts renamed": "ALTER TABLE act RENAME TO acts",
    "the vault renamed": "ALTER TABLE head RENAME TO heads",
    "a column dropped": "ALTER TABLE entry DROP COLUMN household CASCADE",
    "a partition detached": "ALTER TABLE entry DETACH PARTITION entry_00000",
    "the disk full, as a rule that refuses": "ALTER TABLE entry ADD CONSTRAINT full_ CHECK (number < 1) NOT VALID",
}  # fmt: skip


def write() -> Say:
    return Say(facts=(established("u-64-lead"),))


@pytest.mark.parametrize("what", [*FENCE, *ELSE])
def test_the_next_write_is_refused_within_a_second(database: World, what: str) -> None:
    database.intact = False
    with running(database.engine) as ledger:
        assert ledger.record(write()).number == 0
        app = rows(database, "SELECT current_user AS name")[0].name
        for each in (
            (FENCE | ELSE)[what].format(app=app).split("; ") if what != "a function that lets pass" else [FENCE[what]]
        ):
            as_superuser(database, each)
        began = time.monotonic()
        with pytest.raises(Closed) as refused:
            ledger.record(write())
        assert time.monotonic() - began < 1
        assert (refused.value.detail == guard.TOLD) == (what in FENCE)


@pytest.mark.parametrize("what", FENCE)
def test_a_start_is_refused(database: World, what: str) -> None:
    database.intact = False
    for each in FENCE[what].split("; ") if what != "a function that lets pass" else [FENCE[what]]:
        as_superuser(database, each)
    with pytest.raises(refusal.Closed):
        founding.found(
            Database(None, database.app_url, database.engine),
            policies.open_lawbook(FOLDER),
            "mandate.test/log",
            False,
        )


def test_a_log_as_it_was_made_is_guarded_with_every_partition(database: World) -> None:
    engine = create_engine(database.superuser_url)
    with engine.begin() as connection:
        assert guard.stands(connection)
        connection.execute(text("SELECT make_room(3000000)"))
        assert connection.execute(text("SELECT count(*) FROM pg_inherits")).scalar_one() > 2
        assert guard.stands(connection)
    engine.dispose()
    with running(database.engine) as ledger:
        assert ledger.record(write()).number == 0
