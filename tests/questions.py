"""Questions over HTTP, for tests: whole searches page by page, and the brute force they are compared with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from worlds import AUDITOR, COLLECTOR, VILLAGE, Town

ONE, MANY = "/access/v1/evaluation", "/access/v1/evaluations"
YEAR = datetime.now(UTC).year
SEARCH = "/access/v1/search/"


def listed(town: Town, sought: str, body: dict[str, Any], asker: str = AUDITOR, limit: int | None = None) -> list[str]:
    """All pages of a search."""
    page: dict[str, Any] = {} if limit is None else {"limit": limit}
    found: list[str] = []
    while True:
        answer = town.post(SEARCH + sought, asker, body | {"page": page})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert list(told) == ["page", "results"]
        assert limit is None or len(told["results"]) <= limit
        for each in told["results"]:
            assert set(each) == ({"name"} if sought == "action" else {"type", "id"})
            found.append(each.get("name") or each["id"])
        if not told["page"]["next_token"]:
            return found
        page = page | {"token": told["page"]["next_token"]}


def yes(town: Town, whole: dict[str, Any], items: dict[str, dict[str, Any]], asker: str = AUDITOR) -> list[str]:
    """Those items of a batch that are answered yes: brute force."""
    names = list(items)
    answer = town.post("/access/v1/evaluations", asker, whole | {"evaluations": [items[name] for name in names]})
    told = answer.json()["evaluations"]
    return sorted(name for name, each in zip(names, told, strict=True) if each["decision"])


def person(id: str) -> dict[str, str]:
    return {"type": "person", "id": id}


def question(person: str = COLLECTOR, action: str = "update", **more: Any) -> dict[str, Any]:
    properties = {"division": VILLAGE, "data_year": YEAR} | more.pop("properties", {})
    return {
        "subject": {"type": "person", "id": person}, "action": {"name": action},
        "resource": {"type": "monitored.income", "id": "h-monitored", "properties": properties},
    } | more  # fmt: skip


def decision(answer: Any) -> bool:
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert set(told) == {"decision"}
    return bool(told["decision"])


def kinds(town: Town, since: int) -> list[str]:
    with town.deployment.database.engine.connect() as connection:
        statement = f"SELECT kind FROM entry WHERE number >= {since} ORDER BY number"
        return list(connection.exec_driver_sql(statement).scalars())


def facts(town: Town, since: int) -> list[dict[str, Any]]:
    with town.deployment.database.engine.connect() as connection:
        statement = f"SELECT bytes FROM entry WHERE number >= {since} ORDER BY number"
        return [json.loads(bytes(each))["fact"] for each in connection.exec_driver_sql(statement).scalars()]
