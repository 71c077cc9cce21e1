"""The check of everything: every entry read again, the tree built again, the register folded again from empty.

    OK                nothing is wrong; `erased` commitments have no value any more, which is lawful
    MODIFIED i        bytes, leaf or a search column of an entry are not what was written
    MISSING i         the numbers have a gap, or the log ends too early
    ORDER i           an entry stands at a number that is not its own
    TIME_ORDER i      an entry is older than the one before it
    DUPLICATE_REF i   an act stands in the log twice
    FORK i            whole in itself, but not the log that was signed; everything before entry i is
    ROLLBACK i        whole in itself, but shorter than what was signed
    PHANTOM i         an entry whose effect the register does not show
    UNLOGGED_CHANGE i a stored row or value that no entry explains; i is the entry it claims

Nothing stored is believed: leaves are hashed from the bytes, columns are derived from the parsed fact. The register is
folded into temporary tables of the same names, which PostgreSQL finds first. It is compared only if the log is whole:
a fold of a damaged log proves nothing. Memory stays flat; needs a role that may read all and make temporary tables.
FORK and ROLLBACK are only as strong as the checkpoints given: an administrator who holds the key can sign anew, and
only a checkpoint that lies with somebody else, a witness or a printed letter, finds him.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy import Row as Found

from audit import landmarks, nodes, refold, reread, vocabulary  # noqa: F401 a kind must be known to be read
from audit.checkpoint import Checkpoint
from audit.entry import Entry, Malformed
from audit.landmarks import Landmarks
from audit.reread import Row
from audit.seals import Seals
from audit.tree import Edge, leaf
from authz.decision import Refused

MOST = 100
"""Findings of one kind that are listed; more say no more."""
Progress = Callable[[int, int], None]
STREAMED = {"stream_results": True, "max_row_buffer": 1_000}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and the first entry it is about."""

    kind: str
    number: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `root` is the tree hash over the bytes that were read; `at` the instant of the last entry."""

    size: int
    root: bytes
    erased: int
    findings: tuple[Finding, ...]
    at: datetime | None = None

    @property
    def verdict(self) -> str:
        return self.findings[0].kind if self.findings else "OK"


@dataclass(slots=True)
class _Walk:
    """One pass over the log."""

    connection: Connection
    marks: Landmarks
    tiles: nodes.Compared
    findings: list[Finding] = field(default_factory=list)
    read: int = 0
    expected: int = 0
    last: datetime | None = None
    shared: dict[int, int] = field(default_factory=dict)
    erased: int = 0

    @property
    def edge(self) -> Edge:
        return self.marks.edge

    def find(self, kind: str, number: int | None, detail: str) -> None:
        if sum(each.kind == kind for each in self.findings) < MOST:
            self.findings.append(Finding(kind, number, detail))


def check(engine: Engine, progress: Progress | None = None, trusted: Iterable[Checkpoint] = ()) -> Report:
    """Verify the whole log, the vault beside it and the register made from it, on one snapshot of the database.

    `trusted` are checkpoints of this log that were kept outside of the database.
    """
    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ")
        head = connection.execute(text("SELECT size, at, edge FROM public.head")).one()
        stored = connection.execute(text(nodes.STORED), execution_options=STREAMED)
        walk = _Walk(connection, Landmarks(), nodes.Compared(iter(stored)))
        walk.marks = landmarks.gather(connection, trusted, walk.find)
        used = head.size > 0 or _anything(connection)
        if used:
            refold.begin(connection)
        _read_log(walk, head.size, progress)
        _compare_head(walk, head)
        if used and not any(each.kind == "MISSING" for each in walk.findings):
            _compare_acts(walk)
        if not {each.kind for each in walk.findings} & _TORN:
            walk.marks.judge(walk.find)
        if used and not walk.findings:
            refold.compare(connection, walk.find)
        stored.close()
        walk.marks.stored.close()
        connection.rollback()
    findings = sorted(walk.findings, key=lambda each: (each.number is None, each.number, _WEIGHT.index(each.kind)))
    return Report(walk.read, walk.edge.root, walk.erased, tuple(findings), walk.last)


def stale(report: Report, at: datetime, seconds: int) -> Finding | None:
    """STALE_CHECKPOINT if the log has been silent for longer than a heartbeat and a signature can take."""
    if report.at is None or (at - report.at).total_seconds() <= seconds:
        return None
    return Finding(
        "STALE_CHECKPOINT", report.size - 1, f"no entry, not even a heartbeat, since {report.at.isoformat()}"
    )


_TORN = {"MISSING", "ORDER", "MODIFIED"}
_WEIGHT = (
    "MISSING", "ORDER", "TIME_ORDER", "DUPLICATE_REF", "MODIFIED", "ROLLBACK", "FORK", "PHANTOM", "UNLOGGED_CHANGE",
)  # fmt: skip


def _anything(connection: Connection) -> bool:
    names = ("entry", "act", "vault", "node", *refold.TABLES)
    asked = " OR ".join(f'EXISTS (SELECT FROM public."{name}")' for name in names)
    return bool(connection.execute(text(f"SELECT {asked}")).scalar_one())


# --- the log --------------------------------------------------------------------------------------------------------
def _read_log(walk: _Walk, total: int, progress: Progress | None) -> None:
    seals = Seals(reread.values(walk.connection), walk.find)
    run: list[tuple[Entry, bytes]] = []
    for piece in reread.entries(walk.connection):
        hashed = [leaf(each.content) for each in piece]
        walk.tiles.whole(walk.marks.grow(hashed))
        found = []
        for row, mine in zip(piece, hashed, strict=True):
            entry = _read_entry(walk, row, mine)
            if entry is None:
                continue
            found.append(entry)
            if run and run[0][0].act != entry.act:
                seals.compare(run)
                run = []
            run.append((entry, row.content))
        if not walk.findings:
            refold.fold(walk.connection, found, walk.find)
        if progress is not None:
            progress(walk.read, total)
    seals.compare(run)
    seals.finish()
    walk.erased = seals.erased


def _read_entry(walk: _Walk, row: Row, hashed: bytes) -> Entry | None:
    """The entry of a row, if it is one; what is wrong with it is noted."""
    walk.read += 1
    if row.number != walk.expected:
        walk.find("MISSING", walk.expected, f"entries {walk.expected} to {row.number - 1} are not there")
    walk.expected = row.number + 1
    try:
        entry = reread.parse(row.content)
    except Malformed as error:
        walk.find("MODIFIED", row.number, f"the bytes are no entry: {error}")
        return None
    if entry.number != row.number:
        walk.find("ORDER", row.number, f"the bytes are those of entry {entry.number}")
        return None
    if hashed != row.leaf:
        walk.find("MODIFIED", row.number, "the stored leaf is not the hash of the bytes")
    if (told := reread.columns(entry)) != row.columns:
        gap = reread.GAP.encode()
        pairs = zip(reread.COLUMNS, told.split(gap), row.columns.split(gap), strict=False)
        names = [name for name, mine, stored in pairs if mine != stored] or reread.COLUMNS
        walk.find("MODIFIED", row.number, f"column {names[0]} does not say what the bytes say")
    if walk.last is not None and entry.at < walk.last:
        walk.find("TIME_ORDER", row.number, "older than the entry before it")
    walk.last = max(entry.at, walk.last or entry.at)
    if isinstance(entry.fact, Refused) and entry.fact.count > 1:
        walk.shared[entry.number] = entry.fact.count - 1
    return entry


def _compare_head(walk: _Walk, head: Found[Any]) -> None:
    if walk.expected < head.size:
        walk.find("MISSING", walk.expected, f"the log ends before its size {head.size}")
    elif walk.expected > head.size:
        walk.find("UNLOGGED_CHANGE", head.size, f"entries beyond the size {head.size} of the head")
    elif not {each.kind for each in walk.findings} & _TORN:
        for begin, detail in walk.tiles.finish() or _edge_differs(walk.edge, bytes(head.edge)):
            first, told = walk.marks.narrowed(begin)
            walk.find("MODIFIED", first, f"{detail}; {told}")
        if head.at != (walk.last or datetime(1970, 1, 1, tzinfo=UTC)) and not walk.findings:
            walk.find("UNLOGGED_CHANGE", None, "the instant of the head is not that of the last entry")


def _edge_differs(edge: Edge, stored: bytes) -> list[tuple[int, str]]:
    """The perfect subtrees of the head against the bytes; the first that differs says where to look."""
    begin = 0
    for place, hashed in enumerate(edge.hashes):
        width = 1 << ((edge.size - begin).bit_length() - 1)
        if stored[place * 32 : place * 32 + 32] != hashed:
            return [(begin, f"the tree over entries {begin} to {begin + width - 1} is not the one on record")]
        begin += width
    return [] if len(stored) == len(edge.packed) else [(edge.size - 1, "the edge of the head has another length")]


# --- acts and values ------------------------------------------------------------------------------------------------
_RUNS = """
WITH run AS (SELECT act, min(number) AS first, max(number) AS last, count(*) AS many FROM entry GROUP BY act)
SELECT run.first, run.last, run.many, act.first AS told, act.count AS told_many FROM run LEFT JOIN act ON act.ref = run.act
WHERE act.ref IS NULL OR act.first <> run.first OR act.count <> run.many OR run.last - run.first + 1 <> run.many
ORDER BY run.first LIMIT 100
"""
_SHARED = """
SELECT first, count(*) AS many, max(count) AS longest FROM act
WHERE NOT EXISTS (SELECT FROM entry WHERE entry.act = act.ref) GROUP BY first ORDER BY first
"""


def _compare_acts(walk: _Walk) -> None:
    for run in walk.connection.execute(text(_RUNS)).all():
        if run.last - run.first + 1 != run.many or run.many > (run.told_many or run.many):
            after = run.first + (run.told_many or 1)
            walk.find(
                "DUPLICATE_REF", run.last if run.last - run.first + 1 != run.many else after, "an act recorded twice"
            )
        else:
            walk.find("UNLOGGED_CHANGE", run.first, "the table of acts does not know this act as it is recorded")
    missing = dict(walk.shared)
    for act in walk.connection.execute(text(_SHARED)):
        if missing.pop(act.first, 0) != act.many or act.longest != 1:
            walk.find("UNLOGGED_CHANGE", act.first, "the table of acts names acts that no entry holds")
    for number in missing:
        walk.find("UNLOGGED_CHANGE", number, "the table of acts misses refusals that share this entry")
