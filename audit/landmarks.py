"""Landmarks: roots once stated for the first so many entries, held against the tree as it grows past them.

Some lie in the database itself (the signed checkpoints it keeps); an administrator could change those too. The trusted
ones come from outside: the last checkpoint beside the key, a witness, a sheet of paper. A root that agrees vouches for
every entry before it, so the first wrong entry lies between the last one that agrees and the first that does not.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, text

from audit import checkpoint, note
from audit.checkpoint import Checkpoint
from audit.note import BadNote
from audit.seals import Find
from audit.tree import Edge, Node

_STORED = (
    "SELECT size, root, note FROM public.checkpoint WHERE size > 0 AND origin ="
    " (SELECT value FROM public.charter WHERE name = 'origin' AND ended IS NULL) ORDER BY size"
)


@dataclass(slots=True)
class Landmarks:
    """Roots by size, the tree that grows past them, and what came of the comparison."""

    stored: Generator[tuple[int, bytes], None, None] = field(default_factory=lambda: _noted((), lambda *told: None))
    """Size and root of those on record, the smallest first; read as the tree grows, so that memory stays flat."""
    trusted: dict[int, set[bytes]] = field(default_factory=dict)
    edge: Edge = field(default_factory=Edge)
    good: int = 0
    """The largest size whose stored root agreed."""
    bad: list[int] = field(default_factory=list)
    vouched: int = 0
    """The largest size whose trusted root agreed."""
    disowned: list[int] = field(default_factory=list)
    _ahead: tuple[int, bytes] | None = None
    _sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sizes = sorted(self.trusted, reverse=True)
        self._ahead = next(self.stored, None)

    def grow(self, leaves: Sequence[bytes]) -> list[Node]:
        """The tree after these leaves; the subtrees that became whole."""
        whole: list[Node] = []
        begin, used = self.edge.size, 0
        while used < len(leaves):
            end = min((each - begin for each in self._waiting()), default=len(leaves))
            self.edge, grown = self.edge.grow(leaves[used : min(end, len(leaves))])
            whole += grown
            used = min(end, len(leaves))
            if used == end:
                self._compare(self.edge.size)
        return whole

    def _waiting(self) -> list[int]:
        """The next size of each kind that the tree has not reached."""
        return [*self._sizes[-1:], *([self._ahead[0]] if self._ahead is not None else [])]

    def _compare(self, size: int) -> None:
        if self._ahead is not None and self._ahead[0] == size:
            if self._ahead[1] == self.edge.root:
                self.good = size
            else:
                self.bad.append(size)
            self._ahead = next(self.stored, None)
        if self._sizes and self._sizes[-1] == size:
            if self.trusted[self._sizes.pop()] == {self.edge.root}:
                self.vouched = size
            else:
                self.disowned.append(size)

    def narrowed(self, begin: int) -> tuple[int, str]:
        """Where the first wrong entry from `begin` on is, as far as the checkpoints tell, and in words."""
        first = max(begin, self.good if self.good < self.edge.size else 0)
        ends = [each for each in self.bad if each > first]
        return first, f"the first that differs is one of {first} to {ends[0] - 1}" if ends else f"from {first} on"

    def judge(self, find: Find) -> None:
        """Say what is wrong between a log that is whole in itself and what was once stated of it."""
        for size in self.bad:
            if size < self.good:
                find("UNLOGGED_CHANGE", size, f"the checkpoint of size {size} on record is not that of these entries")
        forked = [each for each in self.bad if each > self.good]
        disowned = [each for each in self.disowned if each > self.vouched] or self.disowned
        longest = max((0, *self.trusted, *self._waiting(), *(size for size, _ in self.stored)))
        if forked:
            find("FORK", self.good, f"a checkpoint of size {forked[0]} was signed over other entries than these; "
                 f"the first that differs is one of {self.good} to {forked[0] - 1}")  # fmt: skip
        elif disowned:
            begin = min(self.vouched, disowned[0])
            find("FORK", begin, f"a checkpoint of size {disowned[0]} kept outside was signed over other entries than these; "
                 f"the first that differs is one of {begin} to {disowned[0] - 1}")  # fmt: skip
        elif longest > self.edge.size:
            find("ROLLBACK", self.edge.size, f"a checkpoint of size {longest} was signed; the log is shorter")


def gather(connection: Connection, trusted: Iterable[Checkpoint], find: Find) -> Landmarks:
    """The checkpoints kept in the database and those from outside."""
    known: dict[int, set[bytes]] = {}
    for each in trusted:
        if each.size > 0:
            known.setdefault(each.size, set()).add(each.root)
    return Landmarks(_stored(connection, find), known)


def _stored(connection: Connection, find: Find) -> Generator[tuple[int, bytes], None, None]:
    options = {"stream_results": True, "max_row_buffer": 1000}
    with connection.execute(text(_STORED), execution_options=options) as rows:
        yield from _noted(rows, find)


def _noted(rows: Iterable[Row[Any]], find: Find) -> Generator[tuple[int, bytes], None, None]:
    for row in rows:
        try:
            stated = checkpoint.parse(note.parse(row.note).text)
        except BadNote:
            stated = None
        if stated is None or (stated.size, stated.root) != (row.size, bytes(row.root)):
            find("UNLOGGED_CHANGE", row.size, f"the checkpoint of size {row.size} on record is not its own note")
        else:
            yield row.size, stated.root
