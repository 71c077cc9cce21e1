"""The log for everybody: what a stranger with a checkpoint can check, in the shape other programs expect."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import worlds
from acts import FOLDER, as_superuser, established
from conftest import World
from hypothesis import given
from hypothesis import strategies as st

from api import log
from audit import checkpoint, proof
from audit.checkpoint import Checkpoint, Verifier
from audit.tree import Edge, leaf

MANY = tuple(established(f"u-64-x{each:03}") for each in range(300))


@pytest.fixture
def town(database: World) -> Iterator[worlds.Town]:
    with worlds.Town(database, more=MANY) as made:
        yield made


def size(town: worlds.Town) -> int:
    return int(town.size())


def decoded(hashes: list[str]) -> list[bytes]:
    return [base64.b64decode(each) for each in hashes]


def opened(town: worlds.Town) -> Checkpoint:
    """The published checkpoint, verified by the published keys."""
    answer = town.get("/v1/checkpoint", None)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == town.get("/log/checkpoint", None).text
    keys = [Verifier.from_vkey(line) for line in town.get("/log/keys", None).text.splitlines()]
    return checkpoint.open(answer.text, keys)[0]


def leaves(town: worlds.Town) -> list[bytes]:
    with town.deployment.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT bytes FROM entry ORDER BY number").scalars()
        return [leaf(bytes(each)) for each in rows]


def test_a_stranger_with_a_checkpoint_checks_an_entry_and_that_the_log_only_grew(town: worlds.Town) -> None:
    before = size(town)
    signed = opened(town)
    assert (signed.origin, signed.size) == ("mandate.test/log", before)
    for number in (0, 255, 256, before - 1):
        told = town.get(f"/v1/entries/{number}/proof?size={signed.size}", None).json()
        assert list(told) == ["number", "size", "leaf", "root", "path"]
        assert (told["number"], told["size"]) == (number, signed.size)
        hashed = leaves(town)[number]
        assert base64.b64decode(told["leaf"]) == hashed
        proof.verify_inclusion(number, signed.size, hashed, decoded(told["path"]), signed.root)
    assert size(town) == before
    town.granted()
    later = size(town)
    told = town.get(f"/v1/consistency?from={signed.size}&to={later}", None).json()
    assert list(told) == ["from", "to", "from_root", "to_root", "path"]
    roots = base64.b64decode(told["from_root"]), base64.b64decode(told["to_root"])
    assert roots == (signed.root, Edge().extend(leaves(town)[:later]).root)
    proof.verify_consistency(signed.size, later, *roots, decoded(told["path"]))
    assert town.get("/v1/consistency?from=1", None).json()["to"] == later
    assert town.get("/v1/entries/0/proof", None).json()["size"] == later


def test_what_lasts_may_be_kept_and_what_does_not_may_not(town: worlds.Town) -> None:
    for path, lasts in {
        "/v1/entries/0/proof?size=9": True, "/v1/entries/0/proof": False, "/v1/consistency?from=1&to=9": True,
        "/v1/consistency?from=1": False, "/log/tile/0/000": True, "/log/tile/0/000.p/7": True,
        "/log/checkpoint": False, "/log/keys": False,
    }.items():  # fmt: skip
        answer = town.get(path, None)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, lasts), path


def test_what_is_outside_the_log_is_absent_or_a_wrong_value(town: worlds.Town) -> None:
    end = size(town)
    for path, status in {
        f"/v1/entries/{end}/proof": 404, "/v1/entries/01/proof": 404, "/v1/entries/x/proof": 404, "/v1/entries/-1/proof": 404,
        f"/v1/entries/0/proof?size={end + 1}": 422, "/v1/entries/5/proof?size=5": 422, "/v1/entries/5/proof?size=0": 422,
        "/v1/entries/5/proof?size=x": 422, "/v1/entries/5/proof?size=0x6": 422, "/v1/entries/5/proof?other=6": 422,
        "/v1/consistency": 422, "/v1/consistency?from=0": 422, "/v1/consistency?from=5&to=4": 422,
        f"/v1/consistency?from=1&to={end + 1}": 422, f"/v1/consistency?from={end + 1}": 422, "/v1/consistency?from=-1": 422,
    }.items():  # fmt: skip
        answer = town.get(path, None)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path
    assert size(town) == end


def test_tiles_hold_the_hashes_of_the_tree(town: worlds.Town) -> None:
    hashes = leaves(town)
    rest = len(hashes) - 256
    for path, want in {
        "0/000": hashes[:256], "0/000.p/1": hashes[:1], "0/000.p/255": hashes[:255], f"0/001.p/{rest}": hashes[256:],
        "0/001.p/1": hashes[256:257], "1/000.p/1": [Edge().extend(hashes[:256]).root],
    }.items():  # fmt: skip
        answer = town.get(f"/log/tile/{path}", None)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream"), path
        assert answer.content == b"".join(want), path


ABSENT = (
    "0/001", "0/002.p/1", "1/000", "1/000.p/2", "2/000.p/1", "63/000.p/1", "64/000.p/1", "00/000", "-1/000", "x/000",
    "0/0", "0/00", "0/0000", "0/x000/000", "0/x001/000", "0/000.p/0", "0/000.p/01", "0/000.p/256", "0/000.p/999",
    "0/000.p/", "0/000.p", "0/000/", "0//000", "0/%30%30%30%20", "0/٠٠٠", "0/" + "x999/" * 60 + "999",
)  # fmt: skip


@pytest.mark.parametrize("path", ABSENT)
def test_a_tile_of_another_spelling_or_not_yet_full_is_absent(town: worlds.Town, path: str) -> None:
    answer = town.get(f"/log/tile/{path}", None)
    assert answer.status_code in (401, 404)
    assert town.get(f"/log/tile/{path}", worlds.AUDITOR).status_code == 404


def parted(content: bytes) -> list[bytes]:
    found = []
    while content:
        length = int.from_bytes(content[:2], "big")
        found.append(content[2 : 2 + length])
        content = content[2 + length :]
    return found


def test_bundles_of_entries_are_for_readers_of_the_whole_region_and_recorded_first(town: worlds.Town) -> None:
    before = size(town)
    for path, begin, width in (("000", 0, 256), ("000.p/3", 0, 3), ("001.p/2", 256, 2)):
        answer = town.get(f"/log/tile/entries/{path}", worlds.AUDITOR)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
        found = parted(answer.content)
        assert [leaf(each) for each in found] == leaves(town)[begin : begin + width]
    assert size(town) == before + 3
    refused = town.get("/log/tile/entries/000", worlds.ADMIN)
    assert (refused.status_code, refused.json()["entry"]) == (403, before + 3)
    for path in ("000", "000.p/1"):
        assert town.get(f"/log/tile/entries/{path}", None).status_code == 401
    assert town.get("/log/tile/entries/009", worlds.AUDITOR).status_code == 404
    assert town.get("/log/tile/entries/000?x=1", worlds.AUDITOR).status_code == 422
    assert size(town) == before + 4


@given(st.text("logtile/entries0x1.p%\n?v", max_size=40))
def test_no_path_but_those_of_hashes_is_public(tail: str) -> None:
    path = f"/{tail}"
    hashes = path.startswith(("/log/tile/0", "/log/tile/1")) or path in ("/log/checkpoint", "/log/keys")
    assert log.public(path) <= hashes


PRIVATE = (
    "/log/tile/entries/000", "/log/tile/entries/", "/log/tile/", "/log", "/log/", "/log/checkpoint/", "/log/checkpoint\n",
    "/v1/entries", "/v1/entries/5", "/v1/entries/5/proof/", "/v1/entries/5/6/proof", "/v1/entries/5/evidence", "/v1/entries//proof",
    "/v1/checkpoints", "/x/log/checkpoint",
)  # fmt: skip


@pytest.mark.parametrize("path", PRIVATE)
def test_what_is_near_a_public_path_is_not_public(path: str) -> None:
    assert not log.public(path)


def test_the_second_tree_is_absent_where_it_is_not_kept(database: World) -> None:
    with worlds.Town(database, world=False) as town:
        assert town.get("/log/sm3/checkpoint", None).status_code == 404


def test_the_second_tree_is_published_where_it_is_wanted(database: World, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(FOLDER, folder)
    before, _, after = (folder / "handling.toml").read_text().partition("[log_sm3]")
    (folder / "handling.toml").write_text(f"{before}[log_sm3]{after.replace('value = 0', 'value = 1', 1)}")
    with worlds.Town(database, world=False, policies=folder) as town:
        keys = [Verifier.from_vkey(line) for line in town.get("/log/keys", None).text.splitlines()]
        found, _ = checkpoint.open(town.get("/log/sm3/checkpoint", None).text, keys)
        assert (found.origin, found.size) == ("mandate.test/log/sm3", town.size())
        assert found.root != opened(town).root


def test_a_checkpoint_that_was_tampered_with_is_not_given_out(town: worlds.Town, database: World) -> None:
    database.intact = False
    as_superuser(database, "UPDATE checkpoint SET note = 'x'")
    assert town.get("/log/checkpoint", None).status_code == 503
    as_superuser(database, "UPDATE charter SET value = 'x' WHERE name = 'log_key'")
    assert town.get("/log/keys", None).status_code == 503


def test_a_log_with_holes_in_its_tree_answers_no_proof(town: worlds.Town, database: World) -> None:
    database.intact = False
    from_above = "ALTER TABLE node DISABLE TRIGGER ALL; DELETE FROM node"
    for each in from_above.split("; "):
        as_superuser(database, each)
    answer: Any = town.get("/v1/entries/5/proof", None)
    assert (answer.status_code, answer.json()["code"]) == (503, "closed")
