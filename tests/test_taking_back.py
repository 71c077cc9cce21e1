"""The end of a grant case by case: rests, narrowings, those who rule it. Every case is also asked of every mutant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import chains
import pytest
from chains import END, LEAD, OFFICE, START, TOWN, VILLAGE, County, wanted
from test_authority import asked, code
from test_delegation import hand_on

from authz import refusal, revocation

DAY = timedelta(days=1)
HERE, THERE = "640324", "640422"


def rested(county: County, number: int, person: str, verb: str = "suspend") -> None:
    told = getattr(revocation, verb)(county.links(number), "r", county.scene(person))
    county.record(person, told if verb == "resume" else told[0])


def test_every_rest_of_a_grant_is_remembered() -> None:
    """As of any instant: two rests with a day between them; and the last one decides who may resume."""
    county = County()
    town = hand_on(county, 100, wanted(valid_from=START))
    for day, (verb, person) in enumerate(
        (("suspend", "p-2"), ("resume", "p-2"), ("suspend", "p-1"), ("resume", "p-1"), ("suspend", "p-2"))
    ):
        county.at = START + day * DAY
        if day == 3:
            assert code(revocation.resume, county.links(town), "r", county.scene("p-2")) == "denied"
        rested(county, town, person, verb)
    made = county.rows.grants[town]
    assert [made.suspended(START + n * DAY) for n in range(6)] == [True, False, True, False, True, True]
    assert [by for _, _, by in made.rests] == [LEAD, chains.REGION_UNIT, LEAD]
    assert not made.suspended(START - DAY)


def test_the_region_rules_what_its_predecessor_issued() -> None:
    """Bodies are renamed (乡村振兴局 -> 农业农村厅): the approver's role suffices, the unit's name does not matter."""
    county = County(issuer_unit="u-64-old")
    town = hand_on(county, 100, wanted())
    rested(county, town, "p-2")
    assert code(revocation.resume, county.links(town), "r", county.scene("p-1")) == ""
    assert code(revocation.revoke, county.links(100), "r", county.scene("p-1")) == ""
    assert code(revocation.revoke, county.links(100), "r", county.scene("p-2")) == "denied"
    county.record("p-1", revocation.suspend(county.links(100), "r", county.scene("p-1"))[0])
    assert code(revocation.resume, county.links(100), "r", county.scene("p-2")) == "denied"


@pytest.mark.parametrize(("verb", "word"), [("revoke", "收回"), ("wait", "到期")])
def test_what_has_ended_is_told_as_it_ended(verb: str, word: str) -> None:
    county = County()
    if verb == "revoke":
        rested(county, 100, "p-1", "revoke")
    else:
        county.at = END
    with pytest.raises(refusal.WrongState, match=word):
        revocation.revoke(county.links(100), "r", county.scene("p-1"))


def test_a_grant_over_a_place_of_an_older_edition_can_still_be_narrowed() -> None:
    """It keeps the edition and the name it was given under, until it is given a new place."""
    county = County(division="640399", edition="2019-12-31", division_name="旧县")
    fact, _ = revocation.narrow(county.links(100), {"operations": frozenset(("verify",))}, "r", county.scene("p-1"))
    assert (fact.division, fact.edition, fact.division_name) == ("640399", "2019-12-31", "旧县")
    assert code(revocation.narrow, county.links(100), {"division": TOWN}, "r", county.scene("p-1")) == "wider_than_held"
    present = County(edition="2019-12-31", division_name="旧县")
    fact, _ = revocation.narrow(present.links(100), {"division": TOWN}, "r", present.scene("p-1"))
    assert (fact.division, fact.edition, fact.division_name) == (
        TOWN,
        present.scene("p-1").law.divisions.edition,
        "豫海镇",
    )


def test_a_narrowing_names_what_it_cuts() -> None:
    """What fitted before and does not fit now, and what was live and is not any more; once each."""
    county = County()
    town, clerk = (
        hand_on(county, 100, wanted()),
        hand_on(county, 100, wanted(holder=LEAD, role="county_clerk", operations=frozenset(("verify",)))),
    )
    lower = hand_on(county, clerk, wanted(operations=frozenset(("verify",))))
    assert revocation.narrow(county.links(100), {"operations": frozenset(("verify",))}, "r", county.scene("p-1"))[
        1
    ] == (town,)
    later = {"valid_from": START + DAY}
    assert revocation.narrow(county.links(100), later, "r", county.scene("p-1"))[1] == (town, clerk, lower)
    county.at = START + DAY
    assert revocation.narrow(county.links(100), later, "r", county.scene("p-1"))[1] == (town, clerk, lower), (
        "they began before"
    )
    county.record(
        "p-1", revocation.narrow(county.links(100), {"operations": frozenset(("verify",))}, "r", county.scene("p-1"))[0]
    )
    again = revocation.narrow(county.links(100), {"valid_from": START + 3 * DAY}, "r", county.scene("p-1"))[1]
    assert again == (town, clerk, lower), "the town fitted no more, but it was live"
    assert revocation.narrow(county.links(100), {"max_records": 5}, "r", county.scene("p-1"))[1] == (clerk, lower), (
        "the town did not fit"
    )


def test_whoever_has_no_post_any_more_ends_nothing() -> None:
    county = County()
    links = county.links(100)
    county.rows.posts["p-1"] = [replace(county.rows.posts["p-1"][0], valid_until=START)]
    assert code(revocation.revoke, links, "r", county.scene("p-1")) == "not_employed"


def test_a_new_place_does_not_confirm_what_waits() -> None:
    """A narrowing to a village that has become another one since the grant was given: the confirmation comes first."""
    county = County(edition="2019-12-31")
    divisions = county.scene("p-1").law.divisions
    other = next(each.code for each in divisions if each.since > "2019-12-31" and divisions.covers(TOWN, each.code))
    told = {
        place: code(revocation.narrow, county.links(100), {"division": place}, "r", county.scene("p-1"))
        for place in (other, VILLAGE)
    }
    assert told == {other: "scope_needs_confirmation", VILLAGE: ""}


def test_attack_95_a_suspended_department_has_members_without_authority() -> None:
    """Its officers keep their posts; what was handed to the department rests, and to it alone."""
    county = County()
    office, town = (
        hand_on(county, 100, wanted(holder=OFFICE, role="department_officer")),
        hand_on(county, 100, wanted()),
    )
    before = {person: asked(county, person) for person in ("p-10", "p-4", "p-2")}
    assert before == {"p-10": office, "p-4": town, "p-2": 100}
    rested(county, office, "p-2")
    assert county.rows.posts["p-10"][0].live(county.at)
    assert {person: asked(county, person) for person in before} == before | {"p-10": f"suspended {office}"}
