"""The past of the divisions: what codes were called, what took their place, and since when each stands as it is.

An edition is three tables, and the record names them by one digest:

    tree       every division of the edition with its parent
    history    the name of every code in every edition so far; a code that is absent did not exist
    changes    what became what between two editions, one row per change

A code that is abolished lives on here: it has a seat (who answers for it now) and heirs (what took over its people).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from authz import table
from authz.division import LEVELS, Divisions, check_code, parse_divisions
from authz.refusal import BadDivisionCode

TREE: Final = "ningxia.csv"
HISTORY: Final = "ningxia_history.csv"
CHANGES: Final = "ningxia_changes_2019_2023.csv"
HEAD: Final = ("as_of_from", "as_of_to", "level", "change", "old_code", "old_name", "new_code", "new_name")
RECODED: Final = ("recoded_same_name", "recoded")
"""The old code's people live on under the new code."""
SAME_PLACE, MOVED, LAY_IN = "renamed_same_place", "moved_same_code", "lay_in"
"""Another name for the same place; the same code under another parent; the parent that a code had before."""


@dataclass(frozen=True, slots=True)
class Edge:
    """From this edition on, people of `old` live under the code `new`."""

    edition: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """The names a code has had, edition by edition: an abolished code is told apart from a wrong one (G11, G14).

    `names` holds (edition, name) pairs in order; an edition without the code is absent. `lay` holds the parent a code
    once had where the code itself does not say it. `seat` and `heirs` are told of abolished codes only, and so is `sole`:
    the one standing place that took an abolished one over as a whole, if there is one.
    """

    editions: tuple[str, ...]
    names: Mapping[str, tuple[tuple[str, str], ...]]
    edges: tuple[Edge, ...] = ()
    since: Mapping[str, str] = field(default_factory=dict)
    lay: Mapping[str, str] = field(default_factory=dict)
    moves: tuple[Edge, ...] = ()
    """Codes that went under another parent: edition, code, and the parent they left."""
    seat: Mapping[str, str] = field(default_factory=dict)
    heirs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sole: Mapping[str, str] = field(default_factory=dict)

    def known_once(self, code: str) -> bool:
        """Whether any loaded edition had the code."""
        return code in self.names

    def name_in(self, code: str, edition: str) -> str | None:
        """What the code was called in an edition, or None if it did not exist then."""
        return dict(self.names.get(code, ())).get(edition)

    def successors(self, code: str) -> tuple[str, ...]:
        """What took over the code directly."""
        return tuple(dict.fromkeys(each.new for each in self.edges if each.old == code))

    def above(self, code: str) -> tuple[str, ...]:
        """The codes that an abolished one lay in, the nearest first, as far as they were ever divisions."""
        found: list[str] = []
        at = self._outer(code)
        while at is not None and at not in found:
            found.append(at)
            at = self._outer(at)
        return tuple(found)

    def lay_in(self, code: str, edition: str, divisions: Divisions) -> str | None:
        """What the code lay in directly in a past edition, as far as is known."""
        left = next((each.new for each in self.moves if each.old == code and each.edition > edition), None)
        return left or (divisions.get(code).parent if divisions.known(code) else self._outer(code))

    def _outer(self, code: str) -> str | None:
        return self.lay[code] if code in self.lay else _written_in(code, self.names)

    def descent(self, code: str, since: str = "") -> frozenset[str]:
        """The code, all that lay in it, and what any of these became after the edition `since`."""
        return frozenset(each for each, _ in self._descent(code, since))

    def heirs_of(self, code: str) -> frozenset[str]:
        """Of these, the codes under which its people have stood ever since. A code used again is another place (G12)."""
        return frozenset(each for each, came in self._descent(code, "") if self.left(each, came) is None)

    def left(self, code: str, since: str) -> str | None:
        """The first edition after this one without the code; None if it has stood ever since."""
        stood = {edition for edition, _ in self.names.get(code, ())}
        return next((each for each in self.editions if each > since and each not in stood), None)

    def _descent(self, code: str, since: str) -> frozenset[tuple[str, str]]:
        """Each with the edition its people came there with; from there they go on until the code ends."""
        found = {(each, since) for each in (code, *(each for each in self.seat if code in self.above(each)))}
        first, waiting = frozenset(found), list(found)
        while waiting:
            at, came = waiting.pop()
            end = None if (at, came) in first else self.left(at, came)
            went = {
                (each.new, each.edition) for each in self.edges
                if each.old == at and each.edition > came and (end is None or each.edition <= end)
            }  # fmt: skip
            waiting.extend(went - found)
            found |= went
        return frozenset(found)


