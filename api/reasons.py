"""Reasons of a refused edit over HTTP: the sentence in the answer, the request it could be mended by, the entry in full.

GET /v1/requests/draft?refusal=17       the body of `POST /v1/requests`, for the clerk of the county

The refusal is judged again on what was on record at its entry, at its instant. Whoever was refused is told the same,
but the request is the county clerk's to write: he is told to pass it on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.deployment import Deployment
from api.wire import fields
from audit import head, search
from audit.entry import Entry
from authz import explanation, recall, refusal, register
from authz.asking import Verdict
from authz.decision import Refused, Scene, Wish
from authz.fact import moment
from authz.recall import Recalled
from authz.register import Reads

router = APIRouter()
PATH = "/v1/requests/draft"
REQUEST = "request"
MISSING = ("/document/number", "/document/signatory", "/attachments")
"""What no draft of a request can know."""
HAND_OVER = "请把本页内容（编号 {entry}）转交{county}乡村振兴机构的经办人，由其据此起草书面申请；您本人不能直接申请。"
COMPLETE = "请核对申请范围，补齐发文字号、签发人和盖章文件后提交；范围可以改，但不宜超出工作需要。"


class RefusalQuery(fields.Query):
    refusal: fields.WrittenNumber


def tell(refused: refusal.Denied, scene: Scene, wish: Wish | None) -> bool:
    """Put the sentence into the refusal of an edit; whether a request could lift it."""
    if wish is None:
        refused.members["explanation"] = f"依据不足：{refused.title}。请联系本单位管理员核对您的岗位任命。"
        return False
    verdict = Verdict(None, refused, scene.post)
    said = explanation.said(verdict, scene, wish, scene.at)
    lifted = explanation.smallest(verdict, scene, wish, scene.at) is not None
    refused.members["explanation"] = f"{said}县级经办人可按所附链接调出预填的书面申请。" if lifted else said
    return lifted


def link(entry: int | None) -> dict[str, str]:
    """The member that leads from a refusal to its request."""
    return {} if entry is None else {REQUEST: f"{PATH}?refusal={entry}"}


def recalled(connection: Any, house: Deployment, entry: Entry) -> Recalled | None:
    """A refused data operation judged again as known at its entry; null for any other entry."""
    fact, person = entry.fact, entry.envelope.person
    if not isinstance(fact, Refused) or recall.asked(fact) is None or person is None:
        return None
    homes = frozenset() if fact.household is None else frozenset((fact.household,))
    reads = Reads(persons=frozenset((person,)), households=homes)
    rows = register.fetch(connection, reads, entry.at, entry.number)
    scene = Scene(rows, entry.at, entry.number, house.laws.on_record(connection, entry.number))
    found = recall.recall(fact, person, entry.envelope.post, scene, entry.at)
    if found is not None:
        named = Reads(units=explanation.units(found.verdict, found.scene))
        found.scene.rows.units = register.fetch(connection, named, entry.at, entry.number).units
    return found


def explained(connection: Any, house: Deployment, entry: Entry) -> dict[str, Any]:
    """Both voices about a refused data operation, for whoever reads the log; nothing for any other entry."""
    found = recalled(connection, house, entry)
    if found is None:
        return {}
    made = explanation.explain(found.verdict, found.scene, found.wish, found.at)
    return {
        "explanation": {
            "decision": made.decision, "undetermined": made.undetermined, "plain": made.plain, **made.full,
        }
    }  # fmt: skip


@router.get(PATH, summary="按一次拒绝预填的书面申请", openapi_extra=pep.queried(RefusalQuery))
def draft(request: Request) -> Response:
    scene, house = pep.look(request, Reads()), pep.deployment(request)
    query = fields.read_query(request.url.query.encode(), RefusalQuery)
    with head.reading(house.database.engine) as connection:
        entry = search.one(connection, query.refusal)
        if entry is None or not concerned(entry, scene):
            raise refusal.Unknown()
        found = recalled(connection, house, entry)
    line = None if found is None else _line(found, scene)
    if found is None or line is None:
        raise refusal.Unknown()
    return pep.told(_told(entry, found, line, scene))


@router.put(PATH, include_in_schema=False)
def nothing_to_change(request: Request) -> Response:
    """`draft` is no request: without this it would be taken for the number of one."""
    pep.caller(request)
    raise refusal.MethodNotAllowed(allow=["GET"])


def writes(scene: Scene, division: str) -> bool:
    """Whether the acting post writes the requests of the county a place lies in."""
    if scene.post is None or not scene.law.divisions.known(division):
        return False
    return scene.law.divisions.county(division) == scene.post.division and scene.may("request.draft", division)


def concerned(entry: Entry, scene: Scene) -> bool:
    """Whether the caller was refused himself, or writes the requests of that county."""
    division = entry.fact.search().get("division")
    if scene.person is not None and entry.envelope.person == scene.person.id:
        return True
    return division is not None and writes(scene, division)


def _line(found: Recalled, scene: Scene) -> dict[str, Any] | None:
    """The narrowest line, from now on; null if nothing could lift the refusal, then or under the law of today."""
    line = explanation.smallest(found.verdict, replace(found.scene, at=max(found.at, scene.at)), found.wish, found.at)
    words, wish = scene.law.policy.catalogue, found.wish
    today = scene.law.divisions.known(wish.division) and wish.cell in words.cells
    return line if today and words.possible(wish.operation, wish.cell) else None


def _told(entry: Entry, found: Recalled, line: dict[str, Any], scene: Scene) -> dict[str, Any]:
    wish, divisions = found.wish, scene.law.divisions
    county = divisions.county(wish.division)
    assert county is not None
    made = explanation.draft(found.verdict, found.scene, wish, found.at) or {}
    code = made.get("ground", {}).get("code")
    wanted: dict[str, Any] = {
        "ground": {"code": code, "text": f"{pep.written(entry.at)[:10]} 的操作因授权不足未予办理（记录 {entry.number}）"},
        "lines": [line | {name: pep.written(moment(line[name])) for name in ("from", "until")}],
        "attachments": [],
    }  # fmt: skip
    mine = writes(scene, wish.division)
    if mine:
        words = scene.law.policy.catalogue
        about = f"{words.cells[wish.cell].zh}{words.operations[wish.operation].zh}"
        wanted = {"document": letter(county, f"关于申请防返贫监测系统{about}权限的请示", scene)} | wanted
    missing = list(MISSING) if mine else []
    return {
        "refusal": entry.number, "at": pep.written(entry.at), "person": entry.envelope.person,
        "unit": entry.envelope.unit, "code": getattr(entry.fact, "code", None),
        "explanation": explanation.said(found.verdict, found.scene, wish, found.at),
        "next": COMPLETE if mine else HAND_OVER.format(entry=entry.number, county=divisions.get(county).name),
        REQUEST: wanted, "to_complete": [*missing, *(["/ground/code"] if mine and code is None else [])],
    }  # fmt: skip


def letter(county: str, title: str, scene: Scene) -> dict[str, Any]:
    """What can be said of the letter before it is written: everything but its number and who signs it."""
    divisions = scene.law.divisions
    path = divisions.path(county)
    assert scene.person is not None
    return {
        "kind": "QINGSHI", "number": None, "title": title,
        "dated": today(scene.at), "signatory": None, "addressee": f"u-{path[0]}-lead",
        "cc": [f"u-{code}-lead" for code in path if divisions.get(code).level == "city"],
        "contact": {"person": scene.person.id, "phone": None},
    }  # fmt: skip


def today(at: datetime) -> str:
    """The day of an instant where the county is."""
    return at.astimezone(pep.SHANGHAI).date().isoformat()
