"""Edits: one change of one record, decided and recorded in one act, with the four who answer for it.

谁监测谁负责 谁提供谁负责 谁采集谁负责 谁核实谁负责 (S06 to S09): each responsibility is a natural person with a live post
at the time. The caller is judged, at the instant of the record only; a collector or verifier other than the caller
must hold, or have held when the edit occurred, a grant that covers it. Values lie in the vault; the fact holds salted
commitments. `risk_elimination` of lifted-out households does not exist (S12).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authz import caution, clash, duty, edition, household, refusal, remit
from authz.approval import ApprovalUsed
from authz.caution import HighRiskNoted
from authz.clash import Deed
from authz.decision import Permit, Scene, Wish, sensible
from authz.fact import Change, Fact, Once, Where, instant
from authz.household import Household, bind
from authz.post import Post
from authz.refusal import Denied
from authz.register import Reads, Rows

LEAD = "县级乡村振兴机构"
"""Who answers for what no department does (S04)."""
RESPONSIBLE = ("collected_by", "provided_by", "verified_by", "monitored_by")
_POSTS = {role: role.replace("_by", "_post") for role in RESPONSIBLE}


class EditPermitted(Fact):
    """An edit was permitted by `grant`, whose ancestors are `chain` (regional grant first) up to `document`.

    `changes_made` holds [field, commitment before, commitment after]; `responsibility` the persons with the post each
    held; `bound` whether this edit put the household on the register; `counted` the capped grants it counts under.
    """

    decision = "permit"
    authority = False
    household: str
    member: str | None
    division: str
    cell: str
    operation: str
    data_year: int
    quarter: int | None
    occurred_at: str | None
    channel: str
    collected_by: str | None
    collected_post: int | None
    provided_by: str | None
    provided_post: int | None
    verified_by: str | None
    verified_post: int | None
    monitored_by: str | None
    monitored_post: int | None
    changes_made: tuple[tuple[str | None, ...], ...]
    evidence: tuple[tuple[str | None, ...], ...]
    ruleset: str | None
    checks_failed: tuple[str, ...]
    checks_overridden: tuple[str, ...]
    campaign: str | None
    grant: int
    chain: tuple[int, ...]
    document: str | None
    rule: str
    policy: str
    bound: bool
    counted: tuple[int, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        found: list[Change] = [bind(self.household, self.division, self.cell)] if self.bound else []
        found += [Once("usage", (grant, self.household)) for grant in self.counted]
        return tuple(found)


@dataclass(slots=True)  # not frozen: one is made per edit, and a frozen one is set member by member
class Edit:
    """What the caller wants to do, already of the right form. `named` holds the responsibilities he stated. The data year
    is null only where a question leaves it open."""

    household: str
    member: str | None
    division: str
    cell: str
    operation: str
    data_year: int | None
    quarter: int | None
    occurred_at: datetime | None
    channel: str
    named: dict[str, str | None]
    changes_made: tuple[tuple[str | None, ...], ...]
    evidence: tuple[tuple[str | None, ...], ...]
    ruleset: str | None
    checks_failed: tuple[str, ...]
    checks_overridden: tuple[str, ...]
    campaign: str | None

    @property
    def wish(self) -> Wish:
        return Wish(self.operation, self.cell, self.division, self.data_year, self.household)

    @property
    def reads(self) -> Reads:
        """What it is judged on, beside the caller's own."""
        people = {person for person in self.named.values() if person is not None}
        mine, none = frozenset((self.household,)), frozenset[str]()
        everyday = self.operation in clash.COLLECTING
        # Whoever collects is not compared with other collectors, and no row asks an approval of him.
        checks = none if everyday or self.operation in clash.READING else mine
        return Reads(persons=frozenset(people), households=mine, collected=checks, checked=mine, approved=checks)


def permit(edit: Edit, scene: Scene) -> EditPermitted:
    """The fact that this edit is permitted, or the refusal that names the first thing missing."""
    return performed(edit, scene)[0]


def performed(edit: Edit, scene: Scene) -> tuple[EditPermitted, *tuple[Fact, ...]]:
    """`permit` with what the duties took beside it: an approval used up, a note."""
    permitted, posts, known, heeded = judged(edit, scene)
    beside: tuple[Fact, ...] = (*heeded, *_noted(edit, scene))
    return (_fact(edit, permitted, posts, scene, known), *beside)


