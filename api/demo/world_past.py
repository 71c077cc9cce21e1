"""The past of the demo world: what was given under an earlier edition of the divisions, before the present one held.

In 2020 the communities of the county seat of Yanchi lay in 640323104; since 2021 they are 640323001 (ten of them) and
640323100012. A grant of that time waits until somebody confirms it, which is scene 5. All of it is one act.
"""

from __future__ import annotations

import secrets
from concurrent.futures import Future

from api import founding, pep, policies
from api.database import Database
from api.demo.world_bodies import REGION, Body
from api.demo.world_names import draw
from api.demo.world_people import Holder
from api.founding import Deed
from api.settings import Settings
from audit import head
from audit.lawbook import Lawbook
from audit.ledger import Ledger
from authz import bundle, gazette, lineage, redistricting
from authz.fact import Fact
from authz.gazette import EditionConfirmed, EditionFiled
from authz.grant import GrantIssued
from authz.post import PersonRegistered, PostAssigned

EDITION = "2020-06-30"
COUNTY, STREET = "640323", "640323104"
BODY = Body("township", STREET, "盐州路街道办事处")
ADMIN = Holder("p-1391", BODY.id, STREET, "township_admin", "街道乡村振兴办负责人（管理员）")
BEGIN, END = "2020-08-31T16:00:00.000000Z", "2035-12-31T16:00:00.000000Z"
CELLS, OPERATIONS = ("lifted_out.income", "monitored.income"), ("collect", "update", "verify")


def lawbook(settings: Settings) -> Lawbook:
    """The law of the folder, with the divisions as they stood at the earlier edition."""
    files = {"policy": policies.files(settings.policies), "calendar": policies.tables(settings.policies / "calendars")}
    divisions = redistricting.truncated(policies.tables(settings.policies / "divisions"), EDITION)
    return Lawbook(files | {"edition": divisions}, EDITION)


def plant(database: Database, book: Lawbook, pseudonym: bytes) -> bool:
    """Write the past of a world that stands at the earlier edition, up to the confirmation of the present one."""
    with founding.alone(database) as charter:
        name, _, sha256 = charter.get("edition", "").rpartition(" ")
        if name != EDITION:
            return False
        with head.reading(database.engine) as connection:
            first = head.read(connection).size
        deed = _past(
            first, sha256, book.law.divisions.edition, book.charter["edition"].rpartition(" ")[2], book, pseudonym
        )
        ledger = Ledger(database.engine, book, patience=120.0)
        ledger.start()
        try:
            (member,) = ledger.submit([deed])
            assert isinstance(member.future, Future)
            member.future.result()
        finally:
            ledger.stop()
    return True


def _past(first: int, base: str, edition: str, sha256: str, book: Lawbook, pseudonym: bytes) -> Deed:
    """All facts in order; `first` is the number of the first, from which they know each other."""
    person = draw(ADMIN.person)
    told = {
        "/name": person.name,
        "/phone": person.phone,
        "/title": "统计用区划代码（2023 年版）",
        "/issuer": "国家统计局",
    }
    sealed, commitments = pep.seal(told)
    root, town, filing = first + 3, first + 4, first + 5
    files = bundle.unpack(book.bundles[sha256])
    county = _granted(COUNTY, "盐池县", None, "u-640323-lead", "county_admin", "u-64-lead")
    street = _granted(STREET, "盐州路街道花马池镇", root, BODY.id, ADMIN.role, "u-640323-lead")
    counts = redistricting.counted(gazette.between(files, EDITION, edition))
    count = files[lineage.TREE].count(b"\n") - 1
    facts: tuple[Fact, ...] = (
        PersonRegistered(
            person_id=ADMIN.person, natural=founding.natural(pseudonym, person.identity_number),
            name=commitments["/name"], phone=commitments["/phone"],
        ),
        BODY.fact,
        PostAssigned(
            person_id=ADMIN.person, post_unit=ADMIN.unit, division=STREET, role=ADMIN.role, title=ADMIN.title,
            valid_from=BEGIN, valid_until=None,
        ),
        county,
        street,
        EditionFiled(
            division=REGION, edition=edition, sha256=sha256, base=EDITION, base_sha256=base, count=count, counts=counts,
            title=commitments["/title"], issuer=commitments["/issuer"], dated=edition, document=None, document_sha256=None,
            touched=2, grants=(root, town), units=1, posts=1, households=0,
        ),
        EditionConfirmed(subject=filing, division=REGION, edition=edition, sha256=sha256, base=EDITION, count=count),
    )  # fmt: skip
    return Deed(ref=secrets.token_hex(16), facts=facts, sealed=sealed)


def _granted(division: str, name: str, parent: int | None, unit: str, role: str, issuer: str) -> GrantIssued:
    return GrantIssued(
        origin="delegated" if parent else "request", division=division, cells=CELLS, operations=OPERATIONS, data_year=None,
        valid_from=BEGIN, valid_until=END, max_records=None, households=None, holder_unit=unit, holder_person=None,
        role=role, request=None, line=None, window=None, parent=parent, path=(parent,) if parent else (),
        document="宁扶办发〔2020〕55号", document_sha256=None, edition=EDITION, division_name=name, issuer_unit=issuer,
        reason=None,
    )  # fmt: skip
