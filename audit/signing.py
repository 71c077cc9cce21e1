"""Signing: what is compared before a checkpoint is signed, and where it lies before anybody sees it.

    <keys>/log/<origin>.last    the last signed checkpoint, replaced whole and on the disk before it is published

The last checkpoint is read before the head, so that a log that grows meanwhile is never taken for a shorter one. A
database that is behind it (ROLLBACK) or has another history (FORK) is not signed, and nothing is written to it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from audit import checkpoint, keyring, nodes, note, proof
from audit.checkpoint import Checkpoint, Signer
from audit.nodes import Torn
from audit.note import BadNote
from audit.proof import BadProof
from audit.tree import Edge

ROLLBACK, FORK, LOST = "ROLLBACK", "FORK", "LOST"
LOCK = "SELECT pg_try_advisory_lock(5786957, 4)"
_PROBE = b"mandate/v1/probe\n"
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


Consult = Callable[[Connection, Checkpoint | None], None]
"""Asked before anything is signed, or, with null, by a process that signs nothing; it may raise."""


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


def publish(connection: Connection, folder: Path, wanted: Checkpoint, signers: Sequence[Signer], at: datetime) -> str:
    """Sign, keep beside the key, then put where everybody can read it; the printed note."""
    printed = note.format(checkpoint.sign(wanted, *signers))
    checkpoint.write(folder / f"{keyring.stem(wanted.origin)}.last", printed)
    _keep(connection, wanted, printed, at)
    return printed


def hands(connection: Connection, folder: Path, origin: str, mine: Signer) -> list[Signer]:
    """Who signs: the key in force, and every earlier one that still lies beside it and can."""
    found = [mine]
    for each in keyring.earlier(connection, folder, origin, mine.verifier.vkey):
        with contextlib.suppress(BadNote):
            each.sign(_PROBE)
            found.append(each)
    return found


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


def turn(
    connection: Connection,
    folder: Path,
    origin: str,
    *,
    holder: bool,
    consult: Consult | None = None,
    seen: Checkpoint | None = None,
) -> Head:
    """Compare the log with what was signed last, and sign it if it has grown and this process holds the lock.

    `seen` is what this process itself saw last: also a process that never signs notices when the log is cut back.
    """
    now, mine = check(connection, folder, origin)
    if seen is not None and seen != now.checkpoint:
        compare(connection, seen, now)
    wanted = now.checkpoint
    signing = holder and mine is not None and wanted.size > 0
    if consult is not None:
        consult(connection, wanted if signing else None)
    if signing and mine is not None:
        done = published(connection, origin)
        # Also where a start was cut short between the file and the table: the same bytes are signed again.
        if done is None or (done.size, done.root) != (wanted.size, wanted.root):
            publish(connection, folder, wanted, hands(connection, folder, origin, mine), now.clock)
    return now


def check(connection: Connection, folder: Path, origin: str) -> tuple[Head, Signer | None]:
    """What would be signed now, and by whom, if it continues what was signed last; else Halted."""
    known, stored = last(folder, origin), published(connection, origin)
    now = head(connection, origin)
    mine = keyring.signer(folder, origin, now.vkey) if now.vkey is not None else None
    if mine is not None or known is not None:
        compare(connection, known, now)
    elif stored is not None:
        compare(connection, _opened(connection, origin, stored), now)
    return now, mine


def _opened(connection: Connection, origin: str, stored: Published) -> Checkpoint:
    """The checkpoint that the database shows, for whoever has nothing of his own to compare with."""
    try:
        found, _ = checkpoint.open(stored.note, keyring.verifiers(connection))
    except BadNote:
        raise Halted(FORK) from None
    if found != Checkpoint(origin, stored.size, stored.root):
        raise Halted(FORK)
    return found
