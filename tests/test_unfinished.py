"""What waits is found by its index, and for any number of villages at once: a region has some thousands of villages and
hundreds of thousands of households."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from conftest import World
from sqlalchemy import Connection, create_engine, event
from test_features_shown import employed
from worlds import (
    ADMIN,
    CLERK,
    COLLECTOR,
    FAR_ADMIN,
    FAR_COLLECTOR,
    FAR_GRID,
    FAR_VILLAGE,
    OTHER_VILLAGE,
    SYSTEM_ADMIN,
    VILLAGE,
    Town,
)

from audit import succession, unfinished
from authz.fact import Fact
from authz.post import Post, Unit, UnitEstablished

AT = datetime(2026, 12, 1, tzinfo=UTC)
UNITS = [Unit(f"u-{each}-village", "village", each, each, None) for each in (VILLAGE, OTHER_VILLAGE)]
POST = Post(47, COLLECTOR, UNITS[0].id, VILLAGE, "village_collector", "t", AT, AT + timedelta(days=9))


@contextmanager
def asked(engine: Any) -> Iterator[list[tuple[str, Any]]]:
    """The statements that go to the database meanwhile, with their binds."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, binds: Any, *_more: Any) -> None:
        found.append((statement, binds))

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def plans(connection: Connection, ask: Callable[[Connection], Any]) -> str:
    """How the database finds what is asked."""
    with asked(connection.engine) as found:
        ask(connection)
    told = [row for each, binds in found for row in connection.exec_driver_sql(f"EXPLAIN {each}", binds).scalars()]
    return "\n".join(told)


MANY = """
    INSERT INTO household (token, division, population, since)
        SELECT 'h-' || n, '640324100201', 'monitored', n FROM generate_series(1, 20000) n;
    INSERT INTO grants (number, role, holder_unit, holder_person, households, path, suspensions, valid_until, issued_at, since)
        SELECT n, 'assistance_person', 'u-640324-lead', 'p-1', ARRAY['h-' || n], ARRAY[n], '[]', '2027-06-01', '2026-06-01', n
        FROM generate_series(1, 20000) n;
    ANALYZE household; ANALYZE grants;
"""


def test_what_waits_is_found_by_an_index(database: World) -> None:
    owner = create_engine(database.owner_url)
    with owner.connect() as connection:
        connection.exec_driver_sql(MANY)
        for ask in (
            lambda connection: unfinished.of_person(connection, COLLECTOR, POST, AT),
            lambda connection: unfinished.of_villages(connection, UNITS, AT),
        ):
            told = plans(connection, ask)
            assert "household_moving" in told
            assert "Seq Scan on household" not in told
        told = plans(connection, lambda connection: succession.assisting(connection, "h-absent", AT))
        assert "grants_listed" in told
        assert "Seq Scan on grants" not in told
    owner.dispose()


def hamlets(many: int) -> Iterable[Fact]:
    """Villages in which nobody works yet; not every number in the row is one."""
    return (
        UnitEstablished(unit=f"u-640324100{each}-village", unit_kind="village", division=f"640324100{each}", name="村",
                        earlier_name=None)
        for each in range(203, 203 + many)
    )  # fmt: skip


def test_a_report_on_many_villages_asks_no_more_than_one_on_a_few(database: World) -> None:
    with Town(
        database, more=(*hamlets(30), *employed("p-4008", f"u-{FAR_VILLAGE}-village", "village_collector"))
    ) as town:
        (root,) = town.granted(town.line(division="640324105"))
        own = town.delegated(root, holder=f"u-{FAR_VILLAGE}-village", division=FAR_VILLAGE)
        moved = {"division": OTHER_VILLAGE, "reason": "易地搬迁"}
        assert town.change("/v1/households/h-far/move", FAR_ADMIN, moved).is_success
        counts = []
        for division in ("640324105", "640324"):
            with asked(database.engine) as found:
                town.get(f"/v1/staffing?division={division}", ADMIN)
            counts.append(len(found))
        assert counts[0] == counts[1]
        for person in (FAR_COLLECTOR, FAR_GRID, "p-4008"):
            post = town.get(f"/v1/people/{person}", SYSTEM_ADMIN).json()["posts"][0]["post"]
            assert town.change(f"/v1/posts/{post}/end", ADMIN, {"reason": "离任"}).is_success
        told = {each["division"]: each for each in town.get("/v1/staffing", ADMIN).json()["orphans"]}
        assert len(told) > 10
        waits = {division: [(each["kind"], each["id"]) for each in one["work"]] for division, one in told.items()}
        assert waits.pop(FAR_VILLAGE) == [("grant", str(own)), ("move", "h-far")]
        assert set(map(tuple, waits.values())) == {()}


OTHERS = """
    INSERT INTO grants SELECT (jsonb_populate_record(g, jsonb_build_object('number', 100000 + n, 'path', ARRAY[100000 + n],
        'valid_until', CASE mod(n, 2) WHEN 0 THEN '2099-01-01' ELSE '2026-02-01' END))).* FROM grants g, generate_series(1, 1600) n
    WHERE g.number = {grant} AND g.ended IS NULL
"""


def test_what_ends_soon_is_found_among_any_number_of_grants(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted(town.line(until=(datetime.now(UTC) + timedelta(days=10)).isoformat()))
        with asked(database.engine) as few:
            assert [each["id"] for each in town.get("/v1/grants?lapsing=true", CLERK).json()["items"]] == [root]
        database.intact = False
        owner = create_engine(database.owner_url)
        with owner.begin() as connection:
            connection.exec_driver_sql(OTHERS.format(grant=root))
        owner.dispose()
        with asked(database.engine) as many:
            assert [each["id"] for each in town.get("/v1/grants?lapsing=true", CLERK).json()["items"]] == [root]
        assert len(few) == len(many)
