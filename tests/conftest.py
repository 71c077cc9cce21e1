"""The world tests run in: one PostgreSQL per session, one freshly cloned database per test, checked when it ends.

`TEST_DATABASE_URL` names a server of your own (15 or newer, a role that may create roles and databases); without it
the product's embedded cluster runs on a temporary folder, with durability switched off.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine

from api.database import Roles, admin, checked_url, found, migrate, open_engine, plain
from api.postgres.embedded import Cluster
from audit import fsck

PREFIX = "mandate-test-"
ROOMY = 2_000_000_000


def memory() -> str | None:
    """A folder in memory where there is one with room: cloning a database is several times faster there."""
    place = Path("/dev/shm")  # noqa: S108 only the parent of a private folder
    roomy = place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > ROOMY
    return str(place) if roomy and "TMPDIR" not in os.environ else None


def sweep(place: Path) -> None:
    """Take away what a killed session left: its cluster's lock is free."""
    for lock in place.glob(f"{PREFIX}*/pg/lock"):
        with contextlib.suppress(OSError), lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent.parent, ignore_errors=True)


@dataclass(frozen=True)
class Server:
    """The session's PostgreSQL. Role names are drawn, so nothing can depend on the usual ones."""

    superuser: URL
    connection: Connection
    passwords: Path
    roles: Roles

    def run(self, statement: str) -> None:
        self.connection.exec_driver_sql(statement)


@dataclass
class World:
    """A test's own database. Set `intact = False` in a test that damages it on purpose: it is not verified then."""

    engine: Engine
    owner_url: str
    app_url: str
    superuser_url: str
    intact: bool = True


def verify_world(world: World) -> None:
    """The whole log, the vault and the register of a test's database are verified when the test ends."""
    owner = open_engine(world.owner_url, pool=1)
    try:
        report = fsck.check(owner)
    finally:
        owner.dispose()
    assert report.findings == ()


@pytest.fixture
def terminal() -> Iterator[None]:
    """Processes started by the test hear that their terminal was closed, also where the tests themselves do not (nohup)."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running PostgreSQL and two roles with names of this session."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=memory()))
    sweep(folder.parent)
    mark = secrets.token_hex(3)
    roles = Roles(f"owner_{mark}", f"app_{mark}")
    with contextlib.ExitStack() as stack:
        address, passwords = os.environ.get("TEST_DATABASE_URL"), folder
        if not address:
            cluster = Cluster(folder / "pg", volatile=True)
            stack.callback(cluster.stop)
            cluster.start()
            address, passwords = cluster.url(), cluster.passwords
        superuser = checked_url(address)
        yield Server(superuser, stack.enter_context(admin(superuser)), passwords, roles)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[tuple[URL, URL]]:
    """A migrated database to clone from: the owner's and the application's URL."""
    name = f"template_{server.roles.app}"
    owner, app = found(server.superuser.set(database="postgres"), server.passwords, server.roles, name=name)
    migrate(plain(owner), app_role=server.roles.app)
    yield owner, app
    server.run(f"DROP DATABASE {name} WITH (FORCE)")
    for role in (server.roles.app, server.roles.owner):
        server.run(f"DROP ROLE {role}")


@pytest.fixture
def database(server: Server, template: tuple[URL, URL]) -> Iterator[World]:
    """A fresh copy of the migrated database, verified and dropped afterwards."""
    owner, app = template
    name = f"test_{secrets.token_hex(6)}"
    server.run(f"CREATE DATABASE {name} TEMPLATE {owner.database} OWNER {owner.username}")
    owner_url, app_url, superuser_url = (plain(url.set(database=name)) for url in (owner, app, server.superuser))
    world = World(open_engine(app_url, pool=20), owner_url, app_url, superuser_url)
    try:
        yield world
        if world.intact:
            verify_world(world)
    finally:
        world.engine.dispose()
        server.run(f"DROP DATABASE {name} WITH (FORCE)")
