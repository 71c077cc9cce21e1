"""The tamper matrix: every attack on a live copy, as owner of the database and with the stolen key, and what finds it.

Each row names verdict and first bad entry, and has its control: the same check on the untouched log, and where the
attack needs a witness, the same check without one, which it passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from acts import Say, as_superuser, rows
from conftest import World
from copies import MOVED, NUMBERS, REFUSED, Copy, living

from api.commands import verifying
from audit import fsck, guard
from audit.canonical import canonical
from audit.tree import leaf
from authz import refusal
from authz.signing import Heartbeat
from bench.intruder import locked


@pytest.fixture
def copy(database: World, tmp_path: Path) -> Iterator[Copy]:
    with living(database, tmp_path) as made:
        database.intact = False
        yield made


def plain(copy: Copy, number: int) -> dict[str, Any]:
    return dict(json.loads(copy.intruder.contents()[number]))


def stored(content: bytes, number: int, *, hashed: bool = False) -> str:
    """The statement that puts these bytes there, with or without their hash."""
    more = f", leaf = '\\x{leaf(content).hex()}'" if hashed else ""
    return f"UPDATE entry SET bytes = '\\x{content.hex()}'{more} WHERE number = {number}"


def members(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member of a value, however deep."""
    if isinstance(value, dict | list) and value:
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from members(value[name], (*place, name))
    else:
        yield place


def other(value: Any) -> Any:
    return {str: "x", int: 9, bool: False, type(None): "x", list: ["x"], dict: {"x": 1}}[type(value)]


