"""Row 51 of the features: the three officers run the service and touch nothing else; every write is tried by each."""

from __future__ import annotations

import re

import pytest
import worlds
from conftest import World
from routes import Round, Things
from test_replays_route import LINE, asked, draft, finished, without

from authz.pdp import Rule

OFFICERS = (worlds.SYSTEM_ADMIN, worlds.SECURITY_ADMIN, worlds.AUDIT_ADMIN)
BUSINESS = (
    "/v1/edits", "/v1/grants", "/v1/requests", "/v1/windows", "/v1/households", "/v1/approvals", "/v1/ties",
    "/v1/attachments",
)  # fmt: skip


def allowed(walk: Round) -> dict[str, set[str]]:
    """By write route: the officers who were not told that they may not."""
    found: dict[str, set[str]] = {}
    for route in walk.routes:
        if not route.writes or route.public or route.asks:
            continue
        for person in OFFICERS:
            told = walk.ask(route, walk.town.token(person)).json()
            told = told["results"][0] if "results" in told else told
            if told.get("status") not in (403, 404):
                found.setdefault(str(route), set()).add(person)
    return found


def test_no_officer_writes_what_the_others_are_there_to_check(database: World) -> None:
    with worlds.Town(database) as town:
        walk = Round(town, Things.on(town))
        found = allowed(walk)
    business = {route: who for route, who in found.items() if route.split(" ")[1].startswith(BUSINESS)}
    assert business == {}
    assert found, "an officer who may do nothing at all shows nothing"
    shared = {route.split(" ")[1].split("/")[2] for route, who in found.items() if len(who) == len(OFFICERS)}
    assert shared <= {"officers"}, "all three appoint an officer together, two by two, and do nothing else alike"


def test_an_officer_who_might_write_is_noticed(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with worlds.Town(database) as town:
        walk = Round(town, Things.on(town), only="/v1/ties")
        assert allowed(walk) == {}
        permits = Rule.permits
        monkeypatch.setattr(Rule, "permits", lambda self, *asked: permits(self, *asked) or "roles.csv:0")
        assert allowed(walk) == {path: set(OFFICERS) for path in ("POST /v1/ties", "POST /v1/ties/{id}/withdrawal")}


# --- what they read -------------------------------------------------------------------------------------------------
RUNNING = (worlds.SYSTEM_ADMIN, worlds.SECURITY_ADMIN)
"""The third one reads the log: that is his office."""
TRACE = re.compile(r"h-(?:monitored|lifted|far)|wage_income|EditPermitted|monitored\.\w+|1350000")
"""What stands in an answer that tells of a household or of what was done to it."""
HIS_OWN = {"GET /v1/erasures", "GET /v1/erasures/{id}"}
"""An erasure is asked for by the security officer himself, and names whom it is about."""


def busy(town: worlds.Town) -> Round:
    """A walk through a town in which there is something to learn, also from the replay of a draft."""
    walk = Round(town, Things.on(town))
    walk.things.replay = asked(town, draft(town, without(LINE)))
    assert finished(town, walk.things.replay)["items"]
    return walk


def learned(walk: Round) -> set[str]:
    """The routes from which an officer learns of a household or of an edit."""
    found = set()
    for route in walk.routes:
        told = [] if route.writes else [walk.town.get(walk.things.url(route.path), person).text for person in RUNNING]
        found |= {str(route) for each in told if TRACE.search(each)}
    return found


def test_no_officer_learns_of_a_household_by_reading(database: World) -> None:
    with worlds.Town(database) as town:
        assert learned(busy(town)) == HIS_OWN


def test_an_officer_who_might_read_is_noticed(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with worlds.Town(database) as town:
        walk, permits = busy(town), Rule.permits
        monkeypatch.setattr(Rule, "permits", lambda self, *asked: permits(self, *asked) or "roles.csv:0")
        assert {"GET /v1/entries", "GET /v1/replays/{id}", "GET /v1/households/{token}"} <= learned(walk)
