"""Recall: a refused data operation, judged again on what was on record when it was refused.

The record says why it was refused, and that stands: recalling explains the refusal, it never finds another one. Where
the authority alone would not have refused (the fields, the duties, a prior approval did), the recorded reason is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from authz import clash
from authz.asking import Verdict, ask
from authz.decision import Refused, Scene, Wish
from authz.refusal import Denied

ACT = "edit"


@dataclass(frozen=True, slots=True)
class Recalled:
    """A refusal with everything an explanation of it needs."""

    verdict: Verdict
    scene: Scene
    wish: Wish
    at: datetime


def asked(fact: Refused) -> Wish | None:
    """What was wished; null for a refusal of anything but a data operation."""
    if fact.act != ACT or fact.division is None or fact.cell is None or fact.operation is None:
        return None
    return Wish(fact.operation, fact.cell, fact.division, fact.data_year, fact.household)


def recall(fact: Refused, person: str, post: int | None, scene: Scene, at: datetime) -> Recalled | None:
    """The refusal judged again; `scene` is as known at its entry, and has read the person and the household."""
    wish, kind = asked(fact), kinds().get(fact.code)
    if wish is None or kind is None:
        return None
    scene.person, scene.post = scene.rows.people.get(person), scene.rows.post.get(-1 if post is None else post)
    if scene.post is None:
        return Recalled(Verdict(None, kind(missing=fact.missing), None), scene, wish, at)
    left, duties = clash.trimmed(scene, scene.post, at)
    found = ask(left, person, wish, at, scene.post.number)
    if found.refused is None or found.refused.code != fact.code:
        # `duty`: not for want of a grant, so none would lift it.
        found = Verdict(None, kind(missing=fact.missing, grant=fact.grant, duty=None), scene.post)
    elif duties and found.refused is not None:
        found.refused.members["duty"] = duties[0].code
    return Recalled(found, scene, wish, at)


def kinds() -> dict[str, type[Denied]]:
    """The refusals of authority by their codes."""
    return {each.code: each for each in _below(Denied)}


def _below(kind: type[Denied]) -> Iterator[type[Denied]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)
