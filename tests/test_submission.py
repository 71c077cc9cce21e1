"""The body of add-checkpoint: what is printed is read, and nothing else is; the only error is its own."""

from __future__ import annotations

import base64

import pytest
from chronicles import Chronicle
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import note
from audit.submission import MOST_HASHES, Malformed, Submission

LONG = Chronicle("abcdefghijklm")
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=MOST_HASHES)


@given(st.integers(0, 2**63 - 1), HASHES)
def test_a_submission_is_read_as_it_is_printed(old: int, hashes: list[bytes]) -> None:
    asked = Submission(old, tuple(hashes), LONG.signed())
    assert Submission.parse(asked.format()) == asked


PRINTED = LONG.asked(5).format()


@given(st.data())
@settings(max_examples=300)
def test_only_what_is_printed_is_read(data: st.DataObject) -> None:
    """Any bytes, and any small change of good ones: refused as Malformed, or printed again exactly so."""
    place = data.draw(st.integers(0, len(PRINTED)))
    width = data.draw(st.integers(0, 3))
    put = data.draw(st.binary(max_size=3) | st.sampled_from([b"\n", b" ", b"0", b"=", b"\r\n", b"\xe2\x80\x94"]))
    body = data.draw(st.just(PRINTED[:place] + put + PRINTED[place + width :]) | st.binary(max_size=200))
    try:
        found = Submission.parse(body)
    except Malformed:
        return
    assert found.format() == body


HASH = base64.b64encode(bytes(32)).decode()
NOTE = note.format(LONG.signed())


@pytest.mark.parametrize(
    "body",
    [
        f"old 05\n\n{NOTE}", f"old  5\n\n{NOTE}", f"old +5\n\n{NOTE}", f"old 0_5\n\n{NOTE}", f"old ５\n\n{NOTE}", f"old -0\n\n{NOTE}",
        f"old 5 \n\n{NOTE}", f"OLD 5\n\n{NOTE}", f"old {2**63}\n\n{NOTE}", f"old 5\n{NOTE}", f"old 5\n{HASH}\n{NOTE}",
         f"old 5\r\n\r\n{NOTE}", f"\n\n{NOTE}", f"old 5\n{HASH[:-1]}\n\n{NOTE}", f"old 5\n{HASH} \n\n{NOTE}",
        f"old 5\n{base64.b64encode(bytes(31)).decode()}\n\n{NOTE}", f"old 5\n{base64.b64encode(bytes(33)).decode()}\n\n{NOTE}",
        f"old 5\n{HASH[:-2]}B=\n\n{NOTE}", "old 5\n" + f"{HASH}\n" * (MOST_HASHES + 1) + f"\n{NOTE}", f"old 5\n\n{NOTE}x",
        "old 5\n\n", "", "old 5\n\n" + NOTE.replace("— ", "- "), f"old 5\n\n{LONG.signed().text}",
        "old 5\n\n" + NOTE * 900,
    ],
)  # fmt: skip
def test_another_spelling_is_malformed(body: str) -> None:
    with pytest.raises(Malformed):
        Submission.parse(body.encode())
    assert Submission.parse(f"old 5\n{HASH}\n\n{NOTE}".encode()).proof == (bytes(32),)
