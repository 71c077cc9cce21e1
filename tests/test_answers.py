"""The examples of answers in `openapi.json` have the members that real answers have, no more and no fewer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import answers
import golden_openapi
import worlds
from conftest import World

from api.wire import responses

UNPLAYED = {
    "post /v1/bootstrap": "a town has its administrator already; its answer holds a token",
    "post /v1/cosignatures": "a town has no witness",
}


def members(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every member, with the place of the object it belongs to. Facts have the members of their kind, values their paths."""
    if isinstance(value, dict) and not place.endswith(("/fact", "/values")):
        for name, each in value.items():
            yield place, name
            yield from members(each, f"{place}/{name}")
    elif isinstance(value, list):
        for each in value:
            yield from members(each, place + "[]")


def compared(seen: answers.Seen) -> list[str]:
    """Members an example lacks, or has and no real answer; what differs by who asks may be in any of them."""
    found = []
    for name, real in seen.items():
        example = set(members(responses.ANSWERS.get(name, {})))
        given = {each for answer in real for each in members(answer)} - {("", "cursor"), ("", "entries")}
        objects = {place for place, _ in example} | {""}
        found += [
            f"{name} has {place}/{each}, the example not" for place, each in sorted(given - example) if place in objects
        ]
        found += [
            f"{name} has no {place}/{each}"
            for place, each in sorted(example - given)
            if each not in ("cursor", "entries")
        ]
    return found


def test_examples_look_like_answers(database: World) -> None:
    with worlds.Town(database) as town:
        seen = answers.walk(town)
    assert compared(seen) == []
    told = {
        operation["operationId"]
        for _, _, operation in responses.operations(golden_openapi.app().openapi())
        if any("application/json" in answer.get("content", {}) for answer in operation["responses"].values())
    }
    assert told - seen.keys() == set(UNPLAYED), "play the new route in tests/answers.py, or say why not"
    assert told - responses.ANSWERS.keys() == set(UNPLAYED), "write an example of its answer into api/wire/answers.json"


def test_an_example_that_is_out_of_date_is_noticed() -> None:
    spoiled = {"get /healthz": [{"state": "ok"}]}
    assert compared(spoiled) == ["get /healthz has /state, the example not", "get /healthz has no /status"]
