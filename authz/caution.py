"""Cautions: changes of a record that are let pass and made visible, because misuse has looked like them (M6).

Name and identity number changed together are a new human being in the place of an old one. Which fields together call
for a note is a local table, the section `cautions` of catalogue.toml; the notice names no such changes. A note forbids
nothing and asks nobody: detectors and auditors read it beside the edit it follows in the log.

Any operation may carry changed fields, so a change is not made quiet by calling it something else. Two are left out:
what is collected where nothing stood before is no change, and a deletion has a ground of its own and ends the record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from authz import table
from authz.fact import Fact
from authz.wording import NAME, Reading

SECTION: Final = "cautions"
_ENTERING: Final = "collect"
_KEYS: Final = {"zh", "source", "module", "fields", "operations"}


class HighRiskNoted(Fact):
    """The edit in the entry before this one changed together what the caution `caution` watches."""

    authority = False
    caution: str
    household: str
    division: str
    cell: str
    operation: str
    person_id: str


@dataclass(frozen=True, slots=True)
class Caution:
    """All of `fields` of a module, changed in one edit by one of `operations`."""

    code: str
    zh: str
    source: str
    module: str
    fields: frozenset[str]
    operations: frozenset[str]


def read(
    reading: Reading, modules: Mapping[str, Collection[str]], operations: Collection[str]
) -> Mapping[str, Caution]:
    """The section, checked word by word; a set without it watches nothing."""
    if SECTION not in reading.sections:
        return MappingProxyType({})
    found = {}
    for code, row in reading.dictionary(SECTION, NAME.fullmatch).items():
        told = reading.shape(code, row, _KEYS)
        sourced = isinstance(told["source"], str) and table.BASIS.fullmatch(told["source"]) is not None
        reading.need(sourced, code, "依据不正确", "unknown source")
        reading.need(told["module"] in modules, code, "没有这个模块", "unknown module")
        fields = reading.subset(code, told["fields"], modules[told["module"]])
        found[code] = Caution(
            code,
            told["zh"],
            told["source"],
            told["module"],
            fields,
            reading.subset(code, told["operations"], operations),
        )
    return MappingProxyType(found)


def called_for(
    cautions: Mapping[str, Caution], module: str, operation: str, changes: Iterable[tuple[str | None, ...]]
) -> tuple[str, ...]:
    """The cautions that an edit with these changes (field, commitments before and after) calls for."""
    changed = {each[0] for each in changes if operation != _ENTERING or each[1] is not None}
    return tuple(
        each.code for each in cautions.values()
        if each.module == module and operation in each.operations and each.fields <= changed
    )  # fmt: skip
