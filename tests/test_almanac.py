"""The whole region walks through its five real editions over the routes, with an office at every place that changes.

At each step somebody holds a grant at every place that changes, at its township and at its county. They are asked
before the edition is filed, while it lies filed, when it is in force, and after all that waits was confirmed. What they
must be told is read from the published changes by `tests/almanac.py`, row by row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import almanac
from acts import FOLDER
from almanac import EDITIONS, STEPS, Step
from conftest import World
from townsfolk import Townsfolk, unit
from worlds import APPROVER, AUDITOR, SYSTEM_ADMIN, Town

from api import policies
from audit.lawbook import Lawbook

CAUTIOUS = {
    "2020-06-30": frozenset(("640205005002", "640205005005", "640205005009")),
    "2021-10-31": frozenset(("640202010200", "640205005002", "640205005005", "640205005009")),
}
"""Names that write the place before them in a way of their own: taken for others, which costs a confirmation."""
URL = "/v1/divisions/editions"
MANY = "/access/v1/evaluations"
REASON = {"reason": "区划调整后核对无误"}
STREET, DISTRICT, SOUTH = "640323104", "640323001", "640323100012"


def book() -> Lawbook:
    """The law of the folder with the first of the real editions."""
    parts = {
        "policy": policies.files(FOLDER), "edition": almanac.bundle(EDITIONS[0]),
        "calendar": policies.tables(FOLDER / "calendars"),
    }  # fmt: skip
    return Lawbook(parts, EDITIONS[0])


def test_the_tables_hold_the_changes_that_the_field_counts() -> None:
    assert Counter(each["change"] for each in almanac.CHANGES) == {
        "added": 133, "removed": 63, "recoded_same_name": 49, "renamed_same_code": 512,
    }  # fmt: skip
    for edition in EDITIONS:
        found = set(almanac.standing(edition))
        assert all(outer in found for code in found for outer in almanac.outer(code))


class Walk:
    """One step of the walk: who is asked about which places, and what each must be told."""

    def __init__(self, town: Town, folk: Townsfolk, before: str, until: str) -> None:
        self.town, self.folk, self.before, self.until = town, folk, before, until
        self.step = Step(before, until, CAUTIOUS.get(until, frozenset()))
        self.rows = almanac.rows(until)
        self.codes = {code for row in self.rows for code in (row["old_code"], row["new_code"]) if code}
        folk.settle((each for code in self.codes for each in almanac.outer(code) if almanac.name(each, before)), before)
        near = {code: self.bodies(code) for code in self.codes}
        self.pairs = {(body, code) for code, found in near.items() for body in found}
        # Whoever had the people of a village is asked about it under its new code too.
        self.pairs |= {
            (body, row["new_code"])
            for row in almanac.rows(until, "recoded_same_name")
            for body in near[row["old_code"]]
        }
        self.homes = {body: folk.home[body] for body, _ in self.pairs}
        self.held = {folk.grant[body]: home for body, home in folk.home.items()}

    def bodies(self, code: str) -> list[str]:
        return [self.folk.at(each) for each in almanac.outer(code) if almanac.name(each, self.before)]

    def must(self, body: str, asked: str) -> str:
        """What is told once the edition is in force: nobody acts from a place that is no more."""
        if not almanac.name(self.homes[body], self.until):
            return "waits"
        return self.step.answer(almanac.outer(self.homes[body]), asked)

    def reached(self) -> tuple[list[int], list[int]]:
        """The grants that wait for this step, and those that lose a place by it."""
        waits, loses = [], []
        gone = [code for code in self.codes if not almanac.name(code, self.until)]
        new = [code for code in self.codes if self.step.is_new(code)]
        for number, home in self.held.items():
            if home in gone or any(almanac.lies(code, home) for code in new):
                waits.append(number)
            elif any(almanac.lies(code, home) for code in gone):
                loses.append(number)
        return sorted(waits), sorted(loses)

    # --- the step itself --------------------------------------------------------------------------------------------
    def file(self) -> int:
        source = {"title": "关于调整行政区划的批复", "issuer": "自治区人民政府", "dated": "2026-05-20", "number": None}
        tables = {"tree": almanac.tree(self.until).decode(), "changes": almanac.declared(self.until)}
        answer = self.town.post(URL, SYSTEM_ADMIN, {"edition": self.until, "source": source} | tables)
        assert answer.status_code == 201, answer.text
        counted = {kind: count for kind, count in answer.json()["counts"].items() if count}
        assert counted == Counter(row["change"] for row in self.rows)
        return int(answer.json()["id"])

    def listed(self, number: int) -> dict[str, Any]:
        told: dict[str, Any] = self.town.get(f"{URL}/{number}", AUDITOR).json()
        names = ("change", "old_code", "old_name", "new_code", "new_name")
        assert Counter(tuple(each.values()) for each in told["changes"]) == Counter(
            tuple(row[name] for name in names) for row in self.rows
        )
        return told

    def carry(self) -> None:
        """Bodies of abolished places go on where most of their people went; one without an heir is left."""
        gone = [(body, home) for body, home in self.folk.home.items() if not almanac.name(home, self.until)]
        for body, home in sorted(gone):
            went = Counter(code[: len(home)] for code in self.step.went(home)).most_common(1)
            wish = REASON | ({"division": went[0][0]} if went else {})
            answer = self.town.post(f"/v1/units/{unit(body)}/confirmation", SYSTEM_ADMIN, wish)
            assert answer.status_code == (200 if went else 422), answer.text
            del self.folk.home[body]
            if went:
                self.folk.home[body] = went[0][0]

    def confirm(self, numbers: list[int], place: str | None = None) -> Iterator[tuple[int, str]]:
        """The region confirms grants, at this place or where the body of each is now; the code of what is told."""
        body_of = {number: body for body, number in self.folk.grant.items()}
        for number in sorted(numbers, key=lambda each: (len(self.held[each]), each)):
            at = place or self.folk.home.get(body_of[number])
            wish = REASON | ({"division": at} if at else {})
            path, tag = f"/v1/grants/{number}/confirmation", f'"{self.folk.version.get(number, number)}"'
            answer = self.town.post(path, APPROVER, wish, if_match=tag)
            if answer.status_code == 200:
                self.folk.version[number] = answer.json()["entry"]
            yield number, "confirmed" if answer.status_code == 200 else answer.json()["code"]

    def whole(self, old: str, new: str) -> bool:
        """Whether nobody lives at the new place who did not come from the old one."""
        inside = [
            code for code in almanac.standing(self.until) if len(code) == almanac.VILLAGE and almanac.lies(code, new)
        ]
        return set(inside) <= self.step.went(old)

    def told_then(self, day: str, edition: str) -> None:
        """The places of a day under their names of that day, one call for each place that something changed in."""
        for outer in sorted({code[:width] for code in self.codes for width in (6, 9) if width < len(code)}):
            items = self.town.get(f"/v1/divisions?parent={outer}&at={day}", AUDITOR).json()["items"]
            inside = [code for code in almanac.standing(edition) if almanac.outer(code)[:-1] == almanac.outer(outer)]
            assert {each["code"]: each["name"] for each in items} == {
                code: almanac.name(code, edition) for code in inside
            }, (outer, day)


def test_every_real_change_is_lost_waits_or_goes_on_as_its_row_says(database: World) -> None:
    positions: dict[str, int] = {}
    with Town(database, book=book()) as town:
        folk = Townsfolk(town)
        folk.settle((code for code in almanac.standing(EDITIONS[0]) if len(code) == almanac.COUNTY), EDITIONS[0])
        for before, until in STEPS:
            walk = Walk(town, folk, before, until)
            standing = {pair for pair in walk.pairs if almanac.name(pair[1], before)}
            assert set(folk.answers(standing).values()) == {"permit"}
            number = walk.file()
            told, (waits, loses) = walk.listed(number), walk.reached()
            assert (told["waiting"], told["grants"]) == (waits, sorted([*waits, *loses]))
            assert set(folk.answers(standing).values()) == {"permit"}  # nothing holds before it is confirmed
            positions[until] = town.size()
            assert town.change(f"{URL}/{number}/confirmation", APPROVER).status_code == 200
            assert folk.answers(walk.pairs) == {(body, code): walk.must(body, code) for body, code in walk.pairs}
            assert set(folk.waiting()) == {*waits, *(folk.grant[body] for body in folk.lost)}
            after(walk, waits)
            walk.told_then(until, until)
            if before == EDITIONS[0]:
                walk.told_then("2020-06-29", before)
        past(town, folk, positions)


def after(walk: Walk, waits: list[int]) -> None:
    """What waited goes on where it may, what was lost stays lost, and nothing is gained beside it."""
    folk = walk.folk
    parent = {body: folk.at(home[:9]) for body, home in folk.home.items() if len(home) == almanac.VILLAGE}
    before = dict(folk.home)
    walk.carry()
    came = {body: walk.whole(before[body], home) for body, home in folk.home.items() if before[body] != home}
    holds, lost = dict(folk.home), set[str]()
    for number, code in walk.confirm(waits):
        body = next(body for body, each in folk.grant.items() if each == number)
        above, now = parent.get(body), folk.home.get(body)
        if now is None:  # nothing took its place
            must = "unacceptable"
        elif not came.get(body, True):  # what took its place is more than came from it, and it goes on in a part
            must, holds[body] = "wider_than_held", min(walk.step.went(before[body]))
            assert [each for _, each in walk.confirm([number], holds[body])] == ["confirmed"]
        elif above and not almanac.lies(now, holds[above]):  # it lies outside of what the body above was given
            must = "wider_than_held"
        else:
            must = "confirmed"
        assert code == must, body
        lost |= {body} if must != "confirmed" and holds.get(body) == now else set()
    folk.lost |= lost
    assert set(folk.waiting()) == {folk.grant[body] for body in folk.lost}
    for (body, asked), now in folk.answers(pair for pair in walk.pairs if pair[0] in folk.home).items():
        there = bool(almanac.name(asked, walk.until)) and almanac.lies(asked, holds[body])
        assert now == ("permit" if there and body not in lost else "outside"), (body, asked)
    for body in {each for each, place in holds.items() if each in lost or place != folk.home[each]} & folk.home.keys():
        del folk.home[body]


def past(town: Town, folk: Townsfolk, positions: dict[str, int]) -> None:
    """The street 640323104 and its eleven communities, as was known at each step: one question for every date and code."""
    went = {row["old_code"]: row["new_code"] for row in almanac.rows("2021-10-31", "recoded_same_name")}
    mine = {old: new for old, new in went.items() if old.startswith(STREET)}
    assert Counter(new == SOUTH or new[:9] for new in mine.values()) == {DISTRICT: 10, True: 1}
    when = [(positions["2021-10-31"], True), (positions["2022-10-31"], False), (town.size(), False)]
    for position, old_holds in when:
        for places, holds in ((list(mine), old_holds), ([*mine.values()], not old_holds)):
            asked = {
                "subject": {"type": "person", "id": folk.person[STREET]}, "action": {"name": "update"},
                "context": {"as_known_at": position}, "options": {"explain": True},
                "evaluations": [
                    {"resource": {"type": "monitored.income", "id": f"h-{each}", "properties": {"division": each, "data_year": 2026}}}
                    for each in places
                ],
            }  # fmt: skip
            told = town.post(MANY, AUDITOR, asked).json()["evaluations"]
            assert [each["decision"] for each in told] == [holds and each != SOUTH for each in places], (position, told)
