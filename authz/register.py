"""The register: the stored present, folded from facts, with its past kept as intervals of log positions.

Every row carries `since` (the entry that made this version) and `ended` (the entry that replaced it, null for the
version on record). What is on record now is `ended IS NULL`; what was on record at position n is
`since < n AND (ended IS NULL OR ended >= n)`. Valid time (`valid_from`, `valid_until`) is a matter of the rows
themselves. The register is not trusted: it is rebuilt from the log by the same `apply`, and compared.

An act names what it needs as `Reads`; `fetch` answers the union of many acts with one query per table.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, cast

import psycopg
from psycopg.rows import dict_row, namedtuple_row, tuple_row
from sqlalchemy import Connection, Table, TextClause, select, text
from sqlalchemy.exc import DBAPIError

from authz import grant as grants
from authz import post as posts
from authz import tenure, traces
from authz.fact import Amend, Change, Once, Put
from authz.household import Household
from authz.post import Person, Post, Unit
from authz.rows import Reads, Rows, union
from authz.tables import VERSIONED, charter

__all__ = ["Reads", "Rows", "apply", "charters", "fetch", "union"]

Row = dict[str, Any]
MEMORY = timedelta(days=400)
"""How long an ended grant still explains a refusal (local); it bounds what one decision reads."""

FOR_EVER = 2**62


def fetch(connection: Connection, reads: Reads, at: datetime, known: int | None = None) -> Rows:
    """What is on record for these reads (at log position `known`, default now): one query per table that is asked."""
    rows, ask = Rows(), _Asking(connection, known)
    if reads.persons or reads.naturals:
        _fetch_people(ask, rows, ("twins", sorted(reads.persons)), ("natural", sorted(reads.naturals)))
    if reads.persons or reads.posts or reads.staff:
        _fetch_posts(ask, reads, rows)
    _fetch_grants(ask, reads, rows, at)
    for row in ask("household", ("token", sorted(reads.households))):
        rows.households[row["token"]] = Household(*(row[n] for n in Household.__slots__))
        rows.versions["household", row["token"]] = row["since"]
    for row in ask("unit", ("id", sorted(reads.units))):
        rows.units[row["id"]] = Unit(*(row[n] for n in Unit.__slots__))
        rows.versions["unit", row["id"]] = row["since"]
    for name, wanted, kept in (
        ("request", reads.requests, rows.requests), ("opening", reads.openings, rows.openings),
        ("erasure", reads.erasures, rows.erasures), ("tie", reads.ties, rows.ties),
        ("amendment", reads.amendments, rows.amendments), ("officer", reads.officers, rows.officers),
        ("proposal", reads.proposals, rows.proposals),
    ):  # fmt: skip
        for row in ask(name, ("number", sorted(wanted))):
            kept[row["number"]] = dict(row)
            rows.versions[name, row["number"]] = row["since"]
    # With any edition asked for comes the one that lies filed: there is at most one.
    for row in ask("edition", ("number", sorted(reads.editions)), ("state", ["filed"] if reads.editions else [])):
        rows.editions[row["number"]] = dict(row)
        rows.versions["edition", row["number"]] = row["since"]
    rows.imports.update((row["name"], row["since"]) for row in ask("imported", ("name", sorted(reads.imports))))
    for row in ask("document", ("number", sorted(reads.documents))):
        rows.documents[row["number"]] = dict(row)
    traces.follow(partial(_traced, connection), reads, rows, known)
    return rows


@dataclass(slots=True)
class _Asking:
    """Rows of a table by lists of keys, as on record at a position. Each column has its own index, so each its own arm."""

    connection: Connection
    known: int | None

    def __call__(self, table: str, *keys: tuple[str, Sequence[Any]], floor: datetime | None = None) -> list[Row]:
        given = [(column, values) for column, values in keys if values]
        if not given:
            return []
        statement = _statement(table, tuple(column for column, _ in given), self.known is not None)
        binds: dict[str, Any] = {f"k{place}": values for place, (_, values) in enumerate(given)}
        found = _asked(self.connection, statement, binds | {"known": self.known, "floor": floor})
        key = _names(VERSIONED[table])[0]
        return found if len(given) == 1 else list({row[key]: row for row in found}.values())


def _asked(connection: Connection, statement: str, binds: Mapping[str, Any], row: Any = dict_row) -> list[Any]:
    """The rows of a statement, straight from the driver: every act waits for several of these under the log's lock."""
    cursor = connection.connection.driver_connection.cursor(row_factory=row)  # type: ignore[union-attr]
    try:
        found: list[Any] = cursor.execute(statement, binds).fetchall()
    except psycopg.Error as error:
        raise DBAPIError(None, None, error) from error
    return found


