"""Identity numbers over HTTP: an account that was registered without one gets it, once.

POST /v1/people/{id}/identity   by whoever registers people where the person serves, never by himself
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import pep, stated
from api.people import Short, knows, reached, token
from api.pep import Wish
from api.stated import Reason, Reasoned
from audit.act import Recorded
from authz import identification, refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.post import DutyNoted
from authz.register import Reads

router = APIRouter()


class IdentityBody(Reason):
    identity_number: Short


@dataclass(kw_only=True)
class IdentifyPerson(Reasoned[IdentityBody]):
    """An account gets its human being; `natural` is the keyed token of the number, empty where that is of no right form."""

    name: ClassVar[str] = "people.register"
    person: str
    natural: str

    @property
    def reads(self) -> Reads:
        return Reads(persons=frozenset((self.person,)), naturals=frozenset((self.natural,) if self.natural else ()))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if not knows(scene, self.person):
            raise refusal.Unknown()
        place = reached(scene, self.name, self.person)
        self.wish.take()
        return identification.identify(scene.rows.people[self.person], self.natural, place, self.reason, scene)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        noted = [each.duty for each in recorded.facts if isinstance(each, DutyNoted)]
        return 200, {"id": self.person, "noted": noted}


@router.post("/v1/people/{id}/identity", summary="补登一名人员的身份证件号码（只登记一次，不回显）",
             openapi_extra=pep.described(IdentityBody, {"identity_number": "11010519491231002X", "reason": "核对身份证原件"}))  # fmt: skip
async def identify(request: Request, id: str) -> Response:
    wish, natural = _known(await stated.wished(request, IdentityBody), pep.deployment(request).pseudonym)
    return await stated.perform(request, IdentifyPerson, wish, person=id, natural=natural)


def _known(wish: Wish[IdentityBody], key: bytes) -> tuple[Wish[IdentityBody], str]:
    """The body with its number checked, and the keyed token of that."""
    if wish.got is None:
        return wish, ""
    try:
        return wish, token(wish.got.identity_number, key)
    except refusal.Misshapen as fault:
        return Wish(None, refusal.Misshapen(pointers=[{"pointer": "/identity_number", "message": fault.detail}])), ""
