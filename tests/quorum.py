"""A request in an office of few: two to four human beings, most with two accounts, some standing in for others.

Every step anybody might think of is tried in random order. The books are kept here, not by the rules: who took which
step, and what that makes of a decision. A sequence is named by its seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from offices import LINE, NOW, PAPER, REPLY, TEXT, UNITS, YES, Office

from authz import filing, reply, scope, step
from authz.decision import Law, Scene
from authz.fact import Where
from authz.grant import GrantIssued, misfits
from authz.policy import Duty
from authz.post import FAR, Person, Post
from authz.refusal import Refusal
from authz.reply import Answer

SINCE = NOW - timedelta(days=9)
STEPS = ("draft", "sign", "receive", "propose", "decide")
ASIDE = ("change", "return", "gain", "stand in", "sign")
ROLE = {
    "draft": "county_clerk", "change": "county_clerk", "sign": "county_signatory", "receive": "region_handler",
    "return": "region_handler", "propose": "region_handler", "decide": "region_approver",
}  # fmt: skip
ROLES = sorted(set(ROLE.values()))
OWN, ALONE = ("draft", "change", "sign"), ("receive", "propose")
WIDER = (Answer(1, "narrowed", {"max_records": 101}, None),)
ELSEWHERE = (Answer(1, "narrowed", {"division": "640324"}, None),)
NARROWER = (Answer(1, "narrowed", {"max_records": 7}, None),)


@dataclass
class Few:
    """The sequence of one seed. `faults` are what the books say against what was allowed."""

    seed: int
    law: Law
    faults: list[str] = field(default_factory=list)
    decided: int = 0
    taken: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 a sequence is named by its seed
        self.office = Office(self.law)
        rows = self.office.rows
        for kept in (rows.people, rows.posts, rows.staff, rows.post):
            kept.clear()
        self.accounts = [
            Person(f"p-{natural}{account}", f"n{natural}", 0)
            for natural in range(self.dice.choice((2, 3, 4, 4))) for account in range(self.dice.choice((1, 2, 2)))
        ]  # fmt: skip
        for each in self.accounts:
            rows.people[each.id] = each
            self.gain(each)

    # --- who serves as what -----------------------------------------------------------------------------------------
    def gain(self, person: Person) -> None:
        """One more post, whatever it is: only what is done with it is at stake here."""
        role = self.dice.choice(ROLES)
        unit = UNITS.get(role, "u-640324-lead")
        self.seat(Post(len(self.office.rows.post), person.id, unit, unit.split("-")[1], role, "t", SINCE, FAR))

    def stand_in(self, person: Person) -> None:
        """A deputyship for a post of any other account, the person's own second one among them."""
        own, others = self.office.rows.posts[person.id], list(self.office.rows.post.values())
        plain = [each for each in others if each.person != person.id and each.deputy_for is None]
        if own and plain:
            principal, footing = self.dice.choice(plain), own[0]
            number = len(others)
            self.seat(replace(principal, number=number, person=person.id, deputy_for=principal.number,
                              rests_on=footing.number, principal=principal, footing=footing))  # fmt: skip

    def seat(self, post: Post) -> None:
        rows = self.office.rows
        rows.post[post.number] = post
        rows.posts.setdefault(post.person, []).append(post)
        rows.staff.setdefault(post.unit, []).append(post)

    def naturals(self, post: Post) -> frozenset[str]:
        """Whose hands these are, said as plainly as possible."""
        people = self.office.rows.people
        found = {people[post.person].natural}
        while post.deputy_for is not None:
            post = self.office.rows.post[post.deputy_for]
            found.add(people[post.person].natural)
        return frozenset(found)

    # --- playing ----------------------------------------------------------------------------------------------------
    def play(self, length: int = 24) -> Few:
        for _ in range(length):
            row = self.office.rows.requests.get(0)
            state = row["state"] if row else None
            ahead = {None: "draft", "drafted": "sign", "returned": "sign", "filed": "receive", "received": "decide"}
            likely = ahead.get(state, "decide")
            if state == "received" and row and row["body"].get("proposal") is None:
                likely = "propose"
            name = likely if self.dice.random() < 0.75 else self.dice.choice(STEPS + ASIDE)
            person = self.dice.choice(self.accounts)
            if name in ("gain", "stand in"):
                (self.gain if name == "gain" else self.stand_in)(person)
                continue
            fit = [each for each in self.office.rows.post.values() if each.role == ROLE[name]]
            posts = fit if fit and self.dice.random() < 0.95 else list(self.office.rows.post.values())
            self.attempt(name, self.dice.choice(posts))
        return self

    def attempt(self, name: str, post: Post) -> None:
        scene = Scene(self.office.rows, NOW, self.office.size, self.law)
        scene.enter(post.person, 0, post.number)
        try:
            facts = self.happen(name, scene)
        except Refusal:
            return
        if not facts:
            return
        for fact in facts:
            for change in fact.changes(Where(self.office.size, NOW, post.person, post.unit)):
                self.office.fold(change)
            self.office.size += 1
        self.taken.append((name, self.naturals(post)))
        if name == "decide":
            self.decided += 1
            self.faults += self.against(post, facts)

    def happen(self, name: str, scene: Scene) -> tuple[Any, ...]:
        row = None if name == "draft" else step.found(scene, 0)
        if name == "draft" and self.office.rows.requests:
            return ()
        right = {"change": "request.draft"}.get(name, f"request.{name}")
        assert scene.post is not None
        scene.must(right, row["division"] if row else scene.post.division)
        text = replace(TEXT, signatory=self.dice.choice(self.accounts).id)
        answers = self.dice.choice((YES, YES, NARROWER, WIDER, ELSEWHERE))
        if name == "sign" and row is not None:
            row["body"]["document"]["signatory"] = (
                scene.post.person
            )  # the letter names whoever signs: not at stake here
        found: Mapping[str, Any] = {
            "draft": lambda: filing.drafted(text, scene),
            "change": lambda: filing.changed(row or {}, text, scene),
            "sign": lambda: filing.signed(row or {}, frozenset((PAPER,)), scene),
            "receive": lambda: reply.received(row or {}, "1", date(2026, 11, 23), scene),
            "return": lambda: reply.returned(row or {}, (("/lines", "c"),), scene),
            "propose": lambda: reply.proposed(row or {}, answers, "c", scene),
            "decide": lambda: reply.decided(row or {}, REPLY, answers, "c", (), scene),
        }
        facts = found[name]()
        return facts if isinstance(facts, tuple) else (facts,)

    # --- the books --------------------------------------------------------------------------------------------------
    def against(self, post: Post, facts: tuple[Any, ...]) -> Iterator[str]:
        """What a decision in this post was that it may never be."""
        mine = self.naturals(post)
        had = {name: [hands for done, hands in self.taken if done == name] for name in (*OWN, *ALONE)}
        if any(mine & hands for name in OWN for hands in had[name]):
            yield "own"
        if any(mine & hands for hands in had["receive"]):
            yield "received it himself"
        if any(mine & hands for hands in had["propose"]):
            yield "proposed it himself"
        if any(one & two for one in (*had["draft"], *had["change"]) for two in had["sign"]):
            yield "signed by its clerk"
        staff = self.office.rows.staff.get("u-640324-lead", ())
        if any(each.live(NOW) and self.office.rows.people[each.person].natural in mine for each in staff):
            yield "decided from within"
        if post.role != "region_approver" or not post.live(NOW):
            yield "beyond power"
        asked = scope.of(LINE)
        for each in facts:
            if isinstance(each, GrantIssued):
                given = {**LINE, "division": each.division, "cells": each.cells, "operations": each.operations,
                         "from": each.valid_from, "until": each.valid_until, "max_records": each.max_records}  # fmt: skip
                yield from ("wider than asked" for _ in misfits(asked, scope.of(given), self.law.divisions))


def without(law: Law, code: str) -> Law:
    """The law with one duty row dropped."""
    duties: dict[str, Duty] = {name: each for name, each in law.policy.duties.items() if name != code}
    assert len(duties) < len(law.policy.duties)
    return replace(law, policy=replace(law.policy, duties=duties))


def played(law: Law, seeds: range, until: str | None = None) -> tuple[set[str], int]:
    """All faults of these sequences and the decisions in them; stops early at the fault `until`."""
    faults, decided = set[str](), 0
    for seed in seeds:
        few = Few(seed, law).play()
        faults |= set(few.faults)
        decided += few.decided
        if until in faults:
            break
    return faults, decided
