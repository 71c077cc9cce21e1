"""The PEP: where a request meets the law. It names the caller, hands the act to the ledger, and tells the outcome.

No route writes anywhere else: an act goes through `perform`, is judged and recorded under the log's lock, and only
then is anybody answered.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope as Scope_

from api import identity, problems
from api.deployment import Deployment
from api.wire import fields, gate
from audit import head as heads
from audit import vault
from audit.act import Act, Caller, Once, Recorded, Sealed
from authz import refusal, register
from authz.decision import Scene
from authz.refusal import Misshapen
from authz.register import Reads

T = TypeVar("T", bound=fields.Body)
SHANGHAI = timezone(timedelta(hours=8))
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MARK = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_POST = re.compile(r"[0-9]{1,16}")
_NUMBER = re.compile(r"[0-9]{1,16}")


def deployment(request: Request) -> Deployment:
    found: Deployment = request.app.state.deployment
    return found


Draw = Callable[[int], bytes]
"""Gives so many random bytes."""


def new_ref(draw: Draw = secrets.token_bytes) -> str:
    """A fresh act reference: 32 hex digits."""
    return draw(16).hex()


def drawn(count: int) -> Draw:
    """So many random bytes of the system drawn at once, for a request that needs a few for each of its items: each call
    of the system gives the interpreter away. Draws anew when they are used up."""
    found = io.BytesIO(secrets.token_bytes(count))

    def draw(count: int) -> bytes:
        taken = found.read(count)
        return taken if len(taken) == count else secrets.token_bytes(count)

    return draw


def caller(request: Request) -> Caller:
    """Who asks, from the token and the headers; a Stranger if the token is not good."""
    claims = known(request.scope, deployment(request).issuers)
    headers = request.headers
    post = headers.get("mandate-post")
    if post is not None and not _POST.fullmatch(post):
        raise Misshapen(pointers=[{"pointer": "", "message": "Mandate-Post 应为岗位编号（数字）"}])
    purpose = headers.get("mandate-purpose")
    return Caller(
        person=claims.sub,
        issued_at=claims.iat,
        post=int(post) if post is not None else None,
        device=_marked(headers.get("mandate-device"), "Mandate-Device"),
        address=(request.scope.get("state") or {}).get("address"),
        on_behalf_of=_marked(headers.get("mandate-on-behalf-of"), "Mandate-On-Behalf-Of"),
        purpose=hashlib.sha256(gate.clean(unquote(purpose)).encode()).hexdigest() if purpose else None,
    )


def known(scope: Scope_, issuers: identity.Issuers) -> identity.Claims:
    """The verified token of a request, remembered for its length."""
    state = scope.setdefault("state", {})
    if "claims" not in state:
        state["claims"] = issuers.verify(identity.bearer(scope["headers"]), time.time())
    found: identity.Claims = state["claims"]
    return found


def _marked(value: str | None, name: str) -> str | None:
    if value is not None and not _MARK.fullmatch(value):
        raise Misshapen(
            pointers=[{"pointer": "", "message": f"{name} 只能填写字母、数字、点、下划线、冒号、斜线和连字符"}]
        )
    return value


@dataclass(slots=True)  # not frozen: one is made per edit, and a frozen one is set member by member
class Wish(Generic[T]):
    """A request body: of the right form, or the refusal that its form deserves once authority has been judged."""

    got: T | None
    fault: Misshapen | None = None

    def take(self) -> T:
        """The body; raised only here, so that a stranger to a thing learns nothing from the form of his body."""
        if self.fault is not None or self.got is None:
            raise self.fault or Misshapen()
        return self.got


async def wish(request: Request, model: type[T]) -> Wish[T]:
    """Read the body once, through the strict gate, into its model. Bytes that are no JSON are refused at once."""
    return shaped(gate_parsed(await request.body()), model)


def gate_parsed(body: bytes) -> Any:
    try:
        return gate.parse(body)
    except Misshapen as fault:
        return fault


def shaped(parsed: Any, model: type[T]) -> Wish[T]:
    """An already parsed value as a wish."""
    if isinstance(parsed, Misshapen):
        return Wish(None, parsed)
    try:
        return Wish(fields.validate(model, parsed))
    except Misshapen as fault:
        return Wish(None, fault)


def number(text_: str) -> int:
    """An entry number in a path; anything else is a thing that does not exist."""
    if not _NUMBER.fullmatch(text_) or str(int(text_)) != text_:
        raise refusal.Unknown()
    return int(text_)


async def once(request: Request, who: Caller, item: int | None = None) -> Once | None:
    """The idempotency key of this request, with the digest of all that was asked."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise refusal.UnknownKey()
    route = f"{request.method} {request.url.path}"
    asked = hashlib.sha256(await request.body() + b"\x00" + request.url.query.encode()).hexdigest()
    return Once(who.person, route, key if item is None else f"{key}/{item}", asked)


