"""A new edition of the divisions, worked out from the one in force, a new tree and what is declared about the changes.

The tables come from other hands: each line is checked before anything is compared, and the first fault refuses the
whole, with its file, its line and what to do. What the tree alone cannot say has to be declared, one line each:

    successor   the people of an old code live on under a new one; several lines split or merge
    abolished   an old code ends and nothing takes its place
    renamed     another name for the same place (otherwise a new name may be a second use of the code, G12)
    returned    a code that was used before is used again (G14)

The result is a whole bundle of its own: the new tree, the names of all editions, and the changes of all of them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authz import lineage, table
from authz.division import LEVELS, Division, Divisions
from authz.lineage import CHANGES, HISTORY, LAY_IN, MOVED, SAME_PLACE, TREE, Change, Lineage

NEW_TREE: Final = "tree"
DECLARED: Final = "changes"
"""What the two tables that are handed in are called where one of their lines is refused."""
TREE_HEAD: Final = ("code", "name", "level", "parent_code", "code12")
DECLARED_HEAD: Final = ("change", "old_code", "new_code")
SUCCESSOR, ABOLISHED, RENAMED, RETURNED = WORDS = ("successor", "abolished", "renamed", "returned")
LONGEST_NAME: Final = 64
KINDS: Final = (
    "added", "removed", *lineage.RECODED, "renamed_same_code", SAME_PLACE, MOVED, "returned",
)  # fmt: skip
MOST_ROWS: Final = 20_000
_EDITION: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RANK: Final = {level: rank for rank, level in enumerate(LEVELS.values())}
_CODE: Final = re.compile("[0-9]{2}(?:[0-9]{2}){0,2}|[0-9]{9}|[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared line with its number in the table."""

    line: int
    word: str
    old: str
    new: str


def revise(files: Mapping[str, bytes], base: str, edition: str, tree: bytes, declared: bytes) -> dict[str, bytes]:
    """The bundle of the new edition; `table.BadTable` with the first fault of what was handed in."""
    old, past = lineage.parse_bundle(base, files)
    if not _EDITION.fullmatch(edition) or edition <= base:
        table.bad(NEW_TREE, 1, f"新版日期应晚于现行版本 {base}", "not a later edition")
    rows = {row.code: row for row in _tree(tree, old)}
    new = Divisions(edition, rows.values())
    said = _declared(declared, old, past, new)
    made = sorted(_changes(edition, old, past, new, said), key=lambda each: (each.kind, each.old, each.new))
    return {
        TREE: _written(TREE_HEAD, ([r.code, r.name, r.level, r.parent or "", r.code.ljust(12, "0")] for r in new)),
        HISTORY: _history(files[HISTORY], edition, old, new),
        CHANGES: files[CHANGES] + _written((), ([base, *_row(each)] for each in made)),
    }


def _row(change: Change) -> list[str]:
    level = LEVELS[len(change.new or change.old)]
    return [change.edition, level, change.kind, change.old, change.old_name, change.new, change.new_name]


# --- the tree -------------------------------------------------------------------------------------------------------
def _tree(data: bytes, old: Divisions) -> Iterator[Division]:
    lines = table.rows(NEW_TREE, data, TREE_HEAD)
    if not 1 <= len(lines) <= MOST_ROWS:
        table.bad(NEW_TREE, 1, f"应有 1 至 {MOST_ROWS} 行区划", "no rows, or too many")
    levels = {line.fields[0]: line.fields[2] for line in lines}
    seen: set[str] = set()
    for line in lines:
        code, name, level, parent, padded = line.fields
        fault = _fault(code, name, level, padded) or _misplaced(code, level, parent, levels, old)
        if fault is None and code in seen:
            fault = ("代码重复，每个代码只能出现一次", "code occurs twice")
        if fault is not None:
            table.bad(NEW_TREE, line.number, *fault)
        seen.add(code)
        yield Division(code, name, level, parent or None)
    gone = [row.code for row in old.roots() if row.code not in seen]
    if gone:
        table.bad(NEW_TREE, 1, "缺少自治区一级，请提交全区完整的区划表", "the root is missing")


