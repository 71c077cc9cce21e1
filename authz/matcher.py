"""The matcher of the access rule as a small tree: admitted node by node, then answered as far as the words allow.

With role, act, object and row known, everything about words is true or false; what is left are the three questions
about the holding (does it contain the act, does it reach the place, is it live), asked at the moment of the check.

A set without grants may declare finite attributes (`r.subject.role`); one is compared with one of its values and with
nothing else, and asked at the moment of the check as well. Where none are declared, the matcher can name none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol

from authz.division import Divisions
from authz.table import BadTable, bad

FILE: Final = "model.conf"
_SHOWN: Final = 60
AXES: Final = ("r_holding.role", "r_act", "r_object")
QUESTIONS: Final = MappingProxyType({
    "includes(r_holding, r_act, r_object)": "includes",
    "covers(r_holding, r_division)": "covers",
    "live(r_holding, r_at)": "live",
})  # fmt: skip
_TERMS: Final = frozenset({*AXES, "p_role", "p_act", "p_object"})

# ("and" | "or", *parts), ("not", part), ("same", term, term), ("link", "g" | "g2", inner, outer), ("ask", question),
# ("trait", attribute, value)
Node = tuple[Any, ...]
# What is left of a node: known, or a Node of nothing but questions.
Left = bool | Node
Groups = Mapping[str, frozenset[str]]
Traits = Mapping[str, str]
"""The values of attributes (`subject.role`) in one question."""
Attributes = Mapping[str, tuple[str, ...]]
"""The attributes a set declares, each with all its values."""


class Holding(Protocol):
    """What a person holds: a post for the service's own acts, or a grant for operations on cells."""

    @property
    def role(self) -> str: ...

    def includes(self, act: str, object: str, /) -> bool:
        """Whether the holding itself contains this act on this object."""

    def covers(self, division: str, divisions: Divisions, /) -> bool:
        """Whether it reaches the place."""

    def live(self, at: datetime, /) -> bool:
        """Whether it is in force at the instant."""


Test = Callable[[Holding, str, str, str, datetime, Divisions, Traits], bool]


@dataclass(frozen=True, slots=True)
class Matcher:
    """An admitted matcher. `constants` holds the quoted words that stand in it."""

    node: Node
    constants: Mapping[str, str]

    def left(self, words: Mapping[str, str], groups: Mapping[str, Groups]) -> Left:
        """What is left when every term of `words` is known; `groups` says what g and g2 link."""
        return _left(self.node, {**words, **self.constants}, groups)


def parse(value: str, attributes: Attributes = MappingProxyType({})) -> Matcher:
    """The matcher out of the value in Casbin's parsed model; `BadTable` on any construct that is not listed here."""
    text = re.sub(r"!(?!=)", " not ", value.replace("&&", " and ").replace("||", " or ")).strip()
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadTable(FILE, 0, "[matchers] 的判定式无法读懂", "the matcher cannot be read") from error
    constants: dict[str, str] = {}
    return Matcher(
        _admit(tree, constants, {f"r_{name}": values for name, values in attributes.items()}),
        MappingProxyType(constants),
    )


def truth(left: Left, answers: Mapping[str, bool]) -> bool:
    """What is left, if the questions had these answers."""
    if isinstance(left, bool):
        return left
    kind, *parts = left
    if kind == "ask":
        return answers[parts[0]]
    if kind == "trait":
        return answers.get(f"{parts[0]} == {parts[1]}", False)
    if kind == "not":
        return not truth(parts[0], answers)
    return (all if kind == "and" else any)(truth(part, answers) for part in parts)


def test(left: Left) -> Test:
    """A function that asks a holding what is left."""
    if isinstance(left, bool):
        return lambda *asked: left
    kind, *parts = left
    if kind in ("ask", "trait"):
        return _ASK[parts[0]] if kind == "ask" else lambda *asked: asked[-1].get(parts[0]) == parts[1]
    tests = tuple(test(part) for part in parts)
    if kind == "not":
        return lambda *asked: not tests[0](*asked)
    if kind == "or":
        return lambda *asked: any(each(*asked) for each in tests)
    if parts == [("ask", question) for question in _ASK]:
        return _all_three
    return lambda *asked: all(each(*asked) for each in tests)


def _admit(node: ast.expr, constants: dict[str, str], attributes: Attributes) -> Node:
    match node:
        case ast.BoolOp(op=op, values=parts):
            return (
                "and" if isinstance(op, ast.And) else "or",
                *(_admit(part, constants, attributes) for part in parts),
            )
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return ("not", _admit(part, constants, attributes))
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as op], comparators=[right]):
            same = _trait(left, right, attributes) or ("same", _term(left, constants), _term(right, constants))
            return same if isinstance(op, ast.Eq) else ("not", same)
        case ast.Call(func=ast.Name(id="g" | "g2" as name), args=[inner, outer], keywords=[]):
            return ("link", name, _term(inner, constants), _term(outer, constants))
        case ast.Call() if ast.unparse(node) in QUESTIONS:
            return ("ask", QUESTIONS[ast.unparse(node)])
    told = ast.unparse(node)[:_SHOWN]
    bad(FILE, 0, f"[matchers] 的判定式中有不认可的写法：{told}", "the matcher holds a construct that is not admitted")


def _trait(left: ast.expr, right: ast.expr, attributes: Attributes) -> Node | None:
    """A declared attribute beside one of its values; with anything else it is refused as every unknown term is."""
    name = ast.unparse(left)
    known = isinstance(right, ast.Constant) and right.value in attributes.get(name, ())
    return ("trait", name.removeprefix("r_"), right.value) if known and isinstance(right, ast.Constant) else None


def _term(node: ast.expr, constants: dict[str, str]) -> str:
    written = ast.unparse(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        constants[written] = node.value
    elif written not in _TERMS:
        told = written[:_SHOWN]
        bad(FILE, 0, f"[matchers] 的判定式比较了不认可的内容：{told}", "the matcher compares what is not admitted")
    return written


def _left(node: Node, words: Mapping[str, str], groups: Mapping[str, Groups]) -> Left:
    """The value of a node, or the node itself as far as it hangs on a question or on a word not yet known."""
    kind = node[0]
    if kind in ("same", "link"):
        inner, outer = (words.get(term) for term in node[-2:])
        if inner is None or outer is None:
            return node
        return inner == outer or (kind == "link" and bool(outer in groups[node[1]].get(inner, ())))
    if kind == "not":
        part = _left(node[1], words, groups)
        return not part if isinstance(part, bool) else ("not", part)
    return node if kind in ("ask", "trait") else _joined(node, words, groups)


def _joined(node: Node, words: Mapping[str, str], groups: Mapping[str, Groups]) -> Left:
    every = bool(node[0] == "and")
    still_open: list[Node] = []
    for each in node[1:]:
        part = _left(each, words, groups)
        if part is (not every):
            return not every
        if not isinstance(part, bool):
            still_open.append(part)
    if not still_open:
        return every
    return still_open[0] if len(still_open) == 1 else (node[0], *still_open)


def _all_three(
    holding: Holding, act: str, object: str, division: str, at: datetime, divisions: Divisions, traits: Traits
) -> bool:
    return holding.includes(act, object) and holding.covers(division, divisions) and holding.live(at)


_ASK: Final[Mapping[str, Test]] = MappingProxyType({
    "includes": lambda holding, act, object, division, at, divisions, traits: holding.includes(act, object),
    "covers": lambda holding, act, object, division, at, divisions, traits: holding.covers(division, divisions),
    "live": lambda holding, act, object, division, at, divisions, traits: holding.live(at),
})  # fmt: skip
