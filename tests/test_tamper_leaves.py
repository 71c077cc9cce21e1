"""Row 2 of the tamper matrix: the leaves kept a second time name the entry exactly, and what is said once they are forged too."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from acts import Say, rows
from conftest import World
from copies import MOVED, ORIGIN, REFUSED, Copy, living
from test_tamper import members, other, stored

from audit import note
from audit.canonical import canonical
from audit.checkpoint import Checkpoint
from audit.note import Note
from audit.tree import Edge, leaf
from authz.signing import Heartbeat
from bench.intruder import changed

LATE = 265
"""An entry of the last tile, which no stored node covers yet."""
FORGED = b'"device":"pad-9"'
NO_CHECKPOINTS = "DELETE FROM checkpoint"


@pytest.fixture
def copy(database: World, tmp_path: Path) -> Iterator[Copy]:
    with living(database, tmp_path) as made:
        database.intact = False
        yield made


def kept(number: int, hashed: bytes) -> str:
    """The statement that puts this hash among the kept leaves."""
    return (
        f"UPDATE leaves SET hashes = overlay(hashes PLACING '\\x{hashed.hex()}' FROM ({number} - begin)::int * 32 + 1 FOR 32)"
        f" WHERE begin <= {number} AND begin + octet_length(hashes) / 32 > {number}"
    ).replace("::", "\\:\\:")


def forged(copy: Copy, number: int) -> bytes:
    return canonical({**json.loads(copy.intruder.contents()[number]), "device": "pad-9"})


def told(copy: Copy) -> str:
    return copy.check().findings[0].detail


def nodes(copy: Copy) -> list[str]:
    """The statements that make the stored nodes fit the entries."""
    _, whole = Edge().grow([leaf(each) for each in copy.intruder.contents()])
    return [
        f"UPDATE node SET hash = '\\x{hashed.hex()}' WHERE level = {level} AND number = {number}"
        for level, number, hashed in whole
    ]


# --- bytes and leaf -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [REFUSED, MOVED, LATE])
def test_each_field_with_its_leaf(copy: Copy, number: int) -> None:
    copy.intruder.run(NO_CHECKPOINTS)
    content = copy.intruder.contents()[number]
    for place in members(json.loads(content)):
        spoiled = json.loads(content)
        inner = spoiled
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = other(inner[place[-1]])
        written = json.dumps(spoiled, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        copy.intruder.run(stored(written, number, hashed=True))
        first = copy.check().findings[0]
        assert (first.kind in ("MODIFIED", "ORDER"), first.number) == (True, number), place
        copy.intruder.run(stored(content, number, hashed=True))
    assert copy.found(copy.beside()) == ("OK", None)


@pytest.mark.parametrize("number", [0, REFUSED, 255, 256, LATE])
def test_which_of_the_three_was_changed_is_told(copy: Copy, number: int) -> None:
    content, false = copy.intruder.contents()[number], forged(copy, number)
    wrong, right = leaf(false), leaf(content)
    beside = f"UPDATE entry SET leaf = '\\x{wrong.hex()}' WHERE number = {number}"
    for statements, word in (
        ([stored(false, number)], "旁存和另存的叶哈希仍是原来的"),
        ([stored(false, number, hashed=True)], "另存的叶哈希与树相符，内容不符"),
        ([beside], "被改动的是旁存的叶哈希"),
        ([kept(number, wrong)], "须以库外保存的检查点判定"),
        ([beside, kept(number, wrong)], "内容与树相符，旁存和另存的叶哈希都被改动"),
        ([stored(false, number), kept(number, wrong)], "旁存的叶哈希与树相符，内容不符"),
    ):
        copy.intruder.run(*statements)
        assert copy.found() == ("MODIFIED", number), word
        assert word in told(copy)
        copy.intruder.run(stored(content, number, hashed=True), kept(number, right))
    assert copy.found() == ("OK", None)


def test_three_accounts_of_which_none_fits_the_tree_name_entry_and_range(copy: Copy) -> None:
    copy.intruder.run(NO_CHECKPOINTS, stored(forged(copy, 200), 200, hashed=True), kept(200, leaf(b"")))
    found = copy.check().findings
    assert [(each.kind, each.number) for each in found] == [("MODIFIED", 0), ("MODIFIED", 200)]
    assert "树也无法判定" in found[1].detail


def test_a_second_change_in_the_same_tile_hides_nothing(copy: Copy) -> None:
    copy.intruder.run(
        NO_CHECKPOINTS,
        stored(forged(copy, 200), 200, hashed=True),
        kept(210, leaf(b"")),
        stored(forged(copy, 220), 220),
    )
    assert [(each.kind, each.number) for each in copy.check().findings] == [
        ("MODIFIED", each) for each in (200, 210, 220)
    ]


# --- the kept leaves too --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("number", "begin", "end"), [(REFUSED, REFUSED, 9), (200, 9, 256), (LATE, 264, 268)])
def test_with_the_kept_leaf_forged_only_the_range_is_known(copy: Copy, number: int, begin: int, end: int) -> None:
    """Between the checkpoints around it, or within its subtree, whichever is smaller."""
    false = forged(copy, number)
    copy.intruder.run(stored(false, number, hashed=True), kept(number, leaf(false)))
    assert copy.found() == ("MODIFIED", begin)
    assert told(copy).endswith(f"首条被改动的记录在 {begin} 至 {end - 1} 之间")
    copy.intruder.run(NO_CHECKPOINTS)
    begin, end = (0, 256) if number < 256 else (begin, end)
    assert copy.found() == ("MODIFIED", begin)
    assert told(copy).endswith(f"首条被改动的记录在 {begin} 至 {end - 1} 之间")


def test_nodes_forged_too_but_not_the_head(copy: Copy) -> None:
    false = forged(copy, REFUSED)
    copy.intruder.run(NO_CHECKPOINTS, stored(false, REFUSED, hashed=True), kept(REFUSED, leaf(false)))
    copy.intruder.run(*nodes(copy))
    assert copy.found() == ("MODIFIED", 0)
    assert "日志头所记的不符" in told(copy)


def test_the_whole_tree_forged_but_the_kept_leaf_forgotten(copy: Copy) -> None:
    """A signed checkpoint that the kept leaves still make names the entry; without one, both stories are told."""
    contents = copy.intruder.contents()
    before = [leaf(each) for each in contents]
    copy.intruder.rewrite(changed(contents, REFUSED, b'"no_grant"', b'"no_role"'))
    copy.intruder.run(kept(REFUSED, before[REFUSED]))
    found = copy.check()
    assert [(each.kind, each.number) for each in found.findings] == [("FORK", REFUSED), ("MODIFIED", REFUSED)]
    assert "即为本条" in found.findings[0].detail
    copy.intruder.run(NO_CHECKPOINTS)
    assert copy.found() == ("MODIFIED", REFUSED)
    assert "须以库外保存的检查点判定" in told(copy)
    assert copy.check(copy.held()).findings[0].detail.endswith("即为本条")


def test_everything_forged_but_what_was_signed(copy: Copy) -> None:
    copy.forge()
    assert copy.found() == ("FORK", REFUSED)
    assert "之间" in told(copy)
    copy.intruder.run(NO_CHECKPOINTS)
    assert copy.found(copy.held()) == ("FORK", 0)
    assert copy.found() == ("OK", None), "the negative control: with nothing outside, nothing is seen"


def test_everything_forged_with_checkpoints_that_nobody_signed(copy: Copy) -> None:
    """Who has the database but not the key can write roots that fit, not signatures."""
    contents = copy.forge()
    hashes = [leaf(each) for each in contents]
    for row in rows(copy.world, "SELECT size, note FROM checkpoint"):
        old = note.parse(row.note)
        stated = Checkpoint(ORIGIN, row.size, Edge().extend(hashes[: row.size]).root)
        forged = note.format(Note(stated.text, old.signatures))
        copy.intruder.run("UPDATE checkpoint SET root = :root, note = :note WHERE size = :size",
                          root=stated.root, note=forged, size=row.size)  # fmt: skip
    assert [each.detail for each in copy.check().findings] == [
        f"在案的最后一份检查点（共 {len(contents)} 条）没有本日志密钥的有效签名"
    ]
    copy.sign(contents)
    assert copy.found() == ("OK", None), "the negative control: with the stolen key, only what lies outside helps"


# --- the rows themselves --------------------------------------------------------------------------------------------
END = -1
"""Stands for the size of the log."""


@pytest.mark.parametrize(("statement", "verdict"), [
    (f"DELETE FROM leaves WHERE begin = {REFUSED}", ("MODIFIED", REFUSED)),
    ("DELETE FROM leaves", ("MODIFIED", 0)),
    ("DELETE FROM leaves WHERE begin > 8", ("MODIFIED", 9)),
    ("INSERT INTO leaves VALUES (200, sha256('x'))", ("UNLOGGED_CHANGE", 200)),
    ("INSERT INTO leaves VALUES (9000, sha256('x'))", ("UNLOGGED_CHANGE", END)),
])  # fmt: skip
def test_rows_missing_or_too_many(copy: Copy, statement: str, verdict: tuple[str, int]) -> None:
    size = copy.check().size
    copy.intruder.run(statement)
    assert copy.found() == (verdict[0], size if verdict[1] == END else verdict[1])


def test_an_earlier_log_gets_its_leaves_when_it_is_migrated(copy: Copy) -> None:
    script = importlib.import_module("audit.migrations.versions.0005_law_people_editions").LEAVES
    fill = next(line for line in script.splitlines() if line.startswith("INSERT INTO leaves"))
    copy.intruder.run("DELETE FROM leaves")
    assert copy.found() == ("MODIFIED", 0)
    copy.intruder.run(fill)
    assert copy.found(copy.beside()) == ("OK", None)
    assert [row.begin for row in rows(copy.world, "SELECT begin FROM leaves ORDER BY begin")] == [0, 256]
    copy.ledger.record(Say(facts=(Heartbeat(),)))
    assert copy.found() == ("OK", None)


def test_one_row_per_transaction(copy: Copy) -> None:
    found = rows(copy.world, "SELECT begin, octet_length(hashes) / 32 AS many FROM leaves ORDER BY begin")
    ends = [row.begin + row.many for row in found]
    assert [row.begin for row in found] == [0, *ends[:-1]]
    assert ends[-1] == copy.check().size
    assert max(row.many for row in found) > 255


def test_a_node_changed_alone_accuses_no_entry_that_a_checkpoint_vouches_for(copy: Copy) -> None:
    copy.intruder.run("UPDATE node SET hash = sha256('x')")
    assert copy.found() == ("MODIFIED", 0)
    assert told(copy).endswith("检查点证实这些记录未变，被改动的是在案的树")
    copy.intruder.run(NO_CHECKPOINTS)
    assert told(copy).endswith("首条被改动的记录在 0 至 255 之间")
