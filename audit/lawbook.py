"""The law on record: what the charter names is what decides, whatever lies in a folder on some disk.

    charter   policy <digest>   edition <name> <digest>   calendar <digest>   narrowing <county> <digest>
              ... at a log position
    content   the bundle of files under each digest (`authz/bundle.py`)
    law       the values parsed from them, once per digest

Every process that shares a database reads the same charter under the log's lock, so all of them change their law at
the same entry. The law of any past position is read the same way. The files that a process has at hand count only
for what is not on record yet: they found a new log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from sqlalchemy import Connection

from audit import content
from authz import bundle, calendar, narrowing, policy, register
from authz import lineage as lineages
from authz.calendar import Calendar
from authz.decision import Law
from authz.division import Divisions
from authz.lineage import Lineage
from authz.pdp import Rule
from authz.policy import PolicySet
from authz.refusal import Closed

T = TypeVar("T")
Key = TypeVar("Key")
Files = Mapping[str, bytes]
PARTS: Final = ("policy", "edition", "calendar")
MOST_KEPT: Final = 16
"""Parsed parts of the law kept at hand: more than are ever in use at once, few enough to stay small."""


class Lawbook:
    """The laws of one database as one process knows them. Safe to share between threads: what is kept never changes.

    `files` are the policy, edition and calendar files at hand, `edition` is the name of that edition.
    """

    def __init__(self, files: Mapping[str, Files], edition: str) -> None:
        self.bundles = {bundle.digest(files[part]): bundle.pack(files[part]) for part in PARTS}
        digests = dict(zip(PARTS, self.bundles, strict=True))
        self.charter = digests | {"edition": f"{edition} {digests['edition']}"}
        self._policies: dict[str, tuple[PolicySet, Rule]] = {}
        self._editions: dict[str, tuple[Divisions, Lineage]] = {}
        self._calendars: dict[str, Calendar] = {}
        self._laws: dict[tuple[str, ...], Law] = {}
        self.law = self._made(None, self.charter)
        """The law as this process read it last."""

    def __call__(self, connection: Connection, charter: Mapping[str, str]) -> Law:
        """The law that this charter names, to decide by now."""
        self.law = self._made(connection, charter)
        return self.law

    def on_record(self, connection: Connection, known: int | None = None) -> Law:
        """The law on record now, or as it was before the entry `known`."""
        charter = register.charters(connection, known)
        return self(connection, charter) if known is None else self._made(connection, charter)

    def _made(self, connection: Connection | None, charter: Mapping[str, str]) -> Law:
        names = tuple(charter.get(part, self.charter[part]) for part in PARTS)
        below = tuple(f"{name} {charter[name]}" for name in sorted(charter) if name.startswith("narrowing "))
        return _kept(self._laws, (*names, *below), lambda: self._law(connection, names, below))

    def _law(self, connection: Connection | None, names: tuple[str, ...], below: tuple[str, ...]) -> Law:
        digest, edition, days = names
        name, _, sha256 = edition.rpartition(" ")

        def editions() -> tuple[Divisions, Lineage]:
            return lineages.parse_bundle(name, self.files(connection, sha256))

        made, rule = self.policy(connection, digest)
        narrowings = {}
        for each in below:
            _, code, named = each.split(" ")
            narrowings[code] = narrowing.parse(code, self.files(connection, named), made)
        return Law(
            made,
            rule,
            *_kept(self._editions, edition, editions),
            self.calendar(connection, days),
            MappingProxyType(narrowings),
            MappingProxyType({"policy": digest, "edition": sha256, "calendar": days}),
        )

    def calendar(self, connection: Connection | None, digest: str) -> Calendar:
        """A calendar that was ever loaded."""
        return _kept(self._calendars, digest, lambda: calendar.parse_bundle(self.files(connection, digest)))

    def policy(self, connection: Connection | None, digest: str) -> tuple[PolicySet, Rule]:
        """A policy set that was handed in at any time, and its compiled rule."""

        def policies() -> tuple[PolicySet, Rule]:
            made = policy.parse(self.files(connection, digest))
            return made, Rule.compile(made)

        return _kept(self._policies, digest, policies)

    def files(self, connection: Connection | None, digest: str) -> dict[str, bytes]:
        """The files under a digest; Closed if they are nowhere, because nothing can be judged without them."""
        stream = self.bundles.get(digest)
        if stream is None and connection is not None and (kept := content.read(connection, digest)) is not None:
            stream = kept.content
        if stream is None:
            raise Closed("在用规则的文件不在数据库中，已停止办理，请联系系统管理员从备份恢复")
        return bundle.unpack(stream)

    def texts(self, connection: Connection, digest: str) -> dict[str, str]:
        """The files under a digest as texts."""
        return {name: data.decode() for name, data in self.files(connection, digest).items()}


def _kept(store: dict[Key, T], key: Key, make: Callable[[], T]) -> T:
    found = store.get(key)
    if found is None:
        found = make()
        if len(store) >= MOST_KEPT:
            store.clear()
        store[key] = found
    return found
