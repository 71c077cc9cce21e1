"""Staffing (S26, S27): how many people a body must have, how many it has, and who was short on a day.

Lead bodies of city, county and township need `lead_staff` people each, an industry department `department_staff`; the
region's own body is not named by the notice. People are natural persons with a live post in the body; a deputy does not
make up numbers, nor does an assistance person. A body with administrators has an A and a B, two human beings.
A village is an orphan when nobody collects there, or when nobody in office can use any grant it still has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from authz import competence, duty, refusal
from authz.decision import Scene
from authz.fact import Change, Fact, Put, Where, instant
from authz.grant import Grant, chain
from authz.policy import PolicySet
from authz.post import Person, Post, Unit
from authz.tenure import Seats, rests, vacant

COLLECTING: Final = ("village_collector", "first_secretary", "grid_worker")
PAIRED: Final = ("county_admin", "township_admin")
"""Roles whose holders are an A and a B."""
PAIR: Final = 2
NOBODY, UNUSABLE = "no_collector", "no_usable_grant"


class PairNamed(Fact):
    """The unit's A and B (A角、B角): the posts of two human beings, each of whom runs the unit when the other is away."""

    authority = False
    pair_unit: str
    division: str
    primary_post: int
    deputy_post: int

    def changes(self, where: Where) -> tuple[Change, ...]:
        values = {"division": self.division, "primary_post": self.primary_post, "deputy_post": self.deputy_post}
        return (Put("pair", (self.pair_unit,), values),)


class ShortfallNoted(Fact):
    """An act left a body short from `since_when` on: of `staff`, of its B (`no_b`) or of both A and B (`no_admin`), of
    whoever answers requests (`answer`: the two sides of it), or a village of hands (`orphan`) or of a grant that those in
    office may use (`idle`)."""

    authority = False
    short_unit: str
    division: str
    lack: str
    needed: int
    present: int
    since_when: str


