"""A holiday notice: the days off and make-up workdays that one authority declares for one span (放假安排).

Loading one extends its layer of the calendar, or replaces what the layer said about that span. What was loaded by
mistake is taken back: the layer says nothing about that span any more. Every deadline that either of them moves, or
makes provisional or final, is counted again, and the old and the new day go on record together (S15).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from authz import calendar, refusal, table
from authz.calendar import INDEX, NATION, Calendar, Layer
from authz.division import Divisions
from authz.fact import Change, Fact, Put, Where
from authz.founding import CalendarLoaded

MOST_DAYS: Final = 400
MOST_SPAN: Final = 430
"""Days: a notice speaks for one year; more is a mistake of the date, and its deadlines would not fit one entry."""
MOST_MOVED: Final = 1_500
_ONE: Final = timedelta(days=1)
_INDEX: Final = ("layer", "file", "first", "last")
_DAYS: Final = ("date", "name", "kind", "source")


class CalendarExtended(Fact):
    """From this entry on deadlines are counted with this notice too. `sha256` and `base` are the calendars after and before.

    `moved` are the deadlines of farmers' applications that changed, "first working-days old new"; those whose old day
    was provisional are among them even where the day stayed. `source` is a commitment.
    """

    sha256: str
    base: str
    layer: str
    first: str
    last: str
    count: int
    off: int
    source: str
    moved: tuple[str, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Put("charter", ("calendar",), {"value": self.sha256}),)


class CalendarWithdrawn(Fact):
    """From this entry on the layer says nothing about the days from first to last; with all of its days it is gone.

    The members are those of `CalendarExtended`: `count` days were declared there, `off` of them off. `reason` is a
    commitment.
    """

    sha256: str
    base: str
    layer: str
    first: str
    last: str
    count: int
    off: int
    reason: str
    moved: tuple[str, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Put("charter", ("calendar",), {"value": self.sha256}),)


@dataclass(frozen=True, slots=True)
class Named:
    """One declared day."""

    date: date
    name: str
    off: bool


@dataclass(frozen=True, slots=True)
class Span:
    """The days from first to last of a layer (`nation` or a division that keeps days of its own)."""

    layer: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Notice(Span):
    """What one notice declares for a span."""

    days: tuple[Named, ...]
    source: str


def extended(files: Mapping[str, bytes], notice: Notice, divisions: Divisions) -> dict[str, bytes]:
    """The calendar files with this notice in them; refused where it is no notice, or leaves a gap."""
    _check(notice, divisions)
    known = calendar.parse_bundle(files)
    layer = known.layers.get(notice.layer)
    if (layer is not None and not layer.first - _ONE <= notice.last) or (
        layer is not None and notice.first > layer.last + _ONE
    ):
        raise refusal.BadNotice("与已载入的安排之间有空缺，请先报送中间年份的通知")
    if layer is None:
        _must_be_near(notice, known.layers[NATION])
    name = f"layer_{notice.layer}.csv" if layer is None else _file_of(files[INDEX], notice.layer)
    kept = [row for row in _rows(files, name) if not notice.first <= date.fromisoformat(row[0]) <= notice.last]
    given = [(each.date.isoformat(), each.name, "off" if each.off else "work", notice.source) for each in notice.days]
    made = dict(files) | {name: _csv(_DAYS, sorted([*kept, *given]))}
    made[INDEX] = _csv(_INDEX, _index(files[INDEX], notice, name, layer))
    return made


def shortened(files: Mapping[str, bytes], span: Span) -> dict[str, bytes]:
    """The calendar files without what the layer says about this span: its first days, its last ones, or all of them."""
    layer = calendar.parse_bundle(files).layers.get(span.layer)
    if layer is None or not layer.first <= span.first <= span.last <= layer.last:
        raise refusal.BadNotice("该层级没有载入过这一段的安排，请核对层级和起止日期")
    ends, begins = span.last == layer.last, span.first == layer.first
    if not (begins or ends):
        raise refusal.BadNotice("只能从最早或最晚的一天起撤回；中间的一段请重新报送正确的安排，以后报的为准")
    if begins and span.layer == NATION:
        raise refusal.BadNotice("全国的安排只能从最晚的一天往前撤回，且不能全部撤回")
    name = _file_of(files[INDEX], span.layer)
    index = [line.fields for line in table.rows(INDEX, files[INDEX], _INDEX)]
    if begins and ends:
        rest = [row for row in index if row[0] != span.layer]
        left = {each: data for each, data in files.items() if each == INDEX or each in {row[1] for row in rest}}
        return left | {INDEX: _csv(_INDEX, rest)}
    kept = [row for row in _rows(files, name) if not span.first <= date.fromisoformat(row[0]) <= span.last]
    first, last = (layer.first, span.first - _ONE) if ends else (span.last + _ONE, layer.last)
    now = (span.layer, name, first.isoformat(), last.isoformat())
    made = {name: _csv(_DAYS, kept), INDEX: _csv(_INDEX, [now if row[0] == span.layer else row for row in index])}
    return dict(files) | made


def withdrawn(files: Mapping[str, bytes], base: str, digest: str, span: Span, clocks: Iterable[int], reason: str,
              path: tuple[str, ...], before: Calendar) -> CalendarWithdrawn:  # fmt: skip
    """The fact: what was taken back, and every deadline of these clocks that this moved or made provisional again."""
    after = calendar.parse_bundle(files)
    said = [off for day, off in before.layers[span.layer].workdays.items() if span.first <= day <= span.last]
    return CalendarWithdrawn(
        sha256=digest, base=base, layer=span.layer, first=span.first.isoformat(), last=span.last.isoformat(),
        count=len(said), off=said.count(False), reason=reason, moved=_moves(before, after, span, clocks, path),
    )  # fmt: skip


def loaded(files: Mapping[str, bytes], base: str, digest: str, notice: Notice, clocks: Iterable[int], source: str,
           path: tuple[str, ...], before: Calendar) -> CalendarExtended:  # fmt: skip
    """The fact: what the notice is, and every deadline of these clocks (working days) that it moved or made final."""
    after = calendar.parse_bundle(files)
    return CalendarExtended(
        sha256=digest, base=base, layer=notice.layer, first=notice.first.isoformat(), last=notice.last.isoformat(),
        count=len(notice.days), off=sum(each.off for each in notice.days), source=source,
        moved=_moves(before, after, notice, clocks, path),
    )  # fmt: skip


def _moves(before: Calendar, after: Calendar, span: Span, clocks: Iterable[int], path: tuple[str, ...]
           ) -> tuple[str, ...]:  # fmt: skip
    return tuple(" ".join(map(str, row)) for row in moved(before, after, span, sorted(clocks), path)[:MOST_MOVED])


def moved(before: Calendar, after: Calendar, span: Span, clocks: Iterable[int], path: tuple[str, ...]
          ) -> tuple[tuple[str, int, str, str], ...]:  # fmt: skip
    """The deadlines counted anew: every first day from which a clock reaches into the span."""
    found = []
    for days in clocks:
        start = span.first - timedelta(days=2 * days + 30)
        while start <= span.last:
            old, new = before.deadline(start, days, path), after.deadline(start, days, path)
            if old.date != new.date or old.provisional != new.provisional:
                found.append((start.isoformat(), days, old.date.isoformat(), new.date.isoformat()))
            start += _ONE
    return tuple(found)


def _check(notice: Notice, divisions: Divisions) -> None:
    if notice.layer != NATION and not divisions.known(notice.layer):
        raise refusal.BadNotice("发布层级应为 nation（全国）或一个现行的行政区划代码")
    if not notice.first <= notice.last or (notice.last - notice.first).days > MOST_SPAN:
        raise refusal.BadNotice("起止日期不正确，请核对年份")
    if not 1 <= len(notice.days) <= MOST_DAYS:
        raise refusal.BadNotice(f"应列出 1 至 {MOST_DAYS} 个日期")
    dates = [each.date for each in notice.days]
    if len(set(dates)) != len(dates):
        raise refusal.BadNotice("同一天出现了两次，请核对")
    if not all(notice.first <= each <= notice.last for each in dates):
        raise refusal.BadNotice("有日期不在所报的起止日期之内，请核对年份")
    weekend = 5
    for each in notice.days:
        if notice.layer == NATION and not each.off and each.date.weekday() < weekend:
            raise refusal.BadNotice("补班日应在周六或周日，请核对日期")


def _must_be_near(notice: Notice, nation: Layer) -> None:
    """Refuse a first notice of a layer for a year far from those of the nation: it is a mistake, and after it the right
    one would have to close the gap."""
    far = timedelta(days=MOST_SPAN)
    if notice.last < nation.first - far or notice.first > nation.last + far:
        raise refusal.BadNotice("所报年份离已载入的安排过远，请核对年份")


def _file_of(index: bytes, layer: str) -> str:
    found = table.rows(INDEX, index, _INDEX)
    return next(line.fields[1] for line in found if line.fields[0] == layer)


def _rows(files: Mapping[str, bytes], name: str) -> list[tuple[str, ...]]:
    if name not in files:
        return []
    return [line.fields for line in table.rows(name, files[name], _DAYS)]


def _index(index: bytes, notice: Notice, file: str, layer: Layer | None) -> list[tuple[str, ...]]:
    rows = [line.fields for line in table.rows(INDEX, index, _INDEX)]
    if layer is None:
        return [*rows, (notice.layer, file, notice.first.isoformat(), notice.last.isoformat())]
    first, last = min(layer.first, notice.first).isoformat(), max(layer.last, notice.last).isoformat()
    return [(row[0], row[1], first, last) if row[0] == notice.layer else row for row in rows]


def _csv(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue().encode()


__all__ = [
    "CalendarExtended", "CalendarLoaded", "CalendarWithdrawn", "Named", "Notice", "Span", "extended", "loaded", "moved",
    "shortened", "withdrawn",
]  # fmt: skip
