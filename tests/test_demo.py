"""The ten scenes, played over HTTP against a running demo world: passed, repeatable, and able to fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_serving import House, free_port

from api import founding
from api.demo import scenes
from api.demo.client import Client, Unreachable
from api.demo.stage import Stage


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    found = House(tmp_path_factory.mktemp("demo"), free_port())
    found.start("run")
    yield found
    assert found.stop() == 0


@pytest.fixture
def client(service: House) -> Iterator[Client]:
    signer = founding.signer(Path(service.environ["MANDATE_DATA"]) / "keys", founding.DEMO)
    with Client(f"http://127.0.0.1:{service.port}", signer) as found:
        yield found


def test_the_scenes_pass_and_may_be_played_again(service: House) -> None:
    for _ in range(2):
        played = service.command("demo")
        lines = played.stdout.splitlines()
        assert lines[-1] == "10 passed, 0 not yet, 0 failed", played.stdout + played.stderr
        assert played.returncode == 0
    assert [line[:4] for line in lines if line.startswith("场景")] == [f"场景 {n}" for n in (*range(1, 10), 1)]
    assert sum("尚未提供" in line for line in lines) == 0
    assert sum("号记录" in line for line in lines) > 40
    checked = service.command("fsck")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_token_is_found_by_role_and_division(service: House) -> None:
    found = service.command("token", "--role", "township_admin", "--division", "640324105")
    assert found.returncode == 0
    assert found.stderr.strip() == "p-1226"
    nobody = service.command("token", "--role", "county_clerk", "--division", "640324105")
    assert nobody.returncode == 2


def wrong_status(stage: Stage) -> None:
    stage.ask("p-1002", "以为查不到自己", "GET", "/v1/me", expect=404)


def wrong_code(stage: Stage) -> None:
    stage.ask("p-1003", "起草", "POST", "/v1/requests", {}, expect=403, code="outside_division")


def wrong_value(stage: Stage) -> None:
    stage.equal("编号", stage.look("p-1002", "/v1/me").get("id"), "p-9999")


def missing_member(stage: Stage) -> None:
    stage.say(str(stage.look("p-1002", "/v1/me")["no_such_member"]))


@pytest.mark.parametrize("scene", [wrong_status, wrong_code, wrong_value, missing_member])
def test_an_answer_that_was_not_expected_fails(client: Client, monkeypatch: pytest.MonkeyPatch, scene: object) -> None:
    monkeypatch.setattr(scenes, "SCENES", (("不会成功", scene),))
    said: list[str] = []
    assert scenes.play(client, said.append) == 1
    assert said[-1].strip() == "0 passed, 0 not yet, 1 failed"
    assert "✗" in said[-2]


def test_a_service_that_is_not_there_is_named(client: Client) -> None:
    signer = client._signer
    with Client(f"http://127.0.0.1:{free_port()}", signer) as nobody, pytest.raises(Unreachable, match="mandate run"):
        nobody.get("p-1002", "/v1/me")
