"""A small country without a database: two counties, and every act of the rules folded into rows by its own facts.

The acts stand here in the order in which the routes ask: found, allowed, the rule, the record.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import acts

from authz import decision, delegation, edit, filing, refusal, reply, revocation, step, window
from authz import deputy as deputies
from authz import grant as grants
from authz import post as posts
from authz import transfer as transfers
from authz.decision import Law, Permit, Scene, Wish
from authz.delegation import Wanted
from authz.deputy import Standing
from authz.division import LEVELS, Division, Divisions
from authz.edit import Edit, EditPermitted
from authz.fact import Fact, Once, Put, Where, moment
from authz.filing import Text
from authz.household import Household
from authz.post import FAR, Appointment, Person, Post, Unit
from authz.register import Rows
from authz.reply import Answer, Reply
from authz.window import Opening

START = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)
COUNTY, TOWN, OTHER_TOWN, ELSEWHERE = "640324", "640324100", "640324101", "640422"
PARENT: Mapping[str, str | None] = {
    "64": None, "6403": "64", COUNTY: "6403", TOWN: COUNTY, OTHER_TOWN: COUNTY, "640324100201": TOWN,
    "640324100202": TOWN, "640324101200": OTHER_TOWN, "640324101201": OTHER_TOWN, "6404": "64", ELSEWHERE: "6404",
    "640422100": ELSEWHERE, "640422100200": "640422100",
}  # fmt: skip
VILLAGES = tuple(code for code in PARENT if len(code) == len("640324100201"))
HOMES = {
    "h-1": "640324100201",
    "h-2": "640324100201",
    "h-3": "640324100202",
    "h-4": "640324101200",
    "h-5": "640422100200",
}
REGION, LEAD, OFFICE, TOWN_UNIT = "u-64-lead", "u-640324-lead", "u-640324-civil_affairs", "u-640324100-township"

# person: (natural person, unit, role). p-9 is the county administrator's second account.
PEOPLE = {
    "p-1": ("n-1", REGION, "region_approver"), "p-2": ("n-2", LEAD, "county_admin"), "p-3": ("n-3", LEAD, "county_clerk"),
    "p-4": ("n-4", TOWN_UNIT, "township_admin"), "p-5": ("n-5", TOWN_UNIT, "township_reviewer"),
    "p-6": ("n-6", "u-640324100201-village", "village_collector"), "p-7": ("n-7", "u-640324100202-village", "grid_worker"),
    "p-8": ("n-8", "u-640324101-township", "township_admin"), "p-9": ("n-2", "u-640324100201-village", "assistance_person"),
    "p-10": ("n-10", OFFICE, "department_officer"), "p-11": ("n-11", "u-640324100201-village", "assistance_person"),
    "p-12": ("n-12", LEAD, "county_signatory"), "p-13": ("n-13", REGION, "region_handler"),
    "p-14": ("n-14", "u-640324101200-village", "village_collector"), "p-15": ("n-15", "u-640422-lead", "county_admin"),
    "p-16": ("n-16", "u-640422100-township", "township_admin"), "p-17": ("n-17", REGION, "system_admin"),
    "p-18": ("n-18", LEAD, "county_clerk"),
}  # fmt: skip
SEAL = "a" * 64


@functools.cache
def law() -> Law:
    """The law in force, over the divisions of the small country."""
    return replace(acts.law(), divisions=tree("2023-06-30", {}))


def tree(edition: str, since: Mapping[str, str]) -> Divisions:
    """The divisions in an edition; `since` names those that have become others, and when."""
    rows = [
        Division(code, f"地{code}", LEVELS[len(code)], above, since.get(code, "")) for code, above in PARENT.items()
    ]
    return Divisions(edition, rows)


class Realm:
    """Rows and a clock."""

    def __init__(self) -> None:
        self.at, self.number, self.letters, self.rows = START, 100, 0, Rows()
        self.law = law()
        self.raw: dict[tuple[str, Any], dict[str, Any]] = {}
        for unit in {unit for _, unit, _ in PEOPLE.values()}:
            _, division, kind = unit.split("-")
            self.rows.units[unit] = Unit(unit, kind, division, unit, None)
        for number, (person, (natural, unit, role)) in enumerate(PEOPLE.items(), start=1):
            self.rows.people[person] = Person(person, natural, 0)
            self.seat(Post(number, person, unit, unit.split("-")[1], role, role, START - 9 * DAY, FAR))
        for token, home in HOMES.items():
            self.rows.households[token] = Household(token, home, "monitored")

    # --- the record -----------------------------------------------------------------------------------------------
    def scene(self, person: str, post: int | None = None) -> Scene:
        """What this person is judged on now."""
        made = Scene(rows=self.rows, at=self.at, size=self.number, law=self.law)
        made.enter(person, 0, post)
        return made

    def seat(self, post: Post) -> None:
        """Put a post on record, in the place of its earlier version."""
        rows = self.rows
        rows.post[post.number] = post
        self.raw["post", post.number] = {name: getattr(post, name) for name in Post.__slots__ if name != "number"}
        for table, key in ((rows.posts, post.person), (rows.staff, post.unit)):
            table[key] = [*(each for each in table.get(key, ()) if each.number != post.number), post]
        for each in list(rows.post.values()):
            whole = posts.joined(each, rows.post)
            if whole != each:
                self.seat(whole)

    def fold(self, change: Any, where: Where) -> None:
        """One change, as the register does it."""
        key = change.key[0]
        if isinstance(change, Once):
            grant, token = change.key
            if (grant, token) not in self.rows.seen:
                self.rows.seen.add((grant, token))
                self.rows.used[grant] = self.rows.used.get(grant, 0) + 1
            return
        row = dict(change.values) if isinstance(change, Put) else _amended(self.raw[change.table, key], change.values)
        self.raw[change.table, key] = row
        if change.table == "grants":
            made = grants.read(_read({"number": key, **row}))
            self.rows.grants[key] = made
            beside = self.rows.by_unit.get(made.holder_unit, ())
            self.rows.by_unit[made.holder_unit] = [*(each for each in beside if each.number != key), made]
        elif change.table in ("request", "opening"):
            {"request": self.rows.requests, "opening": self.rows.openings}[change.table][key] = {"number": key, **row}
        elif change.table == "document":
            self.rows.documents[key] = {"number": key, **row}
        elif change.table == "post":
            empty = dict.fromkeys(("deputy_for", "rests_on", "acts", "operations"))
            self.seat(posts.joined(posts.read(_read({"number": key, **empty, **row})), self.rows.post))

    def record(self, scene: Scene, told: Fact | tuple[Fact, ...]) -> tuple[int, tuple[Fact, ...]]:
        """Facts into rows; the number of the first, and the facts."""
        first, facts = self.number, told if isinstance(told, tuple) else (told,)
        assert scene.person is not None
        for fact in facts:
            where = Where(self.number, self.at, scene.person.id, scene.post.unit if scene.post else None)
            self.number += 1
            for change in fact.changes(where):
                self.fold(change, where)
        return first, facts

    # --- the acts -------------------------------------------------------------------------------------------------
    def delegate(self, person: str, parent: int, wish: Wanted, post: int | None = None) -> tuple[int, tuple[Fact, ...]]:
        scene = self.scene(person, post)
        links = delegation.find(parent, scene)
        scene.must("grant.delegate", links[-1].scope.division)
        planned = delegation.plan(wish, links, scene)
        return self.record(scene, delegation.issue(planned, wish, links, "r", scene))

    def rule(
        self, person: str, number: int, verb: str, changed: Mapping[str, Any] | None = None
    ) -> tuple[Fact, tuple[int, ...]]:
        """Revoke, suspend, resume or narrow; the fact and the grants cut with it."""
        scene = self.scene(person)
        links = delegation.find(number, scene)
        scene.must("grant.revoke" if verb == "narrow" else f"grant.{verb}", links[-1].scope.division)
        if verb == "resume":
            told: tuple[Fact, tuple[int, ...]] = (revocation.resume(links, "r", scene), ())
        elif verb == "narrow":
            told = revocation.narrow(links, changed or {}, "r", scene)
        else:
            told = getattr(revocation, verb)(links, "r", scene)
        self.record(scene, told[0])
        return told

    def ask(self, lines: tuple[dict[str, Any], ...], answers: tuple[Answer, ...]) -> tuple[int, tuple[Fact, ...]]:
        """A written request through all its hands, up to the decision with its grants."""
        self.letters += 1
        text = Text(
            kind="QINGSHI", number=f"同乡振发〔2026〕{self.letters}号", title="c", dated=date(2026, 11, 20), signatory="p-12",
            addressee=REGION, cc=("u-6403-lead",), contact=None, phone=None, ground="quarterly_income",
            ground_text=None, lines=lines, attachments=(SEAL,),
        )  # fmt: skip
        letter = Reply("PIFU", f"宁乡振发〔2026〕{self.letters}号", None, date(2026, 11, 25), None)
        ways: tuple[tuple[str, str, Callable[[Any, Scene], Any]], ...] = (
            ("p-18", "request.draft", lambda row, scene: filing.drafted(text, scene)),
            ("p-12", "request.sign", lambda row, scene: filing.signed(row, frozenset((SEAL,)), scene)),
            ("p-13", "request.receive", lambda row, scene: reply.received(row, "1", date(2026, 11, 23), scene)),
            ("p-13", "request.propose", lambda row, scene: reply.proposed(row, answers, "c", scene)),
            ("p-1", "request.decide", lambda row, scene: reply.decided(row, letter, answers, "c", (), scene)),
        )
        subject, told = None, (0, ())
        for person, act, happen in ways:
            scene = self.scene(person)
            row = None if subject is None else step.found(scene, subject)
            scene.must(act, row["division"] if row else COUNTY)
            told = self.record(scene, happen(row, scene))
            subject = told[0] if subject is None else subject
        return told

    def open(self, wish: Opening, person: str = "p-1") -> tuple[int, tuple[Fact, ...]]:
        scene = self.scene(person)
        scene.must("window.open", wish.division)
        return self.record(scene, window.opened(wish, scene))

    def close(self, number: int, person: str = "p-1") -> tuple[int, tuple[Fact, ...]]:
        scene = self.scene(person)
        scene.must("window.close", scene.rows.openings[number]["division"])
        return self.record(scene, window.closed(number, "r", scene))

    def leave(self, number: int, until: datetime | None = None) -> tuple[int, tuple[Fact, ...]]:
        scene, post = self.scene("p-17"), self.rows.post[number]
        scene.must("people.end", post.division)
        assert scene.post is not None
        staff = self.rows.staff[post.unit]
        return self.record(
            scene, posts.end(post, until, "r", by=scene.post, colleagues=staff, at=self.at, policy=scene.law.policy)
        )

    def appoint(self, person: str, unit: str, role: str) -> tuple[int, tuple[Fact, ...]]:
        scene = self.scene("p-17")
        scene.must("people.post", unit.split("-")[1])
        assert scene.post is not None
        wish = Appointment(self.rows.people[person], self.rows.units[unit], role, role, None, None)
        return self.record(
            scene, posts.appoint(wish, scene.post, self.mine(person), self.at, scene.law.policy, scene.law.divisions)
        )

    def transfer(self, number: int, unit: str, role: str) -> tuple[int, tuple[Fact, ...]]:
        scene, old = self.scene("p-17"), self.rows.post[number]
        scene.must("people.transfer", old.division)
        wish = Appointment(self.rows.people[old.person], self.rows.units[unit], role, role, None, None)
        return self.record(scene, transfers.transfer(old, wish, self.mine(old.person), None, "r", scene))

    def stand_in(
        self, number: int, person: str, end: datetime, lent: tuple[Any, Any], division: str | None
    ) -> tuple[int, tuple[Fact, ...]]:
        scene, base = self.scene("p-2"), self.rows.post[number]
        scene.must("people.deputy", base.division)
        wish = Standing(base, self.rows.people[person], None, end, *lent, division)
        return self.record(scene, deputies.appoint(wish, self.mine(person), "r", scene))

    def mine(self, person: str) -> list[Post]:
        """All posts of a natural person."""
        natural = self.rows.people[person].natural
        accounts = [each.id for each in self.rows.people.values() if each.natural == natural]
        return [post for account in accounts for post in self.rows.posts.get(account, ())]

    def edit(self, person: str, wish: Wish) -> EditPermitted:
        """One permitted edit, counted under every cap of its chain."""
        scene = self.scene(person)
        made = Edit(
            household=wish.household or "", member=None, division=wish.division, cell=wish.cell, operation=wish.operation,
            data_year=wish.data_year or 0, quarter=None, occurred_at=None, channel="t", named={}, changes_made=(),
            evidence=(), ruleset=None, checks_failed=(), checks_overridden=(), campaign=None,
        )  # fmt: skip
        _, facts = self.record(scene, edit.permit(made, scene))
        return next(each for each in facts if isinstance(each, EditPermitted))

    def decided(self, post: Post, wish: Wish, at: datetime | None = None) -> Permit | str:
        """What the decision says: a permit, or the code of the refusal."""
        scene = Scene(rows=self.rows, at=self.at, size=self.number, law=self.law)
        try:
            return decision.decide(scene, post, wish, at)
        except refusal.Denied as denied:
            return denied.code


def _amended(old: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = {name: {**old[name], **each} for name, each in values.items() if isinstance(each, dict)}
    return {**old, **values, **merged}


_INSTANTS = ("valid_from", "valid_until", "issued_at", "revoked_at")


def _read(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: moment(row[name]) for name in _INSTANTS if isinstance(row.get(name), str)}