def _fault(code: str, name: str, level: str, padded: str) -> tuple[str, str] | None:
    if _CODE.fullmatch(code) is None:
        return "代码应为 2、4、6、9 或 12 位半角数字", "bad code"
    if level != LEVELS[len(code)]:
        return "级别与代码位数不符", "level does not fit the width"
    if name != name.strip() or not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        return f"名称应为 1 至 {LONGEST_NAME} 个可见的字，首尾不留空格", "bad name"
    if padded != code.ljust(12, "0"):
        return "code12 应为代码补零至 12 位", "padded form does not fit"
    return None


def _misplaced(code: str, level: str, parent: str, levels: Mapping[str, str], old: Divisions) -> tuple[str, str] | None:
    if not parent:
        return None if code in {row.code for row in old.roots()} else ("缺少上级代码", "orphan")
    if parent not in levels:
        return "上级代码不在本表中", "unknown parent"
    # Each parent stands strictly above its child, so the links cannot run in a circle.
    if _RANK.get(levels[parent], len(_RANK)) >= _RANK[level]:
        return "上级的级别应高于本级", "the parent does not stand above it"
    return None


# --- what is declared -----------------------------------------------------------------------------------------------
def _declared(data: bytes, old: Divisions, past: Lineage, new: Divisions) -> tuple[Declared, ...]:
    found: dict[tuple[str, str, str], Declared] = {}
    for line in table.rows(DECLARED, data, DECLARED_HEAD):
        each = Declared(line.number, *line.fields)
        fault = _undeclarable(each, old, past, new)
        if (each.word, each.old, each.new) in found:
            fault = ("此行重复", "declared twice")
        if fault is not None:
            table.bad(DECLARED, each.line, *fault)
        found[each.word, each.old, each.new] = each
    said = tuple(found.values())
    ended = {each.old: each.line for each in said if each.word == ABOLISHED}
    for each in said:
        if each.word == SUCCESSOR and each.old in ended:
            table.bad(DECLARED, each.line, "同一代码既写了撤销无接替，又写了接替", "abolished and succeeded")
    told = {each.old for each in said if each.word in (SUCCESSOR, ABOLISHED)}
    for row in old:
        if not new.known(row.code) and row.code not in told:
            table.bad(
                DECLARED, 1, f"{row.code}（{row.name}）在新版中没有了：请写明接替的代码（successor），或写明撤销（abolished）",
                "a removed code without a word",
            )  # fmt: skip
    back = {each.new for each in said if each.word == RETURNED}
    for row in new:
        if not old.known(row.code) and past.known_once(row.code) and row.code not in back:
            table.bad(
                DECLARED, 1, f"{row.code} 曾经用过，现又启用：请写明 returned", "a used code returns without a word"
            )
    return said


def _undeclarable(each: Declared, old: Divisions, past: Lineage, new: Divisions) -> tuple[str, str] | None:
    if each.word not in WORDS:
        return f"应为 {'、'.join(WORDS)} 之一", "unknown kind of change"
    if each.word == SUCCESSOR:
        if not old.known(each.old) or not new.known(each.new) or each.old == each.new:
            return "原代码应在现行版本中，接替的代码应在新版中，且两者不同", "edge to or from an unknown code"
        same = len(each.old) == len(each.new)
        return None if same else ("接替的代码应与原代码同级", "a successor of another level")
    if each.word == ABOLISHED:
        fits = old.known(each.old) and not new.known(each.old) and not each.new
        return None if fits else ("撤销的代码应在现行版本中而不在新版中，新代码留空", "not abolished")
    if each.word == RENAMED:
        fits = each.old == each.new and old.known(each.old) and new.known(each.new)
        fits = fits and old.get(each.old).name != new.get(each.new).name
        return None if fits else ("更名的代码应两版都有、名称不同，两列填同一代码", "not renamed")
    fits = not each.old and new.known(each.new) and not old.known(each.new) and past.known_once(each.new)
    return None if fits else ("恢复的代码应曾经用过、现行版本没有而新版有，原代码留空", "not returned")


