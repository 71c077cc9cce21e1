"""Tampering is found: each case changes a finished log as a database administrator could, and names verdict and entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from acts import Ask, Say, as_superuser, caller, employ, established, loaded, raising, rows, running, sealed, submitted
from conftest import World
from sqlalchemy import Engine, create_engine

from audit import fsck, reread
from audit.tree import Edge, leaf
from authz import refusal
from authz.household import ask_move
from authz.register import Reads
from bench.intruder import locked

OFF = "ALTER TABLE entry DISABLE TRIGGER ALL; ALTER TABLE entry_00000 DISABLE TRIGGER ALL; ALTER TABLE act DISABLE TRIGGER ALL; "


@pytest.fixture
def log(database: World) -> World:
    """Ten entries: a unit, a person with a name in the vault, a post, households, a move, a shared refusal, two facts."""
    with running(database.engine) as ledger:
        employ(ledger, "p-1", "u-640324-lead", "county_admin")
        ledger.record(Say(facts=(loaded("h-1", "h-2"),)))
        kept, commitments = sealed({"/reason": "迁居"})
        ledger.record(
            Say(facts=lambda scene: (ask_move(scene.rows.households["h-1"], "640324100202", commitments["/reason"]),),
                needs=Reads(households=frozenset(("h-1",))), sealed=kept)
        )  # fmt: skip
        submitted(ledger, [Ask(facts=raising(refusal.NoGrant()), caller=caller("p-1")) for _ in range(3)])
        ledger.record(Say(facts=(established("u-64-lead"), established("u-6403-lead"))))
        ledger.record(Say(facts=(loaded("h-3"),)))
    return database


@pytest.fixture
def owner(log: World) -> Iterator[Engine]:
    engine = create_engine(log.superuser_url)
    yield engine
    engine.dispose()


def found(engine: Engine) -> tuple[str, int | None]:
    report = fsck.check(engine)
    return (report.verdict, report.findings[0].number) if report.findings else ("OK", None)


def tampered(log: World, statement: str) -> None:
    log.intact = False
    for each in (OFF + statement).split("; "):
        as_superuser(log, each)
    engine = create_engine(log.superuser_url)
    locked(engine)
    engine.dispose()


def test_an_honest_log_is_ok_and_reported_with_its_root(log: World, owner: Engine) -> None:
    heard: list[tuple[int, int]] = []
    report = fsck.check(owner, lambda done, total: heard.append((done, total)))
    leaves = [bytes(row.leaf) for row in rows(log, "SELECT leaf FROM entry ORDER BY number")]
    assert (report.verdict, report.size, report.erased) == ("OK", 9, 0)
    assert report.root == Edge().extend(leaves).root
    assert heard[-1] == (9, 9)


def test_an_erased_value_is_counted_and_does_not_alarm(log: World, owner: Engine) -> None:
    as_superuser(log, "DELETE FROM vault WHERE entry = 4")
    report = fsck.check(owner)
    assert (report.verdict, report.erased) == ("OK", 1)


CHANGED = {
    "at": "at + interval '1 second'", "act": "gen_random_uuid()", "kind": "'LogRead'", "decision": "'permit'", "person": "'p-9'",
    "unit": "'u-64-lead'", "division": "'640324'", "cell": "'lifted_out.base'", "operation": "'delete'", "grant_number": "77",
    "household": "'h-77'", "data_year": "2001", "quarter": "3", "subject": "77", "leaf": "sha256('x')",
}  # fmt: skip


@pytest.mark.parametrize("column", CHANGED)
def test_a_changed_column_is_found(log: World, owner: Engine, column: str) -> None:
    tampered(log, f"UPDATE entry SET {column} = {CHANGED[column]} WHERE number = 4")
    assert found(owner) == ("MODIFIED", 4)


def test_any_flipped_byte_of_an_entry_is_found(log: World, owner: Engine) -> None:
    length = rows(log, "SELECT length(bytes) AS n FROM entry WHERE number = 5")[0].n
    flip = "UPDATE entry SET bytes = set_byte(bytes, {0}, get_byte(bytes, {0}) # 1) WHERE number = 5"
    for place in range(0, length, 9):
        tampered(log, flip.format(place))
        assert found(owner)[1] == 5, place
        tampered(log, flip.format(place))
    assert found(owner) == ("OK", None)


def _with_bytes(log: World, number: int, old: str, new: str) -> str:
    content = bytes(rows(log, "SELECT bytes FROM entry WHERE number = :n", n=number)[0].bytes)
    changed = content.replace(old.encode(), new.encode())
    assert changed != content
    return f"UPDATE entry SET bytes = '\\x{changed.hex()}', leaf = '\\x{leaf(changed).hex()}' WHERE number = {number}"


def test_an_entry_rewritten_together_with_its_leaf_is_found_by_the_leaf_kept_elsewhere(
    log: World, owner: Engine
) -> None:
    tampered(log, _with_bytes(log, 3, '"h-2"', '"h-7"'))
    assert found(owner) == ("MODIFIED", 3)


def test_a_verifier_that_trusts_the_leaf_column_would_not_see_it(log: World, owner: Engine) -> None:
    """The negative control: the stored leaves still give the root on record although the bytes were changed."""
    content = bytes(rows(log, "SELECT bytes FROM entry WHERE number = 3")[0].bytes)
    tampered(log, f"UPDATE entry SET bytes = '\\x{content.replace(b'h-2', b'h-7').hex()}' WHERE number = 3")
    stored = Edge().extend(bytes(row.leaf) for row in rows(log, "SELECT leaf FROM entry ORDER BY number"))
    assert stored.packed == bytes(rows(log, "SELECT edge FROM head")[0].edge)
    assert found(owner) == ("MODIFIED", 3)


SWAP = (
    "UPDATE entry SET number = 900 WHERE number = 2; UPDATE entry SET number = 2 WHERE number = 3; "
    "UPDATE entry SET number = 3 WHERE number = 900"
)
COPY = "at, {act}, kind, decision, person, unit, division, cell, operation, grant_number, household, data_year, quarter, subject, leaf, bytes"
AGAIN = f"INSERT INTO entry SELECT 9, {COPY.format(act='act')} FROM entry WHERE number = 3; UPDATE head SET size = 10"
CASES: dict[str, tuple[str, tuple[str, int | None]]] = {
    "a middle entry is deleted": ("DELETE FROM entry WHERE number = 4", ("MISSING", 4)),
    "the first entry is deleted": ("DELETE FROM entry WHERE number = 0", ("MISSING", 0)),
    "the tail is deleted": ("DELETE FROM entry WHERE number >= 7", ("MISSING", 7)),
    "everything is truncated": ("TRUNCATE entry_00000", ("MISSING", 0)),
    "two entries change places": (SWAP, ("ORDER", 2)),
    "an entry is appended again": (AGAIN, ("ORDER", 9)),
    "the size is set back": ("UPDATE head SET size = 7", ("UNLOGGED_CHANGE", 7)),
    "the edge is changed": ("UPDATE head SET edge = set_byte(edge, 40, get_byte(edge, 40) # 1)", ("MODIFIED", 8)),
    "the edge is cut": ("UPDATE head SET edge = substr(edge, 1, 32)", ("MODIFIED", 8)),
    "the instant of the head is changed": ("UPDATE head SET at = at + interval '1 day'", ("UNLOGGED_CHANGE", None)),
    "an act is forgotten": ("DELETE FROM act WHERE first = 3", ("UNLOGGED_CHANGE", 3)),
    "an act is counted wrong": ("UPDATE act SET count = 1 WHERE first = 6", ("DUPLICATE_REF", 7)),
    "an act is invented": ("INSERT INTO act VALUES (gen_random_uuid(), 2, 1)", ("UNLOGGED_CHANGE", 2)),
    "a shared refusal is forgotten": (
        "DELETE FROM act WHERE first = 5 AND ref NOT IN (SELECT act FROM entry WHERE number = 5)", ("UNLOGGED_CHANGE", 5)),
    "a register row is edited": ("UPDATE household SET division = '640324105200' WHERE token = 'h-2'", ("UNLOGGED_CHANGE", 3)),
    "a register row is added": ("INSERT INTO household VALUES ('h-9', '640324', 'monitored', NULL, NULL, 3, NULL)", ("UNLOGGED_CHANGE", 3)),
    "a role is raised": ("UPDATE post SET role = 'auditor'", ("UNLOGGED_CHANGE", 2)),
    "an old version is edited": ("UPDATE household SET ended = 8 WHERE token = 'h-1' AND since = 3", ("UNLOGGED_CHANGE", 3)),
    "a usage is invented": ("INSERT INTO usage VALUES (1, 'h-1', 3)", ("UNLOGGED_CHANGE", 3)),
    "a charter is invented": ("INSERT INTO charter VALUES ('policy', 'x', 1, NULL)", ("UNLOGGED_CHANGE", 1)),
    "an effect is undone": ("DELETE FROM household WHERE token = 'h-3'", ("PHANTOM", 8)),
    "a person is removed": ("DELETE FROM person", ("PHANTOM", 1)),
    "a value of the vault is edited": ("UPDATE vault SET value = '\"x\"' WHERE entry = 1", ("UNLOGGED_CHANGE", 1)),
    "a salt is edited": ("UPDATE vault SET salt = substr(sha256('x'), 1, 16) WHERE entry = 4", ("UNLOGGED_CHANGE", 4)),
    "a value is moved": ("UPDATE vault SET entry = 3 WHERE entry = 4", ("UNLOGGED_CHANGE", 3)),
    "a value is moved behind the end": ("UPDATE vault SET entry = 90 WHERE entry = 4", ("UNLOGGED_CHANGE", 90)),
    "a value is invented": (
        "INSERT INTO vault SELECT 2, '/x', substr(sha256('x'), 1, 16), '1'", ("UNLOGGED_CHANGE", 2)),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_tampering_gets_its_verdict_and_its_entry(log: World, owner: Engine, what: str) -> None:
    statement, verdict = CASES[what]
    assert found(owner) == ("OK", None)
    tampered(log, statement)
    assert found(owner) == verdict


def _time(log: World, number: int) -> str:
    return str(rows(log, "SELECT convert_from(bytes, 'UTF8')::jsonb ->> 'at' AS at FROM entry WHERE number = :n".replace("::", "\\:\\:"),
                    n=number)[0].at)  # fmt: skip


def test_a_back_dated_entry_is_found(log: World, owner: Engine) -> None:
    at = _time(log, 8)
    tampered(
        log, _with_bytes(log, 8, at, "2020" + at[4:]) + "; UPDATE entry SET at = at - interval '1 day' WHERE number = 8"
    )
    kinds = {each.kind: each.number for each in fsck.check(owner).findings}
    assert kinds["TIME_ORDER"] == 8
    assert fsck.check(owner).verdict == "TIME_ORDER"


def test_an_act_that_stands_in_the_log_twice_is_found(log: World, owner: Engine) -> None:
    content = bytes(rows(log, "SELECT bytes FROM entry WHERE number = 8")[0].bytes).replace(
        b'"number":8', b'"number":9'
    )
    edge = Edge().extend([*(bytes(r.leaf) for r in rows(log, "SELECT leaf FROM entry ORDER BY number")), leaf(content)])
    columns = COPY.format(act="act").replace("leaf, bytes", f"'\\x{leaf(content).hex()}', '\\x{content.hex()}'")
    tampered(log, f"INSERT INTO entry SELECT 9, {columns} FROM entry WHERE number = 8; "
                  f"UPDATE head SET size = 10, edge = '\\x{edge.packed.hex()}'")  # fmt: skip
    assert found(owner) == ("DUPLICATE_REF", 9)


def test_a_tampered_register_of_an_empty_log_is_found(database: World) -> None:
    database.intact = False
    as_superuser(database, "INSERT INTO person VALUES ('p-1', 'x', 0, 0, NULL)")
    engine = create_engine(database.superuser_url)
    assert found(engine) == ("UNLOGGED_CHANGE", 0)
    engine.dispose()


def test_many_entries_are_read_in_pieces(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reread, "PIECE", 3)
    with running(database.engine) as ledger:
        for n in range(10):
            submitted(ledger, [Say(facts=(loaded(f"h-{n}"), established("u-64-lead")))])
    engine: Any = create_engine(database.superuser_url)
    heard: list[tuple[int, int]] = []
    assert fsck.check(engine, lambda done, total: heard.append((done, total))).verdict == "OK"
    engine.dispose()
    assert heard[-1] == (20, 20)
    assert len(heard) == 7
