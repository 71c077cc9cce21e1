"""Working days over HTTP: deadlines at a place, and the holiday notices that make provisional ones final.

POST /v1/calendars               one notice of one layer; deadlines it moves are counted anew and recorded, old and new
POST /v1/calendars/withdrawals   what a layer says about a span is taken back, with the deadlines that this moves
GET  /v1/calendars               the layers in force
GET  /v1/deadline                a deadline; `recounted` are the answers that earlier calendars gave to the question
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
from api.pep import Wish
from api.placed import Placed
from api.wire import fields
from audit import charter, content, head
from audit.act import Recorded
from authz import bundle, edition, notice, refusal
from authz.calendar import NATION
from authz.decision import Scene
from authz.fact import Fact
from authz.notice import CalendarExtended, CalendarWithdrawn, Named, Notice, Span
from authz.register import Reads

router = APIRouter()
CLOCKS = ("intake_days", "intake_warn_first", "intake_warn_second")
"""The clocks of a farmer's application: their deadlines are counted anew when a notice comes."""
EXAMPLE = {
    "layer": "nation", "first": "2027-01-01", "last": "2027-12-31", "source": "国务院办公厅关于2027年部分节假日安排的通知",
    "days": [{"date": "2027-01-01", "name": "元旦", "kind": "off"}, {"date": "2027-01-03", "name": "元旦", "kind": "work"}],
}  # fmt: skip


TAKEN_BACK = {"layer": "640324", "first": "2027-01-01", "last": "2027-12-31", "reason": "误报为本县，应由自治区报送"}
Layer = Annotated[str, StringConstraints(pattern=f"^nation$|{fields.DIVISION}")]
Moving = CalendarExtended | CalendarWithdrawn


class DayBody(fields.Body):
    date: fields.Day
    name: Annotated[str, StringConstraints(min_length=1, max_length=30, pattern='^[^\\r\\n",]+$')]
    kind: Literal["off", "work"]


class NoticeBody(fields.Body):
    layer: Layer
    first: fields.Day
    last: fields.Day
    source: fields.Title
    days: Annotated[tuple[DayBody, ...], Field(strict=False, min_length=1, max_length=notice.MOST_DAYS)]


class SpanBody(fields.Body):
    layer: Layer
    first: fields.Day
    last: fields.Day
    reason: fields.Reason


class DeadlineQuery(fields.Query):
    from_: Annotated[fields.Day, Field(alias="from")]
    days: Annotated[int, Field(ge=1, le=3660), fields.Written]
    division: fields.DivisionCode | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """The calendar with a notice in it or without a span, beside the one it was made from; or why that is refused."""

    fact: Moving | None
    fault: refusal.BadNotice | None = None


@dataclass(kw_only=True)
class ChangeCalendar(Placed):
    """A holiday notice is loaded, or what a layer says about a span is taken back."""

    name: ClassVar[str] = "calendar.load"
    wish: Wish[NoticeBody] | Wish[SpanBody]
    changed: Changed | None

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        self.permit(scene)
        self.wish.take()
        assert self.changed is not None
        if self.changed.fault is not None:
            raise self.changed.fault
        fact = self.changed.fact
        assert fact is not None
        if fact.base != scene.law.digests["calendar"]:
            raise refusal.WrongState("工作日历刚刚有变，请重新报送", missing="base")
        if fact.sha256 == fact.base:
            raise refusal.NothingChanged()
        return (fact,)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, CalendarExtended | CalendarWithdrawn)
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
    wish = await pep.wish(request, NoticeBody)
    return await _perform(request, wish, "/source", wish.got.source if wish.got else "")


@router.post("/v1/calendars/withdrawals", status_code=201, summary="撤回误报的放假安排，涉及的期限随之重算",
             openapi_extra=pep.described(SpanBody, TAKEN_BACK))  # fmt: skip
async def take_back(request: Request) -> Response:
    """The layer says nothing about the span any more; what was told meanwhile stays on record beside the new day."""
    wish = await pep.wish(request, SpanBody)
    return await _perform(request, wish, "/reason", wish.got.reason if wish.got else "")


async def _perform(request: Request, wish: Wish[NoticeBody] | Wish[SpanBody], path: str, text: str) -> Response:
    who, (sealed, commitments) = pep.caller(request), pep.seal({path: text})
    changed = await run_in_threadpool(_changed, request, wish.got, commitments[path])
    act = ChangeCalendar(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, changed=changed, sealed=sealed
    )
    return await pep.perform(request, act)


def _changed(request: Request, body: NoticeBody | SpanBody | None, text: str) -> Changed | None:
    scene, house = pep.look(request, Reads()), pep.deployment(request)
    if body is None or scene.post is None or not scene.may("calendar.load", scene.post.division):
        return None
    base, divisions = scene.law.digests["calendar"], scene.law.divisions
    clocks = {scene.law.policy.number(name) for name in CLOCKS}
    path = divisions.path(body.layer) if body.layer != NATION and divisions.known(body.layer) else ()
    made: Moving
    with head.reading(house.database.engine) as connection:
        before = house.laws.files(connection, base)
        try:
            if isinstance(body, NoticeBody):
                days = tuple(Named(each.date, each.name, each.kind == "off") for each in body.days)
                given = Notice(body.layer, body.first, body.last, days, body.source)
                files = notice.extended(before, given, divisions)
                made = notice.loaded(files, base, bundle.digest(files), given, clocks, text, path, scene.law.calendar)
            else:
                span = Span(body.layer, body.first, body.last)
                files = notice.shortened(before, span)
                made = notice.withdrawn(files, base, bundle.digest(files), span, clocks, text, path, scene.law.calendar)
        except refusal.BadNotice as fault:
            return Changed(None, fault)
        content.store(connection, bundle.pack(files), founding.BUNDLE, scene.post.unit)
        connection.commit()
    return Changed(made)


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
    path = tuple(scene.law.named(edition.seats(query.division, scene.law)[0])) if query.division else ()
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
