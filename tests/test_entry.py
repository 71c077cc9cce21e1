"""Bytes are for ever: golden entries of every kind, round trips, almost-valid encodings, and an oracle for RFC 8785."""

from __future__ import annotations

import importlib
import json
import pkgutil
import typing
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from golden import entries as golden
from hypothesis import given
from hypothesis import strategies as st

import audit
import authz
from audit import vocabulary
from audit.canonical import LARGEST, Malformed, canonical
from audit.entry import Entry, Envelope, encode, parse
from authz import fact as facts
from authz.household import HouseholdsLoaded


# --- golden ---------------------------------------------------------------------------------------------------------
def test_no_fact_that_was_ever_written_comes_out_differently() -> None:
    pinned, made = json.loads(golden.FILE.read_text(encoding="utf-8")), golden.made()
    assert {name: made.get(name) for name in pinned} == pinned
    assert sorted(made) == sorted(pinned), "a new kind of fact: make golden, and look at the difference"


@pytest.mark.parametrize("kind", golden.kinds())
def test_a_golden_entry_is_read_as_what_it_was(kind: str) -> None:
    entry = golden.sample(golden.kinds()[kind])
    assert parse(encode(entry)) == entry


def test_the_vocabulary_holds_every_module_that_has_facts() -> None:
    for package in (authz, audit):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    modules = {
        kind.__module__ for kind in facts.KINDS.values() if kind.__module__.partition(".")[0] in ("authz", "audit")
    }
    assert modules == {each.__name__ for each in vocabulary.MODULES}


def test_no_fact_has_a_field_for_a_name_a_phone_or_a_measured_value_in_the_clear() -> None:
    """Numbers with a fraction have no form in the log at all, and a person in `subject` would be lost to the search."""
    for name, kind in golden.kinds().items():
        for field, hint in facts._hints(kind).items():
            assert float not in {hint, *typing.get_args(hint)}, f"{name}.{field}"
            if field == "subject":
                assert int in {hint, *typing.get_args(hint)}, f"{name}.{field}"


# --- almost valid ---------------------------------------------------------------------------------------------------
GOOD = encode(
    Entry(
        7, golden.AT, "0f" * 16, golden.WHO,
        HouseholdsLoaded(division="640324", households=(("h-1", "640324100201", "monitored"),)),
    )
)  # fmt: skip


def swapped(old: str, new: str) -> bytes:
    assert old.encode() in GOOD
    return GOOD.replace(old.encode(), new.encode(), 1)


