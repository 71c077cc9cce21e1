"""The dossier of a written request: the list, the whole of one with its texts, and the course it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answering, drafts, pace, pep
from api.wire import fields
from audit import docket, head, listing, vault
from audit.entry import Entry
from authz import edition, identifier, refusal, reply, step
from authz.decision import Scene
from authz.fact import moment
from authz.register import Reads

router = APIRouter()
Row = dict[str, Any]
Texts = Mapping[int, Mapping[str, Any]]

State = Literal["drafted", "filed", "received", "returned", "approved", "partial", "rejected", "withdrawn", "expired"]
DONE = {
    "RequestDrafted": "起草申请", "RequestChanged": "修改申请", "RequestSigned": "签发报送", "RequestReceived": "收文登记",
    "RequestReturned": "退回补正", "RequestProposed": "提出拟办意见", "RequestDecided": "作出批复",
    "DecisionScanned": "补交批复扫描件", "RequestWithdrawn": "撤回申请", "WindowOpened": "开放统一授权窗口",
    "WindowClosed": "关闭统一授权窗口", "Refused": "办理被拒", "AnswererLacked": "报送时受文单位缺少可以办理的人员",
}  # fmt: skip
LONGEST_CURSOR = 16
INTERNAL = ("RequestProposed", "Refused")


class ListQuery(fields.Page):
    state: State | None = None
    division: fields.DivisionCode | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """A request on record as the acting post may see it, with its texts and the names of those in it."""

    row: Row
    scene: Scene
    texts: Texts
    people: Mapping[str, Mapping[str, str]]
    units: Mapping[str, str]

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = self.row["body"]
        return found

    @property
    def state(self) -> str:
        return step.state(self.row, self.scene.law.policy, self.scene.at)

    @property
    def telephone(self) -> str | None:
        """The contact's number, which a request must carry (GB/T 9704): in full for the bodies it is from, to and copied
        to, as on their paper; for anybody else under the one mask."""
        letter, found = self.body["document"], self.text(self.body["text"], "/document/contact/phone")
        parties = (self.body["unit"], letter["addressee"], *letter["cc"])
        whole = self.scene.post is not None and self.scene.post.unit in parties
        return None if found is None else str(found) if whole else identifier.mask_telephone(found)

    def text(self, entry: int, path: str) -> Any:
        return self.texts.get(entry, {}).get(path)


def open_dossier(request: Request, id: str) -> Dossier:
    """The dossier, or Unknown to whoever may not see it."""
    number = pep.number(id)
    scene = pep.look(request, Reads(requests=frozenset((number,))))
    with head.reading(pep.deployment(request).database.engine) as connection:
        row = seen(connection, scene.rows.requests.get(number), scene)
    if row is None:
        raise refusal.Unknown()
    body = row["body"]
    letter, decision = body["document"], body.get("decision") or {}
    people = {person for _, person in body["hands"]} | {letter["signatory"]} | {body["contact"] or letter["signatory"]}
    units = {body["unit"], letter["addressee"], *letter["cc"], decision.get("unit") or body["unit"]}
    with head.reading(pep.deployment(request).database.engine) as connection:
        people = _colleagues(connection, people, body)
        texts = vault.read(connection, _told(body))
        names = docket.unit_names(connection, units, body.get("signed"))
        return Dossier(row, scene, texts, listing.names(connection, people), names)


def seen(connection: Any, row: Row | None, scene: Scene) -> Row | None:
    """The request as the acting post may read it; None if it may not."""
    if row is None or not step.visible(scene, row):
        return None
    row = drafts.shown(connection, row, scene)
    return row if step.visible(scene, row) else None


def _colleagues(connection: Any, people: set[str], body: dict[str, Any]) -> set[str]:
    """Those of the people whose names the dossier may tell: who acted in it, and whoever works for the applicant. Else a
    draft that names anybody as its contact would be a telephone book of the region."""
    hands = {person for _, person in body["hands"]}
    posts = listing.posts_of(connection, people - hands)
    return hands | {who for who, held in posts.items() if any(post.unit == body["unit"] for post, _ in held)}


def _told(body: dict[str, Any]) -> list[int]:
    """The entries whose texts belong to a request."""
    parts = [body.get(name) or {} for name in ("returned", "proposal", "decision")]
    found = [body["text"], body.get("withdrawn"), *(part.get("entry") for part in parts)]
    return [each for each in found if each is not None]


def plain(dossier: Dossier) -> dict[str, Any]:
    """The whole of a request, as API.md writes it."""
    row, body, scene = dossier.row, dossier.body, dossier.scene
    letter, text = body["document"], body["text"]
    told: dict[str, Any] = {
        "id": row["number"], "state": dossier.state, "entry": row["since"], "division": row["division"], "unit": body["unit"],
        "document": {
            "kind": letter["kind"], "number": letter["number"], "number_written": letter["raw"],
            "title": dossier.text(text, "/document/title"), "dated": letter["dated"], "signatory": letter["signatory"],
            "addressee": letter["addressee"], "cc": letter["cc"], "contact": {"person": body["contact"], "phone": dossier.telephone},
        },
        "ground": {"code": body["ground"], "text": dossier.text(text, "/ground/text")},
        "lines": [line_written(each) for each in body["lines"]], "attachments": body["attachments"],
        "filed_at": written(body.get("filed_at")), "register_no": body.get("register_no"),
        "received_on": body.get("received_on"), "clock": pace.clock(row, scene),
        "returned": _returned(dossier), "decision": _decision(dossier), "grants": granted(body),
    }  # fmt: skip
    if scene.post is not None and (scene.post.unit == letter["addressee"] or scene.post.role == "auditor"):
        told["proposal"] = _proposal(dossier)
    if body.get("withdrawn") is not None:
        told["withdrawal"] = {"entry": body["withdrawn"], "reason": dossier.text(body["withdrawn"], "/reason")}
    return told


def _returned(dossier: Dossier) -> dict[str, Any] | None:
    found = dossier.body.get("returned")
    if not found:
        return None
    reasons = [
        {"path": path, "text": dossier.text(found["entry"], f"/reasons/{place}/text")}
        for place, path in enumerate(found["paths"])
    ]
    return {"entry": found["entry"], "reasons": reasons}


def _proposal(dossier: Dossier) -> dict[str, Any] | None:
    found = dossier.body.get("proposal")
    if not found:
        return None
    opinion = dossier.text(found["entry"], "/opinion")
    who = {"entry": found["entry"], "by": found["by"], "at": written(found["at"])}
    return {**who, "lines": _answers(dossier, found), "opinion": opinion}


def _decision(dossier: Dossier) -> dict[str, Any] | None:
    found = dossier.body.get("decision")
    if not found:
        return None
    title = dossier.text(found["entry"], "/document/title")
    letter = {**found["document"], "title": title}
    letter["number_written"] = letter.pop("raw")
    return {
        "entry": found["entry"], "outcome": dossier.row["state"], "by": found["by"], "unit": found["unit"],
        "at": written(found["at"]), "document": letter, "lines": _answers(dossier, found),
        "opinion": dossier.text(found["entry"], "/opinion"), "scan": dossier.body.get("scan") or None,
    }  # fmt: skip


def _answers(dossier: Dossier, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Line outcomes with their reasons."""
    return [
        {
            "line": each["line"], "outcome": each["outcome"],
            "scope": scope_written(each["scope"]) if each["scope"] else None,
            "reason": dossier.text(found["entry"], f"/lines/{place}/reason"),
        }
        for place, each in enumerate(found["lines"])
    ]  # fmt: skip


