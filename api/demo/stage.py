"""The stage of `mandate demo`: who acts, what is answered, and whether it is what was expected.

Each scene is a function of a Stage. A line is printed per act; an answer that was not expected ends the scene.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from api.demo.client import Answer, Client

SHANGHAI = timezone(timedelta(hours=8))
CLERK, SIGNATORY, ADMIN = "p-1002", "p-1003", "p-1004"
HANDLER, APPROVER, AUDITOR = "p-1011", "p-1012", "p-1031"
COUNTY, LEAD, CITY_LEAD, REGION_LEAD = "640324", "u-640324-lead", "u-6403-lead", "u-64-lead"
NAMES = {
    CLERK: "同心县经办人", SIGNATORY: "同心县签发人", ADMIN: "同心县管理员", HANDLER: "自治区承办人", APPROVER: "自治区审批人",
    AUDITOR: "审计人员", "p-1041": "系统管理员",
}  # fmt: skip
SUCCESS = (200, 201)


class Mismatch(Exception):
    """An answer was not what the scene expects."""


class NotYet(Exception):
    """The scene needs what later work brings."""


@dataclass
class Stage:
    """One performance against a running service."""

    client: Client
    out: Callable[[str], None]
    names: dict[str, str] = field(default_factory=lambda: dict(NAMES))
    left: dict[str, Any] = field(default_factory=dict)
    """What an earlier scene leaves for a later one."""

    def say(self, text: str) -> None:
        self.out(f"    {text}")

    def ask(
        self, person: str, deed: str, verb: str, path: str, body: Any = None, *, expect: int | None = None,
        code: str | None = None, **headers: str,
    ) -> dict[str, Any]:  # fmt: skip
        """Act as this person and check the answer: success, or this status and code."""
        answer = self.client.ask(person, verb, path, body, **headers)
        entry = answer.members.get("entry")
        told = f"{answer.status}" + (f" {answer.code}：{answer.members.get('title', '')}" if answer.code else "")
        self.say(f"{self.names.get(person, person)}（{person}）{deed}")
        self.say(f"  → {told}" + (f"，第 {entry} 号记录" if entry is not None else ""))
        wanted = SUCCESS if expect is None else (expect,)
        if answer.status not in wanted or (code is not None and answer.code != code):
            said = " ".join(str(each) for each in wanted) + (f" {code}" if code else "")
            raise Mismatch(f"应答复 {said}，实为 {told}（{_why(answer)}）")
        return answer.members

    def change(self, person: str, deed: str, thing: str, step: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """Act on a thing at the version on record."""
        seen = self.client.get(person, thing)
        if not seen.ok:
            raise Mismatch(f"{self.names.get(person, person)}应能查看 {thing}，实为 {seen.status} {seen.code}")
        return self.ask(person, deed, "POST", f"{thing}/{step}", body, if_match=seen.headers.get("etag", ""), **more)

    def look(self, person: str, path: str) -> dict[str, Any]:
        """Read without a line in the transcript."""
        answer = self.client.get(person, path)
        if not answer.ok:
            raise Mismatch(
                f"GET {path.partition('?')[0]} 应答复 200，实为 {answer.status} {answer.code}（{_why(answer)}）"
            )
        return answer.members

    def equal(self, what: str, found: Any, wanted: Any) -> None:
        """Check one fact of an answer, and say it."""
        if found != wanted:
            raise Mismatch(f"{what}应为 {wanted}，实为 {found}")
        self.say(f"  ✓ {what}：{found if not isinstance(found, bool) else '是' if found else '否'}")

    def person(self, unit: str, role: str, name: str) -> str:
        """The first person of a unit in a role, called by this name from here on."""
        items = self.look(ADMIN, f"/v1/people?unit={unit}&role={role}&limit=1")["items"]
        if not items:
            raise Mismatch(f"{unit} 应有角色为 {role} 的人员，实为没有")
        found = str(items[0]["id"])
        self.names[found] = name
        return found


def _why(answer: Answer) -> str:
    told = answer.members.get("detail") or "没有说明"
    return f"{told} {answer.members.get('pointers') or ''}".strip()


def today() -> date:
    """The date in Ningxia."""
    return datetime.now(SHANGHAI).date()


def moment(**ahead: float) -> str:
    """An instant so far ahead of now, in local time."""
    return (datetime.now(UTC) + timedelta(**ahead)).astimezone(SHANGHAI).isoformat(timespec="milliseconds")


def fresh_household() -> str:
    """A household nobody has recorded yet."""
    return f"h-demo-{secrets.token_hex(6)}"


def quarter() -> int:
    return (today().month + 2) // 3


def edit(household: str, division: str, cell: str, operation: str, **more: Any) -> dict[str, Any]:
    """The body of an edit now."""
    return {
        "household": household, "division": division, "cell": cell, "operation": operation, "data_year": today().year,
        "quarter": quarter(), "channel": "APP",
    } | more  # fmt: skip
