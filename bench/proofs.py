"""`python -m bench.proofs`: how long a proof takes on a log of a million entries, and how fast others verify it.

The log is made by COPY in a scratch database of the embedded PostgreSQL: entries of the usual width with leaves of
their own, and the nodes that the service would have written. A proof is timed as the service makes it: one statement
on one connection, and the hashing.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine

from api.database import prepare
from api.postgres.embedded import Cluster
from audit import nodes, proof
from audit.tree import Edge, leaf

SIZE = 1_000_000
ASKED = 2_000
WIDTH = 900
"""Bytes of an entry about an edit."""


@contextmanager
def big_log(size: int) -> Iterator[Engine]:
    """A scratch database with a log of this size."""
    folder = Path(tempfile.mkdtemp(prefix="mandate-bench-"))
    cluster = Cluster(folder / "pg", volatile=True)
    try:
        cluster.start()
        database = prepare(cluster.url(), passwords=cluster.passwords, volatile=True)
        owner = create_engine(cluster.url(database="mandate").replace("postgresql://", "postgresql+psycopg://"))
        with owner.begin() as connection:
            connection.exec_driver_sql(f"SELECT make_room({size})")
            fill(connection, size)
        with owner.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE entry, node")
        owner.dispose()
        yield database.engine
        database.dispose()
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def fill(connection: Connection, size: int) -> None:
    """Entries 0 to size - 1 and the nodes of their tree."""
    driver = connection.connection.driver_connection
    assert driver is not None
    cursor = driver.cursor()
    leaves = [leaf(number.to_bytes(8, "big")) for number in range(size)]
    content = ("x" * WIDTH).encode().hex()
    with cursor.copy("COPY entry (number, at, act, kind, leaf, bytes) FROM STDIN") as copy:
        for begin in range(0, size, 1000):
            lines = (
                f"{number}\t2026-01-01\t{number:032x}\tFake\t\\\\x{leaves[number].hex()}\t\\\\x{content}\n"
                for number in range(begin, min(begin + 1000, size))
            )
            copy.write("".join(lines).encode())
    edge, whole = Edge().grow(leaves)
    with cursor.copy("COPY node (level, number, hash) FROM STDIN") as copy:
        copy.write("".join(map(nodes.line, whole)).encode())
    cursor.execute("UPDATE head SET size = %s, edge = %s", (size, edge.packed))


def timed(each: Callable[[int, int], object], size: int) -> tuple[float, float]:
    """Milliseconds at the middle and at 99 of 100, for random entries and sizes."""
    dice = random.Random(7)  # noqa: S311 a measurement
    spent = []
    for _ in range(ASKED):
        reached = dice.randrange(size // 2, size) + 1
        number = dice.randrange(reached)
        begun = time.perf_counter()
        each(number, reached)
        spent.append((time.perf_counter() - begun) * 1000)
    spent.sort()
    return spent[len(spent) // 2], spent[len(spent) * 99 // 100]


def measured(size: int = SIZE) -> list[tuple[str, str]]:
    """The published figures."""
    with big_log(size) as engine:

        def included(number: int, reached: int) -> None:
            with engine.connect() as connection:
                nodes.inclusion(connection, number, reached)

        def grown(number: int, reached: int) -> None:
            with engine.connect() as connection:
                nodes.consistency(connection, number + 1, reached)

        inclusion, consistency = timed(included, size), timed(grown, size)
        with engine.connect() as connection:
            made = [nodes.inclusion(connection, number, size) for number in range(0, size, size // 500)]
        begun = time.perf_counter()
        for each in made:
            proof.verify_inclusion(each.number, each.size, each.leaf, each.path, each.root)
        rate = len(made) / (time.perf_counter() - begun)
    return [
        (f"inclusion proof, {size:,} entries, p50 / p99, ms", "{:.2f} / {:.2f}".format(*inclusion)),
        (f"consistency proof, {size:,} entries, p50 / p99, ms", "{:.2f} / {:.2f}".format(*consistency)),
        ("  hashes in an inclusion proof", str(len(made[0].path))),
        ("inclusion proofs verified offline, per s and core", f"{rate:,.0f}"),
    ]


if __name__ == "__main__":
    for name, figure in measured():
        print(f"| {name:<58} | {figure:>22} |")
