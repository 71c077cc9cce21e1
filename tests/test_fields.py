"""Each field kind by a table of what it takes and what it refuses, and what a person is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, StringConstraints, TypeAdapter

from api.wire import fields
from authz.refusal import BadDivisionCode, Misshapen

CANARY = "64032419040229002X"

TAKEN: list[tuple[Any, list[Any]]] = [
    (fields.Instant, [
        "2026-12-01T00:00:00+08:00", "2026-12-01T00:00:00Z", "1949-10-01T00:00:00+08:00", "2026-12-01T23:59:59.999999Z",
        "2024-02-29T12:00:00-03:30", "2199-12-31T00:00:00+00:00",
    ]),
    (fields.Day, ["2026-11-20", "2024-02-29", "1949-10-01"]),
    (fields.DivisionCode, ["64", "6403", "640324", "640324100", "640324100201"]),
    (fields.PersonId, ["p-1", "p-123456789012"]),
    (fields.UnitId, ["u-64-lead", "u-640324-civil_affairs", "u-640324100-township"]),
    (fields.HouseholdToken, ["h-9f2c", "h-_-A", "h-" + "a" * 40]),
    (fields.MemberToken, ["m-1"]),
    (fields.Sha256, ["0" * 64, "ab" * 32]),
    (fields.Word, ["quarterly_income", "a", "request.decide"]),
    (fields.Mark, ["2026-Q4-017", "2026.3"]),
    (fields.Cell, ["lifted_out.base", "monitored.risk_elimination"]),
    (fields.Operation, ["collect", "remark_risk"]),
    (fields.Role, ["first_secretary"]),
    (fields.DataYear, [2000, 2100]),
    (fields.Quarter, [1, 4]),
    (fields.Fen, [0, -(10**13), 10**13]),
    (fields.Number, [0, 2**53 - 1]),
    (fields.Amount, [1]),
    (fields.Name, ["张三", "买买提·吐尔逊", "\U00020bb7\ufa1f", "' OR 1=1--", "<script>"]),
    (fields.Title, ["关于申请防返贫监测系统收入信息采集权限的请示 😀"]),
    (fields.Reason, ["a\r\nb", "字" * 2_000]),
    (fields.Note, ["", "{{7*7}}"]),
]  # fmt: skip

REFUSED: list[tuple[Any, list[Any]]] = [
    (fields.Instant, [
        "2026-12-01T00:00:60Z", "2026-12-01T24:00:00Z", "2026-12-01T00:00:00", "infinity", "9999-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "1900-06-01T00:00:00+08:05:43", "1900-06-01T00:00:00+08:05",
        "2026-12-01 00:00:00Z", "2026-12-01t00:00:00z", "2026-12-01T00:00:00-00:00", "2026-12-01T00:00:00+25:00", "",
        "2026-12-01T00:00:00Z\n", "２０26-12-01T00:00:00Z", "20261201T000000Z", "2026-W49-2T00:00:00Z", 0, 1.5, None,
        "2200-01-01T00:00:00Z", "1948-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-12-01T00:00:00.1234567Z",
    ]),
    (fields.Day, ["2026-02-30", "2023-02-29", "20261120", "2026-1-1", "1948-12-31", "9999-01-01", "2026-11-20T", 1,
                  "2026-11-20\n", "٢٠٢٦-11-20", None]),
    (fields.DivisionCode, ["６４０３２４", "٦٤", "640324\n", " 640324", "640324\u200b", "64030", "", "*", "64%", "64.*",
                           "6", "640", "64032410", "6403241002", "6403241002011", "640324😀", 640324, None, True]),
    (fields.PersonId, ["p-", "p-1234567890123", "p-a", "P-1", "", "*", None, ["a"], {"$ne": 1}, "p-１", "p-1\n"]),
    (fields.UnitId, ["u-64", "u-64-", "u-64-Lead", "u-645-lead", "u-64-lead_", "u-64-" + "a" * 80]),
    (fields.HouseholdToken, ["h-", "h-" + "a" * 41, "9f2c", "h-a b", "h-户"]),
    (fields.MemberToken, ["m-", "1"]),
    (fields.Sha256, ["0" * 63, "0" * 65, "AB" * 32, "0" * 64 + "\n"]),
    (fields.Word, ["", "A", "a__b", ".a", "a" * 65]),
    (fields.Mark, ["", "a b", "a\n", "文"]),
    (fields.Cell, ["lifted_out.risk_elimination", "*", "", None]),
    (fields.Operation, ["COLLECT", "read"]),
    (fields.Role, ["root", ""]),
    (fields.DataYear, [1999, 2101, "2026", True, 2026.0]),
    (fields.Quarter, [0, 5, True, "1"]),
    (fields.Fen, [-(10**13) - 1, 10**13 + 1, 0.3, "1", True, None]),
    (fields.Number, [-1, 2**53]),
    (fields.Amount, [0]),
    (fields.Name, ["", "  ", "张\n三", "字" * 65, 1]),
    (fields.Title, ["", "a\tb", "字" * 201]),
    (fields.Reason, ["", "\n", "字" * 2_001, "x" * 1_000_000]),
    (fields.Note, ["字" * 2_001]),
]  # fmt: skip


def _rows(table: list[tuple[Any, list[Any]]]) -> list[tuple[Any, Any]]:
    return [(kind, value) for kind, values in table for value in values]


def _one(kind: Any) -> type[BaseModel]:
    return type("One", (fields.Body,), {"__annotations__": {"value": kind}, "__module__": __name__})


@pytest.mark.parametrize(("kind", "value"), _rows(TAKEN))
def test_field_takes(kind: Any, value: Any) -> None:
    taken = fields.validate(_one(kind), {"value": value}).model_dump()["value"]
    assert taken == value or not isinstance(taken, str)


@pytest.mark.parametrize(("kind", "value"), _rows(REFUSED))
def test_field_refuses_in_chinese(kind: Any, value: Any) -> None:
    with pytest.raises(Misshapen) as caught:
        fields.validate(_one(kind), {"value": value})
    faults = caught.value.members["pointers"]
    assert [fault["pointer"] for fault in faults] == ["/value"]
    assert all("\u4e00" <= fault["message"][0] <= "\u9fff" for fault in faults)
    assert isinstance(caught.value, BadDivisionCode) == (kind == fields.DivisionCode and isinstance(value, str))


def test_plain_pydantic_takes_what_ours_refuses() -> None:
    """The negative control of the strictness."""
    loose = TypeAdapter(datetime)
    assert loose.validate_python("2026-12-01T00:00:00").tzinfo is None
    assert TypeAdapter(int).validate_python("1") == TypeAdapter(int).validate_python(True) == 1
    unicode_digits = Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
    assert TypeAdapter(unicode_digits).validate_python("６４０３２４")


@given(st.datetimes(datetime(1950, 1, 1), datetime(2198, 12, 31)), st.integers(-12 * 60 + 1, 14 * 60))
def test_instant_is_the_moment_written(moment: datetime, minutes: int) -> None:
    written = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    read = fields.instant(written.isoformat())
    assert read == written
    assert read.tzinfo is UTC


class Line(fields.Body):
    division: fields.DivisionCode
    cells: Annotated[fields.Several[fields.Cell], Field(min_length=1)]


class Filing(fields.Body):
    title: fields.Title
    lines: fields.Several[Line]


def test_every_fault_is_listed_and_nothing_is_echoed() -> None:
    sent = {
        CANARY: CANARY, "owner": CANARY, "title": CANARY * 20,
        "lines": [{"division": CANARY, "cells": [CANARY]}, {"division": "64", "cells": [], "x": {CANARY: 1}}, CANARY],
    }  # fmt: skip
    with pytest.raises(Misshapen) as caught:
        fields.validate(Filing, sent)
    said = json.dumps(caught.value.members, ensure_ascii=False) + str(caught.value)
    assert CANARY not in said
    assert "owner" not in said
    assert [fault["pointer"] for fault in caught.value.members["pointers"]] == [
        "/title", "/lines/0/division", "/lines/0/cells/0", "/lines/1/cells", "/lines/1", "/lines/2", "",
    ]  # fmt: skip


def test_body_is_frozen_and_its_items_strict() -> None:
    filing = fields.validate(Filing, {"title": "e\u0301", "lines": [{"division": "64", "cells": ["monitored.base"]}]})
    assert filing.title == "\u00e9"
    with pytest.raises(ValueError, match="frozen"):
        filing.title = "x"
    numbers = _one(fields.Several[int])
    for items in (["1"], [True], [1.0], "12", {"a": 1}, None):
        with pytest.raises(Misshapen):
            fields.validate(numbers, {"value": items})


class Listing(fields.Page):
    division: fields.DivisionCode | None = None
    at: fields.Instant | None = None
    q: fields.Line | None = None
    wider: fields.Flag = False


def test_query_is_read() -> None:
    query = fields.read_query(b"division=640324&limit=7&q=%E5%BC%A0e%CC%81+a&wider=true", Listing)
    assert (query.division, query.limit, query.q, query.wider) == ("640324", 7, "张\u00e9 a", True)
    assert fields.read_query(b"", Listing).limit == 100
    assert fields.read_query(b"at=2026-12-01T00:00:00%2B08:00", Listing).at == datetime(2026, 11, 30, 16, tzinfo=UTC)


@pytest.mark.parametrize("raw", [
    b"division=64&division=6403", b"division=64&divisi%6Fn=64", b"owner=1", b"limit=1000000000", b"limit=-1", b"limit=0",
    b"limit=1001", b"limit=1e3", "limit=٣".encode(), b"limit=%D9%A3", b"limit=", b"limit=+5", b"limit=5.0", b"limit=1_0",
    b"sort=name;drop", b"sort=salt", b"q=%ff", b"q=%00", b"q=%E2%80%AE", b"q=\xff", b"=1", b"division=%EF%BC%96%EF%BC%94",
    b"wider=1", b"wider=True", b"&".join(b"a%d=1" % n for n in range(65)), b"limit=" + b"9" * 5_000,
])  # fmt: skip
def test_query_is_refused(raw: bytes) -> None:
    with pytest.raises(Misshapen):
        fields.read_query(raw, Listing)
