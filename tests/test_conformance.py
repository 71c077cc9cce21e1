"""Our own vectors hold, can be made again, and a code or a vector that is wrong is noticed."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from audit import canonical, note, proof
from tests import conformance
from tests.vectors import perturbed

HERE = perturbed.HERE
CASES = list(conformance.cases(HERE))
LEAST = {
    "inclusion proofs": 200, "consistency proofs": 300, "reference tree": 80, "signed notes": 40, "canonical JSON": 15, "entry profile": 15,
    "SM3": 2,
}  # fmt: skip


@pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{kind}: {case[0]}" for kind, case in CASES])
def test_a_vector_holds(kind: str, case: conformance.Case) -> None:
    assert case[1]()


def test_there_are_vectors_of_every_kind() -> None:
    found = Counter(kind for kind, _ in CASES)
    assert set(found) == set(conformance.KINDS)
    assert all(found[kind] >= least for kind, least in LEAST.items())


def test_the_vectors_can_be_made_again(tmp_path: Path) -> None:
    perturbed.write(tmp_path)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.json")}
    assert made == {file.relative_to(HERE): file.read_bytes() for file in HERE.rglob("*.json")}


def test_a_folder_is_summed_up_and_a_vector_that_does_not_hold_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conformance.main(str(HERE)) == 0
    assert "inclusion proofs" in capsys.readouterr().out
    assert conformance.main(str(tmp_path)) == 1
    shutil.copytree(HERE, tmp_path / "vectors")
    file = tmp_path / "vectors/merkle/inclusion/0-of-1.json"
    told = json.loads(file.read_text())
    told[3]["wantErr"] = False
    file.write_text(json.dumps(told))
    assert conformance.main(str(tmp_path / "vectors")) == 1
    assert (
        f"NOT as published: inclusion proofs: merkle/inclusion/0-of-1.json: {told[3]['desc']}"
        in capsys.readouterr().out
    )


CARELESS: dict[str, tuple[object, str, Callable[..., object], str]] = {
    "takes any proof": (proof, "verify_inclusion", lambda *given: None, "inclusion proofs"),
    "takes any history": (proof, "verify_consistency", lambda *given: None, "consistency proofs"),
    "forgets that hashes have 32 bytes": (proof, "_shaped", lambda *given: None, "inclusion proofs"),
    "sorts names by code point": (canonical, "_units", lambda name: name.encode("utf-32-be"), "canonical JSON"),
    "prints numbers as Python does": (canonical, "number", repr, "canonical JSON"),
    "admits what entries have no form for": (canonical, "SPELL", defaultdict(lambda: json.dumps), "entry profile"),
    "takes any base64": (note, "decoded", lambda text: bytes(40), "signed notes"),
}


@pytest.mark.parametrize("case", CARELESS)
def test_a_careless_verifier_does_not_pass(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, instead, kind = CARELESS[case]
    monkeypatch.setattr(module, name, instead)
    held = []
    for each, (_, question) in conformance.cases(HERE):
        if each == kind:
            try:
                held.append(question())
            except ValueError:  # a refusal; a control that breaks in any other way proves nothing
                held.append(False)
    assert not all(held)
