"""The service as a process: it starts, serves, stops on a signal, leaves nothing behind, and goes on with its data."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.postgres.cluster import occupants
from api.postgres.embedded import Cluster

PATIENCE = 60
CODE = re.compile("(?:[0-9A-Z]{5}-){3}[0-9A-Z]{5}")
MANDATE = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main(sys.argv[1:]))"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """One data folder and port, and the process that serves there, if any."""

    folder: Path
    port: int
    process: subprocess.Popen[str] | None = None

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MANDATE_")}
        return kept | {"MANDATE_DATA": str(self.folder / "var"), "MANDATE_LISTEN": f"127.0.0.1:{self.port}"}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [*MANDATE, *words], env=self.environ, capture_output=True, text=True, timeout=PATIENCE * 2, check=False
        )

    def start(self, *words: str) -> float:
        """Start and wait until it is ready; how long that took."""
        began = time.monotonic()
        out = (self.folder / "out").open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [*MANDATE, *words], env=self.environ, stdout=out, stderr=out, text=True, start_new_session=True
        )
        out.close()
        while self.get("/readyz")[0] != 200:
            assert self.process.poll() is None, self.said
            assert time.monotonic() - began < PATIENCE, self.said
            time.sleep(0.05)
        return time.monotonic() - began

    def stop(self, number: int = signal.SIGINT, *, group: bool = False) -> int:
        """Stop by a signal, to the whole group as a terminal sends it if asked; the exit status."""
        assert self.process is not None
        (os.killpg if group else os.kill)(self.process.pid, number)
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    def get(self, path: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
        return self.ask("GET", path, None, token)

    def ask(self, verb: str, path: str, body: Any, token: str | None = None) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(verb, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except OSError:
            return 0, {}
        finally:
            connection.close()

    @property
    def said(self) -> str:
        return (self.folder / "out").read_text(encoding="utf-8")

    @property
    def left(self) -> list[int]:
        """Processes of the database that still live."""
        return occupants((self.folder / "var/postgres/cluster").resolve())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path, free_port())
    yield found
    if found.process is not None:
        found.process.terminate()
        found.process.wait(PATIENCE)
    assert found.left == []


def test_a_demo_world_is_served_stopped_and_found_again(service: House) -> None:
    service.start("run")
    size = service.get("/readyz")[1]["size"]
    assert all(word in service.said for word in ("p-1002", "mandate token", f"127.0.0.1:{service.port}"))
    assert service.left
    assert service.stop() == 0
    assert service.left == []
    assert "数据已保存" in service.said
    took = service.start("run")
    assert service.get("/readyz")[1]["size"] == size
    assert took < PATIENCE
    assert service.stop(signal.SIGTERM) == 0
    checked = service.command("fsck")
    assert (checked.returncode, checked.stdout.splitlines()[-1][:2]) == (0, "OK"), checked.stdout + checked.stderr
    refused = service.command("serve", "--origin", "a.test/log")
    assert refused.returncode == 2
    assert "演示数据" in refused.stderr


def test_a_service_shows_its_code_until_somebody_is_admitted(service: House) -> None:
    words = ("serve", "--origin", "a.test/log")
    service.start(*words)
    first = CODE.search(service.said)
    assert first is not None
    assert "p-1002" not in service.said
    assert service.command("token", "p-1002").returncode == 2
    assert service.command("token", "--once", "p-1").returncode == 2
    assert service.stop() == 0
    service.start(*words)
    code = CODE.search(service.said)
    assert code is not None
    person = {"name": "王建国", "identity_number": "11010519491231002X"}
    assert service.ask("POST", "/v1/bootstrap", {"code": first[0], **person})[0] == 401
    assert service.ask("POST", "/v1/bootstrap", {"code": code[0], **person})[0] == 201
    handed = service.command("token", "--once", "p-1")
    assert handed.returncode == 0, handed.stderr
    assert service.get("/v1/me", handed.stdout.strip())[1]["id"] == "p-1"
    assert service.command("token", "--once", "p-2").returncode == 2
    assert service.stop() == 0
    service.start(*words)
    assert not CODE.search(service.said)
    assert service.stop() == 0
    assert (service.folder / "var/keys/bootstrap.key").exists()
    assert not (service.folder / "var/keys/demo.key").exists()


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_closed_terminal_stops_the_service_with_its_database(service: House, workers: str) -> None:
    service.start("run", "--workers", workers)
    assert service.stop(signal.SIGHUP, group=True) == 0
    assert service.left == []
    assert "数据已保存" in service.said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_whose_database_is_killed_ends_and_starts_again(service: House, workers: str) -> None:
    service.start("run", "--workers", workers)
    assert service.process is not None
    os.kill(int((service.folder / "var/postgres/cluster/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    assert service.process.wait(PATIENCE) == 2
    assert "意外退出" in service.said
    assert "Traceback" not in service.said
    service.start("run")
    assert service.stop() == 0


def test_several_workers_share_one_database_and_end_together(service: House) -> None:
    service.start("run", "--workers", "2")
    assert service.process is not None
    children = _children(service.process.pid)
    assert all(service.get("/readyz")[0] == 200 for _ in range(20))
    assert service.stop(signal.SIGINT, group=True) == 0
    deadline = time.monotonic() + PATIENCE
    while any(map(_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.02)  # the interpreter's own tracker of a pool ends when it notices that its parent has
    assert not [each for each in children if _alive(each)]
    assert "Traceback" not in service.said


def test_a_second_signal_does_not_cut_the_end_short(service: House) -> None:
    service.start("run")
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    assert service.stop(signal.SIGINT) == 0
    assert "Traceback" not in service.said


def test_a_killed_service_leaves_no_worker_and_starts_again(service: House) -> None:
    service.start("run", "--workers", "2")
    assert service.process is not None
    workers = [each for each in _children(service.process.pid) if "python" in _name(each)]
    assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    until = time.monotonic() + PATIENCE
    while any(_alive(each) for each in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [each for each in workers if _alive(each)]
    service.start("run")
    assert service.stop() == 0


def test_a_postgresql_of_your_own_is_used(service: House, tmp_path: Path) -> None:
    own = Cluster(tmp_path / "own")
    own.start()
    try:
        url = own.url()
        service.start("run", "--database-url", url)
        assert not (service.folder / "var/postgres").exists()
        assert service.stop() == 0
        assert service.command("fsck", "--database-url", url).returncode == 0
    finally:
        own.stop()
    refused = service.command("run", "--database-url", url)
    assert refused.returncode == 2
    assert "连接不上数据库" in refused.stderr
    assert url.split(":")[2].split("@")[0] not in refused.stdout + refused.stderr


def test_a_taken_port_is_told_before_anything_is_made(service: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", service.port))
        taken.listen()
        refused = service.command("run")
    assert refused.returncode == 2
    assert "MANDATE_LISTEN" in refused.stderr
    assert not (service.folder / "var").exists()


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.parent.name))
        except (OSError, ValueError):
            continue
    return found


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
