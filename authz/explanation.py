"""Explanation: why a verdict is what it is, in two voices, and what would have to be asked for.

`plain` is for the cadre: what is missing, what he may do already, who gives the rest, what to do next. `full` is for administrators
and auditors: rule, chain with its documents, every axis with what is held and what was asked, and the draft of a
request. The explanation is made from a verdict and never changes it. It names no term for the decision: there is none
(S30 sets working days for other steps only).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

from authz import edition, refusal, tenure
from authz import scope as scopes
from authz.asking import Verdict, ask
from authz.decision import Permit, Scene, Wish, held, within_cap
from authz.extent import extents
from authz.fact import instant
from authz.grant import Grant, chain, narrowed

SHANGHAI = timezone(timedelta(hours=8))
GROUNDS = {
    "base": "annual_update", "measures": "measures_supplement", "income": "quarterly_income",
    "risk_elimination": "risk_elimination", "remark_risk": "risk_remark",
    "rollback_elimination": "elimination_rollback", "delete": "duplicate_removal",
}  # fmt: skip
"""The ground suggested for an operation or a module; the clerk puts the right one."""
HOW = {"delegation": "转授", "written_request": "书面申请"}
REPLACED = (
    refusal.NoGrant, refusal.OutsideDivision, refusal.OutsideCell, refusal.OutsideOperation, refusal.OutsidePeriod,
    refusal.OutsideHouseholds, refusal.WrongYear, refusal.RecordLimit, refusal.Revoked,
)  # fmt: skip
"""The refusals that a new grant would lift; for the others something else must be put right first."""
MOST_TOLD = 2


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict told. `undetermined` (依据不足) is not a no (不允许): nothing on record speaks either way."""

    decision: bool
    undetermined: bool
    plain: str
    full: dict[str, Any]


def explain(verdict: Verdict, scene: Scene, wish: Wish, at: datetime) -> Explanation:
    """The explanation of the answer to a wish at an instant."""
    if isinstance(verdict.permit, Permit):
        return Explanation(
            True, False, _allowed(verdict.permit, scene, wish, at), _permitted(verdict.permit, scene, wish)
        )
    assert verdict.refused is not None
    full = _refused(verdict, scene, wish, at)
    return Explanation(False, verdict.undetermined, said(verdict, scene, wish, at), full)


def smallest(verdict: Verdict, scene: Scene, wish: Wish, at: datetime) -> dict[str, Any] | None:
    """The narrowest request line under which the wish would be permitted; null where no grant would lift the refusal.

    That place, that cell, that operation, that data year, until the end of the calendar year, and nothing besides.
    """
    words = scene.law.policy.catalogue
    if not isinstance(verdict.refused, REPLACED) or wish.cell not in words.cells:
        return None
    begin = max(at, scene.at)
    line = {
        "line": 1, "division": wish.division, "cells": [wish.cell], "operations": [wish.operation],
        "data_year": wish.data_year, "from": instant(begin), "until": _year_end(begin),
        "max_records": 1 if wish.household is not None else None,
    }  # fmt: skip
    return line if _lifts(line, verdict, scene, wish, at) else None


def _lifts(line: dict[str, Any], verdict: Verdict, scene: Scene, wish: Wish, at: datetime) -> bool:
    """Whether it is tried with success: the person, given exactly this through his county, asks again."""
    post, law = verdict.post, scene.law
    assert verdict.refused is not None
    if post is None or "duty" in verdict.refused.members or post.role not in law.policy.catalogue.delegable:
        return False
    known = law.divisions.known(post.division) and law.divisions.known(wish.division)
    county = law.divisions.county(wish.division) if known else None
    if county is None or not law.divisions.covers(county, post.division):
        return False
    made = Grant(
        number=0, origin="request", scope=replace(scopes.of(line), valid_from=at), holder_unit=post.unit,
        holder_person=None, role=post.role, request=None, line=1, window=None, parent=None, path=(0,), document=None,
        document_sha256=None, edition=law.divisions.edition, division_name="", issuer_unit="", issued_by=None,
        issued_at=at, revoked_at=None,
    )  # fmt: skip
    # Hands are left out: of the quarter they belong to, the wish says nothing.
    rows = replace(scene.rows, grants={0: made}, by_unit={post.unit: [made]}, used={}, seen=set(), hands={})
    return ask(replace(scene, rows=rows), post.person, wish, at, post.number).decision


def _year_end(at: datetime) -> str:
    local = at.astimezone(SHANGHAI)
    return instant(local.replace(year=local.year + 1, month=1, day=1, hour=0, minute=0, second=0, microsecond=0))


