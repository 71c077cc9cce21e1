"""The pages beside the code: every link leads somewhere, the changelog is of this version, a decision says why."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    "README.md", "README.zh-CN.md", "CHANGELOG.md", "docs/access.md", "docs/features.md", "docs/formats.md",
    "policies/divisions/README.md", "policies/calendars/README.md",
)  # fmt: skip
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*DOCUMENTS, *(f"docs/decisions/{each.name}" for each in DECISIONS)])
def test_every_link_leads_somewhere(name: str) -> None:
    links = [each for each in re.findall(r"\]\(([^)\s]+)\)", text(name)) if not each.startswith("http")]
    assert [each for each in links if not ((ROOT / name).parent / each.partition("#")[0]).exists()] == []


def test_the_changelog_begins_with_this_version() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert re.findall(r"^## \[?([0-9.]+)", text("CHANGELOG.md"), re.MULTILINE)[0] == version


def test_decisions_are_numbered_without_gaps() -> None:
    assert [each.name[:4] for each in DECISIONS] == [f"{n:04}" for n in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda each: each.stem)
def test_a_decision_says_why(page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    assert written.startswith(f"# {page.name[:4]} ")
    assert re.findall(r"^\*\*(\w+)\.\*\* \S", written, re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
    ]
