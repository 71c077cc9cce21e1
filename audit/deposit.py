"""A deposit: what a batch has made, put into the tables in as few statements however many entries there are.

COPY entry, COPY vault        the vault only where there is something to seal, nodes only where a tile ends
one statement                 acts, leaves, head
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from audit import nodes, vault
from audit.act import Act
from audit.entry import Entry, spelled
from audit.tree import Edge

Made = tuple[Entry, bytes, bytes]
"""An entry with its bytes and its leaf hash."""
_ENTRIES = (
    "COPY entry (number, at, act, kind, decision, person, unit, division, cell, operation, grant_number, household,"
    " data_year, quarter, subject, leaf, bytes) FROM STDIN"
)
_FOUND = ("division", "cell", "operation", "grant", "household", "data_year", "quarter", "subject")
_GROWN = """
    WITH done AS (
        INSERT INTO act (ref, first, count) SELECT * FROM
            unnest(CAST(%(refs)s AS uuid[]), CAST(%(firsts)s AS bigint[]), CAST(%(counts)s AS integer[]))
    ), kept AS (INSERT INTO leaves (begin, hashes) VALUES (%(begin)s, %(hashes)s))
    UPDATE head SET size = %(size)s, at = %(at)s, edge = %(edge)s
"""
_SPECIAL = re.compile(r"[\\\t\n\r]")


def put(
    connection: Connection,
    edge: Edge,
    made: list[Made],
    acts: list[tuple[str, int, int]],
    sealed: list[tuple[int, Act]],
    at: datetime,
) -> None:
    """Write the entries that follow this edge, their acts (reference, first entry, count), what they seal, and the head."""
    cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
    _copy(cursor, _ENTRIES, _lines(made))
    if sealed:
        _copy(cursor, "COPY vault (entry, path, salt, value) FROM STDIN", _vaulted(sealed))
    hashes = [hashed for _, _, hashed in made]
    grown, whole = edge.grow(hashes)
    if whole:
        _copy(cursor, "COPY node (level, number, hash) FROM STDIN", map(nodes.line, whole))
    refs, firsts, counts = zip(*acts, strict=True)
    cursor.execute(_GROWN, {
        "refs": _array(refs), "firsts": _array(firsts), "counts": _array(counts), "begin": edge.size,
        "hashes": b"".join(hashes), "size": grown.size, "at": at, "edge": grown.packed,
    })  # fmt: skip


def _copy(cursor: Any, statement: str, lines: Iterable[str]) -> None:
    with cursor.copy(statement) as copy:
        copy.write("".join(lines).encode())


def _array(values: Iterable[object]) -> str:
    """Numbers or references as PostgreSQL reads an array of them: a string is sent in no time."""
    return f"{{{','.join(map(str, values))}}}"


class _Told(dict[Any, str]):
    """Values as COPY reads them. Most of a batch come again and again, so each is spelled once."""

    def __missing__(self, value: Any) -> str:
        made = self[value] = _text(str(value))
        return made


def _lines(made: Iterable[Made]) -> Iterator[str]:
    told = _Told({None: "\\N"})
    for entry, content, hashed in made:
        who, fact = entry.envelope, entry.fact
        found = fact.search().get
        columns = "\t".join([
            told[each] for each in (fact.kind, fact.decision, who.person, who.unit, *map(found, _FOUND))
        ])  # fmt: skip
        yield (
            f"{entry.number}\t{spelled(entry.at)}\t{_text(entry.act)}\t{columns}\t\\\\x{hashed.hex()}\t\\\\x{content.hex()}\n"
        )


def _vaulted(sealed: Iterable[tuple[int, Act]]) -> Iterator[str]:
    for number, act in sealed:
        for each in act.sealed:
            yield f"{number}\t{_text(each.path)}\t\\\\x{each.salt.hex()}\t{_text(vault.encoded(each))}\n"


def _text(value: str) -> str:
    if _SPECIAL.search(value) is None:
        return value
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
