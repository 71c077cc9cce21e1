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
    UNGUARDED         a trigger that refuses changes of the log is not there, or does not always fire

Nothing stored is believed: leaves are hashed from the bytes, columns are derived from the parsed fact. Where the bytes of
an entry, the leaf beside it and the leaf kept elsewhere differ, that entry is named (audit/leaves.py). The register is
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

from audit import guard, landmarks, nodes, refold, reread, second, vocabulary  # noqa: F401 a kind must be known to be read
from audit.canonical import Malformed
from audit.checkpoint import Checkpoint
from audit.entry import Entry
from audit.landmarks import Landmarks
from audit.leaves import WIDTH, Leaves
from audit.reread import Row
from audit.seals import Seals
from audit.tree import TILE, Edge, leaf
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
    twin: second.Recount
    findings: list[Finding] = field(default_factory=list)
    leaves: Leaves = field(init=False)
    torn: bool = False
    """Whether the log is so damaged that nothing can be said of it as a whole."""
    read: int = 0
    expected: int = 0
    last: datetime | None = None
    shared: dict[int, int] = field(default_factory=dict)
    erased: int = 0

    def __post_init__(self) -> None:
        self.leaves = Leaves(self.connection, self.find)

    @property
    def edge(self) -> Edge:
        return self.marks.edge

    def find(self, kind: str, number: int | None, detail: str) -> None:
        self.torn = self.torn or kind in _TORN
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
        walk = _Walk(connection, Landmarks(), nodes.Compared(iter(stored)), second.Recount.begin(connection))
        walk.marks = landmarks.gather(connection, trusted, walk.find)
        used = head.size > 0 or _anything(connection)
        if used:
            refold.begin(connection)
        _read_log(walk, head.size, progress)
        _compare_head(walk, head)
        if used and not any(each.kind == "MISSING" for each in walk.findings):
            _compare_acts(walk)
        if not walk.torn:
            walk.marks.judge(walk.find, _first_forked(walk))
            walk.twin.judge(walk.find)
        if used and not walk.findings:
            refold.compare(connection, walk.find)
        for gap in guard.gaps(connection):
            walk.find(
                "UNGUARDED",
                None,
                f"{gap}：这里的记录可以被改写而不受阻拦。请立即报告审计部门，并由系统管理员恢复触发器",
            )
        stored.close()
        walk.twin.close()
        walk.marks.stored.close()
        connection.rollback()
    findings = sorted(walk.findings, key=_rank)
    return Report(walk.read, walk.edge.root, walk.erased, tuple(findings), walk.last)


def stale(report: Report, at: datetime, seconds: int) -> Finding | None:
    """STALE_CHECKPOINT if the log has been silent for longer than a heartbeat and a signature can take."""
    if report.at is None or (at - report.at).total_seconds() <= seconds:
        return None
    return Finding(
        "STALE_CHECKPOINT",
        report.size - 1,
        f"自 {report.at.isoformat()} 起没有任何记录，连心跳也没有：请检查服务是否在运行",
    )


_TORN = {"MISSING", "ORDER"}
_WEIGHT = (
    "MISSING", "ORDER", "TIME_ORDER", "DUPLICATE_REF", "ROLLBACK", "FORK", "MODIFIED", "PHANTOM", "UNLOGGED_CHANGE", "UNGUARDED",
)  # fmt: skip
_BESIDE = {"PHANTOM", "UNLOGGED_CHANGE", "UNGUARDED"}


def _rank(each: Finding) -> tuple[bool, bool, int, int]:
    """The log itself comes first: what is beside it may differ only because the log does."""
    return each.kind in _BESIDE, each.number is None, each.number or 0, _WEIGHT.index(each.kind)


def _anything(connection: Connection) -> bool:
    names = ("entry", "act", "vault", "node", "node_sm3", *refold.TABLES)
    asked = " OR ".join(f'EXISTS (SELECT FROM public."{name}")' for name in names)
    return bool(connection.execute(text(f"SELECT {asked}")).scalar_one())


