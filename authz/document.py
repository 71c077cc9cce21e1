"""The document number (发文字号) and what ties one document to another: kind, date, series, citation.

    同乡振发〔2026〕31号      code word, year in six-cornered brackets, sequence without leading zeros

    normalise   NFKC (﹝﹞ and full-width digits); spaces dropped; 號 -> 号; a matched pair [] () 【】 〖〗 round
                a four-digit year -> 〔〕
    strict      ([\\u4e00-\\u9fff·]{2,20})〔((?:19|20)[0-9]{2})〕([1-9][0-9]{0,4})号

党政机关公文处理工作条例 (中办发〔2012〕14号) names the parts; GB/T 9704-2012, 7.2.5 gives the brackets and forbids
leading zeros and 第. The number is kept as written and as normalised; uniqueness is judged on the normalised one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import Enum

from authz.refusal import BadDocumentNumber, DatedBefore, Unacceptable

LONGEST = 100
SHANGHAI = timezone(timedelta(hours=8))
MOST_SEQUENCE_DIGITS = 5

_STRICT = re.compile(r"([\u4e00-\u9fff·]{2,20})〔((?:19|20)[0-9]{2})〕([1-9][0-9]{0,4})号")
_BRACKETED = re.compile(r"\[([0-9]{4})\]|\(([0-9]{4})\)|【([0-9]{4})】|〖([0-9]{4})〗")
_SPACE = re.compile(r"\s+")


class Kind(Enum):
    """The kinds of document (文种) that pass between county and region."""

    QINGSHI = "请示"
    PIFU = "批复"
    HAN = "函"
    FUHAN = "复函"

    @property
    def zh(self) -> str:
        """The name an official uses."""
        return self.value

    @property
    def reply(self) -> Kind | None:
        """The kind that answers this one; a reply is answered by none."""
        return {Kind.QINGSHI: Kind.PIFU, Kind.HAN: Kind.FUHAN}.get(self)


@dataclass(frozen=True, slots=True)
class DocumentNumber:
    """A document number: its parts, as written (`raw`) and as normalised (`text`)."""

    word: str
    year: int
    sequence: int
    raw: str
    text: str

    @property
    def series(self) -> tuple[str, int, int]:
        """What may exist once per issuer."""
        return self.word, self.year, self.sequence


def normalise(raw: str) -> str:
    """The number in its one spelling, or as near to it as normalising brings it; idempotent."""
    text = _SPACE.sub("", unicodedata.normalize("NFKC", raw))
    # Dropping a space can bring a letter and an accent together, so the form is made once more.
    text = unicodedata.normalize("NFKC", text).replace("號", "号")
    return _BRACKETED.sub(lambda found: f"〔{found[1] or found[2] or found[3] or found[4]}〕", text)


def parse(raw: str) -> DocumentNumber:
    """The parts of a number; whatever is not one is refused with what to correct."""
    if len(raw) > LONGEST:
        raise BadDocumentNumber("发文字号过长，应形如 同乡振发〔2026〕31号")
    text = normalise(raw)
    found = _STRICT.fullmatch(text)
    if found is None:
        raise BadDocumentNumber(_advice(text))
    return DocumentNumber(found[1], int(found[2]), int(found[3]), unicodedata.normalize("NFC", raw), text)


# Tried in this order; the first that fits says what is wrong.
_FAULTS: tuple[tuple[str, str], ...] = (
    (r"", "发文字号不能为空，应形如 同乡振发〔2026〕31号"),
    (r".*〔〕.*|[^0-9]*号", "发文字号的年份或序号空缺，请填写编号后的完整文号"),
    (r"[^〔〕]*[0-9][^〔〕]*", "发文字号缺少年份括号，分不清年份与序号，请按原件补全六角括号，例如 同乡振发〔2026〕31号"),
    (r"[^〔〕]*〔[^〕]*|[^〔]*〕[^〔]*", "发文字号的六角括号不成对，请按原件补全〔〕"),
    (r".*[〔〕].*[〔〕].*[〔〕].*", "发文字号中只能有一对六角括号"),
    (r".*〔(?![0-9]{4}〕)[^〕]*〕.*", "年份应写四位数字，例如〔2026〕，不要写成两位或其他形式"),
    (r".*〔(?!19|20)[0-9]{4}〕.*", "年份应在 1900 年至 2099 年之间，请核对"),
    (r"〔.*", "发文字号缺少机关代字，例如 同乡振发"),
    (r".*〕第.*", "序号前不加“第”字，例如 同乡振发〔2026〕12号"),
    (r".*〕[0-9]*", "发文字号末尾应有“号”字"),
    (r".*〕号", "发文字号的序号空缺，请填写编号后的完整文号"),
    (r".*〕0+号", "序号从 1 开始，没有 0 号"),
    (r".*〕0[0-9]*号", "序号不编虚位，前面不加 0，例如 12号，不写 012号"),
    (rf".*〕[0-9]{{{MOST_SEQUENCE_DIGITS + 1},}}号", "序号最多五位数字，请核对"),
    (r".*〕(?![1-9][0-9]{0,4}号\Z).*", "序号应为阿拉伯数字加“号”字，其后不能再有内容，例如 31号"),
    (r".{1}〔.*|.{21,}〔.*", "机关代字应为 2 至 20 个汉字，请核对"),
    (r".*[^\u4e00-\u9fff·].*〔.*", "机关代字只能是汉字，请按原件填写"),
)  # fmt: skip
_ADVICE = tuple((re.compile(pattern, re.DOTALL), advice) for pattern, advice in _FAULTS)


def _advice(text: str) -> str:
    return next((advice for pattern, advice in _ADVICE if pattern.fullmatch(text)), BadDocumentNumber.title)


# --- what ties documents together -----------------------------------------------------------------------------------
def must_fit_date(number: DocumentNumber, dated: date, note: str | None = None) -> None:
    """The year of the number is that of the date of issue (成文日期); a January document may close last year's series
    if a note says so."""
    closing = dated.month == 1 and number.year == dated.year - 1
    if number.year == dated.year or (closing and note is not None and note.strip()):
        return
    if closing:
        raise BadDocumentNumber("一月份的文件沿用上一年度文号，请在备注中说明原因")
    raise BadDocumentNumber("发文字号的年份与成文日期不一致，请核对文号和日期")


def must_answer(reply: Kind, asked: Kind) -> None:
    """请示 is answered by 批复, 函 by 复函."""
    if asked.reply is not reply:
        expected = f"应以{asked.reply.zh}答复" if asked.reply else "不需要答复"
        raise Unacceptable(f"文种不对应：{asked.zh}{expected}")


def must_not_be_older(replied: date, asked: date) -> None:
    """A reply is dated on or after the document it answers."""
    if replied < asked:
        raise DatedBefore


def must_not_be_ahead(dated: date, at: datetime, pointer: str) -> None:
    """A letter is not signed, nor received, on a day that has not come; else a year's numbers could be taken ahead."""
    if dated > at.astimezone(SHANGHAI).date():
        raise Unacceptable("日期晚于今天，请核对", pointers=[{"pointer": pointer, "message": "不能晚于今天"}])
