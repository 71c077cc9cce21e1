"""The register: the stored present, folded from facts, with its past kept as intervals of log positions.

Every row carries `since` (the entry that made this version) and `ended` (the entry that replaced it, null for the
version on record). What is on record now is `ended IS NULL`; what was on record at position n is
`since < n AND (ended IS NULL OR ended >= n)`. Valid time (`valid_from`, `valid_until`) is a matter of the rows
themselves. The register is not trusted: it is rebuilt from the log by the same `apply`, and compared.

An act names what it needs as `Reads`; `fetch` answers the union of many acts with one query per table.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    TextClause,
    func,
    select,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from authz import grant as grants
from authz import post as posts
from authz import traces
from authz.fact import Amend, Change, Once, Put
from authz.household import Household
from authz.post import Person, Unit
from authz.rows import Reads, Rows, union

__all__ = ["Reads", "Rows", "apply", "charters", "fetch", "metadata", "union"]

MEMORY = timedelta(days=400)
"""How long an ended grant still explains a refusal (local); it bounds what one decision reads."""

FOR_EVER = 2**62
metadata = MetaData()
INSTANT = DateTime(timezone=True)


def _table(name: str, key: tuple[Column[Any], ...], *columns: Column[Any]) -> Table:
    interval = (Column("since", BigInteger, primary_key=True, autoincrement=False), Column("ended", BigInteger))
    return Table(name, metadata, *key, *columns, *interval)


def _key(name: str, kind: Any = Text) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


person = _table("person", (_key("id"),), Column("natural", Text), Column("epoch", BigInteger))
unit = _table(
    "unit", (_key("id"),), Column("kind", Text), Column("division", Text), Column("name", Text), Column("earlier_name", Text)
)  # fmt: skip
post = _table(
    "post", (_key("number", BigInteger),), Column("person", Text), Column("unit", Text), Column("division", Text),
    Column("role", Text), Column("title", Text), Column("valid_from", INSTANT), Column("valid_until", INSTANT),
    Column("deputy_for", BigInteger), Column("rests_on", BigInteger), Column("acts", ARRAY(Text)),
    Column("operations", ARRAY(Text)),
)  # fmt: skip
pair = _table(
    "pair", (_key("unit"),), Column("division", Text), Column("primary_post", BigInteger), Column("deputy_post", BigInteger),
)  # fmt: skip
household = _table(
    "household", (_key("token"),), Column("division", Text), Column("population", Text), Column("moving_to", Text),
    Column("move_asked_by", Text),
)  # fmt: skip
granted = _table(
    "grants", (_key("number", BigInteger),), Column("origin", Text), Column("division", Text),
    Column("cells", ARRAY(Text)), Column("operations", ARRAY(Text)), Column("data_year", Integer),
    Column("valid_from", INSTANT), Column("valid_until", INSTANT), Column("max_records", Integer),
    Column("households", ARRAY(Text)), Column("holder_unit", Text), Column("holder_person", Text), Column("role", Text),
    Column("request", BigInteger), Column("line", Integer), Column("window", BigInteger), Column("parent", BigInteger),
    Column("path", ARRAY(BigInteger)), Column("document", Text), Column("document_sha256", Text),
    Column("edition", Text), Column("division_name", Text), Column("issuer_unit", Text), Column("issued_by", Text),
    Column("issued_at", INSTANT), Column("revoked_at", INSTANT), Column("suspensions", JSONB),
)  # fmt: skip
request, erasure, officer, amendment, proposal, edition = (
    _table(name, (_key("number", BigInteger),), Column("state", Text), Column("division", Text), Column("body", JSONB))
    for name in ("request", "erasure", "officer", "amendment", "proposal", "edition")
)
opening = _table("opening", (_key("number", BigInteger),), Column("division", Text), Column("body", JSONB))
document = _table("document", (_key("number"),), Column("issuer", Text), Column("thing", BigInteger))
tie = _table(
    "tie", (_key("number", BigInteger),), Column("person", Text), Column("household", Text), Column("tie", Text),
    Column("declared_by", Text), Column("withdrawn_by", Text),
)  # fmt: skip
approval = _table(
    "approval", (_key("number", BigInteger),), Column("person", Text), Column("household", Text), Column("cell", Text),
    Column("operation", Text), Column("data_year", Integer), Column("quarter", Integer), Column("until", INSTANT),
    Column("approved_by", Text), Column("used", BigInteger),
)  # fmt: skip
charter = _table("charter", (_key("name"),), Column("value", Text))
imported = _table("imported", (_key("name"),), Column("division", Text))
usage = Table("usage", metadata, _key("grant", BigInteger), _key("household"), _key("since", BigInteger))

VERSIONED = {each.name: each for each in metadata.tables.values() if "ended" in each.c}


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
    traces.follow(lambda statement, binds: connection.execute(text(statement), binds), reads, rows, known)
    return rows


@dataclass(slots=True)
class _Asking:
    """Rows of a table by lists of keys, as on record at a position. Each column has its own index, so each its own arm."""

    connection: Connection
    known: int | None

    def __call__(self, table: str, *keys: tuple[str, Sequence[Any]], floor: datetime | None = None) -> list[RowMapping]:
        given = [(column, values) for column, values in keys if values]
        if not given:
            return []
        statement = _statement(table, tuple(column for column, _ in given), self.known is not None, floor is not None)
        binds: dict[str, Any] = {f"k{place}": values for place, (_, values) in enumerate(given)}
        binds |= {} if self.known is None else {"known": self.known}
        found = self.connection.execute(statement, binds | ({} if floor is None else {"floor": floor})).mappings().all()
        key = _names(VERSIONED[table])[0]
        return list({row[key]: row for row in found}.values())


_COMPARED = {
    "path": '"path" && CAST(:k{1} AS bigint[])',
    "twins": '"natural" IN (SELECT "natural" FROM person WHERE id = ANY(:k{1}) AND {2})',  # all their accounts
}


@cache
def _statement(table: str, columns: tuple[str, ...], past: bool, floor: bool) -> TextClause:
    """Names come from this file alone. One arm per column, because an OR over several indexes is planned as a scan."""
    record = "since < :known AND (ended IS NULL OR ended >= :known)" if past else "ended IS NULL"
    record += " AND valid_until > :floor" if floor else ""
    arms = []
    for place, column in enumerate(columns):
        compared = _COMPARED.get(column, '"{0}" = ANY(:k{1})').format(column, place, record)
        arms.append(f"SELECT * FROM {table} WHERE {compared} AND {record}")  # noqa: S608
    return text(" UNION ALL ".join(arms))


def _fetch_posts(ask: _Asking, reads: Reads, rows: Rows) -> None:
    """Posts, deputyships joined to those they rest on, and the persons of whole units and of those stood in for."""
    keys = (
        ("person", sorted({*reads.persons, *rows.people})),
        ("number", sorted(reads.posts)),
        ("unit", sorted(reads.staff)),
    )
    found = sorted(ask("post", *keys), key=lambda row: row["number"])
    known = {row["number"]: posts.read(row) for row in found}
    wanted = {each for post in known.values() for each in (post.deputy_for, post.rests_on) if each is not None}
    borne = known | {row["number"]: posts.read(row) for row in ask("post", ("number", sorted(wanted - known.keys())))}
    for row in found:
        made = posts.joined(known[row["number"]], borne)
        rows.post[made.number] = made
        rows.posts.setdefault(made.person, []).append(made)
        rows.staff.setdefault(made.unit, []).append(made)
        rows.versions["post", made.number] = row["since"]
    people = {each.person for each in rows.post.values() if each.unit in reads.staff}
    people |= {borne[each].person for each in wanted & borne.keys()}
    _fetch_people(ask, rows, ("id", sorted(people - rows.people.keys())))


def _fetch_people(ask: _Asking, rows: Rows, *keys: tuple[str, Sequence[str]]) -> None:
    for row in ask("person", *keys):
        rows.people[row["id"]] = Person(row["id"], row["natural"], row["epoch"])
        rows.versions["person", row["id"]] = row["since"]


def _fetch_grants(ask: _Asking, reads: Reads, rows: Rows, at: datetime) -> None:
    """Held grants and those asked for by number, with all below these; then the ancestors that are still missing."""
    units = sorted({each.unit for name in reads.persons for each in rows.posts.get(name, ())})
    kept = [*ask("grants", ("holder_unit", units), floor=at - MEMORY), *ask("grants", ("path", sorted(reads.grants)))]
    missing = {number for row in kept for number in row["path"]} - {row["number"] for row in kept}
    found = {row["number"]: row for row in (*kept, *ask("grants", ("number", sorted(missing))))}
    for _, row in sorted(found.items()):  # by number, so that the same question finds the same grant first
        made = grants.read(cast(Mapping[str, Any], row))
        rows.grants[made.number] = made
        rows.by_unit.setdefault(made.holder_unit, []).append(made)
        rows.versions["grants", made.number] = row["since"]
    capped = [each.number for each in rows.grants.values() if each.scope.max_records is not None]
    if capped:
        used = usage.c.grant.in_(capped) & (usage.c.since < (FOR_EVER if ask.known is None else ask.known))
        counts = select(usage.c.grant, func.count()).where(used).group_by(usage.c.grant)
        rows.used.update((row[0], row[1]) for row in ask.connection.execute(counts))
        mine = select(usage.c.grant, usage.c.household).where(used, usage.c.household.in_(sorted(reads.households)))
        rows.seen.update((number, token) for number, token in ask.connection.execute(mine))


def charters(connection: Connection, known: int | None = None) -> dict[str, str]:
    """What the charter says: digests of the policy set, division edition and calendar, on record now or at a position."""
    now = charter.c.ended.is_(None)
    standing = now if known is None else (charter.c.since < known) & (now | (charter.c.ended >= known))
    return {row.name: row.value for row in connection.execute(select(charter.c.name, charter.c.value).where(standing))}


def apply(connection: Connection, changes: Iterable[tuple[int, Change]]) -> None:
    """Fold changes into the register; each is paired with the number of its entry. Only changes of one row depend on
    their order, so those of a table are written together until a row comes up again."""
    groups: defaultdict[str, dict[tuple[Any, ...], tuple[int, Put]]] = defaultdict(dict)
    used: list[dict[str, Any]] = []
    for number, change in changes:
        if isinstance(change, Once):
            used.append({"g": change.key[0], "h": change.key[1], "n": number})
            continue
        if change.key in groups[change.table]:
            _flush(connection, groups.pop(change.table).values())
        put = change if isinstance(change, Put) else _amended(connection, change)
        groups[change.table][change.key] = (number, put)
    for group in groups.values():
        _flush(connection, group.values())
    if used:
        connection.execute(text('INSERT INTO usage ("grant", household, since) VALUES (:g, :h, :n) ON CONFLICT DO NOTHING'), used)  # fmt: skip


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
