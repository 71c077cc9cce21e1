"""The log over HTTP: pages of entries, one entry, and whole files of them.

Every reading is an act: judged and recorded first, then answered from before its own entry. A cursor carries the number
to go on below, the position of the first page, and the digest of the filters it belongs to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import lines, pep, reasons, sheets
from api.founding import Quiet
from api.grants import below
from api.pep import Asked, Wish
from api.wire import fields
from audit import head, reading, search
from audit.act import Recorded, Sealed
from audit.entry import Entry
from audit.reading import ExportCut, LogRead, Question
from audit.search import Filters, Sight
from authz import edition, refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.refusal import Misshapen
from authz.register import Reads

router = APIRouter()
PIECE = 500
Kind = Annotated[str, StringConstraints(pattern="^[A-Z][A-Za-z]{1,63}$")]
Piece = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class FilterQuery(fields.Query):
    person: fields.PersonId | None = None
    unit: fields.UnitId | None = None
    division: fields.DivisionCode | None = None
    cell: fields.Cell | None = None
    operation: fields.Operation | None = None
    kind: Kind | None = None
    decision: Literal["permit", "deny"] | None = None
    grant: fields.WrittenNumber | None = None
    household: fields.HouseholdToken | None = None
    begin: Annotated[fields.Instant | None, Field(alias="from")] = None
    until: fields.Instant | None = None
    q: Piece | None = None


class EntriesQuery(FilterQuery):
    limit: fields.Limit = 100
    cursor: fields.Cursor | None = None


class ExportQuery(FilterQuery):
    format: Literal["csv", "ndjson", "xlsx"]


@dataclass(kw_only=True)
class ReadLog(Asked):
    """Entries are read. Nothing is shown before this is on record."""

    name: ClassVar[str] = "log.read"
    authority: ClassVar[bool] = False
    form: str
    wish: Wish[Any]
    subject: int | None = None
    text: str | None = None

    @property
    def reads(self) -> Reads:
        return Reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        got = self.wish.got
        filters = (
            {} if got is None else got.model_dump(exclude={"division", "household", "q", "cursor", "limit", "format"})
        )
        asked = {
            name: pep.written(value) if name in ("begin", "until", "at") and value else value
            for name, value in filters.items()
        }
        question = Question(
            self.form, getattr(got, "division", None), getattr(got, "household", None), self.subject, asked, self.text
        )
        fact = reading.read(question, scene)
        self.wish.take()
        return (fact,)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"size": recorded.size}


@dataclass(frozen=True, slots=True)
class Read:
    """A reading on record: what the log held before it, and what may be seen of it."""

    size: int
    sight: Sight
    values: bool
    response: Response | None = None


async def record(request: Request, act: ReadLog) -> tuple[Read, Scene]:
    """Put the reading on record; a refusal is raised as the answer it is."""
    outcome = (await pep.deployment(request).ledger.ask([act]))[0]
    if isinstance(outcome, BaseException):
        raise outcome
    scene = await run_in_threadpool(pep.look, request, Reads())
    if outcome.refused is not None or scene.post is None:
        return Read(0, Sight("", frozenset()), False, pep.respond(act, outcome)), scene
    fact = outcome.facts[0]
    assert isinstance(fact, LogRead)
    return Read(fact.size, sight(scene), scene.post.role in lines.SEE_VALUES), scene


def sight(scene: Scene) -> Sight:
    """What the acting post may see of the log: its division and everything inside it."""
    if scene.post is None or scene.person is None:
        return Sight("", frozenset())
    whole = any(each.code == scene.post.division for each in scene.law.divisions.roots())
    return Sight(scene.person.id, None if whole else edition.reach(scene.post.division, scene.law))


def sees(found: Entry, scene: Scene) -> bool:
    """Whether the acting post may see this entry."""
    return sight(scene).sees(found.fact.search().get("division"), found.envelope.person, found.fact.kind)


def asked(query: FilterQuery, scene: Scene) -> Filters:
    """The filters of a query, a division as the set of everything inside it."""
    plain = query.model_dump(
        include={"person", "unit", "cell", "operation", "kind", "decision", "grant", "household", "begin", "until"}
    )
    return Filters(within=below(query.division, scene), text=query.q, **plain)


def searched(wish: Wish[Any]) -> tuple[tuple[Sealed, ...], str | None]:
    """The text that is searched for, sealed: it may be anything, so it never stands in the log."""
    sealed, commitments = pep.seal({"/q": wish.got.q if wish.got is not None else None})
    return sealed, commitments.get("/q")


def wished(request: Request, model: type[fields.Query]) -> Wish[Any]:
    """The query, or the refusal its form deserves once authority has been judged."""
    try:
        return Wish(fields.read_query(request.url.query.encode(), model))
    except Misshapen as fault:
        return Wish(None, fault)


# --- cursors --------------------------------------------------------------------------------------------------------
def mark(query: FilterQuery) -> str:
    """The digest of the filters a cursor belongs to."""
    plain = query.model_dump(mode="json", exclude={"limit", "cursor"})
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def opened(cursor: str | None, query: FilterQuery, size: int) -> tuple[int, int]:
    """(number to go on below, position of the first page) of a cursor; without one, the whole log as it is."""
    if cursor is None:
        return size, size
    parts = cursor.split(".")
    if len(parts) != 3 or parts[2] != mark(query) or not all(part.isdecimal() and part.isascii() for part in parts[:2]):  # noqa: PLR2004
        raise Misshapen(pointers=[{"pointer": "/cursor", "message": "翻页标记与查询条件不符，请从第一页重新查询"}])
    number, bound = int(parts[0]), int(parts[1])
    if not number <= bound <= size:
        raise Misshapen(pointers=[{"pointer": "/cursor", "message": "翻页标记与查询条件不符，请从第一页重新查询"}])
    return number, bound


# --- routes ---------------------------------------------------------------------------------------------------------
@router.get("/v1/entries", summary="查阅记录", openapi_extra=pep.queried(EntriesQuery))
async def listed(request: Request) -> Response:
    """Entries of the reader's division, newest first; the reading itself is recorded."""
    who, wish = pep.caller(request), wished(request, EntriesQuery)
    sealed, text = searched(wish)
    read, scene = await record(
        request, ReadLog(ref=pep.new_ref(), caller=who, form="page", wish=wish, sealed=sealed, text=text)
    )
    if read.response is not None:
        return read.response
    query = wish.take()
    number, bound = opened(query.cursor, query, read.size)

    def answer() -> Response:
        with head.reading(pep.deployment(request).database.engine) as connection:
            found = search.page(connection, read.sight, asked(query, scene), number, query.limit + 1)
            more, found = len(found) > query.limit, found[: query.limit]
            items = lines.told(connection, found, scene, read.values)
        cursor = f"{found[-1].number}.{bound}.{mark(query)}" if more else None
        return pep.page(items, cursor, request, size=bound, entry=read.size)

    return await run_in_threadpool(answer)


