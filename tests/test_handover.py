"""Handover: whatever happened to a grant before, its successor's reaches no further, lasts no longer and counts on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from realm import COUNTY, LEAD, START, TOWN, TOWN_UNIT, Realm

from authz import delegation, handover, refusal, transfer
from authz.decision import Permit, Wish
from authz.delegation import Wanted
from authz.fact import Fact, parse
from authz.grant import GrantRevoked
from authz.handover import DutyHandedOver, Handover
from authz.household import Household
from authz.post import FAR, Appointment, Person, Post
from authz.transfer import TransferRecorded, WorkHandedOver
from authz.window import Opening

DAY = timedelta(days=1)
END = START + 20 * DAY
VILLAGE, NEXT = "640324100201", "640324100202"
HAMLET, NEAR = f"u-{VILLAGE}-village", f"u-{NEXT}-village"
CELLS, OPERATIONS = ("monitored.base", "monitored.income", "lifted_out.income"), ("collect", "update", "verify")
TOKENS = ("h-1", "h-2", "h-11", "h-12", "h-13")
SPOILT = 0.3
"""How often a parent is narrowed meanwhile."""
GONE, LEFT, HEIR, GRID, AWAY = "p-6", 6, "p-20", "p-21", "p-22"
"""Who leaves and his post; who takes over; a grid worker of the village, and a collector of the next one."""


class Story:
    """One collector's grants, from two givers, up to his transfer and the handover of some of them."""

    def __init__(self, seed: int) -> None:
        self.dice, self.realm = random.Random(seed), Realm()  # noqa: S311 a story is named by its seed
        for number, (person, unit, role) in enumerate(
            ((HEIR, HAMLET, "village_collector"), (GRID, HAMLET, "grid_worker"), (AWAY, NEAR, "village_collector")), start=40
        ):  # fmt: skip
            self.realm.rows.people[person] = Person(person, f"n{person}", 0)
            self.realm.seat(Post(number, person, unit, unit.split("-")[1], role, role, START - DAY, FAR))
        for token in TOKENS:
            self.realm.rows.households[token] = Household(token, VILLAGE, "monitored")
        number, _ = self.realm.open(
            Opening(COUNTY, CELLS, OPERATIONS, 2026, START, END, "t", "i", "2026-11-01", None, None)
        )
        self.root, self.wrong = number + 1, list[str]()
        self.town, _ = self.realm.delegate("p-2", self.root, self.wish(TOWN_UNIT, "township_admin", TOWN, whole=True))
        self.done = 0

    def wish(self, holder: str, role: str, division: str, *, whole: bool = False) -> Wanted:
        dice = self.dice

        def some(pool: tuple[str, ...]) -> frozenset[str]:
            return frozenset(pool if whole else dice.sample(pool, dice.randrange(1, len(pool) + 1)))

        until = END if whole else START + dice.randrange(3, 20) * DAY
        caps, lists = (None,) if whole else (None, 2, 3, 4), (None, None, frozenset(TOKENS[:3]))
        return Wanted(holder, role, division, some(CELLS), some(OPERATIONS), self.realm.at, until, 2026,
                      dice.choice(caps), None if whole else dice.choice(lists))  # fmt: skip

    def play(self) -> None:
        realm, dice = self.realm, self.dice
        for giver, parent in (("p-2", self.root), ("p-4", self.town)):
            for _ in range(dice.randrange(1, 3)):
                self.tried(realm.delegate, giver, parent, self.wish(GONE, "village_collector", VILLAGE))
        self.use(GONE, tuple(dice.sample(TOKENS, dice.randrange(3))))
        if dice.random() < 0.5:
            axis = dice.choice(({"cells": frozenset(CELLS[:1])}, {"operations": frozenset(OPERATIONS[:2])},
                                {"valid_until": START + 5 * DAY}, {"max_records": 1}))  # fmt: skip
            parent = dice.choice((self.root, self.town))
            self.tried(lambda: realm.rule("p-1" if parent == self.root else "p-2", parent, "narrow", axis))
        realm.at += dice.choice((0, 0, 1, 6)) * DAY
        first, facts = realm.transfer(LEFT, NEAR, "grid_worker")
        recorded = facts[-1]
        assert isinstance(recorded, TransferRecorded)
        self.handing = first + len(facts) - 1, recorded
        realm.at += dice.choice((0, 1, 5)) * DAY
        for giver, parent in (("p-2", self.root), ("p-4", self.town), ("p-3", self.root), ("p-4", self.root)):
            given = [each for each in recorded.grants if realm.rows.grants[each].parent == parent]
            if given:
                chosen = tuple(dice.sample(given, dice.randrange(1, len(given) + 1)))
                mixed = tuple(dict.fromkeys((*chosen, *recorded.grants)))[: dice.choice((1, len(chosen), 9))]
                self.hand(giver, mixed, dice.choice((HEIR, GRID, AWAY, GONE)))
                self.hand(giver, (dice.choice(given),), HEIR)

    def tried(self, act: Callable[..., Any], *given: Any) -> Any:
        try:
            return act(*given)
        except refusal.Refusal as refused:
            return refused

    def use(self, person: str, tokens: tuple[str, ...] = TOKENS) -> None:
        for token in tokens:
            for cell in CELLS:
                self.tried(self.realm.edit, person, Wish("update", cell, VILLAGE, 2026, token))

    def hand(self, giver: str, grants: tuple[int, ...], successor: str) -> None:
        realm, (number, recorded) = self.realm, self.handing
        before, scene = dict(realm.rows.grants), realm.scene(giver)
        old = realm.rows.post[LEFT]
        told = self.tried(lambda: handover.hand_over(Handover(number, recorded, old, successor), grants, "r", scene))
        if isinstance(told, refusal.Refusal):
            return
        realm.record(scene, told)
        for done in (each for each in told if isinstance(each, DutyHandedOver)):
            self.compare(done, before, successor, giver)

    def compare(self, done: DutyHandedOver, before: dict[int, Any], successor: str, giver: str) -> None:
        """What an auditor would say of it, by plain sets."""
        self.done += 1
        rows = self.realm.rows
        old, new = before[done.grant], rows.grants[done.renewed]
        for link in (old, *(before[each] for each in old.path)):
            self.said(new.scope.cells <= link.scope.cells, "a cell more")
            self.said(new.scope.operations <= link.scope.operations, "an operation more")
            self.said(new.scope.valid_until <= link.scope.valid_until, "longer")
            if link.scope.households is not None:
                self.said(
                    new.scope.households is not None and new.scope.households <= link.scope.households,
                    "a household more",
                )
        self.said(new.path == (*old.path[:-1], new.number), "another descent")
        self.said((new.holder_person, new.role, new.holder_unit) == (successor, old.role, HAMLET), "another seat")
        self.said(successor == HEIR, "somebody who does not sit there")
        self.said(rows.grants[old.number].revoked_at is not None, "the old one goes on")
        self.said(new.issuer_unit == old.issuer_unit == (LEAD if giver == "p-2" else TOWN_UNIT), "not by its giver")
        written = {token for grant, token in rows.seen if grant == old.number}
        self.use(successor)
        written |= {token for grant, token in rows.seen if grant == new.number}
        cap = old.scope.max_records
        self.said(cap is None or len(written) <= cap, "the cap filled twice")
        wish = Wish("update", CELLS[1], VILLAGE, 2026, TOKENS[0])
        self.said(not isinstance(self.realm.decided(rows.post[LEFT], wish), Permit), "who left goes on")

    def said(self, fine: bool, fault: str) -> None:
        if not fine:
            self.wrong.append(fault)


