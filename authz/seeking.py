"""Seeking: a search is the questions of all candidates, and its answer those that are answered yes.

What is sought is left open in the question (`wanted`), and `filled` closes it with one candidate. Only what whoever
asks may ask about is listed: about others, nothing without `decision.ask` over the place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from authz import access, answer, edition, refusal
from authz.decision import Scene, held
from authz.fact import Fact, instant
from authz.household import population
from authz.question import Question

SUBJECT, RESOURCE, ACTION = "subject", "resource", "action"


class AccessSearched(Fact):
    """Subjects, resources or actions were searched for, as known at `known`; only answers within `scope`, or about the
    asker himself, are listed. Recorded before anything is shown, once per page."""

    authority = False
    sought: str
    scope: str
    person_id: str | None
    division: str | None
    household: str | None
    cell: str | None
    operation: str | None
    act_asked: str | None
    data_year: int | None
    at: str
    known: int
    question: str
    policy: str


class DeedsSearched(AccessSearched):
    """The same of a search that says more of the edit it is about: its quarter, its instant, the hands, the fields."""

    quarter: int | None
    occurred_at: str | None
    collected_by: str | None
    provided_by: str | None
    verified_by: str | None
    monitored_by: str | None
    fields_named: tuple[str, ...]


def filled(question: Question, sought: str, candidate: str) -> Question:
    """The question about one candidate."""
    if sought == ACTION:
        return replace(question, action=candidate)
    if sought == SUBJECT:
        return replace(question, subject=replace(question.subject, id=candidate))
    return replace(question, resource=replace(question.resource, id=candidate))


def searched(scene: Scene, question: Question, sought: str, at: datetime, known: int) -> AccessSearched:
    """The fact that it was searched, or the refusal of whoever may not ask about that person or place at all."""
    if scene.post is None or scene.person is None:
        raise refusal.NotEmployed(missing="post")
    if sought == ACTION:
        access.must_ask(scene, question)
    elif sought == RESOURCE and question.person != scene.person.id:
        scene.must("decision.ask", scene.post.division)
    more = answer.stated(scene, question)
    return (DeedsSearched if more else AccessSearched)(
        sought=sought, scope=scene.post.division, **answer.concerns(scene, question), at=instant(at), known=known,
        question=answer.digest(scene, question), policy=scene.law.policy.digest, **more,
    )  # fmt: skip


def listed(
    asker: Scene, scene: Scene, question: Question, candidates: Iterable[str], sought: str, at: datetime
) -> list[str]:
    """The candidates that are answered yes, and that whoever asks may ask about."""
    found = []
    for candidate in candidates:
        one = filled(question, sought, candidate)
        if access.may_ask(asker, one.person, access.place(scene, one)) and access.judge(scene, one, at).decision:
            found.append(candidate)
    return found


def codes(asker: Scene, scene: Scene, question: Question) -> frozenset[str]:
    """The divisions where resources of this subject may lie that whoever asks may be told of: never too few."""
    divisions = scene.law.divisions
    mine = asker.person is not None and question.person == asker.person.id
    said = question.resource.properties.get("division")
    found = reach(scene, question)
    if said is not None:
        found &= {said}
    if not mine:
        seated = asker.post is not None and divisions.known(asker.post.division)
        found &= divisions.below(asker.post.division) if asker.post is not None and seated else frozenset()
    return found | _former(scene, question, found)


def _former(scene: Scene, question: Question, found: frozenset[str]) -> frozenset[str]:
    """The abolished codes under which a household of one of these places may stand in the register."""
    if question.resource.kind not in scene.law.policy.catalogue.cells:
        return frozenset()
    return frozenset(each for each in scene.law.lineage.seat if edition.heir(each, scene.law) in found)


def reach(scene: Scene, question: Question) -> frozenset[str]:
    """The divisions that any grant, or for the service's own objects any post, of the person reaches."""
    divisions, kind = scene.law.divisions, question.resource.kind
    posts = scene.rows.posts.get(question.person or "", ())
    if kind not in scene.law.policy.catalogue.cells:
        tops = {each.division for each in posts}
    else:
        grants = (grant for each in posts for grant in held(scene.rows, each))
        tops = {each.scope.division for each in grants if each.includes(question.action, kind)}
    return frozenset().union(*(divisions.below(each) for each in tops if divisions.known(each)))


def roles(scene: Scene, question: Question) -> frozenset[str]:
    """The roles that any policy row lets do this act of the service."""
    noun, _, verb = access.named(question).partition(".")
    return frozenset(role for role, act, object in scene.law.rule.clauses if (act, object) == (verb, noun))


def living(question: Question) -> str:
    """The population whose households are of this cell."""
    return population(question.resource.kind)


def members(scene: Scene, question: Question, sought: str) -> list[str]:
    """The candidates among the cast of a set without grants, in order."""
    kind = question.subject.kind if sought == SUBJECT else question.resource.kind
    cast = scene.law.policy.catalogue.cast.values()
    return sorted(each.id for each in cast if each.kind == kind and (each.holds is not None) == (sought == SUBJECT))
