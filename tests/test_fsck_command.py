"""`mandate fsck` beside a running service: what it says, in which words, and with which status."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from test_serving import House, free_port

from api import cli
from api.commands import checking
from api.postgres import opening
from api.settings import Settings


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    found = House(tmp_path_factory.mktemp("fsck"), free_port())
    found.start("run")
    yield found
    if found.process is not None:
        assert found.stop() == 0


def as_owner(service: House, statement: str) -> None:
    """What whoever owns the database can do while the service runs."""
    with opening.visited(Settings.read(service.environ)) as database:
        assert database.owner_url is not None
        engine = create_engine(database.owner_url)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()


def test_a_service_that_lives_and_is_guarded_is_sound(service: House) -> None:
    found = service.command("fsck", "--live")
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.startswith("OK：")


GUARDS = {
    "a partition": ("entry_00000", "DISABLE TRIGGER append_only", "数据表 entry_00000 的防改触发器 append_only 已停用"),
    "the parent": ("entry", "DISABLE TRIGGER append_only_whole", "数据表 entry 的防改触发器 append_only_whole 已停用"),
    "not always": ("leaves", "ENABLE TRIGGER append_only", "数据表 leaves 的防改触发器 append_only 未设为始终生效"),
}


@pytest.mark.parametrize("which", GUARDS)
def test_a_guard_that_is_down_is_told_in_plain_words(service: House, which: str) -> None:
    table, change, words = GUARDS[which]
    as_owner(service, f"ALTER TABLE {table} {change}")
    for more in ([], ["--live"]):
        found = service.command("fsck", *more)
        assert (found.returncode, found.stdout.splitlines()[0].split()[0]) == (1, "UNGUARDED"), (
            found.stdout + found.stderr
        )
        assert words in found.stdout
        assert "请立即报告审计部门" in found.stdout
    as_owner(service, f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {change.split()[-1]}")
    assert service.command("fsck").returncode == 0


def test_silence_is_told_only_of_a_service_that_should_run(
    service: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, so that no quarter of an hour has to pass: it is silent as soon as nothing comes after the end."""
    for name, value in service.environ.items():
        if name.startswith("MANDATE_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(checking, "SILENCE", -1)
    assert cli.main(["fsck"]) == 0
    assert cli.main(["fsck", "--live"]) == 1
    told = capsys.readouterr().out
    assert "STALE_CHECKPOINT" in told
    assert "请检查服务是否在运行" in told


def test_after_a_stop_the_same_log_is_checked_and_a_silent_one_named(
    service: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service.stop() == 0
    assert service.command("fsck").returncode == 0
    kept = Path(service.environ["MANDATE_DATA"])
    monkeypatch.setenv("MANDATE_DATA", str(kept))
    monkeypatch.setattr(checking, "SILENCE", -1)
    assert cli.main(["fsck", "--live"]) == 1
    assert "STALE_CHECKPOINT" in capsys.readouterr().out
