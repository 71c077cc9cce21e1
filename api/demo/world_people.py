"""The people of the demo world and their posts. The ids of the first hundred are known from the contract and the demo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.demo.world_bodies import COUNTY, DEPARTMENTS, REGION, townships, villages
from authz.division import Divisions

STARTED, CHANGED = "2024-03-01T00:00:00.000000Z", "2025-12-31T16:00:00.000000Z"
TERM = ("2025-05-31T16:00:00.000000Z", "2027-05-31T16:00:00.000000Z")
PREDECESSORS = 12
"""In so many villages the collector of before 2026 is still on the register, his post ended."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A person in a post."""

    person: str
    unit: str
    division: str
    role: str
    title: str
    since: str = STARTED
    until: str | None = None


def _at(person: int, division: str, kind: str, role: str, title: str, *term: str) -> Holder:
    return Holder(f"p-{person}", f"u-{division}-{kind}", division, role, title, *term)


def offices() -> Iterator[Holder]:
    """Region, and the county's own lead body: the persons the demo speaks for."""
    yield _at(1002, COUNTY, "lead", "county_clerk", "信息中心经办人")
    yield _at(1003, COUNTY, "lead", "county_signatory", "局长（签发人）")
    yield _at(1004, COUNTY, "lead", "county_admin", "系统管理员A角")
    yield _at(1005, COUNTY, "lead", "county_admin", "系统管理员B角")
    yield _at(1006, COUNTY, "lead", "county_clerk", "监测股经办人")
    yield _at(1011, REGION, "lead", "region_handler", "监测处承办人")
    yield _at(1012, REGION, "lead", "region_approver", "分管副厅长（审批人）")
    yield _at(1013, REGION, "lead", "region_handler", "监测处承办人")
    yield _at(1014, REGION, "lead", "region_approver", "监测处处长（审批人）")
    yield _at(1031, REGION, "audit", "auditor", "审计人员")
    yield _at(1032, REGION, "audit", "auditor", "审计人员")
    yield _at(1041, REGION, "lead", "system_admin", "系统管理员")
    yield _at(1042, REGION, "lead", "security_admin", "安全保密管理员")
    yield _at(1043, REGION, "lead", "audit_admin", "安全审计员")


def cities(divisions: Divisions) -> Iterator[Holder]:
    """Two observers per city; those of 吴忠 come first."""
    found = [each.code for each in divisions.children(REGION) if each.level == "city"]
    for place, code in enumerate(sorted(found, key=lambda code: (not COUNTY.startswith(code), code))):
        for desk in (1, 2):
            yield _at(1019 + place * 2 + desk, code, "lead", "city_observer", "防返贫监测科督查人员")


def departments() -> Iterator[Holder]:
    for place, kind in enumerate(DEPARTMENTS):
        yield _at(1101 + place * 2, COUNTY, kind, "department_officer", "信息联络员")
        yield _at(1102 + place * 2, COUNTY, kind, "department_officer", "信息联络员（B角）")


def towns(divisions: Divisions) -> Iterator[Holder]:
    for place, town in enumerate(townships(divisions)):
        first = 1201 + place * 5
        yield _at(first, town.code, "township", "township_admin", "乡村振兴办主任（管理员）")
        yield _at(first + 1, town.code, "township", "township_reviewer", "数据审核人员")
        yield _at(first + 2, town.code, "township", "township_reviewer", "数据审核人员")


def counties(divisions: Divisions) -> Iterator[Holder]:
    """Clerk, signatory and the two administrators of every other county."""
    others = [each.code for each in divisions if each.level == "county" and each.code != COUNTY]
    for place, code in enumerate(others):
        first = 1401 + place * 5
        yield _at(first, code, "lead", "county_clerk", "经办人")
        yield _at(first + 1, code, "lead", "county_signatory", "局长（签发人）")
        yield _at(first + 2, code, "lead", "county_admin", "系统管理员A角")
        yield _at(first + 3, code, "lead", "county_admin", "系统管理员B角")


def grassroots(divisions: Divisions) -> Iterator[Holder]:
    """Five per village, ids in steps of ten: p-2001 collects in the village of the contract's example."""
    for place, village in enumerate(villages(divisions)):
        first, code = 2001 + place * 10, village.code
        new = place < PREDECESSORS
        yield _at(first, code, "village", "village_collector", "村级信息员", *((CHANGED,) if new else ()))
        yield _at(first + 1, code, "village", "grid_worker", "乡村网格员")
        yield _at(first + 2, code, "village", "first_secretary", "驻村第一书记", *TERM)
        yield _at(first + 3, code, "village", "assistance_person", "帮扶责任人")
        yield _at(first + 4, code, "village", "assistance_person", "帮扶责任人")
        if new:
            yield _at(first + 5, code, "village", "village_collector", "村级信息员", STARTED, CHANGED)


def holders(divisions: Divisions) -> tuple[Holder, ...]:
    """Everybody, each with one post."""
    return (
        *offices(), *cities(divisions), *departments(), *towns(divisions), *counties(divisions), *grassroots(divisions),
    )  # fmt: skip
