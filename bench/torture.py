"""`make torture`: is anything that was answered ever lost? Writers hammer edits, and the service is killed under them.

Every acknowledged entry number is kept here, outside. Each round kills something else without warning: the service, its
PostgreSQL, both at once, one backend, one worker. The service is started again, and in the end every acknowledged entry
must stand in the log with the value that was sent, the log must verify, and no process may be left behind.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from api import founding
from api.demo.client import Client
from api.postgres import opening
from api.postgres.cluster import leftover, occupants
from api.settings import Settings
from audit.entry import parse
from bench import authority
from bench.__main__ import MANDATE, edit, free_port, wait_ready
from bench.authority import Village

ROUNDS, WRITERS = int(os.environ.get("TORTURE_ROUNDS", "10")), 4
CREATED = 201
PATIENCE = 60


class Torture:
    """One data folder, the service on it, and what that service has acknowledged: entry number -> household."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.cluster = (folder / "postgres/cluster").resolve()
        self.kept: dict[int, str] = {}
        self.lock, self.rest = threading.Lock(), threading.Event()
        self.running = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        told = {"MANDATE_DATA": str(self.folder), "MANDATE_LISTEN": f"127.0.0.1:{self.port}", "MANDATE_WORKERS": "2"}
        began = time.monotonic()
        with (self.folder.parent / "console").open("ab") as out:
            running = subprocess.Popen([MANDATE, "run"], env={**os.environ, **told}, stdout=out, stderr=out)
        wait_ready(running, self.port)
        print(f"  ready after {time.monotonic() - began:.1f} s")
        return running

    def write(self, village: Village, token: str, mark: str) -> None:
        """Send one edit after the other; keep the number of each one that was acknowledged."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        for number in range(10**9):
            if self.rest.is_set():
                break
            household = f"h-{mark}-{number}"
            body = json.dumps(edit(village, number) | {"household": household})
            try:
                connection.request(
                    "POST", "/v1/edits", body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                )
                answer = connection.getresponse()
                told = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                time.sleep(0.01)
                continue
            if answer.status == CREATED:
                with self.lock:
                    assert told["entry"] not in self.kept, "one number acknowledged twice"
                    self.kept[told["entry"]] = household
        connection.close()

    def round(self, number: int, villages: list[Village], tokens: dict[str, str]) -> None:
        """Let the writers write, kill something, and be ready again."""
        name, victims = list(KILLS.items())[number % len(KILLS)]
        self.rest.clear()
        writers = [
            threading.Thread(target=self.write, args=(each, tokens[each.collector], f"{number}x{place}"))
            for place, each in enumerate(villages[:WRITERS])
        ]
        for each in writers:
            each.start()
        time.sleep(random.uniform(0.5, 3))  # noqa: S311 a moment, no secret
        doomed = victims(self)
        for pid in doomed:
            os.kill(pid, signal.SIGKILL)
        print(f"round {number + 1}: killed {name}, {len(self.kept)} acknowledged so far")
        if name == "the service":
            self.wait_closed()
        if name in ("one backend", "one worker"):
            time.sleep(3)
            wait_ready(self.running, self.port)
        else:
            self.running.wait(PATIENCE)
        self.rest.set()
        for each in writers:
            each.join()
        if self.running.poll() is not None:
            self.running = self.start()

    def wait_closed(self) -> None:
        """The workers of a killed service follow it, and then nobody answers any more."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                break
            time.sleep(0.05)
        print(f"  closed after {time.monotonic() - began:.1f} s")

    def lost(self) -> list[int]:
        """The acknowledged entries that the stopped service's log does not hold as they were sent."""
        found: dict[int, str] = {}
        with (
            opening.visited(Settings.read({"MANDATE_DATA": str(self.folder)})) as database,
            database.engine.connect() as reader,
        ):
            rows = reader.execute(text("SELECT number, bytes FROM entry WHERE kind = 'EditPermitted'"))
            for number, content in rows:
                found[number] = str(parse(bytes(content)).fact.plain()["household"])
        return [number for number, household in self.kept.items() if found.get(number) != household]


def _postmaster(torture: Torture) -> int:
    pid = leftover(torture.cluster)
    assert pid is not None
    return pid


def _workers(torture: Torture) -> list[int]:
    said = subprocess.run(
        ["/bin/ps", "-o", "pid=,args=", "--ppid", str(torture.running.pid)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in said.stdout.splitlines() if "spawn_main" in line]


KILLS: dict[str, Callable[[Torture], list[int]]] = {
    "the service": lambda each: [each.running.pid],
    "PostgreSQL": lambda each: [_postmaster(each)],
    "both": lambda each: [_postmaster(each), each.running.pid],
    "one backend": lambda each: [max(occupants(each.cluster))],
    "one worker": lambda each: _workers(each)[:1],
}


def main() -> int:
    """Run the rounds and print the verdict; 1 if anything acknowledged is gone."""
    place = Path(tempfile.mkdtemp(prefix="mandate-torture-"))
    torture = Torture(place / "var")
    try:
        with Client(
            f"http://127.0.0.1:{torture.port}", founding.signer(torture.folder / "keys", founding.DEMO)
        ) as client:
            villages = authority.granted(client, int(time.time()) % 90_000 + 1)
            tokens = {each.collector: client.token(each.collector) for each in villages}
        for number in range(ROUNDS):
            torture.round(number, villages, tokens)
    finally:
        torture.rest.set()
        torture.running.send_signal(signal.SIGINT)
        status = torture.running.wait(PATIENCE)
    left, lost = occupants(torture.cluster), torture.lost()
    checked = subprocess.run([MANDATE, "fsck", "--data", torture.folder], capture_output=True, text=True, check=False)
    print(checked.stdout.splitlines()[-1] if checked.stdout else checked.stderr)
    print(f"{len(torture.kept)} acknowledged, {len(lost)} lost, {len(left)} processes left, last status {status}")
    bad = bool(lost or left or status or checked.returncode)
    if bad:
        print(f"kept for a look: {place}")
    else:
        shutil.rmtree(place)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
