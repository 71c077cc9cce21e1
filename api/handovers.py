"""Handovers over HTTP (权限交接): what a transfer left behind, and the grants that pass to whoever takes over.

GET  /v1/transfers               who left which post, newest first (S25)
GET  /v1/transfers/{id}          open work with its state now, grants with what their giver can do, handovers done
POST /v1/transfers/{id}/grants   by the unit the grants came from: each is made out anew to the successor, all or none
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import departures, pep, stated
from api.dossiers import older
from api.grants import scope_told
from api.outlook import outlook
from api.people import serves
from api.stated import Reason, Reasoned
from api.wire import fields
from audit import docket, listing, succession, unfinished
from audit import head as heads
from audit.act import Recorded
from audit.entry import Entry
from authz import delegation, refusal
from authz import handover as rule
from authz.decision import Scene
from authz.fact import Fact
from authz.grant import Grant, chain
from authz.handover import DutyHandedOver, Handover
from authz.register import Reads
from authz.tenure import worth
from authz.transfer import TransferRecorded, WorkHandedOver

router = APIRouter()
MOST = 100


class HandoverBody(Reason):
    """`successor` absent: whom the transfer named."""

    grants: Annotated[fields.Several[fields.Number], Field(min_length=1, max_length=MOST)]
    successor: fields.PersonId | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A transfer in the log, and the register keys that handing over is judged on."""

    entry: Entry
    fact: TransferRecorded
    reads: Reads

    def handover(self, successor: str, scene: Scene) -> Handover:
        return Handover(self.entry.number, self.fact, scene.rows.post[self.fact.subject], successor)


def found(request: Request, number: int, successor: str | None = None) -> Found | None:
    """The transfer of this number, which is an entry and never changes; null if there is none."""
    with heads.reading(pep.deployment(request).database.engine) as connection:
        entry = listing.entry_at(connection, number)
    if entry is None or not isinstance(entry.fact, TransferRecorded):
        return None
    fact = entry.fact
    persons = {fact.person_id} | {each for each in (fact.successor, successor) if each is not None}
    reads = Reads(persons=frozenset(persons), posts=frozenset((fact.subject,)), grants=frozenset(fact.grants))
    # Households of a grant only grow fewer, and the unit above it never changes.
    rows = pep.look(request, reads).rows
    grants = [rows.grants[each] for each in fact.grants]
    givers = frozenset(chain(each, rows.grants)[-2].holder_unit for each in grants if each.parent is not None)
    tokens = frozenset(token for each in grants for token in each.scope.households or ())
    return Found(entry, fact, reads | Reads(units=givers, staff=givers, households=tokens))


def seen(transfer: Found | None, scene: Scene) -> Found:
    """The transfer, for its parties and whoever may read people there; Unknown for absent and hidden alike."""
    me = scene.person
    if transfer is None or me is None or scene.post is None:
        raise refusal.Unknown()
    parties = (transfer.fact.person_id, transfer.fact.successor, transfer.entry.envelope.person)
    if me.id not in parties and not scene.may("people.read", transfer.fact.division):
        raise refusal.Unknown()
    return transfer


def must_serve(successor: str, scene: Scene) -> None:
    """Refuse a successor of whom the acting post could not know; he becomes a party to the transfer."""
    if not serves(scene, successor):
        raise refusal.UnfitHolder("没有这名人员，或此人在您管辖的区划之外任职，请核对人员编号", missing="successor")


@dataclass(kw_only=True)
class HandOver(Reasoned[HandoverBody]):
    """Grants that rested with a transfer go to the successor."""

    name: ClassVar[str] = "grant.delegate"
    number: int
    transfer: Found | None

    @property
    def reads(self) -> Reads:
        return Reads() if self.transfer is None else self.transfer.reads

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        transfer = seen(self.transfer, scene)
        scene.must(self.name, transfer.fact.division)
        body = self.wish.take()
        successor = rule.taker(transfer.fact, body.successor)
        must_serve(successor, scene)
        wanted = transfer.handover(successor, scene)
        return rule.hand_over(wanted, tuple(dict.fromkeys(body.grants)), self.reason, scene)

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        done = [each for each in recorded.facts if isinstance(each, DutyHandedOver)]
        return 201, {"id": self.number, "successor": done[0].successor, "grants": [passed_told(each) for each in done]}


def passed_told(done: DutyHandedOver) -> dict[str, Any]:
    return {"grant": done.grant, "renewed": done.renewed}


EXAMPLE = {"grants": [66], "successor": "p-2002", "reason": "工作调动，由同村同志接手"}


