"""The bodies of the demo world: one county whole, and the lead bodies of all the others.

The lead bodies bear their names of 2026; 乡村振兴局 is what they were called when the notice was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from authz.division import Division, Divisions
from authz.post import UnitEstablished

REGION, COUNTY = "64", "640324"
DEPARTMENTS = {
    "civil_affairs": "民政局", "education": "教育局", "housing": "住房和城乡建设局", "medical_insurance": "医疗保障局",
    "health": "卫生健康局", "human_resources": "人力资源和社会保障局", "disabled_federation": "残疾人联合会", "water": "水务局",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """A unit to be established."""

    kind: str
    division: str
    name: str
    earlier_name: str | None = None

    @property
    def id(self) -> str:
        return f"u-{self.division}-{self.kind}"

    @property
    def fact(self) -> UnitEstablished:
        return UnitEstablished(
            unit=self.id, unit_kind=self.kind, division=self.division, name=self.name, earlier_name=self.earlier_name
        )


def townships(divisions: Divisions) -> tuple[Division, ...]:
    """The townships of the county that is whole."""
    return divisions.children(COUNTY)


def villages(divisions: Divisions) -> list[Division]:
    """Its villages and neighbourhoods; the village of the contract's example comes first."""
    found = [each for town in townships(divisions) for each in divisions.children(town.code)]
    return sorted(found, key=lambda each: (each.code != "640324100201", each.code))


def leads(divisions: Divisions) -> Iterator[Body]:
    """The lead bodies of the region, its cities and its counties."""
    for each in divisions:
        if each.level == "region":
            yield Body("lead", each.code, f"{each.name}农业农村厅", f"{each.name}乡村振兴局")
        elif each.level in ("city", "county"):
            yield Body("lead", each.code, f"{each.name}农业农村局", f"{each.name}乡村振兴局")


def bodies(divisions: Divisions) -> tuple[Body, ...]:
    """All of them."""
    county = divisions.get(COUNTY).name
    return (
        *leads(divisions),
        Body("audit", REGION, f"{divisions.get(REGION).name}审计厅"),
        *(Body(kind, COUNTY, county + name) for kind, name in DEPARTMENTS.items()),
        *(Body("township", each.code, f"{each.name}人民政府") for each in townships(divisions)),
        *(Body("village", each.code, _village_name(each.name)) for each in villages(divisions)),
    )


def _village_name(name: str) -> str:
    """园艺村委会 -> 园艺村村民委员会, 富兴社区居委会 -> 富兴社区居民委员会"""
    return name.replace("村委会", "村村民委员会").replace("居委会", "居民委员会")
