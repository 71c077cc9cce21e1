"""Posts: who may appoint and remove whom, as a rule without a database."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from acts import law
from chains import LEAD, PEOPLE, START, VILLAGE_UNIT, County

from authz import post as rule
from authz import refusal
from authz.fact import Fact, Where, instant, parse
from authz.post import (
    FAR,
    Appointment,
    DutyNoted,
    Person,
    Post,
    PostAssigned,
    PostEnded,
    TokensRevoked,
    UnitEstablished,
)

DAY = timedelta(days=1)
LAW = law()
WORDS = LAW.policy.catalogue


def appointed(
    role: str, by: str = "p-2", unit: str = VILLAGE_UNIT, held: tuple[Post, ...] = (), **more: datetime
) -> tuple[Fact, ...]:
    county = County()
    wanted = Appointment(
        Person("p-50", "n-50", 0), county.rows.units[unit], role, role, more.get("begin"), more.get("end")
    )
    return rule.appoint(wanted, county.rows.posts[by][0], held, START, LAW.policy, LAW.divisions)


def held(role: str, begin: datetime = START - DAY, end: datetime = FAR, unit: str = LEAD) -> Post:
    return Post(900, "p-50", unit, unit.split("-")[1], role, role, begin, end)


@pytest.mark.parametrize(("by", "role"), [*itertools.product(("p-1", "p-2", "p-3", "p-4", "p-6"), sorted(WORDS.roles))])
def test_appointing_is_what_the_catalogue_says_and_nothing_more(by: str, role: str) -> None:
    """The oracle is the catalogue itself: appointer, envelope, kind and level of the unit."""
    may = role in WORDS.appoint.get(PEOPLE[by][2], ()) and role in WORDS.unit_kinds["village"].roles
    try:
        facts = appointed(role, by)
    except refusal.Refusal:
        assert not may
    else:
        assert may
        assert isinstance(facts[0], PostAssigned)


def test_nobody_is_employed_before_his_record() -> None:
    (fact,) = appointed("grid_worker", begin=START - 9 * DAY)
    assert isinstance(fact, PostAssigned)
    assert fact.valid_from == instant(START)
    with pytest.raises(refusal.EmptyInterval):
        appointed("grid_worker", end=START)


DUTIES: list[tuple[str, str, Post, type[refusal.Refusal] | tuple[str, ...]]] = [
    ("county_clerk", LEAD, held("county_admin"), ("admin_applicant",)), ("county_clerk", LEAD, held("county_admin", end=START), ()),
    ("county_clerk", LEAD, held("auditor"), refusal.DutyConflict), ("county_clerk", LEAD, held("system_admin"), refusal.DutyConflict),
    ("county_clerk", LEAD, held("auditor", begin=START + 9 * DAY), refusal.DutyConflict), ("county_clerk", LEAD, held("grid_worker"), ()),
    ("county_clerk", LEAD, held("county_clerk"), refusal.AlreadyRegistered),
]  # fmt: skip


@pytest.mark.parametrize(("role", "unit", "standing", "outcome"), DUTIES)
def test_what_does_not_come_together_in_one_person(role: str, unit: str, standing: Post, outcome: object) -> None:
    if isinstance(outcome, tuple):
        noted = [each.duty for each in appointed(role, unit=unit, held=(standing,)) if isinstance(each, DutyNoted)]
        assert tuple(noted) == outcome
    else:
        with pytest.raises(refusal.Refusal) as caught:
            appointed(role, unit=unit, held=(standing,))
        assert type(caught.value) is outcome


MINE = Post(1, "p-2", LEAD, "640324", "county_admin", "t", START - DAY, FAR)
COLLEAGUE = replace(MINE, number=2, person="p-20")
CLERK = replace(MINE, number=3, person="p-3", role="county_clerk")
ENDINGS: list[tuple[Post, tuple[Post, ...], datetime | None, type[refusal.Refusal] | datetime]] = [
    (MINE, (MINE,), None, refusal.WrongState), (MINE, (MINE, CLERK), None, refusal.WrongState), (MINE, (MINE, COLLEAGUE), None, START),
    (MINE, (MINE, replace(COLLEAGUE, valid_until=START)), None, refusal.WrongState), (CLERK, (CLERK,), None, START),
    (COLLEAGUE, (MINE, COLLEAGUE), None, refusal.NoRole), (CLERK, (CLERK,), START + DAY, START + DAY),
    (CLERK, (CLERK,), START - DAY, START), (replace(CLERK, valid_until=START), (CLERK,), None, refusal.WrongState),
    (replace(CLERK, valid_until=START + DAY), (CLERK,), START + 2 * DAY, refusal.EmptyInterval),
]  # fmt: skip


@pytest.mark.parametrize(("post", "colleagues", "at", "outcome"), ENDINGS)
def test_attack_92_the_last_administrator_stays(
    post: Post, colleagues: tuple[Post, ...], at: datetime | None, outcome: object
) -> None:
    def ended() -> PostEnded:
        return rule.end(post, at, "r", by=MINE, colleagues=colleagues, at=START, policy=LAW.policy)

    if isinstance(outcome, datetime):
        assert ended().valid_until == instant(outcome)
    else:
        with pytest.raises(refusal.Refusal) as caught:
            ended()
        assert type(caught.value) is outcome


@pytest.mark.parametrize("fact", [
    UnitEstablished(unit="u-64-lead", unit_kind="lead", division="64", name="n", earlier_name=None),
    PostEnded(person_id="p-1", subject=7, valid_until=instant(START), reason="r"), TokensRevoked(person_id="p-1", reason="r"),
    DutyNoted(duty="d", person_id="p-1", role="r"),
], ids=lambda fact: fact.kind)  # fmt: skip
def test_a_fact_reads_back_as_itself(fact: Fact) -> None:
    assert parse(fact.plain()) == fact
    fact.changes(Where(1, START))


def test_an_epoch_voids_every_token_up_to_its_second() -> None:
    late = Where(1, START + timedelta(milliseconds=1))
    for where, epoch in ((Where(1, START), START), (late, START + timedelta(seconds=1))):
        (change,) = TokensRevoked(person_id="p-1", reason="r").changes(where)
        assert change.values["epoch"] == int(epoch.timestamp())  # type: ignore[union-attr]
