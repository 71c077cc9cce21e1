"""The one strict gate: bytes of a request in, plain JSON values out, or a refusal.

    bytes --utf-8--> text --json, no duplicate member--> value --characters, NFC, depth <= 32--> value

    not JSON, not UTF-8, a BOM, NaN, 1e999, -0, a member twice, too deep    Unreadable and its kinds (400)
    a fraction, an integer beyond 2^53, a character nobody can see          Misshapen (422)

RFC 8259 leaves duplicate members and number range open; RFC 7493 (I-JSON) closes them, and so do we. Text leaves the
gate in NFC, so one name has one spelling; compatibility ideographs are kept, because people bear them in their names.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from authz.refusal import DupKey, Misshapen, TooDeep, Unreadable

DEEPEST = 32
LARGEST = 2**53
LONGEST_NUMBER = 1_000

# Controls, invisible and direction-changing marks, private use, non-characters, halves of surrogate pairs, the sign of
# a lost character (U+FFFD), and three signs that NFC would turn into ASCII. Variation selectors stay: emoji and
# registered forms of Han characters need them.
_HIDDEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u037e\u061c\u115f\u1160\u17b4\u17b5\u180e\u1fef"
    "\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u212a\u3164\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufeff\uffa0"
    "\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000effff"
    "\U000f0000-\U0010ffff"
)
# A zero-width joiner is allowed where it joins two emoji, nowhere else; it is looked at only where one was seen.
_SUSPECT = re.compile(f"[\u200d{_HIDDEN}]")
_FORBIDDEN = re.compile(
    f"[{_HIDDEN}]|(?<![\ufe0f\u2600-\u27bf\U0001f000-\U0001faff])\u200d|\u200d(?![\u2190-\u2bff\U0001f000-\U0001faff])"
)
# What nearly all bodies are made of: visible, already in NFC, matched in one pass.
_PLAIN = re.compile("[\t\n\r\x20-\x7e\u3000-\u3029\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e]*")
_KEPT = re.compile("([\uf900-\ufaff\U0002f800-\U0002fa1f]+)")

_UNSEEN = "文字中含有不可见字符、控制字符或无法识别的字符，请删除后重新填写"


def forbidden(text: str) -> bool:
    """Whether the text holds a character that nobody can see or that changes how the rest is read."""
    return _SUSPECT.search(text) is not None and _FORBIDDEN.search(text) is not None


def composed(text: str) -> str:
    """The text in NFC, its compatibility ideographs untouched."""
    if unicodedata.is_normalized("NFC", text):
        return text
    return "".join(
        part if number % 2 else unicodedata.normalize("NFC", part) for number, part in enumerate(_KEPT.split(text))
    )


def clean(text: str) -> str:
    """The text fit to be stored: no forbidden character, NFC."""
    if _PLAIN.fullmatch(text):
        return text
    if forbidden(text):
        raise Misshapen(_UNSEEN)
    return composed(text)


def parse(body: bytes, *, fractions: bool = False) -> Any:
    """The JSON value of a body. `fractions` lets finite floats pass, for routes whose standard ignores what it does
    not know (AuthZEN)."""
    text = _decoded(body)
    # Without a backslash every string stands in the text as it is, so one look at the whole text is enough.
    escaped = "\\" in text
    if not escaped and not _PLAIN.fullmatch(text):
        if forbidden(text):
            _must_be_json(text)
            raise Misshapen(_UNSEEN)
        text = composed(text)
    value = _loaded(text, _OPEN if fractions else _STRICT)
    if text.count("{") + text.count("[") > DEEPEST:
        _must_be_shallow(value)
    return _cleaned(value) if escaped else value


def _decoded(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("报文不是 UTF-8 编码，请改用 UTF-8（不带 BOM）提交") from None
    if text.startswith("\ufeff"):
        raise Unreadable("报文开头带有 BOM，请去掉后重新提交")
    return text


def _loaded(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(text)
    except Misshapen:
        # A wrong value inside broken JSON is broken JSON: the form is judged before the content.
        _must_be_json(text)
        raise
    except RecursionError:
        raise TooDeep from None
    except ValueError:
        raise Unreadable from None


def _must_be_json(text: str) -> None:
    _must_be_shallow(_loaded(text, _LENIENT))


def _must_be_shallow(value: Any) -> None:
    level = [value] if type(value) in _NESTING else []
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _NESTING
        ]
        if not level:
            return
    raise TooDeep


def _cleaned(value: Any) -> Any:
    """The value with each string clean; its depth is already bounded."""
    if type(value) is str:
        return clean(value)
    if type(value) is list:
        return [_cleaned(inner) for inner in value]
    if type(value) is dict:
        return _members([(clean(name), _cleaned(inner)) for name, inner in value.items()])
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DupKey
    return members


def _integer(digits: str) -> int:
    if len(digits) < _SAFE_LENGTH and digits != "-0":
        return int(digits)
    _any_integer(digits)
    if abs(number := int(digits)) > LARGEST:
        raise Misshapen("数字超出允许的范围，请核对后重新填写")
    return number


def _any_integer(digits: str) -> int:
    if digits == "-0" or len(digits) > LONGEST_NUMBER:
        raise Unreadable("数字写法不正确，请按接口文档填写")
    return 0


def _fraction(digits: str) -> float:
    if len(digits) > LONGEST_NUMBER or not math.isfinite(number := float(digits)) or (not number and digits[0] == "-"):
        raise Unreadable("数字写法不正确，请按接口文档填写")
    return number


def _no_fraction(digits: str) -> float:
    _fraction(digits)
    raise Misshapen("只接受整数，不接受小数或指数写法；金额请以分为单位填写")


def _no_constant(_: str) -> Any:
    raise Unreadable("数字写法不正确，请按接口文档填写")


def _decoder(integer: Callable[[str], int], fraction: Callable[[str], float]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_members, parse_int=integer, parse_float=fraction, parse_constant=_no_constant
    )


_NESTING = (dict, list)
_SAFE_LENGTH = len(str(LARGEST))
_STRICT = _decoder(_integer, _no_fraction)
_OPEN = _decoder(_integer, _fraction)
_LENIENT = _decoder(_any_integer, _fraction)
