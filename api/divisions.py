"""Divisions over HTTP: the tree in force, codes of the past by name, and deadlines on the working days of a place.

`at` is a day: the edition of that day answers, from when it was in force. One that was ever in force here has its own tree; those before are known
by code and name only, and their tree is read from the width of the codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import editions, pep
from api.wire import fields
from audit import charter, head
from authz import refusal
from authz.decision import Scene
from authz.division import LEVELS, Division, Divisions
from authz.lineage import Lineage
from authz.register import Reads

router = APIRouter()
# Before the routes of one code, which `editions` would otherwise be.
router.include_router(editions.router)


class ChildrenQuery(fields.Query):
    parent: fields.DivisionCode | None = None
    at: fields.Day | None = None


class DivisionQuery(fields.Query):
    at: fields.Day | None = None


def _told(row: Division) -> dict[str, Any]:
    return {"code": row.code, "name": row.name, "level": row.level, "parent": row.parent}


def edition_at(names: Lineage, divisions: Divisions, at: date, begun: Mapping[str, date]) -> str | None:
    """The earlier edition that answers for a day; null where the present one does. An edition answers from the day it is
    named by, or from the day it was put in force (`begun`) if that came first: it decided from then on."""
    passed = [each for each in names.editions if min(date.fromisoformat(each), begun.get(each, date.max)) <= at]
    found = passed[-1] if passed else names.editions[0]
    return None if found == divisions.edition else found


@dataclass(frozen=True, slots=True)
class Atlas:
    """The divisions of a day: the tree of an edition on record, or of an earlier one what its names and codes tell."""

    edition: str
    names: Lineage
    tree: Divisions | None
    now: Divisions

    def get(self, code: str) -> Division | None:
        """The division as it was then, or None if it was not there."""
        tree = self.now if self.tree is None and len(code) < len("640324") else self.tree
        if tree is not None:
            return tree.get(code) if tree.known(code) else None
        name = self.names.name_in(code, self.edition)
        return None if name is None else Division(code, name, LEVELS[len(code)], self._outer(code))

    def children(self, parent: str | None) -> list[Division]:
        """The divisions directly inside, by code; the roots of none."""
        tree = self.now if self.tree is None and len(parent or "") < len("6403") else self.tree
        if tree is not None and parent is None:
            return list(tree.roots())
        if tree is not None and tree.known(parent or ""):
            return list(tree.children(parent or ""))
        if not self.names.known_once(parent or "") and not self.now.known(parent or ""):
            raise refusal.BadDivisionCode()
        if tree is not None:
            return []
        found = (self.get(code) for code in sorted(self.names.names) if self._outer(code) == parent)
        return [row for row in found if row is not None]

    def _outer(self, code: str) -> str | None:
        """What it lay in then: as a later edition says of the past, else what its code says."""
        left = next((each.new for each in self.names.moves if each.old == code and each.edition > self.edition), None)
        lay = left or self.names.lay.get(code)
        if lay is not None and (len(lay) < len("640324") or self.names.name_in(lay, self.edition)):
            return lay
        shorter = [code[:width] for width in LEVELS if width < len(code)]
        known = [each for each in shorter if len(each) < len("640324") or self.names.name_in(each, self.edition)]
        return known[-1] if known else None


def atlas(request: Request, scene: Scene, at: date | None) -> Atlas:
    """The divisions of a day."""
    names, now = scene.law.lineage, scene.law.divisions
    present, house = Atlas(now.edition, names, now, now), pep.deployment(request)
    if at is None or at.isoformat() >= now.edition:
        return present
    with head.reading(house.database.engine) as connection:
        if (edition := edition_at(names, now, at, charter.begun(connection))) is None:
            return present
        named = charter.edition(connection, edition)
        tree = house.laws.edition(connection, named)[0] if named is not None else None
    return Atlas(edition, names, tree, now)


@router.get("/v1/divisions", summary="下一级行政区划", openapi_extra=pep.queried(ChildrenQuery))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), ChildrenQuery)
    then = atlas(request, scene, query.at)
    items = [_told(row) for row in then.children(query.parent)]
    return pep.page(items, None, request, total=len(items), edition=then.edition)


@router.get("/v1/divisions/{code}", summary="一个行政区划，已撤销的代码也能查到名称",
            openapi_extra=pep.queried(DivisionQuery))  # fmt: skip
def one(request: Request, code: str) -> Response:
    scene = pep.look(request, Reads())
    at = fields.read_query(request.url.query.encode(), DivisionQuery).at
    names, then = scene.law.lineage, atlas(request, scene, at)
    row = then.get(code)
    history = [{"edition": each, "name": name} for each, name in names.names.get(code, ())]
    if row is None and not history:
        raise refusal.Unknown()
    if row is None:
        # Abolished by then, or not yet there: its last name, and whatever took its place.
        row = Division(code, history[-1]["name"], LEVELS[len(code)], None)
        standing = False
    else:
        standing = True
    return pep.told(
        _told(row)
        | {"abolished": not standing, "edition": then.edition, "names": history,
           "successors": list(names.successors(code))}
    )  # fmt: skip
