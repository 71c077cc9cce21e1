"""Recorded decisions, decided once more by this build: nothing differs, and a flipped rule is seen (P22)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from acts import law
from conftest import World
from histories import History
from test_amendments import FILES
from worlds import Town

from audit import entry as entries
from audit import replay
from authz import policy, redecision
from authz.decision import Law
from authz.pdp import Rule
from authz.redecision import Decided

NOT_TOLD = {"not_responsible", "duty_conflict", "approval_needed"}
"""Refusals that may rest on the persons an edit names, which the entry of a refusal does not hold."""


def decisions(town: Town) -> list[Decided]:
    """Every decision on an edit in the log of a town."""
    with town.deployment.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT bytes FROM entry ORDER BY number").scalars()
        found = [replay.decision(entries.parse(bytes(each))) for each in rows]
    return [each for each in found if each is not None]


def unexplained(town: Town, other: Law | None = None) -> list[Decided]:
    """Those this build decides otherwise than it is recorded, under the law of their time or another one."""
    found = []
    with town.deployment.database.engine.connect() as connection:
        for each in decisions(town):
            then = other or town.deployment.laws.on_record(connection, each.number)
            if not redecision.explained(each, replay.before(connection, each), then):
                found.append(each)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_this_build_decides_every_recorded_edit_as_it_is_recorded(database: World, seed: int) -> None:
    with Town(database) as town:
        History(town, seed).run(80)
        recorded = decisions(town)
        codes = Counter(each.code for each in recorded)
        assert codes[None] >= 5
        assert len(codes) > 5
        left = unexplained(town)
        assert [each.code for each in left if each.code not in NOT_TOLD] == []
        # The control: one rule flipped, and everything it decided is seen.
        line = "p,grassroots,update,daily_cells,allow"
        flipped = replace(town.deployment.law, rule=without(line).rule)
        seen = {each.number: each for each in unexplained(town, flipped)}
        before = {each.number for each in left}
        by_row = {each.number for each in recorded if each.code is None and each.fact.plain()["rule"] == row(line)}
        assert by_row
        assert by_row <= seen.keys() - before
        assert {seen[number].edit.operation for number in seen.keys() - before - by_row} <= {"update", "collect"}


def row(line: str) -> str:
    return f"roles.csv:{FILES['roles.csv'].decode().splitlines().index(line) + 1}"


def without(line: str) -> Law:
    """The law of the repository less one line, all others where they were."""
    files = {**FILES, "roles.csv": FILES["roles.csv"].replace(f"{line}\n".encode(), b"#\n")}
    made = policy.parse(files)
    return replace(law(), policy=made, rule=Rule.compile(made))
