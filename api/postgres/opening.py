"""The database of some settings, opened: the embedded one is started and stopped, one's own only connected to."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

from api.commands.progress import say
from api.database import Database, Roles, open_engine, prepare
from api.postgres.cluster import ClusterError, binaries, leftover, person, socket_folder
from api.postgres.embedded import PORT, Cluster, password
from api.settings import Misconfigured, Settings

WATCH = 0.5
"""Seconds between two looks at the embedded database."""


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The migrated database of these settings; an embedded one is started, and stopped afterwards."""
    if settings.database_url is not None:
        say("正在连接数据库……", sys.stderr)
        database = prepare(settings.database_url, passwords=settings.data / "passwords", owner_url=settings.owner_url)
        try:
            yield database
        finally:
            database.dispose()
        return
    cluster = Cluster(settings.data / "postgres")
    told = "正在启动内置数据库……" if cluster.cluster.exists() else "首次启动：正在建立内置数据库，约需十秒……"
    say(told, sys.stderr)
    cluster.start()
    try:
        with _watched(cluster):
            database = prepare(cluster.url(), passwords=cluster.passwords)
            try:
                yield database
            finally:
                database.dispose()
    finally:
        # A second Ctrl-C must not cut PostgreSQL short while it writes everything down.
        restless = threading.current_thread() is threading.main_thread()
        earlier = signal.signal(signal.SIGINT, signal.SIG_IGN) if restless else None
        cluster.stop()
        if restless:
            signal.signal(signal.SIGINT, earlier)


@contextlib.contextmanager
def _watched(cluster: Cluster) -> Iterator[None]:
    """Stop once the embedded database is gone: nothing can be recorded any more, and a new start brings it back."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH):
            if cluster.fallen:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        if cluster.fallen:
            raise ClusterError(f"内置数据库意外退出（见 {cluster.folder}/log）。请重新启动，已记录的不会丢失。")


@contextlib.contextmanager
def visited(settings: Settings) -> Iterator[Database]:
    """The same database for a command beside the service: where that runs the embedded one, it is only connected to."""
    folder = settings.data / "postgres"
    if settings.database_url is None and not (folder / "cluster").exists():
        raise Misconfigured(f"{settings.data} 中没有数据。请用 MANDATE_DATA 指明服务所用的数据目录。")
    if settings.database_url is not None or leftover(folder / "cluster") is None:
        with opened(settings) as database:
            yield database
        return
    try:
        place = socket_folder(folder, person(folder, binaries() / "postgres"))
    except OSError as error:
        raise ClusterError(f"无法使用数据目录 {folder}。") from error
    owner, app = (
        f"postgresql+psycopg://{role}:{password(folder / 'passwords', role)}@/mandate?host={place}&port={PORT}"
        for role in (Roles().owner, Roles().app)
    )
    database = Database(owner, app, open_engine(app, 2))
    try:
        yield database
    finally:
        database.dispose()
