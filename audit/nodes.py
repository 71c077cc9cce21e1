"""The stored nodes of the tree: the root of every full tile, so that any proof is a few short reads.

Leaves lie beside their entries (level 0), and the node of level 8k and index i is written in the transaction that
completes its 2**(8k) entries. A tile (C2SP tlog-tiles) is 256 of these in a row; every other node is hashed from one
tile. A proof reads at most three tiles of each level, whatever the size of the log.

What is stored here is never believed by a verifier, and `mandate fsck` compares it with the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from audit import proof, tree
from audit.proof import Nodes, Place
from audit.tree import EMPTY, SHA256, TILE, Edge, Hashing, Node

WIDTH = 1 << TILE
STORED = "SELECT level, number, hash FROM node ORDER BY (number + 1) << level, level"
_LEAVES = "SELECT {0}, string_agg(leaf, NULL ORDER BY number) FROM entry WHERE number >= :a{0} AND number < :b{0}"
_NODES = "SELECT {0}, string_agg(hash, NULL ORDER BY number) FROM node WHERE level = :l{0} AND number >= :a{0} AND number < :b{0}"
_BYTES = 32


class Torn(LookupError):
    """A node that should be stored is not there; `mandate fsck` says what is wrong."""


def line(node: Node) -> str:
    """A completed node as a line of COPY node (level, number, hash)."""
    level, number, hashed = node
    return f"{level}\t{number}\t\\\\x{hashed.hex()}\n"


def tile(connection: Connection, level: int, number: int, width: int) -> bytes:
    """The first `width` hashes of tile `number` at tile level `level`, end to end."""
    place = (level * TILE, number * WIDTH)
    return _read(connection, {place: number * WIDTH + width})[place]


def bundle(connection: Connection, begin: int, end: int) -> bytes:
    """The bytes of these entries, each behind its length in two bytes (C2SP tlog-tiles, entry bundle)."""
    rows = connection.execute(
        text("SELECT bytes FROM entry WHERE number >= :begin AND number < :end ORDER BY number"),
        {"begin": begin, "end": end},
    )
    found = [bytes(each) for each in rows.scalars()]
    if len(found) != end - begin:
        raise Torn(f"entries {begin} to {end - 1} are not all there")
    return b"".join(len(each).to_bytes(2, "big") + each for each in found)


def reader(connection: Connection, spans: Iterable[Sequence[Place]], store: Store | None = None) -> Nodes:
    """The nodes that these parts of a proof ask for, read at once."""
    ends: dict[tuple[int, int], int] = {}
    for level, index in (place for span in spans for place in span):
        wide = level % TILE
        begin, end = index << wide, (index + 1) << wide
        start = (level - wide, begin - begin % WIDTH)
        ends[start] = max(ends.get(start, 0), end)
    hashing = SHA256 if store is None else store.hashing
    found = _read(connection, ends) if store is None else store.read(connection, ends)

    def node(level: int, index: int) -> bytes:
        wide = level % TILE
        begin = index << wide
        tile, start = found[level - wide, begin - begin % WIDTH], begin % WIDTH * _BYTES
        hashes = [tile[i : i + _BYTES] for i in range(start, start + (_BYTES << wide), _BYTES)]
        while len(hashes) > 1:
            hashes = [tree.node(hashes[i], hashes[i + 1], hashing) for i in range(0, len(hashes), 2)]
        return hashes[0]

    return node


def _read(connection: Connection, ends: Mapping[Place, int]) -> dict[Place, bytes]:
    """For each stored level and begin of a tile, its hashes up to this end, end to end; Torn if one is missing."""
    parts: list[str] = []
    binds: dict[str, int] = {}
    places = sorted(ends.items())
    for place, ((level, begin), end) in enumerate(places):
        parts.append((_NODES if level else _LEAVES).format(place))
        binds |= {f"a{place}": begin, f"b{place}": end} | ({f"l{place}": level} if level else {})
    if not parts:
        return {}
    rows = {row[0]: row[1] for row in connection.execute(text(" UNION ALL ".join(parts)), binds)}
    found = {each: bytes(rows[place] or b"") for place, (each, _) in enumerate(places)}
    for (level, begin), end in places:
        if len(found[level, begin]) != (end - begin) * _BYTES:
            raise Torn(f"nodes {begin} to {end - 1} of level {level} are not all there")
    return found


@dataclass(frozen=True, slots=True)
class Store:
    """Another tree than the first: where its nodes are read, as `_read` does it, and what hashes them."""

    read: Callable[[Connection, Mapping[Place, int]], dict[Place, bytes]]
    hashing: Hashing


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That one entry stands in the tree of one size."""

    number: int
    size: int
    leaf: bytes
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the tree of size `first` is the beginning of the tree of size `second`."""

    first: int
    second: int
    first_root: bytes
    second_root: bytes
    path: tuple[bytes, ...]


def inclusion(connection: Connection, number: int, size: int, store: Store | None = None) -> Inclusion:
    """The proof of an entry in the tree of a size the log has reached; BadProof if it lies outside."""
    spans, hashing = proof.inclusion_spans(number, size), SHA256 if store is None else store.hashing
    node = reader(connection, [*spans, proof.perfect(0, size), [(0, number)]], store)
    path = proof.inclusion(number, size, node, hashing)
    return Inclusion(number, size, node(0, number), proof.root(size, node, hashing), path)


def consistency(connection: Connection, first: int, second: int, store: Store | None = None) -> Consistency:
    """The proof between two sizes the log has reached; BadProof if the first is 0 or the larger."""
    spans, hashing = proof.consistency_spans(first, second), SHA256 if store is None else store.hashing
    node = reader(connection, [*spans, proof.perfect(0, first), proof.perfect(0, second)], store)
    roots = proof.root(first, node, hashing), proof.root(second, node, hashing)
    return Consistency(first, second, *roots, proof.consistency(first, second, node, hashing))


def root(connection: Connection, size: int) -> bytes:
    """The root of the tree of a size the log has reached."""
    return proof.root(size, reader(connection, [proof.perfect(0, size)])) if size else EMPTY


def edge_differs(mine: Edge, stored: Edge | None, below: int) -> list[tuple[int, int, str]]:
    """The perfect subtrees of the head below a level against those of the bytes: level, first entry, what is wrong."""
    if stored is None or stored.size != mine.size:
        return [(0, max(mine.size - 1, 0), "日志头所记的树长度不对")]
    found, begin = [], 0
    for hashed, known in zip(mine.hashes, stored.hashes, strict=True):
        level = (mine.size - begin).bit_length() - 1
        if hashed != known and level < below:
            found.append((level, begin, f"记录 {begin} 至 {begin + (1 << level) - 1} 推算出的树与日志头所记的不符"))
        begin += 1 << level
    return found


# --- the check ------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Compared:
    """Stored nodes against those that the bytes make, both in the order in which they are completed."""

    stored: Iterator[Any]
    wrong: list[tuple[int, int, str]] = field(default_factory=list)
    """Level, first entry and what is wrong, of the smallest subtree that shows it."""
    ahead: Any = None

    def whole(self, nodes: Iterable[Node]) -> None:
        """These subtrees have just been completed."""
        for level, number, hashed in nodes:
            begin = number << level
            if self._next((level, number)) != hashed and not any(each >= begin for _, each, _ in self.wrong[-1:]):
                self.wrong.append(
                    (level, begin, f"记录 {begin} 至 {begin + (1 << level) - 1} 推算出的树与在案的树不符")
                )

    def finish(self) -> list[tuple[int, int, str]]:
        """All that is wrong."""
        extra = self.ahead or next(self.stored, None)
        if extra is not None and not self.wrong:
            self.wrong.append((0, extra.number << extra.level, "在案的树多出一个由记录推算不出的节点"))
        return self.wrong

    def _next(self, place: Place) -> bytes | None:
        """The stored hash at this place, if it is there; one that comes later stays where it is."""
        row = self.ahead or next(self.stored, None)
        if row is not None and (row.level, row.number) == place:
            self.ahead = None
            return bytes(row.hash)
        self.ahead = row
        return None
