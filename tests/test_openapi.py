"""`openapi.json` is the full truth of the interface: it is what the application says, and it says enough of each route."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import described
import golden_openapi
import pytest
from starlette.testclient import TestClient

from api import pep, problems
from api.app import PUBLIC
from api.settings import Settings
from api.wire import fields, responses

ROOT = Path(__file__).parent.parent
CHINESE = re.compile("[\u4e00-\u9fff]{2,}")
BODILESS = {
    "/v1/divisions/editions/{id}/confirmation": "confirming says nothing beyond which edition",
    "/v1/officers/{id}/approval": "approving says nothing beyond which proposal",
    "/v1/policies/{digest}/adoption": "adopting says nothing beyond which set",
    "/v1/erasures/{id}/approval": "approving says nothing beyond which erasure",
    "/v1/households/{token}/acceptance": "accepting says nothing beyond which household",
    "/v1/requests/{id}/signature": "signing says nothing beyond which request",
}


def golden() -> dict[str, Any]:
    return dict(json.loads(golden_openapi.GOLDEN.read_bytes()))


def complaints(told: dict[str, Any], public: frozenset[str] = PUBLIC) -> list[str]:
    """What the description does not say of its routes."""
    found = []
    for path, verb, operation in responses.operations(told):
        found += [f"{verb} {path}: {each}" for each in said_too_little(path, verb, operation, public)]
    names = [operation["operationId"] for _, _, operation in responses.operations(told)]
    found += [f"{each} twice" for each in sorted({name for name in names if names.count(name) > 1})]
    return found + [f"{each} leads nowhere" for each in references(told) if not resolves(told, each)]


def said_too_little(path: str, verb: str, operation: dict[str, Any], public: frozenset[str]) -> Iterator[str]:
    if not CHINESE.search(operation.get("summary", "")):
        yield "no Chinese summary"
    if not any(status[0] == "2" for status in operation["responses"]):
        yield "no answer that went well"
    shape = "400" if path.startswith(problems.ACCESS) else "422"
    if path not in public and not {"401", "403", shape, "503"} <= set(operation["responses"]):
        yield "no word of the usual problems"
    if path not in public and operation.get("security") == []:
        yield "no token asked"
    if "{" in path and "404" not in operation["responses"]:
        yield "a thing may be absent"
    if any(
        CHINESE.search(each.get("description", "")) is None
        for each in operation["responses"].values()
        if "$ref" not in each
    ):
        yield "an answer without Chinese words"
    if re.findall(r"\{(\w+)\}", path) != [
        each["name"] for each in operation.get("parameters", ()) if each.get("in") == "path"
    ]:
        yield "a part of the path is not described"
    if any("example" not in each for each in operation.get("parameters", ()) if each.get("in") == "path"):
        yield "a part of the path has no example"
    if any(not CHINESE.search(each.get("description", "")) for each in operation.get("parameters", ()) if "in" in each):
        yield "a parameter without Chinese words"
    if verb != "get" and path not in BODILESS:
        yield from body_says_too_little(operation)


def body_says_too_little(operation: dict[str, Any]) -> Iterator[str]:
    contents = operation.get("requestBody", {}).get("content", {})
    if not contents or not all(each.get("schema") for each in contents.values()):
        yield "no body"
    elif not any("example" in each for each in contents.values()):
        yield "no example of its body"
    elif "application/json" in contents:
        yield from unlike(contents["application/json"]["example"], contents["application/json"]["schema"], "")


def unlike(example: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    """Where an example has members its schema does not know, or lacks some it needs."""
    if schema.get("type") == "array":
        for number, item in enumerate(example):
            yield from unlike(item, schema.get("items", {}), f"{place}/{number}")
    elif schema.get("type") == "object" and isinstance(example, dict) and "patternProperties" not in schema:
        known = schema.get("properties", {})
        yield from (f"example has {place}/{name}, the schema has not" for name in example if name not in known)
        yield from (f"example lacks {place}/{name}" for name in schema.get("required", ()) if name not in example)
        for name in known.keys() & example.keys():
            yield from unlike(example[name], known[name], f"{place}/{name}")


def references(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        if isinstance(told.get("$ref"), str):
            yield told["$ref"]
        told = list(told.values())
    if isinstance(told, list):
        for each in told:
            yield from references(each)


def resolves(told: Any, reference: str) -> bool:
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(told, dict) or part not in told:
            return False
        told = told[part]
    return True


def test_the_golden_file_is_what_the_application_says() -> None:
    assert golden_openapi.content() == golden_openapi.GOLDEN.read_bytes(), "make golden, and read the difference"


def test_the_description_is_the_same_every_time() -> None:
    assert golden_openapi.content() == golden_openapi.content()


def test_every_route_says_enough_of_itself() -> None:
    assert complaints(golden()) == []


def test_the_version_is_that_of_the_product() -> None:
    assert golden()["info"]["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_it_is_served_to_anybody_at_its_usual_place() -> None:
    with_host = TestClient(golden_openapi.app(), base_url=Settings.read({}).base_url)
    answer = with_host.get("/openapi.json")
    assert (answer.status_code, answer.json()) == (200, golden())


def test_every_code_of_every_refusal_is_described() -> None:
    told = golden()
    described = {code for status in responses.PROBLEMS for code in responses.codes(status)}
    undescribed = {each.code for each in responses.kinds() if problems.status_of(each) not in (429, 431)} - described
    assert not undescribed
    assert {each.code for each in responses.kinds()} == set(
        told["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    )
    for status in responses.PROBLEMS:
        answer = told["components"]["responses"][f"Problem{status}"]
        example = answer["content"][problems.MEDIA_TYPE]["example"]
        assert example["status"] == status
        assert example["code"] in answer["description"]


@pytest.mark.parametrize(
    ("because", "spoil"),
    [
        ("no Chinese summary", lambda one: one.update(summary="Draft")),
        ("no Chinese summary", lambda one: one.pop("summary")),
        ("a parameter without Chinese words", lambda one: one["parameters"].append({"name": "x", "in": "query"})),
        ("no body", lambda one: one.pop("requestBody")),
        ("no example of its body", lambda one: one["requestBody"]["content"]["application/json"].pop("example")),
        ("no word of the usual problems", lambda one: one["responses"].pop("403")),
        ("no token asked", lambda one: one.update(security=[])),
        ("leads nowhere", lambda one: one["responses"].update({"409": {"$ref": "#/components/responses/Nowhere"}})),
        ("the schema has not", lambda one: one["requestBody"]["content"]["application/json"]["example"].update(more=1)),
        ("example lacks", lambda one: one["requestBody"]["content"]["application/json"]["example"].pop("lines")),
        ("twice", lambda one: one.update(operationId="get /v1/requests")),
    ],
)
def test_a_route_that_says_too_little_is_noticed(because: str, spoil: Any) -> None:
    told = copy.deepcopy(golden())
    spoil(told["paths"]["/v1/requests"]["post"])
    assert any(because in each for each in complaints(told))


def test_a_query_is_described_by_its_model() -> None:
    class Asking(fields.Query):
        household: fields.HouseholdToken
        limit: fields.Limit = 100

    told = pep.queried(Asking)["parameters"]
    assert [(each["name"], each["required"]) for each in told] == [("household", True), ("limit", False)]


def test_two_parts_of_one_name_do_not_mix() -> None:
    """Requests and replies both call a part `DocumentBody`; only the request's has an addressee."""
    told = golden()["paths"]

    def letter(path: str) -> dict[str, Any]:
        body = told[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        return dict(body["properties"]["document"]["properties"])

    assert "addressee" in letter("/v1/requests")
    assert "addressee" not in letter("/v1/requests/{id}/decision")


def test_an_answer_that_is_not_described_is_noticed() -> None:
    """Negative control of the client that every test of a route speaks through."""
    assert described.undescribed("GET", "/v1/me", 404)
    assert described.undescribed("POST", "/v1/requests/17/signature", 202)
    assert described.undescribed("GET", "/v1/requests/draft", 409), "the path without parts is meant"
    assert not described.undescribed("GET", "/v1/requests/draft", 404)
    assert not described.undescribed("GET", "/v1/nothing/of/the/kind", 404), "there is no such operation"
