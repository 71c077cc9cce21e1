"""A database is founded once, migrated by its owner only, and refused unless it keeps what it is told."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from conftest import Server, World
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from api.database import (
    DatabaseUnfit,
    Roles,
    admin,
    assert_durable,
    checked_url,
    migrate,
    open_engine,
    plain,
    prepare,
    require_head,
)


@pytest.fixture
def empty(server: Server) -> Iterator[tuple[str, Roles]]:
    """The address of a database that does not exist yet, and two role names nobody has."""
    mark = secrets.token_hex(4)
    roles = Roles(f"owner_{mark}", f"app_{mark}")
    yield plain(server.superuser.set(database="postgres")), roles
    server.run(f"DROP DATABASE IF EXISTS {roles.app} WITH (FORCE)")
    for role in (roles.app, roles.owner):
        server.run(f"DROP ROLE IF EXISTS {role}")


def found_once(server: Server, empty: tuple[str, Roles]) -> tuple[str, str]:
    """Found a database called like its application role; the owner's URL and the application's."""
    url, roles = empty
    server.run(f"CREATE DATABASE {roles.app}")
    named = plain(checked_url(url).set(database=roles.app))
    made = prepare(named, passwords=server.passwords, volatile=True, roles=roles)
    made.dispose()
    assert made.owner_url is not None
    return made.owner_url, made.app_url


def test_one_url_that_may_create_roles_founds_everything_and_may_be_used_again(
    server: Server, empty: tuple[str, Roles]
) -> None:
    first = found_once(server, empty)
    url, roles = empty
    named = plain(checked_url(url).set(database=roles.app))
    again = prepare(named, passwords=server.passwords, volatile=True, roles=roles)
    with again.engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == roles.app
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
    again.dispose()
    assert (again.owner_url, again.app_url) == first


def test_the_application_alone_may_use_but_not_make(server: Server, empty: tuple[str, Roles]) -> None:
    _, app_url = found_once(server, empty)
    database = prepare(app_url, passwords=server.passwords, volatile=True)
    assert database.owner_url is None
    with database.engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text("CREATE TABLE mine (n int)"))
    database.dispose()


def test_an_owner_given_apart_only_migrates(server: Server, empty: tuple[str, Roles]) -> None:
    owner_url, app_url = found_once(server, empty)
    database = prepare(app_url, owner_url=owner_url, passwords=server.passwords, volatile=True)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == empty[1].app
    database.dispose()


def test_migrating_twice_changes_nothing(database: World, server: Server) -> None:
    migrate(database.owner_url, app_role=server.roles.app)
    require_head(database.engine)


def test_tables_of_another_version_are_refused(database: World) -> None:
    require_head(database.engine)
    database.intact = False
    with admin(checked_url(database.superuser_url)) as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('9999')")
    with pytest.raises(DatabaseUnfit, match="MANDATE_OWNER_URL"):
        require_head(database.engine)


def test_a_database_that_was_never_migrated_is_refused(server: Server) -> None:
    name = f"bare_{secrets.token_hex(4)}"
    server.run(f"CREATE DATABASE {name}")
    engine = create_engine(server.superuser.set(database=name))
    try:
        with pytest.raises(DatabaseUnfit, match="MANDATE_OWNER_URL"):
            require_head(engine)
    finally:
        engine.dispose()
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


BREACHES = {
    "may update": ("GRANT UPDATE ON entry TO {app}", "修改、删除或清空"),
    "may update one column": ("GRANT UPDATE (number) ON entry TO {app}", "修改、删除或清空"),
    "may delete": ("GRANT DELETE ON entry TO {app}", "修改、删除或清空"),
    "may truncate": ("GRANT TRUNCATE ON entry TO {app}", "修改、删除或清空"),
    "may delete in a partition": ("GRANT DELETE ON breach TO {app}", "修改、删除或清空"),
    "may become the owner": ("GRANT {owner} TO {app}", "所有者"),
    "is a superuser": ("ALTER ROLE {app} SUPERUSER", "超级用户"),
    "reads an old head": ("ALTER ROLE {app} SET default_transaction_isolation = 'serializable'", "isolation"),
}
HEALED = {
    "may become the owner": "REVOKE {owner} FROM {app}",
    "is a superuser": "ALTER ROLE {app} NOSUPERUSER",
    "reads an old head": "ALTER ROLE {app} RESET default_transaction_isolation",
}


@pytest.fixture
def log(database: World, server: Server) -> World:
    """A database whose log has one more partition, of ours."""
    database.intact = False
    with admin(checked_url(database.superuser_url)) as connection:
        connection.exec_driver_sql(
            "CREATE TABLE breach PARTITION OF entry FOR VALUES FROM (9000000000000000) TO (9000000000000001)"
        )
        connection.exec_driver_sql(f"ALTER TABLE breach OWNER TO {server.roles.owner}")
    assert_durable(database.engine, volatile=True)
    return database


@pytest.mark.parametrize("breach", BREACHES)
def test_a_role_that_could_rewrite_the_log_is_refused(log: World, server: Server, breach: str) -> None:
    names = {"owner": server.roles.owner, "app": server.roles.app}
    statement, told = BREACHES[breach]
    with admin(checked_url(log.superuser_url)) as connection:
        connection.exec_driver_sql(statement.format(**names))
        engine = open_engine(log.app_url)
        try:
            with pytest.raises(DatabaseUnfit, match=told):
                assert_durable(engine, volatile=True)
        finally:
            engine.dispose()
            if breach in HEALED:
                connection.exec_driver_sql(HEALED[breach].format(**names))


def test_an_answer_that_could_be_lost_is_refused(database: World, server: Server) -> None:
    """`synchronous_commit` is the one durability setting a role can turn off for itself."""
    with admin(checked_url(database.superuser_url)) as connection:
        for value, refused in (("off", True), ("local", True), ("remote_write", True)):
            connection.exec_driver_sql(f"ALTER ROLE {server.roles.app} SET synchronous_commit = '{value}'")
            engine = open_engine(database.app_url)
            try:
                with pytest.raises(DatabaseUnfit, match="synchronous_commit"):
                    assert_durable(engine)
                assert_durable(engine, volatile=refused)
            finally:
                engine.dispose()
                connection.exec_driver_sql(f"ALTER ROLE {server.roles.app} RESET synchronous_commit")


ADDRESSES = [
    ("postgresql://u:p@localhost/mandate", True),
    ("postgres://u:p@localhost/mandate", True),
    ("postgresql+psycopg://u:p@127.0.0.9:5433/mandate", True),
    ("postgresql://u:p@[::1]/mandate", True),
    ("postgresql://u:p@/mandate?host=/run/postgresql", True),
    ("postgresql://u:p@db.example.gov.cn/mandate?sslmode=verify-full", True),
    ("postgresql://u:p@db.example.gov.cn/mandate", False),
    ("postgresql://u:p@10.0.0.5/mandate?sslmode=require", False),
    ("postgresql://u:p@10.0.0.5/mandate?sslmode=verify-ca", False),
    ("postgresql://u:p@/mandate?host=db.example.gov.cn", False),
    ("postgresql://u:p@/mandate?host=localhost:5432&host=db.example.gov.cn:5432", False),
    ("postgresql://u:p@localhost/mandate?hostaddr=10.0.0.5", False),
    ("postgresql://u:p@localhost/mandate?host=db.example.gov.cn", False),
    ("postgresql://u:p@localhost.example.com/mandate", False),
    ("postgresql://u:p@127.0.0.1.example.com/mandate", False),
    ("postgresql:///mandate?service=remote", False),
    ("mysql://u:p@localhost/mandate", False),
    ("sqlite:///mandate.db", False),
    ("not an address", False),
    ("postgresql://u:p@localhost:port/mandate", False),
]


@pytest.mark.parametrize(("url", "accepted"), ADDRESSES, ids=[url for url, _ in ADDRESSES])
def test_a_password_never_crosses_a_network_in_the_clear(url: str, accepted: bool) -> None:
    if accepted:
        assert checked_url(url).drivername == "postgresql+psycopg"
        return
    with pytest.raises(DatabaseUnfit) as refusal:
        checked_url(url)
    assert url not in str(refusal.value)


def test_libpqs_own_environment_cannot_smuggle_in_a_distant_host(monkeypatch: pytest.MonkeyPatch) -> None:
    checked_url("postgresql:///mandate")
    monkeypatch.setenv("PGHOST", "db.example.gov.cn")
    with pytest.raises(DatabaseUnfit, match="verify-full"):
        checked_url("postgresql:///mandate")


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    nowhere = checked_url("postgresql://u:hunter2@/mandate?host=/nowhere/at/all")
    with pytest.raises(DatabaseUnfit, match="连接不上") as refusal, admin(nowhere):
        pass
    assert "hunter2" not in str(refusal.value)
