"""Questions asked of several server processes on one database: none of them remembers an answer, a grant or a rule."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conftest import World
from questions import MANY, ONE, SEARCH, question
from test_amendments import adopted, less, proposed, texts
from worlds import ADMIN, AUDITOR, COLLECTOR, Town

SERVER = """
import json, sys
from starlette.testclient import TestClient
from api import founding
from api.app import create_app
from api.database import Database, open_engine
from api.settings import Settings
from authz import access

exec(sys.argv[4])
settings = Settings.read({"MANDATE_DATA": sys.argv[3], "MANDATE_ORIGIN": "mandate.test/log"})
store = Database(sys.argv[1], sys.argv[2], open_engine(sys.argv[2], 4))
house = founding.deploy(settings, store, founding.read_lawbook(settings.policies), demo=True)
with TestClient(create_app(house), base_url="http://127.0.0.1:8080") as client:
    print("ready", flush=True)
    for line in sys.stdin:
        path, body, headers = json.loads(line)
        answer = client.post(path, json=body, headers=headers)
        print(json.dumps([answer.status_code, answer.json()]), flush=True)
"""
REMEMBERING = """
real, seen = access.judge, {}
access.judge = lambda scene, asked, at, post=None: seen.setdefault(repr(asked), real(scene, asked, at, post))
"""


class Server:
    """A process that serves the town's database; `mistake` is put into it at its start."""

    def __init__(self, town: Town, database: World, mistake: str = "") -> None:
        command = [sys.executable, "-c", SERVER, database.owner_url, database.app_url, town.folder.name, mistake]
        self.town = town
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
        )

    def __enter__(self) -> Server:
        assert self.line() == "ready\n"
        return self

    def __exit__(self, *fault: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def post(self, path: str, person: str, body: Any, **headers: str) -> tuple[int, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([path, body, self.town.headers(person, **headers)]) + "\n")
        self.process.stdin.flush()
        status, told = json.loads(self.line())
        return status, told


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        (made.root,) = made.granted()  # type: ignore[attr-defined]
        yield made


def answers(server: Server, action: str = "update") -> list[bool]:
    """One question in its three forms: by itself, in a batch, and as a search."""
    asked = question(action=action, properties={"quarter": 4})
    _, one = server.post(ONE, COLLECTOR, asked)
    _, many = server.post(MANY, COLLECTOR, asked | {"evaluations": [{}]})
    _, found = server.post(SEARCH + "subject", AUDITOR, asked)
    return [one["decision"], many["evaluations"][0]["decision"], COLLECTOR in [each["id"] for each in found["results"]]]


def revoked(town: Town, server: Server, grant: int) -> tuple[int, Any]:
    """The revocation of a grant, acknowledged by this process."""
    tag = town.get(f"/v1/grants/{grant}", ADMIN).headers["etag"]
    return server.post(f"/v1/grants/{grant}/revocation", ADMIN, {"reason": "调整"}, if_match=tag)


def test_what_one_process_acknowledged_every_other_one_answers_by(town: Town, database: World) -> None:
    with ExitStack() as stack:
        one, other = (stack.enter_context(Server(town, database)) for _ in range(2))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        for _ in range(3):
            grant = town.delegated(town.root)  # type: ignore[attr-defined]
            assert answers(one) == answers(other) == [True] * 3
            asking = pool.submit(lambda: [answers(other) for _ in range(4)])
            status, told = revoked(town, one, grant)
            assert status == 200, told
            asking.result()
            assert answers(other) == answers(one) == [False] * 3
        town.delegated(town.root)  # type: ignore[attr-defined]
        assert answers(other, "verify") == [True] * 3
        status, told = one.post("/v1/edits", COLLECTOR, town.edit(operation="collect", changes=[]))
        assert status == 201, told
        assert answers(other, "verify") == answers(one, "verify") == [False] * 3, (
            "whose hands were on it is seen at once"
        )


def test_rules_adopted_in_one_process_decide_in_the_other_at_once(town: Town, database: World) -> None:
    town.delegated(town.root)  # type: ignore[attr-defined]
    with Server(town, database) as other:
        assert answers(other, "verify") == [True] * 3
        before = town.deployment.law.policy.digest
        digest = proposed(town, texts(roles_csv=less)).json()["policy"]
        assert adopted(town, digest).status_code == 200
        asked = question(action="verify", options={"explain": True})
        status, told = other.post(ONE, COLLECTOR, asked)
        assert (status, told["decision"], told["context"]["code"]) == (200, False, "no_role")
        assert answers(other, "verify") == [False] * 3
        assert proposed(town, texts()).json()["policy"] == before
        assert adopted(town, before).status_code == 200
        assert answers(other, "verify") == [True] * 3


def test_a_process_that_remembers_answers_is_noticed(town: Town, database: World) -> None:
    """The negative control: the mistake itself, an answer kept from before the revocation."""
    grant = town.delegated(town.root)  # type: ignore[attr-defined]
    with Server(town, database) as one, Server(town, database, REMEMBERING) as other:
        assert answers(other) == [True] * 3
        assert revoked(town, one, grant)[0] == 200
        assert (answers(one)[:2], answers(other)[:2]) == ([False] * 2, [True] * 2)
