"""`python -m bench.cost [folder]`: what one recorded edit costs, by itself and in a batch of 500.

The application runs in this process without a network, so that every stage can be watched: what the database is told
(statements, round trips, bytes, commits), microseconds of each stage, and CPU time of this process and of the server
process. Under the lock is everything between asking for the log's lock and the answer to COMMIT.

A folder that is given is kept and used again; figures of two versions are compared on the same folder, in turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy.engine import Transaction

import bench.__main__ as whole
from api import edits, founding, memory, pep
from api.app import create_app
from api.database import open_engine
from api.demo.client import Client
from api.deployment import Deployment
from api.postgres import opening
from api.settings import Settings
from audit import batch, deposit
from audit.ledger import Ledger
from audit.tree import Edge
from authz import register
from bench import authority
from bench.authority import Village
from bench.stages import Place, Stopwatch, Talk, server_nanoseconds

ROUNDS, WARM = int(os.environ.get("COST_ROUNDS", "30")), 8
SIZES = (1, whole.BATCH)
STAGES: dict[str, tuple[Place, ...]] = {
    "parse": ((pep, "gate_parsed"),),
    "form, seal, make the act": ((edits, "ask"),),
    "lock, guard, head, law": ((batch, "write"),),
    "reads": ((register, "fetch"), (register, "union")),
    "judge": ((edits.AskEdit, "judge"), (edits.AskEdit, "note")),
    "around the judgement": ((batch, "_outcome"),),
    "encode and hash": ((batch.Written, "made"),),
    "fold": ((register, "apply"), (batch, "_folded")),
    "tree": ((Edge, "grow"),),
    "copy": ((deposit, "put"), (deposit, "_copy")),
    "commit": ((Transaction, "commit"),),
    "answer": ((edits, "outcome"), (pep, "respond")),
}


def main() -> None:
    """Print the figures as a table."""
    with _folder(sys.argv[1:]) as folder, _deployed(folder) as (deployment, villages), asyncio.Runner() as loop:
        memory.settle()
        for size in SIZES:
            for name, figure in measured(deployment, folder, villages, size, loop):
                print(f"| {name:<58} | {figure:>22} |", flush=True)


@contextlib.contextmanager
def _folder(given: list[str]) -> Iterator[Path]:
    """A founded demo world whose villages may edit."""
    folder = Path(given[0]) if given else Path(tempfile.mkdtemp(prefix="mandate-cost-"))
    try:
        if not (folder / "villages.json").exists():
            with whole.service(folder, "1") as (port, _), _client(folder, port) as client:
                made = authority.granted(client, int(time.time()) % 90_000 + 1)
            (folder / "villages.json").write_text(json.dumps([[each.code, each.collector] for each in made]))
        yield folder
    finally:
        if not given:
            shutil.rmtree(folder, ignore_errors=True)


def _client(folder: Path, port: int) -> Client:
    return Client(f"http://127.0.0.1:{port}", founding.signer(folder / "keys", founding.DEMO))


@contextlib.contextmanager
def _deployed(folder: Path) -> Iterator[tuple[Deployment, list[Village]]]:
    """The application's own parts on that world: its ledger runs, its keepers do not."""
    settings = Settings.read({"MANDATE_DATA": str(folder)})
    villages = [Village(*each) for each in json.loads((folder / "villages.json").read_text())]
    with opening.visited(settings) as database:
        engine = open_engine(database.app_url, 6)
        found = type(database)(None, database.app_url, engine)
        deployment = founding.deploy(settings, found, founding.read_lawbook(settings.policies), demo=True)
        deployment.ledger.start()
        try:
            yield deployment, villages
        finally:
            deployment.ledger.stop()
            engine.dispose()


