"""The first administrator: admitted once, by the code that the first start showed on its console.

There is no default password. The code has 100 bits, holds for half an hour and is kept only as its digest; whatever is
wrong with it, the answer is the same 401. Whoever is admitted registers the others, and may hand out tokens of ten
minutes until the bureau's own sign-in issues them (`mandate token --once`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from api import bootstrap_code, founding, pep
from api.database import Database
from api.deployment import Deployment
from api.identity import LONGEST_LIFETIME, BadKeys, Signer
from api.pep import Asked
from api.wire import fields
from audit import ceremony
from audit.act import Recorded
from authz import identifier, refusal
from authz.decision import Scene
from authz.fact import Fact, instant
from authz.founding import AdministratorAdmitted, CodeShown, TokenHanded
from authz.post import PersonRegistered, PostAssigned, UnitEstablished
from authz.register import Reads

router = APIRouter()
FIRST = "p-1"
VALID = timedelta(minutes=30)
EXAMPLE = {"code": "7K2QF-0M9XT-4ZB1C-H6WRN", "name": "王建国", "identity_number": "11010519491231002X"}


class BootstrapBody(fields.Body):
    code: Annotated[str, StringConstraints(max_length=64)]
    name: fields.Name
    identity_number: Annotated[str, StringConstraints(max_length=18)]


@dataclass(kw_only=True)
class Admit(Asked):
    """The first administrator comes on record. A second one never does: `p-1` exists then."""

    name: ClassVar[str] = "bootstrap"
    natural: str
    sealed_name: str
    jti: str
    signer: Signer
    region: str
    region_name: str

    @property
    def reads(self) -> Reads:
        return Reads(persons=frozenset((FIRST,)), units=frozenset((self.unit,)))

    @property
    def unit(self) -> str:
        return f"u-{self.region}-lead"

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if FIRST in scene.rows.people:
            raise refusal.Stranger()
        establish: tuple[Fact, ...] = ()
        if self.unit not in scene.rows.units:
            establish = (UnitEstablished(
                unit=self.unit, unit_kind="lead", division=self.region, name=f"{self.region_name}乡村振兴机构", earlier_name=None,
            ),)  # fmt: skip
        return (
            PersonRegistered(person_id=FIRST, natural=self.natural, name=self.sealed_name, phone=None),
            *establish,
            PostAssigned(
                person_id=FIRST, post_unit=self.unit, division=self.region, role="system_admin", title="首任系统管理员",
                valid_from=instant(scene.at), valid_until=None,
            ),
            AdministratorAdmitted(person_id=FIRST),
            TokenHanded(
                person_id=FIRST, jti=self.jti, valid_until=instant(scene.at + timedelta(seconds=LONGEST_LIFETIME))
            ),
        )  # fmt: skip

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        token = self.signer.mint(FIRST, LONGEST_LIFETIME, time.time(), self.jti)
        return 201, {"person": FIRST, "token": token, "expires_in": LONGEST_LIFETIME}


@dataclass(kw_only=True)
class HandToken(Asked):
    """The bootstrap administrator hands a person on record a token."""

    name: ClassVar[str] = "people.token"
    person: str
    jti: str
    region: str

    @property
    def reads(self) -> Reads:
        return Reads(persons=frozenset((self.person,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        scene.must("people.token", self.region)
        if self.person not in scene.rows.people:
            raise refusal.Unknown()
        until = instant(scene.at + timedelta(seconds=LONGEST_LIFETIME))
        return (TokenHanded(person_id=self.person, jti=self.jti, valid_until=until),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 201, {"person": self.person, "expires_in": LONGEST_LIFETIME}


def show_code(database: Database) -> tuple[str, CodeShown]:
    """Draw a one-time code and keep its digest; the code to show once, and the fact that it was."""
    code, digest = bootstrap_code.draw_code()
    until = datetime.now(UTC) + VALID
    ceremony.keep_code(database.engine, digest, until)
    return code, CodeShown(valid_until=instant(until))


def good(database: Database, code: str) -> bool:
    """Whether this is the code, unused and in time; a missing code takes as long as a wrong one."""
    kept = ceremony.code_kept(database.engine)
    return bootstrap_code.code_matches(code, kept or "0" * 64) and kept is not None


@router.post("/v1/bootstrap", status_code=201, summary="首次启动：凭一次性口令登记首任系统管理员",
             openapi_extra=pep.described(BootstrapBody, EXAMPLE))  # fmt: skip
async def bootstrap(request: Request) -> Response:
    house = pep.deployment(request)
    wish = await pep.wish(request, BootstrapBody)
    code = wish.got.code if wish.got is not None else ""
    if not await asyncio.to_thread(good, house.database, code):
        raise refusal.Stranger()
    body = wish.take()
    number = identifier.identity_number(body.identity_number, datetime.now(pep.SHANGHAI).date())
    sealed, commitments = pep.seal({"/name": body.name})
    act = Admit(
        ref=pep.new_ref(), sealed=sealed, natural=founding.natural(house.pseudonym, number), sealed_name=commitments["/name"],
        jti=secrets.token_hex(16), signer=_signer(house), region=_region(house), region_name=_region_name(house),
    )  # fmt: skip
    answer = await pep.perform(request, act)
    await asyncio.to_thread(ceremony.use_code, house.database.engine)
    return answer


def _signer(house: Deployment) -> Signer:
    try:
        return Signer.load(house.settings.keys, founding.BOOTSTRAP)
    except BadKeys:
        raise refusal.Stranger() from None


def _region(house: Deployment) -> str:
    return house.law.divisions.roots()[0].code


def _region_name(house: Deployment) -> str:
    return house.law.divisions.roots()[0].name
