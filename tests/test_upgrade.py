"""A log of an earlier version goes on: the law on record is put back by its digest, and by nothing else."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest
from acts import as_superuser, rows
from conftest import World
from sqlalchemy import create_engine, make_url, text
from test_founding import LAWBOOK, ORIGIN, POLICIES, charter, kinds, store, with_another_line

from api import founding, restoring
from api.commands import replacing
from api.settings import Misconfigured, Settings
from audit import bridge, content, fsck
from audit import charter as charters
from audit.lawbook import Lawbook
from authz.fact import Fact
from authz.refusal import Closed
from authz.window import WindowOpened

DIGEST = LAWBOOK.charter["policy"]
EDITION = LAWBOOK.charter["edition"].rpartition(" ")[2]
EVERYTHING = "sha256 IS NOT NULL"


def before_the_bundles(database: World, lost: str = EVERYTHING) -> None:
    """What a log of an earlier version looks like: the charter names its law, and these files lie nowhere."""
    as_superuser(database, "ALTER TABLE content DISABLE TRIGGER lasting")
    as_superuser(database, f"DELETE FROM content WHERE {lost}")
    as_superuser(database, "ALTER TABLE content ENABLE TRIGGER lasting")


def lost(database: World) -> list[tuple[str, bool]]:
    with database.engine.connect() as connection:
        return [(each.name, each.in_force) for each in charters.lost(connection)]


def reads(database: World, book: Lawbook, known: int | None = None) -> str:
    with database.engine.connect() as connection:
        return book.on_record(connection, known).policy.digest


@pytest.mark.parametrize("demo", [False, True])
def test_a_start_puts_back_what_its_folder_has_under_the_digest_on_record(
    database: World, tmp_path: Path, demo: bool
) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=demo)
    before_the_bundles(database)
    other = with_another_line(tmp_path)
    with pytest.raises(Closed):
        reads(database, other)
    assert lost(database) == [("policy", True), ("edition", True), ("calendar", True)]
    assert founding.found(store(database), founding.read_lawbook(POLICIES), ORIGIN, demo=demo) is False
    assert (lost(database), len(kinds(database.engine))) == ([], 4)
    assert reads(database, other) == DIGEST


def test_a_service_without_the_folder_of_then_says_which_law_it_needs(database: World, tmp_path: Path) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    before_the_bundles(database)
    other = with_another_line(tmp_path)
    with pytest.raises(Closed, match=f"规则（版本 {DIGEST}）.*mandate policies restore"):
        founding.found(store(database), other, ORIGIN, demo=False)
    assert lost(database) == [("policy", True)], "the divisions and calendars of the folder are those on record"
    with database.engine.begin() as connection:
        assert charters.restore(connection, restoring.streams(tmp_path / "policies")) == ()
        assert [each.name for each in charters.restore(connection, restoring.streams(POLICIES))] == ["policy"]
    founding.found(store(database), other, ORIGIN, demo=False)
    assert (reads(database, other), len(kinds(database.engine))) == (DIGEST, 4)


def test_a_practice_log_goes_on_with_its_folder_and_says_what_it_left(database: World, tmp_path: Path) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=True)
    before_the_bundles(database)
    other = with_another_line(tmp_path)
    founding.found(store(database), other, ORIGIN, demo=True)
    assert kinds(database.engine)[4:] == ["PolicyLoaded"]
    assert reads(database, other) == charter(database.engine)["policy"] == other.charter["policy"]
    assert lost(database) == [("policy", False)]
    with database.engine.begin() as connection:
        assert DIGEST in bridge.remark(charters.lost(connection))
        with pytest.raises(Closed):
            other.on_record(connection, 4)  # the past is not guessed at
        charters.restore(connection, restoring.streams(POLICIES))
        assert other.on_record(connection, 4).policy.digest == DIGEST
        assert bridge.remark(charters.lost(connection)) == ""


def test_a_practice_log_never_leaves_its_divisions(database: World, tmp_path: Path) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=True)
    before_the_bundles(database, f"sha256 = '{EDITION}'")
    shutil.copytree(POLICIES, tmp_path / "p")
    table = tmp_path / "p/divisions/ningxia.csv"
    table.write_bytes(table.read_bytes().replace("豫海镇".encode(), "清水镇".encode()))
    with pytest.raises(Closed, match=f"行政区划（版本 {EDITION}）"):
        founding.found(store(database), founding.read_lawbook(tmp_path / "p"), ORIGIN, demo=True)
    assert len(kinds(database.engine)) == 4


def test_bytes_that_no_longer_fit_their_digest_count_as_lost(database: World) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    as_superuser(
        database, f"UPDATE content SET bytes = overlay(bytes placing 'x' from 1 for 1) WHERE sha256 = '{DIGEST}'"
    )
    with pytest.raises(Closed):
        founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    assert lost(database) == [("policy", True)]


# --- the command ----------------------------------------------------------------------------------------------------
def test_the_command_takes_bytes_of_a_digest_on_record_and_nothing_else(
    database: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    assert replacing.put_back(store(database), POLICIES) == 0
    assert "无需补回" in capsys.readouterr().out
    before_the_bundles(database)
    with_another_line(tmp_path)
    assert replacing.put_back(store(database), tmp_path / "policies/calendars") == 1
    told = capsys.readouterr().out
    assert f"已补回工作日历（版本 {LAWBOOK.charter['calendar']}）" in told
    assert f"在用的规则（版本 {DIGEST}）仍缺少文件" in told
    assert replacing.put_back(store(database), tmp_path / "policies/calendars") == 1
    assert "未作任何改动" in capsys.readouterr().out
    assert replacing.put_back(store(database), tmp_path / "policies") == 1  # its divisions fit, its rules do not
    assert lost(database) == [("policy", True)]
    assert replacing.put_back(store(database), POLICIES) == 0
    assert (lost(database), len(kinds(database.engine))) == ([], 4)
    for place in (None, str(tmp_path / "nowhere")):
        with pytest.raises(Misconfigured):
            replacing.run(place, Settings.read({"MANDATE_DATA": str(tmp_path)}))


def test_what_is_put_back_is_law_and_is_kept_for_ever(database: World) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    before_the_bundles(database)
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    assert {row.media_type for row in rows(database, "SELECT media_type FROM content")} == {content.BUNDLE}
    with pytest.raises(Exception, match="kept for ever"), database.engine.begin() as connection:
        connection.execute(text("DELETE FROM content"))


# --- the register ---------------------------------------------------------------------------------------------------
def test_a_window_of_an_earlier_version_names_the_entry_of_its_words(database: World) -> None:
    """It was folded without that; the check folds it with."""
    script = importlib.import_module("audit.migrations.versions.0006_older_logs").SCRIPT
    founding.record(store(database), LAWBOOK, [founding.Deed(ref="0" * 32, facts=(window(),))])
    owner = create_engine(database.owner_url)
    as_superuser(database, "UPDATE opening SET body = body - 'text'")
    assert [each.kind for each in fsck.check(owner).findings] == ["UNLOGGED_CHANGE"]
    with owner.begin() as connection:
        app = make_url(database.app_url).username
        connection.exec_driver_sql(script.format(app=f'"{app}"'))
    assert fsck.check(owner).verdict == "OK"
    owner.dispose()


def window() -> Fact:
    return WindowOpened(
        division="64", cells=(), operations=(), data_year=None, valid_from="2026-01-01T00:00:00.000000Z",
        valid_until="2026-03-01T00:00:00.000000Z", title="t", issuer="i", dated="2026-01-01", document=None,
        document_sha256=None, edition="2023-06-30", grants=0,
    )  # fmt: skip
