"""A small client of our own API, for the commands that speak to a running service of a demo world."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

PATIENCE = 30
TOKEN_SECONDS = 3600


class Unreachable(Exception):
    """Nobody answers there. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: status, members, and the headers in lower case."""

    status: int
    members: dict[str, Any]
    headers: dict[str, str]

    @property
    def ok(self) -> bool:
        return self.status < 400  # noqa: PLR2004 RFC 9110 section 15

    @property
    def code(self) -> str:
        return str(self.members.get("code", ""))


class Signs(Protocol):
    """What makes the token of a person."""

    def mint(self, person: str, lifetime: int, now: float, jti: str) -> str: ...


class Client:
    """One kept connection on which each request is made as somebody else."""

    def __init__(self, url: str, signer: Signs) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        host = "127.0.0.1" if parts.hostname in (None, "0.0.0.0") else parts.hostname  # noqa: S104 told, not bound
        self.url = url
        self._connection = kind(host, parts.port, timeout=PATIENCE)
        self._signer = signer
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *fault: object) -> None:
        self._connection.close()

    def token(self, person: str) -> str:
        if person not in self._tokens:
            self._tokens[person] = self._signer.mint(person, TOKEN_SECONDS, time.time(), secrets.token_hex(16))
        return self._tokens[person]

    def ask(self, person: str, verb: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask as this person; `body` is bytes or becomes JSON; `if_match="..."` becomes If-Match."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        told["Authorization"] = f"Bearer {self.token(person)}"
        content = body if isinstance(body, bytes | None) else json.dumps(body, ensure_ascii=False).encode()
        if content is not None:
            told.setdefault("content-type", "application/json")
        try:
            self._connection.request(verb, path, content, told)
            answer = self._connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(
                f"无法访问 {self.url}，请先在另一个终端启动服务（mandate run），或用 --url 指明地址。"
            ) from error
        found = json.loads(raw) if "json" in answer.headers.get("content-type", "") else {}
        return Answer(answer.status, found, {name.lower(): value for name, value in answer.headers.items()})

    def get(self, person: str, path: str) -> Answer:
        return self.ask(person, "GET", path)
