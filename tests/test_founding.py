"""The founding of a log: once, resumed, and never under another name."""

from __future__ import annotations

import pytest
import worlds
from conftest import World


def test_town(database: World) -> None:
    with worlds.Town(database) as town:
        print(town.size())
        got = town.post("/v1/edits", worlds.COLLECTOR, town.edit())
        assert got.status_code == 403, got.text
        print(got.text)


def test_plant(database: World) -> None:
    import time
    from api import founding, world
    from pathlib import Path
    lb = founding.read_lawbook(Path("policies"))
    t = time.time()
    founding.found(database.engine, lb, "x.test/log", demo=True)
    print("found", time.time() - t)
    t = time.time()
    world.plant(database.engine, lb.law, b"k" * 32, lambda a, b: print(a, b, time.time() - t))
    t = time.time()
    assert not world.plant(database.engine, lb.law, b"k" * 32, print)
    print("again", time.time() - t)
