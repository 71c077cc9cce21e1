"""The past of the charter: what each part of the law was, and from which entry to which."""

from __future__ import annotations

from sqlalchemy import Connection, text

MOST = 24
_HISTORY = "SELECT since, ended, value FROM charter WHERE name = :name ORDER BY since DESC LIMIT :most"


def history(connection: Connection, name: str) -> list[tuple[int, int | None, str]]:
    """The last values of a part of the charter, oldest first: entry that made it, entry that ended it, value."""
    found = connection.execute(text(_HISTORY), {"name": name, "most": MOST})
    return [(row.since, row.ended, row.value) for row in reversed(found.all())]