def _traced(connection: Connection, statement: str, binds: Mapping[str, Any]) -> list[Any]:
    return _asked(connection, _driven(statement), binds, namedtuple_row)


@cache
def _driven(statement: str) -> str:
    """A statement with `:name` for its binds, as the driver reads it."""
    return re.sub(r"(?<!:):([a-z]+)", r"%(\1)s", statement.replace("%", "%%"))


_COMPARED = {
    "holder_unit": "holder_unit = ANY(%(k{1})s) AND valid_until > %(floor)s",
    "path": '"path" && CAST(%(k{1})s AS bigint[])',
    "twins": '"natural" IN (SELECT "natural" FROM person WHERE id = ANY(%(k{1})s) AND {2})',  # all their accounts
}
_ABOVE = (
    "SELECT * FROM named UNION ALL SELECT * FROM grants WHERE number = ANY(ARRAY(SELECT unnest(path) FROM named))"
    " AND number <> ALL(ARRAY(SELECT number FROM named))"
)


@cache
def _statement(table: str, columns: tuple[str, ...], past: bool) -> str:
    """Names come from this file alone. One arm per column, because an OR over several indexes is planned as a scan.
    With grants come those above them."""
    record = "since < %(known)s AND (ended IS NULL OR ended >= %(known)s)" if past else "ended IS NULL"
    arms = []
    for place, column in enumerate(columns):
        compared = _COMPARED.get(column, '"{0}" = ANY(%(k{1})s)').format(column, place, record)
        arms.append(f"SELECT * FROM {table} WHERE {compared} AND {record}")  # noqa: S608
    named = " UNION ALL ".join(arms)
    return f"WITH named AS ({named}) {_ABOVE} AND {record}" if table == "grants" else named


def _fetch_posts(ask: _Asking, reads: Reads, rows: Rows) -> None:
    """Posts, deputyships joined to those they rest on, and the persons of whole units and of those stood in for."""
    keys = (
        ("person", sorted({*reads.persons, *rows.people})),
        ("number", sorted(reads.posts)),
        ("unit", sorted(reads.staff)),
    )
    found = sorted(ask("post", *keys), key=lambda row: row["number"])
    whole, borne, wanted = _joined(ask, found)
    for row, made in zip(found, whole, strict=True):
        rows.post[made.number] = made
        rows.posts.setdefault(made.person, []).append(made)
        rows.staff.setdefault(made.unit, []).append(made)
        rows.versions["post", made.number] = row["since"]
    people = {each.person for each in rows.post.values() if each.unit in reads.staff}
    people |= {borne[each].person for each in wanted & borne.keys()}
    _fetch_people(ask, rows, ("id", sorted(people - rows.people.keys())))


def _joined(ask: _Asking, found: Sequence[Row]) -> tuple[list[Post], dict[int, Post], set[int]]:
    """These posts, deputyships joined to those they rest on; with all of them by number, and the numbers of the latter."""
    known = {row["number"]: posts.read(row) for row in found}
    wanted = {each for post in known.values() for each in (post.deputy_for, post.rests_on) if each is not None}
    borne = known | {row["number"]: posts.read(row) for row in ask("post", ("number", sorted(wanted - known.keys())))}
    return [posts.joined(known[row["number"]], borne) for row in found], borne, wanted


def _fetch_people(ask: _Asking, rows: Rows, *keys: tuple[str, Sequence[str]]) -> None:
    for row in ask("person", *keys):
        rows.people[row["id"]] = Person(row["id"], row["natural"], row["epoch"])
        rows.versions["person", row["id"]] = row["since"]


def _fetch_grants(ask: _Asking, reads: Reads, rows: Rows, at: datetime) -> None:
    """Held grants and those asked for by number, with all below these; then the ancestors that are still missing."""
    units = sorted({each.unit for name in reads.persons for each in rows.posts.get(name, ())})
    kept = ask("grants", ("holder_unit", units), ("path", sorted(reads.grants)), floor=at - MEMORY)
    found = {row["number"]: row for row in kept}
    for _, row in sorted(found.items()):  # by number, so that the same question finds the same grant first
        made = grants.read(cast(Mapping[str, Any], row))
        rows.grants[made.number] = made
        rows.by_unit.setdefault(made.holder_unit, []).append(made)
        rows.versions["grants", made.number] = row["since"]
    if above := sorted(
        tenure.above(rows.grants.values())
    ):  # whoever they are: all below is worth something while they sit
        seats = _joined(ask, sorted(ask("post", ("person", above)), key=lambda row: row["number"]))[0]
        rows.posts |= {person: [each for each in seats if each.person == person] for person in above}
    capped = [each.number for each in rows.grants.values() if each.scope.max_records is not None]
    if capped:
        until = FOR_EVER if ask.known is None else ask.known
        binds = {"capped": capped, "homes": sorted(reads.households), "known": until}
        for number, count, mine in _asked(ask.connection, _USED, binds, tuple_row):
            rows.used[number] = count
            rows.seen.update((number, token) for token in mine or ())


