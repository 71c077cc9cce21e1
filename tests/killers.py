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
    "decision": ("test_authority", "test_decision", "test_trimmed"),
    "tenure": ("test_vacant", "test_authority"),
    "grant": ("test_limits", "test_grant", "test_taking_back", "test_handing_on", "test_delegation"),
    "delegation": ("test_handing_on", "test_delegation", "test_term"),
    "revocation": ("test_taking_back", "test_revocation"),
    "law": ("test_authority", "test_decision", "test_succession"),
    "reply": ("test_succession", "test_answering", "test_request", "test_term", "test_renewal"),
    "window": ("test_answering", "test_window", "test_term"),
    "clash": ("test_clash", "test_approving", "test_duty_rows"),
    "handover": ("test_handover_refused", "test_handover"),
    "edition": ("test_standing",),
    "duty": ("test_step", "test_duty", "test_duty_rows", "test_clash"),
    "kin": ("test_step", "test_approving"),
    "approval": ("test_step", "test_clash"),
    "step": ("test_step", "test_competence", "test_duty_rows", "test_request"),
    "competence": ("test_competence", "test_staffing"),
    "edit": ("test_edit", "test_asking", "test_duty_rows", "test_remit"),
    "deputy": ("test_deputy_limits", "test_deputy"),
    "confirmation": ("test_confirmation",),
    "renewal": ("test_renewal_filled", "test_renewal"),
    "household": ("test_household", "test_edit"),
    "asking": ("test_verdict", "test_asking"),
}
"""The tests asked about a module's mutants."""
TESTS = {name: importlib.import_module(name) for names in PROBES.values() for name in names}
"""Read before anything is spoilt: a module keeps what it imports."""
LONG = frozenset((
    "test_no_handover_gives_more_than_was_held",
))  # fmt: skip
"""Tests that take long; asked when nothing else has noticed."""
APART = frozenset((
    "approval", "asking", "clash", "competence", "confirmation", "deputy", "duty", "edit", "edition",
    "handover", "household", "kin", "renewal", "step", "tenure",
))  # fmt: skip
"""Modules that lives seldom come by: their own tests are asked first, and few lives after."""


def cases(module: types.ModuleType) -> Iterator[Check]:
    """Every test of a module that needs no drawing, and no fixture but those its module makes out of nothing, with each of
    its parameters."""
    made = {name: each.__wrapped__ for name, each in vars(module).items() if hasattr(each, "_fixture_function")}
    plain = {name: make for name, make in made.items() if not inspect.signature(make).parameters}
    for name, function in vars(module).items():
        if not name.startswith("test_") or not inspect.isfunction(function) or hasattr(function, "hypothesis"):
            continue
        if any(mark.name == "usefixtures" for mark in getattr(function, "pytestmark", ())):
            continue
        marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
        named = [_names(mark.args[0]) for mark in marks]
        wanted = set(inspect.signature(function).parameters) - {each for names in named for each in names}
        if not wanted <= plain.keys() or any(inspect.isgeneratorfunction(plain[each]) for each in wanted):
            continue
        needs = {name: plain[name] for name in wanted}
        for chosen in itertools.product(*(list(mark.args[1]) for mark in marks)):
            given: dict[str, Any] = {}
            for names, values in zip(named, chosen, strict=True):
                given |= dict(zip(names, values if len(names) > 1 else (values,), strict=True))
            yield f"{module.__name__}.py::{name}", partial(_run, function, needs, given)


def _run(function: Callable[..., Any], needs: dict[str, Callable[[], Any]], given: dict[str, Any]) -> None:
    function(**given, **{name: make() for name, make in needs.items()})


def _names(told: Any) -> tuple[str, ...]:
    return tuple(each.strip() for each in told.split(",")) if isinstance(told, str) else tuple(told)


@cache
def probes(module: str) -> tuple[Check, ...]:
    """The cases for the mutants of a module."""
    found = [each for name in PROBES[module] for each in cases(TESTS[name])]
    return tuple(sorted(found, key=lambda each: each[0].rpartition("::")[2] in LONG))


@cache
def led(first: int, last: int) -> tuple[Check, ...]:
    """Lives of these seeds."""
    return tuple((f"life {seed}", partial(lives.walk, seed)) for seed in range(first, last))


def checks(module: str, last: int = LAST) -> Iterator[Check]:
    """Everything that may catch a mutant of this module: what caught others of late, then the quick and general first."""
    known = list(_LATELY.get(module, ()))
    yield from known
    done = {id(each) for each in known}
    first = 0 if module in APART else FIRST
    last = FIRST if module in APART and last <= LAST else last
    for each in (*led(0, first), *probes(module), *led(first, last)):
        if id(each) not in done:
            yield each


_LATELY: dict[str, list[Check]] = {}
"""By module, the checks that caught its last mutants, the latest first: neighbours are often caught by the same. It orders
the checks and leaves none out."""
_MEMORY = 6


def caught(module: str, last: int = LAST) -> str | None:
    """The first check that fails now, or None."""
    for each in checks(module, last):
        name, check = each
        try:
            check()
        except KeyboardInterrupt:
            raise
        except BaseException:
            _LATELY[module] = [each, *(one for one in _LATELY.get(module, ()) if one is not each)][:_MEMORY]
            return name
    return None
