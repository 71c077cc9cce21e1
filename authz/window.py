"""Unified windows: the region opens collection for every county of a division by one notice (S29).

    WindowOpened, then one GrantIssued per county      the window is named by its own entry, its grants by the next ones
    WindowRepeated, then the same                      a later quarter by the same notice, behind the first in one act
    WindowClosed, then GrantRevoked for what still lives

Counties need no request under a window. It ends at `until` (exclusive) by itself, or earlier by a closure, at whose
instant everything handed on below its grants ends too. The real notice bore no number: title, date and issuer suffice.
"""

from __future__ import annotations

import calendar as gregorian
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from authz import document, refusal, succession, term
from authz.decision import Scene
from authz.division import Divisions
from authz.fact import Amend, Change, Fact, Put, Where, instant, moment
from authz.grant import Grant, GrantIssued, GrantRevoked
from authz.scope import check, fits_window

COUNTY_ROLE = "county_admin"
MONTHS = 3
"""A quarter."""


class WindowOpened(Fact):
    """A unified authorization was opened. `title` and `issuer` are commitments; `grants` counts those that follow."""

    division: str
    cells: tuple[str, ...]
    operations: tuple[str, ...]
    data_year: int | None
    valid_from: str
    valid_until: str
    title: str
    issuer: str
    dated: str
    document: str | None
    document_sha256: str | None
    edition: str
    grants: int

    def changes(self, where: Where) -> tuple[Change, ...]:
        return _opening(self, where.number, where)


class WindowRepeated(Fact):
    """A later quarter of the window `subject` was opened by the same notice, whose words lie under that entry."""

    subject: int
    division: str
    cells: tuple[str, ...]
    operations: tuple[str, ...]
    data_year: int | None
    valid_from: str
    valid_until: str
    title: str
    issuer: str
    dated: str
    document: str | None
    document_sha256: str | None
    edition: str
    grants: int

    def changes(self, where: Where) -> tuple[Change, ...]:
        return _opening(self, self.subject, where)


def _opening(fact: WindowOpened | WindowRepeated, text: int, where: Where) -> tuple[Change, ...]:
    first = where.number + 1
    body = {
        "cells": list(fact.cells), "operations": list(fact.operations), "data_year": fact.data_year,
        "from": fact.valid_from, "until": fact.valid_until, "dated": fact.dated, "document": fact.document,
        "sha256": fact.document_sha256, "grants": list(range(first, first + fact.grants)), "text": text,
        "opened_at": instant(where.at), "opened_by": where.person, "unit": where.unit, "closed_at": None,
    }  # fmt: skip
    return (Put("opening", (where.number,), {"division": fact.division, "body": body}),)


