"""The handling clock: working days that ran, rests left out, and never a deadline of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from acts import law

from api import pace
from authz.decision import Scene
from authz.fact import instant
from authz.register import Rows


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+08:00")


def row(started: str, *paused: tuple[str, str | None], decided: str | None = None) -> dict[str, Any]:
    spans = [[instant(at(begin)), instant(at(end)) if end else None] for begin, end in paused]
    body: dict[str, Any] = {"clock": instant(at(started)), "paused": spans}
    if decided:
        body["decision"] = {"at": instant(at(decided))}
    return {"number": 1, "division": "640324", "state": "received", "body": body}


# 2026-11-23 is a Monday; 2026-10-01 to 07 is the national holiday, 10-10 a working Saturday.
@pytest.mark.parametrize(("found", "now", "days"), [
    (row("2026-11-23T10:00"), "2026-11-23T23:59", 0), (row("2026-11-23T10:00"), "2026-11-24T00:00", 1),
    (row("2026-11-23T10:00"), "2026-11-30T10:00", 5), (row("2026-11-27T10:00"), "2026-11-29T10:00", 0),
    (row("2026-11-23T10:00", decided="2026-11-25T09:00"), "2026-12-25T10:00", 2),
    (row("2026-11-23T10:00", ("2026-11-25T10:00", "2026-11-27T10:00")), "2026-11-30T10:00", 3),
    (row("2026-11-23T10:00", ("2026-11-25T10:00", None)), "2026-12-30T10:00", 2),
    (row("2026-11-23T10:00", ("2026-11-24T10:00", "2026-11-24T11:00"), ("2026-11-26T10:00", None)), "2026-12-30T10:00", 3),
    (row("2026-09-30T10:00"), "2026-10-08T10:00", 1),
])  # fmt: skip
def test_working_days_that_ran(found: dict[str, Any], now: str, days: int) -> None:
    told = pace.clock(found, Scene(Rows(), at(now), 1, law()))
    assert told is not None
    assert (told["days"], told["limit"]) == (days, None)
    assert "时限以本地设定为准" in told["note"]


def test_no_clock_before_receipt() -> None:
    found = row("2026-11-23T10:00")
    found["body"]["clock"] = None
    assert pace.clock(found, Scene(Rows(), at("2026-11-24T10:00"), 1, law())) is None
