"""The refold: the register made again from the log, in temporary tables of the same names, and compared both ways.

PostgreSQL looks into the temporary schema first, so the very code that keeps the register writes the second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from audit.entry import Entry
from audit.seals import Find
from authz import register, tables
from authz.fact import Change

TABLES = (*tables.VERSIONED, tables.usage.name)
MOST = 100


def begin(connection: Connection) -> None:
    """Empty tables that the fold will find first; they go with the transaction."""
    connection.execute(
        text(
            ";".join(
                f'CREATE TEMPORARY TABLE "{name}" (LIKE public."{name}" INCLUDING ALL) ON COMMIT DROP'
                for name in TABLES
            )
        )
    )


def fold(connection: Connection, entries: Sequence[Entry], find: Find) -> bool:
    """Fold these entries. Where that cannot be done, the first such entry is a phantom, and nothing more is folded."""
    changes: list[tuple[int, Change]] = [
        (each.number, one) for each in entries for one in each.fact.changes(each.where)
    ]
    if not changes:
        return True
    try:
        with connection.begin_nested():
            register.apply(connection, changes)
    except SQLAlchemyError as error:
        if len(entries) > 1:
            return all(fold(connection, [each], find) for each in entries)
        find("PHANTOM", entries[0].number, f"登记表容不下这条记录所说的内容（{type(error).__name__}）")
        return False
    return True


def compare(connection: Connection, find: Find) -> None:
    """Rows that only one register holds. A row both hold under one key is a changed one."""
    for name in TABLES:
        table = tables.metadata.tables[name]
        stored, folded = (
            _only(connection, name, table, *sides) for sides in (("public", "pg_temp"), ("pg_temp", "public"))
        )
        for key in sorted(stored, key=str):
            find("UNLOGGED_CHANGE", key[0], f"登记表 {name} 中有一行与日志所记不符")
        for key in sorted(folded - stored, key=str):
            find("PHANTOM", key[0], f"登记表 {name} 中缺少这条记录所产生的一行")


def _only(connection: Connection, name: str, table: Any, here: str, there: str) -> set[tuple[Any, ...]]:
    columns = ", ".join(f'"{each.name}"' for each in table.columns)
    keys = ", ".join(f'"{each.name}"' for each in table.primary_key.columns)
    rows = f'SELECT {columns} FROM {here}."{name}" EXCEPT ALL SELECT {columns} FROM {there}."{name}"'  # noqa: S608 our names
    found = connection.execute(text(f"SELECT since, {keys} FROM ({rows}) x ORDER BY since LIMIT {MOST}"))  # noqa: S608
    return {tuple(row) for row in found}
