"""A service without its mouth: database, ledger, signer and witnesses, each step taken by hand so that nothing is waited for."""

from __future__ import annotations

import secrets
import shutil
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import acts
import worlds
from chronicles import EYES, ORIGIN, seeded
from conftest import Server, World, verify_world

from api import checkpoints
from api.database import open_engine
from api.witness import witnesses
from api.witness.council import Council
from api.witness.liaison import Known
from audit import cosignature, keyring, signing
from audit.checkpoint import COSIGNATURE, Checkpoint, Cosigner, Ed25519Signer
from audit.note import Note
from audit.witness import Shelf, Witness
from authz.stranger import StrangersCounted


class Desk:
    """One running service on a database. `keys` is its own folder; `named` its witnesses (verifier and URL)."""

    def __init__(self, world: World, keys: Path, *named: Known) -> None:
        self.world = world
        self.town = worlds.Town(world, world=False)
        self.deployment = self.town.deployment
        self.deployment.settings = replace(self.deployment.settings, keys=keys, witnesses=listed(keys, *named))
        self.key = log_key(keys)
        self.deployment.ledger.start()
        self.keeper = checkpoints.keeper(self.deployment)
        self.council: Council = witnesses.attach(self.town.app, self.deployment, self.keeper)
        self.council.seconds = 2.0

    def numbers(self, **changed: int) -> None:
        """Other numbers than those of handling.toml."""
        told: Mapping[str, int] = types.MappingProxyType(changed)
        usual = self.council.number
        self.council.number = lambda name: told.get(name) or usual(name)

    def write(self, count: int = 1, who: str = "10.0.0.1") -> None:
        for place in range(count):
            fact = StrangersCounted(address=who, minute="2026-12-02T02:05:00.000000Z", status=401, count=place + 1)
            assert self.deployment.ledger.record(acts.Ask(facts=(fact,))).number is not None

    def turn(self) -> str | None:
        """Compare and sign once; why the service is halted, if it is."""
        self.keeper.turn()
        return self.deployment.ledger.halted

    def signed(self) -> Note:
        """Write, and sign what is there; the note."""
        for _ in range(2):
            self.write()
            assert self.turn() is None
        found = self.latest
        assert found is not None
        return found

    @property
    def latest(self) -> Note | None:
        with self.world.engine.connect() as connection:
            return cosignature.signed(connection, ORIGIN)

    @property
    def now(self) -> Checkpoint:
        with self.world.engine.connect() as connection:
            return signing.head(connection, ORIGIN).checkpoint

    def visit(self) -> None:
        for each in self.council.known:
            self.council.visit(each)

    def alarms(self) -> list[Any]:
        """(kind, number) of what is on record of witnesses."""
        return [
            row.kind
            for row in acts.rows(self.world, "SELECT kind FROM entry WHERE kind LIKE 'Witness%' ORDER BY number")
        ]

    def close(self) -> None:
        self.council.stop()
        self.deployment.ledger.stop()
        self.keeper.stop()
        self.world.engine.dispose()
        self.town.folder.cleanup()


@contextmanager
def opened(world: World, keys: Path, *named: Known) -> Iterator[Desk]:
    """A desk, closed at the end."""
    desk = Desk(world, keys, *named)
    try:
        yield desk
    finally:
        desk.close()


def log_key(keys: Path) -> Ed25519Signer:
    """The log's key in this folder, made if it is new."""
    return keyring.first_key(keys / checkpoints.FOLDER, ORIGIN)


def eyes(keys: Path) -> Witness:
    """A witness of the log that signs with these keys."""
    return Witness(Cosigner(EYES), {ORIGIN: (log_key(keys).verifier,)}, Shelf(keys.parent / "eyes"))


def listed(folder: Path, *named: Known) -> Path | None:
    """A file for MANDATE_WITNESSES."""
    lines = [
        f'[[witness]]\nvkey = "{each.verifier.vkey}"\n' + (f'url = "{each.url}"\n' if each.url else "")
        for each in named
    ]
    folder.mkdir(exist_ok=True)
    file = folder / "witnesses.toml"
    file.write_text("".join(lines), encoding="utf-8")
    return file if named else None


def copied(keys: Path) -> Path:
    """The keys of a machine that was copied with its database."""
    return Path(shutil.copytree(keys, keys.with_name(f"{keys.name}-copy")))


def witness_key(name: str, seed: bytes) -> Ed25519Signer:
    """A witness's key of this name."""
    return seeded(name, COSIGNATURE, seed)


def clones(server: Server, database: World) -> Iterator[Callable[[], World]]:
    """The body of a fixture: a function that copies this database; the copies are verified and dropped."""
    source, made = database.app_url.rsplit("/", 1)[1].split("?")[0], []

    def copy() -> World:
        name = f"clone_{secrets.token_hex(6)}"
        server.run(f"CREATE DATABASE {name} TEMPLATE {source}")
        urls = [each.replace(source, name) for each in (database.owner_url, database.app_url, database.superuser_url)]
        made.append((name, World(open_engine(urls[1], pool=5), *urls)))
        return made[-1][1]

    yield copy
    for name, world in made:
        verify_world(world)
        world.engine.dispose()
        server.run(f"DROP DATABASE {name} WITH (FORCE)")
