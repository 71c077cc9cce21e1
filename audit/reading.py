"""Readings: who looked at the log, what he asked for, and how far the log reached when he was answered.

A reading is recorded before anything is shown, one entry per request or stream, and the answer is taken from before
that entry. `asked` holds the filters as [name, value], codes and numbers only; a text that was searched for lies in the
vault, and `text` is its commitment. Nothing outside `scope`, the division of the reader's post, is ever shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from authz import refusal
from authz.decision import Scene
from authz.fact import Fact

FORMS = ("page", "entry", "evidence", "csv", "ndjson", "xlsx", "responsibility", "tile")


class LogRead(Fact):
    """Entries below `size` were read in one of the forms; `division` is what was asked for, `scope` what may be seen."""

    authority = False
    form: str
    scope: str
    division: str
    household: str | None
    subject: int | None
    asked: tuple[tuple[str, ...], ...]
    text: str | None
    size: int


class ExportCut(Fact):
    """A file was not written to its end, because the reader lost the right meanwhile; `subject` is the entry of the
    reading, `given` how many entries were handed to him before."""

    authority = False
    subject: int
    division: str
    given: int


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for. `division` null means all that the reader's post reaches; `subject` is one entry's number."""

    form: str
    division: str | None = None
    household: str | None = None
    subject: int | None = None
    filters: Mapping[str, str | int | None] | None = None
    text: str | None = None


def read(question: Question, scene: Scene) -> LogRead:
    """The fact that the log is read, or the refusal of whoever may not read it there."""
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    place = question.division
    if place is None or not scene.law.divisions.known(place):
        place = scene.post.division
    scene.must("log.read", place)
    if question.division is not None and not scene.law.lineage.known_once(question.division):
        scene.law.divisions.get(question.division)
    asked = tuple((name, str(value)) for name, value in sorted((question.filters or {}).items()) if value is not None)
    return LogRead(
        form=question.form, scope=scene.post.division, division=place, household=question.household,
        subject=question.subject, asked=asked, text=question.text, size=scene.size,
    )  # fmt: skip
