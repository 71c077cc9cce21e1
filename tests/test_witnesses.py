"""The log and its witnesses together: cosigned checkpoints, forks and rollbacks found from outside, silence that harms nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import acts
import desks
import pytest
import worlds
from chronicles import EYES, LOG, ORIGIN
from conftest import World
from loopback import served, silent

from api.settings import Misconfigured
from api.witness import witnesses, witnessing
from api.witness.liaison import Known
from api.witness.watch import Watched
from audit import checkpoint, note
from audit.checkpoint import Cosigner
from audit.note import Note
from audit.witness import Shelf, Witness

PULLS = Known(EYES.verifier, None)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    desks.log_key(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def outside(keys: Path) -> Iterator[Known]:
    """A witness of the log that signs with these keys, standing at an address."""
    with served(witnessing.create_app(desks.eyes(keys))) as url:
        yield Known(EYES.verifier, url)


# --- the full loop --------------------------------------------------------------------------------------------------
def test_a_served_checkpoint_is_cosigned_and_edits_wait_for_nobody(database: World, keys: Path, outside: Known) -> None:
    """A real application, a real witness that is called, one that pulls, and one that takes the call and says nothing."""
    hush = desks.witness_key("hush.test", b"\x0a" * 32)
    comes = desks.witness_key("comes.test", b"\x0b" * 32)
    with silent() as (nowhere, called):
        town = worlds.Town(database)
        named = (outside, Known(hush.verifier, nowhere), Known(comes.verifier, None))
        town.deployment.settings = replace(
            town.deployment.settings, keys=keys, witnesses=desks.listed(keys, *named)
        )  # fmt: skip
        log = desks.log_key(keys).verifier
        with town:
            acts.until(called.is_set)
            grant = town.granted(town.line())[0]
            town.delegated(grant)
            assert town.post("/v1/edits", worlds.COLLECTOR, town.edit()).status_code == 201
            served_texts: list[str] = []

            def cosigned() -> bool:
                served_texts.append(town.client.get("/log/checkpoint").text)
                return EYES.name in served_texts[-1]

            acts.until(cosigned, 30)
            assert len(checkpoint.open(served_texts[-1], (log, EYES.verifier))[1]) == 2
            with served(town.app) as url:
                pulling = Witness(Cosigner(comes), {ORIGIN: (log,)}, Shelf(keys.parent / "comes"))
                for _ in range(3):
                    assert witnessing.pull(pulling, Watched(ORIGIN, log, url, 60), 7).status == 200
            held = pulling.held(ORIGIN)
            assert held is not None
            brought = note.format(held).encode()
            (row,) = acts.rows(database, "SELECT size FROM witness WHERE name = 'comes.test'")
            assert row.size == checkpoint.parse(held.text).size

            def bring(body: bytes) -> tuple[int, str]:
                told = town.client.post("/v1/cosignatures", content=body, headers={"content-type": "text/plain"})
                return told.status_code, told.json().get("code", "")

            assert bring(brought) == (200, "")
            assert bring(b"x") == (400, "unreadable")
            assert bring(b"x" * 20_000)[0] == 413
            assert bring(note.format(Note(held.text, held.signatures[:1])).encode()) == (403, "not_witnessed")


# --- the file -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "witness"), ("x", "TOML"), ("witness = 1", "witness"), ("[[witness]]\nurl = 'https://a.example'", "vkey"),
        (f"[[witness]]\nvkey = '{LOG.verifier.vkey}'", "见证人的公钥"), ("[[witness]]\nvkey = 'x'", "vkey"), ("[[witness]]\nvkey = 5", "vkey"),
        (f"[[witness]]\nvkey = '{EYES.verifier.vkey}'\nurl = 'http://a.example'", "url"),
        (f"[[witness]]\nvkey = '{EYES.verifier.vkey}'\npull = true", "vkey"), (f"[[witness]]\nvkey = '{EYES.verifier.vkey}'\n" * 2, "同名"),
        (f"[[witness]]\nvkey = '{EYES.verifier.vkey}'\n" * 17, "16"), (f"a = 1\n[[witness]]\nvkey = '{EYES.verifier.vkey}'", "witness"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_witnesses_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "witnesses.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=told):
        witnesses.read(file)
    assert witnesses.read(desks.listed(tmp_path, PULLS)) == (PULLS,)
    assert witnesses.read(None) == ()
