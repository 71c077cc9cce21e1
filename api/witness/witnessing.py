"""`mandate witness`: the standing program of a county or an outside body that watches logs it does not run.

    mandate witness init NAME      a new key and a configuration beside it; prints the vkey to hand to the log
    mandate witness                watch, until stopped

    POST /add-checkpoint           C2SP tlog-witness: a log hands in its checkpoint and gets a cosignature
    GET  /checkpoint/<SHA-256 of the origin>     the last cosigned checkpoint of a log; what a log asks when it starts

A log with `pull` in the configuration is asked instead of asking: behind a firewall nothing has to come in.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.commands.progress import say
from api.settings import Misconfigured
from api.witness.outbound import Unanswered, exchange
from api.witness.watch import Watch, Watched
from audit import checkpoint, note
from audit.checkpoint import Verifier
from audit.note import BadNote, Signature
from audit.submission import LONGEST, Submission
from audit.witness import SIZE, DamagedState, Verdict, Witness, key

PATIENCE = 25.0
BUSY = 64
_KEY = re.compile("[0-9a-f]{64}")
UNPROVEN = 422
CONFLICT = (409, UNPROVEN)


def create_app(witness: Witness, clock: Callable[[], float] = time.time) -> Starlette:
    """The witness as an application."""

    async def add(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return PlainTextResponse("too long or too slow\n", 400)
        try:
            verdict = await run_in_threadpool(witness.add_checkpoint, body, int(clock()))
        except (DamagedState, OSError) as fault:
            say(f"{_stamp()} 无法读取或保存见证记录：{type(fault).__name__}。请检查磁盘，切勿删除 state 目录。")
            return PlainTextResponse("not kept\n", 500)
        return Response(verdict.body, verdict.status, media_type=None, headers={"content-type": verdict.kind})

    def last(request: Request) -> Response:
        wanted = request.path_params["key"]
        origin = next((each for each in witness.logs if key(each) == wanted), None)
        try:
            held = witness.held(origin) if origin is not None and _KEY.fullmatch(wanted) else None
        except (DamagedState, OSError):
            return PlainTextResponse("damaged\n", 500)
        return PlainTextResponse("nothing held\n", 404) if held is None else PlainTextResponse(note.format(held))

    def who(request: Request) -> Response:
        del request
        return PlainTextResponse(f"{witness.cosigner.verifier.vkey}\n")

    return Starlette(
        routes=[
            Route("/add-checkpoint", add, methods=["POST"]),
            Route("/checkpoint/{key}", last, methods=["GET"]),
            Route("/", who, methods=["GET"]),
        ]
    )


async def _body(request: Request) -> bytes | None:
    found = b""
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.stream():
                found += part
                if len(found) > LONGEST:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return found


def pull(witness: Witness, log: Watched, at: int) -> Verdict:
    """One look at a log that is pulled: fetch, judge, keep, and hand the cosignature back. Unanswered if it is silent.

    Where the log shows less or other than what is held, it is shown its own earlier signature.
    """
    url = (log.pull or "").rstrip("/")
    try:
        shown = note.parse(_text(url, "/log/checkpoint"))
        wanted = checkpoint.parse(shown.text)
    except BadNote as error:
        raise Unanswered("what it serves is no checkpoint") from error
    if wanted.origin != log.origin:
        raise Unanswered("it serves another log")
    held = witness.held(log.origin)
    mine = witness.cosigner.verifier
    if held is not None and held.text == shown.text and any(_by(mine, shown.text, each) for each in shown.signatures):
        return Verdict(200)
    size = checkpoint.parse(held.text).size if held is not None else 0
    if wanted.size < size:
        verdict = Verdict(409, f"{size}\n", SIZE)
    else:
        path = _path(url, size, wanted.size) if 0 < size < wanted.size else ()
        verdict = witness.add_checkpoint(Submission(size, path, shown).format(), at)
    if verdict.status == UNPROVEN:
        # The proof came from the log itself, so what it signed here speaks against it.
        witness.shelf.dispute(log.origin, shown)
    if verdict.status in (200, 409, UNPROVEN) and (held := witness.held(log.origin)) is not None:
        exchange("POST", url + "/v1/cosignatures", note.format(held).encode())
    return verdict


def _by(verifier: Verifier, text: str, signature: Signature) -> bool:
    same = (signature.name, signature.key_id) == (verifier.name, verifier.key_id)
    return same and verifier.signed(text, signature.blob)


def _text(url: str, path: str) -> bytes:
    reply = exchange("GET", url + path)
    if reply.status != 200:  # noqa: PLR2004 RFC 9110 section 15
        raise Unanswered(f"it answers {reply.status}")
    return reply.body


def _path(url: str, first: int, second: int) -> tuple[bytes, ...]:
    told = _text(url, f"/v1/consistency?from={first}&to={second}")
    try:
        return tuple(base64.b64decode(each, validate=True) for each in json.loads(told)["path"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unanswered("what it serves is no proof") from error


class Puller(threading.Thread):
    """Looks at one log again and again; says so when what it finds has changed."""

    def __init__(self, witness: Witness, log: Watched) -> None:
        super().__init__(name=f"pull {log.origin}", daemon=True)
        self.witness, self.log, self.stopping, self.said = witness, log, threading.Event(), ""

    def run(self) -> None:
        while True:
            self.tell(self.look())
            if self.stopping.wait(self.log.seconds):
                return

    def look(self) -> str:
        try:
            verdict = pull(self.witness, self.log, int(time.time()))
        except Unanswered as fault:
            return f"暂时取不到 {self.log.origin} 的检查点（{fault}），将继续尝试。"
        except (DamagedState, OSError) as fault:
            return f"无法读取或保存见证记录：{type(fault).__name__}。请检查磁盘，切勿删除 state 目录。"
        if verdict.status == 200:  # noqa: PLR2004 RFC 9110 section 15
            return f"{self.log.origin} 一致，已联署。"
        if verdict.status in CONFLICT:
            return f"警告：{self.log.origin} 与此前见过的历史不一致，已拒绝联署。请保留 state 目录，并报告审计部门。"
        return f"{self.log.origin} 的检查点不可接受（{verdict.status}），请核对配置中的 vkey。"

    def tell(self, said: str) -> None:
        if said != self.said:
            say(f"{_stamp()} {said}")
        self.said = said


def run(watch: Watch) -> None:
    """Watch until stopped."""
    witness = watch.witness()
    pullers = [Puller(witness, each) for each in watch.logs if each.pull is not None]
    say(f"见证人 {witness.cosigner.verifier.vkey}")
    say("正在见证：" + "、".join(witness.logs) + "（按 Ctrl-C 停止）")
    for each in pullers:
        each.start()
    try:
        if watch.listen is None:
            for each in pullers:
                each.join()
            return
        config = uvicorn.Config(
            create_app(witness), log_config=None, access_log=False, server_header=False,
            proxy_headers=False, lifespan="off", ws="none", limit_concurrency=BUSY, timeout_graceful_shutdown=5,
        )  # fmt: skip
        with contextlib.suppress(KeyboardInterrupt), bound(watch.listen) as listener:
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        for each in pullers:
            each.stopping.set()


def bound(address: tuple[str, int]) -> socket.socket:
    """The socket to listen on; Misconfigured if the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        return socket.create_server(address, family=family)
    except OSError as fault:
        raise Misconfigured(
            f"不能在配置的 listen 上提供服务：{fault.strerror}。请停止占用该端口的程序，或换一个端口。"
        ) from fault


def _stamp() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
