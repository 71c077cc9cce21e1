"""What may catch a mutant: seeded lives, and every pure test that is already there, called one case after the other."""

from __future__ import annotations

import importlib
import inspect
import itertools
import types
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import lives

Check = tuple[str, Callable[[], Any]]
FIRST, LAST = 25, 200
"""Lives led before the tests are tried, and after."""

PROBES = {
    "decision": ("test_authority", "test_decision"),
    "grant": ("test_limits", "test_grant", "test_taking_back", "test_handing_on", "test_delegation"),
    "delegation": ("test_handing_on", "test_delegation", "test_term"),
    "revocation": ("test_taking_back", "test_revocation"),
    "law": ("test_authority", "test_decision", "test_succession"),
    "reply": ("test_succession", "test_answering", "test_request", "test_term", "test_renewal"),
    "window": ("test_answering", "test_window", "test_term"),
}
"""The tests asked about a module's mutants."""


def cases(module: types.ModuleType) -> Iterator[Check]:
    """Every test of a module that needs no fixture and no drawing, with each of its parameters."""
    for name, function in vars(module).items():
        if not name.startswith("test_") or not inspect.isfunction(function) or hasattr(function, "hypothesis"):
            continue
        marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
        named = [_names(mark.args[0]) for mark in marks]
        if set(inspect.signature(function).parameters) != {each for names in named for each in names}:
            continue
        for chosen in itertools.product(*(list(mark.args[1]) for mark in marks)):
            given: dict[str, Any] = {}
            for names, values in zip(named, chosen, strict=True):
                given |= dict(zip(names, values if len(names) > 1 else (values,), strict=True))
            yield f"{module.__name__}.py::{name}", partial(function, **given)


def _names(told: Any) -> tuple[str, ...]:
    return tuple(each.strip() for each in told.split(",")) if isinstance(told, str) else tuple(told)


@cache
def probes(module: str) -> tuple[Check, ...]:
    """The cases for the mutants of a module."""
    return tuple(each for name in PROBES[module] for each in cases(importlib.import_module(name)))


def checks(module: str, last: int = LAST) -> Iterator[Check]:
    """Everything that may catch a mutant of this module, the quick and general first."""
    yield from ((f"life {seed}", partial(lives.walk, seed)) for seed in range(FIRST))
    yield from probes(module)
    yield from ((f"life {seed}", partial(lives.walk, seed)) for seed in range(FIRST, last))


def caught(module: str, last: int = LAST) -> str | None:
    """The first check that fails now, or None."""
    for name, check in checks(module, last):
        try:
            check()
        except KeyboardInterrupt:
            raise
        except BaseException:
            return name
    return None