def parse_bundle(edition: str, files: Mapping[str, bytes]) -> tuple[Divisions, Lineage]:
    """The tree and the lineage of an edition out of its files."""
    for name in {*files} ^ {TREE, HISTORY, CHANGES}:
        table.bad(name, 1, "区划文件缺少或多余", "missing or unexpected file of divisions")
    found = parse_lineage(files[HISTORY], files[CHANGES])
    plain = parse_divisions(edition, TREE, files[TREE])
    since = _since(found, plain, tuple(changes(files[CHANGES])))
    gone = [code for code in found.names if not plain.known(code)]
    sole = _sole(found, plain, gone)
    rows = [replace(row, since=since.get(row.code, "")) for row in plain]
    divisions = Divisions(edition, rows, {code: sole.get(code, "") for code in gone})
    # A first pass gives the seats, which `descent` climbs in the second.
    seats = {code: _standing(found.above(code), plain) for code in gone}
    found = replace(found, since=MappingProxyType(since), seat=MappingProxyType(seats))
    heirs = {code: frozenset(filter(plain.known, found.heirs_of(code))) for code in gone}
    return divisions, replace(found, heirs=MappingProxyType(heirs), sole=MappingProxyType(sole))


def _sole(found: Lineage, divisions: Divisions, gone: Iterable[str]) -> dict[str, str]:
    """For each abolished code, the standing one at the end of single successors, each of which stood until the next."""
    after: dict[str, list[Edge]] = {}
    for each in found.edges:
        after.setdefault(each.old, []).append(each)
    sole: dict[str, str] = {}
    for code in gone:
        at, seen, steps = code, {code}, after.get(code, [])
        while len({each.new for each in steps}) == 1:
            at, came = steps[-1].new, max(each.edition for each in steps)
            end = found.left(at, came)
            if at in seen or (end is None and not divisions.known(at)):
                break
            if end is None:
                sole[code] = at
                break
            seen.add(at)
            steps = [each for each in after.get(at, ()) if each.edition == end]
    return sole


def parse_lineage(history: bytes, changed: bytes) -> Lineage:
    """The lineage out of the history table (one column per edition) and the list of changes."""
    head, *body = table.lines(HISTORY, history) or (table.Line(1, ()),)
    if head.fields[:2] != ("code", "level"):
        table.bad(HISTORY, head.number, "表头应以 code,level 开头", "unexpected header")
    editions = head.fields[2:]
    names: dict[str, tuple[tuple[str, str], ...]] = {}
    for line in body:
        code, _, *given = line.fields
        if len(given) != len(editions) or code in names or not _is_code(code):
            table.bad(HISTORY, line.number, "列数不符、代码重复或代码不规范", "wrong arity, repeated code or bad code")
        names[code] = tuple((edition, name) for edition, name in zip(editions, given, strict=True) if name)
    rows = tuple(changes(changed))
    edges = tuple(Edge(each.edition, each.old, each.new) for each in rows if each.kind in RECODED)
    lay = {each.old: each.new for each in rows if each.kind == LAY_IN}
    told = {(each.edition, each.old): each.new for each in rows if each.kind == LAY_IN}
    moves = tuple(
        Edge(each.edition, each.old, told.get((each.edition, each.old)) or _written_in(each.old, names) or "")
        for each in sorted(rows, key=lambda each: each.edition) if each.kind == MOVED
    )  # fmt: skip
    return Lineage(editions, MappingProxyType(names), edges, lay=MappingProxyType(lay), moves=moves)


