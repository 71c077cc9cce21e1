"""The signing of checkpoints: what was signed once is never taken back, and whoever finds a shorter or another log stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from acts import as_superuser, rows, running, until
from conftest import World
from keeping import ORIGIN, House
from sqlalchemy import Connection

from audit import checkpoint, keyring, note, signing
from audit.checkpoint import Checkpoint
from audit.cosignature import Disputed
from audit.tree import EMPTY, SM3, Edge, leaf
from authz.refusal import Closed

OFF = "ALTER TABLE entry DISABLE TRIGGER ALL; ALTER TABLE entry_00000 DISABLE TRIGGER ALL; ALTER TABLE node DISABLE TRIGGER ALL"


@pytest.fixture
def house(database: World, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        ledger = stack.enter_context(running(database.engine))
        yield House(database, tmp_path / "log", ledger, stack)


def test_a_log_adopts_its_key_signs_and_lays_the_checkpoint_beside_the_key_first(house: House) -> None:
    keeper = house.keeper()
    keeper.turn()
    assert [row.kind for row in rows(house.world, "SELECT kind FROM entry")] == ["LogKeyAdopted"]
    assert house.published() == Checkpoint(ORIGIN, 1, house.published().root)
    assert house.last().stat().st_mode & 0o777 == 0o600
    house.write(3)
    keeper.turn()
    leaves = [leaf(bytes(row.bytes)) for row in rows(house.world, "SELECT bytes FROM entry ORDER BY number")]
    assert house.published() == Checkpoint(ORIGIN, 4, Edge().extend(leaves).root)
    assert signing.last(house.folder, ORIGIN) == house.published()
    keeper.turn()
    assert len(rows(house.world, "SELECT FROM checkpoint")) == 2


def test_one_signs_and_another_takes_over_when_it_is_gone(house: House) -> None:
    first, second = house.keeper(), house.keeper()
    first.turn()
    second.turn()
    assert (first.holder, second.holder) == (True, False)
    house.write()
    second.turn()
    assert house.published().size == 1
    first._hang_up()
    second.turn()
    assert second.holder
    assert house.published().size == 2


def test_whoever_has_no_key_compares_and_never_holds_the_lock(house: House, tmp_path: Path) -> None:
    keeper, stranger = house.keeper(), house.keeper(tmp_path / "elsewhere")
    keeper.turn()
    keeper._hang_up()
    stranger.turn()
    assert not stranger.holder
    assert list(tmp_path.glob("elsewhere/*")) == []
    assert house.ledger.halted is None


def test_a_keeper_signs_by_itself_while_there_is_traffic_and_once_more_at_the_end(house: House) -> None:
    house.numbers["checkpoint_seconds"] = 1
    keeper = house.keeper()
    keeper.start()
    house.write(2)
    until(lambda: house.published().size == 3)
    house.write(2)
    keeper.stop()
    assert house.published().size == 5


def test_silence_is_broken_by_a_heartbeat_of_the_holder(house: House) -> None:
    keeper, other = house.keeper(), house.keeper()
    keeper.turn()
    house.numbers["heartbeat_seconds"] = 0
    other.turn()
    assert house.size() == 1
    keeper.turn()
    assert rows(house.world, "SELECT kind FROM entry ORDER BY number DESC LIMIT 1")[0].kind == "Heartbeat"
    keeper.turn(writing=False)
    assert (house.size(), house.published().size) == (2, 2)


def cut_back(house: House) -> None:
    """The database as of its first two entries."""
    for each in (*OFF.split("; "), "DELETE FROM entry WHERE number >= 2", "DELETE FROM checkpoint WHERE size > 2"):
        as_superuser(house.world, each)
    edge = Edge().extend(bytes(row.leaf) for row in rows(house.world, "SELECT leaf FROM entry ORDER BY number"))
    as_superuser(house.world, f"UPDATE head SET size = 2, edge = '\\x{edge.packed.hex()}'")


def rewrite(house: House) -> None:
    """Another history of the same length: bytes, leaves, nodes and edge all fit."""
    for each in (*OFF.split("; "), "UPDATE entry SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'x2', 'y2'), 'UTF8')",
                 "UPDATE entry SET leaf = sha256('\\x00' || bytes)"):  # fmt: skip
        as_superuser(house.world, each)
    edge = Edge().extend(bytes(row.leaf) for row in rows(house.world, "SELECT leaf FROM entry ORDER BY number"))
    as_superuser(house.world, f"UPDATE head SET edge = '\\x{edge.packed.hex()}'")


def damage_last(house: House) -> None:
    house.last().write_text(house.last().read_text().replace("\n7\n", "\n3\n"))


DAMAGE: dict[str, tuple[Callable[[House], Any], str]] = {
    "an_older_database": (cut_back, signing.ROLLBACK),
    "a_rewritten_database": (rewrite, signing.FORK),
    "no_last_file": (lambda house: house.last().unlink(), signing.LOST),
    "a_changed_last_file": (damage_last, signing.LOST),
    "an_empty_last_file": (lambda house: house.last().write_text(""), signing.LOST),
    "a_last_file_of_another_log": (
        lambda house: house.last().write_text(house.last().read_text().replace(ORIGIN, "other/log")), signing.LOST,
    ),
    "no_nodes": (
        lambda house: [as_superuser(house.world, each) for each in (*OFF.split("; "), "UPDATE head SET edge = '\\x00'")], signing.FORK,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_database_that_does_not_continue_what_was_signed_is_neither_signed_nor_written(
    house: House, case: str, restarted: bool
) -> None:
    keeper = house.keeper()
    keeper.turn()
    house.write(6)
    keeper.turn()
    before = house.last().read_text()
    act, verdict = DAMAGE[case]
    house.world.intact = False
    act(house)
    if restarted:
        keeper._hang_up()
        keeper = house.keeper()
    keeper.turn()
    assert (house.ledger.halted or "").startswith(verdict)
    with pytest.raises(Closed, match=verdict):
        house.write()
    assert (
        not house.last().exists()
        or case not in ("an_older_database", "a_rewritten_database")
        or house.last().read_text() == before
    )


def test_the_halt_ends_when_the_right_database_is_back(house: House) -> None:
    keeper = house.keeper()
    keeper.turn()
    kept = house.last().read_text()
    house.last().unlink()
    keeper.turn()
    assert house.ledger.halted is not None
    house.last().write_text(kept)
    keeper.turn()
    assert house.ledger.halted is None
    house.write()


def test_a_new_database_under_an_old_key_is_not_signed(house: House) -> None:
    key = keyring.first_key(house.folder, ORIGIN)
    house.last().write_text(note.format(checkpoint.sign(Checkpoint(ORIGIN, 10, EMPTY), key)))
    house.keeper().turn()
    assert (house.ledger.halted or "").startswith(signing.ROLLBACK)
    assert house.size() == 0


def test_a_start_cut_short_between_the_file_and_the_table_is_made_good(house: House) -> None:
    keeper = house.keeper()
    keeper.turn()
    house.write()
    keeper.turn()
    as_superuser(house.world, "DELETE FROM checkpoint WHERE size = 2")
    keeper.turn()
    assert house.published().size == 2


def test_a_witness_that_disagrees_stops_the_signing(house: House) -> None:
    def consult(connection: Connection, wanted: Checkpoint | None) -> None:
        raise Disputed("w.test", "FORK")

    keeper = house.keeper()
    keeper.consult = consult
    keeper.turn()
    assert not house.last().exists()
    assert (house.ledger.halted or "").startswith("FORK：见证人 w.test")


def test_the_second_tree_is_signed_over_the_same_bytes_with_sm3(house: House) -> None:
    house.numbers["log_sm3"] = 1
    keeper = house.keeper()
    for many in (1, 5):
        keeper.turn()
        house.write(many)
    keeper.turn()
    contents = [bytes(row.bytes) for row in rows(house.world, "SELECT bytes FROM entry ORDER BY number")]
    with house.world.engine.connect() as connection:
        found = signing.published(connection, ORIGIN + "/sm3")
        assert found is not None
        signed, _ = checkpoint.open(found.note, keyring.verifiers(connection))
    want = Edge().grow((leaf(each, SM3) for each in contents), SM3)[0].top(SM3)
    assert signed == Checkpoint(ORIGIN + "/sm3", len(contents), want)
    as_superuser(house.world, f"UPDATE edge SET hashes = '\\x{'00' * 96}'")
    keeper.turn()
    assert house.ledger.halted is None
    house.write()
    keeper.turn()
    assert house.ledger.halted is None
