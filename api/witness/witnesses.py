"""The witnesses of this log, as the deployment names them, and the door through which those come that are not called.

MANDATE_WITNESSES = a file:     [[witness]]
                                vkey = "witness.yanchi.nx.gov.cn+c1d2e3f4+BA..."
                                url = "https://witness.yanchi.nx.gov.cn"      left out: it comes to us
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.deployment import Deployment
from api.settings import Misconfigured
from api.witness import watch
from api.witness.council import Council
from api.witness.liaison import Known
from api.witness.outbound import allowed
from audit import keyring
from audit.checkpoint import COSIGNATURE, Verifier
from audit.keeper import Keeper

MOST = 16
PUBLIC = frozenset({"/v1/cosignatures"})
EXAMPLE = """mandate.local/demo
166
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— mandate.local/demo Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.yanchi.nx.gov.cn jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
DESCRIBED = {
    "requestBody": {
        "required": True,
        "content": {"text/plain": {"schema": {"type": "string", "maxLength": 16_384}, "example": EXAMPLE}},
    }
}
router = APIRouter()


def read(file: Path | None) -> tuple[Known, ...]:
    """The witnesses named in this file; none without one."""
    if file is None:
        return ()
    told = watch.tables(file)
    listed = told.get("witness")
    if set(told) != {"witness"} or not isinstance(listed, list) or not 0 < len(listed) <= MOST:
        raise Misconfigured(
            f"{file.name} 应由 1 至 {MOST} 个 [[witness]] 组成，每个写明 vkey，能从本机访问的再写 url。"
        )
    found = tuple(_known(each, file.name) for each in listed)
    if len({each.name for each in found}) != len(found):
        raise Misconfigured(f"{file.name} 中有两个见证人同名，请只保留一个。")
    return found


def _known(told: object, where: str) -> Known:
    if not isinstance(told, dict) or not {"vkey"} <= set(told) <= {"vkey", "url"}:
        raise Misconfigured(f"{where} 中的 [[witness]] 只能有 vkey 和 url 两项，vkey 必填。")
    url = told.get("url")
    if url is not None and not (isinstance(url, str) and allowed(url)):
        raise Misconfigured(f"{where} 中的 url 应形如 https://witness.example.gov.cn；见证人自行来取的不写 url。")
    return Known(watch.verifier(watch.text(told, "vkey", where), COSIGNATURE, where), url)


def attach(app: FastAPI, deployment: Deployment, keeper: Keeper) -> Council:
    """The council of this deployment, possibly of nobody; the keeper of this process consults it from now on."""

    def keys() -> list[Verifier]:
        return [each.verifier for each in keyring.keys(keeper.folder, keeper.origin)]

    known = read(deployment.settings.witnesses)
    made = Council(
        deployment.origin, known, deployment.database, keeper.number, keeper.record, keys, lambda: keeper.holder
    )  # fmt: skip
    if known:
        keeper.consult = made.consult
    app.state.council = made
    return made


@router.post("/v1/cosignatures", summary="见证人交回联署的检查点", openapi_extra=DESCRIBED)
async def cosign(request: Request) -> Response:
    """Only good cosignatures of our witnesses over checkpoints of ours; one over another history stops the signing."""
    council: Council = request.app.state.council
    return pep.told({"size": await run_in_threadpool(council.receive, await request.body())})