def test_01_any_field_changed(copy: Copy) -> None:
    for number in (REFUSED, MOVED):
        content = copy.intruder.contents()[number]
        for place in members(json.loads(content)):
            spoiled: Any = json.loads(content)
            inner = spoiled
            for name in place[:-1]:
                inner = inner[name]
            inner[place[-1]] = other(inner[place[-1]])
            written = json.dumps(spoiled, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
            copy.intruder.run(stored(written, number))
            kind, first = copy.found()
            assert (kind in ("MODIFIED", "ORDER"), first) == (True, number), place
            copy.intruder.run(stored(content, number))
    assert copy.found(copy.beside()) == ("OK", None)


@pytest.mark.parametrize("column", [
    "at", "act", "kind", "decision", "person", "unit", "division", "cell", "operation", "grant_number", "household", "data_year",
    "quarter", "subject", "leaf",
])  # fmt: skip
def test_01_any_column_changed(copy: Copy, column: str) -> None:
    given = {"at": "at + interval '1 s'", "act": "gen_random_uuid()", "leaf": "sha256('x')"}
    given |= dict.fromkeys(("grant_number", "data_year", "quarter", "subject"), "77")
    copy.intruder.run(
        f"UPDATE entry SET {column} = {given.get(column, chr(39) + 'x' + chr(39))} WHERE number = {REFUSED}"
    )
    assert copy.found() == ("MODIFIED", REFUSED)


@pytest.mark.parametrize("number", [0, MOVED, REFUSED, 200, 265])
def test_02_entry_and_its_stored_hash(copy: Copy, number: int) -> None:
    """Every way to do it, and what helps against it, is in test_tamper_leaves.py."""
    content = copy.intruder.contents()[number]
    forged = canonical({**json.loads(content), "device": "pad-9"})
    copy.intruder.run(stored(forged, number, hashed=True))
    assert copy.found() == ("MODIFIED", number)
    hashes = rows(copy.world, "SELECT leaf, bytes FROM entry")
    assert all(leaf(bytes(row.bytes)) == bytes(row.leaf) for row in hashes), "a check of each entry alone sees nothing"
    copy.intruder.run("DELETE FROM checkpoint")
    assert copy.found() == ("MODIFIED", number), "it needs no checkpoint"


def test_03_entry_hash_and_tree(copy: Copy) -> None:
    kept = copy.beside()
    copy.forge()
    assert copy.found(kept) == copy.found() == ("FORK", REFUSED)
    copy.intruder.run("DELETE FROM checkpoint")
    assert copy.found(kept) == ("FORK", 0)
    assert copy.found() == ("OK", None), "without any checkpoint it passes"


def test_04_the_same_signed_with_the_stolen_key(copy: Copy) -> None:
    held, paper = copy.held(), copy.beside().text
    copy.sign(copy.forge())
    assert copy.found() == copy.found(copy.beside()) == ("OK", None), "with the key, everything inside fits again"
    assert copy.found(held) == ("FORK", 0)
    assert copy.found(verifying.stated(paper)) == ("FORK", 0)
    assert copy.submit() == 409
    copy.keeper.turn()
    assert "FORK" in (copy.ledger.halted or ""), "a process that ran on remembers"
    copy.keeper.seen = None
    copy.keeper.turn()
    copy.ledger.record(Say(facts=(Heartbeat(),)))
    copy.keeper.turn()
    assert copy.submit() == 422, "one that was started anew does not; a witness does"


@pytest.mark.parametrize("number", [0, 3, REFUSED, 200])
def test_05_a_middle_entry_deleted(copy: Copy, number: int) -> None:
    copy.intruder.run(f"DELETE FROM entry WHERE number = {number}")
    assert copy.found() == copy.found(copy.beside()) == ("MISSING", number)


def test_06_the_tail_deleted_and_a_shorter_tree_signed(copy: Copy) -> None:
    held, contents = copy.held(), copy.intruder.contents()
    copy.intruder.rewrite(contents[: REFUSED + 1])
    assert copy.found(held) == copy.found() == ("ROLLBACK", REFUSED + 1)
    copy.sign(contents[: REFUSED + 1])
    assert copy.found() == copy.found(copy.beside()) == ("OK", None)
    assert copy.found(held) == ("ROLLBACK", REFUSED + 1)
    assert copy.submit() in (409, 422)


def test_07_nothing_is_ever_unsequenced(copy: Copy) -> None:
    """The attack does not exist here: an act that was answered has its number."""
    size = copy.check().size
    assert copy.ledger.record(Say(facts=(Heartbeat(),))).number == size
    assert copy.check().size == size + 1


def test_08_two_entries_swapped_or_a_time_changed(copy: Copy) -> None:
    contents = copy.intruder.contents()
    copy.intruder.run(stored(contents[REFUSED], 6), stored(contents[6], REFUSED))
    assert copy.found() == ("ORDER", 6)
    one, two = (json.loads(contents[each]) for each in (6, REFUSED))
    for mine, theirs in ((one, two), (two, one)):
        swapped = canonical(theirs | {"number": mine["number"], "at": mine["at"]})
        contents = [*contents[: mine["number"]], swapped, *contents[mine["number"] + 1 :]]
    copy.intruder.rewrite(contents)
    assert copy.found(copy.held()) == ("FORK", 6)
    contents = [*contents[:6], canonical(one), contents[7], canonical(two), *contents[9:]]
    copy.intruder.rewrite(contents)
    assert copy.found(copy.held()) == ("OK", None)
    at = plain(copy, 20)["at"]
    copy.intruder.run(stored(contents[20].replace(at.encode(), b"2026-01-01T00:00:00.000000Z"), 20))
    assert copy.found()[0] in ("MODIFIED", "TIME_ORDER")
    assert copy.found()[1] == 20


def appended(copy: Copy, **change: Any) -> int:
    """One more entry at the end, with everything made to fit."""
    contents = copy.intruder.contents()
    number = len(contents)
    more = json.loads(contents[-1]) | {"number": number} | change
    copy.intruder.rewrite([*contents, canonical(more)], number)
    return number


def test_09_a_back_dated_entry(copy: Copy) -> None:
    ref = "ab" * 16
    number = appended(copy, at="2026-01-01T00:00:00.000000Z", act=ref)
    copy.intruder.run("INSERT INTO act VALUES (CAST(:ref AS uuid), :n, 1)", ref=ref, n=number)
    assert copy.found(copy.held()) == ("TIME_ORDER", number)


def test_10_an_act_under_a_new_number(copy: Copy) -> None:
    number = appended(copy, act=plain(copy, REFUSED)["act"])
    assert copy.found(copy.held()) == ("DUPLICATE_REF", number)


@pytest.mark.parametrize(("statement", "number"), [
    ("UPDATE household SET division = '640324105200' WHERE token = 'h-2'", 5),
    ("UPDATE post SET role = 'auditor'", 4),
    ("INSERT INTO household VALUES ('h-9', '640324', 'monitored', NULL, NULL, 5, NULL)", 5),
    ("UPDATE vault SET value = '\"x\"' WHERE entry = 3", 3),
    ("UPDATE vault SET salt = substr(sha256('x'), 1, 16) WHERE entry = 7", 7),
])  # fmt: skip
def test_11_a_stored_row_without_an_entry(copy: Copy, statement: str, number: int) -> None:
    as_superuser(copy.world, statement)
    assert copy.found(copy.held()) == ("UNLOGGED_CHANGE", number)


@pytest.mark.parametrize(("statement", "number"), [
    ("DELETE FROM household WHERE token = 'h-2'", 5), ("DELETE FROM person", 3), ("DELETE FROM post", 4),
])  # fmt: skip
def test_12_an_entry_without_its_effect(copy: Copy, statement: str, number: int) -> None:
    as_superuser(copy.world, statement)
    assert copy.found(copy.held()) == ("PHANTOM", number)


def test_13_yesterdays_backup(copy: Copy) -> None:
    before, contents = copy.beside(), copy.intruder.contents()
    acts = [(str(row.ref), row.first, row.count) for row in rows(copy.world, "SELECT * FROM act")]
    copy.intruder.rewrite(contents[: REFUSED + 1])
    copy.keeper.turn()
    assert copy.ledger.halted is not None
    assert "ROLLBACK" in copy.ledger.halted
    with pytest.raises(refusal.Closed):
        copy.ledger.record(Say(facts=(Heartbeat(),)))
    assert copy.beside() == before
    assert copy.found(before) == ("ROLLBACK", REFUSED + 1)
    copy.intruder.rewrite(contents)
    for ref, first, count in acts:
        copy.intruder.run(
            "INSERT INTO act VALUES (CAST(:ref AS uuid), :first, :count) ON CONFLICT DO NOTHING",
            ref=ref,
            first=first,
            count=count,
        )
    copy.keeper.turn()
    assert copy.ledger.halted is None, "the right backup, and it goes on"


def test_14_two_databases_under_one_name(copy: Copy) -> None:
    held, contents = copy.held(), copy.intruder.contents()
    copy.sign(copy.forge(b'"no_grant"', b'"revoked"'))
    twin = copy.beside()
    assert copy.submit() == 409
    copy.intruder.rewrite(contents)
    copy.sign(contents)
    assert copy.found(held) == ("OK", None)
    assert copy.found(twin) == ("FORK", 0)
    assert copy.submit() == 200


def test_15_triggers_disabled_and_a_partition_truncated(copy: Copy) -> None:
    copy.intruder.run("TRUNCATE entry_00000")
    assert copy.found() == ("MISSING", 0)
    as_superuser(copy.world, "ALTER TABLE entry_00000 DISABLE TRIGGER append_only")
    assert [each.kind for each in copy.check().findings][:: len(copy.check().findings) - 1] == ["MISSING", "UNGUARDED"]
    with copy.engine.connect() as connection:
        assert not guard.stands(connection)
    with pytest.raises(refusal.Closed, match="触发器"):
        copy.ledger.record(Say(facts=(Heartbeat(),)))
    locked(copy.engine)
    with copy.engine.connect() as connection:
        assert guard.stands(connection)


def test_16_silence(copy: Copy) -> None:
    report = copy.check(copy.held())
    assert report.at is not None
    silent = fsck.stale(report, report.at + timedelta(seconds=901), 900)
    assert silent is not None
    assert (silent.kind, silent.number) == ("STALE_CHECKPOINT", report.size - 1)
    assert fsck.stale(report, report.at + timedelta(seconds=900), 900) is None
    copy.keeper.number = (NUMBERS | {"heartbeat_seconds": 0}).__getitem__
    copy.keeper.turn()
    assert copy.check().size == report.size + 1, "a writer that lives beats"


def test_17_a_lawful_erasure_does_not_alarm(copy: Copy) -> None:
    before = copy.check(copy.held())
    as_superuser(copy.world, "DELETE FROM vault WHERE entry IN (3, 7)")
    after = copy.check(copy.held())
    assert (after.verdict, after.root, before.erased, after.erased) == ("OK", before.root, 0, 2)
    copy.world.intact = True


def test_18_the_clock_set_back(copy: Copy) -> None:
    """To the service, a head of tomorrow is a clock of yesterday."""
    as_superuser(copy.world, "UPDATE head SET at = at + interval '1 day'")
    with pytest.raises(refusal.Clock):
        copy.ledger.record(Say(facts=(Heartbeat(),)))
    as_superuser(copy.world, "UPDATE head SET at = at - interval '1 day'")
    copy.ledger.record(Say(facts=(Heartbeat(),)))
    assert copy.found(copy.held()) == ("OK", None)
    ref = "cd" * 16
    number = appended(copy, at=f"{plain(copy, 0)['at'][:10]}T00:00:00.000000Z", act=ref)
    copy.intruder.run("INSERT INTO act VALUES (CAST(:ref AS uuid), :n, 1)", ref=ref, n=number)
    assert copy.found() == ("TIME_ORDER", number)


def test_the_matrix_is_whole() -> None:
    names = {name.split("_")[1] for name in globals() if name.startswith("test_") and name.split("_")[1].isdigit()}
    assert sorted(map(int, names)) == list(range(1, 19))
