"""Where the time of a request goes, and what it says to the database.

A stage is a function of the service, wrapped for the length of a measurement: what passes inside another stage counts
for that one only. CPU time of the thread is what is printed first, because it hardly depends on who else uses the
machine. What the database is told is read from libpq's own trace of the connection.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from psycopg import pq

Place = tuple[Any, str]
_LINE = re.compile(r"^(?P<way>[FB])\t(?P<size>\d+)\t(?P<message>\w+)(?P<rest>.*)")


@dataclass(slots=True)
class Stopwatch:
    """Microseconds of each stage, CPU of its thread and by the clock, round by round."""

    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wall: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _now: dict[str, list[int]] = field(default_factory=dict)
    _inside: threading.local = field(default_factory=threading.local)

    @contextlib.contextmanager
    def watching(self, stages: dict[str, tuple[Place, ...]]) -> Iterator[None]:
        """Wrap the functions of these stages, and put them back."""
        with contextlib.ExitStack() as stack:
            for name, places in stages.items():
                for owner, attribute in places:
                    kept = owner.__dict__[attribute]
                    setattr(owner, attribute, self._watched(name, kept))
                    stack.callback(setattr, owner, attribute, kept)
            yield

    def begin(self) -> None:
        self._now = defaultdict(lambda: [0, 0])

    def end(self) -> None:
        """One round is over."""
        for name, (cpu, wall) in self._now.items():
            self.cpu[name].append(cpu / 1000)
            self.wall[name].append(wall / 1000)

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*told: Any, **more: Any) -> Any:
            spent = self._inside.__dict__.setdefault("spent", [])
            spent.append([0, 0])
            cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
            try:
                return call(*told, **more)
            finally:
                cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
                inner = spent.pop()
                if spent:
                    spent[-1][0] += cpu
                    spent[-1][1] += wall
                mine = self._now[name]
                mine[0] += cpu - inner[0]
                mine[1] += wall - inner[1]

        return watched

    def lines(self, per: int) -> Iterator[tuple[str, str]]:
        """The median of each stage, for one of so many items."""
        for name, cpu in self.cpu.items():
            yield f"  {name}", f"{median(cpu) / per:,.1f} / {median(self.wall[name]) / per:,.1f}"


@dataclass(slots=True)
class Talk:
    """What a connection and its server said to each other between two calls of `begin` and `end`."""

    pgconn: Any
    file: Path
    statements: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _handle: int = -1

    def begin(self) -> None:
        self._handle = os.open(self.file, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
        self.pgconn.trace(self._handle)
        self.pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)

    def end(self) -> None:
        self.pgconn.untrace()
        os.close(self._handle)
        for line in self.file.read_text(errors="replace").splitlines():
            if (found := _LINE.match(line)) is not None:
                self._heard(found)

    def _heard(self, line: re.Match[str]) -> None:
        message = line["message"]
        if line["way"] == "F":
            self.counts["bytes to the server"] += int(line["size"])
            # A statement is said whole, or by the name of one that was prepared: then only its binds travel.
            self.counts["statements"] += message in ("Query", "Execute")
        else:
            self.counts["bytes from the server"] += int(line["size"])
            self.counts["round trips"] += message in ("ReadyForQuery", "CopyInResponse")
            self.counts["commits"] += message == "CommandComplete" and '"COMMIT"' in line["rest"]
            if message == "CommandComplete":
                self.statements.append(line["rest"].strip().strip('"'))


def server_nanoseconds(pid: int) -> int:
    """CPU time a server process of this machine has taken; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    return 0
