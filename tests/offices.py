"""An office without a database: a written request folded in memory by the very facts its rules return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from acts import law

from authz import filing, reply, scope, step
from authz.decision import Law, Scene
from authz.fact import Amend, Fact, Put, Where, instant
from authz.filing import Text
from authz.grant import GrantIssued, misfits
from authz.post import FAR, Person, Post
from authz.register import Rows
from authz.reply import Answer, Reply

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
PAPER = "a" * 64
# Accounts: p-<natural><role>; two accounts with the same digit in front are one human being.
ROLES = {
    "1": "county_clerk",
    "2": "county_signatory",
    "3": "county_admin",
    "4": "region_handler",
    "5": "region_approver",
}
UNITS = {"region_handler": "u-64-lead", "region_approver": "u-64-lead"}
LINE = {
    "line": 1, "division": "640324100", "cells": ["monitored.income"], "operations": ["collect", "update"],
    "data_year": 2026, "from": instant(NOW), "until": instant(NOW + timedelta(days=30)), "max_records": 100,
}  # fmt: skip
TEXT = Text(
    kind="QINGSHI", number="同乡振发〔2026〕31号", title="c", dated=date(2026, 11, 20), signatory="p-22", addressee="u-64-lead",
    cc=("u-6403-lead",), contact=None, phone=None, ground="quarterly_income", ground_text=None, lines=(LINE,),
    attachments=(PAPER,),
)  # fmt: skip
REPLY = Reply("PIFU", "宁乡振发〔2026〕12号", None, date(2026, 11, 23), "同乡振发〔2026〕31号")
YES = (Answer(1, "approved", None, None),)


class Office:
    """What is on record, folded in memory by the facts themselves."""

    def __init__(self, used: Law | None = None) -> None:
        self.rows, self.size, self.facts, self.law = Rows(), 0, list[Fact](), used or law()
        for natural in "123456":
            for mark, role in ROLES.items():
                person = f"p-{natural}{mark}"
                self.rows.people[person] = Person(person, f"n{natural}", 0)
                unit = UNITS.get(role, "u-640324-lead")
                post = Post(
                    int(natural + mark), person, unit, unit.split("-")[1], role, "t", NOW - timedelta(days=9), FAR
                )
                # Only some work in the county's office; the rest have left it again.
                live = post if unit == "u-64-lead" or natural == mark else replace(post, valid_until=NOW)
                self.rows.posts[person] = [post]
                self.rows.staff.setdefault(unit, []).append(live)

    def scene(self, person: str) -> Scene:
        made = Scene(self.rows, NOW, self.size, self.law)
        made.enter(person, 0, None)
        return made

    def take(self, person: str, right: str, happen: Callable[[Any, Scene], Any], number: int | None = 0) -> None:
        """One step, in the order of an act; a refusal leaves everything as it was."""
        scene = self.scene(person)
        row = None if number is None else step.found(scene, number)
        assert scene.post is not None
        scene.must(right, row["division"] if row else scene.post.division)
        found = happen(row, scene)
        for fact in found if isinstance(found, tuple) else (found,):
            for change in fact.changes(Where(self.size, NOW, person, scene.post.unit)):
                self.fold(change)
            self.facts.append(fact)
            self.size += 1

    def fold(self, change: Any) -> None:
        table: dict[Any, dict[str, Any]] = {"request": self.rows.requests, "document": self.rows.documents}.get(
            change.table, {}
        )
        key = change.key[0]
        if isinstance(change, Put):
            table[key] = {"number": key, **change.values}
        elif isinstance(change, Amend):
            table[key] = table[key] | change.values | {"body": table[key]["body"] | change.values["body"]}

    def run(self, *steps: str, text: Text = TEXT, answer: Reply = REPLY, answers: tuple[Answer, ...] = YES,
            stored: frozenset[str] = frozenset((PAPER,)), who: dict[str, str] | None = None) -> Office:  # fmt: skip
        """Take these steps, each by its usual person unless `who` says otherwise."""
        ways: dict[str, tuple[str, str, Callable[[Any, Scene], Any]]] = {
            "draft": ("p-11", "request.draft", lambda row, scene: filing.drafted(text, scene)),
            "change": ("p-11", "request.draft", lambda row, scene: filing.changed(row, text, scene)),
            "sign": ("p-22", "request.sign", lambda row, scene: filing.signed(row, stored, scene)),
            "receive": (
                "p-44",
                "request.receive",
                lambda row, scene: reply.received(row, "1", date(2026, 11, 23), scene),
            ),
            "return": ("p-44", "request.return", lambda row, scene: reply.returned(row, (("/lines", "c"),), scene)),
            "propose": ("p-44", "request.propose", lambda row, scene: reply.proposed(row, answers, "c", scene)),
            "decide": (
                "p-55",
                "request.decide",
                lambda row, scene: reply.decided(row, answer, answers, "c", (), scene),
            ),
            "withdraw": ("p-22", "request.withdraw", lambda row, scene: filing.withdrawn(row, "c", scene)),
        }
        for name in steps:
            person, right, happen = ways[name]
            self.take((who or {}).get(name, person), right, happen, None if name == "draft" else 0)
        return self

    @property
    def row(self) -> dict[str, Any]:
        return self.rows.requests[0]


WAY = ("draft", "sign", "receive", "propose", "decide")


def faults(office: Office) -> list[str]:
    """What is wrong with a request that was granted; nothing, ever."""
    row, found = office.row, list[str]()
    if row["state"] not in ("approved", "partial"):
        return ["grant without decision"] if any(isinstance(each, GrantIssued) for each in office.facts) else []
    body, hands = row["body"], dict[str, set[str]]()
    for act, person in body["hands"]:
        hands.setdefault(step.SIDES[act], set()).add(office.rows.people[person].natural)
    sides = list(hands.values())
    if len(sides) != 4 or sum(map(len, sides)) != len(set().union(*sides)):
        found.append("hands")
    if not body["attachments"]:
        found.append("attachment")
    for number in (body["document"]["number"], body["decision"]["document"]["number"]):
        if office.rows.documents.get(number, {}).get("thing") != row["number"]:
            found.append("number")
    if body["document"]["number"] == body["decision"]["document"]["number"]:
        found.append("number")
    grants = [each for each in office.facts if isinstance(each, GrantIssued)]
    asked = {each["line"]: scope.of(each) for each in body["lines"]}
    if len(grants) != sum(each["outcome"] in reply.GRANTED for each in body["decision"]["lines"]):
        found.append("count")
    for each in grants:
        wide = scope.of({**LINE, "division": each.division, "cells": each.cells, "operations": each.operations,
                         "from": each.valid_from, "until": each.valid_until, "max_records": each.max_records})  # fmt: skip
        found += ["wider"] if misfits(asked[each.line or 0], wide, law().divisions) else []
    return found
