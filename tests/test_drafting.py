"""`mandate policies`: a folder is looked through, tried against its tables, compared, handed in and adopted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import worlds
from acts import FOLDER
from conftest import World
from loopback import served

from api import cli, policies
from authz import policy, spec

VERIFY = "p,grassroots,verify,daily_cells,allow\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    shutil.copytree(FOLDER, made)
    return made


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def test_lint_says_what_the_notice_does_not_allow(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["policies", "lint", str(folder)]) == 0
    change(folder, "roles.csv", "p,county_admin,ask,decision,allow", "p,county_admin,decide,request,allow")
    assert cli.main(["policies", "lint", str(folder)]) == 1
    told = capsys.readouterr()
    assert "S32" in told.err
    assert "不能采用" in told.out


def test_lint_names_the_line_and_takes_a_policy_set_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "alone"
    for name in policy.FILES:
        (alone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, alone / name)
    assert cli.main(["policies", "lint", str(alone)]) == 0
    change(alone, "roles.csv", "p,region_approver,decide,request", "p,county_admin,decide,request")
    change(alone, "duties.csv", "primary,deputy,block", "primary,deputy,record")
    assert cli.main(["policies", "lint", str(alone)]) == 1
    told = capsys.readouterr().err
    assert "roles.csv:98: 角色 county_admin 不得办理批复" in told
    assert "duties.csv:17: primary_deputy：" in told
    change(alone, "model.conf", "live(r.holding, r.at)", "true")
    assert cli.main(["policies", "lint", str(alone)]) == 1
    assert "model.conf:15: [matchers] 的判定式中有不认可的写法" in capsys.readouterr().err
    assert cli.main(["policies", "lint", str(tmp_path / "nowhere")]) == 1
    assert "缺少此文件" in capsys.readouterr().err


def test_lint_reads_what_a_county_wants_to_narrow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["policies", "lint", str(tmp_path), "--division", "640324"]
    file = tmp_path / "roles.csv"
    file.write_text("# 收入由乡镇统一更新\np,grassroots,update,monitored.income,deny\n")
    assert cli.main(words) == 0
    assert "收窄 3 项" in capsys.readouterr().out
    file.write_text("p,grassroots,update,monitored.income,allow\n")
    assert cli.main(words) == 1
    assert "roles.csv:1: 下级只能写 p 行" in capsys.readouterr().err


def test_the_tables_of_the_repository_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["policies", "test"]) == 0
    assert "不符 0 处" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "old", "new", "told"), [
    ("roles.csv", VERIFY, "", "应许可，实为不许可"),
    ("roles.csv", VERIFY, VERIFY + "p,grassroots,review,daily_cells,allow\n", "真值表没有写明"),
    ("roles.csv", "p,overseer,decide,request,deny\n", "p,auditor,withdraw,request,allow\n", "真值表没有写明"),
    ("roles.spec.csv", "deny,县里不能开窗口", "allow,县里不能开窗口", "应许可，实为不许可"),
    ("duties.spec.csv", "p-1,p-1,block,系统管理员不能兼安全保密管理员", "p-1,p-1,record,系统管理员不能兼安全保密管理员", "应为 record"),
])  # fmt: skip
def test_a_table_that_does_not_hold_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str, told: str
) -> None:
    change(folder, name, old, new)
    assert cli.main(["policies", "test", str(folder)]) == 1
    assert told in capsys.readouterr().err


def test_a_missing_table_is_a_failure() -> None:
    found, rows = spec.failures({}, policy.parse(policies.files(FOLDER)))
    assert (len(found), rows) == (len(spec.FILES), 0)


def test_two_folders_are_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["policies", "diff", str(folder), "--against", str(FOLDER)]) == 0
    assert "内容相同" in capsys.readouterr().out
    change(folder, "roles.csv", VERIFY, "")
    change(folder, "handling.toml", "value = 900", "value = 901")
    assert cli.main(["policies", "diff", str(folder), "--against", str(FOLDER)]) == 0
    told = capsys.readouterr().out
    assert "- 村级信息员：核实监测对象收入（village_collector, verify, monitored.income）" in told
    assert "900 → 901" in told


def test_a_folder_is_compared_with_what_is_in_force(
    database: World, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(folder, "roles.csv", VERIFY, "")
    with worlds.Town(database) as town, served(town.app) as url:
        monkeypatch.setenv("MANDATE_TOKEN", town.token(worlds.AUDITOR))
        assert cli.main(["policies", "diff", str(folder), "--url", url]) == 0
        monkeypatch.setenv("MANDATE_TOKEN", town.token(worlds.COLLECTOR))
        assert cli.main(["policies", "diff", str(folder), "--url", url]) == 2
    told = capsys.readouterr().out
    assert "在用" in told
    assert "verify" in told


def test_one_hands_in_and_another_adopts(
    database: World, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(folder, "roles.csv", VERIFY, "")
    with worlds.Town(database) as town, served(town.app) as url:
        monkeypatch.setenv("MANDATE_TOKEN", town.token(worlds.SECURITY_ADMIN))
        words = ["policies", "adopt", str(folder), "--url", url]
        assert cli.main(words) == 2
        assert cli.main([*words, "--reason", "按通知调整"]) == 0
        digest = capsys.readouterr().out.split()[-1]
        assert cli.main(["policies", "adopt", digest, "--url", url]) == 1
        monkeypatch.setenv("MANDATE_TOKEN", town.token(worlds.APPROVER))
        assert cli.main(["policies", "adopt", digest, "--url", url]) == 0
        assert town.get("/v1/policies", worlds.AUDITOR).json()["in_force"] == digest
        change(folder, "roles.csv", "p,registered,read,window,allow", "p,registered,read,window,maybe")
        assert cli.main(["policies", "adopt", str(folder), "--url", url, "--reason", "x"]) == 1
        assert "roles.csv:" in capsys.readouterr().err
