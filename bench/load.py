"""A load generator: keep-alive HTTP/1.1 connections that send ready-made bytes and time each answer.

It parses no more of an answer than its status and length, so that it takes as little of the machine as it can; it
still shares the two cores with what it measures, and every figure is to be read beside the ceiling of the same run.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Seen = Callable[[bytes], None]


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


async def run(
    port: int, requests: Iterator[bytes], connections: int, seconds: float, seen: Seen | None = None
) -> Figures:
    """Send requests from this many connections for this long; each waits for its answer before the next.

    `seen` is called with the body of each answer as it comes in.
    """
    figures = Figures()
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(_connection(port, requests, until, figures, seen) for _ in range(connections)))
    figures.seconds = time.perf_counter() - began
    return figures


async def _connection(port: int, requests: Iterator[bytes], until: float, figures: Figures, seen: Seen | None) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    try:
        while (sent := time.perf_counter()) < until:
            status, body = await ask(reader, writer, next(requests))
            figures.latencies.append((time.perf_counter() - sent) * 1000)
            figures.statuses[status] += 1
            if seen is not None:
                seen(body)
    finally:
        writer.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to one request."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
    return int(head[9:12]), await reader.readexactly(length)


def get(path: str) -> bytes:
    """The bytes of one GET that needs no token."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, token: str, body: bytes) -> bytes:
    """The bytes of one POST."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
