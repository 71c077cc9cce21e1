"""A county's authority without a database: facts are folded into rows by their own `changes`, as the register does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from acts import law

from authz import grant as grants
from authz.decision import Scene
from authz.delegation import Wanted
from authz.fact import Fact, Where, instant, moment
from authz.grant import Grant, GrantIssued
from authz.household import Household
from authz.post import FAR, Person, Post, Unit
from authz.register import Rows

START = datetime(2026, 12, 1, tzinfo=UTC)
END = datetime(2027, 6, 1, tzinfo=UTC)
COUNTY, TOWN, FAR_TOWN = "640324", "640324100", "640324105"
VILLAGE, OTHER_VILLAGE, FAR_VILLAGE = "640324100201", "640324100202", "640324105200"
PLACES = (COUNTY, TOWN, FAR_TOWN, VILLAGE, OTHER_VILLAGE, FAR_VILLAGE)
CELLS = ("monitored.base", "monitored.income")
OPERATIONS = ("collect", "update", "verify")
REGION_UNIT, LEAD, OFFICE = "u-64-lead", "u-640324-lead", "u-640324-civil_affairs"
TOWN_UNIT, VILLAGE_UNIT, OTHER_UNIT = "u-640324100-township", f"u-{VILLAGE}-village", f"u-{OTHER_VILLAGE}-village"
FOREIGN = "u-640422100-township"
INSTANTS = ("valid_from", "valid_until", "issued_at", "revoked_at")

# person: (natural person, unit, role). p-9 is the county administrator's second account.
PEOPLE = {
    "p-1": ("n-1", REGION_UNIT, "region_approver"), "p-2": ("n-2", LEAD, "county_admin"), "p-3": ("n-3", LEAD, "county_clerk"),
    "p-4": ("n-4", TOWN_UNIT, "township_admin"), "p-5": ("n-5", TOWN_UNIT, "township_reviewer"),
    "p-6": ("n-6", VILLAGE_UNIT, "village_collector"), "p-7": ("n-7", OTHER_UNIT, "grid_worker"),
    "p-8": ("n-8", FOREIGN, "township_admin"), "p-9": ("n-2", VILLAGE_UNIT, "assistance_person"),
    "p-10": ("n-10", OFFICE, "department_officer"), "p-11": ("n-11", VILLAGE_UNIT, "assistance_person"),
}  # fmt: skip


class County:
    """Rows and a clock. Grant 100 is the regional one, over the whole county unless told otherwise."""

    def __init__(self, **root: Any) -> None:
        self.at, self.number = START, 100
        self.rows = Rows()
        self.table: dict[int, dict[str, Any]] = {}
        for unit in {unit for _, unit, _ in PEOPLE.values()}:
            _, division, kind = unit.split("-")
            self.rows.units[unit] = Unit(unit, kind, division, unit, None)
        for number, (person, (natural, unit, role)) in enumerate(PEOPLE.items()):
            self.rows.people[person] = Person(person, natural, 0)
            post = Post(number, person, unit, unit.split("-")[1], role, role, START - timedelta(days=9), FAR)
            self.rows.posts[person] = [post]
        self.rows.households["h-near"] = Household("h-near", VILLAGE, "monitored")
        self.rows.households["h-far"] = Household("h-far", FAR_VILLAGE, "monitored")
        self.record("p-1", regional(**root))

    def scene(self, person: str) -> Scene:
        """What this person is judged on now."""
        scene = Scene(self.rows, self.at, self.number, law())
        scene.enter(person, 0, None)
        return scene

    def record(self, person: str, fact: Fact) -> int:
        """Fold a fact into the rows; its entry number."""
        number, self.number = self.number, self.number + 1
        unit = PEOPLE[person][1]
        for change in fact.changes(Where(number, self.at, person, unit)):
            key = change.key[0]
            self.table[key] = self.table.get(key, {"number": key}) | dict(change.values)  # type: ignore[union-attr]
        self.rows.grants = {key: _read(row) for key, row in self.table.items()}
        self.rows.by_unit = {}
        for each in self.rows.grants.values():
            self.rows.by_unit.setdefault(each.holder_unit, []).append(each)
        return number

    def links(self, number: int) -> tuple[Grant, ...]:
        return grants.chain(self.rows.grants[number], self.rows.grants)


def _read(row: dict[str, Any]) -> Grant:
    read = {name: moment(row[name]) if isinstance(row[name], str) else row[name] for name in INSTANTS}
    return grants.read(row | read)


def regional(**more: Any) -> GrantIssued:
    """What the region gives a county on a written request."""
    plain: dict[str, Any] = {
        "origin": "request", "division": COUNTY, "cells": CELLS, "operations": OPERATIONS, "data_year": 2026,
        "valid_from": instant(START), "valid_until": instant(END), "max_records": None, "households": None,
        "holder_unit": LEAD, "holder_person": None, "role": "county_admin", "request": 7, "line": 1, "window": None,
        "parent": None, "path": (), "document": "宁乡振发〔2026〕9号", "document_sha256": None, "edition": "2023-06-30",
        "division_name": "同心县", "issuer_unit": REGION_UNIT, "reason": None,
    }  # fmt: skip
    return GrantIssued(**(plain | more))


def wanted(**more: Any) -> Wanted:
    """A delegation to the township that fits under the regional grant."""
    plain: dict[str, Any] = {
        "holder": TOWN_UNIT, "role": "township_admin", "division": TOWN, "cells": frozenset(CELLS),
        "operations": frozenset(OPERATIONS), "valid_from": START, "valid_until": END,
    }  # fmt: skip
    return Wanted(**(plain | more))
