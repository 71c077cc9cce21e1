"""Grants over HTTP: who holds what, by which document, in which state; and delegation, the county's own duty (S34).

GET  /v1/grants, /v1/grants/{id}?at=      chain up to the document, state of each link
POST /v1/grants/{id}/delegations          a narrower grant below; ?dry_run=true only asks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import confirmations, pep, revocations
from api.dossiers import older
from api.pep import Asked, Wish
from api.wire import fields
from audit import head as heads
from audit import listing, roster
from audit.act import Recorded
from audit.listing import Birth, GrantsAsked
from authz import confirmation, delegation, edition, refusal, register
from authz import scope as scopes
from authz.decision import Scene
from authz.delegation import Wanted
from authz.division import Divisions
from authz.fact import Fact, moment
from authz.grant import Grant, Scope, chain, effective
from authz.register import Reads

router = APIRouter()
router.include_router(revocations.router)
router.include_router(confirmations.router)
Holder = Annotated[
    str, StringConstraints(pattern="^(?:p-[0-9]{1,12}|u-[0-9]{2,12}-[a-z]+(?:_[a-z]+)*)$", max_length=64)
]
Origin = Literal["request", "unified", "delegated"]


class DelegationBody(fields.Body):
    holder: Holder
    role: fields.Role
    division: fields.DivisionCode
    cells: Annotated[fields.Several[fields.Cell], Field(min_length=1, max_length=7)]
    operations: Annotated[fields.Several[fields.Operation], Field(min_length=1, max_length=10)]
    from_: Annotated[fields.Instant, Field(alias="from")]
    until: fields.Instant
    reason: fields.Reason
    data_year: fields.DataYear | None = None
    max_records: fields.Amount | None = None
    households: Annotated[fields.Several[fields.HouseholdToken], Field(min_length=1, max_length=1000)] | None = None


EXAMPLE = {
    "holder": "u-640324100-township", "role": "township_admin", "division": "640324100",
    "cells": ["monitored.income", "lifted_out.income"], "operations": ["collect", "update", "verify"],
    "from": "2026-12-01T00:00:00+08:00", "until": "2027-01-01T00:00:00+08:00", "reason": "第四季度收入监测，按分工由豫海镇组织",
}  # fmt: skip


def wanted(body: DelegationBody) -> Wanted:
    """The wish of a body."""
    return Wanted(
        body.holder, body.role, body.division, frozenset(body.cells), frozenset(body.operations), body.from_, body.until,
        body.data_year, body.max_records, None if body.households is None else frozenset(body.households),
    )  # fmt: skip


def reads(number: int, body: DelegationBody | None, giver: str) -> Reads:
    """What judging a delegation looks at; `giver` is the unit that holds the grant."""
    if body is None:
        return Reads(grants=frozenset((number,)))
    holder = frozenset((body.holder,))
    return Reads(
        grants=frozenset((number,)), households=frozenset(body.households or ()),
        persons=holder if body.holder.startswith("p-") else frozenset(),
        units=frozenset((giver,)) | (holder if body.holder.startswith("u-") else frozenset()), staff=frozenset((giver,)),
    )  # fmt: skip


def plan(number: int, wish: Wish[DelegationBody], scene: Scene) -> tuple[delegation.Plan, Wanted, tuple[Grant, ...]]:
    """Judge a delegation in the order of refusals: hidden, no authority, wrong form, rule."""
    links = delegation.find(number, scene)
    scene.must("grant.delegate", links[-1].scope.division)
    body = wish.take()
    if body.from_ >= body.until:
        raise refusal.Misshapen(pointers=[{"pointer": "/until", "message": "结束时间应晚于开始时间"}])
    asked = wanted(body)
    return delegation.plan(asked, links, scene), asked, links


@dataclass(kw_only=True)
class DelegateGrant(Asked):
    """A narrower grant is made out below the grant `number`."""

    name: ClassVar[str] = "grant.delegate"
    number: int
    giver: str
    wish: Wish[DelegationBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return reads(self.number, self.wish.got, self.giver)

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        planned, asked, links = plan(self.number, self.wish, scene)
        return (delegation.issue(planned, asked, links, self.reason, scene),)

    def about(self) -> Mapping[str, Any]:
        body = self.wish.got
        return {"grant": self.number, "division": body.division if body else None}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact, number = recorded.facts[0].plain(), recorded.number
        made = ("division", "cells", "operations", "data_year", "max_records", "households")
        members = {name: fact[name] for name in ("origin", "parent", "role", "request", "window", "document")}
        members |= {"holder": fact["holder_person"] or fact["holder_unit"], "holder_unit": fact["holder_unit"]}
        times = {name: pep.written(moment(fact[f"valid_{name}"])) for name in ("from", "until")}
        scope = {name: fact[name] for name in made} | times
        return 201, {"id": number, **members, "scope": scope, "path": [*fact["path"], number]}


class DelegationQuery(fields.Query):
    dry_run: fields.Flag = False


@router.post("/v1/grants/{id}/delegations", status_code=201, summary="转授：把上级授予的权限在范围内分给单位或人员",
             openapi_extra=pep.described(DelegationBody, EXAMPLE) | pep.queried(DelegationQuery))  # fmt: skip
async def delegate(request: Request, id: str) -> Response:
    number = pep.number(id)
    who, asking = pep.caller(request), fields.read_query(request.url.query.encode(), DelegationQuery)
    wish = await pep.wish(request, DelegationBody)
    giver = await run_in_threadpool(_giver, request, number)
    if asking.dry_run:
        scene = await run_in_threadpool(pep.look, request, reads(number, wish.got, giver))
        planned, _, _ = plan(number, wish, scene)
        return pep.told({"fits": not planned.misfits, "misfits": [each.plain() for each in planned.misfits]})
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    return await pep.perform(
        request,
        DelegateGrant(
            ref=pep.new_ref(), caller=who, once=await pep.once(request, who), number=number, giver=giver, wish=wish,
            sealed=sealed, reason=commitments["/reason"],
        ),
    )  # fmt: skip


def _giver(request: Request, number: int) -> str:
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return roster.holder_of(connection, number)


# --- reading --------------------------------------------------------------------------------------------------------
class GrantsQuery(fields.Page):
    holder: Holder | None = None
    division: fields.DivisionCode | None = None
    cell: fields.Cell | None = None
    live_at: fields.Instant | None = None
    origin: Origin | None = None
    wider_than_document: fields.Flag | None = None
    unconfirmed: fields.Flag | None = None


class GrantQuery(fields.Query):
    at: fields.Instant | None = None


def scope_told(scope: Scope) -> dict[str, Any]:
    """A scope as answers write it."""
    told = scopes.plain(scope) | {"from": pep.written(scope.valid_from), "until": pep.written(scope.valid_until)}
    return told | {"households": None if scope.households is None else sorted(scope.households)}


def held_told(grant: Grant) -> dict[str, Any]:
    """Number, holder, scope and document of a grant."""
    return {
        "id": grant.number, "holder": grant.holder_person or grant.holder_unit, "holder_unit": grant.holder_unit,
        "holder_person": grant.holder_person, "role": grant.role, "scope": scope_told(grant.scope),
        "document": grant.document,
    }  # fmt: skip


def grant_told(grant: Grant, known: Mapping[int, Grant], at: datetime, wide: bool) -> dict[str, Any]:
    """A grant without its chain; `state` is what it is worth at `at`, and `because` the link that decides it."""
    state, because = effective(chain(grant, known), at)
    names = (
        "origin", "request", "line", "window", "parent", "issued_by", "document_sha256", "edition", "division_name",
    )  # fmt: skip
    return held_told(grant) | {
        **{name: getattr(grant, name) for name in names}, "issuer": grant.issuer_unit,
        "issued_at": pep.written(grant.issued_at), "state": state,
        "because": because if because != grant.number else None, "wider_than_document": wide,
    }  # fmt: skip


def wide(birth: Birth, divisions: Divisions) -> bool:
    """Whether a grant as issued exceeds its parent, or the line that was asked or approved."""
    grant, lines = birth.grant, []
    if birth.parent is None and birth.request is not None:
        decision = birth.request.get("decision") or {}
        asked = birth.request.get("filed_lines") or birth.request.get("lines") or []
        lines = [scopes.of(each) for each in asked if each["line"] == grant.line]
        decided = (each.get("scope") for each in decision.get("lines", ()) if each["line"] == grant.line)
        lines += [scopes.of(each) for each in decided if each]
    return delegation.wider(grant.scope, [*lines, birth.parent.scope if birth.parent else None], divisions)


def overseen(scene: Scene, act: str) -> frozenset[str] | None:
    """The divisions over which the acting post may do a reading act; null for the whole region."""
    if scene.post is None or not scene.may(act, scene.post.division):
        return frozenset()
    roots = {each.code for each in scene.law.divisions.roots()}
    return None if scene.post.division in roots else edition.reach(scene.post.division, scene.law)


def below(division: str | None, scene: Scene) -> frozenset[str] | None:
    """A `division=` filter as a set of divisions."""
    return None if division is None else edition.reach(division, scene.law)


def _waiting(grant: Grant, scene: Scene) -> bool:
    """Whether the grant still has to be confirmed after a change of the divisions; one that has ended has not."""
    return edition.waits(grant, scene.law) and grant.state(scene.at) not in ("revoked", "expired")


@router.get("/v1/grants", summary="授权台账", openapi_extra=pep.queried(GrantsQuery))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), GrantsQuery)
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    asked = GrantsAsked(
        overseen(scene, "grant.read"),
        scene.post.unit,
        below(query.division, scene),
        query.holder,
        query.cell,
        query.origin,
    )
    divisions = scene.law.divisions
    with heads.reading(pep.deployment(request).database.engine) as connection:

        def keep(chunk: Sequence[Grant]) -> dict[int, bool]:
            kept = dict.fromkeys((each.number for each in chunk), True)
            if query.live_at is not None:
                known = listing.chains(connection, chunk)
                kept = {each.number: effective(chain(each, known), query.live_at)[0] == "live" for each in chunk}
            if query.wider_than_document is not None:
                born = listing.births(connection, kept)
                kept = {n: yes and wide(born[n], divisions) is query.wider_than_document for n, yes in kept.items()}
            if query.unconfirmed is not None:
                waiting = {each.number: _waiting(each, scene) for each in chunk}
                kept = {n: yes and waiting[n] is query.unconfirmed for n, yes in kept.items()}
            return kept

        before = older(query.cursor)
        found = listing.grants_page(connection, asked, before, query.limit + 1, keep)
        page = found[: query.limit]
        known, born = listing.chains(connection, page), listing.births(connection, [each.number for each in page])
    at = query.live_at or scene.at
    items = [
        grant_told(each, known, at, wide(born[each.number], divisions)) | {"unconfirmed": _waiting(each, scene)}
        for each in page
    ]
    return pep.page(items, str(page[-1].number) if len(found) > query.limit else None, request)


@router.get("/v1/grants/{id}", summary="一项授权：范围、持有人、来源文件和逐级链条",
            openapi_extra=pep.queried(GrantQuery))  # fmt: skip
def one(request: Request, id: str) -> Response:
    number = pep.number(id)
    scene = pep.look(request, Reads(grants=frozenset((number,))))
    links = delegation.find(number, scene)
    at = fields.read_query(request.url.query.encode(), GrantQuery).at or scene.at
    with heads.reading(pep.deployment(request).database.engine) as connection:
        if at < scene.at:
            then = register.fetch(
                connection, Reads(grants=frozenset((number,))), scene.at, listing.position(connection, at)
            ).grants
            links = chain(then[number], then) if number in then else links
        born = listing.births(connection, (number,))[number]
    known = {each.number: each for each in links}
    members = grant_told(links[-1], known, at, wide(born, scene.law.divisions)) | {
        "unconfirmed": _waiting(links[-1], scene),
        "choices": list(confirmation.choices(links[-1], scene.law)) if _waiting(links[-1], scene) else [],
        "chain": [held_told(each) | {"origin": each.origin, "state": each.state(at)} for each in links],
        "suspensions": [
            {"from": pep.written(begin), "until": pep.written(end) if end else None, "unit": unit}
            for begin, end, unit in links[-1].rests
        ],
    }  # fmt: skip
    return pep.told(members, etag=scene.rows.versions["grants", number])
