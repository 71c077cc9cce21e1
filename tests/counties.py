"""Editions of the real tree in which the county of the small world gets another code, is merged, or is no more."""

from __future__ import annotations

from typing import Any

import editions
from worlds import COUNTY

NEIGHBOUR, RENAMED = "640303", "640304"
EMPTY: dict[str, str] = {}


def recoded(old: str = COUNTY, new: str = RENAMED) -> dict[str, Any]:
    """The county becomes a district: it and all within go on under another code, one by one."""
    return _filed(lambda code: new + code[6:], lambda parent: new + parent[6:] if parent.startswith(old) else parent)


def merged(old: str = COUNTY, into: str = NEIGHBOUR) -> dict[str, Any]:
    """The county is dissolved into its neighbour; its townships get codes behind those that are there."""
    towns = [
        each.split(",")[0] for each in editions.TREE.splitlines() if each.startswith(f"{old}") and _width(each) == 9
    ]
    code_of = {town: f"{into}{900 + place}" for place, town in enumerate(towns)} | {old: into}

    def moved(code: str) -> str:
        return into if code == old else code_of[code[:9]] + code[9:]

    return _filed(moved, lambda parent: code_of.get(parent, parent), kept=into)


def abolished(old: str = COUNTY) -> dict[str, Any]:
    """The county and all within are no more, and nothing is said of what took their place."""
    lines = editions.TREE.splitlines(keepends=True)
    said = [f"abolished,{each.split(',')[0]}," for each in lines if each.startswith(old)]
    return _wish("".join(each for each in lines if not each.startswith(old)), said)


def _width(line: str) -> int:
    return len(line.split(",", maxsplit=1)[0])


def _filed(moved: Any, outer: Any, old: str = COUNTY, kept: str | None = None) -> dict[str, Any]:
    tree, said = [], []
    for each in editions.TREE.splitlines(keepends=True):
        code, name, _, parent, _ = each.split(",")
        if not code.startswith(old):
            tree.append(each)
            continue
        said.append(f"successor,{code},{moved(code)}")
        if moved(code) != kept:
            tree.append(editions.line(moved(code), name, outer(parent)))
    return _wish("".join(tree), said)


def _wish(tree: str, said: list[str]) -> dict[str, Any]:
    return editions.body(EMPTY) | {"tree": tree, "changes": editions.HEAD + "".join(f"{each}\n" for each in said)}
