"""Staffing: two in lead bodies of city, county and township, one in a department; who was short on a day, by human beings."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest
from acts import law
from bureau import ADMIN, HAMLET, HOUR, LEAD, REGION, START, Bureau

from authz import refusal, staffing
from authz.decision import Scene
from authz.fact import Where, instant, parse
from authz.post import Person, Post, Unit
from authz.staffing import PairNamed, ShortfallNoted

LAW = law()
POLICY = LAW.policy
DAY = timedelta(days=1)

NEEDED = [
    ("lead", "region", 0), ("lead", "city", 2), ("lead", "county", 2), ("township", "township", 2), ("village", "village", 0),
    ("audit", "region", 0), ("audit", "county", 0), *((kind, "county", 1) for kind in POLICY.catalogue.unit_kinds
      if "department_officer" in POLICY.catalogue.unit_kinds[kind].roles),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "level", "least"), NEEDED)
def test_the_minimum_is_two_in_lead_bodies_below_the_region_and_one_in_a_department(
    kind: str, level: str, least: int
) -> None:
    """DOMAIN 1.1: not two per agency."""
    assert staffing.needed(Unit("u", kind, "64", "n", None), level, POLICY) == least
    assert {each[0] for each in NEEDED} == set(POLICY.catalogue.unit_kinds)


def post(number: int, person: str, begin: int = 0, end: int = 9, role: str = "county_clerk") -> Post:
    return Post(number, person, LEAD, "640324", role, role, START + begin * DAY, START + end * DAY)


def person(id: str) -> Person:
    return Person(id, f"n{id[2]}", 0)


def test_presence_is_the_number_of_human_beings_with_a_live_post_on_the_day() -> None:
    """The oracle counts day by day over every choice of four posts; p-11 and p-12 are one human being."""
    known = [
        post(1, "p-11", 0, 3),
        post(2, "p-12", 2, 5),
        post(3, "p-21", 4, 9),
        post(4, "p-31", 0, 9, "assistance_person"),
    ]
    people = {each.person: person(each.person) for each in known}
    for count in range(5):
        for some in itertools.combinations(known, count):
            for day in range(10):
                at = START + day * DAY
                present = {each.person[2] for each in some if each.role != "assistance_person"
                           and each.valid_from <= at < each.valid_until}  # fmt: skip
                assert staffing.present(some, people, at) == len(present)


def test_a_deputy_does_not_make_up_numbers() -> None:
    bureau = Bureau()
    bureau.employ("p-11", REGION, "region_handler")
    bureau.deputise(bureau.rows.posts[ADMIN][0].number, "p-11")
    assert staffing.present(bureau.rows.staff[LEAD], bureau.rows.people, START) == 1


def test_a_and_b_are_two_human_beings_in_office() -> None:
    """A/B角: refused if one person; missing when either has left."""
    bureau = Bureau()
    mine = bureau.rows.posts[ADMIN][0]
    second, same = (bureau.employ(each, LEAD, "county_admin") for each in ("p-11", "p-802"))
    clerk = bureau.employ("p-21", LEAD, "county_clerk")
    unit, people, known = bureau.rows.units[LEAD], bureau.rows.people, bureau.rows.post
    with pytest.raises(refusal.DutyConflict):
        staffing.name_pair(unit, mine, known[same], people, START, POLICY)
    for wrong in (
        None,
        known[clerk],
        dataclasses.replace(known[second], unit=REGION),
        dataclasses.replace(known[second], valid_until=START),
    ):
        with pytest.raises(refusal.UnfitHolder):
            staffing.name_pair(unit, mine, wrong, people, START, POLICY)
    named = staffing.name_pair(unit, mine, known[second], people, START, POLICY)
    pair = (named.primary_post, named.deputy_post)
    bureau.end(second, until=START + DAY)

    def whole(pair: tuple[int, int] | None, at: datetime) -> bool | None:
        return staffing.strength(unit, "county", bureau.rows.staff[LEAD], pair, people, at, POLICY).pair

    assert [whole(pair, START), whole(pair, START + DAY), whole(None, START), whole((mine.number, same), START)] == [
        True, False, False, False,
    ]  # fmt: skip
    village = staffing.strength(bureau.rows.units[HAMLET], "village", (), None, people, START, POLICY)
    assert (village.pair, village.short) == (None, 0)


def left(bureau: Bureau, number: int) -> list[str]:
    ended = bureau.rows.post[number]
    scene = Scene(bureau.rows, bureau.at, bureau.number, LAW)
    return [each.lack for each in staffing.left(ended, bureau.rows.staff[ended.unit], bureau.at, scene)]


def test_an_end_says_what_it_leaves_short() -> None:
    bureau = Bureau()
    mine = bureau.rows.posts[ADMIN][0].number
    clerk = bureau.employ("p-11", LEAD, "county_clerk")
    assert left(bureau, clerk) == ["staff"]
    second = bureau.employ("p-21", LEAD, "county_admin")
    assert left(bureau, clerk) == []
    assert left(bureau, second) == ["no_b"]
    bureau.end(clerk)
    assert left(bureau, second) == ["staff", "no_b"]
    assert left(bureau, mine) == ["staff", "no_b"]
    bureau.end(second)
    assert left(bureau, mine) == ["staff", "no_admin"], "the last one is missed more than the last but one"
    collector, worker = bureau.employ("p-31", HAMLET, "village_collector"), bureau.employ("p-41", HAMLET, "grid_worker")
    assert left(bureau, collector) == []
    bureau.end(worker)
    assert left(bureau, collector) == ["orphan"]
    assert left(bureau, bureau.employ("p-51", HAMLET, "assistance_person")) == []


ORPHANS = [
    ("nobody", [], [], "no_collector"), ("an assistance person", ["assistance_person"], [], "no_collector"),
    ("no grant at all", ["village_collector"], [], None), ("a grant to the role", ["village_collector"], [("village_collector", None)], None),
    ("a grant to another role", ["grid_worker"], [("village_collector", None)], "no_usable_grant"),
    ("a grant to who left", ["grid_worker"], [("grid_worker", "p-99")], "no_usable_grant"),
    ("one of two is usable", ["grid_worker"], [("grid_worker", "p-99"), ("grid_worker", None)], None),
    ("nobody, with a grant", [], [("grid_worker", "p-99")], "no_collector"),
]  # fmt: skip


@pytest.mark.parametrize(("hands", "grants", "why"), [each[1:] for each in ORPHANS], ids=[each[0] for each in ORPHANS])
def test_no_village_is_an_orphan_unseen(
    hands: list[str], grants: list[tuple[str, str | None]], why: str | None
) -> None:
    bureau = Bureau()
    for place, role in enumerate(hands):
        bureau.employ(f"p-{place + 1}1", HAMLET, role)
    made = [bureau.grant(HAMLET, role, holder) for role, holder in grants]
    found = staffing.orphaned(
        bureau.rows.units[HAMLET],
        bureau.rows.staff.get(HAMLET, []),
        [bureau.rows.grants[each] for each in made],
        bureau.rows.grants,
        bureau.rows.posts,
        bureau.at + HOUR,
    )
    assert (found.why if found else None) == why


def test_a_consequence_is_stated_and_local_and_off_by_default() -> None:
    """The notice states none: the list is always there; a refusal only where the bureau has written it down."""
    assert POLICY.handling["staffing_consequence"].source == "local"
    bureau = Bureau()
    for value, staff, refused in ((0, 1, False), (1, 1, True), (1, 2, False)):
        setting = dataclasses.replace(POLICY.handling["staffing_consequence"], value=value)
        handling = MappingProxyType({**POLICY.handling, "staffing_consequence": setting})
        used = dataclasses.replace(LAW, policy=dataclasses.replace(POLICY, handling=handling))
        if staff == 2:
            bureau.employ("p-11", LEAD, "county_clerk")
        scene = Scene(
            bureau.rows, bureau.at, bureau.number, used, bureau.rows.people[ADMIN], bureau.rows.posts[ADMIN][0]
        )
        if not refused:
            staffing.must_be_staffed(scene)
            continue
        with pytest.raises(refusal.Unacceptable) as caught:
            staffing.must_be_staffed(scene)
        assert caught.value.members["source"] == "local"


def test_facts_read_back_as_themselves() -> None:
    noted = ShortfallNoted(
        short_unit=LEAD, division="640324", lack="staff", needed=2, present=1, since_when=instant(START)
    )  # fmt: skip
    for fact in (PairNamed(pair_unit=LEAD, division="640324", primary_post=1, deputy_post=2), noted):
        assert parse(fact.plain()) == fact
        fact.changes(Where(1, START))
    assert set(staffing.WORDS) == {"staff", "no_b", "no_admin", "orphan", "answer", "idle"}
