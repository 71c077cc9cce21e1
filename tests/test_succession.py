"""What an abolished place leaves behind: who answers for it, what of it goes on where, and what nobody may grant."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from acts import law
from chains import START
from offices import LINE, Office
from test_amendments import Everything
from test_authority import code

from authz import edition, succession
from authz.narrowing import Narrowing
from authz.post import Unit
from authz.reply import Answer

LAW = law()
STREET, COUNTY = "640323104", "640323"
"""A street that ended in 2021: its communities are ten of 640323001, and one of 640323100."""
FORBIDDEN = ("village_collector", "update", "monitored.income")
YES, NO = "approved", "rejected"


def test_an_abolished_place_is_answered_for_by_its_one_successor_and_by_what_it_lay_in() -> None:
    past = LAW.lineage
    assert edition.seats(COUNTY, LAW) == (COUNTY,)
    assert STREET not in past.sole, "it was split"
    assert edition.seats(STREET, LAW) == (COUNTY,)
    assert past.sole, "others went on as a whole"
    for gone, heir in past.sole.items():
        assert LAW.divisions.known(heir)
        assert not LAW.divisions.known(gone)
        assert edition.seats(gone, LAW) == (heir, past.seat[gone])
        assert gone in edition.reach(heir, LAW)
        assert edition.heir(gone, LAW) == heir
    assert not any(LAW.divisions.known(each) for each in past.seat)


def test_a_rule_goes_on_only_where_nobody_else_lives() -> None:
    places = succession.places(STREET, LAW)
    assert "640323100012" in places
    assert all(LAW.divisions.known(each) for each in places)
    assert COUNTY not in places
    former = succession.former((STREET, COUNTY, "nation"), LAW)
    assert {each for each, codes in former.items() if STREET in codes} == places
    assert not any(COUNTY in codes for codes in former.values()), "a standing place has its own rules"
    assert succession.places("640399", LAW) == frozenset()


def test_what_an_abolished_place_forbade_is_forbidden_where_it_goes_on_and_nowhere_else() -> None:
    made = Narrowing(STREET, "d" * 64, MappingProxyType({FORBIDDEN: "roles.csv:1"}))
    narrowed = replace(LAW, narrowings={STREET: made})
    whole = replace(narrowed, former=succession.former((STREET,), LAW))
    role, act, cell = FORBIDDEN
    asked = ("640323100012", "640323100", COUNTY, "640324100201", "64")

    def allowed(used: object) -> list[bool]:
        return [used.permits(Everything(role), act, cell, place, START) is not None for place in asked]  # type: ignore[attr-defined]

    assert allowed(narrowed) == [True] * 5, "the control: without its places the rule reaches nobody"
    assert allowed(whole) == [False, True, True, True, True]
    assert list(whole.named("640323100012")) == ["64", "6403", COUNTY, "640323100", STREET, "640323100012"]


ANSWERS = [((YES, NO), ""), ((NO, NO), ""), ((YES, YES), "unacceptable"), ((NO, YES), "unacceptable")]


@pytest.mark.parametrize(("outcomes", "told"), ANSWERS)
def test_a_line_for_an_abolished_place_can_be_refused_but_not_granted(outcomes: tuple[str, str], told: str) -> None:
    office = Office().run("draft", "sign", "receive")
    body = office.row["body"]
    office.rows.requests[0] = office.row | {"body": body | {"lines": [LINE, LINE | {"line": 2, "division": STREET}]}}
    answers = tuple(Answer(n, each, None, "c" if each == NO else None) for n, each in enumerate(outcomes, start=1))
    assert code(lambda: office.run("propose", answers=answers)) == told


def test_a_letter_that_names_an_abolished_place_is_not_signed() -> None:
    office = Office().run("draft")
    lines = [LINE | {"division": STREET}]
    office.rows.requests[0] = office.row | {"body": office.row["body"] | {"lines": lines}}
    assert code(lambda: office.run("sign")) == "unacceptable"
    assert code(lambda: Office().run("draft", "sign")) == ""


def test_the_lead_body_of_a_county_is_found_under_the_id_it_always_had() -> None:
    old, new = "640398", "640324"
    past = replace(LAW.lineage, sole=MappingProxyType({old: new, "640398100": "640324100"}))
    office = Office(replace(LAW, lineage=past))
    scene = office.scene("p-33")
    assert succession.leads(new, scene.law) == ("u-640324-lead", "u-640398-lead")
    assert succession.candidates(scene.law) == {"u-640324-lead", "u-640398-lead"}
    found = []
    for units in ({}, {old: new}, {old: old}, {old: new, new: new}):
        scene.rows.units.clear()
        for at, division in units.items():
            scene.rows.units[f"u-{at}-lead"] = Unit(f"u-{at}-lead", "lead", division, "n", None)
        found.append(succession.lead_of(new, scene))
    assert found == ["u-640324-lead", "u-640398-lead", "u-640324-lead", "u-640324-lead"]
