"""The embedded database keeps what it is told, lets nobody else in, and leaves neither a process nor a wider folder."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

from api.postgres.cluster import (
    LONGEST_SOCKET_FOLDER,
    NOBODY,
    ClusterError,
    Person,
    binaries,
    closed_to,
    occupants,
    person,
    private_folder,
    socket_folder,
)
from api.postgres.embedded import Cluster

ROOT = Path(__file__).resolve().parent.parent
ORDINARY = 12345
PRIVATE = 0o700
SECRET = 0o600
RUN = """
import sys, time
from pathlib import Path
from api.postgres.embedded import Cluster
cluster = Cluster(Path(sys.argv[1]))
cluster.start()
print(cluster.pid, cluster.url(), flush=True)
time.sleep(float(sys.argv[2]))
"""


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        answer = connection.exec_driver_sql(statement)
        return [tuple(row) for row in answer] if answer.returns_rows else []


def modes(folder: Path) -> list[int]:
    return [stat.S_IMODE(place.stat().st_mode) for place in (folder, *folder.parents)]


@contextlib.contextmanager
def other_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process with a cluster running on the folder, and the cluster's URL."""
    words = [sys.executable, "-c", RUN, str(folder), "60"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[1]
        finally:
            process.kill()


def gone(cluster: Path) -> bool:
    deadline = time.monotonic() + 10
    while occupants(cluster) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not occupants(cluster)


def test_a_second_start_continues_with_the_same_data_in_a_private_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = modes(home)
    cluster = Cluster(home / "var")
    cluster.start()
    ask(cluster.url(), "CREATE TABLE kept AS SELECT 7 AS n")
    for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert ask(cluster.url(), f"SHOW {name}") == [("on",)]
    assert ask(cluster.url(), "SHOW listen_addresses") == [("",)]
    cluster.stop()
    assert gone(cluster.cluster)
    cluster.start()
    assert ask(cluster.url(), "SELECT n FROM kept") == [(7,)]
    cluster.stop()
    cluster.stop()
    assert modes(home) == before
    private = [home / "var", cluster.cluster, cluster.passwords, home / "var" / "run"]
    assert {stat.S_IMODE(place.stat().st_mode) for place in private} == {PRIVATE}
    assert stat.S_IMODE((cluster.passwords / "postgres").stat().st_mode) == SECRET


def test_a_killed_parent_leaves_a_postmaster_and_the_next_start_takes_over(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "var")
    with other_process(cluster.folder) as (process, url):
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
        process.kill()
        process.wait()
        left = occupants(cluster.cluster)
        assert left, "the premise: PostgreSQL survives its parent"
        cluster.start()
        assert not set(left) & set(occupants(cluster.cluster))
        assert ask(cluster.url(), "SELECT n FROM kept") == [(7,)]
        cluster.stop()
    assert gone(cluster.cluster)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.usefixtures("terminal")
def test_a_stop_signal_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with other_process(tmp_path / "var") as (process, _):
        assert occupants(tmp_path / "var" / "cluster")
        process.send_signal(number)
        process.wait(20)
        assert not occupants(tmp_path / "var" / "cluster")
        assert not (tmp_path / "var" / "cluster" / "postmaster.pid").exists()


def test_a_long_recovery_is_waited_for_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("api.postgres.embedded.PATIENCE", 0.0)
    cluster = Cluster(tmp_path / "var", volatile=True)
    cluster.start()
    assert "数据库正在启动或恢复" in capsys.readouterr().err
    cluster.stop()


def test_ctrl_c_at_a_terminal_does_not_reach_postgresql(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "var", volatile=True)
    cluster.start()
    assert cluster.pid is not None
    assert os.getpgid(cluster.pid) != os.getpgid(0)
    cluster.stop()


def test_a_second_process_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "var", volatile=True)
    cluster.start()
    with pytest.raises(ClusterError, match=r"正由另一个进程使用.*Another process"):
        Cluster(tmp_path / "var", volatile=True).start()
    words = [sys.executable, "-c", RUN, str(tmp_path / "var"), "0"]
    refused = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "正由另一个进程使用" in refused.stderr
    assert ask(cluster.url(), "SELECT 1") == [(1,)]
    cluster.stop()


