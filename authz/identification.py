"""Identification: it comes on record which human being an account belongs to that was registered without a number.

From then on the account is one with every other account of that human being: what was done under it counts for him,
because the log names accounts and hands are compared as natural persons at the time of asking. What its posts would
have been refused then is refused now, all posts against all (`appoint`, `deputy.appoint`, `name_pair`). A number on
record is never replaced: acts were judged on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NoReturn

from authz import duty, refusal
from authz.decision import Scene
from authz.fact import Amend, Change, Fact, Where
from authz.policy import Duty, PolicySet
from authz.post import DutyNoted, Person, Post
from authz.staffing import PAIRED

LEAVE = "请先为其中一个岗位办理离岗或解除代理，再登记身份证件号码"


class PersonIdentified(Fact):
    """The account is that of the human being `natural`, the keyed token of an identity number. `reason` is a commitment."""

    person_id: str
    natural: str
    division: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("person", (self.person_id,), {"natural": self.natural}),)


def identify(person: Person, natural: str, division: str, reason: str, scene: Scene) -> tuple[Fact, ...]:
    """The facts of an identification by the acting post. The scene knows every account of that human being."""
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    if person.id in scene.post.accounts:
        raise refusal.DutyConflict("本人的身份证件号码须由其他同志登记，请联系其他管理员", missing="duty")
    if duty.known(person.natural):
        raise refusal.AlreadyRegistered(
            "此人已登记身份证件号码，不能更改；如登记有误，请为该账号办理离岗，另行登记人员后重新任岗"
        )
    accounts = {each.id for each in scene.rows.people.values() if each.natural == natural} | {person.id}
    standing = {
        account: [each for each in scene.rows.posts.get(account, ()) if each.valid_until > scene.at]
        for account in sorted(accounts)
    }
    mine = standing.pop(person.id)
    theirs = [each for held in standing.values() for each in held]
    _must_be_two([*mine, *theirs], accounts, scene.law.policy)
    noted = list(dict.fromkeys(_together(mine, theirs, scene.law.policy)))
    identified = PersonIdentified(person_id=person.id, natural=natural, division=division, reason=reason)
    return (identified, *(DutyNoted(duty=code, person_id=person.id, role=role) for code, role in noted))


def _must_be_two(held: Iterable[Post], accounts: set[str], policy: PolicySet) -> None:
    """Refuse where somebody would turn out to stand in for himself."""
    for each in held:
        if each.principal is not None and each.principal.person in accounts:
            _refuse(policy.duties["primary_deputy"])


def _together(mine: Iterable[Post], theirs: Iterable[Post], policy: PolicySet) -> Iterator[tuple[str, str]]:
    """The softer duties (code, role) that come together in one person, or the refusal of what may not."""
    for one, other in product(mine, theirs):
        if one.valid_from >= other.valid_until or other.valid_from >= one.valid_until:
            continue
        own = one.deputy_for is None and other.deputy_for is None
        if own and (one.unit, one.role) == (other.unit, other.role):
            if one.role in PAIRED:  # they may be the unit's A and B
                _refuse(policy.duties["primary_deputy"])
            raise refusal.AlreadyRegistered(f"此人的另一账号在该单位已任同一岗位，{LEAVE}")
        for found in duty.roles_clash(policy, (other.role,), one.role):
            if found.strength == "block":
                _refuse(found)
            yield found.code, one.role


def _refuse(found: Duty) -> NoReturn:
    told = f"{found.zh}；此人另一账号的岗位与此不相容，{LEAVE}"
    raise refusal.DutyConflict(told, missing="duty", duty=found.code)
