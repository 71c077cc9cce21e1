"""The founding of a log: once, completed later only by what is new, never under another name; and its keys."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import worlds
from acts import as_superuser
from conftest import World
from sqlalchemy import Engine, text

from api import bootstrap, founding
from api.commands import handing
from api.database import Database
from api.founding import Deed
from api.identity import BadKeys, Issuers, Signer
from api.settings import Settings
from audit.entry import parse
from audit.lawbook import Lawbook
from authz import register
from authz.founding import CodeShown
from authz.refusal import Closed, Unknown

POLICIES = Settings.read({}).policies
LAWBOOK = founding.read_lawbook(POLICIES)
ORIGIN = "mandate.test/log"
PERSON = {"name": "王建国", "identity_number": "11010519491231002X"}


def kinds(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT kind FROM entry ORDER BY number")).scalars())


def store(database: World) -> Database:
    return Database(None, database.app_url, database.engine)


def charter(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return register.charters(connection)


def everything_logged(engine: Engine) -> bytes:
    with engine.connect() as connection:
        return b"\n".join(bytes(each) for each in connection.execute(text("SELECT bytes FROM entry")).scalars())


# --- the charter ----------------------------------------------------------------------------------------------------
def test_the_first_start_founds_and_the_second_adds_nothing(database: World) -> None:
    assert founding.found(store(database), LAWBOOK, ORIGIN, demo=False) is True
    assert kinds(database.engine) == ["LogOpened", "PolicyLoaded", "EditionLoaded", "CalendarLoaded"]
    found = charter(database.engine)
    assert (found["origin"], found["purpose"], found["policy"]) == (ORIGIN, "service", LAWBOOK.law.policy.digest)
    assert found["edition"].startswith("2023-06-30 ")
    assert founding.found(store(database), LAWBOOK, ORIGIN, demo=False) is False
    assert len(kinds(database.engine)) == 4


def with_another_line(tmp_path: Path) -> Lawbook:
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    (folder / "roles.csv").write_bytes((folder / "roles.csv").read_bytes() + b"# one more line for readers\n")
    return founding.read_lawbook(folder)


def test_a_changed_folder_changes_nothing_that_is_on_record(database: World, tmp_path: Path) -> None:
    """Whoever can write a file is not thereby the one who adopts a policy."""
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    changed = with_another_line(tmp_path)
    founding.found(store(database), changed, ORIGIN, demo=False)
    assert len(kinds(database.engine)) == 4
    late = Deed(ref="0" * 32, facts=(CodeShown(valid_until="2026-01-01T00:00:00.000000Z"),))
    founding.record(store(database), changed, [late])
    assert changed.law.policy.digest == charter(database.engine)["policy"] == LAWBOOK.charter["policy"]


def test_a_practice_log_takes_a_changed_folder_on_record_first(database: World, tmp_path: Path) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=True)
    changed = with_another_line(tmp_path)
    founding.found(store(database), changed, ORIGIN, demo=True)
    assert kinds(database.engine)[4:] == ["PolicyLoaded"]
    assert charter(database.engine)["policy"] == changed.charter["policy"] == changed.law.policy.digest


@pytest.mark.parametrize(("demo", "more"), [(False, []), (True, ["PolicyLoaded"])])
def test_two_starts_at_once_with_two_folders_found_one_log(
    database: World, tmp_path: Path, demo: bool, more: list[str]
) -> None:
    """Whoever comes second finds the law on record; where nothing is real, his own comes behind it, for both."""
    books = [founding.read_lawbook(POLICIES), with_another_line(tmp_path)]
    with ThreadPoolExecutor(2) as pool:
        first = list(pool.map(lambda book: founding.found(store(database), book, ORIGIN, demo=demo), books))
    assert sorted(first) == [False, True]
    assert kinds(database.engine) == ["LogOpened", "PolicyLoaded", "EditionLoaded", "CalendarLoaded", *more]
    winner = books[first.index(not demo)].charter["policy"]
    with database.engine.connect() as connection:
        assert {book.on_record(connection).policy.digest for book in books} == {winner}


def test_a_process_that_would_decide_by_another_law_decides_nothing(database: World, tmp_path: Path) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    stubborn = with_another_line(tmp_path).law
    late = Deed(ref="0" * 32, facts=(CodeShown(valid_until="2026-01-01T00:00:00.000000Z"),))
    with pytest.raises(Closed):
        founding.record(store(database), lambda connection, charter: stubborn, [late])


def test_without_the_files_on_record_nothing_is_decided(database: World, tmp_path: Path) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    as_superuser(database, "ALTER TABLE content DISABLE TRIGGER lasting")
    as_superuser(database, "DELETE FROM content")
    with pytest.raises(Closed), database.engine.connect() as connection:
        with_another_line(tmp_path).on_record(connection)


def test_the_law_of_an_earlier_position_is_read_back(database: World, tmp_path: Path) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=True)
    changed = with_another_line(tmp_path)
    founding.found(store(database), changed, ORIGIN, demo=True)
    fresh = founding.read_lawbook(POLICIES)
    with database.engine.connect() as connection:
        assert fresh.on_record(connection, 4).policy.digest == LAWBOOK.charter["policy"]
        assert fresh.on_record(connection, 5).policy.digest == changed.charter["policy"]
        assert fresh.on_record(connection).policy.digest == changed.charter["policy"]


@pytest.mark.parametrize(("origin", "demo"), [("other.test/log", False), (ORIGIN, True)])
def test_a_log_never_changes_its_name_or_purpose(database: World, origin: str, demo: bool) -> None:
    founding.found(store(database), LAWBOOK, ORIGIN, demo=False)
    with pytest.raises(Closed):
        founding.found(store(database), LAWBOOK, origin, demo=demo)
    assert len(kinds(database.engine)) == 4


def test_there_is_room_ahead(database: World) -> None:
    assert founding.make_room(store(database)) >= founding.AHEAD
    assert founding.make_room(store(database)) == founding.make_room(store(database))


def test_the_digest_of_a_folder_sees_every_table(tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "p")
    before = founding.facts(founding.read_lawbook(tmp_path / "p"))
    with (tmp_path / "p/calendars/cn_holiday_adjustments_2021_2026.csv").open("a") as out:
        out.write("2026-12-30,演示,off,test\n")
    after = founding.facts(founding.read_lawbook(tmp_path / "p"))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, False]


# --- keys -----------------------------------------------------------------------------------------------------------
def test_the_pseudonym_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    key = founding.read_pseudonym(tmp_path / "keys")
    file = tmp_path / "keys/pseudonym.key"
    assert len(key) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert founding.read_pseudonym(tmp_path / "keys") == key
    assert founding.natural(key, "11010519491231002X") == founding.natural(key, "11010519491231002X")
    assert founding.natural(key, "11010519491231002X") != founding.natural(bytes(32), "11010519491231002X")
    file.chmod(0o644)
    with pytest.raises(BadKeys):
        founding.read_pseudonym(tmp_path / "keys")
    file.chmod(0o600)
    file.write_bytes(key[:-1])
    with pytest.raises(BadKeys):
        founding.read_pseudonym(tmp_path / "keys")


# --- the first administrator ----------------------------------------------------------------------------------------
@pytest.fixture
def town(database: World) -> worlds.Town:
    return worlds.Town(database, world=False)


def admit(town: worlds.Town, code: str, **more: str) -> tuple[int, dict[str, object]]:
    answer = town.post("/v1/bootstrap", None, {"code": code, **PERSON, **more})
    return answer.status_code, answer.json()


def test_the_code_admits_one_administrator_once(town: worlds.Town, database: World) -> None:
    founding.signer(town.settings.keys, founding.BOOTSTRAP)
    town.deployment.issuers = Issuers.load(town.settings.keys, demo=True)
    code, _ = bootstrap.show_code(store(database))
    with town:
        assert admit(town, "7K2QF-0M9XT-4ZB1C-H6WRN")[0] == 401
        assert admit(town, code, identity_number="110105194912310021")[0] == 422
        status, told = admit(town, code.lower().replace("-", " "))
        assert status == 201
        assert told["person"] == "p-1"
        assert admit(town, code)[0] == 401
        headers = {"Authorization": f"Bearer {told['token']}"}
        seen = town.client.get("/v1/people/p-1", headers=headers)
        assert seen.status_code == 200
        assert [each["role"] for each in seen.json()["posts"]] == ["system_admin"]
        assert town.client.get("/v1/people/p-1", headers={"Authorization": "Bearer x"}).status_code == 401
    assert kinds(database.engine)[5:] == [
        "PersonRegistered", "UnitEstablished", "PostAssigned", "AdministratorAdmitted", "TokenHanded", "StrangersCounted",
    ]  # fmt: skip
    logged = everything_logged(database.engine)
    assert not any(
        word in logged for word in (code.encode(), PERSON["name"].encode(), PERSON["identity_number"].encode())
    )
    assert charter(database.engine)["administrator"] == "p-1"


def test_an_expired_or_used_code_admits_nobody(town: worlds.Town, database: World) -> None:
    code, _ = bootstrap.show_code(store(database))
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE ceremony SET until = clock_timestamp() - interval '1 second'"))
    with town:
        assert admit(town, code)[0] == 401
    assert "PersonRegistered" not in kinds(database.engine)


def test_only_the_digest_of_the_code_is_kept(database: World) -> None:
    code, _ = bootstrap.show_code(store(database))
    with database.engine.connect() as connection:
        kept = str(connection.execute(text("SELECT * FROM ceremony")).all())
    assert code not in kept
    assert code.replace("-", "") not in kept


def test_the_administrator_hands_out_a_token_on_record(town: worlds.Town, database: World) -> None:
    with pytest.raises(handing.NotHanded):
        handing.once(town.settings, store(database), "p-1")
    founding.signer(town.settings.keys, founding.BOOTSTRAP)
    code, _ = bootstrap.show_code(store(database))
    with town:
        assert admit(town, code)[0] == 201
        with pytest.raises(Unknown):
            handing.once(town.settings, store(database), "p-77")
        size = town.size()
        issuers = Issuers.load(town.settings.keys, demo=True)
        claims = issuers.verify(handing.once(town.settings, store(database), "p-1"), time.time())
        assert (claims.sub, claims.exp - claims.iat) == ("p-1", 600)
        assert town.size() == size + 1
    with database.engine.connect() as connection:
        handed = connection.execute(
            text("SELECT bytes FROM entry WHERE kind = 'TokenHanded' ORDER BY number DESC")
        ).scalars()
        entry = parse(bytes(next(iter(handed))))
    assert entry.envelope.person == "p-1"
    assert entry.fact.plain()["jti"] == claims.jti


def test_a_demo_key_is_no_key_of_a_service(tmp_path: Path) -> None:
    founding.signer(tmp_path, founding.DEMO)
    assert isinstance(founding.signer(tmp_path, founding.DEMO), Signer)
    with pytest.raises(BadKeys):
        Issuers.load(tmp_path)
    assert Issuers.load(tmp_path, demo=True).kids == ("demo",)


def test_one_process_founds_at_a_time(database: World) -> None:
    with founding.alone(store(database)), database.engine.connect() as other:
        assert other.execute(text("SELECT pg_try_advisory_lock(5786957, 3)")).scalar() is False
    with database.engine.connect() as other:
        assert other.execute(text("SELECT pg_try_advisory_lock(5786957, 3)")).scalar() is True
