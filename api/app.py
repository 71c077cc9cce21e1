"""The application: routers, the outermost wall and the life of the ledger. It contains no rule."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from importlib import metadata

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from api import (
    amendments,
    approvals,
    attachments,
    bootstrap,
    calendars,
    checkpoints,
    decisions,
    deputies,
    divisions,
    edits,
    entries,
    erasures,
    evidence,
    grants,
    health,
    households,
    identities,
    imports,
    kin,
    letters,
    log,
    me,
    officers,
    people,
    pep,
    posts,
    problems,
    replays,
    requests,
    responsibility,
    staffing,
    supposing,
    telephones,
    units,
    windows,
)
from api.authzen import access, access_requests, access_search
from api.deployment import Deployment
from api.wire import responses, strangers
from api.wire.boundary import Boundary
from api.wire.express import Express
from api.witness import witnesses
from authz.refusal import Refusal, Stranger

ROUTERS = (
    access, access_requests, access_search, amendments, approvals, attachments, bootstrap, calendars, decisions, deputies, divisions, edits, entries, erasures, evidence, grants, health, households, identities, imports, kin, letters, log, me, officers, people, posts,
    replays, requests, responsibility, staffing, supposing, telephones, units, windows, witnesses,
)  # fmt: skip


EXPRESS = {
    "/v1/edits": edits.one, "/v1/edits/batch": edits.batch,
    "/access/v1/evaluation": access.evaluation, "/access/v1/evaluations": access.evaluations,
}  # fmt: skip


def create_app(deployment: Deployment) -> FastAPI:
    """The application of one deployment. Its ledger starts and stops with it."""

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        deployment.ledger.start()
        signing = checkpoints.keeper(deployment)
        council = witnesses.attach(app, deployment, signing)
        await asyncio.to_thread(signing.start)
        council.start()
        counting = asyncio.create_task(strangers.keep(deployment))
        try:
            yield
        finally:
            counting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await counting
            await asyncio.to_thread(strangers.flush, deployment)
            await asyncio.to_thread(council.stop)
            await asyncio.to_thread(deployment.ledger.stop)
            await asyncio.to_thread(signing.stop)

    app = Application(
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
    wall = Boundary(
        Express(app.framed, EXPRESS, app), hosts=deployment.settings.hosts, proxies=deployment.settings.proxies,
        stranger=_stranger(deployment),
    )  # fmt: skip
    app.outermost = problems.LastResort(strangers.Counting(wall))
    return app


class Application(FastAPI):
    """The framework's application, with our own layers outside of its own: nothing it does comes before the wall."""

    outermost: ASGIApp

    async def framed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application as the framework alone would run it."""
        await super().__call__(scope, receive, send)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.outermost(scope, receive, send)


PUBLIC = (
    frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/bootstrap", "/letters/letter.css"})
    | access.PUBLIC
    | log.PUBLIC
    | witnesses.PUBLIC
)


def _stranger(deployment: Deployment) -> Callable[[Scope], Refusal | None]:
    """Who may not come in at all: whoever has no good token, outside the public paths."""

    def judge(scope: Scope) -> Refusal | None:
        if scope["path"] in PUBLIC or log.public(scope["path"]):
            return None
        try:
            pep.known(scope, deployment.issuers)
        except Stranger as refused:
            return refused
        return None

    return judge
