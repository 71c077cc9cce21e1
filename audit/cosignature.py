"""Cosignatures on record, and what is known here of each witness: working tables, outside the fold.

    cosignature   one per witness and checkpoint; the newest KEPT of each witness
    witness       the largest checkpoint it has cosigned, since when it is behind, and a verdict against this history

A verdict stays until the witness itself is seen to hold this history. The tables are a convenience: whoever alters
them changes nothing that a witness knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from audit import head, note
from audit.checkpoint import Checkpoint, Verifier
from audit.note import Note, Signature

KEPT = 1000
MOST = 64
ROLLBACK, FORK = "ROLLBACK", "FORK"
Session = Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known here of a witness. `behind`: since when a signed checkpoint waits for its cosignature."""

    size: int = 0
    root: bytes | None = None
    behind: datetime | None = None
    lagging: bool = False
    verdict: str | None = None


class Disputed(Exception):
    """A witness holds a longer or another history than this one: nothing is to be signed. The text is Chinese."""

    def __init__(self, witness: str, verdict: str) -> None:
        super().__init__(disputed(witness, verdict))
        self.witness, self.verdict = witness, verdict


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection whose work is committed at the end; a database that cannot be asked is Closed."""
    with head.reading(engine) as connection:
        yield connection
        connection.commit()


def cosignatures(
    connection: Connection, checkpoint: Checkpoint, verifiers: Iterable[Verifier] | None = None
) -> list[Signature]:
    """The cosignatures of exactly this checkpoint; with `verifiers`, only the good ones of these witnesses."""
    rows = connection.execute(
        text(
            "SELECT witness, key_id, blob FROM cosignature WHERE size = :size AND root = :root ORDER BY witness LIMIT :most"
        ),
        {"size": checkpoint.size, "root": checkpoint.root, "most": MOST},
    )
    found = [Signature(row.witness, bytes(row.key_id), bytes(row.blob)) for row in rows]
    if verifiers is None:
        return found
    known = {(each.name, each.key_id): each for each in verifiers}
    return [
        each
        for each in found
        if (key := known.get((each.name, each.key_id))) is not None and key.signed(checkpoint.text, each.blob)
    ]


def signed(connection: Connection, origin: str) -> Note | None:
    """The largest checkpoint this log has signed."""
    row = connection.execute(
        text("SELECT note FROM checkpoint WHERE origin = :origin ORDER BY size DESC LIMIT 1"), {"origin": origin}
    ).first()
    return None if row is None else note.parse(row.note)


def standings(connection: Connection, names: Iterable[str]) -> dict[str, Standing]:
    """What is known of these witnesses."""
    wanted = list(names)
    rows = connection.execute(
        text("SELECT name, size, root, behind, lagging, verdict FROM witness WHERE name = ANY(:names)"),
        {"names": wanted},
    )
    found = {
        row.name: Standing(
            row.size, None if row.root is None else bytes(row.root), row.behind, row.lagging, row.verdict
        )
        for row in rows
    }
    return {name: found.get(name, Standing()) for name in wanted}


def keep(connection: Connection, witness: str, checkpoint: Checkpoint, signature: Signature, at: datetime) -> None:
    """Store a verified cosignature. Whoever has got further is not behind, until the next look says so."""
    told = {
        "witness": witness, "size": checkpoint.size, "root": checkpoint.root, "key": signature.key_id,
        "blob": signature.blob, "at": at, "kept": KEPT,
    }  # fmt: skip
    connection.execute(
        text(
            "INSERT INTO cosignature (witness, size, root, key_id, blob, at) VALUES (:witness, :size, :root, :key, :blob, :at)"
            " ON CONFLICT (witness, size, root) DO UPDATE SET key_id = excluded.key_id, blob = excluded.blob, at = excluded.at"
        ),
        told,
    )
    connection.execute(
        text(
            "INSERT INTO witness (name, size, root, lagging) VALUES (:witness, :size, :root, false) ON CONFLICT (name) DO"
            " UPDATE SET size = excluded.size, root = excluded.root, behind = NULL WHERE witness.size < excluded.size"
            " OR witness.root IS NULL"
        ),
        told,
    )
    connection.execute(
        text(
            "DELETE FROM cosignature WHERE witness = :witness AND size < (SELECT size FROM cosignature"
            " WHERE witness = :witness ORDER BY size DESC OFFSET :kept LIMIT 1)"
        ),
        told,
    )


def mark(connection: Connection, witness: str, *, behind: datetime | None, lagging: bool) -> None:
    """Since when this witness is behind, and whether an alarm of it is on record."""
    connection.execute(
        text(
            "INSERT INTO witness (name, size, behind, lagging) VALUES (:witness, 0, :behind, :lagging) ON CONFLICT (name)"
            " DO UPDATE SET behind = excluded.behind, lagging = excluded.lagging"
        ),
        {"witness": witness, "behind": behind, "lagging": lagging},
    )


def condemn(connection: Connection, witness: str, verdict: str) -> bool:
    """Put this witness's verdict on record; whether there was none before."""
    rows = connection.execute(
        text(
            "INSERT INTO witness (name, size, lagging, verdict) VALUES (:witness, 0, false, :verdict) ON CONFLICT (name)"
            " DO UPDATE SET verdict = excluded.verdict WHERE witness.verdict IS NULL RETURNING name"
        ),
        {"witness": witness, "verdict": verdict},
    )
    return rows.first() is not None


def acquit(connection: Connection, witness: str) -> bool:
    """Take a verdict back: the witness was seen to hold this history. Whether there was one."""
    rows = connection.execute(
        text("UPDATE witness SET verdict = NULL WHERE name = :witness AND verdict IS NOT NULL RETURNING name"),
        {"witness": witness},
    )
    return rows.first() is not None


def witnessed(connection: Connection, wanted: Checkpoint | None, names: Iterable[str]) -> None:
    """Return if no witness is known to hold anything that speaks against signing this checkpoint; else Disputed.

    Whoever signs nothing asks for the verdicts alone: what he has read may be behind what was cosigned meanwhile.
    """
    for name, known in standings(connection, names).items():
        verdict = known.verdict
        if verdict is None and wanted is not None and known.size > wanted.size:
            verdict = ROLLBACK
        if (
            verdict is None
            and wanted is not None
            and known.size == wanted.size
            and known.root not in (None, wanted.root)
        ):
            verdict = FORK
        if verdict is not None:
            raise Disputed(name, verdict)


def disputed(witness: str, verdict: str) -> str:
    """The sentence for a person at the console."""
    saw = "见过更长的日志" if verdict == ROLLBACK else "见过另一份日志"
    return f"{verdict}：见证人 {witness} {saw}，已停止签署和办理。请不要继续办理，保留现场，并与见证人核对后从较新的备份恢复。"
