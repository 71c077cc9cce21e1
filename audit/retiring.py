"""Retiring: finding and dropping what has passed its term (`authz/retention.py`); the log is only read.

What is due is derived from the log and the register by a cut that the fact on record names, and whatever happens later
can only keep more. So a retirement on record is performed again after a restore and never reaches wider.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from audit import entry as entries
from audit import head
from authz.fact import instant, moment
from authz.retention import DATA, LETTERS, OVER, PERSONS, RetentionPerformed

BUNDLE = "application/vnd.mandate.bundle"
_STANDING = """
SELECT FROM request r WHERE r.number = {0} AND r.ended IS NULL AND (r.since >= :below OR NOT r.state = ANY(:over))
UNION ALL SELECT FROM grants g WHERE g.request = {0} AND g.ended IS NULL AND (g.since >= :below
    OR g.valid_until >= :at AND (g.revoked_at IS NULL OR g.revoked_at >= :at))
"""
_POSTS = """
SELECT FROM post p WHERE p.person = convert_from(e.bytes, 'UTF8')::jsonb -> 'fact' ->> 'person_id'
AND (p.since >= :below OR p.ended IS NULL AND (p.valid_until IS NULL OR p.valid_until >= :at))
"""
_DUE = f"""
FROM vault v JOIN entry e ON e.number = v.entry WHERE v.entry < :below AND (e.kind = ANY(:data)
    OR e.kind = ANY(:letters) AND NOT EXISTS ({_STANDING.format("coalesce(e.subject, e.number)")})
    OR e.kind = ANY(:persons) AND NOT EXISTS ({_POSTS}))
"""
_VALUES = f"SELECT v.entry, v.path, e.kind {_DUE} ORDER BY v.entry, v.path"
_DROP = "DELETE FROM vault WHERE entry = :entry AND path = :path"
_OLD = """
SELECT DISTINCT c.sha256 FROM entry e JOIN content c
    ON c.sha256 = convert_from(e.bytes, 'UTF8')::jsonb -> 'fact' ->> 'sha256' AND c.media_type <> :bundle
WHERE e.kind = 'AttachmentStored' AND e.number < :below
"""
_NAMED = """
SELECT DISTINCT found[1] FROM entry e, regexp_matches(convert_from(e.bytes, 'UTF8'), '"([0-9a-f]{{64}})"', 'g') AS found
WHERE found[1] = ANY(:wanted) AND (e.number >= :below OR {0})
"""
_STILL = f"e.kind LIKE 'Request%' AND EXISTS ({_STANDING.format('coalesce(e.subject, e.number)')})"
_GRANTED = """
SELECT document_sha256 FROM grants g WHERE g.ended IS NULL AND document_sha256 = ANY(:wanted)
AND g.valid_until >= :at AND (g.revoked_at IS NULL OR g.revoked_at >= :at)
"""
_AT = "SELECT at FROM entry WHERE number = :number"
_PERFORMED = "SELECT bytes FROM entry WHERE kind = 'RetentionPerformed' ORDER BY number"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a term begins: an instant, and the number of the first entry that is not older."""

    at: datetime
    below: int


@dataclass(frozen=True, slots=True)
class Due:
    """What has passed its term."""

    values: tuple[tuple[int, str, str], ...]
    """Entry, path and kind of entry."""
    attachments: tuple[str, ...]

    @property
    def counted(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for _, _, kind in self.values:
            found[kind] = found.get(kind, 0) + 1
        return dict(sorted(found.items()))

    @property
    def digest(self) -> str:
        lines = [f"{number} {path}\n" for number, path, _ in self.values] + [f"{each}\n" for each in self.attachments]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def cut(connection: Connection, clock: datetime, days: int) -> Cut:
    """Where a term of so many days begins; instants of entries never go back, so it is found by halving."""
    at = clock - timedelta(days=days)
    low, high = 0, head.read(connection).size
    while low < high:
        middle = (low + high) // 2
        found: datetime = connection.execute(text(_AT), {"number": middle}).scalar_one()
        low, high = (middle + 1, high) if found < at else (low, middle)
    return Cut(at, low)


def due(connection: Connection, values: Cut, content: Cut) -> Due:
    """What these cuts leave behind."""
    found = connection.execute(
        text(_VALUES), _binds(values) | {"data": list(DATA), "letters": list(LETTERS), "persons": list(PERSONS)}
    )
    return Due(tuple((row.entry, row.path, row.kind) for row in found), _attachments(connection, content))


def _attachments(connection: Connection, limit: Cut) -> tuple[str, ...]:
    old = connection.execute(text(_OLD), {"bundle": BUNDLE, "below": limit.below}).scalars().all()
    if not old:
        return ()
    binds = _binds(limit) | {"wanted": list(old)}
    named = set(connection.execute(text(_NAMED.format(_STILL)), binds).scalars())
    named |= set(connection.execute(text(_GRANTED), {"wanted": list(old), "at": limit.at}).scalars())
    return tuple(sorted(set(old) - named))


def _binds(limit: Cut) -> dict[str, Any]:
    return {"below": limit.below, "at": limit.at, "over": list(OVER)}


def drop(connection: Connection, found: Due) -> None:
    """Drop it."""
    if found.values:
        connection.execute(text(_DROP), [{"entry": number, "path": path} for number, path, _ in found.values])
    if found.attachments:
        connection.execute(
            text("DELETE FROM content WHERE sha256 = ANY(:names) AND media_type <> :bundle"),
            {"names": list(found.attachments), "bundle": BUNDLE},
        )


def fact(values: Cut, content: Cut, found: Due) -> RetentionPerformed:
    """What is to be put on record before anything is dropped."""
    return RetentionPerformed(
        values_below=values.below, values_at=instant(values.at), content_below=content.below,
        content_at=instant(content.at), values=len(found.values), attachments=len(found.attachments),
        counted=dict(found.counted), digest=found.digest,
    )  # fmt: skip


def performed(connection: Connection) -> list[RetentionPerformed]:
    """Every retirement on record."""
    found = [entries.parse(bytes(row.bytes)).fact for row in connection.execute(text(_PERFORMED))]
    return [each for each in found if isinstance(each, RetentionPerformed)]


def repeat(engine: Engine) -> int:
    """Perform every retirement on record again; how many values and attachments had come back, as from a backup."""
    dropped = 0
    with head.reading(engine) as connection:
        for each in performed(connection):
            cuts = Cut(moment(each.values_at), each.values_below), Cut(moment(each.content_at), each.content_below)
            found = due(connection, *cuts)
            drop(connection, found)
            dropped += len(found.values) + len(found.attachments)
        connection.commit()
    return dropped
