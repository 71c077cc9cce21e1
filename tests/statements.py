"""Statements: what is asked of the database, seen at the driver, so that whoever asks by whatever way is seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest


@contextmanager
def watched(seen: Callable[[Any, str], None]) -> Iterator[None]:
    """`seen` is told the connection and each statement before it is sent; what it raises, the statement raises."""
    honest = {name: getattr(psycopg.Cursor, name) for name in ("execute", "executemany", "copy")}

    def watching(name: str) -> Callable[..., Any]:
        def asked(cursor: Any, statement: Any, *more: Any, **rest: Any) -> Any:
            for _ in more[0] if name == "executemany" else (None,):
                seen(cursor.connection, str(statement))
            return honest[name](cursor, statement, *more, **rest)

        return asked

    with pytest.MonkeyPatch.context() as patch:
        for name in honest:
            patch.setattr(psycopg.Cursor, name, watching(name))
        yield


@contextmanager
def counted() -> Iterator[list[str]]:
    """The first words of all statements that are asked meanwhile; the keeper of checkpoints does not count."""
    asked: list[str] = []

    def seen(connection: Any, statement: str) -> None:
        if threading.current_thread().name != "checkpoints":
            asked.append(" ".join(statement.split()[:3]))

    with watched(seen):
        yield asked
