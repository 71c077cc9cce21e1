"""Working days over HTTP: deadlines at a place, and the holiday notices that make provisional ones final.

POST /v1/calendars   one notice of one layer; deadlines it moves are counted anew and recorded, old and new
GET  /v1/calendars   the layers in force
GET  /v1/deadline    a deadline; `recounted` are the answers that earlier calendars gave to the same question
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import founding, pep
from api.pep import Asked, Wish
from api.wire import fields
from audit import charter, content, head
from audit.act import Recorded
from authz import bundle, notice, refusal
from authz.calendar import NATION
from authz.decision import Scene
from authz.fact import Fact
from authz.notice import CalendarExtended, Named, Notice
from authz.register import Reads

router = APIRouter()
CLOCKS = ("intake_days", "intake_warn_first", "intake_warn_second")
"""The clocks of a farmer's application: their deadlines are counted anew when a notice comes."""
EXAMPLE = {
    "layer": "nation", "first": "2027-01-01", "last": "2027-12-31", "source": "国务院办公厅关于2027年部分节假日安排的通知",
    "days": [{"date": "2027-01-01", "name": "元旦", "kind": "off"}, {"date": "2027-01-03", "name": "元旦", "kind": "work"}],
}  # fmt: skip


class DayBody(fields.Body):
    date: fields.Day
    name: Annotated[str, StringConstraints(min_length=1, max_length=30, pattern='^[^\\r\\n",]+$')]
    kind: Literal["off", "work"]


class NoticeBody(fields.Body):
    layer: Annotated[str, StringConstraints(pattern=f"^nation$|{fields.DIVISION}")]
    first: fields.Day
    last: fields.Day
    source: fields.Title
    days: Annotated[tuple[DayBody, ...], Field(strict=False, min_length=1, max_length=notice.MOST_DAYS)]


class DeadlineQuery(fields.Query):
    from_: Annotated[fields.Day, Field(alias="from")]
    days: Annotated[int, Field(ge=1, le=3660), fields.Written]
    division: fields.DivisionCode | None = None


@dataclass(frozen=True, slots=True)
class Extended:
    """The calendar with the notice in it, beside the one it was made from; or why the notice is refused."""

    fact: CalendarExtended | None
    fault: refusal.BadNotice | None = None


@dataclass(kw_only=True)
class LoadCalendar(Asked):
    """A holiday notice is loaded."""

    name: ClassVar[str] = "calendar.load"
    wish: Wish[NoticeBody]
    extended: Extended | None

    @property
    def reads(self) -> Reads:
        return Reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        self.wish.take()
        assert self.extended is not None
        if self.extended.fault is not None:
            raise self.extended.fault
        fact = self.extended.fact
        assert fact is not None
        if fact.base != scene.law.digests["calendar"]:
            raise refusal.WrongState("工作日历刚刚有变，请重新报送", missing="base")
        if fact.sha256 == fact.base:
            raise refusal.NothingChanged()
        return (fact,)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, CalendarExtended)
        return 201, {
            "id": recorded.number, "calendar": fact.sha256, "layer": fact.layer, "first": fact.first, "last": fact.last,
            "days": fact.count, "moved": [_moved(each) for each in fact.moved],
        }  # fmt: skip


def _moved(row: str) -> dict[str, Any]:
    start, days, before, after = row.split(" ")
    return {"from": start, "days": int(days), "before": before, "after": after}


@router.post("/v1/calendars", status_code=201, summary="报送放假安排，暂定的期限随之重算",
             openapi_extra=pep.described(NoticeBody, EXAMPLE))  # fmt: skip
async def load(request: Request) -> Response:
    """The calendar is stored, recorded and in force at once; deadlines that were provisional are recorded old and new."""
    who, wish = pep.caller(request), await pep.wish(request, NoticeBody)
    sealed, commitments = pep.seal({"/source": wish.got.source if wish.got else ""})
    extended = await run_in_threadpool(_extended, request, wish.got, commitments["/source"])
    act = LoadCalendar(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, extended=extended, sealed=sealed
    )
    return await pep.perform(request, act)


def _extended(request: Request, body: NoticeBody | None, source: str) -> Extended | None:
    scene = pep.look(request, Reads())
    if body is None or scene.post is None or not scene.may("calendar.load", scene.post.division):
        return None
    days = tuple(Named(each.date, each.name, each.kind == "off") for each in body.days)
    given = Notice(body.layer, body.first, body.last, days, body.source)
    base = scene.law.digests["calendar"]
    house = pep.deployment(request)
    path = (
        ()
        if body.layer == NATION
        else scene.law.divisions.path(body.layer)
        if scene.law.divisions.known(body.layer)
        else ()
    )
    with head.reading(house.database.engine) as connection:
        try:
            files = notice.extended(house.laws.files(connection, base), given, scene.law.divisions)
        except refusal.BadNotice as fault:
            return Extended(None, fault)
        clocks = {scene.law.policy.number(name) for name in CLOCKS}
        made = notice.loaded(files, base, bundle.digest(files), given, clocks, source, path, scene.law.calendar)
        content.store(connection, bundle.pack(files), founding.BUNDLE, scene.post.unit)
        connection.commit()
    return Extended(made)


@router.get("/v1/calendars", summary="在用的工作日历")
def layers(request: Request) -> Response:
    scene = pep.look(request, Reads())
    items = [
        {"layer": each.name, "first": each.first.isoformat(), "last": each.last.isoformat(), "days": len(each.workdays)}
        for each in scene.law.calendar.layers.values()
    ]
    return pep.page(items, None, request, calendar=scene.law.digests["calendar"])


@router.get("/v1/deadline", summary="按工作日推算期限", openapi_extra=pep.queried(DeadlineQuery))
def deadline(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), DeadlineQuery)
    path = scene.law.divisions.path(query.division) if query.division else ()
    found = scene.law.calendar.deadline(query.from_, query.days, path)
    return pep.told({
        "from": query.from_.isoformat(), "days": query.days, "division": query.division, "date": found.date.isoformat(),
        "provisional": found.provisional, "counted": found.counted,
        "skipped": [each.isoformat() for each in found.skipped], "unheard": list(found.unheard),
        "recounted": recounted(request, query.from_, query.days, path, (found.date, found.provisional)),
    })  # fmt: skip


def recounted(
    request: Request, start: date, days: int, path: tuple[str, ...], now: tuple[date, bool]
) -> list[dict[str, Any]]:
    """What earlier calendars answered to this question where it was something else: a day given out is never lost."""
    house = pep.deployment(request)
    told: list[dict[str, Any]] = []
    with head.reading(house.database.engine) as connection:
        for since, ended, digest in charter.history(connection, "calendar"):
            before = house.laws.calendar(connection, digest).deadline(start, days, path)
            if ended is not None and (before.date, before.provisional) != now:
                told.append(
                    {
                        "entry": since,
                        "until_entry": ended,
                        "date": before.date.isoformat(),
                        "provisional": before.provisional,
                    }
                )
    return told
