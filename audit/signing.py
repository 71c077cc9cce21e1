"""Signing: what is compared before a checkpoint is signed, and where it lies before anybody sees it.

    <keys>/log/<origin>.last    the last signed checkpoint, replaced whole and on the disk before it is published

The last checkpoint is read before the head, so that a log that grows meanwhile is never taken for a shorter one. A
database that is behind it (ROLLBACK) or has another history (FORK) is not signed, and nothing is written to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from audit import checkpoint, keyring, nodes, note, proof
from audit.checkpoint import Checkpoint, Signer
from audit.nodes import Torn
from audit.note import BadNote
from audit.proof import BadProof
from audit.tree import SM3, Edge, leaf

ROLLBACK, FORK, LOST = "ROLLBACK", "FORK", "LOST"
LOCK = "SELECT pg_try_advisory_lock(5786957, 4)"
SM3_SUFFIX = "/sm3"
CHUNK = 10_000
_HEAD = """
SELECT size, at, edge, clock_timestamp() AS clock,
    (SELECT value FROM charter WHERE name = 'log_key' AND ended IS NULL) AS vkey FROM head
"""
_KEEP = """
INSERT INTO checkpoint (origin, size, root, note, at) VALUES (:origin, :size, :root, :note, :at)
ON CONFLICT (origin, size) DO UPDATE SET root = excluded.root, note = excluded.note
WHERE checkpoint.root <> excluded.root
"""
_TOLD = {
    ROLLBACK: "数据库中的日志比最近一次签名的检查点短，可能恢复了旧备份",
    FORK: "数据库中的日志与最近一次签名的检查点不是同一份历史",
    LOST: "找不到或无法核对最近一次签名的检查点文件（密钥目录下 log 目录中的 .last 文件）",
}


class Halted(Exception):
    """The database does not continue what was signed. `verdict` is ROLLBACK, FORK or LOST; the text is Chinese."""

    def __init__(self, verdict: str) -> None:
        super().__init__(
            f"{verdict}：{_TOLD[verdict]}，已停止签名和办理。请保留现场，联系系统管理员从最新备份恢复后再启动"
        )
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Head:
    """The log as it is now: its checkpoint, the instant of its last entry, the clock, and the key in force."""

    checkpoint: Checkpoint
    at: datetime
    clock: datetime
    vkey: str | None


Consult = Callable[[Connection, Checkpoint], None]


def head(connection: Connection, origin: str) -> Head:
    """What would be signed now."""
    row = connection.execute(text(_HEAD)).one()
    try:
        root = Edge.read(row.size, bytes(row.edge)).root
    except ValueError:
        raise Halted(FORK) from None
    return Head(Checkpoint(origin, row.size, root), row.at, row.clock, row.vkey)


# --- the last checkpoint --------------------------------------------------------------------------------------------
def last(folder: Path, origin: str, name: str | None = None) -> Checkpoint | None:
    """The last checkpoint signed here, under one of the keys that lie here; Halted (LOST) if the file is damaged."""
    try:
        printed = (folder / f"{keyring.stem(origin)}.last").read_bytes()
    except FileNotFoundError:
        return None
    try:
        found, _ = checkpoint.open(printed.decode(), [each.verifier for each in keyring.keys(folder, name or origin)])
    except (BadNote, UnicodeDecodeError):
        raise Halted(LOST) from None
    if found.origin != origin:
        raise Halted(LOST)
    return found


def compare(connection: Connection, known: Checkpoint | None, now: Head) -> None:
    """Return if the log continues what was signed last; else Halted."""
    wanted = now.checkpoint
    if known is None:
        if published(connection, wanted.origin) is not None:
            raise Halted(LOST)
        return
    if known.size > wanted.size:
        raise Halted(ROLLBACK)
    if known.size == 0:
        return
    try:
        path = nodes.consistency(connection, known.size, wanted.size).path
        proof.verify_consistency(known.size, wanted.size, known.root, wanted.root, path)
    except (BadProof, Torn):
        raise Halted(FORK) from None


def publish(connection: Connection, folder: Path, wanted: Checkpoint, signer: Signer, at: datetime) -> str:
    """Sign, keep beside the key, then put where everybody can read it; the printed note."""
    printed = note.format(checkpoint.sign(wanted, signer))
    checkpoint.write(folder / f"{keyring.stem(wanted.origin)}.last", printed)
    _keep(connection, wanted, printed, at)
    return printed


def _keep(connection: Connection, wanted: Checkpoint, printed: str, at: datetime) -> None:
    connection.execute(
        text(_KEEP),
        {"origin": wanted.origin, "size": wanted.size, "root": wanted.root, "note": printed, "at": at},
    )


@dataclass(frozen=True, slots=True)
class Published:
    """The largest checkpoint published: its size, root and printed note, and when it was signed."""

    size: int
    root: bytes
    note: str
    at: datetime


def published(connection: Connection, origin: str) -> Published | None:
    """What outsiders can see of this origin."""
    row = connection.execute(
        text("SELECT size, root, note, at FROM checkpoint WHERE origin = :origin ORDER BY size DESC LIMIT 1"),
        {"origin": origin},
    ).first()
    return None if row is None else Published(row.size, bytes(row.root), row.note, row.at)


def turn(connection: Connection, folder: Path, origin: str, *, holder: bool, consult: Consult | None = None) -> Head:
    """Compare the log with what was signed last, and sign it if it has grown and this process holds the lock."""
    known = last(folder, origin)
    now = head(connection, origin)
    mine = keyring.signer(folder, origin, now.vkey) if now.vkey is not None else None
    if mine is None and known is None:
        return now
    compare(connection, known, now)
    wanted = now.checkpoint
    if holder and mine is not None and wanted.size:
        if consult is not None:
            consult(connection, wanted)
        seen = published(connection, origin)
        # Also where a start was cut short between the file and the table: the same bytes are signed again.
        if seen is None or (seen.size, seen.root) != (wanted.size, wanted.root):
            publish(connection, folder, wanted, mine, now.clock)
    return now


# --- the second tree ------------------------------------------------------------------------------------------------
def turn_sm3(connection: Connection, folder: Path, now: Head, signer: Signer) -> None:
    """Grow the SM3 tree over the same bytes and sign it as a second origin; Halted (FORK) if it has another history."""
    origin = now.checkpoint.origin + SM3_SUFFIX
    known = last(folder, origin, now.checkpoint.origin)
    row = connection.execute(text("SELECT size, hashes FROM edge WHERE origin = :origin"), {"origin": origin}).first()
    edge = Edge() if row is None else Edge.read(row.size, bytes(row.hashes))
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
    publish(connection, folder, Checkpoint(origin, edge.size, edge.top(SM3)), signer, now.clock)


def _grown(connection: Connection, edge: Edge, size: int) -> Edge:
    while edge.size < size:
        rows = connection.execute(
            text("SELECT bytes FROM entry WHERE number >= :begin AND number < :end ORDER BY number"),
            {"begin": edge.size, "end": min(edge.size + CHUNK, size)},
        ).scalars()
        grown, _ = edge.grow((leaf(bytes(each), SM3) for each in rows), SM3)
        if grown.size == edge.size:
            break
        edge = grown
    return edge
