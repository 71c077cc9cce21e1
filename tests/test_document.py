"""Document numbers: the table of the field, and that one number has one spelling."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authz import document
from authz.document import DocumentNumber, Kind, must_answer, must_fit_date, must_not_be_older, normalise, parse
from authz.refusal import BadDocumentNumber, DatedBefore, Refusal, Unacceptable

AS_WRITTEN = [
    ("同乡振发〔2021〕12号", "同乡振发", 2021, 12), ("湘扶办发〔2019〕24号", "湘扶办发", 2019, 24),
    ("国开办司发〔2020〕14号", "国开办司发", 2020, 14), ("黔江委农组〔2021〕5号", "黔江委农组", 2021, 5),
    ("厅字〔2016〕33号", "厅字", 2016, 33), ("新民规〔2025〕1号", "新民规", 2025, 1),
    ("同乡振发〔2026〕99999号", "同乡振发", 2026, 99999), ("一" * 20 + "〔1900〕1号", "一" * 20, 1900, 1),
    ("马·沟发〔2099〕7号", "马·沟发", 2099, 7),
]  # fmt: skip
NORMALISED = [
    ("瀘市府發[2017]55號", "瀘市府發〔2017〕55号"), ("皖扶办函﹝2020﹞71号", "皖扶办函〔2020〕71号"),
    ("财建[2006]406号", "财建〔2006〕406号"), ("同乡振发〔２０２１〕１２号", "同乡振发〔2021〕12号"),
    ("同乡振发（2021）12号", "同乡振发〔2021〕12号"), ("同乡振发【2021】12号", "同乡振发〔2021〕12号"),
    ("同乡振发〖2021〗12号", "同乡振发〔2021〕12号"), (" 同乡振发 〔2021〕 12 号\u3000", "同乡振发〔2021〕12号"),
    ("同乡振发［2021］12号", "同乡振发〔2021〕12号"), ("同\ufa1e发〔2021〕1号", "同羽发〔2021〕1号"),
]  # fmt: skip
REFUSED = [
    ("秀委农办发202159", "缺少年份括号"), ("双石府发〔2021179", "不成对"), ("〔 〕 号", "空缺"),
    ("同乡振发〔2021〕012号", "虚位"), ("同乡振发〔2021〕第12号", "第"), ("同乡振发〔21〕12号", "四位"),
    ("同乡振发〔2021〕0号", "没有 0 号"), ("", "空"), ("  ", "空"), ("某县来文", "不规范"), ("同乡振发2021〕12号", "不成对"),
    ("同乡振发〔2021〕12", "“号”字"), ("同乡振发〔2021〕号", "空缺"), ("同乡振发〔2021〕123456号", "五位"),
    ("同乡振发〔1899〕1号", "1900"), ("同乡振发〔2100〕1号", "1900"), ("〔2021〕12号", "机关代字"),
    ("发〔2021〕12号", "2 至 20"), ("一" * 21 + "〔2021〕12号", "2 至 20"), ("abc〔2021〕12号", "汉字"),
    ("同乡振发〔2021〕12号附件", "其后"), ("同乡振发〔2021〕12号〔2022〕1号", "一对"), ("同乡振发〔2021〕１2a号", ""),
    ("同乡振发[2021)12号", "括号"), ("同乡振发〔二〇二一〕12号", "四位"), ("同乡振发〔2021〕十二号", "阿拉伯"),
    ("同乡振发〔٢٠٢١〕12号", "四位"), ("同乡振发〔2021〕-1号", ""), ("x" * 101, "过长"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "word", "year", "sequence"), AS_WRITTEN)
def test_number_as_it_should_be_written(raw: str, word: str, year: int, sequence: int) -> None:
    assert parse(raw) == DocumentNumber(word, year, sequence, raw, raw)
    assert parse(raw).series == (word, year, sequence)


@pytest.mark.parametrize(("raw", "text"), NORMALISED)
def test_number_is_accepted_in_its_one_spelling(raw: str, text: str) -> None:
    assert normalise(raw) == text
    number = parse(raw)
    assert number.text == text
    assert number.series == parse(text).series
    assert not re.fullmatch(document._STRICT, raw), "the negative control: as written it is not strict"


@pytest.mark.parametrize(("raw", "word"), REFUSED)
def test_number_is_refused_with_what_to_correct(raw: str, word: str) -> None:
    with pytest.raises(BadDocumentNumber) as caught:
        parse(raw)
    said = caught.value.detail or caught.value.title
    assert word in said
    assert not raw.strip() or raw not in said


def test_each_fault_has_its_own_advice() -> None:
    said = set()
    for raw, _ in REFUSED:
        with pytest.raises(BadDocumentNumber) as caught:
            parse(raw)
        said.add(caught.value.detail)
    assert said >= {advice for _, advice in document._FAULTS}


MESSY = st.text(
    st.sampled_from("同乡振发號号〔〕[]()【】〖〗﹝﹞（）［］ \u3000\t0129２０１第·e\u0301\u00b4\u00a8\ufa1e½"),
    max_size=24,
)


@given(MESSY | st.text(max_size=20))
@example("e \u0301")
def test_normalising_twice_changes_nothing(raw: str) -> None:
    assert normalise(normalise(raw)) == normalise(raw)


@given(MESSY)
def test_any_text_is_a_number_or_refused(raw: str) -> None:
    try:
        number = parse(raw)
    except BadDocumentNumber:
        return
    assert number.text == f"{number.word}〔{number.year}〕{number.sequence}号"


@given(
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=2, max_size=20),
    st.integers(1900, 2099), st.integers(1, 99_999), st.sampled_from(["〔〕", "[]", "()", "【】", "〖〗", "﹝﹞", "［］", "（）"]),
    st.booleans(),
)  # fmt: skip
def test_every_number_is_found_in_every_dress(word: str, year: int, sequence: int, pair: str, wide: bool) -> None:
    digits = f"{pair[0]}{year}{pair[1]} {sequence}"
    if wide:
        digits = "".join(chr(ord(each) + 0xFEE0) if each.isdigit() else each for each in digits)
    number = parse(f"{word} {digits}號")
    assert (number.year, number.sequence, number.word) == (year, sequence, normalise(word))
    again = parse(number.text)
    assert (again.text, again.series) == (number.text, number.series)


@pytest.mark.parametrize(("year", "dated", "note", "fits"), [
    (2026, date(2026, 11, 20), None, True), (2026, date(2026, 1, 1), None, True),
    (2025, date(2026, 1, 31), "上年度文号", True), (2025, date(2026, 1, 31), None, False),
    (2025, date(2026, 1, 31), "  ", False), (2025, date(2026, 2, 1), "上年度文号", False),
    (2027, date(2026, 12, 31), "下年度文号", False), (2024, date(2026, 1, 1), "x", False),
])  # fmt: skip
def test_year_agrees_with_the_date_of_issue(year: int, dated: date, note: str | None, fits: bool) -> None:
    number = parse(f"同乡振发〔{year}〕1号")
    if fits:
        must_fit_date(number, dated, note)
    else:
        with pytest.raises(BadDocumentNumber):
            must_fit_date(number, dated, note)


@pytest.mark.parametrize("reply", Kind)
@pytest.mark.parametrize("asked", Kind)
def test_which_kind_answers_which(reply: Kind, asked: Kind) -> None:
    if (asked, reply) in {(Kind.QINGSHI, Kind.PIFU), (Kind.HAN, Kind.FUHAN)}:
        must_answer(reply, asked)
    else:
        with pytest.raises(Unacceptable):
            must_answer(reply, asked)
    assert [kind.zh for kind in Kind] == ["请示", "批复", "函", "复函"]


def test_a_reply_is_not_older() -> None:
    must_not_be_older(date(2026, 11, 20), date(2026, 11, 20))
    with pytest.raises(DatedBefore) as caught:
        must_not_be_older(date(2026, 11, 19), date(2026, 11, 20))
    assert isinstance(caught.value, Refusal)
