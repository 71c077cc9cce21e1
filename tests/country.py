"""The small country with all its offices: editions, confirmations, moves of households, letters with detours, narrowings.

What the routes judge is judged by the very acts of the routes where these hold rules of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import lands
from lands import Drafted, Land
from realm import COUNTY, REGION, SEAL, Realm, law

from api.confirmations import ConfirmationBody, ConfirmGrant, ConfirmUnit
from api.moves import AcceptMove, AskMove, MoveBody
from api.pep import Asked, Wish
from authz import amendment, deputy, filing, gazette, lineage, narrowing, redistricting, refusal, reply, step, window
from authz import transfer as transfers
from authz.amendment import NARROWING, Draft
from authz.decision import Scene
from authz.deputy import DeputyEnded
from authz.division import Divisions
from authz.fact import Fact, Where
from authz.filing import Text
from authz.gazette import Source
from authz.household import Household
from authz.lineage import Lineage
from authz.post import Appointment, TokensRevoked, Unit
from authz.reply import Answer, Reply
from authz.window import Opening

Files = tuple[tuple[str, bytes], ...]
Lines = tuple[dict[str, Any], ...]
Told = tuple[int, tuple[Fact, ...]]


def tables(land: Land) -> Files:
    """The bundle of the first edition."""
    head = f"code,level,{land.edition}"
    named = [
        f"{code},{lands.LEVELS[len(code)]},{land.names[code]}"
        for code in sorted(land.parent)
        if len(code) > len("6403")
    ]
    history, changes = "\n".join([head, *named, ""]).encode(), ",".join(lineage.HEAD).encode() + b"\n"
    return ((lineage.TREE, land.table()), (lineage.HISTORY, history), (lineage.CHANGES, changes))


@functools.lru_cache(4096)
def revised(files: Files, base: str, edition: str, tree: bytes, declared: bytes) -> Files:
    return tuple(redistricting.revise(dict(files), base, edition, tree, declared).items())


@functools.lru_cache(4096)
def parsed(edition: str, files: Files) -> tuple[Divisions, Lineage]:
    return lineage.parse_bundle(edition, dict(files))


class Country(Realm):
    """Rows, a clock, the editions of the land, and the tokens people sign in with."""

    def __init__(self) -> None:
        super().__init__()
        land = lands.first()
        self.files, self.tokens = tables(land), dict[str, int]()
        self.govern(land.edition)
        for unit in self.rows.units.values():
            self.raw["unit", unit.id] = {name: getattr(unit, name) for name in Unit.__slots__ if name != "id"}
        for home in self.rows.households.values():
            self.raw["household", home.token] = {n: getattr(home, n) for n in Household.__slots__ if n != "token"}
        for person in self.rows.people.values():
            self.raw["person", person.id] = {"natural": person.natural, "epoch": person.epoch}

    def govern(self, edition: str) -> None:
        divisions, past = parsed(edition, self.files)
        self.law = replace(self.law, divisions=divisions, lineage=past)

    def fold(self, change: Any, where: Where) -> None:
        super().fold(change, where)
        table, key, rows = change.table, change.key[0], self.rows
        rows.versions[table, key] = where.number
        row = self.raw.get((table, key), {})
        if table == "household":
            rows.households[key] = Household(key, **row)
        elif table == "unit":
            rows.units[key] = Unit(key, **row)
        elif table == "person":
            rows.people[key] = replace(rows.people[key], epoch=row["epoch"])
        elif table in ("amendment", "edition"):
            {"amendment": rows.amendments, "edition": rows.editions}[table][key] = {"number": key, **row}

    def scene(self, person: str, post: int | None = None) -> Scene:
        made = Scene(rows=self.rows, at=self.at, size=self.number, law=self.law)
        made.enter(person, self.tokens.get(person, 0), post)
        return made

    def done(self, person: str, act: Asked) -> Told:
        """An act of a route, judged and recorded."""
        scene = self.scene(person)
        return self.record(scene, act.judge(scene))

    def seen(self, table: str, key: Any) -> str:
        return f'"{self.rows.versions.get((table, key))}"'

    # --- divisions --------------------------------------------------------------------------------------------------
    def update(self, land: Land, drafted: Drafted, by: Sequence[str] = ("p-17", "p-1")) -> None:
        """A new edition, filed by one officer and confirmed by another."""
        filer, confirmer = by
        tree, declared = land.table(), drafted.tables()
        made = revised(self.files, drafted.old.edition, land.edition, tree, declared)
        scene = self.scene(filer)
        scene.must("division.load", "64")
        draft = gazette.Draft(land.edition, drafted.old.edition, "0" * 64, "1" * 64, len(land.parent))
        number, _ = self.record(scene, gazette.filed(draft, Source("t", "i", "2026-11-20", None, None), scene))
        try:
            scene = self.scene(confirmer)
            scene.must("division.confirm", "64")
            self.record(scene, gazette.confirmed(scene.rows.editions[number], scene))
        except refusal.Refusal:
            self.record(self.scene(filer), gazette.ended(gazette.EditionWithdrawn, self.rows.editions[number], "r"))
            raise
        self.files = made
        self.govern(land.edition)

    def confirm(self, person: str, number: int, asked: str | None) -> Told:
        wish = Wish(ConfirmationBody.model_construct(reason="r", division=asked))
        seen = self.seen("grants", number)
        return self.done(person, ConfirmGrant(ref="r", number=number, wish=wish, reason="r", if_match=seen))

    def carry(self, person: str, unit: str, asked: str | None) -> Told:
        wish = Wish(ConfirmationBody.model_construct(reason="r", division=asked))
        return self.done(person, ConfirmUnit(ref="r", unit=unit, wish=wish, reason="r"))

    # --- households -------------------------------------------------------------------------------------------------
    def ask_move(self, person: str, token: str, to: str) -> Told:
        wish, seen = Wish(MoveBody.model_construct(division=to, reason="r")), self.seen("household", token)
        return self.done(person, AskMove(ref="r", token=token, wish=wish, reason="r", if_match=seen))

    def accept_move(self, person: str, token: str) -> Told:
        asker, seen = self.rows.households[token].move_asked_by, self.seen("household", token)
        return self.done(person, AcceptMove(ref="r", token=token, asker=asker, if_match=seen))

    # --- letters and windows ----------------------------------------------------------------------------------------
    def letter(self, lines: Lines) -> Text:
        return Text(
            kind="QINGSHI", number=f"同乡振发〔2026〕{self.letters}号", title="c", dated=date(2026, 11, 20), signatory="p-12",
            addressee=REGION, cc=("u-6403-lead",), contact=None, phone=None, ground="quarterly_income",
            ground_text=None, lines=lines, attachments=(SEAL,),
        )  # fmt: skip

    def ask(
        self, lines: Lines, answers: tuple[Answer, ...], detour: Sequence[str] = (), anew: Lines | None = None
    ) -> Told:
        """A written request through all its hands, by the detours given, up to the decision with its grants."""
        self.letters += 1
        first, second = self.letter(lines), self.letter(lines if anew is None else anew)
        answer = Reply("PIFU", f"宁乡振发〔2026〕{self.letters}号", None, date(2026, 11, 25), None)
        ways: dict[str, tuple[str, str, Callable[[Any, Scene], Any]]] = {
            "draft": ("p-18", "request.draft", lambda row, scene: filing.drafted(first, scene)),
            "sign": ("p-12", "request.sign", lambda row, scene: filing.signed(row, frozenset((SEAL,)), scene)),
            "receive": (
                "p-13",
                "request.receive",
                lambda row, scene: reply.received(row, "1", date(2026, 11, 23), scene),
            ),
            "return": ("p-13", "request.return", lambda row, scene: reply.returned(row, (("/lines", "c"),), scene)),
            "change": ("p-18", "request.draft", lambda row, scene: filing.changed(row, second, scene)),
            "withdraw": ("p-12", "request.withdraw", lambda row, scene: filing.withdrawn(row, "c", scene)),
            "propose": ("p-13", "request.propose", lambda row, scene: reply.proposed(row, answers, "c", scene)),
            "decide": ("p-1", "request.decide", lambda row, scene: reply.decided(row, answer, answers, "c", (), scene)),
        }
        subject, told = None, (0, ())
        for name in ("draft", "sign", "receive", *detour, "propose", "decide"):
            person, act, happen = ways[name]
            scene = self.scene(person)
            row = None if subject is None else step.found(scene, subject)
            scene.must(act, row["division"] if row else COUNTY)
            told = self.record(scene, happen(row, scene))
            subject = told[0] if subject is None else subject
        return told

    def repeat(self, wish: Opening, times: int) -> Told:
        scene = self.scene("p-1")
        scene.must("window.open", wish.division)
        return self.record(scene, window.repeated(wish, times, scene))

    # --- people -----------------------------------------------------------------------------------------------------
    def hand_over(self, number: int, unit: str, role: str, successor: str | None) -> Told:
        scene, old = self.scene("p-17"), self.rows.post[number]
        scene.must("people.transfer", old.division)
        wish = Appointment(self.rows.people[old.person], self.rows.units[unit], role, role, None, None)
        return self.record(scene, transfers.transfer(old, wish, self.mine(old.person), successor, "r", scene))

    def stand_down(self, person: str, number: int) -> DeputyEnded:
        scene = self.scene(person)
        fact = deputy.end(self.rows.post[number], None, "r", scene)
        self.record(scene, fact)
        return fact

    def void(self, person: str) -> int:
        """Every token of this person is void; the instant from which on a new one counts."""
        scene = self.scene("p-17")
        scene.must("people.token", "64")
        self.record(scene, TokensRevoked(person_id=person, reason="r"))
        return self.rows.people[person].epoch

    # --- the rules of a county --------------------------------------------------------------------------------------
    def forbid(self, division: str, text: str, by: Sequence[str] = ("p-2", "p-12")) -> None:
        """A narrowing, proposed by one and adopted by another of the county."""
        proposer, adopter = by
        files = {narrowing.FILE: text.encode()}
        scene = self.scene(proposer)
        scene.must("policy.propose", division)
        made = drafted(division, text, amendment.in_force(scene, NARROWING, division))
        number, _ = self.record(scene, amendment.proposed(made, "r", scene))
        scene = self.scene(adopter)
        row = scene.rows.amendments[number]
        scene.must("policy.adopt", row["division"])
        fits = amendment.sound(self.law.policy, division, files)
        self.record(scene, amendment.adopted(row, fits, None, scene))
        found = narrowing.parse(division, files, self.law.policy)
        self.law = replace(self.law, narrowings={**self.law.narrowings, division: found})


def drafted(division: str, text: str, base: str) -> Draft:
    """The files as they are read beside the rules in force."""
    return amendment.draft(division, {narrowing.FILE: text.encode()}, law().policy, base, region=False)
