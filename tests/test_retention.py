"""Retention: what has passed its term goes, on record first; what stands, what is younger and the law never do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from acts import as_superuser, rows
from conftest import World
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from worlds import ADMIN, CLERK, COLLECTOR, LEAD, PAPER, SYSTEM_ADMIN, Town

from api import founding
from api.commands import upkeep
from api.database import Database
from api.founding import Deed
from audit import fsck, head, retiring
from audit.retiring import Cut

YEARS = timedelta(days=365 * 4)


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        grant = made.granted()[0]
        made.delegated(grant)
        assert made.post("/v1/edits", COLLECTOR, made.edit()).status_code == 201
        yield made


def cuts(world: World, later: timedelta) -> Cut:
    """Where a term would begin that ended just now, seen from later: all that is on record is older."""
    with world.engine.connect() as connection:
        now = head.read(connection)
        return Cut(now.clock + later, now.size)


def due(world: World, cut: Cut) -> retiring.Due:
    with world.engine.connect() as connection:
        return retiring.due(connection, cut, cut)


def perform(town: Town, cut: Cut) -> retiring.Due:
    """As the command does, with a cut of the test's own."""
    house, found = town.deployment, due_of(town, cut)
    founding.record(house.database, house.laws, [Deed(ref="f" * 32, facts=(retiring.fact(cut, cut, found),))])
    retiring.repeat(house.database.engine)
    return found


def due_of(town: Town, cut: Cut) -> retiring.Due:
    with town.deployment.database.engine.connect() as connection:
        return retiring.due(connection, cut, cut)


def checked(database: World) -> fsck.Report:
    engine = create_engine(database.superuser_url)
    report = fsck.check(engine)
    engine.dispose()
    return report


def test_nothing_is_due_before_its_term(town: Town, database: World, capsys: pytest.CaptureFixture[str]) -> None:
    before, values = town.size(), len(rows(database, "SELECT FROM vault"))
    for apply in (False, True):
        upkeep.retention(town.settings, town.deployment.database, apply=apply)
        assert "到期的原值 0 项（1095 天），附件 0 个（1095 天）" in capsys.readouterr().out
    assert (town.size(), len(rows(database, "SELECT FROM vault"))) == (before, values)


def test_the_cut_is_the_first_entry_that_is_not_older(town: Town, database: World) -> None:
    with database.engine.connect() as connection:
        for row in rows(database, "SELECT number, at FROM entry ORDER BY number"):
            found = retiring.cut(connection, row.at + timedelta(days=9), 9)
            want = rows(database, "SELECT min(number) AS n FROM entry WHERE at >= :at", at=row.at)[0].n
            assert found == Cut(row.at, want)
        size = head.read(connection).size
        assert retiring.cut(connection, row.at + timedelta(days=10), 9).below == size


def test_what_stands_is_kept_however_old(town: Town, database: World) -> None:
    """Seen from today the grant still runs: its request and letter stay; of persons nobody has left."""
    found = due(database, cuts(database, timedelta()))
    assert {kind for _, _, kind in found.values} == {"EditPermitted"}
    assert found.attachments == ()
    open_request = town.drafted()
    later = due(database, cuts(database, YEARS))
    assert {"EditPermitted", "RequestDrafted"} <= set(later.counted)
    assert open_request not in {number for number, _, _ in later.values}


def test_what_is_over_goes_and_everything_else_stays(town: Town, database: World) -> None:
    stored = rows(database, "SELECT entry, path FROM vault")
    bundles = rows(database, "SELECT sha256 FROM content WHERE media_type = :b", b=retiring.BUNDLE)
    loose = town.paper(content=PAPER + b"%loose")
    before = checked(database)
    cut = cuts(database, YEARS)
    younger = town.paper(content=PAPER + b"%younger")
    found = perform(town, cut)
    assert found.values
    assert loose in found.attachments
    assert younger not in found.attachments
    after = checked(database)
    assert (after.verdict, after.erased) == ("OK", before.erased + len(found.values))
    gone = {(number, path) for number, path, _ in found.values}
    left = {(row.entry, row.path) for row in rows(database, "SELECT entry, path FROM vault")}
    assert left >= {(row.entry, row.path) for row in stored} - gone
    assert not left & gone
    assert rows(database, "SELECT sha256 FROM content WHERE media_type = :b", b=retiring.BUNDLE) == bundles != []
    kept = {row.sha256 for row in rows(database, "SELECT sha256 FROM content")}
    assert younger in kept
    assert not kept & set(found.attachments)
    (row,) = rows(database, "SELECT convert_from(bytes, 'UTF8') AS entry FROM entry WHERE kind = 'RetentionPerformed'")
    assert found.digest in row.entry
    assert due(database, cut).values == ()
    assert town.get(f"/v1/attachments/{loose}", CLERK).status_code == 404
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201