def seal(values: Mapping[str, Any], draw: Draw = secrets.token_bytes) -> tuple[tuple[Sealed, ...], dict[str, str]]:
    """Salt these values (by path; null ones are left out): what the vault keeps, and the commitments for the fact."""
    sealed = tuple([Sealed(path, draw(16), value) for path, value in values.items() if value is not None])
    return sealed, {each.path: vault.commit(each) for each in sealed}


@dataclass(kw_only=True)
class Asked(Act):
    """An act asked over HTTP. `told` says what to answer when it was done; refusals are answered alike everywhere."""

    if_match: str | None = None

    @abstractmethod
    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        """Status and members of the answer; `entry` and `entries` are added."""

    def answer(self, recorded: Recorded) -> tuple[int, bytes]:
        if recorded.stored is not None:
            return recorded.stored
        if recorded.refused is not None:
            told = problems.problem(recorded.refused, recorded.number)
            return int(told["status"]), encoded(told)
        status, members = self.told(recorded)
        members = {"entry": recorded.number} | members
        if recorded.count > 1:
            members["entries"] = recorded.numbers
        return status, encoded(members)


def encoded(members: Any) -> bytes:
    """JSON as answers write it."""
    return _encoder.encode(members).encode()


async def perform(request: Request, act: Asked) -> Response:
    """Have the act judged and recorded, then answer it."""
    outcome = (await deployment(request).ledger.ask([act]))[0]
    if isinstance(outcome, BaseException):
        raise outcome
    return respond(act, outcome)


def respond(act: Asked, recorded: Recorded) -> Response:
    """The answer to an act that was judged."""
    status, body = act.answer(recorded)
    kind = "application/problem+json" if status >= 400 else "application/json"  # noqa: PLR2004
    headers = {"Log-Position": str(recorded.size)}
    if recorded.number is not None and recorded.refused is None:
        headers["ETag"] = f'"{recorded.number}"'
    return Response(body, status, headers, kind)


def look(request: Request, reads: Reads, known: int | None = None) -> Scene:
    """A scene to answer a read from: what is on record now, seen by the caller in the post he acts in."""
    who = caller(request)
    house = deployment(request)
    least = request.headers.get("at-least", "0")
    if not _NUMBER.fullmatch(least):
        raise Misshapen(pointers=[{"pointer": "", "message": "At-Least 应为日志位置（数字）"}])
    with heads.reading(house.database.engine) as connection:
        head = heads.read(connection)
        if head.size < int(least):
            raise refusal.Closed("本节点尚未更新到所要求的日志位置，请稍后重试")
        rows = register.fetch(connection, reads | Reads(persons=frozenset((who.person,))), head.clock, known)
        law = house.laws.on_record(connection, known)
    scene = Scene(rows, head.clock, head.size, law)
    scene.enter(who.person, who.issued_at, who.post)
    return scene


def digest(parsed: Any) -> str:
    """The SHA-256 of a parsed value, the same for the same content."""
    return hashlib.sha256(json.dumps(parsed, sort_keys=True, default=str).encode()).hexdigest()


def written(at: datetime) -> str:
    """An instant as answers write it: RFC 3339 in Asia/Shanghai."""
    return at.astimezone(SHANGHAI).isoformat(timespec="auto")


def page(items: list[dict[str, Any]], cursor: str | None, request: Request, **more: Any) -> Response:
    """A list with the link to its next page."""
    headers = {}
    if cursor is not None:
        kept = [part for part in request.url.query.split("&") if part and not part.startswith("cursor=")]
        headers["Link"] = f'<{request.url.path}?{"&".join([*kept, f"cursor={cursor}"])}>; rel="next"'
    members = {"items": items, **more, **({"cursor": cursor} if cursor is not None else {})}
    return Response(encoded(members), 200, headers, "application/json")


def told(members: Mapping[str, Any], *, etag: int | None = None, status: int = 200) -> Response:
    """A plain JSON answer."""
    headers = {} if etag is None else {"ETag": f'"{etag}"'}
    return Response(encoded(members), status, headers, "application/json")


def described(model: type[fields.Body], example: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a body that the strict gate reads."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def described_list(model: type[fields.Body], example: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a body that is a list of `model`."""
    one = described(model, example)["requestBody"]["content"]["application/json"]
    listed = {"schema": {"type": "array", "items": one["schema"]}, "example": [one["example"]]}
    return {"requestBody": {"required": True, "content": {"application/json": listed}}}


def queried(model: type[fields.Query]) -> dict[str, Any]:
    """The OpenAPI description of a query that `fields.read_query` reads."""
    schema = model.model_json_schema()
    needed = schema.get("required", ())
    return {
        "parameters": [
            {"name": name, "in": "query", "required": name in needed, "schema": part}
            for name, part in schema.get("properties", {}).items()
        ]
    }
