"""One walk through a town that is answered well by nearly every route: what those answers look like."""

from __future__ import annotations

import re
from typing import Any

import worlds
from routes import Round, Route, Things, routes

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
    _erasure_steps(town)
    readers = Round(town, things)
    for route in readers.routes:
        for person in () if route.writes else (worlds.AUDITOR, worlds.CLERK, worlds.COLLECTOR, worlds.SYSTEM_ADMIN):
            town.get(things.url(route.path) + _QUERIES.get(route.path, ""), person)
    town.client = client
    return watched.seen


_QUERIES = {
    "/v1/divisions": "?parent=640324", "/v1/deadline": "?from=2026-11-20&days=20&division=640324",
    "/v1/consistency": "?from=3", "/v1/responsibility": "?household=h-monitored&cell=monitored.income",
}  # fmt: skip


def _erasure_steps(town: worlds.Town) -> None:
    wish = {"household": "h-monitored", "member": "m-1", **REASON}
    number = _done(town.post("/v1/erasures", worlds.SECURITY_ADMIN, wish))["id"]
    assert town.get(f"/v1/erasures/{number}", worlds.AUDITOR).is_success
    _done(town.change(f"/v1/erasures/{number}/approval", worlds.APPROVER))


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
    _done(town.post("/v1/edits/batch", worlds.COLLECTOR, [town.edit()]))
    worker = {"responsibility": {"collected_by": worlds.COLLECTOR}}
    town.delegated(things.grant, holder=f"u-{worlds.VILLAGE}-village", role="grid_worker")
    named = _done(town.post("/v1/edits", worlds.GRID_WORKER, town.edit(**worker)))["entry"]
    _done(town.post(f"/v1/me/attributions/{named}/objection", worlds.COLLECTOR, REASON))


def _people_steps(town: worlds.Town) -> None:
    admin = worlds.SYSTEM_ADMIN
    _done(town.post("/v1/units", admin, {"division": "640324102", "kind": "township", "name": "韦州镇人民政府"}))
    person = _done(town.post("/v1/people", admin, {"name": "马秀兰", "phone": "13812345678"}))["id"]
    body = {"person": person, "unit": "u-640324-civil_affairs", "role": "department_officer", "post": "liaison"}
    post = _done(town.post("/v1/posts", admin, body))["id"]
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
    _done(town.change(f"{house}/acceptance", worlds.ADMIN_B))
