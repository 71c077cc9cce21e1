"""Unified windows over HTTP: opened by the region on a notice, closed at an exact instant, read by everybody (S29)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep, steps
from api.dossiers import older, written
from api.pep import Asked, Wish
from api.requests import Cells, Operations
from api.wire import examples, fields
from audit import docket, head, vault
from audit.act import Recorded
from authz import edition, refusal, succession, window
from authz.decision import Scene
from authz.fact import Fact
from authz.grant import GrantIssued
from authz.register import Reads
from authz.window import Opening, WindowOpened, WindowRepeated

router = APIRouter()
Row = dict[str, Any]
UNTOLD = "统一授权窗口提前关闭"


class NoticeBody(fields.Body):
    title: fields.Title
    issuer: fields.Line
    dated: fields.Day
    number: Annotated[str, StringConstraints(max_length=100)] | None = None
    sha256: fields.Sha256 | None = None


class RepeatBody(fields.Body):
    every: Literal["quarter"]
    times: Annotated[int, Field(ge=2, le=8)]


class WindowBody(fields.Body):
    notice: NoticeBody
    division: fields.DivisionCode
    cells: Cells
    operations: Operations
    data_year: fields.DataYear | None = None
    begin: Annotated[fields.Instant, Field(alias="from")]
    until: fields.Instant
    repeat: RepeatBody | None = None


class ClosureBody(fields.Body):
    reason: fields.Reason = UNTOLD


class ListQuery(fields.Page):
    division: fields.DivisionCode | None = None


@dataclass(kw_only=True)
class OpenWindow(Asked):
    """The region opens a window."""

    name: ClassVar[str] = "window.open"
    wish: Wish[WindowBody]
    leads: frozenset[str]
    """Units that may have become the lead body of a county whose code is new."""
    commitments: dict[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> Reads:
        return Reads(units=self.leads)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        known = self.wish.got is not None and scene.law.divisions.known(self.wish.got.division)
        place = self.wish.got.division if self.wish.got is not None and known else scene.post.division
        scene.must("window.open", place)
        body = self.wish.take()
        scene.law.divisions.get(body.division)
        wish = Opening(
            division=body.division, cells=tuple(dict.fromkeys(body.cells)), operations=tuple(dict.fromkeys(body.operations)),
            data_year=body.data_year, valid_from=body.begin, valid_until=body.until,
            title=self.commitments["/notice/title"], issuer=self.commitments["/notice/issuer"],
            dated=body.notice.dated.isoformat(), number=(body.notice.number or "").strip() or None,
            sha256=body.notice.sha256,
        )  # fmt: skip
        return window.opened(wish, scene) if body.repeat is None else window.repeated(wish, body.repeat.times, scene)

    def about(self) -> dict[str, Any]:
        return {"division": self.wish.got.division} if self.wish.got else {}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        assert recorded.number is not None
        windows: list[dict[str, Any]] = []
        for number, fact in enumerate(recorded.facts, start=recorded.number):
            if isinstance(fact, WindowOpened | WindowRepeated):
                spans = {"from": written(fact.valid_from), "until": written(fact.valid_until)}
                windows.append({"id": number, **spans, "data_year": fact.data_year, "grants": []})
            elif isinstance(fact, GrantIssued):
                told = {"grant": number, "division": fact.division, "holder": fact.holder_unit}
                windows[-1]["grants"].append(told)
        first = {"id": recorded.number, "grants": windows[0]["grants"]}
        return 201, first if len(windows) == 1 else first | {"windows": windows}


@dataclass(kw_only=True)
class CloseWindow(Asked):
    """The region closes a window before its time; every grant of it ends, with all below."""

    name: ClassVar[str] = "window.close"
    number: int
    mine: frozenset[int]
    wish: Wish[ClosureBody]
    commitments: dict[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> Reads:
        return Reads(openings=frozenset((self.number,)), grants=self.mine)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        row = scene.rows.openings.get(self.number)
        if row is None:
            raise refusal.Unknown()
        scene.must("window.close", row["division"])
        self.wish.take()
        if self.if_match is None:
            raise refusal.Unconditional()
        window.must_be_open(row["body"], scene.at)
        scene.fresh("opening", self.number, self.if_match)
        return window.closed(self.number, self.commitments["/reason"], scene)

    def about(self) -> dict[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        shut = recorded.facts[0]
        assert isinstance(shut, window.WindowClosed)
        return 200, {"id": self.number, "state": "closed", "closed_at": pep.written(recorded.at), "cut": list(shut.cut)}


@router.post("/v1/windows", status_code=201, summary="开放统一授权窗口",
             openapi_extra=pep.described(WindowBody, examples.WINDOW))  # fmt: skip
async def open_window(request: Request) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, WindowBody)
    notice = wish.got.notice if wish.got else None
    values = {"/notice/title": notice.title, "/notice/issuer": notice.issuer} if notice else {}
    sealed, commitments = pep.seal(values)
    law = (await run_in_threadpool(pep.look, request, Reads())).law
    act = OpenWindow(
        ref=pep.new_ref(),
        caller=who,
        once=await pep.once(request, who),
        wish=wish,
        leads=succession.candidates(law),
        sealed=sealed,
        commitments=commitments,
    )
    return await pep.perform(request, act)


@router.post("/v1/windows/{id}/closure", summary="提前关闭统一授权窗口",
             openapi_extra=pep.described(ClosureBody, examples.REASON))  # fmt: skip
async def close_window(request: Request, id: str) -> Response:
    number, who = pep.number(id), pep.caller(request)
    wish = await steps.optional(request, ClosureBody)
    scene = await run_in_threadpool(pep.look, request, Reads(openings=frozenset((number,))))
    row = scene.rows.openings.get(number)
    sealed, commitments = pep.seal({"/reason": wish.got.reason} if wish.got else {})
    act = CloseWindow(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, mine=frozenset(row["body"]["grants"]) if row else frozenset(), wish=wish, sealed=sealed,
        commitments=commitments,
    )  # fmt: skip
    return await pep.perform(request, act)


@router.get("/v1/windows", summary="统一授权窗口列表（新的在前）", openapi_extra=pep.queried(ListQuery))
def list_windows(request: Request) -> Response:
    query = fields.read_query(request.url.query.encode(), ListQuery)
    scene = pep.look(request, Reads())
    if not may_read(scene):
        return pep.page([], None, request)
    within = None if query.division is None else edition.reach(query.division, scene.law)
    before = older(query.cursor)
    with head.reading(pep.deployment(request).database.engine) as connection:
        rows = docket.windows_page(connection, within, before, query.limit + 1)
        texts = vault.read(connection, {row["body"]["text"] for row in rows})
    shown = rows[: query.limit]
    more = str(shown[-1]["number"]) if len(rows) > query.limit else None
    return pep.page([plain(row, scene, texts) for row in shown], more, request)


@router.get("/v1/windows/{id}", summary="一个统一授权窗口")
def one(request: Request, id: str) -> Response:
    number = pep.number(id)
    scene = pep.look(request, Reads(openings=frozenset((number,))))
    row = scene.rows.openings.get(number)
    if row is None or not may_read(scene):
        raise refusal.Unknown()
    with head.reading(pep.deployment(request).database.engine) as connection:
        texts = vault.read(connection, [row["body"]["text"]])
    return pep.told(plain(row, scene, texts), etag=scene.rows.versions["opening", number])


def may_read(scene: Scene) -> bool:
    """Windows are public to everybody who is employed."""
    return scene.post is not None and scene.may("window.read", scene.post.division)


def plain(row: Row, scene: Scene, texts: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """A window as answers write it."""
    body, number = row["body"], row["number"]
    said = texts.get(body["text"], {})
    notice = {
        "title": said.get("/notice/title"), "issuer": said.get("/notice/issuer"), "dated": body["dated"],
        "number": body["document"], "sha256": body["sha256"],
    }  # fmt: skip
    return {
        "id": number, "state": window.state(body, scene.at), "notice": notice, "division": row["division"],
        "cells": body["cells"], "operations": body["operations"], "data_year": body["data_year"],
        "from": written(body["from"]), "until": written(body["until"]), "opened_at": written(body["opened_at"]),
        "opened_by": body["opened_by"], "closed_at": written(body["closed_at"]), "grants": body["grants"],
    }  # fmt: skip
