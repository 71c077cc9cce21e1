"""The law in force, as one value: what every decision of one moment goes by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from authz.calendar import Calendar
from authz.division import Divisions
from authz.lineage import Lineage
from authz.narrowing import Narrowing
from authz.pdp import Holding, Rule
from authz.policy import PolicySet


@dataclass(frozen=True, slots=True)
class Law:
    """What is in force: the policy set, its compiled rule, the divisions with their past, and the working days."""

    policy: PolicySet
    rule: Rule
    divisions: Divisions
    lineage: Lineage
    calendar: Calendar
    narrowings: Mapping[str, Narrowing] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    """The digest of each part: `policy`, `edition`, `calendar`."""
    former: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For a place, the abolished ones whose own rules go on there (`authz/succession.py`)."""

    def named(self, division: str) -> Iterator[str]:
        """The codes whose rules hold at a place, the outermost first."""
        for code in self.divisions.path(division):
            yield from (*self.former.get(code, ()), code)

    def permits(self, holding: Holding, act: str, object: str, division: str, at: datetime) -> str | None:
        """The policy row that lets this holding do it there, or None: the regional rules, less what a county forbids."""
        row = self.rule.permits(holding, act, object, division, at, self.divisions)
        if row is None or not self.narrowings or not self.divisions.known(division):
            return row
        asked = (holding.role, act, object)
        found = (self.narrowings.get(code) for code in self.named(division))
        return None if any(each is not None and asked in each.forbids for each in found) else row
