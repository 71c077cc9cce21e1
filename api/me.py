"""The caller himself: who he is, in which posts, what each of them lets him do, and edits of others that name him.

`GET /v1/me` is the one route that needs no choice of post: it shows the posts to choose from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.dossiers import older
from api.grants import held_told
from api.people import ReasonBody, people_told
from api.pep import Asked, Wish
from api.wire import fields
from audit import head as heads
from audit import listing
from audit.act import Recorded
from audit.entry import Entry
from authz import attribution, refusal, register
from authz.decision import Law, Scene, held
from authz.edit import EditPermitted
from authz.extent import Extent, extents
from authz.fact import Fact
from authz.grant import chain
from authz.post import Post
from authz.register import Reads, Rows
from authz.tenure import worth

router = APIRouter()


@router.get("/v1/me", summary="我是谁、我的岗位、我能办什么")
def me(request: Request) -> Response:
    who, house = pep.caller(request), pep.deployment(request)
    with heads.reading(house.database.engine) as connection:
        head = heads.read(connection)
        rows = register.fetch(connection, Reads(persons=frozenset((who.person,))), head.clock)
        scene = Scene(rows, head.clock, head.size, house.laws.on_record(connection))
        try:
            scene.enter(who.person, who.issued_at, who.post)
        except refusal.PostRequired:
            scene.post = None
        told = people_told(connection, [who.person], head.clock)[0]
    live = [each for each in rows.posts.get(who.person, ()) if each.live(head.clock)]
    members = {
        "post": scene.post.number if scene.post else None,
        "acts": [{"post": each.number, "acts": acts(each, scene.law)} for each in live],
        "grants": [usable for each in live for usable in grants(each, scene)],
        "scopes": [scope_told(extent, scene) for each in live for extent in extents(each, scene)],
    }  # fmt: skip
    return pep.told(told | members, etag=rows.versions["person", who.person])


def acts(post: Post, law: Law) -> list[str]:
    """The service's own acts that a post lets its holder do over its division."""
    return sorted(
        f"{object}.{act}" for act, object in law.rule.rights(post.role)
        if object in law.policy.catalogue.objects and post.includes(act, object)
    )  # fmt: skip


def grants(post: Post, scene: Scene) -> Iterator[dict[str, Any]]:
    """The grants a post may use now, with the operations on cells its role lets it do under them."""
    rights = set(scene.law.rule.rights(post.role))
    for each in held(scene.rows, post):
        if worth(chain(each, scene.rows.grants), scene.rows.posts, scene.at)[0] == "live":
            usable = [f"{act} {cell}" for act in sorted(each.scope.operations) for cell in sorted(each.scope.cells)
                      if (act, cell) in rights and post.lends(act, post.division, scene.law.divisions)]  # fmt: skip
            yield held_told(each) | {"post": post.number, "usable": usable}


def scope_told(found: Extent, scene: Scene) -> dict[str, Any]:
    """What may be done now, for the caller's own lists: every pair of cell and operation, everywhere in the division."""
    return {
        "post": found.post.number, "division": found.division,
        "division_name": scene.law.divisions.get(found.division).name, "cells": list(found.cells),
        "operations": list(found.operations), "data_year": found.data_year, "until": pep.written(found.until),
        "grant": found.grant.number, "document": found.document,
        "households": None if found.households is None else len(found.households), "records_left": found.left,
        "expires_soon": found.lapses(scene),
    }  # fmt: skip


# --- what others wrote in my name -----------------------------------------------------------------------------------
def reach(scene: Scene, person: str) -> frozenset[str]:
    """Every division in which somebody can have been named: below his posts, live or past, and his grants."""
    posts = scene.rows.posts.get(person, [])
    tops = {each.division for each in posts} | {
        each.scope.division for post in posts for each in held(scene.rows, post)
    }
    divisions = scene.law.divisions
    return frozenset().union(*(divisions.below(top) if divisions.known(top) else {top} for top in tops))


def edit_told(entry: Entry, edit: EditPermitted, person: str, objected: int | None) -> dict[str, Any]:
    """An attribution: what was recorded, by whom, and as what it names the person."""
    names = ("household", "division", "cell", "operation", "data_year", "quarter", "grant")
    return {
        "entry": entry.number, "at": pep.written(entry.at), "by": entry.envelope.person, "unit": entry.envelope.unit,
        **{name: getattr(edit, name) for name in names}, "occurred_at": edit.occurred_at,
        "named_as": list(attribution.named_as(edit, person)), "objection": objected,
    }  # fmt: skip


@router.get("/v1/me/attributions", summary="他人录入、注明由我采集或核实的记录",
            openapi_extra=pep.queried(fields.Page))  # fmt: skip
def attributions(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), fields.Page)
    assert scene.person is not None
    mine, before = scene.person.id, older(query.cursor)
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = listing.naming(connection, mine, reach(scene, mine), before, query.limit + 1)
        page = found[: query.limit]
        objected = listing.objections(connection, mine, [each.number for each in page])
    items = [
        edit_told(each, each.fact, mine, objected.get(each.number))
        for each in page
        if isinstance(each.fact, EditPermitted)
    ]
    return pep.page(items, str(page[-1].number) if len(found) > query.limit else None, request)


@dataclass(kw_only=True)
class ObjectAttribution(Asked):
    """A person objects to what an edit attributes to him. The edit is an entry, so it cannot change meanwhile."""

    name: ClassVar[str] = "attribution.object"
    authority: ClassVar[bool] = False
    number: int
    entry: Entry | None
    wish: Wish[ReasonBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return Reads(contested=frozenset((self.number,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if self.entry is None or not isinstance(self.entry.fact, EditPermitted) or scene.person is None:
            raise refusal.Unknown()
        by = self.entry.envelope.person
        fact = attribution.objection(self.number, self.entry.fact, by, scene.person.id, self.reason)
        self.wish.take()
        attribution.must_be_first(self.number, scene.person.id, scene.rows)
        return (fact,)

    def note(self, rows: Rows, facts: tuple[Fact, ...]) -> None:
        for fact in facts:
            attribution.note(rows, fact)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 201, {"objection": recorded.number, "subject": self.number}


@router.post("/v1/me/attributions/{entry}/objection", status_code=201, summary="对注明由我采集或核实的记录提出异议",
             openapi_extra=pep.described(ReasonBody, {"reason": "当日未入户采集"}))  # fmt: skip
async def object_to(request: Request, entry: str) -> Response:
    number, who = pep.number(entry), pep.caller(request)
    wish = await pep.wish(request, ReasonBody)
    found = await run_in_threadpool(_edit, request, number)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = ObjectAttribution(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), number=number, entry=found,
        wish=wish, sealed=sealed, reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)


def _edit(request: Request, number: int) -> Entry | None:
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return listing.entry_at(connection, number)
