"""The house rules of the code, enforced. Each rule is a function from (path, source) to faults, with a bad source it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = ("api", "audit", "authz", "tests", "bench")
RANK = {"policies": 0, "authz": 1, "audit": 2, "api": 3}
LONGEST = 300

# Which files a library may enter through; the pure rooms of audit/ are named because its stores are many.
PURE = ("audit/entry.py", "audit/tree.py", "audit/act.py", "audit/checkpoint.py", "audit/witness.py")
STORES = ("authz/register.py", "authz/tables.py", "audit/*.py", "audit/migrations/*", "api/database.py")
DOORS = {
    "casbin": ("authz/pdp.py",),
    "jwt": ("api/identity.py",),
    "fastapi": ("api/*",),
    "starlette": ("api/*",),
    "uvicorn": ("api/*",),
    "jinja2": ("api/*",),
    "sqlalchemy": STORES,
    "psycopg": STORES,
    "alembic": ("audit/migrations/*", "api/database.py"),
    "cryptography": ("audit/checkpoint.py", "audit/witness.py", "api/identity.py"),
}
TIMELESS = ("authz/", "audit/")
CLOCKS = {"now", "utcnow", "today", "time_ns", "uuid1", "uuid4", "uuid7", "urandom", "localtime", "gmtime"}
DICE = {"random", "secrets"}
EMPTY_WORDS = {"manager", "helper", "helpers", "util", "utils", "common", "base", "service", "handler", "misc"}
EMPTY_NAMES = EMPTY_WORDS | {"data", "info"}

Rule = Callable[[str, str], list[str]]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every imported module: its line and dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = "." * node.level + (node.module or "")
            yield from ((node.lineno, package or alias.name) for alias in node.names)


def rank(path: str, source: str) -> list[str]:
    """api -> audit -> authz -> policies, and never back. Relative imports would hide the direction."""
    own = path.split("/", 1)[0]
    faults = []
    for line, module in imports(ast.parse(source)):
        top = module.split(".", 1)[0]
        if module.startswith("."):
            faults.append(f"{path}:{line} imports relatively")
        elif own in RANK and (RANK.get(top, -1) > RANK[own] or top in ("tests", "bench")):
            faults.append(f"{path}:{line} {own} imports {top}")
    return faults


def door(path: str, source: str) -> list[str]:
    """One door per library. Tests and measurements may look at anything."""
    if path.split("/", 1)[0] not in RANK:
        return []
    faults = []
    for line, module in imports(ast.parse(source)):
        library = module.split(".", 1)[0]
        open_to = DOORS.get(library, ("*",))
        closed = library in ("sqlalchemy", "psycopg") and path in PURE
        if closed or not any(fnmatch(path, pattern) for pattern in open_to):
            faults.append(f"{path}:{line} imports {library}")
    return faults


def clock(path: str, source: str) -> list[str]:
    """No clock and no dice in authz/ and audit/: time is the argument `at`, salts and ids are passed in."""
    if not path.startswith(TIMELESS):
        return []
    tree = ast.parse(source)
    faults = [f"{path}:{line} imports {name}" for line, name in imports(tree) if name.split(".", 1)[0] in DICE]
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if CLOCKS & set(asked(node)) or (isinstance(node, ast.Attribute) and ast.unparse(node) == "time.time"):
            faults.append(f"{path}:{getattr(node, 'lineno', 0)} asks the clock")
        statement = str(node.value) if isinstance(node, ast.Constant) and id(node) not in prose else ""
        if re.search(r"(?i)\bnow\(\)|\bcurrent_timestamp\b|gen_random_uuid", statement):
            faults.append(f"{path}:{getattr(node, 'lineno', 0)} asks the database's transaction clock")
    return faults


def asked(node: ast.AST) -> list[str]:
    """The names a node reaches for: an attribute, an imported name, a plain function called. A variable is none."""
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.ImportFrom):
        return [alias.name for alias in node.names]
    return [node.func.id] if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else []


def deferred(path: str, source: str) -> list[str]:
    """An import of ours inside a function is a circle someone stepped around."""
    faults = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            own = [(line, name) for line, name in imports(node) if name.split(".", 1)[0] in RANK or name[0] == "."]
            faults += [f"{path}:{line} imports {name} inside a function" for line, name in own]
    return faults


def length(path: str, source: str) -> list[str]:
    lines = len(source.splitlines())
    return [f"{path} has {lines} lines"] if lines > LONGEST else []


def names(path: str, source: str) -> list[str]:
    """A file or class named after nothing in particular."""
    stem = Path(path).stem.removeprefix("test_")
    found = [] if not empty(re.split("_", stem)) else [f"{path} is an empty name"]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and empty(re.findall("[A-Z][a-z]*|[a-z]+", node.name)):
            found.append(f"{path}:{node.lineno} class {node.name} is an empty name")
    return found


def empty(words: list[str]) -> bool:
    low = [word.lower() for word in words]
    return bool(EMPTY_WORDS & set(low)) or (len(low) == 1 and low[0] in EMPTY_NAMES)


RULES: dict[Rule, list[tuple[str, str]]] = {
    rank: [
        ("authz/grant.py", "import audit.ledger"),
        ("authz/grant.py", "from api.settings import Settings"),
        ("audit/entry.py", "from api import app"),
        ("policies/a.py", "import authz"),
        ("audit/entry.py", "from . import tree"),
        ("authz/grant.py", "if 1:\n    import tests.facts"),
    ],
    door: [
        ("authz/grant.py", "import casbin"),
        ("api/app.py", "from casbin.model import Model"),
        ("api/app.py", "import jwt"),
        ("audit/ledger.py", "from fastapi import FastAPI"),
        ("authz/grant.py", "def f():\n    from sqlalchemy import text"),
        ("api/pep.py", "import sqlalchemy.exc"),
        ("audit/tree.py", "import sqlalchemy"),
        ("audit/ledger.py", "from cryptography.hazmat import primitives"),
        ("audit/ledger.py", "import alembic"),
    ],
    clock: [
        ("authz/grant.py", "import datetime\ndatetime.datetime.now()"),
        ("audit/entry.py", "from uuid import uuid4"),
        ("audit/entry.py", "import time\ntime.time()"),
        ("authz/post.py", "from datetime import date\nlater = date.today"),
        ("audit/vault.py", "import secrets"),
        ("audit/vault.py", "from random import choice"),
        ("audit/ledger.py", "import os\nos.urandom(16)"),
        ("audit/ledger.py", "text('SELECT now()')"),
        ("audit/ledger.py", "text('SELECT CURRENT_TIMESTAMP')"),
    ],
    deferred: [
        ("api/app.py", "def f():\n    from audit import ledger"),
        ("api/app.py", "async def f():\n    import api.pep"),
        ("tests/test_a.py", "class A:\n    def f(self):\n        if 1:\n            import authz"),
    ],
    length: [("api/app.py", "x = 1\n" * 301)],
    names: [
        ("api/util.py", ""),
        ("authz/grant_helpers.py", ""),
        ("audit/data.py", ""),
        ("tests/test_common.py", ""),
        ("api/app.py", "class RequestManager: ..."),
        ("api/app.py", "class BaseGrant: ..."),
        ("api/app.py", "class Info: ..."),
    ],
}
GOOD = [
    ("api/identity.py", "import jwt\nfrom cryptography import x\nfrom audit import ledger\nfrom datetime import datetime\nnow = datetime.now"),
    ("audit/ledger.py", '"""Never now()."""\nimport time\nfrom sqlalchemy import text\nimport authz.grant\nnow = time.monotonic()\nnow + 1\ntext("SELECT clock_timestamp()")'),
    ("authz/pdp.py", "import casbin\nclass DataYear: ..."),
    ("tests/test_grant.py", "from api import app\nimport sqlalchemy, secrets\n" + "x = 1\n" * 298),
]  # fmt: skip
BROKEN = [(rule, path, source) for rule, cases in RULES.items() for path, source in cases]


def sources() -> list[tuple[str, str]]:
    files = [file for folder in CODE for file in sorted((ROOT / folder).rglob("*.py"))]
    return [(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    seen = sources()
    assert {path.split("/", 1)[0] for path, _ in seen} >= {"api", "audit", "authz", "tests"}
    assert [fault for path, source in seen for fault in rule(path, source)] == []


@pytest.mark.parametrize(("rule", "path", "source"), BROKEN, ids=lambda part: getattr(part, "__name__", part)[:40])
def test_a_broken_rule_is_named(rule: Rule, path: str, source: str) -> None:
    faults = rule(path, source)
    assert faults
    assert all(fault.startswith(path) for fault in faults)


@pytest.mark.parametrize(("path", "source"), GOOD, ids=[path for path, _ in GOOD])
def test_what_is_allowed_passes_every_rule(path: str, source: str) -> None:
    assert [fault for rule in RULES for fault in rule(path, source)] == []


def test_policies_hold_no_line_of_python() -> None:
    assert list((ROOT / "policies").rglob("*.py")) == []


def test_the_living_casbin_is_installed_and_the_dead_one_is_not() -> None:
    """Both distributions install the package `casbin`; whichever comes last wins."""
    installed = {name.lower() for dist in metadata.distributions() if (name := dist.metadata["Name"])}
    assert "pycasbin" in installed
    assert "casbin" not in installed
    locked = re.findall(r"(?m)^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert "pycasbin" in locked
    assert "casbin" not in locked


OUTSIDE = {".venv", ".git", "var", "__pycache__", "dist", "node_modules"}
MACHINE = re.compile(r"(?<![\w.])/(work|root|Users|home/[a-z]+|tmp/[a-z]+)/")


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the repository; what tools leave behind begins with a dot or ends in `cache`."""
    for file in sorted(ROOT.rglob("*")):
        parts = file.relative_to(ROOT).parts
        tools = any(part in OUTSIDE or part.endswith(("cache", ".egg-info")) or part == ".hypothesis" for part in parts)
        if file.is_file() and not tools:
            yield "/".join(parts), file.read_bytes().decode("utf-8", "ignore")


def machine_paths(path: str, text: str) -> list[str]:
    return [f"{path} names {found[0]}" for found in MACHINE.finditer(text)]


def test_the_repository_names_no_path_of_one_machine() -> None:
    assert [fault for path, text in texts() for fault in machine_paths(path, text)] == []


@pytest.mark.parametrize("folder", ["work", "root", "home/li", "Users"])
def test_a_path_of_one_machine_is_named(folder: str) -> None:
    assert machine_paths("README.md", f"see /{folder}/mandate for more")
    assert not machine_paths("README.md", f"see https://example.org/{folder}/mandate or ./{folder}/x")
