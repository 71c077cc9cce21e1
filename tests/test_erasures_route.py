"""Erasures over HTTP: two persons, one record each, the values gone, everything that was proved still proved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from acts import as_superuser, rows
from conftest import World
from sqlalchemy import create_engine
from worlds import ADMIN, APPROVER, AUDITOR, CLERK, COLLECTOR, HANDLER, SECURITY_ADMIN, SYSTEM_ADMIN, Town

from api import founding
from api.database import Database
from audit import erasing, fsck
from authz.erasure import Scope

HOUSEHOLD = {"household": "h-monitored", "reason": "保存期已满"}


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        grant = found.granted()[0]
        found.delegated(grant)
        for household in ("h-monitored", "h-monitored", "h-other"):
            answer = found.post("/v1/edits", COLLECTOR, found.edit(household=household))
            assert answer.status_code == 201, answer.text
        yield found


def asked(town: Town, **body: Any) -> int:
    answer = town.post("/v1/erasures", SECURITY_ADMIN, {"reason": "保存期已满"} | body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def erased(town: Town, **body: Any) -> Any:
    number = asked(town, **body)
    answer = town.change(f"/v1/erasures/{number}/approval", APPROVER)
    assert answer.status_code == 200, answer.text
    return answer.json()


def checked(database: World) -> fsck.Report:
    engine = create_engine(database.superuser_url)
    report = fsck.check(engine)
    engine.dispose()
    return report


def kept(database: World, household: str) -> int:
    statement = (
        "SELECT count(*) AS n FROM vault JOIN entry ON number = entry WHERE household = :h AND kind = 'EditPermitted'"
    )
    return int(rows(database, statement, h=household)[0].n)


def test_a_household_is_erased_and_nothing_else_is(town: Town, database: World) -> None:
    before, leaves = checked(database), rows(database, "SELECT number, leaf FROM entry ORDER BY number")
    others = rows(database, "SELECT count(*) AS n FROM vault")[0].n
    told = erased(town, household="h-monitored")
    assert (told["values"], told["entries_reached"], told["state"]) == (4, 2, "performed")
    after = checked(database)
    assert (after.verdict, after.erased) == ("OK", before.erased + 4)
    assert (kept(database, "h-monitored"), kept(database, "h-other")) == (0, 2)
    assert rows(database, "SELECT count(*) AS n FROM vault")[0].n == others - 4 + 1
    assert rows(database, "SELECT number, leaf FROM entry ORDER BY number")[: len(leaves)] == leaves
    edit = town.get("/v1/entries?kind=EditPermitted&household=h-monitored", AUDITOR).json()["items"][0]
    assert edit["values"] == {}


def test_the_record_says_what_was_erased_and_not_its_content(town: Town, database: World) -> None:
    listed = rows(database, "SELECT entry, path FROM vault JOIN entry e ON e.number = entry WHERE e.household = 'h-monitored'"
                  " ORDER BY entry, path")  # fmt: skip
    told = erased(town, household="h-monitored")
    entry = town.get(f"/v1/entries/{told['entry']}", AUDITOR).json()
    lines = "".join(f"{each.entry} {each.path}\n" for each in listed)
    assert entry["fact"]["digest"] == hashlib.sha256(lines.encode()).hexdigest()
    assert entry["fact"]["erased"] == [[number, 2] for number in sorted({each.entry for each in listed})]
    assert "1350000" not in json.dumps(entry["fact"])


def test_a_person_is_erased_by_name_and_telephone(town: Town, database: World) -> None:
    body = {"id": "p-7001", "natural": "64032419900101001X", "name": "马某某", "phone": "0953-8011111"}
    registered = town.post("/v1/people", SYSTEM_ADMIN, body)
    values = "SELECT count(*) AS n FROM vault WHERE value LIKE '%8022222%' OR value LIKE '%8011111%' OR value LIKE '%马某某%'"
    before = rows(database, values)[0].n
    assert before
    person = CLERK if not registered.is_success else registered.json().get("id", "p-7001")
    assert erased(town, person=person)["values"] > 0
    erased(town, person=CLERK)
    assert rows(database, values)[0].n == 0
    assert checked(database).verdict == "OK"


def test_who_asked_does_not_approve_and_nobody_approves_twice(town: Town, database: World) -> None:
    number = asked(town, **HOUSEHOLD)
    assert kept(database, "h-monitored") == 4
    seen = town.get(f"/v1/erasures/{number}", APPROVER).headers["etag"]
    path = f"/v1/erasures/{number}/approval"
    assert town.post(path, SECURITY_ADMIN, if_match=seen).json()["code"] == "no_role"
    assert town.post(path, APPROVER).status_code == 428
    assert town.post(path, APPROVER, if_match='"1"').status_code == 412
    assert town.post(path, COLLECTOR, if_match=seen).status_code == 404
    assert town.post(path, HANDLER, if_match=seen).status_code == 404
    assert kept(database, "h-monitored") == 4
    done = town.post(path, APPROVER, if_match=seen, idempotency_key="a")
    assert done.status_code == 200
    assert town.post(path, APPROVER, if_match=seen, idempotency_key="a").content == done.content
    assert town.change(path, APPROVER).json()["code"] == "wrong_state"
    assert town.get("/v1/erasures", AUDITOR).json()["items"][0]["state"] == "performed"
    assert town.get("/v1/erasures", COLLECTOR).json()["items"] == []


@pytest.mark.parametrize(("body", "status"), [
    ({"reason": "x"}, 422), ({"person": CLERK, "household": "h-lifted", "reason": "x"}, 422), ({"person": "p-99999", "reason": "x"}, 422),
    ({"person": CLERK, "member": "m-1", "reason": "x"}, 422), ({"household": "h-unknown", "reason": "x"}, 422), ({"person": CLERK}, 422),
])  # fmt: skip
def test_an_unclear_wish_is_refused(town: Town, body: dict[str, str], status: int) -> None:
    assert town.post("/v1/erasures", SECURITY_ADMIN, body).status_code == status
    assert town.post("/v1/erasures", ADMIN, body).status_code == 403


def test_what_a_restore_brings_back_is_erased_again_before_serving(town: Town, database: World) -> None:
    stored = rows(
        database, "SELECT v.* FROM vault v JOIN entry e ON e.number = v.entry WHERE e.household = 'h-monitored'"
    )
    erased(town, household="h-monitored")
    for row in stored:
        as_superuser(database, f"INSERT INTO vault VALUES ({row.entry}, '{row.path}', '\\x{bytes(row.salt).hex()}', '{row.value}')"
                     .replace(":", "\\:"))  # fmt: skip
    assert kept(database, "h-monitored") == 4
    founding.found(Database(None, database.app_url, database.engine), founding.read_lawbook(town.settings.policies),
                   "mandate.test/log", demo=True)  # fmt: skip
    assert kept(database, "h-monitored") == 0
    assert (erasing.repeat(database.engine), kept(database, "h-other")) == (0, 2)


def test_an_edit_after_an_erasure_keeps_its_values(town: Town, database: World) -> None:
    erased(town, household="h-monitored")
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
    erasing.repeat(database.engine)
    assert kept(database, "h-monitored") == 2


def test_one_member_alone(town: Town, database: World) -> None:
    for member in ("m-1", "m-2"):
        assert town.post("/v1/edits", COLLECTOR, town.edit(member=member)).status_code == 201
    assert erased(town, household="h-monitored", member="m-1")["values"] == 2
    with database.engine.connect() as connection:
        assert erasing.reached(connection, Scope(None, "h-monitored", "m-2"), town.size()).erased != ()
        assert erasing.reached(connection, Scope(None, "h-monitored", "m-1"), town.size()).erased == ()


def test_what_is_named_one_by_one_goes_too_and_comes_back_no_more(town: Town, database: World) -> None:
    """A free text and an attachment hold a person's data: the officer names them, the approver sees them."""
    request = town.drafted()
    (text,) = rows(database, "SELECT entry, path FROM vault WHERE entry = :n AND path LIKE '%title%'", n=request)
    loose = town.paper(content=b"%PDF-1.4\n%loose\n%%EOF\n")
    before = checked(database)
    also = [{"entry": text.entry, "path": text.path}]
    number = asked(town, **HOUSEHOLD, also=also, attachments=[loose])
    seen = town.get(f"/v1/erasures/{number}", APPROVER).json()
    assert (seen["also"], seen["attachments"]) == (also, [loose])
    assert len(rows(database, "SELECT FROM content WHERE sha256 = :s", s=loose)) == 1
    stored = rows(database, "SELECT salt, value FROM vault WHERE entry = :e AND path = :p", e=text.entry, p=text.path)
    assert town.change(f"/v1/erasures/{number}/approval", APPROVER).status_code == 200
    assert rows(database, "SELECT FROM content WHERE sha256 = :s", s=loose) == []
    assert rows(database, "SELECT FROM vault WHERE entry = :e AND path = :p", e=text.entry, p=text.path) == []
    after = checked(database)
    assert (after.verdict, after.erased) == ("OK", before.erased + 5)
    (salt, value) = (bytes(stored[0].salt).hex(), stored[0].value)
    as_superuser(
        database, f"INSERT INTO vault VALUES ({text.entry}, '{text.path}', '\\x{salt}', '{value}')".replace(":", "\\:")
    )
    assert erasing.repeat(database.engine) == 1


