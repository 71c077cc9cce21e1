"""The working days, and the deadlines counted in them (S15, S18).

Layers: the nation, then each division on the path that keeps days of its own (Ningxia: 开斋节, 古尔邦节). The first day
is not counted, a deadline on a day off moves to the next workday, and a month ends on the corresponding day or on the
month's last. Beyond the last loaded day only weekends are known: such a deadline is provisional, never an exception.
"""

from __future__ import annotations

import calendar as gregorian
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from authz import refusal, table

Day = date
NATION: Final = "nation"
INDEX: Final = "layers.csv"
MOST_DAYS: Final = 3660
_EARLIEST, _LATEST = date(1950, 1, 1), date(2199, 12, 31)
_WEEKDAYS: Final = 5
_DECEMBER: Final = 12
_INDEX: Final = ("layer", "file", "first", "last")
_DAYS: Final = ("date", "name", "kind", "source")
_FILE: Final = re.compile(r"[a-z0-9_]+\.csv")
_KINDS: Final = {"off": False, "work": True}


@dataclass(frozen=True, slots=True)
class Layer:
    """The days one authority has declared, and the first and last day its declarations speak for."""

    name: str
    first: date
    last: date
    workdays: Mapping[date, bool]

    def speaks_for(self, day: date) -> bool:
        """Whether the notice of that year was loaded."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Deadline:
    """A last day. `provisional` if a counted day was beyond the loaded notices of the nation.

    `counted` is the number of working days, `skipped` the declared days off that fell on a weekday, and `unheard` the
    regional layers without a notice for some counted day: the date stands, but a regional holiday may be missing.
    """

    date: Day
    provisional: bool
    counted: int
    skipped: tuple[Day, ...]
    unheard: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The layers of working days, the nation first."""

    layers: Mapping[str, Layer]

    def workday(self, day: date, division_path: Iterable[str] = ()) -> bool:
        """Whether people work on that day there; the innermost layer that names the day decides."""
        works = day.weekday() < _WEEKDAYS
        for layer in self._on(division_path):
            works = layer.workdays.get(day, works)
        return works

    def deadline(self, start: date, days: int, division_path: Iterable[str] = ()) -> Deadline:
        """The day on which `days` working days after `start` are over; `start` itself is never counted."""
        if not 1 <= days <= MOST_DAYS:
            raise refusal.Misshapen(f"工作日天数应在 1 至 {MOST_DAYS} 之间，请更正后重新提交")
        _check(start)
        path = tuple(division_path)
        day, counted = start, 0
        while counted < days:
            day += timedelta(days=1)
            counted += self.workday(day, path)
        return self._ending(start, day, path, counted)

    def month_after(self, start: date, division_path: Iterable[str] = ()) -> Deadline:
        """The corresponding day of the next month, or its last day, moved off a day off."""
        _check(start)
        path = tuple(division_path)
        year, month = (start.year + 1, 1) if start.month == _DECEMBER else (start.year, start.month + 1)
        day = date(year, month, min(start.day, gregorian.monthrange(year, month)[1]))
        while not self.workday(day, path):
            day += timedelta(days=1)
        counted = sum(self.workday(start + timedelta(days=n), path) for n in range(1, (day - start).days + 1))
        return self._ending(start, day, path, counted)

    def _on(self, division_path: Iterable[str]) -> tuple[Layer, ...]:
        return tuple(self.layers[name] for name in (NATION, *division_path) if name in self.layers)

    def _ending(self, start: date, end: date, path: tuple[str, ...], counted: int) -> Deadline:
        days = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
        skipped = tuple(day for day in days if day.weekday() < _WEEKDAYS and not self.workday(day, path))
        silent = [layer.name for layer in self._on(path) if not all(layer.speaks_for(day) for day in days)]
        return Deadline(end, NATION in silent, counted, skipped, tuple(name for name in silent if name != NATION))


def files_of(index: bytes) -> tuple[str, ...]:
    """The files the index of layers names."""
    found = table.rows("layers.csv", index, _INDEX)
    for line in found:
        if _FILE.fullmatch(line.fields[1]) is None:
            table.bad("layers.csv", line.number, "文件名不规范", "bad file name")
    return tuple(line.fields[1] for line in found)


def parse(index: bytes, files: Mapping[str, bytes]) -> Calendar:
    """The calendar out of `layers.csv` and the files it names."""
    layers: dict[str, Layer] = {}
    for line in table.rows("layers.csv", index, _INDEX):
        name, file, first, last = line.fields
        if name in layers:
            table.bad("layers.csv", line.number, "同一层级重复", "layer named twice")
        since, until = _day("layers.csv", line.number, first), _day("layers.csv", line.number, last)
        layers[name] = Layer(name, since, until, _workdays(file, files[file], since, until))
    if next(iter(layers), None) != NATION:
        table.bad("layers.csv", 1, "第一层应为 nation", "the first layer must be the nation")
    return Calendar(MappingProxyType(layers))


def parse_bundle(files: Mapping[str, bytes]) -> Calendar:
    """The calendar out of its index and exactly the files that the index names."""
    index = files.get(INDEX)
    if index is None:
        table.bad(INDEX, 1, "缺少日历目录", "missing index of calendars")
    for name in {*files} - {INDEX} ^ {*files_of(index)}:
        table.bad(name, 1, "日历文件缺少或多余", "missing or unexpected calendar file")
    return parse(index, files)


def _workdays(file: str, data: bytes, first: date, last: date) -> Mapping[date, bool]:
    days: dict[date, bool] = {}
    for line in table.rows(file, data, _DAYS):
        written, _, kind, source = line.fields
        day = _day(file, line.number, written)
        if kind not in _KINDS or not source or day in days or not first <= day <= last:
            table.bad(file, line.number, "类别、来源或日期不正确", "bad kind, no source, repeated or outside the layer")
        days[day] = _KINDS[kind]
    return MappingProxyType(days)


def _day(file: str, line: int, written: str) -> date:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        table.bad(file, line, "日期应为 YYYY-MM-DD", "not a date")
    if day.isoformat() != written:
        table.bad(file, line, "日期应为 YYYY-MM-DD", "not a date")
    return day


def _check(start: date) -> None:
    if not _EARLIEST <= start <= _LATEST:
        raise refusal.Misshapen("起算日期不在可计算的范围内，请更正后重新提交")
