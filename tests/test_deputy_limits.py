"""A deputyship limit by limit: from when until when, on which footing, beside what, and how narrowly."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from acts import law
from bureau import ADMIN, COUNTY, HOUR, LEAD, REGION, START, SYSTEM, VILLAGE, Bureau
from test_deputy import CLERK, OTHER, SIGNATORY, post_of

from authz import deputy, refusal
from authz.deputy import DeputyAppointed, DeputyEnded, Standing
from authz.fact import Put, Where, instant
from authz.post import FAR, DutyNoted

DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
MOST = timedelta(days=law().policy.number(deputy.LONGEST))


def bureau() -> Bureau:
    made = Bureau()
    made.employ(CLERK, LEAD, "county_clerk")
    made.employ(SIGNATORY, LEAD, "county_signatory")
    made.employ(OTHER, LEAD, "county_clerk", START, START + 300 * DAY)
    made.at = START + 10 * DAY
    return made


def lent(
    where: Bureau, number: int, person: str, by: str = SYSTEM, **more: Any
) -> tuple[DeputyAppointed, list[DutyNoted]]:
    """The deputyship as it would be recorded, and what is noted beside it."""
    told = {"begin": None, "end": where.at + DAY} | more
    wanted = Standing(where.rows.post[number], where.person(person), **told)
    made, *noted = deputy.appoint(wanted, where.held(person), "c", where.scene(by))
    assert isinstance(made, DeputyAppointed)
    return made, [each for each in noted if isinstance(each, DutyNoted)]


def code(where: Bureau, number: int, person: str, by: str = SYSTEM, **more: Any) -> str:
    try:
        lent(where, number, person, by, **more)
    except refusal.Refusal as refused:
        return refused.code
    return ""


# --- from when until when -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("begin", "first"), [(None, 0), (-1, 0), (0, 0), (2, 2)])
def test_it_begins_when_it_is_recorded_or_later(begin: int | None, first: int) -> None:
    where = bureau()
    wanted = None if begin is None else where.at + begin * HOUR
    made, _ = lent(where, post_of(where, SIGNATORY), OTHER, begin=wanted)
    assert (made.valid_from, made.valid_until) == (instant(where.at + first * HOUR), instant(where.at + DAY))


@pytest.mark.parametrize(("begin", "length", "told"), [
    (0, TICK, ""), (0, timedelta(0), "empty_interval"), (3, timedelta(0), "empty_interval"), (3, -TICK, "empty_interval"),
    (0, MOST, ""), (0, MOST + TICK, "wider_than_held"), (3, MOST, ""), (3, MOST + TICK, "wider_than_held"),
])  # fmt: skip
def test_it_lasts_for_a_while_and_no_longer_than_the_rules_let_it(begin: int, length: timedelta, told: str) -> None:
    where = bureau()
    first = where.at + begin * HOUR
    assert code(where, post_of(where, SIGNATORY), OTHER, begin=first, end=first + length) == told


@pytest.mark.parametrize(("begin", "end", "axes"), [
    (0, 5, []), (1, 5, []), (-1, 5, ["from"]), (0, 6, ["until"]), (-1, 6, ["from", "until"]),
])  # fmt: skip
def test_it_lies_within_the_post(begin: int, end: int, axes: list[str]) -> None:
    where = bureau()
    first = where.at + 5 * DAY
    number = where.employ("p-71", LEAD, "county_signatory", first, first + 5 * DAY)
    given = {"begin": first + begin * DAY, "end": first + end * DAY}
    assert code(where, number, OTHER, **given) == ("wider_than_held" if axes else "")
    base = where.rows.post[number]
    wanted = Standing(base, where.person(OTHER), given["begin"], given["end"])
    found = deputy.wider(wanted, given["begin"], where.scene(SYSTEM))
    limits = {
        "from": (instant(first), instant(given["begin"])),
        "until": (instant(first + 5 * DAY), instant(given["end"])),
    }
    assert [(each.axis, each.held, each.asked) for each in found] == [(each, *limits[each]) for each in axes]


# --- on which footing -----------------------------------------------------------------------------------------------
def test_the_footing_is_a_post_of_his_own_that_lives_when_it_begins() -> None:
    where = bureau()
    signatory = post_of(where, SIGNATORY)
    where.employ("p-72", LEAD, "county_clerk", where.at + 2 * DAY)
    where.employ("p-73", LEAD, "county_clerk", START, where.at + DAY)
    where.person("p-77"), where.employ("p-76", LEAD, "county_clerk")  # one human being
    later = where.at + 3 * DAY
    for person, begin, told in (
        ("p-72", None, "unfit_holder"), ("p-72", where.at + 2 * DAY, ""), ("p-73", None, ""), ("p-73", where.at + DAY, "unfit_holder"),
        ("p-77", None, "unfit_holder"), ("p-76", None, ""),
    ):  # fmt: skip
        assert code(where, signatory, person, begin=begin, end=later) == told, (person, begin)


def test_a_deputyship_is_no_footing() -> None:
    where = bureau()
    made = where.deputise(post_of(where, SIGNATORY), OTHER)
    only = [where.rows.post[made]]
    wanted = Standing(where.rows.post[post_of(where, CLERK)], where.person(OTHER), None, where.at + DAY)
    with pytest.raises(refusal.UnfitHolder):
        deputy.appoint(wanted, only, "c", where.scene(SYSTEM))


def test_it_rests_on_the_post_that_lasts_longest_and_of_two_alike_on_the_older() -> None:
    where = bureau()
    short = post_of(where, OTHER)
    number = post_of(where, SIGNATORY)
    assert lent(where, number, OTHER)[0].rests_on == short
    longer = where.employ(OTHER, f"u-{VILLAGE}-village", "grid_worker")
    where.employ(OTHER, f"u-{VILLAGE}-village", "first_secretary")
    assert lent(where, number, OTHER)[0].rests_on == longer


# --- beside what ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("begin", "end", "told"), [
    (0, 5, ""), (5, 8, "already_registered"), (4, 6, "already_registered"), (10, 12, ""), (9, 11, "already_registered"),
    (0, 12, "already_registered"),
])  # fmt: skip
def test_nobody_stands_in_for_the_post_he_has_at_that_time(begin: int, end: int, told: str) -> None:
    where = bureau()
    where.employ(OTHER, LEAD, "county_signatory", where.at + 5 * DAY, where.at + 10 * DAY)
    given = {"begin": where.at + begin * DAY, "end": where.at + end * DAY}
    assert code(where, post_of(where, SIGNATORY), OTHER, **given) == told


def test_he_may_stand_in_for_two_of_the_same_office() -> None:
    where = bureau()
    second = where.employ("p-71", LEAD, "county_signatory")
    where.deputise(post_of(where, SIGNATORY), OTHER)
    assert code(where, second, OTHER) == ""
    assert code(where, post_of(where, SIGNATORY), OTHER) == "already_registered"


def test_what_the_duties_only_note_is_noted() -> None:
    where = bureau()
    _, noted = lent(where, post_of(where, CLERK), ADMIN)
    assert [(each.duty, each.person_id, each.role) for each in noted] == [("admin_applicant", ADMIN, "county_clerk")]
    assert lent(where, post_of(where, SIGNATORY), OTHER)[1] == []


# --- how narrowly ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "acts", "operations", "told"), [
    ("county_signatory", None, None, (None, None)), ("county_signatory", ("request.sign",), None, (["request.sign"], [])),
    ("county_signatory", (), None, ([], [])), ("county_signatory", None, (), ([], [])),
    ("county_signatory", ("request.withdraw", "request.sign"), (), (["request.sign", "request.withdraw"], [])),
    ("grid_worker", None, ("verify", "query"), ([], ["query", "verify"])),
    ("grid_worker", ("tie.declare",), ("query",), (["tie.declare"], ["query"])),
])  # fmt: skip
def test_with_one_limit_given_nothing_else_is_lent(
    role: str, acts: tuple[str, ...] | None, operations: tuple[str, ...] | None, told: tuple[Any, Any]
) -> None:
    where = bureau()
    number = where.employ("p-74", LEAD if role == "county_signatory" else f"u-{VILLAGE}-village", role)
    given = {"acts": acts, "operations": operations}
    made, _ = lent(
        where, number, OTHER, **{name: each if each is None else frozenset(each) for name, each in given.items()}
    )
    (put,) = made.changes(Where(9, where.at))
    assert isinstance(put, Put)
    assert (put.values["acts"], put.values["operations"]) == told


def test_what_is_lent_is_measured_by_the_role() -> None:
    """All of it may be lent; what is more is told beside what there is."""
    where = bureau()
    number = where.employ("p-74", f"u-{VILLAGE}-village", "grid_worker")
    post = where.rows.post[number]
    rights, words = law().rule.rights(post.role), law().policy.catalogue
    acts = frozenset(f"{object}.{act}" for act, object in rights if object in words.objects)
    operations = frozenset(act for act, object in rights if object in words.cells)
    assert acts
    assert operations
    wanted = Standing(post, where.person(OTHER), None, where.at + DAY, acts, operations)
    assert deputy.wider(wanted, where.at, where.scene(SYSTEM)) == ()
    more = replace(wanted, acts=acts | {"request.decide"}, operations=operations | {"delete"})
    found = deputy.wider(more, where.at, where.scene(SYSTEM))
    assert [(each.axis, each.held, each.asked) for each in found] == [
        ("acts", sorted(acts), ["request.decide"]), ("operations", sorted(operations), ["delete"]),
    ]  # fmt: skip


# --- by whom --------------------------------------------------------------------------------------------------------
def test_who_acts_in_no_post_or_for_another_lends_nothing() -> None:
    where = bureau()
    second = where.employ("p-75", REGION, "system_admin")
    number = post_of(where, SIGNATORY)
    bare = replace(where.scene(SYSTEM), post=None)
    wanted = Standing(where.rows.post[number], where.person(OTHER), None, where.at + DAY)
    with pytest.raises(refusal.NotEmployed):
        deputy.appoint(wanted, where.held(OTHER), "c", bare)
    acting = where.rows.post[second]
    standing = replace(where.scene("p-75"), post=replace(acting, deputy_for=post_of(where, SYSTEM)))
    with pytest.raises(refusal.NoRole, match="不得再转代理"):
        deputy.appoint(wanted, where.held(OTHER), "c", standing)


# --- its end --------------------------------------------------------------------------------------------------------
def ended(where: Bureau, number: int, until: datetime | None, by: str = SYSTEM) -> DeputyEnded:
    return deputy.end(where.rows.post[number], until, "c", where.scene(by, post_of(where, by)))


@pytest.mark.parametrize(("until", "last"), [(None, 0), (-3, 0), (0, 0), (5, 5), (99, 99), (100, None), (101, None)])
def test_it_ends_now_or_later_and_before_it_would_have(until: int | None, last: int | None) -> None:
    where = bureau()
    number = where.deputise(post_of(where, SIGNATORY), OTHER, hours=100)
    wanted = None if until is None else where.at + until * HOUR
    if last is None:
        with pytest.raises(refusal.EmptyInterval):
            ended(where, number, wanted)
        return
    made = ended(where, number, wanted)
    assert (made.subject, made.person_id, made.division) == (number, OTHER, COUNTY)
    assert made.valid_until == instant(where.at + last * HOUR)


def test_nobody_ends_it_in_no_post_and_one_whose_principal_is_unknown_is_ended_too() -> None:
    where = bureau()
    number = where.deputise(post_of(where, SIGNATORY), OTHER)
    post = where.rows.post[number]
    with pytest.raises(refusal.NotEmployed):
        deputy.end(post, None, "c", replace(where.scene(SYSTEM), post=None))
    assert deputy.end(replace(post, principal=None), None, "c", where.scene(SYSTEM)).subject == number
    assert post.valid_until < FAR
