"""Section C of the list of attacks: the place of a wish, on the real divisions, over the whole application."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attack_rows
import pytest
from conftest import World
from worlds import ADMIN, COLLECTOR, FAR_VILLAGE, LEAD, OTHER_VILLAGE, TOWN_ADMIN, VILLAGE, YUHAI, Town

from authz.fact import Fact, instant
from authz.grant import GrantIssued

NOW = datetime.now(UTC)


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        (root,) = made.granted(made.line(division="640324"))
        made.delegated(root)
        yield made


def asked(town: Town, division: str, person: str = COLLECTOR, **more: Any) -> tuple[int, str]:
    answer = town.post("/v1/edits", person, town.edit(division=division, household="h-new", **more))
    return answer.status_code, answer.json().get("code", "")


WRONG = {
    50: ("64030", "6403241"), 53: ("640324000000", "640324100000"), 57: ("*", "", "64%", "64.*"), 58: ("640324999999",),
    29: ("６４０３２４",), 30: ("٦٤٠٣٢٤",), 31: ("640324\n", " 640324", "640324\u200b", "640324 "),
}  # fmt: skip
"""Row of the list: codes that are none."""


@pytest.mark.parametrize("row", WRONG)
def test_29_30_31_50_53_57_58_a_wrong_code_is_refused_everywhere(town: Town, row: int) -> None:
    """Never mapped, never repaired, never echoed; a filter refuses it as well as a body."""
    size = town.size()
    (root,) = [each["id"] for each in town.get(f"/v1/grants?holder={LEAD}", ADMIN).json()["items"]]
    for code in WRONG[row]:
        status, kind = asked(town, code)
        assert (status, kind in ("bad_division_code", "misshapen")) == (422, True), code
        now = datetime.now(UTC)
        wish = {
            "holder": "u-640324100-township", "role": "township_admin", "division": code, "cells": ["monitored.income"],
            "operations": ["update"], "from": now.isoformat(), "until": (now + timedelta(days=9)).isoformat(), "reason": "x",
        }  # fmt: skip
        told = [town.post(f"/v1/grants/{root}/delegations", ADMIN, wish)]
        draft = town.draft()
        draft["lines"][0]["division"] = code
        told.append(town.post("/v1/requests", "p-1002", draft))
        told.append(
            town.change(
                "/v1/households/h-far/move", ADMIN, {"division": code, "reason": "x"}, thing="/v1/households/h-far"
            )
        )
        assert [each.status_code for each in told] == [422] * 3, code
        assert not any(len(code.strip()) > 6 and code in each.text for each in told)
        if re.fullmatch("[0-9]+", code):
            assert town.get(f"/v1/entries?division={code}", ADMIN).status_code in (403, 422)
    kept = [each["division"] for each in town.get("/v1/entries?kind=GrantIssued", ADMIN).json()["items"]]
    assert len(kept) == 2
    assert town.size() > size


@pytest.mark.parametrize(("row", "held", "wish", "answer"), [
    (51, "640324100", "640324101200", (403, "outside_division")),
    (52, "640324100", "64032", (422, "bad_division_code")),
    (54, "640324", VILLAGE, (201, "")),
    (54, "640324", "640423100004", (403, "outside_division")),
    (55, "640324100", "640324101200", (403, "outside_division")),
    (56, VILLAGE, YUHAI, (403, "outside_division")),
    (56, VILLAGE, "640324", (403, "outside_division")),
    (56, VILLAGE, OTHER_VILLAGE, (403, "outside_division")),
])  # fmt: skip
def test_51_to_56_what_a_grant_reaches(
    database: World, row: int, held: str, wish: str, answer: tuple[int, str]
) -> None:
    """One grant over `held` in the hands of the county's administrators, one edit at `wish`."""
    with Town(database) as town:
        town.granted(town.line(division=held))
        assert asked(town, wish, ADMIN) == answer, row


def test_55_a_township_that_ends_in_zero_does_not_reach_its_neighbours(database: World) -> None:
    """640104010 without its zero is the beginning of 640104011 and 640104012."""
    begin, end = instant(NOW - timedelta(days=1)), instant(NOW + timedelta(days=9))
    granted: Fact = GrantIssued(
        origin="request", division="640104010", cells=("monitored.income",), operations=("update", "collect"), data_year=NOW.year,
        valid_from=begin, valid_until=end, max_records=None, households=None, holder_unit=LEAD, holder_person=None,
        role="county_admin", request=None, line=None, window=None, parent=None, path=(), document=None, document_sha256=None,
        edition="2023-06-30", division_name="n", issuer_unit="u-64-lead", reason=None,
    )  # fmt: skip
    with Town(database, more=(granted,)) as town:
        divisions = town.deployment.law.divisions
        for outer, status in (("640104010", 201), ("640104011", 403), ("640104012", 403)):
            village = divisions.children(outer)[0].code
            answer = town.post("/v1/edits", ADMIN, town.edit(division=village, household=f"h-{outer}"))
            assert answer.status_code == status, outer


def test_59_60_62_a_place_the_edition_does_not_have_is_no_place(town: Town) -> None:
    """An abolished code is told apart by name, and nothing is permitted on it."""
    for code in ("640323104001", "640303400"):
        assert town.get(f"/v1/divisions/{code}", ADMIN).status_code == 200
        assert asked(town, code)[0] in (403, 422)
    farm = "640121400"
    assert asked(town, farm, ADMIN) == (403, "outside_division")


def test_63_64_a_household_is_edited_where_it_lives(town: Town) -> None:
    wish = town.edit(household="h-far")
    answer = town.post("/v1/edits", COLLECTOR, wish)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_household")
    answer = town.post("/v1/edits", COLLECTOR, wish | {"division": FAR_VILLAGE})
    assert (answer.status_code, answer.json()["code"]) == (403, "outside_division")
    assert town.get("/v1/households/h-far", TOWN_ADMIN).status_code == 404


def test_81_lists_are_the_filter_of_the_single_answers(town: Town) -> None:
    """P14 for grants and requests (people: `test_who_is_on_the_roster_for_whom`): nobody lists what he may not open, nor opens what is not listed."""
    town.filed()
    grants = range(town.size())
    for person in ("p-1002", ADMIN, "p-1011", "p-1021", "p-1031", TOWN_ADMIN, "p-1211", COLLECTOR, "p-2021"):
        for kind in ("grants", "requests"):
            answer = town.get(f"/v1/{kind}?limit=1000", person)
            listed = {each["id"] for each in answer.json()["items"]}
            single = {n for n in grants if town.get(f"/v1/{kind}/{n}", person).status_code == 200}
            assert listed == single, (person, kind)


# --- the table --------------------------------------------------------------------------------------------------------
def test_every_row_of_the_list_is_tested_or_explained() -> None:
    rows = attack_rows.read(attack_rows.TABLE.read_text("utf-8"))
    assert list(attack_rows.faults(rows)) == []


@pytest.mark.parametrize(("old", "new", "fault"), [
    ("\n7,", "\n8,", "row 7 is missing"), ("\n7,", "\n8,", "row 8 stands twice"),
    ("::test_107_an_instant", "::test_107_an_instance", "row 107: there is no"),
    ("test_wire.py::test_a_dripping_body_is_cut_off", "", "row 14 needs either tests or a reason"),
])  # fmt: skip
def test_a_hole_in_the_table_is_noticed(old: str, new: str, fault: str) -> None:
    text = attack_rows.TABLE.read_text("utf-8")
    assert old in text
    assert any(each.startswith(fault) for each in attack_rows.faults(attack_rows.read(text.replace(old, new, 1))))
