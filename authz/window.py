"""Unified windows: the region opens collection for every county of a division by one notice (S29).

    WindowOpened, then one GrantIssued per county      the window is named by its own entry, its grants by the next ones
    WindowClosed, then GrantRevoked for what still lives

Counties need no request under a window. It ends at `until` (exclusive) by itself, or earlier by a closure, at whose
instant everything handed on below its grants ends too. The real notice bore no number: title, date and issuer suffice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authz import document, refusal
from authz.decision import Scene
from authz.division import Divisions
from authz.fact import Amend, Change, Fact, Put, Where, instant, moment
from authz.grant import Grant, GrantIssued, GrantRevoked
from authz.scope import check

COUNTY_ROLE = "county_admin"


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
        first = where.number + 1
        body = {
            "cells": list(self.cells), "operations": list(self.operations), "data_year": self.data_year,
            "from": self.valid_from, "until": self.valid_until, "dated": self.dated, "document": self.document,
            "sha256": self.document_sha256, "grants": list(range(first, first + self.grants)),
            "opened_at": instant(where.at), "opened_by": where.person, "unit": where.unit, "closed_at": None,
        }  # fmt: skip
        return (Put("opening", (where.number,), {"division": self.division, "body": body}),)


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


def opened(wish: Opening, scene: Scene) -> tuple[Fact, ...]:
    """The window and its grants, one per county, in the hands of the county's administrators."""
    divisions = scene.law.divisions
    check(scene.law.policy.catalogue, wish.cells, wish.operations, wish.valid_from, wish.valid_until)
    number = document.parse(wish.number).text if wish.number else None
    holders = counties(wish.division, divisions)
    if not holders:
        raise refusal.Unacceptable("该区划内没有县（市、区），请重新选择开放范围", missing="division")
    assert scene.post is not None
    window = WindowOpened(
        division=wish.division, cells=wish.cells, operations=wish.operations, data_year=wish.data_year,
        valid_from=instant(wish.valid_from), valid_until=instant(wish.valid_until), title=wish.title,
        issuer=wish.issuer, dated=wish.dated, document=number, document_sha256=wish.sha256,
        edition=divisions.edition, grants=len(holders),
    )  # fmt: skip
    return (window, *(_grant(window, county, wish, scene) for county in holders))


def _grant(window: WindowOpened, county: str, wish: Opening, scene: Scene) -> GrantIssued:
    divisions = scene.law.divisions
    reach = county if divisions.covers(wish.division, county) else wish.division
    assert scene.post is not None
    return GrantIssued(
        origin="unified", division=reach, cells=window.cells, operations=window.operations, data_year=window.data_year,
        valid_from=window.valid_from, valid_until=window.valid_until, max_records=None, households=None,
        holder_unit=f"u-{county}-lead", holder_person=None, role=COUNTY_ROLE, request=None, line=None,
        window=scene.size, parent=None, path=(), document=window.document, document_sha256=window.document_sha256,
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
