"""The written request in the scenes: drafted, signed, received, proposed and decided, under the next free number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from api.demo.stage import (
    APPROVER,
    CITY_LEAD,
    CLERK,
    HANDLER,
    REGION_LEAD,
    SIGNATORY,
    Mismatch,
    Stage,
    moment,
    today,
)  # fmt: skip

WORD, REPLY_WORD = "同乡振发", "宁乡振发"
FIRST = 31
CONFLICT = 409
PAPER = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_NUMBER = re.compile(rf"{WORD}〔([0-9]{{4}})〕([0-9]+)号")


@dataclass(frozen=True, slots=True)
class Decided:
    """A request that was answered: its own number, that of its letter and of the reply, the grant of each approved line."""

    request: int
    document: str
    reply: str
    outcome: str
    grants: dict[int, int]


def next_sequence(stage: Stage) -> int:
    """The next free number of the county's letters this year, by asking for those there are."""
    used = [FIRST - 1]
    path = "/v1/requests?limit=1000"
    while path:
        answer = stage.client.get(CLERK, path)
        if not answer.ok:
            raise Mismatch(f"GET /v1/requests 应答复 200，实为 {answer.status} {answer.code}")
        for each in answer.members["items"]:
            found = _NUMBER.fullmatch(each["document"]["number"])
            if found and int(found[1]) == today().year:
                used.append(int(found[2]))
        cursor = answer.members.get("cursor")
        path = f"/v1/requests?limit=1000&cursor={cursor}" if cursor else ""
    return max(used) + 1


def letter(sequence: int, word: str = WORD) -> str:
    return f"{word}〔{today().year}〕{sequence}号"


def line(number: int, division: str, cells: list[str], operations: list[str]) -> dict[str, Any]:
    """A line for the coming month."""
    return {
        "line": number, "division": division, "cells": cells, "operations": operations, "data_year": today().year,
        "from": moment(minutes=-1), "until": moment(days=30), "max_records": None,
    }  # fmt: skip


def draft(
    stage: Stage, number: str, title: str, ground: str, lines: list[dict[str, Any]], *, copied: bool = True
) -> int:
    """The clerk stores the sealed letter and writes the request; its number."""
    stored = stage.ask(
        CLERK, "上传盖章的请示扫描件", "POST", "/v1/attachments", PAPER + number.encode(),
        content_type="application/pdf", content_disposition='attachment; filename="qingshi.pdf"',
    )  # fmt: skip
    body = {
        "document": {
            "kind": "QINGSHI", "number": number, "title": title, "dated": today().isoformat(), "signatory": SIGNATORY,
            "addressee": REGION_LEAD, "cc": [CITY_LEAD] if copied else [],
            "contact": {"person": CLERK, "phone": "0953-8022222"},
        },
        "ground": {"code": ground, "text": title}, "lines": lines, "attachments": [stored["sha256"]],
    }  # fmt: skip
    drafted = stage.ask(CLERK, f"起草{number}《{title}》，{len(lines)} 项", "POST", "/v1/requests", body)
    return int(drafted["entry"])


def sign(stage: Stage, request: int, **more: Any) -> dict[str, Any]:
    return stage.change(SIGNATORY, "核对后签发报送", f"/v1/requests/{request}", "signature", **more)


def withdraw_draft(stage: Stage, request: int) -> None:
    stage.change(CLERK, "撤回这份草稿", f"/v1/requests/{request}", "withdrawal", {"reason": "演示结束，撤回草稿"})


def decide(
    stage: Stage, title: str, ground: str, lines: list[dict[str, Any]], refused: tuple[int, ...] = ()
) -> Decided:
    """The whole way of a request; the lines in `refused` are rejected, the others approved."""
    sequence = next_sequence(stage)
    number = letter(sequence)
    request = draft(stage, number, title, ground, lines)
    sign(stage, request)
    thing = f"/v1/requests/{request}"
    receipt = {"register_no": f"{today().year}-收-{sequence}", "received_on": today().isoformat()}
    stage.change(HANDLER, f"收文登记，编号 {receipt['register_no']}", thing, "receipt", receipt)
    answers = [
        {"line": each["line"], "outcome": "rejected", "reason": "本季度该镇由自治区统一组织，暂不单独开放"}
        if each["line"] in refused else {"line": each["line"], "outcome": "approved"} for each in lines
    ]  # fmt: skip
    stage.change(
        HANDLER, "提出拟办意见", thing, "proposal", {"lines": answers, "opinion": "经核，建议按所附意见办理。"}
    )
    told = _answer(stage, thing, number, sequence, answers)
    grants = {each["line"]: each["grant"] for each in told["grants"]}
    return Decided(request, number, told["document"], told["state"], grants)


def _answer(stage: Stage, thing: str, cites: str, sequence: int, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The approver's decision under the first reply number from here on that is still free."""
    while True:
        reply = letter(sequence, REPLY_WORD)
        document = {
            "kind": "PIFU",
            "number": reply,
            "title": "关于同心县申请的批复",
            "dated": today().isoformat(),
            "cites": cites,
        }
        body = {"document": document, "lines": answers, "opinion": "同意拟办意见。"}
        try:
            return stage.change(APPROVER, f"批复（{reply}）", thing, "decision", body)
        except Mismatch as refused:
            if "number_taken" not in str(refused):
                raise
            stage.say("该批复文号已被使用，改用下一个")
            sequence += 1


def delegate(stage: Stage, person: str, deed: str, parent: int, days: int = 10, **wish: Any) -> int:
    """A delegation for some days under a grant; its number."""
    body = {"from": moment(), "until": moment(days=days), "reason": "按职责分工采集核实"} | wish
    return int(stage.ask(person, deed, "POST", f"/v1/grants/{parent}/delegations", body)["id"])
