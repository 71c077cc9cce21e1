"""Acts for tests that need a ledger and little else: a system that says what happened, and a caller who asks."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from conftest import World
from sqlalchemy import Connection, Engine, create_engine, text

from api import policies
from audit import vault
from audit.act import Act, Caller, Recorded, Sealed
from audit.ledger import Ledger
from authz.decision import Law, Scene
from authz.fact import Fact
from authz.household import HouseholdsLoaded
from authz.post import PersonRegistered, PostAssigned, UnitEstablished
from authz.register import Reads

FOLDER = Path(__file__).parent.parent / "policies"
FROM = "2026-01-01T00:00:00.000000Z"
NAME = "测试"
VILLAGE = "640324100201"


def ref() -> str:
    return secrets.token_hex(16)


@functools.cache
def law() -> Law:
    return policies.open_lawbook(FOLDER).law


def laws(connection: Connection, charter: Mapping[str, str]) -> Law:
    """The law of the repository, whatever is on record."""
    del connection, charter
    return law()


@dataclass(kw_only=True)
class Say(Act):
    """The system says what happened; `facts` may be a function of the scene, which may raise."""

    name: ClassVar[str] = "test.say"
    facts: tuple[Fact, ...] | Callable[[Scene], tuple[Fact, ...]]
    needs: Reads = field(default_factory=Reads)
    ref: str = field(default_factory=ref)

    @property
    def reads(self) -> Reads:
        return self.needs

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        return self.facts(scene) if callable(self.facts) else self.facts

    def answer(self, recorded: Recorded) -> tuple[int, bytes]:
        return (403, recorded.refused.code.encode()) if recorded.refused else (201, f"entry {recorded.number}".encode())


@dataclass(kw_only=True)
class Ask(Say):
    """The same, behind which others may be judged on the same rows."""

    authority: ClassVar[bool] = False
    name: ClassVar[str] = "test.ask"
    concerns: dict[str, Any] = field(default_factory=dict)

    def about(self) -> dict[str, Any]:
        return self.concerns


def raising(error: Exception) -> Callable[[Scene], tuple[Fact, ...]]:
    """A judge that raises this."""

    def judge(scene: Scene) -> tuple[Fact, ...]:
        raise error

    return judge


def loaded(*tokens: str, division: str = VILLAGE) -> HouseholdsLoaded:
    rows = tuple((token, division, "monitored") for token in tokens)
    return HouseholdsLoaded(division=division, households=rows)


def established(unit: str) -> UnitEstablished:
    """A fact that leaves authority as it is."""
    _, division, kind = unit.split("-")
    return UnitEstablished(unit=unit, unit_kind=kind, division=division, name=NAME, earlier_name=None)


def sealed(values: dict[str, Any]) -> tuple[tuple[Sealed, ...], dict[str, str]]:
    made = tuple(Sealed(path, secrets.token_bytes(16), value) for path, value in values.items())
    return made, {each.path: vault.commit(each) for each in made}


def employ(ledger: Ledger, person: str, unit: str, role: str) -> int:
    """Register a person with a name, in a post of a unit that is established; the number of the post."""
    kept, commitments = sealed({"name": f"姓名{person}"})
    registered = PersonRegistered(
        person_id=person, natural=secrets.token_hex(8), name=commitments["name"], phone=None
    )  # fmt: skip
    ledger.record(Say(facts=(established(unit),)))
    ledger.record(Say(facts=(registered,), sealed=kept))
    post = PostAssigned(
        person_id=person, post_unit=unit, division=unit.split("-")[1], role=role, title="t",
        valid_from=FROM, valid_until=None,
    )  # fmt: skip
    number = ledger.record(Say(facts=(post,))).number
    assert number is not None
    return number


def caller(person: str, post: int | None = None) -> Caller:
    return Caller(person=person, issued_at=int(datetime.now(UTC).timestamp()) + 60, post=post)


@contextmanager
def running(engine: Engine, **options: Any) -> Iterator[Ledger]:
    """A started ledger, stopped at the end."""
    ledger = Ledger(engine, laws, **options)
    ledger.start()
    try:
        yield ledger
    finally:
        ledger.stop()


def rows(world: World, statement: str, **binds: Any) -> list[Any]:
    with world.engine.connect() as connection:
        return list(connection.execute(text(statement), binds))


def as_superuser(world: World, statement: str) -> None:
    engine = create_engine(world.superuser_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def until(question: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def submitted(ledger: Ledger, acts: list[Act]) -> list[Any]:
    outcome = []
    for member in ledger.submit(acts):
        try:
            outcome.append(member.future.result(20))  # type: ignore[union-attr,call-arg]
        except Exception as error:
            outcome.append(error)
    return outcome
