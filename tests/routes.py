"""Every route of an application, present and future: its URL on a small world, its example body, and what an answer owes.

`Round` asks the routes one after the other and gathers complaints, so that a checker can itself be checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import editions
import worlds
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import problems
from api.app import PUBLIC
from api.demo.world_names import draw
from api.wire import boundary, responses
from authz.refusal import Refusal

JSON = "application/json"
NOWHERE = "1"
HEADERS = [name.decode() for name, _ in (*boundary.ALWAYS, *boundary.UNLESS_SET)] + ["x-request-id"]


@dataclass(frozen=True)
class Route:
    """One operation of `openapi.json`."""

    verb: str
    path: str
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.verb.upper()} {self.path}"

    @property
    def writes(self) -> bool:
        return self.verb in ("post", "put")

    @property
    def asks(self) -> bool:
        """Whether it is a question of another system, which changes nothing."""
        return self.path.startswith(problems.ACCESS)

    @property
    def tries(self) -> bool:
        """Whether it is a question to a draft, which decides nothing."""
        return self.path.endswith("/questions")

    @property
    def public(self) -> bool:
        return self.path in PUBLIC

    def takes(self, header: str) -> bool:
        """Whether the description names this header."""
        return {"$ref": f"#/components/parameters/{header}"} in self.operation.get("parameters", ())

    def example(self) -> tuple[str | None, Any]:
        """Media type and example of the body, from the description itself."""
        for kind, content in self.operation.get("requestBody", {}).get("content", {}).items():
            if "example" in content:
                return kind, content["example"]
        return None, None


def routes(app: Any) -> list[Route]:
    app.openapi_schema = None
    return [Route(verb, path, operation) for path, verb, operation in responses.operations(app.openapi())]


@dataclass
class Things:
    """Something of each kind that paths name, so that a refusal is about the caller and not about an empty world."""

    request: int = 1
    grant: int = 1
    window: int = 1
    post: int = 1
    edit: int = 1
    sha256: str = "0" * 64
    erasure: int = 1
    deputy: int = 1
    officer: int = 1
    edition: int = 1
    replay: int = 1
    policy: str = "0" * 64
    tie: int = 1
    approval: int = 1
    transfer: int = 1

    @staticmethod
    def on(town: worlds.Town) -> Things:
        grant = town.granted()[0]
        town.delegated(grant)
        now = datetime.now(UTC)
        wish = {
            "notice": {"title": "关于统一开放帮扶措施核准的通知", "issuer": "自治区", "dated": now.date().isoformat()},
            "division": "64", "cells": ["lifted_out.measures"], "operations": ["update"], "data_year": now.year,
            "from": now.isoformat(), "until": (now + timedelta(days=9)).isoformat(),
        }  # fmt: skip
        window = town.post("/v1/windows", worlds.APPROVER, wish)
        edit = town.post("/v1/edits", worlds.COLLECTOR, town.edit())
        post = town.get(f"/v1/people/{worlds.OFFICER}", worlds.SYSTEM_ADMIN).json()["posts"][0]
        found = [answer.json()["entry"] for answer in (window, edit) if answer.status_code == 201]
        assert len(found) == 2, (window.text, edit.text)
        wish = {"household": "h-lifted", "reason": "保存期已满"}
        erasure = town.post("/v1/erasures", worlds.SECURITY_ADMIN, wish).json()["id"]
        deputy, officer = offices(town, (now + timedelta(days=9)).isoformat())
        place = editions.line("640324106", "丁糖镇", worlds.COUNTY)
        edition = editions.filed(town, editions.body({"640324106": place}))
        wish = {"policy": town.deployment.law.policy.digest, "from": "2026-01-01T00:00:00Z", "until": now.isoformat()}
        replay = town.post("/v1/replays", worlds.SECURITY_ADMIN, wish).json()["id"]
        narrowed = {"roles.csv": "p,grassroots,verify,lifted_out.measures,deny\n"}
        wish = {"division": worlds.COUNTY, "files": narrowed, "reason": "本县收窄"}
        policy = town.post("/v1/policies", worlds.ADMIN, wish).json()["policy"]
        wish = {"person": worlds.OTHER_GRID, "household": "h-lifted", "kind": "kin"}
        tie = town.post("/v1/ties", worlds.ADMIN, wish).json()["id"]
        return Things(
            town.received(), grant, found[0], post["post"], found[1], town.paper(), erasure, deputy, officer,
            edition=edition, replay=replay, policy=policy, tie=tie, approval=agreed(town),
            transfer=transferred(town),
        )  # fmt: skip

    def url(self, path: str) -> str:
        """The path with its parts filled in; a kind of thing nobody made here is one that does not exist."""
        kinds = {
            "requests": self.request, "grants": self.grant, "windows": self.window, "posts": self.post,
            "people": worlds.OFFICER, "entries": self.edit, "attributions": self.edit, "attachments": self.sha256,
            "divisions": worlds.COUNTY, "households": "h-monitored", "tile": "0", "editions": self.edition, "units": f"u-{worlds.VILLAGE}-village", "erasures": self.erasure,
            "deputies": self.deputy, "officers": self.officer, "replays": self.replay, "policies": self.policy, "ties": self.tie, "approvals": self.approval,
            "transfers": self.transfer,
        }  # fmt: skip

        def filled(match: re.Match[str]) -> str:
            return f"{match[1]}/{kinds.get(match[1], NOWHERE)}"

        return re.sub(r"([a-z]+)/\{\w+\}", filled, path.replace("{path}", "000.p/1"))


def offices(town: worlds.Town, until: str) -> tuple[int, int]:
    """A deputyship among people who act in no walk, and a proposal of an officer."""
    held = town.get(f"/v1/people/{worlds.OTHER_COLLECTOR}", worlds.SYSTEM_ADMIN).json()["posts"][0]["post"]
    wish = {"post": held, "deputy": worlds.OTHER_GRID, "until": until, "reason": "外出培训"}
    deputy = town.post("/v1/deputies", worlds.ADMIN, wish).json()["id"]
    number = draw("p-7001").identity_number
    person = town.post("/v1/people", worlds.SYSTEM_ADMIN, {"name": "王建国", "identity_number": number}).json()["id"]
    wish = {"person": person, "unit": worlds.REGION_LEAD, "role": "audit_admin", "reason": "轮岗"}
    return deputy, town.post("/v1/officers", worlds.SYSTEM_ADMIN, wish).json()["id"]


def agreed(town: worlds.Town) -> int:
    """An approval that nobody uses."""
    cell, operation, now = "monitored.risk_elimination", "rollback_elimination", datetime.now(UTC)
    town.granted(town.line(cells=[cell], operations=[operation, "review"]))
    wish = {
        "person": worlds.ADMIN, "household": "h-monitored", "cell": cell, "operation": operation, "data_year": now.year,
        "until": (now + timedelta(days=1)).isoformat(), "reason": "入户复核",
    }  # fmt: skip
    return int(town.post("/v1/approvals", worlds.ADMIN_B, wish).json()["id"])


def transferred(town: worlds.Town) -> int:
    """A transfer of somebody who acts in no walk."""
    held = town.get(f"/v1/people/{worlds.FAR_REVIEWER}", worlds.SYSTEM_ADMIN).json()["posts"][0]["post"]
    wish = {
        "person": worlds.FAR_REVIEWER, "from_post": held, "unit": "u-640324-civil_affairs", "role": "department_officer",
        "reason": "工作调动",
    }  # fmt: skip
    return int(town.post("/v1/transfers", worlds.ADMIN, wish).json()["id"])


@dataclass
class Round:
    """A walk over the routes of a town. Every answer is looked at; what is wrong is gathered in `complaints`."""

    town: worlds.Town
    things: Things
    complaints: list[str] = field(default_factory=list)
    only: str = ""
    """Walk only where this stands in the path."""

    @property
    def routes(self) -> list[Route]:
        return [route for route in routes(self.town.app) if self.only in route.path]

    def complain(self, route: object, because: str) -> None:
        self.complaints.append(f"{route}: {because}")

    def ask(
        self, route: Route, token: str | None, body: Any = None, verb: str | None = None, match: str | None = '"1"',
        key: str | None = None,
    ) -> Any:  # fmt: skip
        """Ask with the example of the description, or with another body of the same kind."""
        kind, example = route.example()
        body = example if body is None else body
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if match is not None and route.writes:
            headers["If-Match"] = match
        if key is not None:
            headers["Idempotency-Key"] = key
        content = b""
        if kind is not None:
            headers["Content-Type"] = kind
            content = json.dumps(body, ensure_ascii=False).encode() if kind == JSON else str(body).encode()
        answer = self.town.client.request(
            verb or route.verb.upper(), self.things.url(route.path), headers=headers, content=content
        )
        for each in owed(answer):
            self.complain(route, each)
        return answer

    def last_decision(self) -> str | None:
        with self.town.deployment.database.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT decision FROM entry ORDER BY number DESC LIMIT 1").scalar_one()
        return str(found) if found is not None else None


def owed(answer: Any) -> Iterator[str]:
    """What every answer owes and this one lacks."""
    if answer.status_code >= 500 and answer.status_code != 503:
        yield f"answered {answer.status_code}"
    missing = [name for name in HEADERS if name not in answer.headers]
    if missing:
        yield f"lacks the headers {missing}"
    if answer.status_code < 400 or not answer.content:
        return
    if answer.headers.get("content-type") != problems.MEDIA_TYPE:
        yield "is no problem"
    elif not {"type", "title", "status", "detail", "code"} <= answer.json().keys():
        yield "is no whole problem"
    elif answer.json()["status"] != answer.status_code:
        yield "says another status than it has"


def forged(token: str) -> str:
    """The token with another letter in its signature. Not the last ones: one signature in sixteen ends in `AA`."""
    return token[:-40] + ("A" if token[-40] != "A" else "B") + token[-39:]


def objects(example: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of each object inside an example."""
    if isinstance(example, dict):
        yield place
    for key, each in (
        example.items() if isinstance(example, dict) else enumerate(example) if isinstance(example, list) else ()
    ):
        yield from objects(each, (*place, key))


# --- routes as nobody should write them ---------------------------------------------------------------------------
def careless(
    verb: str, path: str, answer: Callable[[bytes], Response], example: Any = None, *, hidden: bool = False
) -> APIRouter:
    """A route as nobody should write it."""
    router = APIRouter()

    async def route(request: Request) -> Response:
        return answer(await request.body())

    body = {} if example is None else {"requestBody": {"content": {JSON: {"schema": {}, "example": example}}}}
    router.add_api_route(path, route, methods=[verb], openapi_extra=body, include_in_schema=not hidden)
    return router


def told(status: int, body: bytes = b"{}", kind: str = JSON) -> Callable[[bytes], Response]:
    return lambda given: Response(body, status, media_type=kind)


def refused(fault: Refusal) -> Callable[[bytes], Response]:
    def answer(given: bytes) -> Response:
        raise fault

    return answer
