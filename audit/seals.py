"""The seals: every value of the vault held against the commitment in the log, in one pass beside the entries.

Values of an act lie under its first entry. A value that its entries do not commit to is an unlogged change; a
commitment without a value is an erased one, which is lawful and only counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from audit import vault
from audit.entry import Entry
from audit.reread import Value

Find = Callable[[str, int | None, str], None]
_DIGEST = re.compile("[0-9a-f]{64}")
# Fields whose digests name public content or a keyed token, not a value of the vault.
_OPEN = frozenset(
    (
        "document_sha256",
        "sha256",
        "digest",
        "policy",
        "edition",
        "calendar",
        "natural",
        "attachments",
        "evidence",
        "scan",
        "base",
        "layers",
        "question",
        "ruleset",
        "root",
    )
)
_WRITTEN = re.compile(rb'"([0-9a-f]{64})"')
# What stands before a digest whose member says at once that it is an open one.
_BEFORE = tuple(
    f'"{name}":'.encode()
    for name in ("document_sha256", "sha256", "digest", "policy", "edition", "calendar", "natural", "purpose")
)


class Seals:
    """The rows of the vault in order, compared act by act."""

    def __init__(self, rows: Iterator[Value], find: Find) -> None:
        self.rows, self.find = rows, find
        self.row = next(rows, None)
        self.erased = 0

    def compare(self, run: Sequence[tuple[Entry, bytes]]) -> None:
        """The entries of one act with their bytes, in order, and the values under the first of them."""
        if not run:
            return
        number = run[0][0].number
        known, sealed = set[str](), set[str]()
        for _, content in run:
            for found in _WRITTEN.finditer(content):
                digest = found[1].decode()
                known.add(digest)
                if not content.endswith(_BEFORE, 0, found.start()):
                    sealed.add(digest)
        while self.row is not None and self.row.entry <= number:
            made = vault.commitment(self.row.path, self.row.salt, self.row.value)
            if self.row.entry != number or made not in known:
                self.find("UNLOGGED_CHANGE", self.row.entry, "密存库中有一个值与该条记录的承诺不符")
            sealed.discard(made)
            self.row = next(self.rows, None)
        if sealed:
            self.erased += len(sealed & set(committed(each for each, _ in run)))

    def finish(self) -> None:
        """What lies behind the last entry has none."""
        while self.row is not None:
            self.find("UNLOGGED_CHANGE", self.row.entry, "密存库中有一个值没有对应的记录")
            self.row = next(self.rows, None)


def committed(run: Iterator[Entry]) -> Iterator[str]:
    """The commitments in these entries: their digests, but for the open ones."""
    for each in run:
        for name, value in each.fact.__dict__.items():
            if name not in _OPEN:
                yield from digests(value)


def digests(value: Any) -> Iterator[str]:
    """All digests in a value of a fact, however deep."""
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from digests(each)