def test_what_is_not_there_or_must_be_kept_is_not_named(town: Town, database: World) -> None:
    number = asked(town, **HOUSEHOLD)
    (letter,) = rows(database, "SELECT body -> 'attachments' ->> 0 AS s FROM request WHERE ended IS NULL LIMIT 1")
    (bundle,) = rows(database, "SELECT sha256 AS s FROM content WHERE media_type LIKE '%bundle%' LIMIT 1")
    (edit,) = rows(
        database, "SELECT entry, path FROM vault JOIN entry ON number = entry WHERE household = 'h-other' LIMIT 1"
    )
    asked_before = rows(database, "SELECT FROM entry WHERE kind LIKE 'ErasureAsked'")
    for wrong in (
        {"also": [{"entry": number, "path": "/reason"}]}, {"also": [{"entry": edit.entry, "path": "/none"}]},
        {"also": [{"entry": 10**9, "path": edit.path}]}, {"attachments": ["0" * 64]}, {"attachments": [letter.s]},
        {"attachments": [bundle.s]}, {"also": [{"entry": edit.entry}]}, {"attachments": ["x"]},
        {"also": [{"entry": edit.entry, "path": edit.path}] * 101},
    ):  # fmt: skip
        answer = town.post("/v1/erasures", SECURITY_ADMIN, {**HOUSEHOLD, **wrong})
        assert answer.status_code == 422, (wrong, answer.text)
    assert rows(database, "SELECT FROM entry WHERE kind = 'ErasureNamed'") == []
    assert len(rows(database, "SELECT FROM entry WHERE kind LIKE 'ErasureAsked'")) == len(asked_before) == 1
    good = {**HOUSEHOLD, "also": [{"entry": edit.entry, "path": edit.path}]}
    assert town.post("/v1/erasures", ADMIN, good).status_code == 403
