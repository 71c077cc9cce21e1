"""Checkpoints and their keys: one printed form each, C2SP key ids, and what counts as signed."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import checkpoint, note
from audit.checkpoint import (
    COSIGNATURE,
    BadCheckpoint,
    BadKey,
    Checkpoint,
    Cosigner,
    Ed25519Signer,
    Unverified,
    Verifier,
)  # fmt: skip
from audit.note import BadNote, Note, Signature

ORIGIN = "mandate.nx.example/log"
HEAD = Checkpoint(ORIGIN, 20852163, bytes(range(32)))
names = st.text(st.characters(codec="utf-8", min_codepoint=33), min_size=1).filter(note.named)
checkpoints = st.builds(Checkpoint, names, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))


@pytest.fixture
def signer(tmp_path: Path) -> Ed25519Signer:
    return Ed25519Signer.create(tmp_path / "log" / "mine.key", ORIGIN)


@pytest.fixture
def witness(tmp_path: Path) -> Cosigner:
    return Cosigner(Ed25519Signer.create(tmp_path / "witness.key", "witness.example", COSIGNATURE))


@given(checkpoints)
def test_a_printed_checkpoint_is_parsed_to_itself(written: Checkpoint) -> None:
    assert checkpoint.parse(written.text) == written


@given(st.one_of(st.text(), checkpoints.map(lambda each: each.text)), st.integers(0, 120), st.text(max_size=2))
def test_whatever_is_parsed_prints_itself_and_all_else_is_a_bad_checkpoint(text: str, place: int, piece: str) -> None:
    text = text[:place] + piece + text[place + 1 :]
    try:
        found = checkpoint.parse(text)
    except BadCheckpoint:
        return
    assert found.text == text


BAD = {
    "empty": "",
    "no_origin": HEAD.text.replace(ORIGIN, ""),
    "blank_in_origin": HEAD.text.replace(ORIGIN, "a b"),
    "plus_in_origin": HEAD.text.replace(ORIGIN, "a+b"),
    "leading_zero": HEAD.text.replace("208", "0208"),
    "underscore": HEAD.text.replace("208", "2_08"),
    "sign": HEAD.text.replace("208", "+208"),
    "wide_digit": HEAD.text.replace("208", "２08"),
    "size_2_to_63": HEAD.text.replace("20852163", str(2**63)),
    "hexadecimal_root": HEAD.text.replace("AAEC", "00"),
    "root_of_31_bytes": f"{ORIGIN}\n1\n{'A' * 41}=\n",
    "extension_line": HEAD.text + "more\n",
    "no_last_line_end": HEAD.text[:-1],
    "carriage_return": HEAD.text.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_checkpoint_of_another_form_is_refused(case: str) -> None:
    assert BAD[case] != HEAD.text
    with pytest.raises(BadCheckpoint):
        checkpoint.parse(BAD[case])


def test_a_signed_checkpoint_is_opened_with_its_key_only(signer: Ed25519Signer, tmp_path: Path) -> None:
    printed = note.format(checkpoint.sign(HEAD, signer))
    found, signatures = checkpoint.open(printed, [signer.verifier])
    assert (found, [each.name for each in signatures]) == (HEAD, [ORIGIN])
    other = Ed25519Signer.create(tmp_path / "other.key", ORIGIN)
    for verifiers in ([], [other.verifier]):
        with pytest.raises(Unverified):
            checkpoint.open(printed, verifiers)
    with pytest.raises(Unverified):
        checkpoint.open(printed.replace("20852163", "20852164"), [signer.verifier])


def test_unknown_signatures_are_kept_and_a_bad_one_of_a_known_key_rejects(
    signer: Ed25519Signer, witness: Cosigner
) -> None:
    signed = checkpoint.sign(HEAD, signer)
    seen = witness.cosign(HEAD.text, 1_800_000_000)
    both = note.format(replace(signed, signatures=(*signed.signatures, seen)))
    assert len(note.parse(both).signatures) == 2
    assert checkpoint.open(both, [signer.verifier])[1] == signed.signatures
    assert checkpoint.open(both, [signer.verifier, witness.verifier])[1] == (*signed.signatures, seen)
    bent = replace(seen, blob=seen.blob[:-1] + bytes((seen.blob[-1] ^ 1,)))
    for extra in (bent, replace(seen, blob=b"short")):
        worse = note.format(replace(signed, signatures=(*signed.signatures, extra)))
        assert checkpoint.open(worse, [signer.verifier])[0] == HEAD
        with pytest.raises(Unverified):
            checkpoint.open(worse, [signer.verifier, witness.verifier])
    repeated = note.format(
        replace(signed, signatures=(*signed.signatures, replace(signed.signatures[0], blob=b"x" * 64)))
    )
    with pytest.raises(Unverified):
        checkpoint.open(repeated, [signer.verifier])


def test_two_known_keys_of_one_name_and_id_are_ambiguous(signer: Ed25519Signer) -> None:
    with pytest.raises(Unverified, match="two keys"):
        checkpoint.open(note.format(checkpoint.sign(HEAD, signer)), [signer.verifier] * 2)


def test_a_cosignature_binds_its_time_and_the_kind_of_key(witness: Cosigner, signer: Ed25519Signer) -> None:
    seen = witness.cosign(HEAD.text, 1_800_000_000)
    assert checkpoint.stamp(seen.blob) == 1_800_000_000
    assert witness.verifier.signed(HEAD.text, seen.blob)
    assert not witness.verifier.signed(HEAD.text, (1_800_000_001).to_bytes(8, "big") + seen.blob[8:])
    assert not replace(witness.verifier, kind=checkpoint.ED25519).signed(HEAD.text, seen.blob[8:])
    assert checkpoint.cosigned_message(7, HEAD.text) == b"cosignature/v1\ntime 7\n" + HEAD.text.encode()
    with pytest.raises(BadKey):
        Cosigner(signer)


def test_a_key_is_known_by_its_vkey_only_as_printed(signer: Ed25519Signer, witness: Cosigner) -> None:
    for verifier in (signer.verifier, witness.verifier):
        vkey = verifier.vkey
        assert Verifier.from_vkey(vkey) == verifier
        for place in range(len(vkey)):
            bent = (vkey[:place], vkey[place + 1 :], vkey[:place] + chr(ord(vkey[place]) + 1) + vkey[place + 1 :])
            for each in bent:
                with pytest.raises(BadKey):
                    Verifier.from_vkey(each)


@given(st.text())
def test_no_other_text_is_a_key(text: str) -> None:
    with pytest.raises(BadNote):
        Verifier.from_vkey(text)
    with pytest.raises(BadNote):
        Ed25519Signer.from_skey(text)


def test_a_key_file_is_private_whole_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "log" / "mine.key"
    made = Ed25519Signer.create(path, ORIGIN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = Ed25519Signer.load(path)
    assert loaded.verifier == made.verifier
    assert loaded.sign(b"x") == made.sign(b"x")
    with pytest.raises(FileExistsError):
        Ed25519Signer.create(path, ORIGIN)
    text = path.read_text()
    assert "private" not in repr(made)
    for bent in (
        text[:-1],
        text + "\n",
        text.replace(ORIGIN, "other"),
        text.replace("PRIVATE", "PUBLIC"),
        "\udcff",
        "",
    ):
        path.write_bytes(bent.encode("utf-8", "surrogateescape"))
        if bent == text[:-1]:
            continue
        with pytest.raises(BadNote):
            Ed25519Signer.load(path)
    path.write_text(text)
    os.chmod(path, 0o640)
    with pytest.raises(BadKey, match="chmod 600"):
        Ed25519Signer.load(path)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "last"
    checkpoint.write(path, "one\n")
    checkpoint.write(path, "two\n")
    assert path.read_text() == "two\n"
    assert [each.name for each in tmp_path.iterdir()] == ["last"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_published_example_of_a_signed_note_is_verified() -> None:
    """The example of C2SP signed-note."""
    key = Verifier.from_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    blob = note.decoded("Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=")
    example = Note("This is an example message.\n", (Signature("example.com/foo", blob[:4], blob[4:]),))
    assert checkpoint.verify(example, [key]) == example.signatures
