"""Divisions over HTTP: the tree in force, codes of the past by name, and deadlines on the working days of a place.

`at` is a day: the edition in force then answers. Earlier editions are known by code and name only; their tree is read
from the width of the codes, which held for all of them.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import editions, pep
from api.wire import fields
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


def edition_at(names: Lineage, divisions: Divisions, at: date | None) -> str | None:
    """The earlier edition in force on a day; null where the present one is, which also answers for every later day."""
    if at is None or at.isoformat() >= divisions.edition:
        return None
    passed = [each for each in names.editions if each <= at.isoformat()]
    return passed[-1] if passed else names.editions[0]


def _former(names: Lineage, code: str, edition: str) -> Division | None:
    name = names.name_in(code, edition)
    shorter = [code[:width] for width in LEVELS if width < len(code)]
    known = [each for each in shorter if len(each) < len("640324") or names.name_in(each, edition)]
    return None if name is None else Division(code, name, LEVELS[len(code)], known[-1] if known else None)


def children(scene: Scene, names: Lineage, parent: str | None, at: date | None) -> list[Division]:
    """The divisions directly inside `parent` (null: the roots), by code."""
    divisions = scene.law.divisions
    edition = edition_at(names, divisions, at)
    if edition is None or parent is None or len(parent) < len("6403"):
        return list(divisions.roots() if parent is None else divisions.children(parent))
    if not names.known_once(parent) and not divisions.known(parent):
        raise refusal.Unknown()
    rows = (_former(names, code, edition) for code in sorted(names.names) if code.startswith(parent) and code != parent)
    return [row for row in rows if row is not None and row.parent == parent]


@router.get("/v1/divisions", summary="下一级行政区划", openapi_extra=pep.queried(ChildrenQuery))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), ChildrenQuery)
    names = scene.law.lineage
    items = [_told(row) for row in children(scene, names, query.parent, query.at)]
    return pep.page(items, None, request, total=len(items), edition=_edition(scene, names, query.at))


def _edition(scene: Scene, names: Lineage, at: date | None) -> str:
    return edition_at(names, scene.law.divisions, at) or scene.law.divisions.edition


@router.get("/v1/divisions/{code}", summary="一个行政区划，已撤销的代码也能查到名称",
            openapi_extra=pep.queried(DivisionQuery))  # fmt: skip
def one(request: Request, code: str) -> Response:
    scene = pep.look(request, Reads())
    at = fields.read_query(request.url.query.encode(), DivisionQuery).at
    divisions, names = scene.law.divisions, scene.law.lineage
    edition = edition_at(names, divisions, at)
    row = None
    if edition is not None and len(code) > len("6403"):
        row = _former(names, code, edition) if names.known_once(code) else None
    elif divisions.known(code):
        row = divisions.get(code)
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
        | {"abolished": not standing, "edition": _edition(scene, names, at), "names": history,
           "successors": list(names.successors(code))}
    )  # fmt: skip
