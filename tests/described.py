"""A client that holds every answer against `openapi.json`: a status the description does not name fails the test."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from golden_openapi import GOLDEN
from starlette.testclient import TestClient

PART = re.compile(r"\\\{(\w+)\\\}")
OUTSIDE = frozenset({("GET", 400), *((verb, status) for verb in ("GET", "POST", "PUT") for status in (405, 431))})
"""What is answered to a line or headers that no operation is asked with, such as a foreign Host."""
PARTS = {"path": ".+", "level": "[0-9]+"}
"""What parts of a path look like that are not one word."""


@cache
def operations() -> tuple[tuple[re.Pattern[str], str, frozenset[str]], ...]:
    """Every path as a pattern, those without parts first; verb; the statuses described."""
    told = json.loads(GOLDEN.read_bytes())["paths"]
    return tuple(
        (_pattern(path), verb.upper(), frozenset(operation["responses"]))
        for path, verbs in sorted(told.items(), key=lambda each: "{" in each[0])
        for verb, operation in verbs.items()
    )


def _pattern(path: str) -> re.Pattern[str]:
    def part(found: re.Match[str]) -> str:
        return PARTS.get(found[1], "[^/]+")

    return re.compile(PART.sub(part, re.escape(path)))


def undescribed(verb: str, path: str, status: int) -> bool:
    """Whether the operation at this path exists, and its description lacks the status."""
    first = next(
        (told for pattern, told_verb, told in operations() if told_verb == verb and pattern.fullmatch(path)), None
    )
    return first is not None and (verb, status) not in OUTSIDE and str(status) not in first


class Described(TestClient):
    """Every answer through it is one the description names."""

    def request(self, method: str, url: Any, **given: Any) -> Any:  # type: ignore[override]
        answer = super().request(method, url, **given)
        path = urlsplit(str(url)).path
        assert not undescribed(method.upper(), path, answer.status_code), (
            f"{method} {path} answers {answer.status_code}: {answer.text}"
        )
        return answer
