"""One entry of every fact kind, every field filled from its type, so that the bytes depend on nothing else."""

from __future__ import annotations

import hashlib
import json
import types
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit import vocabulary
from audit.entry import Entry, Envelope, encode
from audit.tree import leaf
from authz import fact as facts
from authz.fact import Fact

FILE = Path(__file__).with_name("entries.json")
AT = datetime(2026, 12, 2, 2, 5, 1, 123456, tzinfo=UTC)
WHO = Envelope("p-1003", 12, "u-640324-lead", "sys-1", "pad-7", "10.3.24.7", "p-1002", "0" * 64)


def kinds() -> dict[str, type[Fact]]:
    """Every kind of the vocabulary, by name; kinds that tests define are none of it."""
    modules = {each.__name__ for each in vocabulary.MODULES}
    return {name: kind for name, kind in sorted(facts.KINDS.items()) if kind.__module__ in modules}


def filled(hint: Any, name: str) -> Any:
    """A value of a field's type."""
    origin, arms = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return filled(next(arm for arm in arms if arm is not type(None)), name)
    if origin is tuple:
        return (filled(arms[0], name), *([None] if type(None) in typing.get_args(arms[0]) else []))
    if hint is Any or hint is dict or origin is dict:
        return {"b": [1, "二", None, True], "a": name}
    return {str: f"{name}·一", int: len(name) * 1000 + 7, bool: True}[hint]


def sample(kind: type[Fact]) -> Entry:
    """The golden entry of a kind."""
    hints = facts._hints(kind)
    fact = kind(**{name: filled(hint, name) for name, hint in hints.items()})
    return Entry(42, AT, hashlib.sha256(kind.__name__.encode()).hexdigest()[:32], WHO, fact)


def made() -> dict[str, dict[str, str]]:
    """What the file should hold."""
    contents = {name: encode(sample(kind)) for name, kind in kinds().items()}
    return {name: {"bytes": each.decode(), "leaf": leaf(each).hex()} for name, each in contents.items()}


def write() -> None:
    FILE.write_text(json.dumps(made(), ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