def judged(edit: Edit, scene: Scene) -> tuple[Permit, dict[str, Post | None], Household | None, tuple[Fact, ...]]:
    """All that decides an edit and a question about one: permit, posts of the four, household, what the duties take."""
    if scene.post is None or scene.person is None:
        raise refusal.NotEmployed(missing="post")
    sensible(scene, edit.wish)
    fields_exist(edit, scene)
    if edit.occurred_at is not None and edit.occurred_at > scene.at:
        raise refusal.Misshapen(pointers=[{"pointer": "/occurred_at", "message": "发生时间不能晚于当前时间"}])
    permitted = _decided(edit, scene, scene.post)
    fields_owned(edit, scene.post, scene)
    place = scene.law.divisions.get(edit.division)
    known = edition.settled(scene.rows.households.get(edit.household), scene.law)
    household.check(known, edit.division, edit.cell, place.level, edit.operation)
    posts = _responsible(edit, scene)
    actor = posts.get(_ACTOR.get(edit.operation, "")) or scene.post
    if actor is not scene.post:
        fields_owned(edit, actor, scene)
    return permitted, posts, known, clash.heed(deed(edit), actor, scene, permitted)


def _decided(edit: Edit, scene: Scene, post: Post) -> Permit:
    """The permit. A place that is no more, and on which no grant waits, is a wrong code and not a matter of authority."""
    try:
        return clash.decided(scene, post, edit.wish)
    except (refusal.OutsideDivision, refusal.NoGrant):
        told = edition.closed(edit.division, scene.law)
        if told is None:
            raise
        raise refusal.BadDivisionCode(pointers=[{"pointer": "/division", "message": told}]) from None


def _noted(edit: Edit, scene: Scene) -> Iterator[HighRiskNoted]:
    words = scene.law.policy.catalogue
    assert scene.post is not None
    for code in caution.called_for(words.cautions, words.cells[edit.cell].module, edit.operation, edit.changes_made):
        yield HighRiskNoted(
            caution=code, household=edit.household, division=edit.division, cell=edit.cell, operation=edit.operation,
            person_id=scene.post.person,
        )  # fmt: skip


_ACTOR = {"collect": "collected_by", "update": "collected_by", "verify": "verified_by"}
"""Whose hands an operation is, where the caller may write it down for another person."""


def deed(edit: Edit | EditPermitted) -> Deed:
    return Deed(edit.household, edit.division, edit.cell, edit.operation, edit.data_year, edit.quarter)


def fields_exist(edit: Edit, scene: Scene) -> None:
    cells, message = scene.law.policy.catalogue.cells, "该类数据没有这个指标，请对照指标目录填写"
    named = enumerate(change[0] for change in edit.changes_made)
    unknown = [place for place, name in named if name not in cells[edit.cell].fields]
    if unknown:
        raise refusal.Misshapen(
            pointers=[{"pointer": f"/changes/{each}/field", "message": message} for each in unknown]
        )


def fields_owned(edit: Edit, post: Post, scene: Scene) -> None:
    """Refuse, as a whole, an edit that touches a field which is not the department's own. `post` is the caller's, or
    that of whoever collected or verified for him: nobody writes through another hand what he may not write himself."""
    words = scene.law.policy.catalogue
    if not words.remits.bounds(post.role):
        return
    kind, module = remit.kind(post.unit), words.cells[edit.cell].module
    names = dict.fromkeys(str(change[0]) for change in edit.changes_made)
    beyond = [name for name in names if not words.remits.has(kind, module, name)]
    if not beyond:
        return
    told, who = [], list[dict[str, Any]]()
    for name in beyond:
        owners = words.remits.owners(module, name)
        bodies = "、".join(words.unit_kinds[each].zh for each in owners) or LEAD
        told.append(f"“{words.cells[edit.cell].fields[name].zh}”由{bodies}负责")
        who.append({"field": name, "unit_kinds": [*owners, "lead"]})
    detail = f"{'；'.join(told)}。请只填写本部门负责的指标，其余转请负责单位或{LEAD}办理"
    raise refusal.OutsideField(detail, missing="field", fields=beyond, who_can_write=who)


_OWN = {"collected_by": ("collect", "update"), "verified_by": ("verify",)}
"""The operations whose permit is also that of the caller's own responsibility; for another one he needs its own grant."""


