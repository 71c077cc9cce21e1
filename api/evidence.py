"""Evidence over HTTP: one entry with all that explains it, as a file that is verified without this service.

The reading is recorded before anything is given out. The file is proved against the newest signed checkpoint; where
the entry is younger than that, the answer waits for the next one.
"""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import lines, pep
from api.entries import ReadLog, record, sees, wished
from api.wire import fields
from audit import checkpoint, evidence, head, keyring, note, search
from audit.entry import Entry
from audit.evidence import Package
from authz import refusal
from authz.decision import Scene
from authz.division import Divisions
from authz.register import Reads

router = APIRouter()
PATIENCE, PAUSE = 10.0, 0.1


class EvidenceQuery(fields.Query):
    values: fields.Flag = False


@router.get(
    "/v1/entries/{id}/evidence", summary="一条记录的证据文件（可离线核对）", openapi_extra=pep.queried(EvidenceQuery)
)
async def packed(request: Request, id: str) -> Response:
    """The entry, its instrument, approval, grant chain, policy, trace, proofs and checkpoint; `values` opens its own values."""
    who, number = pep.caller(request), pep.number(id)
    scene = await run_in_threadpool(pep.look, request, Reads())

    def peek() -> None:
        with head.reading(pep.deployment(request).database.engine) as connection:
            found = search.one(connection, number)
        if found is None or not sees(found, scene):
            raise refusal.Unknown()

    await run_in_threadpool(peek)
    wish = wished(request, EvidenceQuery)
    act = ReadLog(ref=pep.new_ref(), caller=who, form="evidence", wish=wish, subject=number)
    read, scene = await record(request, act)
    if read.response is not None:
        return read.response
    opened = wish.take().values and read.values
    content = await run_in_threadpool(_made, request, scene, number, opened)
    headers = {
        "Content-Disposition": f'attachment; filename="evidence-{number}.json"',
        "Log-Position": str(read.size + 1),
    }
    return Response(content, 200, headers, "application/json")


def _made(request: Request, scene: Scene, number: int, opened: bool) -> bytes:
    house = pep.deployment(request)
    deadline = time.monotonic() + PATIENCE
    while True:
        with head.reading(house.database.engine) as connection:
            printed = evidence.covering(connection, house.origin, number)
            if printed is not None:
                size = checkpoint.parse(note.parse(printed).text).size
                key = signed_by(printed, keyring.verifiers(connection))
                found = search.one(connection, number)
                assert found is not None
                digest = found.fact.plain().get("policy")
                return evidence.made(connection, Package(
                    number, printed, size, key, _places(found, house.laws.on_record(connection, number).divisions),
                    None if digest is None else (digest, house.laws.texts(connection, digest)),
                    scene.post is not None and scene.post.role in lines.SEE_VALUES, opened,
                ))  # fmt: skip
        if time.monotonic() > deadline:
            raise refusal.Closed("检查点尚未签发，证据文件暂时不能生成，请稍后重试")
        time.sleep(PAUSE)


def signed_by(printed: str, known: list[checkpoint.Verifier]) -> str:
    """The log's key under a printed checkpoint, as a vkey."""
    made = {(each.name, each.key_id) for each in checkpoint.verify(note.parse(printed), known)}
    return next(each.vkey for each in known if (each.name, each.key_id) in made)


def _places(entry: Entry, divisions: Divisions) -> tuple[str, ...]:
    """The division of the entry with all above it, as the edition of its time had them."""
    division = entry.fact.search().get("division")
    return tuple(divisions.path(division)) if division is not None and divisions.known(division) else ()
