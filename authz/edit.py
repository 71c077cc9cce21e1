"""Edits: one change of one record, decided and recorded in one act, with the four who answer for it.

谁监测谁负责 谁提供谁负责 谁采集谁负责 谁核实谁负责 (S06 to S09): each responsibility is a natural person with a live post
at the time. The caller is judged, at the instant of the record only; a collector or verifier other than the caller
must hold, or have held when the edit occurred, a grant that covers it. Values lie in the vault; the fact holds salted
commitments. `risk_elimination` of lifted-out households does not exist (S12).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authz import duty, household, refusal
from authz.decision import Permit, Scene, Wish, decide, sensible
from authz.fact import Change, Fact, Once, Where, instant
from authz.household import Household, bind
from authz.post import Post
from authz.refusal import Denied
from authz.register import Rows

RESPONSIBLE = ("collected_by", "provided_by", "verified_by", "monitored_by")


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
    """What the caller wants to do, already of the right form. `named` holds the responsibilities he stated."""

    household: str
    member: str | None
    division: str
    cell: str
    operation: str
    data_year: int
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


def permit(edit: Edit, scene: Scene) -> EditPermitted:
    """The fact that this edit is permitted, or the refusal that names the first thing missing."""
    if scene.post is None or scene.person is None:
        raise refusal.NotEmployed(missing="post")
    sensible(scene, edit.wish)
    _fields_exist(edit, scene)
    place = scene.law.divisions.get(edit.division)
    if edit.occurred_at is not None and edit.occurred_at > scene.at:
        raise refusal.Misshapen(pointers=[{"pointer": "/occurred_at", "message": "发生时间不能晚于当前时间"}])
    permitted = decide(scene, scene.post, edit.wish)
    known = scene.rows.households.get(edit.household)
    household.check(known, edit.division, edit.cell, place.level, edit.operation)
    answerable = _responsible(edit, scene)
    _must_be_other_hands(edit, answerable, scene)
    return _fact(edit, permitted, answerable, scene, known)


CHECKING = ("verify", "review")
"""Operations that are worth something only in other hands than those that collected (S09, S46)."""


def _must_be_other_hands(edit: Edit, answerable: dict[str, Any], scene: Scene) -> None:
    """Refuse whoever checks what he collected himself, under whatever account. A quarter that is not said is any."""
    if edit.operation not in CHECKING or scene.person is None:
        return
    checker = answerable["verified_by"] if edit.operation == "verify" else None
    mine = scene.rows.people[checker].natural if checker else scene.person.natural
    history = [
        ("collect", natural) for cell, year, quarter, natural in scene.rows.hands.get(edit.household, ())
        if (cell, year) == (edit.cell, edit.data_year) and (None in (quarter, edit.quarter) or quarter == edit.quarter)
    ]  # fmt: skip
    duty.apart(scene.law.policy, "record", history, edit.operation, mine)


def _fields_exist(edit: Edit, scene: Scene) -> None:
    known = scene.law.policy.catalogue.cells[edit.cell].fields
    unknown = [place for place, change in enumerate(edit.changes_made) if change[0] not in known]
    if unknown:
        message = "该类数据没有这个指标，请对照指标目录填写"
        raise refusal.Misshapen(
            pointers=[{"pointer": f"/changes/{each}/field", "message": message} for each in unknown]
        )


_OWN = {"collected_by": ("collect", "update"), "verified_by": ("verify",)}
"""The operations whose permit is also that of the caller's own responsibility; for another one he needs its own grant."""


def _responsible(edit: Edit, scene: Scene) -> dict[str, Any]:
    """Person and post of each of the four; NotResponsible if one had no post or grant when it occurred."""
    named = dict(edit.named)
    assert scene.post is not None
    if edit.operation in ("collect", "update") and named.get("collected_by") is None:
        named["collected_by"] = scene.post.person
    if edit.operation == "verify" and named.get("verified_by") is None:
        named["verified_by"] = scene.post.person
    at = edit.occurred_at or scene.at
    found: dict[str, Any] = {}
    for role in RESPONSIBLE:
        person = named.get(role)
        found[role] = person
        if person == scene.post.person and edit.operation in _OWN.get(role, (edit.operation,)):
            post: Post | None = scene.post
        else:
            post = None if person is None else _post(edit, role, person, scene, at)
        found[role.replace("_by", "_post")] = post.number if post else None
    pair = [person for person in (named.get("collected_by"), named.get("verified_by")) if person is not None]
    duty.separated(scene.law.policy, "collector_verifier", *(scene.rows.people[each].natural for each in pair))
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
            decide(scene, each, wish, at)
        except Denied:
            continue
        return each
    raise refusal.NotResponsible(
        "所填采集人或核实人当时没有覆盖此项数据的授权，请核对", missing="grant", pointers=[pointer]
    )


def _fact(
    edit: Edit, permitted: Permit, answerable: dict[str, Any], scene: Scene, known: Household | None
) -> EditPermitted:
    links = permitted.chain
    writes = edit.operation not in ("query", "export")
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


def note(rows: Rows, fact: EditPermitted) -> None:
    """Carry a permitted edit into rows that later edits of the same stretch are judged on."""
    if fact.bound:
        token = fact.household
        rows.households[token] = Household(token, fact.division, household.population(fact.cell))
    if fact.operation in ("collect", "update") and fact.collected_by in rows.people:
        hand = (fact.cell, fact.data_year, fact.quarter, rows.people[fact.collected_by].natural)
        rows.hands.setdefault(fact.household, set()).add(hand)
    for number in fact.counted:
        if (number, fact.household) not in rows.seen:
            rows.seen.add((number, fact.household))
            rows.used[number] = rows.used.get(number, 0) + 1
