"""The gazette: a new edition of the divisions is filed by one person and put in force by another, on record.

    filed -> confirmed          in force from that entry on, for every decision after it
         |-> refused
         `-> withdrawn

Only one edition lies filed at a time, and it is worked out from the one in force, so that what was approved is what
happens. Nothing is written about grants, posts or households: `authz/edition.py` says how each stands to the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from authz import document, lineage, refusal
from authz.decision import Scene
from authz.division import Divisions
from authz.fact import Amend, Change, Fact, Put, Where

AHEAD: Final = "edition_ahead_days"
MOST_LISTED: Final = 1_000
"""Grants that the entry lists one by one; the whole list is asked for."""


class EditionFiled(Fact):
    """A new edition of the divisions was handed in, worked out from `base`; `sha256` names its files.

    `counts` says how many changes of each kind; `touched` how many living grants reach a changed place, of which
    `grants` are the first; `units`, `posts`, `households` how many are at places that end. `title` and `issuer` of the
    document it follows are commitments.
    """

    division: str
    edition: str
    sha256: str
    base: str
    base_sha256: str
    count: int
    counts: dict[str, int]
    title: str
    issuer: str
    dated: str
    document: str | None
    document_sha256: str | None
    touched: int
    grants: tuple[int, ...]
    units: int
    posts: int
    households: int

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {
            "edition": self.edition, "sha256": self.sha256, "base": self.base, "base_sha256": self.base_sha256,
            "count": self.count, "counts": self.counts, "dated": self.dated, "document": self.document,
            "document_sha256": self.document_sha256, "filed_by": where.person,
        }  # fmt: skip
        row = {"state": "filed", "division": self.division, "body": body}
        return (Put("edition", (where.number,), row, first=True),)


class EditionConfirmed(Fact):
    """From this entry on the divisions of this edition hold, in place of `base`; `count` is how many there are."""

    subject: int
    division: str
    edition: str
    sha256: str
    base: str
    count: int

    def changes(self, where: Where) -> tuple[Change, ...]:
        value = {"value": named(self.edition, self.sha256)}
        return Put("charter", ("edition",), value), _settled(self.subject, "confirmed", where)


class EditionRefused(Fact):
    """The edition does not come into force. `reason` is a commitment."""

    subject: int
    division: str
    edition: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (_settled(self.subject, "refused", where),)


class EditionWithdrawn(Fact):
    """The edition was taken back by those who may file one. `reason` is a commitment."""

    subject: int
    division: str
    edition: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (_settled(self.subject, "withdrawn", where),)


def named(edition: str, sha256: str) -> str:
    """An edition as the charter names it."""
    return f"{edition} {sha256}"


def _settled(edition: int, state: str, where: Where) -> Amend:
    return Amend("edition", (edition,), {"state": state, "body": {"settled_by": where.person, "settled": where.number}})


@dataclass(frozen=True, slots=True)
class Touched:
    """What an edition reaches, as it was on record when it was asked: living grants, and what is at places that end.

    `waiting` are those of the grants that wait for their confirmation; the others lose a place and need none.
    """

    grants: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()
    units: tuple[str, ...] = ()
    posts: tuple[int, ...] = ()
    households: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """The places an edition reaches. A grant at one of `waiting` waits, at one of `losing` it covers less than before;
    `ended` are the codes that are no more."""

    waiting: frozenset[str]
    losing: frozenset[str]
    ended: frozenset[str]


def reached(old: Divisions, new: Divisions) -> Reached:
    """The places that the change from one edition to the other reaches. A name that is only written in another way
    reaches nobody: what was given there goes on, and nothing is confirmed."""
    ended = frozenset(row.code for row in old if not new.known(row.code))
    moved = frozenset(row.code for row in new if old.known(row.code) and old.get(row.code).parent != row.parent)
    waiting = {outer for row in new if row.since == new.edition for outer in new.path(row.code)}
    losing = {outer for code in ended | moved for outer in old.path(code)}
    # What was given inside a place that moved came from those above it, who reach it no more.
    inside = {inner for code in moved for inner in new.below(code)}
    return Reached(ended | waiting, frozenset(losing | inside) - ended - waiting, ended)


@dataclass(frozen=True, slots=True)
class Source:
    """The document an edition follows. `title` and `issuer` are commitments."""

    title: str
    issuer: str
    dated: str
    number: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """Tables that were handed in, as worked out beside the edition in force, or why they are refused."""

    edition: str
    base: str
    base_sha256: str
    sha256: str = ""
    count: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    touched: Touched = field(default_factory=Touched)
    fault: refusal.Unacceptable | None = None


def filed(draft: Draft, source: Source, scene: Scene) -> EditionFiled:
    """The filing, put on record; refused whole for one bad line, and while another edition lies filed."""
    assert scene.post is not None
    if any(row["state"] == "filed" for row in scene.rows.editions.values()):
        raise refusal.WrongState("已有一版区划待确认，请先办结（确认、退回或撤回）再导入新版", state="filed")
    if draft.base != scene.law.divisions.edition:
        raise refusal.WrongState("现行区划刚刚有变，请重新核对后导入", missing="base")
    _must_be_near(draft.edition, scene)
    number = document.parse(source.number).text if source.number else None
    if draft.fault is not None:
        raise draft.fault
    return EditionFiled(
        division=scene.post.division, edition=draft.edition, sha256=draft.sha256, base=draft.base,
        base_sha256=draft.base_sha256, count=draft.count, counts=dict(draft.counts), title=source.title,
        issuer=source.issuer, dated=source.dated, document=number, document_sha256=source.sha256,
        touched=len(draft.touched.grants), grants=draft.touched.grants[:MOST_LISTED], units=len(draft.touched.units),
        posts=len(draft.touched.posts), households=draft.touched.households,
    )  # fmt: skip


def confirmed(row: Mapping[str, Any], scene: Scene) -> EditionConfirmed:
    """The edition comes into force by a second natural person, whatever account he uses."""
    body = row["body"]
    _must_be_open(row)
    _must_be_another(body["filed_by"], scene)
    if body["base"] != scene.law.divisions.edition:
        raise refusal.WrongState("导入之后现行区划有变，请退回后重新导入", missing="base")
    return EditionConfirmed(
        subject=row["number"], division=row["division"], edition=body["edition"], sha256=body["sha256"],
        base=body["base"], count=body["count"],
    )  # fmt: skip


Ending = type[EditionRefused] | type[EditionWithdrawn]


def ended(how: Ending, row: Mapping[str, Any], reason: str) -> EditionRefused | EditionWithdrawn:
    """The edition is taken off the table, by those who would have confirmed it or by those who filed it."""
    _must_be_open(row)
    return how(subject=row["number"], division=row["division"], edition=row["body"]["edition"], reason=reason)


def _must_be_near(edition: str, scene: Scene) -> None:
    """Refuse a day so far ahead that it is a mistake: later editions are named by later days, so there could be none."""
    ahead = scene.law.policy.handling.get(AHEAD)
    if ahead is None:
        return
    latest = scene.at.astimezone(document.SHANGHAI).date() + timedelta(days=ahead.value)
    if date.fromisoformat(edition) > latest:
        raise refusal.Unacceptable(
            f"新版日期不能晚于今天之后 {ahead.value} 天，请核对年份", missing="edition",
            pointers=[{"pointer": "/edition", "message": "日期过远"}],
        )  # fmt: skip


def _must_be_open(row: Mapping[str, Any]) -> None:
    if row["state"] != "filed":
        raise refusal.WrongState("这一版区划已经办结，不能重复办理", state=row["state"])


def _must_be_another(filer: str | None, scene: Scene) -> None:
    known = scene.rows.people.get(filer) if filer else None
    assert scene.post is not None
    if known is None or known.natural in scene.rows.naturals(scene.post):
        raise refusal.DutyConflict("区划的导入人与确认人须为不同的人，请改由其他同志确认", missing="duty")


def between(files: Mapping[str, bytes], base: str, edition: str) -> tuple[lineage.Change, ...]:
    """The changes that lead from one edition to a later one, as the later one's files tell them."""
    return tuple(each for each in lineage.changes(files[lineage.CHANGES]) if base < each.edition <= edition)


def told(files: Mapping[str, bytes], base: str, edition: str) -> list[dict[str, str]]:
    """The changes from one edition to a later one as answers write them."""
    return [
        {"kind": each.kind, "old_code": each.old, "old_name": each.old_name, "new_code": each.new, "new_name": each.new_name}
        for each in between(files, base, edition)
        if each.kind != lineage.LAY_IN
    ]  # fmt: skip
