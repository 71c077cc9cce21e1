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

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeVar

from sqlalchemy import Connection

from audit import content
from authz import bundle, calendar, narrowing, policy, register, succession, table
from authz import lineage as lineages
from authz.calendar import Calendar
from authz.decision import Law
from authz.division import Divisions
from authz.lineage import Lineage
from authz.pdp import Rule
from authz.policy import PolicySet
from authz.refusal import Closed, WrongState

T = TypeVar("T")
Key = TypeVar("Key")
Files = Mapping[str, bytes]
PARTS: Final = ("policy", "edition", "calendar")
MOST_KEPT: Final = 16
"""Parsed parts of the law kept at hand: more than are ever in use at once, few enough to stay small."""

_TURN: Final = threading.Lock()
MOST_CALENDARS: Final = 64
"""As many as one question about a deadline looks back at, or each would be parsed anew each time."""


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

    def supposed(self, connection: Connection, part: str, digest: str, known: int | None = None) -> Law:
        """The law on record, or as it was before the entry `known`, with these files in the place of one part of the
        charter: what would be in force if they were adopted there. Nothing is decided by it."""
        try:
            return self._made(connection, {**register.charters(connection, known), part: digest})
        except table.BadTable as bad:
            told = f"这套规则与当时的其他规则不能同时成立（{bad.file} 第 {bad.line} 行：{bad.zh}），请先调整"
            raise WrongState(told, missing="base") from None

    def _made(self, connection: Connection | None, charter: Mapping[str, str]) -> Law:
        names = tuple(charter.get(part, self.charter[part]) for part in PARTS)
        below = tuple(f"{name} {charter[name]}" for name in sorted(charter) if name.startswith("narrowing "))
        return _kept(self._laws, (*names, *below), lambda: self._law(connection, names, below))

    def _law(self, connection: Connection | None, names: tuple[str, ...], below: tuple[str, ...]) -> Law:
        digest, edition, days = names
        made, rule = self.policy(connection, digest)
        narrowings = {}
        for each in below:
            _, code, named = each.split(" ")
            narrowings[code] = narrowing.parse(code, self.files(connection, named), made)
        law = Law(
            made,
            rule,
            *self.edition(connection, edition),
            self.calendar(connection, days),
            MappingProxyType(narrowings),
            MappingProxyType({"policy": digest, "edition": edition.rpartition(" ")[2], "calendar": days}),
        )
        return replace(law, former=succession.former((*narrowings, *law.calendar.layers), law))

    def edition(self, connection: Connection | None, named: str) -> tuple[Divisions, Lineage]:
        """An edition that was ever handed in, as the charter names it: `<name> <digest>`."""
        name, _, sha256 = named.rpartition(" ")
        return _kept(self._editions, named, lambda: lineages.parse_bundle(name, self.files(connection, sha256)))

    def calendar(self, connection: Connection | None, digest: str) -> Calendar:
        """A calendar that was ever loaded."""
        return _kept(
            self._calendars, digest, lambda: calendar.parse_bundle(self.files(connection, digest)), MOST_CALENDARS
        )

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
            raise Closed(
                "所需规则的文件不在数据库中，已停止办理，请联系系统管理员补回（mandate policies restore）或从备份恢复"
            )
        return bundle.unpack(stream)

    def texts(self, connection: Connection, digest: str) -> dict[str, str]:
        """The files under a digest as texts."""
        return {name: data.decode() for name, data in self.files(connection, digest).items()}


def _kept(store: dict[Key, T], key: Key, make: Callable[[], T], most: int = MOST_KEPT) -> T:
    """What is kept under the key, made if it is not. What has not been asked for the longest goes first, so that the law
    in force stays at hand under the lock, however many old and proposed ones are looked at."""
    with _TURN:
        if key in store:
            store[key] = store.pop(key)
            return store[key]
    found = make()
    with _TURN:
        store[key] = found
        while len(store) > most:
            del store[next(iter(store))]
    return found
