"""A draft is its applicant's own: at every door it is absent for the region and the city until it is signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import worlds
from conftest import World
from worlds import ADMIN, APPROVER, AUDITOR, CLERK, HANDLER, OBSERVER, PAPER, SIGNATORY, Town

INSIDE, OUTSIDE = (CLERK, SIGNATORY, ADMIN, AUDITOR), (HANDLER, APPROVER, OBSERVER)
DOORS = ("", "/timeline", "/print?form=request")
OLD, NEW = "关于第一稿的请示", "关于第二稿的请示"
BACK = {"reasons": [{"path": "/lines/0", "text": "请核对"}]}


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        yield found


def seen(town: Town, number: int, person: str, sha256: str) -> list[bool]:
    """Through which doors a person sees a request: each of its pages, the list with and without its state, its paper."""
    path = f"/v1/requests/{number}"
    found = [town.get(path + each, person).status_code for each in DOORS]
    found.append(town.get(f"/v1/attachments/{sha256}", person).status_code)
    assert set(found) <= {200, 404}
    state = town.get(path, CLERK).json()["state"]
    lists = [town.get(f"/v1/requests{query}", person).json()["items"] for query in ("", f"?state={state}")]
    return [*(status == 200 for status in found), *(number in [each["id"] for each in items] for items in lists)]


def begun(town: Town) -> tuple[int, str]:
    """A draft with a paper of its own."""
    sha256 = town.paper(CLERK, PAPER + b"first")
    body = town.draft(title=OLD) | {"attachments": [sha256]}
    answer = town.post("/v1/requests", CLERK, body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"]), sha256


def everywhere(town: Town, number: int, sha256: str, outside: bool) -> None:
    for person in (*INSIDE, *OUTSIDE):
        expected = outside if person in OUTSIDE else True
        assert set(seen(town, number, person, sha256)) == {expected}, person


def test_a_draft_is_absent_for_all_others_until_it_is_signed(town: Town) -> None:
    number, sha256 = begun(town)
    everywhere(town, number, sha256, outside=False)
    absent = town.get("/v1/requests/999999", HANDLER)
    hidden = town.get(f"/v1/requests/{number}", HANDLER)
    assert (absent.status_code, absent.json()) == (hidden.status_code, hidden.json())
    assert town.change(f"/v1/requests/{number}/signature", SIGNATORY).is_success
    everywhere(town, number, sha256, outside=True)


def test_what_was_withdrawn_before_it_was_signed_is_never_shown(town: Town) -> None:
    for signed in (False, True):
        number, sha256 = begun(town)
        if signed:
            assert town.change(f"/v1/requests/{number}/signature", SIGNATORY).is_success
        person = SIGNATORY if signed else CLERK
        assert town.change(f"/v1/requests/{number}/withdrawal", person, {"reason": "另行申请"}).is_success
        everywhere(town, number, sha256, outside=signed)


def titles(town: Town, number: int, person: str) -> set[Any]:
    """Every title under which a person reads the request."""
    path = f"/v1/requests/{number}"
    listed = next(each for each in town.get("/v1/requests", person).json()["items"] if each["id"] == number)
    page = town.get(f"{path}/print?form=request", person).text
    told = town.get(path, person).json()["document"]["title"]
    return {told, listed["document"]["title"], *(each for each in (OLD, NEW) if each in page)}


@pytest.mark.parametrize("end", ["signature", "withdrawal"])
def test_a_returned_letter_is_read_as_it_was_signed_while_it_is_mended(town: Town, end: str) -> None:
    number, old = begun(town)
    path = f"/v1/requests/{number}"
    assert town.change(f"{path}/signature", SIGNATORY).is_success
    body = town.get(path, CLERK).json()
    assert town.change(f"{path}/return", HANDLER, BACK).is_success
    assert titles(town, number, HANDLER) == {OLD}
    new = town.paper(CLERK, PAPER + b"second")
    letter = body["document"] | {"title": NEW, "contact": {"person": ADMIN, "phone": "13800000000"}}
    letter.pop("number_written")
    lines = [each | {"max_records": 3} for each in body["lines"]]
    wish = {"document": letter, "ground": body["ground"], "lines": lines, "attachments": [new]}
    for _ in range(2):
        assert town.change(path, CLERK, wish, thing=path, verb="PUT").is_success
    for person in INSIDE:
        assert titles(town, number, person) == {NEW}
        assert town.get(path, person).json()["lines"][0]["max_records"] == 3
    for person in OUTSIDE:
        told = town.get(path, person)
        assert titles(town, number, person) == {OLD}
        assert (told.json()["state"], told.json()["lines"][0]["max_records"]) == ("returned", None)
        assert told.json()["attachments"] == [old]
        assert told.json()["document"]["contact"] == body["document"]["contact"]
        assert "13800000000" not in told.text
        assert told.headers["etag"] == town.get(path, CLERK).headers["etag"]
        assert [town.get(f"/v1/attachments/{each}", person).status_code for each in (old, new)] == [200, 404]
        kinds = [each["kind"] for each in town.get(f"{path}/timeline", person).json()["items"]]
        assert "RequestChanged" not in kinds
    assert "RequestChanged" in [each["kind"] for each in town.get(f"{path}/timeline", CLERK).json()["items"]]
    reason = {"reason": "另行申请"} if end == "withdrawal" else None
    assert town.change(f"{path}/{end}", SIGNATORY, reason).is_success
    for person in OUTSIDE:
        assert titles(town, number, person) == ({NEW} if end == "signature" else {OLD})
        kinds = [each["kind"] for each in town.get(f"{path}/timeline", person).json()["items"]]
        assert ("RequestChanged" in kinds) is (end == "signature")


def test_a_city_that_only_the_unsigned_text_names_sees_nothing_yet(town: Town) -> None:
    body = town.draft(cc=[])
    assert worlds.CITY_LEAD not in body["document"]["cc"]
    number = town.post("/v1/requests", CLERK, body).json()["id"]
    path = f"/v1/requests/{number}"
    assert town.get(path, OBSERVER).status_code == 404
    changed = body | {"document": body["document"] | {"cc": [worlds.CITY_LEAD]}}
    assert town.change(path, CLERK, changed, thing=path, verb="PUT").is_success
    assert town.get(path, OBSERVER).status_code == 404
    assert town.change(f"{path}/signature", SIGNATORY).is_success
    assert town.get(path, OBSERVER).status_code == 200
    assert town.change(f"{path}/return", HANDLER, BACK).is_success
    assert town.change(path, CLERK, body, thing=path, verb="PUT").is_success
    assert town.get(path, HANDLER).json()["document"]["cc"] == [worlds.CITY_LEAD]


def test_the_log_keeps_the_words_of_a_draft_from_those_who_do_not_audit(town: Town) -> None:
    """An entry is on record for whoever reads the log; its words are not, until somebody has signed them."""
    number, _ = begun(town)
    doors = (
        f"/v1/entries/{number}",
        "/v1/entries?kind=RequestDrafted",
        "/v1/entries/export?format=ndjson&kind=RequestDrafted",
    )
    for signed in (False, True):
        for person in (AUDITOR, ADMIN, APPROVER, OBSERVER):
            for door in doors:
                answer = town.get(door, person)
                assert answer.status_code == 200
                assert (OLD in answer.text) is (signed or person in (AUDITOR, ADMIN)), (person, door)
        if not signed:
            assert town.change(f"/v1/requests/{number}/signature", SIGNATORY).is_success
