"""The command line: what each command refuses, in which words and with which status."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_serving import free_port

from api import cli, founding
from api.commands.progress import Bar
from api.identity import Issuers
from api.settings import Settings

POLICIES = Settings.read({}).policies


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine, and a data folder of the test's own."""
    for name in [name for name in os.environ if name.startswith("MANDATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MANDATE_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("MANDATE_LISTEN", "127.0.0.1:9")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out.startswith("mandate 0.")


def test_lint_reads_the_whole_policy_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["policies", "lint"]) == 0
    assert "没有发现问题" in capsys.readouterr().out
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    assert cli.main(["policies", "lint", str(folder)]) == 0
    with (folder / "roles.csv").open("a") as out:
        out.write("q,county_clerk,draft,request,allow\n")
    assert cli.main(["policies", "lint", str(folder)]) == 1
    assert "roles.csv:" in capsys.readouterr().err
    (folder / "duties.csv").unlink()
    assert cli.main(["policies", "lint", str(folder)]) == 1


REFUSED = [
    (["serve"], "MANDATE_ORIGIN"),
    (["serve", "--origin", "a.test/log", "--listen", "0.0.0.0:8080", "--base-url", "https://x.test", "--workers", "0"], "MANDATE_WORKERS"),
    (["serve", "--origin", "a.test/log", "--owner-url", "postgresql://x"], "MANDATE_DATABASE_URL"),
    (["run", "--listen", "nowhere"], "MANDATE_LISTEN"),
    (["token", "p-1002"], "只用于演示环境"),
    (["token", "--once"], "人员编号"),
    (["demo"], "只用于演示环境"),
    (["fsck"], "MANDATE_DATA"),
    (["token", "--once", "p-1"], "MANDATE_DATA"),
    (["run", "--database-url", "mysql://x"], "PostgreSQL"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "named"), REFUSED, ids=[" ".join(words)[:30] for words, _ in REFUSED])
def test_what_is_missing_is_named_and_the_status_says_so(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if "--database-url" in words:
        words = [*words, "--listen", f"127.0.0.1:{free_port()}"]
    assert cli.main(words) == 2
    told = capsys.readouterr()
    assert named in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "var/postgres").exists()


@pytest.mark.parametrize("words", [["fly"], ["token", "--height", "3"], ["policies", "burn"], []])
def test_unknown_words_are_misuse(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2


def test_a_token_of_a_demo_world_is_printed_and_good(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    keys = tmp_path / "var/keys"
    signer = founding.signer(keys, founding.DEMO)
    assert cli.main(["token", "p-1002"]) == 0
    claims = Issuers.load(keys, demo=True).verify(capsys.readouterr().out.strip(), time.time())
    assert (claims.sub, claims.exp - claims.iat) == ("p-1002", signer.max_lifetime)
    assert cli.main(["token", "王建国"]) == 2
    assert cli.main(["token"]) == 2
    assert cli.main(["token", "--role", "county_clerk"]) == 2
    assert "mandate run" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "var/keys/demo.key").mkdir(parents=True)
    assert cli.main(["token", "p-1002"]) == 2
    assert "demo.key" in capsys.readouterr().err


def test_a_console_of_another_alphabet_or_none_at_all_stops_nothing() -> None:
    words = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main(['policies', 'lint']))"]
    plain = subprocess.run(words, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False)
    assert (plain.returncode, b"?" in plain.stdout) == (0, True), plain.stderr
    with Path("/dev/full").open("w") as full:
        # 120 is the interpreter's own word, in some versions, that its last lines could not be written.
        assert subprocess.run(words, stdout=full, stderr=full, check=False).returncode in (0, 120)
    closed = subprocess.run(["/bin/sh", "-c", 'exec "$@" >&- 2>&-', "sh", *words], check=False)
    assert closed.returncode == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("out", "drawn"), [(Terminal(), 3), (io.StringIO(), 1)])
def test_a_bar_is_redrawn_for_a_person_and_written_once_elsewhere(out: io.StringIO, drawn: int) -> None:
    bar = Bar("正在核验", out)
    for done in (1, 2, 3):
        bar(done, 3)
    assert out.getvalue().count("/3") == drawn
    assert out.getvalue().endswith("\n")
