"""The fields of request bodies and queries: each named kind of value once, strict, with its Chinese words.

A body is a frozen `Body`: unknown fields are refused, nothing is coerced. `validate` answers every fault at once as
pointers (RFC 6901) and Chinese sentences; what was sent is never repeated, not even the name of an unknown field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from urllib.parse import unquote_to_bytes

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from api.wire import gate
from authz.refusal import BadDivisionCode, Misshapen

FIRST_YEAR = 1949
LAST_YEAR = 2199
MOST_POINTERS = 1_000
MOST_QUERY_KEYS = 64


T = TypeVar("T")
# A JSON list as a tuple, so that a body cannot be changed; the items stay strict.
Several = Annotated[tuple[T, ...], Field(strict=False)]


class Body(BaseModel):
    """A request body, or a part of one. Own validators raise `PydanticCustomError` of a type starting with `own_`,
    so that their Chinese words reach the sender."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


# --- instants and days ----------------------------------------------------------------------------------------------
_INSTANT = re.compile(
    r"([0-9]{4})-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
    r"(?:Z|\+(?:0[0-9]|1[0-4]):[0-5][0-9]|-(?!00:00)(?:0[0-9]|1[0-2]):[0-5][0-9])"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def instant(raw: object) -> datetime:
    """The UTC instant of an RFC 3339 time with offset; ValueError if it is anything else."""
    if not isinstance(raw, str) or not (written := _INSTANT.fullmatch(raw)):
        raise ValueError
    at = datetime.fromisoformat(raw)
    if not FIRST_YEAR <= int(written[1]) <= LAST_YEAR:
        raise ValueError
    return at.astimezone(UTC)


def day(raw: object) -> date:
    """The day written `YYYY-MM-DD`; ValueError if it is anything else."""
    if not isinstance(raw, str) or not _DAY.fullmatch(raw):
        raise ValueError
    if not FIRST_YEAR <= (written := date.fromisoformat(raw)).year <= LAST_YEAR:
        raise ValueError
    return written


def _instant(raw: object) -> datetime:
    try:
        return instant(raw)
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            "instant", "时间应写成带时区的 RFC 3339 形式，例如 2026-12-01T00:00:00+08:00"
        ) from None


def _day(raw: object) -> date:
    try:
        return day(raw)
    except ValueError:
        raise PydanticCustomError("day", "日期应写成 年-月-日，例如 2026-11-20，且确有此日") from None


Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=str)]
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=str)]

# --- codes: the pattern is the key to its Chinese words -------------------------------------------------------------
DIVISION = "^(?:[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$"
_PATTERNS = {
    DIVISION: BadDivisionCode.title,
    "^p-[0-9]{1,12}$": "人员编号应形如 p-1002",
    "^u-(?:[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})-[a-z]+(?:_[a-z]+)*$": "单位编号应形如 u-640324-lead",
    "^h-[A-Za-z0-9_-]{1,40}$": "户编号应形如 h-9f2c，只含字母、数字、下划线和连字符",
    "^m-[A-Za-z0-9_-]{1,40}$": "家庭成员编号应形如 m-1，只含字母、数字、下划线和连字符",
    "^[0-9a-f]{64}$": "应为 64 位小写十六进制的 SHA-256 值",
    "^[a-z][a-z0-9]*(?:[_.][a-z0-9]+)*$": "代码只含小写字母、数字、下划线和点",
    "^[A-Za-z0-9._/-]+$": "只能填写字母、数字、点、下划线、斜线和连字符",
}
_PERSON, _UNIT, _HOUSEHOLD, _MEMBER, _SHA256, _WORD, _MARK = list(_PATTERNS)[1:]

