"""Rows of sections C and D of the list of attacks, each tried with the very codes and in the very way of its words."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import editions
import pytest
import worlds
from conftest import World
from questions import facts, kinds
from test_amendments import adopted, less, proposed, texts
from test_editions_route import EDGE, NEW, RECODED
from worlds import (
    ADMIN,
    ADMIN_B,
    APPROVER,
    AUDITOR,
    CLERK,
    COLLECTOR,
    COUNTY,
    LEAD,
    SIGNATORY,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)

from authz.division import Divisions
from authz.fact import Fact, instant
from authz.grant import GrantIssued

NOW = datetime.now(UTC)


def held(division: str, **more: Any) -> Fact:
    """A grant of income over a place in the hands of the county's administrators, wherever it lies."""
    told: dict[str, Any] = {
        "origin": "request", "division": division, "cells": ("monitored.income",), "operations": ("update", "collect"),
        "data_year": NOW.year, "valid_from": instant(NOW - timedelta(days=1)), "valid_until": instant(NOW + timedelta(days=9)),
        "max_records": None, "households": None, "holder_unit": LEAD, "holder_person": None, "role": "county_admin",
        "request": None, "line": None, "window": None, "parent": None, "path": (), "document": None,
        "document_sha256": None, "edition": "2023-06-30", "division_name": "n", "issuer_unit": "u-64-lead", "reason": None,
    }  # fmt: skip
    return GrantIssued(**told | more)


def asked(town: Town, division: str, person: str = ADMIN) -> tuple[int, str]:
    answer = town.post("/v1/edits", person, town.edit(division=division, household=f"h-{division or 'x'}"))
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize(("row", "over", "wish", "answer"), [
    (51, "640302", "640302100200", (201, "")), (51, "640302", "640303", (403, "outside_division")),
    (51, "640302", "<village> 640303", (403, "outside_division")),
    (52, "6403", "64030", (422, "bad_division_code")), (52, "6403", "<village> 640303", (201, "")),
    (54, "640324", "640324100001", (201, "")), (54, "640324", "<village> 640323", (403, "outside_division")),
    (54, "640324", "640325100200", (422, "bad_division_code")),
])  # fmt: skip
def test_51_52_54_the_reach_of_a_grant_is_that_of_its_tree(
    database: World, row: int, over: str, wish: str, answer: tuple[int, str]
) -> None:
    """With the codes of the list; 640325 is no division of the edition, so it is refused as a code (row 58)."""
    with Town(database, more=(held(over),)) as town:
        divisions = town.deployment.law.divisions
        if wish.startswith("<village> "):
            place = wish.removeprefix("<village> ")
            wish = next(code for code in sorted(divisions.below(place)) if divisions.get(code).level == "village")
        assert asked(town, wish) == answer, row


@pytest.mark.parametrize(
    "code", ["*", "", "64%", "64.*", "64030", "640324000000", "640324999999", "６４０３２４", " 640324"]
)
def test_50_53_57_58_a_filter_takes_no_wrong_code_either(database: World, code: str) -> None:
    with Town(database) as town:
        for path in ("/v1/entries", "/v1/grants", "/v1/people"):
            for person in (AUDITOR, ADMIN):
                answer = town.get(f"{path}?division={quote(code)}", person)
                assert answer.status_code == 422, (path, code, answer.text[:99])


def test_59_a_refusal_for_want_of_confirmation_is_on_record(database: World) -> None:
    with Town(database) as town:
        root = town.granted(town.line(division=COUNTY))[0]
        town.delegated(root)
        editions.in_force(town, editions.body(RECODED, EDGE))
        for code in (VILLAGE, NEW):
            before = town.size()
            answer = town.post("/v1/edits", COLLECTOR, town.edit(division=code)).json()
            assert (answer["code"], answer["entry"]) == ("scope_needs_confirmation", before)
            (fact,) = facts(town, before)
            assert (fact["kind"], fact["code"], fact["division"]) == ("Refused", "scope_needs_confirmation", code)


def test_62_a_farm_is_whose_the_edition_says_it_is(database: World) -> None:
    """Where it lies is told by the parent link alone: put under the region, its code that begins like the county's is
    nobody's in the county; as published, it is modelled as the county's own."""
    farm, county = "640121400", "640121"
    with Town(database, more=(held(county),)) as town:
        known = town.deployment.law.divisions
        rows = [known.get(code) for code in sorted(known.below("64"))]
        moved = Divisions(known.edition, [replace(each, parent="64") if each.code == farm else each for each in rows])
        for divisions, covers in ((known, True), (moved, False)):
            assert divisions.covers(county, farm) is covers
            assert divisions.covers("64", farm)
            assert divisions.covers(farm, f"{farm}001")
            assert divisions.covers(county, f"{farm}001") is covers
        assert asked(town, f"{farm}001") == (201, "")
        assert asked(town, "640122401") == (403, "outside_division"), "the farm of another county"


def test_70_an_administrative_call_with_one_forbidden_item_does_nothing_of_it(database: World) -> None:
    """A delegation with three axes too wide: each is named, and nothing of it is given. Households: test_all_or_nothing."""
    with Town(database) as town:
        root = town.granted()[0]
        wide = {"holder": f"u-{VILLAGE}-village", "role": "village_collector", "division": VILLAGE,
                "cells": ["monitored.income", "monitored.base"], "operations": ["update", "delete"],
                "from": NOW.isoformat(), "until": (NOW + timedelta(days=900)).isoformat(), "reason": "x"}  # fmt: skip
        told = town.post(f"/v1/grants/{root}/delegations", ADMIN, wide)
        assert (told.status_code, {each["axis"] for each in told.json()["misfits"]}) == (
            422, {"cells", "operations", "until"},
        )  # fmt: skip
        assert town.get(f"/v1/grants?holder=u-{VILLAGE}-village", ADMIN).json()["items"] == []


