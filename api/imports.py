"""Edits made elsewhere, over HTTP: a stream of lines, each judged as of its own time and answered with a verdict.

POST /v1/edits/import    NDJSON, any length; one JSON line back for each, in the same order

The import itself is put on record first. It is the right to report that is judged then, and only what happened before
that entry is taken, so that all verdicts rest on a past which can no longer change: they are worked out before the lock
and are the same however often they are worked out again. Lines are read, judged and recorded in pieces, the answers
kept in a file until the last line has come, so that memory stays flat and a sender need not read while it writes.
A ref that comes again with the same content is answered with what is on record; a broken stream is simply sent again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from api import pep
from api.import_lines import ImportLine, Line, pieces, problem
from api.pep import Asked
from api.wire import boundary, examples
from audit import head as heads
from audit import retrospect, vault
from audit.act import Recorded
from audit.retrospect import Past
from authz import hindsight, refusal
from authz.decision import Scene
from authz.edit import Edit
from authz.fact import Fact
from authz.hindsight import EditImported, ImportOpened
from authz.post import DutyNoted
from authz.refusal import Refusal
from authz.register import Reads, Rows

router = APIRouter()
LINES = "application/x-ndjson"
KEPT = boundary.MEGABYTE
"""Answers up to this size are kept in memory, longer ones in a file."""
PORTION = 64 * boundary.KILOBYTE
BROKEN = "导入中途断开，已收到的部分已判定并记录，请用相同的编号（ref）重新提交全部内容，不会重复记录"
LATE = {"pointer": "/occurred_at", "message": "导入的变更须发生在本次导入开始之前，请核对发生时间"}


@dataclass(kw_only=True)
class OpenImport(Asked):
    """Somebody is about to report edits made elsewhere."""

    name: ClassVar[str] = "edit.import"
    authority: ClassVar[bool] = False

    @property
    def reads(self) -> Reads:
        return Reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None or self.caller is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        source = self.caller.client or scene.post.division
        return (ImportOpened(division=scene.post.division, source=source, policy=scene.law.policy.digest),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {}


@dataclass(frozen=True, slots=True)
class Opening:
    """The import on record: its entry, its instant, and the sender."""

    number: int
    at: datetime
    source: str


@dataclass(kw_only=True)
class ImportEdit(Asked):
    """One line, with the verdict that the settled past gave."""

    name: ClassVar[str] = "edit.import"
    authority: ClassVar[bool] = False
    line: Line
    opening: Opening

    @property
    def reads(self) -> Reads:
        edit = self.line.edit
        return Reads(imports=frozenset((self.line.name,))) | (Reads() if edit is None else hindsight.touched(edit))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        line = self.line
        assert line.edit is not None
        assert line.found is not None
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        hindsight.must_be_a_place(line.edit.division, scene)
        scene.must(self.name, line.edit.division)
        if line.name in scene.rows.imports:
            raise refusal.AlreadyRegistered(
                "同一编号（ref）的变更已导入过，内容与本次不同，请核对后另编号", missing="ref"
            )
        person, found = line.body.person, line.found
        imported = hindsight.imported(line.edit, person, line.name, self.opening.number, found, scene)
        return (imported, *hindsight.beside(line.edit, person, found, scene))

    def note(self, rows: Rows, facts: tuple[Fact, ...]) -> None:
        rows.imports[self.line.name] = -1
        if self.line.edit is not None and self.line.found is not None:
            hindsight.note(rows, self.line.edit, self.line.found)

    def about(self) -> Mapping[str, Any]:
        edit = self.line.edit
        names = ("division", "cell", "operation", "data_year", "quarter", "household")
        return {"subject": self.opening.number} | {name: getattr(edit, name) for name in names}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {}


ANSWERED = {
    "description": "每行一个结论，次序与导入相同；不合要求的行给出问题说明",
    "content": {LINES: {"schema": {"type": "object"}, "example": examples.VERDICT}},
}


@router.post("/v1/edits/import", summary="导入在别处发生的数据变更，逐行按发生时的授权判定", response_class=StreamingResponse,
             responses={200: ANSWERED}, openapi_extra={"requestBody": {"required": True, "content": {LINES: {
                 "schema": ImportLine.model_json_schema(), "example": examples.IMPORT}}}})  # fmt: skip
async def load(request: Request) -> Response:
    """What is answered 200 is a list of verdicts, none of them a permission."""
    act = OpenImport(ref=pep.new_ref(), caller=pep.caller(request))
    outcome = (await pep.deployment(request).ledger.ask([act]))[0]
    if isinstance(outcome, BaseException):
        raise outcome
    if outcome.refused is not None or outcome.number is None:
        return pep.respond(act, outcome)
    fact = outcome.facts[0]
    assert isinstance(fact, ImportOpened)
    opening = Opening(outcome.number, outcome.at, fact.source)
    answers = tempfile.SpooledTemporaryFile(KEPT)  # noqa: SIM115 closed when it has been read
    try:
        async for piece in pieces(request.stream(), opening.source):
            for told in await answered(request, piece, opening):
                answers.write(told + b"\n")
    except ClientDisconnect:  # no fault of ours, and nobody reads this any more: the pieces recorded stand
        answers.close()
        raise refusal.Unreadable(BROKEN) from None
    except BaseException:
        answers.close()
        raise
    answers.seek(0)
    headers = {"Log-Position": str(opening.number + 1)}
    return StreamingResponse(_given(answers), 200, headers, LINES)


def _given(answers: IO[bytes]) -> Iterator[bytes]:
    with answers:
        while portion := answers.read(PORTION):
            yield portion


# --- a piece of lines -----------------------------------------------------------------------------------------------
async def answered(request: Request, piece: list[Line], opening: Opening) -> list[bytes]:
    """The answers of these lines, in order."""
    who = pep.caller(request)
    await run_in_threadpool(_prepare, request, piece, opening)
    open_ = [each for each in piece if each.told is None]
    acts = [ImportEdit(ref=pep.new_ref(), caller=who, line=each, opening=opening, sealed=each.sealed) for each in open_]
    outcomes = await pep.deployment(request).ledger.ask(acts) if acts else []
    for line, outcome in zip(open_, outcomes, strict=True):
        line.told = _told(line, outcome)
    raced = [line for line, outcome in zip(open_, outcomes, strict=True) if _taken(outcome)]
    if raced:  # somebody else reports the same at the same time
        await run_in_threadpool(_repeat, request, raced)
    return [each.told for each in piece if each.told is not None]


def _taken(outcome: Recorded | BaseException) -> bool:
    return isinstance(outcome, Recorded) and isinstance(outcome.refused, refusal.AlreadyRegistered)


def _told(line: Line, outcome: Recorded | BaseException) -> bytes:
    if isinstance(outcome, Refusal):
        return problem(line.place, outcome)
    if isinstance(outcome, BaseException):
        return problem(line.place, refusal.Closed())
    if outcome.refused is not None:
        return problem(line.place, outcome.refused, outcome.number)
    fact = outcome.facts[0]
    assert isinstance(fact, EditImported)
    assert outcome.number is not None
    return _verdict(line, outcome.number, fact, outcome.facts[1:])


def _verdict(line: Line, number: int, fact: EditImported, beside: Sequence[Fact]) -> bytes:
    told = {"line": line.place, "ref": line.body.ref, "entry": number, "verdict": fact.verdict}
    duties = [each.duty for each in beside if isinstance(each, DutyNoted)]
    more = {
        "grant": fact.grant, "code": fact.code, "documented_later": fact.documented_later, "duties": duties or None,
    }  # fmt: skip
    return pep.encoded(told | {name: value for name, value in more.items() if value is not None})


def _prepare(request: Request, piece: list[Line], opening: Opening) -> None:
    """What came before is answered from the record; the others get their verdict, all lines of one position together."""
    for line in piece:
        if line.told is None and line.body.occurred_at >= opening.at:
            line.told = problem(line.place, refusal.Misshapen(pointers=[LATE]))
    _repeat(request, [each for each in piece if each.told is None])
    fresh = [each for each in piece if each.told is None]
    past = [Past(each.edit, each.body.person, each.body.occurred_at) for each in fresh if each.edit is not None]
    house = pep.deployment(request)
    with heads.reading(house.database.engine) as connection:
        found = retrospect.verdicts(connection, house.laws, past, opening.number)
    for line, judgement in zip(fresh, found, strict=True):
        line.found = judgement


def _repeat(request: Request, given: list[Line]) -> None:
    """Answer those that are on record with the same content."""
    with heads.reading(pep.deployment(request).database.engine) as connection:
        earlier = retrospect.reported(connection, [each.name for each in given])
        values = vault.read(connection, [entry.number for entry, *_ in earlier.values()])
    for line in given:
        entry, *beside = earlier.get(line.name) or (None,)
        if entry is None or not isinstance(entry.fact, EditImported):
            continue
        if _same(line, entry.fact, values.get(entry.number, {})):
            line.told = _verdict(line, entry.number, entry.fact, [each.fact for each in beside])


def _same(line: Line, fact: EditImported, values: Mapping[str, Any]) -> bool:
    """Whether a line says again what is on record. A value that was erased meanwhile is no longer the same."""
    assert line.edit is not None
    known, fields_ = hindsight.stated(fact), ("changes_made",)
    mine = {name: getattr(line.edit, name) for name in Edit.__slots__ if name not in fields_}
    same = all(getattr(known, name) == value for name, value in mine.items()) and line.body.person == fact.person_id
    changed = [each[0] for each in known.changes_made] == [each[0] for each in line.edit.changes_made]
    return same and changed and {each.path: each.value for each in line.sealed} == dict(values)
