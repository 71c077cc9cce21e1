"""Evidence: one entry with everything that explains it, proved against one signed checkpoint, as one file.

    the entry itself, the post of whoever acted, every grant of its chain and what became of them before it,
    the written request or the window the chain begins with, the grants it renews, the policy set and the opening of the log

Each of them goes in as its bytes with an inclusion proof. `audit.verify` reads the file without any of this.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from audit import entry as entries
from audit import nodes, seals, vault, verify
from audit.entry import Entry

MOST = 2_000
"""Entries in a file at most; a request is not written to so often."""
_CHANGED = ("GrantRevoked", "GrantSuspended", "GrantResumed", "GrantNarrowed", "GrantConfirmed")
_INTERNAL = ("RequestProposed", "Refused")
_ONE = "SELECT bytes FROM entry WHERE number = ANY(:numbers) ORDER BY number"
_LATER = (
    "SELECT bytes FROM entry WHERE kind = ANY(:kinds) AND grant_number = ANY(:grants) AND number < :number"
    " ORDER BY number LIMIT :most"
)
_ABOUT = "SELECT bytes FROM entry WHERE subject = ANY(:things) AND number <= :until ORDER BY number LIMIT :most"
_LAST = "SELECT bytes FROM entry WHERE kind = :kind AND number <= :number ORDER BY number DESC LIMIT 1"
_COVERING = "SELECT note FROM checkpoint WHERE origin = :origin AND size > :number ORDER BY size DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Package:
    """What goes into a file beside the entries. `files` is the policy set the entry was judged by, if it is at hand."""

    number: int
    checkpoint: str
    size: int
    key: str
    places: tuple[str, ...] = ()
    policy: tuple[str, Mapping[str, str]] | None = None
    internal: bool = False
    """Whether the region's own deliberation goes in."""
    opened: bool = False
    """Whether the values of the entry go in, with their salts."""


def covering(connection: Connection, origin: str, number: int) -> str | None:
    """The newest signed checkpoint that covers this entry, as printed."""
    found = connection.execute(text(_COVERING), {"origin": origin, "number": number})
    return found.scalar_one_or_none()


def made(connection: Connection, package: Package) -> bytes:
    """The evidence file."""
    found = explaining(connection, package.number, package.internal)
    return verify.printed(
        {
            "format": verify.FORMAT, "number": package.number, "checkpoint": package.checkpoint, "key": package.key,
            "places": list(package.places), "policy": _policy(package), "documents": _documents(connection, found.values()),
            "entries": [_proved(connection, each, package.size) for each in found.values()],
            "opened": _opened(connection, found[package.number]) if package.opened else [],
            "trace": _trace(package, found),
        }
    )  # fmt: skip


def explaining(connection: Connection, number: int, internal: bool = False) -> dict[int, Entry]:
    """The entry and those that explain it, by number."""

    def read(statement: str, **binds: Any) -> list[Entry]:
        return [entries.parse(bytes(row.bytes)) for row in connection.execute(text(statement), binds | {"most": MOST})]

    own = read(_ONE, numbers=[number])[0]
    fact = own.fact.plain()
    chain = verify.chain_of(number, fact)
    if not chain and isinstance(fact.get("grant"), int):
        chain = next(
            (verify.chain_of(each.number, each.fact.plain()) for each in read(_ONE, numbers=[fact["grant"]])), []
        )
    found = [own, *read(_ONE, numbers=[*chain, *([own.envelope.post] if own.envelope.post is not None else [])])]
    found += read(_LATER, kinds=list(_CHANGED), grants=chain, number=number)
    things = {each.fact.plain().get(name) for each in found for name in ("request", "window") if each.number in chain}
    things |= {fact.get("subject")} if fact["kind"].startswith(("Request", "Decision", "Window")) else set()
    wanted = sorted(each for each in things if isinstance(each, int))
    until = max([number, *chain])
    course = [*read(_ONE, numbers=wanted), *read(_ABOUT, things=wanted, until=until)]
    found += [each for each in course if internal or each.number == number or each.fact.kind not in _INTERNAL]
    found += read(_ONE, numbers=_renewed(course))
    for kind in ("LogOpened", "PolicyLoaded"):
        found += read(_LAST, kind=kind, number=number)
    return dict(sorted({each.number: each for each in found}.items()))


def _renewed(course: Iterable[Entry]) -> list[int]:
    """The grants that the lines of a request cite to be renewed."""
    lines = (line for each in course for line in each.fact.plain().get("lines", ()))
    return sorted({line["renews"] for line in lines if line.get("renews") is not None})


def _proved(connection: Connection, entry: Entry, size: int) -> dict[str, Any]:
    path = nodes.inclusion(connection, entry.number, size).path
    written = [base64.b64encode(each).decode() for each in path]
    return {"number": entry.number, "bytes": entries.encode(entry).decode(), "path": written}


def _policy(package: Package) -> dict[str, Any] | None:
    return None if package.policy is None else {"digest": package.policy[0], "files": dict(package.policy[1])}


def _trace(package: Package, found: Mapping[int, Entry]) -> list[dict[str, Any]]:
    plain = {number: verify.loaded(entries.encode(each)) for number, each in found.items()}
    return verify.trace(package.number, plain, _policy(package), package.places)


def _documents(connection: Connection, found: Iterable[Entry]) -> list[dict[str, Any]]:
    """The attachments that these entries name, by digest; what is not kept has no size."""
    named = {digest for each in found for digest in _named(each)}
    rows = connection.execute(
        text("SELECT sha256, size, media_type FROM content WHERE sha256 = ANY(:named)"), {"named": sorted(named)}
    )
    kept = {row.sha256: row for row in rows}
    return [
        {"sha256": each, "size": kept[each].size if each in kept else None,
         "media_type": kept[each].media_type if each in kept else None}
        for each in sorted(named)
    ]  # fmt: skip


def _named(entry: Entry) -> Sequence[str]:
    fact = entry.fact.plain()
    told = [fact.get(name) for name in ("attachments", "scan", "document_sha256")]
    return [digest for each in told for digest in seals.digests(each)]


def _opened(connection: Connection, entry: Entry) -> list[dict[str, Any]]:
    """The values that the entry itself commits to, with their salts; erased ones are not there. Nor is a telephone
    number: what opens its commitment is the number in full."""
    mine = set(seals.committed(iter([entry])))
    rows = connection.execute(
        text("SELECT path, salt, value FROM vault WHERE entry = (SELECT first FROM act WHERE ref = CAST(:act AS uuid))"
             " AND path NOT LIKE '%/phone' ORDER BY path"),
        {"act": entry.act},
    )  # fmt: skip
    return [
        {"entry": entry.number, "path": row.path, "salt": bytes(row.salt).hex(), "value": row.value}
        for row in rows if vault.commitment(row.path, bytes(row.salt), row.value) in mine
    ]  # fmt: skip
