"""Letters for print: the request, the reply and the receipt as A4 pages in the look of GB/T 9704-2012.

A page is made of what is on record and of nothing else; its foot says of which entry and at which log position, and
carries the checkpoint of that moment: whoever keeps the sheet can later prove whether the log goes on from there.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import segno
from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api import dossiers, pep
from api.deployment import Deployment
from api.dossiers import Dossier
from api.wire import fields
from audit import checkpoint, evidence, head, note, search, tree
from audit import entry as entries
from authz import refusal, renewal, scope
from authz.document import Kind
from authz.fact import moment
from authz.grant import Grant, Scope
from authz.register import Reads
from authz.request import DECIDED

router = APIRouter()
FOLDER = Path(__file__).with_suffix("")
PAGES = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, auto_reload=False)
CSS = (FOLDER / "letter.css").read_bytes()

MARKS = {
    "drafted": "草稿，未签发", "returned": "已退回补正", "withdrawn": "已撤回", "expired": "已失效",
}  # fmt: skip
OUTCOMES = {"approved": "同意", "narrowed": "缩小范围同意", "partial": "部分同意", "rejected": "不同意"}
STATES = {"pending": "未生效", "live": "有效", "suspended": "已停用", "revoked": "已收回", "expired": "已到期"}
CLOSING = {
    Kind.QINGSHI: "妥否，请批示。", Kind.HAN: "请予支持，并函复。", Kind.PIFU: "此复。", Kind.FUHAN: "特此函复。",
}  # fmt: skip
UPWARD = Kind.QINGSHI
QUIET = 4
"""Light fields around a QR code (ISO/IEC 18004)."""


class PrintQuery(fields.Query):
    form: Literal["request", "reply", "receipt"] = "request"


def dated(day: date | str) -> str:
    """A date of issue as letters write it: Arabic digits, no leading zeros."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return f"{day.year}年{day.month}月{day.day}日"


def clocked(at: datetime) -> str:
    """An instant to the minute, in local time."""
    local = at.astimezone(pep.SHANGHAI)
    return f"{dated(local.date())}{local.hour}:{local.minute:02}"


def page(dossier: Dossier, title: str, entry: int, mark: str | None) -> dict[str, Any]:
    """What every page says of itself."""
    return {
        "title": title, "mark": mark, "number": dossier.row["number"], "entry": entry, "size": dossier.scene.size,
        "printed": clocked(dossier.scene.at),
    }  # fmt: skip


def proof(house: Deployment, entry: int) -> dict[str, Any]:
    """What makes a witness of a sheet of paper: the checkpoint of this moment, and the hash of the record it tells of."""
    with head.reading(house.database.engine) as connection:
        printed = evidence.covering(connection, house.origin, -1)
        found = search.one(connection, entry)
    stated = None if printed is None else checkpoint.parse(note.parse(printed).text)
    hashed = base64.b64encode(tree.leaf(entries.encode(found))).decode() if found is not None else ""
    symbol = segno.make_qr(f"{house.origin}\n{entry}\n{hashed}\n", error="m")
    return {
        "lines": [] if stated is None else stated.text.splitlines(), "covers": stated is not None and entry < stated.size,
        "leaf": hashed, "width": len(symbol.matrix) + 2 * QUIET, "dots": dots(symbol.matrix),
    }  # fmt: skip


def dots(matrix: Sequence[Sequence[int]]) -> str:
    """The dark fields of a QR code as the path of an SVG, row by row in runs."""
    found = []
    for row, fields_ in enumerate(matrix):
        place = 0
        for dark, run in groupby(fields_):
            width = len(list(run))
            if dark:
                found.append(f"M{place + QUIET} {row + QUIET}h{width}v1h-{width}z")
            place += width
    return "".join(found)


def request_page(dossier: Dossier) -> dict[str, Any]:
    """The county's letter, as it was filed or stands in draft."""
    body = dossier.body
    letter, text, kind = body["document"], body["text"], Kind[body["document"]["kind"]]
    title = dossier.text(text, "/document/title") or f"关于申请系统权限的{kind.zh}"
    return page(dossier, title, body.get("signed") or text, MARKS.get(dossier.state)) | {
        "issuer": unit(dossier, body["unit"]), "suffix": "文件" if kind is UPWARD else "", "document": letter["number"],
        "signatory": person(dossier, letter["signatory"]) if kind is UPWARD else None,
        "addressee": unit(dossier, letter["addressee"]), "lines": [line(dossier, each) for each in body["lines"]],
        "ground": dossier.scene.law.policy.catalogue.grounds.get(body["ground"], body["ground"]),
        "ground_text": (dossier.text(text, "/ground/text") or "").rstrip("。"), "closing": CLOSING[kind],
        "attachments": body["attachments"], "dated": dated(letter["dated"]),
        "contact": person(dossier, body["contact"] or body["hands"][0][1]),
        "phone": dossier.telephone, "copied": copied(dossier, letter["cc"]),
        "renewals": renewals(dossier),
    }  # fmt: skip