def test_an_attachment_is_kept_while_anything_young_names_it(town: Town, database: World) -> None:
    town.paper()
    cut = cuts(database, YEARS)
    again = town.drafted()
    assert due(database, cut).attachments == ()
    assert again


def test_a_person_who_left_long_ago_is_due_and_one_in_office_is_not(town: Town, database: World) -> None:
    def registered(name: str, number: str) -> str:
        body = {"identity_number": number, "name": name, "phone": "0953-8011111"}
        answer = town.post("/v1/people", SYSTEM_ADMIN, body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    left = registered("离任者", "11010519491231002X")
    cut = cuts(database, YEARS)
    names = {number for number, path, kind in due(database, cut).values if kind == "PersonRegistered"}
    told = rows(database, "SELECT convert_from(bytes, 'UTF8') AS b FROM entry WHERE number = ANY(:n)", n=sorted(names))
    assert [left in row.b for row in told] == [True]
    posted = town.post("/v1/posts", SYSTEM_ADMIN, {"person": left, "unit": LEAD, "role": "county_clerk"})
    assert posted.status_code == 201, posted.text
    assert not [each for each in due(database, cut).values if each[2] == "PersonRegistered"]


def test_a_restore_is_made_good_and_reaches_no_wider(town: Town, database: World) -> None:
    back = rows(database, "SELECT v.* FROM vault v JOIN entry e ON e.number = v.entry WHERE e.kind = 'EditPermitted'")
    found = perform(town, cuts(database, YEARS))
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
    young = len(rows(database, "SELECT FROM vault"))
    for row in back:
        as_superuser(database, f"INSERT INTO vault VALUES ({row.entry}, '{row.path}', '\\x{bytes(row.salt).hex()}', '{row.value}')"
                     .replace(":", "\\:"))  # fmt: skip
    store = Database(None, database.app_url, database.engine)
    founding.found(store, founding.read_lawbook(town.settings.policies), "mandate.test/log", demo=True)
    assert len(rows(database, "SELECT FROM vault")) == young
    assert retiring.repeat(database.engine) == 0
    assert len(found.values) >= len(back) > 0


def test_the_law_is_not_dropped_by_anybody_who_uses_the_database(town: Town, database: World) -> None:
    for statement in ("DELETE FROM content", f"DELETE FROM content WHERE media_type = '{retiring.BUNDLE}'"):
        with pytest.raises(DBAPIError, match="kept for ever"), database.engine.begin() as connection:
            connection.exec_driver_sql(statement)
    assert town.get("/v1/me", ADMIN).status_code == 200


def test_the_command_lists_first_and_drops_only_when_told(
    town: Town, database: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A term below the floor is not believed, so the clock of the cut is moved instead."""
    plain = retiring.cut
    monkeypatch.setattr(
        retiring, "cut", lambda connection, clock, days: plain(connection, clock + timedelta(days=days + 1), days)
    )
    upkeep.retention(town.settings, town.deployment.database, apply=False)
    told = capsys.readouterr()
    assert ("EditPermitted 2" in told.out, "没有删除" in told.err) == (True, True)
    assert rows(database, "SELECT FROM entry WHERE kind = 'RetentionPerformed'") == []
    upkeep.retention(town.settings, town.deployment.database, apply=True)
    assert "已清理" in capsys.readouterr().err
    assert len(rows(database, "SELECT FROM entry WHERE kind = 'RetentionPerformed'")) == 1
    assert checked(database).verdict == "OK"
    upkeep.retention(town.settings, town.deployment.database, apply=True)
    assert "没有到期" in capsys.readouterr().err
