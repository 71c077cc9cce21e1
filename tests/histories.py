"""Random histories of a small town: grants handed on, cut and restored, edits permitted and refused, all over HTTP."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import worlds
from worlds import (
    ADMIN,
    COLLECTOR,
    FAR_COLLECTOR,
    GRID_WORKER,
    OTHER_COLLECTOR,
    OTHER_VILLAGE,
    REVIEWER,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)

CELLS = ["monitored.income", "monitored.base", "lifted_out.income", "monitored.risk_elimination"]
OPERATIONS = ["collect", "update", "verify", "review", "query", "delete"]
HOLDERS = {
    "village_collector": (f"u-{VILLAGE}-village", VILLAGE), "grid_worker": (f"u-{VILLAGE}-village", VILLAGE),
    "township_reviewer": ("u-640324100-township", worlds.YUHAI), "township_admin": ("u-640324100-township", worlds.YUHAI),
}  # fmt: skip
PEOPLE = [*(6 * [COLLECTOR]), GRID_WORKER, GRID_WORKER, OTHER_COLLECTOR, FAR_COLLECTOR, REVIEWER, TOWN_ADMIN, ADMIN]
HOUSES = ["h-monitored", "h-lifted", "h-far", *(f"h-r{number}" for number in range(9))]


class History:
    """A town in which a seeded dice decides what happens. `grants` are those of the county and below, as made."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town, self.dice = town, random.Random(seed)  # noqa: S311 drawn again from its seed
        line = town.line(cells=CELLS[:3], operations=OPERATIONS[:4], max_records=None)
        self.county = town.granted(line)[0]
        self.grants: list[int] = [town.delegated(self.county)]

    def run(self, steps: int) -> None:
        """So many things happen."""
        acts: list[Callable[[], Any]] = [self.hand_on, self.hand_on, self.cut, *(7 * [self.edit]), self.batch]
        for _ in range(steps):
            self.dice.choice(acts)()

    def hand_on(self) -> None:
        role = self.dice.choice(list(HOLDERS))
        unit, division = HOLDERS[role]
        operations = self.dice.sample(["collect", "update", "verify"], self.dice.randint(1, 3))
        if role == "township_reviewer":
            operations = ["verify"]
        more = {"holder": unit, "role": role, "division": division, "operations": operations}
        if self.dice.random() < 0.4:
            more["max_records"] = self.dice.randint(1, 3)
        self.grants.append(self.town.delegated(self.county, cells=self.dice.sample(CELLS[:1] + CELLS[2:3], 1), **more))

    def cut(self) -> None:
        step = self.dice.choice(["revocation", "suspension", "resumption", "resumption"])
        target = self.dice.choice(self.grants)
        answer = self.town.change(f"/v1/grants/{target}/{step}", ADMIN, {"reason": "工作安排调整"})
        assert answer.is_success or answer.status_code in (403, 409, 422), answer.text

    def wish(self) -> dict[str, Any]:
        """An edit somebody might try."""
        dice, year = self.dice, datetime.now(UTC).year
        cell = dice.choice([*(6 * CELLS[:1]), *CELLS])
        income = [{"field": "wage_income", "before": None, "after": dice.randint(0, 99)}]
        wish = self.town.edit(
            household=dice.choice(HOUSES), cell=cell, operation=dice.choice([*(3 * ["collect", "update", "update", "verify"]), *OPERATIONS]),
            division=dice.choice([*(9 * [VILLAGE]), OTHER_VILLAGE]), quarter=dice.randint(1, 4),
            data_year=dice.choice([*(9 * [year]), year - 1]), changes=income if cell.endswith("income") else [],
        )  # fmt: skip
        if dice.random() < 0.15:
            wish["responsibility"] = {
                dice.choice(["collected_by", "verified_by"]): dice.choice([COLLECTOR, GRID_WORKER])
            }
        return wish

    def edit(self) -> None:
        answer = self.town.post("/v1/edits", self.dice.choice(PEOPLE), self.wish())
        assert answer.status_code in (201, 403, 422), answer.text

    def batch(self) -> None:
        items = [self.wish() for _ in range(self.dice.randint(2, 12))]
        assert self.town.post("/v1/edits/batch", self.dice.choice(PEOPLE), items).status_code == 200
