"""One walk through a town that is answered well by nearly every route: what those answers look like."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import editions
import worlds
from routes import Round, Route, Things, routes

from api import calendars, policies
from api.demo.world_names import draw
from api.wire import examples

REASON = {"reason": "工作安排调整"}
Seen = dict[str, list[dict[str, Any]]]


class Watched:
    """A client that keeps every JSON answer that went well, by the operation that gave it."""

    def __init__(self, client: Any, known: list[Route]) -> None:
        self._client = client
        self._known = [(each, re.compile(re.sub(r"\{\w+\}", "[^/]+", each.path))) for each in known]
        # Literal paths are asked before those with parts.
        self._known.sort(key=lambda each: each[0].path.count("{"))
        self.seen: Seen = {}

    def request(self, verb: str, url: str, **more: Any) -> Any:
        answer = self._client.request(verb, url, **more)
        if answer.is_success and answer.headers["content-type"] == "application/json" and "dry_run" not in url:
            path = url.partition("?")[0]
            found = next(each for each, form in self._known if each.verb.upper() == verb and form.fullmatch(path))
            self.seen.setdefault(found.operation["operationId"], []).append(answer.json())
        return answer


def walk(town: worlds.Town) -> Seen:
    """Have everything done once, and everything read by everybody who matters."""
    client = town.client
    town.client = watched = Watched(client, routes(town.app))
    things = Things.on(town)
    _request_steps(town)
    _grant_steps(town, things)
    _people_steps(town)
    _office_steps(town)
    _erasure_steps(town)
    _tie_steps(town)
    _question_steps(town)
    _refusal_steps(town)
    _replay_steps(town)
    _policy_steps(town)
    _done(town.post("/v1/calendars", worlds.SYSTEM_ADMIN, calendars.EXAMPLE))
    mistaken = {"layer": "640324", "days": [{"date": "2027-05-12", "name": "县庆", "kind": "off"}]}
    _done(town.post("/v1/calendars", worlds.SYSTEM_ADMIN, calendars.EXAMPLE | mistaken))
    _done(town.post("/v1/calendars/withdrawals", worlds.SYSTEM_ADMIN, calendars.TAKEN_BACK))
    _edition_steps(town, things)
    _handover_steps(town)
    readers = Round(town, things)
    for route in readers.routes:
        for person in () if route.writes else (worlds.AUDITOR, worlds.CLERK, worlds.COLLECTOR, worlds.SYSTEM_ADMIN):
            town.get(things.url(route.path) + _QUERIES.get(route.path, ""), person)
    town.client = client
    return watched.seen


_QUERIES = {
    "/v1/divisions": "?parent=640324", "/v1/deadline": "?from=2026-12-10&days=20&division=640324",
    "/v1/consistency": "?from=3", "/v1/responsibility": "?household=h-monitored&cell=monitored.income",
}  # fmt: skip


def _question_steps(town: worlds.Town) -> None:
    """Questions of other systems, each answered with something."""
    income = {"type": "monitored.income", "id": "h-monitored", "properties": {"data_year": datetime.now(UTC).year}}
    asked = {"subject": {"type": "person", "id": worlds.ADMIN}, "action": {"name": "update"}, "resource": income}
    for path in ("evaluation", "search/subject", "search/resource", "search/action"):
        _done(town.post(f"/access/v1/{path}", worlds.AUDITOR, asked))
    _done(
        town.post(
            "/access/v1/evaluations", worlds.AUDITOR, asked | {"evaluations": [{}, {"action": {"name": "delete"}}]}
        )
    )


def _replay_steps(town: worlds.Town) -> None:
    """A draft that would have refused the edits made so far."""
    files = {name: data.decode() for name, data in policies.files(town.settings.policies).items()}
    files["roles.csv"] = files["roles.csv"].replace("p,grassroots,update,daily_cells,allow", "#")
    wish = {"division": worlds.REGION, "files": files, **REASON}
    digest, now = _done(town.post("/v1/policies", worlds.SECURITY_ADMIN, wish))["policy"], datetime.now(UTC)
    asked = {"subject": {"type": "person", "id": worlds.COLLECTOR}, "action": {"name": "update"}}
    income = {"type": "monitored.income", "id": "h-monitored", "properties": {"data_year": now.year}}
    asked |= {"resource": income}
    _done(town.post(f"/v1/policies/{digest}/questions", worlds.AUDITOR, asked))
    wish = {"policy": digest, "from": (now - timedelta(days=1)).isoformat(), "until": now.isoformat()}
    number = _done(town.post("/v1/replays", worlds.SECURITY_ADMIN, wish))["id"]
    assert _done(town.get(f"/v1/replays/{number}", worlds.AUDITOR))["items"]


def _refusal_steps(town: worlds.Town) -> None:
    """A refused edit, the request that would lift it, and why it was refused."""
    refused = town.post("/v1/edits", worlds.COLLECTOR, town.edit(cell="monitored.base", changes=[])).json()
    _done(town.get(refused["request"], worlds.CLERK))
    _done(town.get(f"/v1/entries/{refused['entry']}", worlds.AUDITOR))


def _policy_steps(town: worlds.Town) -> None:
    """Rules proposed, taken back, proposed and adopted; they differ from those in force by rights, a duty and a number."""
    files = {name: data.decode() for name, data in policies.files(town.settings.policies).items()}
    files["roles.csv"] = files["roles.csv"].replace(
        "p,township_staff,query,every_cell", "p,township_staff,query,plain_cells"
    )
    files["roles.csv"] += "p,township_admin,ask,decision,allow\n"
    files["handling.toml"] = files["handling.toml"].replace("value = 900\n", "value = 901\n")
    files["duties.csv"] = files["duties.csv"].replace("elimination,extra", "elimination,block")
    wish = {"division": worlds.REGION, "files": files, **REASON}
    digest = _done(town.post("/v1/policies", worlds.SECURITY_ADMIN, wish))["policy"]
    _done(town.change(f"/v1/policies/{digest}/withdrawal", worlds.APPROVER, REASON))
    _done(town.post("/v1/policies", worlds.SECURITY_ADMIN, wish))
    assert town.get(f"/v1/policies/{digest}", worlds.AUDITOR).is_success
    _done(town.change(f"/v1/policies/{digest}/adoption", worlds.APPROVER))
    narrowed = {
        "division": worlds.COUNTY,
        "files": {"roles.csv": "p,grassroots,verify,lifted_out.base,deny\n"},
        **REASON,
    }
    digest = _done(town.post("/v1/policies", worlds.ADMIN, narrowed))["policy"]
    _done(town.change(f"/v1/policies/{digest}/adoption", worlds.SIGNATORY))


def _edition_steps(town: worlds.Town, things: Things) -> None:
    """Divisions filed, refused, withdrawn and put in force; what waits because of them is confirmed."""
    root, new = town.granted(town.line(division=worlds.WANGTUAN))[0], "640324105900"
    village = editions.line(new, editions.name(worlds.FAR_VILLAGE), worlds.WANGTUAN)
    wish = editions.body({worlds.FAR_VILLAGE: village}, f"successor,{worlds.FAR_VILLAGE},{new}")
    _done(town.change(f"/v1/divisions/editions/{things.edition}/refusal", worlds.APPROVER, REASON))
    _done(town.change(f"/v1/divisions/editions/{editions.filed(town, wish)}/withdrawal", worlds.SYSTEM_ADMIN, REASON))
    number = editions.in_force(town, wish)
    _done(town.get(f"/v1/divisions/editions/{number}", worlds.AUDITOR))
    _done(town.post(f"/v1/units/u-{worlds.FAR_VILLAGE}-village/confirmation", worlds.SYSTEM_ADMIN, REASON))
    _done(town.get(f"/v1/grants/{root}", worlds.ADMIN))
    _done(town.change(f"/v1/grants/{root}/confirmation", worlds.APPROVER, REASON))


def _erasure_steps(town: worlds.Town) -> None:
    wish = {"household": "h-monitored", "member": "m-1", **REASON}
    number = _done(town.post("/v1/erasures", worlds.SECURITY_ADMIN, wish))["id"]
    assert town.get(f"/v1/erasures/{number}", worlds.AUDITOR).is_success
    _done(town.change(f"/v1/erasures/{number}/approval", worlds.APPROVER))


def _tie_steps(town: worlds.Town) -> None:
    tie = _done(town.post("/v1/ties", worlds.COLLECTOR, {"household": "h-far", "kind": "kin"}))["id"]
    _done(town.post(f"/v1/ties/{tie}/withdrawal", worlds.ADMIN, REASON, if_match=f'"{tie}"'))
    cell, operation, now = "monitored.risk_elimination", "rollback_elimination", datetime.now(UTC)
    town.granted(town.line(cells=[cell], operations=[operation, "review"]))
    wish = {
        "person": worlds.ADMIN, "household": "h-monitored", "cell": cell, "operation": operation, "data_year": now.year,
        "quarter": 4, "until": (now + timedelta(days=1)).isoformat(), **REASON,
    }  # fmt: skip
    _done(town.post("/v1/approvals", worlds.ADMIN_B, wish))
    approval = _done(town.post("/v1/approvals", worlds.ADMIN_B, wish))["id"]
    _done(town.post(f"/v1/approvals/{approval}/withdrawal", worlds.ADMIN_B, REASON))


def _done(answer: Any) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def _request_steps(town: worlds.Town) -> None:
    clerk, handler = worlds.CLERK, worlds.HANDLER
    draft = town.drafted()
    _done(town.change(f"/v1/requests/{draft}", clerk, town.draft(), thing=f"/v1/requests/{draft}", verb="PUT"))
    _done(town.change(f"/v1/requests/{draft}/withdrawal", clerk, REASON))
    back = town.received()
    _done(town.change(f"/v1/requests/{back}/return", handler, {"reasons": [{"path": "/lines/0", "text": "请核对"}]}))
    number = town.received()
    _done(town.decided(number, [{"line": 1, "outcome": "approved"}]))
    scan = {"attachments": [town.paper(handler, worlds.PAPER + b"\n")]}
    thing = f"/v1/requests/{number}"
    assert any(
        town.change(f"{thing}/decision/scan", who, scan, thing=thing).is_success for who in (worlds.APPROVER, handler)
    )


def _grant_steps(town: worlds.Town, things: Things) -> None:
    lower = town.delegated(things.grant)
    for step, body in (
        ("narrowing", {"operations": ["update"], **REASON}), ("suspension", REASON), ("resumption", REASON), ("revocation", REASON),
    ):  # fmt: skip
        _done(town.change(f"/v1/grants/{lower}/{step}", worlds.ADMIN, body))
    _done(town.change(f"/v1/windows/{things.window}/closure", worlds.APPROVER, REASON))
    begin = datetime.now(UTC)
    span = {"from": begin.isoformat(), "until": (begin + timedelta(days=9)).isoformat()}
    _done(
        town.post("/v1/windows", worlds.APPROVER, examples.WINDOW | span | {"repeat": {"every": "quarter", "times": 2}})
    )
    _done(town.post("/v1/edits/batch", worlds.COLLECTOR, [town.edit()]))
    worker = {"responsibility": {"collected_by": worlds.COLLECTOR}}
    town.delegated(things.grant, holder=f"u-{worlds.VILLAGE}-village", role="grid_worker")
    named = _done(town.post("/v1/edits", worlds.GRID_WORKER, town.edit(**worker)))["entry"]
    _done(town.post(f"/v1/me/attributions/{named}/objection", worlds.COLLECTOR, REASON))


def _office_steps(town: worlds.Town) -> None:
    """Deputies, the A and B of a unit, officers."""
    admin, now = worlds.SYSTEM_ADMIN, datetime.now(UTC)
    post = _done(town.get(f"/v1/people/{worlds.CLERK}", admin))["posts"][0]["post"]
    wish = {"post": post, "deputy": worlds.ADMIN_B, "until": (now + timedelta(days=9)).isoformat(), **REASON}
    number = _done(town.post("/v1/deputies", admin, wish | {"acts": ["request.draft"]}))["id"]
    (root,) = town.granted(town.line(division=worlds.WANGTUAN))
    town.delegated(root, holder=f"u-{worlds.FAR_VILLAGE}-village", division=worlds.FAR_VILLAGE)
    for far in (worlds.FAR_COLLECTOR, worlds.FAR_GRID):
        held = _done(town.get(f"/v1/people/{far}", admin))["posts"][0]["post"]
        if far == worlds.FAR_COLLECTOR:
            _done(town.post("/v1/deputies", admin, wish | {"post": held, "deputy": worlds.FAR_GRID}))
        _done(town.change(f"/v1/posts/{held}/end", worlds.ADMIN, REASON))
    for path in (f"/v1/deputies/{number}", "/v1/deputies", "/v1/staffing"):
        _done(town.get(path, admin))
    _done(town.change(f"/v1/deputies/{number}/end", worlds.CLERK, REASON))
    _done(
        town.post("/v1/staffing/pairs", admin, {"unit": worlds.LEAD, "primary": worlds.ADMIN, "deputy": worlds.ADMIN_B})
    )
    person = _done(town.post("/v1/people", admin, {"name": "王建国", "identity_number": "11010519491231002X"}))["id"]
    wish = {"person": person, "unit": worlds.REGION_LEAD, "role": "system_admin", **REASON}
    for step, body in (("rejection", REASON), ("approval", None)):
        number = _done(town.post("/v1/officers", admin, wish))["id"]
        _done(town.change(f"/v1/officers/{number}/{step}", worlds.SECURITY_ADMIN, body))
        _done(town.get("/v1/officers", admin))


def _handover_steps(town: worlds.Town) -> None:
    """A grid worker with a grant of his own and a deputyship leaves; his village is left without hands for a while."""
    admin, unit = worlds.SYSTEM_ADMIN, f"u-{worlds.OTHER_VILLAGE}-village"
    (root,) = town.granted(town.line(cells=["monitored.measures"]))
    helper = _done(
        town.post("/v1/people", admin, {"name": "马建国", "identity_number": draw("p-7003").identity_number})
    )["id"]
    work = {
        "role": "assistance_person",
        "cells": ["monitored.measures"],
        "operations": ["update"],
        "households": ["h-monitored"],
    }
    _done(town.post("/v1/posts", admin, {"person": helper, "unit": worlds.LEAD, "role": "assistance_person"}))
    town.delegated(root, holder=helper, **work)
    _done(town.post("/v1/edits", helper, town.edit(cell="monitored.measures", changes=[])))
    own = town.delegated(
        root, holder=worlds.OTHER_GRID, role="grid_worker", division=worlds.OTHER_VILLAGE, cells=["monitored.measures"]
    )
    heir = _done(town.post("/v1/people", admin, {"name": "王建军", "identity_number": draw("p-7004").identity_number}))[
        "id"
    ]
    held = _done(town.get(f"/v1/people/{worlds.OTHER_GRID}", admin))["posts"][0]["post"]
    seat = _done(town.post("/v1/posts", admin, {"person": heir, "unit": unit, "role": "grid_worker"}))["id"]
    wish = {"person": worlds.OTHER_GRID, "from_post": held, "unit": "u-640324100-township", "role": "township_reviewer"}
    moved = _done(town.post("/v1/transfers", worlds.ADMIN, wish | {"successor": heir, **REASON}))["id"]
    _done(town.get(f"/v1/transfers/{moved}", worlds.ADMIN))
    _done(town.post(f"/v1/transfers/{moved}/grants", worlds.ADMIN, {"grants": [own], **REASON}))
    _done(town.get(f"/v1/transfers/{moved}", worlds.ADMIN))
    wish = {"person": heir, "from_post": seat, "unit": "u-640324100-township", "role": "township_reviewer", **REASON}
    _done(town.post("/v1/transfers", worlds.ADMIN, wish))
    query = "household=h-monitored&cell=monitored.measures"
    _done(town.get(f"/v1/responsibility?{query}", worlds.AUDITOR))


def _people_steps(town: worlds.Town) -> None:
    admin = worlds.SYSTEM_ADMIN
    _done(town.post("/v1/units", admin, {"division": "640324102", "kind": "township", "name": "韦州镇人民政府"}))
    person = _done(town.post("/v1/people", admin, {"name": "马秀兰", "phone": "13812345678"}))["id"]
    _done(town.post(f"/v1/people/{person}/telephone", admin, REASON))
    number = {"identity_number": draw("p-7002").identity_number}
    _done(town.post(f"/v1/people/{person}/identity", admin, number | REASON))
    body = {"person": person, "unit": "u-640324-civil_affairs", "role": "department_officer", "post": "liaison"}
    post = _done(town.post("/v1/posts", admin, body))["id"]
    _done(town.get("/v1/me/disclosures", person))
    _done(town.change(f"/v1/posts/{post}/end", admin, REASON, thing=f"/v1/posts/{post}"))
    _done(town.post(f"/v1/people/{person}/tokens/revocation", admin, REASON))
    held = _done(town.get(f"/v1/people/{worlds.OTHER_COLLECTOR}", admin))["posts"][0]["post"]
    body = {
        "person": worlds.OTHER_COLLECTOR, "from_post": held, "unit": "u-640324100-township", "role": "township_reviewer",
        "successor": worlds.OTHER_GRID, **REASON,
    }  # fmt: skip
    _done(town.post("/v1/transfers", worlds.ADMIN, body))
    line = b'{"token":"h-new","division":"640324100201","population":"monitored"}'
    _done(town.post("/v1/households", worlds.ADMIN, line, content_type="application/x-ndjson"))
    house = "/v1/households/h-new"
    _done(town.change(f"{house}/move", worlds.ADMIN, {"division": worlds.OTHER_VILLAGE, **REASON}))
    _done(town.change(f"{house}/withdrawal", worlds.ADMIN, REASON))
    _done(town.change(f"{house}/move", worlds.ADMIN, {"division": worlds.OTHER_VILLAGE, **REASON}))
    _done(town.change(f"{house}/acceptance", worlds.ADMIN_B))