DivisionCode = Annotated[str, StringConstraints(pattern=DIVISION)]
PersonId = Annotated[str, StringConstraints(pattern=_PERSON)]
UnitId = Annotated[str, StringConstraints(pattern=_UNIT, max_length=64)]
HouseholdToken = Annotated[str, StringConstraints(pattern=_HOUSEHOLD)]
MemberToken = Annotated[str, StringConstraints(pattern=_MEMBER)]
Sha256 = Annotated[str, StringConstraints(pattern=_SHA256)]
# A code of some catalogue (field, ground, kind): whether it exists is the rule's question.
Word = Annotated[str, StringConstraints(pattern=_WORD, max_length=64)]
# A number or version given by another system: 2026-Q4-017, 2026.3.
Mark = Annotated[str, StringConstraints(pattern=_MARK, max_length=64)]

Cell = Literal[
    "lifted_out.base", "lifted_out.measures", "lifted_out.income",
    "monitored.base", "monitored.measures", "monitored.risk_elimination", "monitored.income",
]  # fmt: skip
Operation = Literal[
    "collect", "update", "verify", "review", "mark_eliminated",
    "remark_risk", "rollback_elimination", "delete", "query", "export",
]  # fmt: skip
Role = Literal[
    "region_handler", "region_approver", "city_observer", "county_clerk", "county_signatory", "county_admin",
    "department_officer", "township_admin", "township_reviewer", "village_collector", "first_secretary",
    "grid_worker", "assistance_person", "auditor", "system_admin", "security_admin", "audit_admin",
]  # fmt: skip

# How a figure reached us (S14, S37); WEB is the console of the data system, IMPORT a file.
Channel = Literal["HOTLINE_12317", "APP", "SELF", "WEB", "PAPER", "IMPORT"]

# --- numbers --------------------------------------------------------------------------------------------------------
DataYear = Annotated[int, Field(ge=2000, le=2100)]
Quarter = Annotated[int, Field(ge=1, le=4)]
# Money in 分: a hundred billion yuan either way, well inside what canonical bytes can carry.
Fen = Annotated[int, Field(ge=-(10**13), le=10**13)]
Number = Annotated[int, Field(ge=0, le=2**53 - 1)]
Amount = Annotated[int, Field(ge=1, le=10_000_000)]


# --- text -----------------------------------------------------------------------------------------------------------
def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "不能为空")
    return text


def _one_line(text: str) -> str:
    if any(mark in text for mark in "\t\r\n"):
        raise PydanticCustomError("one_line", "只能填写一行，请删除换行和制表符")
    return _not_blank(text)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


# A person's name returns as it was written; everything else is kept in NFC.
Name = Annotated[str, StringConstraints(max_length=64), AfterValidator(_one_line)]
Title = Annotated[str, StringConstraints(max_length=200), AfterValidator(_one_line), AfterValidator(_normal)]
Line = Annotated[str, StringConstraints(max_length=100), AfterValidator(_one_line), AfterValidator(_normal)]
Reason = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_not_blank), AfterValidator(_normal)]
# Text of a fixed bound that may be empty.
Note = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_normal)]

# --- queries --------------------------------------------------------------------------------------------------------
_DIGITS = re.compile("[0-9]{1,16}")


def _written_integer(raw: object) -> int:
    if not isinstance(raw, str) or not _DIGITS.fullmatch(raw):
        raise PydanticCustomError("integer", "应为半角数字写成的整数")
    return int(raw)


def _written_flag(raw: object) -> bool:
    if raw not in ("true", "false"):
        raise PydanticCustomError("flag", "只能填写 true 或 false")
    return raw == "true"


Written = BeforeValidator(_written_integer, json_schema_input_type=str)
Limit = Annotated[int, Field(ge=1, le=1_000), Written]
WrittenNumber = Annotated[int, Field(ge=0, le=2**53 - 1), Written]
WrittenYear = Annotated[int, Field(ge=2000, le=2100), Written]
WrittenQuarter = Annotated[int, Field(ge=1, le=4), Written]
Flag = Annotated[bool, BeforeValidator(_written_flag, json_schema_input_type=str)]
Cursor = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9._/-]+$", max_length=512)]


class Query(Body):
    """The query of a request; values are written as text."""


class Page(Query):
    """The query of a list: how many, and from where."""

    limit: Limit = 100
    cursor: Cursor | None = None


ModelT = TypeVar("ModelT", bound=BaseModel)


