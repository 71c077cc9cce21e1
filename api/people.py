"""People over HTTP: who is on the register, registering somebody, and voiding somebody's tokens.

A name is shown to those who may read people over the division, a telephone only under its mask. An identity number is
never stored or shown: it becomes a keyed token, by which two accounts of one human being are known as one (S08).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from api import founding, pep
from api.grants import below, overseen
from api.pep import Asked, Wish
from api.wire import fields
from audit import head as heads
from audit import listing
from audit.act import Recorded
from authz import identifier, refusal
from authz.decision import Scene
from authz.fact import Fact
from authz.post import Person, PersonRegistered, Post, TokensRevoked
from authz.register import Reads
from authz.staffing import WORDS, ShortfallNoted

router = APIRouter()
GENERATED = 900_000_000_000
"""Ids from here on are made from the entry number: nobody may choose one, so a made id can never be somebody's already."""
Short = Annotated[str, StringConstraints(max_length=32)]


class PersonBody(fields.Body):
    name: fields.Name
    id: fields.PersonId | None = None
    identity_number: Short | None = None
    phone: Short | None = None


class ReasonBody(fields.Body):
    reason: fields.Reason


class PeopleQuery(fields.Page):
    role: fields.Role | None = None
    unit: fields.UnitId | None = None
    division: fields.DivisionCode | None = None


def post_told(post: Post, since: int, at: datetime) -> dict[str, Any]:
    """A post as answers write it; `version` is what If-Match asks for. A deputyship names the post stood in for, and
    its limits where it is narrower than that post."""
    far = post.valid_until.year >= 9999  # noqa: PLR2004
    limits = None if post.acts is None else {"acts": sorted(post.acts), "operations": sorted(post.operations or ())}
    return {
        "post": post.number, "unit": post.unit, "division": post.division, "role": post.role, "title": post.title,
        "from": pep.written(post.valid_from), "until": None if far else pep.written(post.valid_until),
        "live": post.live(at), "deputy_for": post.deputy_for, "limits": limits, "version": f'"{since}"',
    }  # fmt: skip


def people_told(connection: Any, ids: list[str], at: datetime) -> list[dict[str, Any]]:
    """People by id with name, masked telephone and posts."""
    names, posts = listing.names(connection, ids), listing.posts_of(connection, ids)
    return [
        {
            "id": each, "name": names.get(each, {}).get("name"),
            "phone": identifier.mask_telephone(names[each]["phone"]) if "phone" in names.get(each, {}) else None,
            "posts": [post_told(post, since, at) for post, since in posts.get(each, ())],
        }
        for each in ids
    ]  # fmt: skip


@router.get("/v1/people", summary="人员名册", openapi_extra=pep.queried(PeopleQuery))
def listed(request: Request) -> Response:
    scene = pep.look(request, Reads())
    query = fields.read_query(request.url.query.encode(), PeopleQuery)
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    scene.must("people.read", scene.post.division)
    within, asked = overseen(scene, "people.read"), below(query.division, scene)
    seen = within if asked is None else asked if within is None else within & asked
    with heads.reading(pep.deployment(request).database.engine) as connection:
        found = listing.people_page(
            connection, seen, scene.at, role=query.role, unit=query.unit, after=query.cursor, limit=query.limit + 1
        )
        items = people_told(connection, found[: query.limit], scene.at)
    return pep.page(items, items[-1]["id"] if len(found) > query.limit else None, request)


def knows(scene: Scene, person: str) -> bool:
    """Whether the acting post may know of a person: himself, somebody in a division it may read, or one without a post."""
    if scene.person is not None and scene.person.id == person:
        return True
    posts = scene.rows.posts.get(person, [])
    if scene.post is None or person not in scene.rows.people:
        return False
    if not posts:
        return scene.may("people.register", scene.post.division)
    return any(scene.may("people.read", each.division) for each in posts)


def serves(scene: Scene, person: str) -> bool:
    """Whether somebody has or will have a post of his own where the acting post may read people: one he has left is none."""
    own = [each for each in scene.rows.posts.get(person, ()) if each.deputy_for is None and each.valid_until > scene.at]
    return any(scene.may("people.read", each.division) for each in own)


@router.get("/v1/people/{id}", summary="一名人员：姓名、岗位")
def one(request: Request, id: str) -> Response:
    scene = pep.look(request, Reads(persons=frozenset((id,))))
    if not knows(scene, id):
        raise refusal.Unknown()
    with heads.reading(pep.deployment(request).database.engine) as connection:
        told = people_told(connection, [id], scene.at)[0]
    return pep.told(told, etag=scene.rows.versions["person", id])


def held_by(scene: Scene, person: Person) -> list[Post]:
    """All posts of the natural person behind an account, under whatever account."""
    people = scene.rows.people
    return [
        post
        for account, held in scene.rows.posts.items()
        for post in held
        if account in people and people[account].natural == person.natural
    ]


def known(number: int, scene: Scene) -> Post:
    """A post the acting one may know of."""
    post = scene.rows.post.get(number)
    own = post is not None and scene.person is not None and post.person == scene.person.id
    if post is None or not (own or scene.may("people.read", post.division)):
        raise refusal.Unknown()
    return post


