"""What a random act is made of: where choices come from, the pools they are drawn from, and boxes read off facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any, Protocol, TypeVar

from areas import CELLS, OPERATIONS, YEARS, Area, area
from realm import DAY, LEAD, OFFICE, PARENT, PEOPLE, START, TOWN, TOWN_UNIT

from authz import refusal
from authz.fact import moment

T = TypeVar("T")
END = START + 12 * DAY
TICKS = tuple(START + n * DAY for n in range(-1, 14))


def attempt(act: Callable[..., T], *given: Any) -> T | refusal.Refusal:
    """What an act says, or how it refuses."""
    try:
        return act(*given)
    except refusal.Refusal as told:
        return told


class Draw(Protocol):
    """Where choices come from."""

    def choice(self, pool: Sequence[T]) -> T: ...


def parts(pool: Iterable[T]) -> tuple[frozenset[T], ...]:
    """Every part of a set that is not empty, the whole first."""
    found = sorted(pool, key=str)
    return tuple(frozenset(each) for size in range(len(found), 0, -1) for each in combinations(found, size))


CELL_SETS, OPERATION_SETS = parts(CELLS), parts(OPERATIONS)
LISTS = (None, None, *parts(("h-1", "h-2")), frozenset(("h-3",)), frozenset(("h-1", "h-4")), frozenset(("h-5",)))
CAPS = (None, None, None, 1, 2)
SEATS = (
    (TOWN_UNIT, "township_admin"), (TOWN_UNIT, "township_admin"), (TOWN_UNIT, "township_reviewer"),
    ("u-640324101-township", "township_admin"), ("u-640324100201-village", "village_collector"),
    ("u-640324100202-village", "grid_worker"), (OFFICE, "department_officer"), *((LEAD, "county_clerk"),) * 5,
    (LEAD, "county_admin"), ("p-11", "assistance_person"), ("p-9", "assistance_person"), ("p-6", "village_collector"),
    ("p-4", "township_admin"), ("u-640422100-township", "township_admin"), ("u-640324100202-village", "village_collector"),
    (TOWN_UNIT, "county_admin"), ("p-12", "county_signatory"), ("p-16", "township_admin"), ("u-640324100201-village", "assistance_person"),
    ("u-640324102-township", "township_admin"), ("p-8", "township_admin"), ("u-640324101200-village", "village_collector"),
)  # fmt: skip
MOVERS = ("p-2", "p-4", "p-6", "p-7", "p-8", "p-9", "p-10", "p-11", "p-14")
MOVES = [(unit, role) for unit, role in SEATS if unit.startswith("u-") and role != "county_clerk"]


ANY: dict[str, tuple[Any, ...]] = {
    "division": tuple(PARENT), "cells": CELL_SETS, "operations": OPERATION_SETS, "data_year": (None, *YEARS), "max_records": CAPS,
    "households": LISTS, "valid_from": TICKS, "valid_until": TICKS,
}  # fmt: skip


NARROW: dict[str, tuple[Any, ...]] = {
    "division": (TOWN, "640324100201") * 4, "cells": CELL_SETS[1:] * 2, "operations": OPERATION_SETS[4:] * 2, "data_year": (2026,) * 3,
    "max_records": (1, 2, 2, 1), "households": LISTS[2:] * 2, "valid_from": (START + DAY,) * 5, "valid_until": (END - DAY, END - 2 * DAY) * 4,
}  # fmt: skip
"""Limits that mostly fit inside what is held."""


def division_of(holder: str) -> str:
    return (PEOPLE[holder][1] if holder.startswith("p-") else holder).split("-")[1]


def box_of(line: dict[str, Any]) -> Area:
    return area(line["division"], line["cells"], line["operations"], line["data_year"], moment(line["from"]),
                moment(line["until"]), line["max_records"])  # fmt: skip


def told_box(fact: Any) -> Area:
    """The box a fact puts on record."""
    listed = None if fact.households is None else frozenset(fact.households)
    return area(fact.division, fact.cells, fact.operations, fact.data_year, moment(fact.valid_from), moment(fact.valid_until),
                fact.max_records, listed)  # fmt: skip
