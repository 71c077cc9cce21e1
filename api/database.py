"""The door to PostgreSQL: two roles, one migrated database, and proof that it keeps what it is told.

The owner (`mandate_owner`) makes tables and nothing else; the application (`mandate_app`) may only do what a migration
granted it. `prepare` ends with an engine for the application, or with a sentence that says what to set.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import pq, sql
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

import audit.migrations
from api.commands.progress import say
from api.postgres.embedded import password

OLDEST = 150000
FOUNDING_LOCK = 0x6D616E65
NAME = "mandate"
WAITING_ROOMS = (None, "postgres", "template1")


class DatabaseUnfit(Exception):
    """This database cannot hold the log as it is. The text says, in Chinese, what to change."""


@dataclass(frozen=True)
class Roles:
    """The two names in the database: who owns the tables, who uses them."""

    owner: str = "mandate_owner"
    app: str = "mandate_app"


@dataclass(frozen=True)
class Database:
    """A migrated database and the application's engine on it. `owner_url` is None where only others may migrate."""

    owner_url: str | None
    app_url: str
    engine: Engine

    def dispose(self) -> None:
        self.engine.dispose()


def prepare(
    url: str,
    *,
    passwords: Path,
    owner_url: str | None = None,
    pool: int = 10,
    volatile: bool = False,
    roles: Roles | None = None,
) -> Database:
    """Make what is missing, migrate, and open the application's engine.

    With an owner's URL that one migrates. A URL that may create roles is used once, to found the two roles (their
    passwords stay in `passwords`) and the database. Any other URL is the application's and must find everything done.
    """
    app = checked_url(url)
    owner = checked_url(owner_url) if owner_url is not None else None
    if owner is None and _may_create_roles(app):
        owner, app = found(app, passwords, roles or Roles())
    if owner is not None:
        migrate(plain(owner), app_role=app.username or "")
    engine = open_engine(plain(app), pool)
    try:
        require_head(engine)
        assert_durable(engine, volatile=volatile)
    except BaseException:
        engine.dispose()
        raise
    return Database(plain(owner) if owner is not None else None, plain(app), engine)


def open_engine(url: str, pool: int = 10) -> Engine:
    """The application's engine. READ COMMITTED on purpose: the ledger reads the head after it has the lock."""
    return create_engine(
        checked_url(url),
        isolation_level="READ COMMITTED",
        pool_size=pool,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={"application_name": "mandate", "connect_timeout": 5},
    )


def plain(url: URL) -> str:
    """The URL as text, password included."""
    return url.render_as_string(hide_password=False)


def checked_url(url: str | URL) -> URL:
    """A PostgreSQL URL for psycopg that never sends a password in the clear over a network."""
    try:
        parsed = make_url(url)
    except Exception as error:
        raise DatabaseUnfit("数据库地址写法不正确，应形如 postgresql://用户:口令@主机:端口/库名。") from error
    if parsed.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise DatabaseUnfit("只支持 PostgreSQL，数据库地址应以 postgresql:// 开头。")
    parsed = parsed.set(drivername="postgresql+psycopg")
    # libpq fills what the URL leaves open from PGHOST, PGSSLMODE and the like, so these are read as libpq reads them.
    fallback = {o.keyword.decode(): o.val.decode() for o in pq.Conninfo.get_defaults() if o.val is not None}
    asked = {**fallback, **{name: _text(value) for name, value in parsed.query.items()}}
    hosts = [parsed.host or "", *asked.get("host", "").split(","), *asked.get("hostaddr", "").split(",")]
    near = all(_near(host) for host in hosts)
    if "service" in asked or not (near or asked.get("sslmode") == "verify-full"):
        raise DatabaseUnfit(
            "数据库不在本机，必须加密并核对证书：请在地址末尾加上 ?sslmode=verify-full&sslrootcert=证书文件。"
        )
    return parsed


def _text(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ",".join(value)


def _near(host: str) -> bool:
    """A socket folder, this machine by name, or a loopback address. A port may follow in a list of hosts."""
    bare = host.rsplit(":", 1)[0] if host.count(":") == 1 else host
    if bare in ("", "localhost") or bare.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


@contextmanager
def admin(url: URL) -> Iterator[Connection]:
    """One connection outside transactions, for statements that found a database."""
    options = {"no_parameters": True}
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool, execution_options=options)
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        raise DatabaseUnfit(f"连接不上数据库，请检查地址、口令和数据库是否已启动。（{error.orig}）") from error


def _may_create_roles(url: URL) -> bool:
    with admin(url) as connection:
        if connection.exec_driver_sql("SELECT current_setting('server_version_num')::int").scalar_one() < OLDEST:
            raise DatabaseUnfit("PostgreSQL 版本过旧，请使用 15 或更新的版本。")
        question = "SELECT rolsuper OR (rolcreaterole AND rolcreatedb) FROM pg_roles WHERE rolname = current_user"
        return bool(connection.exec_driver_sql(question).scalar_one())


