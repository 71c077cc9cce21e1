"""The only map from refusals to HTTP: RFC 9457 problems with Chinese titles and stable codes.

    {"type":"urn:mandate:problem:no_grant","title":"...","status":403,"detail":"...","code":"no_grant","entry":17, ...}

Two answers never vary, so that nothing can be read from them: 404 (absent, or not yours) and 401. Whatever nobody
foresaw is answered 503 `closed` and logged by its class alone; 500 does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import telemetry
from api.wire import fields
from authz import refusal as refusals
from authz.refusal import Closed, Misshapen, Refusal, Stranger, Unknown, Unreadable

STATUS: dict[type[Refusal], int] = {
    refusals.Unreadable: 400,
    refusals.Stranger: 401,
    refusals.Denied: 403,
    refusals.Unknown: 404,
    refusals.MethodNotAllowed: 405,
    refusals.Conflict: 409,
    refusals.StillRunning: 409,
    refusals.Stale: 412,
    refusals.TooLarge: 413,
    refusals.UnsupportedType: 415,
    refusals.Misshapen: 422,
    refusals.KeyReused: 422,
    refusals.Unacceptable: 422,
    refusals.Unconditional: 428,
    refusals.Throttled: 429,
    refusals.HeadersTooLarge: 431,
    refusals.Closed: 503,
}
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = {429: 60, 503: 2}
ACCESS = "/access/v1/"
_FIXED = (Unknown, Stranger)
_RESERVED = frozenset({"type", "title", "status", "detail", "code", "entry"})


def status_of(kind: type[Refusal]) -> int:
    """The HTTP status of a refusal: its own, or that of its nearest ancestor."""
    for ancestor in kind.__mro__:
        if ancestor in STATUS:
            return STATUS[ancestor]
    raise KeyError(kind.__name__)


def problem(refusal: Refusal, entry: int | None = None, *, path: str = "") -> dict[str, Any]:
    """The problem as a JSON-able value; batch answers hold it per item. `entry` never shows where it would tell."""
    kind = type(refusal)
    status = status_of(kind)
    if path.startswith(ACCESS) and status in (415, 422):
        # AuthZEN 1.0 asks for 400 where our own routes tell 415 and 422 apart.
        status = 400
    told: dict[str, Any] = {
        "type": f"urn:mandate:problem:{kind.code}",
        "title": kind.title,
        "status": status,
        "detail": refusal.detail or kind.title,
        "code": kind.code,
    }
    if isinstance(refusal, _FIXED):
        return told | {"detail": kind.title}
    if entry is not None:
        told["entry"] = entry
    return told | {name: value for name, value in refusal.members.items() if name not in _RESERVED}


def answer(refusal: Refusal, entry: int | None = None, request_id: str | None = None, *, path: str = "") -> Response:
    """The HTTP answer of a refusal."""
    told = problem(refusal, entry, path=path)
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    headers = dict(_headers(refusal, told["status"]))
    if request_id is not None:
        headers["X-Request-ID"] = request_id
    return Response(body, told["status"], headers, MEDIA_TYPE)


def _headers(refusal: Refusal, status: int) -> Mapping[str, str]:
    if status == STATUS[refusals.Stranger]:
        return {"WWW-Authenticate": 'Bearer realm="mandate"'}
    if status == STATUS[refusals.MethodNotAllowed]:
        allowed = refusal.members.get("allow", ())
        return {"Allow": ", ".join(verb for verb in allowed if verb.isalpha())}
    if status in RETRY_SECONDS:
        seconds = refusal.members.get("retry_after", RETRY_SECONDS[status])
        return {"Retry-After": str(int(seconds))}
    return {}


# --- what the frameworks raise --------------------------------------------------------------------------------------
def of_http(fault: HTTPException) -> Refusal:
    """The refusal a Starlette exception stands for; its text is not ours and is dropped."""
    if fault.status_code == STATUS[refusals.MethodNotAllowed]:
        allowed = (fault.headers or {}).get("Allow", "")
        return refusals.MethodNotAllowed(allow=[verb.strip() for verb in allowed.split(",") if verb.strip()])
    for kind, status in STATUS.items():
        if status == fault.status_code:
            return kind()
    return Unreadable() if fault.status_code < 500 else Closed()  # noqa: PLR2004


def of_validation(faults: RequestValidationError) -> Refusal:
    """The refusal for FastAPI's own validation: a wrong path names nothing, the rest is misshapen."""
    listed = [dict(fault) for fault in faults.errors()]
    if any(fault["loc"][:1] == ("path",) for fault in listed):
        return Unknown()
    if any(fault["type"] == "json_invalid" for fault in listed):
        return Unreadable()
    try:
        fields.refuse([fault | {"loc": tuple(fault["loc"])[1:]} for fault in listed])
    except Misshapen as refusal:
        return refusal


class LastResort:
    """ASGI wrapper: an exception nobody foresaw becomes 503 `closed`, and its class, not its text, is logged."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as fault:
            telemetry.UNEXPECTED.labels(type(fault).__qualname__).inc()
            telemetry.log().error("unexpected", exc_info=fault)
            # Once begun an answer cannot be taken back: it is left unfinished, and the server cuts the connection.
            if not started:
                await answer(Closed(), path=scope["path"])(scope, receive, send)


def install(app: FastAPI) -> None:
    """Make every failure of the application a problem."""

    async def refused(request: Request, fault: Exception) -> Response:
        match fault:
            case Refusal():
                told = fault
            case RequestValidationError():
                told = of_validation(fault)
            case HTTPException():
                told = of_http(fault)
            case _:
                raise fault
        return answer(told, path=request.url.path)

    for kind in (Refusal, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, refused)
    app.add_middleware(LastResort)
