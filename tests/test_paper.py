"""Paper as a witness: every letter carries the checkpoint and the hash of its record, and both can be held against the log."""

from __future__ import annotations

import base64
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
import segno
import uvicorn
from acts import rows
from conftest import World
from hypothesis import given
from hypothesis import strategies as st
from worlds import CLERK, Town

from api import letters
from api.commands import verifying
from api.commands.verifying import NotVerified
from audit import checkpoint
from audit.checkpoint import Checkpoint
from audit.tree import leaf


class Foot(HTMLParser):
    """The code words of a page's foot, and the path of its QR code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.codes, self.dots, self.inside = list[str](), "", False
        self.feed(page[page.index('<footer class="proof">') :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "code"
        assert "style" not in dict(attrs)
        if tag == "path":
            self.dots = dict(attrs)["d"] or ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.codes.append(data)
            self.inside = False


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as found:
        yield found


def printed(town: Town, number: int, form: str) -> Foot:
    """The foot of a letter, printed once a checkpoint covers it."""
    for _ in range(200):
        answer = town.get(f"/v1/requests/{number}/print?form={form}", CLERK)
        assert answer.status_code == 200, answer.text
        if "稍后重印" not in answer.text:
            return Foot(answer.text)
        time.sleep(0.1)
    raise AssertionError("no checkpoint was signed")


def field(dots: str) -> set[tuple[int, int]]:
    """The dark fields a path draws."""
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", dots)
    assert "".join(f"M{x} {y}h{w}v1h-{v}z" for x, y, w, v in runs) == dots
    return {(int(x) + n, int(y)) for x, y, w, _ in runs for n in range(int(w))}


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=100))
def test_the_drawn_code_is_the_code(text: str) -> None:
    symbol = segno.make_qr(text, error="m")
    dark = {
        (x + letters.QUIET, y + letters.QUIET)
        for y, row in enumerate(symbol.matrix)
        for x, bit in enumerate(row)
        if bit
    }
    assert field(letters.dots(symbol.matrix)) == dark


def test_every_form_carries_the_checkpoint_and_the_hash_of_its_record(town: Town, database: World) -> None:
    number = town.received()
    assert town.decided(number, [{"line": 1, "outcome": "approved"}]).is_success
    for form in ("request", "reply", "receipt"):
        foot = printed(town, number, form)
        hashed, *lines = foot.codes
        stated = checkpoint.parse("\n".join((*lines, "")))
        known = rows(
            database, "SELECT root FROM checkpoint WHERE origin = 'mandate.test/log' AND size = :n", n=stated.size
        )
        assert bytes(known[0].root) == stated.root
        leaves = {
            base64.b64encode(leaf(bytes(row.bytes))).decode(): row.number
            for row in rows(database, "SELECT number, bytes FROM entry")
        }
        entry = leaves[hashed]
        symbol = segno.make_qr(f"mandate.test/log\n{entry}\n{hashed}\n", error="m")
        assert foot.dots == letters.dots(symbol.matrix)
        assert foot.dots != letters.dots(segno.make_qr(f"mandate.test/log\n{entry + 1}\n{hashed}\n", error="m").matrix)


@pytest.fixture
def address(town: Town) -> Iterator[str]:
    """The application behind a real socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(town.app, lifespan="off", log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


def test_three_typed_lines_are_held_against_the_log_over_http(
    town: Town, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = town.received()
    _, *lines = printed(town, number, "request").codes
    town.filed()
    key = Path(town.settings.keys / "log").glob("*.key")
    assert len(list(key)) == 1
    spoken = iter([f"  {lines[0]} ", *lines[1:]])
    verifying.paper(address, None, lambda: next(spoken))
    assert "一致" in capsys.readouterr().out
    stated = checkpoint.parse("\n".join((*lines, "")))
    for wrong, said in (
        (Checkpoint(stated.origin, stated.size, leaf(b"x")), "FORK"), (Checkpoint(stated.origin, 10**9, stated.root), "ROLLBACK"),
        (Checkpoint("other.test/log", stated.size, stated.root), "不是同一个日志"),
    ):  # fmt: skip
        spoken = iter(wrong.text.splitlines())
        with pytest.raises(NotVerified, match=said):
            verifying.paper(address, None, lambda spoken=spoken: next(spoken))  # type: ignore[misc]
    spoken = iter(lines)
    with pytest.raises(NotVerified, match="公钥"):
        verifying.paper(address, checkpoint.Verifier("mandate.test/log", bytes(32)).vkey, lambda: next(spoken))


def test_a_letter_before_the_first_checkpoint_says_so() -> None:
    page = letters.PAGES.get_template("letter.html")
    proof = {"lines": [], "covers": False, "leaf": "x", "width": 29, "dots": ""}
    told = {
        "title": "t",
        "mark": None,
        "number": 1,
        "entry": 1,
        "size": 2,
        "printed": letters.clocked(datetime.now(UTC)),
        "proof": proof,
    }
    assert "检查点尚未签发" in page.render(page=told)
