"""Identity numbers, codes of bodies, telephones and masks. Specimens are constructed or published ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz import identifier
from authz.identifier import identity_number, landline, mobile, telephone, uscc
from authz.refusal import Misshapen

TODAY = date(2026, 11, 23)


def _identity(raw: str) -> str:
    return identity_number(raw, TODAY)


TAKEN: list[tuple[Callable[[str], str], str]] = [
    (_identity, "11010519491231002X"), (_identity, "642224190103150021"), (_identity, "640324190402290028"),
    (uscc, "91350100M000100Y43"), (uscc, "N2640324MF0000001L"),
    (mobile, "13812345678"), (mobile, "19912345678"),
    (landline, "0953-8022222"), (landline, "09538022222"), (landline, "010-12345678"), (landline, "0953-8022222-12"),
    (telephone, "13812345678"), (telephone, "0953-8022222"),
]  # fmt: skip
REFUSED: list[tuple[Callable[[str], str], str]] = [
    (_identity, "110105194912310021"), (_identity, "640324190102290018"), (_identity, "640324203001010013"),
    (_identity, "640324190404000021"), (_identity, ""), (_identity, "11010519491231002"), (_identity, "1101051949123100２X"),
    (_identity, "11010519491231002X\n"), (_identity, " 11010519491231002X"), (_identity, "01010519491231002X"),
    (_identity, "11010549123100"), (_identity, "١١٠١٠٥١٩٤٩١٢٣١٠٠٢٠"),
    (uscc, "91350100M000100Y44"), (uscc, "n2640324mf0000001l"), (uscc, "N2640324MF0000001"), (uscc, "I1350100M000100Y43"),
    (uscc, "91350100M000100Y43\n"), (uscc, "９1350100M000100Y43"),
    (mobile, "12812345678"), (mobile, "1381234567"), (mobile, "138123456789"), (mobile, "+8613812345678"),
    (mobile, "1381234567８"), (mobile, "13812345678\n"),
    (landline, "8033333"), (landline, "0053-8022222"), (landline, "0953 8022222"), (landline, "0953-803333"),
    (telephone, "110"), (telephone, "p-1002"), (telephone, "0953-8022222-1234567"),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "raw"), TAKEN)
def test_number_is_taken(reader: Callable[[str], str], raw: str) -> None:
    assert reader(raw) == raw


@pytest.mark.parametrize(("reader", "raw"), REFUSED)
def test_number_is_refused_and_not_repeated(reader: Callable[[str], str], raw: str) -> None:
    with pytest.raises(Misshapen) as caught:
        reader(raw)
    assert not raw or raw not in str(caught.value)
    assert not caught.value.members


def test_small_and_capital_x_are_one_person() -> None:
    assert _identity("11010519491231002x") == _identity("11010519491231002X")


def test_born_today_yes_tomorrow_no() -> None:
    born = identity_with_check("64032420261123001")
    assert identity_number(born, TODAY) == born
    with pytest.raises(Misshapen):
        identity_number(born, date(2026, 11, 22))
    with pytest.raises(Misshapen):
        _identity(identity_with_check("64032418991231001"))
    assert _identity(identity_with_check("64032419000101001"))


def identity_with_check(first: str) -> str:
    """The oracle by the standard's own definition (ISO 7064 MOD 11-2): the whole number weighs 1 modulo 11."""
    for check in "0123456789X":
        digits = [int(digit) for digit in first] + [10 if check == "X" else int(check)]
        if sum(digit * 2 ** (17 - place) for place, digit in enumerate(digits)) % 11 == 1:
            return first + check
    raise AssertionError


FIRST = st.builds(
    lambda area, born, order: f"{area}{born:%Y%m%d}{order:03}",
    st.integers(110_000, 659_999), st.dates(date(1900, 1, 1), TODAY), st.integers(0, 999),
)  # fmt: skip


@given(FIRST, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(first: str, place: int, step: int) -> None:
    number = identity_with_check(first)
    assert _identity(number) == number
    if number[place].isdigit():
        wrong = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
        with pytest.raises(Misshapen):
            _identity(wrong)


@given(FIRST, st.integers(0, 15))
def test_two_swapped_digits_are_always_found(first: str, place: int) -> None:
    number = identity_with_check(first)
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        with pytest.raises(Misshapen):
            _identity(swapped)


LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@given(st.text(LETTERS, min_size=17, max_size=17), st.integers(0, 16), st.integers(1, 30))
def test_exactly_one_check_letter_fits(first: str, place: int, step: int) -> None:
    good = [letter for letter in LETTERS if _fits(first + letter)]
    assert len(good) == 1
    other = LETTERS[(LETTERS.index(first[place]) + step) % 31]
    assert not _fits(first[:place] + other + first[place + 1 :] + good[0])


def _fits(code: str) -> bool:
    try:
        return uscc(code) == code
    except Misshapen:
        return False


MASKS: list[tuple[Callable[[str], str], str, str]] = [
    (identifier.mask_identity, "640324190402290028", "6403**************"),
    (identifier.mask_identity, "11010519491231002x", "1101**************"),
    (identifier.mask_identity, "unknown form", "*" * 18),
    (identifier.mask_telephone, "13812345678", "138****5678"),
    (identifier.mask_telephone, "0953-8022222", "0953-********"),
    (identifier.mask_telephone, "01012345678", "010-********"),
    (identifier.mask_telephone, "unknown", "*" * 11),
    (identifier.mask_name, "张三", "张*"), (identifier.mask_name, "欧阳中石", "欧阳**"),
    (identifier.mask_name, "马志国", "马**"), (identifier.mask_name, "欧阳", "欧*"), (identifier.mask_name, "张", "*"),
    (identifier.mask_name, "", ""), (identifier.mask_name, "\U00020bb7野", "\U00020bb7*"),
    (identifier.mask_card, "6222021234567890123", "****0123"), (identifier.mask_card, "1234", "*" * 8),
    (identifier.mask_disability_card, "64032419040229002843", "6403" + "*" * 16),
]  # fmt: skip


@pytest.mark.parametrize(("mask", "value", "shown"), MASKS)
def test_mask(mask: Callable[[str], str], value: str, shown: str) -> None:
    assert mask(value) == shown


@given(FIRST, FIRST)
def test_masks_of_one_city_cannot_be_told_apart(one: str, other: str) -> None:
    masked: list[Any] = [identifier.mask_identity(identity_with_check(first)) for first in (one, other)]
    assert (masked[0] == masked[1]) == (one[:4] == other[:4])