def scope_written(line: dict[str, Any]) -> dict[str, Any]:
    """A line or scope in the order of the contract, with its instants in local time."""
    kept: dict[str, Any] = {
        name: line[name] for name in ("line", "division", "cells", "operations", "data_year") if name in line
    }
    return {**kept, "from": written(line["from"]), "until": written(line["until"]), "max_records": line["max_records"]}


def line_written(line: dict[str, Any]) -> dict[str, Any]:
    """A line as it was asked; `renews` is the grant it prolongs."""
    return scope_written(line) | {"renews": line.get("renews")}


def written(stored: str | None) -> str | None:
    """A stored instant in local time."""
    return None if stored is None else pep.written(moment(stored))


def granted(body: dict[str, Any]) -> list[dict[str, int]]:
    """The grants of a decision: they follow its entry, in the order of the lines."""
    found = body.get("decision")
    if not found:
        return []
    lines = [each["line"] for each in found["lines"] if each["outcome"] in reply.GRANTED]
    return [{"line": line, "grant": found["entry"] + 1 + place} for place, line in enumerate(lines)]


def older(cursor: str | None) -> int | None:
    """The number a page goes on below."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= LONGEST_CURSOR):
        raise refusal.Misshapen(pointers=[{"pointer": "/cursor", "message": "翻页标记不正确，请从第一页重新查询"}])
    return None if cursor is None else int(cursor)


@router.get("/v1/requests", summary="书面申请列表（新的在前）", openapi_extra=pep.queried(ListQuery))
def list_requests(request: Request) -> Response:
    query = fields.read_query(request.url.query.encode(), ListQuery)
    scene = pep.look(request, Reads())
    post = scene.post
    if post is None or not scene.may("request.read", post.division):
        return pep.page([], None, request)
    overseen = edition.reach(post.division, scene.law) if post.role == "auditor" else frozenset[str]()
    within = None if query.division is None else edition.reach(query.division, scene.law)
    before = older(query.cursor)
    found: list[Row] = []
    with head.reading(pep.deployment(request).database.engine) as connection:
        while len(found) <= query.limit:
            rows = docket.requests_page(connection, post.unit, overseen, within, before, query.limit + 1)
            read = [each for row in rows if (each := seen(connection, row, scene)) is not None]
            found += [row for row in read if query.state in (None, step.state(row, scene.law.policy, scene.at))]
            if len(rows) <= query.limit:
                break
            before = rows[-1]["number"]
        shown = found[: query.limit]
        texts = vault.read(connection, [row["body"]["text"] for row in shown])
    more = str(shown[-1]["number"]) if len(found) > query.limit else None
    return pep.page([_brief(row, scene, texts) for row in shown], more, request)


def _brief(row: Row, scene: Scene, texts: Texts) -> dict[str, Any]:
    body = row["body"]
    letter = body["document"]
    return {
        "id": row["number"], "state": step.state(row, scene.law.policy, scene.at), "entry": row["since"],
        "division": row["division"], "unit": body["unit"], "filed_at": written(body.get("filed_at")),
        "document": {"kind": letter["kind"], "number": letter["number"], "dated": letter["dated"],
                     "title": texts.get(body["text"], {}).get("/document/title")},
        "register_no": body.get("register_no"), "lines": len(body["lines"]),
    }  # fmt: skip


@router.get("/v1/requests/{id}", summary="一份书面申请的全部内容")
def one(request: Request, id: str) -> Response:
    dossier = open_dossier(request, id)
    told = plain(dossier) | {"warnings": answering.missing(request, dossier.row)}
    return pep.told(told, etag=dossier.row["since"])


@router.get("/v1/requests/{id}/timeline", summary="一份书面申请的办理经过")
def timeline(request: Request, id: str) -> Response:
    dossier = open_dossier(request, id)
    with head.reading(pep.deployment(request).database.engine) as connection:
        entries = [each for each in docket.course(connection, dossier.row["number"]) if _shown(each, dossier)]
        people = listing.names(connection, {each.envelope.person for each in entries if each.envelope.person})
        units = docket.unit_names(connection, {each.envelope.unit for each in entries if each.envelope.unit})
    return pep.page([_happened(each, people, units) for each in entries], None, request)


def _shown(entry: Entry, dossier: Dossier) -> bool:
    """The region's own deliberation, and what others were refused, are not the applicant's to read; nor is his draft theirs."""
    post = dossier.scene.post
    if drafts.hidden(entry, dossier.row, dossier.scene):
        return False
    if post is None or entry.fact.kind not in INTERNAL:
        return post is not None
    return post.unit in (dossier.body["document"]["addressee"], entry.envelope.unit) or post.role == "auditor"


def _happened(entry: Entry, people: Mapping[str, Mapping[str, str]], units: Mapping[str, str]) -> dict[str, Any]:
    who = entry.envelope
    return {
        "entry": entry.number, "at": pep.written(entry.at.astimezone(UTC)), "kind": entry.fact.kind,
        "what": DONE.get(entry.fact.kind, entry.fact.kind), "code": getattr(entry.fact, "code", None),
        "person": who.person, "name": people.get(who.person or "", {}).get("name"), "post": who.post, "unit": who.unit,
        "unit_name": units.get(who.unit or ""),
    }  # fmt: skip
