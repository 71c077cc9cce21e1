"""Deputies (职务代理): somebody stands in for the holder of a post, for a time, within its limits, in his own name.

A deputyship is a post of its own in the unit and role of the post stood in for, so that `Mandate-Post` picks it and
grants held by (unit, role) work in it; a grant made out to the absent person does not pass. It rests on two posts, that
of the absent one and the deputy's own: when either is over, so is the deputyship, at that instant and by no job. It is
never passed on, never wider than the post, and it puts nobody where two duties would meet in one hand: in it a person
acts with two pairs of hands (`Post.accounts`). Officers have no deputies; their successors are appointed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from authz import duty, refusal
from authz.decision import Scene
from authz.fact import Amend, Change, Fact, Put, Where, instant
from authz.grant import Misfit
from authz.office import OFFICERS, must_be_known
from authz.post import DutyNoted, Person, Post

LONGEST = "deputy_days"


class DeputyAppointed(Fact):
    """A person stands in for the holder of the post `deputy_for`, on the strength of his own post `rests_on`.

    `principal` is the person stood in for. `acts` and `operations` null mean all of the post's. `reason` is a commitment.
    """

    person_id: str
    principal: str
    deputy_for: int
    rests_on: int
    post_unit: str
    division: str
    role: str
    title: str
    acts: tuple[str, ...] | None
    operations: tuple[str, ...] | None
    valid_from: str
    valid_until: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        values = {
            "person": self.person_id, "unit": self.post_unit, "division": self.division, "role": self.role,
            "title": self.title, "valid_from": self.valid_from, "valid_until": self.valid_until,
            "deputy_for": self.deputy_for, "rests_on": self.rests_on,
            "acts": None if self.acts is None else list(self.acts),
            "operations": None if self.operations is None else list(self.operations),
        }  # fmt: skip
        return (Put("post", (where.number,), values),)


class DeputyEnded(Fact):
    """The deputyship `subject` ended early. `reason` is a commitment."""

    subject: int
    person_id: str
    division: str
    valid_until: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("post", (self.subject,), {"valid_until": self.valid_until}),)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is wanted: who stands in for which post, from when (null or past: now) until when, and how narrowly.

    With `acts` or `operations` given, only what is listed is lent; `division` null is that of the post.
    """

    post: Post
    person: Person
    begin: datetime | None
    end: datetime
    acts: frozenset[str] | None = None
    operations: frozenset[str] | None = None
    division: str | None = None


def appoint(wanted: Standing, held: Iterable[Post], reason: str, scene: Scene) -> tuple[Fact, ...]:
    """The facts of a deputyship; `held` are all posts of the deputy's natural person, under whatever account."""
    base, begin, mine = wanted.post, max(wanted.begin or scene.at, scene.at), list(held)
    _must_be_lent(base, scene)
    if wanted.end <= begin:
        raise refusal.EmptyInterval()
    _must_be_two(base, wanted.person, scene)
    must_be_known(wanted.person.natural, base.role)
    footing = [
        each for each in mine if each.person == wanted.person.id and each.deputy_for is None and each.live(begin)
    ]
    if not footing:
        raise refusal.UnfitHolder("代理人须有在任岗位，请核对人员编号，或先为其任岗", missing="person")
    standing = [each for each in mine if each.valid_until > begin and each.valid_from < wanted.end]
    if any(
        (each.unit, each.role) == (base.unit, base.role) and each.deputy_for in (None, base.number) for each in standing
    ):
        raise refusal.AlreadyRegistered("此人在该时段已任此岗位或已代理此岗位，无需重复办理")
    noted = duty.roles_apart(scene.law.policy, (each.role for each in standing), base.role)
    narrowed = wanted.acts is not None or wanted.operations is not None
    acts, operations = (wanted.acts or frozenset(), wanted.operations or frozenset()) if narrowed else (None, None)
    if found := wider(wanted, begin, scene):
        raise refusal.WiderThanHeld(
            "代理的范围和期限不得宽于原岗位，请按提示缩小",
            missing=found[0].axis,
            misfits=[each.plain() for each in found],
        )
    appointed = DeputyAppointed(
        person_id=wanted.person.id, principal=base.person, deputy_for=base.number,
        rests_on=max(footing, key=lambda each: (each.valid_until, -each.number)).number, post_unit=base.unit,
        division=wanted.division or base.division, role=base.role, title=f"{base.title}（代理）",
        acts=None if acts is None else tuple(sorted(acts)),
        operations=None if operations is None else tuple(sorted(operations)),
        valid_from=instant(begin), valid_until=instant(wanted.end), reason=reason,
    )  # fmt: skip
    return (appointed, *(DutyNoted(duty=each.code, person_id=wanted.person.id, role=base.role) for each in noted))


