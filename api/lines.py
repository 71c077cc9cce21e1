"""Lines: entries as answers and files write them, with the names on record and the values that are not erased."""

from __future__ import annotations

import json
from typing import Any

from api import pep
from audit import docket, editions, listing, vault
from audit.entry import Entry
from authz.decision import Scene
from authz.identifier import mask_telephone

SEE_VALUES = frozenset(("auditor", "county_admin", "audit_admin"))
"""Roles that are shown measured values beside the edits they read (local)."""
COLUMNS = (
    "number", "at", "kind", "decision", "person", "person_name", "post", "unit", "unit_name", "division", "division_name",
    "cell", "operation", "grant", "household", "data_year", "quarter", "subject", "fact",
)  # fmt: skip


def told(connection: Any, found: list[Entry], scene: Scene, values: bool) -> list[dict[str, Any]]:
    """Entries as answers write them, with the names that are on record and the values that are not erased; the words of a
    draft that is not signed are for those alone who may see values."""
    people = listing.names(connection, {each.envelope.person for each in found if each.envelope.person})
    units = docket.unit_names(connection, {each.envelope.unit for each in found if each.envelope.unit})
    drafts = frozenset[int]() if values else docket.unsigned(connection, found)
    kept = vault.read(connection, [each.number for each in found if each.number not in drafts])
    times = editions.Times(connection)
    return [
        _told(each, _place(each, times, scene), people, units, _shown(each, kept.get(each.number, {}), values))
        for each in found
    ]


def _place(entry: Entry, times: editions.Times, scene: Scene) -> dict[str, Any] | None:
    """The division of an entry under the name it had when the entry was made."""
    code, then = entry.fact.search().get("division"), times.at(entry.number)
    if code is None:
        return None
    name = scene.law.lineage.name_in(code, then) if then else None
    if name is None and scene.law.divisions.known(code):
        name = scene.law.divisions.get(code).name
    return {"code": code, "name": name}


def _told(
    entry: Entry, place: dict[str, Any] | None, people: Any, units: Any, values: dict[str, Any]
) -> dict[str, Any]:
    who = entry.envelope
    return {
        "number": entry.number, "at": pep.written(entry.at), "kind": entry.fact.kind, "decision": entry.fact.decision,
        "person": None if who.person is None else {"id": who.person, "name": people.get(who.person, {}).get("name")},
        "post": who.post, "unit": None if who.unit is None else {"id": who.unit, "name": units.get(who.unit)},
        "division": place,
        "fact": entry.fact.plain(), "values": values, "act": entry.act, "client": who.client, "device": who.device,
        "address": who.address, "on_behalf_of": who.on_behalf_of, "purpose": who.purpose,
    }  # fmt: skip


def _shown(entry: Entry, kept: dict[str, Any], values: bool) -> dict[str, Any]:
    if entry.fact.decision == "permit" and not values:
        return {}
    return {path: mask_telephone(value) if path.endswith("/phone") else value for path, value in kept.items()}


def row(item: dict[str, Any]) -> list[Any]:
    fact = item["fact"]
    plain = {
        name: fact.get(name) for name in ("cell", "operation", "grant", "household", "data_year", "quarter", "subject")
    }
    more = {
        **{name: item[name] for name in ("number", "at", "kind", "decision", "post")}, **plain,
        "fact": json.dumps(fact, ensure_ascii=False, sort_keys=True),
    }  # fmt: skip
    for name, key in (("person", "id"), ("unit", "id"), ("division", "code")):
        found = item[name] or {}
        more |= {name: found.get(key), f"{name}_name": found.get("name")}
    return [more[name] for name in COLUMNS]
