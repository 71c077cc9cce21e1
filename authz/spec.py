"""Truth tables beside the rules: what each role may do and which duties fall together, row by row, as a check of a set.

    roles.spec.csv   role, act, object, expected, because     acts and objects are lists, never groups
    duties.spec.csv  code, left, right, expected, because     expected is a strength, or none
    fields.spec.csv  unit_kind, field, expected, because      fields are a list of module.field; only with remits

A right that no row of the table expects is a fault as well: a table that says nothing about it would pass anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from authz import duty, policy, table
from authz.difference import rights
from authz.policy import PolicySet

ROLES: Final = "roles.spec.csv"
DUTIES: Final = "duties.spec.csv"
FIELDS: Final = "fields.spec.csv"
FILES: Final = (ROLES, DUTIES, FIELDS)
COLUMNS: Final = ("code", "left", "right", "expected", "because")
_FIELD_COLUMNS: Final = ("unit_kind", "field", "expected", "because")


def failures(files: Mapping[str, bytes], set_: PolicySet) -> tuple[tuple[str, ...], int]:
    """What the set does otherwise than its tables say, one Chinese line each, and how many rows were asked."""
    found = [*_roles(files.get(ROLES), set_), *_duties(files.get(DUTIES), set_), *fields(files.get(FIELDS), set_)]
    asked = sum(len(table.lines(name, files[name], comments=True)) - 1 for name in FILES if name in files)
    return tuple(found), asked


def _roles(data: bytes | None, set_: PolicySet) -> Iterator[str]:
    if data is None:
        yield f"{ROLES}：缺少真值表"
        return
    allowed, expected = rights(set_), set[tuple[str, str, str]]()
    for row in policy.parse_spec(ROLES, data, set_):
        for act in row.acts:
            for object_ in row.objects:
                triple = (row.role, act, object_)
                if row.expected == "allow":
                    expected.add(triple)
                if (triple in allowed) != (row.expected == "allow"):
                    told = "应许可，实为不许可" if row.expected == "allow" else "应不许可，实为许可"
                    yield f"{ROLES}:{row.line}: {' '.join(triple)} {told}（{row.because}）"
    for triple in sorted(allowed - expected):
        yield f"{ROLES}: {' '.join(triple)} 规则许可，但真值表没有写明"


def _duties(data: bytes | None, set_: PolicySet) -> Iterator[str]:
    if data is None:
        yield f"{DUTIES}：缺少真值表"
        return
    for line in table.rows(DUTIES, data, COLUMNS, comments=True):
        code, left, right, expected, because = line.fields
        if code not in set_.duties:
            yield f"{DUTIES}:{line.number}: 没有职责分离 {code}"
            continue
        found = duty.overlap(set_, code, left, right)
        given = found.strength if found else "none"
        if given != expected:
            yield f"{DUTIES}:{line.number}: {code} 应为 {expected}，实为 {given}（{because}）"


def fields(data: bytes | None, set_: PolicySet) -> Iterator[str]:
    """What the remits of the departments do otherwise than their table says. The rows that allow are the whole list."""
    words, listed = set_.catalogue, set_.catalogue.remits.fields
    if data is None:
        if words.remits.roles:
            yield f"{FIELDS}：缺少真值表"
        return
    known = {f"{cell.module}.{field}" for cell in words.cells.values() for field in cell.fields}
    told = set[tuple[str, str]]()
    for line in table.rows(FIELDS, data, _FIELD_COLUMNS, comments=True):
        kind, names, expected, because = line.fields
        if kind not in words.unit_kinds or not names or not set(names.split()) <= known or not because:
            table.bad(FIELDS, line.number, "部门或指标不存在，或缺少理由", "unknown unit kind or field, or no reason")
        if expected not in policy.EFFECTS:
            table.bad(FIELDS, line.number, "预期应为 allow 或 deny", "expected must be allow or deny")
        for name in names.split():
            if expected == "allow":
                told.add((kind, name))
            if words.remits.has(kind, *name.split(".")) != (expected == "allow"):
                wrong = "应由该部门填报，实为不可" if expected == "allow" else "不应由该部门填报，实为可以"
                yield f"{FIELDS}:{line.number}: {kind} {name} {wrong}（{because}）"
    written = {(kind, f"{module}.{each}") for (kind, module), names in listed.items() for each in names}
    for owner, name in sorted(written - told):
        yield f"{FIELDS}: {owner} {name} 列为该部门填报，但真值表没有写明"
