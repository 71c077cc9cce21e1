"""The second tree: the same bytes hashed with SM3 (GB/T 32905-2016) and signed as an origin of its own, `<origin>/sm3`.

    edge       the right edge of what has been hashed so far
    node_sm3   the root of every full tile, written where the edge grows, as `node` is of the first tree

Leaves are hashed from the entries when they are asked for. So a proof reads the entries of at most three tiles of 256,
and three tiles of each level above, whatever the size of the log. A node is written once: one that was changed or lost is
not mended here, `mandate fsck` names it, and proofs that rest on it fail. Nothing is kept unless `log_sm3` is set; where it is
set later, the tree is grown from the first entry on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, text

from audit import signing
from audit.checkpoint import Checkpoint, Signer
from audit.nodes import WIDTH, Compared, Store, Torn, edge_differs
from audit.proof import Place
from audit.seals import Find
from audit.signing import FORK, ROLLBACK, Halted, Head
from audit.tree import SM3, TILE, Edge, leaf

SUFFIX = "/sm3"
CHUNK = 10_000
_LEAVES = "SELECT bytes FROM entry WHERE number >= :begin AND number < :end ORDER BY number"
_STORED = "SELECT level, number, hash FROM public.node_sm3 ORDER BY (number + 1) << level, level"
_STREAMED = {"stream_results": True, "max_row_buffer": 1_000}
_ORIGIN = (
    "SELECT coalesce((SELECT value FROM public.charter WHERE name = 'origin' AND ended IS NULL),"
    " (SELECT replace(origin, '/sm3', '') FROM public.edge LIMIT 1), '')"
)
_SIGNED = "SELECT root FROM public.checkpoint WHERE origin = :origin AND size = :size"
_NODES = "SELECT hash FROM node_sm3 WHERE level = :level AND number >= :begin AND number < :end ORDER BY number"


# --- growing --------------------------------------------------------------------------------------------------------
def turn(connection: Connection, folder: Path, now: Head, signers: Sequence[Signer]) -> None:
    """Grow the tree to the size of the log and sign it; Halted (FORK) if it has another history."""
    origin = now.checkpoint.origin + SUFFIX
    known = signing.last(folder, origin, now.checkpoint.origin)
    edge = stored(connection, now.checkpoint.origin)
    if known is not None and (edge.size, edge.top(SM3)) != (known.size, known.root):
        # The stored edge is no proof: the tree is made again from the bytes.
        edge = _grown(connection, Edge(), known.size)
        if (edge.size, edge.top(SM3)) != (known.size, known.root):
            raise Halted(ROLLBACK if edge.size < known.size else FORK)
    if known is not None and edge.size == now.checkpoint.size:
        return
    edge = _grown(connection, edge, now.checkpoint.size)
    connection.execute(
        text(
            "INSERT INTO edge (origin, size, hashes) VALUES (:origin, :size, :hashes)"
            " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, hashes = excluded.hashes"
        ),
        {"origin": origin, "size": edge.size, "hashes": edge.packed},
    )
    signing.publish(connection, folder, Checkpoint(origin, edge.size, edge.top(SM3)), signers, now.clock)


def stored(connection: Connection, origin: str) -> Edge:
    """The edge of what has been hashed so far."""
    row = connection.execute(
        text("SELECT size, hashes FROM edge WHERE origin = :origin"), {"origin": origin + SUFFIX}
    ).first()
    try:
        return Edge() if row is None else Edge.read(row.size, bytes(row.hashes))
    except ValueError:
        return Edge()


def _grown(connection: Connection, edge: Edge, size: int) -> Edge:
    while edge.size < size:
        grown, whole = edge.grow(_leaves(connection, edge.size, min(edge.size + CHUNK, size)), SM3)
        if grown.size == edge.size:
            break
        if whole:
            connection.execute(
                text(
                    "INSERT INTO node_sm3 (level, number, hash) VALUES (:level, :number, :hash)"
                    " ON CONFLICT (level, number) DO NOTHING"
                ),
                [{"level": level, "number": number, "hash": hashed} for level, number, hashed in whole],
            )
        edge = grown
    return edge


def _leaves(connection: Connection, begin: int, end: int) -> list[bytes]:
    rows = connection.execute(text(_LEAVES), {"begin": begin, "end": end}).scalars()
    return [leaf(bytes(each), SM3) for each in rows]


# --- answering ------------------------------------------------------------------------------------------------------
def size(connection: Connection, origin: str) -> int:
    """How many entries the second tree holds."""
    return stored(connection, origin).size


def tile(connection: Connection, level: int, number: int, width: int) -> bytes:
    """The first `width` hashes of tile `number` at tile level `level`, end to end."""
    return _row(connection, level * TILE, number * WIDTH, number * WIDTH + width)


def _read(connection: Connection, ends: Mapping[Place, int]) -> dict[Place, bytes]:
    """For each stored level and begin of a tile, its hashes up to this end, end to end; Torn if one is missing."""
    return {(level, begin): _row(connection, level, begin, end) for (level, begin), end in ends.items()}


def _row(connection: Connection, level: int, begin: int, end: int) -> bytes:
    if level == 0:
        found = _leaves(connection, begin, end)
    else:
        rows = connection.execute(text(_NODES), {"level": level, "begin": begin, "end": end}).scalars()
        found = [bytes(each) for each in rows]
    if len(found) != end - begin:
        raise Torn(f"nodes {begin} to {end - 1} of level {level} are not all there")
    return b"".join(found)


STORE = Store(_read, SM3)
"""For `nodes.inclusion` and `nodes.consistency`."""


# --- the check ------------------------------------------------------------------------------------------------------
MENDED = "由库所有者清空 node_sm3、删除 edge 中以 /sm3 结尾的一行，服务即由记录重新推算"


@dataclass(slots=True)
class Recount:
    """The second tree made again from the bytes of the log, as far as it was kept."""

    tiles: Compared
    kept: Edge
    signed: bytes | None
    """The root on record of that size."""
    close: Callable[[], None]
    edge: Edge = field(default_factory=Edge)

    @classmethod
    def begin(cls, connection: Connection) -> Recount:
        origin = str(connection.execute(text(_ORIGIN)).scalar_one())
        kept = stored(connection, origin)
        binds = {"origin": origin + SUFFIX, "size": kept.size}
        signed = connection.execute(text(_SIGNED), binds).scalar()
        rows = connection.execute(text(_STORED), execution_options=_STREAMED)
        return cls(Compared(iter(rows)), kept, None if signed is None else bytes(signed), rows.close)

    def take(self, contents: Sequence[bytes]) -> None:
        """The next entries of the log."""
        if more := contents[: self.kept.size - self.edge.size]:
            self.edge, whole = self.edge.grow((leaf(each, SM3) for each in more), SM3)
            self.tiles.whole(whole)

    def judge(self, find: Find) -> None:
        """Say which nodes, edge or root are not those of a log that is whole in itself."""
        wrong = self.tiles.finish() or edge_differs(self.edge, self.kept, 64)
        if not wrong and self.kept.size and self.signed != self.edge.top(SM3):
            wrong = [(0, 0, "在案的检查点与由记录推算出的根不符")]
        for _, begin, told in wrong:
            find("UNLOGGED_CHANGE", begin, f"SM3 树：{told}（{MENDED}）")
