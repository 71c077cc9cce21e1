"""New editions of the real divisions, for tests that file them: a tree with some lines changed, and what is declared."""

from __future__ import annotations

from typing import Any

from acts import FOLDER
from worlds import APPROVER, SYSTEM_ADMIN, Town

from api import policies
from authz import lineage

TREE = policies.tables(FOLDER / "divisions")[lineage.TREE].decode()
HEAD = "change,old_code,new_code\n"


def line(code: str, name: str, parent: str) -> str:
    levels = {4: "city", 6: "county", 9: "township", 12: "village"}
    return f"{code},{name},{levels[len(code)]},{parent},{code.ljust(12, '0')}\n"


def old(code: str) -> str:
    """The line of a code as it stands."""
    return next(each for each in TREE.splitlines(keepends=True) if each.startswith(f"{code},"))


def name(code: str) -> str:
    return old(code).split(",")[1]


def tree(changed: dict[str, str]) -> str:
    """The tree in force with the lines of these codes replaced; new lines stand at the end of the key ''."""
    found = TREE
    for code, by in changed.items():
        found = found.replace(old(code), by) if code else found + by
    return found


def body(changed: dict[str, str], *declared: str, edition: str = "2026-06-30") -> dict[str, Any]:
    source = {
        "title": "关于调整行政区划的批复",
        "issuer": "自治区人民政府",
        "dated": "2026-05-20",
        "number": "宁政函〔2026〕21号",
    }
    said = HEAD + "".join(f"{each}\n" for each in declared)
    return {"edition": edition, "source": source, "tree": tree(changed), "changes": said}


def filed(town: Town, wish: dict[str, Any]) -> int:
    answer = town.post("/v1/divisions/editions", SYSTEM_ADMIN, wish)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def in_force(town: Town, wish: dict[str, Any]) -> int:
    """Filed by one and confirmed by another; the number of the filing."""
    number = filed(town, wish)
    answer = town.change(f"/v1/divisions/editions/{number}/confirmation", APPROVER)
    assert answer.status_code == 200, answer.text
    return number
