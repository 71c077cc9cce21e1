"""Every refusal has a status, two answers never vary, and nothing unforeseen shows itself."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from api import problems, telemetry
from api.wire import fields
from authz import refusal as refusals
from authz.refusal import Refusal

CANARY = "640324190402290028"


def _kinds(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for kind in root.__subclasses__():
        if kind.__module__ == refusals.__name__:
            yield kind
            yield from _kinds(kind)


EXPECTED = {
    "unreadable": 400, "dup_key": 400, "too_deep": 400, "stranger": 401, "no_grant": 403, "duty_conflict": 403,
    "unknown": 404, "method_not_allowed": 405, "wrong_state": 409, "still_running": 409, "stale": 412, "too_large": 413,
    "unsupported_type": 415, "post_required": 422, "key_reused": 422, "not_in_writing": 422, "unconditional": 428,
    "throttled": 429, "headers_too_large": 431, "closed": 503, "clock": 503,
}  # fmt: skip


@pytest.mark.parametrize("kind", list(_kinds()), ids=lambda kind: kind.code)
def test_every_refusal_is_mapped(kind: type[Refusal]) -> None:
    response = problems.answer(kind())
    told = json.loads(bytes(response.body))
    assert response.status_code == told["status"] == problems.status_of(kind) == EXPECTED.get(kind.code, told["status"])
    assert set(told) == {"type", "title", "status", "detail", "code"}
    assert told["code"] == kind.code
    assert response.headers["content-type"] == "application/problem+json"
    assert "\u4e00" <= told["title"][0] <= "\u9fff"
    assert ("www-authenticate" in response.headers) == (told["status"] == 401)
    assert ("retry-after" in response.headers) == (told["status"] in (429, 503))


def test_an_unmapped_refusal_is_noticed() -> None:
    """The negative control: a refusal outside every group has no status."""
    with pytest.raises(KeyError):
        problems.status_of(Refusal)
    assert set(EXPECTED) <= {kind.code for kind in _kinds()}


def test_members_and_entry_are_told_but_cannot_replace_the_frame() -> None:
    refusal = refusals.NoGrant("缺少授权", missing="grant", who_can_grant=["u-640324-lead"], status=200, code="x")
    told = json.loads(bytes(problems.answer(refusal, 17, "r-1").body))
    assert (told["status"], told["code"], told["entry"], told["missing"]) == (403, "no_grant", 17, "grant")
    assert problems.answer(refusal, 17, "r-1").headers["x-request-id"] == "r-1"


@pytest.mark.parametrize("kind", [refusals.Unknown, refusals.Stranger])
def test_answers_that_must_not_tell_are_identical(kind: type[Refusal]) -> None:
    bodies = {
        problems.answer(kind()).body,
        problems.answer(kind("不是您的"), 17, "r-1").body,
        problems.answer(kind(why="other county"), path="/v1/requests/17").body,
    }
    assert len(bodies) == 1
    assert not kind.__subclasses__()
    assert len({problems.answer(refusals.NoGrant()).body, problems.answer(refusals.NoGrant("别的")).body}) == 2


def test_authzen_routes_answer_400_for_wrong_form() -> None:
    for kind in (refusals.Misshapen, refusals.UnsupportedType):
        assert problems.answer(kind(), path="/access/v1/evaluation").status_code == 400
    assert problems.answer(refusals.Denied(), path="/access/v1/evaluation").status_code == 403


class Wish(BaseModel):
    age: int


def _application() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    problems.install(app)
    faults: dict[str, Exception] = {
        "refusal": refusals.WrongState(),
        "bug": RuntimeError(CANARY),
        "key": KeyError(CANARY),
        "http": HTTPException(404, CANARY),
        "five": HTTPException(502, CANARY),
        "teapot": HTTPException(418, CANARY),
    }

    @app.get("/fault/{name}")
    async def fault(name: str) -> None:
        raise faults[name]

    @app.post("/wish")
    async def wish(body: Wish) -> int:
        return body.age

    @app.get("/thing/{number}")
    async def thing(number: int, limit: int = 1) -> int:
        return number + limit

    return app


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    telemetry.configure(stream)
    yield stream
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), [
    ("GET", "/fault/refusal", None, 409, "wrong_state"),
    ("GET", "/fault/bug", None, 503, "closed"),
    ("GET", "/fault/key", None, 503, "closed"),
    ("GET", "/fault/http", None, 404, "unknown"),
    ("GET", "/fault/five", None, 503, "closed"),
    ("GET", "/fault/teapot", None, 400, "unreadable"),
    ("GET", f"/nothing/{CANARY}", None, 404, "unknown"),
    ("GET", "/thing/x1", None, 404, "unknown"),
    ("GET", f"/thing/1?limit=x{CANARY}", None, 422, "misshapen"),
    ("DELETE", "/wish", None, 405, "method_not_allowed"),
    ("POST", "/wish", '{"age":"' + CANARY + 'x"}', 422, "misshapen"),
    ("POST", "/wish", '{"age":', 400, "unreadable"),
])  # fmt: skip
def test_every_failure_is_a_problem(
    lines: io.StringIO, method: str, path: str, body: Any, status: int, code: str
) -> None:
    client = TestClient(_application())
    response = client.request(method, path, content=body, headers={"content-type": "application/json"})
    told = response.json()
    assert (response.status_code, told["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert CANARY not in response.text + str(response.headers) + lines.getvalue()
    assert status != 405 or response.headers["allow"] == "POST"
    if code == "misshapen":
        assert told["pointers"]


def test_absent_route_and_absent_thing_are_one_body() -> None:
    client = TestClient(_application())
    assert client.get("/fault/http").content == client.get("/nothing").content == client.get("/thing/x").content


def test_the_unforeseen_is_logged_by_class_and_place(lines: io.StringIO) -> None:
    TestClient(_application()).get("/fault/bug")
    (line,) = [json.loads(text) for text in lines.getvalue().splitlines()]
    assert (line["event"], line["exception"]) == ("unexpected", "RuntimeError")
    assert "in_" in line["where"] or ":" in line["where"]


def test_framework_alone_shows_the_input() -> None:
    """The negative control: without `install` FastAPI repeats what was sent, and a bug is a 500."""
    app = FastAPI()

    @app.post("/wish")
    async def wish(body: Wish) -> int:
        raise RuntimeError

    client = TestClient(app, raise_server_exceptions=False)
    assert CANARY in client.post("/wish", json={"age": CANARY + "x"}).text
    assert client.post("/wish", json={"age": 1}).status_code == 500


def test_an_answer_already_begun_is_cut_short(lines: io.StringIO) -> None:
    app = FastAPI()
    problems.install(app)
    sent: list[Any] = []

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(CANARY)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(problems.LastResort(broken)({"type": "http", "path": "/"}, None, send))  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert "unexpected" in lines.getvalue()


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\r\nb", "\u202e", "{0.__class__} %s {{7*7}}"])
def test_a_log_line_is_one_line_without_strange_fields(lines: io.StringIO, text: str) -> None:
    telemetry.bind_request("r-1", "/v1/edits")
    telemetry.log().info("started", path=text, name=CANARY, household=CANARY)
    logging.getLogger("some.library").warning("value %s", CANARY)
    written = lines.getvalue()
    assert CANARY not in written
    assert written.isascii()
    assert not set("\x1b\r") & set(written)
    first, second = (json.loads(line) for line in written.splitlines())
    assert (first["path"], first["request_id"], "name" in first) == (text, "r-1", False)
    assert second["event"] == "value %s"


def test_counters_are_shown() -> None:
    telemetry.REQUESTS.labels("/v1/edits", "201").inc()
    assert b'requests_total{route="/v1/edits",status="201"}' in telemetry.metrics()


def test_fields_faults_reach_the_answer() -> None:
    class Need(fields.Body):
        division: fields.DivisionCode

    with pytest.raises(refusals.Misshapen) as caught:
        fields.validate(Need, {"division": "64030"})
    told = json.loads(bytes(problems.answer(caught.value).body))
    assert told["code"] == "bad_division_code"
    assert told["pointers"][0]["pointer"] == "/division"
