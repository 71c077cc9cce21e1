"""Facts: their one spelling of instants, their typed reading, and what the search finds them by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from golden import entries as golden
from hypothesis import given
from hypothesis import strategies as st

from authz import fact as facts
from authz.decision import Refused
from authz.fact import Fact, UnknownFact, Where, instant, moment


@given(st.datetimes(datetime(1000, 1, 1), datetime(9998, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_instant_has_one_spelling_in_every_zone(at: datetime, minutes: int) -> None:
    utc = at.replace(tzinfo=UTC)
    told = instant(utc)
    assert len(told) == len("2026-12-02T02:05:00.000000Z")
    assert instant(utc.astimezone(timezone(timedelta(minutes=minutes)))) == told
    assert moment(told) == utc


@given(st.lists(st.datetimes(datetime(1000, 1, 1), datetime(9998, 1, 1)), min_size=2, max_size=2))
def test_instants_sort_as_their_spellings_do(pair: list[datetime]) -> None:
    one, two = (each.replace(tzinfo=UTC) for each in pair)
    assert (one < two) == (instant(one) < instant(two))


@pytest.mark.parametrize(
    "text", ["2026-12-02T02:05:00Z", "2026-12-02 02:05:00.000000Z", "2026-12-02T02:05:00.000000", "20261202T020500.000000Z",
             "2026-12-02T02:05:00.000000+00:00", "2026-12-02T02:05:00.000Z", "2026-W49-3T02:05:00.000000Z", "", "x"]
)  # fmt: skip
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        moment(text)


@pytest.mark.parametrize("kind", golden.kinds())
def test_a_fact_is_read_from_what_it_is_stored_as(kind: str) -> None:
    fact = golden.sample(golden.kinds()[kind]).fact
    stored: dict[str, Any] = fact.plain()
    assert facts.parse(stored) == fact
    assert set(fact.search()) <= {
        "division",
        "cell",
        "operation",
        "grant",
        "household",
        "data_year",
        "quarter",
        "subject",
    }
    for name, value in stored.items():
        less = {key: each for key, each in stored.items() if key != name}
        with pytest.raises(UnknownFact):
            facts.parse(less)
        if name != "kind":
            with pytest.raises(UnknownFact):
                facts.parse(stored | {name: 0.5} if not isinstance(value, dict) else less)
    with pytest.raises(UnknownFact):
        facts.parse(stored | {"more": None})


@pytest.mark.parametrize("kind", golden.kinds())
def test_a_fact_never_changes(kind: str) -> None:
    fact = golden.sample(golden.kinds()[kind]).fact
    for name in fact.__dict__:
        with pytest.raises(AttributeError):
            setattr(fact, name, None)


def test_two_facts_cannot_share_a_name() -> None:
    with pytest.raises(TypeError, match="two facts"):
        type("Refused", (Fact,), {"__module__": "elsewhere", "__annotations__": {}})
    assert facts.KINDS["Refused"] is Refused


def test_a_truth_value_is_no_number_and_a_number_no_truth_value() -> None:
    stored = golden.sample(Refused).fact.plain()
    for name, value in (("count", True), ("subject", False), ("code", 1), ("grant", "1")):
        with pytest.raises(UnknownFact):
            facts.parse(stored | {name: value})


def test_a_refusal_leaves_the_register_as_it_was() -> None:
    assert golden.sample(Refused).fact.changes(Where(1, datetime.now(UTC))) == ()
