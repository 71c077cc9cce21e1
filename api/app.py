"""The application: routers, the outermost wall and the life of the ledger. It contains no rule."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from importlib import metadata

from fastapi import FastAPI
from starlette.types import Scope

from api import (
    attachments, bootstrap, decisions, divisions, edits, entries, grants, health, households, letters, me, pep, people, posts,
    problems, requests, responses, responsibility, strangers, units, windows,
)  # fmt: skip
from api.boundary import Boundary
from api.deployment import Deployment
from authz.refusal import Refusal, Stranger

ROUTERS = (
    attachments, bootstrap, decisions, divisions, edits, entries, grants, health, households, letters, me, people, posts,
    requests, responsibility, units, windows,
)  # fmt: skip


def create_app(deployment: Deployment) -> FastAPI:
    """The application of one deployment. Its ledger starts and stops with it."""

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        deployment.ledger.start()
        counting = asyncio.create_task(strangers.keep(deployment))
        try:
            yield
        finally:
            counting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await counting
            await asyncio.to_thread(strangers.flush, deployment)
            await asyncio.to_thread(deployment.ledger.stop)

    app = FastAPI(
        title="Mandate 防返贫监测数据授权治理平台",
        version=metadata.version("mandate"),
        description="县级书面申请、自治区逐条审批、逐级转授、逐次判定并留痕。",
        redirect_slashes=False, docs_url=None, redoc_url=None, lifespan=life,
    )  # fmt: skip
    app.state.deployment = deployment
    for each in ROUTERS:
        app.include_router(each.router)
    problems.install(app)
    responses.install(app, PUBLIC)
    app.add_middleware(
        Boundary, hosts=deployment.settings.hosts, proxies=deployment.settings.proxies, stranger=_stranger(deployment)
    )
    app.add_middleware(strangers.Counting)
    app.add_middleware(problems.LastResort)
    return app


PUBLIC = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/bootstrap", "/letters/letter.css"})


def _stranger(deployment: Deployment) -> Callable[[Scope], Refusal | None]:
    """Who may not come in at all: whoever has no good token, outside the public paths."""

    def judge(scope: Scope) -> Refusal | None:
        if scope["path"] in PUBLIC:
            return None
        try:
            pep.known(scope, deployment.issuers)
        except Stranger as refused:
            return refused
        return None

    return judge
