"""Access: the questions of other systems (AuthZEN Authorization API 1.0), answered by the same law as every act.

    subject   a person
    action    an operation, on a cell; or an act of the service (`request.decide`), on one of its own objects
    resource  a cell, `id` the household; or an object of the service, `id` the thing or the division it lies in
    context   the instant asked about, and the log position as known at which

Nothing that a question says of its parties is believed: where a household lives is on record, which role a person has
is on record. A policy set without grants says itself whom and what it knows (`authz/cast.py`), for tests.

Anyone may ask about himself. A question about somebody else is an act of its own, `decision.ask`, over the place.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authz import cast, refusal
from authz.asking import Verdict, ask, ask_act
from authz.decision import Permit, Scene, Wish
from authz.division import Divisions
from authz.fact import Fact, instant
from authz.refusal import Refusal
from authz.rows import Reads

PERSON = "person"
_PERSON = re.compile(r"p-[0-9]{1,12}")
_TOKEN = re.compile(r"h-[A-Za-z0-9_-]{1,40}")
QUIET = frozenset({"query", "read"})
"""What is asked so often, and changes so little, that the permits of one request share an entry."""


@dataclass(frozen=True, slots=True)
class Party:
    """A subject or a resource as a question names it. `id` is None where it is searched for."""

    kind: str
    id: str | None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """May this subject do this to this resource? `at` null means now, `known` null means as known now."""

    subject: Party
    action: str
    resource: Party
    traits: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    known: int | None = None

    @property
    def past(self) -> bool:
        """Whether it asks about another instant, or another state of the record, than now."""
        return self.at is not None or self.known is not None

    @property
    def person(self) -> str | None:
        return self.subject.id if self.subject.kind == PERSON else None

    @property
    def data_year(self) -> int | None:
        year: int | None = self.resource.properties.get("data_year")
        return year

    def reads(self) -> Reads:
        """The register keys its answer hangs on."""
        person, token = self.person or "", self.resource.id or ""
        return Reads(
            persons=frozenset((person,) if _PERSON.fullmatch(person) else ()),
            households=frozenset((token,) if _TOKEN.fullmatch(token) else ()),
        )


# --- the answer -----------------------------------------------------------------------------------------------------
def judge(scene: Scene, question: Question, at: datetime, post: int | None = None) -> Verdict:
    """The answer, of the best of the person's posts or of the one. What nobody knows is answered no, not refused."""
    words = scene.law.policy.catalogue
    if not words.grants:
        return cast.judge(scene, question.subject, question.action, question.traits, question.resource, at)
    person = question.person
    if person is None or person not in scene.rows.people:
        return _no(refusal.NotEmployed(missing="person"))
    if question.resource.kind in words.cells:
        return _on_cell(scene, question, person, at, post)
    return _on_object(scene, question, person, at, post)


def _on_cell(scene: Scene, question: Question, person: str, at: datetime, post: int | None) -> Verdict:
    division, token = place(scene, question), question.resource.id
    if question.action not in scene.law.policy.catalogue.operations:
        return _no(refusal.OutsideOperation(missing="operation"))
    if division is None:
        return _no(refusal.OutsideDivision(missing="division"))
    if token is None or not _TOKEN.fullmatch(token):
        return _no(refusal.WrongHousehold(missing="household"))
    return ask(
        scene, person, Wish(question.action, question.resource.kind, division, question.data_year, token), at, post
    )


def _on_object(scene: Scene, question: Question, person: str, at: datetime, post: int | None) -> Verdict:
    words, division, act = scene.law.policy.catalogue, place(scene, question), named(question)
    if question.resource.kind not in words.objects or not act.startswith(f"{question.resource.kind}."):
        return _no(refusal.OutsideCell(missing="cell"))
    if not words.names_act(act):
        return _no(refusal.OutsideOperation(missing="operation"))
    if division is None or _elsewhere(scene.law.divisions, question, division):
        return _no(refusal.OutsideDivision(missing="division"))
    return ask_act(scene, person, act, division, at, post)


def named(question: Question) -> str:
    """The act of the service in full: `decide` on a `request` is `request.decide`."""
    return question.action if "." in question.action else f"{question.resource.kind}.{question.action}"


