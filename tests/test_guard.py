"""Recording cannot be switched off: whatever is taken from the log's fence, the next write is refused, and so is a start."""

from __future__ import annotations

import time

import pytest
from acts import FOLDER, Say, as_superuser, established, rows, running
from conftest import World
from sqlalchemy import create_engine, text

from api import founding, policies
from api.database import Database
from audit import fsck, guard
from authz import refusal
from authz.refusal import Closed

FENCE = {
    "a trigger of a partition disabled": "ALTER TABLE entry_00000 DISABLE TRIGGER append_only",
    "the other one": "ALTER TABLE entry_00000 DISABLE TRIGGER append_only_whole",
    "all of the parent": "ALTER TABLE entry DISABLE TRIGGER ALL",
    "of the acts": "ALTER TABLE act DISABLE TRIGGER append_only",
    "of the nodes": "ALTER TABLE node DISABLE TRIGGER append_only_whole",
    "of the leaves": "ALTER TABLE leaves DISABLE TRIGGER append_only",
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


PLACES = {
    "a trigger of a partition disabled": ["数据表 entry_00000 的防改触发器 append_only 已停用"],
    "the other one": ["数据表 entry_00000 的防改触发器 append_only_whole 已停用"],
    "all of the parent": [f"数据表 {table} 的防改触发器 {name} 已停用"
                          for table in ("entry", "entry_00000") for name in ("append_only", "append_only_whole")
                          if (table, name) != ("entry_00000", "append_only_whole")],
    "of the acts": ["数据表 act 的防改触发器 append_only 已停用"],
    "of the nodes": ["数据表 node 的防改触发器 append_only_whole 已停用"],
    "of the leaves": ["数据表 leaves 的防改触发器 append_only 已停用"],
    "only for replicas": ["数据表 act 的防改触发器 append_only 未设为始终生效"],
    "only for ordinary sessions": ["数据表 entry_00000 的防改触发器 append_only_whole 未设为始终生效"],
    "dropped": ["数据表 act 的防改触发器 append_only 不存在"],
    "one that never fires": ["数据表 act 的防改触发器 append_only 已被换成别的内容"],
    "one that misses deletes": ["数据表 act 的防改触发器 append_only 已被换成别的内容"],
    "a function that lets pass": ["防改触发器所用的函数 refuse_change 已被改动"],
}  # fmt: skip


@pytest.mark.parametrize("what", FENCE)
def test_a_check_of_the_log_names_what_is_missing_of_the_fence(database: World, what: str) -> None:
    engine = create_engine(database.superuser_url)
    assert fsck.check(engine).findings == ()
    database.intact = False
    for each in FENCE[what].split("; ") if what != "a function that lets pass" else [FENCE[what]]:
        as_superuser(database, each)
    report = fsck.check(engine)
    engine.dispose()
    assert report.verdict == "UNGUARDED"
    assert {(each.kind, each.number) for each in report.findings} == {("UNGUARDED", None)}
    assert [each.detail.partition("：")[0] for each in report.findings] == PLACES[what]


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
