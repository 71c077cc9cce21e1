"""The trust section of the README, run as it is pasted: the cover-up passes inside and fails for whoever kept three lines."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import memory

from bench.__main__ import service

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "docs" / "trust.sh"


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="mandate-test-trust-", dir=memory()))
    yield made
    shutil.rmtree(made)


def commands() -> list[str]:
    """The commands of the script, without the comments behind them."""
    lines = [line.split("  #")[0].strip() for line in SCRIPT.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_the_commands_catch_him(folder: Path) -> None:
    demo, keep, intrude, inside, check, paper = commands()
    with service(folder, "1") as (port, _):
        environment = os.environ | {
            "MANDATE_DATA": str(folder), "MANDATE_LISTEN": f"127.0.0.1:{port}", "MANDATE_BASE_URL": f"http://127.0.0.1:{port}",
        }  # fmt: skip

        def run(command: str) -> tuple[int, str]:
            placed = command.replace("kept.txt", f"{folder}/kept.txt")
            done = subprocess.run(
                ["bash", "-c", placed], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
            )
            return done.returncode, done.stdout + done.stderr

        assert "场景" in run(demo)[1]
        assert len(run(keep)[1].splitlines()) == 3
        for honest in (check, paper):
            status, told = run(honest)
            assert status == 0, told
        status, told = run(intrude)
        assert (status, "p-9999" in told) == (0, True), told
        status, told = run(inside)
        assert (status, "OK" in told) == (0, True), told
        for caught in (check, paper):
            status, told = run(caught)
            assert (status, "FORK" in told) == (1, True), told
