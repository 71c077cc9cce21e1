"""The first start and every later one: keys, the law in force, and the entries that found the log.

keys        <keys>/pseudonym.key (32 bytes, mode 0600) and issuers of our own; never in the database
first       LogOpened, PolicyLoaded, EditionLoaded, CalendarLoaded
later       nothing; in a practice log, what has another digest than on record
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from api import policies
from api.database import Database
from api.deployment import Deployment
from api.identity import BadKeys, Issuers, Signer
from api.settings import Misconfigured, Settings
from audit import bridge, ceremony, content, erasing, guard, head, retiring
from audit.act import Act
from audit.batch import Laws
from audit.lawbook import Lawbook
from audit.ledger import Ledger
from authz import erasure, founding, table
from authz.decision import Scene
from authz.fact import Fact
from authz.founding import CalendarLoaded, EditionLoaded, LogOpened, PolicyLoaded
from authz.register import Reads

PSEUDONYM_BYTES = 32
DEMO_LIFETIME = 366 * 24 * 3600
AHEAD = 1_048_576
DEMO_ORIGIN = "mandate.local/demo"
BOOTSTRAP, DEMO = "bootstrap", "demo"
BUNDLE = "application/vnd.mandate.bundle"


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


class Quiet(Deed):
    """A fact that changes nobody's authority."""

    name: ClassVar[str] = "log.beat"
    authority: ClassVar[bool] = False


def read_lawbook(folder: Path) -> Lawbook:
    """Read a policy folder whole; ValueError with file, line and reason if anything in it is wrong."""
    book = policies.open_lawbook(folder)
    if short := erasure.short(book.law.policy):
        table.bad(
            "handling.toml", 1, f"{'、'.join(short)} 缺少或低于下限，请更正：保存期至少 180 天，授权和变更记录至少 1095 天",
            "a retention setting is missing or below its floor",
        )  # fmt: skip
    return book


def fit(book: Lawbook) -> None:
    """Refuse to serve with a policy set without grants: it believes what questions say, and exists for tests."""
    if not book.law.policy.catalogue.grants:
        raise Misconfigured("这套规则不含授权（grants = false），只能用于测试，不能提供服务。请改用正式的规则文件夹。")


def facts(book: Lawbook) -> tuple[Fact, ...]:
    """The facts that put the files at hand on record."""
    divisions, (edition, _, sha256) = book.law.divisions, book.charter["edition"].rpartition(" ")
    return (
        PolicyLoaded(policy=book.charter["policy"]),
        EditionLoaded(edition=edition, sha256=sha256, count=len(divisions)),
        CalendarLoaded(sha256=book.charter["calendar"], layers=tuple(book.law.calendar.layers)),
    )


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


def found(database: Database, book: Lawbook, origin: str, demo: bool, begin: Lawbook | None = None) -> bool:
    """Write what is not on record yet; whether this was the first start.

    Only the first start takes the law from the folder. Later it is changed by those whom it appoints for that, on
    record; where nothing is real (`demo`), the folder goes on to be taken, all but the divisions: what was given under
    an edition depends on it. `begin` is the law of a first start that is to begin under an earlier one.
    """
    make_room(database)
    with head.reading(database.engine) as connection:
        guard.must_stand(connection)
    recall(database)
    with alone(database) as charter:
        opened = LogOpened(origin=origin, purpose="practice" if demo else "service")
        founding.same_log(charter, opened)
        first = "origin" not in charter
        taken = begin or book if first else book
        laws: Laws = taken if first else bridge.bridged(database.engine, charter, book, practice=demo)
        told = [each for each in facts(taken) if first or (demo and not isinstance(each, EditionLoaded))]
        wanted = founding.missing(charter, (opened, *told))
        if wanted:
            with database.engine.begin() as connection:
                for stream in (taken.bundles | book.bundles).values():
                    content.store(connection, stream, BUNDLE, "")
            record(database, laws, [Deed(ref=secrets.token_hex(16), facts=wanted)])
        return first


def recall(database: Database) -> None:
    """What was erased, and what had passed its term, goes again if a restore has brought it back."""
    erasing.repeat(database.engine)
    retiring.repeat(database.engine)


def unlike(charter: Mapping[str, str], book: Lawbook) -> tuple[str, ...]:
    """The parts of the law (`policy`, `edition`, `calendar`) of which the folder says something else than the record."""
    return tuple(part for part, value in book.charter.items() if charter.get(part) != value)


def record(database: Database, laws: Laws, acts: Sequence[Act]) -> list[int]:
    """Record acts of the service itself before it serves; the number of each one's first entry."""
    ledger = Ledger(database.engine, laws, patience=120.0)
    ledger.start()
    try:
        outcomes = [member.future.result() for member in ledger.submit(acts)]
    finally:
        ledger.stop()
    return [each.number for each in outcomes if each.number is not None]


def deploy(settings: Settings, database: Database, book: Lawbook, *, demo: bool) -> Deployment:
    """One server process on a founded database. The ledger is not started: the application's life does that."""
    with head.reading(database.engine) as connection:
        book.on_record(connection)
    return Deployment(
        settings=settings,
        database=database,
        ledger=Ledger(database.engine, book),
        laws=book,
        issuers=Issuers.load(settings.keys, demo=demo),
        pseudonym=read_pseudonym(settings.keys),
        origin=settings.origin or DEMO_ORIGIN,
        demo=demo,
    )
