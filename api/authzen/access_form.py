"""The form of AuthZEN messages: what a question must have, and what of it is heard.

The standard is open where our own routes are strict: unknown members are passed over at every level, and whatever is
missing or of another type is 400. In a batch an item that is incomplete is answered `false` and spoils no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from api.wire import fields, gate
from authz.edit import RESPONSIBLE
from authz.question import Party, Question, Stated
from authz.refusal import Misshapen

LONGEST = 512
MOST_ITEMS = 1_000
_MINUTE = re.compile(r"(.*T[0-9]{2}:[0-9]{2})((?:Z|[+-][0-9]{2}:[0-9]{2}))")
_NAMING = re.compile(r"[^\W_]")


class Open(fields.Body):
    """A message, or a part of one, whose unknown members are not ours to judge."""

    model_config = ConfigDict(extra="ignore")


def _names_something(text: str) -> str:
    if not _NAMING.search(text):
        raise PydanticCustomError("own_name", "应填写类别、编号或操作的名称，不能为空，也不能是通配符")
    return text


def _time(raw: object) -> datetime:
    """RFC 3339, and also without seconds, as other systems send it."""
    try:
        if isinstance(raw, str) and (short := _MINUTE.fullmatch(raw)):
            raw = f"{short[1]}:00{short[2]}"
        return fields.instant(raw).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            "own_time", "时间应写成带时区的 RFC 3339 形式，例如 2026-12-01T00:00:00+08:00"
        ) from None


Name = Annotated[str, Field(max_length=LONGEST), AfterValidator(_names_something)]
Time = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=str)]
Properties = dict[str, Any] | None


class SubjectBody(Open):
    type: Name
    id: Name
    properties: Properties = None


class ActionBody(Open):
    name: Name
    properties: Properties = None


class ResourceBody(SubjectBody):
    pass


class SoughtBody(Open):
    """The party that is searched for: an id of it is not heard."""

    type: Name
    properties: Properties = None


class StatedBody(Open):
    """What the properties of a resource say of the edit that is asked about; all of it is optional."""

    quarter: fields.Quarter | None = None
    occurred_at: Time | None = None
    collected_by: fields.PersonId | None = None
    provided_by: fields.PersonId | None = None
    verified_by: fields.PersonId | None = None
    monitored_by: fields.PersonId | None = None
    touched: Annotated[fields.Several[fields.Word] | None, Field(max_length=100, alias="fields")] = None


class ContextBody(Open):
    time: Time | None = None
    as_known_at: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None


class ExplainBody(Open):
    explain: bool | None = None


class OptionsBody(ExplainBody):
    evaluations_semantic: Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"] | None = None


class EvaluationBody(Open):
    subject: SubjectBody
    action: ActionBody
    resource: ResourceBody
    context: ContextBody | None = None
    options: ExplainBody | None = None


class DefaultsBody(Open):
    """The whole of a batch, its items still as they came."""

    subject: dict[str, Any] | None = None
    action: dict[str, Any] | None = None
    resource: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    options: OptionsBody | None = None
    evaluations: Annotated[list[dict[str, Any]], Field(max_length=MOST_ITEMS)] | None = None


class ItemBody(Open):
    subject: SubjectBody | None = None
    action: ActionBody | None = None
    resource: ResourceBody | None = None
    context: ContextBody | None = None


class EvaluationsBody(ItemBody):
    """A batch as it is described; `DefaultsBody` reads it."""

    options: OptionsBody | None = None
    evaluations: Annotated[list[ItemBody], Field(max_length=MOST_ITEMS)] | None = None


class PageBody(Open):
    token: Annotated[str, Field(max_length=LONGEST)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    """At most so many; a page holds no more than `MOST_ITEMS`, however many are asked for."""


class SearchBody(Open):
    context: ContextBody | None = None
    page: PageBody | None = None


class SubjectSearchBody(SearchBody):
    subject: SoughtBody
    action: ActionBody
    resource: ResourceBody


class ResourceSearchBody(SearchBody):
    subject: SubjectBody
    action: ActionBody
    resource: SoughtBody


class ActionSearchBody(SearchBody):
    subject: SubjectBody
    resource: ResourceBody


class RequestedBody(Open):
    requested_until: Time | None = None
    emergency: bool | None = None


class DenialBody(Open):
    binding_token: Annotated[str, Field(max_length=LONGEST)]


class AccessRequestBody(EvaluationBody):
    """A request of the access request profile: the question that was denied, and the token of its denial."""

    denial: DenialBody | None = None
    requested_access: RequestedBody | None = None


class TicketBody(Open):
    request: fields.Number


def read(body: bytes) -> Any:
    """The message of a body: one JSON object."""
    parsed = gate.parse(body, fractions=True)
    if type(parsed) is not dict:
        raise Misshapen(pointers=[{"pointer": "", "message": "应为一个 JSON 对象"}])
    return parsed


def question(asked: EvaluationBody | SearchBody) -> Question:
    """The question of a message; a party that is searched for has no id yet."""
    subject, action, resource = (getattr(asked, name, None) for name in ("subject", "action", "resource"))
    context = asked.context or ContextBody()
    return Question(
        party(subject),
        action.name if action is not None else "",
        party(resource, _OURS),
        traits=(action.properties if action is not None else None) or {},
        at=context.time,
        known=context.as_known_at,
        stated=stated(resource),
    )


def stated(resource: SoughtBody | None) -> Stated:
    """What a question says of the edit it is about."""
    if resource is None or not resource.properties:
        return Stated()
    told = fields.validate(StatedBody, resource.properties)
    named = {role: who for role in RESPONSIBLE if (who := getattr(told, role)) is not None}
    return Stated(told.quarter, told.occurred_at, named, told.touched or ())


_OURS: Mapping[str, type] = {"division": str, "data_year": int}
_YEARS = range(10_000)


def party(body: SubjectBody | SoughtBody | None, ours: Mapping[str, type] = MappingProxyType({})) -> Party:
    """A party of a question. Of its properties, `ours` must have their type; others are not heard."""
    if body is None:
        return Party("", None)
    given = {name: value for name, value in (body.properties or {}).items() if value is not None}
    wrong = [name for name, kind in ours.items() if name in given and type(given[name]) is not kind]
    wrong += [] if wrong or "data_year" not in ours or given.get("data_year", 0) in _YEARS else ["data_year"]
    if wrong:
        message = "应填写文字形式的行政区划代码和整数形式的数据年度"
        raise Misshapen(pointers=[{"pointer": f"/properties/{name}", "message": message} for name in wrong])
    return Party(body.type, body.id if isinstance(body, SubjectBody) else None, given)


_PARTS = ("subject", "action", "resource", "context")


def items(defaults: DefaultsBody) -> list[Question | None]:
    """The questions of a batch, None for an incomplete one. What an item says itself takes the default's place whole."""
    found: list[Question | None] = []
    for item in defaults.evaluations or ():
        whole = {name: item[name] if item.get(name) is not None else getattr(defaults, name) for name in _PARTS}
        try:
            found.append(question(EvaluationBody.model_validate(whole)))
        except (ValidationError, Misshapen):
            found.append(None)
    return found
