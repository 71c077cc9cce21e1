"""A telephone in full: who is shown it, what is on record before, and that the number itself is kept nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from acts import rows
from conftest import World
from sqlalchemy import create_engine
from worlds import (
    ADMIN,
    ADMIN_B,
    APPROVER,
    AUDIT_ADMIN,
    AUDITOR,
    CLERK,
    COLLECTOR,
    COUNTY,
    FAR_ADMIN,
    HANDLER,
    REVIEWER,
    SECURITY_ADMIN,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

from audit import disclosures, vault

WORKER, NUMBER, MASK = "p-7001", "13912345678", "139****5678"
WHY = {"reason": "通知其到岗参加复核"}
PATH = f"/v1/people/{WORKER}/telephone"


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        body = {"id": WORKER, "name": "马秀兰", "phone": NUMBER}
        assert made.post("/v1/people", ADMIN, body).status_code == 201
        wish = {"person": WORKER, "unit": f"u-{VILLAGE}-village", "role": "grid_worker"}
        assert made.post("/v1/posts", ADMIN, wish).status_code == 201
        yield made


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def shown(database: World) -> list[int]:
    return [row.number for row in rows(database, "SELECT number FROM entry WHERE kind = 'TelephoneShown' ORDER BY 1")]


WHO = [
    (ADMIN, (200, "")), (ADMIN_B, (200, "")), (TOWN_ADMIN, (200, "")), (SYSTEM_ADMIN, (200, "")), (WORKER, (200, "")),
    (CLERK, (403, "no_role")), (HANDLER, (403, "no_role")), (APPROVER, (403, "no_role")), (AUDITOR, (403, "no_role")),
    (FAR_ADMIN, (404, "unknown")), (COLLECTOR, (404, "unknown")), (REVIEWER, (404, "unknown")),
    (SECURITY_ADMIN, (404, "unknown")), (AUDIT_ADMIN, (404, "unknown")),
]  # fmt: skip


def test_who_is_shown_a_number_and_what_is_on_record(town: Town, database: World) -> None:
    """Whoever runs people has to reach them; others who know the person are refused on record, the rest learn nothing."""
    for person, expected in WHO:
        before = town.size()
        answer = town.post(PATH, person, WHY)
        assert told(answer) == expected, person
        assert answer.json().get("phone") == (NUMBER if expected[0] == 200 else None)
        assert town.size() - before == (expected[0] != 404), person
        if expected[0] != 404:
            entry = town.get(f"/v1/entries/{before}", AUDITOR).json()
            assert entry["person"]["id"] == person
            assert entry["kind"] == ("TelephoneShown" if expected[0] == 200 else "Refused")
            assert NUMBER not in town.get(f"/v1/entries/{before}", AUDITOR).text
    assert len(shown(database)) == sum(status == 200 for _, (status, _) in WHO)
    absent = town.post("/v1/people/p-404/telephone", ADMIN, WHY)
    assert (absent.status_code, absent.content) == (404, town.post(PATH, COLLECTOR, WHY).content)


def test_a_reason_is_asked_after_the_right_and_read_by_auditors_and_by_the_person(town: Town) -> None:
    for body in ({}, {"reason": " "}, {"reason": "x", "phone": NUMBER}):
        assert told(town.post(PATH, ADMIN, body)) == (422, "misshapen")
        assert told(town.post(PATH, CLERK, body)) == (403, "no_role")
        assert told(town.post(PATH, COLLECTOR, body)) == (404, "unknown")
    entry = town.post(PATH, TOWN_ADMIN, WHY).json()["entry"]
    (seen,) = town.get(f"/v1/entries?kind=TelephoneShown&q={WORKER}", AUDITOR).json()["items"]
    assert (seen["number"], seen["values"], seen["division"]["code"]) == (entry, {"/reason": WHY["reason"]}, VILLAGE)
    assert seen["fact"]["person_id"] == WORKER
    assert town.get(f"/v1/entries?kind=TelephoneShown&division={COUNTY}", ADMIN).json()["items"][0]["number"] == entry
    (mine,) = town.get("/v1/me/disclosures", WORKER).json()["items"]
    assert (mine["entry"], mine["by"], mine["unit"], mine["reason"]) == (
        entry, TOWN_ADMIN, "u-640324100-township", WHY["reason"],
    )  # fmt: skip
    assert town.get("/v1/me/disclosures", TOWN_ADMIN).json()["items"] == []


def test_who_has_left_still_sees_his_own_number(town: Town) -> None:
    """It takes no office to see what is kept about oneself (PIPL 45); of anybody else he sees nothing any more."""
    assert town.post("/v1/people", ADMIN, {"id": "p-7003", "name": "马建国", "phone": NUMBER}).status_code == 201
    assert town.post("/v1/people/p-7003/telephone", "p-7003", WHY).json()["phone"] == NUMBER, "never employed"
    post = town.get(f"/v1/people/{WORKER}", ADMIN).json()["posts"][0]["post"]
    assert town.change(f"/v1/posts/{post}/end", ADMIN, WHY).status_code == 200
    answer = town.post(PATH, WORKER, WHY)
    assert (answer.status_code, answer.json()["phone"]) == (200, NUMBER)
    entry = town.get(f"/v1/entries/{answer.json()['entry']}", AUDITOR).json()
    assert (entry["kind"], entry["division"]["code"], entry["person"]["id"]) == ("TelephoneShown", VILLAGE, WORKER)
    assert told(town.post("/v1/people/p-7003/telephone", WORKER, WHY)) == (404, "unknown")


def test_ones_own_disclosures_are_told_by_the_page(town: Town) -> None:
    """Of another account whose id begins alike nothing is told."""
    assert town.post("/v1/people", ADMIN, {"id": "p-70011", "name": "马建国", "phone": NUMBER}).status_code == 201
    assert town.post("/v1/people/p-70011/telephone", ADMIN, WHY).status_code == 200
    made = [town.post(PATH, ADMIN, WHY).json()["entry"] for _ in range(3)]
    first = town.get("/v1/me/disclosures?limit=2", WORKER)
    rest = town.get(first.links["next"]["url"], WORKER)
    assert [each["entry"] for each in (*first.json()["items"], *rest.json()["items"])] == made[::-1]


def test_every_showing_is_its_own_record_and_no_answer_is_kept(town: Town, database: World) -> None:
    """A key changes nothing: the same request is shown anew, another caller is judged for himself."""
    answers = [town.post(PATH, ADMIN, WHY, idempotency_key="one") for _ in range(2)]
    assert [each.json()["phone"] for each in answers] == [NUMBER, NUMBER]
    assert [each.json()["entry"] for each in answers] == shown(database)
    assert told(town.post(PATH, CLERK, WHY, idempotency_key="one")) == (403, "no_role")
    assert rows(database, "SELECT * FROM idempotency") == []
    post = town.get(f"/v1/people/{WORKER}", ADMIN).json()["posts"][0]["post"]
    mine = town.get(f"/v1/people/{ADMIN}", SYSTEM_ADMIN).json()["posts"][0]["post"]
    assert town.change(f"/v1/posts/{mine}/end", SYSTEM_ADMIN, WHY).status_code == 200
    assert told(town.post(PATH, ADMIN, WHY, idempotency_key="one"))[0] in (403, 404)
    assert town.get(f"/v1/posts/{post}", SYSTEM_ADMIN).status_code == 200


def places(database: World) -> list[str]:
    """The tables in which the number stands."""
    hexed, engine = NUMBER.encode().hex(), create_engine(database.superuser_url)
    with engine.connect() as connection:
        names = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        kept = {
            name: connection.exec_driver_sql(f'SELECT t::text FROM "{name}" t').scalars().all()
            for name in names.scalars()
        }
    engine.dispose()
    return [name for name, told in kept.items() if any(NUMBER in each or hexed in each for each in told)]


def test_the_number_stands_in_the_vault_and_nowhere_else(
    town: Town, database: World, capfd: pytest.CaptureFixture[str]
) -> None:
    assert town.post(PATH, ADMIN, WHY, idempotency_key="one").json()["phone"] == NUMBER
    assert places(database) == ["vault"]
    assert town.post("/v1/posts", ADMIN, {"person": WORKER}, idempotency_key="two").status_code == 422
    told_ = capfd.readouterr()
    assert NUMBER not in told_.out + told_.err
    body = {"id": "p-7009", "name": NUMBER}
    assert town.post("/v1/people", ADMIN, body, idempotency_key=f"k-{NUMBER}").status_code == 201
    assert places(database) == ["idempotency", "vault"], "a table that holds it is found"


def test_it_is_on_record_before_it_is_read(town: Town, database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the vault cannot be read, the showing is on record all the same, and no number was told."""
    real, seen = disclosures.telephone, list[int]()

    def watched(connection: Any, person: str) -> str | None:
        seen.append(len(shown(database)))
        return real(connection, person)

    monkeypatch.setattr(disclosures, "telephone", watched)
    assert town.post(PATH, ADMIN, WHY).json()["phone"] == NUMBER
    assert seen == [0, 1], "looked whether there is one; then, with the record, what it is"


