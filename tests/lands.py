"""The land under the divisions: hamlets that stay where they are while codes, parents and names change over them.

Written from the gotchas of the notice's own editions (G11 to G14) and from nothing else: a place is the hamlets in it.
An edition is drawn here, and written as the two tables that people hand in; what the rules make of these is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, TypeVar

from realm import COUNTY, PARENT

T = TypeVar("T")
FIRST = "2023-06-30"
EDITIONS = (FIRST, "2026-12-02", "2026-12-04", "2026-12-06", "2026-12-08")
TOWN_DIGITS, VILLAGE_DIGITS = 9, 12
LEVELS = {2: "region", 4: "city", 6: "county", 9: "township", 12: "village"}


class Draw(Protocol):
    """Where choices come from."""

    def choice(self, pool: Sequence[T]) -> T: ...


@dataclass(frozen=True)
class Land:
    """One edition. `changed` says since which edition a code is not any more who it was, `lay` what an abolished code lay
    in last, `became` whose people went where, `seen` in which editions a code stood."""

    edition: str
    parent: dict[str, str | None]
    names: dict[str, str]
    hamlets: dict[str, frozenset[str]]
    changed: dict[str, str] = field(default_factory=dict)
    lay: dict[str, str] = field(default_factory=dict)
    became: tuple[tuple[str, str, str], ...] = ()
    seen: dict[str, frozenset[str]] = field(default_factory=dict)
    past: tuple[str, ...] = (FIRST,)

    # --- where things are -------------------------------------------------------------------------------------------
    def above(self, place: str | None) -> Iterator[str]:
        """The place and all it lies in, by its parents; nothing for a place that does not stand."""
        while place is not None and place in self.parent:
            yield place
            place = self.parent[place]

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Every code that ever stood."""
        return tuple(sorted(self.seen))

    @cached_property
    def _inside(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {code: set() for code in self.parent}
        for code in self.parent:
            for outer in self.above(code):
                found[outer].add(code)
        return {code: frozenset(each) for code, each in found.items()}

    def inside(self, place: str) -> frozenset[str]:
        """The place and all that lies in it."""
        return self._inside.get(place, frozenset())

    def ground(self, place: str) -> frozenset[str]:
        """The hamlets there."""
        return frozenset(each for code in self.inside(place) for each in self.hamlets.get(code, ()))

    def hollow(self, place: str) -> bool:
        """Whether something in it has lost all its villages: nobody lives there, and it is still no part of another place."""
        outer = set(self.parent.values())
        return any(len(each) < VILLAGE_DIGITS and each not in outer for each in self.inside(place) - {place})

    def seat(self, place: str) -> str:
        """Who answers for a place: itself, or what an abolished one lay in last."""
        while place not in self.parent:
            place = self.lay[place]
        return place

    def seats(self, place: str) -> frozenset[str]:
        """Who answers for a place: itself; for an abolished one what it lay in last, and the one place all went to."""
        return frozenset((self.seat(place), self.home(place) or self.seat(place)))

    def heirs(self, place: str) -> frozenset[str]:
        """Where the people of an abolished place, and of all that was abolished inside it, live now."""
        gone = {each for each in self.lay if each not in self.parent}
        begun = {(each, "") for each in (place, *(each for each in gone if place in self._lain(each)))}
        found, fresh = set(begun), begun
        while fresh:
            fresh = {
                (new, edition) for edition, old, new in self.became for at, came in fresh
                if old == at and edition > came and ((at, came) in begun or edition <= (self.over(at, came) or edition))
            } - found  # fmt: skip
            found |= fresh
        return frozenset(at for at, came in found if at in self.parent and self.over(at, came) is None)

    def over(self, place: str, since: str) -> str | None:
        """The first edition after this one in which the code did not stand: whoever has it later is another place."""
        return next((each for each in self.past if each > since and each not in self.seen.get(place, ())), None)

    def _lain(self, place: str) -> Iterator[str]:
        while place in self.lay and place not in self.parent:
            place = self.lay[place]
            yield place
        yield from (each for each in self.above(place))

    def home(self, place: str) -> str:
        """Where a household of this place lives: there, or in the one place that all its people went to."""
        met, since, over = {place}, "", "" if place not in self.parent else None
        while over is not None:
            went = {(new, edition) for edition, old, new in self.became if old == place and over in ("", edition)}
            if len({new for new, _ in went}) != 1:
                return ""
            place, since = max(went, key=lambda each: each[1])
            if place in met:
                return ""
            met.add(place)
            over = self.over(place, since)
        return place

    def grown(self, place: str, since: str) -> bool:
        """Whether a standing code was out of use, or took in the people of another one, since then."""
        gap = any(edition >= since and edition not in self.seen[place] for edition in self.past)
        return gap or any(edition > since and new == place for edition, _, new in self.became)

    # --- tables -----------------------------------------------------------------------------------------------------
    def table(self) -> bytes:
        """The edition as it is handed in."""
        lines = ["code,name,level,parent_code,code12"]
        for code in sorted(self.parent):
            lines.append(
                f"{code},{self.names[code]},{LEVELS[len(code)]},{self.parent[code] or ''},{code.ljust(12, '0')}"
            )
        return "\n".join([*lines, ""]).encode()

    def of(self, digits: int) -> list[str]:
        return sorted(code for code in self.parent if len(code) == digits)


def first() -> Land:
    """The land as it was when everything began: two hamlets in every village."""
    names = {code: f"地{code}" for code in PARENT}
    hamlets = {code: frozenset((f"{code}a", f"{code}b")) for code in PARENT if len(code) == VILLAGE_DIGITS}
    return Land(FIRST, dict(PARENT), names, hamlets, seen={code: frozenset((FIRST,)) for code in PARENT})


# --- what an edition may do -----------------------------------------------------------------------------------------
class Drafted:
    """The next edition in the making, and what has to be declared with it."""

    def __init__(self, old: Land, edition: str) -> None:
        self.old, self.edition, self.declared = old, edition, list[str]()
        self.parent, self.names, self.hamlets = dict(old.parent), dict(old.names), dict(old.hamlets)
        self.changed, self.lay, self.became = dict(old.changed), dict(old.lay), list(old.became)

    def made(self) -> Land:
        seen = {code: self.old.seen.get(code, frozenset()) | {self.edition} for code in self.parent}
        return replace(
            self.old, edition=self.edition, parent=self.parent, names=self.names, hamlets=self.hamlets, changed=self.changed,
            lay=self.lay, became=tuple(self.became), seen=self.old.seen | seen, past=(*self.old.past, self.edition),
        )  # fmt: skip

    def tables(self) -> bytes:
        return "\n".join(["change,old_code,new_code", *self.declared, ""]).encode()

    # --- single strokes ---------------------------------------------------------------------------------------------
    def drop(self, code: str, *heirs: str) -> None:
        self.lay[code] = str(self.parent.pop(code))
        self.hamlets.pop(code, None)
        for each in heirs:
            self.succeed(code, each)
        if not heirs:
            self.declared.append(f"abolished,{code},")

    def succeed(self, old: str, new: str) -> None:
        self.declared.append(f"successor,{old},{new}")
        self.became.append((self.edition, old, new))
        self.changed[new] = self.edition

    def put(self, code: str, parent: str, hamlets: frozenset[str] | None = None) -> str:
        """A code that does not stand comes up, new or once more."""
        if code in self.old.seen:
            self.declared.append(f"returned,,{code}")
        self.parent[code], self.changed[code] = parent, self.edition
        self.names.setdefault(code, f"地{code}")
        if len(code) == VILLAGE_DIGITS:
            self.hamlets[code] = hamlets if hamlets is not None else frozenset((f"{code}-{self.edition}",))
        return code

    def fresh(self, town: str, digits: int = VILLAGE_DIGITS) -> str:
        """A code that was never used, inside this one."""
        width = digits - len(town)
        return next(
            code for n in range(901, 999) if (code := f"{town}{str(n)[:width]}") not in self.old.seen and code not in self.parent
        )  # fmt: skip

    # --- whole changes ----------------------------------------------------------------------------------------------
    def renamed(self, draw: Draw) -> None:
        """Another name, and not said to be the same place: it may be somebody else."""
        code = draw.choice((*self.old.of(VILLAGE_DIGITS), *self.old.of(TOWN_DIGITS)))
        self.names[code] += "改"
        self.changed[code] = self.edition

    def respelt(self, draw: Draw) -> None:
        """Another name for the same place, and said to be so."""
        code = draw.choice((*self.old.of(VILLAGE_DIGITS), *self.old.of(TOWN_DIGITS)))
        self.names[code] += "新"
        self.declared.append(f"renamed,{code},{code}")

    def moved(self, draw: Draw) -> None:
        """A village goes to another township, or a township to another county, under its code."""
        digits = draw.choice((VILLAGE_DIGITS, VILLAGE_DIGITS, VILLAGE_DIGITS, TOWN_DIGITS))
        code = draw.choice(self.old.of(digits))
        others = [each for each in self.old.of({12: 9, 9: 6}[digits]) if each != self.parent[code]]
        if others:
            self.parent[code], self.changed[code] = draw.choice(others), self.edition

    def merged(self, draw: Draw) -> None:
        """The people of a village join another one."""
        code = draw.choice(self.old.of(VILLAGE_DIGITS))
        other = draw.choice([each for each in self.old.of(VILLAGE_DIGITS) if each != code] or [code])
        if other != code:
            self.hamlets[other] |= self.hamlets[code]
            self.drop(code, other)

    def recoded(self, draw: Draw) -> None:
        """A village goes on under another code, here or in another township."""
        code = draw.choice(self.old.of(VILLAGE_DIGITS))
        town = draw.choice((str(self.parent[code]), draw.choice(self.old.of(TOWN_DIGITS))))
        new = self.put(self.fresh(town), town, self.hamlets[code])
        self.drop(code, new)

    def parted(self, draw: Draw) -> None:
        """A part of a village becomes one of its own; the rest keeps the code, or gets a new one too."""
        wide = [each for each in self.old.of(VILLAGE_DIGITS) if len(self.hamlets[each]) > 1]
        if not wide:
            return
        code = draw.choice(wide)
        town, (part, *rest) = str(self.parent[code]), sorted(self.hamlets[code])
        new = self.put(self.fresh(town), town, frozenset((part,)))
        if draw.choice((True, False)):
            self.hamlets[code] = frozenset(rest)
            self.succeed(code, new)
        else:
            other = self.put(self.fresh(town), town, frozenset(rest))
            self.drop(code, new, other)

    def ended(self, draw: Draw) -> None:
        """A village is no more, and nothing takes its place."""
        self.drop(draw.choice(self.old.of(VILLAGE_DIGITS)))

    def dissolved(self, draw: Draw) -> None:
        """A township ends; its villages go to another one, or to a new one, under their codes or under new ones."""
        town = draw.choice(self.old.of(TOWN_DIGITS))
        others = [each for each in self.old.of(TOWN_DIGITS) if each != town]
        county = str(self.parent[town])
        new = (
            self.put(self.fresh(county, TOWN_DIGITS), county)
            if not others or draw.choice((True, False))
            else draw.choice(others)
        )
        for code in [each for each in self.old.of(VILLAGE_DIGITS) if self.parent[each] == town]:
            if draw.choice((True, False)):
                self.parent[code], self.changed[code] = new, self.edition
            else:
                self.drop(code, self.put(self.fresh(new), new, self.hamlets[code]))
        self.drop(town, new)

    def founded(self, draw: Draw) -> None:
        """A village nobody knew, or a code that was in use before for another one."""
        town = draw.choice(self.old.of(TOWN_DIGITS))
        idle = [each for each in self.old.seen if each not in self.parent and len(each) == VILLAGE_DIGITS]
        self.put(draw.choice((*idle, *idle, self.fresh(town))), town)

    def refound(self, draw: Draw, idle: Sequence[str]) -> None:
        """One of these codes is used once more."""
        code = draw.choice(idle)
        self.put(code, draw.choice(self.old.of(VILLAGE_DIGITS - 3 if len(code) == VILLAGE_DIGITS else len(COUNTY))))


KINDS: dict[str, Callable[[Drafted, Draw], None]] = {
    name: getattr(Drafted, name)
    for name in ("renamed", "respelt", "moved", "merged", "recoded", "parted", "ended", "dissolved", "founded")
}  # fmt: skip
USUAL = ("renamed", "respelt", "moved", "moved", "moved", "merged", "merged", "recoded", "parted", "ended", "dissolved", "dissolved",
         "founded", "founded")  # fmt: skip
