"""A small founded world and an application on it, for every test that asks over HTTP.

with worlds.Town(database) as town:
    grant = town.granted(town.line())[0]                 # drafted, signed, received, proposed, decided
    town.delegated(grant)                                # to the collectors of the village
    answer = town.post("/v1/edits", worlds.COLLECTOR, town.edit())
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from conftest import World
from described import Described

from api import founding
from api.app import create_app
from api.database import Database
from api.founding import Deed
from api.settings import Settings
from audit.lawbook import Lawbook
from authz.fact import Fact, instant
from authz.household import HouseholdsLoaded
from authz.post import PersonRegistered, PostAssigned, UnitEstablished

REGION, CITY, COUNTY = "64", "6403", "640324"
YUHAI, WANGTUAN = "640324100", "640324105"
VILLAGE, OTHER_VILLAGE, FAR_VILLAGE = "640324100201", "640324100202", "640324105200"
LEAD, CITY_LEAD, REGION_LEAD = "u-640324-lead", "u-6403-lead", "u-64-lead"

CLERK, SIGNATORY, ADMIN, ADMIN_B = "p-1002", "p-1003", "p-1004", "p-1005"
HANDLER, APPROVER, OBSERVER = "p-1011", "p-1012", "p-1021"
AUDITOR, SYSTEM_ADMIN, SECURITY_ADMIN, AUDIT_ADMIN = "p-1031", "p-1041", "p-1042", "p-1043"
OFFICER = "p-1101"
TOWN_ADMIN, REVIEWER, FAR_ADMIN, FAR_REVIEWER = "p-1201", "p-1202", "p-1211", "p-1212"
COLLECTOR, GRID_WORKER, OTHER_COLLECTOR, OTHER_GRID, FAR_COLLECTOR, FAR_GRID = (
    "p-2001", "p-2002", "p-2011", "p-2012", "p-2021", "p-2022",
)  # fmt: skip

UNITS = {
    REGION_LEAD: "lead", CITY_LEAD: "lead", LEAD: "lead", "u-640324-civil_affairs": "civil_affairs",
    "u-640324100-township": "township", "u-640324105-township": "township", f"u-{VILLAGE}-village": "village",
    f"u-{OTHER_VILLAGE}-village": "village", f"u-{FAR_VILLAGE}-village": "village", "u-64-audit": "audit",
}  # fmt: skip
POSTS = {
    HANDLER: (REGION_LEAD, "region_handler"), APPROVER: (REGION_LEAD, "region_approver"),
    OBSERVER: (CITY_LEAD, "city_observer"), CLERK: (LEAD, "county_clerk"), SIGNATORY: (LEAD, "county_signatory"),
    ADMIN: (LEAD, "county_admin"), ADMIN_B: (LEAD, "county_admin"), AUDITOR: ("u-64-audit", "auditor"),
    SYSTEM_ADMIN: (REGION_LEAD, "system_admin"), SECURITY_ADMIN: (REGION_LEAD, "security_admin"),
    AUDIT_ADMIN: (REGION_LEAD, "audit_admin"), OFFICER: ("u-640324-civil_affairs", "department_officer"),
    TOWN_ADMIN: ("u-640324100-township", "township_admin"), REVIEWER: ("u-640324100-township", "township_reviewer"),
    FAR_ADMIN: ("u-640324105-township", "township_admin"), FAR_REVIEWER: ("u-640324105-township", "township_reviewer"),
    COLLECTOR: (f"u-{VILLAGE}-village", "village_collector"), GRID_WORKER: (f"u-{VILLAGE}-village", "grid_worker"),
    OTHER_COLLECTOR: (f"u-{OTHER_VILLAGE}-village", "village_collector"),
    OTHER_GRID: (f"u-{OTHER_VILLAGE}-village", "grid_worker"),
    FAR_COLLECTOR: (f"u-{FAR_VILLAGE}-village", "village_collector"), FAR_GRID: (f"u-{FAR_VILLAGE}-village", "grid_worker"),
}  # fmt: skip
PAPER = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
INCOME = ["monitored.income", "lifted_out.income"]
USUAL = ["collect", "update", "verify"]
# What a request must give as its ground for these.
GROUNDS = {
    "delete": "correction",
    "rollback_elimination": "elimination_rollback",
    "mark_eliminated": "risk_elimination",
}


def today() -> str:
    """Asked anew each time: a run that crosses midnight would answer a letter of tomorrow."""
    return datetime.now(UTC).date().isoformat()


def facts() -> list[Fact]:
    """The founding facts of the small world."""
    since = instant(datetime(2026, 1, 1, tzinfo=UTC))
    found: list[Fact] = [
        UnitEstablished(unit=unit, unit_kind=kind, division=unit.split("-")[1], name=f"单位{number}", earlier_name=None)
        for number, (unit, kind) in enumerate(UNITS.items())
    ]
    for person, (unit, role) in POSTS.items():
        natural, name = (hashlib.sha256(f"{kind}{person}".encode()).hexdigest() for kind in ("natural", "name"))
        found.append(PersonRegistered(person_id=person, natural=natural, name=name, phone=None))
        found.append(
            PostAssigned(
                person_id=person, post_unit=unit, division=unit.split("-")[1], role=role, title=role, valid_from=since,
                valid_until=None,
            )
        )  # fmt: skip
    village = [
        ("h-monitored", VILLAGE, "monitored"),
        ("h-lifted", VILLAGE, "lifted_out"),
        ("h-far", FAR_VILLAGE, "monitored"),
    ]
    return [*found, HouseholdsLoaded(division=COUNTY, households=tuple(village))]


class Town:
    """The application on a founded database, spoken to in this process. `answers` are checked by the caller."""

    def __init__(
        self,
        database: World,
        *,
        more: tuple[Fact, ...] = (),
        world: bool = True,
        policies: Path | None = None,
        book: Lawbook | None = None,
    ) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="mandate-keys-")
        self.settings = Settings.read({"MANDATE_DATA": self.folder.name, "MANDATE_ORIGIN": "mandate.test/log"})
        if policies is not None:
            self.settings = replace(self.settings, policies=policies)
        lawbook = book or founding.read_lawbook(self.settings.policies)
        store = Database(database.owner_url, database.app_url, database.engine)
        founding.found(store, lawbook, "mandate.test/log", demo=True)
        told = (*(facts() if world else ()), *more)
        if told:
            founding.record(store, lawbook, [Deed(ref=secrets.token_hex(16), facts=told)])
        self.signer = founding.signer(self.settings.keys, founding.DEMO)
        self.deployment = founding.deploy(self.settings, store, lawbook, demo=True)
        self.app = create_app(self.deployment)
        self.client = Described(self.app, base_url="http://127.0.0.1:8080", raise_server_exceptions=False)
        self._numbers = itertools.count(31)
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Town:
        self.client.__enter__()
        return self

    def __exit__(self, *fault: Any) -> None:
        self.client.__exit__(*fault)
        self.folder.cleanup()

    # --- asking ---------------------------------------------------------------------------------------------------
    def token(self, person: str, at: float | None = None) -> str:
        """A token for anybody, issued now or at the Unix second `at`."""
        if at is not None:
            return self.signer.mint(person, 600, at, secrets.token_hex(8))
        return self._tokens.setdefault(person, self.signer.mint(person, 3600, time.time(), secrets.token_hex(8)))

    def headers(self, person: str | None, **more: str) -> dict[str, str]:
        """Headers of a request; `if_match="..."` becomes If-Match."""
        found = {name.replace("_", "-"): value for name, value in more.items()}
        return found | ({"Authorization": f"Bearer {self.token(person)}"} if person else {})

    def ask(self, verb: str, path: str, person: str | None, body: Any = None, **headers: str) -> Any:
        given = {} if body is None else {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.client.request(verb, path, headers=self.headers(person, **headers), **given)

    def get(self, path: str, person: str | None, **headers: str) -> Any:
        return self.ask("GET", path, person, **headers)

    def post(self, path: str, person: str | None, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, person, body, **headers)

    def change(self, path: str, person: str, body: Any = None, *, thing: str | None = None, verb: str = "POST") -> Any:
        """A change of a thing at the version on record: its ETag is asked first (of `thing`, default the path above)."""
        seen = self.get(thing or path.rsplit("/", 1)[0], person)
        assert seen.status_code == 200, seen.text
        return self.ask(verb, path, person, body, if_match=seen.headers["etag"])

    # --- the trip of a request --------------------------------------------------------------------------------------
    def paper(self, person: str = CLERK, content: bytes = PAPER) -> str:
        """Store an attachment; its digest."""
        headers = {"content_type": "application/pdf", "content_disposition": 'attachment; filename="a.pdf"'}
        answer = self.post("/v1/attachments", person, content, **headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["sha256"])

    def line(self, number: int = 1, division: str = YUHAI, **more: Any) -> dict[str, Any]:
        """A request line over half a year from now."""
        now = datetime.now(UTC)
        return {
            "line": number, "division": division, "cells": INCOME, "operations": USUAL, "data_year": now.year,
            "from": (now - timedelta(days=1)).isoformat(), "until": (now + timedelta(days=180)).isoformat(), "max_records": None,
        } | more  # fmt: skip

    def draft(self, *lines: dict[str, Any], **document: Any) -> dict[str, Any]:
        """The body of a request with the next free document number."""
        today = datetime.now(UTC).date()
        risky = (GROUNDS[one] for each in lines for one in each["operations"] if one in GROUNDS)
        return {
            "document": {
                "kind": "QINGSHI", "number": f"同乡振发〔{today.year}〕{next(self._numbers)}号",
                "title": "关于申请防返贫监测系统收入信息采集权限的请示", "dated": today.isoformat(), "signatory": SIGNATORY,
                "addressee": REGION_LEAD, "cc": [CITY_LEAD], "contact": {"person": CLERK, "phone": "0953-8022222"},
            } | document,
            "ground": {"code": next(risky, "quarterly_income"), "text": "第四季度收入监测"},
            "lines": list(lines or [self.line()]), "attachments": [self.paper()],
        }  # fmt: skip

    def drafted(self, *lines: dict[str, Any], **document: Any) -> int:
        answer = self.post("/v1/requests", CLERK, self.draft(*lines, **document))
        assert answer.status_code == 201, answer.text
        return int(answer.json()["entry"])

    def filed(self, *lines: dict[str, Any], **document: Any) -> int:
        """Drafted and signed; the request's number."""
        number = self.drafted(*lines, **document)
        answer = self.change(f"/v1/requests/{number}/signature", SIGNATORY)
        assert answer.is_success, answer.text
        return number

    def received(self, *lines: dict[str, Any], **document: Any) -> int:
        number = self.filed(*lines, **document)
        body = {"register_no": f"收{number}", "received_on": datetime.now(UTC).date().isoformat()}
        answer = self.change(f"/v1/requests/{number}/receipt", HANDLER, body)
        assert answer.is_success, answer.text
        return number

    def decided(self, number: int, lines: list[dict[str, Any]]) -> Any:
        """Proposed and decided as these line outcomes say; the answer of the decision."""
        answer = self.change(f"/v1/requests/{number}/proposal", HANDLER, {"lines": lines, "opinion": "拟同意"})
        assert answer.is_success, answer.text
        today = datetime.now(UTC).date()
        reply = {
            "kind": "PIFU", "number": f"宁乡振发〔{today.year}〕{next(self._numbers)}号", "title": "关于同心县申请的批复",
            "dated": today.isoformat(),
        }  # fmt: skip
        body = {"document": reply, "lines": lines, "opinion": "同意"}
        return self.change(f"/v1/requests/{number}/decision", APPROVER, body)

    def granted(self, *lines: dict[str, Any]) -> list[int]:
        """A request approved line by line; the numbers of the grants issued to the county."""
        asked = list(lines or [self.line()])
        number = self.received(*asked)
        answer = self.decided(number, [{"line": each["line"], "outcome": "approved"} for each in asked])
        assert answer.is_success, answer.text
        listed = self.get(f"/v1/grants?holder={LEAD}&limit=1000", ADMIN).json()["items"]
        return sorted(each["id"] for each in listed if each["request"] == number)

    def delegated(self, parent: int, person: str = ADMIN, **wish: Any) -> int:
        """A delegation under a grant; by default to the collectors of the village, within the parent's operations."""
        now = datetime.now(UTC)
        body = {
            "holder": f"u-{VILLAGE}-village", "role": "village_collector", "division": VILLAGE, "cells": INCOME,
            "operations": USUAL, "from": now.isoformat(), "until": (now + timedelta(days=90)).isoformat(),
            "reason": "按分工采集",
        } | wish  # fmt: skip
        answer = self.post(f"/v1/grants/{parent}/delegations", person, body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["entry"])

    def edit(self, **more: Any) -> dict[str, Any]:
        """The body of an income update of the monitored household."""
        return {
            "household": "h-monitored", "division": VILLAGE, "cell": "monitored.income", "operation": "update",
            "data_year": datetime.now(UTC).year, "quarter": 4, "channel": "APP",
            "changes": [{"field": "wage_income", "before": 1200000, "after": 1350000}],
        } | more  # fmt: skip

    def size(self) -> int:
        """Entries in the log."""
        with self.deployment.database.engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT size FROM head").scalar_one())
