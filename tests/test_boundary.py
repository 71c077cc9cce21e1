"""The wall: a table of requests that never reach the application, and the headers of every answer."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_network
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from api.wire import boundary
from api.wire.boundary import ALWAYS, UNLESS_SET, Boundary
from api.wire.peer import peer
from authz.refusal import Refusal, Stranger, TooLarge

JSON = (b"content-type", b"application/json")
HOST = (b"host", b"127.0.0.1:8080")
Pairs = list[tuple[bytes, bytes]]


class Seen:
    """An application that answers 200 with the size of the body it read."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.states.append(dict(scope["state"]))
        size, more = 0, scope["method"] in ("POST", "PUT")
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-size", b"%d" % size)]})
        await send({"type": "http.response.body", "body": b"ok"})


class Reply:
    def __init__(self, messages: list[Any], reached: Seen) -> None:
        self.status = messages[0]["status"]
        self.headers: Pairs = messages[0]["headers"]
        self.body = b"".join(message.get("body", b"") for message in messages[1:])
        self.code = json.loads(self.body)["code"] if self.status >= 400 else None
        self.reached = reached

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)


def ask(
    method: str = "GET", path: bytes = b"/v1/me", headers: Pairs | None = None, chunks: tuple[bytes, ...] = (b"",),
    *, query: bytes = b"", host: Pairs | None = None, stuck: bool = False, **options: Any,
) -> Reply:  # fmt: skip
    seen, sent = Seen(), []
    wall = Boundary(seen, hosts=["127.0.0.1", "mandate.example"], patience=0.05, **options)
    scope = {
        "type": "http", "method": method, "path": unquote(path.decode("latin-1")), "raw_path": path,
        "query_string": query,
        "headers": ([HOST] if host is None else host) + (headers or []), "client": ("192.0.2.7", 5000),
    }  # fmt: skip
    waiting = list(chunks)

    async def receive() -> Any:
        if not waiting or (stuck and len(waiting) == 1):
            await asyncio.sleep(3600)
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(wall(scope, receive, send))
    return Reply(sent, seen)


BIG = b"x" * 65_537
REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("11 text/plain", {"method": "POST", "headers": [(b"content-type", b"text/plain")]}, 415, "unsupported_type"),
    ("11 multipart", {"method": "POST", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}, 415,
     "unsupported_type"),
    ("11 missing", {"method": "POST", "headers": [(b"content-length", b"2")], "chunks": (b"{}",)}, 415,
     "unsupported_type"),
    ("11 missing, chunked", {"method": "POST", "headers": [(b"transfer-encoding", b"chunked")]}, 415,
     "unsupported_type"),
    ("11 two types", {"method": "POST", "headers": [JSON, JSON]}, 415, "unsupported_type"),
    ("11 on AuthZEN", {"method": "POST", "path": b"/access/v1/evaluation",
                       "headers": [(b"content-type", b"text/plain")]}, 400, "unsupported_type"),
    ("12 gbk", {"method": "POST", "headers": [(b"content-type", b"application/json; charset=gbk")]}, 415,
     "unsupported_type"),
    ("12 json5", {"method": "POST", "headers": [(b"content-type", b"application/json5")]}, 415, "unsupported_type"),
    ("13 length told", {"method": "POST", "headers": [JSON, (b"content-length", b"10000000")]}, 413, "too_large"),
    ("13 length not told", {"method": "POST", "headers": [JSON], "chunks": (b"x" * 40_000, b"x" * 40_000, b"")}, 413,
     "too_large"),
    ("13 one byte over", {"method": "POST", "headers": [JSON], "chunks": (BIG,)}, 413, "too_large"),
    ("14 slow", {"method": "POST", "headers": [JSON], "chunks": (b"{", b"}"), "stuck": True}, 400, "unreadable"),
    ("15 many headers", {"headers": [(b"x", b"y")] * 10_000}, 431, "headers_too_large"),
    ("15 long header", {"headers": [(b"x", b"y" * 65_536)]}, 431, "headers_too_large"),
    ("15 long query", {"query": b"a=" + b"b" * 10_000}, 431, "headers_too_large"),
    ("16 gzip", {"method": "POST", "headers": [JSON, (b"content-encoding", b"gzip")]}, 415, "unsupported_type"),
    ("16 deflate on a raw route", {"method": "POST", "path": b"/v1/attachments",
                                   "headers": [(b"content-encoding", b"deflate")]}, 415, "unsupported_type"),
    *((f"19 {verb}", {"method": verb}, 405, "method_not_allowed")
      for verb in ("TRACE", "CONNECT", "DELETE", "PATCH", "OPTIONS", "get", "FOO", "")),
    ("22 foreign host", {"host": [(b"host", b"evil.example")]}, 400, "unreadable"),
    ("22 host as suffix", {"host": [(b"host", b"x.mandate.example")]}, 400, "unreadable"),
    ("22 host as prefix", {"host": [(b"host", b"mandate.example.evil")]}, 400, "unreadable"),
    ("22 two hosts", {"host": [HOST, (b"host", b"evil")]}, 400, "unreadable"),
    ("22 no host", {"host": []}, 400, "unreadable"),
    ("22 forwarded host does not help", {"host": [(b"host", b"evil"), (b"x-forwarded-host", b"127.0.0.1")]}, 400,
     "unreadable"),
    *((f"23 {path!r}", {"path": path}, 404, "unknown") for path in (
        b"/o/admin%2fsecret", b"/o/..%2fx", b"/o/..", b"/../x", b"/o/./x", b"//v1/me", b"/v1//me", b"/v1/me;x=1",
        b"/v1/me%00", b"/v1/me%ff", b"/v1/me\xff", b"/v1/me/", b"/v1/me.", b"/v1/.me", b"/v1/me\\x", b"/v1/%6de", b"",
        b"v1/me", b"/v1/me\n", b"/v1/me%20", b"/%252e", b"/.well-known/.x", b"/x/.well-known/y",
    )),
]  # fmt: skip