BAD: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a blank behind": GOOD + b" ",
    "a line end": GOOD + b"\n",
    "a blank inside": swapped('"v":1', '"v": 1'),
    "version 2": swapped('"v":1', '"v":2'),
    "a version that is true": swapped('"v":1', '"v":true'),
    "version 1.0": swapped('"v":1', '"v":1.0'),
    "no version": swapped(',"v":1', ""),
    "a member twice": swapped('"number":7', '"number":7,"number":7'),
    "members in another order": swapped('"number":7,"on_behalf_of":"p-1002"', '"on_behalf_of":"p-1002","number":7'),
    "an unknown member": swapped('"number":7', '"note":null,"number":7'),
    "a member too few": swapped('"device":"pad-7",', ""),
    "a negative number": swapped('"number":7', '"number":-7'),
    "minus nought": swapped('"number":7', '"number":-0'),
    "a number as text": swapped('"number":7', '"number":"7"'),
    "a number with a leading nought": swapped('"number":7', '"number":07'),
    "an exponent": swapped('"number":7', '"number":7e0'),
    "a number beyond 2**53": swapped('"number":7', f'"number":{2**53}'),
    "a number of five thousand digits": swapped('"number":7', '"number":' + "7" * 5000),
    "not a number": swapped('"number":7', '"number":NaN'),
    "infinity": swapped('"post":12', '"post":Infinity'),
    "a post that is text": swapped('"post":12', '"post":"12"'),
    "a post that is true": swapped('"post":12', '"post":true'),
    "a person that is a number": swapped('"person":"p-1003"', '"person":1003'),
    "a person that is a list": swapped('"person":"p-1003"', '"person":["p-1003"]'),
    "an instant with an offset": swapped("01.123456Z", "01.123456+00:00"),
    "an instant of three digits": swapped("01.123456Z", "01.123Z"),
    "an instant without a zone": swapped("01.123456Z", "01.123456"),
    "a small z": swapped("01.123456Z", "01.123456z"),
    "the thirtieth of February": swapped("2026-12-02", "2026-02-30"),
    "an instant before all": swapped("2026-12-02T02:05:01.123456Z", "0001-01-01T00:00:00.000000+10:00"),
    "an instant that is a number": swapped('"2026-12-02T02:05:01.123456Z"', "5"),
    "a reference in capitals": swapped("0f0f", "0F0F"),
    "a short reference": swapped("0f0f", "0f"),
    "a reference with hyphens": swapped("0f0f0f0f", "0f0f0f-f"),
    "an escaped letter": swapped("h-1", "\\u0068-1"),
    "an escaped slash": swapped("10.3.24.7", "10.3\\/24"),
    "a lone surrogate": swapped("h-1", "\\ud800"),
    "text that is not in normal form C": swapped("h-1", "e\u0301"),
    "bytes that are no UTF-8": GOOD.replace(b"h-1", b"\xff-1"),
    "a raw control sign": swapped("h-1", "h\x01"),
    "an unknown kind": swapped("HouseholdsLoaded", "HouseholdsLost"),
    "no kind": swapped('"kind":"HouseholdsLoaded"', '"kin":"HouseholdsLoaded"'),
    "a kind that is a list": swapped('"kind":"HouseholdsLoaded"', '"kind":[]'),
    "a field too many": swapped('"households":', '"house":1,"households":'),
    "a field of another type": swapped('"division":"640324"', '"division":640324'),
    "a field that may not be null": swapped('"division":"640324"', '"division":null'),
    "a list that is an object": swapped('[["h-1","640324100201","monitored"]]', "{}"),
    "a fact that is a list": swapped('{"division":"640324","households":[["h-1","640324100201","monitored"]],"kind":"HouseholdsLoaded"}', "[]"),
    "a deep nest": swapped('[["h-1","640324100201","monitored"]]', "[" * 9000 + "]" * 9000),
    "a deeper nest": b"[" * 200_000,
}  # fmt: skip


def test_the_good_entry_is_good() -> None:
    assert encode(parse(GOOD)) == GOOD


@pytest.mark.parametrize("what", BAD)
def test_an_almost_valid_encoding_is_refused(what: str) -> None:
    with pytest.raises(Malformed):
        parse(BAD[what])


def test_a_changed_byte_is_refused_or_read_as_what_it_says() -> None:
    for place in range(len(GOOD)):
        for flip in (1, 32, 128):
            changed = GOOD[:place] + bytes((GOOD[place] ^ flip,)) + GOOD[place + 1 :]
            try:
                assert encode(parse(changed)) == changed
            except Malformed:
                continue


@pytest.mark.parametrize(
    "value", [1.0, 2**53, -(2**53), float("nan"), "\ud800", "e\u0301", b"x", {1: 2}, {"ä": 1}, {"a": {"b": 0.5}}, object(), {1}]
)  # fmt: skip
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        canonical({"x": value})


def test_an_entry_has_at_most_65535_bytes() -> None:
    def sized(n: int) -> Entry:
        return Entry(0, golden.AT, "0" * 32, Envelope(), HouseholdsLoaded(division="x" * n, households=()))

    room = LARGEST - len(encode(sized(0)))
    assert len(encode(sized(room))) == LARGEST
    with pytest.raises(Malformed):
        encode(sized(room + 1))


# --- round trip and oracle ------------------------------------------------------------------------------------------
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Mn", "Mc", "Me")), max_size=12).map(
    lambda text: unicodedata.normalize("NFC", text)
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ_09", max_size=6), inner, max_size=4),
)  # fmt: skip


@given(PLAIN)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(
    st.integers(0, 2**53 - 1), st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1)), WORDS, st.none() | WORDS,
    st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=3),
)  # fmt: skip
def test_what_is_written_is_read_as_it_was(
    number: int, at: datetime, place: str, who: str | None, rows: list[Any]
) -> None:
    envelope = replace(golden.WHO, person=who, device=who, purpose=None)
    fact = HouseholdsLoaded(division=place, households=tuple(rows))
    entry = Entry(number, at.replace(tzinfo=UTC), "0a" * 16, envelope, fact)
    assert parse(encode(entry)) == entry
