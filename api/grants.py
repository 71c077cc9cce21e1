"""Grants over HTTP: who holds what, by which document, in which state, and what follows what ends soon (S34).

GET /v1/grants, /v1/grants/{id}?at=      chain up to the document, state of each link
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import confirmations, delegations, pep, renewals, revocations
from api.delegations import Holder
from api.dossiers import older
from api.wire import fields
from audit import head as heads
from audit import listing, roster
from audit.listing import Birth, GrantsAsked
from authz import confirmation, delegation, edition, refusal, register, renewal
from authz import scope as scopes
from authz.decision import Scene
from authz.division import Divisions
from authz.grant import Grant, Scope, chain
from authz.register import Reads
from authz.tenure import Seats, vacant, worth

router = APIRouter()
router.include_router(revocations.router)
router.include_router(confirmations.router)
router.include_router(delegations.router)
router.include_router(renewals.router)
Origin = Literal["request", "unified", "delegated"]


class GrantsQuery(fields.Page):
    holder: Holder | None = None
    division: fields.DivisionCode | None = None
    cell: fields.Cell | None = None
    live_at: fields.Instant | None = None
    origin: Origin | None = None
    wider_than_document: fields.Flag | None = None
    unconfirmed: fields.Flag | None = None
    lapsing: fields.Flag | None = None


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


def grant_told(grant: Grant, known: Mapping[int, Grant], seats: Seats, at: datetime, wide: bool) -> dict[str, Any]:
    """A grant without its chain; `state` is what it is worth at `at`, and `because` the link that decides it."""
    state, because = worth(chain(grant, known), seats, at)
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
        renewal.noticed(scene) if query.lapsing else None,
    )
    divisions = scene.law.divisions
    with heads.reading(pep.deployment(request).database.engine) as connection:

        def keep(chunk: Sequence[Grant]) -> dict[int, bool]:
            kept = dict.fromkeys((each.number for each in chunk), True)
            if query.live_at is not None:
                known = listing.chains(connection, chunk)
                seats = roster.seats(connection, known.values())
                kept = {each.number: worth(chain(each, known), seats, query.live_at)[0] == "live" for each in chunk}
            if query.wider_than_document is not None:
                born = listing.births(connection, kept)
                kept = {n: yes and wide(born[n], divisions) is query.wider_than_document for n, yes in kept.items()}
            if query.unconfirmed is not None:
                waiting = {each.number: _waiting(each, scene) for each in chunk}
                kept = {n: yes and waiting[n] is query.unconfirmed for n, yes in kept.items()}
            if query.lapsing is not None:
                ending = renewals.lapsing(connection, chunk, scene)
                kept = {n: yes and (n in ending) is query.lapsing for n, yes in kept.items()}
            return kept

        before = older(query.cursor)
        found = listing.grants_page(connection, asked, before, query.limit + 1, keep)
        page = found[: query.limit]
        known, born = listing.chains(connection, page), listing.births(connection, [each.number for each in page])
        cited = renewals.citing(connection, page, scene)
        at = query.live_at or scene.at
        seats = roster.seats(connection, known.values())
    items = [
        grant_told(each, known, seats, at, wide(born[each.number], divisions))
        | {"unconfirmed": _waiting(each, scene), "vacated": vacant(each, seats, at)}
        | renewals.told(born[each.number], each, cited.get(each.number, []), scene)
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
        born = listing.births(connection, [each.number for each in links])
        cited = renewals.citing(connection, links[-1:], scene).get(number, [])
        seats = roster.seats(connection, links)
    known = {each.number: each for each in links}
    members = grant_told(links[-1], known, seats, at, wide(born[number], scene.law.divisions)) | {
        "unconfirmed": _waiting(links[-1], scene), "vacated": vacant(links[-1], seats, at),
        "choices": list(confirmation.choices(links[-1], scene.law)) if _waiting(links[-1], scene) else [],
        "chain": [
            held_told(each)
            | {"origin": each.origin, "state": each.state(at), "renews": renewals.source(born[each.number])}
            for each in links
        ],
        "suspensions": [
            {"from": pep.written(begin), "until": pep.written(end) if end else None, "unit": unit}
            for begin, end, unit in links[-1].rests
        ],
    }  # fmt: skip
    members |= renewals.told(born[number], links[-1], cited, scene)
    return pep.told(members, etag=scene.rows.versions["grants", number])