@pytest.mark.parametrize(("how", "status", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_wall_refuses(how: dict[str, Any], status: int, code: str) -> None:
    reply = ask(**how)
    assert (reply.status, reply.code) == (status, code)
    assert not reply.reached.states
    assert reply.header(b"content-type") == b"application/problem+json"
    _has_headers(reply)


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("plain", {}),
    ("a write without body", {"method": "POST"}),
    ("full body", {"method": "POST", "headers": [JSON], "chunks": (BIG[1:],)}),
    ("12 utf-8", {"method": "POST", "headers": [(b"content-type", b'Application/JSON; charset="UTF-8"')]}),
    ("in parts", {"method": "PUT", "headers": [JSON], "chunks": (b"{", b"}", b"")}),
    ("attachment", {"method": "POST", "path": b"/v1/attachments", "headers": [(b"content-type", b"application/pdf")],
                    "chunks": (BIG, BIG)}),
    ("batch", {"method": "POST", "path": b"/v1/edits/batch", "headers": [JSON], "chunks": (BIG,) * 10}),
    ("stream", {"method": "POST", "path": b"/v1/edits/import", "chunks": (BIG,) * 100}),
    ("HEAD", {"method": "HEAD"}),
    ("20 override ignored", {"headers": [(b"x-http-method-override", b"DELETE")]}),
    ("22 host without port", {"host": [(b"host", b"MANDATE.example")]}),
    *((path.decode(), {"path": path}) for path in (
        b"/", b"/healthz", b"/log/tile/0/x001/067.p/5", b"/.well-known/authzen-configuration", b"/v1/households/h-_-A",
        b"/v1/units/u-640324-civil_affairs", b"/v1/grants/17", b"/console/app.css",
    )),
]  # fmt: skip


@pytest.mark.parametrize("how", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_wall_lets_honest_requests_in_whole(how: dict[str, Any]) -> None:
    """The negative control of every row above."""
    reply = ask(**how)
    assert reply.status == 200
    writing = how.get("method") in ("POST", "PUT")
    assert reply.header(b"x-size") == b"%d" % (sum(map(len, how.get("chunks", ()))) if writing else 0)
    _has_headers(reply)


def _has_headers(reply: Reply) -> None:
    names = [name for name, _ in reply.headers]
    assert len(names) == len(set(names))
    assert {*ALWAYS, *UNLESS_SET} <= set(reply.headers)
    assert reply.header(b"x-request-id")
    assert all(b"\r" not in value and b"\n" not in value for _, value in reply.headers)


def test_a_route_may_set_its_own_policy_but_not_the_rest() -> None:
    async def own(scope: Scope, receive: Receive, send: Send) -> None:
        pairs = [(b"cache-control", b"max-age=60"), (b"x-request-id", b"forged")]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        await send({"type": "http.response.body", "body": b""})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [HOST]}
    asyncio.run(Boundary(own, hosts=["127.0.0.1"])(scope, None, send))  # type: ignore[arg-type]
    headers = dict(sent[0]["headers"])
    assert headers[b"cache-control"] == b"max-age=60"
    assert headers[b"x-request-id"] != b"forged"
    assert len(sent[0]["headers"]) == len(headers)


def test_strangers_are_told_so_before_size_and_type_but_after_the_path() -> None:
    def nobody(scope: Scope) -> Refusal:
        return Stranger()

    for how in ({"method": "POST", "headers": [(b"content-type", b"text/plain")]},
                {"method": "POST", "headers": [JSON, (b"content-length", b"10000000")]}):  # fmt: skip
        reply = ask(**how, stranger=nobody)  # type: ignore[arg-type]
        assert (reply.status, reply.header(b"www-authenticate")) == (401, b'Bearer realm="mandate"')
    assert ask(path=b"//", stranger=nobody).status == 404
    assert ask(stranger=lambda scope: None).status == 200


@pytest.mark.parametrize(("sent", "echoed"), [
    (b"r-1.A_b", True), (b"urn:x/1?a=b,c;d+e~", True), (b"a" * 128, True), (b"", False), (b"a b", False),
    (b"a\r\nx: y", False), (b"a" * 129, False), ("é".encode(), False),
])  # fmt: skip
def test_request_id_is_echoed_only_in_form(sent: bytes, echoed: bool) -> None:
    reply = ask(headers=[(b"x-request-id", sent)])
    assert (reply.header(b"x-request-id") == sent) == echoed
    assert reply.reached.states[0]["request_id"].encode() == reply.header(b"x-request-id")


def test_slow_and_large_senders_are_disconnected() -> None:
    for how in (REFUSED[8][1], REFUSED[11][1], REFUSED[13][1]):
        assert ask(**how).header(b"connection") == b"close"
    assert ask().header(b"connection") is None


PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(("client", "told", "address"), [
    ("192.0.2.7", b"198.51.100.1", "192.0.2.7"),
    ("10.0.0.1", b"198.51.100.1", "198.51.100.1"),
    ("10.0.0.1", b"1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
    ("10.0.0.1", b"1.1.1.1, evil, 10.0.0.2", "10.0.0.2"),
    ("10.0.0.1", b"", "10.0.0.1"),
    ("10.0.0.1", b"10.0.0.3", "10.0.0.3"),
    ("2001:db8::1", b"2001:db9::5", "2001:db9::5"),
    (None, b"1.1.1.1", None),
])  # fmt: skip
def test_forwarded_address_is_believed_from_proxies_only(client: str | None, told: bytes, address: str | None) -> None:
    pairs = [(b"x-forwarded-for", told), (b"forwarded", b"for=9.9.9.9")]
    scope = {"client": (client, 1) if client else None, "headers": pairs}
    assert peer(scope, PROXIES) == address
    assert peer(scope, ()) == client


@given(st.lists(st.binary(max_size=9), max_size=6))
def test_lines_do_not_depend_on_the_cut(chunks: list[bytes]) -> None:
    async def stream() -> Any:
        for chunk in chunks:
            yield chunk

    async def collect() -> list[bytes]:
        return [line async for line in boundary.lines(stream())]

    whole = b"".join(chunks).split(b"\n")
    expected = [line.removesuffix(b"\r") for line in whole[:-1]] + [line for line in whole[-1:] if line]
    assert asyncio.run(collect()) == expected


@pytest.mark.parametrize("chunks", [[b"x" * 11], [b"x" * 11 + b"\n"], [b"ok\n", b"x" * 6, b"x" * 6]])
def test_a_long_line_stops_the_stream(chunks: list[bytes]) -> None:
    async def stream() -> Any:
        for chunk in chunks:
            yield chunk

    async def collect() -> list[bytes]:
        return [line async for line in boundary.lines(stream(), 10)]

    with pytest.raises(TooLarge):
        asyncio.run(collect())
