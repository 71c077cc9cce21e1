"""Signed notes: parsing accepts exactly what printing prints, and raises nothing but its own error."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import note
from audit.note import BadNote, Note, Signature

plain = st.text(st.characters(codec="utf-8", exclude_characters=[chr(each) for each in range(32) if each != 10]))
names = plain.filter(note.named)
signatures = st.builds(Signature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80))
notes = st.builds(Note, plain.map(lambda text: text + "\n"), st.lists(signatures, min_size=1, max_size=5).map(tuple))
ONE = note.format(Note("a text\n", (Signature("example.org/log", b"keyi", b"signature"),)))
TAIL = base64.b64encode(b"keyisignature").decode()


@given(notes)
def test_a_printed_note_is_parsed_to_itself(written: Note) -> None:
    printed = note.format(written)
    assert note.parse(printed) == note.parse(printed.encode()) == written


@given(st.one_of(st.text(), st.binary(), notes.map(note.format)), st.integers(0, 400), st.text(max_size=2))
def test_whatever_is_parsed_prints_itself_and_all_else_is_a_bad_note(
    given_: str | bytes, place: int, piece: str
) -> None:
    text = given_ if isinstance(given_, bytes) else given_[:place] + piece + given_[place + 1 :]
    try:
        found = note.parse(text)
    except BadNote:
        return
    assert note.format(found) == (text.decode() if isinstance(text, bytes) else text)


BAD = {
    "empty": "",
    "text_alone": "a text\n",
    "no_signature": "a text\n\n",
    "no_last_line_end": ONE[:-1],
    "line_after_signatures": ONE + "more\n",
    "blank_line_after_signatures": ONE + "\n",
    "hyphen_for_dash": ONE.replace("—", "-"),
    "two_blanks": ONE.replace("— ", "—  "),
    "no_blank": ONE.replace("— ", "—"),
    "trailing_blank": ONE[:-1] + " \n",
    "carriage_return": ONE.replace("\n", "\r\n"),
    "tab_in_text": "\t" + ONE,
    "nul_in_text": "\0" + ONE,
    "surrogate": "\ud800" + ONE,
    "name_with_plus": ONE.replace("example.org", "example+org"),
    "name_with_wide_blank": ONE.replace("example.org", "example\u3000org"),
    "no_name": f"a text\n\n—  {TAIL}\n",
    "base64_not_padded": ONE.replace(TAIL, TAIL.rstrip("=")),
    "base64_with_loose_bits": ONE.replace(TAIL, TAIL[:-3] + "R=="),
    "base64_url_alphabet": ONE.replace(TAIL, "-___"),
    "base64_of_key_id_alone": ONE.replace(TAIL, base64.b64encode(b"keyi").decode()),
    "base64_not_ascii": ONE.replace(TAIL, "１１１１"),
    "signatures_101": "a text\n\n" + ONE.splitlines(keepends=True)[-1] * 101,
    "too_long": "x" * note.LARGEST + ONE,
}


@pytest.mark.parametrize("case", BAD)
def test_a_note_of_another_form_is_refused(case: str) -> None:
    with pytest.raises(BadNote):
        note.parse(BAD[case])


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(BadNote):
        note.parse(b"\xff" + ONE.encode())


def test_a_hundred_signatures_are_read_and_unknown_ones_kept() -> None:
    line = ONE.splitlines(keepends=True)[-1]
    assert len(note.parse("a text\n\n" + line * 100).signatures) == 100
    assert note.parse("blank\n\nlines\n\n\n" + line).text == "blank\n\nlines\n\n"


@pytest.mark.parametrize(
    "written",
    [
        Note("no line end", (Signature("a", b"keyi", b"s"),)),
        Note("none\n", ()),
        Note("many\n", (Signature("a", b"keyi", b"s"),) * 101),
        Note("id\n", (Signature("a", b"key", b"s"),)),
        Note("empty\n", (Signature("a", b"keyi", b""),)),
        Note("name\n", (Signature("a b", b"keyi", b"s"),)),
        Note("control\x07\n", (Signature("a", b"keyi", b"s"),)),
    ],
    ids=lambda each: each.text.split()[0],
)
def test_what_has_no_printed_form_is_not_printed(written: Note) -> None:
    with pytest.raises(BadNote):
        note.format(written)