def reached(scene: Scene, act: str, person: str) -> str:
    """The place by which the acting post may do this to a person: where he serves, or served last; of somebody without
    any post, the acting one's own. What once employed him does not lock out his present office."""
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    held = scene.rows.posts.get(person, ())
    serving = [each for each in held if each.live(scene.at)]
    places = sorted({each.division for each in serving or held} or {scene.post.division})
    found = next((each for each in places if scene.may(act, each)), places[0])
    scene.must(act, found)
    return found


def shortfalls(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """What an act left a unit short of, as answers write it: a warning, never a refusal."""
    return [
        {
            "lack": each.lack,
            "unit": each.short_unit,
            "needed": each.needed,
            "present": each.present,
            "text": WORDS[each.lack],
        }
        for each in facts
        if isinstance(each, ShortfallNoted)
    ]


def unit_of(request: Request, number: int) -> str:
    """The unit of a post; nothing for a post that does not exist."""
    # The unit of a post never changes, so its colleagues can be named before the lock.
    with heads.reading(pep.deployment(request).database.engine) as connection:
        return listing.unit_of_post(connection, number)


# --- writing --------------------------------------------------------------------------------------------------------
@dataclass(kw_only=True)
class RegisterPerson(Asked):
    """A natural person gets an account; `natural` is null where no identity number was given."""

    name: ClassVar[str] = "people.register"
    wish: Wish[PersonBody]
    natural: str | None
    told_name: str
    told_phone: str | None

    @property
    def reads(self) -> Reads:
        given = self.wish.got.id if self.wish.got else None
        return Reads(
            persons=frozenset((given,)) if given else frozenset(),
            naturals=frozenset((self.natural,)) if self.natural else frozenset(),
        )

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        scene.must(self.name, scene.post.division)
        body = self.wish.take()
        if body.id is not None and int(body.id[2:]) >= GENERATED:
            raise refusal.Misshapen(pointers=[{"pointer": "/id", "message": "该编号段由系统使用，请另选编号或留空"}])
        id = body.id or f"p-{GENERATED + scene.size}"
        if id in scene.rows.people:
            raise refusal.AlreadyRegistered("该人员编号已被使用，请另选编号或留空由系统编号")
        natural = self.natural or id
        registered = PersonRegistered(person_id=id, natural=natural, name=self.told_name, phone=self.told_phone)
        return (registered,)

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 201, {"id": recorded.facts[0].plain()["person_id"]}


@router.post("/v1/people", status_code=201, summary="登记人员",
             openapi_extra=pep.described(PersonBody, {"name": "马秀兰", "phone": "13812345678"}))  # fmt: skip
async def register(request: Request) -> Response:
    house, who = pep.deployment(request), pep.caller(request)
    wish = await pep.wish(request, PersonBody)
    natural = None
    if wish.got is not None:
        wish, natural = _numbers(wish.got, house.pseudonym)
    body = wish.got
    sealed, commitments = pep.seal({"/name": body.name, "/phone": body.phone} if body else {})
    act = RegisterPerson(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), wish=wish, sealed=sealed, natural=natural,
        told_name=commitments.get("/name", ""), told_phone=commitments.get("/phone"),
    )  # fmt: skip
    return await pep.perform(request, act)


def _numbers(body: PersonBody, key: bytes) -> tuple[Wish[PersonBody], str | None]:
    """The body with its numbers checked, and the keyed token of the identity number."""
    faults = []
    natural = None
    try:
        if body.identity_number is not None:
            natural = token(body.identity_number, key)
    except refusal.Misshapen as fault:
        faults.append({"pointer": "/identity_number", "message": fault.detail})
    try:
        if body.phone is not None:
            identifier.telephone(body.phone)
    except refusal.Misshapen as fault:
        faults.append({"pointer": "/phone", "message": fault.detail})
    return (Wish(None, refusal.Misshapen(pointers=faults)) if faults else Wish(body)), natural


def token(identity_number: str, key: bytes) -> str:
    """The keyed token of an identity number, or Misshapen; neither holds the number."""
    number = identifier.identity_number(identity_number, datetime.now(pep.SHANGHAI).date())
    return founding.natural(key, number)


@dataclass(kw_only=True)
class RevokeTokens(Asked):
    """Every token the person holds is void from now on. It asks for no version: an emergency does not wait for one."""

    name: ClassVar[str] = "people.end"
    person: str
    wish: Wish[ReasonBody]
    reason: str

    @property
    def reads(self) -> Reads:
        return Reads(persons=frozenset((self.person,)))

    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        if not knows(scene, self.person):
            raise refusal.Unknown()
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        if scene.person is None or scene.person.id != self.person:
            reached(scene, self.name, self.person)
        self.wish.take()
        return (TokensRevoked(person_id=self.person, reason=self.reason),)

    def about(self) -> Mapping[str, Any]:
        return {}

    def told(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        return 200, {"id": self.person}


@router.post("/v1/people/{id}/tokens/revocation", summary="作废一名人员的全部登录凭证",
             openapi_extra=pep.described(ReasonBody, {"reason": "手机遗失"}))  # fmt: skip
async def revoke_tokens(request: Request, id: str) -> Response:
    who = pep.caller(request)
    wish = await pep.wish(request, ReasonBody)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = RevokeTokens(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), person=id, wish=wish, sealed=sealed,
        reason=commitments["/reason"],
    )  # fmt: skip
    return await pep.perform(request, act)
