"""Sections A and B of the list of attacks, sent to the whole application: bytes, JSON, HTTP, text and numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from acts import Say, loaded, submitted
from conftest import World
from worlds import ADMIN, CLERK, COLLECTOR, FAR_VILLAGE, HANDLER, SIGNATORY, SYSTEM_ADMIN, VILLAGE, Town

from authz import refusal

JSON = {"content_type": "application/json"}


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        yield made


def raw(town: Town, body: bytes, path: str = "/v1/edits", person: str = COLLECTOR, **headers: str) -> tuple[int, str]:
    answer = town.post(path, person, body, **({**JSON, **headers}))
    return answer.status_code, answer.json()["code"]


def edit(town: Town, old: str, new: str) -> bytes:
    """The usual edit with a piece of its JSON text replaced."""
    text = json.dumps(town.edit(), ensure_ascii=False)
    assert old in text
    return text.replace(old, new).encode()


# Row of the list, what is sent, what is answered.
BYTES: list[tuple[int, Callable[[Town], bytes], int, str]] = [
    (1, lambda t: edit(t, '"quarter": 4', '"quarter": 4, "quarter": 3'), 400, "dup_key"),
    (2, lambda t: edit(t, '"quarter": 4', '"quarter": 4, "\\u0071uarter": 3'), 400, "dup_key"),
    (3, lambda t: edit(t, '"quarter": 4', '"quarter": NaN'), 400, "unreadable"),
    (3, lambda t: edit(t, '"quarter": 4', '"quarter": -0'), 400, "unreadable"),
    (3, lambda t: edit(t, "1350000", "1e999"), 400, "unreadable"),
    (4, lambda t: edit(t, "1350000", str(2**53 + 1)), 422, "misshapen"),
    (4, lambda t: edit(t, "1350000", str(10**30)), 422, "misshapen"),
    (5, lambda t: edit(t, "1350000", "9" * 5_000), 400, "unreadable"),
    (6, lambda t: b"[" * 33 + b"]" * 33, 400, "too_deep"),
    (7, lambda t: edit(t, '"APP"', '"A\\u0000P"'), 422, "misshapen"),
    (8, lambda t: edit(t, '"APP"', '"\\ud800"'), 422, "misshapen"),
    (9, lambda t: edit(t, '"APP"', '"X"').replace(b"X", b"\xff"), 400, "unreadable"),
    (10, lambda t: json.dumps(t.edit()).encode("utf-16"), 400, "unreadable"),
    (10, lambda t: b"\xef\xbb\xbf" + json.dumps(t.edit()).encode(), 400, "unreadable"),
    (13, lambda t: b" " * (65 * 1024), 413, "too_large"),
    (38, lambda t: edit(t, '"wage_income"', '"\U0001f600"'), 422, "misshapen"),
    (47, lambda t: edit(t, '"h-monitored"', '{"$ne":1}'), 422, "misshapen"),
    (47, lambda t: edit(t, '"h-monitored"', '"*"'), 422, "misshapen"),
    (48, lambda t: edit(t, '"quarter": 4', '"quarter": true'), 422, "misshapen"),
    (48, lambda t: edit(t, '"quarter": 4', '"quarter": "4"'), 422, "misshapen"),
    (49, lambda t: edit(t, "1350000", "0.3"), 422, "misshapen"),
    (49, lambda t: edit(t, "1350000", "1e2"), 422, "misshapen"),
    (49, lambda t: edit(t, "1350000", str(10**13 + 1)), 422, "misshapen"),
]


def test_bytes_on_the_wire_of_an_edit(town: Town) -> None:
    """Rows 1 to 13 and 38 to 49: refused under their code, nothing recorded, nothing echoed."""
    for row, body, status, code in BYTES:
        before = town.size()
        assert raw(town, body(town)) == (status, code), row
        assert town.size() == before, row


def test_11_12_16_only_plain_json_is_taken(town: Town) -> None:
    body = json.dumps(town.edit()).encode()
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json; charset=gbk"):
        assert raw(town, body, content_type=kind) == (415, "unsupported_type"), kind
    assert raw(town, body, content_encoding="gzip") == (415, "unsupported_type")
    assert town.post("/v1/edits", COLLECTOR, body, content_type="application/json; charset=utf-8").status_code == 403


def test_15_19_20_22_23_the_request_line_and_its_headers(town: Town) -> None:
    many = town.client.get("/v1/me", headers=[*town.headers(CLERK).items(), *[(f"x-{n}", "1") for n in range(200)]])
    assert many.status_code == 431
    for verb in ("TRACE", "CONNECT", "FROB", "DELETE"):
        assert town.ask(verb, "/v1/me", CLERK).status_code == 405, verb
    assert town.ask("HEAD", "/v1/edits", CLERK).status_code == 405
    assert town.get("/v1/me", CLERK, x_http_method_override="DELETE").status_code == 200
    assert town.get("/v1/me", CLERK, host="evil.example").status_code == 400
    forged = town.get("/v1/entries", ADMIN, x_forwarded_for="6.6.6.6", forwarded="for=6.6.6.6")
    entry = town.get(f"/v1/entries/{forged.json()['entry']}", ADMIN).json()
    assert entry["address"] != "6.6.6.6"
    absent = town.get("/v1/requests/999999", CLERK)
    for path in (
        "/v1/o%2fsecret",
        "/v1/..%2fme",
        "/v1//me",
        "/v1/me;x=1",
        "/v1/me%00",
        "/v1/%ff",
        "/v1/me/",
        "/v1/me.",
    ):
        answer = town.get(path, CLERK)
        assert (answer.status_code, answer.content) == (404, absent.content), path


@pytest.mark.parametrize("query", [
    f"division={VILLAGE}&division={FAR_VILLAGE}", "limit=1000000000", "limit=-1", "limit=1e3", "limit=%D9%A3", "limit=1001",
    "sort=name;drop", "fields=natural", "division=%EF%BC%96%EF%BC%94", "division=64%25", "cursor=%27",
])  # fmt: skip
def test_24_25_26_queries(town: Town, query: str) -> None:
    for path, person in (("/v1/grants", ADMIN), ("/v1/people", ADMIN), ("/v1/requests", CLERK), ("/v1/entries", ADMIN)):
        before = town.size()
        assert town.get(f"{path}?{query}", person).status_code == 422, path
        assert town.size() == before, path
    for path in ("/v1/grants", "/v1/me/attributions", "/v1/requests", "/v1/windows", "/v1/entries"):
        assert town.get(f"{path}?cursor=abc", ADMIN).status_code == 422, path


def test_18_42_43_44_what_is_written_is_text(town: Town) -> None:
    """Rows 36, 40 to 44: stored and shown as it is; in HTML it is inert; in a header it cannot stand."""
    for text in (
        "' OR 1=1--",
        '";\\',
        "%_",
        "{{7*7}}${x}%s{0.__class__}",
        '<script>alert(1)</script>"><svg onload=x>',
        "javascript:1",
    ):
        number = town.drafted(title=text)
        assert town.get(f"/v1/requests/{number}", CLERK).json()["document"]["title"] == text
        page = town.get(f"/v1/requests/{number}/print", CLERK).text
        assert "<script" not in page
        assert "<svg onload" not in page
    assert town.get("/v1/people?role=%25", ADMIN).status_code == 422
    for name in ("\x1b[31m红", "马\r\n兰", "马\u202e兰", "马\u200b兰", "马\xad兰"):
        assert town.post("/v1/people", ADMIN, {"name": name}).status_code == 422
    for name in ("\U00020bb7野䶮", "217社区·阿依古丽", "😀"):
        made = town.post("/v1/people", SYSTEM_ADMIN, {"name": name}).json()["id"]
        assert town.get(f"/v1/people/{made}", SYSTEM_ADMIN).json()["name"] == name
    assert town.post("/v1/people", ADMIN, {"name": "长" * 350_000}).status_code == 413


# --- unbounded work ---------------------------------------------------------------------------------------------------
def test_39_the_largest_edit_fits_and_what_does_not_is_refused_as_too_large(town: Town) -> None:
    """A fact of more than 65,535 bytes is a refusal of its own act alone, and the ledger goes on."""
    (root,) = town.granted()
    town.delegated(root)
    marks = [f"{n:064}" for n in range(300)]
    fields = [{"field": "wage_income", "before": 1, "after": 2}] * 100
    large = town.edit(checks={"ruleset": "1", "failed": marks, "overridden": marks}, changes=fields)
    assert town.post("/v1/edits", COLLECTOR, large).status_code == 201
    huge = Say(facts=(loaded(*(f"h-{n:030}" for n in range(1_500))),))
    first, between, last = submitted(
        town.deployment.ledger, [Say(facts=(loaded("h-a"),)), huge, Say(facts=(loaded("h-b"),))]
    )
    assert isinstance(between, refusal.TooLarge)
    assert (first.count, last.number) == (1, first.number + 1)
    assert town.get("/v1/households/h-b", ADMIN).status_code == 200


def test_13_a_file_of_households_has_a_bound(town: Town) -> None:
    """It is read whole, so its size is bounded before it is parsed, whoever sends it."""
    line = b'{"token":"h-1","division":"640324100201","population":"monitored"}\n'
    for person in (ADMIN, COLLECTOR):
        answer = town.post("/v1/households", person, line * 40_000, content_type="application/x-ndjson")
        assert answer.status_code == 413, person
    blank = town.post("/v1/households", ADMIN, b"\n" * (3 * 1024 * 1024), content_type="application/x-ndjson")
    assert blank.status_code == 413


# --- 107: letters of days that have not come --------------------------------------------------------------------------
def test_a_letter_of_tomorrow_is_not_signed_nor_received(town: Town) -> None:
    """The numbers of a year that has not begun cannot be taken ahead."""
    number = town.drafted(number="同乡振发〔2099〕1号", dated="2099-01-02")
    answer = town.change(f"/v1/requests/{number}/signature", SIGNATORY)
    assert (answer.status_code, answer.json()["code"]) == (422, "unacceptable")
    filed = town.filed()
    body: dict[str, Any] = {"register_no": "收1", "received_on": "2099-01-02"}
    answer = town.change(f"/v1/requests/{filed}/receipt", HANDLER, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "unacceptable")
