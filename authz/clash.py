"""Clash: what an edit owes to the separations of duty, each in the strength its row gives it.

Before the decision, holdings that clash are left out of account (`trimmed`); after it, the hands of the edit are
compared with those that were on the record, and with those who belong to the household (`heed`). What it costs the
edit to be let pass nevertheless, an approval or a note, comes back as facts of the same act.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from authz import duty, kin, refusal, trim
from authz.approval import ApprovalGiven, ApprovalUsed
from authz.decision import Permit, Scene, Wish, decide, held
from authz.fact import Fact, instant
from authz.grant import Grant, chain
from authz.policy import Duty
from authz.post import DutyNoted, Post
from authz.refusal import Denied
from authz.rows import Rows

CHECKING: Final = ("verify", "review")
"""Operations that are worth something only in other hands than those that collected (S09, S46)."""
COLLECTING: Final = ("collect", "update")
READING: Final = ("query", "export")
_ROUND: Final = ("mark_eliminated", "remark_risk", "rollback_elimination")
"""Marks of a risk are about the household, not about a year or quarter: another quarter is no way around."""
LONGEST: Final = "approval_days"
"""An approval is for a deed at hand and not a grant; it lives no longer than this."""


@dataclass(slots=True)  # not frozen: one is made per edit, and a frozen one is set member by member
class Deed:
    """What is done to one record. A quarter that is not said is any; a question may leave the data year open alike."""

    household: str
    division: str
    cell: str
    operation: str
    data_year: int | None
    quarter: int | None

    def wish(self, operation: str) -> Wish:
        return Wish(operation, self.cell, self.division, self.data_year, self.household)

    def meets(self, cell: str | None, year: int | None, quarter: int | None, operation: str) -> bool:
        """Whether an earlier act was on the same record."""
        if cell != self.cell:
            return False
        if operation in _ROUND and self.operation in _ROUND:
            return True
        pairs = ((year, self.data_year), (quarter, self.quarter))
        return all(None in pair or pair[0] == pair[1] for pair in pairs)


# --- trim -----------------------------------------------------------------------------------------------------------
def decided(scene: Scene, post: Post, wish: Wish, at: datetime | None = None) -> Permit:
    """`decide` on what is left of the holdings. The same question about other households is answered once for acts that
    share their rows, unless a grant of the post counts or lists households."""
    at = at or scene.at
    asked = (post.number, wish.operation, wish.cell, wish.division, wish.data_year, at)
    found: Permit | None = scene.settled.get(asked)
    if found is None:
        found = _decided(scene, post, wish, at)
        if not any(_by_household(each) for grant in held(scene.rows, post) for each in chain(grant, scene.rows.grants)):
            scene.settled[asked] = found
    return found


def _by_household(grant: Grant) -> bool:
    return grant.scope.max_records is not None or grant.scope.households is not None


def _decided(scene: Scene, post: Post, wish: Wish, at: datetime) -> Permit:
    """A refusal that rests on what was left out names the duty."""
    left, duties = trimmed(scene, post, at)
    if not duties:
        return decide(scene, post, wish, at)
    try:
        return decide(left, post, wish, at)
    except Denied as refused:
        first = duties[0]
        refused.members["duty"] = first.code
        refused.detail = f"{first.zh}；{refused.detail or refused.title}"
        raise


def trimmed(scene: Scene, post: Post, at: datetime) -> tuple[Scene, tuple[Duty, ...]]:
    """The scene without the holdings of this post that a `trim` duty leaves out, and these duties.

    Of two roles of one natural person, the holdings of the one on the right do not count; of grants handed on, those
    that he handed on himself, under whatever account.
    """
    rules = [each for each in scene.law.policy.duties.values() if each.strength == "trim"]
    hands, found, kept = scene.rows.naturals(post), dict[str, Duty](), list[Grant]()
    others = trim.roles_of(scene.rows, hands, at)
    for grant in held(scene.rows, post):
        clash = next((each for each in rules if _clashes(each, grant, hands, others, scene.rows)), None)
        if clash is None:
            kept.append(grant)
        else:
            found[clash.code] = clash
    if not found:
        return scene, ()
    rows = replace(scene.rows, by_unit={**scene.rows.by_unit, post.unit: kept})
    return replace(scene, rows=rows), tuple(found.values())


def _clashes(rule: Duty, grant: Grant, hands: frozenset[str], roles: frozenset[str], rows: Rows) -> bool:
    if rule.kind == "roles":
        return grant.role in rule.right and bool(roles & rule.left)
    if rule.kind != "grant" or grant.parent is None:
        return False
    giver = rows.people.get(grant.issued_by or "")
    return giver is not None and giver.natural in hands


# --- the hands of an edit ---------------------------------------------------------------------------------------------
def heed(deed: Deed, actor: Post, scene: Scene, permitted: Permit) -> tuple[Fact, ...]:
    """Refuse what may not come together, or tell what it takes: an approval used up, or a note.

    `actor` is the post in which the record is collected or checked; the caller's own hands count for kinship too.
    """
    assert scene.post is not None
    policy, rows = scene.law.policy, scene.rows
    mine = rows.naturals(actor)
    found = [*duty.apart(policy, "record", _history(deed, rows), deed.operation, *mine)]
    found += duty.apart(policy, "household", _members(deed, rows, mine), deed.operation, *mine)
    caller = rows.naturals(scene.post)
    if caller != mine:
        found += duty.apart(policy, "household", _members(deed, rows, caller), deed.operation, *caller)
    facts: list[Fact] = []
    for each in {one.code: one for one in found}.values():
        if each.strength == "trim":
            raise refusal.NoGrant(f"{each.zh}；所持授权对此户此项不计入", missing="grant", duty=each.code)
        if each.strength == "record":
            facts.append(DutyNoted(duty=each.code, person_id=actor.person, role=actor.role))
    extra = [each for each in found if each.strength == "extra"]
    return (*facts, *((_approved(deed, extra[0], mine | caller, scene, permitted),) if extra else ()))


def _history(deed: Deed, rows: Rows) -> Iterable[tuple[str, str]]:
    for cell, year, quarter, operation, natural in rows.hands.get(deed.household, ()):
        if deed.meets(cell, year, quarter, operation):
            yield operation, natural


def _members(deed: Deed, rows: Rows, hands: frozenset[str]) -> Iterable[tuple[str, str]]:
    """Who of these hands belongs to the household. Whoever nobody knows may, as far as checking goes."""
    doubt = deed.operation in CHECKING and not all(map(duty.known, hands))
    for _, _, _, operation, natural in rows.hands.get(deed.household, ()):
        if operation == kin.MEMBER and (doubt or natural in hands):
            yield operation, natural


def _approved(deed: Deed, because: Duty, hands: frozenset[str], scene: Scene, permitted: Permit) -> ApprovalUsed:
    assert scene.post is not None
    wanted = (deed.cell, deed.operation, deed.data_year, deed.quarter)
    for each in scene.rows.approvals.get(deed.household, ()):
        giver = frozenset((each.natural,))
        if each.lets(scene.post.person, wanted, hands, scene.at) and not any(
            True for _ in _members(deed, scene.rows, giver)
        ):
            return ApprovalUsed(
                subject=each.number, household=deed.household, division=deed.division, duty=because.code,
                approved_by=each.approved_by,
            )  # fmt: skip
    told = f"{because.zh}；请由另一名有核实或审核权限的同志先行批准（/v1/approvals），再办理一次"
    who = who_can_approve(deed, permitted)
    raise refusal.ApprovalNeeded(told, missing="approval", duty=because.code, who_can_approve=who)


def who_can_approve(deed: Deed, permitted: Permit) -> list[dict[str, Any]]:
    """The holders along the chain whose grant lets them check this record, the nearest first."""
    return [
        {"unit": each.holder_unit, "role": each.role, "grant": each.number}
        for each in reversed(permitted.chain)
        if any(each.includes(operation, deed.cell) for operation in CHECKING)
    ]


def note(rows: Rows, deed: Deed, hands: Iterable[str]) -> None:
    """Carry the hands of a permitted edit into rows that later edits of the same stretch are judged on."""
    if deed.operation in READING:
        return
    kept = rows.hands.setdefault(deed.household, set())
    record = (deed.cell, deed.data_year, deed.quarter)
    if deed.operation in COLLECTING:
        kept -= {each for each in kept if each[:3] == record and each[3] in CHECKING}
    kept |= {(*record, deed.operation, natural) for natural in hands}


def use(rows: Rows, fact: ApprovalUsed) -> None:
    """Carry the end of an approval into rows that later edits of the same stretch are judged on."""
    left = [each for each in rows.approvals.get(fact.household, ()) if each.number != fact.subject]
    rows.approvals[fact.household] = left


# --- extra ------------------------------------------------------------------------------------------------------------
def approve(deed: Deed, person: str, until: datetime, reason: str, scene: Scene) -> ApprovalGiven:
    """The fact that the caller agrees to one deed of somebody else, with a grant of his own that lets him check it."""
    assert scene.post is not None
    hands = scene.rows.naturals(scene.post)
    permitted = _checks(deed, scene, scene.post)
    needing = {
        operation
        for each in scene.law.policy.duties.values() if each.strength == "extra"
        for operation in each.left | each.right
    }  # fmt: skip
    if deed.operation not in needing:
        raise refusal.Unacceptable("这项操作不需要另一人批准，可直接办理", missing="operation")
    known = scene.rows.people.get(person)
    if known is None or not any(each.live(scene.at) for each in scene.rows.posts.get(person, ())):
        raise refusal.UnfitHolder("没有这名在任人员，请核对人员编号", missing="person")
    if known.natural in hands or not all(map(duty.known, (known.natural, *hands))):
        told = "批准人与办理人须为两个不同的人，且都已登记身份证件号码，请改由其他同志批准"
        raise refusal.DutyConflict(told, missing="duty")
    if any(True for _ in _members(deed, scene.rows, hands)):
        raise refusal.DutyConflict("不得批准本人或亲属家庭的数据，请改由其他同志批准", missing="duty")
    days = scene.law.policy.number(LONGEST)
    if not scene.at < until <= scene.at + timedelta(days=days):
        raise refusal.EmptyInterval(f"批准的截止时间应晚于现在，且不超过 {days} 天")
    assert deed.data_year is not None
    return ApprovalGiven(
        person_id=person, household=deed.household, division=deed.division, cell=deed.cell, operation=deed.operation,
        data_year=deed.data_year, quarter=deed.quarter, until=instant(until), grant=permitted.grant.number, reason=reason,
    )  # fmt: skip


def _checks(deed: Deed, scene: Scene, post: Post) -> Permit:
    """The permit to verify or to review this record."""
    try:
        return decided(scene, post, deed.wish("review"))
    except Denied:
        return decided(scene, post, deed.wish("verify"))
