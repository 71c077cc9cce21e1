"""Whether a written request can be answered at all, as answers tell it: what the body it goes to is short of, and what has
to happen. Told with the signature, in the dossier while it is so, and in the staffing report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request

from api import pep
from audit import docket
from audit.roster import Roll
from authz import competence, register, step
from authz.decision import Scene
from authz.fact import moment
from authz.register import Reads
from authz.request import OPEN

Row = dict[str, Any]
NEXT: Final = "申请照常报送、报送日期照算，但人员到位前不能批复；请告知该单位，由系统管理员任命到位（POST /v1/posts），申请单位无需重报"


def reads(row: Row) -> Reads:
    """What is read to know who could answer a request."""
    body = row["body"]
    letter = body["document"]
    persons = {person for _, person in body["hands"]} | {letter["signatory"]}
    both = frozenset((letter["addressee"], body["unit"]))
    return Reads(persons=frozenset(persons), staff=both, units=frozenset((letter["addressee"],)))


def warnings(lacks: Iterable[str], unit: str, scene: Scene) -> list[dict[str, Any]]:
    """One warning for each thing that is missing, and who can mend it."""
    known = scene.rows.units.get(unit)
    name, division = (known.name, known.division) if known else (unit, unit.split("-")[1])
    mend = competence.appointing(division, scene)
    return [
        {
            "lack": each, "unit": unit, "name": name, "division": division,
            "text": f"{name}{competence.WORDS[each]}；{NEXT}", "who_can_mend": mend,
        }
        for each in lacks
    ]  # fmt: skip


def missing(request: Request, row: Row) -> list[dict[str, Any]]:
    """The warnings of a request that is not answered yet, as things stand now."""
    scene = pep.look(request, reads(row))
    if step.state(row, scene.law.policy, scene.at) not in OPEN:
        return []
    return warnings(competence.lacks(row, scene), row["body"]["document"]["addressee"], scene)


def unanswered(connection: Any, found: Roll, scene: Scene, at: datetime) -> list[dict[str, Any]]:
    """The regional lead bodies in a roll that could not answer at that instant, and the filed requests that wait for it."""
    told = []
    for unit in found.units:
        place = scene.law.divisions.get(unit.division) if scene.law.divisions.known(unit.division) else None
        if unit.kind != "lead" or place is None or place.level != "region":
            continue
        rows = docket.waiting(connection, unit.id)
        seen = register.fetch(connection, register.union(reads(each) for each in rows) | _of(unit.id), at)
        then = Scene(seen, at, scene.size, scene.law)
        lacks = competence.unanswering(unit.id, unit.division, found.posts.get(unit.id, ()), then)
        stuck = {row["number"]: short for row in rows if _begun(row, at) and (short := competence.lacks(row, then))}
        for each in {lack: None for short in (lacks, *stuck.values()) for lack in short}:
            (warning,) = warnings((each,), unit.id, then)
            told.append(warning | {"requests": [number for number, short in stuck.items() if each in short]})
    return told


def _of(unit: str) -> Reads:
    return Reads(staff=frozenset((unit,)), units=frozenset((unit,)))


def _begun(row: Mapping[str, Any], at: datetime) -> bool:
    return moment(row["body"]["filed_at"]) <= at
