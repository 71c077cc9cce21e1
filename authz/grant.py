"""Grants: authority over cells, always narrower than the one it came from, up to a document.

    request (approved line)  \\
                              >-- grant of a county --> delegated to a department, township, village or person --> ...
    window (unified, notice) /

A grant is a scope (division, cells, operations, data year, households, record cap, interval) in the hands of a holder:
a unit in a role, or one person of it. Its `path` names every ancestor from the regional one to itself; each of them
must be live and cover too whenever the grant is used (parental consent), so narrowing or revoking anything narrows
everything below at once. Clauses S29, S30, S34.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authz.division import Divisions
from authz.fact import Amend, Change, Fact, Put, Where, instant, moment


class GrantIssued(Fact):
    """Authority came to be. `path` holds the ancestors, root first, without this grant. `reason` is a commitment."""

    origin: str
    division: str
    cells: tuple[str, ...]
    operations: tuple[str, ...]
    data_year: int | None
    valid_from: str
    valid_until: str
    max_records: int | None
    households: tuple[str, ...] | None
    holder_unit: str
    holder_person: str | None
    role: str
    request: int | None
    line: int | None
    window: int | None
    parent: int | None
    path: tuple[int, ...]
    document: str | None
    document_sha256: str | None
    edition: str
    division_name: str
    issuer_unit: str
    reason: str | None

    def changes(self, where: Where) -> tuple[Change, ...]:
        values = {name: getattr(self, name) for name in _COLUMNS}
        values["path"] = [*self.path, where.number]
        values["cells"], values["operations"] = list(self.cells), list(self.operations)
        values["households"] = None if self.households is None else list(self.households)
        issued = {"issued_by": where.person, "issued_at": instant(where.at)}
        return (Put("grants", (where.number,), values | issued | {"revoked_at": None, "suspensions": []}),)


class GrantRevoked(Fact):
    """The grant ended for good; everything below it has no authority from this instant. `reason` is a commitment."""

    grant: int
    division: str
    reason: str
    cut: tuple[int, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("grants", (self.grant,), {"revoked_at": instant(where.at)}),)


class GrantSuspended(Fact):
    """The grant rests until resumed. `suspensions` holds its earlier intervals as [begin, end, unit that suspended]."""

    grant: int
    division: str
    reason: str
    cut: tuple[int, ...]
    suspensions: tuple[tuple[str | None, ...], ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        spans = [*map(list, self.suspensions), [instant(where.at), None, where.unit]]
        return (Amend("grants", (self.grant,), {"suspensions": spans}),)


class GrantResumed(Fact):
    """The grant may be used again. `suspensions` holds its intervals as they were, the last one open."""

    grant: int
    division: str
    reason: str
    suspensions: tuple[tuple[str | None, ...], ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        spans = [list(each) for each in self.suspensions]
        spans[-1][1] = instant(where.at)
        return (Amend("grants", (self.grant,), {"suspensions": spans}),)


class GrantNarrowed(Fact):
    """The grant reaches less from this instant on; these are all its limits now. `reason` is a commitment."""

    grant: int
    division: str
    cells: tuple[str, ...]
    operations: tuple[str, ...]
    data_year: int | None
    valid_from: str
    valid_until: str
    max_records: int | None
    households: tuple[str, ...] | None
    edition: str
    division_name: str
    reason: str
    cut: tuple[int, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        names = ("division", "data_year", "valid_from", "valid_until", "max_records", "edition", "division_name")
        values = {name: getattr(self, name) for name in names}
        values["cells"], values["operations"] = list(self.cells), list(self.operations)
        values["households"] = None if self.households is None else list(self.households)
        return (Amend("grants", (self.grant,), values),)


_COLUMNS = (
    "origin", "division", "data_year", "valid_from", "valid_until", "max_records", "holder_unit", "holder_person",
    "role", "request", "line", "window", "parent", "document", "document_sha256", "edition", "division_name",
    "issuer_unit",
)  # fmt: skip


STATES = ("revoked", "expired", "suspended", "pending", "live")
"""From the worst to the best: a chain is worth its worst link. Who holds it is another question (`authz/tenure.py`)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What authority reaches: null `data_year`, `max_records` and `households` mean no limit of that kind."""

    division: str
    cells: frozenset[str]
    operations: frozenset[str]
    data_year: int | None
    valid_from: datetime
    valid_until: datetime
    max_records: int | None = None
    households: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it is on record; a holding for operations on cells."""

    number: int
    origin: str
    scope: Scope
    holder_unit: str
    holder_person: str | None
    role: str
    request: int | None
    line: int | None
    window: int | None
    parent: int | None
    path: tuple[int, ...]
    document: str | None
    document_sha256: str | None
    edition: str
    division_name: str
    issuer_unit: str
    issued_by: str | None
    issued_at: datetime
    revoked_at: datetime | None
    rests: tuple[tuple[datetime, datetime | None, str | None], ...] = ()
    """Its suspensions: begin, end (null: still open), and the unit that suspended it."""

    def revoked(self, at: datetime) -> bool:
        return self.revoked_at is not None and self.revoked_at <= at

    def suspended(self, at: datetime) -> bool:
        return any(begin <= at and (end is None or at < end) for begin, end, _ in self.rests)

    @property
    def rested_by(self) -> str | None:
        """The unit whose suspension is still open."""
        return next((unit for _, end, unit in self.rests if end is None), None)

    def current(self, at: datetime) -> bool:
        """Inside its interval; nothing before its own record is ever permitted by it."""
        return self.scope.valid_from <= at < self.scope.valid_until and self.issued_at <= at

    def live(self, at: datetime) -> bool:
        return self.current(at) and not self.revoked(at) and not self.suspended(at)

    def covers(self, division: str, divisions: Divisions) -> bool:
        return divisions.covers(self.scope.division, division)

    def includes(self, act: str, object: str) -> bool:
        return act in self.scope.operations and object in self.scope.cells

    def state(self, at: datetime) -> str:
        """`pending` `live` `suspended` `revoked` `expired`, of this grant alone."""
        if self.revoked(at):
            return "revoked"
        if at >= self.scope.valid_until:
            return "expired"
        if self.suspended(at):
            return "suspended"
        return "live" if self.current(at) else "pending"


