"""RFC 8785 as a whole: numbers as the standard lists them, an oracle, and the fast encoder of entries against it."""

from __future__ import annotations

import json
import math
import struct
import unicodedata
from typing import Any

import pytest
import rfc8785 as oracle
from hypothesis import given
from hypothesis import strategies as st

from audit import canonical
from audit.canonical import Malformed, rfc8785

APPENDIX_B = {
    "0000000000000000": "0", "8000000000000000": "0", "0000000000000001": "5e-324", "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308", "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992", "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000", "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23", "44b52d02c7e14af7": "1.0000000000000001e+23", "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000", "444b1ae4d6e2ef50": "1e+21", "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001", "41b3de4355555553": "333333333.3333332", "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333", "41b3de4355555556": "333333333.3333334", "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333", "43143ff3c1cb0959": "1424953923781206.2",
}  # fmt: skip
"""Doubles by their bits, as RFC 8785, appendix B lists them."""
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@pytest.mark.parametrize("bits", APPENDIX_B)
def test_numbers_are_printed_as_the_standard_lists_them(bits: str) -> None:
    assert canonical.number(struct.unpack(">d", bytes.fromhex(bits))[0]) == APPENDIX_B[bits]


@given(st.integers(0, 2**64 - 1))
def test_a_number_of_any_bits_is_read_back_and_printed_shortest(bits: int) -> None:
    value = struct.unpack(">d", struct.pack(">Q", bits))[0]
    if not math.isfinite(value):
        with pytest.raises(Malformed):
            canonical.number(value)
        return
    printed = canonical.number(value)
    assert float(printed) == value
    assert printed.encode() == oracle.dumps(value)


@given(PLAIN)
def test_the_bytes_are_those_of_another_implementation(value: Any) -> None:
    assert rfc8785(value) == oracle.dumps(value)


@given(PLAIN)
def test_what_is_written_is_read_back_and_written_alike(value: Any) -> None:
    found = rfc8785(value)
    again = json.loads(found, parse_int=lambda text: float(text) if abs(int(text)) >= 2**53 else int(text))
    assert again == value
    assert rfc8785(again) == found


@given(st.dictionaries(TEXT, st.none(), min_size=2), st.randoms())
def test_members_are_in_the_order_of_utf_16_whatever_order_they_came_in(value: dict[str, None], dice: Any) -> None:
    names = list(value)
    dice.shuffle(names)
    found = rfc8785(dict.fromkeys(names))
    assert found == rfc8785(value)
    units = [
        list(struct.unpack(f">{len(name.encode('utf-16-be')) // 2}H", name.encode("utf-16-be")))
        for name in json.loads(found)
    ]
    assert units == sorted(units)


@given(PLAIN)
def test_the_encoder_of_entries_writes_the_same_bytes_or_none(value: Any) -> None:
    try:
        assert canonical.canonical(value) == rfc8785(value)
    except Malformed:
        assert not narrow(value)
    else:
        assert narrow(value)


def narrow(value: Any) -> bool:
    """The profile as docs/formats.md states it."""
    match value:
        case dict():
            return all(name.isascii() and narrow(each) for name, each in value.items())
        case list():
            return all(map(narrow, value))
        case str():
            return unicodedata.is_normalized("NFC", value)
        case float():
            return False
    return True


ASCII = st.text(st.characters(codec="ascii"), max_size=8)
NARROW = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | TEXT.map(lambda text: unicodedata.normalize("NFC", text)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ASCII, inner, max_size=4),
)


@given(NARROW)
def test_every_value_of_the_profile_has_the_same_bytes_in_both(value: Any) -> None:
    assert canonical.canonical(value) == rfc8785(value)


@pytest.mark.parametrize("value", [
    float("nan"), float("inf"), -float("inf"), 2**53, -(2**53), "\ud800", {"\udc00": 1}, {1: 2}, b"x", {1}, ...,
], ids=repr)  # fmt: skip
def test_what_the_standard_has_no_bytes_for_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        rfc8785([value])


def test_a_value_nested_too_deep_is_refused() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Malformed):
        rfc8785(value)


def test_the_order_of_code_points_would_be_another() -> None:
    """The negative control: beyond the profile, the encoder of entries would be wrong, so it refuses."""
    value = {"\ufb33": 1, "\U0001f600": 2}
    assert rfc8785(value) != json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    with pytest.raises(Malformed):
        canonical.canonical(value)
