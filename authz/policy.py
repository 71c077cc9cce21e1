"""The policy set: what a bureau's lawyer has written down, as values, with one digest that stands in every decision.

Parsing is pure and all or nothing. An evaluator skips what it does not know (an effect "Deny", a row type "q", a role
nobody has), and a skipped deny is an allow; so the whole set is refused, with file, line and reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from authz import bundle, catalogue, table
from authz.catalogue import Catalogue

FILES: Final = ("catalogue.toml", "documents/codewords.csv", "duties.csv", "handling.toml", "model.conf", "roles.csv")
EFFECTS: Final = ("allow", "deny")
STRENGTHS: Final = ("block", "trim", "extra", "record")
DUTY_KINDS: Final = ("roles", "request", "record", "household", "pair", "policy", "grant")
MOST_DEPTH: Final = 6
MOST_RULES, MOST_ACTS, MOST_WORDS = 600, 150, 60
"""The rule is compiled by every process; beyond this that would keep everybody waiting."""
_ROLES, _DUTIES, _HANDLING, _MODEL, _WORDS = "roles.csv", "duties.csv", "handling.toml", "model.conf", FILES[1]
_ARITY: Final = {"p": 5, "g": 3, "g2": 3}
_WORD: Final = re.compile(r"[\u4e00-\u9fff·]{2,20}")
_DOCUMENTS: Final = frozenset({"QINGSHI", "HAN", "PIFU", "FUHAN"})
_PARTS: Final = frozenset({"member", "primary", "deputy", "holder"})


Groups = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One p row. `id` is where it stands, e.g. `roles.csv:17`."""

    id: str
    role: str
    act: str
    object: str
    eft: str


@dataclass(frozen=True, slots=True)
class Duty:
    """A separation of duty: what may not come together in one natural person, how strictly, and why."""

    code: str
    kind: str
    left: frozenset[str]
    right: frozenset[str]
    strength: str
    basis: str
    zh: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A number with the clause it comes from, or `local`."""

    name: str
    zh: str
    value: int
    unit: str
    source: str
    strength: str


@dataclass(frozen=True, slots=True)
class CodeWord:
    """The code word of a unit's documents (机关代字) and the kinds of document it stands on."""

    word: str
    unit: str
    kinds: frozenset[str]
    source: str


@dataclass(frozen=True, slots=True)
class SpecRow:
    """One line of the truth table: every act of `acts` on every object of `objects` by `role` is `expected`."""

    line: int
    role: str
    acts: tuple[str, ...]
    objects: tuple[str, ...]
    expected: str
    because: str


class Link(NamedTuple):
    """One g or g2 row: the child is in the group, or is of the kind, of the parent."""

    child: str
    parent: str


@dataclass(frozen=True, eq=False)
class PolicySet:
    """Everything that takes part in a decision. Equal digests are equal sets.

    `roles` and `objects` map each name to itself and every group above it.
    """

    digest: str
    model: str
    rows: tuple[RuleRow, ...]
    role_links: tuple[Link, ...]
    object_links: tuple[Link, ...]
    roles: Groups
    objects: Groups
    catalogue: Catalogue
    duties: Mapping[str, Duty]
    handling: Mapping[str, Setting]
    codewords: Mapping[str, CodeWord]

    def number(self, name: str) -> int:
        """A number of `handling.toml`; an unknown name is a bug."""
        return self.handling[name].value

    def triples(self) -> Iterator[tuple[str, str, str]]:
        """Every possible (role, act, object)."""
        words = self.catalogue
        for role in words.roles:
            for cell in words.cells:
                yield from ((role, act, cell) for act in words.operations if words.possible(act, cell))
            for object, verbs in words.acts.items():
                yield from ((role, verb, object) for verb in verbs)


def parse(files: Mapping[str, bytes]) -> PolicySet:
    """The policy set of exactly the files of `FILES`, or `table.BadTable`."""
    for name in sorted({*FILES, *files}):
        if (name in FILES) != (name in files):
            table.bad(name, 0, "缺少此文件" if name in FILES else "不应有此文件", "missing or unexpected file")
    words = catalogue.parse(files[catalogue.FILE])
    rows, links = _rules(files[_ROLES])
    roles = _closure({*words.roles, *words.role_groups}, links["g"])
    objects = _closure({*words.cells, *words.objects, *words.object_groups}, links["g2"])
    sizes = map(len, (words.roles, words.cells, words.operations, words.objects))
    if len(rows) > MOST_RULES or sum(map(len, words.acts.values())) > MOST_ACTS or max(sizes) > MOST_WORDS:
        table.bad(_ROLES, 0, "规则、动作或词汇过多", "too many rules, acts or words")
    _check_rows(rows, words, roles, objects)
    return PolicySet(
        digest=bundle.digest(files),
        model=_model(files[_MODEL]),
        rows=tuple(rows.values()),
        role_links=tuple(links["g"].values()),
        object_links=tuple(links["g2"].values()),
        roles=roles,
        objects=objects,
        catalogue=words,
        duties=_duties(files[_DUTIES], words),
        handling=_handling(files[_HANDLING]),
        codewords=_codewords(files[_WORDS]),
    )


