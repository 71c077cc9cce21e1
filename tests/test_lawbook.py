"""A bundle gives back exactly its files, and nothing else passes for one; a law is parsed once for all who ask."""

from __future__ import annotations

import pytest
from acts import FOLDER
from hypothesis import given
from hypothesis import strategies as st

from api import policies
from api.commands import greeting
from api.settings import Settings
from audit import lawbook
from authz import bundle, calendar, lineage, table

FILES = st.dictionaries(st.text(alphabet="abc._/é", min_size=1, max_size=6), st.binary(max_size=30), max_size=4)


@given(FILES)
def test_what_is_packed_is_unpacked(files: dict[str, bytes]) -> None:
    assert bundle.unpack(bundle.pack(files)) == files


@given(FILES, st.data())
def test_a_stream_that_was_touched_is_no_bundle_or_another_one(files: dict[str, bytes], data: st.DataObject) -> None:
    stream = bundle.pack({**files, "x": b"content"})
    place = data.draw(st.integers(0, len(stream) - 1))
    for other in (stream[:place], stream[:place] + bytes([stream[place] ^ 1]) + stream[place + 1 :], stream + b"x"):
        try:
            found = bundle.unpack(other)
        except ValueError:
            continue
        assert bundle.pack(found) == other != stream


@pytest.mark.parametrize(
    "stream", [b"a\x0001\0b", b"b\x001\0xa\x001\0x", b"a\x001\0xa\x001\0x", b"a\0-1\0", b"\xff\x000\0", b"a"]
)
def test_a_stream_that_would_not_be_written_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match=r"bundle|decode"):
        bundle.unpack(stream)


def test_the_law_is_the_same_value_for_all_who_ask() -> None:
    book = policies.open_lawbook(FOLDER)
    first = book.law
    assert book(None, book.charter) is first  # type: ignore[arg-type]
    assert first.lineage.known_once("640323104")
    assert not first.divisions.known("640323104")


def test_what_is_kept_stays_small() -> None:
    store: dict[int, int] = {}
    for number in range(3 * lawbook.MOST_KEPT):
        assert lawbook._kept(store, number, lambda made=number: made) == number
    assert len(store) <= lawbook.MOST_KEPT


@given(st.lists(st.integers(0, 3 * lawbook.MOST_KEPT), max_size=200))
def test_what_is_in_use_is_kept_however_much_else_is_looked_at(others: list[int]) -> None:
    """The law in force is asked for by every batch; nobody makes it be parsed again under the lock."""
    store: dict[int, int] = {}
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    for other in others:
        for number in (-1, other):
            assert lawbook._kept(store, number, lambda number=number: make(number)) == number
    assert made.count(-1) <= 1
    assert len(store) <= lawbook.MOST_KEPT
    # The control: what is not in use goes.
    assert len(set(others)) < lawbook.MOST_KEPT or len({*others} - {*store}) > 0


@pytest.mark.parametrize(("parse", "part", "name"), [
    (lambda files: lineage.parse_bundle("2023-06-30", files), "divisions", "ningxia_history.csv"),
    (calendar.parse_bundle, "calendars", "layers.csv"), (calendar.parse_bundle, "calendars", "cn_holiday_adjustments_2021_2026.csv"),
])  # fmt: skip
def test_a_part_of_the_law_has_exactly_its_files(parse: object, part: str, name: str) -> None:
    files = policies.tables(FOLDER / part)
    assert callable(parse)
    assert parse(files)
    for other in ({key: files[key] for key in files if key != name}, files | {"more.csv": b"date\n"}):
        with pytest.raises(table.BadTable):
            parse(other)


def test_the_console_says_what_the_folder_would_change() -> None:
    settings = Settings.read({})
    told = greeting.service(settings, ("policy",))
    assert greeting.CHANGED["policy"] in told
    assert greeting.CHANGED["edition"] not in told
    assert "注意" not in greeting.service(settings)
