"""`make bench`: what the service does per second on this machine, beside the ceiling of the same run.

Everything runs on the same cores: server, PostgreSQL and load generator. Absolute figures drift with the machine; the
ratio to the ceiling (an ASGI application of six lines on the same server, asked by the same generator) does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from api import founding
from api.demo.client import Client
from bench import authority, lag, load, proofs, rates
from bench.authority import Village

SECONDS = float(os.environ.get("BENCH_SECONDS", "8"))
CONNECTIONS = 64
BATCH = 500
MANDATE = Path(sys.executable).parent / "mandate"


def main() -> None:
    """Print the figures as a table."""
    folder = Path(tempfile.mkdtemp(prefix="mandate-bench-"))
    try:
        workers = os.environ.get("MANDATE_WORKERS", "1")
        print(
            f"machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, workers {workers}"
        )
        with service(folder, workers) as (_, first):
            pass
        with service(folder, workers) as (port, again):
            signer = founding.signer(folder / "keys", founding.DEMO)
            with Client(f"http://127.0.0.1:{port}", signer) as client:
                villages = authority.granted(client, int(time.time()) % 90_000 + 1)
                tokens = {each.collector: client.token(each.collector) for each in villages}
            rows = measured(port, villages, tokens)
        rows += [("first start with demo world, s", f"{first:.1f}"), ("start with the world there, s", f"{again:.1f}")]
        rows += rates.checked(folder) + rates.hashed() + proofs.measured()
        for name, figure in rows:
            print(f"| {name:<58} | {figure:>22} |")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measured(port: int, villages: list[Village], tokens: dict[str, str]) -> list[tuple[str, str]]:
    """Ceiling, single edits, batches, and the lag of the checkpoint."""
    with echo() as other:
        ceiling = asyncio.run(load.run(other, itertools.repeat(load.post("/", "x", b"{}")), CONNECTIONS, SECONDS))
    asyncio.run(load.run(port, batches(villages, tokens), 2, 3))
    single = asyncio.run(load.run(port, singles(villages, tokens), CONNECTIONS, SECONDS))
    quiet = asyncio.run(load.run(port, singles(villages, tokens), 1, SECONDS / 2))
    batch = asyncio.run(load.run(port, batches(villages, tokens), 2, SECONDS))
    signed = asyncio.run(lag.measured(port, singles(villages, tokens), SECONDS))
    assert set(single.statuses) == set(quiet.statuses) == {201}, (single.statuses, quiet.statuses)
    assert set(batch.statuses) == {200}, batch.statuses
    return [
        (f"ceiling: echo, {CONNECTIONS} connections, requests/s", f"{ceiling.rate:,.0f}"),
        (f"recorded single edits, {CONNECTIONS} connections, per s", f"{single.rate:,.0f}"),
        ("  share of the ceiling", f"{single.rate / ceiling.rate:.0%}"),
        ("  p50 / p99, ms", f"{single.quantile(0.5):.1f} / {single.quantile(0.99):.1f}"),
        ("recorded single edits, 1 connection, per s", f"{quiet.rate:,.0f}"),
        ("  p50 / p99, ms", f"{quiet.quantile(0.5):.1f} / {quiet.quantile(0.99):.1f}"),
        (f"edits in batches of {BATCH}, 2 connections, edits/s", f"{batch.rate * BATCH:,.0f}"),
        ("  p50 / p99 of a batch, ms", f"{batch.quantile(0.5):.0f} / {batch.quantile(0.99):.0f}"),
        (
            "entry until a signed checkpoint covers it, p50 / p99, s",
            f"{signed.quantile(0.5):.2f} / {signed.quantile(0.99):.2f}",
        ),
    ]


def edit(village: Village, number: int) -> dict[str, object]:
    """One quarterly income; fifty households per village, as in the demo world, so that few are met for the first time."""
    return {
        "household": f"h-b{village.code[6:]}-{number % 50}", "member": "m-1", "division": village.code,
        "cell": "monitored.income", "operation": "update", "data_year": time.localtime().tm_year, "quarter": 4, "channel": "APP",
        "responsibility": {"collected_by": village.collector},
        "changes": [{"field": "wage_income", "before": 1_200_000, "after": 1_350_000 + number}],
        "evidence": [{"kind": "income_ledger", "number": "2026-Q4-017"}],
        "checks": {"ruleset": "2026.3", "failed": [], "overridden": []},
    }  # fmt: skip


def singles(villages: list[Village], tokens: dict[str, str]) -> Iterator[bytes]:
    """Requests that go round the villages."""
    for number in itertools.count():
        village = villages[number % len(villages)]
        body = json.dumps(edit(village, number // len(villages))).encode()
        yield load.post("/v1/edits", tokens[village.collector], body)


def batches(villages: list[Village], tokens: dict[str, str]) -> Iterator[bytes]:
    """Batches, each of one village."""
    for number in itertools.count():
        village = villages[number % len(villages)]
        body = json.dumps([edit(village, each) for each in range(BATCH)]).encode()
        yield load.post("/v1/edits/batch", tokens[village.collector], body)


@contextlib.contextmanager
def service(folder: Path, workers: str) -> Iterator[tuple[int, float]]:
    """A running demo service on this folder: its port, and the seconds until it was ready."""
    port = free_port()
    began = time.perf_counter()
    environment = {
        **os.environ, "MANDATE_DATA": str(folder), "MANDATE_LISTEN": f"127.0.0.1:{port}", "MANDATE_WORKERS": workers,
    }  # fmt: skip
    running = subprocess.Popen([MANDATE, "run"], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_ready(running, port)
        yield port, time.perf_counter() - began
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)


def wait_ready(running: subprocess.Popen[bytes], port: int) -> None:
    """Until /readyz answers 200, or the process is gone."""
    while running.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return
        time.sleep(0.05)
    raise SystemExit("the service did not start")


@contextlib.contextmanager
def echo() -> Iterator[int]:
    """The ceiling: an application that answers two bytes, on the same server program."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.echo:app", "--port", str(port), "--loop", "uvloop", "--http",
               "httptools", "--no-access-log", "--log-level", "error"]  # fmt: skip
    running = subprocess.Popen(command)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield port
    finally:
        running.terminate()
        running.wait(10)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
