"""The table of features: every row stands once, names tests that exist or the reason why it is missing, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import attack_rows
import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/features.md"
EVERY = range(1, 80)
GROUPS = {
    "Scoped delegation": range(19, 27), "Decision interface": range(27, 33), "Explanation": range(33, 39),
    "Time": range(39, 47), "Separation of duty": range(47, 53),
}  # fmt: skip
MISSING = "Missing"
TEST = re.compile(r"`tests/(test_\w+\.py)::(test_\w+)`")


@dataclass(frozen=True)
class Row:
    """A feature: in which section, what is said, and which tests are named."""

    number: int
    section: str
    said: str
    tests: tuple[tuple[str, str], ...]


def read(page: str) -> list[Row]:
    rows = []
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        section, _, lines = part.partition("\n")
        for number, rest in re.findall(r"^\| (\d+) \| (.+) \|$", lines, re.MULTILINE):
            cells = rest.split(" | ")
            rows.append(Row(int(number), section, cells[1], tuple(TEST.findall(rest))))
    return rows


def faults(page: str) -> Iterator[str]:
    """What is wrong with the page."""
    rows = read(page)
    numbers = [row.number for row in rows]
    yield from (f"row {each} is missing" for each in EVERY if each not in numbers)
    yield from (f"row {each} stands twice" for each in sorted({n for n in numbers if numbers.count(n) > 1}))
    for row in rows:
        if len(row.said) < len("Not built."):
            yield f"row {row.number} says nothing"
        if bool(row.tests) == (row.section == MISSING):
            yield f"row {row.number} is missing and names a test, or is true and names none"
        if row.section != MISSING and row.section != next((g for g in GROUPS if row.number in GROUPS[g]), row.section):
            yield f"row {row.number} stands in another group"
        for file, name in row.tests:
            if name not in attack_rows.tests_of(file):
                yield f"row {row.number}: there is no {file}::{name}"


def test_every_row_is_shown_by_a_test_or_said_to_be_missing() -> None:
    assert list(faults(PAGE.read_text("utf-8"))) == []


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_of_the_law_is_whole(group: str) -> None:
    rows = [each for each in read(PAGE.read_text("utf-8")) if each.number in GROUPS[group]]
    assert [each.number for each in sorted(rows, key=lambda each: each.number)] == list(GROUPS[group])
    assert sum(each.section == group for each in rows) >= len(rows) - 1


@pytest.mark.parametrize(("old", "new", "fault"), [
    ("| 20 |", "| 21 |", "row 20 is missing"), ("| 20 |", "| 21 |", "row 21 stands twice"),
    ("::test_51_to_56_what", "::test_51_to_57_what", "row 19: there is no test_attacks_scope.py"),
    ("`tests/test_authzen_record.py::test_reasons_have_two_voices`", "", "row 36 is missing and names a test, or is true"),
    ("| 15 | emergency path | ", "| 15 | emergency path | `tests/test_time.py::test_x` | ", "row 15"),
    ("| 75 | SCIM | Not built. |", "| 75 | SCIM | - |", "row 75 says nothing"),
])  # fmt: skip
def test_a_hole_in_the_page_is_noticed(old: str, new: str, fault: str) -> None:
    page = PAGE.read_text("utf-8")
    assert old in page
    assert any(each.startswith(fault) for each in faults(page.replace(old, new, 1)))


def test_the_readme_leads_to_it() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert "(docs/features.md)" in (ROOT / name).read_text("utf-8")
