"""Renewal (延期): a line of a new request cites the grant it prolongs, and asks for nothing but more time (S31, S34).

what   a grant that the region issued to the county's own lead body on a request; anything else that is named, absent,
       foreign, handed on or unified, is told alike
axes   division, cells, operations, record cap and households lie within the grant as it stands; the data year is the
       grant's own or a later one
time   the line ends after the grant and begins at its end or before: nobody asks for a gap. A grant that has lapsed may
       be cited for `renewal_grace_days` after its end (counted to the first filing), and the line then begins at once
state  a revoked grant is not prolonged; a suspended one may be
once   in one line of one request that still awaits its answer; and, once granted, not again: then the newer grant is
       cited. What was rejected, withdrawn or revoked since does not count. Two may await their answer all the same, where
       one was taken for dead of age and no age counts any more: then the first that is granted is the one

Nothing of the old grant changes: it ends when it ends, and the new one stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from authz import refusal, scope, step, succession, term
from authz.citation import Citing
from authz.decision import Scene
from authz.document import SHANGHAI
from authz.extent import notice_days
from authz.fact import instant, moment
from authz.grant import Grant, Misfit, Scope, misfits
from authz.register import Reads
from authz.request import OPEN, Line

GRACE: Final = "renewal_grace_days"
_GRACE_DAYS: Final = 90
"""Where the policy on record is older than the setting (local)."""
AXES: Final = {
    "division": "行政区划", "cells": "数据类别", "operations": "操作", "data_year": "数据年度", "max_records": "户数上限",
    "households": "农户名单",
}  # fmt: skip


# --- what is cited --------------------------------------------------------------------------------------------------
def cited(lines: Iterable[Mapping[str, Any]]) -> frozenset[int]:
    """The grants that these lines renew."""
    return frozenset(each["renews"] for each in lines if each.get("renews") is not None)


def reads(lines: Iterable[Mapping[str, Any]]) -> Reads:
    """What judging these lines looks at."""
    found = cited(lines)
    return Reads(grants=found, renewals=found)


def source(grant: Grant, request: Mapping[str, Any] | None) -> int | None:
    """The grant that this one renews, by the line of the request it was issued on; what was handed on renews nothing."""
    if request is None or grant.parent is not None:
        return None
    return next((each.get("renews") for each in request["lines"] if each["line"] == grant.line), None)


def renewed(found: Iterable[Citing], at: datetime) -> Citing | None:
    """The line by which a grant was renewed, if that was not taken back."""
    return next((e for e in found if e.grant is not None and not (e.revoked_at and e.revoked_at <= at)), None)


def pending(found: Iterable[Citing], scene: Scene) -> Citing | None:
    """The line by which a renewal is asked for and not yet answered."""
    return next((each for each in found if _state(each, scene) in OPEN), None)


def _state(each: Citing, scene: Scene) -> str:
    row = {"state": each.state, "body": {"filed_at": each.filed_at}}
    return step.state(row, scene.law.policy, scene.at)


def renewable(grant: Grant | None, unit: str) -> bool:
    """Whether this is a grant that a unit may have prolonged at all."""
    return grant is not None and grant.origin == "request" and grant.parent is None and grant.holder_unit == unit


# --- the rule -------------------------------------------------------------------------------------------------------
def must_renew(lines: Sequence[Line], unit: str, row: Mapping[str, Any] | None, scene: Scene) -> None:
    """Refuse lines that cite what they may not. `row` is the request they stand in, None before it is drafted."""
    places = {place: line["renews"] for place, line in enumerate(lines) if line.get("renews") is not None}
    for place, number in places.items():
        if not renewable(scene.rows.grants.get(number), unit):
            told = "没有这项授权，或者它不是自治区按书面申请批给本单位的授权，请核对授权编号"
            raise refusal.Misshapen(pointers=[_at(place, "renews", told)])
    if len({*places.values()}) < len(places):
        raise refusal.Unacceptable(
            "同一项授权只能由一项申请延期，请合并", pointers=[_at(max(places), "renews", "重复引用")]
        )
    mine = None if row is None else row["number"]
    filed = None if row is None else row["body"].get("filed_at")
    for place, number in places.items():
        _must_be_first(number, mine, scene)
        _must_last(scene.rows.grants[number], moment(filed) if filed else scene.at, place, scene)
        _must_prolong(scene.rows.grants[number], scope.of(lines[place]), place, scene)
    _must_fit([(lines[place], scope.of(lines[place])) for place in places], scene)


def must_stand(granted: Sequence[tuple[Line, Scope]], scene: Scene) -> None:
    """Refuse to grant a renewal of what was revoked, narrowed or renewed since it was asked for."""
    renewals = [(line, reach) for line, reach in granted if line.get("renews") is not None]
    for line, _ in renewals:
        held = scene.rows.grants.get(line["renews"])
        if held is None:
            raise refusal.Stale()
        if held.revoked(scene.at):
            told = f"第 {line['line']} 项所延期的授权 {held.number} 已被收回，该项不能批准，请不予同意或退回"
            raise refusal.Unacceptable(told, missing="renews")
        if (done := renewed(scene.rows.renewals.get(held.number, ()), scene.at)) is not None:
            told = f"第 {line['line']} 项所延期的授权 {held.number} 已由授权 {done.grant} 延期，该项不能批准，请不予同意或退回"
            raise refusal.AlreadyRegistered(told)
    _must_fit(renewals, scene)


def _must_be_first(number: int, mine: int | None, scene: Scene) -> None:
    found = [each for each in scene.rows.renewals.get(number, ()) if each.request != mine]
    if (other := pending(found, scene)) is not None:
        raise refusal.AlreadyRegistered(
            f"授权 {number} 的延期申请（事项 {other.request}）尚未办结，不能重复申请；需要更正的，请修改或撤回该申请"
        )
    if (done := renewed(found, scene.at)) is not None:
        raise refusal.AlreadyRegistered(f"授权 {number} 已由授权 {done.grant} 延期，请引用授权 {done.grant} 申请延期")


def _must_last(held: Grant, at: datetime, place: int, scene: Scene) -> None:
    """Refuse to prolong what was revoked, or has lapsed for too long at the instant of filing."""
    told = None
    if held.revoked(scene.at):
        told = f"授权 {held.number} 已被收回，不能延期，请另行提出新的申请"
    elif at >= held.scope.valid_until + timedelta(days=grace(scene)):
        told = f"授权 {held.number} 到期已超过可以延期的天数（{grace(scene)} 天），请另行提出新的申请"
    if told is not None:
        raise refusal.Unacceptable(told, missing="renews", pointers=[_at(place, "renews", told)])


def _must_prolong(held: Grant, asked: Scope, place: int, scene: Scene) -> None:
    end = held.scope.valid_until
    if asked.valid_until <= end:
        told = "延期后的结束时间应晚于原授权的结束时间"
        raise refusal.Unacceptable(told, missing="until", pointers=[_at(place, "until", told)])
    if asked.valid_from > max(end, scene.at):
        told = "延期应从原授权到期时或之前开始，中间不能间断；需要间断的，请不引用原授权，另行申请"
        raise refusal.Unacceptable(told, missing="from", pointers=[_at(place, "from", told)])


def _must_fit(renewals: Iterable[tuple[Line, Scope]], scene: Scene) -> None:
    found = [
        {"line": line["line"], **each.plain()}
        for line, asked in renewals
        for each in outgrown(scene.rows.grants[line["renews"]].scope, asked, scene)
    ]
    if found:
        names = "、".join(dict.fromkeys(AXES[each["axis"]] for each in found))
        told = f"延期只延长时间，其余各项不得超出原授权，请更正：{names}；需要扩大范围的，请不引用原授权，另行申请"
        raise refusal.WiderThanHeld(told, missing=found[0]["axis"], misfits=found)


def outgrown(held: Scope, asked: Scope, scene: Scene) -> tuple[Misfit, ...]:
    """Every axis but time on which a line leaves the grant it renews; a later data year is time."""
    later = held.data_year is not None and asked.data_year is not None and asked.data_year > held.data_year
    within = replace(
        held, division=succession.present(held.division, scene.law), valid_from=asked.valid_from, valid_until=asked.valid_until,
        data_year=asked.data_year if later else held.data_year,
    )  # fmt: skip
    return misfits(within, asked, scene.law.divisions)


def grace(scene: Scene) -> int:
    """For how many days after its end a grant may still be cited."""
    setting = scene.law.policy.handling.get(GRACE)
    return _GRACE_DAYS if setting is None else setting.value


def _at(place: int, name: str, message: str) -> dict[str, str]:
    return {"pointer": f"/lines/{place}/{name}", "message": message}


# --- notice before lapse --------------------------------------------------------------------------------------------
def lapsing(grant: Grant, found: Iterable[Citing], scene: Scene) -> bool:
    """Whether a grant the region issued on a request ends within the days of notice and nothing follows it yet."""
    if grant.origin != "request" or grant.parent is not None or grant.revoked(scene.at):
        return False
    first, last = noticed(scene)
    return first < grant.scope.valid_until <= last and renewed(found, scene.at) is None


def noticed(scene: Scene) -> tuple[datetime, datetime]:
    """The days of notice: what ends after the first of these instants, and no later than the second, ends soon."""
    return scene.at, scene.at + timedelta(days=notice_days(scene))


def due(grant: Grant, scene: Scene) -> bool:
    """Whether it is time to renew: it ends within the days of notice, or has ended and may still be cited."""
    end = grant.scope.valid_until
    first, last = end - timedelta(days=notice_days(scene)), end + timedelta(days=grace(scene))
    return not grant.revoked(scene.at) and first <= scene.at < last


def prefilled(grant: Grant, scene: Scene) -> Line:
    """The line that asks for the same again: for the data year in which the grant ends (or, lapsed, for this one), to the
    end of that year. It begins now, so that what was handed on can be handed on again before the old grant ends; where
    that would be too long a term, it begins at that end."""
    held = grant.scope
    last = max(held.valid_until, scene.at)
    local = last.astimezone(SHANGHAI)
    until = local.replace(year=local.year + 1, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    begin, most = scene.at, term.longest(scene.law.policy)
    if most is not None and until - begin > most * term.DAY:
        begin, until = last, min(until, last + most * term.DAY)
    return {
        "line": 1, "division": succession.present(held.division, scene.law), "cells": sorted(held.cells), "operations": sorted(held.operations),
        "data_year": max(held.data_year or local.year, local.year),
        "from": instant(begin), "until": instant(until), "max_records": held.max_records, "renews": grant.number,
    }  # fmt: skip
