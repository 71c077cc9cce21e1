"""One mask everywhere: a town full of telephones is read through every door, by everybody, and no number is found."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import answers
import pytest
import worlds
from acts import rows
from conftest import World
from routes import Route, Things, routes
from worlds import ADMIN, APPROVER, AUDIT_ADMIN, AUDITOR, CLERK, HANDLER, SYSTEM_ADMIN, TOWN_ADMIN, Town

from api import lines
from api.demo.world_names import draw
from authz import identifier

PEOPLE = {
    "p-7101": ("13912340001", "u-640324-lead", "county_clerk"),
    "p-7102": ("0953-8010002", "u-640324100-township", "township_reviewer"),
    "p-7103": ("13912340003", f"u-{worlds.VILLAGE}-village", "grid_worker"),
    "p-7104": ("15912340004", "u-64-lead", "region_handler"),
}
"""Account, telephone, unit, role; the last of them stands in a letter as its contact."""
CONTACT, IN_A_LETTER = "p-7101", "0953-8022222"
READERS = (ADMIN, SYSTEM_ADMIN, TOWN_ADMIN, CLERK, APPROVER, AUDITOR, AUDIT_ADMIN, "p-7103")
MORE = {
    "/v1/entries/export": ("format=csv", "format=ndjson", "format=xlsx"),
    "/v1/requests/{id}/print": ("form=request", "form=reply", "form=receipt"),
    "/v1/entries/{id}/evidence": ("", "values=true"),
    "/v1/divisions": ("parent=640324",), "/v1/deadline": ("from=2026-12-10&days=20&division=640324",),
    "/v1/responsibility": ("household=h-monitored&cell=monitored.income",), "/v1/consistency": ("from=3",),
}  # fmt: skip


@dataclass
class Filled:
    """A town with people who have telephones, which were shown; and the entries that name them."""

    town: Town
    things: Things
    entries: list[int]
    requests: list[int]


@pytest.fixture
def filled(database: World) -> Iterator[Filled]:
    with Town(database) as town:
        for person, (phone, unit, role) in PEOPLE.items():
            number = {"identity_number": draw(person).identity_number}
            body = {"id": person, "name": "马秀兰", "phone": phone} | number
            assert town.post("/v1/people", SYSTEM_ADMIN, body).status_code == 201
            wish = {"person": person, "unit": unit, "role": role}
            assert town.post("/v1/posts", SYSTEM_ADMIN, wish).status_code == 201
            assert town.post(f"/v1/people/{person}/telephone", SYSTEM_ADMIN, answers.REASON).status_code == 200
        mine = town.filed(contact={"person": CONTACT, "phone": IN_A_LETTER})
        named = [number for person in list(PEOPLE)[:2] for number in about(database, person)]
        yield Filled(town, Things(), [*named, mine], [mine])


def about(database: World, person: str) -> list[int]:
    """The entries that registered him and showed his number."""
    statement = "SELECT number FROM entry WHERE kind IN ('PersonRegistered', 'TelephoneShown') AND position(:named IN bytes) > 0"
    return [row.number for row in rows(database, statement, named=f'"{person}"'.encode())]


def secrets(town: Town) -> list[str]:
    """What no door shows to anybody, not even to its owner: identity numbers, tokens, and the ids tokens are known by."""
    tokens = [town.token(each) for each in READERS]
    known = [json.loads(base64.urlsafe_b64decode(each.split(".")[1] + "=="))["jti"] for each in tokens]
    return [*(draw(person).identity_number for person in PEOPLE), *tokens, *known]


def things(database: World) -> Things:
    """Something of each kind, as the walk left it."""

    def one(what: str) -> Any:
        return rows(database, f"SELECT max({what}")[0][0]

    numbers = {
        "request": "request", "window": "opening", "post": "post", "erasure": "erasure",
        "officer": "officer", "edition": "edition", "replay": "replay", "tie": "tie", "approval": "approval",
    }  # fmt: skip
    return Things(
        **{name: one(f"number) FROM {table}") for name, table in numbers.items()},
        deputy=one("number) FROM post WHERE deputy_for IS NOT NULL"), sha256=one("body->'attachments'->>0) FROM request"),
        grant=one("number) FROM grants WHERE parent IS NULL AND revoked_at IS NULL AND ended IS NULL"),
        transfer=one("number) FROM entry WHERE kind = 'TransferRecorded'"),
        edit=one("number) FROM entry WHERE kind = 'EditPermitted'"), policy=one("body->>'policy') FROM amendment"),
    )  # fmt: skip


def urls(filled: Filled, route: Route) -> Iterator[str]:
    """Every address of a route worth asking: each thing that has to do with telephones, in every form, by long pages."""
    paths = [filled.things.url(route.path)]
    for word, ids in (
        ("people", [*PEOPLE, "p-404"]), ("entries", filled.entries), ("requests", filled.requests),
    ):  # fmt: skip
        if f"/{word}/{{id}}" in route.path:
            paths = [route.path.replace("{id}", str(each)) for each in ids]
    asked = MORE.get(route.path, ("",))
    known = {each.get("name") for each in route.operation.get("parameters", ())}
    long = "limit=1000" if "limit" in known else ""
    for path in paths:
        yield from (f"{path}?{'&'.join(part for part in (each, long) if part)}" for each in asked)


def content(answer: Any) -> str:
    """The answer as one text; what is packed is unpacked."""
    if answer.content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            return "\n".join(packed.read(name).decode() for name in packed.namelist())
    return str(answer.text)


def found(filled: Filled, numbers: list[str], only: str = "") -> set[tuple[str, str]]:
    """(path, number) of every number that any reader was told in full; a door that was open to nobody is `closed`."""
    told, town = set(), filled.town
    for route in routes(town.app):
        if route.writes or only not in route.path:
            continue
        opened = False
        for url in urls(filled, route):
            for reader in READERS:
                answer = town.get(url, reader)
                opened = opened or answer.is_success
                text = content(answer)
                told |= {(route.path, each) for each in numbers if each in text}
        if not opened:
            told.add((route.path, "closed"))
    return told


CLOSED = {"/v1/requests/draft", "/log/sm3/checkpoint", "/log/sm3/tile/{level}/{path}"}
"""Reads without an answer here: one needs a refusal, two a second log."""


def test_no_door_shows_a_telephone(filled: Filled, database: World) -> None:
    answers.walk(filled.town)
    filled.things = things(database)
    told = found(filled, [phone for phone, _, _ in PEOPLE.values()] + [IN_A_LETTER, *secrets(filled.town)])
    shown = {each for each in told if each[1] != "closed"}
    assert shown == {("/v1/requests/{id}", IN_A_LETTER), ("/v1/requests/{id}/print", IN_A_LETTER)}
    assert {path for path, _ in told - shown} <= CLOSED, "every other door was open to somebody"
    _a_letter_tells_its_contact_to_its_parties_alone(filled)
    _evidence_opens_a_name_and_no_telephone(filled)


def test_a_door_without_the_mask_is_noticed(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identifier, "mask_telephone", lambda number: number)
    monkeypatch.setattr(lines, "mask_telephone", lambda number: number)
    numbers = [phone for phone, _, _ in PEOPLE.values()]
    for only in ("/v1/people", "/v1/me", "/v1/entries"):
        assert [each for each in found(filled, numbers, only) if each[1] in numbers], only


def test_the_log_shows_no_token_and_no_identity_number(database: World) -> None:
    """Row 15 of the regressions: neither what was registered nor who read it with which token."""
    with Town(database) as town:
        body = {"id": "p-7101", "name": "马秀兰", "identity_number": draw("p-7101").identity_number}
        assert town.post("/v1/people", SYSTEM_ADMIN, body).status_code == 201
        doors = (
            "/v1/entries?limit=1000",
            "/v1/entries/export?format=csv",
            "/v1/people/p-7101",
            "/v1/entries?limit=1000",
        )
        seen = [town.get(door, reader).text for door in doors for reader in (SYSTEM_ADMIN, AUDITOR)]
        assert "PersonRegistered" in seen[-1]
        assert [each for each in secrets(town) if each in "".join(seen)] == []


def _a_letter_tells_its_contact_to_its_parties_alone(filled: Filled) -> None:
    """GB/T 9704: a request names contact and telephone. It is on the paper of those it is from, to and copied to."""
    path = f"/v1/requests/{filled.requests[0]}"
    for url in (path, f"{path}/print"):
        assert IN_A_LETTER in filled.town.get(url, HANDLER).text
        seen = filled.town.get(url, AUDITOR)
        assert seen.status_code == 200
        assert IN_A_LETTER not in seen.text
        assert "0953-********" in seen.text


def _evidence_opens_a_name_and_no_telephone(filled: Filled) -> None:
    opened = set()
    for each in filled.entries:
        told = filled.town.get(f"/v1/entries/{each}/evidence?values=true", AUDITOR).json()
        opened |= {value["path"] for value in told["opened"]}
    assert {"/name", "/reason"} <= opened
    assert not [each for each in opened if each.endswith("phone")]
