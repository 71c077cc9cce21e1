"""Health for machines: whether the process answers, whether it can record, and its figures."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api import pep, telemetry
from api.database import DatabaseUnfit, require_head
from audit import head as heads
from audit import signing
from authz import refusal

router = APIRouter()
ROOM_WARNING = 262_144
LATE = 60
"""Seconds after which an unsigned log is worth a word (local)."""


@router.get("/healthz", summary="进程是否存活")
def healthz() -> Response:
    return pep.told({"status": "ok"})


@router.get("/readyz", summary="能否办理：数据库、结构版本、日志头、检查点、日志空间")
def readyz(request: Request) -> Response:
    """503 unless an act could be recorded now; `warnings` names what will soon need a person."""
    house = pep.deployment(request)
    try:
        require_head(house.database.engine)
    except DatabaseUnfit:
        raise refusal.Closed() from None
    if house.ledger.halted is not None:
        raise refusal.Closed(house.ledger.halted)
    with heads.reading(house.database.engine) as connection:
        head = heads.read(connection)
        signed = signing.published(connection, house.origin)
    if head.room <= 0:
        raise refusal.Closed("日志空间不足，已停止办理，请联系系统管理员")
    warnings = ["room"] if head.room < ROOM_WARNING else []
    late = signed is not None and signed.size < head.size and (head.clock - signed.at).total_seconds() > LATE
    warnings += ["checkpoint"] if late else []
    told = {"status": "ok", "size": head.size, "signed": signed.size if signed else 0, "room": head.room}
    return pep.told(told | {"warnings": warnings})


@router.get("/metrics", summary="运行指标（Prometheus 文本）", response_class=PlainTextResponse)
def metrics() -> Response:
    return Response(telemetry.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")
