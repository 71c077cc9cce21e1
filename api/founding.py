"""The first start and every later one: keys, the law in force, and the entries that found the log.

keys        <keys>/pseudonym.key (32 bytes, mode 0600) and issuers of our own; never in the database
first       LogOpened, PolicyLoaded, EditionLoaded, CalendarLoaded
later       only what has another digest than on record
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from api import policies
from api.database import Database
from api.deployment import Deployment
from api.identity import BadKeys, Issuers, Signer
from api.settings import Settings
from audit import ceremony, erasing, guard, head
from audit.act import Act
from audit.ledger import Ledger
from authz import erasure, founding, table
from authz.calendar import Calendar
from authz.decision import Law, Scene
from authz.fact import Fact
from authz.founding import CalendarLoaded, EditionLoaded, LogOpened, PolicyLoaded
from authz.pdp import Rule
from authz.register import Reads

PSEUDONYM_BYTES = 32
DEMO_LIFETIME = 366 * 24 * 3600
AHEAD = 1_048_576
DEMO_ORIGIN = "mandate.local/demo"
BOOTSTRAP, DEMO = "bootstrap", "demo"


@dataclass(kw_only=True)
class Deed(Act):
    """An act of the service itself, nobody's: these facts happened."""

    name: ClassVar[str] = "found"

    facts: tuple[Fact, ...]

    @property
    def reads(self) -> Reads:
        return Reads()

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        return self.facts


@dataclass(frozen=True, slots=True)
class Lawbook:
    """All that a policy folder says: the law, the calendar, and the facts that state their digests."""

    law: Law
    calendar: Calendar
    facts: tuple[Fact, ...]


def read_lawbook(folder: Path) -> Lawbook:
    """Read a policy folder whole; ValueError with file, line and reason if anything in it is wrong."""
    policy, divisions, calendar = policies.load(folder), policies.load_divisions(folder), policies.load_calendar(folder)
    if short := erasure.short(policy):
        table.bad(
            "handling.toml", 1, f"{'、'.join(short)} 缺少或低于下限，请更正：保存期至少 180 天，授权和变更记录至少 1095 天",
            "a retention setting is missing or below its floor",
        )  # fmt: skip
    facts = (
        PolicyLoaded(policy=policy.digest),
        EditionLoaded(edition=divisions.edition, sha256=_digest(folder / "divisions"), count=len(divisions)),
        CalendarLoaded(sha256=_digest(folder / "calendars"), layers=tuple(calendar.layers)),
    )
    return Lawbook(Law(policy, Rule.compile(policy), divisions), calendar, facts)


def _digest(folder: Path) -> str:
    """SHA-256 over the tables of a folder, by name."""
    whole = hashlib.sha256()
    for file in sorted(folder.glob("*.csv")):
        content = file.read_bytes()
        whole.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def read_pseudonym(keys: Path) -> bytes:
    """The key of identity tokens; made when first asked. Losing it parts every later account from its natural person."""
    file = keys / "pseudonym.key"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(secrets.token_bytes(PSEUDONYM_BYTES))
            out.flush()
            os.fsync(out.fileno())
    if file.stat().st_mode & 0o077:
        raise BadKeys("密钥文件可被他人读取：pseudonym.key，请先执行 chmod 600")
    found = file.read_bytes()
    if len(found) != PSEUDONYM_BYTES:
        raise BadKeys("密钥文件不完整：pseudonym.key，请从备份恢复，切勿新建")
    return found


def natural(pseudonym: bytes, identity_number: str) -> str:
    """The keyed token of an identity number: equal for the accounts of one human being, and nothing else can be read."""
    return hmac.new(pseudonym, b"mandate/v1/natural\x00" + identity_number.encode(), hashlib.sha256).hexdigest()


def signer(keys: Path, kid: str) -> Signer:
    """An issuer of our own: `demo` prints tokens for a year, `bootstrap` for ten minutes; made when first asked."""
    if (keys / f"{kid}.key").exists():
        return Signer.load(keys, kid)
    return Signer.create(keys, kid, DEMO_LIFETIME) if kid == DEMO else Signer.create(keys, kid)


def make_room(database: Database, ahead: int = AHEAD) -> int:
    """Partitions for at least so many further entries; how many the log can hold."""
    return ceremony.make_room(database.engine, ahead)


def alone(database: Database) -> AbstractContextManager[dict[str, str]]:
    """Be the only one who founds anything on this database; what is in force now."""
    return ceremony.alone(database.engine)


def found(database: Database, lawbook: Lawbook, origin: str, demo: bool) -> bool:
    """Write what is not on record yet; whether this was the first start."""
    make_room(database)
    with head.reading(database.engine) as connection:
        guard.must_stand(connection)
    erasing.repeat(database.engine)
    with alone(database) as charter:
        opened = LogOpened(origin=origin, purpose="practice" if demo else "service")
        founding.same_log(charter, opened)
        wanted = founding.missing(charter, (opened, *lawbook.facts))
        if wanted:
            record(database, lawbook.law, [Deed(ref=secrets.token_hex(16), facts=wanted)], charter.get("policy"))
        return "origin" not in charter


def record(database: Database, law: Law, acts: Sequence[Act], known: str | None = None) -> list[int]:
    """Record acts of the service itself before it serves; the number of each one's first entry.

    `known` is the policy digest on record where these acts are about to replace it: nothing is decided by the law here.
    """
    if known is not None:
        law = replace(law, policy=replace(law.policy, digest=known))
    ledger = Ledger(database.engine, lambda: law, patience=120.0)
    ledger.start()
    try:
        outcomes = [member.future.result() for member in ledger.submit(acts)]
    finally:
        ledger.stop()
    return [each.number for each in outcomes if each.number is not None]


def deploy(settings: Settings, database: Database, lawbook: Lawbook, *, demo: bool) -> Deployment:
    """One server process on a founded database. The ledger is not started: the application's life does that."""
    origin = settings.origin or DEMO_ORIGIN
    law = lawbook.law
    return Deployment(
        settings=settings,
        database=database,
        ledger=Ledger(database.engine, lambda: law),
        law=law,
        calendar=lawbook.calendar,
        issuers=Issuers.load(settings.keys, demo=demo),
        pseudonym=read_pseudonym(settings.keys),
        origin=origin,
        demo=demo,
    )
