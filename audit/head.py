"""The head: how long the log is, how much room it has, and what the database's clock says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from authz.refusal import Closed


@dataclass(frozen=True, slots=True)
class Head:
    """`size` entries are durable, `room` more fit into the partitions made so far, `clock` is the instant of asking."""

    size: int
    room: int
    clock: datetime


def read(connection: Connection) -> Head:
    """The head as it is now."""
    row = connection.execute(text("SELECT size, room - size AS room, clock_timestamp() AS clock FROM head")).one()
    return Head(row.size, row.room, row.clock)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to answer a read from; a database that cannot be asked is Closed, never an unforeseen failure."""
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError:
        raise Closed() from None
