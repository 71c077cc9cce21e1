"""The log for everybody: signed checkpoints, proofs and tiles. Hashes only, so no token is asked and nothing recorded.

    /log/checkpoint  /v1/checkpoint        the latest signed checkpoint with its cosignatures (C2SP tlog-checkpoint)
    /log/sm3/checkpoint  /log/sm3/tile/... the same of the SM3 tree, where it is kept; proofs with `hash=sm3`
    /log/tile/<L>/<N>[.p/<W>]              256 hashes, or the first W of them (C2SP tlog-tiles)
    /log/keys                              every key that ever signed, the one in force first, a vkey a line
    /v1/entries/{id}/proof  /v1/consistency

What holds entries themselves, `/log/tile/entries/`, needs `log.read` over the whole region and is recorded first.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api import pep
from api.entries import FilterQuery, ReadLog, record, wished
from api.pep import Wish
from api.wire import fields
from audit import cosignature, head, keyring, nodes, note, second
from audit.nodes import WIDTH, Store, Torn
from audit.note import BadNote
from audit.tree import TILE
from authz import refusal
from authz.refusal import Misshapen
from authz.register import Reads

router = APIRouter()
LASTING = {"Cache-Control": "public, max-age=31536000, immutable"}
FLEETING = {"Cache-Control": "no-cache"}
DEEPEST = 63
_TILE = re.compile(r"((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_LEVEL = re.compile("0|[1-9][0-9]?")
_OPEN = re.compile(
    r"/log/(?:checkpoint|sm3/checkpoint|keys|(?:sm3/)?tile/[0-9]+/.+)|/v1/(?:checkpoint|consistency|entries/[^/]+/proof)"
)


PUBLIC = frozenset(
    {
        "/log/checkpoint", "/log/sm3/checkpoint", "/log/keys", "/log/tile/{level}/{path}",
        "/log/sm3/tile/{level}/{path}", "/v1/checkpoint", "/v1/consistency", "/v1/entries/{id}/proof",
    }
)  # fmt: skip


def public(path: str) -> bool:
    """Whether this path gives out hashes only."""
    return _OPEN.fullmatch(path) is not None


class Hashed(fields.Query):
    hash: Literal["sha256", "sm3"] = "sha256"


class ProofQuery(Hashed):
    size: fields.WrittenNumber | None = None


class ConsistencyQuery(Hashed):
    begin: Annotated[fields.WrittenNumber, Field(alias="from")]
    to: fields.WrittenNumber | None = None


# --- checkpoints ----------------------------------------------------------------------------------------------------
@router.get("/log/checkpoint", summary="最新的签名检查点", response_class=PlainTextResponse)
@router.get("/v1/checkpoint", summary="最新的签名检查点（同 /log/checkpoint）", response_class=PlainTextResponse)
def checkpointed(request: Request) -> Response:
    """The latest checkpoint with all cosignatures of exactly this one."""
    return _latest(request, pep.deployment(request).origin)


@router.get("/log/sm3/checkpoint", summary="国密 SM3 日志树的签名检查点（启用后）", response_class=PlainTextResponse)
def checkpointed_sm3(request: Request) -> Response:
    """The latest checkpoint of the second tree over the same bytes; absent unless `log_sm3` is set."""
    _kept(request)
    return _latest(request, pep.deployment(request).origin + second.SUFFIX)


def _kept(request: Request) -> None:
    """Return if this log keeps a second tree."""
    if not pep.deployment(request).law.policy.number("log_sm3"):
        raise refusal.Unknown()


def _tree(request: Request, connection: Any, hash: str) -> tuple[int, Store | None]:
    """The size that the tree of this hash function has reached, and where it is read."""
    if hash == "sha256":
        return head.read(connection).size, None
    _kept(request)
    return second.size(connection, pep.deployment(request).origin), second.STORE


def _latest(request: Request, origin: str) -> Response:
    with _reading(request) as connection:
        signed = cosignature.signed(connection, origin)
        if signed is None:
            raise refusal.Closed("日志尚未签发检查点，请稍后重试")
    # Only cosignatures that verify: a row somebody slipped into the table must not spoil the note for its readers.
    return _text(note.format(request.app.state.council.cosigned(signed)))


@router.get("/log/keys", summary="日志签名公钥", response_class=PlainTextResponse)
def keys(request: Request) -> Response:
    """Every key that ever signed this log."""
    with _reading(request) as connection:
        found = keyring.verifiers(connection)
    return _text("".join(f"{each.vkey}\n" for each in found))


def _text(content: str) -> Response:
    return Response(content, 200, FLEETING, "text/plain; charset=utf-8")


# --- proofs ---------------------------------------------------------------------------------------------------------
@router.get("/v1/entries/{id}/proof", summary="一条记录在日志中的证明", openapi_extra=pep.queried(ProofQuery))
def proven(request: Request, id: str) -> Response:
    """The inclusion proof of an entry, in the tree of `size` or of the log as it is."""
    number = pep.number(id)
    with _reading(request) as connection:
        if number >= head.read(connection).size:
            raise refusal.Unknown()
        query = fields.read_query(request.url.query.encode(), ProofQuery)
        reached, store = _tree(request, connection, query.hash)
        asked = query.size
        size = _reached("/size", asked, reached, least=number + 1)
        found = nodes.inclusion(connection, number, size, store)
    members = {
        "number": number, "size": size, "leaf": _base64(found.leaf), "root": _base64(found.root),
        "path": [_base64(each) for each in found.path],
    }  # fmt: skip
    return Response(pep.encoded(members), 200, FLEETING if asked is None else LASTING, "application/json")


@router.get("/v1/consistency", summary="日志只增不改的证明", openapi_extra=pep.queried(ConsistencyQuery))
def consistent(request: Request) -> Response:
    """The proof that the log at `from` is the beginning of the log at `to`, or as it is."""
    query = fields.read_query(request.url.query.encode(), ConsistencyQuery)
    with _reading(request) as connection:
        reached, store = _tree(request, connection, query.hash)
        later = _reached("/to", query.to, reached, least=1)
        first = _reached("/from", query.begin, later, least=1)
        found = nodes.consistency(connection, first, later, store)
    members = {
        "from": first, "to": later, "from_root": _base64(found.first_root), "to_root": _base64(found.second_root),
        "path": [_base64(each) for each in found.path],
    }  # fmt: skip
    return Response(pep.encoded(members), 200, FLEETING if query.to is None else LASTING, "application/json")


def _reached(pointer: str, asked: int | None, most: int, *, least: int) -> int:
    size = most if asked is None else asked
    if not least <= size <= most:
        raise Misshapen(pointers=[{"pointer": pointer, "message": f"应在 {least} 与 {most} 之间"}])
    return size


def _base64(hashed: bytes) -> str:
    return base64.b64encode(hashed).decode()


# --- tiles ----------------------------------------------------------------------------------------------------------
@router.get("/log/tile/entries/{path:path}", summary="一组记录的原文（全区范围的查阅人员）", response_class=Response)
async def bundle(request: Request, path: str) -> Response:
    """The bytes of up to 256 entries, each behind its length; recorded before anything is shown."""
    who = pep.caller(request)
    scene = await run_in_threadpool(pep.look, request, Reads())
    begin, width = _tile(path)
    _within(begin + width, scene.size)
    wish = wished(request, fields.Query)
    if wish.fault is None:
        # Whose post reaches less than the whole region is refused: a bundle cannot be cut to what he may see.
        root = next(each.code for each in pep.deployment(request).law.divisions.roots())
        wish = Wish(FilterQuery(division=root))
    read, _ = await record(request, ReadLog(ref=pep.new_ref(), caller=who, form="tile", wish=wish, subject=begin))
    if read.response is not None:
        return read.response

    def answer() -> Response:
        with _reading(request) as connection:
            found = nodes.bundle(connection, begin, begin + width)
        return Response(found, 200, {"Log-Position": str(read.size + 1)}, "application/octet-stream")

    return await run_in_threadpool(answer)


@router.get("/log/tile/{level}/{path:path}", summary="一组散列值（C2SP tlog-tiles）", response_class=Response)
def tile(request: Request, level: str, path: str) -> Response:
    """256 hashes of one level, or the first so many: any width that the log has reached."""
    if not _LEVEL.fullmatch(level) or int(level) > DEEPEST:
        raise refusal.Unknown()
    begin, width = _tile(path)
    with _reading(request) as connection:
        _within(begin + width, head.read(connection).size >> (int(level) * TILE))
        found = nodes.tile(connection, int(level), begin // WIDTH, width)
    return Response(found, 200, LASTING, "application/octet-stream")


@router.get(
    "/log/sm3/tile/{level}/{path:path}", summary="国密 SM3 日志树的一组散列值（启用后）", response_class=Response
)
def tile_sm3(request: Request, level: str, path: str) -> Response:
    """The same of the second tree: at most 256 entries are hashed for it; absent unless `log_sm3` is set."""
    if not _LEVEL.fullmatch(level) or int(level) > DEEPEST:
        raise refusal.Unknown()
    _kept(request)
    begin, width = _tile(path)
    with _reading(request) as connection:
        _within(begin + width, second.size(connection, pep.deployment(request).origin) >> (int(level) * TILE))
        found = second.tile(connection, int(level), begin // WIDTH, width)
    return Response(found, 200, LASTING, "application/octet-stream")


def _tile(path: str) -> tuple[int, int]:
    """The first number and the width of a tile by its path; any other spelling is a thing that does not exist."""
    parts = _TILE.fullmatch(path)
    if parts is None or len(path) > 2 * DEEPEST:
        raise refusal.Unknown()
    number = int(parts[1].replace("x", "").replace("/", "") + parts[2])
    width = WIDTH if parts[3] is None else int(parts[3])
    if parts[1].startswith("x000/") or width > WIDTH - (parts[3] is not None):
        raise refusal.Unknown()
    return number * WIDTH, width


def _within(end: int, reached: int) -> None:
    if end > reached:
        raise refusal.Unknown()


@contextmanager
def _reading(request: Request) -> Iterator[Any]:
    """A connection to answer from; a tree with holes, or a note that is none, is not answered from."""
    try:
        with head.reading(pep.deployment(request).database.engine) as connection:
            yield connection
    except (Torn, BadNote):
        raise refusal.Closed("日志的散列树或检查点不完整，请联系系统管理员运行 mandate fsck") from None
