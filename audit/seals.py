"""The seals: every value of the vault held against the commitment in the log, in one pass beside the entries.

Values of an act lie under its first entry. A value that its entries do not commit to is an unlogged change; a
commitment without a value is an erased one, which is lawful and only counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row

from audit import vault
from audit.entry import Entry

STORED = "SELECT entry, path, salt, value FROM vault ORDER BY entry, path"
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
    )
)


class Seals:
    """The rows of the vault in order, compared act by act."""

    def __init__(self, rows: Iterator[Row[Any]], find: Find) -> None:
        self.rows, self.find = rows, find
        self.row = next(rows, None)
        self.erased = 0

    def compare(self, run: Sequence[Entry]) -> None:
        """The entries of one act, in order, with the values under the first of them."""
        if not run:
            return
        facts = [each.fact.__dict__.items() for each in run]
        known = {found for fact in facts for _, value in fact for found in digests(value)}
        open_ = {found for fact in facts for name, value in fact if name not in _OPEN for found in digests(value)}
        while self.row is not None and self.row.entry <= run[0].number:
            made = vault.commitment(self.row.path, bytes(self.row.salt), self.row.value)
            if self.row.entry != run[0].number or made not in known:
                self.find("UNLOGGED_CHANGE", self.row.entry, "a value of the vault that its entry does not commit to")
            open_.discard(made)
            self.row = next(self.rows, None)
        self.erased += len(open_)

    def finish(self) -> None:
        """What lies behind the last entry has none."""
        while self.row is not None:
            self.find("UNLOGGED_CHANGE", self.row.entry, "a value of the vault without an entry")
            self.row = next(self.rows, None)


def digests(value: Any) -> Iterator[str]:
    """All digests in a value of a fact, however deep."""
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from digests(each)
