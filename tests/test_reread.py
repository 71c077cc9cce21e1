"""The fast parser against the slow one: the same entries, and the same bytes refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import entry, reread, vocabulary
from audit.canonical import Malformed
from audit.entry import Entry

PINNED = json.loads((Path(__file__).parent / "golden/entries.json").read_text(encoding="utf-8"))
GOLDEN = [each["bytes"].encode() for each in PINNED.values()]
assert vocabulary.MODULES


def outcome(parse: Any, content: bytes) -> Entry | type[Exception]:
    try:
        found: Entry = parse(content)
    except Malformed:
        return Malformed
    return found


@pytest.mark.parametrize("content", GOLDEN, ids=list(PINNED))
def test_every_kind_is_read_alike(content: bytes) -> None:
    assert reread.parse(content) == entry.parse(content)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A golden entry with one member of any depth replaced, renamed, added or left out, in canonical or other bytes."""
    plain: Any = json.loads(draw(st.sampled_from(GOLDEN)))
    place = plain
    while True:
        inner = [name for name, each in place.items() if isinstance(each, dict) and each]
        if not inner or draw(st.booleans()):
            break
        place = place[draw(st.sampled_from(inner))]
    name = draw(st.sampled_from(sorted(place)))
    value: Any = draw(st.sampled_from([
        None, True, False, 0, 1, -1, 1.0, 2**53, 2**53 - 1, "", "x", "e\u0301", "\u00e9", [], [None], [[]], [["x", None]], {}, {"\u540d": 1},
        {"a": 2**53}, {"a": "e\u0301"}, "a" * 70000,
    ]))  # fmt: skip
    match draw(st.sampled_from(["replace", "add", "drop", "keep"])):
        case "replace":
            place[name] = value
        case "add":
            place["other"] = value
        case "drop":
            del place[name]
    written = json.dumps(plain, sort_keys=draw(st.integers(0, 9)) > 0, ensure_ascii=draw(st.integers(0, 9)) == 0,
                         separators=draw(st.sampled_from([(",", ":")] * 9 + [(", ", ":")])))  # fmt: skip
    return written.encode()


@given(spoiled())
def test_spoiled_entries_are_judged_alike(content: bytes) -> None:
    assert outcome(reread.parse, content) == outcome(entry.parse, content)


@given(st.sampled_from(GOLDEN), st.data())
def test_changed_bytes_are_judged_alike(content: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    piece = data.draw(st.binary(max_size=3))
    changed = content[:place] + piece + content[place + data.draw(st.integers(0, 2)) :]
    assert outcome(reread.parse, changed) == outcome(entry.parse, changed)
