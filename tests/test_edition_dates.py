"""The day of a new edition is near, and its tables are read before anybody waits for them."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import editions
import pytest
from acts import Say, law, loaded
from conftest import World
from offices import Office
from sqlalchemy import Engine
from test_editions_route import NAMED, URL
from worlds import APPROVER, AUDITOR, COLLECTOR, SYSTEM_ADMIN, YUHAI, Town

from api import editions as room
from api import founding, pep
from audit import lawbook
from audit.batch import LOCK
from audit.ledger import Ledger
from authz import document, gazette, refusal
from authz.gazette import Draft, Source
from authz.register import Reads

AHEAD = law().policy.number(gazette.AHEAD)
BASE = law().divisions.edition
SOURCE = Source("0" * 64, "0" * 64, "2026-05-20", None, None)


def day(ahead: int) -> str:
    return (datetime.now(UTC).astimezone(document.SHANGHAI).date() + timedelta(days=ahead)).isoformat()


def test_a_day_too_far_ahead_or_not_after_the_edition_in_force_is_refused(database: World) -> None:
    with Town(database) as town:
        for edition in (day(AHEAD + 2), "2199-01-01", BASE, "2023-06-29", "2019-10-31"):
            refused = town.post(URL, SYSTEM_ADMIN, editions.body(NAMED, edition=edition))
            assert (refused.status_code, refused.json()["code"]) == (422, "unacceptable"), edition
        assert town.get(URL, AUDITOR).json()["items"] == []
        number = editions.in_force(town, editions.body(NAMED, edition=day(AHEAD - 1)))
        assert town.get(f"{URL}/{number}", AUDITOR).json()["state"] == "confirmed"
        # It decides from today on, so it also answers from today on, and not only from its own day.
        for at, name in ((day(-1), "豫海镇"), (day(0), "清水镇"), (day(AHEAD), "清水镇")):
            told = town.get(f"/v1/divisions/{YUHAI}?at={at}", COLLECTOR).json()
            assert (told["name"], told["edition"] == BASE) == (name, name == "豫海镇"), at


def filed(edition: str, **numbers: Any) -> gazette.EditionFiled:
    """What is put on record of tables with nothing wrong but perhaps their day, under a limit of these numbers."""
    used = law()
    made = type(used.policy)(**{name: getattr(used.policy, name) for name in used.policy.__dataclass_fields__})
    settings = {name: each for name, each in used.policy.handling.items() if name != gazette.AHEAD} | numbers
    object.__setattr__(made, "handling", MappingProxyType(settings))
    scene = Office(replace(used, policy=made)).scene("p-11")
    return gazette.filed(Draft(edition, BASE, "0" * 64, "1" * 64), SOURCE, scene)


@pytest.mark.parametrize("ahead", [0, 30, 366])
def test_the_limit_is_the_number_of_the_rules_to_the_day(ahead: int) -> None:
    setting = replace(law().policy.handling[gazette.AHEAD], value=ahead)
    today = Office(law()).scene("p-11").at.astimezone(document.SHANGHAI).date()
    last, beyond = ((today + timedelta(days=ahead + more)).isoformat() for more in (0, 1))
    assert filed(last, edition_ahead_days=setting).edition == last
    with pytest.raises(refusal.Unacceptable):
        filed(beyond, edition_ahead_days=setting)
    assert filed(beyond).edition == beyond, "a set from before the number was there has no limit"


def readers(town: Town, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads that read tables while an edition is confirmed, by somebody who may not and by somebody who may."""
    parse, number = lawbook.lineages.parse_bundle, editions.filed(town, editions.body(NAMED))
    read: list[str] = []

    def seen(edition: str, files: Any) -> Any:
        read.append(threading.current_thread().name)
        return parse(edition, files)

    with monkeypatch.context() as watched:
        watched.setattr(lawbook.lineages, "parse_bundle", seen)
        town.deployment.laws._editions.clear()  # as in another process than the one in which it was filed
        assert town.get("/v1/divisions", COLLECTOR).status_code == 200
        del read[:]
        for person, status in ((COLLECTOR, 403), (APPROVER, 200)):
            answer = town.ask("POST", f"{URL}/{number}/confirmation", person, if_match=f'"{number}"')
            assert answer.status_code == status, answer.text
            assert bool(read) == (status == 200)
    assert town.get("/v1/divisions", COLLECTOR).json()["edition"] == "2026-06-30"
    return read


def test_the_tables_are_not_read_under_the_lock(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with Town(database) as town:
        assert "ledger" not in readers(town, monkeypatch)


def test_tables_read_under_the_lock_are_noticed(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the reading beforehand, everybody waits for it."""

    def unready(request: Any, number: int) -> Any:
        return pep.look(request, Reads(editions=frozenset((number,)))).rows.editions.get(number)

    monkeypatch.setattr(room, "_ready", unready)
    with Town(database) as town:
        assert "ledger" in readers(town, monkeypatch)


def test_the_tables_of_an_edition_are_read_once_however_often_it_is_looked_at(
    database: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Town(database) as town:
        number = editions.filed(town, editions.body(NAMED))
        first = town.get(f"{URL}/{number}", AUDITOR).json()
        parse, read = lawbook.lineages.parse_bundle, []

        def seen(edition: str, files: Any) -> Any:
            read.append(edition)
            return parse(edition, files)

        monkeypatch.setattr(lawbook.lineages, "parse_bundle", seen)
        assert town.get(f"{URL}/{number}", AUDITOR).json() == first
        assert read == []
        town.deployment.laws._editions.clear()  # the control
        assert town.get(f"{URL}/{number}", AUDITOR).json() == first
        assert "2026-06-30" in read


# --- other processes ------------------------------------------------------------------------------------------------
def locked(engine: Engine) -> bool:
    """Whether the lock of the log is taken."""
    with engine.connect() as other:
        return not other.exec_driver_sql(LOCK.replace("pg_advisory", "pg_try_advisory")).scalar_one()


def read_elsewhere(database: World, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the lock was taken each time that another process read the tables of an edition put in force here."""
    with Town(database) as town:
        other = founding.read_lawbook(town.settings.policies)
        ledger, parse, held = Ledger(database.engine, other), lawbook.lineages.parse_bundle, list[bool]()
        ledger.start()
        try:
            first = ledger.record(Say(facts=(loaded("h-before"),)))
            editions.in_force(town, editions.body(NAMED))

            def seen(edition: str, files: Any) -> Any:
                held.append(locked(database.engine))
                return parse(edition, files)

            with monkeypatch.context() as watched:
                watched.setattr(lawbook.lineages, "parse_bundle", seen)
                later = ledger.record(Say(facts=(loaded("h-after"),)))
                assert ledger.record(Say(facts=(loaded("h-then"),))).number == later.number + 1
        finally:
            ledger.stop()
        assert (first.refused, later.refused, other.law.divisions.edition) == (None, None, "2026-06-30")
    return held


def test_another_process_reads_the_tables_with_the_lock_let_go(
    database: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_elsewhere(database, monkeypatch) == [False]


def test_tables_that_another_process_reads_under_the_lock_are_noticed(
    database: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: everybody waits for a process that does not let go."""
    monkeypatch.setattr(Ledger, "_write", lambda ledger, acts: ledger._written(acts, None))
    assert read_elsewhere(database, monkeypatch) == [True]