def found(url: URL, passwords: Path, roles: Roles, *, name: str | None = None) -> tuple[URL, URL]:
    """Make the two roles and the database where they are missing; answer the owner's URL and the application's."""
    name = name or (NAME if url.database in WAITING_ROOMS else str(url.database))
    words = {role: password(passwords, role) for role in (roles.owner, roles.app)}
    with admin(url) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({FOUNDING_LOCK})")
        for role, word in words.items():
            _found_role(connection, role, word)
        if not connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).first():
            _run(connection, "GRANT {owner} TO CURRENT_USER", owner=roles.owner)
            _run(connection, "CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8' "
                 "LC_COLLATE 'C' LC_CTYPE 'C'", name=name, owner=roles.owner)  # fmt: skip
        _run(connection, "REVOKE ALL ON DATABASE {name} FROM PUBLIC", name=name)
        _run(connection, "GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {name} TO {owner}", name=name, owner=roles.owner)
        _run(connection, "GRANT CONNECT ON DATABASE {name} TO {app}", name=name, app=roles.app)
    with admin(url.set(database=name)) as connection:
        _run(connection, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        _run(connection, "GRANT USAGE, CREATE ON SCHEMA public TO {owner}", owner=roles.owner)
    owner, app = (url.set(username=role, password=word, database=name) for role, word in words.items())
    return owner, app


def _found_role(connection: Connection, role: str, word: str) -> None:
    """Make the role. The server is sent the SCRAM verifier, so no statement log ever holds the password."""
    if connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first():
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    verifier = driver.pgconn.encrypt_password(word.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
    connection.exec_driver_sql(statement.format(sql.Identifier(role), sql.Literal(verifier)).as_string())


def _run(connection: Connection, statement: str, **names: str) -> None:
    parts = {key: sql.Identifier(name) for key, name in names.items()}
    connection.exec_driver_sql(sql.SQL(statement).format(**parts).as_string())


def migrations(**attributes: object) -> Config:
    """Alembic's settings for the folder `audit/migrations`; no ini file."""
    config = Config()
    folder = str(Path(audit.migrations.__path__[0]).absolute())
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(attributes)
    return config


def migrate(owner_url: str, *, app_role: str = Roles.app) -> None:
    """Bring the tables to the newest shape as the owner, all steps in one transaction."""
    # A step is a script of many statements; without this psycopg would read its percent signs as parameters.
    engine = create_engine(checked_url(owner_url), poolclass=NullPool, execution_options={"no_parameters": True})
    try:
        with engine.begin() as connection:
            names = {"owner_role": engine.url.username, "app_role": app_role}
            command.upgrade(migrations(connection=connection, **names), "head")
    except OperationalError as error:
        raise DatabaseUnfit(f"无法以所有者身份升级数据库，请检查 MANDATE_OWNER_URL。（{error.orig}）") from error


@cache
def newest() -> frozenset[str]:
    """The migration this program was written for."""
    return frozenset(ScriptDirectory.from_config(migrations()).get_heads())


def require_head(engine: Engine) -> None:
    """Refuse a database whose tables are older or newer than this program."""
    try:
        with engine.connect() as connection:
            found_heads = set(MigrationContext.configure(connection).get_current_heads())
    except ProgrammingError:
        found_heads = set()
    except OperationalError as error:
        raise DatabaseUnfit(f"连接不上数据库，请检查地址和口令。（{error.orig}）") from error
    if found_heads != newest():
        raise DatabaseUnfit(
            "数据库的表结构与本程序版本不符。请用 MANDATE_OWNER_URL 给出库所有者的地址后重新启动，由程序自动升级。"
        )


def assert_durable(engine: Engine, *, volatile: bool = False) -> None:
    """Refuse a database that could lose or let anyone rewrite an entry. `volatile` (tests) forgives only the disk."""
    with engine.connect() as connection:
        faults = [] if volatile else _disk_faults(connection)
        faults += [fault for question, fault in FENCE if connection.exec_driver_sql(question).scalar()]
    if faults:
        raise DatabaseUnfit("数据库未达到留痕要求，请逐项更正后重新启动：" + "；".join(faults) + "。")


def _disk_faults(connection: Connection) -> list[str]:
    def shown(name: str) -> str:
        return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())

    faults = [f"{name} 须为 on" for name in ("fsync", "full_page_writes") if shown(name) != "on"]
    if shown("synchronous_commit") not in ("on", "remote_apply"):
        faults.append("synchronous_commit 须为 on 或 remote_apply")
    if shown("data_checksums") != "on":
        say("提醒：数据库没有开启页校验（data_checksums），磁盘损坏不易发现，建议用 pg_checksums 开启。", sys.stderr)
    return faults


# The log's table with all its partitions; a column right or the owner's role would be as good as the table right.
FENCE = (
    (
        "SELECT current_setting('default_transaction_isolation') <> 'read committed'",
        "default_transaction_isolation 须为 read committed",
    ),
    (
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user",
        "应用账号不能是超级用户",
    ),
    (
        "SELECT bool_or(has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(oid, 'UPDATE')) "
        "FROM pg_class WHERE oid IN (SELECT relid FROM pg_partition_tree(to_regclass('entry'))) OR oid = to_regclass('entry')",
        "应用账号不能有日志表 entry 的修改、删除或清空权限",
    ),
    (
        "SELECT bool_or(pg_has_role(relowner, 'MEMBER')) "
        "FROM pg_class WHERE oid IN (SELECT relid FROM pg_partition_tree(to_regclass('entry'))) OR oid = to_regclass('entry')",
        "应用账号不能是日志表 entry 的所有者",
    ),
)
