"""The leaves kept a second time: for each transaction one row with the leaf hashes of its entries, end to end.

The leaf beside an entry can be changed by the very statement that changes the entry. So there are three accounts of each
entry: the hash of its bytes, the leaf beside it, and the leaf kept here. Where they differ, that entry is named, and the
tree on record says which account is true: the stored node over its 256 entries, or the edge of the head for the last ones.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from typing import NamedTuple

from sqlalchemy import Connection, text

from audit import nodes, reread
from audit.reread import Row
from audit.seals import Find
from audit.tree import TILE, Edge, leaf

WIDTH = nodes.WIDTH
_BYTES = 32
MOST = 100 * WIDTH
"""Entries whose accounts differ that are remembered."""
TRIED = 4096
"""Ways to choose one account for each entry of a tile that are tried against the tree."""
_NODE = "SELECT hash FROM public.node WHERE level = :level AND number = :number"
_CONTENTS = "SELECT bytes FROM public.entry WHERE number >= :begin AND number < :end ORDER BY number"


class Accounts(NamedTuple):
    """The leaf hash of one entry: made from its bytes, as it stands beside them, and as it is kept."""

    made: bytes
    beside: bytes
    kept: bytes


class Dispute(NamedTuple):
    """An entry whose accounts differ, and in words which of them the tree confirms."""

    number: int
    whole: bool
    """Whether the bytes fit the tree: then the log can still be judged as a whole."""
    told: str


_TOLD = {
    "beside": "内容与树相符，被改动的是旁存的叶哈希",
    "kept": "内容与旁存的叶哈希和树相符，另存的叶哈希不同：或是另存的被改动，或是内容连同叶哈希和树一起被改写，须以库外保存的检查点判定",
    "alone": "内容与树相符，旁存和另存的叶哈希都被改动",
    "made": "内容被改动：与树不符，旁存和另存的叶哈希仍是原来的",
    "both": "内容连同旁存的叶哈希一起被改写：另存的叶哈希与树相符，内容不符",
    "again": "内容连同另存的叶哈希一起被改写：旁存的叶哈希与树相符，内容不符",
    "open": "内容、旁存的叶哈希、另存的叶哈希不一致，树也无法判定以哪一个为准",
}


@dataclass(slots=True)
class Leaves:
    """The rows in order, held against the entries as these are read; memory stays flat."""

    connection: Connection
    find: Find
    disputed: dict[int, Accounts] = field(default_factory=dict)
    _spans: deque[tuple[int, bytes]] = field(default_factory=deque)
    _row: int = -1
    _end: int = 0
    _settled: dict[int, dict[int, bytes] | None] = field(default_factory=dict)

    def compare(self, piece: Sequence[Row], made: Sequence[bytes]) -> None:
        """The next entries with the hashes of their bytes."""
        numbers = [each.number for each in piece]
        self._fetch(numbers[-1])
        kept = [self._kept(each) for each in numbers]
        beside = [each.leaf for each in piece]
        if made == beside == kept:
            return
        for number, *told in zip(numbers, made, beside, kept, strict=True):
            if not told[0] == told[1] == told[2] and len(self.disputed) < MOST:
                self.disputed[number] = Accounts(*told)

    def finish(self, size: int) -> None:
        """What is kept beyond the end has no entry."""
        self._fetch(2**62)
        if self._end > size:
            self.find("UNLOGGED_CHANGE", size, "另存的叶哈希多于记录")

    def _fetch(self, last: int) -> None:
        """The rows that begin up to this entry."""
        for begin, hashes in reread.leaves(self.connection, self._row, last):
            if begin < self._end:
                self.find("UNLOGGED_CHANGE", begin, "另存的叶哈希中有重复的一行")
            self._spans.append((begin, hashes))
            self._row, self._end = begin, max(self._end, begin + len(hashes) // _BYTES)

    def _kept(self, number: int) -> bytes:
        """The kept hash of an entry; nothing where there is none. Entries are asked for in order."""
        while self._spans:
            begin, hashes = self._spans[0]
            place = (number - begin) * _BYTES
            if place < len(hashes):
                return hashes[place : place + _BYTES] if place >= 0 else b""
            self._spans.popleft()
        return b""

    # --- what the tree says -----------------------------------------------------------------------------------------
    def disputes(self, edge: Edge | None) -> Iterator[Dispute]:
        """Every entry whose accounts differ, judged by the nodes and this edge of the head."""
        for number, told in self.disputed.items():
            true = (self.settled(number // WIDTH, edge) or {}).get(number)
            yield Dispute(number, told.made == true, _TOLD[_word(told, true)])

    def settled(self, tile: int, edge: Edge | None) -> dict[int, bytes] | None:
        """The true hashes of the disputed entries of a tile; None if no choice of accounts makes the tree on record."""
        if tile not in self._settled:
            mine = {number: told for number, told in self.disputed.items() if number // WIDTH == tile}
            self._settled[tile] = self._chosen(tile, mine, edge) if mine else None
        return self._settled[tile]

    def _chosen(self, tile: int, mine: dict[int, Accounts], edge: Edge | None) -> dict[int, bytes] | None:
        begin = tile * WIDTH
        hashes = self._made(begin)
        wanted = self._on_record(tile, edge)
        if not wanted or len(hashes) != (WIDTH if edge is None else min(WIDTH, edge.size - begin)):
            return None
        ways = [set(each) for each in mine.values()]
        few = math.prod(map(len, ways)) <= TRIED
        for chosen in chain(zip(*mine.values(), strict=True), product(*ways) if few else ()):
            for number, each in zip(mine, chosen, strict=True):
                hashes[number - begin] = each
            if Edge().extend(hashes).hashes == wanted:
                return dict(zip(mine, chosen, strict=True))
        return None

    def _made(self, begin: int) -> list[bytes]:
        rows = self.connection.execute(text(_CONTENTS), {"begin": begin, "end": begin + WIDTH}).scalars()
        return [leaf(bytes(each)) for each in rows]

    def _on_record(self, tile: int, edge: Edge | None) -> tuple[bytes, ...]:
        """The stored node over a tile, or what the edge of the head holds of the open one."""
        if edge is not None and tile == edge.size // WIDTH:
            return edge.hashes[len(edge.hashes) - (edge.size % WIDTH).bit_count() :]
        found = self.connection.execute(text(_NODE), {"level": TILE, "number": tile}).scalar_one_or_none()
        return () if found is None else (bytes(found),)

    def root(self, size: int) -> bytes | None:
        """The root that the kept hashes make of the first so many entries, read again; None if there are fewer."""
        edge, last = Edge(), -1
        while edge.size < size:
            rows = reread.leaves(self.connection, last, edge.size + reread.PIECE)
            for begin, hashes in rows:
                last = begin
                if begin != edge.size:
                    return None
                some = min(len(hashes) // _BYTES, size - begin)
                edge = edge.extend(hashes[place * _BYTES : (place + 1) * _BYTES] for place in range(some))
            if not rows:
                return None
        return edge.root


def _word(told: Accounts, true: bytes | None) -> str:
    if true is None:
        return "open"
    good = told.made == true, told.beside == true, told.kept == true
    return {
        (True, False, True): "beside", (True, True, False): "kept", (True, False, False): "alone",
        (False, True, True): "made", (False, False, True): "both", (False, True, False): "again",
    }[good]  # fmt: skip
