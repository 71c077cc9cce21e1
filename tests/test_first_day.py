"""The first day of a real service: from an empty log to a recorded edit, through the doors that everybody has.

Nothing is planted. The code of the console admits one administrator, who establishes bodies, registers people and gives
them posts; each acts with a token of ten minutes that he hands out (`mandate token --once`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import worlds
from conftest import World
from worlds import CITY_LEAD, LEAD, REGION_LEAD, VILLAGE

from api import bootstrap, founding
from api.commands import handing
from api.demo.world_names import draw
from api.identity import Issuers

FIRST = {"name": "王建国", "identity_number": "11010519491231002X"}
BODIES = [
    ("6403", "lead", "吴忠市乡村振兴局"), ("640324", "lead", "同心县乡村振兴局"), ("640324", "civil_affairs", "同心县民政局"),
    ("640324100", "township", "豫海镇人民政府"), (VILLAGE, "village", "城北村"), ("64", "audit", "自治区审计厅"),
]  # fmt: skip
OFFICERS = [
    (worlds.HANDLER, REGION_LEAD, "region_handler"), (worlds.APPROVER, REGION_LEAD, "region_approver"),
    (worlds.OBSERVER, CITY_LEAD, "city_observer"), (worlds.CLERK, LEAD, "county_clerk"),
    (worlds.SIGNATORY, LEAD, "county_signatory"), (worlds.ADMIN, LEAD, "county_admin"), (worlds.AUDITOR, "u-64-audit", "auditor"),
]  # fmt: skip
COLLEAGUES = [
    (worlds.OFFICER, "u-640324-civil_affairs", "department_officer"), (worlds.TOWN_ADMIN, "u-640324100-township", "township_admin"),
    (worlds.COLLECTOR, f"u-{VILLAGE}-village", "village_collector"),
]  # fmt: skip


class Day(worlds.Town):
    """An empty service. Tokens come from the console's code and, after that, from the administrator alone."""

    def token(self, person: str, at: float | None = None) -> str:
        assert at is None
        if person not in self._tokens:
            self._tokens[person] = handing.once(self.settings, self.deployment.database, person)
        return self._tokens[person]

    def done(self, path: str, person: str, body: Any) -> Any:
        answer = self.post(path, person, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def staff(self, by: str, posts: list[tuple[str, str, str]]) -> None:
        for person, unit, role in posts:
            body = {"id": person, "name": "马秀兰", "identity_number": draw(person).identity_number}
            assert self.done("/v1/people", by, body)["id"] == person
            self.done("/v1/posts", by, {"person": person, "unit": unit, "role": role})


@pytest.fixture
def day(database: World) -> Iterator[Day]:
    made = Day(database, world=False)
    founding.signer(made.settings.keys, founding.BOOTSTRAP)
    made.deployment.issuers = Issuers.load(made.settings.keys, demo=True)
    with made:
        yield made


def opened(day: Day) -> str:
    """The administrator is admitted by the code and has established the bodies."""
    code, _ = bootstrap.show_code(day.deployment.database)
    told = day.post("/v1/bootstrap", None, {"code": code, **FIRST})
    assert told.status_code == 201, told.text
    first = str(told.json()["person"])
    day._tokens[first] = told.json()["token"]
    for division, kind, name in BODIES:
        made = day.done("/v1/units", first, {"division": division, "kind": kind, "name": name})
        assert made["id"] == f"u-{division}-{kind}"
    return first


def test_from_an_empty_log_to_a_recorded_edit(day: Day) -> None:
    first = opened(day)
    day.staff(first, OFFICERS)
    day.staff(worlds.ADMIN, COLLEAGUES)
    household = b'{"token":"h-monitored","division":"%s","population":"monitored"}\n' % VILLAGE.encode()
    loaded = day.post("/v1/households", worlds.ADMIN, household, content_type="application/x-ndjson")
    assert loaded.status_code == 201, loaded.text
    refused = day.post("/v1/edits", worlds.COLLECTOR, day.edit())
    assert (refused.status_code, refused.json()["code"]) == (403, "no_grant")
    day.delegated(day.granted()[0])
    permitted = day.post("/v1/edits", worlds.COLLECTOR, day.edit())
    assert permitted.status_code == 201, permitted.text
    assert permitted.json()["decision"] == "permit"
    seen = day.get(f"/v1/entries?household=h-monitored&person={worlds.COLLECTOR}", worlds.AUDITOR).json()["items"]
    assert [each["decision"] for each in seen] == ["permit", "deny"]
    assert day.get("/v1/me", worlds.OBSERVER).status_code == 200


def test_the_administrator_puts_nobody_in_place_of_the_business_and_does_none_of_it(day: Day) -> None:
    first = opened(day)
    for role in ("region_approver", "county_admin"):
        body = {"person": first, "unit": REGION_LEAD if role.startswith("region") else LEAD, "role": role}
        assert day.post("/v1/posts", first, body).status_code in (403, 409, 422), role
    assert day.post("/v1/requests", first, day_draft(day)).status_code == 403
    assert day.post("/v1/edits", first, day.edit()).status_code == 403
    day.staff(first, [(worlds.ADMIN, LEAD, "county_admin")])
    upward = {"person": worlds.ADMIN, "unit": REGION_LEAD, "role": "region_approver"}
    assert day.post("/v1/posts", worlds.ADMIN, upward).status_code == 403
    assert day.post("/v1/units", worlds.ADMIN, {"division": VILLAGE, "kind": "village", "name": "x"}).status_code == 403


def day_draft(day: Day) -> dict[str, Any]:
    """A whole request without its attachment, which the administrator could not store either."""
    today = datetime.now(UTC).date().isoformat()
    return {
        "document": {
            "kind": "QINGSHI", "number": "同乡振发〔2026〕3号", "title": "请示", "dated": today, "signatory": "p-1",
            "addressee": REGION_LEAD, "cc": [CITY_LEAD],
        },
        "ground": {"code": "quarterly_income", "text": "第四季度收入监测"}, "lines": [day.line()],
    }  # fmt: skip
