"""Letters for print: every word of the record on the page, nothing of it as markup, and the form of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest
from conftest import World
from hypothesis import given
from hypothesis import strategies as st
from worlds import APPROVER, CLERK, COLLECTOR, HANDLER, Town

from api import letters

EVIL = "<script>alert(1)</script>&\"'{{ 7*7 }}"


class Reader(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.text, self.styled = list[str](), "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.styled |= any(name == "style" or name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        yield found


def read(town: Town, number: int, form: str, person: str = CLERK) -> Reader:
    answer = town.get(f"/v1/requests/{number}/print?form={form}", person)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    found = Reader(answer.text)
    assert not found.styled
    assert not {"script", "style", "img", "iframe"} & set(found.tags)
    return found


@pytest.mark.parametrize(("kind", "reply", "closing", "answer", "signatory"), [
    ("QINGSHI", "PIFU", "妥否，请批示。", "此复。", True), ("HAN", "FUHAN", "请予支持，并函复。", "特此函复。", False),
])  # fmt: skip
def test_the_three_forms(town: Town, kind: str, reply: str, closing: str, answer: str, signatory: bool) -> None:
    number = town.received(kind=kind, title=f"关于权限的请示{EVIL}")
    asked = read(town, number, "request")
    today = datetime.now(UTC).date()
    body = town.get(f"/v1/requests/{number}", CLERK).json()
    for text in (body["document"]["number"], EVIL, closing, "联系人", "抄送", letters.dated(today), "640324100",
                 "监测对象", body["attachments"][0], f"事项编号 {number}"):  # fmt: skip
        assert text in asked.text, text
    assert ("签发人" in asked.text) is signatory
    for form in ("reply", "receipt"):
        early = town.get(f"/v1/requests/{number}/print?form={form}", CLERK)
        assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    lines = [{"line": 1, "outcome": "narrowed", "scope": {"operations": ["collect"]}, "reason": EVIL}]
    assert town.change(f"/v1/requests/{number}/proposal", HANDLER, {"lines": lines, "opinion": "拟同意"}).is_success
    letter = {"kind": reply, "number": f"宁乡振函〔{today.year}〕7号", "dated": today.isoformat()}
    decided = town.change(
        f"/v1/requests/{number}/decision", APPROVER, {"document": letter, "lines": lines, "opinion": EVIL}
    )
    assert decided.is_success, decided.text
    replied = read(town, number, "reply")
    for text in (letter["number"], body["document"]["number"], answer, EVIL, "缩小范围同意", "盖章扫描件待补"):
        assert text in replied.text, text
    receipt = read(town, number, "receipt")
    for text in ("回执单", letter["number"], str(decided.json()["grants"][0]["grant"]), "有效", APPROVER, "部分同意"):
        assert text in receipt.text, text


def test_a_rejection_opened_nothing(town: Town) -> None:
    number = town.received()
    assert town.decided(number, [{"line": 1, "outcome": "rejected"}]).is_success
    assert "没有开通任何权限" in read(town, number, "receipt").text
    assert "不同意" in read(town, number, "reply").text


def test_a_draft_is_marked_and_hidden_from_strangers(town: Town) -> None:
    number = town.drafted()
    assert "草稿，未签发" in read(town, number, "request").text
    assert "草稿，未签发" not in read(town, town.filed(), "request").text
    assert town.get(f"/v1/requests/{number}/print?form=request", COLLECTOR).status_code == 404
    assert town.get(f"/v1/requests/{number}/print?form=poster", CLERK).status_code == 422


def test_the_stylesheet_is_ours_and_public(town: Town) -> None:
    answer = town.get("/letters/letter.css", None)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "@page" in answer.text
    assert "url(" not in answer.text


@given(st.dates(date(1949, 10, 1), date(2199, 12, 31)))
def test_dates_have_no_leading_zeros(day: date) -> None:
    written = letters.dated(day)
    assert written == letters.dated(day.isoformat())
    parts = [int(part) for part in written.replace("年", " ").replace("月", " ").replace("日", "").split()]
    assert parts == [day.year, day.month, day.day]
    assert "年0" not in written
    assert "月0" not in written
