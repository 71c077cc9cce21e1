"""The cast: the few subjects and resources that a policy set without grants declares itself, with their attributes.

Such a set exists to test other rules on this engine (`grants = false` in its catalogue; `serve` refuses it). It may
declare finite attributes of subject, action and resource; a question may then say their values, and where it says
none, the declared ones hold. A set with grants declares no attributes, so nothing a question says of a role is heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from authz import refusal
from authz.asking import Verdict
from authz.catalogue import Catalogue, Member
from authz.decision import Scene
from authz.division import Divisions


class Named(Protocol):
    """A subject or resource as a question names it."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str | None: ...
    @property
    def properties(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """What a declared subject holds: a role, everywhere and always."""

    role: str

    def includes(self, act: str, object: str) -> bool:
        return True

    def covers(self, division: str, divisions: Divisions) -> bool:
        return True

    def live(self, at: datetime) -> bool:
        return True


def judge(
    scene: Scene, subject: Named, action: str, traits: Mapping[str, Any], resource: Named, at: datetime
) -> Verdict:
    """The answer of a set without grants. Nobody and nothing beyond its cast is known to it."""
    words = scene.law.policy.catalogue
    who, what = (words.cast.get((each.kind, each.id or "")) for each in (subject, resource))
    if who is None or who.holds is None:
        return Verdict(None, refusal.NotEmployed(missing="person"), None)
    if what is None:
        return Verdict(None, refusal.OutsideCell(missing="cell"), None)
    said = attributes(
        words, subject=(who, subject.properties), action=(None, traits), resource=(what, resource.properties)
    )
    row = scene.law.rule.permits(Part(who.holds), action, resource.kind, "", at, scene.law.divisions, said)
    return Verdict(row, None if row else refusal.NoRole(missing="role"), None)


def attributes(words: Catalogue, **parties: tuple[Member | None, Mapping[str, Any]]) -> dict[str, str]:
    """The value of each declared attribute: as said, if it is one of its values; else as declared for the party."""
    found = {}
    for name, values in words.attributes.items():
        party, _, trait = name.partition(".")
        member, said = parties[party]
        value = written(said.get(trait))
        if value in values:
            found[name] = str(value)
        elif member is not None and trait in member.attributes:
            found[name] = member.attributes[trait]
    return found


def written(value: object) -> str | None:
    """A truth value or text as a policy writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None
