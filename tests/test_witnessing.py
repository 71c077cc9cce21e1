"""The witness as a program: its configuration, its answers over HTTP, its look at a log that cannot call it, its death."""

from __future__ import annotations

import base64
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chronicles
import pytest
from chronicles import EYES, LOG, ORIGIN, STRANGER, WITNESS, Chronicle
from loopback import answering, served, silent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api import cli
from api.settings import Misconfigured
from api.witness import watch, witnessing
from api.witness.outbound import Unanswered, allowed, exchange
from api.witness.watch import Watched
from audit import checkpoint, note
from audit.checkpoint import Checkpoint
from audit.submission import LONGEST, Submission
from audit.witness import SIZE, key

LONG = Chronicle("abcdefghijklm")
FORK = Chronicle("abcdeFGHIJKLM")
MANDATE = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main(sys.argv[1:]))"]
CONFIG = f"""
name = "{WITNESS}"
key = "witness.key"
state = "state"
listen = "127.0.0.1:8090"
[[logs]]
origin = "{ORIGIN}"
vkey = "{LOG.verifier.vkey}"
"""


# --- configuration --------------------------------------------------------------------------------------------------
def test_a_witness_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "w" / "witness.toml"
    for words in (["witness", "--config", str(config)], ["witness", "init", "--config", str(config)]):
        assert cli.main(words) == 2
        assert "mandate witness init" in capsys.readouterr().err
    assert cli.main(["witness", "init", "two words", "--config", str(config)]) == 2
    assert "witness.yanchi" in capsys.readouterr().err
    assert cli.main(["witness", "init", WITNESS, "--config", str(config)]) == 0
    vkey = capsys.readouterr().out.strip()
    assert checkpoint.Verifier.from_vkey(vkey).kind == checkpoint.COSIGNATURE
    assert (config.parent / "witness.key").stat().st_mode & 0o777 == 0o600
    before = (config.parent / "witness.key").read_bytes()
    for left in (config, None):
        assert cli.main(["witness", "init", WITNESS, "--config", str(config)]) == 2
        assert "已经存在" in capsys.readouterr().err
        if left is not None:
            left.unlink()
    assert (config.parent / "witness.key").read_bytes() == before
    config.write_text(CONFIG, encoding="utf-8")
    assert watch.read(config).witness().cosigner.verifier.vkey == vkey


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[[logs]]", "[logs]"), "[[logs]]"), ((CONFIG, "x ="), "TOML"), (("state =", "stat ="), "stat"), (("name =", "#"), "name"),
        (("[[logs]]", "[[logs]]\nkey = 1"), "key"), ((f'vkey = "{LOG.verifier.vkey}"', ""), "vkey"),
        ((LOG.verifier.vkey, EYES.verifier.vkey), "日志的公钥"), ((LOG.verifier.vkey, "x+00000000+AA=="), "vkey"),
        ((":8090", ""), "listen"), ((":8090", ":99999"), "listen"), (("[[logs]]", '[[logs]]\npull = "ftp://a"'), "pull"),
        (("[[logs]]", '[[logs]]\npull = "http://a.example"'), "pull"), (("[[logs]]", "[[logs]]\nseconds = 0"), "seconds"),
        (('listen = "127.0.0.1:8090"', ""), "pull"), ((CONFIG[CONFIG.index("[[logs") :], ""), "[[logs]]"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_named(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    config = tmp_path / "witness.toml"
    config.write_text(CONFIG, encoding="utf-8")
    assert watch.read(config).listen == ("127.0.0.1", 8090)
    config.write_text(CONFIG.replace(*change), encoding="utf-8")
    with pytest.raises(Misconfigured, match=".*" + told.replace("[", r"\[")):
        watch.read(config)


def test_a_key_that_others_read_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "witness.toml"
    watch.init(config, WITNESS)
    config.write_text(CONFIG, encoding="utf-8")
    (tmp_path / "witness.key").chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        watch.read(config).witness()
    (tmp_path / "witness.key").unlink()
    with pytest.raises(Misconfigured, match="init"):
        watch.read(config).witness()


# --- over HTTP ------------------------------------------------------------------------------------------------------
def test_answers_over_http_are_those_of_the_core(tmp_path: Path) -> None:
    with served(witnessing.create_app(chronicles.witness(tmp_path), lambda: 1_800_000_000.9)) as url:
        place = f"{url}/checkpoint/{key(ORIGIN)}"
        assert exchange("GET", place).status == 404
        told = exchange("POST", f"{url}/add-checkpoint", LONG.asked(0, 5).format())
        (line,) = checkpoint.verify(note.parse(f"{LONG.signed(5).text}\n".encode() + told.body), (EYES.verifier,))
        assert (told.status, checkpoint.stamp(line.blob)) == (200, 1_800_000_000)
        told = exchange("POST", f"{url}/add-checkpoint", LONG.asked(0).format())
        assert (told.status, told.kind, told.body) == (409, SIZE, b"5\n")
        assert exchange("POST", f"{url}/add-checkpoint", FORK.asked(5).format()).status == 200
        assert exchange("POST", f"{url}/add-checkpoint", LONG.asked(13).format()).status == 409
        assert exchange("POST", f"{url}/add-checkpoint", b"x" * (LONGEST + 1)).status == 400
        assert exchange("GET", f"{url}/add-checkpoint").status == 405
        assert exchange("GET", f"{url}/checkpoint/..%2Flock").status == 404
        shown = note.parse(exchange("GET", place).body)
        assert len(checkpoint.verify(shown, (LOG.verifier, EYES.verifier))) == 2
        assert exchange("GET", url).body.decode() == f"{EYES.verifier.vkey}\n"
        for file in tmp_path.glob("*.note"):
            file.write_bytes(b"damaged")
        assert exchange("POST", f"{url}/add-checkpoint", LONG.asked(0).format()).status == 500
        assert exchange("GET", place).status == 500


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nx-a: b\r\n", b"H"])
def test_a_machine_that_does_not_answer_holds_nobody(drip: bytes) -> None:
    with silent(drip) as (url, called), pytest.raises(Unanswered):
        exchange("GET", url, seconds=0.3)
    assert called.is_set()


def test_an_endless_or_moved_answer_is_none() -> None:
    with served(answering("200 text/plain", b"x" * 2000)) as url:
        assert exchange("GET", url, limit=2000).body == b"x" * 2000
        with pytest.raises(Unanswered):
            exchange("GET", url, limit=1999)
    with served(answering("302 text/plain")) as url:
        assert exchange("GET", url).status == 302


@pytest.mark.parametrize(
    ("url", "good"),
    [("https://w.example", True), ("https://w.example:8443/sub", True), ("http://127.0.0.1:1", True), ("http://localhost", True),
     ("http://w.example", False), ("ftp://w.example", False), ("https://", False), ("https://a:b@w.example", False),
     ("https://w.example/?a=b", False), ("https://w.example:0", False), ("https://w.example:x", False), ("https://w\n.example", False)],
)  # fmt: skip
def test_an_address_is_spoken_to_only_in_cipher(url: str, good: bool) -> None:
    assert allowed(url) is good


# --- pulling --------------------------------------------------------------------------------------------------------
class Site:
    """A log's public side: a history that can be swapped, and the cosigned notes it was handed."""

    def __init__(self, history: Chronicle, size: int) -> None:
        self.history, self.size, self.brought = history, size, [""]
        self.note = ""
        self.app = Starlette(
            routes=[
                Route("/log/checkpoint", self.serve), Route("/v1/consistency", self.prove),
                Route("/v1/cosignatures", self.take, methods=["POST"]),
            ]
        )  # fmt: skip

    def serve(self, request: Request) -> Response:
        return PlainTextResponse(self.note or note.format(self.history.signed(self.size)))

    def prove(self, request: Request) -> Response:
        path = self.history.path(int(request.query_params["from"]), int(request.query_params["to"]))
        return JSONResponse({"path": [base64.b64encode(each).decode() for each in path]})

    async def take(self, request: Request) -> Response:
        self.brought.append((await request.body()).decode())
        return JSONResponse({})

    @property
    def last(self) -> Checkpoint:
        found, signatures = checkpoint.open(self.brought[-1], (LOG.verifier, EYES.verifier))
        assert len(signatures) == 2
        return found


def test_a_log_that_cannot_call_is_looked_at(tmp_path: Path) -> None:
    """Growth is cosigned and brought back; nothing new brings nothing; a fork and a rollback are shown what was signed."""
    witness, site = chronicles.witness(tmp_path), Site(LONG, 5)
    with served(site.app) as url:
        log = Watched(ORIGIN, LOG.verifier, url, 60)

        def look() -> int:
            return witnessing.pull(witness, log, 7).status

        assert (look(), site.last.size, len(site.brought)) == (200, 5, 2)
        site.note = site.brought[-1]
        assert (look(), len(site.brought)) == (200, 2)
        site.note, site.size = "", 13
        assert (look(), site.last.size) == (200, 13)
        forged = note.Signature(WITNESS, EYES.verifier.key_id, bytes(72))
        site.note = note.format(note.Note(LONG.signed().text, (*LONG.signed().signatures, forged)))
        assert (look(), site.last.size, len(site.brought)) == (200, 13, 4)
        site.note = site.brought[1]
        assert (look(), site.last.size, len(site.brought)) == (409, 13, 5)
        site.note, site.history = "", Chronicle(FORK.letters + "nop")
        site.size = 16
        assert (look(), site.last.root) == (422, LONG.root(13))
        assert len(list(tmp_path.glob("*.disputed"))) == 1
        # A line that only looks like the witness's own does not save a fork from being judged.
        site.note = note.format(note.Note(site.history.signed(16).text, (*site.history.signed(16).signatures, forged)))
        assert look() == 422


@pytest.mark.parametrize(
    "served_text",
    ["", "x", note.format(LONG.signed(origin="other.test/log")), f"{LONG.signed().text}more\n\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_of_that_log_is_no_answer(tmp_path: Path, served_text: str) -> None:
    with served(answering("200 text/plain", served_text.encode())) as url, pytest.raises(Unanswered):
        witnessing.pull(chronicles.witness(tmp_path), Watched(ORIGIN, LOG.verifier, url, 60), 7)


def test_a_stranger_s_checkpoint_is_not_cosigned(tmp_path: Path) -> None:
    with served(answering("200 text/plain", note.format(LONG.signed(signer=STRANGER)).encode())) as url:
        log = Watched(ORIGIN, LOG.verifier, url, 60)
        assert witnessing.pull(chronicles.witness(tmp_path), log, 7).status == 403
    assert chronicles.witness(tmp_path).held(ORIGIN) is None


# --- as a process ---------------------------------------------------------------------------------------------------
@pytest.fixture
def program(tmp_path: Path) -> Iterator[Any]:
    """A function that (re)starts `mandate witness` on one configuration; its URL and process."""
    config = tmp_path / "witness.toml"
    watch.init(config, WITNESS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config.write_text(CONFIG.replace(":8090", f":{port}"), encoding="utf-8")
    begun: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[str, subprocess.Popen[bytes]]:
        begun.append(subprocess.Popen([*MANDATE, "witness", "--config", str(config)], stdout=subprocess.DEVNULL))
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                exchange("GET", f"http://127.0.0.1:{port}/", seconds=1)
                break
            except Unanswered:
                assert begun[-1].poll() is None
                time.sleep(0.05)
        return f"http://127.0.0.1:{port}", begun[-1]

    yield start
    for each in begun:
        each.kill()
        each.wait()


def test_it_remembers_when_it_is_killed(program: Any) -> None:
    url, process = program()
    with pytest.raises(Misconfigured, match="listen"):
        witnessing.bound(("127.0.0.1", int(url.rsplit(":", 1)[1])))
    assert exchange("POST", f"{url}/add-checkpoint", LONG.asked(0).format()).status == 200
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    url, process = program()
    fork = FORK.asked(13)
    assert exchange("POST", f"{url}/add-checkpoint", fork.format()).status == 409
    assert exchange("POST", f"{url}/add-checkpoint", Submission(0, (), fork.note).format()).body == b"13\n"
    assert exchange("POST", f"{url}/add-checkpoint", LONG.asked(13).format()).status == 200
    line = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    line.request("GET", "/")
    assert "server" not in {name.lower() for name in line.getresponse().headers}
    line.close()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) == 0
