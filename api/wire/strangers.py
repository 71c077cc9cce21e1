"""The tally of strangers: 401 and 429 answers by address and minute, recorded once each minute is over.

A bounded number of addresses is told apart per minute; the rest is counted together as `other`, so that a flood of
addresses costs a bounded number of entries.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import pep
from api.deployment import Deployment
from audit.act import Act
from authz.decision import Scene
from authz.fact import Fact, instant
from authz.refusal import Refusal
from authz.register import Reads
from authz.stranger import StrangersCounted

MOST_ADDRESSES = 1_000
MINUTE = 60
COUNTED = (401, 429)
_tally: dict[tuple[int, str, int], int] = {}
_lock = threading.Lock()


@dataclass(kw_only=True)
class CountStrangers(Act):
    """The tally of finished minutes becomes entries."""

    name: ClassVar[str] = "strangers.count"
    authority: ClassVar[bool] = False
    counted: tuple[StrangersCounted, ...]

    @property
    def reads(self) -> Reads:
        return Reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        return self.counted


def seen(scope: Scope, status: int, now: float) -> None:
    """Count one answer to a stranger."""
    address = (scope.get("state") or {}).get("address") or "unknown"
    minute = int(now) // MINUTE
    with _lock:
        key = (minute, address, status)
        if key not in _tally and sum(1 for each in _tally if each[0] == minute) >= MOST_ADDRESSES:
            key = (minute, "other", status)
        _tally[key] = _tally.get(key, 0) + 1


def flush(deployment: Deployment, before: float | None = None) -> None:
    """Record what was counted in minutes that are over; what cannot be recorded now stays counted."""
    limit = None if before is None else int(before) // MINUTE
    with _lock:
        taken = {key: _tally.pop(key) for key in sorted(_tally) if limit is None or key[0] < limit}
    facts = tuple(
        StrangersCounted(
            address=address, minute=instant(datetime.fromtimestamp(minute * MINUTE, UTC)), status=status, count=count
        )
        for (minute, address, status), count in taken.items()
    )
    if not facts:
        return
    try:
        deployment.ledger.record(CountStrangers(ref=pep.new_ref(), counted=facts))
    except Refusal:
        with _lock:
            for key, count in taken.items():
                _tally[key] = _tally.get(key, 0) + count


async def keep(deployment: Deployment) -> None:
    """Flush once a minute until cancelled."""
    while True:
        await asyncio.sleep(MINUTE)
        await asyncio.to_thread(flush, deployment, time.time())


class Counting:
    """ASGI middleware around everything: an answer of 401 or 429 is counted with the address it went to."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in COUNTED:
                seen(scope, message["status"], time.time())
            await send(message)

        await self.app(scope, receive, watched)
