"""Tenure: whatever a grant says, only who holds a live post at the instant may use it; the oracle keeps its own books."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from acts import law
from bureau import CELL, HAMLET, HOUR, START, SYSTEM, VILLAGE, Bureau

from authz import decision, refusal
from authz.decision import Scene, Wish, decide
from authz.grant import Grant
from authz.post import FAR, Post

PEOPLE = ("p-11", "p-21", "p-22")
ROLES = ("village_collector", "grid_worker")
UNIT = 0.2
"""How often a grant to the whole unit is in the draw: it hides what becomes of those made out to one person."""
WISH = Wish("update", CELL, VILLAGE, 2026, None)


@dataclass
class Tenure:
    """A post as the oracle knows it. A deputyship names the post stood in for and the deputy's own."""

    person: str
    role: str
    begin: datetime
    end: datetime
    bases: tuple[int, ...] = ()


@dataclass
class Books:
    """What happened, in plain intervals: who was employed, and on which tenures each grant rests (none: on the role)."""

    tenures: dict[int, Tenure] = field(default_factory=dict)
    grants: dict[int, tuple[str, str | None, frozenset[int], datetime]] = field(default_factory=dict)

    def employed(self, number: int, at: datetime) -> bool:
        one = self.tenures[number]
        return one.begin <= at < one.end and all(self.employed(each, at) for each in one.bases)

    def may(self, person: str, at: datetime) -> bool:
        for role, holder, rests, issued in self.grants.values():
            for number, one in self.tenures.items():
                fits = one.person == person and one.role == role and holder in (None, person)
                if fits and issued <= at and self.employed(number, at) and (holder is None or number in rests):
                    return True
        return False


class Story:
    """A random history of one village, told to the service's rules and to the oracle."""

    def __init__(self, seed: int) -> None:
        self.dice, self.bureau, self.books, self.moments = random.Random(seed), Bureau(), Books(), [START]  # noqa: S311 a story is named by its seed

    def step(self) -> None:
        dice, bureau = self.dice, self.bureau
        bureau.at += dice.choice((0, 1, 1, 7, 30)) * HOUR
        self.moments.append(bureau.at)
        person, role = dice.choice(PEOPLE), dice.choice(ROLES)
        posts = [number for number, each in self.books.tenures.items() if not each.bases]
        rare = ("unit",) if dice.random() < UNIT else ()
        kind = dice.choice(
            ("appoint", "appoint", "appoint", "end", "end", "personal", "personal", "deputy", "deputy", *rare)
        )
        try:
            if kind == "appoint":
                begin = bureau.at + dice.choice((-5, 0, 0, 0, 3, 20)) * HOUR
                end = dice.choice((None, None, bureau.at + dice.randrange(1, 60) * HOUR))
                number = bureau.appoint(person, HAMLET, role, begin=begin, end=end)
                self.books.tenures[number] = Tenure(person, role, max(begin, bureau.at), end or FAR)
            elif kind == "end" and posts:
                number, until = dice.choice(posts), bureau.at + dice.choice((0, 0, 4)) * HOUR
                bureau.end(number, until=until)
                self.books.tenures[number].end = until
            elif kind == "deputy" and posts:
                base = dice.choice(posts)
                number = bureau.deputise(base, person, hours=dice.randrange(1, 90))
                made = bureau.rows.post[number]
                assert made.rests_on is not None
                self.books.tenures[number] = Tenure(
                    person, made.role, made.valid_from, made.valid_until, (base, made.rests_on)
                )
            elif kind == "unit" or self.seated(person, role):
                holder = person if kind == "personal" else None
                rests = frozenset(n for n in self.seated(person, role)) if holder else frozenset()
                self.books.grants[bureau.grant(HAMLET, role, holder)] = (role, holder, rests, bureau.at)
        except refusal.Refusal:
            return

    def seated(self, person: str, role: str) -> list[int]:
        """The tenures of a person in a role now: on these a grant made out to him rests."""
        books = self.books
        return [n for n, each in books.tenures.items()
                if (each.person, each.role) == (person, role) and books.employed(n, self.bureau.at)]  # fmt: skip

    def disagreements(self) -> int:
        """Instants, past and to come, at which the service says anything else than the oracle."""
        found = 0
        for at in (*self.moments, self.bureau.at + 10 * HOUR, self.bureau.at + timedelta(days=9)):
            for person in PEOPLE:
                found += permitted(self.bureau, person, at) is not self.books.may(person, at)
        return found


