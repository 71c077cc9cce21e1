"""Evidence of an edit under grants that were carried over to a new edition of the divisions before it."""

from __future__ import annotations

import json
from typing import Any

import editions
import pytest
import worlds
from conftest import World
from test_editions_route import EDGE, NEW, REASON, RECODED, confirm
from test_evidence import packed
from worlds import ADMIN, APPROVER, COLLECTOR, SYSTEM_ADMIN, VILLAGE, Town

from audit import verify
from audit.verify import BadEvidence


def recoded(town: Town) -> int:
    """An edit in a village that got another code, under a chain confirmed at the new one; its entry."""
    root = town.granted(town.line(division="640324"))[0]
    lower = town.delegated(root)
    before = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
    editions.in_force(town, editions.body(RECODED, EDGE))
    assert confirm(town, root, APPROVER).status_code == 200
    assert confirm(town, lower, ADMIN).status_code == 200
    assert town.post(f"/v1/units/u-{VILLAGE}-village/confirmation", SYSTEM_ADMIN, REASON).is_success
    done = town.post("/v1/edits", COLLECTOR, town.edit(division=NEW))
    assert done.status_code == 201, done.text
    assert verify.verify(packed(town, before)).number == before
    return int(done.json()["entry"])


def test_a_confirmed_grant_is_followed_to_the_place_it_goes_on_at(database: World) -> None:
    with Town(database) as town:
        number = recoded(town)
        content = packed(town, number)
        told = verify.verify(content)
        assert told.number == number
        plain = verify.parse(content)
        kinds = [json.loads(each["bytes"])["fact"]["kind"] for each in plain["entries"]]
        assert kinds.count("GrantConfirmed") == 2
        steps = [(each["check"], each["says"]) for each in plain["trace"]]
        assert ("confirmed", f"{VILLAGE} → {NEW}") in steps
        assert ("division", NEW) in steps
        assert any("区划调整" in each for each in told.proved)
        assert plain["places"][-1] == NEW


def test_without_the_confirmation_nothing_leads_to_the_place(database: World) -> None:
    """The negative control: the entry of the confirmation left out, or of another grant, and the file proves nothing."""
    with Town(database) as town:
        plain = verify.parse(packed(town, recoded(town)))
        confirming = [
            each
            for each in plain["entries"]
            if f'"left":"{VILLAGE}"' in each["bytes"] and '"GrantConfirmed"' in each["bytes"]
        ]
        assert len(confirming) == 1
        entries: dict[int, Any] = {each["number"]: json.loads(each["bytes"]) for each in plain["entries"]}
        assert verify.trace(plain["number"], entries, plain["policy"], plain["places"]) == plain["trace"]
        gone = {number: each for number, each in entries.items() if number != confirming[0]["number"]}
        fact = entries[confirming[0]["number"]]["fact"]
        elsewhere = {**entries, confirming[0]["number"]: {"fact": fact | {"left": worlds.OTHER_VILLAGE}}}
        for changed in (gone, elsewhere):
            with pytest.raises(BadEvidence):
                verify.trace(plain["number"], changed, plain["policy"], plain["places"])
