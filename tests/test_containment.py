"""No sequence of acts makes authority outside what the region gave, or longer than it (S34; FEATURES.md rows 19 to 24).

`lives.py` walks; `envelope.py` is the oracle; CONTAINMENT_SEQUENCES says how many seeded lives (100,000 for torture).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import pytest
from areas import area
from envelope import Holding
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from lands import FIRST, KINDS
from lapses import EARLY, LAPSES, lapsed
from lives import ACTS, SEEDS, Life, walk
from realm import COUNTY, DAY, HOMES, LEAD, PARENT, PEOPLE, START, TOWN, TOWN_UNIT

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


for each in (*ACTS, "entrust"):
    setattr(Walked, f"do_{each}", _ruled(each))

TestWalked = Walked.TestCase
TestWalked.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def walked(seeds: Iterable[int]) -> tuple[int, int]:
    """Permits and refusals seen in these lives."""
    permits = refusals = 0
    for seed in seeds:
        try:
            life = walk(seed)
        except Exception as wrong:
            raise AssertionError(f"seed {seed}: {wrong!r}") from wrong
        permits, refusals = permits + life.permits, refusals + life.refusals
    return permits, refusals


@pytest.mark.parametrize("part", range(PARTS))
def test_no_life_leaves_the_envelope(part: int) -> None:
    seeds = range(part, SEEDS, PARTS)
    permits, refusals = walked(seeds)
    assert min(permits, refusals) > len(seeds), "the lives are too poor to show anything"


CORNERS: dict[str, Callable[[Life], Any]] = {
    "deep": lambda life: any(len(life.envelope.line(each)) >= 3 for each in life.envelope.holdings),
    "narrowed": lambda life: any(len(each.limits) > 1 for each in life.envelope.holdings.values()),
    "rested": lambda life: any(end is not None for each in life.envelope.holdings.values() for _, end, _ in each.rests),
    "revoked": lambda life: any(each.revoked for each in life.envelope.holdings.values()),
    "capped": lambda life: any(each.written for each in life.envelope.holdings.values()),
    "personal": lambda life: any(each.person for each in life.envelope.holdings.values()),
    "moved": lambda life: len(life.envelope.seats) > len(PEOPLE),
    "edited": lambda life: life.realm.rows.seen,
    "left behind": lambda life: life.vacated,
    "deputy": lambda life: any(each.leans for each in life.envelope.seats.values()),
    "edition": lambda life: life.envelope.land.changed,
    "recoded": lambda life: life.envelope.land.became,
    "another parent": lambda life: any(life.envelope.land.parent.get(each, up) != up for each, up in PARENT.items()),
    "used again": lambda life: life.envelope.land.lay.keys() & life.envelope.land.parent.keys(),
    "confirmed": lambda life: any(each.edition > FIRST for each in life.envelope.holdings.values()),
    "a unit elsewhere": lambda life: any(place != unit.split("-")[1] for unit, place in life.envelope.units.items()),
    "a household elsewhere": lambda life: any(life.envelope.homes[each] != home for each, home in HOMES.items()),
    "a rule of the county": lambda life: life.envelope.forbidden,
}
RARE = {"used again": 2}
"""An edition gives no code away under which a household is on record, so few are free to be used again."""


def test_lives_reach_every_corner() -> None:
    """The walk is worth something only if its acts succeed: chains of depth, narrowings, editions, confirmations."""
    lives = [walk(seed) for seed in range(400)]
    met = {name: sum(map(bool, map(found, lives))) for name, found in CORNERS.items()}
    assert {name: seen for name, seen in met.items() if seen < RARE.get(name, 10)} == {}, met
    tried = sum((life.met for life in lives), Counter[tuple[str, bool]]())
    assert {name: tried[name, True] for name in KNOWN if tried[name, True] < 5} == {}, "an act that never succeeds"
    assert {name: tried[name, False] for name in HELD_BACK if tried[name, False] < 5} == {}, (
        "an act that is never refused"
    )
    assert {name for name, _ in tried} == {*KNOWN, *HELD_BACK}, "an act that nobody counts"


NEVER = ("ask withdraw", "ask return withdraw", "ask return")
"""Ways of a letter at whose end there is nothing to decide."""
KNOWN = (
    "ask", "ask return change sign", "ask return sign", "open", "repeat", "close", "forbid", "delegate", "narrow", "revoke", "suspend",
    "resume", "confirm", "confirm elsewhere", "carry", "move", "accept", "leave", "appoint", "transfer", "transfer to a successor",
    "stand_in", "stand_down", "void", "edit", *(f"update {kind}" for kind in KINDS),
)  # fmt: skip
"""Every act: each has to be accepted, and nearly each has to be refused as well."""
HELD_BACK = (*(each for each in KNOWN if each not in ("appoint", "transfer", "update respelt")), *NEVER)


@pytest.mark.parametrize("name", LAPSES)
def test_the_walk_by_itself_notices_every_lapse(name: str) -> None:
    """Negative controls for the acts of the land, of paper and of people: no other check is asked."""
    first = EARLY.get(name, 0)
    with lapsed(name), pytest.raises(AssertionError):
        walked(itertools.chain(range(first, first + 1), range(3000)))


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