@router.post("/v1/transfers/{id}/grants", status_code=201, summary="权限交接：把随调动停用的授权转交接手人",
             openapi_extra=pep.described(HandoverBody, EXAMPLE))  # fmt: skip
async def hand_over(request: Request, id: str) -> Response:
    number = pep.number(id)
    wish = await stated.wished(request, HandoverBody)
    transfer = await run_in_threadpool(found, request, number, wish.got.successor if wish.got else None)
    return await stated.perform(request, HandOver, wish, number=number, transfer=transfer)


# --- reading --------------------------------------------------------------------------------------------------------
class TransfersQuery(fields.Page):
    division: fields.DivisionCode | None = None
    person: fields.PersonId | None = None


@router.get("/v1/transfers", summary="人员调动台账", openapi_extra=pep.queried(TransfersQuery))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), TransfersQuery)
    seen = outlook(scene, "people.read", query.division)
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = succession.transfers_page(connection, seen, query.person, older(query.cursor), query.limit + 1)
    page = found[: query.limit]
    items = [transfer_told(each) for each in page]
    return pep.page(items, str(page[-1].number) if len(found) > query.limit else None, request)


def transfer_told(entry: Entry) -> dict[str, Any]:
    """A transfer as answers write it; `suspended` are the grants that rested with it."""
    fact = entry.fact
    assert isinstance(fact, TransferRecorded)
    return {
        "id": entry.number, "at": pep.written(entry.at), "person": fact.person_id, "ended": fact.subject,
        "division": fact.division, "successor": fact.successor, "suspended": list(fact.grants),
    }  # fmt: skip


@router.get("/v1/transfers/{id}", summary="一次调动：未办结的事项、停用的授权和已办理的交接")
def one(request: Request, id: str) -> Response:
    number = pep.number(id)
    transfer = found(request, number)
    scene = pep.look(request, Reads() if transfer is None else transfer.reads)
    transfer = seen(transfer, scene)
    fact = transfer.fact
    with heads.reading(pep.deployment(request).database.engine) as connection:
        left = docket.course(connection, fact.subject)
        passed = [each.fact for each in docket.course(connection, number) if isinstance(each.fact, DutyHandedOver)]
        work = [
            item for each in left if isinstance(each.fact, WorkHandedOver) and each.act == transfer.entry.act
            for item in each.fact.work
        ]  # fmt: skip
        states = unfinished.states(connection, work, scene.at)
    grants = [scene.rows.grants[each] for each in fact.grants]
    return pep.told({
        **transfer_told(transfer.entry), "by": transfer.entry.envelope.person,
        "work": [
            {"kind": kind, "id": key, "state": states.get((kind, key)), "text": departures.WORDS[kind]} for kind, key in work
        ],
        "grants": [_grant_told(each, transfer, passed, scene) for each in grants],
    }, etag=number)  # fmt: skip


def _grant_told(grant: Grant, transfer: Found, passed: list[DutyHandedOver], scene: Scene) -> dict[str, Any]:
    """A grant that rested with the transfer: what it is worth now, where it went, and what the reader can do about it."""
    done = next((each for each in passed if each.grant == grant.number), None)
    state, _ = worth(chain(grant, scene.rows.grants), scene.rows.posts, scene.at)
    told = {
        "grant": grant.number, "role": grant.role, "state": state, "parent": grant.parent, "issuer": grant.issuer_unit,
        "below": [each.number for each in scene.rows.below(grant.number)],
        "successor": done.successor if done else None, "renewed": done.renewed if done else None,
        "scope": scope_told(grant.scope) if delegation.visible(grant, scene) else None,
    }  # fmt: skip
    return told | {"choices": list(_choices(grant, transfer, scene)) if done is None else []}


def _choices(grant: Grant, transfer: Found, scene: Scene) -> Iterator[dict[str, Any]]:
    """What the acting post can do with a resting grant; of handing it over also what stands in the way."""
    if scene.post is None or scene.post.unit != grant.issuer_unit or grant.state(scene.at) in rule.ENDED:
        return
    if scene.may("grant.revoke", grant.scope.division):
        yield {"act": "grant.revoke", "fits": True, "code": None, "misfits": []}
    if scene.may("grant.delegate", grant.scope.division):
        hindered = None
        if transfer.fact.successor is not None:
            hindered = rule.hindrance(grant, transfer.handover(transfer.fact.successor, scene), scene)
        fits = transfer.fact.successor is not None and hindered is None
        code = "no_successor" if transfer.fact.successor is None else hindered.code if hindered else None
        misfits = hindered.members.get("misfits", []) if hindered else []
        yield {"act": "grant.delegate", "fits": fits, "code": code, "misfits": misfits}
