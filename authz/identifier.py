"""Numbers that name people, bodies and telephones, and the one mask under which each is ever shown.

    identity number   GB 11643-1999: 17 digits and a check; the area is not compared with any list of divisions,
                      since numbers outlive them
    USCC              GB 32100-2015: 18 letters of a 31-letter alphabet, the last one a check
    telephone         mobile 1[3-9]..., landline 0...-...

There is no national rule for masks, and two different masks of one number can be joined: so one mask everywhere
(local). The words of a refusal never hold the number.
"""

from __future__ import annotations

import re
from datetime import date

from authz.refusal import Misshapen

FIRST_BIRTH = date(1900, 1, 1)
STAR = "*"

_IDENTITY = re.compile(r"[1-9][0-9]{5}([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{3}[0-9Xx]")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECKS = "10X98765432"

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC = re.compile(f"[{_USCC_ALPHABET}]{{18}}")
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"0[1-9][0-9]{1,2}-?[0-9]{7,8}(?:-[0-9]{1,6})?")
_AREA = re.compile(r"0(?:[12][0-9]|[3-9][0-9]{2})")

# Surnames of two characters, the common ones; any other name is masked after its first character.
_DOUBLE_SURNAMES = frozenset((
    "欧阳", "司马", "上官", "诸葛", "夏侯", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒", "令狐", "宇文", "长孙",
    "南宫", "独孤", "端木", "闻人", "申屠", "太史", "轩辕", "澹台", "公冶", "宗政", "濮阳", "淳于", "单于", "太叔",
    "公羊", "赫连", "钟离", "鲜于", "闾丘", "司空", "拓跋", "百里", "呼延", "东郭", "南门", "西门", "第五",
))  # fmt: skip


def identity_number(raw: str, today: date) -> str:
    """The identity number with an upper-case check letter; it must be possible on the day `today`."""
    found = _IDENTITY.fullmatch(raw)
    if found is None:
        raise Misshapen("身份证号码应为 18 位：前 17 位是数字，末位是数字或 X，请核对")
    number = raw.upper()
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _IDENTITY_WEIGHTS, strict=True))
    if _IDENTITY_CHECKS[total % 11] != number[17]:
        raise Misshapen("身份证号码校验位不正确，请对照证件逐位核对")
    born = _born(*(int(part) for part in found.groups()))
    if born is None or not FIRST_BIRTH <= born <= today:
        raise Misshapen("身份证号码中的出生日期不存在或晚于今天，请对照证件核对")
    return number


def _born(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def uscc(raw: str) -> str:
    """The unified social credit code (统一社会信用代码) of a body, institutions and village bodies included."""
    if not _USCC.fullmatch(raw):
        raise Misshapen("统一社会信用代码应为 18 位数字或大写字母（不含 I、O、S、V、Z），请核对")
    total = sum(_USCC_ALPHABET.index(letter) * weight for letter, weight in zip(raw[:17], _USCC_WEIGHTS, strict=True))
    if _USCC_ALPHABET[(31 - total % 31) % 31] != raw[17]:
        raise Misshapen("统一社会信用代码校验位不正确，请对照证书逐位核对")
    return raw


def mobile(raw: str) -> str:
    """A mobile number, eleven digits."""
    if not _MOBILE.fullmatch(raw):
        raise Misshapen("手机号码应为 11 位数字，请核对")
    return raw


def landline(raw: str) -> str:
    """An office number with its area code."""
    if not _LANDLINE.fullmatch(raw):
        raise Misshapen("固定电话应带区号，例如 0953-8022222，分机号用连字符接在后面")
    return raw


def telephone(raw: str) -> str:
    """A number under which somebody can be called."""
    if not _MOBILE.fullmatch(raw) and not _LANDLINE.fullmatch(raw):
        raise Misshapen("联系电话应为 11 位手机号，或带区号的固定电话，例如 0953-8022222")
    return raw


# --- masks ----------------------------------------------------------------------------------------------------------
# A mask shows nothing of a value it does not know the form of: half an unknown number may be the whole secret.
def mask_identity(number: str) -> str:
    """Province and city only: 6403**************."""
    return number[:4] + STAR * 14 if _IDENTITY.fullmatch(number) else STAR * 18


def mask_telephone(number: str) -> str:
    """138****5678; of a landline the area code only."""
    if _MOBILE.fullmatch(number):
        return number[:3] + STAR * 4 + number[7:]
    if _LANDLINE.fullmatch(number) and (area := _AREA.match(number)):
        return f"{area[0]}-{STAR * 8}"
    return STAR * 11


def mask_name(name: str) -> str:
    """The surname: 张*, 欧阳**."""
    shown = 2 if len(name) > 2 and name[:2] in _DOUBLE_SURNAMES else min(1, len(name) - 1)  # noqa: PLR2004
    shown = max(shown, 0)
    return name[:shown] + STAR * (len(name) - shown)


def mask_card(number: str) -> str:
    """The last four digits of a bank card."""
    return STAR * 4 + number[-4:] if re.fullmatch("[0-9]{12,19}", number) else STAR * 8


def mask_disability_card(number: str) -> str:
    """The identity number inside, its mask; type and grade of the disability hidden."""
    return mask_identity(number[:18]) + STAR * 2
