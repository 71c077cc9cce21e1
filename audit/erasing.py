"""Erasing: finding and dropping the values of one person or household in the vault; the log is only read.

A value belongs to a scope if an entry of the scope commits to it, whichever act it was sealed under. Of a person these
are the commitments of the facts that name him beside them; of a household, those of every entry about it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from audit import entry as entries
from audit import head, seals, vault
from audit.entry import Entry
from authz.erasure import ErasurePerformed, Found, Scope
from authz.fact import Fact

_KINDS = ("PersonRegistered", "RequestDrafted", "RequestChanged")
_PERSON = "SELECT bytes FROM entry WHERE kind = ANY(:kinds) AND number < :below ORDER BY number"
# Why an erasure was asked for stays: it is the officer's own text.
_HOUSEHOLD = "SELECT bytes FROM entry WHERE household = :household AND number < :below AND kind <> 'ErasureAsked' ORDER BY number"
_VALUES = """
SELECT entry, path, salt, value FROM vault
WHERE entry = (SELECT first FROM act WHERE ref = CAST(:act AS uuid)) ORDER BY path
"""
_DROP = "DELETE FROM vault WHERE entry = :entry AND path = :path"
_PERFORMED = "SELECT bytes FROM entry WHERE kind = 'ErasurePerformed' ORDER BY number"


def reached(connection: Connection, scope: Scope, below: int) -> Found:
    """What an erasure of this scope would drop now."""
    rows = list(_reached(connection, scope, below))
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.entry] = counts.get(row.entry, 0) + 1
    listed = "".join(f"{row.entry} {row.path}\n" for row in sorted(rows, key=lambda each: (each.entry, each.path)))
    return Found(tuple(sorted(counts.items())), hashlib.sha256(listed.encode()).hexdigest())


def drop(connection: Connection, scope: Scope, below: int) -> int:
    """Drop salts and values of this scope under entries before `below`; how many were still there."""
    rows = [{"entry": row.entry, "path": row.path} for row in _reached(connection, scope, below)]
    if rows:
        connection.execute(text(_DROP), rows)
    return len(rows)


def repeat(engine: Engine) -> int:
    """Perform every erasure on record again; how many values had come back, as they do from a backup."""
    dropped = 0
    with head.reading(engine) as connection:
        found = connection.execute(text(_PERFORMED)).all()
        for row in found:
            entry = entries.parse(bytes(row.bytes))
            assert isinstance(entry.fact, ErasurePerformed)
            dropped += drop(connection, of(entry.fact), entry.number)
        connection.commit()
    return dropped


def of(fact: ErasurePerformed) -> Scope:
    """The scope of an erasure on record."""
    return Scope(fact.person_id, fact.household, fact.member)


def _reached(connection: Connection, scope: Scope, below: int) -> Iterator[Row[Any]]:
    statement = _HOUSEHOLD if scope.person is None else _PERSON
    binds = {"household": scope.household, "kinds": list(_KINDS), "below": below}
    wanted = {name: binds[name] for name in binds if f":{name}" in statement}
    for row in connection.execute(text(statement), wanted).all():
        entry = entries.parse(bytes(row.bytes))
        mine = set(_commitments(entry, scope))
        if mine:
            values = connection.execute(text(_VALUES), {"act": entry.act}).all()
            yield from (each for each in values if vault.commitment(each.path, bytes(each.salt), each.value) in mine)


def _commitments(entry: Entry, scope: Scope) -> Iterator[str]:
    """The commitments of an entry that are this scope's."""
    told: dict[str, Any] = entry.fact.__dict__
    if scope.household is not None:
        if scope.member is None or told.get("member") == scope.member:
            yield from seals.committed(iter([entry]))
    elif _names(entry.fact, scope.person):
        yield from (told[name] for name in ("name", "phone") if isinstance(told.get(name), str))


def _names(fact: Fact, person: str | None) -> bool:
    """Whether the name or telephone number in a fact is this person's."""
    told = fact.__dict__
    return (told.get("person_id") if fact.kind == "PersonRegistered" else told.get("contact")) == person
