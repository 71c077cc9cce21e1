"""The wall behind the real server, asked with raw bytes over a socket: framing, slowness, size, late failures."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI, Request

from api import problems, telemetry
from api.wire.boundary import Boundary


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = FastAPI(redirect_slashes=False, docs_url=None, redoc_url=None, openapi_url=None)
    problems.install(app)

    @app.post("/v1/edits")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.get("/v1/me")
    async def me() -> str:
        return "ok"

    wall = Boundary(app, hosts=["127.0.0.1"], patience=0.3)
    server = uvicorn.Server(uvicorn.Config(
        wall, host="127.0.0.1", port=0, http="httptools", loop="asyncio", ws="none", lifespan="off", log_config=None,
        access_log=False, server_header=False, date_header=True, proxy_headers=False,
    ))  # fmt: skip
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def say(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Everything the server answers until it closes, or is silent for a second."""
    heard = io.BytesIO()
    with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
        try:
            for part in parts:
                line.sendall(part)
                time.sleep(pause)
            while piece := line.recv(65_536):
                heard.write(piece)
        except (TimeoutError, ConnectionError):
            heard.write(b"")
    return heard.getvalue()


HEAD = b"POST /v1/edits HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"

FRAMING = {
    "17 length and transfer encoding": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "17 two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "17 two equal lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "17 unknown transfer encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "17 length with sign": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "17 negative length": HEAD + b"Content-Length: -1\r\n\r\n{}",
    "18 line break in a header": HEAD + b"X-Request-ID: a\rb: c\r\nContent-Length: 2\r\n\r\n{}",
    "18 NUL in a header": HEAD + b"X-Request-ID: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "19 no verb at all": b"\x16\x03\x01 / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("name", FRAMING)
def test_doubtful_framing_is_refused_and_the_connection_closed(port: int, name: str) -> None:
    started = time.monotonic()
    heard = say(port, FRAMING[name])
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.count(b"HTTP/1.1") == 1
    assert time.monotonic() - started < 0.9, "closed by the server, not by our own patience"


@pytest.mark.parametrize(("request_", "status"), [
    (HEAD + CLOSE + b"Content-Length: 2\r\n\r\n{}", b"200"),
    (HEAD + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"200"),
    (b"GET /v1/me HTTP/1.1\r\nHost: evil\r\n" + CLOSE + b"\r\n", b"400"),
    (b"GET /v1/me/ HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE + b"\r\n", b"404"),
    (b"GET /v1/%6de HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE + b"\r\n", b"404"),
    (b"GET http://evil/v1/me HTTP/1.1\r\nHost: evil\r\n" + CLOSE + b"\r\n", b"400"),
    (b"HEAD /v1/edits HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE + b"\r\n", b"405"),
    (b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE + b"\r\n", b"405"),
    (b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 10_000 + CLOSE + b"\r\n", b"431"),
])  # fmt: skip
def test_what_the_server_answers(port: int, request_: bytes, status: bytes) -> None:
    heard = say(port, request_)
    assert heard.split(b" ", 2)[1] == status
    assert b"x-content-type-options: nosniff" in heard
    assert b"uvicorn" not in heard.lower()


def test_ten_megabytes_are_refused_and_the_sender_hears_it(port: int) -> None:
    heard = say(port, HEAD + b"Content-Length: 10000000\r\n\r\n", *([b"x" * 100_000] * 100))
    assert heard.startswith(b"HTTP/1.1 413 ")


def test_a_dripping_body_is_cut_off(port: int) -> None:
    started = time.monotonic()
    heard = say(port, HEAD + b"Content-Length: 50\r\n\r\n", *([b"x"] * 20), pause=0.05)
    assert heard.startswith(b"HTTP/1.1 400 ") or not heard
    assert time.monotonic() - started < 1.9
    patient = say(port, HEAD + CLOSE + b"Content-Length: 4\r\n\r\n", *([b"x"] * 4), pause=0.02)
    assert patient.startswith(b"HTTP/1.1 200 ")


def test_requests_are_counted_by_the_template_of_their_path(port: int) -> None:
    say(port, HEAD + CLOSE + b"Content-Length: 2\r\n\r\n{}")
    say(port, b"GET /secret-path HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE + b"\r\n")
    told = telemetry.metrics()
    assert b'requests_total{route="/v1/edits",status="200"}' in told
    assert b'requests_total{route="-",status="404"}' in told
    assert b"secret" not in told