def read_query(raw: bytes, model: type[ModelT]) -> ModelT:
    """The query of a request; a repeated or unknown key, or bytes that are no text, are refused."""
    values: dict[str, str] = {}
    parts = [part for part in raw.split(b"&") if part]
    if len(parts) > MOST_QUERY_KEYS:
        raise Misshapen("查询条件过多，请减少后重试")
    for part in parts:
        key, _, value = part.partition(b"=")
        name = _query_text(key)
        if name in values:
            raise Misshapen("同一个查询条件只能出现一次，请删除重复的条件")
        values[name] = _query_text(value)
    return validate(model, values)


def _query_text(raw: bytes) -> str:
    try:
        return gate.clean(unquote_to_bytes(raw.replace(b"+", b" ")).decode())
    except UnicodeDecodeError:
        raise Misshapen("查询条件不是 UTF-8 编码，请检查网址") from None


# --- judging --------------------------------------------------------------------------------------------------------
def validate(model: type[ModelT], parsed: object) -> ModelT:
    """The body as a value of its model; every fault at once as `Misshapen`."""
    try:
        return model.model_validate(parsed)
    except ValidationError as faults:
        refuse(faults.errors(include_url=False, include_input=False))


def refuse(faults: Iterable[ErrorDetails] | Iterable[Mapping[str, Any]]) -> NoReturn:
    """Raise the refusal for pydantic's list of faults."""
    listed = [dict(fault) for fault in faults]
    # pydantic does not count items that are wrong, and then calls a long list too short as well.
    wrong_inside = {tuple(fault["loc"])[:-1] for fault in listed}
    listed = [each for each in listed if each["type"] != "too_short" or tuple(each["loc"]) not in wrong_inside]
    pointers = [{"pointer": pointer(fault), "message": message(fault)} for fault in listed]
    # Many unknown fields of one object are one sentence.
    unique = list({(each["pointer"], each["message"]): each for each in pointers}.values())
    codes_only = all(fault.get("ctx", {}).get("pattern") == DIVISION for fault in listed)
    raise (BadDivisionCode if codes_only else Misshapen)(pointers=unique[:MOST_POINTERS])


_OWN_NAME = re.compile("[a-z][a-z_]{0,39}")


def pointer(fault: Mapping[str, Any]) -> str:
    """Where the fault is; parts that are not names of ours are left out, since the sender chose them."""
    parts = list(fault["loc"])
    if fault["type"] == "extra_forbidden":
        parts.pop()
    kept = [part for part in parts if isinstance(part, int) or _OWN_NAME.fullmatch(part)]
    return "".join(f"/{part}" for part in kept)


_MESSAGES = {
    "missing": "缺少必填项",
    "extra_forbidden": "含有接口没有定义的字段，请对照接口文档删除",
    "string_type": "应填写文字",
    "string_too_long": "文字过长，最多 {max_length} 个字",
    "string_too_short": "文字过短，至少 {min_length} 个字",
    "int_type": "应填写整数",
    "int_from_float": "应填写整数",
    "bool_type": "应填写 true 或 false",
    "greater_than_equal": "不得小于 {ge}",
    "greater_than": "应大于 {gt}",
    "less_than_equal": "不得大于 {le}",
    "less_than": "应小于 {lt}",
    "literal_error": "不是允许的取值，可填：{expected}",
    "too_long": "项数过多，最多 {max_length} 项",
    "too_short": "项数不足，至少 {min_length} 项",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
}
_OWN_FAULTS = {"instant", "day", "blank", "one_line", "integer", "flag"}


def message(fault: Mapping[str, Any]) -> str:
    """The Chinese sentence of one fault."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], "格式不正确，请按接口文档填写")
    if kind in _OWN_FAULTS or kind.startswith("own_"):
        return str(fault["msg"])
    if kind == "literal_error":
        context = {"expected": context["expected"].replace("'", "").replace(" or ", "、").replace(", ", "、")}
    return _MESSAGES.get(kind, "填写不符合要求，请按接口文档更正").format(**context)
