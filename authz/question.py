"""A question of another system: may this subject do this to this resource, at this instant, as known then?

What it says of the edit it is about is what an edit itself would say: the quarter, when it was done, whose hands did
it, which fields it touches. What it leaves open is any: a quarter or a data year that is not said is every one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from authz.decision import Wish
from authz.edit import RESPONSIBLE, Edit
from authz.rows import Reads

PERSON = "person"
_PERSON = re.compile(r"p-[0-9]{1,12}")
TOKEN = re.compile(r"h-[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Party:
    """A subject or a resource as a question names it. `id` is None where it is searched for."""

    kind: str
    id: str | None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a question says of the edit it is about, beside the place, the cell and the year. `named` holds persons by
    responsibility, `fields` the names of the fields it would touch."""

    quarter: int | None = None
    occurred_at: datetime | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Stated()


@dataclass(frozen=True, slots=True)
class Question:
    """May this subject do this to this resource? `at` null means now, `known` null means as known now."""

    subject: Party
    action: str
    resource: Party
    traits: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    known: int | None = None
    stated: Stated = Stated()

    @property
    def past(self) -> bool:
        """Whether it asks about another instant, or another state of the record, than now."""
        return self.at is not None or self.known is not None

    @property
    def person(self) -> str | None:
        return self.subject.id if self.subject.kind == PERSON else None

    @property
    def data_year(self) -> int | None:
        year: int | None = self.resource.properties.get("data_year")
        return year

    @property
    def token(self) -> str | None:
        """The household it is about, if its id can be one."""
        found = self.resource.id or ""
        return found if TOKEN.fullmatch(found) else None

    def edit(self, division: str) -> Edit:
        """The edit it asks about, at the place where the household lives."""
        made, said = bare(Wish(self.action, self.resource.kind, division, self.data_year, self.token)), self.stated
        return replace(
            made, quarter=said.quarter, occurred_at=said.occurred_at, named=made.named | dict(said.named),
            changes_made=tuple((each, None, None) for each in said.fields),
        )  # fmt: skip

    def reads(self) -> Reads:
        """The register keys its answer hangs on: those of the edit, and the person."""
        person = self.person or ""
        mine = Reads(persons=frozenset((person,) if _PERSON.fullmatch(person) else ()))
        return mine if self.token is None else mine | self.edit("").reads


def bare(wish: Wish) -> Edit:
    """An edit that says nothing but this wish."""
    return Edit(
        household=wish.household or "", member=None, division=wish.division, cell=wish.cell, operation=wish.operation,
        data_year=wish.data_year, quarter=None, occurred_at=None, channel="", named=dict.fromkeys(RESPONSIBLE),
        changes_made=(), evidence=(), ruleset=None, checks_failed=(), checks_overridden=(), campaign=None,
    )  # fmt: skip
