"""A load generator: keep-alive HTTP/1.1 connections that send ready-made bytes and time each answer.

It parses no more of an answer than its status and length, so that it takes as little of the machine as it can; it
still shares the two cores with what it measures, and every figure is to be read beside the ceiling of the same run.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """What a run measured: seconds it took, milliseconds of each answer, and statuses."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


async def run(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Figures:
    """Send requests from this many connections for this long; each waits for its answer before the next."""
    figures = Figures()
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(_connection(port, requests, until, figures) for _ in range(connections)))
    figures.seconds = time.perf_counter() - began
    return figures


async def _connection(port: int, requests: Iterator[bytes], until: float, figures: Figures) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    try:
        while (sent := time.perf_counter()) < until:
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            figures.latencies.append((time.perf_counter() - sent) * 1000)
            figures.statuses[int(head[9:12])] += 1
    finally:
        writer.close()


def post(path: str, token: str, body: bytes) -> bytes:
    """The bytes of one POST."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
