"""What stands after the divisions changed: by one street that was really abolished, word by word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_edition import COUNTY, EDITIONS, NEW, NOW, OTHER, STREET, grant, scene

from authz import edition, refusal
from authz.division import LEVELS, Division, Divisions
from authz.household import Household

OLD, LAST = EDITIONS[0], EDITIONS[-1]
COUNTY_CODE, NEIGHBOUR = "640323", "640324"
UNTOUCHED = min(each.code for each in NOW.divisions.children(NEIGHBOUR) if NOW.divisions.newest(each.code) <= OLD)


@pytest.mark.parametrize(
    ("held", "given", "asked", "told"),
    [
        (STREET, OLD, NEW, "outside"),
        (STREET, OLD, f"{NEW}001", "waits"),
        (STREET, OLD, OTHER, "waits"),
        (STREET, OLD, STREET, "waits"),
        (STREET, OLD, f"{STREET}001", "waits"),
        (STREET, OLD, COUNTY_CODE, "outside"),
        (STREET, OLD, NEIGHBOUR, "outside"),
        (f"{STREET}001", OLD, STREET, "outside"),
        (f"{STREET}001", OLD, f"{STREET}002", "outside"),
        (COUNTY_CODE, OLD, STREET, "waits"),
        (COUNTY_CODE, OLD, NEW, "waits"),
        (COUNTY_CODE, OLD, NEIGHBOUR, "outside"),
        (NEIGHBOUR, OLD, UNTOUCHED, "covers"),
        (NEIGHBOUR, OLD, STREET, "outside"),
        (UNTOUCHED, OLD, NEIGHBOUR, "outside"),
        (COUNTY_CODE, LAST, NEW, "covers"),
        (COUNTY_CODE, "2021-10-31", NEW, "covers"),
        (COUNTY_CODE, "2020-06-30", NEW, "waits"),
        (COUNTY_CODE, LAST, STREET, "outside"),
        (STREET, LAST, STREET, "outside"),
        (STREET, LAST, NEW, "outside"),
        (STREET, LAST, f"{NEW}001", "outside"),
    ],
)
def test_how_a_grant_stands_to_a_place(held: str, given: str, asked: str, told: str) -> None:
    assert edition.standing(grant(held, given), asked, NOW) == told


def test_what_waits_is_what_was_touched_since_it_was_given() -> None:
    found = {(held, given): edition.waits(grant(held, given), NOW)
             for held in (STREET, COUNTY_CODE, UNTOUCHED) for given in (OLD, LAST)}  # fmt: skip
    assert found == {
        (STREET, OLD): True, (STREET, LAST): False, (COUNTY_CODE, OLD): True, (COUNTY_CODE, LAST): False,
        (UNTOUCHED, OLD): False, (UNTOUCHED, LAST): False,
    }  # fmt: skip
    assert NOW.divisions.newest(COUNTY_CODE) == "2022-10-31"
    assert not edition.waits(grant(COUNTY_CODE, "2022-10-31"), NOW), "given under the edition that changed it last"
    assert edition.waits(grant(COUNTY_CODE, "2021-10-31"), NOW)


def test_nothing_is_built_on_a_link_that_waits() -> None:
    fine, waiting, later = grant(COUNTY_CODE, LAST, 1), grant(COUNTY_CODE, OLD, 2, 1), grant(COUNTY_CODE, OLD, 3, 2)
    edition.must_be_confirmed((fine,), NEW, NOW)
    edition.must_be_confirmed((fine, waiting), NEIGHBOUR, NOW)
    with pytest.raises(refusal.ScopeNeedsConfirmation) as caught:
        edition.must_be_confirmed((fine, waiting, later), NEW, NOW)
    assert (caught.value.members["missing"], caught.value.members["grant"]) == ("edition", 2)


def test_whoever_sits_in_a_place_that_stands_may_act() -> None:
    here = scene(*COUNTY)
    assert here.post is not None
    edition.must_stand(here.post, NOW)
    gone = scene("county_admin", f"u-{STREET}-lead")
    assert gone.post is not None
    with pytest.raises(refusal.ScopeNeedsConfirmation) as caught:
        edition.must_stand(gone.post, NOW)
    assert caught.value.members["missing"] == "unit"


def test_who_answers_for_a_place_of_the_past() -> None:
    assert edition.seats(COUNTY_CODE, NOW) == (COUNTY_CODE,)
    assert edition.seats(STREET, NOW) == (COUNTY_CODE,), "it was split: nobody took it over as a whole"
    assert edition.seats(f"{STREET}007", NOW) == (OTHER, NOW.lineage.seat[f"{STREET}007"])
    assert NOW.divisions.below(COUNTY_CODE) < edition.reach(COUNTY_CODE, NOW)
    assert edition.reach(STREET, NOW) == {STREET, *(c for c in NOW.lineage.seat if STREET in NOW.lineage.above(c))}
    assert edition.reach(OTHER, NOW) >= {OTHER, f"{STREET}007"}
    assert edition.reach(UNTOUCHED, NOW) >= NOW.divisions.below(UNTOUCHED)
    assert STREET not in edition.reach(UNTOUCHED, NOW)
    with pytest.raises(refusal.BadDivisionCode):
        edition.reach("640399", NOW)
    assert (edition.heir(STREET, NOW), edition.heir(f"{STREET}007", NOW), edition.heir(NEW, NOW)) == (None, OTHER, None)


def test_a_household_is_where_it_lives_now_and_on_its_way_there() -> None:
    past = f"{STREET}007"
    assert edition.settled(None, NOW) is None
    still = Household("h-1", OTHER, "monitored", NEW)
    assert edition.settled(still, NOW) is still
    for house, place, to in (
        (Household("h-1", past, "monitored"), OTHER, None), (Household("h-1", past, "monitored", NEW), OTHER, NEW),
        (Household("h-1", NEW, "monitored", past), NEW, OTHER), (Household("h-1", STREET, "monitored", past), STREET, OTHER),
    ):  # fmt: skip
        found = edition.settled(house, NOW)
        assert found is not None
        assert (found.division, found.moving_to) == (place, to)


def test_whoever_names_a_place_of_the_past_is_told_its_code_of_now() -> None:
    assert edition.closed(NEW, NOW) is None
    assert edition.closed(UNTOUCHED, NOW) is None
    assert edition.closed(f"{STREET}007", NOW) == f"该行政区划代码已撤销，请改用现行代码 {OTHER}"
    assert edition.closed(STREET, NOW) == "该行政区划代码已撤销，请改用现行代码，并先核对所在村现属何处"


def test_nobody_is_sent_to_confirm_where_there_is_nothing_to_confirm() -> None:
    """A grant that only lost an abolished village: at its code nothing waits, since nothing of it can come back."""
    gone = next(each for each in sorted(NOW.lineage.seat) if len(each) == 12 and not NOW.lineage.heirs[each])
    seat, before = NOW.lineage.seat[gone], NOW.lineage.names[gone][-1][0]
    still = replace(NOW, divisions=Divisions(NOW.divisions.edition, [replace(row, since="") for row in NOW.divisions]))
    assert edition.standing(grant(gone, before), gone, still) == "waits"
    assert not edition.waits(grant(seat, before), still)
    assert edition.standing(grant(seat, before), gone, still) == "outside"


def test_a_village_that_went_under_another_township_waits_for_nobody_in_the_one_it_left() -> None:
    """Its code still tells of the township it left; that one waits for another reason, and has no say in it."""
    left, village, other = "640324100", "640324100201", "640324101"
    rows = [
        ("64", None),
        ("640324", "64"),
        (left, "640324"),
        (other, "640324"),
        (village, other),
        ("640324100202", left),
    ]
    moved = Divisions(LAST, [Division(c, c, LEVELS[len(c)], above, LAST if len(c) == 12 else "") for c, above in rows])
    law = replace(NOW, divisions=moved)
    assert left in law.lineage.above(village)
    assert edition.waits(grant(left, OLD), law)
    assert edition.standing(grant(left, OLD), village, law) == "outside"
    assert edition.standing(grant(other, OLD), village, law) == "waits"
