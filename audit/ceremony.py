"""The ceremony of a start: who may found alone, the room made ahead, and the one-time code by its digest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, text

from authz import register

_LOCK = "SELECT pg_advisory_lock(5786957, 3)"
_UNLOCK = "SELECT pg_advisory_unlock(5786957, 3)"
_NAME = "bootstrap"


@contextmanager
def alone(engine: Engine) -> Iterator[dict[str, str]]:
    """Be the only one who founds anything on this database; what is in force now."""
    with engine.connect() as connection:
        connection.execute(text(_LOCK))
        connection.commit()
        try:
            found = register.charters(connection)
            connection.commit()
            yield found
        finally:
            connection.rollback()
            connection.execute(text(_UNLOCK))
            connection.commit()


def make_room(engine: Engine, ahead: int) -> int:
    """Partitions for at least so many further entries; how many the log can hold."""
    with engine.begin() as connection:
        return int(connection.execute(text("SELECT make_room(:ahead)"), {"ahead": ahead}).scalar_one())


def keep_code(engine: Engine, digest: str, until: datetime) -> None:
    """Keep the digest of a one-time code, in place of any earlier one."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM ceremony WHERE name = :name"), {"name": _NAME})
        connection.execute(
            text("INSERT INTO ceremony (name, digest, until) VALUES (:name, :digest, :until)"),
            {"name": _NAME, "digest": digest, "until": until},
        )


def code_kept(engine: Engine) -> str | None:
    """The digest of the code that may still be used."""
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT digest FROM ceremony WHERE name = :name AND used_at IS NULL AND until > clock_timestamp()"),
            {"name": _NAME},
        )
        return found.scalar_one_or_none()


def use_code(engine: Engine) -> None:
    """The code was used."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE ceremony SET used_at = clock_timestamp() WHERE name = :name"), {"name": _NAME})
