"""The catalogue: the closed vocabulary of a policy set. What it does not name does not exist (clause S10)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from authz import caution, remit, table
from authz.caution import Caution
from authz.remit import Remits
from authz.wording import NAME, Reading

FILE: Final = "catalogue.toml"
LEVELS: Final = ("region", "city", "county", "township", "village")
FORMS: Final = frozenset({"text", "code", "number", "money", "date", "month", "flag"})
SENSITIVITIES: Final = frozenset({"open", "personal", "identity", "contact", "health", "minor", "financial"})
_SECTIONS: Final = (
    "grants", "populations", "modules", "cells", "operations", "fields", "grounds", "unit_kinds", "roles", "appoint",
    "delegation", "groups", "objects",
)  # fmt: skip
_OPTIONAL: Final = ("attributes", "cast")
"""Sections that only a set without grants may have; one with grants may have those of `_LOCAL`."""
_LOCAL: Final = (remit.SECTION, caution.SECTION)
_FIELD: Final = 3
_ATTRIBUTE: Final = re.compile(r"(?:subject|action|resource)\.[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Operation:
    """Something done to data. `cells` are those on which it exists at all.

    `grounds` are those on which it may be asked for, empty for any; `unified` is whether a window may carry it.
    """

    name: str
    zh: str
    writes: bool
    high_risk: bool
    cells: frozenset[str]
    grounds: frozenset[str] = frozenset()
    unified: bool = True


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record; money is whole 分."""

    name: str
    zh: str
    form: str
    sensitivity: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A population and a module: the grain of authority."""

    name: str
    zh: str
    population: str
    module: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Role:
    """What a person is in a post, and the levels of units where it exists."""

    name: str
    zh: str
    levels: frozenset[str]


@dataclass(frozen=True, slots=True)
class UnitKind:
    """A kind of body: the levels where it exists and the roles its people may hold."""

    name: str
    zh: str
    levels: frozenset[str]
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Member:
    """A subject or resource that a set without grants declares. A subject `holds` a role; attributes have values."""

    kind: str
    id: str
    holds: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All words of a policy set, each with its Chinese name. `objects` are the service's own, with their acts."""

    grants: bool
    populations: Mapping[str, str]
    modules: Mapping[str, str]
    cells: Mapping[str, Cell]
    operations: Mapping[str, Operation]
    grounds: Mapping[str, str]
    unit_kinds: Mapping[str, UnitKind]
    roles: Mapping[str, Role]
    appoint: Mapping[str, frozenset[str]]
    delegable: frozenset[str]
    role_groups: frozenset[str]
    object_groups: frozenset[str]
    objects: Mapping[str, str]
    acts: Mapping[str, Mapping[str, str]]
    attributes: Mapping[str, tuple[str, ...]]
    cast: Mapping[tuple[str, str], Member]
    remits: Remits
    cautions: Mapping[str, Caution]

    def possible(self, act: str, object: str) -> bool:
        """Whether there is such an act on such an object at all."""
        if object in self.cells:
            operation = self.operations.get(act)
            return operation is not None and object in operation.cells
        return act in self.acts.get(object, {})

    def names_act(self, act: str) -> bool:
        """Whether `act` is an operation, or an act of the service written `object.verb`."""
        object, _, verb = act.partition(".")
        return act in self.operations or verb in self.acts.get(object, {})

    def may_hold(self, kind: str, level: str, role: str) -> bool:
        """Whether a person of such a unit on that level may hold the role."""
        unit = self.unit_kinds.get(kind)
        return unit is not None and level in unit.levels and role in unit.roles and level in self.roles[role].levels

    def may_appoint(self, by: str, role: str) -> bool:
        """Whether the holder of one role may give another one to somebody."""
        return role in self.appoint.get(by, frozenset())


def parse(data: bytes) -> Catalogue:
    """The catalogue of a TOML file, checked word by word."""
    return _Reading(table.text(FILE, data), table.toml(FILE, data)).catalogue()


