"""What `openapi.json` says of every route beyond its own words: who may ask, with which headers, and every answer.

Routes say their summary and their body. Everything that is alike everywhere (the token, `If-Match`, the problems of
RFC 9457) is added here in one place, so that a new route is described in full by being there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems
from api.wire.words import HEADERS, PARTS, QUERIES, TAGS
from authz import refusal
from authz.refusal import Refusal

PROBLEMS: Mapping[int, Refusal] = {
    400: refusal.Unreadable(),
    401: refusal.Stranger(),
    403: refusal.NoGrant(missing="grant", who_can_grant=[{"unit": "u-640324-lead", "how": "delegation"}]),
    404: refusal.Unknown(),
    405: refusal.MethodNotAllowed(),
    409: refusal.WrongState(),
    412: refusal.Stale(),
    413: refusal.TooLarge(),
    415: refusal.UnsupportedType(),
    422: refusal.Misshapen(pointers=[{"pointer": "/lines/0/until", "message": "缺少必填项"}]),
    428: refusal.Unconditional(),
    503: refusal.Closed(),
}
"""One example per status; the codes of a status are listed beside it."""
ANSWERS: Mapping[str, Any] = json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8"))
"""An example of the answer that went well, by operation; tests compare their members with real answers."""
RECORDED_EXAMPLE = 17
VERSIONLESS = (
    "/delegations", "/objection", "/notes", "/tokens/revocation", "/units/{id}/confirmation", "/people/{id}/telephone",
    "/people/{id}/identity", "/approvals/{id}/withdrawal", "/questions",
    "/transfers/{id}/grants",
)  # fmt: skip
"""Sub-paths that make something new beside a thing, or that can happen to it only once: they need no If-Match."""
PAPERLESS = frozenset({
    "/v1/bootstrap", "/v1/cosignatures", "/v1/edits/import", "/v1/people/{id}/telephone", "/v1/policies/{digest}/questions",
})  # fmt: skip
"""Writes that keep no answer under an Idempotency-Key, one of them lest a telephone number be kept; nor do questions,
which are answered anew each time."""

NAMING = frozenset({
    "/v1/requests/draft", "/v1/responsibility", "/v1/approvals", "/v1/deputies", "/v1/replays", "/v1/ties", "/v1/transfers",
})  # fmt: skip
"""What is about a thing, named in the query or the body, that may be absent or not the caller's."""
PECULIAR: Mapping[tuple[str, str], frozenset[int]] = {
    ("get", "/v1/grants/{id}/renewal"): frozenset({409}),  # a renewal that waits already, or stands
    ("get", "/v1/requests/{id}/print"): frozenset({409}),  # a reply that was not given yet
    ("post", "/v1/cosignatures"): frozenset({403}),  # no token is asked, a known witness is
}

HASHES: Mapping[str, tuple[int, ...]] = {
    "/log/checkpoint": (503,), "/log/keys": (503,), "/log/sm3/checkpoint": (404, 503),
    "/log/tile/{level}/{path}": (404, 503), "/log/sm3/tile/{level}/{path}": (404, 503), "/v1/checkpoint": (503,),
    "/v1/consistency": (404, 422, 503), "/v1/entries/{id}/proof": (404, 422, 503),
}  # fmt: skip
"""What the public paths of the log answer where they cannot give what was asked."""

_CALLER = ("Mandate-Post", "Mandate-Device", "Mandate-Purpose", "Mandate-On-Behalf-Of")


