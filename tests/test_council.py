"""The council: only good cosignatures are taken, forks and rollbacks are found from outside, and silence harms nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import acts
import desks
import pytest
from chronicles import EYES, ORIGIN, STRANGER, Chronicle
from conftest import Server, World
from desks import Desk
from loopback import answering, only_writing, served, silent

from api.witness import witnessing
from api.witness.liaison import Known
from audit import checkpoint, cosignature, note
from audit.checkpoint import Checkpoint, Cosigner
from audit.note import Note
from audit.witness import Witness
from authz import refusal

PULLS = Known(EYES.verifier, None)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    desks.log_key(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def eyes(keys: Path) -> Witness:
    return desks.eyes(keys)


@pytest.fixture
def outside(eyes: Witness) -> Iterator[Known]:
    """That witness, standing at an address."""
    with served(witnessing.create_app(eyes)) as url:
        yield Known(EYES.verifier, url)


@pytest.fixture
def clone(server: Server, database: World) -> Iterator[Callable[[], World]]:
    """A function that copies the database as it stands; nobody may be connected to it."""
    yield from desks.clones(server, database)


@pytest.fixture
def desk(database: World, keys: Path) -> Iterator[Callable[..., Desk]]:
    """A function that opens a desk; all are closed at the end."""
    opened: list[Desk] = []

    def make(*named: Known, world: World = database, folder: Path = keys) -> Desk:
        opened.append(Desk(world, folder, *named))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


# --- what is brought ------------------------------------------------------------------------------------------------
def test_only_what_both_have_signed_is_taken(desk: Callable[..., Desk]) -> None:
    here = desk(PULLS)
    signed = here.signed()
    other = Chronicle("abc")

    def both(text: str, log: Any = here.key, witness: Any = EYES) -> bytes:
        blob = Cosigner(witness).cosign(text, 7)
        first = note.Signature(log.name, log.verifier.key_id, log.sign(text.encode()))
        return note.format(Note(text, (first, blob))).encode()

    good = both(signed.text)
    strange = desks.witness_key(EYES.name, b"\x0c" * 32)
    for body, refused in (
        (b"", refusal.Unreadable), (good[:-9], refusal.Unreadable), (both("x\n"), refusal.Unreadable),
        (both(Checkpoint("other.test/log", 3, bytes(32)).text), refusal.Unknown),
        (both(signed.text, log=STRANGER), refusal.NotWitnessed), (both(signed.text, witness=strange), refusal.NotWitnessed),
        (good.replace(b"\xe2\x80\x94 witness.test", b"\xe2\x80\x94 witness.tes"), refusal.NotWitnessed),
    ):  # fmt: skip
        with pytest.raises(refused):
            here.council.receive(body)
    assert here.council.receive(good) == checkpoint.parse(signed.text).size
    assert here.turn() is None
    assert len(here.council.cosigned(signed).signatures) == 2
    with pytest.raises(refusal.OtherHistory):
        here.council.receive(both(Checkpoint(ORIGIN, other.size(), other.root(3)).text))
    assert here.alarms() == ["WitnessConflict"]
    with pytest.raises(refusal.OtherHistory):
        here.council.receive(both(Checkpoint(ORIGIN, 10**6, other.root(3)).text))
    assert here.alarms() == ["WitnessConflict"]
    halted = here.turn()
    assert halted is not None
    assert halted.startswith("FORK")


def test_an_altered_cosignature_is_not_published(desk: Callable[..., Desk], outside: Known, database: World) -> None:
    here = desk(outside)
    signed = here.signed()
    here.visit()
    assert len(here.council.cosigned(signed).signatures) == 2
    assert len(here.council.cosigned(here.council.cosigned(signed)).signatures) == 2
    with database.engine.begin() as connection:
        stored = cosignature.cosignatures(connection, checkpoint.parse(signed.text))
        cosignature.keep(
            connection, EYES.name, checkpoint.parse(signed.text), replace(stored[0], blob=bytes(72)), datetime.now(UTC)
        )
    assert here.council.cosigned(signed) == signed


# --- the tamper matrix ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ahead", [0, 3])
@pytest.mark.parametrize("extension", [True, False])
def test_row_14_two_databases_under_one_name(
    desk: Callable[..., Desk], clone: Callable[[], World], eyes: Witness, keys: Path, ahead: int, extension: bool
) -> None:
    """Of two that sign, the second to come is refused by the witness: it says so on record and signs no more."""
    app = witnessing.create_app(eyes)
    with served(app if extension else only_writing(app)) as url:
        known = Known(EYES.verifier, url)
        first = desk(known)
        first.signed()
        first.visit()
        first.close()
        second = desk(known, world=clone(), folder=desks.copied(keys))
        assert second.turn() is None
        first = desk(known)
        for each, count in ((first, 2), (second, 2 + ahead)):
            each.write(count, who=str(count) if each is first else "second")
            assert each.turn() is None
        first.visit()
        assert first.alarms() == []
        second.visit()
        assert second.alarms() == ["WitnessConflict"]
        halted = second.turn()
        assert halted is not None
        assert halted.startswith("FORK")
        (row,) = acts.rows(
            second.world, "SELECT convert_from(bytes, 'UTF8') AS entry FROM entry WHERE kind = 'WitnessConflict'"
        )
        assert ('"proven":true' in row.entry) is extension
        before = second.latest
        with pytest.raises(refusal.Closed):
            second.write()
        second.turn()
        assert second.latest == before
        first.signed()
        first.visit()
        assert first.turn() is None


@pytest.mark.parametrize("extension", [True, False])
@pytest.mark.parametrize("watched", [True, False])
def test_row_13_yesterday_s_backup_is_not_signed(
    desk: Callable[..., Desk], clone: Callable[[], World], eyes: Witness, keys: Path, extension: bool, watched: bool
) -> None:
    """Database and keys restored together: nothing inside can tell. The witness can; without one, nobody does."""
    app = witnessing.create_app(eyes)
    with served(app if extension else only_writing(app)) as url:
        known = (Known(EYES.verifier, url),)
        today = desk(*known)
        today.signed()
        today.visit()
        today.close()
        backup, old_keys = clone(), desks.copied(keys)
        today = desk(*known)
        today.signed()
        today.visit()
        restored = desk(*(known if watched else ()), world=backup, folder=old_keys)
        before, halted = restored.latest, restored.turn()
        assert halted is None if not watched else halted is not None and halted.startswith("ROLLBACK")
        if watched:
            assert restored.latest == before
            with pytest.raises(refusal.Closed):
                restored.write()


@pytest.mark.parametrize("met", [True, False])
def test_a_verdict_outlives_a_restart_until_the_witness_agrees(
    desk: Callable[..., Desk], outside: Known, met: bool
) -> None:  # fmt: skip
    """A machine that says no stops the signing; only the witness itself, seen to hold this history, takes it back."""
    if met:
        early = desk(outside)
        early.signed()
        early.visit()
        early.close()
    with served(answering("422 text/plain")) as liar:
        here = desk(Known(EYES.verifier, liar))
        if not met:
            here.signed()
            here.visit()
        assert here.turn() is not None
        here.close()
    with silent() as (nowhere, _):
        still = desk(Known(EYES.verifier, nowhere))
        still.council.seconds = 0.2
        halted = still.turn()
        assert halted is not None
        assert halted.startswith("FORK")
        still.close()
    again = desk(outside)
    assert again.turn() is None
    again.signed()
    again.visit()
    again.council.asked = False
    assert again.turn() is None
    gone = desk()
    assert gone.turn() is None


# --- silence --------------------------------------------------------------------------------------------------------
def test_a_witness_that_lags_is_an_alarm_once_and_its_return_another(
    desk: Callable[..., Desk], eyes: Witness, outside: Known
) -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    with served(answering("503 text/plain")) as url:
        here = desk(Known(EYES.verifier, url))
        here.council.clock = lambda: now
        for seconds, alarms in ((0, 0), (900, 0), (901, 1), (5000, 1)):
            now = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
            here.signed()
            here.visit()
            assert here.alarms() == ["WitnessLagged"] * alarms
    here.council.known = (outside,)
    here.visit()
    here.visit()
    assert here.alarms() == ["WitnessLagged", "WitnessRecovered"]
    assert here.turn() is None


def test_too_many_entries_behind_is_lagging_too(desk: Callable[..., Desk]) -> None:
    here = desk(PULLS)
    here.signed()
    here.visit()
    assert here.alarms() == []
    here.numbers(witness_lag_entries=1)
    here.visit()
    assert here.alarms() == ["WitnessLagged"]


def test_only_the_process_that_signs_hands_in(desk: Callable[..., Desk], outside: Known) -> None:
    here = desk(outside)
    here.signed()
    here.council.leading = lambda: False
    here.visit()
    assert acts.rows(here.world, "SELECT 1 FROM cosignature") == []


def test_threads_end_with_the_service(desk: Callable[..., Desk], outside: Known) -> None:
    here = desk(outside)
    here.signed()
    here.council.start()
    acts.until(lambda: len(here.council.cosigned(here.latest).signatures) == 2)  # type: ignore[arg-type]
    here.close()
    assert not [each for each in threading.enumerate() if each.name == EYES.name]


@pytest.mark.parametrize(("more", "verdict"), [(0, "FORK"), (1, "ROLLBACK")])
def test_what_is_known_of_a_witness_speaks_without_it(desk: Callable[..., Desk], more: int, verdict: str) -> None:
    """A cosignature on record for more than there is, or for another root, is enough."""
    here = desk(PULLS)
    here.signed()
    here.write()
    other = Checkpoint(ORIGIN, here.now.size + more, bytes(32))
    here.council.keep(PULLS, other, Cosigner(EYES).cosign(other.text, 7))
    halted = here.turn()
    assert halted is not None
    assert halted.startswith(verdict)
