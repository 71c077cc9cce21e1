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

from audit import checkpoint, keyring, note
from audit.checkpoint import Checkpoint
from audit.note import BadNote
from audit.seals import Find
from audit.tree import Edge, Node

_LAST = (
    "SELECT size, note FROM public.checkpoint WHERE origin ="
    " (SELECT value FROM public.charter WHERE name = 'origin' AND ended IS NULL) ORDER BY size DESC LIMIT 1"
)
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
    stated: dict[int, set[bytes]] = field(default_factory=dict)
    """What was stated for the sizes that do not agree."""
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
                self.stated.setdefault(size, set()).add(self._ahead[1])
            self._ahead = next(self.stored, None)
        if self._sizes and self._sizes[-1] == size:
            if self.trusted[self._sizes.pop()] == {self.edge.root}:
                self.vouched = size
            else:
                self.disowned.append(size)
                self.stated.setdefault(size, set()).update(self.trusted[size])

    def narrowed(self, begin: int, end: int) -> tuple[int, str]:
        """Where the first wrong entry of a subtree is, as far as the checkpoints tell, and in words."""
        if end <= self.good or end <= self.vouched:
            return begin, "检查点证实这些记录未变，被改动的是在案的树"
        first = max(begin, self.good, self.vouched)
        ends = [each for each in (*self.bad, *self.disowned) if each > first]
        return first, f"首条被改动的记录在 {first} 至 {min([*ends, end]) - 1} 之间"

    def forked(self) -> tuple[int, int, str] | None:
        """Between which sizes the first entry lies that is not the one a checkpoint was signed over, and whose it is."""
        forked = [each for each in self.bad if each > self.good]
        disowned = [each for each in self.disowned if each > self.vouched] or self.disowned
        if forked:
            return self.good, forked[0], "在案"
        return (min(self.vouched, disowned[0]), disowned[0], "库外保存") if disowned else None

    def judge(self, find: Find, exact: int | None = None) -> None:
        """Say what is wrong between a log that is whole in itself and what was once stated of it.

        `exact` is the first entry that differs, where it is known.
        """
        for size in self.bad:
            if size < self.good:
                find("UNLOGGED_CHANGE", size, f"在案的检查点（共 {size} 条）与这些记录不符，而其后的检查点相符")
        longest = max((0, *self.trusted, *self._waiting(), *(size for size, _ in self.stored)))
        if (fork := self.forked()) is not None:
            begin, end, whose = fork
            where = f"首条不同的记录在 {begin} 至 {end - 1} 之间" if exact is None else "首条不同的记录即为本条"
            first = begin if exact is None else exact
            find("FORK", first, f"{whose}的检查点（共 {end} 条）所签的不是现有的这些记录；{where}")
        elif longest > self.edge.size:
            find("ROLLBACK", self.edge.size, f"曾签过共 {longest} 条的检查点，现有记录比它少")


def gather(connection: Connection, trusted: Iterable[Checkpoint], find: Find) -> Landmarks:
    """The checkpoints kept in the database and those from outside."""
    _must_be_signed(connection, find)
    known: dict[int, set[bytes]] = {}
    for each in trusted:
        if each.size > 0:
            known.setdefault(each.size, set()).add(each.root)
    return Landmarks(_stored(connection, find), known)


def _must_be_signed(connection: Connection, find: Find) -> None:
    """The largest checkpoint on record vouches for all before it: only whoever has the key can make another one."""
    row = connection.execute(text(_LAST)).first()
    if row is None:
        return
    try:
        checkpoint.open(row.note, keyring.verifiers(connection))
    except BadNote:
        find("UNLOGGED_CHANGE", row.size, f"在案的最后一份检查点（共 {row.size} 条）没有本日志密钥的有效签名")


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
            find("UNLOGGED_CHANGE", row.size, f"在案的检查点（共 {row.size} 条）与它自己的签名文本不符")
        else:
            yield row.size, stated.root
