"""Mutants: the rules with one condition spoilt, put in place while the process runs.

A module is read as a syntax tree; each mutant changes one node of one function. The mutated code is then given to the
function objects that are already in use, so every importer sees it, and taken back afterwards.
"""

from __future__ import annotations

import ast
import copy
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Path_ = tuple[int, ...]
_FLIPPED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
_SWAPPED = {"all": "any", "any": "all", "min": "max", "max": "min", "intersection": "union"}


@dataclass(frozen=True)
class Mutant:
    """One change: where, what, and the codes it puts in place of which functions."""

    name: str
    codes: tuple[tuple[types.FunctionType, types.CodeType], ...]

    @contextmanager
    def alive(self) -> Iterator[None]:
        """While this lasts, the rules are spoilt."""
        kept = [(function, function.__code__) for function, _ in self.codes]
        for function, code in self.codes:
            function.__code__ = code
        try:
            yield
        finally:
            for function, code in kept:
                function.__code__ = code


# --- what may be spoilt ---------------------------------------------------------------------------------------------
Edit = Callable[[Any], Any]
"""Changes a node in place, or returns the node that takes its place."""


def _with(name: str, value: Any) -> Edit:
    def edit(node: Any) -> None:
        setattr(node, name, value)

    return edit


def _without(name: str, place: int) -> Edit:
    def edit(node: Any) -> Any:
        rest = getattr(node, name)
        del rest[place]
        return rest[0] if name == "values" and len(rest) == 1 else None

    return edit


def _op(place: int, kind: type[ast.cmpop]) -> Edit:
    def edit(node: Any) -> None:
        node.ops[place] = kind()

    return edit