def _responsible(edit: Edit, scene: Scene) -> dict[str, Post | None]:
    """The post of each of the four; NotResponsible if one had no post or grant when it occurred."""
    named = dict(edit.named)
    assert scene.post is not None
    if edit.operation in ("collect", "update") and named.get("collected_by") is None:
        named["collected_by"] = scene.post.person
    if edit.operation == "verify" and named.get("verified_by") is None:
        named["verified_by"] = scene.post.person
    at = edit.occurred_at or scene.at
    found: dict[str, Post | None] = {}
    for role in RESPONSIBLE:
        person = named.get(role)
        if person == scene.post.person and edit.operation in _OWN.get(role, (edit.operation,)):
            found[role] = scene.post
        else:
            found[role] = None if person is None else _post(edit, role, person, scene, at)
    collector, verifier = found["collected_by"], found["verified_by"]
    if collector is not None and verifier is not None:
        done = [("collect", each) for each in scene.rows.naturals(collector)]
        duty.apart(scene.law.policy, "record", done, "verify", *scene.rows.naturals(verifier))
    return found


def _post(edit: Edit, role: str, person: str, scene: Scene, at: datetime) -> Post:
    pointer = f"/responsibility/{role}"
    live = [each for each in scene.rows.posts.get(person, ()) if each.live(at)]
    if not live:
        raise refusal.NotResponsible("所填责任人当时没有在任岗位，请核对人员编号", missing="post", pointers=[pointer])
    if role not in ("collected_by", "verified_by"):
        return live[0]
    operation = (
        edit.operation
        if role == "collected_by" and edit.operation in ("collect", "update")
        else ("collect" if role == "collected_by" else "verify")
    )
    wish = Wish(operation, edit.cell, edit.division, edit.data_year, edit.household)
    for each in live:
        try:
            clash.decided(scene, each, wish, at)
        except Denied:
            continue
        return each
    raise refusal.NotResponsible(
        "所填采集人或核实人当时没有覆盖此项数据的授权，请核对", missing="grant", pointers=[pointer]
    )


def _fact(
    edit: Edit, permitted: Permit, posts: dict[str, Post | None], scene: Scene, known: Household | None
) -> EditPermitted:
    links = permitted.chain
    answerable: dict[str, Any] = {role: post.person if post else None for role, post in posts.items()}
    answerable |= {_POSTS[role]: post.number if post else None for role, post in posts.items()}
    writes = edit.operation not in ("query", "export")
    assert edit.data_year is not None
    return EditPermitted(
        household=edit.household, member=edit.member, division=edit.division, cell=edit.cell, operation=edit.operation,
        data_year=edit.data_year, quarter=edit.quarter,
        occurred_at=instant(edit.occurred_at) if edit.occurred_at else None, channel=edit.channel,
        changes_made=edit.changes_made, evidence=edit.evidence, ruleset=edit.ruleset,
        checks_failed=edit.checks_failed, checks_overridden=edit.checks_overridden, campaign=edit.campaign,
        grant=permitted.grant.number, chain=permitted.grant.path, document=links[0].document, rule=permitted.rule,
        policy=scene.law.policy.digest, bound=known is None and writes,
        counted=tuple(
            each.number for each in links
            if writes and each.scope.max_records is not None and (each.number, edit.household) not in scene.rows.seen
        ),
        **answerable,
    )  # fmt: skip


def note(rows: Rows, fact: Fact, by: str) -> None:
    """Carry what an edit by this person left behind into rows that later edits of the same stretch are judged on."""
    if isinstance(fact, ApprovalUsed):
        clash.use(rows, fact)
    if not isinstance(fact, EditPermitted):
        return
    if fact.bound:
        token = fact.household
        rows.households[token] = Household(token, fact.division, household.population(fact.cell))
    role = _ACTOR.get(fact.operation)
    post = rows.post.get(getattr(fact, _POSTS[role])) if role else None
    person = rows.people.get(getattr(fact, role) if role else by)
    hands = rows.naturals(post) if post else {person.natural} if person else set[str]()
    clash.note(rows, deed(fact), hands)
    for number in fact.counted:
        if (number, fact.household) not in rows.seen:
            rows.seen.add((number, fact.household))
            rows.used[number] = rows.used.get(number, 0) + 1