class WindowClosed(Fact):
    """The window ended before its time, at the instant of this entry. `cut` lists every grant that ended with it."""

    subject: int
    division: str
    reason: str
    cut: tuple[int, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {"closed_at": instant(where.at), "closed_by": where.person, "closed": where.number}
        return (Amend("opening", (self.subject,), {"body": body}),)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a region wants to open. `title` and `issuer` are commitments."""

    division: str
    cells: tuple[str, ...]
    operations: tuple[str, ...]
    data_year: int | None
    valid_from: datetime
    valid_until: datetime
    title: str
    issuer: str
    dated: str
    number: str | None
    sha256: str | None


def counties(division: str, divisions: Divisions) -> tuple[str, ...]:
    """The counties inside a division, or the one it lies in."""
    inside = sorted(code for code in divisions.below(division) if divisions.get(code).level == "county")
    outer = divisions.county(division)
    return tuple(inside) if inside or outer is None else (outer,)


def opened(wish: Opening, scene: Scene, later: int = 0) -> tuple[Fact, ...]:
    """The window and its grants, one per county, in the hands of the county's administrators.

    The entry that names it comes `later` than the next one if it is a repetition of the window named by that.
    """
    divisions, words = scene.law.divisions, scene.law.policy.catalogue
    check(words, wish.cells, wish.operations, wish.valid_from, wish.valid_until)
    fits_window(words, wish.operations)
    term.must_fit(scene.law.policy, wish.valid_from, wish.valid_until, "/until")
    if wish.valid_until <= scene.at:
        past = "窗口的结束时间已经过去，请核对起止时间"
        raise refusal.EmptyInterval(past, pointers=[{"pointer": "/until", "message": past}])
    letter = document.parse(wish.number).text if wish.number else None
    holders = counties(wish.division, divisions)
    if not holders:
        raise refusal.Unacceptable("该区划内没有县（市、区），请重新选择开放范围", missing="division")
    told: dict[str, Any] = {
        "division": wish.division, "cells": wish.cells, "operations": wish.operations, "data_year": wish.data_year,
        "valid_from": instant(wish.valid_from), "valid_until": instant(wish.valid_until), "title": wish.title,
        "issuer": wish.issuer, "dated": wish.dated, "document": letter, "document_sha256": wish.sha256,
        "edition": divisions.edition, "grants": len(holders),
    }  # fmt: skip
    window = WindowRepeated(subject=scene.size, **told) if later else WindowOpened(**told)
    return (window, *(_grant(window, scene.size + later, county, wish, scene) for county in holders))


def repeated(wish: Opening, times: int, scene: Scene) -> tuple[Fact, ...]:
    """One window for each of `times` quarters by one notice (S19, S24), the first as it is wished. Each ends by itself,
    each has its own grants, and each is closed alone."""
    if quarters_on(wish.valid_from, 1) < wish.valid_until:
        told = "每季度重复的窗口，时长不得超过一个季度，请核对起止时间"
        raise refusal.Unacceptable(told, missing="until", pointers=[{"pointer": "/until", "message": told}])
    facts: list[Fact] = []
    for turn in range(times):
        facts += opened(shifted(wish, turn), scene, len(facts))
    return tuple(facts)


def shifted(wish: Opening, turn: int) -> Opening:
    """The window that many quarters on; the data year goes with the year in which it opens."""
    begin = quarters_on(wish.valid_from, turn)
    years = begin.astimezone(document.SHANGHAI).year - wish.valid_from.astimezone(document.SHANGHAI).year
    return replace(
        wish, valid_from=begin, valid_until=quarters_on(wish.valid_until, turn),
        data_year=None if wish.data_year is None else wish.data_year + years,
    )  # fmt: skip


def quarters_on(at: datetime, turn: int) -> datetime:
    """The same day and hour that many quarters on in China; a day the month has not is its last."""
    local = at.astimezone(document.SHANGHAI)
    years, month = divmod(local.month - 1 + MONTHS * turn, 12)
    year, month = local.year + years, month + 1
    last = gregorian.monthrange(year, month)[1]
    return local.replace(year=year, month=month, day=min(local.day, last)).astimezone(UTC)


def _grant(window: WindowOpened | WindowRepeated, number: int, county: str, wish: Opening, scene: Scene) -> GrantIssued:
    divisions = scene.law.divisions
    reach = county if divisions.covers(wish.division, county) else wish.division
    assert scene.post is not None
    return GrantIssued(
        origin="unified", division=reach, cells=window.cells, operations=window.operations, data_year=window.data_year,
        valid_from=window.valid_from, valid_until=window.valid_until, max_records=None, households=None,
        holder_unit=succession.lead_of(county, scene), holder_person=None, role=COUNTY_ROLE, request=None, line=None,
        window=number, parent=None, path=(), document=window.document, document_sha256=window.document_sha256,
        edition=window.edition, division_name=divisions.get(reach).name, issuer_unit=scene.post.unit, reason=None,
    )  # fmt: skip


def state(body: dict[str, Any], at: datetime) -> str:
    """`pending` `open` `closed`, of a window on record."""
    if body["closed_at"] is not None or at >= moment(body["until"]):
        return "closed"
    return "open" if at >= moment(body["from"]) else "pending"


def must_be_open(body: dict[str, Any], at: datetime) -> None:
    """Refuse to close a window twice, or after its end."""
    if state(body, at) == "closed":
        raise refusal.WrongState("窗口已经关闭，无须再次关闭", state="closed")


def closed(number: int, reason: str, scene: Scene) -> tuple[Fact, ...]:
    """The closure and the end of every grant of the window, with all that was handed on below."""
    row = scene.rows.openings[number]
    must_be_open(row["body"], scene.at)
    mine = [scene.rows.grants[each] for each in row["body"]["grants"]]
    living = [each for each in mine if not each.revoked(scene.at)]
    cuts = {each.number: _cut(each, scene) for each in living}
    ended = tuple(sorted({*cuts, *(lower for cut in cuts.values() for lower in cut)}))
    shut = WindowClosed(subject=number, division=row["division"], reason=reason, cut=ended)
    revoked = (
        GrantRevoked(grant=each.number, division=each.scope.division, reason=reason, cut=cuts[each.number])
        for each in living
    )
    return (shut, *revoked)


def _cut(grant: Grant, scene: Scene) -> tuple[int, ...]:
    """What ends below a grant: whatever could still have been used."""
    lower = scene.rows.below(grant.number)
    return tuple(each.number for each in lower if each.state(scene.at) not in ("revoked", "expired"))
