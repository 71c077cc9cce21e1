"""Erasing: finding and dropping the values of one person or household in the vault; the log is only read.

A value belongs to a scope if an entry of the scope commits to it, whichever act it was sealed under. Of a person these
are the commitments of the facts that name him beside them; of a household, those of every entry about it. What an
officer named one by one is dropped as named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from audit import entry as entries
from audit import head, seals, vault
from audit.entry import Entry
from audit.retiring import BUNDLE
from authz.erasure import ErasurePerformed, Found, Named, NamedErased, Scope
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
_PLACE = """
SELECT v.entry FROM entry e JOIN act a ON a.ref = e.act JOIN vault v ON v.entry = a.first AND v.path = :path
WHERE e.number = :number AND e.kind <> 'ErasureAsked'
"""
_HELD = "SELECT sha256 FROM content WHERE sha256 = ANY(:names) AND media_type <> :bundle"
_RESTING = """
SELECT sha256 FROM unnest(CAST(:names AS text[])) AS sha256 WHERE EXISTS (SELECT FROM request WHERE ended IS NULL
    AND (body -> 'attachments' @> to_jsonb(sha256) OR body -> 'scan' @> to_jsonb(sha256)))
OR EXISTS (SELECT FROM grants WHERE ended IS NULL AND document_sha256 = sha256)
OR EXISTS (SELECT FROM opening WHERE ended IS NULL AND body ->> 'sha256' = sha256)
"""
_NAMED = "SELECT bytes FROM entry WHERE kind = 'NamedErased' ORDER BY number"
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
        for row in connection.execute(text(_NAMED)).all():
            dropped += _drop_named(connection, entries.parse(bytes(row.bytes)).fact)
        connection.commit()
    return dropped


def look(connection: Connection, also: tuple[tuple[int, str], ...], attachments: tuple[str, ...]) -> Named:
    """What is there of what an officer names one by one."""
    places = []
    for number, path in also:
        first = connection.execute(text(_PLACE), {"number": number, "path": path}).scalar()
        places.append(None if first is None else (int(first), path))
    binds = {"names": list(attachments)}
    held = connection.execute(text(_HELD), binds | {"bundle": BUNDLE}).scalars() if attachments else ()
    cited = connection.execute(text(_RESTING), binds).scalars() if attachments else ()
    return Named(also, attachments, tuple(places), frozenset(held), frozenset(cited))


def _drop_named(connection: Connection, fact: Fact) -> int:
    assert isinstance(fact, NamedErased)
    count = sum(connection.execute(text(_DROP), dict(each)).rowcount for each in fact.also)
    if fact.attachments:
        statement = "DELETE FROM content WHERE sha256 = ANY(:names) AND media_type <> :bundle"
        names = {"names": list(fact.attachments), "bundle": BUNDLE}
        count += connection.execute(text(statement), names).rowcount
    return count


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