@router.get("/v1/entries/export", summary="导出记录", response_class=StreamingResponse,
            openapi_extra=pep.queried(ExportQuery))  # fmt: skip
async def exported(request: Request) -> Response:
    """All entries found, as one file, written while it is sent."""
    who, wish = pep.caller(request), wished(request, ExportQuery)
    sealed, text = searched(wish)
    form = wish.got.format if wish.got is not None else "csv"
    read, scene = await record(
        request, ReadLog(ref=pep.new_ref(), caller=who, form=form, wish=wish, sealed=sealed, text=text)
    )
    if read.response is not None:
        return read.response
    query = wish.take()
    items = _walk(request, read, scene, asked(query, scene))
    body = _file(form, items)
    headers = {
        "Content-Disposition": f'attachment; filename="entries-{read.size}.{form}"',
        "Log-Position": str(read.size + 1),
    }
    return StreamingResponse(body, 200, headers, _MEDIA[form])


_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _file(form: str, items: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    if form == "ndjson":
        return (pep.encoded(item) + b"\n" for item in items)
    sheet = sheets.as_csv if form == "csv" else sheets.as_xlsx
    return sheet(lines.COLUMNS, map(lines.row, items))


def _walk(request: Request, read: Read, scene: Scene, filters: Filters) -> Iterator[dict[str, Any]]:
    """All entries, piece by piece; no connection is held while the reader is slow, and his right is asked each time."""
    number, given, place = read.size, 0, scene.post.division if scene.post else ""
    while True:
        try:
            if not pep.look(request, Reads()).may("log.read", place):
                raise refusal.NoRole()
        except refusal.Refusal:
            cut = ExportCut(subject=read.size, division=place, given=given)
            pep.deployment(request).ledger.record(Quiet(ref=pep.new_ref(), facts=(cut,)))
            raise
        with head.reading(pep.deployment(request).database.engine) as connection:
            found = search.page(connection, read.sight, filters, number, PIECE)
            items = lines.told(connection, found, scene, read.values)
        yield from items
        if len(found) < PIECE:
            return
        number, given = found[-1].number, given + len(found)


@router.get("/v1/entries/{id}", summary="查阅一条记录")
async def shown(request: Request, id: str) -> Response:
    """One entry; absent, or outside the reader's division, is the same answer and is not recorded."""
    who, number = pep.caller(request), pep.number(id)
    scene = await run_in_threadpool(pep.look, request, Reads())

    def peek() -> Entry:
        with head.reading(pep.deployment(request).database.engine) as connection:
            found = search.one(connection, number)
        if found is None or not sees(found, scene):
            raise refusal.Unknown()
        return found

    entry = await run_in_threadpool(peek)
    read, scene = await record(
        request,
        ReadLog(ref=pep.new_ref(), caller=who, form="entry", wish=wished(request, fields.Query), subject=number),
    )
    if read.response is not None:
        return read.response

    def answer() -> Response:
        with head.reading(pep.deployment(request).database.engine) as connection:
            told = lines.told(connection, [entry], scene, read.values)[0] | {"size": read.size}
            return pep.told(told | reasons.explained(connection, pep.deployment(request), entry))

    return await run_in_threadpool(answer)
