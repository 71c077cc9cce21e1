"""Random lives of a county's grants against an oracle of ten lines: nothing ever permits outside the regional grant.

The oracle keeps its own notes (limits by grant, who is dead or resting) and knows nothing of chains as rows hold them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from acts import law
from chains import (
    CELLS,
    END,
    LEAD,
    OFFICE,
    OPERATIONS,
    OTHER_UNIT,
    PLACES,
    START,
    TOWN_UNIT,
    VILLAGE_UNIT,
    County,
    wanted,
)
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from authz import decision, delegation, refusal, revocation
from authz.decision import Wish, decide
from authz.grant import Scope

DIVISIONS = law().divisions
DAY = timedelta(days=1)
SEATS = {
    (TOWN_UNIT, "township_admin"): "p-4", (VILLAGE_UNIT, "village_collector"): "p-6", (OTHER_UNIT, "grid_worker"): "p-7",
    (OFFICE, "department_officer"): "p-10", (LEAD, "county_clerk"): "p-3",
}  # fmt: skip
RULERS = st.sampled_from(("p-1", "p-2", "p-4", "p-6"))
DELEGATORS = {LEAD: "p-2", TOWN_UNIT: "p-4"}
WHICH = st.integers(0, 30)
HOUSEHOLDS = ("h-1", "h-2")


class Walk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.county = County()
        self.limits: dict[int, list[Scope]] = {100: [self.county.rows.grants[100].scope]}
        self.parent: dict[int, int | None] = {100: None}
        self.seat: dict[int, str] = {100: "p-2"}
        self.dead: set[int] = set()
        self.resting: set[int] = set()
        self.root = self.county.rows.grants[100].scope

    def pick(self, which: int) -> int:
        return sorted(self.parent)[which % len(self.parent)]

    # --- the oracle -----------------------------------------------------------------------------------------------
    def line(self, number: int | None) -> list[int]:
        return [] if number is None else [*self.line(self.parent[number]), number]

    def permits(self, person: str, wish: Wish) -> bool:
        return any(
            self.seat[number] == person and not {*self.line(number)} & (self.dead | self.resting)
            and all(self.holds(limit, wish) for link in self.line(number) for limit in self.limits[link])
            for number in self.parent
        )  # fmt: skip

    def holds(self, limit: Scope, wish: Wish) -> bool:
        return (
            limit.division in DIVISIONS.path(wish.division) and wish.cell in limit.cells and wish.operation in limit.operations
            and limit.data_year in (None, wish.data_year) and limit.valid_from <= self.county.at < limit.valid_until
            and (limit.households is None or wish.household in limit.households)
        )  # fmt: skip

    # --- what may happen --------------------------------------------------------------------------------------------
    @rule(which=WHICH, seat=st.sampled_from(sorted(SEATS)), by=st.none() | RULERS, division=st.sampled_from(PLACES),
          cells=st.frozensets(st.sampled_from(CELLS), min_size=1), operations=st.frozensets(st.sampled_from(OPERATIONS), min_size=1),
          days=st.integers(1, 300), listed=st.none() | st.frozensets(st.sampled_from(HOUSEHOLDS), min_size=1))  # fmt: skip
    def delegate(self, which: int, seat: tuple[str, str], by: str | None, days: int, listed: Any, **axes: Any) -> None:
        parent = self.pick(which)
        by = by or DELEGATORS.get(self.county.rows.grants[parent].holder_unit, "p-2")
        scene = self.county.scene(by)
        wish = wanted(holder=seat[0], role=seat[1], valid_until=START + days * DAY, households=listed, **axes)
        try:
            links = self.county.links(parent)
            fact = delegation.issue(delegation.plan(wish, links, scene), wish, links, "r", scene)
        except refusal.Refusal:
            return
        number = self.county.record(by, fact)
        made = self.county.rows.grants[number].scope
        assert all(not _escapes(limit, made) for link in self.line(parent) for limit in self.limits[link])
        self.parent[number], self.seat[number], self.limits[number] = parent, SEATS[seat], [made]

    @rule(which=WHICH, by=RULERS, verb=st.sampled_from(("revoke", "suspend", "resume")))
    def end(self, which: int, by: str, verb: str) -> None:
        number, scene = self.pick(which), self.county.scene(by)
        try:
            told = getattr(revocation, verb)(self.county.links(number), "r", scene)
        except refusal.Refusal:
            return
        self.county.record(by, told if verb == "resume" else told[0])
        {"revoke": self.dead.add, "suspend": self.resting.add, "resume": self.resting.discard}[verb](number)

    @rule(which=WHICH, by=RULERS, changed=st.fixed_dictionaries({}, optional={
        "division": st.sampled_from(PLACES), "cells": st.frozensets(st.sampled_from(CELLS), min_size=1),
        "operations": st.frozensets(st.sampled_from(OPERATIONS), min_size=1),
        "valid_until": st.integers(1, 300).map(lambda days: START + days * DAY),
        "households": st.frozensets(st.sampled_from(HOUSEHOLDS), min_size=1)}))  # fmt: skip
    def narrow(self, which: int, by: str, changed: dict[str, Any]) -> None:
        number, scene = self.pick(which), self.county.scene(by)
        try:
            fact, _ = revocation.narrow(self.county.links(number), changed, "r", scene)
        except refusal.Refusal:
            return
        self.limits[number].append(replace(self.county.rows.grants[number].scope, **changed))
        self.county.record(by, fact)

    @rule(days=st.integers(1, 20))
    def wait(self, days: int) -> None:
        self.county.at = min(self.county.at + days * DAY, END + DAY)

    # --- what must always hold --------------------------------------------------------------------------------------
    @invariant()
    def decisions_are_the_oracles_and_stay_inside_the_root(self) -> None:
        for person in ("p-2", *SEATS.values()):
            scene = self.county.scene(person)
            assert scene.post is not None
            for place in PLACES:
                for cell, operation, year, household in POINTS:
                    wish = Wish(operation, cell, place, year, household)
                    permitted = _decided(scene, wish)
                    assert permitted == self.permits(person, wish)
                    assert not permitted or self.holds(self.root, wish)


POINTS = [
    ("monitored.income", "update", 2026, "h-1"), ("monitored.base", "verify", 2026, "h-2"), ("monitored.base", "update", 2027, "h-1"),
    ("lifted_out.income", "update", 2026, "h-1"), ("monitored.income", "collect", 2026, "h-3"),
]  # fmt: skip


def _decided(scene: Any, wish: Wish) -> bool:
    try:
        decide(scene, scene.post, wish)
    except refusal.Denied:
        return False
    return True


def _escapes(outer: Scope, inner: Scope) -> bool:
    return not (
        outer.division in DIVISIONS.path(inner.division) and inner.cells <= outer.cells and inner.operations <= outer.operations
        and outer.valid_from <= inner.valid_from < inner.valid_until <= outer.valid_until
        and outer.data_year in (None, inner.data_year)
        and (outer.households is None or (inner.households is not None and inner.households <= outer.households))
    )  # fmt: skip


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


MUTANTS = {
    "ancestors do not matter": (decision, "chain", lambda grant, known: (grant,)),
    "a delegation may be wider": (delegation, "outgrown", lambda links, asked, divisions: ()),
    "a narrowing may widen": (revocation, "misfits", lambda held, asked, divisions: ()),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_walk_notices(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls: with one rule taken out, the same walk fails."""
    monkeypatch.setattr(*MUTANTS[mutant])
    quick = settings(max_examples=200, stateful_step_count=25, deadline=None, database=None, derandomize=True,
                     phases=(Phase.generate,))  # fmt: skip
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Walk, settings=quick)  # type: ignore[no-untyped-call]


def test_the_oracle_would_notice_a_wider_child() -> None:
    """Negative control: a child planted wider than its parent, with a parent that does not hold, is no permit either."""
    walk = Walk()
    scene, links = walk.county.scene("p-2"), walk.county.links(100)
    wish = wanted(holder=TOWN_UNIT, role="township_admin", operations=frozenset(("verify",)))
    fact = delegation.issue(delegation.plan(wish, links, scene), wish, links, "r", scene)
    wide = walk.county.record("p-2", replace(fact, operations=(*OPERATIONS, "delete"), division="64"))
    assert _escapes(walk.root, walk.county.rows.grants[wide].scope)
    assert not _decided(walk.county.scene("p-4"), Wish("delete", "monitored.income", "640324100201", 2026, "h-1"))
