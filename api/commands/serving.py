"""The service from start to stop: socket, database, founding, server processes, and nothing left behind.

    bind -> database (embedded unless a URL is given) -> migrate -> found -> [demo world] -> listen -> ... -> stop

One process serves by itself; with more workers this one only watches, and each worker connects to the same database.
Only this process owns the embedded PostgreSQL. SIGINT and SIGTERM finish what is waiting and end with status 0.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

import uvicorn

from api import bootstrap, checkpoints, founding, memory, telemetry
from api.app import create_app
from api.commands import greeting
from api.commands.progress import Bar, say
from api.database import Database, open_engine
from api.demo import world, world_past
from api.founding import Deed
from api.postgres.opening import opened
from api.server import Server
from api.settings import Misconfigured, Settings
from api.witness import witnesses
from audit import bridge
from audit import charter as charters
from audit.lawbook import Lawbook

CONNECTIONS = 150
MOST_PER_WORKER = 10
GRACE = 10
"""Seconds that open requests have to finish."""
BACKLOG = 2048
QUICK_DEATH, MOST_QUICK_DEATHS = 5.0, 5


@dataclass(frozen=True)
class Plan:
    """What a worker needs to serve. The URL holds a password, so it is never shown."""

    settings: Settings
    app_url: str = field(repr=False)
    demo: bool

    @property
    def pool(self) -> int:
        return max(2, min(MOST_PER_WORKER, CONNECTIONS // self.settings.workers))


def serve(settings: Settings, *, demo: bool) -> None:
    """Serve until told to stop. Whatever stands in the way is raised as a sentence that says what to set."""
    began = time.monotonic()
    if not demo:
        settings.for_service()
    witnesses.read(settings.witnesses)
    listener = bind(settings)
    earlier = signal.signal(signal.SIGTERM, _leave)
    _heed_the_terminal()
    try:
        with (
            contextlib.suppress(KeyboardInterrupt, _Stopped),
            contextlib.closing(listener),
            opened(settings) as database,
        ):
            lawbook = founding.read_lawbook(settings.policies)
            founding.fit(lawbook)
            told = _found(settings, database, lawbook, demo=demo)
            database.dispose()
            plan = Plan(settings, database.app_url, demo)
            listen(listener, settings)
            say(told + f"\n（启动用时 {time.monotonic() - began:.1f} 秒，按 Ctrl-C 停止）")
            if settings.workers == 1:
                work(plan, listener)
            else:
                supervise(plan, listener)
    finally:
        signal.signal(signal.SIGTERM, earlier)
    say("已停止，数据已保存。")


class _Stopped(Exception):
    """SIGTERM arrived."""


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stopped


def _heed_the_terminal() -> None:
    """A closed terminal is a request to stop like any other, unless `nohup` asked to outlive it."""
    # Passed on as SIGTERM: the event loop swallows what a handler of any other signal raises.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: signal.raise_signal(signal.SIGTERM))


def bind(settings: Settings) -> socket.socket:
    """The listening socket, taken before any long work so that a taken port is told at once."""
    host, port = settings.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _taken(settings, error) from error
    return listener


def listen(listener: socket.socket, settings: Settings) -> None:
    """Let callers in; somebody may have begun to listen there since the socket was bound."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise _taken(settings, error) from error


def _taken(settings: Settings, error: OSError) -> Misconfigured:
    return Misconfigured(
        f"不能在 {settings.listen} 上提供服务：{error.strerror}。请先停止占用该端口的程序，或用 MANDATE_LISTEN 换一个端口。"
    )


def _found(settings: Settings, database: Database, lawbook: Lawbook, *, demo: bool) -> str:
    """Bring keys, charter and demo world on record; what to tell the person at the console."""
    origin = settings.origin or founding.DEMO_ORIGIN
    pseudonym = founding.read_pseudonym(settings.keys)
    if (told := checkpoints.halted(database, settings.keys, origin)) is not None:
        # Not even what a start records: whoever brings the right database back must find it as it was.
        founding.recall(database)
        return greeting.halted(settings, told)
    founding.found(database, lawbook, origin, demo=demo, begin=world_past.lawbook(settings) if demo else None)
    with database.engine.connect() as connection:
        remark = bridge.remark(charters.lost(connection))
    if demo:
        founding.signer(settings.keys, founding.DEMO)
        world_past.plant(database, lawbook, pseudonym)
        world.plant(database, lawbook, pseudonym, Bar("正在建立演示数据"))
        return greeting.demo(settings) + remark
    founding.signer(settings.keys, founding.BOOTSTRAP)
    with founding.alone(database) as charter:
        if "administrator" in charter:
            return greeting.service(settings, founding.unlike(charter, lawbook)) + remark
        code, shown = bootstrap.show_code(database)
    founding.record(database, lawbook, [Deed(ref=secrets.token_hex(16), facts=(shown,))])
    return greeting.first_service(settings, code)


def work(plan: Plan, listener: socket.socket) -> None:
    """Be one server process until told to stop."""
    telemetry.configure()
    engine = open_engine(plan.app_url, plan.pool)
    try:
        lawbook = founding.read_lawbook(plan.settings.policies)
        deployment = founding.deploy(plan.settings, Database(None, plan.app_url, engine), lawbook, demo=plan.demo)
        app = create_app(deployment)
        memory.settle()
        config = uvicorn.Config(
            app, loop="uvloop", http="httptools", ws="none", lifespan="on", log_config=None,
            access_log=False, server_header=False, proxy_headers=False, backlog=BACKLOG, timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE,
        )  # fmt: skip
        Server(config).run(sockets=[listener])
    finally:
        engine.dispose()


def supervise(plan: Plan, listener: socket.socket) -> None:
    """Keep so many workers alive; stop them all when told to stop."""
    workers: list[SpawnProcess] = []
    deaths: list[float] = []
    try:
        while True:
            workers = [each for each in workers if each.is_alive()]
            while len(workers) < plan.settings.workers:
                workers.append(_started(plan, listener))
            ended = wait([each.sentinel for each in workers])
            for each in workers:
                if each.sentinel in ended:
                    each.join()  # a sentinel closes a moment before its process ends
            now = time.monotonic()
            deaths = [each for each in deaths if now - each < QUICK_DEATH * MOST_QUICK_DEATHS] + [now]
            if len(deaths) > MOST_QUICK_DEATHS:
                raise Misconfigured("服务进程反复退出，已停止。请查看上面的运行记录。")
    finally:
        for each in workers:
            each.terminate()
        for each in workers:
            each.join(GRACE * 2)
            if each.is_alive():
                each.kill()
                each.join()


def _started(plan: Plan, listener: socket.socket) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=_child, args=(plan, listener), daemon=True)
    process.start()
    return process


def _child(plan: Plan, listener: socket.socket) -> None:
    """A worker; it follows its parent, whatever ends that one."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, _Stopped):
        work(plan, listener)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
