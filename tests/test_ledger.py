"""The ledger on a real PostgreSQL: numbering, order of decisions, refusals, keys, clocks. `fsck` runs after each test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from acts import (
    Ask,
    Say,
    as_superuser,
    caller,
    employ,
    established,
    laws,
    loaded,
    raising,
    ref,
    rows,
    running,
    submitted,
    until,
)  # fmt: skip
from conftest import World
from sqlalchemy import Connection, text

from audit import batch
from audit.act import Act, Once
from audit.ledger import Ledger
from authz import refusal
from authz.decision import Law, Scene
from authz.fact import Fact
from authz.post import PostEnded
from authz.register import Reads


# --- numbering ------------------------------------------------------------------------------------------------------
def test_many_threads_and_ledgers_share_one_database_without_a_gap(database: World) -> None:
    with ExitStack() as stack:
        ledgers = [stack.enter_context(running(database.engine)) for _ in range(3)]

        def writer(place: int) -> list[int | None]:
            kinds = (Ask, Say)
            return [
                ledgers[place % 3].record(kinds[n % 2](facts=(established(f"u-64-k{place}"), loaded(f"h-{place}-{n}"))
                                                       if n % 2 else (established("u-64-lead"),))).number
                for n in range(20)
            ]  # fmt: skip

        with ThreadPoolExecutor(12) as pool:
            answered = [number for found in pool.map(writer, range(12)) for number in found]
    numbers = [row.number for row in rows(database, "SELECT number FROM entry ORDER BY number")]
    assert numbers == list(range(len(numbers)))
    assert len(set(answered)) == len(answered)
    assert len(numbers) == 12 * 10 * 3


def test_an_answer_is_given_only_after_the_commit(database: World) -> None:
    with running(database.engine) as ledger:
        for n in range(30):
            number = ledger.record(Say(facts=(loaded(f"h-{n}"),))).number
            assert rows(database, "SELECT 1 FROM entry WHERE number = :n", n=number)


def test_lock_and_head_in_one_statement_would_lose_the_numbering(database: World) -> None:
    """The negative control of the second statement: with both in one, a waiting batch reads the head from before."""

    def waiting(*statements: str) -> int:
        with database.engine.connect() as holder, database.engine.connect() as waiter, ThreadPoolExecutor(1) as pool:
            holder.execute(text(batch.LOCK))
            found = pool.submit(lambda: [waiter.execute(text(each)) for each in statements][-1].one().size)
            until(lambda: rows(database, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
            holder.execute(text("UPDATE head SET size = size + 7"))
            holder.commit()
            return found.result(10)

    both = batch._HEAD.replace("FROM head", "FROM (SELECT pg_advisory_xact_lock(5786957, 1)) AS held, head")
    assert waiting(batch.LOCK, batch._HEAD) == 7
    assert waiting(both) == 7
    as_superuser(database, "UPDATE head SET size = 0")


# --- the order of decisions -----------------------------------------------------------------------------------------
def ended(scene: Scene) -> tuple[Fact, ...]:
    number = scene.rows.posts["p-1"][0].number
    return (PostEnded(person_id="p-1", subject=number, valid_until="2026-06-01T00:00:00.000000Z", reason="0" * 64),)


def working(scene: Scene) -> tuple[Fact, ...]:
    """A judgement that needs a live post, and leaves authority as it is."""
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    return (established("u-64-lead"),)


def asking(n: int = 0) -> Ask:
    return Ask(facts=working, caller=caller("p-1"), concerns={"household": f"h-{n}"})


def test_an_act_behind_a_revocation_in_the_same_batch_is_judged_on_fresh_rows(database: World) -> None:
    with running(database.engine) as ledger:
        employ(ledger, "p-1", "u-640324-lead", "county_admin")
        revoke = Say(facts=ended, needs=Reads(persons=frozenset(("p-1",))))
        before, done, after = submitted(ledger, [asking(), revoke, asking()])
    assert before.refused is None
    assert done.number == before.number + 1
    assert isinstance(after.refused, refusal.NotEmployed)
    assert after.number == done.number + 1


def test_an_act_that_hides_that_it_changes_authority_is_not_written(database: World) -> None:
    """Without this rule a mislabelled act would let those behind it pass on stale rows."""
    with running(database.engine) as ledger:
        employ(ledger, "p-1", "u-640324-lead", "county_admin")
        hidden = Ask(facts=ended, needs=Reads(persons=frozenset(("p-1",))))
        outcome = submitted(ledger, [hidden, asking()])
    assert isinstance(outcome[0], TypeError)
    assert outcome[1].refused is None


def test_no_act_is_permitted_after_a_revocation_was_answered(database: World) -> None:
    def run(judge_before_the_lock: bool) -> int:
        with ExitStack() as stack:
            one, two = (stack.enter_context(running(database.engine)) for _ in range(2))
            post = employ(one, "p-1", "u-640324-lead", "county_admin")
            revoked = threading.Event()
            late: list[bool] = []

            def write(ledger: Ledger) -> None:
                stale = _remembered(database, post) if judge_before_the_lock else None
                for _ in range(25):
                    act = Ask(facts=stale, caller=caller("p-1")) if stale else asking()
                    known = revoked.is_set()
                    permitted = ledger.record(act).refused is None
                    late.append(known and permitted)

            with ThreadPoolExecutor(4) as pool:
                writers = [pool.submit(write, ledger) for ledger in (one, two, one, two)]
                one.record(Say(facts=ended, needs=Reads(persons=frozenset(("p-1",)))))
                revoked.set()
                for each in writers:
                    each.result(30)
            return sum(late)

    assert run(judge_before_the_lock=False) == 0
    assert run(judge_before_the_lock=True) > 0


def _remembered(world: World, post: int) -> Any:
    """The mutant: a judgement made on rows that were read before the lock was taken."""
    live = bool(rows(world, "SELECT 1 FROM post WHERE number = :n AND ended IS NULL AND valid_until > now()", n=post))

    def judge(scene: Scene) -> tuple[Fact, ...]:
        if not live:
            raise refusal.NotEmployed(missing="post")
        return (established("u-64-lead"),)

    return judge


# --- refusals and failures ------------------------------------------------------------------------------------------
def test_identical_refusals_of_one_batch_share_an_entry_with_their_count(database: World) -> None:
    denied = raising(refusal.NoGrant(missing="grant"))
    with running(database.engine) as ledger:
        employ(ledger, "p-1", "u-640324-lead", "county_admin")
        acts: list[Act] = [
            Ask(facts=denied, caller=caller("p-1"), concerns={"household": h}) for h in ("h-1", "h-1", "h-2", "h-1")
        ]
        outcome = submitted(ledger, acts)
    assert [each.number for each in outcome] == [3, 3, 4, 3]
    assert [(row.household, row.count) for row in rows(database, _COUNTS)] == [("h-1", 3), ("h-2", 1)]


_COUNTS = (
    "SELECT household, (convert_from(bytes, 'UTF8')::jsonb -> 'fact' ->> 'count')::int AS count FROM entry"
    " WHERE kind = 'Refused' ORDER BY number"
)


@pytest.mark.parametrize("refused", [refusal.Unknown(), refusal.Stale(), refusal.Unconditional(), refusal.Misshapen()])
def test_what_is_no_decision_is_not_recorded(database: World, refused: refusal.Refusal) -> None:
    with running(database.engine) as ledger:
        employ(ledger, "p-1", "u-640324-lead", "county_admin")
        outcome = submitted(ledger, [Ask(facts=raising(refused), caller=caller("p-1")), asking()])
    assert outcome[0] is refused
    assert outcome[1].number == 3
    assert outcome[1].size == 4


POISON: dict[str, Any] = {
    "a bug": raising(ZeroDivisionError()),
    "no facts": lambda scene: (),
    "an entry beyond 65,535 bytes": lambda scene: (loaded(*(f"h-{n}" for n in range(4000))),),
    "a household twice in one act": lambda scene: (loaded("h-1", "h-1"),),
    "a number the database cannot hold": lambda scene: (established("u-64-lead"), loaded("h-\x00")),
}


@pytest.mark.parametrize("what", POISON)
def test_a_poisoned_act_fails_alone(database: World, what: str) -> None:
    with running(database.engine) as ledger:
        outcome = submitted(ledger, [Say(facts=(loaded("h-a"),)), Say(facts=POISON[what]), Say(facts=(loaded("h-b"),))])
    assert [outcome[0].number, outcome[2].number] == [0, 1]
    assert isinstance(outcome[1], Exception)
    assert {row.token for row in rows(database, "SELECT token FROM household")} == {"h-a", "h-b"}


# --- idempotency ----------------------------------------------------------------------------------------------------
def keyed(key: str, asked: str = "1" * 64, **options: Any) -> Ask:
    return Ask(
        facts=(established("u-64-lead"),), caller=caller("p-1"), once=Once("p-1", "POST /x", key, asked), **options
    )


def test_a_key_has_one_effect_and_always_the_same_answer(database: World) -> None:
    with running(database.engine) as ledger:
        employ(ledger, "p-1", "u-640324-lead", "county_admin")
        with ThreadPoolExecutor(50) as pool:
            outcome = list(pool.map(lambda _: ledger.record(keyed("k")), range(50)))
        first = [each for each in outcome if each.stored is None]
        assert len(first) == 1
        answer = keyed("k").answer(first[0])
        assert {each.stored for each in outcome if each.stored is not None} == {answer}
        other = ledger.record(keyed("k", "2" * 64))
        assert isinstance(other.refused, refusal.KeyReused)
        again = ledger.record(keyed("k"))
    assert again.stored == answer
    assert rows(database, "SELECT count(*) FROM entry WHERE person = 'p-1' AND kind = 'UnitEstablished'")[0][0] == 1


def test_a_refusal_is_repeated_under_its_key_and_without_a_key_nothing_is(database: World) -> None:
    denied = raising(refusal.NoGrant(missing="grant"))
    with running(database.engine) as ledger:
        employ(ledger, "p-1", "u-640324-lead", "county_admin")
        acts = [Ask(facts=denied, caller=caller("p-1"), once=Once("p-1", "POST /x", "k", "1" * 64)) for _ in range(2)]
        first, second = (ledger.record(each) for each in acts)
        ledger.record(asking())
        ledger.record(asking())
    assert second.stored == (403, b"no_grant")
    assert first.number is not None
    assert rows(database, "SELECT count(*) FROM entry")[0][0] == 6


# --- the worker -------------------------------------------------------------------------------------------------------
def test_stopping_finishes_what_waits(database: World) -> None:
    ledger = Ledger(database.engine, laws)
    ledger.start()
    members = ledger.submit([Say(facts=(loaded(f"h-{n}"),)) for n in range(40)])
    ledger.stop()
    assert [each.future.result().number for each in members] == list(range(40))  # type: ignore[union-attr]
    with pytest.raises(refusal.Overloaded):
        ledger.submit([Say(facts=(loaded("h-1"),))])


def test_event_loops_are_answered_in_the_order_of_their_acts(database: World) -> None:
    async def ask(ledger: Ledger) -> list[Any]:
        acts = [
            Ask(facts=(established("u-64-lead"),)),
            Ask(facts=raising(refusal.Unknown())),
            Ask(facts=(established("u-64-lead"),)),
        ]
        return await ledger.ask(acts)

    with running(database.engine) as ledger:
        outcome = asyncio.run(ask(ledger))
    assert [outcome[0].number, outcome[2].number] == [0, 1]
    assert isinstance(outcome[1], refusal.Unknown)


def test_a_reference_is_used_once(database: World) -> None:
    mark = ref()
    with running(database.engine) as ledger:
        ledger.record(Say(facts=(loaded("h-1"),), ref=mark))
        with pytest.raises(refusal.Closed):
            ledger.record(Say(facts=(loaded("h-2"),), ref=mark))


def test_the_law_is_read_for_each_batch(database: World) -> None:
    asked = []

    def counting(connection: Connection, charter: Mapping[str, str]) -> Law:
        asked.append(1)
        return laws(connection, charter)

    ledger = Ledger(database.engine, counting)
    ledger.start()
    for n in range(3):
        ledger.record(Say(facts=(loaded(f"h-{n}"),)))
    ledger.stop()
    assert len(asked) == 3
