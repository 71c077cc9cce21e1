"""Areas: boxes of points (place, cell, operation, data year, household, instant), and the words they are made of.

A place in a box is a code; what lies in it is asked of the land of the time, never kept.

Written from the notice and `roles.csv` by hand: no code of `authz` is used, so that it can be compared with this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from realm import HOMES, PARENT

YEARS = (2025, 2026, 2027)
TOKENS = (*HOMES, "h-new", None)
DEEPEST = 6
UNLIMITED = 10**9
CELLS = ("monitored.income", "monitored.base")
OPERATIONS = ("collect", "update", "verify", "query")
READING = ("query", "export")
"""Reading never counts under a record cap."""

# What a role does at all, whatever it holds (roles.csv, said again): operations by cell.
_ALL = dict.fromkeys(CELLS, frozenset(OPERATIONS))
ABLE: Mapping[str, Mapping[str, frozenset[str]]] = {
    "county_admin": _ALL, "county_clerk": _ALL, "department_officer": _ALL, "township_admin": _ALL,
    "village_collector": _ALL, "grid_worker": _ALL,
    "township_reviewer": dict.fromkeys(CELLS, frozenset(("verify", "query"))),
    "assistance_person": {"monitored.base": frozenset(("update", "query"))},
}  # fmt: skip
ADMINISTRATORS = ("county_admin", "township_admin")
SEATED = {
    ("lead", 6): ("county_clerk", "county_admin", "assistance_person"), ("civil_affairs", 6): ("department_officer", "assistance_person"),
    ("township", 9): ("township_admin", "township_reviewer", "assistance_person"),
    ("village", 12): ("village_collector", "grid_worker", "assistance_person"),
}  # fmt: skip
"""The roles that may hold a grant, by kind of unit and digits of its division."""


def above(place: str | None) -> Iterator[str]:
    """The place and all it lies in."""
    while place is not None:
        yield place
        place = PARENT[place]


@cache
def inside(place: str) -> frozenset[str]:
    """The place and all that lies in it."""
    return frozenset(each for each in PARENT if place in above(each))


class Area(NamedTuple):
    """A box of points. `cap` bounds the distinct households written under it."""

    division: str
    cells: frozenset[str]
    operations: frozenset[str]
    years: frozenset[int]
    households: frozenset[str | None]
    begin: datetime
    until: datetime
    cap: int

    def wider(self, other: Area, lies: Callable[[str], frozenset[str]] = inside) -> set[str]:
        """The axes on which the other box sticks out of this one; `lies` says what lies in a place."""
        sets = {"cells": "cells", "operations": "operations", "data_year": "years", "households": "households"}
        found = set() if other.division in lies(self.division) else {"division"}
        found |= {axis for axis, name in sets.items() if not getattr(other, name) <= getattr(self, name)}
        found |= {"from"} if other.begin < self.begin else set()
        found |= {"until"} if other.until > self.until else set()
        return found | ({"max_records"} if other.cap > self.cap else set())


def area(
    division: str, cells: Any, operations: Any, year: int | None, begin: datetime, until: datetime,
    cap: int | None = None, households: frozenset[str] | None = None,
) -> Area:  # fmt: skip
    """A box as people write it: null means no limit of that kind."""
    return Area(
        division, frozenset(cells), frozenset(operations), frozenset(YEARS if year is None else (year,)),
        frozenset(TOKENS if households is None else households), begin, until, UNLIMITED if cap is None else cap,
    )  # fmt: skip
