"""A grant made out to somebody who handed it on and left: nothing below it is worth anything until it is made out anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import World
from questions import ONE, listed, question
from test_features_shown import employed
from test_imports_route import line, told
from test_redecision import decisions, unexplained
from worlds import ADMIN, AUDITOR, COLLECTOR, INCOME, SYSTEM_ADMIN, TOWN_ADMIN, USUAL, VILLAGE, YUHAI, Town

from authz import tenure
from authz.post import PostAssigned

TOWNSHIP = "u-640324100-township"
HEIR, PASSING, TWICE, HELPER = "p-4010", "p-4011", "p-4012", "p-4013"
TERM = timedelta(days=20)
TICK = timedelta(seconds=1)


def passing() -> tuple[Any, ...]:
    """An administrator of the township whose term runs out in twenty days."""
    registered, assigned = employed(PASSING, TOWNSHIP, "township_admin")
    end = (datetime.now(UTC) + TERM).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return registered, PostAssigned(**assigned.__dict__ | {"valid_until": end})


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    more = (
        *employed(HEIR, TOWNSHIP, "township_admin"), *passing(), *employed(TWICE, TOWNSHIP, "township_admin"),
        *employed(TWICE, f"u-{VILLAGE}-village", "first_secretary")[1:],
        *employed(HELPER, TOWNSHIP, "assistance_person"),
    )  # fmt: skip
    with Town(database, more=more) as built:
        yield built


def handed(holder: str, **more: Any) -> dict[str, Any]:
    """What the county makes out to the township or to somebody in it: longer than what goes on to a village."""
    until = (datetime.now(UTC) + timedelta(days=100)).isoformat()
    return {"holder": holder, "role": "township_admin", "division": YUHAI, "until": until} | more


def entrusted(town: Town, person: str) -> tuple[int, int, int]:
    """The region's grant, the one made out to an administrator of the township, and the one he handed on to the village."""
    (root,) = town.granted()
    own = town.delegated(root, **handed(person))
    wish: dict[str, Any] = {
        "holder": f"u-{VILLAGE}-village",
        "role": "village_collector",
        "division": VILLAGE,
        "reason": "按分工采集",
    }
    now = datetime.now(UTC)
    wish |= {"cells": INCOME, "operations": USUAL, "from": now.isoformat(), "until": (now + 2 * TERM).isoformat()}
    seat = str(post_of(town, person))
    passed = town.post(f"/v1/grants/{own}/delegations", person, wish, mandate_post=seat)
    return root, own, int(passed.json()["entry"])


def post_of(town: Town, person: str, unit: str = TOWNSHIP) -> int:
    posts = town.get(f"/v1/people/{person}", SYSTEM_ADMIN).json()["posts"]
    return int(next(each["post"] for each in posts if each["unit"] == unit))


def ended(town: Town, person: str) -> None:
    answer = town.change(f"/v1/posts/{post_of(town, person)}/end", ADMIN, {"reason": "离任"})
    assert answer.is_success, answer.text


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def may(town: Town, at: datetime | None = None) -> bool:
    context = {} if at is None else {"context": {"time": at.isoformat()}}
    return bool(town.post(ONE, ADMIN, question(**context)).json()["decision"])


def found(town: Town) -> tuple[bool, bool, bool]:
    """Whether the three searches find him, the household and the operation."""
    asked = question()
    who = listed(town, "subject", asked | {"subject": {"type": "person"}})
    what = listed(
        town,
        "resource",
        asked | {"resource": {"type": "monitored.income", "properties": asked["resource"]["properties"]}},
    )
    how = listed(town, "action", {name: asked[name] for name in ("subject", "resource")})
    return COLLECTOR in who, "h-monitored" in what, "update" in how


def test_what_he_handed_on_ends_with_his_post_and_begins_with_a_new_grant(town: Town) -> None:
    root, _, below = entrusted(town, TOWN_ADMIN)
    assert town.post("/v1/edits", COLLECTOR, town.edit()).json()["grant"] == below
    assert (may(town), found(town)) == (True, (True, True, True))
    assert [each["grant"] for each in town.get("/v1/me", COLLECTOR).json()["scopes"]] == [below]
    before = datetime.now(UTC)
    ended(town, TOWN_ADMIN)

    refused = town.post("/v1/edits", COLLECTOR, town.edit())
    assert (code(refused), refused.json()["missing"]) == ((403, "vacated"), "holder")
    assert [each["how"] for each in refused.json()["who_can_grant"]] == ["delegation"]
    assert refused.json()["who_can_grant"][0]["grant"] == root, "not by him who has left"
    many = town.post("/v1/edits/batch", COLLECTOR, [town.edit(), town.edit(household="h-other")]).json()
    assert "permit" not in json.dumps(many)
    assert (may(town), found(town)) == (False, (False, False, False))
    assert may(town, before), "as it was, so it was"
    me = town.get("/v1/me", COLLECTOR).json()
    assert (me["scopes"], me["grants"]) == ([], [])
    explained = town.get(f"/v1/entries/{refused.json()['entry']}", AUDITOR).json()["explanation"]
    assert (explained["code"], explained["missing"]) == ("vacated", "holder")
    assert [each["state"] for each in explained["chain"]] == ["live", "vacated", "live"]
    assert [each["axis"] for each in explained["axes"] if not each["fits"]] == ["holder"]

    heirs = town.delegated(root, **handed(HEIR))
    assert code(town.post("/v1/edits", COLLECTOR, town.edit())) == (403, "vacated")
    anew = town.delegated(heirs, HEIR)
    assert town.post("/v1/edits", COLLECTOR, town.edit()).json()["grant"] == anew
    assert (may(town), found(town)) == (True, (True, True, True))
    assert [each["grant"] for each in town.get("/v1/me", COLLECTOR).json()["scopes"]] == [anew]