@dataclass(frozen=True, slots=True)
class Strength:
    """What a body needs and has at an instant. `pair` false: A and B are due, and not both are in office."""

    unit: Unit
    needed: int
    present: int
    pair: bool | None

    @property
    def short(self) -> int:
        return max(0, self.needed - self.present)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A village without anybody who could collect in it, and why."""

    unit: Unit
    why: str
    grants: tuple[int, ...]


def needed(unit: Unit, level: str, policy: PolicySet) -> int:
    """How many people the body must have; 0 where nothing is asked."""
    if (unit.kind == "lead" and level in ("city", "county")) or unit.kind == "township":
        return policy.number("lead_staff")
    kind = policy.catalogue.unit_kinds.get(unit.kind)
    return policy.number("department_staff") if kind is not None and "department_officer" in kind.roles else 0


def present(posts: Iterable[Post], people: Mapping[str, Person], at: datetime) -> int:
    """How many human beings work in a body; two accounts of one are one."""
    return len({natural(each.person, people) for each in posts if counts(each, at)})


def counts(post: Post, at: datetime) -> bool:
    return post.live(at) and post.deputy_for is None and post.role != "assistance_person"


def natural(person: str, people: Mapping[str, Person]) -> str:
    return people[person].natural if person in people else person


def strength(
    unit: Unit, level: str, posts: Sequence[Post], pair: tuple[int, int] | None, people: Mapping[str, Person],
    at: datetime, policy: PolicySet,
) -> Strength:  # fmt: skip
    """Need and presence of one body. `pair` are the posts of A and B on record."""
    due = (unit.kind == "lead" and level == "county") or unit.kind == "township"
    whole = pair is not None and _whole(pair, posts, people, at) if due else None
    return Strength(unit, needed(unit, level, policy), present(posts, people, at), whole)


def _whole(pair: tuple[int, int], posts: Iterable[Post], people: Mapping[str, Person], at: datetime) -> bool:
    live = {natural(each.person, people) for each in posts if each.number in pair and each.live(at)}
    return len(live) == len(pair)


def orphaned(
    unit: Unit, posts: Sequence[Post], grants: Iterable[Grant], known: Mapping[int, Grant], seats: Seats, at: datetime
) -> Orphan | None:
    """Whether a village is one. `grants` are those `kept` for it; `seats` are the posts of whoever those above them are
    made out to."""
    hands = [each for each in posts if each.role in COLLECTING and each.live(at)]
    usable, idle = False, list[int]()
    for grant in grants:
        if grant.role in COLLECTING:
            above = chain(grant, known)[:-1]
            fit = [
                each for each in hands if each.role == grant.role and (not grant.holder_person or rests(grant, each))
                and not any(vacant(link, seats, at) for link in above)
            ]  # fmt: skip
            usable, idle = usable or bool(fit), idle if fit else [*idle, grant.number]
    if not hands:
        return Orphan(unit, NOBODY, tuple(idle))
    return Orphan(unit, UNUSABLE, tuple(idle)) if idle and not usable else None


def kept(
    unit: str, posts: Sequence[Post], grants: Iterable[Grant], known: Mapping[int, Grant], seats: Seats, at: datetime
) -> list[Grant]:
    """The grants of a village that count for it: those in force, and those of which nothing is wanting but whom they, or
    one above them, were made out to. What somebody suspended for a reason is not missed."""
    staff: dict[str, list[Post]] = {}
    for post in posts:
        staff.setdefault(post.person, []).append(post)

    def counted(link: Grant, held: Seats) -> bool:
        state = link.state(at)
        return state == "live" or (state == "suspended" and vacant(link, held, at))

    return [
        each for each in grants
        if each.holder_unit == unit and counted(each, staff) and all(counted(link, seats) for link in chain(each, known)[:-1])
    ]  # fmt: skip


def name_pair(unit: Unit, primary: Post | None, deputy: Post | None, people: Mapping[str, Person], at: datetime,
              policy: PolicySet) -> PairNamed:  # fmt: skip
    """The fact that two posts are the A and the B of a unit."""
    for each, path in ((primary, "/primary"), (deputy, "/deputy")):
        if each is None or each.unit != unit.id or each.role not in PAIRED or each.deputy_for or not each.live(at):
            raise refusal.UnfitHolder("A角、B角须为本单位在任的管理员，请先任岗", missing=path[1:])
    assert primary is not None
    assert deputy is not None
    mine = [people[each.person].natural for each in (primary, deputy)]
    duty.separated(policy, "primary_deputy", *mine)
    return PairNamed(
        pair_unit=unit.id, division=unit.division, primary_post=primary.number, deputy_post=deputy.number
    )  # fmt: skip


def left(ended: Post, staff: Sequence[Post], at: datetime, scene: Scene) -> tuple[ShortfallNoted, ...]:
    """What the end of a post at `at` leaves its unit short of. `staff` are the posts of the unit as they were before."""
    people, unit, policy = scene.rows.people, scene.rows.units.get(ended.unit), scene.law.policy
    if unit is None:
        return ()
    level = scene.law.divisions.get(unit.division).level if scene.law.divisions.known(unit.division) else ""
    rest = [each for each in staff if each.number != ended.number]

    def noted(lack: str, least: int, have: int) -> ShortfallNoted:
        return ShortfallNoted(
            short_unit=unit.id, division=unit.division, lack=lack, needed=least, present=have, since_when=instant(at)
        )

    found, least, have = [], needed(unit, level, policy), present(rest, people, at)
    if have < min(least, present(staff, people, at)):
        found.append(noted("staff", least, have))
    pairs = {natural(each.person, people) for each in rest if each.role == ended.role and counts(each, at)}
    if ended.role in PAIRED and len(pairs) < PAIR:
        found.append(noted("no_b" if pairs else "no_admin", PAIR, len(pairs)))
    if unit.kind == "lead" and level == "region":
        then = replace(scene, at=at)
        # A deputyship ends with either post it rests on.
        others = [each for each in rest if ended.number not in (each.deputy_for, each.rests_on)]
        had, has = (competence.unanswering(unit.id, unit.division, each, then) for each in (staff, others))
        found += [noted("answer", 2, 2 - len(has))] if has and not had else []
    if unit.kind == "village" and ended.role in COLLECTING:
        hands = [each for each in rest if each.role in COLLECTING and counts(each, at)]
        found += [] if hands else [noted("orphan", 1, 0)]
        before, after = (_orphaned(unit, each, at, scene) for each in (staff, rest))
        found += [noted("idle", 1, 0)] if hands and after is not None and before is None else []
    return tuple(found)


def _orphaned(unit: Unit, posts: Sequence[Post], at: datetime, scene: Scene) -> Orphan | None:
    rows = scene.rows
    mine = kept(unit.id, posts, rows.by_unit.get(unit.id, ()), rows.grants, rows.posts, at)
    return orphaned(unit, posts, mine, rows.grants, rows.posts, at)


WORDS: Final = {
    "staff": "办理后本单位工作人员少于规定人数，请尽快补充",
    "no_b": "办理后本单位管理员只剩一人（缺B角），请尽快任命并登记A角、B角",
    "no_admin": "办理后本单位没有管理员，请尽快任命两名管理员并登记A角、B角",
    "orphan": "办理后该村无人采集，请尽快安排接任的同志并办理授权",
    "answer": "办理后本单位没有两个不同的人分别承办和审批各县的书面申请，请尽快任命接任的同志",
    "idle": "办理后该村在岗人员没有可用的授权，请尽快把原授权交接或转授给在岗的同志",
}


def must_be_staffed(scene: Scene) -> None:
    """Refuse a new delegation by a short body, where the bureau has chosen that consequence (local; default: list only)."""
    setting = scene.law.policy.handling.get("staffing_consequence")
    unit = scene.rows.units.get(scene.post.unit) if scene.post else None
    if setting is None or not setting.value or unit is None:
        return
    level, staff = scene.law.divisions.get(unit.division).level, scene.rows.staff.get(unit.id, ())
    least, have = needed(unit, level, scene.law.policy), present(staff, scene.rows.people, scene.at)
    if have < least:
        raise refusal.Unacceptable(
            f"本单位在岗工作人员 {have} 人，少于规定的 {least} 人；按本地规定，补足人员前不得新办转授",
            missing="staffing", needed=least, present=have, source=setting.source,
        )  # fmt: skip
