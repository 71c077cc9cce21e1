"""One exchange with a machine outside: no redirects, so many bytes at most, and one deadline for the whole of it.

The deadline holds against a machine that answers one byte at a time: when it has passed, the socket is shut.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

SECONDS = 10.0
LIMIT = 64 * 1024


class Unanswered(Exception):
    """Nobody answered, not in time, or not with what was asked for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, media type, body."""

    status: int
    kind: str
    body: bytes


def allowed(url: str) -> bool:
    """Whether this is an address to speak to: https (on this machine also http), a host, no account, no query.

    What is exchanged is signed, but a status is not: in clear text anybody on the way could say no for the other.
    """
    try:
        parts = urlsplit(url)
        port_known = parts.port != 0
    except ValueError:
        return False
    extra = parts.query or parts.fragment or parts.username or parts.password
    known = port_known and bool(parts.hostname) and url.isascii() and url.isprintable() and " " not in url and not extra
    return known and (parts.scheme == "https" or (parts.scheme == "http" and _here(parts.hostname or "")))


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def exchange(verb: str, url: str, body: bytes | None = None, *, seconds: float = SECONDS, limit: int = LIMIT) -> Reply:
    """Ask once; Unanswered if there is no whole answer in time."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {} if body is None else {"Content-Type": "text/plain; charset=utf-8"}
    alarm: threading.Timer | None = None
    late = threading.Event()
    try:
        connection.connect()
        # Held by itself: the connection lets go of the socket as soon as it has the head of the answer.
        alarm = threading.Timer(seconds, _shut, (connection.sock, late))
        alarm.daemon = True
        alarm.start()
        connection.request(verb, path, body, {**headers, "Connection": "close"})
        answer = connection.getresponse()
        found = answer.read(limit + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unanswered(type(error).__name__) from error
    finally:
        if alarm is not None:
            alarm.cancel()
        connection.close()
    if late.is_set():
        # A head that was cut off looks like a whole one.
        raise Unanswered("not in time")
    if len(found) > limit:
        raise Unanswered("the answer is too long")
    return Reply(answer.status, answer.headers.get_content_type(), found)


def _shut(line: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