def place(scene: Scene, question: Question) -> str | None:
    """The division of the resource: as said, else as on record; None if there is no such division."""
    divisions, resource = scene.law.divisions, question.resource
    said = resource.properties.get("division")
    if said is None and resource.kind in scene.law.policy.catalogue.cells:
        household = scene.rows.households.get(resource.id or "")
        said = household.division if household is not None else None
    elif said is None:
        said = resource.id
    return said if said is not None and divisions.known(said) else None


def _elsewhere(divisions: Divisions, question: Question, division: str) -> bool:
    """Whether the resource is itself a division, and another one than the one that was said."""
    itself = question.resource.id
    return itself is not None and divisions.known(itself) and itself != division


def _no(refused: Refusal) -> Verdict:
    return Verdict(None, refused, None)


def actions(scene: Scene, kind: str) -> tuple[str, ...]:
    """Every action there is on a type of resource, in the order of the catalogue."""
    words = scene.law.policy.catalogue
    if kind in words.cells:
        return tuple(name for name in words.operations if words.possible(name, kind))
    acts = words.acts.get(kind, {})
    return tuple(f"{kind}.{verb}" if words.grants else verb for verb in acts)


# --- who may ask ----------------------------------------------------------------------------------------------------
def must_ask(scene: Scene, question: Question) -> None:
    """Refuse whoever asks about somebody else without `decision.ask` over the place; an unknown place is his own."""
    if scene.person is not None and question.person == scene.person.id:
        return
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    scene.must("decision.ask", place(scene, question) or scene.post.division)


def may_ask(scene: Scene, person: str | None, division: str | None) -> bool:
    """Whether the answer about this person at this place may be listed for whoever asks."""
    if scene.person is not None and person == scene.person.id:
        return True
    return scene.post is not None and scene.may("decision.ask", division or scene.post.division)


# --- what is recorded -----------------------------------------------------------------------------------------------
class DecisionAsked(Fact):
    """A question was answered `permit` or `deny`. `at` and `known` are the instant and the log position asked about.

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
Answered = tuple[Question, Verdict]


def facts(scene: Scene, answered: Iterable[Answered], known: int) -> tuple[Fact, ...]:
    """What is recorded of these answers; `known` is the position at which a question about the past was read."""
    found: list[Fact] = []
    quiet: list[Answered] = []
    for question, verdict in answered:
        verb = question.action.rpartition(".")[2]
        if verdict.decision and verb in QUIET and not question.past:
            quiet.append((question, verdict))
        else:
            found.append(_asked(scene, question, verdict, known if question.past else None))
    for begin in range(0, len(quiet), MOST_QUERIES):
        found.append(_queries(scene, quiet[begin : begin + MOST_QUERIES]))
    return tuple(found)


def _asked(scene: Scene, question: Question, verdict: Verdict, known: int | None) -> DecisionAsked:
    permit, refused = verdict.permit, verdict.refused
    chain = permit.chain if isinstance(permit, Permit) else ()
    return DecisionAsked(
        answer="permit" if verdict.decision else "deny", **concerns(scene, question),
        grant=permit.grant.number if isinstance(permit, Permit) else None, chain=tuple(each.number for each in chain),
        rule=permit.rule if isinstance(permit, Permit) else permit, code=refused.code if refused else None,
        missing=str(refused.members["missing"]) if refused and refused.members.get("missing") else None,
        at=instant(question.at) if question.at else None, known=known if question.known is None else question.known,
        question=digest(scene, question), policy=scene.law.policy.digest,
    )  # fmt: skip


def _queries(scene: Scene, answered: list[Answered]) -> QueriesPermitted:
    rows: list[tuple[str | None, ...]] = []
    for question, verdict in answered:
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
    token = resource.id if cell and resource.id and _TOKEN.fullmatch(resource.id) else None
    act = named(question) if not cell and words.names_act(named(question)) else None
    return {
        "person_id": person, "division": place(scene, question), "household": token, "cell": cell,
        "operation": question.action if cell and question.action in words.operations else None, "act_asked": act,
        "data_year": question.data_year if cell else None,
    }  # fmt: skip


def digest(scene: Scene, question: Question) -> str:
    """The SHA-256 of what was asked, of what is on record alone: equal questions have equal digests."""
    at = instant(question.at) if question.at else None
    told = concerns(scene, question) | {"at": at, "known": question.known}
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
