"""Renewals over HTTP: what ends soon, what follows it, and the filled-in request that prolongs it (延期, S31).

GET /v1/grants?lapsing=true          grants on a request that end within the days of notice, nothing following yet
GET /v1/grants/{id}/renewal          the body of `POST /v1/requests` that cites the grant, for the clerk of the county

A renewal is a request like any other: it is completed, signed, received and decided, and none of it happens here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import pep, reasons
from audit import head, listing
from audit.listing import Birth
from authz import delegation, refusal, register, renewal, succession
from authz.citation import Citing
from authz.decision import Scene
from authz.fact import moment
from authz.grant import Grant
from authz.register import Reads

router = APIRouter()
PATH = "/v1/grants/{id}/renewal"
TITLE = "关于延长防返贫监测系统授权期限的请示"
COMPLETE = "请核对范围和起止时间，补齐发文字号、签发人和盖章文件后提交；除时间和数据年度外不得超出原授权。"


def citing(connection: Any, found: Sequence[Grant], scene: Scene) -> dict[int, list[Citing]]:
    """The request lines that cite these grants."""
    numbers = frozenset(each.number for each in found if each.parent is None and each.origin == "request")
    return register.fetch(connection, Reads(renewals=numbers), scene.at).renewals


def lapsing(connection: Any, found: Sequence[Grant], scene: Scene) -> frozenset[int]:
    """Those of the grants that end soon and are followed by nothing."""
    soon = [each for each in found if renewal.lapsing(each, (), scene)]
    cited = citing(connection, soon, scene)
    return frozenset(each.number for each in soon if renewal.lapsing(each, cited.get(each.number, ()), scene))


def source(birth: Birth) -> int | None:
    """The grant that one renews."""
    return renewal.source(birth.grant, birth.request)


def told(birth: Birth, grant: Grant, found: Sequence[Citing], scene: Scene) -> dict[str, Any]:
    """What a grant renews, what it is renewed by, the request that asks for it, and where the clerk begins one."""
    done, asked = renewal.renewed(found, scene.at), renewal.pending(found, scene)
    mine = scene.post is not None and scene.post.unit == grant.holder_unit
    begins = mine and done is None and asked is None and _writes(grant, scene) and renewal.due(grant, scene)
    return {
        "renews": source(birth), "renewed_by": None if done is None else done.grant,
        "renewal_request": asked.request if asked is not None and (mine or asked.filed_at is not None) else None,
        "renewal": PATH.format(id=grant.number) if begins else None,
    }  # fmt: skip


def _writes(grant: Grant, scene: Scene) -> bool:
    """Whether the acting post writes the request that would prolong this grant."""
    post = scene.post
    place = succession.present(grant.scope.division, scene.law)
    return post is not None and renewal.renewable(grant, post.unit) and reasons.writes(scene, place)


@router.get(PATH, summary="按将到期的授权预填的延期申请")
def draft(request: Request, id: str) -> Response:
    number = pep.number(id)
    scene = pep.look(request, Reads(grants=frozenset((number,)), renewals=frozenset((number,))))
    grant = delegation.find(number, scene)[-1]
    if not _writes(grant, scene):
        raise refusal.Unknown()
    line = renewal.prefilled(grant, scene)
    renewal.must_renew((line,), grant.holder_unit, None, scene)
    with head.reading(pep.deployment(request).database.engine) as connection:
        birth = listing.births(connection, (number,))[number]
    return pep.told(_told(grant, line, birth.request or {}, scene))


def _told(grant: Grant, line: dict[str, Any], before: Mapping[str, Any], scene: Scene) -> dict[str, Any]:
    county, code = scene.law.divisions.county(line["division"]), before.get("ground")
    assert county is not None
    until = pep.written(grant.scope.valid_until)
    wanted = {
        "document": reasons.letter(county, TITLE, scene),
        "ground": {"code": code, "text": f"原授权（{grant.document}，授权编号 {grant.number}）于 {until} 到期，申请延续"},
        "lines": [line | {name: pep.written(moment(line[name])) for name in ("from", "until")}],
        "attachments": [],
    }  # fmt: skip
    return {
        "grant": grant.number, "document": grant.document, "until": until, "next": COMPLETE,
        reasons.REQUEST: wanted, "to_complete": [*reasons.MISSING, *(["/ground/code"] if code is None else [])],
    }  # fmt: skip
