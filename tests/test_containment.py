"""No sequence of acts makes authority outside what the region gave, or longer than it (S34; FEATURES.md rows 19 to 24).

`lives.py` walks; `envelope.py` is the oracle; CONTAINMENT_SEQUENCES says how many seeded lives (100,000 for torture).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pytest
from areas import area
from envelope import Holding
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from lives import ACTS, SEEDS, Life, walk
from realm import COUNTY, DAY, LEAD, PEOPLE, START, TOWN, TOWN_UNIT

from authz import decision, delegation, reply, revocation
from authz.decision import Wish

T = TypeVar("T")
PARTS = 8


class Drawn:
    """Choices that hypothesis can shrink."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def choice(self, pool: Sequence[T]) -> T:
        return self.given.draw(st.sampled_from(list(pool)))  # type: ignore[no-any-return]


class Walked(RuleBasedStateMachine):
    """A life as a state machine; every act of `lives.ACTS` is a rule."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()

    @initialize(given=st.data())
    def begin(self, given: Any) -> None:
        self.life.open(Drawn(given))


def _ruled(name: str) -> Any:
    def act(self: Walked, given: Any) -> None:
        getattr(self.life, name)(Drawn(given))
        self.life.check(Drawn(given), 2)

    return rule(given=st.data())(act)


for each in ACTS:
    setattr(Walked, f"do_{each}", _ruled(each))

TestWalked = Walked.TestCase
TestWalked.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def walked(seeds: Iterable[int]) -> tuple[int, int]:
    """Permits and refusals seen in these lives."""
    permits = refusals = 0
    for seed in seeds:
        try:
            life = walk(seed)
        except AssertionError as wrong:
            raise AssertionError(f"seed {seed}: {wrong}") from wrong
        permits, refusals = permits + life.permits, refusals + life.refusals
    return permits, refusals


@pytest.mark.parametrize("part", range(PARTS))
def test_no_life_leaves_the_envelope(part: int) -> None:
    seeds = range(part, SEEDS, PARTS)
    permits, refusals = walked(seeds)
    assert min(permits, refusals) > len(seeds), "the lives are too poor to show anything"


def test_lives_reach_every_corner() -> None:
    """The walk is worth something only if its acts succeed: chains of depth, narrowings, rests, caps, personal grants."""
    met: dict[str, int] = dict.fromkeys(
        ("deep", "narrowed", "rested", "revoked", "capped", "personal", "moved", "edited", "deputy", "edition"), 0
    )
    for seed in range(300):
        life = walk(seed)
        held = life.envelope.holdings.values()
        met["deep"] += any(len(life.envelope.line(each.number)) >= 3 for each in held)
        met["narrowed"] += any(len(each.limits) > 1 for each in held)
        met["rested"] += any(end is not None for each in held for _, end, _ in each.rests)
        met["revoked"] += any(each.revoked for each in held)
        met["capped"] += any(each.written for each in held)
        met["personal"] += any(each.person for each in held)
        met["moved"] += len(life.envelope.seats) > len(PEOPLE)
        met["edited"] += bool(life.realm.rows.seen)
        met["deputy"] += any(each.leans for each in life.envelope.seats.values())
        met["edition"] += bool(life.envelope.changed)
    assert min(met.values()) >= 10, met


BLIND = {
    "ancestors do not matter": (decision, "chain", lambda grant, known: (grant,)),
    "a delegation may be wider": (delegation, "outgrown", lambda links, asked, divisions: ()),
    "a narrowing may widen": (revocation, "misfits", lambda held, asked, divisions: ()),
    "the region may give more than was asked": (reply, "misfits", lambda held, asked, divisions: ()),
}


@pytest.mark.parametrize("name", BLIND)
def test_a_missing_rule_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls, for the seeded walk and for the machine; `test_mutants.py` holds the whole list."""
    monkeypatch.setattr(*BLIND[name])
    with pytest.raises(AssertionError):
        walked(range(400))
    quick = settings(max_examples=400, stateful_step_count=20, deadline=None, database=None, derandomize=True,
                     phases=(Phase.generate,))  # fmt: skip
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Walked, settings=quick)  # type: ignore[no-untyped-call]


def test_the_envelope_itself_is_no_rubber_stamp() -> None:
    """The oracle by hand: three points inside, and one step outside on every axis."""
    life = Life()
    box = area(TOWN, ("monitored.income",), ("update",), 2026, START, START + 5 * DAY, 1, frozenset(("h-1", "h-2")))
    life.envelope.holdings[1] = Holding(1, None, LEAD, None, "county_admin", "u-64-lead", START, [box], TOWN)
    seat, wish = life.envelope.seats[2], Wish("update", "monitored.income", "640324100201", 2026, "h-1")
    assert life.envelope.permits(seat, wish, START) == {1}
    outside = [
        Wish("collect", "monitored.income", "640324100201", 2026, "h-1"), Wish("update", "monitored.base", "640324100201", 2026, "h-1"),
        Wish("update", "monitored.income", "640324101200", 2026, "h-1"), Wish("update", "monitored.income", COUNTY, 2026, "h-1"),
        Wish("update", "monitored.income", "640324100201", 2025, "h-1"), Wish("update", "monitored.income", "640324100201", 2026, "h-3"),
        Wish("update", "monitored.income", "640324100201", 2026, None),
    ]  # fmt: skip
    assert not any(life.envelope.permits(seat, each, START) for each in outside)
    assert not life.envelope.permits(seat, wish, START + 5 * DAY)
    assert not life.envelope.permits(seat, wish, START - DAY)
    assert not life.envelope.permits(seat._replace(unit=TOWN_UNIT), wish, START)
    life.envelope.holdings[1].written.add("h-2")
    assert not life.envelope.permits(seat, wish, START)
