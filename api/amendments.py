"""The rules over HTTP: what is in force, what was proposed, and how a second person puts it in force.

POST /v1/policies                       {division, files, reason}: the region's whole set, or the narrowing of a county;
                                        one without a row takes the county back to the region's rules
POST /v1/policies/{digest}/adoption     by somebody else; in force from that entry on, in every process
POST /v1/policies/{digest}/withdrawal
GET  /v1/policies, /v1/policies/{digest}

Files are stored under their digest before anything is recorded, and only for those who may propose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import founding, pep, stated
from api.deployment import Deployment
from api.dossiers import older
from api.pep import Asked
from api.placed import Placed
from api.stated import Reason, Reasoned
from api.wire import fields
from audit import amendments, content, head
from audit.act import Recorded
from authz import amendment, bundle, edition, refusal, table
from authz.amendment import Draft, Pair
from authz.decision import Law, Scene
from authz.difference import between
from authz.fact import Fact
from authz.narrowing import FILE
from authz.register import Reads

router = APIRouter()
File = Annotated[str, StringConstraints(max_length=400_000)]
FileName = Annotated[str, StringConstraints(pattern="^[a-z/]{1,40}[.](?:csv|toml|conf)$")]
EXAMPLE = {
    "division": "640324",
    "files": {FILE: "# 村级不得更新收入\np,grassroots,update,monitored.income,deny\n"},
    "reason": "第四季度收入由乡镇统一更新",
}


class PolicyBody(Reason):
    division: fields.DivisionCode
    files: dict[FileName, File] = Field(min_length=1, max_length=12)


@dataclass(kw_only=True)
class ProposePolicy(Placed, Reasoned[PolicyBody]):
    """Somebody hands in rules. `draft` is how they read beside those in force."""

    name: ClassVar[str] = "policy.propose"
    draft: Draft | None

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        self.permit(scene)
        _must_have_rules(scene, self.wish.take().division)
        assert self.draft is not None
        return (amendment.proposed(self.draft, self.reason, scene),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, amendment.PolicyProposed)
        return 201, {
            "id": recorded.number, "policy": fact.policy, "state": "proposed", "division": fact.division, "base": fact.base or None,
            "gained": list(fact.gained), "lost": list(fact.lost),
        }  # fmt: skip


@router.post("/v1/policies", status_code=201, summary="提出一套规则（自治区），或提出收窄本县权限（县级）",
             openapi_extra=pep.described(PolicyBody, EXAMPLE))  # fmt: skip
async def propose(request: Request) -> Response:
    """One bad row refuses the whole, with file, line and reason; the rules in force stay."""
    wish = await stated.wished(request, PolicyBody)
    draft = await run_in_threadpool(_drafted, request, wish.got)
    place = wish.got.division if wish.got else None
    return await stated.perform(request, ProposePolicy, wish, draft=draft, place=place)


def _drafted(request: Request, body: PolicyBody | None) -> Draft | None:
    """The files as read beside the rules in force, stored if the caller may propose and nothing is wrong with them."""
    scene = pep.look(request, Reads())
    divisions, left = scene.law.divisions, body is not None and body.division in scene.law.narrowings
    if body is None or not (left or divisions.known(body.division)) or not scene.may("policy.propose", body.division):
        return None
    region = not left and divisions.get(body.division).parent is None
    base = amendment.in_force(scene, amendment.WHOLE if region else amendment.NARROWING, body.division)
    files = {name: text.encode() for name, text in body.files.items()}
    standing = scene.law.narrowings.get(body.division)
    draft = amendment.draft(body.division, files, scene.law.policy, base, region, standing)
    if draft.fault is None:
        assert scene.post is not None
        with head.reading(pep.deployment(request).database.engine) as connection:
            content.store(connection, bundle.pack(files), founding.BUNDLE, scene.post.unit)
            connection.commit()
    return draft


def _must_have_rules(scene: Scene, division: str) -> None:
    """Rules belong to the region or to a county; nobody else has any. Those an abolished county left can be lifted."""
    if division in scene.law.narrowings:
        return
    found = scene.law.divisions.get(division)
    if found.parent is not None and found.level != "county":
        message = "规则只能属于自治区，或属于一个县（区）"
        raise refusal.Misshapen(pointers=[{"pointer": "/division", "message": message}])


@dataclass(kw_only=True)
class Settle(Asked):
    """What both ends of a proposal have in common: which one, who proposed it."""

    number: int
    proposer: str | None

    @property
    def reads(self) -> Reads:
        return Reads(amendments=frozenset((self.number,)), persons=frozenset((self.proposer,) if self.proposer else ()))

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}


@dataclass(kw_only=True)
class AdoptPolicy(Settle):
    """The second person puts the rules in force. `fits` are the narrowings found to hold under the set that counts,
    `flaw` is what was found wrong with the files."""

    name: ClassVar[str] = "policy.adopt"
    fits: frozenset[Pair]
    flaw: refusal.BadPolicy | None

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = amendment.visible(self.number, scene)
        scene.must(self.name, row["division"])
        scene.fresh("amendment", self.number, self.if_match)
        return (amendment.adopted(row, self.fits, self.flaw, scene),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, amendment.PolicyAdopted)
        return 200, {"id": self.number, "policy": fact.policy, "state": "adopted", "division": fact.division}


@router.post("/v1/policies/{digest}/adoption", summary="采用一套规则")
async def adopt(request: Request, digest: str) -> Response:
    """By another natural person than who proposed it; refused where something else came into force meanwhile."""
    who = pep.caller(request)
    row = await run_in_threadpool(_newest, request, digest)
    fits, flaw = await run_in_threadpool(_fitting, request, row)
    act = AdoptPolicy(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=row["number"], proposer=row["body"]["proposed_by"], fits=fits, flaw=flaw,
    )  # fmt: skip
    return await pep.perform(request, act)


def _fitting(request: Request, row: Mapping[str, Any]) -> tuple[frozenset[Pair], refusal.BadPolicy | None]:
    """What was read before the lock: the set that would count, what is wrong with it, and the narrowings that hold under
    it. If the rules in force change before the lock, the proposal no longer fits what it was compared with."""
    house, law, digest = pep.deployment(request), pep.look(request, Reads()).law, row["body"]["policy"]
    with head.reading(house.database.engine) as connection:
        if row["body"]["part"] == amendment.NARROWING:
            return amendment.sound(law.policy, row["division"], house.laws.files(connection, digest)), None
        flaw = amendment.flaw(house.laws.files(connection, digest), law.policy)
        if flaw is not None:
            return frozenset(), flaw
        made = house.laws.policy(connection, digest)[0]
        standing = [(each.division, house.laws.files(connection, each.digest)) for each in law.narrowings.values()]
    return frozenset(pair for division, files in standing for pair in amendment.sound(made, division, files)), None


@dataclass(kw_only=True)
class WithdrawPolicy(Settle, Reasoned[Reason]):
    """The proposal is taken back, or turned down."""

    name: ClassVar[str] = "policy.withdraw"

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = amendment.visible(self.number, scene)
        if not scene.may("policy.adopt", row["division"]):
            scene.must("policy.propose", row["division"])
        self.wish.take()
        scene.fresh("amendment", self.number, self.if_match)
        return (amendment.withdrawn(row, self.reason),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, amendment.PolicyWithdrawn)
        return 200, {"id": self.number, "policy": fact.policy, "state": "withdrawn", "division": fact.division}


@router.post("/v1/policies/{digest}/withdrawal", summary="撤回或退回一套提出的规则",
             openapi_extra=pep.described(Reason, {"reason": "表述需要修改"}))  # fmt: skip
async def withdraw(request: Request, digest: str) -> Response:
    wish = await stated.wished(request, Reason)
    row = await run_in_threadpool(_newest, request, digest)
    known = {"number": row["number"], "proposer": row["body"]["proposed_by"]}
    return await stated.perform(request, WithdrawPolicy, wish, **known)


def _newest(request: Request, digest: str) -> dict[str, Any]:
    """The newest proposal of these files that the caller may see."""
    scene = pep.look(request, Reads())
    with head.reading(pep.deployment(request).database.engine) as connection:
        found = amendments.proposals(connection, digest, scene)
    if not found:
        raise refusal.Unknown()
    return found[0]


@router.get("/v1/policies", summary="在用的规则和提出过的规则（新的在前）", openapi_extra=pep.queried(fields.Page))
def listed(request: Request) -> Response:
    query = fields.read_query(request.url.query.encode(), fields.Page)
    scene = pep.look(request, Reads())
    if scene.post is None or not scene.may("policy.read", scene.post.division):
        return pep.page([], None, request)
    above = frozenset(scene.law.named(scene.post.division))
    within = edition.reach(scene.post.division, scene.law)
    with head.reading(pep.deployment(request).database.engine) as connection:
        rows = amendments.listed(connection, within, older(query.cursor), query.limit + 1)
    shown = rows[: query.limit]
    more = str(shown[-1]["number"]) if len(rows) > query.limit else None
    narrowed = [
        {"division": each.division, "policy": each.digest}
        for each in scene.law.narrowings.values()
        if each.forbids and each.division in within | above
    ]
    return pep.page([plain(row) for row in shown], more, request, in_force=scene.law.policy.digest, narrowings=narrowed)


@router.get("/v1/policies/{digest}", summary="一套规则的全文，以及与在用规则的差别")
def one(request: Request, digest: str) -> Response:
    scene = pep.look(request, Reads())
    if scene.post is None or not scene.may("policy.read", scene.post.division):
        raise refusal.Unknown()
    house = pep.deployment(request)
    with head.reading(house.database.engine) as connection:
        rows = amendments.proposals(connection, digest, scene)
        standing = digest == scene.law.policy.digest
        if not rows and not standing:
            raise refusal.Unknown()
        files = house.laws.texts(connection, digest)
        whole = standing or rows[0]["body"]["part"] == amendment.WHOLE
    return pep.told(
        {"policy": digest, "in_force": standing, "files": files, "difference": _compared(scene.law, house, digest) if whole else None,
         "proposals": [plain(row) for row in rows]},
        etag=rows[0]["since"] if rows else None,
    )  # fmt: skip


def _compared(law: Law, house: Deployment, digest: str) -> dict[str, Any] | None:
    """What the set changes; null for one of an earlier release that this program cannot read. Both rules are at hand, so
    that a reading compiles nothing that was read before."""
    try:
        with head.reading(house.database.engine) as connection:
            made, rule = house.laws.policy(connection, digest)
    except table.BadTable:
        return None
    return between(law.policy, made, (law.rule, rule)).plain()


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    body = row["body"]
    return {
        "id": row["number"], "state": row["state"], "entry": row["since"], "division": row["division"], "part": body["part"],
        "policy": body["policy"], "base": body["base"] or None, "proposed_by": body["proposed_by"],
        "adopted_by": body.get("adopted_by"), "withdrawn_by": body.get("withdrawn_by"),
    }  # fmt: skip