def install(app: FastAPI, public: frozenset[str]) -> None:
    """Have the application describe itself in full. `public` paths need no token."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = described(app, public)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def described(app: FastAPI, public: frozenset[str]) -> dict[str, Any]:
    """The whole description, made anew."""
    told = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for path, verb, operation in operations(told):
        _complete(path, verb, operation, open_=path in public)
    told["components"] = {
        "schemas": {"Problem": _problem_schema(), "Recorded": _RECORDED},
        "responses": {_name(status): _problem(status) for status in PROBLEMS},
        "parameters": {name: _header(name) for name in HEADERS},
        "securitySchemes": {
            "bearer": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "登录凭证只说明是谁；岗位与权限一律以登记为准。",
            }
        },
    }  # fmt: skip
    told["security"] = [{"bearer": []}]
    return told


def operations(told: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, verb and description of every operation."""
    for path, verbs in told["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def versioned(path: str, verb: str) -> bool:
    """Whether this changes a thing that has a version, so that If-Match is asked."""
    return verb in ("post", "put") and "{" in path and not path.endswith(VERSIONLESS)


def statuses(path: str, verb: str, *, open_: bool) -> list[int]:
    """The statuses a problem of this operation may have."""
    writes = verb in ("post", "put")
    if open_ and not writes:
        return list(HASHES.get(path, (503,) if path == "/readyz" else ()))
    if path.startswith(problems.ACCESS):
        return [400, 401, 403, 413, 503]
    found = {401, 422, 503} | ({403} if not open_ else set())
    if "{" in path or path in NAMING:
        found |= {404}
    found |= PECULIAR.get((verb, path), frozenset())
    if writes:
        found |= {400, 409, 413, 415}
    if versioned(path, verb):
        found |= {412, 428}
    return sorted(found)


def _complete(path: str, verb: str, operation: dict[str, Any], *, open_: bool) -> None:
    operation["tags"] = [TAGS.get(path.strip("/").split("/")[1 if path.startswith("/v1/") else 0], "其他")]
    operation["operationId"] = f"{verb} {path}"
    if open_:
        operation["security"] = []
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = _inlined(content.get("schema", {}))
    operation["parameters"] = [*_parts(operation), *_headers(path, verb, open_=open_)]
    if not operation["parameters"]:
        del operation["parameters"]
    answers = {status: each for status, each in operation["responses"].items() if status[0] == "2"}
    for status, each in answers.items():
        example = ANSWERS.get(operation["operationId"])
        _success(each, verb, status, recorded=example is None or "entry" in example)
        if example is not None:
            each["content"]["application/json"].setdefault("example", example)
    for number in statuses(path, verb, open_=open_):
        answers[str(number)] = {"$ref": f"#/components/responses/{_name(number)}"}
    operation["responses"] = answers


def _parts(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parameters a route declares; those of path and query get their words."""
    found = []
    for each in operation.get("parameters", ()):
        kept = {name: value for name, value in each.items() if name != "schema"}
        schema = _inlined(each["schema"])
        if each["in"] == "path" and each["name"] in PARTS:
            kept["description"], kept["example"] = PARTS[each["name"]]
        if each["in"] == "query" and each["name"] in QUERIES:
            kept["description"] = QUERIES[each["name"]]
        found.append(kept | {"schema": schema})
    return found


def _headers(path: str, verb: str, *, open_: bool) -> list[dict[str, str]]:
    names = [] if open_ else list(_CALLER)
    if verb == "get":
        names += [] if open_ else ["At-Least"]
    elif path not in PAPERLESS and not path.startswith(problems.ACCESS):
        names += ["Idempotency-Key"] + (["If-Match"] if versioned(path, verb) else [])
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _header(name: str) -> dict[str, Any]:
    words, example = HEADERS[name]
    return {
        "name": name, "in": "header", "required": name == "If-Match", "description": words, "example": example,
        "schema": {"type": "string"},
    }  # fmt: skip


_RECORDED = {
    "type": "object",
    "description": "已办理并留痕",
    "required": ["entry"],
    "properties": {
        "entry": {"type": "integer", "description": "记录号"},
        "entries": {"type": "array", "items": {"type": "integer"}, "description": "产生多条记录时的全部记录号"},
        "id": {"description": "事项编号"},
        "state": {"type": "string", "description": "办理后的状态"},
    },
    "example": {"entry": RECORDED_EXAMPLE, "id": RECORDED_EXAMPLE},
}


def _success(each: dict[str, Any], verb: str, status: str, *, recorded: bool) -> None:
    """An answer that went well, with the number of its record or of several; what the route itself says of it stays."""
    if each["description"] == "Successful Response":
        each["description"] = "查询结果" if verb == "get" else "已登记" if status == "201" else "已办理"
    if verb != "get":
        each["headers"] = {
            "Log-Position": {"description": "答复时的日志位置", "schema": {"type": "integer"}},
        }  # fmt: skip
    for content in each.get("content", {}).values():
        if content.get("schema") in (None, {}):
            content["schema"] = (
                {"$ref": "#/components/schemas/Recorded"} if verb != "get" and recorded else {"type": "object"}
            )


# --- problems -------------------------------------------------------------------------------------------------------
def kinds(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Every refusal of the law's own tree, by subclass."""
    for each in kind.__subclasses__():
        if each.__module__ == refusal.__name__:
            yield each
            yield from kinds(each)


def codes(status: int) -> list[str]:
    """The codes that answers of this status may carry."""
    return sorted({each.code for each in kinds() if problems.status_of(each) == status})


def _name(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int) -> dict[str, Any]:
    refused = PROBLEMS[status]
    entry = RECORDED_EXAMPLE if refused.recorded else None
    return {
        "description": f"{type(refused).title}（{'、'.join(codes(status))}）",
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"}, "example": problems.problem(refused, entry),
            }
        },
    }  # fmt: skip


def _problem_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "RFC 9457 问题说明：title 说明原因和下一步，code 是固定代码",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"}, "code": {"type": "string", "enum": sorted({each.code for each in kinds()})},
            "entry": {"type": "integer", "description": "本次拒绝的记录号；不留痕的答复没有此项"},
            "missing": {"type": "string", "description": "首先缺少的条件"},
            "who_can_grant": {"type": "array", "items": {"type": "object"}, "description": "谁可以授予"},
            "explanation": {"type": "string", "description": "数据操作被拒的说明：缺什么、已能办什么、找谁、下一步"},
            "request": {"type": "string", "description": "可以申请的，由此调出预填的书面申请"},
            "pointers": {"type": "array", "items": {"type": "object"}, "description": "需要更正的位置和提示"},
        },
    }  # fmt: skip


def _inlined(schema: Mapping[str, Any]) -> Any:
    """A schema whose parts stand where they are used: two routes may call different parts by one name."""

    def flat(each: Any, parts: Mapping[str, Any]) -> Any:
        if isinstance(each, list):
            return [flat(item, parts) for item in each]
        if not isinstance(each, dict):
            return each
        parts = {**parts, **each.get("$defs", {})}
        if "$ref" in each:
            return flat(parts[each["$ref"].rsplit("/", 1)[1]], parts)
        return {name: inner(name, value, parts) for name, value in each.items() if name not in _OURS}

    def inner(name: str, value: Any, parts: Mapping[str, Any]) -> Any:
        if name == "properties":
            return {member: flat(schema, parts) for member, schema in value.items()}
        return value if name in ("default", "example", "const", "enum") else flat(value, parts)

    return flat(schema, {})


# Names of our classes and their docstrings are not the reader's.
_OURS = ("$defs", "title", "description")
