"""A batch: the acts of one transaction, judged in order under the log's lock and written together.

    lock                          its own statement: a head read in the lock's statement, or under a stricter isolation
    head, instant                 level, is the head before the lock was granted
    per stretch: reads, judge, fold
    COPY entries, acts, vault     one of each
    leaves again, head

A stretch is a run of acts that may be judged on the same rows; an act that changes authority ends one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from audit import guard, halt, idempotency, nodes, vault
from audit.act import Act, Caller, Recorded
from audit.canonical import Oversized
from audit.entry import Entry, Envelope, encode
from audit.tree import Edge, leaf
from authz import refusal, register
from authz.decision import Law, Refused, Scene
from authz.fact import Change, Fact, Put, instant
from authz.refusal import Refusal
from authz.register import Reads, Rows

Laws = Callable[[Connection, Mapping[str, str]], Law]
"""What gives the law of a charter (`audit/lawbook.py`)."""
LOCK = "SELECT pg_advisory_xact_lock(5786957, 1)"
_HEAD = (
    "SELECT size, at, edge, room, clock_timestamp() AS clock,"  # noqa: S608 our own words
    f" (SELECT jsonb_object_agg(name, value) FROM charter WHERE ended IS NULL) AS charter, {halt.ASKED} AS halted FROM head"
)
_GROWN = (
    "WITH kept AS (INSERT INTO leaves (begin, hashes) VALUES (:begin, :hashes))"
    " UPDATE head SET size = :size, at = :at, edge = :edge"
)
STEP = timedelta(seconds=2)
DRIFT = 0.001
"""Seconds per second that an honest clock may drift: twice what NTP slews."""


def steady() -> float:
    """Seconds on the clock nobody sets; where the system has one, it runs on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(slots=True)
class Clockwatch:
    """Notices a clock that steps: back past the last entry, or either way against the machine's steady clock.

    `offset` is database time minus steady time. It follows a clock that drifts, but far slower than one that runs fast
    or slow to stretch a grant.
    """

    offset: float | None = None
    seen: float = 0.0

    def check(self, clock: datetime, last: datetime, asked: float, now: float) -> datetime:
        """The instant of this batch, or refusal.Clock. `asked` and `now`: steady seconds before and after the reading."""
        low, high = clock.timestamp() - now, clock.timestamp() - asked
        if clock < last - STEP:
            raise refusal.Clock()
        if self.offset is None:
            self.offset = (low + high) / 2
        else:
            step = STEP.total_seconds()
            if low > self.offset + step or high < self.offset - step:
                raise refusal.Clock()
            slack = DRIFT * (now - self.seen)
            self.offset += min(max(min(max(self.offset, low), high) - self.offset, -slack), slack)
        self.seen = now
        return max(clock, last)


@dataclass(slots=True)
class Written:
    """What a batch has to write, gathered while it is judged."""

    size: int
    at: datetime
    law: Law
    entries: list[tuple[Entry, bytes, bytes]] = field(default_factory=list)
    acts: list[tuple[str, int, int]] = field(default_factory=list)
    sealed: list[tuple[int, Act]] = field(default_factory=list)
    answers: list[tuple[Act, int, bytes]] = field(default_factory=list)
    refusals: dict[tuple[Any, ...], int] = field(default_factory=dict)
    stored: dict[tuple[str, str, str], tuple[str, int, bytes]] = field(default_factory=dict)

    def made(self, place: int, ref: str, envelope: Envelope, fact: Fact) -> tuple[Entry, bytes, bytes]:
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


def write(connection: Connection, acts: list[Act], laws: Laws, clock: Clockwatch) -> list[Recorded | Exception]:
    """Judge and write these acts inside the caller's transaction; the outcomes in order, not yet durable."""
    connection.execute(text(LOCK))
    guard.must_stand(connection)
    asked = steady()
    head = connection.execute(text(_HEAD)).one()
    if head.halted is not None:
        raise refusal.Closed(halt.sentence(head.halted))
    charter: dict[str, str] = head.charter or {}
    at = clock.check(head.clock, head.at, asked, steady())
    batch = Written(head.size, at, _in_force(connection, laws, charter))
    outcome: list[Recorded | Exception] = []
    for stretch in stretches(acts):
        begin = len(batch.entries)
        rows = register.fetch(connection, register.union(map(_reads, stretch)), batch.at)
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
    _store(connection, batch, Edge.read(head.size, head.edge))
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


def _reads(act: Act) -> Reads:
    return act.reads | Reads(persons=frozenset((act.caller.person,))) if act.caller else act.reads


def _folded(entries: Iterable[tuple[Entry, bytes, bytes]]) -> Iterator[tuple[int, Change]]:
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
    envelope = Envelope()
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
        return Envelope()
    scene.enter(caller.person, caller.issued_at, caller.post)
    return caller.envelope(scene.post.number if scene.post else None, scene.post.unit if scene.post else None)


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


def _store(connection: Connection, batch: Written, edge: Edge) -> None:
    if not batch.entries:
        return
    cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
    with cursor.copy(
        "COPY entry (number, at, act, kind, decision, person, unit, division, cell, operation, grant_number, household,"
        " data_year, quarter, subject, leaf, bytes) FROM STDIN"
    ) as copy:
        copy.write(b"".join(_line(*each) for each in batch.entries))
    with cursor.copy("COPY act (ref, first, count) FROM STDIN") as copy:
        copy.write("".join(f"{_text(ref)}\t{first}\t{count}\n" for ref, first, count in batch.acts).encode())
    if batch.sealed:
        with cursor.copy("COPY vault (entry, path, salt, value) FROM STDIN") as copy:
            copy.write("".join(_vaulted(batch.sealed)).encode())
    idempotency.keep(connection, batch.answers, batch.at)
    grown, whole = edge.grow(each for _, _, each in batch.entries)
    if whole:
        with cursor.copy("COPY node (level, number, hash) FROM STDIN") as copy:
            copy.write("".join(map(nodes.line, whole)).encode())
    kept = b"".join(each for _, _, each in batch.entries)
    binds = {"begin": batch.size, "hashes": kept, "size": grown.size, "at": batch.at, "edge": grown.packed}
    connection.execute(text(_GROWN), binds)


def _vaulted(sealed: list[tuple[int, Act]]) -> Iterator[str]:
    for number, act in sealed:
        for each in act.sealed:
            yield f"{number}\t{_text(each.path)}\t\\\\x{each.salt.hex()}\t{_text(vault.encoded(each))}\n"


def _line(entry: Entry, content: bytes, hashed: bytes) -> bytes:
    who, fact = entry.envelope, entry.fact
    found = fact.search()
    columns = (
        entry.number, instant(entry.at), entry.act, fact.kind, fact.decision, who.person, who.unit, found.get("division"),
        found.get("cell"), found.get("operation"), found.get("grant"), found.get("household"), found.get("data_year"),
        found.get("quarter"), found.get("subject"),
    )  # fmt: skip
    text_columns = "\t".join("\\N" if each is None else _text(str(each)) for each in columns)
    return f"{text_columns}\t\\\\x{hashed.hex()}\t\\\\x{content.hex()}\n".encode()


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