def wider(wanted: Standing, begin: datetime, scene: Scene) -> tuple[Misfit, ...]:
    """Every limit of the post that the wish does not keep."""
    base, policy, found = wanted.post, scene.law.policy, list[Misfit]()
    rights = scene.law.rule.rights(base.role)
    acts = {f"{object}.{act}" for act, object in rights if object in policy.catalogue.objects}
    operations = {act for act, object in rights if object in policy.catalogue.cells}
    for axis, asked, mine in (("acts", wanted.acts, acts), ("operations", wanted.operations, operations)):
        if asked is not None and not asked <= mine:
            found.append(Misfit(axis, sorted(mine), sorted(asked - mine)))
    divisions = scene.law.divisions
    if wanted.division is not None and not divisions.covers(base.division, wanted.division):
        found.append(Misfit("division", base.division, wanted.division))
    if begin < base.valid_from:
        found.append(Misfit("from", instant(base.valid_from), instant(begin)))
    if wanted.end > base.valid_until:
        found.append(Misfit("until", instant(base.valid_until), instant(wanted.end)))
    longest = begin + timedelta(days=policy.number(LONGEST))
    if wanted.end > longest:
        found.append(Misfit("until", instant(longest), instant(wanted.end)))
    return tuple(found)


def end(deputyship: Post, until: datetime | None, reason: str, scene: Scene) -> DeputyEnded:
    """The fact that a deputyship ends early: by whoever may give the post, by the deputy, or by whom he stands in for."""
    post = scene.post
    if post is None:
        raise refusal.NotEmployed(missing="post")
    if deputyship.deputy_for is None:
        raise refusal.Unknown()
    parties = (deputyship.person, deputyship.principal.person if deputyship.principal else None)
    if post.person not in parties and not scene.law.policy.catalogue.may_appoint(post.role, deputyship.role):
        raise refusal.NoRole("您的岗位不能解除此项代理，请由有任命权限的管理员办理", missing="appoint")
    if deputyship.valid_until <= scene.at:
        raise refusal.WrongState("该代理已经结束")
    last = max(until or scene.at, scene.at)
    if last >= deputyship.valid_until:
        raise refusal.EmptyInterval("结束时间不早于原定代理期限，无需办理")
    return DeputyEnded(
        subject=deputyship.number, person_id=deputyship.person, division=deputyship.division, valid_until=instant(last),
        reason=reason,
    )  # fmt: skip


def _must_be_lent(base: Post, scene: Scene) -> None:
    """Refuse a post that has no deputy, or that the acting one may not lend."""
    by = scene.post
    if by is None:
        raise refusal.NotEmployed(missing="post")
    if by.deputy_for is not None or base.deputy_for is not None:
        raise refusal.NoRole("代理不得再转代理，请由原岗位的任命人办理", missing="appoint")
    if base.role in OFFICERS:
        raise refusal.UnfitHolder("三员不设代理，请按三员任命程序任命接任的同志", missing="post")
    if not scene.law.policy.catalogue.may_appoint(by.role, base.role):
        raise refusal.NoRole("您的岗位不能为此岗位设置代理，请由有任命权限的管理员办理", missing="appoint")
    if base.valid_until <= scene.at:
        raise refusal.WrongState("该岗位已经结束，不能设置代理")


def _must_be_two(base: Post, deputy: Person, scene: Scene) -> None:
    """Refuse a deputy of oneself, under whatever account, and one who appoints himself."""
    absent = scene.rows.people[base.person]
    duty.separated(scene.law.policy, "primary_deputy", absent.natural, deputy.natural)
    if scene.person is not None and scene.person.natural == deputy.natural:
        raise refusal.DutyConflict("不能为本人设置代理权限，请由其他管理员办理", missing="duty", duty="primary_deputy")
