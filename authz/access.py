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

from datetime import datetime

from authz import asking, cast, edition, refusal
from authz.asking import Verdict, ask, ask_act
from authz.decision import Scene
from authz.division import Divisions
from authz.grant import Grant
from authz.question import Question
from authz.refusal import Refusal


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
    division = place(scene, question) or _formerly(scene, question)
    if question.action not in scene.law.policy.catalogue.operations:
        return _no(refusal.OutsideOperation(missing="operation"))
    if division is None:
        return _no(refusal.OutsideDivision(missing="division"))
    if question.token is None:
        return _no(refusal.WrongHousehold(missing="household"))
    return ask(scene, person, question.edit(division), at, post)


def _on_object(scene: Scene, question: Question, person: str, at: datetime, post: int | None) -> Verdict:
    words, division, act = scene.law.policy.catalogue, place(scene, question), named(question)
    if question.resource.kind not in words.objects or not act.startswith(f"{question.resource.kind}."):
        return _no(refusal.OutsideCell(missing="cell"))
    if not words.names_act(act):
        return _no(refusal.OutsideOperation(missing="operation"))
    if division is None or _elsewhere(scene.law.divisions, question, division):
        return _no(refusal.OutsideDivision(missing="division"))
    return ask_act(scene, person, act, division, at, post)


def documented_later(scene: Scene, question: Question, at: datetime) -> Grant | None:
    """The paper recorded since that on its face covers what was asked about `at`; it never makes the answer a permit."""
    division, person = place(scene, question), question.person
    if person is None or division is None or question.resource.kind not in scene.law.policy.catalogue.cells:
        return None
    found = asking.documented_later(scene, person, question.edit(division).wish, at)
    return None if found is None else scene.rows.grants[found]


def named(question: Question) -> str:
    """The act of the service in full: `decide` on a `request` is `request.decide`."""
    return question.action if "." in question.action else f"{question.resource.kind}.{question.action}"


def place(scene: Scene, question: Question) -> str | None:
    """The division of the resource: as said, else as on record; None if there is no such division."""
    divisions, resource = scene.law.divisions, question.resource
    said = resource.properties.get("division")
    if said is None and resource.kind in scene.law.policy.catalogue.cells:
        household = edition.settled(scene.rows.households.get(resource.id or ""), scene.law)
        said = household.division if household is not None else None
    elif said is None:
        said = resource.id
    return said if said is not None and divisions.known(said) else None


def _formerly(scene: Scene, question: Question) -> str | None:
    """An abolished place that was said: an edit there is told what became of it, and so is the question."""
    said = question.resource.properties.get("division")
    return said if said is not None and scene.law.lineage.known_once(said) else None


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
    """Refuse whoever asks about somebody else without `decision.ask` over the place, an abolished one included; a place
    that never was is his own."""
    if scene.person is not None and question.person == scene.person.id:
        return
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    scene.must("decision.ask", place(scene, question) or _formerly(scene, question) or scene.post.division)


def may_ask(scene: Scene, person: str | None, division: str | None) -> bool:
    """Whether the answer about this person at this place may be listed for whoever asks."""
    if scene.person is not None and person == scene.person.id:
        return True
    return scene.post is not None and scene.may("decision.ask", division or scene.post.division)
