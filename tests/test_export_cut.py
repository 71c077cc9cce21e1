"""A file is cut off as soon as its reader loses the right to it, and what he was given is on record (attack 89)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import worlds
from conftest import World

from api import entries

PIECE = 10


def scope(town: worlds.Town, query: str) -> dict[str, Any]:
    headers = {"host": "127.0.0.1:8080", "authorization": f"Bearer {town.token(worlds.AUDITOR)}"}
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/v1/entries/export", "raw_path": b"/v1/entries/export", "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080), "state": {},
    }  # fmt: skip


def exported(town: worlds.Town, *, ending: bool) -> tuple[list[bytes], bool]:
    """The pieces of a file that were sent, and whether it was sent whole; with `ending`, the reader's post ends after
    the first of them."""
    sent: list[bytes] = []
    whole = False
    body = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not body:
            await asyncio.Event().wait()
        return body.pop()

    async def send(message: dict[str, Any]) -> None:
        nonlocal whole
        whole = message["type"] == "http.response.body" and not message.get("more_body", False)
        if message.get("body"):
            if ending and not sent:
                post = town.get(f"/v1/people/{worlds.AUDITOR}", worlds.SYSTEM_ADMIN).json()["posts"][0]["post"]
                done = await asyncio.to_thread(
                    town.change, f"/v1/posts/{post}/end", worlds.SYSTEM_ADMIN, {"reason": "调离"}
                )
                assert done.is_success, done.text
            sent.append(message["body"])

    asyncio.run(town.app(scope(town, "format=ndjson"), receive, send))
    return sent, whole


def cuts(town: worlds.Town) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.get("/v1/entries?kind=ExportCut", worlds.AUDIT_ADMIN).json()["items"]
    return found


def test_89_an_export_ends_where_the_right_ends(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "PIECE", PIECE)
    with worlds.Town(database) as town:
        sent, whole = exported(town, ending=False)
        assert whole
        assert len(sent) > 3 * PIECE
        assert cuts(town) == []
        sent, whole = exported(town, ending=True)
        assert (len(sent), whole) == (PIECE, False)
        (cut,) = cuts(town)
        assert cut["fact"]["given"] == PIECE
        assert town.get(f"/v1/entries/{cut['fact']['subject']}", worlds.AUDIT_ADMIN).json()["kind"] == "LogRead"