def _edits(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    """Every way to spoil this node."""
    for kind, ways in _WAYS.items():
        if isinstance(node, kind):
            yield from ways(node)


def _compared(node: ast.Compare) -> Iterator[tuple[str, Edit]]:
    for place, op in enumerate(node.ops):
        for kind in _FLIPPED[type(op)]:
            yield f"{kind.__name__} for {type(op).__name__}", _op(place, kind)


def _shortened(name: str, prefix: str, kinds: type[ast.AST] = ast.AST) -> Callable[[Any], Iterator[tuple[str, Edit]]]:
    """Without one of several parts."""

    def ways(node: Any) -> Iterator[tuple[str, Edit]]:
        for place, each in enumerate(getattr(node, name)):
            if isinstance(each, kinds):
                yield f"{prefix} `{ast.unparse(each)}`", _without(name, place)

    return ways


def _decided(node: ast.If | ast.IfExp) -> Iterator[tuple[str, Edit]]:
    yield "never", _with("test", ast.Constant(False))
    yield "always", _with("test", ast.Constant(True))


def _swapped(node: ast.Name | ast.Attribute) -> Iterator[tuple[str, Edit]]:
    name = node.id if isinstance(node, ast.Name) else node.attr
    if name in _SWAPPED:
        yield f"{_SWAPPED[name]} for {name}", _with("id" if isinstance(node, ast.Name) else "attr", _SWAPPED[name])


def _denied(node: ast.UnaryOp) -> Iterator[tuple[str, Edit]]:
    if isinstance(node.op, ast.Not):
        yield "without not", lambda each: each.operand


def _dropped(node: ast.Expr) -> Iterator[tuple[str, Edit]]:
    if isinstance(node.value, ast.Call):
        yield "dropped", lambda each: ast.Pass()


def _counted(node: ast.Constant) -> Iterator[tuple[str, Edit]]:
    if type(node.value) is int:
        yield f"{node.value + 1} for {node.value}", _with("value", node.value + 1)


_WAYS: dict[Any, Callable[[Any], Iterator[tuple[str, Edit]]]] = {
    ast.Compare: _compared, ast.BoolOp: _shortened("values", "without"), ast.UnaryOp: _denied, ast.If | ast.IfExp: _decided,
    ast.comprehension: _shortened("ifs", "without if"), ast.Name | ast.Attribute: _swapped, ast.Expr: _dropped,
    ast.List | ast.Tuple: _shortened("elts", "without", ast.Starred), ast.Constant: _counted,
}  # fmt: skip


class _Spoil(ast.NodeTransformer):
    """Applies one edit to the node of one number."""

    def __init__(self, number: int, edit: Edit) -> None:
        self.number, self.edit = number, edit

    def visit(self, node: ast.AST) -> Any:
        if node.__dict__.get("number") == self.number:
            made = self.edit(node)
            return node if made is None else ast.copy_location(made, node)
        return self.generic_visit(node)


# --- codes and functions --------------------------------------------------------------------------------------------
def _codes(code: types.CodeType, path: Path_ = ()) -> Iterator[tuple[Path_, types.CodeType]]:
    """The functions of a module and of its classes."""
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    for place, each in enumerate(inner):
        if each.co_flags & 0x2:  # CO_NEWLOCALS: a function; a class body has none
            yield (*path, place), each
        else:
            yield from _codes(each, (*path, place))


def _functions(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """Every function object of a module: plain, of classes, and in its tables."""
    for value in vars(module).values():
        yield from _found(value, module.__name__, 3)


def _found(value: Any, home: str, depth: int) -> Iterator[types.FunctionType]:
    if isinstance(value, types.FunctionType) and value.__module__ == home:
        yield value
        if inner := value.__dict__.get("__wrapped__"):
            yield from _found(inner, home, depth)
    elif isinstance(value, property) and value.fget is not None:
        yield from _found(value.fget, home, depth)
    elif isinstance(value, classmethod | staticmethod):
        yield from _found(value.__func__, home, depth)
    elif depth and isinstance(value, type) and value.__module__ == home:
        for each in vars(value).values():
            yield from _found(each, home, depth - 1)
    elif depth and isinstance(value, tuple | list):
        for each in value:
            yield from _found(each, home, depth - 1)


def mutants(module: types.ModuleType, left_out: frozenset[str] = frozenset()) -> list[Mutant]:
    """All mutants of a module but those inside the functions named in `left_out`."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    for number, node in enumerate(ast.walk(tree)):
        node.__dict__["number"] = number
    by_place = {_place(function.__code__): function for function in _functions(module)}
    future = next(each for each in tree.body if isinstance(each, ast.ImportFrom) and each.module == "__future__")
    found: list[Mutant] = []
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign):
            whole = _compiled(future, statement, module.__file__)
            for owner, node in _inside(ast.Module([statement], []), ""):
                if not owner or left_out & {owner, owner.split(".")[-1]}:
                    continue
                for word, edit in _edits(node):
                    spoilt = _Spoil(node.__dict__["number"], edit).visit(copy.deepcopy(statement))
                    codes = _compiled(future, spoilt, module.__file__)
                    changed = [
                        (by_place[_place(whole[path])], code) for path, code in codes.items() if code != whole[path]
                    ]
                    if changed:
                        name = f"{module.__name__.split('.')[-1]}.{owner}: {_said(node)} | {word}"
                        found.append(Mutant(_fresh(name, found), tuple(changed)))
    return found


def _place(code: types.CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _compiled(future: ast.stmt, statement: ast.stmt, file: str) -> dict[Path_, types.CodeType]:
    whole = ast.fix_missing_locations(ast.Module([future, statement], []))
    return dict(_codes(compile(whole, file, "exec")))


def _fresh(name: str, found: list[Mutant]) -> str:
    same = sum(each.name == name or each.name.startswith(f"{name} #") for each in found)
    return f"{name} #{same + 1}" if same else name


def _said(node: ast.AST) -> str:
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


def _inside(node: ast.AST, owner: str) -> Iterator[tuple[str, ast.AST]]:
    """Nodes with the function they stand in; annotations, docstrings and defaults are no conditions."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args", "defaults") and not isinstance(node, ast.Call):
            continue
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, ast.AST) or isinstance(each, ast.ImportFrom | ast.Import):
                continue
            inner = owner
            if isinstance(each, ast.FunctionDef | ast.ClassDef):
                inner = f"{owner}.{each.name}" if owner else each.name
            elif isinstance(each, ast.Lambda) and not owner:
                inner = "lambda"
            in_class = isinstance(each, ast.ClassDef)
            yield ("" if in_class else inner, each)
            yield from _inside(each, inner)
