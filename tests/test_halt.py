"""The halt: what one process knows against this history closes all that share the database, until it is resolved."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import desks
import pytest
import worlds
from acts import as_superuser, laws, rows, running, until
from chronicles import EYES
from conftest import World
from desks import Desk
from keeping import House
from loopback import answering, served
from test_signing import cut_back, rewrite

from api import checkpoints
from api.commands import greeting
from api.database import Database
from api.witness import witnessing
from api.witness.liaison import Known
from audit import cosignature, halt, idempotency
from authz.refusal import Closed

WRITER = """
import sys
from acts import Say, loaded, running
from api.database import open_engine
from authz.refusal import Closed

engine = open_engine(sys.argv[1], 2)
with running(engine) as ledger:
    for n, line in enumerate(sys.stdin):
        try:
            print(ledger.record(Say(facts=(loaded(f"h-{n}"),))).number, flush=True)
        except Closed as closed:
            print(closed.detail, flush=True)
engine.dispose()
"""


@pytest.fixture
def house(database: World, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        ledger = stack.enter_context(running(database.engine))
        yield House(database, tmp_path / "log", ledger, stack)


@pytest.fixture
def desk(database: World, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    opened: list[Desk] = []
    desks.log_key(tmp_path / "keys")

    def make(*named: Known, keys: str = "keys") -> Desk:
        opened.append(Desk(database, tmp_path / keys, *named))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_a_verdict_closes_another_process_at_its_next_act(database: World) -> None:
    command = [sys.executable, "-c", WRITER, database.app_url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None

        def answer() -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert answer() == "0"
        with cosignature.writing(database.engine) as connection:
            cosignature.condemn(connection, "w.test", "FORK")
        assert answer().startswith("FORK：见证人 w.test")
        with cosignature.writing(database.engine) as connection:
            cosignature.acquit(connection, "w.test")
        assert answer() == "1"
        process.stdin.close()


def test_all_processes_close_after_a_verdict_and_stay_closed_after_a_restart(desk: Callable[..., Desk]) -> None:
    """The one that learns it is not the one that signs, and the others have no witness in their settings at all."""
    with served(answering("422 text/plain")) as liar:
        signer, other = desk(Known(EYES.verifier, liar)), desk()
        signer.signed()
        assert (signer.keeper.holder, other.turn()) == (True, None)
        signer.visit()
        assert signer.alarms() == ["WitnessConflict"]
        with pytest.raises(Closed, match="FORK"):
            other.write()
        for each in (signer, other):
            assert (each.turn() or "").startswith("FORK")
        late = desk()
        assert (late.turn() or "").startswith("FORK")
        with pytest.raises(Closed, match="FORK"):
            late.write()
        assert "FORK" in late.town.get("/readyz", None).text


def test_a_witness_that_agrees_again_opens_all(desk: Callable[..., Desk], tmp_path: Path) -> None:
    eyes = desks.eyes(tmp_path / "keys")
    with served(answering("422 text/plain")) as liar:
        first = desk(Known(EYES.verifier, liar))
        first.signed()
        first.visit()
        other = desk()
        assert other.turn() is not None
        first.close()
    with served(witnessing.create_app(eyes)) as url:
        again = desk(Known(EYES.verifier, url))
        assert again.turn() is None
        assert other.turn() is None
        other.write()


def test_what_one_machine_finds_closes_the_others(house: House, tmp_path: Path) -> None:
    """Only the first has the last checkpoint; the others have no keys. It opens when the first agrees again."""
    keeper, stranger = house.keeper(), house.keeper(tmp_path / "elsewhere")
    keeper.turn()
    stranger.turn()
    kept = house.last().read_text()
    house.last().unlink()
    keeper.turn()
    house.ledger.halted = None
    with pytest.raises(Closed, match="LOST"):
        house.write()
    house.ledger.halted = None
    stranger.turn()
    assert (house.ledger.halted or "").startswith("LOST")
    house.last().write_text(kept)
    keeper.turn()
    stranger.turn()
    assert house.ledger.halted is None
    house.write()


@pytest.mark.parametrize(("damage", "verdict"), [(cut_back, "ROLLBACK"), (rewrite, "FORK")])
@pytest.mark.parametrize("restarted", [False, True])
def test_without_keys_what_was_seen_and_what_is_stored_are_compared(
    house: House, tmp_path: Path, damage: Callable[[House], None], verdict: str, restarted: bool
) -> None:
    keeper, stranger = house.keeper(), house.keeper(tmp_path / "elsewhere")
    keeper.turn()
    house.write(6)
    keeper.turn()
    keeper._hang_up()
    stranger.turn()
    assert house.ledger.halted is None
    house.world.intact = False
    stored = rows(house.world, "SELECT * FROM checkpoint WHERE size > 2")
    damage(house)
    if damage is cut_back:
        # Even a table of checkpoints that was left as it was is enough.
        for row in stored if restarted else ():
            as_superuser(
                house.world,
                f"INSERT INTO checkpoint VALUES ('{row.origin}', {row.size}, '\\x{bytes(row.root).hex()}', '{row.note}', now())"
                .replace(":", "\\:"),
            )  # fmt: skip
    if restarted:
        stranger._hang_up()
        stranger = house.keeper(tmp_path / "elsewhere")
    stranger.turn()
    assert (house.ledger.halted or "").startswith(verdict)
    with pytest.raises(Closed, match=verdict):
        house.write()


def test_an_altered_checkpoint_in_the_table_is_no_comparison(house: House, tmp_path: Path) -> None:
    house.keeper().turn()
    as_superuser(house.world, "UPDATE checkpoint SET note = replace(note, 'test/log', 'test/gol')")
    house.world.intact = False
    house.keeper(tmp_path / "elsewhere").turn()
    assert (house.ledger.halted or "").startswith("FORK")


def test_a_log_that_grows_beside_whoever_only_compares_is_no_rollback(
    desk: Callable[..., Desk], tmp_path: Path
) -> None:
    with served(witnessing.create_app(desks.eyes(tmp_path / "keys"))) as url:
        signer = desk(Known(EYES.verifier, url))
        replica = desk(Known(EYES.verifier, url), keys="none")
        (tmp_path / "none" / "log").rename(tmp_path / "gone")
        for _ in range(3):
            signer.signed()
            signer.visit()
            assert replica.turn() is None


def test_a_person_sets_it_aside_on_record_and_it_comes_back_where_it_is_still_found(desk: Callable[..., Desk]) -> None:
    with served(answering("422 text/plain")) as liar:
        here = desk(Known(EYES.verifier, liar))
        here.signed()
        here.visit()
        assert here.turn() is not None
        store = Database(None, here.world.app_url, here.world.engine)
        (found,) = checkpoints.resume(store, laws)
        assert found.startswith("FORK")
        assert checkpoints.resume(store, laws) == ()
        (row,) = rows(here.world, "SELECT convert_from(bytes, 'UTF8') AS entry FROM entry WHERE kind = 'HaltLifted'")
        assert '"verdicts":["FORK"]' in row.entry
        assert here.turn() is None
        here.visit()
        assert here.turn() is not None


def test_a_verdict_of_nobody_is_read_as_it_stands(database: World) -> None:
    with database.engine.connect() as connection:
        assert halt.others(connection, "a") is None
        halt.put(connection, "a", "LOST：甲")
        halt.put(connection, "a", "LOST：乙")
        assert (halt.others(connection, "a"), halt.others(connection, "b")) == (None, "LOST：乙")
        halt.clear(connection, "a")
        cosignature.condemn(connection, "w", "ROLLBACK")
        assert (halt.others(connection, "a") or "").startswith("ROLLBACK：见证人 w ")
        connection.rollback()


# --- answers that have outlived their hours ---------------------------------------------------------------------------
def test_old_answers_are_swept_in_bounded_batches_by_the_one_that_signs(house: House) -> None:
    house.numbers["idempotency_hours"] = 2
    at = datetime.now(UTC)
    for name, hours in (("old", 3), ("young", 1)):
        for each in range(3):
            as_superuser(
                house.world,
                f"INSERT INTO idempotency VALUES ('p-1', 'r', '{name}{each}', 'x', 201, '', '{at - timedelta(hours=hours)}')"
                .replace(":", "\\:"),
            )  # fmt: skip
    with house.world.engine.begin() as connection:
        assert [idempotency.forget(connection, 2, 2) for _ in range(3)] == [2, 1, 0]
    as_superuser(
        house.world, f"UPDATE idempotency SET at = '{at - timedelta(hours=3)}' WHERE key = 'young1'".replace(":", "\\:")
    )
    other, keeper = house.keeper(), house.keeper()
    keeper.turn()
    assert [row.key for row in rows(house.world, "SELECT key FROM idempotency ORDER BY key")] == ["young0", "young2"]
    as_superuser(house.world, "UPDATE idempotency SET at = 'epoch'")
    for each in (other, keeper):
        each.turn()
    assert len(rows(house.world, "SELECT FROM idempotency")) == 2
    keeper.swept = 0.0
    keeper.turn()
    assert rows(house.world, "SELECT FROM idempotency") == []


def test_a_key_is_honoured_for_as_long_as_handling_says(database: World) -> None:
    with worlds.Town(database) as town:
        town.granted()
        body = town.draft()
        first = town.post("/v1/requests", worlds.CLERK, body, idempotency_key="k")
        assert first.status_code == 201
        as_superuser(database, "UPDATE idempotency SET at = at - interval '23 hours'")
        assert town.post("/v1/requests", worlds.CLERK, body, idempotency_key="k").content == first.content
        as_superuser(database, "UPDATE idempotency SET at = at - interval '2 hours'")
        assert town.post("/v1/requests", worlds.CLERK, body, idempotency_key="k").content != first.content
        until(lambda: town.get("/readyz", None).status_code == 200)


# --- a start on a database that was brought back -----------------------------------------------------------------------
def test_a_start_on_an_older_database_records_nothing_and_says_why(database: World) -> None:
    with worlds.Town(database) as town:
        store, keys = town.deployment.database, town.settings.keys
        assert checkpoints.halted(store, keys, "mandate.test/log") is None
        with store.engine.begin() as connection:
            halt.put(connection, halt.source(keys / checkpoints.FOLDER), "LOST：")
        assert checkpoints.halted(store, keys, "mandate.test/log") is None
        with store.engine.begin() as connection:
            assert halt.others(connection, "") is None
            halt.put(connection, "elsewhere", "LOST：")
        assert checkpoints.halted(store, keys, "mandate.test/log") == "LOST："
        with store.engine.begin() as connection:
            halt.clear(connection, "elsewhere")
        size, last = town.size(), keys / checkpoints.FOLDER / "mandate.test_log.last"
        last.rename(last.with_suffix(".away"))
        told = checkpoints.halted(store, keys, "mandate.test/log")
        assert (told or "").startswith("LOST")
        assert "停止办理" in greeting.halted(town.settings, told or "")
        assert town.size() == size
        last.with_suffix(".away").rename(last)
