"""The keys of a log: one follows another by the earlier one's signature, and the service says what stands in its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import worlds
from acts import Say, rows, running
from conftest import World
from keeping import ORIGIN, House

from api import checkpoints
from audit import checkpoint, keyring, note, signing
from audit.checkpoint import Verifier
from authz.signing import LogKeyRotated


@pytest.fixture
def house(database: World, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        ledger = stack.enter_context(running(database.engine))
        yield House(database, tmp_path / "log", ledger, stack)


def test_a_rotated_key_is_signed_by_the_old_and_taken_up(house: House) -> None:
    keeper = house.keeper()
    keeper.turn()
    before = house.published()
    old = Verifier.from_vkey(rows(house.world, "SELECT value FROM charter WHERE name = 'log_key'")[0].value)
    fact = keyring.rotate(house.folder, ORIGIN, old.vkey)
    house.ledger.record(Say(facts=(fact,)))
    keeper.turn()
    assert keyring.handed_on(fact, ORIGIN)
    bent: tuple[LogKeyRotated, ...] = tuple(
        LogKeyRotated(**(fact.__dict__ | {name: value}))
        for name, value in (
            ("vkey", old.vkey),
            ("earlier", fact.vkey),
            ("signature", "AAAA"),
            ("signature", "x"),
            ("vkey", "x"),
        )
    )
    assert not any(keyring.handed_on(each, ORIGIN) for each in bent)
    assert not keyring.handed_on(fact, "other/log")
    assert house.published().size == before.size + 1
    with house.world.engine.connect() as connection:
        assert [each.vkey for each in keyring.verifiers(connection)] == [fact.vkey, old.vkey]
        published = signing.published(connection, ORIGIN)
    assert published is not None
    assert note.parse(published.note).signatures[0].key_id == Verifier.from_vkey(fact.vkey).key_id
    assert checkpoint.open(published.note, [old])[0] == house.published()
    (house.folder / "mandate.test_log.key").unlink()
    house.write()
    keeper.turn()
    with house.world.engine.connect() as connection:
        alone = signing.published(connection, ORIGIN)
    assert alone is not None
    assert checkpoint.open(alone.note, [Verifier.from_vkey(fact.vkey)])[0].size == before.size + 2
    with pytest.raises(checkpoint.Unverified):
        checkpoint.open(alone.note, [old])
    with pytest.raises(checkpoint.BadKey):
        keyring.rotate(house.folder, ORIGIN, replace(old, public=bytes(32)).vkey)


def test_the_service_says_that_it_is_halted_and_goes_on_answering_reads(database: World) -> None:
    with worlds.Town(database) as town:
        assert town.get("/readyz", None).json()["signed"] == town.size()
        town.deployment.ledger.halted = "ROLLBACK：数据库"
        for answer in (town.get("/readyz", None), town.post("/v1/edits", worlds.COLLECTOR, town.edit())):
            assert (answer.status_code, answer.json()["code"]) == (503, "closed")
            assert "ROLLBACK" in answer.text
        assert town.get("/v1/entries/0/proof", None).status_code == 200
        assert town.get("/v1/me", worlds.CLERK).status_code == 200
        town.deployment.ledger.halted = None


def test_a_key_is_rotated_beside_a_running_service(database: World) -> None:
    with worlds.Town(database) as town:
        house = town.deployment
        made = checkpoints.rotate(house.database, house.laws, house.settings.keys, house.origin)
        assert town.get("/log/keys", None).text.splitlines()[0] == made.vkey
        assert len(town.get("/log/keys", None).text.splitlines()) == 2
    with database.engine.connect() as connection:
        signed = signing.published(connection, house.origin)
    assert signed is not None
    assert checkpoint.open(signed.note, [made])[0].size == town.size()
