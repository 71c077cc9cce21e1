"""The past of the charter: what each part of the law was, from which entry to which, and whether its files are kept.

A log of an earlier version names its law by the same digests, but kept no bundles. What is put back here is bytes under
a digest that stands on record, so nobody can bring in anything that was not in force.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from audit import content

MOST = 60
"""How far back a question about the past of the law looks: a notice of every county and two years."""
_HISTORY = "SELECT since, ended, value FROM charter WHERE name = :name ORDER BY since DESC LIMIT :most"
_EDITION = (
    "SELECT value FROM charter WHERE name = 'edition' AND split_part(value, ' ', 1) = :name ORDER BY since DESC LIMIT 1"
)
_BEGUN = (
    "SELECT split_part(c.value, ' ', 1) AS name, CAST(min(e.at) AT TIME ZONE 'Asia/Shanghai' AS date) AS day"
    " FROM charter c JOIN entry e ON e.number = c.since WHERE c.name = 'edition' GROUP BY 1"
)
_NAMED = """
SELECT name, right(value, 64) AS digest, bool_or(ended IS NULL) AS stands FROM charter
WHERE name IN ('policy', 'edition', 'calendar') OR name LIKE 'narrowing %' GROUP BY 1, 2 ORDER BY min(since)
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the law as the charter names it: `policy`, `edition`, `calendar` or `narrowing <county>`."""

    name: str
    digest: str
    in_force: bool


def history(connection: Connection, name: str) -> list[tuple[int, int | None, str]]:
    """The last values of a part of the charter, oldest first: entry that made it, entry that ended it, value."""
    found = connection.execute(text(_HISTORY), {"name": name, "most": MOST})
    return [(row.since, row.ended, row.value) for row in reversed(found.all())]


def ever(connection: Connection, name: str, value: str) -> bool:
    """Whether this is or was a part of the law."""
    statement = "SELECT EXISTS (SELECT FROM charter WHERE name = :name AND value = :value)"
    return bool(connection.execute(text(statement), {"name": name, "value": value}).scalar_one())


def edition(connection: Connection, name: str) -> str | None:
    """An edition of the divisions that was ever in force, as the charter names it: `<name> <digest>`."""
    found: str | None = connection.execute(text(_EDITION), {"name": name}).scalar()
    return found


def begun(connection: Connection) -> dict[str, date]:
    """The day on which each edition of the divisions on record was put in force."""
    return {row.name: row.day for row in connection.execute(text(_BEGUN))}


def lost(connection: Connection) -> tuple[Part, ...]:
    """The parts of the law, of now and of the past, whose files are not kept or no longer fit their digest."""
    named = [Part(row.name, row.digest, row.stands) for row in connection.execute(text(_NAMED))]
    return tuple(each for each in named if content.read(connection, each.digest) is None)


def restore(connection: Connection, streams: Iterable[bytes]) -> tuple[Part, ...]:
    """Keep those of the bundles that the charter names and that are lost; which parts of the law these are."""
    given = {content.digest(each): each for each in streams}
    found = tuple(each for each in lost(connection) if each.digest in given)
    for each in found:
        content.store(connection, given[each.digest], content.BUNDLE, "")
    still = {each.digest for each in lost(connection)} if found else set()
    return tuple(each for each in found if each.digest not in still)
