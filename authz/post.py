"""People, units and posts: who is employed where, as what, and when.

A person is a natural person behind an account (`p-<digits>`); `natural` is the keyed token of the identity number, so
that two accounts of one human being are one (S08, separation of duty). A unit is a body of a division
(`u-<division>-<kind>`). A post is a person in a unit in a role for an interval; a person without a live post has no
authority whatever a grant says. Posts are named by the entry that made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from authz import duty, refusal
from authz.division import Divisions
from authz.fact import Amend, Change, Fact, Put, Where, instant, moment
from authz.office import LEADING, OFFICERS, must_be_known
from authz.policy import PolicySet

FAR = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


class UnitEstablished(Fact):
    """A body exists: its kind, the division it belongs to, and its public name with an earlier one."""

    authority = False
    unit: str
    unit_kind: str
    division: str
    name: str
    earlier_name: str | None

    def changes(self, where: Where) -> tuple[Change, ...]:
        values = {
            "kind": self.unit_kind,
            "division": self.division,
            "name": self.name,
            "earlier_name": self.earlier_name,
        }
        return (Put("unit", (self.unit,), values),)


class PersonRegistered(Fact):
    """A natural person has an account. `name` and `phone` are commitments, `natural` a keyed identity token."""

    authority = False
    person_id: str
    natural: str
    name: str
    phone: str | None

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Put("person", (self.person_id,), {"natural": self.natural, "epoch": 0}),)


class TokensRevoked(Fact):
    """Every token of the person issued before this instant is void. `reason` is a commitment."""

    person_id: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("person", (self.person_id,), {"epoch": -(-int(where.at.timestamp() * 1000) // 1000)}),)


class PostAssigned(Fact):
    """A person holds a post. `until` null means until it is ended."""

    person_id: str
    post_unit: str
    division: str
    role: str
    title: str
    valid_from: str
    valid_until: str | None

    def changes(self, where: Where) -> tuple[Change, ...]:
        values = {
            "person": self.person_id,
            "unit": self.post_unit,
            "division": self.division,
            "role": self.role,
            "title": self.title,
            "valid_from": self.valid_from,
            "valid_until": self.valid_until or instant(FAR),
        }
        return (Put("post", (where.number,), values),)


class PostEnded(Fact):
    """The post `subject` ends; what was done in it stays attributed to it. `reason` is a commitment."""

    person_id: str
    subject: int
    valid_until: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("post", (self.subject,), {"valid_until": self.valid_until}),)


class DutyNoted(Fact):
    """An appointment brought together what the duty `duty` would rather keep apart: let pass, and made visible."""

    authority = False
    duty: str
    person_id: str
    role: str


@dataclass(frozen=True, slots=True)
class Unit:
    id: str
    kind: str
    division: str
    name: str
    earlier_name: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """`epoch`: tokens issued before this Unix second are void."""

    id: str
    natural: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Post:
    """A holding for the service's own acts: it covers the division of its unit and contains no operation on cells.

    A deputyship is a post as well: `deputy_for` is the post stood in for, `rests_on` the deputy's own. It lives while
    both of them live (parental consent); neither may be unknown. `acts` and `operations` null mean no narrower limit.
    """

    number: int
    person: str
    unit: str
    division: str
    role: str
    title: str
    valid_from: datetime
    valid_until: datetime
    deputy_for: int | None = None
    rests_on: int | None = None
    acts: frozenset[str] | None = None
    operations: frozenset[str] | None = None
    principal: Post | None = None
    footing: Post | None = None

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts an act in this post counts for: who acts, and whom he stands in for."""
        return (self.person,) if self.principal is None else (self.person, self.principal.person)

    def live(self, at: datetime) -> bool:
        if not self.valid_from <= at < self.valid_until:
            return False
        return self.deputy_for is None or all(each and each.live(at) for each in (self.principal, self.footing))

    def covers(self, division: str, divisions: Divisions) -> bool:
        return divisions.covers(self.division, division)

    def includes(self, act: str, object: str) -> bool:
        return "." not in object and (self.acts is None or f"{object}.{act}" in self.acts)

    def lends(self, operation: str, division: str, divisions: Divisions) -> bool:
        """Whether an operation on cells lies inside a deputyship; any other post sets no limit of its own."""
        if self.deputy_for is None:
            return True
        return (self.operations is None or operation in self.operations) and self.covers(division, divisions)


def read(row: Any) -> Post:
    """The post a register row holds; a deputyship is not whole before `joined`."""
    plain = (
        "number",
        "person",
        "unit",
        "division",
        "role",
        "title",
        "valid_from",
        "valid_until",
        "deputy_for",
        "rests_on",
    )
    acts, operations = (None if row[name] is None else frozenset(row[name]) for name in ("acts", "operations"))
    return Post(**{name: row[name] for name in plain}, acts=acts, operations=operations)


