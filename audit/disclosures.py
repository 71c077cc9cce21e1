"""Disclosures: the one telephone number of a person as it lies in the vault, and the record of who was shown it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from audit import entry as entries
from audit import listing, vault
from audit.entry import Entry

_SHOWN = """
    SELECT bytes FROM entry WHERE kind = 'TelephoneShown' AND position(CAST(:named AS bytea) IN bytes) > 0
    AND (CAST(:before AS bigint) IS NULL OR number < :before) ORDER BY number DESC LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A showing on record, with its reason if that was not erased."""

    entry: Entry
    reason: str | None


def telephone(connection: Connection, person: str) -> str | None:
    """The number in full; null if there never was one, or if it is erased."""
    return listing.names(connection, (person,)).get(person, {}).get("phone")


def of(connection: Connection, person: str, before: int | None, limit: int) -> list[Disclosure]:
    """Who was shown the person's number, newest first. Canonical bytes have one spelling of a member, and a fact of this
    kind has no text in which a bare quotation mark could stand."""
    binds = {"named": f'"person_id":"{person}"'.encode(), "before": before, "limit": limit}
    found = [entries.parse(bytes(row.bytes)) for row in connection.execute(text(_SHOWN), binds)]
    kept = vault.read(connection, [each.number for each in found])
    return [Disclosure(each, kept.get(each.number, {}).get("/reason")) for each in found]


def names(connection: Connection, found: Iterable[Disclosure]) -> dict[str, str | None]:
    """The names of those who were shown a number."""
    people = {each.entry.envelope.person for each in found if each.entry.envelope.person}
    return {id: told.get("name") for id, told in listing.names(connection, people).items()}
