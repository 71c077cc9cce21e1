"""The tables of the register, one for each kind of thing that is on record; `authz/register.py` reads and folds them.

Every row carries `since` (the entry that made this version) and `ended` (the entry that replaced it, null for the
version on record), except those of `usage`, a set that only grows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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