def draft(verdict: Verdict, scene: Scene, wish: Wish, at: datetime) -> dict[str, Any] | None:
    """What `POST /v1/requests` would have to say, without the document, which the clerk writes."""
    line = smallest(verdict, scene, wish, at)
    if line is None:
        return None
    ground = GROUNDS.get(wish.operation) or GROUNDS.get(wish.cell.partition(".")[2])
    return {"ground": {"code": ground, "text": ""}, "lines": [line], "attachments": []}


# --- names ----------------------------------------------------------------------------------------------------------
def _named(scene: Scene, wish: Wish) -> str:
    words, divisions = scene.law.policy.catalogue, scene.law.divisions
    place = divisions.get(wish.division).name if divisions.known(wish.division) else wish.division
    cell = words.cells[wish.cell].zh if wish.cell in words.cells else wish.cell
    deed = words.operations[wish.operation].zh if wish.operation in words.operations else wish.operation
    return f"{place}的{cell}{deed}"


def _unit(scene: Scene, id: str) -> str:
    """A unit by its name where the scene has read it, otherwise by its kind and place."""
    if id in scene.rows.units:
        return scene.rows.units[id].name
    _, code, kind = id.split("-", 2)
    kinds, divisions = scene.law.policy.catalogue.unit_kinds, scene.law.divisions
    place = divisions.get(code).name if divisions.known(code) else code
    return f"{place}{kinds[kind].zh if kind in kinds else kind}"


def units(verdict: Verdict, scene: Scene) -> frozenset[str]:
    """The units an explanation names: a scene that has read them names them as they are called."""
    members = {} if verdict.refused is None else verdict.refused.members
    named = {
        each[name] for each in members.get("who_can_grant") or () for name in ("unit", "applicant") if name in each
    }
    return frozenset(named | {link.holder_unit for link in scene.rows.grants.values()})


def rule_said(scene: Scene, grant: Grant, wish: Wish) -> str:
    """A policy row as a sentence."""
    words = scene.law.policy.catalogue
    role = words.roles[grant.role].zh if grant.role in words.roles else grant.role
    cell, deed = words.cells[wish.cell].zh, words.operations[wish.operation].zh
    return f"{role}可以在授权范围和有效期内办理{cell}的{deed}"


# --- voices ---------------------------------------------------------------------------------------------------------
def _allowed(permit: Permit, scene: Scene, wish: Wish, at: datetime) -> str:
    document = permit.chain[0].document
    source = f"（依据：{document}）" if document else ""
    return f"您{_when(scene, at)}可以办理{_named(scene, wish)}{source}。"


def _when(scene: Scene, at: datetime) -> str:
    """The word for an instant that is past; none for now."""
    return "当时" if at < scene.at else ""


def said(verdict: Verdict, scene: Scene, wish: Wish, at: datetime) -> str:
    """A refusal in plain words."""
    refused = verdict.refused
    assert refused is not None
    began = "依据不足" if verdict.undetermined else "不允许"
    reason = (refused.detail or refused.title).rstrip("。")
    told = f"{began}：{_named(scene, wish)}，{reason}。"
    if verdict.post is None:
        return f"{told}请联系本单位管理员核对您的岗位任命。"
    return f"{told}{_already(verdict, scene, at)}{_next(refused, scene)}"


def _already(verdict: Verdict, scene: Scene, at: datetime) -> str:
    """What he may do already, in short; the whole of it is told by `GET /v1/me`."""
    assert verdict.post is not None
    words, divisions = scene.law.policy.catalogue, scene.law.divisions
    found = []
    for each in islice(extents(verdict.post, replace(scene, at=at)), MOST_TOLD):
        cells = "、".join(words.cells[cell].zh for cell in each.cells)
        deeds = "、".join(words.operations[deed].zh for deed in each.operations)
        found.append(f"{divisions.get(each.division).name}的{cells}（{deeds}）")
    when = _when(scene, at)
    return f"您{when or '现在'}可以办理：{'；'.join(found)}。" if found else f"您{when or '目前'}没有可用的数据授权。"