_USED = (
    'SELECT "grant", count(*), array_agg(household) FILTER (WHERE household = ANY(%(homes)s)) FROM usage'
    ' WHERE "grant" = ANY(%(capped)s) AND since < %(known)s GROUP BY "grant"'
)


def charters(connection: Connection, known: int | None = None) -> dict[str, str]:
    """What the charter says: digests of the policy set, division edition and calendar, on record now or at a position."""
    now = charter.c.ended.is_(None)
    standing = now if known is None else (charter.c.since < known) & (now | (charter.c.ended >= known))
    return {row.name: row.value for row in connection.execute(select(charter.c.name, charter.c.value).where(standing))}


def apply(connection: Connection, changes: Iterable[tuple[int, Change]]) -> None:
    """Fold changes into the register; each is paired with the number of its entry. Only changes of one row depend on
    their order, so those of a table are written together until a row comes up again."""
    groups: defaultdict[str, dict[tuple[Any, ...], tuple[int, Put]]] = defaultdict(dict)
    used: list[tuple[Any, ...]] = []
    for number, change in changes:
        if isinstance(change, Once):
            used.append((*change.key, number))
            continue
        if change.key in groups[change.table]:
            _flush(connection, groups.pop(change.table).values())
        put = change if isinstance(change, Put) else _amended(connection, change)
        groups[change.table][change.key] = (number, put)
    for group in groups.values():
        _flush(connection, group.values())
    if used:
        connection.execute(
            _USE, dict(zip(("grants", "homes", "numbers"), map(list, zip(*used, strict=True)), strict=True))
        )


_USE = text(
    'INSERT INTO usage ("grant", household, since) SELECT * FROM unnest(CAST(:grants AS bigint[]), CAST(:homes AS text[]),'
    " CAST(:numbers AS bigint[])) ON CONFLICT DO NOTHING"
)


def _names(table: Table) -> tuple[str, ...]:
    return tuple(each.name for each in table.primary_key.columns if each.name != "since")


def _merged(values: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with the changed ones in their place; of an object column (`body`), only the members given."""
    objects = {name: values[name] | each for name, each in changed.items() if isinstance(each, dict) and values[name]}
    return {**values, **changed, **objects}


def _amended(connection: Connection, change: Amend) -> Put:
    """The version on record with its changed columns, as a whole new version."""
    table = VERSIONED[change.table]
    names = _names(table)
    matched = [table.c[name] == value for name, value in zip(names, change.key, strict=True)]
    row = connection.execute(select(table).where(table.c.ended.is_(None), *matched)).mappings().one()
    values = {name: row[name] for name in row if name not in (*names, "since", "ended")}
    return Put(change.table, change.key, _merged(values, change.values))


def _flush(connection: Connection, group: Collection[tuple[int, Put]]) -> None:
    """Write these versions of different rows of one table."""
    if not group:
        return
    table = VERSIONED[next(iter(group))[1].table]
    names = _names(table)
    rows = [{**put.values, **dict(zip(names, put.key, strict=True)), "since": number} for number, put in group]
    ends = [row for row, (_, put) in zip(rows, group, strict=True) if not put.first]
    for statement, given in zip(_folding(table.name), (ends, rows), strict=True):
        if given:
            connection.execute(statement, {"rows": json.dumps(given, ensure_ascii=False, default=datetime.isoformat)})


@cache
def _folding(name: str) -> tuple[TextClause, TextClause]:
    """End versions, and write new ones: one statement for any number of rows, which PostgreSQL reads from JSON."""
    table = VERSIONED[name]
    keys = " AND ".join(f'old."{key}" = new."{key}"' for key in _names(table))
    columns = ", ".join(f'"{each.name}"' for each in table.c if each.name != "ended")
    source = f"jsonb_populate_recordset(CAST(NULL AS {name}), CAST(:rows AS jsonb)) AS new"
    end = f"UPDATE {name} AS old SET ended = new.since FROM {source} WHERE old.ended IS NULL AND {keys}"  # noqa: S608
    return text(end), text(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {source}")  # noqa: S608