def measured(
    deployment: Deployment, folder: Path, villages: list[Village], size: int, loop: asyncio.Runner
) -> list[tuple[str, str]]:
    """The figures of one request of this many edits."""
    signer = founding.signer(folder / "keys", founding.DEMO)
    app = create_app(deployment)
    bodies = iter(
        [_request(signer, villages[place % len(villages)], size, place) for place in range(WARM + 1 + 3 * ROUNDS)]
    )

    def once() -> None:
        loop.run(_asked(app, *next(bodies)))

    for _ in range(WARM):
        once()
    rows = [(f"--- one request of {size} edits ---", "")]
    rows += _talked(deployment.ledger, folder, once)
    process, server, wall = _spent(deployment.ledger, once)
    rows += [
        ("CPU of this process, us per edit", f"{process / size:,.1f}"),
        ("CPU of the server process, us per edit", f"{server / size:,.1f}"),
        ("by the clock, us per edit", f"{wall / size:,.1f}"),
        ("under the lock by the clock, us per edit", f"{_locked(once) / size:,.1f}"),
        ("stages, us per edit: CPU / by the clock", ""),
    ]
    watch = Stopwatch()
    with watch.watching(STAGES):
        for _ in range(ROUNDS):
            watch.begin()
            once()
            watch.end()
    return rows + list(watch.lines(size))


def _talked(ledger: Ledger, folder: Path, once: Callable[[], None]) -> list[tuple[str, str]]:
    talk = Talk(_driver(ledger).pgconn, folder / "talk.trace")
    talk.begin()
    once()
    talk.end()
    names = ("statements", "round trips", "commits", "bytes to the server", "bytes from the server")
    said = ", ".join(each.split()[0].lower() for each in talk.statements)
    return [(name, f"{talk.counts[name]:,}") for name in names] + [(f"  {said}", "")]


def _spent(ledger: Ledger, once: Callable[[], None]) -> tuple[float, float, float]:
    """Microseconds of a request: CPU of this process, of the server process, and by the clock; medians."""
    pid = _driver(ledger).info.backend_pid
    found = []
    for _ in range(ROUNDS):
        mine, other, clock = time.process_time_ns(), server_nanoseconds(pid), time.perf_counter_ns()
        once()
        clock, mine = time.perf_counter_ns() - clock, time.process_time_ns() - mine
        found.append((mine, server_nanoseconds(pid) - other, clock))
    first, second, third = (median(each) / 1000 for each in zip(*found, strict=True))
    return first, second, third


def _locked(once: Callable[[], None]) -> float:
    """Microseconds by the clock from asking for the lock to the answer to COMMIT; median."""
    found: list[float] = []
    write, commit = batch.write, Transaction.commit
    began = [0]

    def writing(*told: Any, **more: Any) -> Any:
        began[0] = time.perf_counter_ns()
        return write(*told, **more)

    def committing(self: Transaction) -> None:
        commit(self)
        if began[0]:
            found.append((time.perf_counter_ns() - began[0]) / 1000)
            began[0] = 0

    batch.write, Transaction.commit = writing, committing  # type: ignore[method-assign]
    try:
        for _ in range(ROUNDS):
            once()
    finally:
        batch.write, Transaction.commit = write, commit  # type: ignore[method-assign]
    return median(found)


def _driver(ledger: Ledger) -> Any:
    assert ledger.connection is not None
    return ledger.connection.connection.driver_connection


def _request(signer: Any, village: Village, size: int, place: int) -> tuple[str, bytes, bytes]:
    token = _tokens.setdefault(village.collector, signer.mint(village.collector, 3600, time.time(), "bench"))
    made = [whole.edit(village, place * size + each) for each in range(size)]
    body = json.dumps(made if size > 1 else made[0]).encode()
    return "/v1/edits/batch" if size > 1 else "/v1/edits", token.encode(), body


_tokens: dict[str, str] = {}


async def _asked(app: Any, path: str, token: bytes, body: bytes) -> None:
    headers = [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer " + token), (b"content-type", b"application/json"),
               (b"content-length", str(len(body)).encode())]  # fmt: skip
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": headers, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1),
             "server": ("127.0.0.1", 8080)}  # fmt: skip
    given, told = [{"type": "http.request", "body": body}], []

    async def receive() -> Any:
        return given.pop() if given else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        told.append(message)

    await app(scope, receive, send)
    status, answer = told[0]["status"], b"".join(each.get("body", b"") for each in told[1:])
    permits = answer.count(b'"decision":"permit"')
    assert status in (200, 201), answer[:400]
    assert permits == (1 if path.endswith("edits") else whole.BATCH), answer[:400]


if __name__ == "__main__":
    main()