def _next(refused: refusal.Refusal, scene: Scene) -> str:
    """Who gives what is missing, the nearest first, and how it is asked for."""
    givers = refused.members.get("who_can_grant") or ()
    if not isinstance(refused, REPLACED) or not givers:
        return ""
    near = givers[0]
    if near["how"] == "delegation":
        told = f"请联系{_giver(scene, near)}办理{HOW['delegation']}后再操作"
    else:
        told = f"请由县级乡村振兴机构向{_giver(scene, near)}提出{HOW['written_request']}"
    for each in givers[1:]:
        told += f"；上级未授权的，由{_unit(scene, each['applicant'])}向{_giver(scene, each)}提出{HOW[each['how']]}"
    return f"{told}，办理时限以本地设定为准。"


def _giver(scene: Scene, giver: Mapping[str, Any]) -> str:
    words = scene.law.policy.catalogue
    role = words.roles[giver["role"]].zh if giver.get("role") in words.roles else ""
    return f"{_unit(scene, giver['unit'])}{f'（{role}）' if role else ''}"


def _link(scene: Scene, grant: Grant, at: datetime) -> dict[str, Any]:
    return {
        "grant": grant.number, "holder": grant.holder_unit, "holder_name": _unit(scene, grant.holder_unit),
        "document": grant.document, "division": grant.scope.division, "division_name": grant.division_name,
        "state": tenure.state(grant, scene.rows.posts, at), "from": instant(grant.scope.valid_from), "until": instant(grant.scope.valid_until),
        "recorded": instant(grant.issued_at),
    }  # fmt: skip


def _permitted(permit: Permit, scene: Scene, wish: Wish) -> dict[str, Any]:
    return {
        "rule": permit.rule, "rule_said": rule_said(scene, permit.grant, wish), "policy": scene.law.policy.digest,
        "chain": [_link(scene, each, scene.at) for each in permit.chain], "until": instant(narrowed(permit.chain)),
    }  # fmt: skip


def axes(links: tuple[Grant, ...], scene: Scene, wish: Wish, at: datetime) -> list[dict[str, Any]]:
    """Every axis of a wish with what the whole chain holds and whether that is enough."""
    cells = frozenset.intersection(*(each.scope.cells for each in links))
    operations = frozenset.intersection(*(each.scope.operations for each in links))
    years = sorted({each.scope.data_year for each in links if each.scope.data_year is not None})
    begin, end = max(max(each.scope.valid_from, each.issued_at) for each in links), narrowed(links)
    lists = [each.scope.households for each in links if each.scope.households is not None]
    caps = [
        (scene.rows.used.get(each.number, 0), each.scope.max_records)
        for each in links
        if each.scope.max_records is not None
    ]
    tightest = min(caps, key=lambda each: each[1] - each[0], default=None)
    covered = all(edition.standing(each, wish.division, scene.law) == "covers" for each in links)
    away = any(tenure.vacant(each, scene.rows.posts, at) for each in links[:-1])
    told: tuple[tuple[str, Any, Any, bool], ...] = (
        ("division", links[-1].scope.division, wish.division, covered),
        ("cell", sorted(cells), wish.cell, wish.cell in cells),
        ("operation", sorted(operations), wish.operation, wish.operation in operations),
        ("data_year", years, wish.data_year, all(each == wish.data_year for each in years)),
        (
            "households",
            min(map(len, lists), default=None),
            wish.household,
            all(wish.household in each for each in lists),
        ),
        ("period", [instant(begin), instant(end)], instant(at), begin <= at < end),
        ("revoked", any(each.revoked(at) for each in links), False, not any(each.revoked(at) for each in links)),
        ("suspended", any(each.suspended(at) for each in links), False, not any(each.suspended(at) for each in links)),
        ("holder", not away, True, not away),
        (
            "max_records",
            None if tightest is None else [*tightest],
            1,
            within_cap(scene.rows, links, wish),
        ),
    )
    return [{"axis": axis, "held": has, "asked": asked, "fits": fits} for axis, has, asked, fits in told]


def _refused(verdict: Verdict, scene: Scene, wish: Wish, at: datetime) -> dict[str, Any]:
    refused = verdict.refused
    assert refused is not None
    number = refused.members.get("grant")
    mine = () if verdict.post is None else held(scene.rows, verdict.post)
    best = next((each for each in mine if each.number == number), None)
    links = chain(best, scene.rows.grants) if best else ()
    givers = [each | {"unit_name": _unit(scene, each["unit"])} for each in refused.members.get("who_can_grant") or ()]
    return {
        "code": refused.code, "missing": refused.members.get("missing"), "policy": scene.law.policy.digest,
        "chain": [_link(scene, each, at) for each in links], "axes": axes(links, scene, wish, at) if links else [],
        "who_can_grant": givers, "request": draft(verdict, scene, wish, at),
    }  # fmt: skip
