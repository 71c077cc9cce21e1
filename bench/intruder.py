"""The adversary of the trust section: an administrator with the database and, if he likes, the log's signing key.

    python -m bench.intruder          rewrite who acted in the first edit of the data folder (MANDATE_DATA), and with it
                                      its hash, the tree and every signed checkpoint, so that all fits again

It exists so that anybody can see such a log pass where nobody outside holds a checkpoint, and fail where somebody does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from api.checkpoints import FOLDER
from api.database import open_engine
from api.founding import DEMO_ORIGIN
from api.postgres import opening
from api.settings import Settings
from audit import checkpoint, entry, keyring, note, reread, vocabulary  # noqa: F401 a kind must be known to be read
from audit.checkpoint import Checkpoint
from audit.tree import Edge, leaf

OFF = ("entry", "act", "node", "leaves")
COLUMNS = "number, at, act, kind, decision, person, unit, division, cell, operation, grant_number, household, data_year, quarter, subject"
INSERT = f"INSERT INTO entry ({COLUMNS}, leaf, bytes) VALUES ({', '.join(f':{each.strip()}' for each in COLUMNS.split(','))}, :leaf, :bytes)"  # noqa: S608


class Intruder:
    """Whoever owns the database. He switches the guard off for what he does, and on again, so that nothing shows."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def run(self, *statements: str, **binds: Any) -> None:
        """Anything at all, with the triggers out of the way."""
        with self._unguarded() as connection:
            for each in statements:
                connection.execute(text(each), binds)

    @contextmanager
    def _unguarded(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            self.unlock(connection)
            yield connection
            lock(connection)

    @staticmethod
    def unlock(connection: Connection) -> None:
        found = connection.execute(
            text("SELECT format('%I', c.relname) FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
                 " WHERE c.oid = ANY(CAST(:names AS regclass[])) OR i.inhparent = CAST('entry' AS regclass) AND c.relkind = 'r'"),
            {"names": list(OFF)},
        ).scalars().all()  # fmt: skip
        for each in found:
            connection.execute(text(f"ALTER TABLE {each} DISABLE TRIGGER ALL"))

    def contents(self) -> list[bytes]:
        """The bytes of every entry."""
        with self.engine.connect() as connection:
            return [
                bytes(each) for each in connection.execute(text("SELECT bytes FROM entry ORDER BY number")).scalars()
            ]

    def rewrite(self, contents: Sequence[bytes], begin: int = 0) -> None:
        """Put this history in the place of the stored one: entries from `begin` on, leaves, columns, nodes, edge, head."""
        with self._unguarded() as connection:
            connection.execute(text("DELETE FROM entry WHERE number >= :begin"), {"begin": begin})
            for number, content in enumerate(contents[begin:], start=begin):
                connection.execute(text(INSERT), columns(number, content))
            leaves = [leaf(each) for each in contents]
            edge, whole = Edge().grow(leaves)
            connection.execute(text("DELETE FROM leaves"))
            connection.execute(text("INSERT INTO leaves VALUES (0, :hashes)"), {"hashes": b"".join(leaves)})
            connection.execute(text("DELETE FROM node"))
            for level, number, hashed in whole:
                connection.execute(text("INSERT INTO node VALUES (:level, :number, :hash)"),
                                   {"level": level, "number": number, "hash": hashed})  # fmt: skip
            last = entry.parse(contents[-1])
            connection.execute(text("UPDATE head SET size = :size, edge = :edge, at = :at"),
                               {"size": edge.size, "edge": edge.packed, "at": last.at})  # fmt: skip
            connection.execute(text("DELETE FROM act WHERE first >= :size"), {"size": edge.size})

    def sign(self, folder: Path, origin: str, contents: Sequence[bytes]) -> None:
        """Sign this history with the stolen key, at every size that was ever published, and in the file beside the key."""
        with self.engine.begin() as connection:
            vkey = keyring.verifiers(connection)[0].vkey
            signer = keyring.signer(folder, origin, vkey)
            assert signer is not None
            sizes = (
                connection.execute(text("SELECT size FROM checkpoint WHERE origin = :o"), {"o": origin}).scalars().all()
            )
            connection.execute(
                text("DELETE FROM checkpoint WHERE origin = :o AND size > :n"), {"o": origin, "n": len(contents)}
            )
            leaves = [leaf(each) for each in contents]
            for size in {*(each for each in sizes if each <= len(contents)), len(contents)}:
                stated = Checkpoint(origin, size, Edge().extend(leaves[:size]).root)
                printed = note.format(checkpoint.sign(stated, signer))
                connection.execute(
                    text("INSERT INTO checkpoint (origin, size, root, note, at) SELECT :o, :n, :r, :t, at FROM head"
                         " ON CONFLICT (origin, size) DO UPDATE SET root = excluded.root, note = excluded.note"),
                    {"o": origin, "n": size, "r": stated.root, "t": printed},
                )  # fmt: skip
                if size == len(contents):
                    checkpoint.write(folder / f"{keyring.stem(origin)}.last", printed)


def columns(number: int, content: bytes) -> dict[str, Any]:
    """A row of the log that fits these bytes."""
    found = entry.parse(content)
    names = [each.strip() for each in COLUMNS.split(",")]
    told = reread.columns(found).decode().split(reread.GAP)
    row: dict[str, Any] = dict(zip(names[1:], (None if each == reread.NULL else each for each in told), strict=True))
    for name in ("grant_number", "data_year", "quarter", "subject"):
        row[name] = None if row[name] is None else int(row[name])
    return row | {"number": number, "at": found.at, "leaf": leaf(content), "bytes": content}


def changed(contents: Iterable[bytes], number: int, old: bytes, new: bytes) -> list[bytes]:
    """The same history with one entry changed."""
    found = list(contents)
    assert old in found[number]
    found[number] = found[number].replace(old, new)
    return found


def main() -> int:
    """Make somebody else responsible for the first edit or refusal on record, and cover it up."""
    settings = Settings.read(os.environ)
    with opening.visited(settings) as database:
        assert database.owner_url is not None
        engine = open_engine(database.owner_url, 2)
        try:
            intruder = Intruder(engine)
            contents = intruder.contents()
            number, person = victim(contents)
            forged = changed(contents, number, f'"person":"{person}"'.encode(), b'"person":"p-9999"')
            intruder.rewrite(forged, number)
            intruder.sign(settings.keys / FOLDER, settings.origin or DEMO_ORIGIN, forged)
        finally:
            engine.dispose()
    print(f"entry {number}: {person} -> p-9999; its hash, the tree and every checkpoint made and signed anew")
    return 0


def victim(contents: Sequence[bytes]) -> tuple[int, str]:
    """The first entry that names a person and changes no row of the register by it."""
    for content in contents:
        found = entry.parse(content)
        if found.fact.kind in ("EditPermitted", "Refused", "LogRead") and found.envelope.person is not None:
            return found.number, found.envelope.person
    raise SystemExit("nobody has done anything yet: run `mandate demo` first")


def locked(engine: Engine) -> None:
    """Switch the guard on again, so that nothing shows."""
    with engine.begin() as connection:
        lock(connection)


def lock(connection: Connection) -> None:
    found = connection.execute(
        text("SELECT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::regclass, tgname) FROM pg_trigger"
             " WHERE tgname IN ('append_only', 'append_only_whole')".replace("::", "\\:\\:"))
    ).scalars().all()  # fmt: skip
    for each in found:
        connection.execute(text(each))


if __name__ == "__main__":
    sys.exit(main())
