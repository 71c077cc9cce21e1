"""Why nothing is recorded: what one process has found, on record for all that share the database.

    halt      one row per source (a machine and its key folder): the log does not continue what was signed there
    witness   a verdict against this history (`audit/cosignature.py`)

Every batch looks under the log's lock, so that no process goes on once one of them knows. A row goes when its source
is seen to agree again, or when a person sets it aside, on record. Working tables: a fence and no proof.
"""

from __future__ import annotations

import socket
from pathlib import Path

from sqlalchemy import Connection, text

from audit.cosignature import disputed

ASKED = (
    "coalesce((SELECT told FROM halt ORDER BY at, source LIMIT 1),"
    " (SELECT '@' || verdict || ' ' || name FROM witness WHERE verdict IS NOT NULL ORDER BY name LIMIT 1))"
)
"""For the query of a head: null, or what `sentence` reads."""
_OTHERS = ASKED.replace("FROM halt", "FROM halt WHERE source <> :source")


def source(folder: Path) -> str:
    """Who says so: this machine with this folder of keys."""
    return f"{socket.gethostname()}:{folder}"


def sentence(found: str) -> str:
    """What `ASKED` found, for a person."""
    if not found.startswith("@"):
        return found
    verdict, _, name = found[1:].partition(" ")
    return disputed(name, verdict)


def others(connection: Connection, source: str) -> str | None:
    """Why nothing may be recorded, as somebody else has found it."""
    found = connection.execute(text(f"SELECT {_OTHERS}"), {"source": source}).scalar_one()
    return None if found is None else sentence(found)


def put(connection: Connection, source: str, told: str) -> None:
    """This source has found that nothing may be recorded."""
    connection.execute(
        text(
            "INSERT INTO halt (source, told, at) VALUES (:source, :told, clock_timestamp()) ON CONFLICT (source)"
            " DO UPDATE SET told = excluded.told WHERE halt.told <> excluded.told"
        ),
        {"source": source, "told": told},
    )


def clear(connection: Connection, source: str) -> None:
    """This source sees that the log continues what it knows."""
    connection.execute(text("DELETE FROM halt WHERE source = :source"), {"source": source})


def lift(connection: Connection) -> tuple[str, ...]:
    """Set aside whatever stands, and say what it was; whoever still finds it says so again."""
    found = [*connection.execute(text("SELECT told FROM halt ORDER BY at, source")).scalars()]
    verdicts = connection.execute(text("SELECT verdict, name FROM witness WHERE verdict IS NOT NULL ORDER BY name"))
    found += [disputed(row.name, row.verdict) for row in verdicts]
    connection.execute(text("DELETE FROM halt"))
    connection.execute(text("UPDATE witness SET verdict = NULL WHERE verdict IS NOT NULL"))
    return tuple(found)
