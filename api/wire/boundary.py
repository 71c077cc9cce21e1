"""The outermost wall: what a request may look like before anything reads it, and the headers of every answer.

    sizes of the headers 431 -> Host 400 -> verb 405 -> path 404 -> who asks 401 -> size 413 -> type 415 -> slowness 400

Plain ASGI, so that the hot path pays microseconds. A small body is read here, whole and in time, and handed on in one
piece; a stream of lines is passed through, each piece in time. What it learns lies in `scope["state"]`: `request_id`,
and `address`, the peer's or, from a proxy we were told to trust, the one that proxy saw.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems, telemetry
from api.wire.peer import Network, peer
from authz.refusal import (
    HeadersTooLarge,
    MethodNotAllowed,
    Refusal,
    TooLarge,
    Unknown,
    Unreadable,
    UnsupportedType,
)  # fmt: skip

KILOBYTE = 1_024
MEGABYTE = KILOBYTE * KILOBYTE
MOST_HEADERS = 100
LONGEST_HEADERS = 32 * KILOBYTE
LONGEST_QUERY = 8 * KILOBYTE
# One portion of a body must arrive within this many seconds.
PATIENCE = 25.0
PORTION = 64 * KILOBYTE
# A body that is refused for its size is read and dropped for so long, or the sender would see a reset, not the answer.
DRAIN_SECONDS = 5.0
VERBS = ("GET", "HEAD", "POST", "PUT")
WRITING = frozenset({"POST", "PUT"})


@dataclass(frozen=True, slots=True)
class Intake:
    """What a route takes in: JSON or raw bytes, read whole, or lines, streamed."""

    kind: Literal["json", "raw", "lines"]
    limit: int


USUAL = Intake("json", 64 * KILOBYTE)
INTAKES: Mapping[str, Intake] = {
    "/v1/attachments": Intake("raw", 20 * MEGABYTE),
    "/v1/edits/batch": Intake("json", 4 * MEGABYTE),
    "/v1/edits/import": Intake("lines", 64 * KILOBYTE),
    "/v1/households": Intake("raw", 2 * MEGABYTE),  # judged as one: ten thousand lines of a hundred bytes
    "/v1/divisions/editions": Intake("json", 4 * MEGABYTE),
    "/v1/calendars": Intake("json", 64 * KILOBYTE),
    "/v1/policies": Intake("json", MEGABYTE),
    "/v1/cosignatures": Intake("raw", 16 * KILOBYTE),
    "/access/v1/evaluations": Intake("json", 4 * MEGABYTE),
}

POLICY = b"; ".join((
    b"default-src 'none'", b"script-src 'self'", b"style-src 'self'", b"img-src 'self'", b"font-src 'self'",
    b"connect-src 'self'", b"form-action 'self'", b"base-uri 'none'", b"frame-ancestors 'none'", b"object-src 'none'",
))  # fmt: skip
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"strict-transport-security", b"max-age=31536000"),
)
# A route may set these itself: the API page needs its own policy, a finished tile may be kept.
UNLESS_SET = ((b"content-security-policy", POLICY), (b"cache-control", b"no-store"))

_JSON = re.compile(rb'application/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?', re.IGNORECASE)
_REQUEST_ID = re.compile(rb"[!-~]{1,128}")  # whatever can be seen: the sender looks for his own words
# Only paths our routes can have: no escapes, no empty segment, no dot at either end of one.
_PATH = re.compile(rb"/|(?:/\.well-known)?(?:/[A-Za-z0-9_~-](?:[A-Za-z0-9._~:@=,+-]*[A-Za-z0-9_~-])?)+")
_PORT = re.compile(rb":[0-9]{1,5}$")

Headers = list[tuple[bytes, bytes]]


class _Slow(Unreadable):
    title = "请求内容传输过慢，连接已关闭，请检查网络后重新提交"


_Slow.code = Unreadable.code


class Boundary:
    """The wall around an application. `stranger` says who may not come in at all, before the body is looked at."""

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], proxies: Iterable[Network] = (),
        stranger: Callable[[Scope], Refusal | None] | None = None,
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        self.app = app
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        self._proxies = tuple(proxies)
        self._stranger = stranger
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        began = time.perf_counter()
        headers: Headers = scope["headers"]
        request_id = _request_id(headers)
        state = scope.setdefault("state", {})
        state["request_id"], state["address"] = request_id, peer(scope, self._proxies)
        telemetry.bind_request(request_id)
        answer = _Answer(send, request_id.encode())
        refusal = self._refused(scope, headers)
        taken = receive
        if refusal is None:
            try:
                taken = await self._intake(scope, headers, receive)
            except Refusal as fault:
                refusal = fault
            except _Gone:
                return
        if refusal is None:
            await self.app(scope, taken, answer)
        else:
            answer.closing = isinstance(refusal, TooLarge | HeadersTooLarge | _Slow)
            await problems.answer(refusal, path=scope["path"])(scope, receive, answer)
        telemetry.count(getattr(scope.get("route"), "path", "-"), answer.status, time.perf_counter() - began)

    def _refused(self, scope: Scope, headers: Headers) -> Refusal | None:
        if len(headers) > MOST_HEADERS or len(scope["query_string"]) > LONGEST_QUERY:
            return HeadersTooLarge()
        if sum([len(name) + len(value) for name, value in headers]) > LONGEST_HEADERS:
            return HeadersTooLarge()
        if not self._host_known([value for name, value in headers if name == b"host"]):
            return Unreadable("请求的主机名不是本系统的地址，请核对网址")
        if scope["method"] not in VERBS:
            return MethodNotAllowed(allow=VERBS)
        if not _PATH.fullmatch(scope.get("raw_path") or scope["path"].encode()):
            return Unknown()
        return self._stranger(scope) if self._stranger is not None else None

    def _host_known(self, given: list[bytes]) -> bool:
        if len(given) != 1:
            return False
        host = given[0].lower()
        return host in self._hosts or _PORT.sub(b"", host) in self._hosts

    # --- the body ---------------------------------------------------------------------------------------------------
    async def _intake(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """The receive channel the application may use; raises what is wrong with the body."""
        if scope["method"] not in WRITING:
            return receive
        intake = INTAKES.get(scope["path"], USUAL)
        length, kinds, chunked = _body_headers(headers)
        if intake.kind == "lines":
            return self._timed(receive)
        if length > intake.limit:
            await _drain(receive)
            raise TooLarge
        json = len(kinds) == 1 and _JSON.fullmatch(kinds[0])
        if intake.kind == "json" and (kinds or length or chunked) and not json:
            raise UnsupportedType
        return _replay(await self._whole(receive, intake.limit), receive)

    async def _whole(self, receive: Receive, limit: int) -> bytes:
        parts: list[bytes] = []
        size = portion = 0
        try:
            async with asyncio.timeout(self._patience) as clock:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    part = message.get("body", b"")
                    parts.append(part)
                    size += len(part)
                    if size > limit:
                        break
                    if not message.get("more_body", False):
                        return part if len(parts) == 1 else b"".join(parts)
                    if size // PORTION > portion:
                        portion = size // PORTION
                        clock.reschedule(asyncio.get_running_loop().time() + self._patience)
        except TimeoutError:
            raise _Slow from None
        parts.clear()
        if message.get("more_body", False):
            await _drain(receive)
        raise TooLarge

    def _timed(self, receive: Receive) -> Receive:
        async def timed() -> Message:
            try:
                async with asyncio.timeout(self._patience):
                    return await receive()
            except TimeoutError:
                raise _Slow from None

        return timed


class _Gone(Exception):
    """The sender hung up before the end of the body."""


class _Answer:
    """The send channel that adds our headers to the start of each answer."""

    __slots__ = ("closing", "request_id", "send", "status")

    def __init__(self, send: Send, request_id: bytes) -> None:
        self.send, self.request_id, self.status, self.closing = send, request_id, 0, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Any] = [pair for pair in message.get("headers", ()) if pair[0] != b"x-request-id"]
            present = {name for name, _ in headers}
            headers += [pair for pair in UNLESS_SET if pair[0] not in present]
            headers += ALWAYS
            headers.append((b"x-request-id", self.request_id))
            if self.closing:
                headers.append((b"connection", b"close"))
            message["headers"] = headers
        await self.send(message)


def _request_id(headers: Headers) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return secrets.token_hex(8)


def _body_headers(headers: Headers) -> tuple[int, list[bytes], bool]:
    length, kinds, chunked = 0, [], False
    for name, value in headers:
        if name == b"content-length":
            length = int(value[:18]) if value.isdigit() else 0
        elif name == b"content-type":
            kinds.append(value)
        elif name == b"transfer-encoding":
            chunked = True
        elif name == b"content-encoding":
            # No encoding is undone here: a thousandfold bomb stays a small refused body.
            raise UnsupportedType("不接受压缩过的请求内容，请直接以 UTF-8 提交")
    return length, kinds, chunked


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _drain(receive: Receive) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            message = await receive()
            while message["type"] == "http.request" and message.get("more_body", False):
                message = await receive()
    except TimeoutError:
        return


async def lines(chunks: AsyncIterator[bytes], limit: int = PORTION) -> AsyncIterator[bytes]:
    """The lines of a streamed body, without their ends; one that is too long stops the stream."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if len(line) > limit:
                raise TooLarge("有一行超过允许的长度，请拆分后重新提交")
            yield line.removesuffix(b"\r")
        if len(rest) > limit:
            raise TooLarge("有一行超过允许的长度，请拆分后重新提交")
    if rest:
        yield rest
