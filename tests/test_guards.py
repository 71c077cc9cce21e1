"""The database itself refuses to change the log: to the application, to the owner, and to a replaying superuser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from acts import Say, loaded, rows, running
from conftest import World
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

LOG = ("entry", "entry_00000", "entry_00001", "act")
COLUMN = {"act": "count"}


def attempts(table: str) -> dict[str, str]:
    column = COLUMN.get(table, "data_year")
    key = "ref" if table == "act" else "number"
    values = (
        "gen_random_uuid(), 0, 1"
        if table == "act"
        else f"{1048576 if table[-1] == '1' else 1}, now(), gen_random_uuid(), 'k', {_NULLS}"
    )
    return {
        "update": f"UPDATE {table} SET {column} = 7",
        "delete": f"DELETE FROM {table}",
        "truncate": f"TRUNCATE {table}",
        "upsert": f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({key}) DO UPDATE SET {column} = 7",
        "merge": f"MERGE INTO {table} USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE",
        "upsert a new row": f"INSERT INTO {table} VALUES ({values}) ON CONFLICT ({key}) DO UPDATE SET {column} = 7",
    }


_NULLS = ", ".join(["NULL"] * 11) + ", sha256(''), ''"


@pytest.fixture
def filled(database: World) -> World:
    """A log with entries in its first partition and one in the second, which `make_room` made."""
    with database.engine.begin() as connection:
        connection.execute(text("SELECT make_room(1048577)"))
    with running(database.engine) as ledger:
        for n in range(3):
            ledger.record(Say(facts=(loaded(f"h-{n}"),)))
    return database


@pytest.fixture
def owner(filled: World) -> Iterator[Engine]:
    engine = create_engine(_driver(filled.owner_url))
    yield engine
    engine.dispose()


@pytest.fixture
def superuser(filled: World) -> Iterator[Engine]:
    engine = create_engine(_driver(filled.superuser_url))
    yield engine
    engine.dispose()


def _driver(url: str) -> str:
    return url if "+psycopg" in url else url.replace("postgresql://", "postgresql+psycopg://")


def refused(engine: Engine, *statements: str) -> str:
    """Why the last statement is refused, or an empty text if it is not; nothing of it stays."""
    with engine.connect() as connection:
        try:
            for each in statements:
                connection.exec_driver_sql(each)
        except DBAPIError as error:
            return str(getattr(error.orig, "sqlstate", "?"))
        finally:
            connection.rollback()
    return ""


@pytest.mark.parametrize("table", LOG)
def test_the_application_may_change_nothing_of_the_log(filled: World, table: str) -> None:
    for what, statement in attempts(table).items():
        assert refused(filled.engine, statement) == "42501", what


@pytest.mark.parametrize("table", ["entry", "entry_00000", "act"])
def test_the_owner_may_change_nothing_while_the_guards_stand(
    filled: World, owner: Engine, superuser: Engine, table: str
) -> None:
    for what, statement in attempts(table).items():
        if what != "upsert a new row":
            assert refused(owner, statement) == "42501", what
            assert refused(superuser, "SET session_replication_role = replica", statement) == "42501", what


def test_an_empty_partition_made_ahead_is_guarded_alike(filled: World, owner: Engine, superuser: Engine) -> None:
    row = f"INSERT INTO entry VALUES (1048576, now(), gen_random_uuid(), 'k', {_NULLS})"
    for what, statement in attempts("entry_00001").items():
        if what != "upsert a new row":
            assert refused(owner, row, statement) == "42501", what
            assert refused(superuser, row, "SET session_replication_role = replica", statement) == "42501", what


def test_without_the_guards_the_same_statements_pass(filled: World, owner: Engine) -> None:
    """The negative control: these statements are refused by the guards and by nothing else."""
    for table in ("entry_00000", "act"):
        for what, statement in attempts(table).items():
            if what in ("update", "delete", "truncate", "merge"):
                assert refused(owner, f"ALTER TABLE {table} DISABLE TRIGGER USER", statement) == "", what


def test_an_ordinary_trigger_would_be_skipped_by_a_replaying_superuser(filled: World, superuser: Engine) -> None:
    """The negative control of ENABLE ALWAYS."""
    weaker = "ALTER TABLE entry_00000 ENABLE TRIGGER append_only"
    assert refused(superuser, weaker, "SET session_replication_role = replica", "DELETE FROM entry_00000") == ""


def test_every_partition_carries_both_guards_always(filled: World) -> None:
    found = rows(
        filled,
        "SELECT relname, count(*) FILTER (WHERE tgenabled = 'A' AND tgname LIKE 'append_only%') AS guards FROM pg_class"
        " LEFT JOIN pg_trigger ON tgrelid = pg_class.oid WHERE relname LIKE 'entry' OR relname ~ '^entry_[0-9]+$' OR relname = 'act'"
        " GROUP BY relname",
    )
    assert {row.relname for row in found} == set(LOG)
    assert {row.guards for row in found} == {2}


DDL = [
    "CREATE TABLE x (n int)", "DROP TABLE entry", "DROP TABLE act", "ALTER TABLE entry DISABLE TRIGGER ALL",
    "ALTER TABLE entry DETACH PARTITION entry_00000", "DROP FUNCTION refuse_change() CASCADE", "ALTER TABLE entry RENAME TO e",
    "DROP TRIGGER append_only ON entry", "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS ''",
    "SET session_replication_role = replica", "CREATE SCHEMA mine",
    "CREATE RULE r AS ON INSERT TO entry DO INSTEAD NOTHING", "ALTER TABLE head ADD COLUMN x int",
]  # fmt: skip


@pytest.mark.parametrize("statement", DDL)
def test_the_application_makes_and_drops_nothing(filled: World, statement: str) -> None:
    assert refused(filled.engine, statement) in ("42501", "0A000"), statement


RIGHTS: dict[str, str] = {
    "entry": "SI", "act": "SI", "head": "SU", "vault": "SID", "content": "SID", "usage": "SI", "idempotency": "SIUD",
    "person": "SIU", "unit": "SIU", "post": "SIU", "household": "SIU", "grants": "SIU", "request": "SIU", "opening": "SIU", "erasure": "SIU",
    "document": "SIU", "charter": "SIU", "alembic_version": "S", "stranger": "SIUD", "ceremony": "SIUD", "cosignature": "SIUD",
    "witness": "SIUD", "node": "SI", "leaves": "SI", "node_sm3": "SI", "checkpoint": "SIU", "edge": "SIUD", "halt": "SIUD",
    "tie": "SIU", "approval": "SIU", "pair": "SIU", "officer": "SIU", "amendment": "SIU", "proposal": "SIU", "edition": "SIU",
    "imported": "SIU", "replay": "SIU", "redecided": "SIU",
}  # fmt: skip
_WORDS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE"}


def test_the_rights_of_the_application_are_these_and_no_more(filled: World) -> None:
    asked = "SELECT " + ", ".join(
        f"has_table_privilege(oid, '{word}') AS \"{letter}\"" for letter, word in _WORDS.items()
    )
    found: dict[str, Any] = {}
    for row in rows(
        filled,
        f"{asked}, relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = CAST('public' AS regnamespace)",
    ):
        if not row.relname.startswith("entry_"):
            found[row.relname] = "".join(letter for letter in _WORDS if getattr(row, letter))
    assert found == RIGHTS