def test_a_crash_and_a_process_id_given_away_since_do_not_stop_the_next_start(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "var")
    cluster.start()
    ask(cluster.url(), "CREATE TABLE kept AS SELECT 7 AS n")
    assert cluster.pid is not None
    os.kill(cluster.pid, signal.SIGKILL)
    cluster.stop()
    place = socket_folder(cluster.folder, person(cluster.folder, binaries() / "postgres"))
    for file in (cluster.cluster / "postmaster.pid", place / ".s.PGSQL.5432.lock"):
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    cluster.start()
    assert ask(cluster.url(), "SELECT n FROM kept") == [(7,)]
    cluster.stop()


def test_a_shell_standing_in_the_folder_is_nobody_to_stop(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=tmp_path, stdin=subprocess.PIPE) as shell:
        assert Path(f"/proc/{shell.pid}/cwd").readlink() == tmp_path
        assert occupants(tmp_path) == []
        shell.communicate(b"\n")


def test_a_failed_statement_does_not_put_its_words_into_the_log(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "var", volatile=True)
    cluster.start()
    with pytest.raises(DBAPIError):
        ask(cluster.url(), "DO $$BEGIN /* a telephone */ RAISE EXCEPTION 'said' USING DETAIL = 'a name'; END$$")
    cluster.stop()
    told = (cluster.folder / "log").read_text()
    assert "said" in told
    assert "a telephone" not in told
    assert "a name" not in told


def test_no_one_enters_without_the_password(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "var", volatile=True)
    cluster.start()
    right = cluster.url()
    word = (cluster.passwords / "postgres").read_text().strip()
    assert ask(right, "SELECT 1") == [(1,)]
    for wrong in (right.replace(word, "guess"), right.replace(":" + word, "")):
        with pytest.raises(OperationalError):
            ask(wrong, "SELECT 1")
    cluster.stop()


def test_a_long_data_path_gets_a_short_private_socket_folder(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / ("long" * 25), volatile=True)
    cluster.start()
    (where,) = ask(cluster.url(), "SHOW unix_socket_directories")[0]
    place = Path(str(where))
    assert len(str(place)) <= LONGEST_SOCKET_FOLDER
    assert stat.S_IMODE(place.stat().st_mode) == PRIVATE
    assert place.stat().st_uid == cluster.cluster.stat().st_uid
    cluster.stop()
    assert not place.exists()


def widened(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)


def linked(folder: Path) -> None:
    folder.with_name("elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.with_name("elsewhere"))


@pytest.mark.parametrize("prepare", [widened, linked, Path.touch], ids=["open to all", "a link", "a file"])
def test_a_socket_folder_prepared_by_others_is_refused_and_left_as_it_is(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    folder = tmp_path / "run"
    prepare(folder)
    before = folder.lstat().st_mode
    with pytest.raises(ClusterError, match="0700"):
        private_folder(folder, Person(os.geteuid(), os.getegid()))
    assert folder.lstat().st_mode == before


def test_an_ordinary_user_runs_it(tmp_path: Path) -> None:
    """As root: as a real other user where that one can reach the interpreter, else as an ordinary id in a namespace."""
    folder = tmp_path / "var"
    words = [sys.executable, "-c", RUN, str(folder), "0"]
    options: dict[str, int] = {}
    reach = [sys.executable, str(Path(sys.executable).resolve()), __file__, str(binaries()), str(folder)]
    if os.geteuid() == 0 and not any(closed_to(ORDINARY, ORDINARY, Path(path)) for path in reach):
        folder.mkdir(mode=0o700)
        os.chown(folder, ORDINARY, ORDINARY)
        options = {"user": ORDINARY, "group": ORDINARY}
    elif os.geteuid() == 0:
        words = person(folder, binaries() / "postgres").command(*words)
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert told.returncode == 0, told.stderr
    assert gone(folder / "cluster")


def test_a_folder_closed_to_the_id_we_drop_to_is_named(tmp_path: Path) -> None:
    opened, closed = tmp_path / "open", tmp_path / "closed"
    opened.mkdir(mode=0o755)
    closed.mkdir(mode=0o700)
    mine = os.geteuid()
    assert closed_to(NOBODY, NOBODY, closed / "var" / "cluster") in {closed, *closed.parents}
    assert closed_to(mine, os.getegid(), closed / "var") not in {closed, opened}
    assert closed_to(NOBODY, NOBODY, Path("/var")) is None
