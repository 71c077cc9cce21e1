"""A narrowing: what a county forbids its own people on top of the regional rules; a lower level can only narrow (S34).

It is one file, `roles.csv`, of `p` rows with the effect `deny` and nothing else. It may name operations on cells and
the handing on of grants, for roles that a grant can be given to: whoever oversees the county, decides its requests or
cuts its grants is out of its reach. It holds inside its division, below the regional rules, never instead of them.
A file without a row forbids nothing: with it a county goes back to the region's rules as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from authz import bundle, table
from authz.policy import PolicySet

FILE: Final = "roles.csv"
_COLUMNS: Final = 5
_HANDED_ON: Final = ("delegate", "grant")

Triple = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The narrowing of a division: which (role, act, object) it forbids, each with the row that says so."""

    division: str
    digest: str
    forbids: Mapping[Triple, str]


def parse(division: str, files: Mapping[str, bytes], policy: PolicySet) -> Narrowing:
    """The narrowing in these files under these regional rules; `table.BadTable` for anything that is not one."""
    for name in sorted({*files} ^ {FILE}):
        table.bad(name, 0, "只接受一个文件 roles.csv", "missing or unexpected file")
    words, forbids, seen = policy.catalogue, dict[Triple, str](), set[tuple[str, ...]]()
    for number, fields in table.lines(FILE, files[FILE], comments=True):
        if len(fields) != _COLUMNS or fields[0] != "p" or fields[4] != "deny":
            table.bad(FILE, number, "下级只能写 p 行，且效力只能是 deny", "only p rows with the effect deny")
        if fields in seen:
            table.bad(FILE, number, "与前面的行重复", "row given twice")
        seen.add(fields)
        _, role, act, object_, _ = fields
        if role not in policy.roles or object_ not in policy.objects:
            told = role if role not in policy.roles else object_
            table.bad(FILE, number, f"没有角色、对象或分组 {told}", "unknown role or object")
        roles = [each for each in words.roles if role in policy.roles[each]]
        objects = [each for each in (*words.cells, *words.objects) if object_ in policy.objects[each]]
        if not roles or not set(roles) <= words.delegable:
            table.bad(
                FILE, number, f"只能限制可以持有授权的岗位角色，{role} 不是", "only roles that a grant can be given to"
            )
        for each in objects:
            if not words.possible(act, each) or (each not in words.cells and (act, each) != _HANDED_ON):
                table.bad(FILE, number, "只能限制数据操作和转授", "only operations on cells, and grant.delegate")
        forbids |= {(one, act, each): f"{division}/{FILE}:{number}" for one in roles for each in objects}
    return Narrowing(division, bundle.digest(files), MappingProxyType(forbids))
