"""`mandate log rotate-key`: safe beside a live signer, believed by whoever knows only the old key, refused where it must be."""

from __future__ import annotations

import base64
import io
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import worlds
from acts import laws, rows, running
from chronicles import EYES
from conftest import World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from keeping import ORIGIN, House
from test_signing import cut_back

from api import checkpoints
from api.commands import upkeep
from api.database import Database
from api.settings import Misconfigured
from audit import checkpoint, keyring, note, proof, signing
from audit.checkpoint import BadKey, Cosigner, Verifier
from audit.device import DeviceSigner
from audit.nodes import consistency
from audit.submission import Submission
from audit.witness import Shelf, Witness
from authz.founding import LogOpened

DEVICE = """
import base64, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
word, text = sys.stdin.readline().split()
signed = Ed25519PrivateKey.from_private_bytes({seed!r}).sign(base64.b64decode(text) + {more!r})
print(base64.b64encode(signed).decode())
"""


@pytest.fixture
def house(database: World, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        ledger = stack.enter_context(running(database.engine))
        made = House(database, tmp_path / "log", ledger, stack)
        ledger.record(checkpoints.Deed(ref="0" * 32, facts=(LogOpened(origin=ORIGIN, purpose="practice"),)))
        yield made


def store(house: House) -> Database:
    return Database(None, house.world.app_url, house.world.engine)


def rotated(house: House, device: Path | None = None) -> Verifier:
    return checkpoints.rotate(store(house), laws, house.folder.parent, ORIGIN, device)


def printed(house: House) -> str:
    with house.world.engine.connect() as connection:
        found = signing.published(connection, ORIGIN)
    assert found is not None
    return found.note


def device(folder: Path, *, more: bytes = b"", seed: bytes = b"\x05" * 32, name: str = ORIGIN) -> tuple[Path, Verifier]:
    """The file of a device, and its public half; with `more`, the device signs something else."""
    verifier = Verifier(name, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())
    program = folder / "device.py"
    program.write_text(DEVICE.format(seed=seed, more=more))
    file = folder / "device.signer"
    file.write_text(f'vkey = "{verifier.vkey}"\ncommand = ["{sys.executable}", "{program}"]\n')
    file.chmod(0o600)
    return file, verifier


def test_a_live_signer_takes_the_new_key_up_and_both_sign(house: House) -> None:
    keeper = house.keeper()
    keeper.turn()
    first, before = house.published(), printed(house)
    (old,) = [each.verifier for each in keyring.keys(house.folder, ORIGIN)]
    made = rotated(house)
    files = sorted(house.folder.glob("*.key"))
    assert [stat.S_IMODE(each.stat().st_mode) for each in files] == [0o600, 0o600]
    keeper.turn()
    assert house.ledger.halted is None
    for verifier in (old, made):
        assert checkpoint.open(printed(house), [verifier])[0].size == first.size + 1
    assert checkpoint.open(before, [old])[0] == first
    again = rotated(house)
    keeper.turn()
    assert len(note.parse(printed(house)).signatures) == 3
    assert [each.vkey for each in verifiers(house)] == [again.vkey, made.vkey, old.vkey]


def verifiers(house: House) -> list[Verifier]:
    with house.world.engine.connect() as connection:
        return keyring.verifiers(connection)


def test_a_key_is_rotated_while_nobody_signs(house: House) -> None:
    keeper = house.keeper()
    keeper.turn()
    keeper.stop()
    made = rotated(house)
    assert house.published().size == 2
    house.keeper().turn()
    assert checkpoint.open(printed(house), [made])[0].size == 3


def test_a_witness_that_knows_the_old_key_goes_on_until_that_file_is_gone(house: House, tmp_path: Path) -> None:
    keeper = house.keeper()
    keeper.turn()
    (old,) = [each.verifier for each in keyring.keys(house.folder, ORIGIN)]
    late = Witness(Cosigner(EYES), {ORIGIN: (old,)}, Shelf(tmp_path / "late"))

    def shown(eyes: Witness, before: int) -> int:
        signed = note.parse(printed(house))
        size = checkpoint.parse(signed.text).size
        with house.world.engine.connect() as connection:
            path = consistency(connection, before, size).path if before else ()
        return eyes.add_checkpoint(Submission(before, tuple(path), signed).format(), 7).status

    assert shown(late, 0) == 200
    made = rotated(house)
    keeper.turn()
    assert shown(late, 2) == 200
    (house.folder / "mandate.test_log.key").unlink()
    house.write()
    keeper.turn()
    assert shown(late, 3) == 403
    told = Witness(Cosigner(EYES), {ORIGIN: (old, made)}, Shelf(tmp_path / "late"))
    assert shown(told, 3) == 200


def test_the_refusals_say_why_and_leave_everything_as_it_was(house: House, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="还没有签名密钥"):
        rotated(house)
    keeper = house.keeper()
    keeper.turn()
    with pytest.raises(Misconfigured, match="MANDATE_ORIGIN"):
        checkpoints.rotate(store(house), laws, house.folder.parent, "other.test/log")
    moved = tmp_path / "away"
    shutil.move(house.folder / "mandate.test_log.key", moved)
    with pytest.raises(Misconfigured):
        rotated(house)
    house.last().rename(tmp_path / "last")
    with pytest.raises(Misconfigured):
        rotated(house)
    assert house.size() == 2
    shutil.move(moved, house.folder / "mandate.test_log.key")
    with pytest.raises(Misconfigured, match="LOST"):
        rotated(house)
    (tmp_path / "last").rename(house.last())
    house.write(3)
    keeper.turn()
    house.world.intact = False
    cut_back(house)
    with pytest.raises(Misconfigured, match="ROLLBACK"):
        rotated(house)
    assert len(list(house.folder.glob("*.key"))) == 1


def test_an_absent_key_is_named(house: House) -> None:
    house.keeper().turn()
    vkey = verifiers(house)[0].vkey
    with pytest.raises(BadKey, match="不在本机"):
        keyring.rotate(house.folder, ORIGIN, replace(Verifier.from_vkey(vkey), public=bytes(32)).vkey)


def test_a_device_signs_from_then_on_and_no_private_key_lies_here(house: House, tmp_path: Path) -> None:
    keeper = house.keeper()
    keeper.turn()
    file, verifier = device(tmp_path)
    assert rotated(house, file) == verifier
    (house.folder / "mandate.test_log.key").rename(tmp_path / "old")
    # The last checkpoint is still the old key's alone: it must lie here until the device has signed one.
    keeper.turn()
    assert (house.ledger.halted or "").startswith("LOST")
    (tmp_path / "old").rename(house.folder / "mandate.test_log.key")
    keeper.turn()
    assert house.ledger.halted is None
    (house.folder / "mandate.test_log.key").unlink()
    house.write()
    keeper.turn()
    assert checkpoint.open(printed(house), [verifier])[0].size == 4
    restarted = house.keeper()
    keeper._hang_up()
    restarted.turn()
    assert house.ledger.halted is None


@pytest.mark.parametrize("case", ["another_text", "another_name", "open_to_others", "no_program", "nonsense"])
def test_a_device_that_does_not_sign_is_not_taken(house: House, tmp_path: Path, case: str) -> None:
    house.keeper().turn()
    more, name = b"x" if case == "another_text" else b"", "other.test/log" if case == "another_name" else ORIGIN
    file, _ = device(tmp_path, more=more, name=name)
    if case == "open_to_others":
        file.chmod(0o644)
    elif case == "no_program":
        (tmp_path / "device.py").unlink()
    elif case == "nonsense":
        file.write_text("vkey = 1\n")
    with pytest.raises(Misconfigured):
        rotated(house, file)
    assert len(verifiers(house)) == 1
    assert list(house.folder.glob("*.signer")) == []


def test_a_device_that_falls_silent_signs_nothing_and_stops_nobody(house: House, tmp_path: Path) -> None:
    keeper = house.keeper()
    keeper.turn()
    file, verifier = device(tmp_path)
    rotated(house, file)
    keeper.turn()
    program = (tmp_path / "device.py").read_text()
    (tmp_path / "device.py").write_text("")
    house.write()
    keeper.turn()
    assert (house.published().size, house.ledger.halted) == (3, None)
    (tmp_path / "device.py").write_text(program)
    keeper.turn()
    assert house.published().size == 4
    after = rotated(house)
    (tmp_path / "device.py").write_text("")
    keeper.turn()
    assert checkpoint.open(printed(house), [after])[0].size == 5
    with pytest.raises(BadKey):
        DeviceSigner(verifier, (sys.executable, "-c", "print('AAAA')")).sign(b"x")


def test_a_person_confirms(
    database: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for said in ("", "\n", "不\n", "no\n"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        with pytest.raises(Misconfigured, match="没有确认"):
            upkeep.confirmed("将更换。", yes=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("是\n"))
    upkeep.confirmed("将更换。", yes=False)
    upkeep.confirmed("将更换。", yes=True)
    with worlds.Town(database) as town:
        upkeep.rotate(town.settings, town.deployment.database, None)
        told = capsys.readouterr()
        assert town.get("/log/keys", None).text.splitlines()[0] == told.out.strip()
        assert "witness.toml" in told.err
        proven = town.get(f"/v1/entries/{town.size() - 1}/proof", None).json()
    row = rows(database, "SELECT leaf FROM entry WHERE kind = 'LogKeyRotated'")[0]
    path = [base64.b64decode(each) for each in proven["path"]]
    proof.verify_inclusion(proven["number"], proven["size"], bytes(row.leaf), path, base64.b64decode(proven["root"]))
