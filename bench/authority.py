"""Authority to measure under: a real request, approved, and delegated to the collectors of many villages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from api.demo.client import Answer, Client

CLERK, SIGNATORY, COUNTY = "p-1002", "p-1003", "640324"
PAPER = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
INCOME = ["monitored.income", "lifted_out.income"]
OPERATIONS = ["collect", "update", "verify", "query"]


@dataclass(frozen=True)
class Village:
    """A village whose collector holds income, and that collector's person id."""

    code: str
    collector: str


def done(answer: Answer) -> dict[str, Any]:
    """The members of an answer that must have succeeded."""
    if not answer.ok:
        raise SystemExit(f"setting up failed: {answer.status} {answer.members}")
    return answer.members


def first(client: Client, role: str, division: str) -> str:
    """The first person of a role, as the region's approver sees them."""
    return str(done(client.get("p-1011", f"/v1/people?role={role}&division={division}&limit=1"))["items"][0]["id"])


def granted(client: Client, mark: int) -> list[Village]:
    """File, decide, delegate; the villages whose collectors may now edit. `mark` makes document numbers fresh."""
    now = datetime.now(UTC)
    handler, approver = first(client, "region_handler", "64"), first(client, "region_approver", "64")
    admin = first(client, "county_admin", COUNTY)
    paper = done(client.ask(CLERK, "POST", "/v1/attachments", PAPER, content_type="application/pdf",
                            content_disposition='attachment; filename="a.pdf"'))["sha256"]  # fmt: skip
    line = {"line": 1, "division": COUNTY, "cells": INCOME, "operations": OPERATIONS, "data_year": now.year,
            "from": now.isoformat(), "until": (now + timedelta(days=30)).isoformat(), "max_records": None}  # fmt: skip
    document = {"kind": "QINGSHI", "number": f"同乡振发〔{now.year}〕{mark}号", "title": "关于申请收入信息采集权限的请示",
                "dated": now.date().isoformat(), "signatory": SIGNATORY, "addressee": "u-64-lead", "cc": ["u-6403-lead"],
                "contact": {"person": CLERK, "phone": "0953-8022222"}}  # fmt: skip
    body = {"document": document, "ground": {"code": "quarterly_income", "text": "季度收入监测"}, "lines": [line],
            "attachments": [paper]}  # fmt: skip
    number = done(client.ask(CLERK, "POST", "/v1/requests", body))["entry"]
    place = f"/v1/requests/{number}"

    def change(person: str, step: str, told: Any = None) -> dict[str, Any]:
        etag = client.get(person, place).headers["etag"]
        return done(client.ask(person, "POST", f"{place}/{step}", told, if_match=etag))

    change(SIGNATORY, "signature", {})
    change(handler, "receipt", {"register_no": f"收{mark}", "received_on": now.date().isoformat()})
    outcome = [{"line": 1, "outcome": "approved"}]
    change(handler, "proposal", {"lines": outcome, "opinion": "拟同意"})
    reply = {
        "kind": "PIFU",
        "number": f"宁乡振发〔{now.year}〕{mark}号",
        "title": "批复",
        "dated": now.date().isoformat(),
    }
    change(approver, "decision", {"document": reply, "lines": outcome, "opinion": "同意"})
    listed = done(client.get(admin, f"/v1/grants?holder=u-{COUNTY}-lead&limit=100"))["items"]
    grant = next(each["id"] for each in listed if each["request"] == number)
    return [delegated(client, admin, grant, each) for each in _villages(client, admin)]


def _villages(client: Client, admin: str) -> list[dict[str, Any]]:
    people = done(client.get(admin, f"/v1/people?role=village_collector&division={COUNTY}&limit=1000"))["items"]
    return list({each["unit"]: each for person in people for each in [_post(person)]}.values())


def _post(person: dict[str, Any]) -> dict[str, Any]:
    post = next(each for each in person["posts"] if each["role"] == "village_collector")
    return {"unit": post["unit"], "person": person["id"], "division": post["unit"].split("-")[1]}


def delegated(client: Client, admin: str, grant: int, village: dict[str, Any]) -> Village:
    """One delegation to the collectors of a village."""
    now = datetime.now(UTC)
    body = {"holder": village["unit"], "role": "village_collector", "division": village["division"], "cells": INCOME,
            "operations": OPERATIONS, "from": now.isoformat(), "until": (now + timedelta(days=20)).isoformat(),
            "reason": "量测"}  # fmt: skip
    done(client.ask(admin, "POST", f"/v1/grants/{grant}/delegations", body))
    return Village(village["division"], village["person"])
