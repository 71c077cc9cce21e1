"""Who answers for a record: who monitored, provided, collected and verified it, as far as the log says (S06 to S09).

谁监测谁负责 谁提供谁负责 谁采集谁负责 谁核实谁负责. For each of the four the latest permitted edit that names somebody, with
the post and unit he held then, and the authority it was done under, up to the document; and who answers for it now,
where he has left the post since. Beside them whoever has the household on his list (帮扶责任人) at that instant.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import entries, pep
from api.entries import ReadLog
from api.wire import fields
from audit import head, listing, search, succession
from audit.entry import Entry
from audit.search import Filters, Sight
from authz import refusal, register
from authz.decision import Scene
from authz.edit import RESPONSIBLE, EditPermitted
from authz.register import Reads

router = APIRouter()


class RecordQuery(fields.Query):
    household: fields.HouseholdToken
    cell: fields.Cell
    data_year: fields.WrittenYear | None = None
    quarter: fields.WrittenQuarter | None = None
    at: fields.Instant | None = None


@router.get("/v1/responsibility", summary="查询数据责任人", openapi_extra=pep.queried(RecordQuery))
async def responsible(request: Request) -> Response:
    """The persons answerable for a record at an instant; the reading is recorded."""
    who, wish = pep.caller(request), entries.wished(request, RecordQuery)
    scene = await run_in_threadpool(pep.look, request, Reads())
    if wish.got is not None and scene.post is not None:
        await run_in_threadpool(_found, request, wish.got, entries.sight(scene), scene.size)
    read, scene = await entries.record(
        request, ReadLog(ref=pep.new_ref(), caller=who, form="responsibility", wish=wish)
    )
    if read.response is not None:
        return read.response
    query: RecordQuery = wish.take()

    def answer() -> Response:
        named = _found(request, query, read.sight, read.size)
        with head.reading(pep.deployment(request).database.engine) as connection:
            persons = {
                each: _person(connection, each, entry) | {"now": _now(connection, each, entry, scene, read.size)} if entry else None
                for each, entry in named.items()
            }  # fmt: skip
            assisting = _assisting(connection, query, query.at or scene.at, read.sight)
        members: dict[str, Any] = {"household": query.household, "cell": query.cell, "data_year": query.data_year}
        members |= {"quarter": query.quarter, "at": pep.written(query.at or scene.at)}
        members["assistance"] = assisting
        return pep.told(members | persons | {"size": read.size, "entry": read.size})

    return await run_in_threadpool(answer)


def _found(request: Request, query: RecordQuery, sight: Sight, size: int) -> dict[str, Entry | None]:
    """For each of the four, the latest edit that names somebody; Unknown where the reader can see no edit at all."""
    filters = Filters(
        kind="EditPermitted",
        household=query.household,
        cell=query.cell,
        data_year=query.data_year,
        quarter=query.quarter,
    )
    named: dict[str, Entry | None] = dict.fromkeys(RESPONSIBLE)
    seen = False
    with head.reading(pep.deployment(request).database.engine) as connection:
        for entry in search.edits(connection, sight, filters, size):
            if query.at is not None and entry.at > query.at:
                continue
            seen = True
            for each in RESPONSIBLE:
                if named[each] is None and getattr(entry.fact, each) is not None:
                    named[each] = entry
            if None not in named.values():
                break
    if not seen:
        raise refusal.Unknown()
    return named


def _person(connection: Any, role: str, entry: Entry) -> dict[str, Any]:
    """The person an edit names, as the register knew him just before that edit."""
    fact = entry.fact
    assert isinstance(fact, EditPermitted)
    person, number = getattr(fact, role), getattr(fact, role.replace("_by", "_post"))
    posts = frozenset(() if number is None else (number,))
    held = register.fetch(connection, Reads(posts=posts), entry.at, entry.number).post.get(number)
    units = Reads(units=frozenset((held.unit,))) if held else Reads()
    unit = register.fetch(connection, units, entry.at, entry.number).units.get(held.unit) if held else None
    return {
        "person": _named(connection, person),
        "post": number,
        "deputy_for": held.deputy_for if held else None,
        "role": held.role if held else None,
        "title": held.title if held else None,
        "unit": None if unit is None else {"id": unit.id, "name": unit.name},
        "entry": entry.number,
        "at": pep.written(entry.at),
        "grant": fact.grant,
        "chain": list(fact.chain),
        "document": fact.document,
    }


def _now(connection: Any, role: str, entry: Entry, scene: Scene, size: int) -> dict[str, Any]:
    """Who answers for it today: himself while he holds the post, else his successor; nobody if none took over."""
    fact = entry.fact
    assert isinstance(fact, EditPermitted)
    person, number = getattr(fact, role), getattr(fact, role.replace("_by", "_post"))
    heir = succession.heir(connection, fact, number, person, scene.at, size)
    return {"person": None if heir.person is None else _named(connection, heir.person), "since": heir.since}


def _assisting(connection: Any, query: RecordQuery, at: datetime, sight: Sight) -> list[dict[str, Any]]:
    """Whoever has the household on his list for this cell at the instant, where the reader sees."""
    held = [
        each
        for each in succession.assisting(connection, query.household, at)
        if query.cell in each.scope.cells and sight.sees(each.scope.division, None)
    ]
    return [
        {"person": _named(connection, each.holder_person or ""), "unit": each.holder_unit, "grant": each.number,
         "until": pep.written(each.scope.valid_until)}
        for each in held
    ]  # fmt: skip


def _named(connection: Any, person: str) -> dict[str, Any]:
    return {"id": person, "name": listing.names(connection, {person}).get(person, {}).get("name")}