def _written_in(code: str, names: Mapping[str, object]) -> str | None:
    """What a code says that it lies in."""
    shorter = [code[:width] for width in LEVELS if width < len(code)]
    return next((each for each in reversed(shorter) if len(each) < len("640324") or each in names), None)


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the changes: what `old` became in this edition. Codes and names that do not apply are empty."""

    edition: str
    kind: str
    old: str
    old_name: str
    new: str
    new_name: str


def changes(data: bytes, edition: str | None = None) -> Iterator[Change]:
    """The rows of the list of changes, or those of one edition."""
    for line in table.rows(CHANGES, data, HEAD):
        _, until, _, kind, old, old_name, new, new_name = line.fields
        if edition in (None, until):
            yield Change(until, kind, old, old_name, new, new_name)


def _is_code(text: str) -> bool:
    try:
        check_code(text)
    except BadDivisionCode:
        return False
    return True


def _standing(above: Iterable[str], divisions: Divisions) -> str:
    found = next((each for each in above if divisions.known(each)), None)
    return divisions.roots()[0].code if found is None else found


def _since(lineage: Lineage, divisions: Divisions, rows: tuple[Change, ...]) -> dict[str, str]:
    """The edition from which each code has stood with the identity it has; codes that always did are left out.

    A name that changed by more than its spelling is another identity, unless the change was declared to be one of the
    same place: from a table alone, a renaming and a second use of a code look alike (G12).
    """
    found: defaultdict[str, str] = defaultdict(str)
    same = {(each.edition, each.new) for each in rows if each.kind == SAME_PLACE}
    first = lineage.editions[0] if lineage.editions else ""
    for code, named in lineage.names.items():
        before: tuple[str, str] | None = None
        for edition, name in named:
            place = lineage.editions.index(edition)
            gap = before is None or lineage.editions.index(before[0]) != place - 1
            if gap:
                found[code] = "" if edition == first else edition
            elif before is not None and name != before[1] and (edition, code) not in same:
                old, new = (
                    stem(each, _outer_names(code, at, lineage, divisions)) for at, each in (before, (edition, name))
                )
                found[code] = edition if old != new else found[code]
            before = (edition, name)
    for each in rows:
        if each.kind == MOVED or each.kind in RECODED:
            found[each.new] = max(found[each.new], each.edition)
    return {code: edition for code, edition in found.items() if edition}


def _outer_names(code: str, edition: str, lineage: Lineage, divisions: Divisions) -> tuple[str, ...]:
    shorter = (code[:width] for width in LEVELS if width < len(code))
    named = (
        lineage.name_in(each, edition) or (divisions.get(each).name if divisions.known(each) else None)
        for each in shorter
    )
    return tuple(each for each in named if each)


_KINDS: Final = (
    (re.compile("(?:社区)?居(?:民委员|委)会$|社区$"), "居"), (re.compile("村?村(?:民委员|委)会$|村$"), "村"),
    (re.compile("(?:街道)?办事处$|街道$"), "街"),
)  # fmt: skip
_SHORT: Final = re.compile("(?:壮族|回族|维吾尔)?自治区$|省$")


def stem(name: str, outer: Iterable[str] = ()) -> str:
    """A name without what drifts: the names of what it lies in written before it, and the forms of one kind of body.

    For comparing only (G16): 兴民村委会, 兴民村村民委员会 and 宁夏…长兴街道兴民村村民委员会 are one name.
    """
    kept = unicodedata.normalize("NFKC", name).strip()
    for each in outer:
        for form in (each, _SHORT.sub("", each)):
            if form and kept.startswith(form) and len(kept) > len(form):
                kept = kept[len(form) :]
                break
    for form_, kind in _KINDS:
        if (found := form_.search(kept)) and found.start():
            return kept[: found.start()] + kind
    return kept
