"""Succession: what an abolished county leaves behind goes on where its people live now, until somebody changes it.

    narrowing, layer of the calendar   at the widest places that came from it and from nobody else
    request                            in the hands of its applicant; what it asks for is named anew before it is granted
    lead body                          the unit that was carried over, under the id it always had

A place into which several were merged is nobody's successor in this sense: what one county forbade holds for the
townships that came from it, and not for their new neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from authz import edition, refusal
from authz.confirmation import inherited
from authz.decision import Law, Scene

LEAD: Final = "-lead"


def places(code: str, law: Law) -> frozenset[str]:
    """Where an abolished place goes on: what came wholly from what it was in the last edition that had it."""
    named = law.lineage.names.get(code)
    return inherited(code, named[-1][0], law) if named else frozenset()


def former(codes: Iterable[str], law: Law) -> Mapping[str, tuple[str, ...]]:
    """For each place, the abolished ones among these codes whose own rules go on there."""
    found: dict[str, tuple[str, ...]] = {}
    for code in sorted({*codes} & law.lineage.seat.keys()):
        for place in places(code, law):
            found[place] = (*found.get(place, ()), code)
    return MappingProxyType(found)


def present(division: str, law: Law) -> str:
    """The code of a place of the past: that of its one successor, or its own."""
    return edition.heir(division, law) or division


def lead_of(county: str, scene: Scene) -> str:
    """The unit that is the lead body of a county: the one of its own code, or one that was carried over to it."""
    return next(
        (
            each
            for each in leads(county, scene.law)
            if (known := scene.rows.units.get(each)) and known.division == county
        ),
        f"u-{county}{LEAD}",
    )


def candidates(law: Law) -> frozenset[str]:
    """Every unit that may have been carried over to a county, and the county's own beside it."""
    counties = {heir for heir in law.lineage.sole.values() if len(heir) == len("640324")}
    return frozenset(each for county in counties for each in leads(county, law))


def leads(county: str, law: Law) -> tuple[str, ...]:
    """The units that may be the lead body of a county, its own first."""
    old = (code for code, heir in law.lineage.sole.items() if heir == county and len(code) == len(county))
    return tuple(f"u-{code}{LEAD}" for code in (county, *sorted(old)))


def must_stand(lines: Iterable[Mapping[str, Any]], granted: Iterable[int], law: Law) -> None:
    """Refuse to sign or grant a line for an abolished place: nobody asked for the place that took over, and he has to."""
    wanted = set(granted)
    for place, line in enumerate(lines):
        told = edition.closed(line["division"], law) if line["line"] in wanted else None
        if told is not None:
            raise refusal.Unacceptable(
                f"第 {line['line']} 项申请的区划已撤销：{told}。已报送的请先退回补正，由申请单位改用现行代码后重新签发",
                missing="division", pointers=[{"pointer": f"/lines/{place}/division", "message": told}],
            )  # fmt: skip
