"""The written request over HTTP: every step in every state, who may take it, and what two at once come to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import worlds
from conftest import World
from worlds import ADMIN, APPROVER, AUDITOR, CLERK, COLLECTOR, HANDLER, LEAD, OBSERVER, SIGNATORY, TOWN_ADMIN, Town

from api import pep
from api.founding import Deed
from authz.fact import Fact, instant
from authz.post import PersonRegistered, PostAssigned, PostEnded

YES = [{"line": 1, "outcome": "approved"}]
NO = [{"line": 1, "outcome": "rejected"}]
NARROW = [{"line": 1, "outcome": "narrowed", "scope": {"operations": ["collect"]}, "reason": "核实由县级办理"}]
RETURN = {"reasons": [{"path": "/lines/0/until", "text": "请核对截止时间"}]}


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        yield found


def reply(town: Town, lines: list[dict[str, Any]] | None = None, **document: Any) -> dict[str, Any]:
    """The body of a decision with the next free number."""
    number = town.draft()["document"]["number"].replace("同", "宁")
    return {
        "document": {"kind": "PIFU", "number": number, "dated": worlds.today()} | document,
        "lines": lines or YES,
        "opinion": "同意",
    }


def calls(town: Town, number: int) -> dict[str, tuple[str, str, str, Any]]:
    """Each call by name: verb, path below the request, who, body."""
    same = town.get(f"/v1/requests/{number}", CLERK).json()
    draft = {
        "document": dict(same["document"]),
        "ground": same["ground"],
        "lines": same["lines"],
        "attachments": same["attachments"],
    }
    draft["document"].pop("number_written")
    return {
        "change": ("PUT", "", CLERK, draft), "signature": ("POST", "/signature", SIGNATORY, None),
        "receipt": ("POST", "/receipt", HANDLER, {"register_no": f"收{number}", "received_on": worlds.today()}),
        "return": ("POST", "/return", HANDLER, RETURN),
        "proposal": ("POST", "/proposal", HANDLER, {"lines": YES, "opinion": "拟同意"}),
        "decision": ("POST", "/decision", APPROVER, reply(town)),
        "scan": ("POST", "/decision/scan", HANDLER, {"attachments": [town.paper()]}),
        "withdrawal by clerk": ("POST", "/withdrawal", CLERK, {"reason": "另行申请"}),
        "withdrawal by signatory": ("POST", "/withdrawal", SIGNATORY, {"reason": "另行申请"}),
    }  # fmt: skip


def call(town: Town, number: int, name: str, person: str | None = None, seen: str | None = None, **headers: str) -> Any:
    verb, path, who, body = calls(town, number)[name]
    etag = seen or town.get(f"/v1/requests/{number}", CLERK).headers["etag"]
    return town.ask(verb, f"/v1/requests/{number}{path}", person or who, body, if_match=etag, **headers)


def reach(town: Town, state: str) -> int:
    """A fresh request in this state."""
    if state == "drafted":
        return town.drafted()
    number = town.filed()
    way = {
        "filed": [], "received": ["receipt"], "proposed": ["receipt", "proposal"], "returned": ["return"],
        "returned later": ["receipt", "return"], "approved": ["receipt", "proposal", "decision"],
        "withdrawn": ["withdrawal by signatory"],
    }  # fmt: skip
    for name in way.get(state, ["receipt"]):
        assert call(town, number, name).is_success
    if state == "rejected":
        assert town.decided(number, NO).is_success
    if state == "partial":
        assert town.decided(number, NARROW).is_success
    return number


NAMES = (
    "change",
    "signature",
    "receipt",
    "return",
    "proposal",
    "decision",
    "scan",
    "withdrawal by clerk",
    "withdrawal by signatory",
)
CELLS: dict[str, tuple[int, ...]] = {
    "drafted": (200, 200, 404, 404, 404, 404, 404, 200, 403),
    "filed": (409, 409, 200, 200, 409, 409, 409, 403, 200),
    "received": (409, 409, 409, 200, 200, 409, 409, 403, 200),
    "proposed": (409, 409, 409, 200, 200, 200, 409, 403, 200),
    "returned": (200, 200, 409, 409, 409, 409, 409, 403, 200),
    "returned later": (200, 200, 409, 409, 409, 409, 409, 403, 200),
    "approved": (409, 409, 409, 409, 409, 409, 200, 409, 409),
    "partial": (409, 409, 409, 409, 409, 409, 200, 409, 409),
    "rejected": (409, 409, 409, 409, 409, 409, 200, 409, 409),
    "withdrawn": (409, 409, 409, 409, 409, 409, 409, 409, 409),
}


@pytest.mark.parametrize("state", CELLS)
def test_every_step_in_every_state(town: Town, state: str) -> None:
    number = reach(town, state)
    for name, expected in sorted(zip(NAMES, CELLS[state], strict=True), key=lambda each: each[1] == 200):
        answer = call(town, number, name)
        assert (name, answer.status_code) == (name, expected), answer.text
        if expected == 200:
            number = reach(town, state)
        else:
            assert (answer.json().get("entry") is None) is (expected == 404)


AFTER = {"signature": "received", "return": "returned", "withdrawal by signatory": "withdrawn", "change": "returned"}


@pytest.mark.parametrize("name", AFTER)
def test_the_state_told_is_the_state_on_record(town: Town, name: str) -> None:
    number = reach(town, "proposed" if name == "return" else "returned later")
    answer = call(town, number, name)
    seen = town.get(f"/v1/requests/{number}", HANDLER)
    assert answer.json()["state"] == seen.json()["state"] == AFTER[name]
    assert answer.headers["etag"] == seen.headers["etag"]
    assert seen.json()["register_no"] == f"收{number}"
    assert seen.json()["proposal"] is None


def test_a_whole_trip_gives_back_every_word_of_it(town: Town) -> None:
    body = town.draft(town.line(), town.line(2, "640324105"))
    number = town.post("/v1/requests", CLERK, body).json()["id"]
    for name in ("signature", "receipt"):
        assert call(town, number, name).is_success
    answer = town.decided(number, [*NARROW, {"line": 2, "outcome": "rejected", "reason": "另行研究"}])
    assert answer.json()["state"] == "partial"
    assert [each["line"] for each in answer.json()["grants"]] == [1]
    seen = town.get(f"/v1/requests/{number}", CLERK).json()
    for name in ("kind", "number", "title", "dated", "signatory", "addressee", "cc", "contact"):
        assert seen["document"][name] == body["document"][name]
    assert seen["ground"] == body["ground"]
    assert seen["attachments"] == body["attachments"]
    assert [(each["line"], each["cells"], each["operations"]) for each in seen["lines"]] == [
        (each["line"], each["cells"], each["operations"]) for each in body["lines"]
    ]
    assert [datetime.fromisoformat(each["until"]) for each in seen["lines"]] == [
        datetime.fromisoformat(each["until"]) for each in body["lines"]
    ]
    lines = seen["decision"]["lines"]
    assert [(each["outcome"], each["reason"]) for each in lines] == [
        ("narrowed", "核实由县级办理"),
        ("rejected", "另行研究"),
    ]
    assert seen["decision"]["scan"] is None
    assert seen["clock"]["days"] == 0
    assert "proposal" not in seen
    assert [each["kind"] for each in town.get(f"/v1/requests/{number}/timeline", CLERK).json()["items"]] == [
        "RequestDrafted", "RequestSigned", "RequestReceived", "RequestDecided",
    ]  # fmt: skip
    inner = town.get(f"/v1/requests/{number}/timeline", AUDITOR).json()["items"]
    assert [each["what"] for each in inner] == ["起草申请", "签发报送", "收文登记", "提出拟办意见", "作出批复"]
    paper = town.paper(HANDLER, b"%PDF-1.7\nseal\n%%EOF\n")
    path = f"/v1/requests/{number}/decision/scan"
    etag = town.get(f"/v1/requests/{number}", HANDLER).headers["etag"]
    assert town.post(path, HANDLER, {"attachments": ["f" * 64]}, if_match=etag).json()["code"] == "not_in_writing"
    assert town.post(path, HANDLER, {"attachments": [paper]}, if_match=etag).status_code == 200
    assert town.get(f"/v1/requests/{number}", CLERK).json()["decision"]["scan"] == [paper]


SEES = {CLERK: 200, SIGNATORY: 200, ADMIN: 200, HANDLER: 200, APPROVER: 200, OBSERVER: 200, AUDITOR: 200,
        TOWN_ADMIN: 404, COLLECTOR: 404, worlds.SYSTEM_ADMIN: 404}  # fmt: skip


def test_who_sees_a_request(town: Town) -> None:
    number = town.filed()
    for person, status in SEES.items():
        for path in ("", "/timeline", "/print"):
            assert town.get(f"/v1/requests/{number}{path}", person).status_code == status, (person, path)
        listed = town.get("/v1/requests?state=filed", person).json()["items"]
        assert [each["id"] for each in listed] == ([number] if status == 200 else [])
    absent = town.get("/v1/requests/999999", CLERK)
    hidden = town.get(f"/v1/requests/{number}", COLLECTOR)
    assert (absent.status_code, absent.json()) == (hidden.status_code, hidden.json())
    alone = town.filed(cc=["u-6403-lead", "u-6404-lead"])
    assert town.get(f"/v1/requests/{alone}", OBSERVER).status_code == 200


def test_a_list_is_walked_by_pages_newest_first(town: Town) -> None:
    numbers = [town.drafted() for _ in range(5)]
    found, path = [], "/v1/requests?limit=2"
    while path:
        page = town.get(path, CLERK)
        found += [each["id"] for each in page.json()["items"]]
        path = page.headers.get("link", "<>").split(">")[0][1:]
    assert found == numbers[::-1]


WRONG = [
    (worlds.ADMIN, "signature", "filed", 403), (CLERK, "signature", "drafted", 403), (OBSERVER, "decision", "proposed", 403),
    (SIGNATORY, "receipt", "filed", 403), (HANDLER, "decision", "proposed", 403), (ADMIN, "decision", "proposed", 403),
    (APPROVER, "proposal", "received", 403), (TOWN_ADMIN, "signature", "drafted", 404), (AUDITOR, "decision", "proposed", 403),
]  # fmt: skip


@pytest.mark.parametrize(("person", "name", "state", "status"), WRONG)
def test_who_may_not(town: Town, person: str, name: str, state: str, status: int) -> None:
    answer = call(town, reach(town, state), name, person)
    assert answer.status_code == status, answer.text


def account(person: str, natural: str, unit: str, role: str) -> tuple[Fact, ...]:
    """One more account of a natural person who has one already."""
    known = next(f for f in worlds.facts() if isinstance(f, PersonRegistered) and f.person_id == natural)
    post = PostAssigned(
        person_id=person, post_unit=unit, division=unit.split("-")[1], role=role, title=role,
        valid_from=instant(datetime(2026, 1, 1, tzinfo=UTC)), valid_until=None,
    )  # fmt: skip
    return PersonRegistered(person_id=person, natural=known.natural, name=known.name, phone=None), post


@pytest.mark.parametrize(("natural", "unit", "role", "name", "state"), [
    (CLERK, LEAD, "county_signatory", "signature", "drafted"), (HANDLER, "u-64-lead", "region_approver", "decision", "proposed"),
    (ADMIN, "u-64-lead", "region_approver", "decision", "proposed"), (CLERK, "u-64-lead", "region_handler", "receipt", "filed"),
])  # fmt: skip
def test_two_accounts_of_one_person(database: World, natural: str, unit: str, role: str, name: str, state: str) -> None:
    with Town(database, more=account("p-1099", natural, unit, role)) as town:
        answer = call(town, reach(town, state), name, "p-1099")
        assert (answer.status_code, answer.json()["code"]) == (403, "duty_conflict")
        assert answer.json()["entry"] is not None


def test_a_number_is_one_document(town: Town) -> None:
    first, second = town.filed(), town.drafted()
    number = town.get(f"/v1/requests/{first}", CLERK).json()["document"]["number"]
    _, _, _, body = calls(town, second)["change"]
    body["document"]["number"] = number.replace("〔", "[").replace("〕", "]")
    etag = town.get(f"/v1/requests/{second}", CLERK).headers["etag"]
    assert town.ask("PUT", f"/v1/requests/{second}", CLERK, body, if_match=etag).status_code == 200
    answer = call(town, second, "signature")
    assert (answer.status_code, answer.json()["code"]) == (409, "number_taken")
    for number in (reach(town, "proposed"), reach(town, "proposed")):
        etag = town.get(f"/v1/requests/{number}", APPROVER).headers["etag"]
        last = town.post(
            f"/v1/requests/{number}/decision", APPROVER, reply(town, number="宁乡振函〔2026〕7号"), if_match=etag
        )
    assert (last.status_code, last.json()["code"]) == (409, "number_taken")


def test_two_decisions_at_once(town: Town) -> None:
    for _ in range(3):
        number = reach(town, "proposed")
        etag = town.get(f"/v1/requests/{number}", APPROVER).headers["etag"]
        bodies = [reply(town), reply(town, NO)]
        with ThreadPoolExecutor(2) as pool:
            ways = [
                pool.submit(town.post, f"/v1/requests/{number}/decision", APPROVER, each, if_match=etag)
                for each in bodies
            ]
        assert sorted(each.result().status_code for each in ways) == [200, 409]


def test_versions(town: Town) -> None:
    number = reach(town, "proposed")
    old = town.get(f"/v1/requests/{number}", APPROVER).headers["etag"]
    assert call(town, number, "proposal").is_success
    assert call(town, number, "decision", seen=old).status_code == 412
    assert town.post(f"/v1/requests/{number}/decision", APPROVER, reply(town)).status_code == 428
    assert call(town, number, "decision").status_code == 200


def test_an_approver_who_left_since_decides_nothing(town: Town) -> None:
    number = reach(town, "proposed")
    post = town.get("/v1/me", APPROVER).json()["post"]
    ended = PostEnded(person_id=APPROVER, subject=post, valid_until=instant(datetime.now(UTC)), reason="c")
    town.deployment.ledger.record(Deed(ref=pep.new_ref(), facts=(ended,)))
    answer = call(town, number, "decision", seen=town.get(f"/v1/requests/{number}", HANDLER).headers["etag"])
    assert (answer.status_code, answer.json()["code"]) == (403, "not_employed")


def test_texts_stay_out_of_the_log(town: Town) -> None:
    number = reach(town, "returned later")
    with town.deployment.database.engine.connect() as connection:
        log = b"".join(bytes(row.bytes) for row in connection.exec_driver_sql("SELECT bytes FROM entry"))
    for text in ("收入信息采集权限的请示", "第四季度收入监测", "0953-8022222", "请核对截止时间", "拟同意"):
        assert text.encode() not in log
    assert json.dumps(number).encode() in log
    assert "同乡振发".encode() in log
