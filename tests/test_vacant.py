"""Whether he above has left, case by case. Every case is also asked of every mutant of `authz/tenure.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from chains import END, LEAD, START, TOWN, TOWN_UNIT, VILLAGE, VILLAGE_UNIT, County, wanted
from test_authority import UPDATE, asked
from test_delegation import hand_on

from authz import delegation, refusal, revocation, tenure
from authz.extent import extents
from authz.post import FAR, Post

DAY = timedelta(days=1)
BEFORE, AFTER = START - DAY, START + DAY


def entrusted() -> tuple[County, int, int]:
    """Made out by the county to p-4 of the township, who has handed it on to the village; and the day after."""
    county = County()
    own = hand_on(county, 100, wanted(holder="p-4"))
    below = hand_on(county, own, wanted(holder=VILLAGE_UNIT, role="village_collector", division=VILLAGE), "p-4")
    county.at = AFTER
    return county, own, below


def seat(county: County, **more: Any) -> Post:
    """The post of p-4, changed."""
    return replace(county.rows.posts["p-4"][0], **more)


SEATS = [
    ({}, False), ({"valid_until": AFTER}, True), ({"valid_until": AFTER + DAY}, False), ({"valid_from": AFTER}, True),
    ({"unit": LEAD}, True), ({"role": "township_reviewer"}, True), ({"person": "p-5"}, True),
    ({"valid_from": START, "number": 999}, True), ({"deputy_for": 1, "rests_on": 2}, True),
]  # fmt: skip


@pytest.mark.parametrize(("more", "gone"), SEATS, ids=lambda each: str(each)[:40])
def test_it_rests_on_that_very_seat(more: dict[str, Any], gone: bool) -> None:
    county, own, below = entrusted()
    county.rows.posts["p-4"] = [seat(county, valid_until=BEFORE), seat(county, **more)]
    assert tenure.vacant(county.rows.grants[own], county.rows.posts, AFTER) is gone
    assert asked(county, "p-6") == (f"vacated {below}" if gone else below)
    assert asked(county, "p-2", replace(UPDATE, division=TOWN)) == 100, "nothing above him is touched"


def test_of_whom_nothing_is_known_is_in_no_office_and_a_unit_needs_nobody() -> None:
    county, own, below = entrusted()
    del county.rows.posts["p-4"]
    vacant = [each for each, grant in county.rows.grants.items() if tenure.vacant(grant, county.rows.posts, AFTER)]
    assert vacant == [own]
    assert asked(county, "p-6") == f"vacated {below}"


def test_what_is_worse_than_an_empty_seat_is_said_first() -> None:
    county, own, below = entrusted()
    rows, at, links = county.rows, county.at, county.links(below)

    def worth() -> tuple[tuple[str, int], str]:
        known = county.links(below)
        return tenure.worth(known, rows.posts, county.at), tenure.state(rows.grants[own], rows.posts, county.at)

    assert worth() == (("live", below), "live")
    del rows.posts["p-4"]
    assert worth() == (("vacated", own), "vacated")
    assert tenure.worth(links[:-1], rows.posts, at)[0] == "live", "of his own grant he is asked himself"
    assert tenure.state(rows.grants[below], rows.posts, at) == "live"
    county.at = START - DAY
    assert worth() == (("vacated", own), "vacated"), "nor will it be, once it begins"
    county.at = at
    county.record("p-2", revocation.suspend(county.links(own), "r", county.scene("p-2"))[0])
    assert worth() == (("suspended", own), "suspended")
    county.record("p-2", revocation.revoke(county.links(own), "r", county.scene("p-2"))[0])
    assert worth() == (("revoked", own), "revoked")
    county.at = END
    assert worth() == (("expired", below), "revoked")


def test_only_those_above_others_are_looked_for() -> None:
    county, _, _ = entrusted()
    hand_on(
        county,
        100,
        wanted(holder="p-11", role="assistance_person", division=VILLAGE, households=frozenset(("h-near",))),
    )
    assert tenure.above(county.rows.grants.values()) == {"p-4"}
    assert tenure.above(()) == frozenset()


def test_his_unit_hands_on_nothing_and_what_he_left_cuts_nothing_more() -> None:
    county, own, _ = entrusted()
    units = hand_on(county, own, wanted(holder=TOWN_UNIT, role="township_reviewer"), "p-4")
    heirs = Post(77, "p-44", TOWN_UNIT, TOWN, "township_admin", "", BEFORE, FAR)
    county.rows.posts["p-4"] = [seat(county, valid_until=AFTER)]
    county.rows.posts["p-5"] = [replace(heirs, person="p-5")]
    with pytest.raises(refusal.Vacated) as caught:
        delegation.plan(wanted(holder=VILLAGE_UNIT, role="grid_worker"), county.links(units), county.scene("p-5"))
    assert caught.value.members["grant"] == own
    assert revocation.revoke(county.links(own), "r", county.scene("p-2"))[1] == ()


LASTS = [
    ({}, END), ({"valid_until": AFTER + DAY}, AFTER + DAY), ({"valid_until": END + DAY}, END), ({"unit": LEAD, "valid_until": AFTER + DAY}, END),
]  # fmt: skip


@pytest.mark.parametrize(("more", "until"), LASTS)
def test_what_one_may_do_ends_with_the_post_of_him_above(more: dict[str, Any], until: datetime) -> None:
    county, _, below = entrusted()
    mine, whole = seat(county, **more), seat(county, number=998, valid_until=AFTER + DAY)
    county.rows.posts["p-4"] = [mine]
    assert tenure.last(county.links(below), county.rows.posts, AFTER) == until
    county.rows.posts["p-4"] = [whole, mine]
    longest = AFTER + DAY if "unit" in more else until
    assert tenure.last(county.links(below), county.rows.posts, AFTER) == longest
    scene = county.scene("p-6")
    assert {each.until for each in extents(county.rows.posts["p-6"][0], scene)} == {longest}
