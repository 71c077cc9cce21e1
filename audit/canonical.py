"""Canonical JSON: RFC 8785 as a whole, and in front of it the narrow profile in which entries are written.

    rfc8785(value)    what the standard has bytes for: members by UTF-16 unit, numbers as ECMAScript prints doubles
    canonical(value)  the same bytes, but only for values of the profile, and fast

The profile: object names are ASCII, numbers are integers of magnitude < 2**53, text is NFC without lone surrogates,
nothing else exists. In it, sorting by code point is sorting by UTF-16 unit and integers print as themselves, so a value
is admitted and written in one pass; tests/test_canonical.py holds the two ways against each other.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, Final

LARGEST = 65_535
"""Bytes in an entry at most: the length prefix of a C2SP entry bundle has 16 bits."""
_BOUND = 2**53
_PLAIN = 21
"""Digits before the point up to which ECMAScript writes no exponent."""
_SMALL = -6
_quoted: Callable[[str], str] = encode_basestring  # as json.dumps(ensure_ascii=False) quotes


class Malformed(ValueError):
    """This value has no canonical bytes, or these bytes are not an entry this service could have written."""


class Oversized(Malformed):
    """The fact would not fit into one entry."""


def canonical(plain: Any) -> bytes:
    """RFC 8785 bytes of a value of the narrow profile."""
    return sealed(SPELL[type(plain)](plain))


def sealed(text: str) -> bytes:
    """The bytes of a spelled value, once all its text is seen to be in normal form."""
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        raise Malformed("text is not in normal form C")
    found = _encoded(text)
    if len(found) > LARGEST:
        raise Oversized("an entry is at most 65,535 bytes")
    return found


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Malformed("text holds a lone surrogate") from None


class _Spelling(dict[type, Callable[[Any], str]]):
    """How a value of each type is spelled. It is asked for every value of every entry, so a look-up must do."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        raise Malformed(f"a value of type {kind.__name__} has no canonical form")


def _spelled_integer(value: int) -> str:
    if not -_BOUND < value < _BOUND:
        raise Malformed("an integer is out of range")
    return str(value)


def _spelled_list(value: Sequence[Any]) -> str:
    return f"[{','.join([SPELL[type(each)](each) for each in value])}]" if value else "[]"


def _spelled_object(value: Mapping[str, Any]) -> str:
    if not all(type(name) is str and name.isascii() for name in value):
        raise Malformed("a member name is not ASCII text")
    return f"{{{','.join([f'{_quoted(name)}:{SPELL[type(value[name])](value[name])}' for name in sorted(value)])}}}"


SPELL: Final = _Spelling({
    str: _quoted, int: _spelled_integer, type(None): lambda _: "null", bool: lambda value: "true" if value else "false",
    tuple: _spelled_list, list: _spelled_list, dict: _spelled_object,
})  # fmt: skip
"""By type, how a value of the narrow profile is written; any other type is Malformed."""


# --- the whole standard ---------------------------------------------------------------------------------------------
def rfc8785(value: Any) -> bytes:
    """The bytes of any JSON value; Malformed for what it refuses. A large integer is given as the double it is."""
    try:
        return _encoded("".join(_pieces(value)))
    except RecursionError:
        raise Malformed("the value is nested too deep") from None


def _pieces(value: Any) -> Iterator[str]:
    kind = type(value)
    if value is None or kind is bool or kind is str:
        yield SPELL[kind](value)
    elif kind is int:
        if not -_BOUND < value < _BOUND:
            raise Malformed("an integer is out of range")
        yield str(value)
    elif kind is float:
        yield number(value)
    elif kind is dict:
        if not all(type(name) is str for name in value):
            raise Malformed("a member name is not text")
        yield "{"
        for place, name in enumerate(sorted(value, key=_units)):
            yield f"{',' if place else ''}{_quoted(name)}:"
            yield from _pieces(value[name])
        yield "}"
    elif kind in (list, tuple):
        yield "["
        for place, each in enumerate(value):
            if place:
                yield ","
            yield from _pieces(each)
        yield "]"
    else:
        raise Malformed(f"a value of type {kind.__name__} has no canonical form")


def _units(name: str) -> bytes:
    """UTF-16, the higher byte first, compares as the units do (RFC 8785, section 3.2.3)."""
    return name.encode("utf-16-be", "surrogatepass")


def number(value: float) -> str:
    """A double as ECMAScript prints it (ECMA-262, Number::toString): the shortest digits that are read back as it."""
    if not math.isfinite(value):
        raise Malformed("a number is not finite")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return sign + _placed(digits.rstrip("0"), point)


def _placed(digits: str, point: int) -> str:
    """These digits with the point behind so many of them."""
    if len(digits) <= point <= _PLAIN:
        return digits.ljust(point, "0")
    if 0 < point <= _PLAIN:
        return f"{digits[:point]}.{digits[point:]}"
    if _SMALL < point <= 0:
        return f"0.{'0' * -point}{digits}"
    more = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{more}e{'+' if point > 0 else '-'}{abs(point - 1)}"
