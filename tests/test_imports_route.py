"""Edits made elsewhere, over HTTP: verdicts as of their own time, refs, bad lines, and nothing changed by any of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import worlds
from conftest import World
from statements import counted
from test_amendments import DENY, adopted, proposed, texts
from worlds import ADMIN, COLLECTOR, OTHER_COLLECTOR, OTHER_VILLAGE, Town

from api import import_lines

PATH = "/v1/edits/import"
WRITTEN = {"content_type": "application/x-ndjson"}


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    """The county holds income over Yuhai; the collectors of one village hold it below since `issued`."""
    with Town(database) as built:
        built.grant = built.granted()[0]  # type: ignore[attr-defined]
        built.below = built.delegated(built.grant)  # type: ignore[attr-defined]
        yield built


def line(town: Town, ref: str, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    when = (at or datetime.now(UTC)).isoformat()
    return town.edit() | {"ref": ref, "person": COLLECTOR, "occurred_at": when} | more


def sent(town: Town, *lines: dict[str, Any] | bytes, person: str = ADMIN) -> Any:
    body = b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)
    return town.post(PATH, person, body, **WRITTEN)


def told(town: Town, *lines: dict[str, Any] | bytes, person: str = ADMIN) -> list[dict[str, Any]]:
    answer = sent(town, *lines, person=person)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(each) for each in answer.text.splitlines()]


def register(town: Town) -> list[Any]:
    """All that an edit could have changed."""
    with town.deployment.database.engine.connect() as connection:
        return [
            connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1, 2, 3").all()
            for name in ("household", "usage", "grants")
        ]


def test_each_line_is_judged_as_of_its_own_time(town: Town) -> None:
    now = datetime.now(UTC)
    found = told(
        town,
        line(town, "1"),
        line(town, "2", household="h-new", division=OTHER_VILLAGE),
        line(town, "3", person=OTHER_COLLECTOR, household="h-x", division=OTHER_VILLAGE),
        line(town, "4", person="p-999999"),
        line(town, "5", now - timedelta(days=3)),
        line(town, "6", datetime(2001, 1, 1, tzinfo=UTC)),
        line(town, "7", operation="delete"),
    )
    assert [(each["verdict"], each.get("code")) for each in found] == [
        ("allowed_then", None), ("not_allowed_then", "outside_division"), ("no_authority_on_record", "no_grant"),
        ("no_authority_on_record", "not_employed"), ("no_authority_on_record", "not_employed"),
        ("no_authority_on_record", "not_employed"), ("not_allowed_then", "outside_operation"),
    ]  # fmt: skip
    assert [each["ref"] for each in found] == list("1234567")
    assert [each["line"] for each in found] == list(range(1, 8))
    assert found[0]["grant"] == town.below  # type: ignore[attr-defined]
    entry = town.get(f"/v1/entries/{found[0]['entry']}", worlds.AUDITOR).json()
    assert (entry["kind"], entry["decision"]) == ("EditImported", None)
    assert entry["fact"]["chain"] == [town.grant, town.below]  # type: ignore[attr-defined]


def test_an_import_changes_nothing_but_what_was_reported(town: Town) -> None:
    before = register(town)
    assert [each["verdict"] for each in told(town, line(town, "1", household="h-unheard"))] == ["allowed_then"]
    assert register(town) == before
    assert town.get("/v1/households/h-unheard", ADMIN).status_code == 404
    # The control: the same edit, made here, does.
    assert town.post("/v1/edits", COLLECTOR, town.edit(household="h-unheard")).status_code == 201
    assert register(town) != before


def test_paper_that_came_later_is_shown_and_makes_nothing_legal(town: Town) -> None:
    then = datetime.now(UTC)
    lines = {"holder": f"u-{OTHER_VILLAGE}-village", "division": OTHER_VILLAGE}
    late = town.granted(town.line(**{"from": (then - timedelta(days=30)).isoformat()}))[0]
    town.delegated(late, **lines)
    early = line(town, "early", then, person=OTHER_COLLECTOR, household="h-x", division=OTHER_VILLAGE)
    never = line(
        town, "never", then, person=OTHER_COLLECTOR, household="h-x", division=OTHER_VILLAGE, operation="delete"
    )
    found = told(town, early, never, line(town, "now", person=OTHER_COLLECTOR, household="h-x", division=OTHER_VILLAGE))
    assert [each["verdict"] for each in found] == ["no_authority_on_record"] * 2 + ["allowed_then"]
    assert [each.get("documented_later") for each in found] == [late, None, None]


def test_a_ref_is_reported_once(town: Town) -> None:
    first = line(town, "a-1")
    one = told(town, first)[0]
    size = town.size()
    again = told(town, first, first)
    assert [each | {"line": 1} for each in again] == [one, one]
    assert town.size() == size + 1, "both are answered from the record; only the opening is new"
    changes = [{"field": "wage_income", "before": 1200000, "after": 1350001}]
    for other in ({"changes": changes}, {"person": OTHER_COLLECTOR}, {"quarter": 3}, {"channel": "WEB"}):
        found = told(town, first | other)[0]
        assert (found["status"], found["code"]) == (409, "already_registered")
    assert told(town, first | {"ref": "a-2"})[0]["verdict"] == "allowed_then"


BAD: list[tuple[bytes | dict[str, Any], int, str]] = [
    (b"{", 400, "unreadable"),
    (b'{"ref":"1","ref":"2"}', 400, "dup_key"),
    (b"[]", 422, "misshapen"),
    (b"\xff\xfe", 400, "unreadable"),
    (b'{"a":"' + b"x" * 70_000 + b'"}', 413, "too_large"),
    ({"occurred_at": None}, 422, "misshapen"),
    ({"occurred_at": "2199-01-01T00:00:00+08:00"}, 422, "misshapen"),
    ({"ref": "一"}, 422, "misshapen"),
    ({"division": "640324100999"}, 422, "bad_division_code"),
    ({"changes": [{"field": "lottery_income", "after": 1}]}, 422, "misshapen"),
    ({"unknown": 1}, 422, "misshapen"),
    ({"division": "640521"}, 403, "outside_division"),
]


def test_a_bad_line_is_answered_as_such_and_the_rest_goes_on(town: Town) -> None:
    lines: list[Any] = []
    for number, (bad, _, _) in enumerate(BAD):
        made = bad if isinstance(bad, bytes) else line(town, f"bad-{number}") | bad
        lines += [made, line(town, f"good-{number}")]
    found = told(town, *lines, b"")
    assert [each["line"] for each in found] == list(range(1, 2 * len(BAD) + 1))
    assert [(each["status"], each["code"]) for each in found[::2]] == [(status, code) for _, status, code in BAD]
    assert {each["verdict"] for each in found[1::2]} == {"allowed_then"}
    assert "lottery" not in json.dumps(found)


def test_only_the_county_reports_and_only_its_own(town: Town) -> None:
    for person in (COLLECTOR, worlds.CLERK, worlds.APPROVER, worlds.AUDITOR, worlds.SYSTEM_ADMIN):
        answer = sent(town, line(town, "1"), person=person)
        assert (answer.status_code, answer.json()["code"]) == (403, "no_role"), person
    assert sent(town, line(town, "1"), person="p-424242").status_code == 401


def test_a_long_stream_is_read_in_pieces(town: Town) -> None:
    many = [line(town, f"r-{number % 450}") for number in range(500)]
    for number, each in enumerate(many):
        each["occurred_at"] = many[number % 450]["occurred_at"]
    found = told(town, *many)
    assert len(found) == 500
    assert {each["verdict"] for each in found} == {"allowed_then"}
    assert [each["entry"] for each in found[450:]] == [each["entry"] for each in found[:50]]


def test_two_who_report_the_same_at_once_get_one_verdict(town: Town) -> None:
    one, other = line(town, "same"), line(town, "same", quarter=2)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda each: told(town, each)[0], [one] * 8))
    assert len({each["entry"] for each in found}) == 1
    assert {each.get("verdict") for each in found} == {"allowed_then"}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda each: told(town, each | {"ref": "raced"})[0], [one, other]))
    assert sorted(each.get("status", 200) for each in found) == [200, 409]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
def test_lines_are_the_same_in_whatever_portions_they_come(size: int) -> None:
    body = b"a\r\n\nbb\n" + b"x" * 30 + b"\nccc\n" + b"y" * 30
    assert asyncio.run(_split(body, size)) == [b"a", b"", b"bb", None, b"ccc", None]
    assert asyncio.run(_split(body + b"\n" + b"z" * 20, size)) == [b"a", b"", b"bb", None, b"ccc", None, b"z" * 20]


async def _split(body: bytes, size: int) -> list[bytes | None]:
    async def chunks() -> AsyncIterator[bytes]:
        for begin in range(0, len(body), size):
            yield body[begin : begin + size]

    return [each async for each in import_lines.lines(chunks(), 20)]


def test_a_line_costs_a_bounded_number_of_queries(town: Town) -> None:
    """Worst of all: every line has an instant of its own, with something recorded in between."""
    lines = []
    for number in range(20):
        lines.append(line(town, f"q{number}", person=(COLLECTOR, OTHER_COLLECTOR)[number % 2]))
        assert town.post("/v1/edits", COLLECTOR, town.edit(quarter=1)).status_code == 201
    with counted() as asked:
        assert {each["verdict"] for each in told(town, *lines)} == {"allowed_then", "no_authority_on_record"}
    assert len(asked) < 7 * len(lines)
    same = [each | {"ref": f"{each['ref']}-same", "occurred_at": lines[0]["occurred_at"]} for each in lines]
    with counted() as asked:
        assert len(told(town, *same)) == 20
    assert len(asked) < 2 * len(lines), "those of one instant are judged together"
    with counted() as asked:
        assert len(told(town, *same)) == 20
    assert len(asked) < len(lines), "what is on record is read together"


def test_an_imported_edit_has_evidence_and_can_be_looked_up(town: Town) -> None:
    found = told(town, line(town, "1"))[0]
    assert town.get(f"/v1/entries/{found['entry']}/evidence", worlds.AUDITOR).status_code == 200
    listed = town.get("/v1/entries?kind=EditImported&household=h-monitored", worlds.AUDITOR).json()["items"]
    assert [each["number"] for each in listed] == [found["entry"]]
    assert listed[0]["values"] == {} or set(listed[0]["values"]) == {"/changes/0/before", "/changes/0/after"}
    shown = town.get("/v1/responsibility?household=h-monitored&cell=monitored.income", worlds.AUDITOR).json()
    assert str(found["entry"]) not in json.dumps(shown), "nobody answers for what was only reported"


def test_the_law_and_the_posts_are_those_of_the_time(town: Town) -> None:
    first = line(town, "before")
    digest = proposed(town, {"roles.csv": DENY}, person=ADMIN, division=worlds.COUNTY).json()["policy"]
    assert adopted(town, digest, worlds.SIGNATORY).status_code == 200
    second = line(town, "narrowed")
    held = town.get(f"/v1/people/{COLLECTOR}", worlds.SYSTEM_ADMIN).json()["posts"][0]["post"]
    ended = town.change(f"/v1/posts/{held}/end", ADMIN, {"reason": "离任"}, thing=f"/v1/posts/{held}")
    assert ended.is_success, ended.text
    found = told(town, first, second, line(town, "left"))
    assert [(each["verdict"], each.get("code")) for each in found] == [
        ("allowed_then", None), ("not_allowed_then", "no_role"), ("no_authority_on_record", "not_employed"),
    ]  # fmt: skip


def test_a_broken_stream_is_no_fault_of_the_service_and_is_sent_again(town: Town) -> None:
    """What came in whole pieces stands; what was under way is not on record, and nothing is recorded twice."""
    whole = [line(town, f"broken-{number}") for number in range(450)]
    body = b"\n".join(json.dumps(each).encode() for each in whole)
    before = town.size()
    status, told_ = asyncio.run(_broken(town, body[: len(body) * 19 // 20]))
    assert (status, told_["code"]) == (400, "unreadable")
    assert "重新提交" in told_["detail"]
    assert town.size() == before + 1 + 400
    found = told(town, *whole)
    assert {each["verdict"] for each in found} == {"allowed_then"}
    assert [each["entry"] for each in found[:400]] == list(range(before + 1, before + 401))
    assert town.size() == before + 1 + 400 + 1 + 50


async def _broken(town: Town, body: bytes) -> tuple[int, dict[str, Any]]:
    """The answer that nobody reads any more."""
    given: list[Any] = [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]
    sent_: list[Any] = []

    async def receive() -> Any:
        return given.pop(0)

    async def send(message: Any) -> None:
        sent_.append(message)

    headers = [(b"host", b"127.0.0.1:8080"), (b"authorization", f"Bearer {town.token(ADMIN)}".encode())]
    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "headers": headers,
        "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    await town.app(scope, receive, send)
    return sent_[0]["status"], json.loads(b"".join(each.get("body", b"") for each in sent_[1:]))


def test_a_field_is_known_by_the_catalogue_of_its_time(town: Town) -> None:
    """What the catalogue has dropped since may still be reported of the time when it had it, and of no later one."""
    changes = {"changes": [{"field": "other_property_income", "before": 1, "after": 2}]}
    first = line(town, "then", **changes)
    digest = proposed(town, texts(catalogue_toml=_dropped)).json()["policy"]
    assert adopted(town, digest).status_code == 200
    late, never = line(town, "now", **changes), line(town, "never", changes=[{"field": "lottery_income", "after": 1}])
    found = told(town, first, late, never)
    assert found[0].get("verdict") == "allowed_then"
    assert [(each["status"], each["code"]) for each in found[1:]] == [(422, "misshapen")] * 2


def _dropped(text: str) -> str:
    kept = [each for each in text.splitlines(keepends=True) if not each.startswith("other_property_income =")]
    assert len(kept) == len(text.splitlines()) - 1
    return "".join(kept)
