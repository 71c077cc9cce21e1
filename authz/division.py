"""The administrative divisions: who lies inside whom, by parent links and by nothing else.

Natural codes have 2, 4, 6, 9 or 12 digits. A code is a name, not a number and not a path: 640324100 without its zeros
is a prefix of six other townships, and a padded code is a prefix of nothing (gotchas G1 to G3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from authz import refusal, table

LEVELS: Final[Mapping[int, str]] = MappingProxyType({2: "region", 4: "city", 6: "county", 9: "township", 12: "village"})
_RANK: Final = {level: rank for rank, level in enumerate(LEVELS.values())}
_CODE: Final = re.compile(r"[0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:[0-9]{3}(?:[0-9]{3})?)?)?)?")
_NOBODY: Final[frozenset[str]] = frozenset()
_COLUMNS: Final = ("code", "name", "level", "parent_code", "code12")


def check_code(text: str) -> str:
    """A code of an exact width in ASCII digits, unchanged; anything else is refused, never repaired."""
    if not isinstance(text, str) or _CODE.fullmatch(text) is None:
        raise refusal.BadDivisionCode()
    return text


def closing(now: str | None) -> str:
    """What to tell whoever names a code that is no more: the one place it lives on in, if there is one."""
    return "该行政区划代码已撤销，请改用现行代码" + (f" {now}" if now else "，并先核对所在村现属何处")


@dataclass(frozen=True, slots=True)
class Division:
    """One division of one edition. `parent` is None for the root.

    `since` is the edition from which the code has stood with this identity (name, parent, and nobody else's people);
    empty for as long as anybody knows.
    """

    code: str
    name: str
    level: str
    parent: str | None
    since: str = ""


class Divisions:
    """One edition of the division tree, immutable, with every ancestor set computed once."""

    __slots__ = ("_above", "_below", "_children", "_closed", "_newest", "_paths", "_rows", "edition")

    edition: str
    _rows: dict[str, Division]
    _paths: dict[str, tuple[str, ...]]
    _above: dict[str, frozenset[str]]
    _children: dict[str, tuple[Division, ...]]
    _below: dict[str, frozenset[str]]
    _newest: dict[str, str]
    _closed: Mapping[str, str]

    def __init__(self, edition: str, rows: Iterable[Division], closed: Mapping[str, str] | None = None) -> None:
        """`closed` are the codes that are no more, each with the one standing place it lives on in, or empty."""
        known: dict[str, Division] = {}
        for number, row in enumerate(rows, start=1):
            _check_row(number, row)
            if row.code in known:
                raise ValueError(f"row {number}: code {row.code} occurs twice")
            known[row.code] = row
        paths = _walk(known)
        children: dict[str, list[Division]] = {code: [] for code in known}
        below: dict[str, set[str]] = {code: set() for code in known}
        newest = dict.fromkeys(known, "")
        for code in sorted(known):
            parent = known[code].parent
            if parent is not None:
                children[parent].append(known[code])
            for outer in paths[code]:
                below[outer].add(code)
                newest[outer] = max(newest[outer], known[code].since)
        give = object.__setattr__
        give(self, "edition", edition)
        give(self, "_rows", {code: known[code] for code in sorted(known)})
        give(self, "_paths", paths)
        give(self, "_above", {code: frozenset(path) for code, path in paths.items()})
        give(self, "_children", {code: tuple(found) for code, found in children.items()})
        give(self, "_below", {code: frozenset(found) for code, found in below.items()})
        give(self, "_newest", newest)
        give(self, "_closed", {} if closed is None else dict(closed))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an edition of the divisions never changes")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an edition of the divisions never changes")

    def __iter__(self) -> Iterator[Division]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, code: object) -> bool:
        return code in self._rows

    def known(self, code: str) -> bool:
        """Whether this edition has the code."""
        return code in self._rows

    def get(self, code: str) -> Division:
        """The division, or a refusal that says what a code looks like."""
        row = self._rows.get(check_code(code))
        if row is None:
            raise refusal.BadDivisionCode(closing(self._closed[code]) if code in self._closed else None)
        return row

    def path(self, code: str) -> tuple[str, ...]:
        """From the root down to the division itself."""
        self.get(code)
        return self._paths[code]

    def covers(self, outer: str, inner: str) -> bool:
        """Whether `inner` is `outer` or lies inside it. An unknown code covers nothing and is covered by nothing."""
        return outer in self._above.get(inner, _NOBODY)

    def children(self, code: str) -> tuple[Division, ...]:
        """The divisions directly inside, by code."""
        self.get(code)
        return self._children[code]

    def roots(self) -> tuple[Division, ...]:
        """The divisions without a parent, by code."""
        return tuple(row for row in self if row.parent is None)

    def below(self, code: str) -> frozenset[str]:
        """The division itself and everything inside it."""
        self.get(code)
        return self._below[code]

    def newest(self, code: str) -> str:
        """The last edition that changed who the division or anything inside it is."""
        self.get(code)
        return self._newest[code]

    def newest_between(self, outer: str, inner: str) -> str:
        """The last edition that changed a division on the way from `outer`, itself included, down to `inner`."""
        path = self.path(inner)
        return max(self._rows[code].since for code in path[path.index(outer) :])

    def county(self, code: str) -> str | None:
        """The county the division lies in or is; None for a city or region, which lie in no county."""
        return next((outer for outer in self.path(code) if self._rows[outer].level == "county"), None)


def parse_divisions(edition: str, file: str, data: bytes) -> Divisions:
    """The divisions of a CSV file; `code12` is a padded form for print and takes no part."""
    lines = table.rows(file, data, _COLUMNS)
    return Divisions(edition, [Division(f[0], f[1], f[2], f[3] or None) for f in (line.fields for line in lines)])


def _check_row(number: int, row: Division) -> None:
    if _CODE.fullmatch(row.code) is None:
        raise ValueError(f"row {number}: {row.code!r} is not a division code")
    if row.level != LEVELS[len(row.code)]:
        raise ValueError(f"row {number}: {row.code} cannot be of level {row.level!r}")
    if not row.name.strip():
        raise ValueError(f"row {number}: {row.code} has no name")


def _walk(known: Mapping[str, Division]) -> dict[str, tuple[str, ...]]:
    """The path of every code, root first; a parent may skip a level (G6) but must stand above its child."""
    paths: dict[str, tuple[str, ...]] = {}
    for code in known:
        climb: list[str] = []
        at: str | None = code
        while at is not None and at not in paths:
            row = known[at]
            if at in climb:
                raise ValueError(f"{code}: the parent links run in a circle")
            climb.append(at)
            if row.parent is not None and row.parent not in known:
                raise ValueError(f"{at}: parent {row.parent} is unknown")
            at = row.parent
        path = () if at is None else paths[at]
        for step in reversed(climb):
            parent = known[step].parent
            if parent is not None and _RANK[known[parent].level] >= _RANK[known[step].level]:
                raise ValueError(f"{step}: parent {parent} does not stand above it")
            path = (*path, step)
            paths[step] = path
    return paths