def joined(post: Post, known: Mapping[int, Post]) -> Post:
    """The post with those it rests on; what is not known stays out, and the deputyship is dead."""
    if post.deputy_for is None or post.rests_on is None:
        return post
    return replace(post, principal=known.get(post.deputy_for), footing=known.get(post.rests_on))


def stretch(begin: str, end: str | None) -> tuple[datetime, datetime]:
    """The interval of a post fact as instants."""
    return moment(begin), moment(end) if end else FAR


UNIDENTIFIED = "identity_unknown"
"""Noted with every appointment of an account without an identity number: nobody can tell whose second account it is, so
no separation of duty holds against it. It is told at once and stays visible in the log."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """A person is to hold a role in a unit. `begin` null or past means now: nobody was employed before his record."""

    person: Person
    unit: Unit
    role: str
    title: str
    begin: datetime | None
    end: datetime | None


def appoint(
    wanted: Appointment, by: Post, held: Iterable[Post], at: datetime, policy: PolicySet, divisions: Divisions
) -> tuple[Fact, ...]:
    """The facts of an appointment by the holder of the post `by`; `held` are all posts of the natural person."""
    person, unit, role, end = wanted.person, wanted.unit, wanted.role, wanted.end
    words = policy.catalogue
    if not words.may_appoint(by.role, role):
        raise refusal.NoRole("您的岗位不能任命此角色，请由有任命权限的管理员办理", missing="appoint")
    if not divisions.covers(by.division, unit.division):
        raise refusal.OutsideDivision("该单位不在您岗位的管辖区划内", missing="division")
    if not words.may_hold(unit.kind, divisions.get(unit.division).level, role):
        raise refusal.UnfitHolder("该类单位不设此角色，请核对单位与角色")
    held = list(held)
    if by.deputy_for is not None and any(each.number == by.number for each in held):
        raise refusal.NoRole("代理期间不能为本人任岗，请由原岗位的任命人办理", missing="appoint")
    begin = max(wanted.begin or at, at)
    if end is not None and end <= begin:
        raise refusal.EmptyInterval()
    standing = [each for each in held if each.valid_until > begin and (end is None or each.valid_from < end)]
    own = [each for each in standing if each.deputy_for is None]
    if any((each.unit, each.role) == (unit.id, role) for each in own):
        raise refusal.AlreadyRegistered("此人（含其其他账号）在该单位已任此岗位，无需重复登记")
    must_be_known(person.natural, role)
    noted = duty.roles_apart(policy, (each.role for each in standing), role)
    assigned = PostAssigned(
        person_id=person.id, post_unit=unit.id, division=unit.division, role=role, title=wanted.title,
        valid_from=instant(begin), valid_until=instant(end) if end else None,
    )  # fmt: skip
    codes = [each.code for each in noted] + ([UNIDENTIFIED] if person.natural == person.id else [])
    return (assigned, *(DutyNoted(duty=each, person_id=person.id, role=role) for each in codes))


def end(
    post: Post,
    until: datetime | None,
    reason: str,
    *,
    by: Post,
    colleagues: Iterable[Post],
    at: datetime,
    policy: PolicySet,
    people: Mapping[str, Person] = MappingProxyType({}),
) -> PostEnded:
    """The fact that a post ends, by whoever may appoint to it, or by its holder; a past end means now."""
    if post.person != by.person and not policy.catalogue.may_appoint(by.role, post.role):
        raise refusal.NoRole("您的岗位不能免去此角色，请由有任命权限的管理员办理", missing="appoint")
    if post.deputy_for is not None:
        raise refusal.WrongState("这是代理，请按解除代理办理（/v1/deputies/{id}/end）")
    if post.valid_until <= at:
        raise refusal.WrongState("该岗位已经结束")
    last = max(until or at, at)
    if post.person == by.person and post.role in LEADING and _alone(post, colleagues, people, last):
        raise refusal.WrongState("您是本单位最后一名管理员，请先任命接任的同志并待其到任，再办理离岗")
    if last >= post.valid_until:
        raise refusal.EmptyInterval("离岗时间不早于原定任期届满，无需办理")
    return PostEnded(person_id=post.person, subject=post.number, valid_until=instant(last), reason=reason)


def _alone(post: Post, colleagues: Iterable[Post], people: Mapping[str, Person], at: datetime) -> bool:
    """Whether no other human being holds the office in the unit at that instant; of an officer, for good."""

    def other(each: Post) -> bool:
        mine, theirs = people.get(post.person), people.get(each.person)
        same = each.person == post.person or (
            mine is not None and theirs is not None and mine.natural == theirs.natural
        )
        lasting = post.role not in OFFICERS or each.valid_until == FAR
        return each.role == post.role and each.deputy_for is None and not same and each.live(at) and lasting

    return not any(map(other, colleagues))
