"""Several server processes on one database, one of them killed in the middle: nothing acknowledged is lost, no gap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from acts import rows
from conftest import World

WRITER = """
import sys
from acts import Say, loaded, running
from api.database import open_engine

engine = open_engine(sys.argv[1], 2)
with running(engine) as ledger:
    for n in range(int(sys.argv[3])):
        print(ledger.record(Say(facts=(loaded(f"h-{sys.argv[2]}-{n}"),))).number, flush=True)
engine.dispose()
"""


def writer(world: World, name: str, count: int) -> subprocess.Popen[str]:
    folder = Path(__file__).parent
    command = [sys.executable, "-c", WRITER, world.app_url, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)


def told(process: subprocess.Popen[str], count: int | None = None) -> list[int]:
    assert process.stdout is not None
    lines = process.stdout.readlines() if count is None else [process.stdout.readline() for _ in range(count)]
    return [int(each) for each in lines if each.endswith("\n")]


def test_a_killed_process_loses_nothing_it_has_acknowledged(database: World) -> None:
    victim, other = writer(database, "a", 100_000), writer(database, "b", 60)
    with victim, other:
        seen = told(victim, 20)
        victim.kill()
        seen += told(victim)
        mine = told(other)
        assert other.wait(30) == 0
    numbers = [row.number for row in rows(database, "SELECT number FROM entry ORDER BY number")]
    assert numbers == list(range(len(numbers)))
    assert len(mine) == 60
    assert len({*seen, *mine}) == len(seen) + len(mine)
    assert {*seen, *mine} <= set(numbers)
    assert len(numbers) - len(seen) - len(mine) <= 1
