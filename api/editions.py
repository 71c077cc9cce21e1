"""New editions of the divisions over HTTP: filed with their tables, compared, and put in force by a second person.

POST /v1/divisions/editions                    {edition, source, tree, changes}: two CSV tables, all of it or nothing
GET  /v1/divisions/editions, /{n}              what changes, and whom it touches: `waiting` of the `grants` wait, the others lose a place
POST /v1/divisions/editions/{n}/confirmation   in force from that entry on, in every process
POST /v1/divisions/editions/{n}/refusal, /withdrawal

The files are kept under their digest before anything is recorded, and only for those who may file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import founding, pep, stated
from api.dossiers import older
from api.pep import Asked, Wish
from api.placed import Placed
from api.stated import Reason, Reasoned
from api.windows import NoticeBody
from api.wire import fields
from audit import content, editions, head
from audit.act import Recorded
from authz import bundle, gazette, lineage, redistricting, refusal, register, table
from authz.decision import Scene
from authz.fact import Fact
from authz.gazette import Draft, EditionConfirmed, EditionFiled, Source, Touched
from authz.register import Reads

router = APIRouter()
LONGEST = 4_000_000
OPEN = Reads(editions=frozenset((0,)))
EXAMPLE = {
    "edition": "2026-06-30",
    "source": {"title": "关于撤销和设立行政区划的批复", "issuer": "自治区人民政府", "dated": "2026-05-20", "number": "宁政函〔2026〕21号"},
    "tree": "code,name,level,parent_code,code12\n64,宁夏回族自治区,region,,640000000000\n",
    "changes": "change,old_code,new_code\nsuccessor,640323104001,640323001001\n",
}  # fmt: skip


class EditionBody(fields.Body):
    edition: fields.Day
    source: NoticeBody
    tree: Annotated[str, StringConstraints(max_length=LONGEST)]
    changes: Annotated[str, StringConstraints(max_length=LONGEST)] = "change,old_code,new_code\n"


@dataclass(kw_only=True)
class FileEdition(Placed):
    """A new edition is handed in; nothing holds before it is confirmed."""

    name: ClassVar[str] = "division.load"
    wish: Wish[EditionBody]
    draft: Draft | None
    commitments: Mapping[str, str]

    @property
    def reads(self) -> Reads:
        return OPEN

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        self.permit(scene)
        body = self.wish.take()
        assert self.draft is not None
        source = Source(
            self.commitments["/source/title"], self.commitments["/source/issuer"], body.source.dated.isoformat(),
            (body.source.number or "").strip() or None, body.source.sha256,
        )  # fmt: skip
        return (gazette.filed(self.draft, source, scene),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, EditionFiled)
        names = ("edition", "base", "sha256", "count", "counts", "touched", "units", "posts", "households")
        return 201, {"id": recorded.number, "state": "filed", **{name: getattr(fact, name) for name in names}}


@router.post("/v1/divisions/editions", status_code=201, summary="导入新版行政区划（待确认）",
             openapi_extra=pep.described(EditionBody, EXAMPLE))  # fmt: skip
async def file(request: Request) -> Response:
    """One bad line refuses the whole, with the table, the line and the reason."""
    who, wish = pep.caller(request), await pep.wish(request, EditionBody)
    draft = await run_in_threadpool(_drafted, request, wish.got)
    source = wish.got.source if wish.got else None
    values = {"/source/title": source.title, "/source/issuer": source.issuer} if source else {}
    sealed, commitments = pep.seal(values)
    act = FileEdition(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, draft=draft, sealed=sealed,
        commitments=commitments,
    )  # fmt: skip
    return await pep.perform(request, act)


def _drafted(request: Request, body: EditionBody | None) -> Draft | None:
    """The tables as worked out beside the edition in force, kept if the caller may file and nothing is wrong with them."""
    scene, house = pep.look(request, Reads()), pep.deployment(request)
    if body is None or scene.post is None or not scene.may("division.load", scene.post.division):
        return None
    edition = body.edition.isoformat()
    with head.reading(house.database.engine) as connection:
        base, _, sha256 = register.charters(connection)["edition"].rpartition(" ")
        files = house.laws.files(connection, sha256)
    try:
        made = redistricting.revise(files, base, edition, body.tree.encode(), body.changes.encode())
    except table.BadTable as bad:
        message = f"{bad.file} 第 {bad.line} 行：{bad.zh}"
        return Draft(edition, base, sha256, fault=refusal.Unacceptable(message, file=bad.file, line=bad.line))
    with head.reading(house.database.engine) as connection:
        content.store(connection, bundle.pack(made), founding.BUNDLE, scene.post.unit)
        connection.commit()
    with head.reading(house.database.engine) as connection:
        names = gazette.named(base, sha256), gazette.named(edition, bundle.digest(made))
        old, new = (house.laws.edition(connection, each)[0] for each in names)
        found = editions.touched(connection, edition, gazette.reached(old, new), scene.at)
        changed = tuple(lineage.changes(made[lineage.CHANGES], edition))
        fault = editions.peopled(connection, changed, scene.at)
    count = made[lineage.TREE].count(b"\n") - 1
    return Draft(edition, base, sha256, bundle.digest(made), count, redistricting.counted(changed), found, fault)


# --- the end of a filing --------------------------------------------------------------------------------------------
@dataclass(kw_only=True)
class Settle(Asked):
    """What both ends of a filing have in common: which one."""

    number: int

    @property
    def reads(self) -> Reads:
        return Reads(editions=frozenset((self.number,)))

    def row(self, scene: Scene) -> dict[str, Any]:
        """The edition on record, to those who may do this to it."""
        row = visible(self.number, scene)
        scene.must(self.name, row["division"])
        return row

    def about(self) -> Mapping[str, Any]:
        return {"subject": self.number}


@dataclass(kw_only=True)
class ConfirmEdition(Settle):
    """The edition `number` comes into force; `filer` is who filed it."""

    name: ClassVar[str] = "division.confirm"
    filer: str | None

    @property
    def reads(self) -> Reads:
        return super().reads | Reads(persons=frozenset((self.filer,) if self.filer else ()))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = self.row(scene)
        scene.fresh("edition", self.number, self.if_match)
        return (gazette.confirmed(row, scene),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        fact = recorded.facts[0]
        assert isinstance(fact, EditionConfirmed)
        told = {"edition": fact.edition, "base": fact.base, "count": fact.count}
        return 200, {"id": self.number, "state": "confirmed"} | told


@dataclass(kw_only=True)
class EndEdition(Settle, Reasoned[Reason]):
    """The edition `number` is taken off the table."""

    name: ClassVar[str] = "division.confirm"
    how: ClassVar[gazette.Ending] = gazette.EditionRefused

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        row = self.row(scene)
        self.wish.take()
        scene.fresh("edition", self.number, self.if_match)
        return (gazette.ended(self.how, row, self.reason),)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        state = "withdrawn" if isinstance(recorded.facts[0], gazette.EditionWithdrawn) else "refused"
        return 200, {"id": self.number, "state": state, "edition": recorded.facts[0].plain()["edition"]}


class WithdrawEdition(EndEdition):
    """The edition is taken back by those who may file one."""

    name: ClassVar[str] = "division.load"
    how: ClassVar[gazette.Ending] = gazette.EditionWithdrawn


@router.post("/v1/divisions/editions/{id}/confirmation", summary="确认新版行政区划，自此生效")
async def confirm(request: Request, id: str) -> Response:
    """Whatever was given under an older edition waits for its own confirmation where its place has changed."""
    number, who = pep.number(id), pep.caller(request)
    row = await run_in_threadpool(_ready, request, number)
    act = ConfirmEdition(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        number=number, filer=row["body"]["filed_by"] if row else None,
    )  # fmt: skip
    return await pep.perform(request, act)


def _ready(request: Request, number: int) -> Mapping[str, Any] | None:
    """The filing on record. Its tables are read here, because under the log's lock everybody would wait for them."""
    scene, house = pep.look(request, Reads(editions=frozenset((number,)))), pep.deployment(request)
    row = scene.rows.editions.get(number)
    if row is not None and row["state"] == "filed" and scene.may(ConfirmEdition.name, row["division"]):
        with head.reading(house.database.engine) as connection:
            house.laws.edition(connection, gazette.named(row["body"]["edition"], row["body"]["sha256"]))
    return row


