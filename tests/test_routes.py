"""Promises that every route keeps, also those not written yet: the routes and bodies come from the description itself.

Each walk is a function that returns complaints, and each is shown a careless route it must complain about.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import routes
import worlds
from conftest import World
from fastapi import APIRouter
from routes import Round, Route, Things
from starlette.responses import Response

import api.app
from api.app import ROUTERS
from api.authzen import access_requests
from api.authzen.access import PUBLIC as QUESTIONS
from api.log import PUBLIC as HASHES
from api.witness.witnesses import PUBLIC as WITNESSES
from authz import refusal
from authz.fact import instant
from authz.post import PersonRegistered, PostAssigned

NOBODY, LEFT = "p-999999", "p-8001"
OPEN = {"/healthz", "/readyz", "/metrics"} | HASHES | WITNESSES | QUESTIONS
EVERYBODY = (
    worlds.CLERK, worlds.SIGNATORY, worlds.ADMIN, worlds.HANDLER, worlds.APPROVER, worlds.SYSTEM_ADMIN, worlds.COLLECTOR,
    worlds.SECURITY_ADMIN, worlds.AUDITOR,
)  # fmt: skip
UNSEEN = "unseen_7c1f"
"""The name and the value of a field that no body has."""
UNREACHED = {
    "POST /v1/bootstrap": "its form is judged after its one-time code",
    "POST /v1/me/attributions/{entry}/objection": "only whom the edit names gets so far",
}

Walk = Callable[[Round], list[str]]


def left() -> tuple[Any, ...]:
    """A person on record whose only post has ended."""
    begin, end = (instant(datetime(2026, month, 1, tzinfo=UTC)) for month in (1, 2))
    return (
        PersonRegistered(person_id=LEFT, natural="0" * 64, name="1" * 64, phone=None),
        PostAssigned(
            person_id=LEFT, post_unit=worlds.LEAD, division=worlds.COUNTY, role="county_admin", title="t", valid_from=begin,
            valid_until=end,
        ),
    )  # fmt: skip


@pytest.fixture
def walk(database: World) -> Iterator[Round]:
    with worlds.Town(database, more=left()) as town:
        yield Round(town, Things.on(town))


# --- the walks ------------------------------------------------------------------------------------------------------
def strangers(walk: Round) -> list[str]:
    """Without a good token: 401 everywhere but on the public reads, and nothing is recorded."""
    return _unknown(walk, (None, "x", "a.b.c", routes.forged(walk.town.token(worlds.CLERK))))


def ghosts(walk: Round) -> list[str]:
    """A good token of somebody who is not on record, or of a time before the register knew any, is no better."""
    return _unknown(walk, (walk.town.token(NOBODY), walk.town.token(worlds.CLERK, at=0.0)))


def _unknown(walk: Round, tokens: tuple[str | None, ...]) -> list[str]:
    before = walk.town.size()
    for route in walk.routes:
        for token in tokens if route.path not in OPEN else ():
            answer = walk.ask(route, token)
            if answer.status_code != 401 or answer.json().get("code") != "stranger":
                walk.complain(route, f"told a stranger {answer.status_code}")
    if walk.town.size() != before:
        walk.complain("all", "something was recorded for a stranger")
    return walk.complaints


def powerless(walk: Round, person: str, codes: set[str] | None = None) -> list[str]:
    """Whoever may not write is refused by every write; each 403 is one entry, the last, and a deny."""
    for route in walk.routes:
        if not route.writes or route.public or ((route.asks or route.tries) and person == worlds.AUDITOR):
            continue
        before = walk.town.size()
        answer = walk.ask(route, walk.town.token(person))
        grown, told = walk.town.size() - before, answer.json()
        if "results" in told:
            told = told["results"][0]
        status = told.get("status", answer.status_code)
        if status not in (403, 404):
            walk.complain(route, f"answered {status} to somebody without authority")
        if status == 403 and (grown, told.get("entry"), walk.last_decision()) != (1, before, "deny"):
            walk.complain(route, f"the refusal is not on record ({grown} entries)")
        if status == 403 and codes is not None and told.get("code") not in codes:
            walk.complain(route, f"refused as {told.get('code')}")
        if status != 403 and grown:
            walk.complain(route, f"answered {status} and recorded {grown}")
    return walk.complaints


def left_posts(walk: Round) -> list[str]:
    return powerless(walk, LEFT, {"not_employed"})


def auditors(walk: Round) -> list[str]:
    return powerless(walk, worlds.AUDITOR)


def readers(walk: Round) -> list[str]:
    """Reads answer everybody on record with an answer or a refusal; only reading the log leaves a trace, one a time."""
    for route in walk.routes:
        for person in (*EVERYBODY, LEFT) if not route.writes else ():
            before = walk.town.size()
            answer = walk.ask(route, walk.town.token(person))
            grown, status = walk.town.size() - before, answer.status_code
            if status not in (200, 403, 404, 422):
                walk.complain(route, f"answered {status}")
            if grown > 1 or (grown and status == 404):
                walk.complain(route, f"answered {status} and recorded {grown}")
            if status == 403 and "entry" in answer.json() and walk.last_decision() != "deny":
                walk.complain(route, "the refusal is not on record")
    return walk.complaints


def wrong_verbs(walk: Round) -> list[str]:
    """A verb the route does not have is 405, with a word of those it has."""
    described: dict[str, list[Route]] = {}
    for route in walk.routes:
        described.setdefault(route.path, []).append(route)
    before = walk.town.size()
    for path, known in described.items():
        for verb in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - {each.verb.upper() for each in known}:
            answer = walk.ask(known[0], walk.town.token(worlds.AUDITOR), verb=verb)
            if answer.status_code != 405 or not answer.headers.get("allow"):
                walk.complain(f"{verb} {path}", f"answered {answer.status_code}")
    if walk.town.size() != before:
        walk.complain("all", "something was recorded")
    return walk.complaints


def unseen_fields(walk: Round) -> list[str]:
    """A field that no body has is refused wherever it stands, whoever sends it, and not a letter of it comes back."""
    for route in walk.routes:
        kind, example = route.example()
        if kind != routes.JSON or route.asks:
            continue  # AuthZEN demands that unknown members are passed over
        reached = False
        for place in routes.objects(example):
            before = walk.town.size()
            told = [walk.ask(route, walk.town.token(person), _with(example, place)) for person in EVERYBODY]
            shapes = [_told(each) for each in told]
            reached = reached or (422, "misshapen") in shapes
            for answer, (status, _) in zip(told, shapes, strict=True):
                if not 400 <= status < 500:
                    walk.complain(route, f"took an unknown field at {place}: {status}")
                if UNSEEN in answer.text:
                    walk.complain(route, "echoes what it refused")
            if walk.town.size() - before != sum(status == 403 for status, _ in shapes):
                walk.complain(route, "recorded something else than refusals")
        if not reached and str(route) not in UNREACHED:
            walk.complain(route, "nobody got so far as the form of the body")
    return walk.complaints


def _told(answer: Any) -> tuple[int, str]:
    told = answer.json()
    told = told["results"][0] if "results" in told else told
    return told.get("status", answer.status_code), told.get("code", "")


def _with(example: Any, place: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(example)
    inner = changed
    for key in place:
        inner = inner[key]
    inner[UNSEEN] = UNSEEN
    return changed


def versions(walk: Round) -> list[str]:
    """No change of a thing without If-Match, or with that of another version, by whomever."""
    for route in walk.routes:
        if not route.takes("If-Match"):
            continue
        for match in (None, '"999999"', "*", 'W/"1"'):
            told = [walk.ask(route, walk.town.token(person), match=match) for person in EVERYBODY]
            if any(each.is_success for each in told):
                walk.complain(route, f"changed something of version {match}")
            if match is None and 428 not in {each.status_code for each in told}:
                walk.complain(route, "nobody was asked for the version")
    return walk.complaints


def keys(walk: Round) -> list[str]:
    """A key of the wrong form is refused by every route that keeps answers under one, before anything is done."""
    before = walk.town.size()
    for route in walk.routes:
        if not route.takes("Idempotency-Key"):
            continue
        told = [walk.ask(route, walk.town.token(person), key="two words") for person in EVERYBODY]
        if any(each.is_success for each in told) or "unknown_key" not in {each.json()["code"] for each in told}:
            walk.complain(route, "took a key of the wrong form")
    if walk.town.size() != before:
        walk.complain("all", "something was recorded under a key of the wrong form")
    return walk.complaints


# --- the promises, and that each walk notices a breach --------------------------------------------------------------
WALKS: tuple[Walk, ...] = (strangers, ghosts, left_posts, auditors, readers, wrong_verbs, unseen_fields, versions, keys)


@pytest.mark.parametrize("promise", WALKS, ids=lambda each: each.__name__)
def test_every_route(walk: Round, promise: Walk) -> None:
    assert promise(walk) == []


def test_what_is_public_is_known(walk: Round) -> None:
    assert {route.path for route in walk.routes if route.operation.get("security") == []} == OPEN | {"/v1/bootstrap"}
    assert set(api.app.PUBLIC) - OPEN == {"/openapi.json", "/v1/bootstrap", "/letters/letter.css"}


def test_nothing_is_hidden_from_the_description(walk: Round) -> None:
    """Only what is walked is promised: what stands outside the description is listed here."""
    hidden = {path for router in ROUTERS for path in router_paths(router.router)} - {each.path for each in walk.routes}
    drafts = set(router_paths(access_requests.router))  # a draft profile, off by default, walked by its own tests
    assert hidden == {"/letters/letter.css"} | drafts


def router_paths(router: APIRouter) -> Iterator[str]:
    for each in router.routes:
        inner = getattr(each, "original_router", None)
        yield from router_paths(inner) if inner is not None else [each.path.replace(":path}", "}")]


def test_only_the_tally_of_strangers_is_recorded(database: World) -> None:
    with worlds.Town(database) as town:
        before = town.size()
        assert all(town.get("/v1/me", None).status_code == 401 for _ in range(3))
    with database.engine.connect() as connection:
        kinds = connection.exec_driver_sql(f"SELECT kind FROM entry WHERE number >= {before}").scalars().all()
    assert set(kinds) == {"StrangersCounted"}


DONE, ECHO = routes.told(201, b'{"entry":1}'), lambda given: Response(given, 422, media_type="application/problem+json")
BREACHES: tuple[tuple[Walk, APIRouter, str], ...] = (
    (ghosts, routes.careless("POST", "/v1/careless", DONE), "told a stranger 201"),
    (left_posts, routes.careless("POST", "/v1/careless", DONE), "answered 201 to somebody without authority"),
    (auditors, routes.careless("PUT", "/v1/careless/{id}", DONE), "answered 201 to somebody without authority"),
    (
        auditors,
        routes.careless("POST", "/v1/careless", routes.refused(refusal.NoRole())),
        "the refusal is not on record",
    ),
    (left_posts, routes.careless("POST", "/v1/careless", routes.refused(refusal.NoRole())), "refused as no_role"),
    (auditors, routes.careless("POST", "/v1/careless", routes.told(500)), "answered 500"),
    (auditors, routes.careless("POST", "/v1/careless", routes.told(404, b"{}", "text/plain")), "is no problem"),
    (readers, routes.careless("GET", "/v1/careless", routes.refused(refusal.Stale())), "answered 412"),
    (wrong_verbs, routes.careless("PUT", "/v1/me", DONE, hidden=True), "PUT /v1/me: answered 201"),
    (unseen_fields, routes.careless("POST", "/v1/careless", DONE, {"a": 1}), "took an unknown field at (): 201"),
    (unseen_fields, routes.careless("POST", "/v1/careless", ECHO, {"a": 1}), "echoes what it refused"),
    (unseen_fields, routes.careless("POST", "/v1/careless", routes.refused(refusal.NoRole()), {}), "nobody got so far"),
    (versions, routes.careless("POST", "/v1/careless/{id}", DONE), "changed something of version None"),
    (keys, routes.careless("POST", "/v1/careless", DONE), "took a key of the wrong form"),
)


@pytest.mark.parametrize(
    ("promise", "route", "because"), BREACHES, ids=[f"{each[0].__name__}: {each[2]}" for each in BREACHES]
)
def test_a_careless_route_is_noticed(database: World, promise: Walk, route: APIRouter, because: str) -> None:
    with worlds.Town(database, more=left()) as town:
        town.app.include_router(route)
        found = promise(Round(town, Things(), only="/v1/me" if "/v1/me" in because else "careless"))
    assert any(because in each for each in found)


def test_an_answer_that_misses_the_wall_is_noticed(database: World) -> None:
    with worlds.Town(database, world=False) as town:
        answer = town.get("/healthz", None)
    assert list(routes.owed(answer)) == []
    del answer.headers["x-content-type-options"]
    assert list(routes.owed(answer)) == ["lacks the headers ['x-content-type-options']"]


def test_a_public_route_that_should_not_be_is_noticed(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake itself: somebody adds a path to the public ones."""
    with worlds.Town(database) as town:
        town.app.include_router(routes.careless("POST", "/v1/careless", DONE))
        monkeypatch.setattr(api.app, "PUBLIC", api.app.PUBLIC | {"/v1/careless"})
        assert any("told a stranger 201" in each for each in strangers(Round(town, Things(), only="careless")))