@pytest.mark.parametrize(("by", "whose"), [
    (TOWN_ADMIN, ADMIN), (CLERK, COLLECTOR), (ADMIN, SIGNATORY), (ADMIN, ADMIN_B), (ADMIN, APPROVER), (AUDITOR, COLLECTOR),
])  # fmt: skip
def test_80_who_may_not_give_a_role_does_not_take_it_away_either(database: World, by: str, whose: str) -> None:
    with Town(database) as town:
        post = town.get("/v1/me", whose).json()["posts"][0]["post"]
        tag = town.get(f"/v1/posts/{post}", worlds.SYSTEM_ADMIN).headers["etag"]
        answer = town.post(f"/v1/posts/{post}/end", by, {"reason": "x"}, if_match=tag)
        assert answer.status_code in (403, 404), answer.text
        assert town.get("/v1/me", whose).json()["posts"][0]["post"] == post


def test_88_edits_while_a_rule_set_is_replaced_are_judged_by_the_old_one_or_the_new(database: World) -> None:
    """Each states its digest; the entry of the adoption parts them, and nothing is permitted by the old one behind it."""
    with Town(database) as town:
        town.delegated(town.granted()[0])
        old = town.deployment.law.policy.digest
        new = proposed(town, texts(roles_csv=less)).json()["policy"]
        stop = threading.Event()
        statuses: list[int] = []

        def work(quarter: int) -> None:
            while not stop.is_set():
                verify = town.edit(operation="verify", changes=[], quarter=quarter)
                statuses.append(town.post("/v1/edits", COLLECTOR, verify).status_code)

        threads = [threading.Thread(target=work, args=(quarter,)) for quarter in (1, 2, 3)]
        for each in threads:
            each.start()
        while statuses.count(201) < 5:
            threading.Event().wait(0.01)
        done = adopted(town, new)
        assert done.status_code == 200
        after = len(statuses)
        while len(statuses) < after + 8:
            threading.Event().wait(0.01)
        stop.set()
        for each in threads:
            each.join()
        kind, known = kinds(town, 0), facts(town, 0)
        turn = kind.index("PolicyAdopted")
        seen = {
            (place > turn, each["kind"], each["policy"])
            for place, each in enumerate(known)
            if each["kind"] == "EditPermitted" or (each["kind"] == "Refused" and each["act"] == "edit")
        }
        assert seen == {(False, "EditPermitted", old), (True, "Refused", new)}


@pytest.mark.parametrize(("begin", "end", "answer"), [
    (1, 5, (201, 403)), (-1, 5, (201, 201)), (5, 5, (422, 0)), (6, 5, (422, 0)), (-5, -1, (422, 0)), (-1, 0, (422, 0)),
])  # fmt: skip
def test_90_an_interval_that_is_not_now_or_none_at_all(
    database: World, begin: int, end: int, answer: tuple[int, int]
) -> None:
    """A delegation (from and until in days from now), and the edit that would use it at once."""
    with Town(database) as town:
        root, now = town.granted()[0], datetime.now(UTC)
        wish = {
            "holder": f"u-{VILLAGE}-village", "role": "village_collector", "division": VILLAGE, "cells": ["monitored.income"],
            "operations": ["update"], "from": (now + timedelta(days=begin)).isoformat(),
            "until": (now + timedelta(days=end)).isoformat(), "reason": "x",
        }  # fmt: skip
        made = town.post(f"/v1/grants/{root}/delegations", ADMIN, wish)
        assert made.status_code == answer[0], made.text
        edit = town.post("/v1/edits", COLLECTOR, town.edit())
        assert edit.status_code == (answer[1] or 403)
        assert edit.status_code == 201 or edit.json()["code"] == ("outside_period" if answer[1] else "no_grant")


def test_91_a_county_at_rest_hands_nothing_on_and_answers_no(database: World) -> None:
    with Town(database) as town:
        root = town.granted()[0]
        town.delegated(root)
        assert town.change(f"/v1/grants/{root}/suspension", APPROVER, {"reason": "整改"}).is_success
        wish = {"holder": f"u-{VILLAGE}-village", "role": "grid_worker", "division": VILLAGE, "cells": ["monitored.income"],
                "operations": ["update"], "from": datetime.now(UTC).isoformat(),
                "until": (NOW + timedelta(days=9)).isoformat(), "reason": "x"}  # fmt: skip
        for person in (ADMIN, ADMIN_B):
            answer = town.post(f"/v1/grants/{root}/delegations", person, wish)
            assert (answer.status_code, answer.json()["code"]) in ((403, "suspended"), (422, "wider_than_held")), (
                answer.text
            )
        for person in (COLLECTOR, ADMIN):
            for operation in ("collect", "update", "verify"):
                answer = town.post("/v1/edits", person, town.edit(operation=operation, changes=[]))
                assert (answer.status_code, answer.json()["code"]) == (403, "suspended")
                item = {"subject": {"type": "person", "id": person}, "action": {"name": operation},
                        "resource": {"type": "monitored.income", "id": "h-monitored",
                                     "properties": {"data_year": NOW.year, "quarter": 4}}}  # fmt: skip
                assert town.post("/access/v1/evaluation", person, item).json() == {"decision": False}
