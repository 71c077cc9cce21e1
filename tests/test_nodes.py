"""Stored nodes: proofs made from them verify against roots made without them, and a changed node is found."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from acts import Say, as_superuser, established, rows, running
from conftest import World
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, event

from audit import fsck, nodes, proof
from audit.nodes import Compared, Torn
from audit.proof import BadProof
from audit.tree import EMPTY, Edge, Node, leaf
from bench.intruder import Intruder

LONG = 66_000
BIG = f"""
INSERT INTO entry (number, at, act, kind, leaf, bytes)
SELECT n, 'epoch', gen_random_uuid(), 'Fake', sha256(int8send(n)), '' FROM generate_series(0, {LONG - 1}) n
"""


@pytest.fixture
def log(database: World) -> World:
    """Seven hundred entries, written in three transactions."""
    with running(database.engine) as ledger:
        for part in (200, 313, 187):
            ledger.record(Say(facts=tuple(established(f"u-64-{part}x{each:03}") for each in range(part))))
    return database


@pytest.fixture
def owner(log: World) -> Iterator[Engine]:
    engine = create_engine(log.superuser_url)
    yield engine
    engine.dispose()


def leaves(world: World) -> list[bytes]:
    return [bytes(row.leaf) for row in rows(world, "SELECT leaf FROM entry ORDER BY number")]


def test_every_proof_of_a_written_log_verifies(log: World) -> None:
    hashes = leaves(log)
    assert len(hashes) == 700
    assert {(row.level, row.number) for row in rows(log, "SELECT level, number FROM node")} == {(8, 0), (8, 1)}
    with log.engine.connect() as connection:
        for size in (1, 2, 255, 256, 257, 512, 513, 699, 700):
            top = Edge().extend(hashes[:size]).root
            assert nodes.root(connection, size) == top
            for number in {0, 1, size // 2, size - 1} & set(range(size)):
                made = nodes.inclusion(connection, number, size)
                assert (made.leaf, made.root) == (hashes[number], top)
                proof.verify_inclusion(number, size, hashes[number], made.path, top)
                grown = nodes.consistency(connection, number + 1, size)
                assert grown.first_root == Edge().extend(hashes[: number + 1]).root
                proof.verify_consistency(number + 1, size, grown.first_root, top, grown.path)
        assert nodes.root(connection, 0) == EMPTY
        assert nodes.tile(connection, 0, 1, 256) == b"".join(hashes[256:512])
        assert nodes.tile(connection, 0, 2, 3) == b"".join(hashes[512:515])
        assert nodes.tile(connection, 1, 0, 2) == b"".join(Edge().extend(hashes[i : i + 256]).root for i in (0, 256))


def test_what_lies_outside_the_tree_has_no_proof(log: World) -> None:
    with log.engine.connect() as connection:
        for number, size in ((700, 700), (3, 3), (0, 0), (-1, 5)):
            with pytest.raises(BadProof):
                nodes.inclusion(connection, number, size)
        with pytest.raises(BadProof):
            nodes.consistency(connection, 0, 700)
        with pytest.raises(Torn):
            nodes.inclusion(connection, 0, 701)
        with pytest.raises(Torn):
            nodes.tile(connection, 1, 0, 3)


def test_an_earlier_log_gets_its_nodes_when_it_is_migrated_and_three_levels_of_tiles_agree(database: World) -> None:
    database.intact = False
    as_superuser(database, BIG)
    engine = create_engine(database.superuser_url)
    with engine.begin() as connection:
        importlib.import_module("audit.migrations.versions.0002_tree_nodes").fill(connection)
    hashes = leaves(database)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda c, cursor, statement, *rest: asked.append(statement))
    with engine.connect() as connection:
        for number, size in ((0, LONG), (65_535, LONG), (65_536, LONG), (LONG - 1, LONG), (12_345, 54_321)):
            top = Edge().extend(hashes[:size]).root
            made = nodes.inclusion(connection, number, size)
            assert made.root == top
            proof.verify_inclusion(number, size, hashes[number], made.path, top)
            grown = nodes.consistency(connection, number + 1, size)
            proof.verify_consistency(number + 1, size, grown.first_root, top, grown.path)
        assert nodes.tile(connection, 2, 0, 1) == Edge().extend(hashes[:65_536]).root
    engine.dispose()
    assert len(asked) == 11
    assert max(statement.count("UNION ALL") for statement in asked) < 9


@pytest.mark.parametrize("statement", ["UPDATE node SET hash = hash", "DELETE FROM node", "TRUNCATE node"])
def test_nodes_are_append_only_even_for_a_superuser(log: World, owner: Engine, statement: str) -> None:
    for begin in ("", "SET session_replication_role = replica; "):
        with owner.connect() as connection, pytest.raises(Exception, match="append-only"):
            connection.exec_driver_sql(begin + statement)


def found(engine: Engine) -> list[tuple[str, int | None]]:
    return [(each.kind, each.number) for each in fsck.check(engine).findings]


DAMAGE = {
    "a_node_changed": ("UPDATE node SET hash = sha256('x') WHERE number = 1", ("MODIFIED", 256)),
    "a_node_missing": ("DELETE FROM node WHERE number = 0", ("MODIFIED", 0)),
    "a_node_too_many": ("INSERT INTO node VALUES (8, 2, sha256('x'))", ("MODIFIED", 512)),
    "a_node_of_a_level_not_reached": ("INSERT INTO node VALUES (16, 0, sha256('x'))", ("MODIFIED", 0)),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_changed_node_is_found(log: World, owner: Engine, case: str) -> None:
    log.intact = False
    statement, verdict = DAMAGE[case]
    Intruder(owner).run(statement)
    assert found(owner) == [verdict]


def test_bytes_and_leaf_changed_together_are_found_by_the_leaf_kept_elsewhere_or_within_their_tile(
    log: World, owner: Engine
) -> None:
    log.intact = False
    changed = bytes(rows(log, "SELECT bytes FROM entry WHERE number = 300")[0].bytes).replace(
        b"u-64-313x100", b"u-64-313x999"
    )
    hashed = f"'\\x{leaf(changed).hex()}'"
    Intruder(owner).run(f"UPDATE entry SET bytes = '\\x{changed.hex()}', leaf = {hashed} WHERE number = 300")
    assert found(owner)[0] == ("MODIFIED", 300)
    Intruder(owner).run(
        f"UPDATE leaves SET hashes = overlay(hashes PLACING {hashed} FROM (300 - 200) * 32 + 1 FOR 32) WHERE begin = 200"
    )
    assert found(owner)[0] == ("MODIFIED", 256)


class _Row:
    def __init__(self, node: Node) -> None:
        self.level, self.number, self.hash = node


@given(st.integers(0, 70_000), st.data())
def test_one_wrong_node_is_found_where_it_is(size: int, data: st.DataObject) -> None:
    made = [(8, number, leaf(bytes((8,)))) for number in range(size >> 8)] + [(16, n, EMPTY) for n in range(size >> 16)]
    made.sort(key=lambda each: ((each[1] + 1) << each[0], each[0]))
    honest = Compared(map(_Row, made))
    honest.whole(made)
    assert honest.finish() == []
    if made:
        place = data.draw(st.integers(0, len(made) - 1))
        level, number, _ = made[place]
        bent = Compared(map(_Row, [*made[:place], (level, number, b"x" * 32), *made[place + 1 :]]))
        bent.whole(made)
        assert [each for _, each, _ in bent.finish()] == [number << level]