class _Reading(Reading):
    """One pass over the parsed catalogue."""

    def __init__(self, text: str, sections: Mapping[str, Any]) -> None:
        super().__init__(FILE, text, sections)
        for section in sections:
            more = _OPTIONAL if sections.get("grants") is False else _LOCAL
            known = section in (*_SECTIONS, *more)
            self.need(known, section, "未知的章节", "unknown section")
        for section in _SECTIONS:
            self.need(section in sections, section, "缺少章节", "missing section")

    def catalogue(self) -> Catalogue:
        self.need(isinstance(self.sections["grants"], bool), "grants", "应为 true 或 false", "must be a boolean")
        titles = self.titles("cells")
        roles = {name: self.role(name, row) for name, row in self.dictionary("roles").items()}
        self.under = "groups"
        self.shape("groups", self.sections["groups"], {"roles", "objects"})
        taken = {*roles, *titles, *self.sections["objects"]}
        groups = {kind: self.groups(kind, taken) for kind in ("roles", "objects")}
        objects = {n: self.shape(n, row, {"zh", "acts"}) for n, row in self.dictionary("objects").items()}
        for name, row in objects.items():
            self.need(name not in titles and "." not in name, name, "对象与数据类别重名", "object named like a cell")
            self.need(isinstance(row["acts"], dict) and bool(row["acts"]), name, "没有任何动作", "no acts")
            for verb, zh in row["acts"].items():
                self.need(NAME.fullmatch(verb) is not None, verb, "名称不规范", "bad name")
                self.title(verb, zh)
        self.under = "delegation"
        self.shape("delegation", self.sections["delegation"], {"roles"})
        delegable = self.subset("delegation", self.sections["delegation"]["roles"], roles)
        named = self.dictionary("appoint", roles.__contains__)
        appoint = {by: self.subset(by, found, roles) for by, found in named.items()}
        operations = {n: self.operation(n, row, titles) for n, row in self.dictionary("operations").items()}
        kinds = {name: self.unit_kind(name, row, roles) for name, row in self.dictionary("unit_kinds").items()}
        cells = self.cells(titles)
        return Catalogue(
            grants=self.sections["grants"],
            populations=self.titles("populations"),
            modules=self.titles("modules"),
            cells=MappingProxyType(cells),
            operations=MappingProxyType(operations),
            grounds=self.titles("grounds"),
            unit_kinds=MappingProxyType(kinds),
            roles=MappingProxyType(roles),
            appoint=MappingProxyType(appoint),
            delegable=delegable,
            role_groups=groups["roles"],
            object_groups=groups["objects"],
            objects=MappingProxyType({name: row["zh"] for name, row in objects.items()}),
            acts=MappingProxyType({name: MappingProxyType(dict(row["acts"])) for name, row in objects.items()}),
            attributes=MappingProxyType(self.attributes()),
            cast=MappingProxyType({(each.kind, each.id): each for each in self.cast(roles)}),
            remits=self.remits(kinds, roles),
            cautions=caution.read(self, self.sections["fields"], operations),
        )

    def remits(self, kinds: Mapping[str, UnitKind], roles: Mapping[str, Role]) -> Remits:
        holds = {name: kind.roles for name, kind in kinds.items()}
        words = remit.Words(FILE, self.text, roles, holds, self.sections["fields"])
        return remit.read(self.sections.get(remit.SECTION), words)

    def groups(self, kind: str, taken: set[str]) -> frozenset[str]:
        found = self.sections["groups"][kind]
        self.need(isinstance(found, list) and all(isinstance(n, str) for n in found), kind, "格式不正确", "wrong form")
        for name in found:
            self.need(
                NAME.fullmatch(name) is not None and name not in taken, name, "组名不规范或重名", "bad group name"
            )
        return frozenset(found)

    def attributes(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for name, values in self.sections.get("attributes", {}).items():
            self.need(_ATTRIBUTE.fullmatch(name) is not None, name, "属性名不规范", "bad attribute name")
            good = isinstance(values, list) and values and all(isinstance(each, str) and each for each in values)
            self.need(bool(good) and len(set(values)) == len(values), name, "取值清单不规范", "bad list of values")
            found[name] = tuple(values)
        return found

    def cast(self, roles: Mapping[str, Role]) -> Iterator[Member]:
        known = self.attributes()
        for kind, members in self.sections.get("cast", {}).items():
            self.need(isinstance(members, dict) and bool(members), kind, "格式不正确", "wrong form")
            for id, row in members.items():
                self.need(isinstance(row, dict), id, "格式不正确", "wrong form")
                holds, party = row.get("holds"), "subject" if "holds" in row else "resource"
                self.need(holds is None or holds in roles, id, "角色不存在", "unknown role")
                said = {name: value for name, value in row.items() if name != "holds"}
                for name, value in said.items():
                    self.need(value in known.get(f"{party}.{name}", ()), id, "属性或取值不存在", "unknown attribute")
                yield Member(kind, id, holds, MappingProxyType(said))

    def role(self, name: str, row: object) -> Role:
        found = self.shape(name, row, {"zh", "levels"})
        return Role(name, found["zh"], self.subset(name, found["levels"], LEVELS))

    def unit_kind(self, name: str, row: object, roles: Mapping[str, Role]) -> UnitKind:
        found = self.shape(name, row, {"zh", "levels", "roles"})
        levels, held = self.subset(name, found["levels"], LEVELS), self.subset(name, found["roles"], roles)
        for role in held:
            fits = bool(levels & roles[role].levels)
            self.need(fits, name, f"该层级没有角色 {role}", f"role {role} exists on no such level")
        return UnitKind(name, found["zh"], levels, held)

    def operation(self, name: str, row: object, cells: Mapping[str, str]) -> Operation:
        found = self.shape(name, row, {"zh", "writes", "high_risk"}, frozenset({"cells", "grounds", "unified"}))
        for key in ("writes", "high_risk", "unified"):
            self.need(isinstance(found.get(key, True), bool), name, "应为真或假", "not boolean")
        on = self.subset(name, found["cells"], cells) if "cells" in found else frozenset(cells)
        grounds = (
            self.subset(name, found["grounds"], self.sections["grounds"]) if "grounds" in found else frozenset[str]()
        )
        return Operation(
            name, found["zh"], found["writes"], found["high_risk"], on, grounds, found.get("unified", True)
        )

    def cells(self, titles: Mapping[str, str]) -> dict[str, Cell]:
        fields = self.dictionary("fields", self.sections["modules"].__contains__)
        found = {}
        for name, zh in titles.items():
            population, _, module = name.partition(".")
            known = population in self.sections["populations"] and module in self.sections["modules"]
            self.need(
                known and module in fields, name, "人口类别、模块或字段不存在", "unknown population, module or fields"
            )
            self.under = f"fields.{module}"
            self.need(isinstance(fields[module], dict), module, "格式不正确", "wrong form")
            found[name] = Cell(name, zh, population, module, self.fields(fields[module], population))
        return found

    def fields(self, rows: Mapping[str, Any], population: str) -> Mapping[str, Field]:
        found = {}
        for name, row in rows.items():
            self.need(NAME.fullmatch(name) is not None and isinstance(row, list), name, "字段不规范", "bad field")
            self.need(len(row) in (_FIELD, _FIELD + 1), name, "字段栏目数不对", "bad number of parts")
            zh, form, sensitivity, *only = row
            self.title(name, zh)
            self.need(all(isinstance(each, str) for each in row), name, "字段不规范", "bad field")
            self.need(
                form in FORMS and sensitivity in SENSITIVITIES, name, "类型或敏感级不正确", "bad form or sensitivity"
            )
            self.need(
                all(p in self.sections["populations"] for p in only), name, "人口类别不存在", "unknown population"
            )
            if not only or population in only:
                found[name] = Field(name, zh, form, sensitivity)
        return MappingProxyType(found)
