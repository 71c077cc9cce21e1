"""A batch: the acts of one transaction, judged in order under the log's lock and written together.

    lock                          its own statement: a head read in the lock's statement, or under a stricter isolation
    head, instant                 level, is the head before the lock was granted
    per stretch: reads, judge, fold
    entries, vault, acts, head    `audit/deposit.py`

A stretch is a run of acts that may be judged on the same rows; an act that changes authority ends one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.rows import namedtuple_row
from sqlalchemy import Connection

from audit import deposit, guard, halt, idempotency
from audit.act import Act, Caller, Recorded
from audit.canonical import Oversized
from audit.clockwatch import Clockwatch, steady
from audit.deposit import Made
from audit.entry import Entry, Envelope, encode
from audit.tree import Edge, leaf
from authz import refusal, register
from authz.decision import Law, Refused, Scene
from authz.fact import Change, Fact, Put
from authz.refusal import Refusal
from authz.register import Reads, Rows

Laws = Callable[[Connection, Mapping[str, str]], Law]
"""What gives the law of a charter (`audit/lawbook.py`)."""
LOCK = "SELECT pg_advisory_xact_lock(5786957, 1)"
_HEAD = (
    "SELECT size, at, edge, room, clock_timestamp() AS clock,"  # noqa: S608 our own words
    " (SELECT jsonb_object_agg(name, value) FROM charter WHERE ended IS NULL) AS charter,"
    f" {halt.ASKED} AS halted, {guard.STANDS} AS guarded FROM head"
)

_NOBODY = Envelope()


@dataclass(slots=True)
class Written:
    """What a batch has to write, gathered while it is judged."""

    size: int
    at: datetime
    law: Law
    entries: list[Made] = field(default_factory=list)
    acts: list[tuple[str, int, int]] = field(default_factory=list)
    sealed: list[tuple[int, Act]] = field(default_factory=list)
    answers: list[tuple[Act, int, bytes]] = field(default_factory=list)
    refusals: dict[tuple[Any, ...], int] = field(default_factory=dict)
    stored: dict[tuple[str, str, str], tuple[str, int, bytes]] = field(default_factory=dict)
    settled: dict[Any, Any] = field(default_factory=dict)
    """What the acts of one stretch need not work out twice (`Scene.settled`)."""

    def made(self, place: int, ref: str, envelope: Envelope, fact: Fact) -> Made:
        """The entry at a place of this batch, with its bytes and leaf hash."""
        entry = Entry(self.size + place, self.at, ref, envelope, fact)
        try:
            content = encode(entry)
        except Oversized:
            raise refusal.TooLarge("一次提交的内容超过单条记录的上限，请拆分后重新提交") from None
        return entry, content, leaf(content)

    def keep(self, answer: tuple[Act, int, bytes] | None) -> None:
        """Store an answer under its key, for this batch and for the next day."""
        if answer is not None and (once := answer[0].once) is not None:
            self.answers.append(answer)
            self.stored[once.person, once.route, once.key] = (once.request, *answer[1:])


class Unread(Exception):
    """The law on record is another one than was read; nothing was judged. Under the lock everybody would wait for it."""

    def __init__(self, charter: Mapping[str, str]) -> None:
        super().__init__()
        self.charter = charter


def write(
    connection: Connection, acts: list[Act], laws: Laws, clock: Clockwatch, read: Mapping[str, str] | None = None
) -> list[Recorded | Exception]:
    """Judge and write these acts inside the caller's transaction; the outcomes in order, not yet durable. `read` is the
    charter whose law is at hand: `Unread` if it is not the one on record."""
    cursor = connection.connection.driver_connection.cursor(row_factory=namedtuple_row)  # type: ignore[union-attr]
    cursor.execute(LOCK)
    asked = steady()
    head = cursor.execute(_HEAD).fetchone()
    if not head.guarded:
        raise refusal.Closed(guard.TOLD)
    if head.halted is not None:
        raise refusal.Closed(halt.sentence(head.halted))
    charter: dict[str, str] = head.charter or {}
    if read not in (None, charter):
        raise Unread(charter)
    at = clock.check(head.clock, head.at, asked, steady())
    batch = Written(head.size, at, _in_force(connection, laws, charter))
    outcome: list[Recorded | Exception] = []
    for stretch in stretches(acts):
        begin, batch.settled = len(batch.entries), {}
        rows = register.fetch(connection, _reads(stretch), batch.at)
        batch.stored |= idempotency.find(connection, stretch, batch.at, batch.law.policy.number("idempotency_hours"))
        judged = [_outcome(act, rows, batch) for act in stretch]
        outcome += judged
        folded = list(_folded(batch.entries[begin:]))
        register.apply(connection, folded)
        if new := {c.key[0]: c.values["value"] for _, c in folded if isinstance(c, Put) and c.table == "charter"}:
            charter |= new
            batch.law = _in_force(connection, laws, charter)
    if batch.size + len(batch.entries) > head.room:
        raise refusal.Closed("日志空间不足，已停止办理，请联系系统管理员")
    if batch.entries:
        idempotency.keep(connection, batch.answers, batch.at)
        edge = Edge.read(head.size, head.edge)
        deposit.put(connection, edge, batch.entries, batch.acts, batch.sealed, batch.at)
    return outcome


def _in_force(connection: Connection, laws: Laws, charter: Mapping[str, str]) -> Law:
    """The law of this charter. A process that would decide by another one than is on record decides nothing."""
    law = laws(connection, charter)
    if charter.get("policy", law.policy.digest) != law.policy.digest:
        raise refusal.Closed("本进程加载的规则版本与在用版本不一致，已停止办理，请联系系统管理员重启服务")
    return law


def stretches(acts: list[Act]) -> Iterator[list[Act]]:
    """Runs of acts that may be judged on the same rows."""
    run: list[Act] = []
    for act in acts:
        run.append(act)
        if act.authority:
            yield run
            run = []
    if run:
        yield run


def _reads(acts: list[Act]) -> Reads:
    callers = frozenset(act.caller.person for act in acts if act.caller is not None)
    return register.union([*(act.reads for act in acts), Reads(persons=callers)])


def _folded(entries: Iterable[Made]) -> Iterator[tuple[int, Change]]:
    for entry, _, _ in entries:
        for change in entry.fact.changes(entry.where):
            yield entry.number, change


def _outcome(act: Act, rows: Rows, batch: Written) -> Recorded | Exception:
    """What becomes of one act. Nothing of it enters the batch before all that can fail has been done."""
    if act.once is not None:
        known = batch.stored.get((act.once.person, act.once.route, act.once.key))
        if known is not None and known[0] == act.once.request:
            if act.caller is not None and not _admitted(act.caller, rows):
                return refusal.Stranger()
            return Recorded(None, 0, batch.at, batch.size + len(batch.entries), stored=known[1:])
    try:
        return _judge(act, rows, batch)
    except Exception as error:
        return error


def _admitted(caller: Caller, rows: Rows) -> bool:
    """Whether the token still counts: a voided one is not even told what it was told before."""
    person = rows.people.get(caller.person)
    return person is not None and caller.issued_at >= person.epoch


def _judge(act: Act, rows: Rows, batch: Written) -> Recorded:
    scene = Scene(rows, batch.at, batch.size + len(batch.entries), batch.law)
    scene.settled = batch.settled
    envelope = _NOBODY
    try:
        envelope = _stand(act, scene)
        if act.once is not None and (act.once.person, act.once.route, act.once.key) in batch.stored:
            raise refusal.KeyReused()
        facts = act.judge(scene)
    except Refusal as refused:
        if not refused.recorded or act.caller is None:
            raise
        return _refuse(act, envelope, refused, batch)
    if not facts or (not act.authority and any(each.authority for each in facts)):
        raise TypeError(f"{act.name} records nothing, or changes authority and does not say so")
    made = [batch.made(len(batch.entries) + place, act.ref, envelope, fact) for place, fact in enumerate(facts)]
    number = made[0][0].number
    recorded = Recorded(number, len(facts), batch.at, number + len(facts), facts)
    keeping = _answered(act, recorded)
    act.note(rows, facts)
    batch.entries += made
    batch.acts.append((act.ref, number, len(facts)))
    if act.sealed:
        batch.sealed.append((number, act))
    batch.keep(keeping)
    return recorded


def _stand(act: Act, scene: Scene) -> Envelope:
    """Place the caller in the scene: the person on record, and the one live post that acts."""
    caller = act.caller
    if caller is None:
        return _NOBODY
    if caller not in scene.settled:
        scene.enter(caller.person, caller.issued_at, caller.post)
        number, unit = (None, None) if scene.post is None else (scene.post.number, scene.post.unit)
        scene.settled[caller] = scene.person, scene.post, caller.envelope(number, unit)
    envelope: Envelope
    scene.person, scene.post, envelope = scene.settled[caller]
    return envelope


def _refuse(act: Act, envelope: Envelope, refused: Refusal, batch: Written) -> Recorded:
    """A refusal is an answer: recorded, and identical ones of one batch share an entry with a count."""
    about = dict.fromkeys(("subject", "division", "cell", "operation", "data_year", "quarter", "household", "grant"))
    about |= act.about()
    if refused.members.get("grant") is not None:
        about["grant"] = refused.members["grant"]
    words: dict[str, Any] = {"act": act.name, "code": refused.code, "missing": refused.members.get("missing"), **about}
    same = (envelope, tuple(words.items()))
    place = batch.refusals.get(same, len(batch.entries))
    earlier = batch.entries[place][0] if same in batch.refusals else None
    count = earlier.fact.__dict__["count"] + 1 if earlier else 1
    fact = Refused(policy=batch.law.policy.digest, count=count, **words)
    made = batch.made(place, earlier.act if earlier else act.ref, envelope, fact)
    number = batch.size + place
    recorded = Recorded(number, 1, batch.at, max(number + 1, batch.size + len(batch.entries)), refused=refused)
    keeping = None if isinstance(refused, refusal.KeyReused) else _answered(act, recorded)
    batch.entries[place : place + 1] = [made]
    batch.refusals[same] = place
    batch.acts.append((act.ref, number, 1))
    batch.keep(keeping)
    return recorded


def _answered(act: Act, recorded: Recorded) -> tuple[Act, int, bytes] | None:
    """The answer to keep under the act's idempotency key, if it has one."""
    return (act, *act.answer(recorded)) if act.once is not None else None
