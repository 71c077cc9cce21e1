"""Rereading: the log and the vault streamed in pieces, and entries parsed as `entry.parse` does, several times faster.

`parse` accepts and refuses exactly the same bytes: it decodes with hooks that refuse what the narrow profile has no
bytes for, encodes again and compares, and knows the types of a fact's members from its class. Pieces come by COPY, so
that nothing but one piece lies in memory.
"""

from __future__ import annotations

import json
import re
import struct
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast
from unicodedata import is_normalized

from sqlalchemy import Connection

from audit.canonical import LARGEST, Malformed, canonical
from audit.entry import Entry, Envelope
from authz import fact as facts
from authz.fact import Fact, instant, moment

PIECE = 4_000
GAP, NULL = "\x1f", "\x1e"
"""What parts two columns, and what stands for null: no value of a column holds either."""
_BOUND = 2**53
_ACT = re.compile("[0-9a-f]{32}")
_ENVELOPE = frozenset(Envelope.__slots__)
COLUMNS = (
    "at", "act", "kind", "decision", "person", "unit", "division", "cell", "operation", "grant_number", "household",
    "data_year", "quarter", "subject",
)  # fmt: skip
_WRITTEN = {
    "at": """to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "act": "replace(act::text, '-', '')",
}
_LINE = " || E'\\x1f' || ".join(_WRITTEN.get(each, f"coalesce({each}::text, E'\\x1e')") for each in COLUMNS)
_ENTRIES = (
    f"COPY (SELECT number, convert_to({_LINE}, 'UTF8'), leaf, bytes FROM public.entry WHERE number > {{0}}"  # noqa: S608
    " ORDER BY number LIMIT {1}) TO STDOUT (FORMAT BINARY)"
)
_VALUES = (
    "COPY (SELECT entry, convert_to(path, 'UTF8'), salt, convert_to(value, 'UTF8') FROM public.vault WHERE {0}"
    " ORDER BY entry, path LIMIT {1}) TO STDOUT (FORMAT BINARY)"
)
_LEAVES = (
    "COPY (SELECT begin, hashes, ''::bytea, ''::bytea FROM public.leaves WHERE begin > {0} AND begin <= {1}"
    " ORDER BY begin) TO STDOUT (FORMAT BINARY)"
)
_HEADER, _TRAILER = 19, 2
_number = struct.Struct(">hiqi").unpack_from
_length = struct.Struct(">i").unpack_from


class Row(NamedTuple):
    """A stored row: its number, its columns in one line, leaf and bytes."""

    number: int
    columns: bytes
    leaf: bytes
    content: bytes


class Value(NamedTuple):
    """A row of the vault."""

    entry: int
    path: str
    salt: bytes
    value: str


def entries(connection: Connection) -> Iterator[list[Row]]:
    """All rows of the log by number, piece by piece."""
    last = -(2**62)
    while piece := [Row(*each) for each in _copied(connection, _ENTRIES.format(last, PIECE))]:
        yield piece
        last = piece[-1].number


def values(connection: Connection) -> Iterator[Value]:
    """All rows of the vault by entry; those of one entry are never parted."""
    last = -(2**62)
    while piece := _valued(connection, f"entry > {last}", PIECE):
        last = piece[-1].entry
        if len(piece) < PIECE:
            yield from piece
            return
        yield from (each for each in piece if each.entry != last)
        yield from _valued(connection, f"entry = {last}", "ALL")


def leaves(connection: Connection, after: int, last: int) -> list[tuple[int, bytes]]:
    """The kept leaf hashes in rows that begin behind the one entry and up to the other."""
    return [(begin, hashes) for begin, hashes, _, _ in _copied(connection, _LEAVES.format(after, last))]


def _valued(connection: Connection, which: str, limit: int | str) -> list[Value]:
    found = _copied(connection, _VALUES.format(which, limit))
    return [Value(number, path.decode(), salt, value.decode()) for number, path, salt, value in found]


def _copied(connection: Connection, statement: str) -> Iterator[tuple[int, bytes, bytes, bytes]]:
    """The rows of a binary COPY: a bigint and three values of bytes, each behind its length."""
    cursor = cast(Any, connection.connection.driver_connection).cursor()
    with cursor.copy(statement) as copy:
        found = b"".join(copy)
    place, end = _HEADER, len(found) - _TRAILER
    while place < end:
        number = _number(found, place)[2]
        first = place + 18
        second = first + _length(found, first - 4)[0] + 4
        third = second + _length(found, second - 4)[0] + 4
        place = third + _length(found, third - 4)[0]
        yield number, found[first : second - 4], found[second : third - 4], found[third:place]


def columns(entry: Entry) -> bytes:
    """The line of columns that the bytes of an entry demand."""
    who, fact = entry.envelope, entry.fact
    found = fact.search().get
    told = (
        fact.decision, who.person, who.unit, found("division"), found("cell"), found("operation"), found("grant"),
        found("household"), found("data_year"), found("quarter"), found("subject"),
    )  # fmt: skip
    written = GAP.join([NULL if each is None else str(each) for each in told])
    return f"{instant(entry.at)}{GAP}{entry.act}{GAP}{fact.kind}{GAP}{written}".encode()


# --- parsing --------------------------------------------------------------------------------------------------------
def _integer(text: str) -> int:
    found = int(text)
    if not -_BOUND < found < _BOUND:
        raise Malformed("an integer is out of range")
    return found


def _no(text: str) -> Any:
    raise Malformed("not a number of the narrow profile")


_decode = json.JSONDecoder(parse_int=_integer, parse_float=_no, parse_constant=_no).raw_decode
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def parse(found: bytes) -> Entry:
    """The entry these bytes are; Malformed for exactly what `entry.parse` refuses."""
    try:
        text = found.decode()
        plain, end = _decode(text)
        if end != len(text) or len(found) > LARGEST or type(plain) is not dict or _encode(plain) != text:
            raise Malformed("the bytes are not canonical")
        if not text.isascii() and not is_normalized("NFC", text):
            raise Malformed("text is not in normal form C")
        version, number, at, act, fact = [plain.pop(name) for name in ("v", "number", "at", "act", "fact")]
        if type(version) is not int or version != 1:
            raise Malformed("not an entry of version 1")
        if type(number) is not int or number < 0 or type(act) is not str or not _ACT.fullmatch(act):
            raise Malformed("the number or the act reference is of another form")
        if plain.keys() != _ENVELOPE:
            raise Malformed("the envelope has other members")
        post = plain.pop("post")
        if (post is not None and type(post) is not int) or not all(
            each is None or type(each) is str for each in plain.values()
        ):
            raise Malformed("the envelope holds a value of another type")
        return Entry(number, moment(at), act, Envelope(post=post, **plain), _fact(fact))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise error if isinstance(error, Malformed) else Malformed(f"not an entry: {type(error).__name__}") from error


def _fact(plain: dict[str, Any]) -> Fact:
    kind = facts.KINDS[plain.pop("kind")]
    checks, complete = _CHECKS.get(kind.kind) or _checks(kind)
    if plain.keys() != complete:
        raise Malformed(f"{kind.kind} has other members")
    for name, allowed, inner in checks:
        value = plain[name]
        if type(value) not in allowed:
            raise Malformed(f"{kind.kind}.{name} holds a value of another type")
        if inner is not None and value is not None:
            plain[name] = inner(value)
    return kind(**plain)


Check = tuple[str, frozenset[type], Callable[[Any], Any] | None]


_CHECKS: dict[str, tuple[tuple[Check, ...], frozenset[str]]] = {}


def _checks(kind: type[Fact]) -> tuple[tuple[Check, ...], frozenset[str]]:
    """For each member: the types its value may have, and how its inside is read."""
    hints = typing.get_type_hints(kind)
    found = []
    for name in kind._names:
        allowed, inner = _allowed(hints[name])
        found.append((name, allowed, inner))
    _CHECKS[kind.kind] = tuple(found), frozenset(kind._names)
    return _CHECKS[kind.kind]


def _allowed(hint: Any) -> tuple[frozenset[type], Callable[[Any], Any] | None]:
    origin, null = typing.get_origin(hint), frozenset[type]()
    if origin in (types.UnionType, typing.Union):
        null = frozenset((type(None),))
        hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
        origin = typing.get_origin(hint)
    if origin is tuple:
        allowed, inner = _allowed(typing.get_args(hint)[0])
        return null | {list}, _each(allowed, inner)
    if hint is Any or origin is dict or hint is dict:
        return frozenset((dict, list, str, int, bool, type(None))), _free
    return null | {hint}, None


def _free(value: Any) -> Any:
    """An object of any members: their names are ASCII, which only `canonical` asks."""
    canonical(value)
    return value


def _each(allowed: frozenset[type], inner: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    def read(values: list[Any]) -> tuple[Any, ...]:
        if not all(type(each) in allowed for each in values):
            raise Malformed("a list holds a value of another type")
        return tuple(values) if inner is None else tuple([None if each is None else inner(each) for each in values])

    return read
