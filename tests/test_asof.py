"""As of: what was on record at a log position is found again, row by row and answer by answer, and after a refold too."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from conftest import World
from sqlalchemy import Connection, text
from worlds import (
    ADMIN,
    APPROVER,
    CLERK,
    COLLECTOR,
    COUNTY,
    FAR_COLLECTOR,
    GRID_WORKER,
    OTHER_COLLECTOR,
    REVIEWER,
    VILLAGE,
    Town,
)  # fmt: skip

from api import founding
from api.database import open_engine
from api.founding import Deed
from audit import entry as entries
from audit import head as heads
from audit import listing, refold
from authz import register, traces
from authz.asking import Verdict, ask
from authz.decision import Permit, Scene, Wish
from authz.fact import Fact
from authz.household import HouseholdsLoaded
from authz.post import PostEnded, TokensRevoked, UnitEstablished
from authz.register import Reads, Rows

PEOPLE = (COLLECTOR, GRID_WORKER, OTHER_COLLECTOR, FAR_COLLECTOR, REVIEWER, ADMIN)
HOUSEHOLDS = ("h-monitored", "h-lifted", "h-far", "h-late", *(f"h-{n}" for n in range(8)))


def wishes(year: int) -> Iterator[Wish]:
    for household in ("h-monitored", "h-late", "h-0", "h-1", None):
        for operation in ("collect", "update", "verify"):
            yield Wish(operation, "monitored.income", VILLAGE, year, household)


@dataclass(frozen=True)
class Memory:
    """What was read and answered at one position."""

    position: int
    at: datetime
    reads: Reads
    rows: Rows
    answers: list[Any]


def plain(verdict: Verdict) -> Any:
    """A verdict as values: permit with its chain and row, or code and members."""
    if isinstance(verdict.permit, Permit):
        return verdict.permit.grant, verdict.permit.chain, verdict.permit.rule, verdict.post
    assert verdict.refused is not None
    return verdict.refused.code, verdict.refused.detail, verdict.refused.members, verdict.post


def answers(town: Town, connection: Connection, rows: Rows, at: datetime, position: int) -> list[Any]:
    law = town.deployment.laws.on_record(connection, position)
    scene = Scene(rows, at, position, law)
    told = [plain(ask(scene, person, wish, at)) for person in PEOPLE for wish in wishes(at.year)]
    return [law.policy.digest, *told]


def remember(town: Town, requests: frozenset[int]) -> Memory:
    with heads.reading(town.deployment.database.engine) as connection:
        head = heads.read(connection)
        reads = Reads(
            persons=frozenset(PEOPLE), households=frozenset(HOUSEHOLDS), collected=frozenset(HOUSEHOLDS),
            units=frozenset({"u-640324-health"}), requests=requests, openings=frozenset(range(head.size + 60)),
            documents=frozenset(f"同乡振发〔{head.clock.year}〕{n}号" for n in range(30, 60)),
        )  # fmt: skip
        rows = register.fetch(connection, reads, head.clock)
        return Memory(head.size, head.clock, reads, rows, answers(town, connection, rows, head.clock, head.size))


def say(town: Town, *facts: Fact) -> None:
    lawbook = founding.read_lawbook(town.settings.policies)
    founding.record(town.deployment.database, lawbook, [Deed(ref=secrets.token_hex(16), facts=facts)])


def history(town: Town, dice: random.Random) -> list[Memory]:
    """A life of grants and people through real acts, and what was answered after each."""
    requests = frozenset(range(300))
    kept = [remember(town, requests)]
    root = town.granted(town.line(max_records=5))[0]
    kept.append(remember(town, requests))
    village = town.delegated(root)
    kept.append(remember(town, requests))
    free = iter([each for each in HOUSEHOLDS if each not in ("h-lifted", "h-far", "h-late")])
    with heads.reading(town.deployment.database.engine) as connection:
        person = next(each for each in register.fetch(connection, Reads(persons=frozenset({GRID_WORKER})),
                                                      kept[0].at).posts[GRID_WORKER])  # fmt: skip
    deeds = [
        lambda: town.post("/v1/edits", COLLECTOR, town.edit(household=next(free), operation="collect")),
        lambda: town.post("/v1/edits", COLLECTOR, town.edit(household=next(free), operation="collect")),
        lambda: town.change(f"/v1/grants/{village}/suspension", ADMIN, {"reason": "核查"}),
        lambda: town.change(f"/v1/grants/{village}/resumption", ADMIN, {"reason": "查清"}),
        lambda: town.delegated(root, role="grid_worker"),
        lambda: town.change(f"/v1/grants/{root}/suspension", APPROVER, {"reason": "整改"}),
        lambda: town.change(f"/v1/grants/{root}/resumption", APPROVER, {"reason": "整改完成"}),
        lambda: say(town, HouseholdsLoaded(division=COUNTY, households=(("h-late", VILLAGE, "monitored"),))),
        lambda: say(town, TokensRevoked(person_id=FAR_COLLECTOR, reason="0" * 64)),
        lambda: say(town, PostEnded(person_id=GRID_WORKER, subject=person.number, reason="0" * 64,
                                    valid_until=kept[-1].at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))),
        lambda: say(town, UnitEstablished(unit="u-640324-health", unit_kind="health", division=COUNTY, name="x",
                                          earlier_name=None)),
        town.filed,
        lambda: town.change(f"/v1/grants/{village}/revocation", ADMIN, {"reason": "期满"}),
    ]  # fmt: skip
    for deed in _shuffled(deeds, dice):
        deed()
        kept.append(remember(town, requests))
    return kept


def _shuffled(deeds: list[Any], dice: random.Random) -> list[Any]:
    """At random, but what only makes sense in its order."""
    order = [*range(len(deeds))]
    dice.shuffle(order)
    order.insert(0, order.pop(order.index(0)))  # one edit is always permitted
    for run in ((2, 3), (4, 5, 6)):
        for place, deed in zip(sorted(map(order.index, run)), run, strict=True):
            order[place] = deed
    return [deeds[place] for place in order]


def differing(town: Town, connection: Connection, kept: list[Memory]) -> list[int]:
    """The positions at which the rows or the answers are no longer those of then."""
    found = []
    for each in kept:
        rows = register.fetch(connection, each.reads, each.at, each.position)
        told = answers(town, connection, rows, each.at, each.position)
        if rows != each.rows or told != each.answers:
            found.append(each.position)
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_every_answer_of_the_past_is_given_again(database: World, seed: int) -> None:
    with Town(database) as town:
        kept = history(town, random.Random(seed))  # noqa: S311 a seed, so that a failure can be repeated
        assert len({str(each.answers) for each in kept}) > 5
        with heads.reading(town.deployment.database.engine) as connection:
            assert differing(town, connection, kept) == []
            for each in kept:
                assert listing.position(connection, each.at) == each.position
        owner = open_engine(database.owner_url, pool=1)
        with owner.connect() as connection:
            refold.begin(connection)
            every = connection.execute(text("SELECT bytes FROM entry ORDER BY number")).scalars()
            log = [entries.parse(bytes(each)) for each in every]
            assert refold.fold(connection, log, lambda *found: pytest.fail(str(found)))
            # The tables of the fold hide the stored ones, so these answers come from the log alone.
            assert connection.execute(text("SELECT 'grants'::regclass = 'pg_temp.grants'::regclass")).scalar_one()
            assert differing(town, connection, kept) == []
        owner.dispose()


def forgetful(blind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The register looks at the present of one table, whatever position is asked for."""
    honest, grants, follow = register._Asking, register._fetch_grants, traces.follow
    if blind == "usage":

        def counted(asking: Any, reads: Reads, rows: Rows, at: datetime) -> None:
            grants(asking, reads, rows, at)
            now = Rows(posts=rows.posts)
            grants(honest(asking.connection, None), reads, now, at)
            rows.used, rows.seen = now.used, now.seen

        monkeypatch.setattr(register, "_fetch_grants", counted)
    elif blind == "hands":
        monkeypatch.setattr(traces, "follow", lambda ask, reads, rows, known: follow(ask, reads, rows, None))
    else:

        class Blind(honest):  # type: ignore[misc, valid-type]
            def __call__(self, table: str, *keys: Any, **more: Any) -> Any:
                return honest(self.connection, None if table == blind else self.known)(table, *keys, **more)

        monkeypatch.setattr(register, "_Asking", Blind)


