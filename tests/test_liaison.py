"""The speech with one witness: nothing is believed but what its key, and for proof the log's key too, has signed."""

from __future__ import annotations

from pathlib import Path

import acts
import desks
import pytest
from chronicles import EYES, ORIGIN, Chronicle
from conftest import World
from loopback import answering, served

from api.witness import witnessing
from api.witness.liaison import Conflict, Known, compare
from audit import note
from audit.checkpoint import Checkpoint, Cosigner
from audit.note import Note


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    desks.log_key(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("500 text/plain", b""), ("200 text/plain", b""), ("200 text/plain", b"\xff"), ("404 text/plain", b""), ("403 text/plain", b""),
        ("200 text/plain", Cosigner(EYES).cosign("another text\n", 7).line.encode()),
        ("200 text/plain", Cosigner(desks.witness_key("x", b"\x0d" * 32)).cosign("x\n", 7).line.encode()),
        ("409 text/plain", b"5\n"), ("409 text/x.tlog.size", b"05\n"), ("409 text/x.tlog.size", b"5" * 30), ("409 text/x.tlog.size", b"0\n"),
        ("302 text/plain", b""),
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_silence(database: World, keys: Path, head: str, body: bytes) -> None:
    with served(answering(head, body)) as url, desks.opened(database, keys, Known(EYES.verifier, url)) as here:
        here.signed()
        here.visit()
        assert here.turn() is None
        assert here.council.cosigned(here.signed()).signatures == here.latest.signatures  # type: ignore[union-attr]
        assert here.alarms() == []
        assert acts.rows(here.world, "SELECT 1 FROM cosignature") == []


def test_what_is_shown_is_believed_only_under_both_keys(database: World, keys: Path) -> None:
    """Else a machine in between could take a verdict back, or make one that looks proven."""
    with desks.opened(database, keys) as here:
        signed = here.signed()
        other = Checkpoint(ORIGIN, 10**6, bytes(32)).text
        cosigned, alone = (Cosigner(EYES).cosign(each, 7) for each in (signed.text, other))
        for shown, believed in (
            (signed, False), (Note(other, (alone,)), False), (Note(signed.text, (cosigned,)), False),
            (Note(signed.text, (*signed.signatures, cosigned)), True),
        ):  # fmt: skip
            with served(answering("200 text/plain", note.format(shown).encode())) as url:
                held = here.council._liaison(Known(EYES.verifier, url)).held()
            assert (held is not None) is believed


def test_a_torn_tree_cannot_be_shown_to_be_the_one_that_was_signed() -> None:
    class Torn(Chronicle):
        def root(self, size: int) -> bytes:
            raise LookupError(size)

    held = Chronicle("abc").checkpoint()
    assert compare(held, Chronicle("abcd")) is None
    assert compare(held, Torn("abcd")) == Conflict("FORK", 3, held)
    assert compare(held, Chronicle("ABCD")) == Conflict("FORK", 3, held)
    assert compare(held, Chronicle("ab")) == Conflict("ROLLBACK", 3, held)


def test_a_newer_checkpoint_of_ours_at_the_witness_is_no_conflict(database: World, keys: Path) -> None:
    """Another process of this service was quicker."""
    with served(witnessing.create_app(desks.eyes(keys))) as url:
        outside = Known(EYES.verifier, url)
        with desks.opened(database, keys, outside) as here:
            first = here.signed()
            here.signed()
            here.visit()
            assert here.council._liaison(outside).push(first, 0) is None
            assert here.alarms() == []