@router.post("/v1/divisions/editions/{id}/refusal", summary="退回新版行政区划",
             openapi_extra=pep.described(Reason, {"reason": "与批复不符，请核对后重新导入"}))  # fmt: skip
async def refuse(request: Request, id: str) -> Response:
    return await _end(request, id, EndEdition)


@router.post("/v1/divisions/editions/{id}/withdrawal", summary="撤回待确认的行政区划",
             openapi_extra=pep.described(Reason, {"reason": "表格有误，更正后重新导入"}))  # fmt: skip
async def withdraw(request: Request, id: str) -> Response:
    return await _end(request, id, WithdrawEdition)


async def _end(request: Request, id: str, kind: type[EndEdition]) -> Response:
    number = pep.number(id)
    return await stated.perform(request, kind, await stated.wished(request, Reason), number=number)


# --- reading --------------------------------------------------------------------------------------------------------
def visible(number: int, scene: Scene) -> dict[str, Any]:
    """The edition on record, or Unknown to whoever has no post."""
    row = scene.rows.editions.get(number)
    if row is None or not scene.post or not scene.may("division.read", scene.post.division):
        raise refusal.Unknown()
    return row


@router.get("/v1/divisions/editions", summary="历次导入的行政区划（新的在前）", openapi_extra=pep.queried(fields.Page))
def listed(request: Request) -> Response:
    query = fields.read_query(request.url.query.encode(), fields.Page)
    scene = pep.look(request, Reads())
    if scene.post is None or not scene.may("division.read", scene.post.division):
        return pep.page([], None, request, edition=scene.law.divisions.edition)
    with head.reading(pep.deployment(request).database.engine) as connection:
        rows = editions.listed(connection, older(query.cursor), query.limit + 1)
    more = str(rows[query.limit - 1]["number"]) if len(rows) > query.limit else None
    items = [plain(row) for row in rows[: query.limit]]
    return pep.page(items, more, request, edition=scene.law.divisions.edition)


