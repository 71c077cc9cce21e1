"""Deputies: for a time, never wider than the post, never passed on, dead with either post, two pairs of hands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from acts import law
from bureau import ADMIN, COUNTY, HOUR, LEAD, REGION, START, SYSTEM, VILLAGE, Bureau

from authz import refusal, step
from authz.deputy import DeputyAppointed, DeputyEnded
from authz.deputy import end as ended
from authz.fact import Where, instant, parse
from authz.post import FAR
from authz.request import RequestDrafted

CLERK, SIGNATORY, OTHER = "p-11", "p-21", "p-31"


@pytest.fixture
def bureau() -> Bureau:
    """A clerk, a signatory with a second account, and another clerk's colleague."""
    made = Bureau()
    made.employ(CLERK, LEAD, "county_clerk")
    made.employ(SIGNATORY, LEAD, "county_signatory")
    made.employ(OTHER, LEAD, "county_clerk", START, START + timedelta(days=300))
    return made


def post_of(bureau: Bureau, person: str) -> int:
    return bureau.rows.posts[person][0].number


def both(first: Callable[[Bureau], Any], second: Callable[[Bureau], Any]) -> Callable[[Bureau], Any]:
    return lambda bureau: (first(bureau), second(bureau))


REFUSED: list[tuple[str, Callable[[Bureau], Any], type[refusal.Refusal]]] = [
    ("of himself", lambda b: b.deputise(post_of(b, SIGNATORY), SIGNATORY), refusal.DutyConflict),
    ("of himself by a second account",
     lambda b: (b.employ("p-22", LEAD, "county_clerk"), b.deputise(post_of(b, SIGNATORY), "p-22")), refusal.DutyConflict),
    ("by who may not appoint", lambda b: b.deputise(post_of(b, SIGNATORY), OTHER, by=ADMIN), refusal.NoRole),
    ("for himself, by an appointer", lambda b: b.deputise(post_of(b, CLERK), ADMIN, by=ADMIN), refusal.DutyConflict),
    ("of an officer", lambda b: b.deputise(post_of(b, SYSTEM), CLERK), refusal.UnfitHolder),
    ("by an officer for a business post",
     lambda b: (b.employ("p-41", REGION, "audit_admin"), b.deputise(post_of(b, CLERK), "p-41")), refusal.DutyConflict),
    ("nobody employed", lambda b: (b.person("p-51"), b.deputise(post_of(b, CLERK), "p-51")), refusal.UnfitHolder),
    ("nobody known", lambda b: (b.employ("p-07", LEAD, "county_clerk"), b.deputise(post_of(b, SIGNATORY), "p-07")),
     refusal.UnfitHolder),
    ("twice", both(lambda b: b.deputise(post_of(b, SIGNATORY), OTHER), lambda b: b.deputise(post_of(b, SIGNATORY), OTHER)),
     refusal.AlreadyRegistered),
    ("of a deputyship", lambda b: b.deputise(b.deputise(post_of(b, SIGNATORY), OTHER), CLERK), refusal.NoRole),
    ("of a post that has ended", lambda b: (b.end(post_of(b, CLERK)), b.deputise(post_of(b, CLERK), OTHER)), refusal.WrongState),
    ("into the past", lambda b: b.deputise(post_of(b, SIGNATORY), OTHER, hours=-1), refusal.EmptyInterval),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "outcome"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_attack_72_who_stands_in_for_nobody(
    bureau: Bureau, wish: Callable[[Bureau], Any], outcome: type[refusal.Refusal]
) -> None:
    with pytest.raises(refusal.Refusal) as caught:
        wish(bureau)
    assert type(caught.value) is outcome


WIDER: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()), ({"acts": frozenset(("request.sign",))}, set()), ({"acts": frozenset(("request.decide",))}, {"acts"}),
    ({"operations": frozenset(("update",))}, {"operations"}), ({"division": VILLAGE}, set()), ({"division": "640422"}, {"division"}),
    ({"hours": 24 * 200}, {"until"}), ({"hours": 24 * 200, "acts": frozenset(("grant.delegate",)), "division": "64"},
                                       {"until", "acts", "division"}),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "axes"), WIDER)
def test_a_deputyship_is_never_wider_than_the_post(bureau: Bureau, wish: dict[str, Any], axes: set[str]) -> None:
    """Of the signatory: he signs, and has no operation on cells. Every misfit is named at once."""
    if not axes:
        assert bureau.deputise(post_of(bureau, SIGNATORY), OTHER, **wish)
        return
    with pytest.raises(refusal.WiderThanHeld) as caught:
        bureau.deputise(post_of(bureau, SIGNATORY), OTHER, **wish)
    assert {each["axis"] for each in caught.value.members["misfits"]} == axes


def test_it_outlives_neither_post(bureau: Bureau) -> None:
    """A post that is to end cannot be lent for longer; whatever ends later takes the deputyship with it at that instant."""
    with pytest.raises(refusal.WiderThanHeld):
        bureau.deputise(
            post_of(bureau, OTHER), ADMIN, begin=START + timedelta(days=160), end=START + timedelta(days=310)
        )
    for ending in (SIGNATORY, OTHER):
        mine = Bureau()
        mine.employ(SIGNATORY, LEAD, "county_signatory")
        mine.employ(OTHER, LEAD, "county_clerk")
        number = mine.deputise(post_of(mine, SIGNATORY), OTHER)
        assert mine.rows.post[number].live(mine.at)
        mine.at += HOUR
        mine.end(post_of(mine, ending), by=SYSTEM)
        assert mine.rows.post[number].live(mine.at - HOUR), "what was done before stays judged as it was then"
        assert not mine.rows.post[number].live(mine.at)