TABLES = ("person", "post", "grants", "household", "unit", "request", "document", "usage", "hands")


def test_a_table_read_as_it_is_now_is_found_out(database: World) -> None:
    """The negative control, table by table, on one history."""
    with Town(database) as town:
        kept = history(town, random.Random(3))  # noqa: S311 a seed, so that a failure can be repeated
        with heads.reading(town.deployment.database.engine) as connection:
            for table in TABLES:
                with pytest.MonkeyPatch.context() as patch:
                    forgetful(table, patch)
                    assert differing(town, connection, kept) != [], table
            assert differing(town, connection, kept) == []


def test_of_two_grants_that_permit_the_earlier_one_is_named_whatever_the_table_returns(database: World) -> None:
    with Town(database) as town:
        root = town.granted()[0]
        first, second = town.delegated(root), town.delegated(root)
        town.change(f"/v1/grants/{first}/suspension", ADMIN, {"reason": "核查"})
        assert town.post("/v1/edits", COLLECTOR, town.edit()).json()["grant"] == second
        town.change(f"/v1/grants/{first}/resumption", ADMIN, {"reason": "查清"})
        assert town.post("/v1/edits", COLLECTOR, town.edit()).json()["grant"] == first
        assert town.get("/v1/me", CLERK).status_code == 200
