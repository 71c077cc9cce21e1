"""The offline verifier: files made from nothing but hashes, spoiled in every way, and arbitrary bytes."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.commands import verifying
from api.commands.verifying import NotVerified
from audit import checkpoint, note, proof, tree, verify
from audit.checkpoint import COSIGNATURE, Checkpoint, Cosigner, Ed25519Signer, Verifier
from audit.note import Note
from audit.tree import Edge
from audit.verify import BadEvidence

ORIGIN = "mandate.test/log"
SCOPE = {
    "kind": "GrantIssued", "division": "640324", "cells": ["monitored.income"], "operations": ["update"], "data_year": 2026,
    "valid_from": "2026-01-01T00:00:00.000000Z", "valid_until": "2027-01-01T00:00:00.000000Z", "households": None,
    "document": "宁乡振发〔2026〕1号",
}  # fmt: skip
ROLES = "# rules\np,village_collector,update,daily_cells,allow\np,overseer,update,every_cell,deny\n"
DIGEST = hashlib.sha256(b"roles.csv\0%d\0%s" % (len(ROLES.encode()), ROLES.encode())).hexdigest()
SALT = bytes(16)
SEALED = hashlib.sha256(b"mandate/v1/sealed\x00" + SALT + b"/changes/0/after\x001350000").hexdigest()


def facts() -> list[dict[str, Any]]:
    edit = {
        "kind": "EditPermitted", "household": "h-1", "division": "640324100201", "cell": "monitored.income", "operation": "update",
        "data_year": 2026, "chain": [1, 2], "document": SCOPE["document"], "rule": "roles.csv:2", "policy": DIGEST,
        "changes_made": [["wage_income", None, SEALED]],
    }  # fmt: skip
    held = {"kind": "PostAssigned", "person_id": "p-1", "role": "village_collector"}
    return [
        held, SCOPE | {"path": [], "holder_unit": "u-640324-lead"}, SCOPE | {"path": [1], "holder_unit": "u-640324100201-village"},
        edit, {"kind": "Refused", "code": "no_grant", "policy": DIGEST}, {"kind": "Heartbeat"},
    ]  # fmt: skip


def written(fact: dict[str, Any], number: int) -> bytes:
    entry = {
        "number": number,
        "at": "2026-12-01T00:00:00.000000Z",
        "person": "p-1",
        "post": 0 if number else None,
        "fact": fact,
    }
    return json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def log(told: list[dict[str, Any]]) -> tuple[list[bytes], list[bytes], Checkpoint]:
    entries = [written(each, number) for number, each in enumerate(told)]
    leaves = [tree.leaf(each) for each in entries]
    return entries, leaves, Checkpoint(ORIGIN, len(leaves), Edge().extend(leaves).root)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Ed25519Signer:
    return Ed25519Signer.create(tmp_path_factory.mktemp("keys") / "log.key", ORIGIN)


Make = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def make(signer: Ed25519Signer) -> Make:
    """An evidence file about one entry of a log of these facts."""

    def made(
        number: int = 3, told: list[dict[str, Any]] | None = None, more: tuple[Cosigner, ...] = ()
    ) -> dict[str, Any]:
        entries, leaves, stated = log(facts() if told is None else told)

        def node(level: int, index: int) -> bytes:
            return Edge().extend(leaves[index << level : (index + 1) << level]).root

        signed = checkpoint.sign(stated, signer)
        signed = Note(signed.text, (*signed.signatures, *(each.cosign(signed.text, 1_800_000_000) for each in more)))
        policy = {"digest": DIGEST, "files": {"roles.csv": ROLES}} if number in (3, 4) else None
        places = ["64", "640324", "640324100", "640324100201"]
        plain = {
            "format": verify.FORMAT, "number": number, "checkpoint": note.format(signed), "key": signer.verifier.vkey,
            "places": places, "documents": [], "policy": policy, "opened": [],
            "entries": [
                {"number": each, "bytes": content.decode(),
                 "path": [base64.b64encode(one).decode() for one in proof.inclusion(each, len(leaves), node)]}
                for each, content in enumerate(entries)
            ],
        }  # fmt: skip
        parsed = {each: json.loads(content) for each, content in enumerate(entries)}
        return plain | {"trace": verify.trace(number, parsed, policy, places)}

    return made


@pytest.mark.parametrize("number", range(6))
def test_a_file_about_any_entry_is_good(make: Make, number: int) -> None:
    told = verify.verify(verify.printed(make(number)))
    assert (told.number, told.checkpoint.size, told.witnesses) == (number, 6, 0)


FORGED: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "another division": lambda f: f[1].update(division="640105"),
    "another cell": lambda f: f[2].update(cells=["lifted_out.base"]),
    "another operation": lambda f: f[2].update(operations=["verify"]),
    "another year": lambda f: f[1].update(data_year=2025),
    "other households": lambda f: f[2].update(households=["h-2"]),
    "not yet valid": lambda f: f[1].update(valid_from="2026-12-01T00:00:00.000001Z"),
    "no longer valid": lambda f: f[2].update(valid_until="2026-12-01T00:00:00.000000Z"),
    "not delegated": lambda f: f[2].update(path=[]),
    "not a grant": lambda f: f[1].update(kind="GrantRevoked"),
    "another document": lambda f: f[3].update(document="宁乡振发〔2026〕2号"),
    "another post": lambda f: f[0].update(person_id="p-2"),
    "a rule that denies": lambda f: f[3].update(rule="roles.csv:3"),
    "a rule that is none": lambda f: f[3].update(rule="roles.csv:99"),
    "a rule in no file": lambda f: f[3].update(rule="x:2"),
    "a missing member": lambda f: f[2].pop("path"),
    "a chain that is none": lambda f: f[3].update(chain=[]),
    "a chain of words": lambda f: f[3].update(chain=["a"]),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_an_honest_log_that_does_not_bear_out_the_decision_is_no_proof(make: Make, what: str) -> None:
    told = facts()
    FORGED[what](told)
    with pytest.raises(BadEvidence):
        make(3, told)
    plain, other = make(3), make(0, told)
    with pytest.raises(BadEvidence):
        verify.verify(verify.printed(plain | {name: other[name] for name in ("entries", "checkpoint")}))


def test_opened_values_fit_their_commitment_or_nothing(make: Make) -> None:
    opened = {"entry": 3, "path": "/changes/0/after", "salt": SALT.hex(), "value": "1350000"}
    assert "打开的 1 项原值" in "".join(verify.verify(verify.printed(make() | {"opened": [opened]})).proved)
    for name, value in (
        ("entry", 2),
        ("path", "/changes/0/before"),
        ("salt", "00" * 15),
        ("salt", "zz"),
        ("value", "1350001"),
        ("entry", 77),
    ):
        with pytest.raises(BadEvidence):
            verify.verify(verify.printed(make() | {"opened": [opened | {name: value}]}))


def test_keys_and_witnesses(make: Make, signer: Ed25519Signer, tmp_path: Path) -> None:
    witness = Ed25519Signer.create(tmp_path / "w.key", "witness.test", COSIGNATURE)
    other = Ed25519Signer.create(tmp_path / "o.key", ORIGIN)
    content = verify.printed(make(more=(Cosigner(witness),)))
    vkey = witness.verifier.vkey
    assert verify.verify(content, signer.verifier.vkey, [vkey]).witnesses == 1
    assert verify.verify(content, None, [vkey, vkey]).witnesses == 1
    assert "文件中有 1 个" in "".join(verify.verify(content).unproved)
    for key, witnesses in ((other.verifier.vkey, []), (None, ["nonsense"]), (None, [vkey[:-4] + "AAA="])):
        with pytest.raises(BadEvidence):
            verify.verify(content, key, witnesses)
    absent = Verifier("absent.test", secrets.token_bytes(32), COSIGNATURE).vkey
    assert verify.verify(content, None, [absent]).witnesses == 0
    plain = make() | {"key": other.verifier.vkey}
    with pytest.raises(BadEvidence):
        verify.verify(verify.printed(plain))
    with pytest.raises(BadEvidence):  # a witness's hand is not the log's
        verify.verify(verify.printed(make(more=(Cosigner(witness),)) | {"key": vkey}))


def outcome(content: bytes) -> bytes | None:
    """What is printed of what is read; None if it is refused in the one way there is."""
    try:
        return verify.printed(verify.parse(content))
    except BadEvidence:
        return None


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_are_refused_in_one_way(content: bytes) -> None:
    assert outcome(content) is None
    with pytest.raises(BadEvidence):
        verify.verify(content)


@given(st.data())
@settings(max_examples=150)
def test_changed_bytes_are_what_they_print_or_nothing_and_never_proof(make: Make, data: st.DataObject) -> None:
    content = verify.printed(make())
    place = data.draw(st.integers(0, len(content) - 1))
    changed = content[:place] + data.draw(st.binary(max_size=2)) + content[place + data.draw(st.integers(0, 2)) :]
    assert outcome(changed) in (None, changed)
    if changed != content:
        try:
            verify.verify(changed)
        except BadEvidence:
            return
        # Only what is said of documents, and of other signatures, can change without anything proved being lost.
        assert json.loads(changed)["entries"] == json.loads(content)["entries"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2), max_leaves=4,
)  # fmt: skip


@given(st.data())
@settings(max_examples=150)
def test_any_value_in_any_place_is_refused_in_one_way(make: Make, data: st.DataObject) -> None:
    plain: Any = copy.deepcopy(make())
    place = plain
    while True:
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[name]
        if not (isinstance(inner, dict | list) and inner) or data.draw(st.integers(0, 4)) == 0:
            break
        place = inner
    place[name] = data.draw(JSON)
    content = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    assert outcome(content) in (None, content)
    try:
        verify.verify(content)
    except BadEvidence:
        return
    assert (
        place[name] == inner
        or name in ("sha256", "size", "media_type", "documents", "places")
        or place is plain["places"]
    )


@pytest.mark.parametrize(
    "text", ["", "x", "a\n1\nAAAA\n", f"{ORIGIN}\n01\n{'A' * 43}=\n", f"{ORIGIN}\n-1\n{'A' * 43}=\n"]
)
def test_what_is_no_checkpoint_cannot_be_typed(text: str) -> None:
    with pytest.raises(NotVerified):
        verifying.stated(text)


def test_paper_against_a_log_that_goes_on_forks_or_shrinks() -> None:
    entries, leaves, now = log(facts())

    def node(level: int, index: int) -> bytes:
        return Edge().extend(leaves[index << level : (index + 1) << level]).root

    for size in range(len(leaves) + 1):
        old = Checkpoint(ORIGIN, size, Edge().extend(leaves[:size]).root)
        verifying.compare(old, now, lambda size=size: proof.consistency(size, len(leaves), node))  # type: ignore[misc]
        if size > 0:
            wrong = Checkpoint(ORIGIN, size, hashlib.sha256(entries[0]).digest())
            with pytest.raises(NotVerified, match="FORK"):
                verifying.compare(wrong, now, lambda size=size: proof.consistency(size, len(leaves), node))  # type: ignore[misc]
    with pytest.raises(NotVerified, match="ROLLBACK"):
        verifying.compare(Checkpoint(ORIGIN, 7, now.root), now, tuple)
    with pytest.raises(NotVerified, match="不是同一个日志"):
        verifying.compare(Checkpoint("other.test", 6, now.root), now, tuple)
