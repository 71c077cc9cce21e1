"""The pace of a request: how many working days the region has had it, told as it runs (S32)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from api import pep
from authz import edition
from authz.calendar import Calendar
from authz.decision import Scene
from authz.fact import moment


def clock(row: dict[str, Any], scene: Scene) -> dict[str, Any] | None:
    """The handling clock: working days that have run, rests left out. No clause sets a limit; a local one is a hint."""
    body = row["body"]
    if body.get("clock") is None:
        return None
    started, decision = moment(body["clock"]), body.get("decision")
    end = moment(decision["at"]) if decision else scene.at
    spans = [(moment(begin), moment(stop) if stop else None) for begin, stop in body.get("paused", ())]
    edges = [started, *(edge for span in spans for edge in span if edge is not None)]
    if len(edges) % 2:
        edges.append(end)
    path = tuple(scene.law.named(edition.seats(row["division"], scene.law)[0]))
    runs = zip(edges[::2], edges[1::2], strict=True)
    limit = scene.law.policy.handling.get("handling_days")
    return {
        "started": _written(body["clock"]), "paused": [[_written(a), _written(b)] for a, b in body.get("paused", ())],
        "running": decision is None and row["state"] == "received",
        "days": sum(_workdays(scene.law.calendar, _local(a), _local(b), path) for a, b in runs),
        "limit": limit.value if limit is not None and limit.value else None,
        "note": "通知未规定自治区办理时限，时限以本地设定为准",
    }  # fmt: skip


def _workdays(calendar: Calendar, first: date, last: date, path: tuple[str, ...]) -> int:
    """Working days after `first` up to and with `last`."""
    return sum(calendar.workday(first + timedelta(days=n), path) for n in range(1, (last - first).days + 1))


def _local(at: datetime) -> date:
    return at.astimezone(pep.SHANGHAI).date()


def _written(stored: str | None) -> str | None:
    return None if stored is None else pep.written(moment(stored))