def played(seeds: range) -> Iterator[Story]:
    for seed in seeds:
        story = Story(seed)
        story.play()
        yield story


def test_no_handover_gives_more_than_was_held() -> None:
    stories = list(played(range(250)))
    assert [each.wrong for each in stories if each.wrong] == []
    assert sum(each.done for each in stories) > 100, "the stories are about something"


def _cap(grant: Any, above: Any, scene: Any) -> int | None:
    return None


def _anybody(grant: Any, wanted: Any, scene: Any) -> None:
    return None


def _nothing(links: Any, asked: Any, divisions: Any) -> tuple[()]:
    return ()


@pytest.mark.parametrize(("room", "name", "broken", "fault"), [
    (handover, "_left", _cap, "the cap filled twice"), (handover, "_must_sit", _anybody, "somebody who does not sit there"),
    (delegation, "outgrown", _nothing, "a cell more"),
])  # fmt: skip
def test_the_stories_notice_a_rule_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, room: Any, name: str, broken: Callable[..., Any], fault: str
) -> None:
    monkeypatch.setattr(room, name, broken)
    assert fault in {each for story in played(range(250)) for each in story.wrong}


# --- one by one -----------------------------------------------------------------------------------------------------
def left(
    story: Story, division: str = VILLAGE, cap: int | None = None, above: int | None = None, used: int = 0
) -> Handover:
    """The collector had one grant, under one of the township, and leaves it after so many households."""
    realm = story.realm
    parent = replace(story.wish(TOWN_UNIT, "township_admin", TOWN, whole=True), max_records=above)
    town, _ = realm.delegate("p-2", story.root, parent)
    wish = Wanted(GONE, "village_collector", division, frozenset(CELLS), frozenset(OPERATIONS), START, END, 2026, cap)
    realm.delegate("p-4", town, wish)
    story.use(GONE, TOKENS[:used])
    first, facts = realm.transfer(LEFT, NEAR, "grid_worker")
    recorded = facts[-1]
    assert isinstance(recorded, TransferRecorded)
    return Handover(first + len(facts) - 1, recorded, realm.rows.post[LEFT], HEIR)


