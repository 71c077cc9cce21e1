"""What the log is asked about hands is what was noted while they acted, at every position of the log."""

from __future__ import annotations

import json
import random
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import World
from sqlalchemy import Connection, text
from worlds import ADMIN, ADMIN_B, COLLECTOR, GRID_WORKER, REVIEWER, Town

from audit.entry import parse
from authz import edit, register, traces
from authz.edit import EditPermitted
from authz.rows import Hand, Reads, Rows

USUAL = ["collect", "update", "verify", "review"]
HOUSES = ("h-monitored", "h-new")
ALL = Reads(collected=frozenset(HOUSES), checked=frozenset(HOUSES))


def busy(town: Town, seed: int) -> None:
    """Edits of two households by five people, in batches; some are refused."""
    dice = random.Random(seed)  # noqa: S311 a run is named by its seed
    (root,) = town.granted(town.line(operations=USUAL))
    for role, holder in (
        ("village_collector", None),
        ("grid_worker", None),
        ("township_reviewer", "u-640324100-township"),
    ):
        town.delegated(root, operations=USUAL, role=role, **({"holder": holder} if holder else {}))
    for _ in range(14):
        person = dice.choice((COLLECTOR, GRID_WORKER, REVIEWER, ADMIN, ADMIN_B))
        items = [
            town.edit(
                operation=dice.choice(USUAL),
                household=dice.choice(HOUSES),
                quarter=dice.choice((3, 4, None)),
                changes=[],
            )
            for _ in range(dice.randint(1, 5))
        ]
        assert town.post("/v1/edits/batch", person, items).status_code == 200


def noted(connection: Connection, before: int) -> dict[str, set[Hand]]:
    """The hands, carried from one permitted edit to the next."""
    rows = Rows()
    people = frozenset(connection.execute(text("SELECT id FROM person WHERE ended IS NULL")).scalars())
    found = register.fetch(connection, Reads(persons=people), datetime.now(UTC))
    rows.people, rows.post = found.people, found.post
    entries = connection.execute(
        text("SELECT bytes FROM entry WHERE kind = 'EditPermitted' AND number < :n ORDER BY number"), {"n": before}
    ).scalars()
    for each in map(parse, map(bytes, entries)):
        assert isinstance(each.fact, EditPermitted)
        edit.note(rows, each.fact, each.envelope.person or "")
    return {token: hands for token, hands in rows.hands.items() if hands}


def asked(connection: Connection, before: int) -> dict[str, set[Hand]]:
    return register.fetch(connection, ALL, datetime.now(UTC), before).hands


def differing(town: Town) -> list[int]:
    """The positions at which the log and the notes tell different stories."""
    with town.deployment.database.engine.connect() as connection:
        return [n for n in range(40, town.size() + 1, 3) if asked(connection, n) != noted(connection, n)]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_log_tells_of_hands_what_was_noted(database: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with Town(database) as town:
        busy(town, seed)
        assert differing(town) == []
        with town.deployment.database.engine.connect() as connection:
            kinds: set[Any] = {hand[3] for hands in asked(connection, town.size()).values() for hand in hands}
        assert {"collect", "update"} <= kinds
        assert kinds & {"verify", "review"}
        monkeypatch.setattr(traces, "HANDS", traces.HANDS.replace("e.number > l.number", "e.number > l.number + 10"))
        assert differing(town) != []


# --- what it costs ----------------------------------------------------------------------------------------------------
def visited(town: Town, statement: str, **binds: Any) -> int:
    """The rows that PostgreSQL looks at to answer."""

    def looked(plan: dict[str, Any]) -> int:
        mine = sum(
            plan.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
        )
        return int(mine * plan["Actual Loops"]) + sum(map(looked, plan.get("Plans", ())))

    with town.deployment.database.engine.connect() as connection:
        for setting in ("enable_seqscan = off", "plan_cache_mode = force_generic_plan"):
            connection.exec_driver_sql(f"SET LOCAL {setting}")
        explained = text(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}")
        return looked(connection.execute(explained, binds).scalar_one()[0]["Plan"])


def worked(town: Town, count: int) -> None:
    """One household's figures collected so many times, those of the quarter before verified and reported as often."""
    for person, operation, quarter in ((COLLECTOR, "update", 4), (GRID_WORKER, "verify", 3)):
        items = [town.edit(operation=operation, quarter=quarter, changes=[])] * count
        assert town.post("/v1/edits/batch", person, items).status_code == 200
    at = datetime.now(UTC).isoformat()
    told = {"person": COLLECTOR, "occurred_at": at}
    lines = [json.dumps(town.edit(changes=[]) | told | {"ref": secrets.token_hex(8)}) for _ in range(count)]
    headers = {"content_type": "application/x-ndjson"}
    assert town.post("/v1/edits/import", ADMIN, "\n".join(lines).encode(), **headers).status_code == 200


def test_one_household_with_many_entries_keeps_nobody_waiting(database: World) -> None:
    """Everybody waits while hands are asked for: twice the entries may take twice the time, and not four times."""
    homes = ["h-monitored"]
    with Town(database) as town:
        (root,) = town.granted(town.line(operations=USUAL))
        for role in ("village_collector", "grid_worker"):
            town.delegated(root, operations=USUAL, role=role)
        found = []
        for count in (250, 250):
            worked(town, count)
            found.append((
                visited(town, traces.HANDS, collected=homes, checked=homes, known=None),
                visited(town, traces.REPORTED, tokens=homes, known=None),
            ))  # fmt: skip
        assert all(0 < later < 3 * first for first, later in zip(*found, strict=True)), found
        assert "::jsonb" not in traces.HANDS + traces.REPORTED, "parsing each entry costs ten times as much"
