"""The record of answers to questions: what of a question is on record, and nothing a stranger wrote.

A permit about reading shares its entry with the others of its request; every other answer has one of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authz.access import named, place
from authz.asking import Verdict
from authz.clash import READING
from authz.decision import Permit, Scene
from authz.division import Divisions
from authz.edit import RESPONSIBLE
from authz.fact import Fact, instant
from authz.question import Question

QUIET = frozenset({"query", "read"})
"""What is asked so often, and changes so little, that the permits of one request share an entry."""


class DecisionAsked(Fact):
    """A question was answered `permit` or `deny`. Of an answer about the past, `at` and `known` are the instant and the log
    position it was judged at, `policy` the rules of then; of one about now, both are null.

    `question` is the digest of all that was asked; parts nobody knows (a person, a division, a cell) are null.
    """

    authority = False
    answer: str
    person_id: str | None
    division: str | None
    household: str | None
    cell: str | None
    operation: str | None
    act_asked: str | None
    data_year: int | None
    grant: int | None
    chain: tuple[int, ...]
    rule: str | None
    code: str | None
    missing: str | None
    at: str | None
    known: int | None
    question: str
    policy: str

    @property
    def decision(self) -> str:  # type: ignore[override]
        return self.answer


class DeedAsked(DecisionAsked):
    """The same of a question that says more of the edit it is about: its quarter, its instant, the hands, the fields."""

    quarter: int | None
    occurred_at: str | None
    collected_by: str | None
    provided_by: str | None
    verified_by: str | None
    monitored_by: str | None
    fields_named: tuple[str, ...]


class QueriesPermitted(Fact):
    """Questions of one request about reading, all answered yes. Each item is [person, cell or act, household, division,
    data year, grant, policy row]; `households` are the tokens once more, `division` is the smallest that covers all."""

    decision = "permit"
    authority = False
    division: str | None
    households: tuple[str, ...]
    queries: tuple[tuple[str | None, ...], ...]
    policy: str


MOST_QUERIES = 300
"""Queries in one entry: more would not fit into its bytes."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an answer about the past was found on: what was on record at `known`, judged at `at` by the law `policy`."""

    at: datetime
    known: int
    policy: str


Answered = tuple[Question, Verdict, Grounds | None]


def facts(scene: Scene, answered: Iterable[Answered]) -> tuple[Fact, ...]:
    """What is recorded of these answers. An answer about the past names its own grounds, so that whoever asks again for
    the instant and the position on record is answered the same."""
    found: list[Fact] = []
    quiet: list[Answered] = []
    for each in answered:
        question, verdict, grounds = each
        verb = question.action.rpartition(".")[2]
        if verdict.decision and verb in QUIET and grounds is None:
            quiet.append(each)
        else:
            found.append(_asked(scene, question, verdict, grounds))
    for begin in range(0, len(quiet), MOST_QUERIES):
        found.append(_queries(scene, quiet[begin : begin + MOST_QUERIES]))
    return tuple(found)


def _asked(scene: Scene, question: Question, verdict: Verdict, grounds: Grounds | None) -> DecisionAsked:
    permit, refused = verdict.permit, verdict.refused
    chain = permit.chain if isinstance(permit, Permit) else ()
    more = stated(scene, question)
    return (DeedAsked if more else DecisionAsked)(
        answer="permit" if verdict.decision else "deny", **concerns(scene, question),
        grant=permit.grant.number if isinstance(permit, Permit) else None, chain=tuple(each.number for each in chain),
        rule=permit.rule if isinstance(permit, Permit) else permit, code=refused.code if refused else None,
        missing=str(refused.members["missing"]) if refused and refused.members.get("missing") else None,
        at=instant(grounds.at) if grounds else None, known=grounds.known if grounds else None,
        question=digest(scene, question), policy=grounds.policy if grounds else scene.law.policy.digest, **more,
    )  # fmt: skip


def _queries(scene: Scene, answered: list[Answered]) -> QueriesPermitted:
    rows: list[tuple[str | None, ...]] = []
    for question, verdict, _ in answered:
        told = concerns(scene, question)
        permit = verdict.permit
        grant = str(permit.grant.number) if isinstance(permit, Permit) else None
        rule = permit.rule if isinstance(permit, Permit) else permit
        year = None if told["data_year"] is None else str(told["data_year"])
        cell = told["cell"] or told["act_asked"]
        rows.append((told["person_id"], cell, told["household"], told["division"], year, grant, rule))
    tokens = dict.fromkeys(row[2] for row in rows if row[2] is not None)
    return QueriesPermitted(
        division=smallest(scene.law.divisions, {row[3] for row in rows if row[3] is not None}),
        households=tuple(tokens), queries=tuple(rows), policy=scene.law.policy.digest,
    )  # fmt: skip


def concerns(scene: Scene, question: Question) -> dict[str, Any]:
    """What a question is about, as far as it is on record: nothing a stranger wrote gets into the log."""
    words, resource = scene.law.policy.catalogue, question.resource
    person = question.person if question.person in scene.rows.people else None
    cell = resource.kind if resource.kind in words.cells else None
    token = question.token if cell else None
    act = named(question) if not cell and words.names_act(named(question)) else None
    return {
        "person_id": person, "division": place(scene, question), "household": token, "cell": cell,
        "operation": question.action if cell and question.action in words.operations else None, "act_asked": act,
        "data_year": question.data_year if cell else None,
    }  # fmt: skip


def stated(scene: Scene, question: Question) -> dict[str, Any]:
    """What it says beyond that of the edit it is about, as far as it is on record; empty if it says nothing."""
    words, said = scene.law.policy.catalogue, question.stated
    if not said or question.resource.kind not in words.cells:
        return {}
    named = {role: said.named.get(role) for role in RESPONSIBLE}
    known = words.cells[question.resource.kind].fields
    return {role: who if who in scene.rows.people else None for role, who in named.items()} | {
        "quarter": said.quarter, "occurred_at": instant(said.occurred_at) if said.occurred_at else None,
        "fields_named": tuple(each for each in dict.fromkeys(said.fields) if each in known),
    }  # fmt: skip


def assumed(scene: Scene, question: Question, verdict: Verdict) -> dict[str, str]:
    """What an answer takes for granted where the question leaves it open: no quarter is every quarter, as in an edit."""
    words, cell = scene.law.policy.catalogue, question.resource.kind
    if cell not in words.cells or question.action in READING:
        return {}
    open_ = {"quarter": question.stated.quarter, "data_year": question.data_year}
    found = {name: "any" for name, value in open_.items() if value is None}
    if verdict.post is not None and words.remits.bounds(verdict.post.role) and not question.stated.fields:
        found["fields"] = "own"
    return found


def digest(scene: Scene, question: Question) -> str:
    """The SHA-256 of what was asked, of what is on record alone: equal questions have equal digests."""
    at = instant(question.at) if question.at else None
    told = concerns(scene, question) | {"at": at, "known": question.known} | stated(scene, question)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def smallest(divisions: Divisions, codes: Iterable[str]) -> str | None:
    """The smallest division that covers all of these; None if there is none."""
    paths = [divisions.path(code) for code in codes]
    shared = list(_shared(paths))
    return shared[-1] if shared else None


def _shared(paths: list[tuple[str, ...]]) -> Iterator[str]:
    for step in zip(*paths, strict=False):
        if len(set(step)) != 1:
            return
        yield step[0]
