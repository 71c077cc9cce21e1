"""Evidence over HTTP: recorded first, whole, and verified by a program that has nothing but the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import worlds
from conftest import World
from worlds import Town

from audit import verify
from audit.verify import BadEvidence

ROOT = Path(__file__).parent.parent


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        found.delegated(found.granted()[0])
        assert found.post("/v1/edits", worlds.COLLECTOR, found.edit()).status_code == 201
        refused = found.post("/v1/edits", worlds.COLLECTOR, found.edit(division=worlds.FAR_VILLAGE, household="h-far"))
        assert refused.status_code == 403
        yield found


def newest(town: Town, kind: str) -> int:
    return int(town.get(f"/v1/entries?kind={kind}&limit=1", worlds.AUDITOR).json()["items"][0]["number"])


def packed(town: Town, number: int, person: str = worlds.AUDITOR, query: str = "") -> bytes:
    answer = town.get(f"/v1/entries/{number}/evidence{query}", person)
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def test_an_edit_comes_with_all_that_explains_it(town: Town) -> None:
    number = newest(town, "EditPermitted")
    size = town.size()
    content = packed(town, number)
    assert town.size() >= size + 1
    told = verify.verify(content)
    plain = verify.parse(content)
    kinds = [json.loads(each["bytes"])["fact"]["kind"] for each in plain["entries"]]
    assert kinds.count("GrantIssued") == 2
    assert {
        "LogOpened", "PolicyLoaded", "PostAssigned", "RequestDrafted", "RequestSigned", "RequestReceived", "RequestDecided",
        "EditPermitted",
    } <= set(kinds)  # fmt: skip
    checks = [each["check"] for each in plain["trace"]]
    assert checks.count("chain") == checks.count("division") == checks.count("period") == 2
    assert {"post", "document", "rule"} <= set(checks)
    assert plain["policy"]["digest"] == town.deployment.law.policy.digest
    assert {each["sha256"] for each in plain["documents"]}
    assert (told.number, told.witnesses, plain["opened"]) == (number, 0, [])
    text = "".join((*told.proved, *told.unproved))
    for words in ("宁乡振发", "授权链完整", "规则原文", "--key", "--witness", "不证明所填情况属实", "原值不在文件中"):
        assert words in text, words


def test_the_reading_is_on_record_and_values_only_for_those_who_may(town: Town) -> None:
    number = newest(town, "EditPermitted")
    opened = verify.parse(packed(town, number, query="?values=true"))["opened"]
    assert {each["path"]: each["value"] for each in opened} == {
        "/changes/0/before": "1200000",
        "/changes/0/after": "1350000",
    }
    assert verify.parse(packed(town, number, worlds.OBSERVER, "?values=true"))["opened"] == []
    readings = town.get("/v1/entries?kind=LogRead&limit=10", worlds.AUDITOR).json()["items"]
    assert [each["fact"]["subject"] for each in readings if each["fact"]["form"] == "evidence"] == [number, number]
    size = town.size()
    assert town.get(f"/v1/entries/{number}/evidence", worlds.COLLECTOR).json()["code"] in ("no_role", "unknown")
    assert town.get(f"/v1/entries/{10**9}/evidence", worlds.AUDITOR).status_code == 404
    assert town.get(f"/v1/entries/{number}/evidence?values=maybe", worlds.AUDITOR).status_code == 422
    assert town.size() <= size + 1


@pytest.mark.parametrize("kind", ["Refused", "GrantIssued", "RequestDecided", "PostAssigned", "LogOpened", "LogRead"])
def test_every_kind_of_entry_has_its_evidence(town: Town, kind: str) -> None:
    packed(town, 0)
    number = newest(town, kind)
    assert verify.verify(packed(town, number)).number == number


def test_the_command_verifies_without_the_service(town: Town, tmp_path: Path) -> None:
    content = packed(town, newest(town, "EditPermitted"))
    file = tmp_path / "evidence.json"
    file.write_bytes(content)
    key = verify.parse(content)["key"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).parent / "mandate"), "verify", str(file), *words]
        environment = {"PATH": os.environ["PATH"], "PYTHONUTF8": "1"}
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)

    good = run("--key", key)
    assert (good.returncode, good.stderr) == (0, "")
    assert "证明了" in good.stdout
    assert "没有证明" in good.stdout
    other = run("--key", key.replace("mandate.test", "mandate.other"))
    assert (other.returncode, other.stdout) == (1, "")
    file.write_bytes(content.replace(b"EditPermitted", b"EditPermittee"))
    bad = run()
    assert bad.returncode == 1
    assert "不在签名的日志中" in bad.stderr


def test_the_verifier_needs_nothing_of_the_service() -> None:
    program = (
        "import sys; from audit import verify; "
        "print(sorted(n for n in sys.modules if n.split('.')[0] in ('sqlalchemy','psycopg','fastapi','casbin','api','authz')))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert told.stdout.strip() == "[]"


SPOILED: dict[str, Any] = {
    "a grant is taken away": lambda p: p.update(entries=[e for e in p["entries"] if '"GrantIssued"' not in e["bytes"]]),
    "an entry is changed": lambda p: p["entries"][-1].update(bytes=p["entries"][-1]["bytes"].replace("update", "delete")),
    "the path of another entry": lambda p: p["entries"][0].update(path=p["entries"][1]["path"]),
    "entries out of order": lambda p: p["entries"].reverse(),
    "another root": lambda p: p.update(checkpoint=p["checkpoint"].replace("\n", "\n1", 1)),
    "another rule text": lambda p: p["policy"]["files"].update({"roles.csv": p["policy"]["files"]["roles.csv"] + "\n"}),
    "another trace": lambda p: p["trace"].pop(),
    "a trace that says more": lambda p: p["trace"][0].update(says="county_admin"),
    "other places": lambda p: p.update(places=["65"]),
    "a value nobody wrote": lambda p: p["opened"].append({"entry": p["number"], "path": "/x", "salt": "00" * 16, "value": "1"}),
    "about another entry": lambda p: p.update(number=10**6),
    "another format": lambda p: p.update(format="mandate-evidence/2"),
    "a member more": lambda p: p.update(more=1),
}  # fmt: skip


def test_what_is_spoiled_proves_nothing(town: Town) -> None:
    content = packed(town, newest(town, "EditPermitted"))
    for what, spoil in SPOILED.items():
        plain = json.loads(content)
        spoil(plain)
        written = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            verify.verify(written)
        except BadEvidence:
            continue
        pytest.fail(what)
