"""Remits: the fields each department answers for (谁提供谁负责, S07), and nothing beside them.

The notice says that departments provide data for comparison (S05, S20, S50); which field is whose is a local table, the
section `departments` of catalogue.toml. A set without the section bounds nobody, as sets did before there was one.
Whoever holds another role, the county's own workers among them, is bounded by his grant alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NoReturn

from authz import table

SECTION: Final = "departments"
_KEYS: Final = {"roles", "source", "fields"}


@dataclass(frozen=True, slots=True)
class Remits:
    """Who is bounded (`roles`), by what, and what demands it. `fields` maps (unit kind, module) to names of fields."""

    roles: frozenset[str]
    source: str
    fields: Mapping[tuple[str, str], frozenset[str]]

    def bounds(self, role: str) -> bool:
        """Whether holders of the role write only what is listed for their kind of unit."""
        return role in self.roles

    def has(self, kind: str, module: str, field: str) -> bool:
        """Whether the field belongs to this kind of unit."""
        return field in self.fields.get((kind, module), ())

    def owners(self, module: str, field: str) -> tuple[str, ...]:
        """The kinds of unit that answer for a field; empty where no department does."""
        return tuple(sorted({kind for kind, part in self.fields if part == module and self.has(kind, module, field)}))


NONE: Final = Remits(frozenset(), "local", MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the catalogue that the section rests on, and its file to say in which line a bad one stands."""

    file: str
    text: str
    roles: Collection[str]
    holds: Mapping[str, frozenset[str]]
    modules: Mapping[str, Collection[str]]


def kind(unit: str) -> str:
    """The kind of a unit, which its id `u-<division>-<kind>` ends with."""
    return unit.split("-", 2)[2]


def read(section: Any, words: Words) -> Remits:
    """The section, checked word by word. Every kind of unit that may hold a bounded role stands in it, even with nothing."""
    if section is None:
        return NONE
    if not isinstance(section, dict) or set(section) != _KEYS or not isinstance(section["fields"], dict):
        _bad(words, None, SECTION, "栏目应为 roles、source、fields", "must have roles, source and fields")
    if not isinstance(section["source"], str) or table.BASIS.fullmatch(section["source"]) is None:
        _bad(words, None, "source", "依据不正确", "unknown source")
    roles = _named(words, None, "roles", section["roles"], words.roles, "角色不存在", "unknown role")
    bounded = {kind for kind, held in words.holds.items() if held & roles}
    for each in section["fields"]:
        if each not in bounded:
            _bad(words, each, each, "没有这类部门", "unknown unit kind, or one that holds no such role")
    for each in sorted(bounded - set(section["fields"])):
        _bad(words, None, SECTION, f"没有列明 {each} 负责的指标", f"no fields listed for {each}")
    found = {}
    for owner, parts in section["fields"].items():
        if not isinstance(parts, dict):
            _bad(words, owner, owner, "格式不正确", "wrong form")
        for module, listed in parts.items():
            if module not in words.modules:
                _bad(words, owner, module, "没有这个模块", "unknown module")
            known = words.modules[module]
            found[owner, module] = _named(words, owner, module, listed, known, "该模块没有这个指标", "unknown field")
    return Remits(roles, section["source"], MappingProxyType(found))


def _named(
    words: Words, owner: str | None, key: str, listed: Any, known: Collection[str], zh: str, en: str
) -> frozenset[str]:
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
        _bad(words, owner, key, "清单为空或格式不正确", "empty list or wrong form")
    for each in listed:
        if each not in known:
            _bad(words, owner, each, zh, en)
        if listed.count(each) > 1:
            _bad(words, owner, each, "清单有重复", "repeated name in list")
    return frozenset(listed)


def _bad(words: Words, owner: str | None, word: str, zh: str, en: str) -> NoReturn:
    """Refuse at the line of the word inside the section, below the heading of this kind of unit."""
    lines = words.text.split("\n")
    head = f"[{SECTION}]" if owner is None else f"[{SECTION}.fields.{owner}]"
    first = next((n for n, line in enumerate(lines) if line.startswith(head)), 0)
    stands = (n for n, line in enumerate(lines) if n >= first and (f'"{word}"' in line or line.startswith(f"{word} =")))
    found = next(stands, first)
    table.bad(words.file, found + 1, f"{zh}：{word}", f"{en}: {word}")