def renewed(story: Story, wanted: Handover) -> Any:
    scene = story.realm.scene("p-4")
    return handover.hand_over(wanted, wanted.transfer.grants, "r", scene)[0]


@pytest.mark.parametrize(("above", "cap", "used", "outcome"), [
    (None, None, 0, None), (None, 3, 0, 3), (None, 3, 1, 2), (None, 3, 3, refusal.WrongState), (4, 3, 1, 2), (3, 3, 1, 3),
    (4, None, 1, 4), (3, 3, 3, 3),
])  # fmt: skip
def test_what_is_left_of_a_cap(
    above: int | None, cap: int | None, used: int, outcome: int | type[refusal.Refusal] | None
) -> None:
    """A cap of the old grant's own goes on where it stood; one that a link above counts for both stays as it is."""
    story = Story(1)
    wanted = left(story, cap=cap, above=above, used=used)
    assert story.realm.rows.used.get(wanted.transfer.grants[0], 0) == used
    if isinstance(outcome, type):
        with pytest.raises(outcome):
            renewed(story, wanted)
    else:
        assert renewed(story, wanted).max_records == outcome


def test_a_seat_is_ones_own_and_no_deputys() -> None:
    story = Story(1)
    wanted = left(story)
    story.realm.stand_in(40, GRID, END, (None, None), None)
    with pytest.raises(refusal.UnfitHolder):
        renewed(story, replace(wanted, successor=GRID))
    assert renewed(story, wanted).holder_person == HEIR


def test_the_successor_sits_no_further_from_the_place() -> None:
    """A grant over the next village: whoever held it sat no nearer than his successor."""
    story = Story(1)
    wanted = left(story, NEXT)
    assert {renewed(story, replace(wanted, successor=each)).holder_person for each in (HEIR, AWAY)} == {HEIR, AWAY}
    story = Story(1)
    wanted = left(story, VILLAGE)
    with pytest.raises(refusal.UnfitHolder):
        renewed(story, replace(wanted, successor=AWAY))


def test_whoever_is_not_in_office_there_is_told_what_to_do_first() -> None:
    story = Story(1)
    wanted, rows = left(story), story.realm.rows
    for successor, change in (("p-404", {}), (HEIR, {"valid_until": story.realm.at}), (HEIR, {"role": "grid_worker"})):
        rows.posts[HEIR] = [replace(each, **change) for each in rows.posts[HEIR]]
        with pytest.raises(refusal.UnfitHolder, match="接手人在该地没有以原角色任职"):
            renewed(story, replace(wanted, successor=successor))


def test_nobody_succeeds_himself() -> None:
    story = Story(1)
    wanted, people = left(story), story.realm.rows.people
    people[HEIR] = replace(people[HEIR], natural=people[GONE].natural)
    with pytest.raises(refusal.UnfitHolder, match="同一人"):
        renewed(story, wanted)


def test_who_takes_over_is_named_or_on_record() -> None:
    recorded = left(Story(1)).transfer
    assert handover.taker(recorded, "p-9") == "p-9"
    with pytest.raises(refusal.UnfitHolder):
        handover.taker(recorded, None)
    assert recorded.successor is None
    known = TransferRecorded(
        **{name: each for name, each in recorded.plain().items() if name != "kind"} | {"successor": HEIR}
    )
    assert (handover.taker(known, None), handover.taker(known, "p-9")) == (HEIR, "p-9")


def test_facts_read_back_as_themselves() -> None:
    passed = DutyHandedOver(
        subject=1, person_id="p-1", successor="p-2", division=VILLAGE, grant=3, renewed=4, reason="c"
    )
    begun = WorkHandedOver(
        subject=1, person_id="p-1", successor=None, division=VILLAGE, work=(("request", "7"), ("move", "h-1"))
    )
    told: tuple[Fact, ...] = (passed, begun)
    for fact in told:
        assert parse(fact.plain()) == fact
        assert fact.changes(None) == ()  # type: ignore[arg-type]
    assert passed.search() == {"division": VILLAGE, "grant": 3, "subject": 1}


def test_nothing_is_recorded_of_work_where_there_is_none() -> None:
    realm = Realm()
    _, facts = realm.transfer(LEFT, NEAR, "grid_worker")
    assert not [each for each in facts if isinstance(each, WorkHandedOver | GrantRevoked)]
    scene, old = realm.scene("p-17"), realm.rows.post[7]
    wish = Appointment(realm.rows.people["p-7"], realm.rows.units[HAMLET], "grid_worker", "t", None, None)
    told = transfer.transfer(old, wish, realm.mine("p-7"), None, "r", scene, (("request", "7"),))
    assert [each.work for each in told if isinstance(each, WorkHandedOver)] == [(("request", "7"),)]