def permitted(bureau: Bureau, person: str, at: datetime) -> bool:
    """Whether any post of the person lets him do it at the instant, by the service's own rules."""
    scene = Scene(bureau.rows, at, bureau.number, law())
    for post in bureau.rows.posts.get(person, ()):
        try:
            decide(scene, post, WISH, at)
        except refusal.Denied:
            continue
        return True
    return False


def told(seeds: range) -> tuple[int, int]:
    """Disagreements and permits over many stories."""
    wrong = permits = 0
    for seed in seeds:
        story = Story(seed)
        for _ in range(25):
            story.step()
        wrong += story.disagreements()
        permits += sum(story.books.may(person, at) for person in PEOPLE for at in story.moments)
    return wrong, permits


def test_only_who_is_employed_has_authority_over_random_histories() -> None:
    wrong, permits = told(range(120))
    assert wrong == 0
    assert permits > 1000, "the stories are about something"


def _any_post(grant: Grant, post: Post) -> bool:
    return grant.holder_person == post.person


def _own_interval(self: Post, at: datetime) -> bool:
    return self.valid_from <= at < self.valid_until


def _always(self: Post, at: datetime) -> bool:
    return self.valid_from <= at


@pytest.mark.parametrize(("place", "name", "broken"), [
    (decision, "rests", _any_post), (Post, "live", _own_interval), (Post, "live", _always),
])  # fmt: skip
def test_the_stories_notice_a_rule_that_forgets(
    monkeypatch: pytest.MonkeyPatch, place: object, name: str, broken: Callable[..., bool]
) -> None:
    """A grant that comes back with any later post, a deputyship that outlives its posts, a post that does not end."""
    monkeypatch.setattr(place, name, broken)
    assert told(range(60))[0] > 0


def test_a_personal_grant_does_not_come_back_with_a_new_post() -> None:
    bureau = Bureau()
    first = bureau.appoint("p-11", HAMLET, "village_collector")
    bureau.grant(HAMLET, "village_collector", "p-11")
    assert permitted(bureau, "p-11", bureau.at)
    bureau.end(first)
    bureau.appoint("p-11", HAMLET, "village_collector")
    assert not permitted(bureau, "p-11", bureau.at), "at the very instant"
    bureau.at += HOUR
    assert not permitted(bureau, "p-11", bureau.at)
    bureau.grant(HAMLET, "village_collector", "p-11")
    assert permitted(bureau, "p-11", bureau.at), "made out anew, it holds"


def test_a_grant_in_person_does_not_pass_to_the_deputy_and_one_to_the_role_does() -> None:
    bureau = Bureau()
    base = bureau.appoint("p-11", HAMLET, "village_collector")
    bureau.appoint("p-21", HAMLET, "grid_worker")
    bureau.grant(HAMLET, "village_collector", "p-11")
    whole = bureau.deputise(base, "p-21")
    assert not permitted(bureau, "p-21", bureau.at)
    bureau.grant(HAMLET, "village_collector")
    assert permitted(bureau, "p-21", bureau.at)
    scene = Scene(bureau.rows, bureau.at, bureau.number, law())
    assert decide(scene, bureau.rows.post[whole], WISH).grant.holder_person is None
    bureau.appoint("p-31", HAMLET, "first_secretary")
    less = bureau.deputise(base, "p-31", operations=frozenset(("verify",)))
    with pytest.raises(refusal.OutsideDeputyship):
        decide(Scene(bureau.rows, bureau.at, bureau.number, law()), bureau.rows.post[less], WISH)
    assert SYSTEM in bureau.rows.posts