# --- the log --------------------------------------------------------------------------------------------------------
def _read_log(walk: _Walk, total: int, progress: Progress | None) -> None:
    seals = Seals(reread.values(walk.connection), walk.find)
    run: list[tuple[Entry, bytes]] = []
    for piece in reread.entries(walk.connection):
        hashed = [leaf(each.content) for each in piece]
        walk.tiles.whole(walk.marks.grow(hashed))
        walk.leaves.compare(piece, hashed)
        walk.twin.take([each.content for each in piece])
        found = []
        for row in piece:
            entry = _read_entry(walk, row)
            if entry is None:
                continue
            found.append(entry)
            if run and run[0][0].act != entry.act:
                seals.compare(run)
                run = []
            run.append((entry, row.content))
        if not walk.findings and not walk.leaves.disputed:
            refold.fold(walk.connection, found, walk.find)
        if progress is not None:
            progress(walk.read, total)
    seals.compare(run)
    seals.finish()
    walk.leaves.finish(walk.expected)
    walk.erased = seals.erased


def _read_entry(walk: _Walk, row: Row) -> Entry | None:
    """The entry of a row, if it is one; what is wrong with it is noted."""
    walk.read += 1
    if row.number != walk.expected:
        walk.find("MISSING", walk.expected, f"缺少记录 {walk.expected} 至 {row.number - 1}")
    walk.expected = row.number + 1
    try:
        entry = reread.parse(row.content)
    except Malformed as error:
        walk.find("MODIFIED", row.number, f"内容不是一条记录：{error}")
        return None
    if entry.number != row.number:
        walk.find("ORDER", row.number, f"此处存放的是记录 {entry.number} 的内容")
        return None
    if (told := reread.columns(entry)) != row.columns:
        gap = reread.GAP.encode()
        pairs = zip(reread.COLUMNS, told.split(gap), row.columns.split(gap), strict=False)
        names = [name for name, mine, stored in pairs if mine != stored] or reread.COLUMNS
        walk.find("MODIFIED", row.number, f"检索列 {names[0]} 与内容所说的不同")
    if walk.last is not None and entry.at < walk.last:
        walk.find("TIME_ORDER", row.number, "时间早于前一条记录")
    walk.last = max(entry.at, walk.last or entry.at)
    if isinstance(entry.fact, Refused) and entry.fact.count > 1:
        walk.shared[entry.number] = entry.fact.count - 1
    return entry


def _compare_head(walk: _Walk, head: Found[Any]) -> None:
    try:
        edge = Edge.read(head.size, bytes(head.edge))
    except ValueError:
        edge = None
    if walk.expected < head.size:
        walk.find("MISSING", walk.expected, f"日志在 {walk.expected} 处中断，应有 {head.size} 条")
    elif walk.expected > head.size:
        walk.find("UNLOGGED_CHANGE", head.size, f"记录多于日志头所记的 {head.size} 条")
    elif not walk.torn:
        _compare_tree(walk, edge)
        if head.at != (walk.last or datetime(1970, 1, 1, tzinfo=UTC)) and not walk.findings:
            walk.find("UNLOGGED_CHANGE", None, "日志头的时间不是最后一条记录的时间")
    for each in walk.leaves.disputes(edge):
        walk.find("MODIFIED", each.number, each.told)
        walk.torn = walk.torn or not each.whole


def _compare_tree(walk: _Walk, edge: Edge | None) -> None:
    """The nodes and the edge of the head against the bytes; what a named entry explains is not told again."""
    wrong = walk.tiles.finish()
    for level, begin, detail in wrong + nodes.edge_differs(walk.edge, edge, TILE if wrong else 64):
        if level > TILE or walk.leaves.settled(begin // WIDTH, edge) is None:
            first, told = walk.marks.narrowed(begin, begin + (1 << level))
            walk.find("MODIFIED", first, f"{detail}；{told}")
            walk.torn = True


def _first_forked(walk: _Walk) -> int | None:
    """The first entry that differs from what was signed, where the kept leaves still make the signed root."""
    fork, first = walk.marks.forked(), min(walk.leaves.disputed, default=None)
    if fork is None or first is None or not fork[0] <= first < fork[1]:
        return None
    return first if walk.marks.stated[fork[1]] == {walk.leaves.root(fork[1])} else None


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
                "DUPLICATE_REF", run.last if run.last - run.first + 1 != run.many else after, "同一次办理被记了两次"
            )
        else:
            walk.find("UNLOGGED_CHANGE", run.first, "办理表中这次办理与记录不一致")
    missing = dict(walk.shared)
    for act in walk.connection.execute(text(_SHARED)):
        if missing.pop(act.first, 0) != act.many or act.longest != 1:
            walk.find("UNLOGGED_CHANGE", act.first, "办理表中有没有任何记录的办理")
    for number in missing:
        walk.find("UNLOGGED_CHANGE", number, "办理表中缺少合并在这条记录里的驳回")
