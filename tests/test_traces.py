"""What the log is asked about hands is what was noted while they acted, at every position of the log."""

from __future__ import annotations

import random
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
        monkeypatch.setattr(
            traces, "HANDS", traces.HANDS.replace("newer.number > e.number", "newer.number > e.number + 10")
        )
        assert differing(town) != []
