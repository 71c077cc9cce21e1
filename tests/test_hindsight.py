"""Imported edits on random histories: equal to an oracle, true to what was decided then, stable whenever worked out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import worlds
from conftest import World
from histories import PEOPLE, History
from sqlalchemy import Engine
from test_imports_route import told
from test_redecision import decisions
from worlds import Town

from api.database import open_engine
from audit import entry as entries
from audit import refold, retrospect
from audit.entry import Entry
from audit.lawbook import Lawbook
from audit.retrospect import Past
from authz import hindsight
from authz.fact import moment
from authz.hindsight import EditImported
from authz.redecision import Decided

WORK = {"collect", "update", "verify"}
OFFICE = {"verify", "review"}
MAY = {
    "village_collector": WORK, "grid_worker": WORK, "township_reviewer": OFFICE, "township_admin": WORK | OFFICE,
    "county_admin": WORK | OFFICE | {"delete"},
}  # fmt: skip
"""What a role may do with income, as the clauses say it."""


@dataclass
class Oracle:
    """What was on record before an instant, read from plain facts without a line of the law's own code."""

    log: list[dict[str, Any]]
    at: datetime
    people: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    grants: dict[int, dict[str, Any]] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)
    homes: dict[str, tuple[str, str]] = field(default_factory=dict)
    used: dict[int, set[str]] = field(default_factory=dict)
    checked: dict[tuple[Any, ...], set[str]] = field(default_factory=dict)
    made: dict[tuple[Any, ...], set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.log:
            if datetime.fromisoformat(entry["at"]) < self.at:
                getattr(self, entry["fact"]["kind"], lambda entry, fact: None)(entry, entry["fact"])

    def PostAssigned(self, entry: dict[str, Any], fact: dict[str, Any]) -> None:
        self.people.setdefault(fact["person_id"], []).append(fact)

    def GrantIssued(self, entry: dict[str, Any], fact: dict[str, Any]) -> None:
        self.grants[entry["number"]] = fact

    def GrantRevoked(self, entry: dict[str, Any], fact: dict[str, Any]) -> None:
        self.cut.add(fact["grant"])
        self.grants[fact["grant"]]["gone"] = True

    def GrantSuspended(self, entry: dict[str, Any], fact: dict[str, Any]) -> None:
        self.cut.add(fact["grant"])

    def GrantResumed(self, entry: dict[str, Any], fact: dict[str, Any]) -> None:
        if not self.grants[fact["grant"]].get("gone"):
            self.cut.discard(fact["grant"])

    def HouseholdsLoaded(self, entry: dict[str, Any], fact: dict[str, Any]) -> None:
        self.homes |= {token: (place, kind) for token, place, kind in fact["households"]}

    def EditPermitted(self, entry: dict[str, Any], fact: dict[str, Any]) -> None:
        house, record = fact["household"], (fact["household"], fact["cell"], fact["data_year"], fact["quarter"])
        if fact["bound"]:
            self.homes[house] = (fact["division"], fact["cell"].split(".")[0])
        for grant in fact["counted"]:
            self.used.setdefault(grant, set()).add(house)
        if fact["operation"] in ("collect", "update"):
            self.checked.pop(record, None)
            self.made.setdefault(record, set()).add(fact["collected_by"])
        if fact["operation"] == "verify":
            self.checked.setdefault(record, set()).add(fact["verified_by"])

    def verdict(self, person: str, wish: dict[str, Any]) -> str:
        posts = [each for each in self.people.get(person, []) if datetime.fromisoformat(each["valid_from"]) <= self.at]
        held = [
            number for number, grant in self.grants.items()
            if any((grant["holder_unit"], grant["role"]) == (each["post_unit"], each["role"]) for each in posts)
        ]  # fmt: skip
        if not held:
            return "no_authority_on_record"
        lets = [number for number in held if self.lets(number, wish)]
        record = (wish["household"], wish["cell"], wish["data_year"], wish["quarter"])
        others = self.made if wish["operation"] == "verify" else self.checked
        home = self.homes.get(wish["household"], (wish["division"], wish["cell"].split(".")[0]))
        right = home == (wish["division"], wish["cell"].split(".")[0])
        return "allowed_then" if lets and right and person not in others.get(record, set()) else "not_allowed_then"

    def lets(self, number: int, wish: dict[str, Any]) -> bool:
        if wish["operation"] not in MAY[self.grants[number]["role"]]:
            return False
        return all(self.link(each, wish) for each in (*self.grants[number]["path"], number))

    def link(self, number: int, wish: dict[str, Any]) -> bool:
        grant, seen = self.grants[number], self.used.get(number, set())
        begin, until = (datetime.fromisoformat(grant[name]) for name in ("valid_from", "valid_until"))
        return (
            number not in self.cut and begin <= self.at < until and wish["division"].startswith(grant["division"])
            and wish["cell"] in grant["cells"] and wish["operation"] in grant["operations"]
            and grant["data_year"] in (None, wish["data_year"])
            and (grant["max_records"] is None or wish["household"] in seen or len(seen) < grant["max_records"])
        )  # fmt: skip


def log(engine: Engine) -> list[bytes]:
    with engine.connect() as connection:
        return [bytes(each) for each in connection.exec_driver_sql("SELECT bytes FROM entry ORDER BY number").scalars()]


def again(engine: Any, lawbook: Lawbook, facts: list[EditImported]) -> list[tuple[Any, ...]]:
    """The verdicts of these facts, worked out on this connection's register."""
    found = []
    for each in facts:
        past = Past(hindsight.stated(each), each.person_id, moment(each.occurred_at))
        judged = retrospect.verdicts(engine, lawbook, [past], each.subject)[0]
        found.append((judged.verdict, judged.known, judged.documented_later, judged.refused and judged.refused.code))
    return found


def plain(each: EditImported) -> tuple[Any, ...]:
    return (each.verdict, each.known, each.documented_later, each.code)


@pytest.mark.parametrize("seed", range(3))
def test_a_verdict_is_that_of_the_oracle_at_any_instant(database: World, seed: int) -> None:
    with Town(database) as town:
        history = History(town, seed)
        begin = datetime.now(UTC) - timedelta(seconds=2)
        history.run(50)
        plainly = [json.loads(each) for each in log(town.deployment.database.engine)]
        span = (datetime.now(UTC) - begin).total_seconds()
        lines = []
        for number in range(120):
            wish = history.wish() | {"cell": "monitored.income", "operation": history.dice.choice(sorted(WORK))}
            wish |= {"ref": f"r{number}", "person": history.dice.choice(PEOPLE), "responsibility": {}}
            at = begin + timedelta(seconds=history.dice.random() * span)
            lines.append(wish | {"occurred_at": at.isoformat()})
        found = told(town, *lines)
        wanted = [Oracle(plainly, datetime.fromisoformat(each["occurred_at"])).verdict(each["person"], each) for each in lines]  # fmt: skip
        assert [each.get("verdict") for each in found] == wanted
        assert len(set(wanted)) == 3
        # The control: an oracle that knows what came later says something else.
        late = [Oracle(plainly, datetime.now(UTC)).verdict(each["person"], each) for each in lines]
        assert late != wanted
        _must_be_stable(database, town)


def _must_be_stable(database: World, town: Town) -> None:
    """Worked out from a register that was folded anew from nothing, every verdict is the recorded one."""
    whole = [entries.parse(each) for each in log(town.deployment.database.engine)]
    facts = [each.fact for each in whole if isinstance(each.fact, EditImported)]
    recorded = [plain(each) for each in facts]
    assert _refolded(database, town, whole, facts) == recorded
    # The control: a register that lost its grants.
    spoiled = [each for each in whole if not each.fact.kind.startswith("Grant")]
    assert _refolded(database, town, spoiled, facts) != recorded


def _refolded(database: World, town: Town, whole: list[Entry], facts: list[EditImported]) -> list[tuple[Any, ...]]:
    owner = open_engine(database.owner_url, pool=1)
    try:
        with owner.connect() as connection:
            refold.begin(connection)
            for each in whole:
                refold.fold(connection, [each], lambda *told: None)
            return again(connection, town.deployment.laws, facts)
    finally:
        owner.dispose()


def _line(each: Decided, number: int) -> dict[str, Any]:
    """The line of an edit that was really made here."""
    edit = each.edit
    names = ("household", "division", "cell", "operation", "data_year", "quarter", "channel")
    return {name: getattr(edit, name) for name in names} | {
        "ref": f"made-{number}", "person": each.person, "occurred_at": each.at.isoformat(),
        "responsibility": {name: who for name, who in edit.named.items() if who is not None},
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_what_was_really_permitted_was_allowed_then_and_stays_so(database: World, seed: int) -> None:
    with Town(database) as town:
        history = History(town, seed + 10)
        history.run(60)
        made = [each for each in decisions(town) if each.code is None]
        assert len(made) > 5
        lines = [_line(each, number) for number, each in enumerate(made)]
        assert {each["verdict"] for each in told(town, *lines)} == {"allowed_then"}
        gone = town.change(f"/v1/grants/{history.county}/revocation", worlds.APPROVER, {"reason": "工作安排调整"})
        assert gone.is_success, gone.text
        later = [each | {"ref": f"again-{each['ref']}"} for each in lines]
        assert {each["verdict"] for each in told(town, *later)} == {"allowed_then"}
        # The control: the same edits, said to have happened after the end of the grant.
        now = datetime.now(UTC).isoformat()
        after = [each | {"ref": f"after-{each['ref']}", "occurred_at": now} for each in lines]
        found = told(town, *after)
        assert {each["verdict"] for each in found} == {"not_allowed_then"}
        assert not any("documented_later" in each for each in found)
        assert town.get("/v1/entries?kind=EditImported", worlds.AUDITOR).status_code == 200
