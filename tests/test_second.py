"""The second tree: its tiles and proofs are those of RFC 6962 with SM3 over the same bytes, read in a few pieces."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import worlds
from acts import FOLDER, as_superuser, established, rows, running
from conftest import World
from keeping import House
from sqlalchemy import Connection, create_engine, event

from audit import checkpoint, fsck, nodes, proof, second
from audit.checkpoint import Checkpoint, Verifier
from audit.proof import BadProof
from audit.tree import SM3, Edge, leaf

MANY = tuple(established(f"u-64-x{each:03}") for each in range(600))


def hashed(content: bytes) -> bytes:
    return hashlib.new("sm3", content).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1 as it is written."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashed(b"\x01" + root(leaves[:half]) + root(leaves[half:]))


@pytest.fixture
def town(database: World, tmp_path: Path) -> Iterator[worlds.Town]:
    folder = tmp_path / "policies"
    shutil.copytree(FOLDER, folder)
    before, _, after = (folder / "handling.toml").read_text().partition("[log_sm3]")
    (folder / "handling.toml").write_text(f"{before}[log_sm3]{after.replace('value = 0', 'value = 1', 1)}")
    with worlds.Town(database, world=False, more=MANY, policies=folder) as made:
        yield made


def leaves(world: World) -> list[bytes]:
    found = rows(world, "SELECT bytes FROM entry ORDER BY number")
    return [hashed(b"\x00" + bytes(each.bytes)) for each in found]


def decoded(hashes: list[str]) -> list[bytes]:
    return [base64.b64decode(each) for each in hashes]


def test_a_stranger_checks_the_second_tree_with_nothing_but_hashes(town: worlds.Town, database: World) -> None:
    keys = [Verifier.from_vkey(line) for line in town.get("/log/keys", None).text.splitlines()]
    signed, _ = checkpoint.open(town.get("/log/sm3/checkpoint", None).text, keys)
    mine = leaves(database)
    assert signed == Checkpoint("mandate.test/log/sm3", len(mine), root(mine))
    for number in (0, 255, 256, 511, 512, len(mine) - 1):
        for size in {number + 1, len(mine)}:
            told = town.get(f"/v1/entries/{number}/proof?size={size}&hash=sm3", None).json()
            assert base64.b64decode(told["leaf"]) == mine[number]
            path = decoded(told["path"])
            proof.verify_inclusion(number, size, mine[number], path, root(mine[:size]), SM3)
            if path:
                with pytest.raises(BadProof):
                    proof.verify_inclusion(number, size, mine[number], path, root(mine[:size]))
    for first in (1, 255, 256, 300, 512):
        told = town.get(f"/v1/consistency?from={first}&hash=sm3", None).json()
        roots = root(mine[:first]), root(mine)
        assert (base64.b64decode(told["from_root"]), base64.b64decode(told["to_root"])) == roots
        proof.verify_consistency(first, len(mine), *roots, decoded(told["path"]), SM3)
    usual = town.get("/v1/entries/0/proof", None)
    assert usual.content == town.get("/v1/entries/0/proof?hash=sha256", None).content
    assert usual.json()["leaf"] != told["path"][0]


def test_its_tiles_hold_the_hashes_and_nothing_beyond_what_was_hashed(town: worlds.Town, database: World) -> None:
    mine = leaves(database)
    whole = len(mine) // 256
    tops = [root(mine[each * 256 : each * 256 + 256]) for each in range(whole)]
    for path, want in {
        "0/000": mine[:256], "0/001": mine[256:512], "0/000.p/1": mine[:1], f"0/002.p/{len(mine) - 512}": mine[512:],
        f"1/000.p/{whole}": tops,
    }.items():  # fmt: skip
        answer = town.get(f"/log/sm3/tile/{path}", None)
        assert (answer.status_code, answer.content) == (200, b"".join(want)), path
    for path in ("0/002", f"1/000.p/{whole + 1}", "2/000.p/1", "64/000.p/1", "entries/000", "0/0", "0/000.p/0"):
        assert town.get(f"/log/sm3/tile/{path}", worlds.AUDITOR).status_code == 404, path
    reached = len(mine)
    for path in (f"/v1/entries/0/proof?size={reached + 9}&hash=sm3", "/v1/consistency?from=0&hash=sm3",
                 "/v1/entries/0/proof?hash=md5", "/v1/consistency?from=1&hash=SM3"):  # fmt: skip
        assert town.get(path, None).status_code == 422, path


def test_it_is_absent_where_it_is_not_kept(database: World) -> None:
    with worlds.Town(database, world=False) as town:
        for path in ("/log/sm3/checkpoint", "/log/sm3/tile/0/000.p/1", "/v1/entries/0/proof?hash=sm3",
                     "/v1/consistency?from=1&hash=sm3"):  # fmt: skip
            assert town.get(path, None).status_code == 404, path
        assert rows(database, "SELECT FROM node_sm3") == []


def counted(connection: Connection, ask: Callable[[], object]) -> tuple[int, int]:
    """Statements and rows that an answer costs."""
    found = [0, 0]

    def after(_connection: object, cursor: object, *_: object) -> None:
        found[0] += 1
        found[1] += cursor.rowcount  # type: ignore[attr-defined]

    event.listen(connection, "after_cursor_execute", after)
    ask()
    event.remove(connection, "after_cursor_execute", after)
    return found[0], found[1]


def test_a_proof_reads_tiles_and_never_the_log(town: worlds.Town, database: World) -> None:
    size = town.size()
    with database.engine.connect() as connection:
        for ask in (
            lambda: nodes.inclusion(connection, 3, size, second.STORE),
            lambda: nodes.consistency(connection, 300, size, second.STORE),
        ):
            statements, read = counted(connection, ask)
            assert statements <= 6
            assert read <= 3 * 256 + 6
        statements, read = counted(connection, lambda: second.tile(connection, 0, 1, 256))
        assert (statements, read) == (1, 256)


@pytest.mark.parametrize("damage", ["DELETE FROM node_sm3", "UPDATE edge SET size = 3", "DELETE FROM edge"])
def test_what_is_missing_is_not_answered_from_and_the_log_goes_on(database: World, tmp_path: Path, damage: str) -> None:
    """Set late, the tree is grown from the first entry; a damaged edge is made again from the bytes."""
    database.intact = not damage.startswith("DELETE FROM node")
    with ExitStack() as stack:
        ledger = stack.enter_context(running(database.engine))
        house = House(database, tmp_path / "log", ledger, stack)
        keeper = house.keeper()
        keeper.turn()
        house.write(300)
        keeper.turn()
        assert rows(database, "SELECT FROM node_sm3") == []
        house.numbers["log_sm3"] = 1
        keeper.turn()
        assert len(rows(database, "SELECT FROM node_sm3")) == 1
        as_superuser(database, damage)
        if damage.startswith("DELETE FROM node"):
            with database.engine.connect() as connection, pytest.raises(nodes.Torn):
                nodes.inclusion(connection, 300, 301, second.STORE)
        house.write()
        keeper.turn()
        assert house.ledger.halted is None
        with database.engine.connect() as connection:
            assert second.size(connection, house.published().origin) == house.size()
        contents = rows(database, "SELECT bytes FROM entry ORDER BY number")
        want = Edge().grow((leaf(bytes(each.bytes), SM3) for each in contents), SM3)[0].top(SM3)
        if not damage.startswith("DELETE FROM node"):
            with database.engine.connect() as connection:
                assert nodes.inclusion(connection, 300, house.size(), second.STORE).root == want


# --- the check ------------------------------------------------------------------------------------------------------
FORGED = [
    ("UPDATE node_sm3 SET hash = sha256('x') WHERE number = 1", 256),
    ("DELETE FROM node_sm3 WHERE number = 0", 0),
    ("INSERT INTO node_sm3 VALUES (8, 9, sha256('x'))", 9 * 256),
    ("UPDATE edge SET hashes = overlay(hashes placing sha256('x') from 1) WHERE origin LIKE '%/sm3'", 0),
    ("DELETE FROM edge WHERE origin LIKE '%/sm3'", 0),
    ("UPDATE checkpoint SET root = sha256('x') WHERE origin LIKE '%/sm3'", 0),
]


@pytest.mark.parametrize(("statement", "number"), FORGED)
def test_a_changed_node_of_the_second_tree_is_named(
    town: worlds.Town, database: World, statement: str, number: int
) -> None:
    owner = create_engine(database.owner_url)
    assert fsck.check(owner).verdict == "OK", "the control: the same check on what was written"
    as_superuser(database, statement)
    found = [(each.kind, each.number) for each in fsck.check(owner).findings]
    owner.dispose()
    database.intact = False
    assert found == [("UNLOGGED_CHANGE", number)]


def test_a_log_without_a_second_tree_or_with_one_that_lags_is_whole(database: World, tmp_path: Path) -> None:
    with ExitStack() as stack:
        house = House(database, tmp_path / "log", stack.enter_context(running(database.engine)), stack)
        house.numbers["log_sm3"] = 1
        keeper = house.keeper()
        house.write(300)
        keeper.turn()
        house.write(300)
        owner = create_engine(database.owner_url)
        stack.callback(owner.dispose)
        assert fsck.check(owner).verdict == "OK"
        as_superuser(database, "INSERT INTO node_sm3 VALUES (8, 1, sha256('x'))")
        assert fsck.check(owner).findings[0].number == 256
        as_superuser(database, "DELETE FROM node_sm3 WHERE number = 1")