@dataclass(frozen=True, slots=True)
class Misfit:
    """One axis on which a wish is wider than what is held. `held` and `asked` are JSON-able."""

    axis: str
    held: Any
    asked: Any

    def plain(self) -> dict[str, Any]:
        return {"axis": self.axis, "held": self.held, "asked": self.asked}


def misfits(held: Scope, asked: Scope, divisions: Divisions) -> tuple[Misfit, ...]:
    """Every axis on which `asked` is not contained in `held`; empty means it fits. Clause S34."""
    found = []
    if not divisions.covers(held.division, asked.division):
        found.append(Misfit("division", held.division, asked.division))
    for axis in ("cells", "operations"):
        mine, wished = getattr(held, axis), getattr(asked, axis)
        if not wished <= mine:
            found.append(Misfit(axis, sorted(mine), sorted(wished - mine)))
    if held.data_year is not None and asked.data_year != held.data_year:
        found.append(Misfit("data_year", held.data_year, asked.data_year))
    if asked.valid_from < held.valid_from:
        found.append(Misfit("from", instant(held.valid_from), instant(asked.valid_from)))
    if asked.valid_until > held.valid_until:
        found.append(Misfit("until", instant(held.valid_until), instant(asked.valid_until)))
    if held.max_records is not None and (asked.max_records is None or asked.max_records > held.max_records):
        found.append(Misfit("max_records", held.max_records, asked.max_records))
    if held.households is not None and (asked.households is None or not asked.households <= held.households):
        theirs = None if asked.households is None else len(asked.households - held.households)
        found.append(Misfit("households", len(held.households), theirs))
    return tuple(found)


def read(row: Mapping[str, Any]) -> Grant:
    """The grant a register row holds."""
    scope = Scope(
        row["division"], frozenset(row["cells"]), frozenset(row["operations"]), row["data_year"], row["valid_from"],
        row["valid_until"], row["max_records"], None if row["households"] is None else frozenset(row["households"]),
    )  # fmt: skip
    rests = tuple((moment(begin), moment(end) if end else None, unit) for begin, end, unit in row["suspensions"])
    names = ("origin", "holder_unit", "holder_person", "role", "request", "line", "window", "parent", "document",
             "document_sha256", "edition", "division_name", "issuer_unit", "issued_by", "issued_at", "revoked_at")  # fmt: skip
    return Grant(
        number=row["number"], scope=scope, path=tuple(row["path"]), rests=rests,
        **{name: row[name] for name in names},
    )  # fmt: skip


def chain(grant: Grant, known: Mapping[int, Grant]) -> tuple[Grant, ...]:
    """The grant and its ancestors, the regional one first."""
    return tuple(known[number] for number in grant.path)


def effective(links: Sequence[Grant], at: datetime) -> tuple[str, int]:
    """What the last grant of a chain is worth, and the number of the link that decides it (parental consent)."""
    own = links[-1]
    if own.state(at) in ("revoked", "expired"):
        return own.state(at), own.number
    states = {each.state(at): each.number for each in links}
    return next((state, states[state]) for state in STATES if state in states)


def narrowed(links: Iterable[Grant]) -> datetime:
    """The instant at which a chain ends by itself: the earliest end in it."""
    return min(each.scope.valid_until for each in links)
