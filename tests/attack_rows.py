"""The table of attacks: which test answers each of the 132 rows, or why none does yet (`attacks.csv`)."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "attacks.csv"
ROWS = range(1, 133)


@dataclass(frozen=True)
class Row:
    """One attack: its number in the list, the tests that answer it, or the reason why it comes later."""

    number: int
    tests: tuple[str, ...]
    later: str


def read(text: str) -> list[Row]:
    return [
        Row(int(row["row"]), tuple(row["tests"].split()), row["later"]) for row in csv.DictReader(text.splitlines())
    ]


@cache
def tests_of(file: str) -> frozenset[str]:
    """The names of the tests a file holds at its top level."""
    path = HERE / file
    if not path.exists():
        return frozenset()
    found = ast.parse(path.read_text("utf-8")).body
    names = {each.name for each in found if isinstance(each, ast.FunctionDef | ast.ClassDef)}
    made = {
        each.targets[0].id for each in found if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
    }
    return frozenset(name for name in names | made if name.lower().startswith("test"))


def faults(rows: list[Row], known: Mapping[str, frozenset[str]] | None = None) -> Iterator[str]:
    """What is wrong with the table: a row missing, twice, without test and reason, with both, or with a test that is none."""
    numbers = [row.number for row in rows]
    yield from (f"row {number} is missing" for number in ROWS if number not in numbers)
    yield from (f"row {number} stands twice" for number in sorted({n for n in numbers if numbers.count(n) > 1}))
    for row in rows:
        if bool(row.tests) == (len(row.later) > len("later")):
            yield f"row {row.number} needs either tests or a reason"
        for test in row.tests:
            file, _, name = test.partition("::")
            if name not in (tests_of(file) if known is None else known.get(file, frozenset())):
                yield f"row {row.number}: there is no {test}"
