"""The strict gate against a table of attacks and against a slow, obvious reading of the same rules."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wire import gate
from authz.refusal import DupKey, Misshapen, Refusal, TooDeep, Unreadable

NAME = "\U00020bb7䶮〇㙟﨑\ufa1f\U0002ebf0\U00031350·Ａ"

REFUSED: list[tuple[str, bytes, type[Refusal]]] = [
    ("1 the same member twice", b'{"a":1,"a":1}', DupKey),
    ("1 the same member twice, deep inside", b'[{"x":{"a":1,"a":2}}]', DupKey),
    ("2 the same member after unescape", b'{"sub":1,"\\u0073ub":2}', DupKey),
    ("2 the same member after NFC", '{"\u00e9":1,"e\u0301":2}'.encode(), DupKey),
    ("2 the same member after unescape and NFC", b'{"\\u00e9":1,"e\\u0301":2}', DupKey),
    ("3 NaN", b'{"a":NaN}', Unreadable),
    ("3 Infinity", b"[Infinity]", Unreadable),
    ("3 minus Infinity", b"-Infinity", Unreadable),
    ("3 minus nothing", b'{"a":-0}', Unreadable),
    ("3 minus nothing as a fraction", b"[-0.0]", Unreadable),
    ("3 beyond a double", b"[1e999]", Unreadable),
    ("4 2^53 + 1", b"[9007199254740993]", Misshapen),
    ("4 minus 2^53 - 1", b"[-9007199254740993]", Misshapen),
    ("4 10^30", b"[1" + b"0" * 30 + b"]", Misshapen),
    ("5 five thousand digits", b"[" + b"9" * 5_000 + b"]", Unreadable),
    ("6 33 arrays", b"[" * 33 + b"]" * 33, TooDeep),
    ("6 33 objects", b'{"a":' * 33 + b"1" + b"}" * 33, TooDeep),
    ("6 one hundred thousand arrays", b"[" * 100_000 + b"]" * 100_000, TooDeep),
    ("7 NUL by escape", b'["\\u0000"]', Misshapen),
    ("7 NUL as a byte", b'["\x00"]', Unreadable),
    ("8 lone high surrogate", b'["\\ud800"]', Misshapen),
    ("8 lone low surrogate in a member's name", b'{"\\udc00":1}', Misshapen),
    ("8 surrogates the wrong way round", b'["\\ude00\\ud83d"]', Misshapen),
    ("8 a surrogate encoded in UTF-8", b'["\xed\xa0\x80"]', Unreadable),
    ("9 invalid UTF-8", b'["\xff"]', Unreadable),
    ("9 overlong slash", b'["\xc0\xaf"]', Unreadable),
    ("10 BOM", b"\xef\xbb\xbf{}", Unreadable),
    ("10 UTF-16", '{"a":1}'.encode("utf-16"), Unreadable),
    ("10 UTF-16 without BOM", '{"a":1}'.encode("utf-16-le"), Unreadable),
    ("31 zero-width space", '["640324\u200b"]'.encode(), Misshapen),
    ("35 right-to-left override", '["\u202e"]'.encode(), Misshapen),
    ("35 soft hyphen by escape", b'["a\\u00adb"]', Misshapen),
    ("35 DEL", b'["a\x7fb"]', Misshapen),
    ("35 escape character", b'["\\u001b[31m"]', Misshapen),
    ("35 backspace", b'["\\b"]', Misshapen),
    ("35 joiner between letters", '["a\u200db"]'.encode(), Misshapen),
    ("35 private use", '["\ue000"]'.encode(), Misshapen),
    ("35 a lost character", '["\ufffd"]'.encode(), Misshapen),
    ("35 Kelvin sign, which NFC makes a K", '["\u212a"]'.encode(), Misshapen),
    ("35 hidden, but outside any text", '[\u200b"a"]'.encode(), Unreadable),
    ("49 a fraction", b"[0.3]", Misshapen),
    ("49 an exponent", b"[1e2]", Misshapen),
    ("49 a fraction in broken JSON", b"[0.3", Unreadable),
    ("49 a fraction beside a double member", b'[0.3,{"a":1,"a":1}]', DupKey),
    ("nothing", b"", Unreadable),
    ("only space", b"  ", Unreadable),
    ("two values", b"{}{}", Unreadable),
    ("a comma too many", b"[1,]", Unreadable),
    ("single quotes", b"{'a':1}", Unreadable),
    ("leading zero", b"[01]", Unreadable),
    ("full-width digits as a number", "[１]".encode(), Unreadable),
    ("a line break inside a text", b'["a\nb"]', Unreadable),
    ("an unknown escape", b'["\\x41"]', Unreadable),
]

ACCEPTED: list[tuple[str, bytes, Any]] = [
    ("an object", b'{"a":[1,true,false,null,"x"]}', {"a": [1, True, False, None, "x"]}),
    ("2^53", b"[9007199254740992,-9007199254740992]", [2**53, -(2**53)]),
    ("zero", b"[0]", [0]),
    ("32 arrays", b"[" * 32 + b"]" * 32, None),
    ("33 brackets that are no nesting", b"[" + b",".join([b"[]"] * 40) + b"]", [[]] * 40),
    ("brackets inside a text", b'["' + b"[" * 50 + b'"]', ["[" * 50]),
    ("36 rare Han, byte for byte", json.dumps([NAME], ensure_ascii=False).encode(), [NAME]),
    ("36 rare Han by escape", json.dumps([NAME]).encode(), [NAME]),
    ("34 NFD becomes NFC", '["e\u0301"]'.encode(), ["\u00e9"]),
    ("34 NFD beside a kept ideograph", '["e\u0301\ufa1f"]'.encode(), ["\u00e9\ufa1f"]),
    ("38 emoji", '["😀👨\u200d👩\u200d👧❤\ufe0f"]'.encode(), ["😀👨\u200d👩\u200d👧❤\ufe0f"]),
    ("40 quotes and backslash", b'["\' OR 1=1--","\\";","\\\\"]', ["' OR 1=1--", '";', "\\"]),
    ("42 templates", b'["{{7*7}}","${x}","%s","{0.__class__}"]', ["{{7*7}}", "${x}", "%s", "{0.__class__}"]),
    ("lines and tabs", b'["a\\r\\n\\tb"]', ["a\r\n\tb"]),
    ("a scalar", b' "x" ', "x"),
]


@pytest.mark.parametrize(("body", "refusal"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_attack_is_refused(body: bytes, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal) as caught:
        gate.parse(body)
    assert type(caught.value) is refusal


@pytest.mark.parametrize(("body", "value"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_honest_body_is_accepted(body: bytes, value: Any) -> None:
    parsed = gate.parse(body)
    assert value is None or parsed == value


def test_fractions_pass_only_where_asked() -> None:
    assert gate.parse(b"[0.5]", fractions=True) == [0.5]
    with pytest.raises(Unreadable):
        gate.parse(b"[1e999]", fractions=True)


# --- the oracle: reads everything with the plain library, then judges character by character ------------------------
class _Pairs(list[tuple[str, Any]]):
    pass


def _form(value: Any, depth: int = 1) -> None:
    if isinstance(value, list):
        if depth > 32:
            raise Unreadable
        if isinstance(value, _Pairs):
            names = [unicodedata.normalize("NFC", name) for name, _ in value]
            if any(names.count(name) > 1 for name in names):
                raise Unreadable
        for inner in value:
            _form(inner[1] if isinstance(value, _Pairs) else inner, depth + 1)
    if isinstance(value, float) and (not math.isfinite(value) or str(value) == "-0.0"):
        raise Unreadable


def _content(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {_text(name): _content(inner) for name, inner in value}
    if isinstance(value, list):
        return [_content(inner) for inner in value]
    if isinstance(value, float) or (type(value) is int and abs(value) > 2**53):
        raise Misshapen
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    for character in text:
        kind = unicodedata.category(character)
        if character not in "\t\n\r" and kind in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
            raise Misshapen
    return unicodedata.normalize("NFC", text)


def _verdict(read: Any) -> Any:
    try:
        return "value", json.dumps(read())
    except Unreadable:
        return "unreadable", None
    except Misshapen:
        return "misshapen", None


def _oracle(body: bytes) -> Any:
    try:
        value = json.loads(body.decode(), object_pairs_hook=_Pairs)
    except ValueError:
        raise Unreadable from None
    _form(value)
    return _content(value)


LETTERS = st.sampled_from(list('aeé\u0301县张0 \t\n"\\/{}[]:,-😀\U00020bb7\u202e\u200b\u00ad\x7f\u0000\u001b\ue000'))
TEXTS = st.text(LETTERS, max_size=6)
NUMBERS = st.sampled_from([0, 1, -7, 2**53, 2**53 + 1, -(2**53) - 1, 10**30]) | st.sampled_from(
    [0.5, -0.0, 1e300, math.inf, math.nan]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.integers(0, 36))
def test_gate_agrees_with_the_oracle_on_values(value: Any, ascii_only: bool, wrapped: int) -> None:
    body = b"[" * wrapped + json.dumps(value, ensure_ascii=ascii_only).encode() + b"]" * wrapped
    assert _verdict(lambda: gate.parse(body)) == _verdict(lambda: _oracle(body))


PIECES = st.sampled_from([*'"{}[]:,1-.aé \u200b', "e9", "\\u00", "61"])


@given(st.lists(PIECES, max_size=14).map("".join))
def test_gate_agrees_with_the_oracle_on_broken_text(text: str) -> None:
    body = text.encode()
    assert _verdict(lambda: gate.parse(body)) == _verdict(lambda: _oracle(body))


@given(st.binary(max_size=30))
def test_any_bytes_give_a_value_or_a_refusal(body: bytes) -> None:
    assert _verdict(lambda: gate.parse(body))[0] in {"value", "unreadable", "misshapen"}


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]), max_size=40))
def test_what_passes_is_stable(text: str) -> None:
    try:
        once = gate.clean(text)
    except Misshapen:
        return
    assert gate.clean(once) == once


def test_plain_library_lets_the_attacks_through() -> None:
    """The negative control: without the gate most of the table is accepted."""
    passed = 0
    for _, body, _ in REFUSED:
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            continue
        passed += 1
    assert passed > len(REFUSED) // 2
