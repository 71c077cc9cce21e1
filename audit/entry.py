"""An entry: one fact with its envelope, as canonical bytes whose RFC 6962 leaf hash stands in the log.

    {"act":"0f3c…32 hex…","address":"10.3.24.7","at":"2026-12-02T02:05:01.123456Z","client":null,"device":null,
     "fact":{"kind":"GrantRevoked","grant":17,"reason":"9ab4…"},"number":42,"on_behalf_of":null,"person":"p-1003",
     "post":12,"purpose":null,"unit":"u-640324-lead","v":1}

Canonical means RFC 8785 in a narrow profile (audit/canonical.py). `parse` accepts only what `encode` writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from audit.canonical import SPELL, Malformed, sealed
from authz import fact as facts
from authz.fact import Fact, Where, instant, moment

Form = tuple[str, Callable[[dict[str, Any]], tuple[Any, ...]]]
_FORMS: dict[str, Form] = {}
_ACT = re.compile("[0-9a-f]{32}")
spelled = lru_cache(64)(instant)
"""An instant as entries spell it; those of one batch have the same one."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who acted, from where, for whom; absent is null."""

    person: str | None = None
    post: int | None = None
    unit: str | None = None
    client: str | None = None
    device: str | None = None
    address: str | None = None
    on_behalf_of: str | None = None
    purpose: str | None = None


@dataclass(slots=True)
class Entry:
    """Number (RFC 6962 leaf index from 0), instant, act reference (32 hex digits), envelope and fact."""

    number: int
    at: datetime
    act: str
    envelope: Envelope
    fact: Fact

    @property
    def where(self) -> Where:
        return Where(self.number, self.at, self.envelope.person, self.envelope.unit)


def encode(entry: Entry) -> bytes:
    """The canonical bytes of an entry. Raises Malformed for values outside the narrow profile or over 65,535 bytes."""
    who, fact = entry.envelope, entry.fact
    form, told = _FORMS.get(fact.kind) or _form(type(fact))
    values = (entry.act, who.address, spelled(entry.at), who.client, who.device, *told(fact.__dict__),
              entry.number, who.on_behalf_of, who.person, who.post, who.purpose, who.unit)  # fmt: skip
    return sealed(form % tuple(["null" if each is None else SPELL[type(each)](each) for each in values]))


def _form(kind: type[Fact]) -> Form:
    """An entry of this kind with a gap for each value, in canonical order, and what reads the values of its fact."""
    names = sorted(kind._names)
    members = sorted([*((name, "%s") for name in names), ("kind", f'"{kind.kind}"')])
    fact = "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"

    def told(values: dict[str, Any]) -> tuple[Any, ...]:
        return tuple([values[name] for name in names])

    form = (
        f'{{"act":%s,"address":%s,"at":%s,"client":%s,"device":%s,"fact":{fact},"number":%s,"on_behalf_of":%s,'
        '"person":%s,"post":%s,"purpose":%s,"unit":%s,"v":1}'
    )
    return _FORMS.setdefault(kind.kind, (form, told))


def parse(found: bytes) -> Entry:
    """The entry these bytes are; Malformed unless `encode` would write exactly them."""
    try:
        plain = json.loads(found)
        if type(plain) is not dict or plain.pop("v") != 1:
            raise Malformed("not an entry of version 1")
        number, at, act, fact = (plain.pop(name) for name in ("number", "at", "act", "fact"))
        if type(number) is not int or number < 0 or type(act) is not str or not _ACT.fullmatch(act):
            raise Malformed("the number or the act reference is of another form")
        if any(
            value is not None and type(value) is not (int if name == "post" else str) for name, value in plain.items()
        ):
            raise Malformed("the envelope holds a value of another type")
        entry = Entry(number, moment(at), act, Envelope(**plain), facts.parse(fact))
        if len(plain) != len(Envelope.__slots__) or encode(entry) != found:
            raise Malformed("the bytes are not canonical")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise error if isinstance(error, Malformed) else Malformed(f"not an entry: {type(error).__name__}") from error
    return entry