def parse_spec(file: str, data: bytes, policy: PolicySet) -> tuple[SpecRow, ...]:
    """The truth table of the roles; acts and objects are lists, never groups, so that it rests on nothing it tests."""
    found = []
    for line in table.rows(file, data, ("role", "act", "object", "expected", "because"), comments=True):
        role, acts, objects, expected, because = line.fields
        row = SpecRow(line.number, role, tuple(acts.split()), tuple(objects.split()), expected, because)
        known = all(policy.catalogue.possible(act, object) for act in row.acts for object in row.objects)
        if role not in policy.catalogue.roles or not (row.acts and row.objects and known) or not because:
            table.bad(
                file, line.number, "角色、动作或对象不存在，或缺少理由", "unknown role, act or object, or no reason"
            )
        if expected not in EFFECTS:
            table.bad(file, line.number, "预期应为 allow 或 deny", "expected must be allow or deny")
        found.append(row)
    return tuple(found)


def _model(data: bytes) -> str:
    """The model text. A # inside a line would silently cut the matcher off, so there may be none."""
    text = table.text(_MODEL, data)
    for number, line in enumerate(text.split("\n"), start=1):
        if "#" in line or ";" in line or line.rstrip().endswith("\\"):
            table.bad(_MODEL, number, "模型中不得有注释或续行", "no comments or continued lines in the model")
    return text


def _rules(data: bytes) -> tuple[dict[int, RuleRow], dict[str, dict[int, Link]]]:
    rows: dict[int, RuleRow] = {}
    links: dict[str, dict[int, Link]] = {"g": {}, "g2": {}}
    seen: set[tuple[str, ...]] = set()
    for number, fields in table.lines(_ROLES, data, comments=True):
        if fields[0] not in _ARITY:
            table.bad(_ROLES, number, "行首应为 p、g 或 g2，各栏之间用半角逗号", "unknown row type")
        if len(fields) != _ARITY[fields[0]]:
            table.bad(_ROLES, number, f"{fields[0]} 行应有 {_ARITY[fields[0]]} 列", "wrong number of fields")
        if not all(field and field == field.strip() for field in fields):
            table.bad(_ROLES, number, "有空栏或多余空格", "empty field or stray blank")
        if fields in seen:
            table.bad(_ROLES, number, "与前面的行重复", "row given twice")
        seen.add(fields)
        if fields[0] == "p":
            if fields[4] not in EFFECTS:
                table.bad(_ROLES, number, "末栏效力应为 allow 或 deny（小写）", "effect must be allow or deny")
            rows[number] = RuleRow(f"{_ROLES}:{number}", *fields[1:])
        else:
            links[fields[0]][number] = Link(*fields[1:])
    if not any(row.eft == "allow" for row in rows.values()):
        table.bad(_ROLES, 0, "没有任何许可规则", "no rule allows anything")
    return rows, links


def _closure(names: set[str], links: Mapping[int, Link]) -> Groups:
    """Each name with itself and everything above it; Casbin silently ends a longer chain, so the depth is bounded."""
    above: dict[str, set[str]] = {}
    for number, link in links.items():
        for name in link:
            if name not in names:
                table.bad(_ROLES, number, f"没有角色、对象或分组 {name}", "unknown role, object or group")
        above.setdefault(link.child, set()).add(link.parent)
    closed = {}
    for name in names:
        found, reached, depth = {name}, {name}, 0
        while reached := {parent for child in reached for parent in above.get(child, ())}:
            depth += 1
            if depth > MOST_DEPTH or name in reached:
                last = max(n for n, link in links.items() if link.parent in reached)
                table.bad(_ROLES, last, f"分组成环或超过 {MOST_DEPTH} 层", "groups in a circle or too deep")
            found |= reached
        closed[name] = frozenset(found)
    return MappingProxyType(closed)


