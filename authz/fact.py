"""Facts: what happened, in the past tense, in words that are never edited.

A fact class, once written to a log, is final: its name, its fields and their meaning stay as they are for as long as
any log exists. What has changed its shape is a new class beside the old one. Facts hold plain values only (text,
integers, truth values, null, and tuples or objects of these): ids, codes, numbers, instants, digests and salted
commitments, never a name, a free text or a measured value (those lie in the vault).

    {"kind":"GrantRevoked","grant":17,"reason":"<commitment>"}

A fact also says what it does to the register: `changes` lists new versions of register rows, a pure fold. The
register can therefore be rebuilt from the log alone.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, dataclass_transform

KINDS: dict[str, type[Fact]] = {}


class UnknownFact(ValueError):
    """The bytes are no fact this vocabulary ever wrote."""


@dataclass(frozen=True, slots=True)
class Put:
    """A new version of a register row: every column but the interval. `first` says that no version can stand yet."""

    table: str
    key: tuple[Any, ...]
    values: Mapping[str, Any]
    first: bool = False


@dataclass(frozen=True, slots=True)
class Amend:
    """A new version of a row that exists, with these columns changed."""

    table: str
    key: tuple[Any, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Once:
    """A row that is written if absent and never versioned (a set that only grows)."""

    table: str
    key: tuple[Any, ...]


Change = Put | Amend | Once


@dataclass(slots=True)  # not frozen: one is made per edit, and a frozen one is set member by member
class Where:
    """Where in the log a fact stands: entry number, instant, and who acted from which unit."""

    number: int
    at: datetime
    person: str | None = None
    unit: str | None = None


@dataclass_transform(frozen_default=True)
class Fact:
    """One thing that happened. Subclasses are frozen dataclasses and register themselves by name."""

    kind: ClassVar[str] = "Fact"
    decision: ClassVar[str | None] = None
    authority: ClassVar[bool] = True
    """Whether acts behind this one must be judged on a fresh read of the register."""
    _hints: ClassVar[dict[str, Any]]
    _names: ClassVar[frozenset[str]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.kind = cls.__name__
        if KINDS.setdefault(cls.kind, cls) is not cls and KINDS[cls.kind].__module__ != cls.__module__:
            raise TypeError(f"two facts are named {cls.kind}")
        dataclass(frozen=True, kw_only=True, init=False)(cls)
        cls._names = frozenset(each.name for each in dataclasses.fields(typing.cast(Any, cls)))
        KINDS[cls.kind] = cls

    def __init__(self, **told: Any) -> None:
        # Written out because a frozen dataclass sets its members one by one, and a fact of an edit has thirty-four.
        if told.keys() != self._names:
            raise TypeError(f"{self.kind} takes exactly {', '.join(sorted(self._names))}")
        self.__dict__.update(told)

    def plain(self) -> dict[str, Any]:
        """The fact as the JSON object that is stored, tuples as lists."""
        plain = dict(self.__dict__)
        plain["kind"] = self.kind
        return plain

    def changes(self, where: Where) -> tuple[Change, ...]:
        """What this fact does to the register; nothing by default."""
        del where
        return ()

    def search(self) -> dict[str, Any]:
        """Search columns of the entry: any of decision division cell operation grant household data_year quarter subject."""
        mine = self.__dict__
        return {name: mine[name] for name, kind in _SEARCH.items() if type(mine.get(name)) is kind}


_SEARCH = {
    "division": str, "cell": str, "operation": str, "grant": int, "household": str, "data_year": int, "quarter": int,
    "subject": int,
}  # fmt: skip


def parse(plain: Mapping[str, Any]) -> Fact:
    """The fact a stored object stands for; anything this vocabulary would not write raises UnknownFact."""
    kind = KINDS.get(typing.cast(str, plain.get("kind")))
    if kind is None:
        raise UnknownFact(f"no fact is named {plain.get('kind')!r}")
    hints = _hints(kind)
    if set(plain) != {*hints, "kind"}:
        raise UnknownFact(f"{kind.kind} has other fields")
    return kind(**{name: _typed(plain[name], hint, f"{kind.kind}.{name}") for name, hint in hints.items()})


def _hints(kind: type[Fact]) -> dict[str, Any]:
    if "_hints" not in kind.__dict__:
        found = typing.get_type_hints(kind)
        kind._hints = {field.name: found[field.name] for field in dataclasses.fields(typing.cast(Any, kind))}
    return kind._hints


def _typed(value: Any, hint: Any, name: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
        origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list | tuple):
        item = typing.get_args(hint)[0]
        return tuple(_typed(each, item, name) for each in value)
    if hint is Any or origin is dict or hint is dict:
        return value
    if hint in (str, int, bool) and type(value) is hint:
        return value
    raise UnknownFact(f"{name} holds a value of another type")


def instant(at: datetime) -> str:
    """The one spelling of an instant in the log: UTC, six digits, `2026-12-02T02:05:00.000000Z`."""
    return (
        at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if at.tzinfo is not UTC
        else (at.isoformat(timespec="microseconds")[:-6] + "Z")
    )


def moment(text: str) -> datetime:
    """The instant spelled by `instant`; any other spelling is a ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or instant(at.astimezone(UTC)) != text:
        raise ValueError("not a canonical instant")
    return at.astimezone(UTC)
