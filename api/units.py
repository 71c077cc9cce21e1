"""Units over HTTP: the bodies that hold posts and grants. A unit is `u-<division>-<kind>`, one of a kind per division."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.grants import below
from api.pep import Asked, Wish
from api.wire import fields
from audit import head as heads
from audit import listing
from audit.act import Recorded
from authz import refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.post import Unit, UnitEstablished
from authz.register import Reads

router = APIRouter()


class UnitBody(fields.Body):
    division: fields.DivisionCode
    kind: Annotated[str, StringConstraints(pattern="^[a-z]+(?:_[a-z]+)*$", max_length=40)]
    name: fields.Title
    earlier_name: fields.Title | None = None


class UnitsQuery(fields.Page):
    division: fields.DivisionCode | None = None


def unit_told(unit: Unit) -> dict[str, Any]:
    """A unit as answers write it: all of it is public."""
    return {
        "id": unit.id, "kind": unit.kind, "division": unit.division, "name": unit.name, "earlier_name": unit.earlier_name,
    }  # fmt: skip


@router.get("/v1/units", summary="单位名录", openapi_extra=pep.queried(UnitsQuery))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), UnitsQuery)
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = listing.units_page(connection, below(query.division, scene), query.cursor, query.limit + 1)
    page = found[: query.limit]
    return pep.page([unit_told(each) for each in page], page[-1].id if len(found) > query.limit else None, request)


@dataclass(kw_only=True)
class EstablishUnit(Asked):
    """A body is put on the register; like the divisions it stands in, by the system administrator."""

    name: ClassVar[str] = "division.load"
    wish: Wish[UnitBody]

    @property
    def reads(self) -> Reads:
        return Reads(units=frozenset((_id(self.wish.got),)) if self.wish.got else frozenset())

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        place = scene.law.divisions.get(body.division)
        kind = scene.law.policy.catalogue.unit_kinds.get(body.kind)
        if kind is None or place.level not in kind.levels:
            raise refusal.Unacceptable("该级行政区划不设这类单位，请核对单位类别与区划", missing="kind")
        if _id(body) in scene.rows.units:
            raise refusal.AlreadyRegistered("该单位已经登记")
        established = UnitEstablished(
            unit=_id(body), unit_kind=body.kind, division=place.code, name=body.name, earlier_name=body.earlier_name
        )
        return (established,)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 201, {"id": recorded.facts[0].plain()["unit"]}


def _id(body: UnitBody) -> str:
    return f"u-{body.division}-{body.kind}"


EXAMPLE = {"division": "640324100", "kind": "township", "name": "豫海镇人民政府"}


@router.post("/v1/units", status_code=201, summary="设立单位", openapi_extra=pep.described(UnitBody, EXAMPLE))
async def establish(request: Request) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, UnitBody)
    return await pep.perform(
        request, EstablishUnit(ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish)
    )