def test_lists_and_reports_say_what_nobody_can_use(town: Town) -> None:
    _, own, below = entrusted(town, TOWN_ADMIN)
    assert town.get("/v1/staffing", ADMIN).json()["orphans"] == []
    before = datetime.now(UTC).isoformat().replace("+", "%2B")
    ended(town, TOWN_ADMIN)
    for each in (town.get(f"/v1/grants/{below}", ADMIN).json(), *listing(town, "").values()):
        if each["id"] == below:
            assert (each["state"], each["because"], each["vacated"]) == ("vacated", own, False)
    assert listing(town, "")[own]["vacated"] is True
    assert below not in listing(town, f"&live_at={datetime.now(UTC).isoformat().replace('+', '%2B')}")
    assert below in listing(town, f"&live_at={before}")
    assert town.get(f"/v1/grants/{below}?at={before}", ADMIN).json()["state"] == "live"
    (orphan,) = town.get("/v1/staffing", ADMIN).json()["orphans"]
    assert (orphan["division"], orphan["why"], orphan["grants"]) == (VILLAGE, "no_usable_grant", [below])
    assert town.get(f"/v1/staffing?at={before}", ADMIN).json()["orphans"] == []


def listing(town: Town, asked: str) -> dict[int, Any]:
    return {each["id"]: each for each in town.get(f"/v1/grants?limit=1000{asked}", ADMIN).json()["items"]}


def test_his_unit_hands_nothing_on_below_what_he_left(town: Town) -> None:
    """The unit's own grant below his is worth nothing either; its end cuts nothing that was not cut before."""
    _, own, _ = entrusted(town, TOWN_ADMIN)
    units = town.delegated(
        own, TOWN_ADMIN, **handed(TOWNSHIP, role="township_reviewer", until=(datetime.now(UTC) + TERM).isoformat())
    )
    held = town.delegated(own, TOWN_ADMIN, **handed(HEIR, until=(datetime.now(UTC) + TERM).isoformat()))
    ended(town, TOWN_ADMIN)
    now = datetime.now(UTC)
    wish = {
        "holder": f"u-{VILLAGE}-village", "role": "grid_worker", "division": VILLAGE, "cells": ["monitored.income"],
        "operations": ["update"], "from": now.isoformat(), "until": (now + timedelta(days=9)).isoformat(), "reason": "分工",
    }  # fmt: skip
    for number in (units, held):
        refused = town.post(f"/v1/grants/{number}/delegations", HEIR, wish)
        assert (code(refused), refused.json()["grant"]) == ((403, "vacated"), own)
    assert town.change(f"/v1/grants/{own}/revocation", ADMIN, {"reason": "离任"}).json()["cut"] == []


def test_a_term_that_runs_out_is_no_act(town: Town) -> None:
    entrusted(town, PASSING)
    posts = town.get(f"/v1/people/{PASSING}", SYSTEM_ADMIN).json()["posts"]
    end = datetime.fromisoformat(posts[0]["until"])
    assert [may(town, at) for at in (end - TICK, end, end + TICK)] == [True, False, False]


def test_another_post_of_his_is_not_the_one_it_rests_on(town: Town) -> None:
    """He stays in the village, in a post that is as old; and appointed anew he does not bring it back."""
    _, own, below = entrusted(town, TWICE)
    ended(town, TWICE)
    assert (listing(town, "")[own]["vacated"], listing(town, "")[below]["state"]) == (True, "vacated")
    assert not may(town)
    again = {"person": TWICE, "unit": TOWNSHIP, "role": "township_admin"}
    assert town.post("/v1/posts", ADMIN, again).status_code == 201
    assert code(town.post("/v1/edits", COLLECTOR, town.edit())) == (403, "vacated")


def test_what_is_reported_late_is_judged_as_it_was(town: Town) -> None:
    entrusted(town, TOWN_ADMIN)
    before = datetime.now(UTC)
    ended(town, TOWN_ADMIN)
    lines = told(town, line(town, "1", before), line(town, "2"))
    assert [(each["verdict"], each.get("code")) for each in lines] == [
        ("allowed_then", None),
        ("not_allowed_then", "vacated"),
    ]


def test_whom_he_named_helper_is_none_any_more(town: Town) -> None:
    _, own, below = entrusted(town, TOWN_ADMIN)
    until = (datetime.now(UTC) + TERM).isoformat()
    work = {"operations": ["update"], "households": ["h-monitored"], "until": until}
    helps = town.delegated(own, TOWN_ADMIN, holder=HELPER, role="assistance_person", **work)
    assert town.post("/v1/edits", COLLECTOR, town.edit()).json()["grant"] == below
    asked = f"/v1/responsibility?household=h-monitored&cell=monitored.income&data_year={town.edit()['data_year']}"
    assert [each["grant"] for each in town.get(asked, AUDITOR).json()["assistance"]] == [helps]
    ended(town, TOWN_ADMIN)
    assert town.get(asked, AUDITOR).json()["assistance"] == []


def test_what_was_decided_then_is_decided_so_again(town: Town) -> None:
    """Before and after he left, from what was on record before each entry; and a rule that forgets it is seen."""
    entrusted(town, TOWN_ADMIN)
    town.post("/v1/edits", COLLECTOR, town.edit())
    ended(town, TOWN_ADMIN)
    town.post("/v1/edits", COLLECTOR, town.edit())
    assert [each.code for each in decisions(town)] == [None, "vacated"]
    assert unexplained(town) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenure, "vacant", lambda grant, seats, at: False)
        assert [each.code for each in unexplained(town)] == ["vacated"]