def erased(town: Town) -> None:
    number = town.post("/v1/erasures", SECURITY_ADMIN, {"person": WORKER} | WHY).json()["id"]
    assert town.change(f"/v1/erasures/{number}/approval", APPROVER).status_code == 200


def test_an_erased_number_is_said_to_be_none(town: Town, database: World) -> None:
    erased(town)
    answer = town.post(PATH, ADMIN, WHY)
    assert (told(answer), answer.json()["missing"]) == ((409, "wrong_state"), "telephone")
    assert "擦除" in answer.json()["detail"]
    entry = town.get(f"/v1/entries/{answer.json()['entry']}", AUDITOR).json()
    assert (entry["kind"], entry["fact"]["act"], shown(database)) == ("Refused", "people.reveal", [])
    without = town.post(f"/v1/people/{COLLECTOR}/telephone", ADMIN, WHY)
    assert (without.status_code, without.json()["detail"]) == (409, answer.json()["detail"])
    assert told(town.post(PATH, CLERK, WHY)) == (403, "no_role")


def test_a_number_erased_meanwhile_is_not_told(town: Town, database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look before the lock saw it; the answer is from what is there after the record."""
    real, looks = disclosures.telephone, list[str | None]()

    def watched(connection: Any, person: str) -> str | None:
        looks.append(real(connection, person))
        if len(looks) == 1:
            erased(town)
        return looks[-1]

    monkeypatch.setattr(disclosures, "telephone", watched)
    answer = town.post(PATH, ADMIN, WHY)
    assert (told(answer), looks, len(shown(database))) == ((409, "wrong_state"), [NUMBER, None], 1)
    assert NUMBER not in answer.text


def test_the_reason_is_committed_to(town: Town, database: World) -> None:
    entry = town.post(PATH, ADMIN, WHY).json()["entry"]
    fact = town.get(f"/v1/entries/{entry}", AUDITOR).json()["fact"]
    (kept,) = rows(database, "SELECT path, salt, value FROM vault WHERE entry = :n", n=entry)
    assert fact["reason"] == vault.commitment(kept.path, bytes(kept.salt), kept.value)
    assert set(fact) == {"kind", "person_id", "division", "reason"}
