"""A real restore: the data folder of yesterday under a service that has signed more. It serves hashes, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_serving import MANDATE, PATIENCE, House, free_port

WORDS = ("serve", "--origin", "a.test/log")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path, free_port())
    yield found
    if found.process is not None:
        found.process.terminate()
        found.process.wait(PATIENCE)
    assert found.left == []


def start_halted(service: House) -> tuple[int, dict[str, object]]:
    """Start, and wait for any answer of `/readyz`."""
    with (service.folder / "out").open("w", encoding="utf-8") as out:
        service.process = subprocess.Popen(
            [*MANDATE, *WORDS], env=service.environ, stdout=out, stderr=out, text=True, start_new_session=True
        )
    began = time.monotonic()
    while (answer := service.get("/readyz"))[0] == 0:
        assert time.monotonic() - began < PATIENCE, service.said
        time.sleep(0.05)
    return answer


def test_a_restored_database_is_neither_signed_nor_served_until_the_newer_one_is_back(service: House) -> None:
    place, old, new = (service.folder / each for each in ("var/postgres", "old", "new"))
    service.start(*WORDS)
    assert service.stop() == 0
    shutil.copytree(place, old, symlinks=True)
    service.start(*WORDS)
    size = service.get("/readyz")[1]["size"]
    rotated = service.command("log", "rotate-key", "--yes", "--origin", "a.test/log")
    assert rotated.returncode == 0, rotated.stderr
    began = time.monotonic()
    while service.get("/readyz")[1]["signed"] < size + 1:
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.1)
    assert service.stop() == 0
    place.rename(new)
    shutil.copytree(old, place, symlinks=True)
    status, told = start_halted(service)
    assert (status, str(told["detail"])[:8]) == (503, "ROLLBACK")
    assert "停止办理：ROLLBACK" in service.said
    assert "口令" not in service.said
    person = {"code": "AAAAA-AAAAA-AAAAA-AAAAA", "name": "王建国", "identity_number": "11010519491231002X"}
    assert service.ask("POST", "/v1/bootstrap", person)[0] in (401, 503)
    assert service.command("log", "rotate-key", "--yes", "--origin", "a.test/log").returncode == 2
    assert service.get("/v1/consistency?from=1")[1]["to"] < size
    assert service.stop() == 0
    shutil.rmtree(place)
    new.rename(place)
    service.start(*WORDS)
    assert service.get("/readyz")[1]["signed"] >= size + 1
    assert service.stop() == 0