def _check_rows(rows: Mapping[int, RuleRow], words: Catalogue, roles: Groups, objects: Groups) -> None:
    for number, row in rows.items():
        if row.role not in roles:
            table.bad(_ROLES, number, f"没有角色或分组 {row.role}", "unknown role")
        if row.object not in objects:
            table.bad(_ROLES, number, f"没有对象或分组 {row.object}", "unknown object")
        members = [each for each in (*words.cells, *words.objects) if row.object in objects[each]]
        if not any(row.role in roles[role] for role in words.roles) or not members:
            table.bad(_ROLES, number, "分组没有成员", "group without members")
        if not all(words.possible(row.act, each) for each in members):
            table.bad(_ROLES, number, f"对象 {row.object} 没有动作 {row.act}", "no such act on this object")


def _duties(data: bytes, words: Catalogue) -> Mapping[str, Duty]:
    duties: dict[str, Duty] = {}
    for line in table.rows(_DUTIES, data, ("code", "kind", "left", "right", "strength", "basis", "zh")):
        code, kind, left, right, strength, basis, zh = line.fields
        duty = Duty(code, kind, frozenset(left.split()), frozenset(right.split()), strength, basis, zh)
        if code in duties or not code.isidentifier() or not zh or len(duties) >= MOST_WORDS:
            told = "与前面的代码重复" if code in duties else "代码不规范、缺少说明或行数过多"
            table.bad(_DUTIES, line.number, f"{code}：{told}", "repeated or bad code, or no text")
        if kind not in DUTY_KINDS or strength not in STRENGTHS or table.BASIS.fullmatch(basis) is None:
            told = f"类别应为 {'、'.join(DUTY_KINDS)}，强度应为 {'、'.join(STRENGTHS)}，依据如 S09、M8 或 local"
            table.bad(_DUTIES, line.number, f"{code}：{told}", "unknown kind, strength or basis")
        named = duty.left | duty.right
        known = words.roles.__contains__ if kind == "roles" else lambda word: word in _PARTS or words.names_act(word)
        if not (duty.left and duty.right and all(known(word) for word in named)):
            told = "、".join(sorted(word for word in named if not known(word))) or "两侧都须填写"
            table.bad(_DUTIES, line.number, f"{code}：没有这个角色或动作：{told}", "unknown role or act")
        duties[code] = duty
    return MappingProxyType(duties)


def _handling(data: bytes) -> Mapping[str, Setting]:
    settings: dict[str, Setting] = {}
    written = table.text(_HANDLING, data).split("\n")
    for name, row in table.toml(_HANDLING, data).items():
        number = next((n for n, line in enumerate(written, start=1) if line.startswith((f"[{name}]", name))), 1)
        keys = {"zh", "value", "unit", "source"}
        if not isinstance(row, dict) or not keys <= set(row) <= keys | {"strength", "floor", "ceiling"}:
            table.bad(_HANDLING, number, f"{name} 栏目缺少或多余", f"{name}: missing or unknown key")
        value, strength = row["value"], row.get("strength", "L")
        limits = (value, row.get("floor", 0), row.get("ceiling", 0))
        if not all(type(each) is int for each in limits) or not row.get("floor", 0) <= value <= row.get(
            "ceiling", value
        ):
            table.bad(_HANDLING, number, f"{name} 数值不在允许范围内", f"{name}: value out of range")
        texts = (row["zh"], row["unit"], row["source"])
        if not all(isinstance(text, str) and text for text in texts) or table.BASIS.fullmatch(row["source"]) is None:
            table.bad(_HANDLING, number, f"{name} 缺少名称、单位或依据", f"{name}: no name, unit or source")
        if strength not in ("M", "P", "L") or (strength == "L") != (row["source"] == "local"):
            table.bad(_HANDLING, number, f"{name} 强度与依据不符", f"{name}: strength does not fit the source")
        settings[name] = Setting(name, row["zh"], value, row["unit"], row["source"], strength)
    return MappingProxyType(settings)


def _codewords(data: bytes) -> Mapping[str, CodeWord]:
    found: dict[str, CodeWord] = {}
    for line in table.rows(_WORDS, data, ("word", "unit", "kinds", "source")):
        word, unit, kinds, source = line.fields
        if word in found or _WORD.fullmatch(word) is None or not unit.startswith("u-"):
            table.bad(
                _WORDS, line.number, "机关代字重复或不规范，或单位不正确", "repeated or bad code word, or bad unit"
            )
        if not (kinds and set(kinds.split()) <= _DOCUMENTS and table.BASIS.fullmatch(source)):
            table.bad(_WORDS, line.number, "文种或依据不正确", "unknown kind of document or source")
        found[word] = CodeWord(word, unit, frozenset(kinds.split()), source)
    return MappingProxyType(found)
