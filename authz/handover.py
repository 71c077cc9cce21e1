"""Handover (权限交接): what the one who leaves was at passes to whoever takes over, on record and never wider (S25, S34).

With the transfer (`authz/transfer.py`) goes what he had begun and nobody has finished. What was his own authority rests.
A grant made out to a person is not a thing he can leave to somebody. Its giver makes it out anew: a delegation like any
other, judged by `authz/delegation.py`, with the scope of the old grant, which ends in the same act. What came below the
old one ended with it. The successor sits where the old holder sat: in the same role, and no further from the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from authz import delegation, refusal, revocation
from authz.decision import Scene
from authz.delegation import Plan, Wanted
from authz.fact import Fact
from authz.grant import Grant, chain
from authz.post import Post
from authz.transfer import TransferRecorded

ENDED = ("revoked", "expired")


class DutyHandedOver(Fact):
    """Of the transfer `subject`: the successor holds the grant `renewed`, made out in place of `grant`, which ended.

    `reason` is a commitment.
    """

    subject: int
    person_id: str
    successor: str
    division: str
    grant: int
    renewed: int
    reason: str


@dataclass(frozen=True, slots=True)
class Handover:
    """What a giver wants to hand over: grants that rested with a transfer, to a successor. `old` is the post left."""

    number: int
    transfer: TransferRecorded
    old: Post
    successor: str


def taker(transfer: TransferRecorded, named: str | None) -> str:
    """Who takes over: whom the giver names, else the successor on record."""
    found = named or transfer.successor
    if found is None:
        raise refusal.UnfitHolder("办理调动时没有确定接手人，请写明接手人的人员编号", missing="successor")
    return found


def hand_over(wanted: Handover, numbers: Sequence[int], reason: str, scene: Scene) -> tuple[Fact, ...]:
    """The facts of handing these grants over, all of them or none: three for each, the new grant first."""
    if unknown := sorted(set(numbers) - set(wanted.transfer.grants)):
        raise refusal.Unacceptable("所列授权不在此次调动停用的授权之中，请核对", missing="grants", grants=unknown)
    plans = [(grant, *_planned(grant, wanted, scene)) for grant in (scene.rows.grants[each] for each in numbers)]
    misfits = [{"grant": grant.number} | each.plain() for grant, _, made in plans for each in made.misfits]
    if misfits:
        raise refusal.WiderThanHeld(
            "有授权不再符合上级授权的范围，本次一项也未交接；请先按上级授权收窄，或另行转授",
            missing=misfits[0]["axis"], misfits=misfits,
        )  # fmt: skip
    facts: list[Fact] = []
    for grant, asked, made in plans:
        links = chain(grant, scene.rows.grants)
        issued = delegation.issue(made, asked, links[:-1], reason, scene)
        revoked, _ = revocation.revoke(links, reason, scene)
        done = DutyHandedOver(
            subject=wanted.number, person_id=wanted.transfer.person_id, successor=wanted.successor,
            division=grant.scope.division, grant=grant.number, renewed=scene.size + len(facts), reason=reason,
        )  # fmt: skip
        facts += (issued, revoked, done)
    return tuple(facts)


def hindrance(grant: Grant, wanted: Handover, scene: Scene) -> refusal.Refusal | None:
    """Why the acting post could not hand this grant over to the successor now; null if it could."""
    try:
        _, made = _planned(grant, wanted, scene)
    except refusal.Refusal as refused:
        return refused
    found = [each.plain() for each in made.misfits]
    return refusal.WiderThanHeld(missing=found[0]["axis"], misfits=found) if found else None


def _planned(grant: Grant, wanted: Handover, scene: Scene) -> tuple[Wanted, Plan]:
    """The delegation that would put the successor in the old holder's place."""
    for act in ("grant.delegate", "grant.revoke"):
        scene.must(act, grant.scope.division)
    state, links = grant.state(scene.at), chain(grant, scene.rows.grants)
    if state in ENDED:
        raise refusal.WrongState("所列授权已收回或已到期，不能再交接", grant=grant.number)
    if len(links) == 1:
        raise refusal.Denied("该授权不是转授所得，请由自治区办理", missing="issuer", grant=grant.number)
    _must_sit(grant, wanted, scene)
    scope = grant.scope
    asked = Wanted(
        holder=wanted.successor, role=grant.role, division=scope.division, cells=scope.cells, operations=scope.operations,
        valid_from=scope.valid_from, valid_until=scope.valid_until, data_year=scope.data_year,
        max_records=scope.max_records, households=scope.households,
    )  # fmt: skip
    made = delegation.plan(asked, links[:-1], scene)
    left = _left(grant, links[:-1], scene)
    if left == 0:
        raise refusal.WrongState("该授权的户数上限已用完，没有可以交接的部分", grant=grant.number)
    return asked, made if left is None else replace(made, scope=replace(made.scope, max_records=left))


def _must_sit(grant: Grant, wanted: Handover, scene: Scene) -> None:
    """Refuse a successor who is the same human being, or does not sit where the old holder sat."""
    people, divisions, place = scene.rows.people, scene.law.divisions, grant.scope.division
    if wanted.successor in people and people[wanted.successor].natural == people[wanted.old.person].natural:
        raise refusal.UnfitHolder("接手人与调动人为同一人，请核对人员编号", missing="successor")
    seats = [
        each
        for each in scene.rows.posts.get(wanted.successor, ())
        if each.role == grant.role and each.deputy_for is None and each.live(scene.at)
    ]
    if divisions.covers(wanted.old.division, place):
        seats = [each for each in seats if divisions.covers(each.division, place)]
    if not seats:
        raise refusal.UnfitHolder(
            "接手人在该地没有以原角色任职，请先为其任岗，或改由符合条件的同志接手", missing="successor",
            grant=grant.number,
        )  # fmt: skip


def _left(grant: Grant, above: Sequence[Grant], scene: Scene) -> int | None:
    """How many households the old grant's own cap has left; null where it has none, or where a link above counts for
    both grants and allows no more."""
    cap = grant.scope.max_records
    if cap is None or any(each.scope.max_records is not None and each.scope.max_records <= cap for each in above):
        return None
    return max(0, cap - scene.rows.used.get(grant.number, 0))