def test_a_deputyship_whose_post_is_not_known_is_dead(bureau: Bureau) -> None:
    number = bureau.deputise(post_of(bureau, SIGNATORY), OTHER)
    for missing in ("principal", "footing"):
        whole = bureau.rows.post[number]
        assert whole.live(bureau.at)
        fields = {name: getattr(whole, name) for name in type(whole).__slots__} | {missing: None}
        assert not type(whole)(**fields).live(bureau.at)


def test_acts_are_those_lent_and_no_others(bureau: Bureau) -> None:
    number = bureau.deputise(post_of(bureau, SIGNATORY), OTHER, acts=frozenset(("request.sign",)))
    scene = bureau.scene(OTHER, number)
    assert scene.must("request.sign", COUNTY)
    for act in ("request.withdraw", "request.draft", "grant.read"):
        with pytest.raises(refusal.NoRole):
            scene.must(act, COUNTY)
    assert bureau.scene(SIGNATORY).must("request.withdraw", COUNTY)
    near = bureau.deputise(post_of(bureau, CLERK), ADMIN, division=VILLAGE)
    with pytest.raises(refusal.OutsideDivision):
        bureau.scene(ADMIN, near).must("request.draft", COUNTY)


def drafted(by: str) -> dict[str, Any]:
    """A request in which somebody had a hand as clerk."""
    return {"number": 1, "body": {"hands": [["request.draft", by]]}}


def test_the_own_request_of_the_deputised_stays_refused(bureau: Bureau) -> None:
    """Both pairs of hands count: the deputy may not sign what he or the absent signatory drafted, and both are noted."""
    number = bureau.deputise(post_of(bureau, SIGNATORY), OTHER)
    for drafter, may in ((SIGNATORY, False), (OTHER, False), (CLERK, True)):
        scene = bureau.scene(OTHER, number)
        if may:
            assert step.hand("request.sign", drafted(drafter), scene)[1:] == (
                ("request.sign", OTHER), ("request.sign", SIGNATORY),
            )  # fmt: skip
        else:
            with pytest.raises(refusal.DutyConflict):
                step.hand("request.sign", drafted(drafter), scene)
    assert bureau.rows.naturals(bureau.rows.post[number]) == {"n3", "n2"}
    assert bureau.rows.naturals(bureau.rows.post[post_of(bureau, OTHER)]) == {"n3"}


@pytest.mark.parametrize(("by", "outcome"), [
    (SYSTEM, None), (OTHER, None), (SIGNATORY, None), (ADMIN, refusal.NoRole), (CLERK, refusal.NoRole),
])  # fmt: skip
def test_who_ends_it_early(bureau: Bureau, by: str, outcome: type[refusal.Refusal] | None) -> None:
    number = bureau.deputise(post_of(bureau, SIGNATORY), OTHER)
    post = bureau.rows.post[number]
    scene = bureau.scene(by, post_of(bureau, by))
    if outcome is not None:
        with pytest.raises(outcome):
            ended(post, None, "c", scene)
        return
    bureau.record(ended(post, None, "c", scene))
    assert not bureau.rows.post[number].live(bureau.at)
    with pytest.raises(refusal.WrongState):
        ended(bureau.rows.post[number], None, "c", scene)
    with pytest.raises(refusal.Unknown):
        ended(bureau.rows.post[post_of(bureau, CLERK)], None, "c", scene)


def test_a_deputyship_is_not_ended_as_a_post_and_makes_nobody_dispensable(bureau: Bureau) -> None:
    """Attack 92: a deputy of the last administrator dies with him, so he is no successor."""
    number = bureau.deputise(post_of(bureau, ADMIN), OTHER)
    with pytest.raises(refusal.WrongState):
        bureau.end(number)
    with pytest.raises(refusal.WrongState):
        bureau.end(post_of(bureau, ADMIN), by=ADMIN)
    bureau.appoint("p-61", LEAD, "county_admin")
    bureau.end(post_of(bureau, ADMIN), by=ADMIN)
    assert not bureau.rows.post[number].live(bureau.at)


def test_facts_read_back_as_themselves() -> None:
    plain: dict[str, Any] = {
        "person_id": "p-1", "principal": "p-2", "deputy_for": 3, "rests_on": 4, "post_unit": LEAD, "division": COUNTY,
        "role": "county_clerk", "title": "t", "acts": ("request.sign",), "operations": None, "valid_from": instant(START),
        "valid_until": instant(FAR), "reason": "c",
    }  # fmt: skip
    early = DeputyEnded(subject=3, person_id="p-1", division=COUNTY, valid_until=instant(START), reason="c")
    for fact in (DeputyAppointed(**plain), early):
        assert parse(fact.plain()) == fact
        fact.changes(Where(1, START))
    assert RequestDrafted.kind != DeputyAppointed.kind
    assert law().policy.number("deputy_days") >= 1