@router.get("/v1/divisions/editions/{id}", summary="一版区划：变更，涉及的授权（含待确认的）、单位、岗位和农户")
def one(request: Request, id: str) -> Response:
    number = pep.number(id)
    scene, house = pep.look(request, Reads(editions=frozenset((number,)))), pep.deployment(request)
    row = visible(number, scene)
    body = row["body"]
    with head.reading(house.database.engine) as connection:
        made = house.laws.files(connection, body["sha256"])
        # Kept once read: neither the next reading nor the lock, where it comes into force, reads the tables again.
        names = gazette.named(body["base"], body["base_sha256"]), gazette.named(body["edition"], body["sha256"])
        old, new = (house.laws.edition(connection, each)[0] for each in names)
        found = editions.touched(connection, body["edition"], gazette.reached(old, new), scene.at)
    whole = scene.may("grant.read", row["division"])
    shown = found if whole else Touched(households=found.households)
    told = plain(row) | {
        "changes": gazette.told(made, body["base"], body["edition"]), "grants": list(shown.grants), "waiting": list(shown.waiting),
        "units_touched": list(shown.units), "posts_touched": list(shown.posts), "households_touched": shown.households,
    }  # fmt: skip
    return pep.told(told, etag=row["since"])


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    body = row["body"]
    names = ("edition", "base", "sha256", "count", "counts", "dated", "document", "document_sha256", "filed_by")
    told = {"id": row["number"], "state": row["state"], "entry": row["since"], **{name: body[name] for name in names}}
    return told | {"settled_by": body.get("settled_by")}