# --- the changes ----------------------------------------------------------------------------------------------------
def _changes(
    edition: str, old: Divisions, past: Lineage, new: Divisions, said: tuple[Declared, ...]
) -> Iterator[Change]:
    def named(kind: str, before: str, after: str) -> Change:
        names = (tree.get(code).name if tree.known(code) else "" for tree, code in ((old, before), (new, after)))
        return Change(edition, kind, before, next(names), after, next(names))

    edges = [(each.old, each.new) for each in said if each.word == SUCCESSOR]
    for before, after in edges:
        same = old.get(before).name == new.get(after).name
        yield named("recoded_same_name" if same else "recoded", before, after)
    fed, left = {after for _, after in edges}, {before for before, _ in edges}
    for row in old:
        if not new.known(row.code):
            if row.code not in left:
                yield named("removed", row.code, "")
            yield from _lay_in(edition, row, old, past)
            continue
        now = new.get(row.code)
        if now.name != row.name:
            yield named("renamed_same_code", row.code, row.code)
        if now.parent != row.parent:
            yield named(MOVED, row.code, row.code)
            yield from _lay_in(edition, row, old, past)
    for row in new:
        if not old.known(row.code) and row.code not in fed:
            yield named("added", "", row.code)
    for each in said:
        if each.word == RENAMED:
            yield named(SAME_PLACE, each.old, each.new)
        if each.word == RETURNED:
            yield named("returned", "", each.new)


def _lay_in(edition: str, row: Division, old: Divisions, past: Lineage) -> Iterator[Change]:
    """Where the division lay, if its code does not say so, or an earlier edition said otherwise."""
    shorter = [row.code[:width] for width in LEVELS if width < len(row.code) and old.known(row.code[:width])]
    if row.parent is not None and (not shorter or shorter[-1] != row.parent or row.code in past.lay):
        yield Change(edition, LAY_IN, row.code, row.name, row.parent, old.get(row.parent).name)


def _history(data: bytes, edition: str, old: Divisions, new: Divisions) -> bytes:
    """The names of all editions with a column for the new one. Region and cities enter it once they change."""
    head, *body = table.lines(HISTORY, data)
    kept = {
        line.fields[0]: [*line.fields, new.get(line.fields[0]).name if new.known(line.fields[0]) else ""]
        for line in body
    }
    earlier = len(head.fields) - 2
    for row in (*old, *new):
        short = len(row.code) < len("640324")
        stands = old.known(row.code) and new.known(row.code) and old.get(row.code) == new.get(row.code)
        if row.code not in kept and not (short and stands):
            before = old.get(row.code).name if old.known(row.code) else ""
            after = new.get(row.code).name if new.known(row.code) else ""
            kept[row.code] = [row.code, row.level, *([before] * earlier), after]
    return _written([*head.fields, edition], kept.values())


def _written(head: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if tuple(head):
        writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue().encode()


def counted(rows: Iterable[Change]) -> dict[str, int]:
    """How many changes of each kind; a successor of one of several, or of several, also counts as split or merged."""
    listed = tuple(rows)
    edges = [each for each in listed if each.kind in lineage.RECODED]
    found = dict.fromkeys(KINDS, 0)
    for kind in (each.kind for each in listed if each.kind != LAY_IN):
        found[kind] = found.get(kind, 0) + 1
    olds, news = [each.old for each in edges], [each.new for each in edges]
    found |= {"split": len({each for each in olds if olds.count(each) > 1})}
    return found | {"merged": len({each for each in news if news.count(each) > 1})}


def truncated(files: Mapping[str, bytes], edition: str) -> dict[str, bytes]:
    """The bundle as it stood at an earlier edition of its own history, its tree read from the width of the codes."""
    divisions, past = lineage.parse_bundle("9999-12-31", files)
    keep = [each for each in past.editions if each <= edition]
    short = [row for row in divisions if len(row.code) < len("640324")]
    named = {row.code: row.name for row in short} | {
        code: name for code in past.names if (name := past.name_in(code, edition))
    }
    tree = []
    for code, name in sorted(named.items()):
        outer = [code[:width] for width in LEVELS if width < len(code) and code[:width] in named]
        tree.append([code, name, LEVELS[len(code)], outer[-1] if outer else "", code.ljust(12, "0")])
    history = []
    for code, given in past.names.items():
        then = dict(given)
        if row := [then.get(each, "") for each in keep]:
            history += [[code, LEVELS[len(code)], *row]] if any(row) else []
    changed = [line.fields for line in table.rows(CHANGES, files[CHANGES], lineage.HEAD) if line.fields[1] <= edition]
    return {
        TREE: _written(TREE_HEAD, tree), HISTORY: _written(("code", "level", *keep), history),
        CHANGES: _written(lineage.HEAD, changed),
    }  # fmt: skip
