"""Examples of request bodies: they stand in `openapi.json`, and tests send each of them."""

from __future__ import annotations

import json
from typing import Any

EDIT: dict[str, Any] = {
    "household": "h-9f2c",
    "member": "m-1",
    "division": "640324100201",
    "cell": "monitored.income",
    "operation": "update",
    "data_year": 2026,
    "quarter": 4,
    "occurred_at": "2026-11-20T10:05:00+08:00",
    "channel": "APP",
    "responsibility": {"collected_by": "p-2001", "provided_by": None, "verified_by": None, "monitored_by": None},
    "changes": [{"field": "wage_income", "before": 1200000, "after": 1350000}],
    "evidence": [{"kind": "income_ledger", "number": "2026-Q4-017", "sha256": None}],
    "checks": {"ruleset": "2026.3", "failed": [], "overridden": []},
    "campaign": None,
}

IMPORT = f"{json.dumps({'ref': '2026-0031', 'person': 'p-2001'} | EDIT, ensure_ascii=False)}\n"
VERDICT = '{"line":1,"ref":"2026-0031","entry":17,"verdict":"no_authority_on_record","code":"no_grant","documented_later":12}\n'

# --- the written request --------------------------------------------------------------------------------------------
_LINE: dict[str, Any] = {
    "line": 1,
    "division": "640324100",
    "cells": ["monitored.income", "lifted_out.income"],
    "operations": ["collect", "update", "verify"],
    "data_year": 2026,
    "from": "2026-12-01T00:00:00+08:00",
    "until": "2027-01-01T00:00:00+08:00",
    "max_records": None,
}
REQUEST: dict[str, Any] = {
    "document": {
        "kind": "QINGSHI",
        "number": "同乡振发〔2026〕31号",
        "title": "关于申请防返贫监测系统收入信息采集权限的请示",
        "dated": "2026-11-20",
        "signatory": "p-1003",
        "addressee": "u-64-lead",
        "cc": ["u-6403-lead"],
        "contact": {"person": "p-1002", "phone": "0953-8022222"},
    },
    "ground": {"code": "quarterly_income", "text": "第四季度收入监测"},
    "lines": [_LINE],
    "attachments": ["0" * 64],
}
REASON: dict[str, Any] = {"reason": "工作安排调整，另行申请"}
RECEIPT: dict[str, Any] = {"register_no": "收〔2026〕118号", "received_on": "2026-11-23"}
RETURN: dict[str, Any] = {"reasons": [{"path": "/lines/0/until", "text": "请核对截止时间"}]}
_ANSWERS: list[dict[str, Any]] = [
    {"line": 1, "outcome": "narrowed", "scope": {"operations": ["collect", "update"]}, "reason": "核实由县级办理"}
]
PROPOSAL: dict[str, Any] = {"lines": _ANSWERS, "opinion": "拟同意采集、更新，核实由县级统一办理。"}
DECISION: dict[str, Any] = {
    "document": {
        "kind": "PIFU",
        "number": "宁乡振发〔2026〕12号",
        "title": "关于同心县收入信息采集权限的批复",
        "dated": "2026-11-25",
        "cites": "同乡振发〔2026〕31号",
    },
    "lines": _ANSWERS,
    "opinion": "同意采集、更新。",
    "attachments": [],
}
SCAN: dict[str, Any] = {"attachments": ["0" * 64]}
WINDOW: dict[str, Any] = {
    "notice": {
        "title": "关于统一开放第四季度收入信息采集的通知",
        "issuer": "宁夏回族自治区乡村振兴局",
        "dated": "2026-11-20",
        "number": None,
        "sha256": None,
    },
    "division": "64",
    "cells": ["monitored.income", "lifted_out.income"],
    "operations": ["collect", "update"],
    "data_year": 2026,
    "from": "2026-12-01T00:00:00+08:00",
    "until": "2027-01-01T00:00:00+08:00",
}

# --- questions (AuthZEN) --------------------------------------------------------------------------------------------
_SUBJECT = {"type": "person", "id": "p-2001"}
_RESOURCE = {
    "type": "monitored.income", "id": "h-9f2c", "properties": {"division": "640324100201", "data_year": 2026},
}  # fmt: skip
EVALUATION: dict[str, Any] = {"subject": _SUBJECT, "action": {"name": "update"}, "resource": _RESOURCE}
EVALUATIONS: dict[str, Any] = {
    "subject": _SUBJECT,
    "resource": _RESOURCE,
    "evaluations": [{"action": {"name": "update"}}, {"action": {"name": "delete"}}],
    "options": {"evaluations_semantic": "execute_all"},
}
SUBJECT_SEARCH: dict[str, Any] = {"subject": {"type": "person"}, "action": {"name": "update"}, "resource": _RESOURCE}
RESOURCE_SEARCH: dict[str, Any] = {
    "subject": _SUBJECT,
    "action": {"name": "update"},
    "resource": {"type": "monitored.income", "properties": {"data_year": 2026}},
    "page": {"limit": 100},
}
ACTION_SEARCH: dict[str, Any] = {"subject": _SUBJECT, "resource": _RESOURCE}
