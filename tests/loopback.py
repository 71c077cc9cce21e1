"""Servers of a test on this machine: an application over real HTTP, and a machine that takes a call and says nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """The URL at which this application answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def answering(head: str, body: bytes = b"") -> Any:
    """An application that answers everything alike: `200 text/plain`."""
    status, kind = head.split(" ", 1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(
            {"type": "http.response.start", "status": int(status), "headers": [(b"content-type", kind.encode())]}
        )
        await send({"type": "http.response.body", "body": body})

    return app


@contextlib.contextmanager
def silent(drip: bytes = b"") -> Iterator[tuple[str, threading.Event]]:
    """A machine that takes calls and never answers, or a byte at a time; its URL, and whether it has been called."""
    called, over = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hold(line: socket.socket) -> None:
            with line, contextlib.suppress(OSError):
                for place in range(1_000_000):
                    if over.wait(0.02):
                        return
                    if drip:
                        line.sendall(drip[place % len(drip) : place % len(drip) + 1])

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    called.set()
                    threading.Thread(target=hold, args=(line,), daemon=True).start()

        threading.Thread(target=take, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", called
        finally:
            over.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def only_writing(app: Any) -> Any:
    """A witness that offers what C2SP tlog-witness says and nothing more."""

    async def less(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"path": "/none"} if scope["method"] == "GET" else scope, receive, send)

    return less
