"""The express lane: the two routes that carry the load are answered without the framework's own layers.

A framework spends more on matching a route, opening contexts and building answers than an edit costs to be decided.
The routes stand in the application like all others (for `openapi.json`, and for any other verb); only a POST to exactly
these paths is handed straight to their endpoint, behind the same wall, and refusals are answered by the same map.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems
from authz.refusal import Refusal

Endpoint = Callable[[Request], Awaitable[Response]]


class Named:
    """What the metrics call the route."""

    def __init__(self, path: str) -> None:
        self.path = path


class Express:
    """ASGI application: POSTs to `routes` by hand, everything else by `app`."""

    def __init__(self, app: ASGIApp, routes: Mapping[str, Endpoint], owner: Any) -> None:
        self.app = app
        self.routes = {path: (endpoint, Named(path)) for path, endpoint in routes.items()}
        self.owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        endpoint, scope["route"] = found
        scope["app"] = self.owner
        try:
            answer = await endpoint(Request(scope, receive))
        except Refusal as refused:
            answer = problems.answer(refused, path=scope["path"])
        await answer(scope, receive, send)
