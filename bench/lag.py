"""The lag of a checkpoint: seconds from the commit of an entry until a signed checkpoint covers it, as a client sees it.

One connection writes edits, another one asks for /log/checkpoint all the time. The commit is taken to be the moment
the answer to the edit arrives, which is a little later than the commit itself; the look-out adds `PAUSE` at most.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench import load

PAUSE, PATIENCE = 0.005, 30
"""Seconds between two looks, and seconds that the last entry may wait for its checkpoint."""


@dataclass(slots=True)
class Lag:
    """When each entry was answered, and how long each waited that a checkpoint has covered by now."""

    waiting: dict[int, float] = field(default_factory=dict)
    size: int = 0
    waited: list[float] = field(default_factory=list)

    def written(self, body: bytes) -> None:
        """An edit was answered."""
        number = json.loads(body)["entry"]
        if number < self.size:
            self.waited.append(0.0)
        else:
            self.waiting[number] = time.perf_counter()

    def signed(self, size: int) -> None:
        """A checkpoint of this size was seen."""
        now, self.size = time.perf_counter(), size
        for number in [each for each in self.waiting if each < size]:
            self.waited.append(now - self.waiting.pop(number))

    def quantile(self, share: float) -> float:
        ordered = sorted(self.waited)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def measured(port: int, requests: Iterator[bytes], seconds: float) -> Lag:
    """Write edits for this long, and wait until the last of them is signed for."""
    lag = Lag()
    writing = asyncio.create_task(load.run(port, requests, 1, seconds, lag.written))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    until = time.perf_counter() + seconds + PATIENCE
    try:
        while not writing.done() or lag.waiting:
            if time.perf_counter() > until:
                raise SystemExit(f"{len(lag.waiting)} entries were not signed for within {PATIENCE} s")
            status, note = await load.ask(reader, writer, load.get("/log/checkpoint"))
            assert status == 200, note
            size = int(note.split(b"\n", 2)[1])
            if size > lag.size:
                lag.signed(size)
            await asyncio.sleep(PAUSE)
    finally:
        writer.close()
    assert set((await writing).statuses) == {201}
    return lag
