"""Offices without a database: posts, deputyships and grants folded in memory by the very facts their rules return."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from acts import law

from authz import deputy as deputies
from authz import grant as grants
from authz import officer as officers
from authz import post as posts
from authz import refusal
from authz.decision import Scene
from authz.deputy import Standing
from authz.fact import Fact, Once, Put, Where, instant, moment
from authz.grant import GrantIssued
from authz.officer import Candidate
from authz.post import FAR, Appointment, Person, Post, Unit
from authz.register import Rows

START = datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
COUNTY, VILLAGE = "640324", "640324100201"
LEAD, REGION, HAMLET, AUDIT = "u-640324-lead", "u-64-lead", f"u-{VILLAGE}-village", "u-64-audit"
SYSTEM, ADMIN = "p-901", "p-801"
"""The system administrator and the county's: they appoint, and are never played with."""
CELL = "monitored.income"


class Bureau:
    """Rows and a clock that only moves forward. p-11 and p-12 are one human being."""

    def __init__(self) -> None:
        self.at, self.number, self.rows = START, 1, Rows()
        self.table: dict[str, dict[Any, dict[str, Any]]] = {"post": {}, "grants": {}, "officer": {}}
        for unit in (LEAD, REGION, HAMLET, AUDIT):
            _, division, kind = unit.split("-")
            self.rows.units[unit] = Unit(unit, kind, division, unit, None)
        self.employ(SYSTEM, REGION, "system_admin")
        self.employ(ADMIN, LEAD, "county_admin")

    def person(self, id: str) -> Person:
        """Accounts whose ids differ in the last digit only are one human being; p-0... is nobody known."""
        natural = id if id.startswith("p-0") else f"n{id[2:-1]}"
        return self.rows.people.setdefault(id, Person(id, natural, 0))

    def employ(self, person: str, unit: str, role: str, begin: datetime = START, end: datetime | None = None) -> int:
        """A post as the log has it, judged by nobody."""
        self.person(person)
        return self.record(posts.PostAssigned(
            person_id=person, post_unit=unit, division=unit.split("-")[1], role=role, title=role,
            valid_from=instant(begin), valid_until=instant(end) if end else None,
        ))  # fmt: skip

    def record(self, *facts: Fact) -> int:
        """Fold facts into the rows; the number of the first."""
        first = self.number
        for fact in facts:
            for change in fact.changes(Where(self.number, self.at, ADMIN, LEAD)):
                assert not isinstance(change, Once)
                table = self.table.setdefault(change.table, {})
                key, before = change.key[0], table.get(change.key[0], {})
                merged = {name: before[name] | each if isinstance(each, dict) and before.get(name) else each
                          for name, each in change.values.items()}  # fmt: skip
                table[key] = merged if isinstance(change, Put) else before | merged
            self.number += 1
        self._read()
        return first

    def _read(self) -> None:
        rows, empty = self.rows, {"deputy_for": None, "rests_on": None, "acts": None, "operations": None}
        known = {
            number: posts.read(empty | row | {"number": number} | {
                name: moment(row[name]) for name in ("valid_from", "valid_until")
            }) for number, row in self.table["post"].items()
        }  # fmt: skip
        rows.post = {number: posts.joined(each, known) for number, each in known.items()}
        rows.posts, rows.staff, rows.by_unit = {}, {}, {}
        for post in rows.post.values():
            rows.posts.setdefault(post.person, []).append(post)
            rows.staff.setdefault(post.unit, []).append(post)
        times = ("valid_from", "valid_until", "issued_at", "revoked_at")
        for number, row in self.table["grants"].items():
            read = {name: moment(row[name]) for name in times if isinstance(row[name], str)}
            rows.grants[number] = made = grants.read(row | read | {"number": number})
            rows.by_unit.setdefault(made.holder_unit, []).append(made)
        rows.officers = {number: row | {"number": number} for number, row in self.table["officer"].items()}

    def scene(self, person: str, post: int | None = None) -> Scene:
        made = Scene(self.rows, self.at, self.number, law())
        made.enter(person, 0, post)
        return made

    def held(self, person: str) -> list[Post]:
        """All posts of the human being."""
        mine = self.person(person).natural
        return [post for who, each in self.rows.posts.items() for post in each if self.person(who).natural == mine]

    # --- acts, by the rules ---------------------------------------------------------------------------------------
    def appoint(self, person: str, unit: str, role: str, by: str = SYSTEM, begin: datetime | None = None,
                end: datetime | None = None) -> int:  # fmt: skip
        scene = self.scene(by)
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        wanted = Appointment(self.person(person), self.rows.units[unit], role, role, begin, end)
        used = law()
        return self.record(*posts.appoint(wanted, scene.post, self.held(person), self.at, used.policy, used.divisions))

    def end(self, number: int, by: str = SYSTEM, until: datetime | None = None) -> int:
        scene, post = self.scene(by), self.rows.post[number]
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        staff = self.rows.staff[post.unit]
        return self.record(posts.end(post, until, "c", by=scene.post, colleagues=staff, at=self.at,
                                     policy=law().policy, people=self.rows.people))  # fmt: skip

    def deputise(self, number: int, person: str, by: str = SYSTEM, hours: int = 100, **more: Any) -> int:
        wanted = Standing(self.rows.post[number], self.person(person), more.pop("begin", None),
                          more.pop("end", self.at + hours * HOUR), **more)  # fmt: skip
        return self.record(*deputies.appoint(wanted, self.held(person), "c", self.scene(by)))

    def propose(
        self, person: str, role: str, by: str, begin: datetime | None = None, replaces: int | None = None
    ) -> int:
        scene = self.scene(by)
        scene.must("officer.propose", "64")
        wanted = Candidate(self.person(person), self.rows.units[REGION], role, tuple(self.held(person)))
        officers.fit(wanted, max(begin or self.at, self.at), law().policy, "region")
        told: dict[str, Any] = {
            "person_id": person, "post_unit": REGION, "division": "64", "role": role, "title": role,
            "valid_from": instant(begin) if begin else None, "reason": "c",
        }  # fmt: skip
        fact: Fact = officers.OfficerProposed(**told)
        if replaces is not None:
            officers.replaceable(self.rows.post.get(replaces), wanted, max(begin or self.at, self.at))
            fact = officers.OfficerSuccessionProposed(**told, replaces=replaces)
        number = self.record(fact)
        self.table["officer"][number]["body"]["proposed_by"] = by
        self._read()
        return number

    def approve(self, number: int, by: str, post: int | None = None) -> int:
        scene, row = self.scene(by, post), self.rows.officers[number]
        scene.must("officer.approve", "64")
        body = row["body"]
        wanted = Candidate(
            self.person(body["person"]), self.rows.units[REGION], body["role"], tuple(self.held(body["person"]))
        )
        assert scene.post is not None
        assert scene.person is not None
        return self.record(*officers.approve(
            row, wanted, by=scene.post, me=scene.person, proposer=self.person(body["proposed_by"]),
            held=self.held(body["proposed_by"]), staff=self.rows.staff[REGION], at=self.at, policy=law().policy, level="region",
            old=self.rows.post.get(body.get("replaces")),
        ))  # fmt: skip

    def grant(self, unit: str, role: str, person: str | None = None) -> int:
        """A regional grant made out to a unit in a role, or to one person of it."""
        return self.record(GrantIssued(
            origin="request", division=unit.split("-")[1], cells=(CELL,), operations=("collect", "update", "verify"),
            data_year=2026, valid_from=instant(START), valid_until=instant(FAR), max_records=None, households=None,
            holder_unit=unit, holder_person=person, role=role, request=1, line=1, window=None, parent=None, path=(),
            document="d", document_sha256=None, edition="e", division_name="n", issuer_unit=REGION, reason=None,
        ))  # fmt: skip