def reply_page(dossier: Dossier) -> dict[str, Any]:
    """The region's answer, line by line."""
    body = dossier.body
    found, letter = decision(dossier), body["document"]
    kind, asked = Kind[found["document"]["kind"]], {each["line"]: each for each in body["lines"]}
    lines = [
        line(dossier, asked[each["line"]] | (each["scope"] or {})) | {
            "outcome": OUTCOMES[each["outcome"]], "reason": dossier.text(found["entry"], f"/lines/{place}/reason"),
        }
        for place, each in enumerate(found["lines"])
    ]  # fmt: skip
    applicant = unit(dossier, body["unit"])
    title = dossier.text(found["entry"], "/document/title") or f"关于{applicant}申请系统权限的{kind.zh}"
    mark = None if body.get("scan") else "盖章扫描件待补"
    return page(dossier, title, found["entry"], mark) | {
        "issuer": unit(dossier, found["unit"]), "suffix": "文件" if kind is Kind.PIFU else "", "addressee": applicant,
        "document": found["document"]["number"], "asked": dossier.text(body["text"], "/document/title") or "来文",
        "cites": found["document"]["cites"], "kind": kind.zh, "opinion": dossier.text(found["entry"], "/opinion") or "",
        "lines": lines, "closing": CLOSING[kind], "attachments": body.get("scan") or [],
        "dated": dated(found["document"]["dated"]), "copied": copied(dossier, letter["cc"]),
        "renewals": renewals(dossier),
    }  # fmt: skip


def receipt_page(dossier: Dossier) -> dict[str, Any]:
    """What was opened, when and by whom (回执单)."""
    body, found = dossier.body, decision(dossier)
    known = dossier.scene.rows.grants
    grants = [receipt_line(dossier, each["line"], known[each["grant"]]) for each in dossiers.granted(body)]
    return page(dossier, "系统权限开通回执单", found["entry"], None) | {
        "applicant": unit(dossier, body["unit"]), "cites": found["document"]["cites"], "register_no": body["register_no"],
        "received_on": dated(body["received_on"]), "document": found["document"]["number"],
        "outcome": OUTCOMES[dossier.row["state"]], "approver": person(dossier, found["by"]),
        "issuer": unit(dossier, found["unit"]), "opened": clocked(moment(found["at"])), "grants": grants,
        "renewals": renewals(dossier),
    }  # fmt: skip


def receipt_line(dossier: Dossier, number: int, grant: Grant) -> dict[str, Any]:
    state = STATES[grant.state(dossier.scene.at)]
    holder = unit(dossier, grant.holder_unit)
    return reach(dossier, grant.scope) | {"grant": grant.number, "line": number, "holder": holder, "state": state}


def decision(dossier: Dossier) -> dict[str, Any]:
    """The decision; there is no reply and no receipt before it."""
    if dossier.row["state"] not in DECIDED:
        raise refusal.WrongState("申请尚未批复，还没有批复文件和回执单可以打印", state=dossier.state)
    found: dict[str, Any] = dossier.body["decision"]
    return found


def renewals(dossier: Dossier) -> list[dict[str, Any]]:
    """The lines that prolong a grant, each with the reply it rests on and its end."""
    known = dossier.scene.rows.grants
    cited = ((each["line"], known[each["renews"]]) for each in dossier.body["lines"] if each.get("renews") is not None)
    return [
        {"line": line, "grant": held.number, "document": held.document, "until": clocked(held.scope.valid_until)}
        for line, held in cited
    ]


def line(dossier: Dossier, each: dict[str, Any]) -> dict[str, Any]:
    """A line in words."""
    return reach(dossier, scope.of(each)) | {"line": each["line"]}


def reach(dossier: Dossier, asked: Scope) -> dict[str, Any]:
    """A scope in words."""
    law = dossier.scene.law
    words, path = (
        law.policy.catalogue,
        law.divisions.path(asked.division) if law.divisions.known(asked.division) else (),
    )
    county = len("640324")
    inner = [law.divisions.get(code).name for code in path if len(code) >= min(county, len(asked.division))]
    return {
        "division": f"{''.join(inner)}（{asked.division}）",
        "cells": "、".join(words.cells[each].zh for each in words.cells if each in asked.cells),
        "operations": "、".join(words.operations[each].zh for each in words.operations if each in asked.operations),
        "data_year": "不限" if asked.data_year is None else str(asked.data_year),
        "span": f"{clocked(asked.valid_from)}起，{clocked(asked.valid_until)}止（不含）",
        "max_records": "不限" if asked.max_records is None else f"{asked.max_records}户",
    }  # fmt: skip


def unit(dossier: Dossier, id: str) -> str:
    """What a unit is called; its code where it is not on record."""
    return dossier.units.get(id, id)


def person(dossier: Dossier, id: str) -> str:
    """A person's name; the code where the name was erased."""
    return dossier.people.get(id, {}).get("name") or id


def copied(dossier: Dossier, units: Iterable[str]) -> str:
    return "，".join(unit(dossier, each) for each in units)


FORMS: dict[str, Callable[[Dossier], dict[str, Any]]] = {
    "request": request_page, "reply": reply_page, "receipt": receipt_page,
}  # fmt: skip


@router.get("/v1/requests/{id}/print", summary="打印：申请文件、批复文件或回执单（A4）",
            response_class=HTMLResponse, openapi_extra=pep.queried(PrintQuery))  # fmt: skip
def printed(request: Request, id: str) -> Response:
    query = fields.read_query(request.url.query.encode(), PrintQuery)
    dossier = dossiers.open_dossier(request, id)
    grants = renewal.cited(dossier.body["lines"]) | {each["grant"] for each in dossiers.granted(dossier.body)}
    dossier.scene.rows.grants.update(pep.look(request, Reads(grants=grants)).rows.grants)
    told = FORMS[query.form](dossier)
    told["proof"] = proof(pep.deployment(request), told["entry"])
    html = PAGES.get_template(f"{query.form}.html").render(page=told)
    return Response(html, 200, {"ETag": f'"{dossier.row["since"]}"'}, "text/html; charset=utf-8")


@router.get("/letters/letter.css", include_in_schema=False)
def stylesheet() -> Response:
    return Response(CSS, 200, {"Cache-Control": "public, max-age=3600"}, "text/css; charset=utf-8")
