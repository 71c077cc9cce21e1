"""The certification scenario: eight decisions, six searches, all levels, on a tiny policy set of its own.

`certification/questions.json` holds the questions with their whole answers; they are compared strictly and in both
directions. Decision points that are wrong in the usual ways are shown to fail.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import acts
import pytest
import worlds
from conftest import World
from worlds import AUDITOR, Town

from api import founding, policies
from api.settings import Misconfigured, Settings
from authz import amendment
from authz import policy as policy_sets
from authz.cast import Part
from authz.pdp import Rule, fresh_enforcer
from authz.policy import PolicySet
from authz.table import BadTable

HERE = Path(__file__).parent / "certification"
VECTORS: list[dict[str, Any]] = json.loads((HERE / "questions.json").read_text(encoding="utf-8"))
Answered = tuple[int, Any]
Ask = Callable[[str, Any], Answered]
LEVELS = {"basic core", "basic properties", "batch core", "batch properties", "search core", "search properties"}


def folder(place: Path) -> Path:
    """The tiny set as a whole policy folder: what it says nothing of is as in the product."""
    shutil.copytree(acts.FOLDER, place)
    for name in policy_sets.FILES:
        if (HERE / name).exists():
            shutil.copy(HERE / name, place / name)
    return place


def tiny() -> dict[str, bytes]:
    return policies.files(acts.FOLDER) | policies.files(HERE)


@pytest.fixture
def town(database: World, tmp_path: Path) -> Iterator[Town]:
    with Town(database, policies=folder(tmp_path / "policies")) as built:
        yield built


def over_http(town: Town) -> Ask:
    def ask(path: str, body: Any) -> Answered:
        answer = town.post(path, AUDITOR, body)
        return answer.status_code, answer.json()

    return ask


def complaints(ask: Ask, vectors: list[dict[str, Any]] = VECTORS) -> list[str]:
    """What is wrong with the answers of a decision point."""
    found = []
    for each in vectors:
        status, told = ask(each["path"], copy.deepcopy(each["body"]))
        expected = each["expect"]
        if "status" in expected:
            wrong = status != expected["status"]
        elif "results" in expected:
            wrong = status != 200 or not same_list(told, expected["results"])
        else:
            wrong = (status, told) != (200, expected)
        if wrong:
            found.append(f"{each['level']}: {each['name']}")
    return found


def same_list(told: Any, expected: list[Any]) -> bool:
    """The same results, each once, in any order, and no further page."""
    results = told.get("results")
    key = json.dumps
    return (
        isinstance(results, list)
        and sorted(results, key=key) == sorted(expected, key=key)
        and told.get("page", {}).get("next_token", "") == ""
    )


def test_the_whole_scenario(town: Town) -> None:
    assert {each["level"] for each in VECTORS} == LEVELS
    assert len(VECTORS) >= 44
    for _ in range(3):
        assert complaints(over_http(town)) == []


def test_discovery(town: Town) -> None:
    told = town.client.get("/.well-known/authzen-configuration").json()
    base = told["policy_decision_point"]
    assert told["access_evaluation_endpoint"] == f"{base}/access/v1/evaluation"
    asked = {each["path"] for each in VECTORS}
    assert {told[name].removeprefix(base) for name in told if name.endswith("_endpoint")} == asked


def test_searches_go_by_pages(town: Town) -> None:
    body = next(each["body"] for each in VECTORS if each["name"].startswith("1:"))
    first = town.post("/access/v1/search/subject", AUDITOR, body | {"page": {"limit": 1}}).json()
    token = first["page"]["next_token"]
    second = town.post("/access/v1/search/subject", AUDITOR, body | {"page": {"limit": 1, "token": token}}).json()
    assert [each["id"] for each in (*first["results"], *second["results"])] == ["alice", "bob"]
    assert second["page"]["next_token"] == ""


# --- decision points that are wrong ---------------------------------------------------------------------------------
def _spoiled(real: Ask, spoil: Callable[[str, Any, int, Any], Answered]) -> Ask:
    return lambda path, body: spoil(path, body, *real(path, body))


def _everything(path: str, body: Any, status: int, told: Any) -> Answered:
    if "results" in told:
        known = {"subject": ("user", ("alice", "bob")), "resource": ("record", ("record-1", "record-2"))}
        sought = path.rpartition("/")[2]
        if sought == "action":
            return status, {"results": [{"name": each} for each in ("read", "write", "delete")]}
        kind, ids = known[sought]
        return status, {"results": [{"type": kind, "id": each} for each in ids]}
    return status, told


def _turned(path: str, body: Any, status: int, told: Any) -> Answered:
    return status, told | {"evaluations": told["evaluations"][::-1]} if "evaluations" in told else told


def _renamed(path: str, body: Any, status: int, told: Any) -> Answered:
    wrong = [{"type": "user", "id": f"user-{place}"} for place, _ in enumerate(told.get("results", ()))]
    return status, told | {"results": wrong} if "results" in told else told


def _talkative(path: str, body: Any, status: int, told: Any) -> Answered:
    return status, told | {"context": {"reason": "x"}} if "decision" in told else told


WRONG: dict[str, Callable[[str, Any, int, Any], Answered]] = {
    "always 500": lambda path, body, status, told: (500, {}),
    "500 with a no": lambda path, body, status, told: (500, {"decision": False}),
    "always yes": lambda path, body, status, told: (200, {"decision": True}),
    "always no": lambda path, body, status, told: (200, {"decision": False}),
    "says nothing": lambda path, body, status, told: (200, {}),
    "422 for a wrong shape": lambda path, body, status, told: (422 if status == 400 else status, told),
    "lists everything": _everything,
    "lists nothing": lambda path, body, status, told: (status, {"results": []} if "results" in told else told),
    "lists other names": _renamed,
    "lists twice": lambda p, b, s, told: (s, {"results": told["results"] * 2} if told.get("results") else told),
    "answers a batch backwards": _turned,
    "explains unasked": _talkative,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_decision_point_fails(name: str) -> None:
    """Each against the answers as they should be, so that only its own fault shows."""
    right = {json.dumps([each["path"], each["body"]]): each["expect"] for each in VECTORS}

    def perfect(path: str, body: Any) -> Answered:
        expected = right[json.dumps([path, body])]
        return (expected["status"], {}) if "status" in expected else (200, expected)

    assert complaints(perfect) == []
    assert complaints(_spoiled(perfect, WRONG[name]))


RULES = [f"rule {number}" for number in range(1, 9)]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_alone_is_noticed(name: str) -> None:
    def turned(path: str, body: Any) -> Answered:
        each = next(each for each in VECTORS if (each["path"], each["body"]) == (path, body))
        told = each["expect"]
        if each["name"] == name:
            told = {"decision": not told["decision"]}
        return (told["status"], {}) if "status" in told else (200, told)

    assert [each.partition(": ")[2] for each in complaints(turned)] == [name]


# --- the tiny set, and sets like it ---------------------------------------------------------------------------------
def parsed(**changed: bytes) -> PolicySet:
    """The tiny set, `catalogue`, `model` or `roles` changed."""
    names = {"catalogue": "catalogue.toml", "model": "model.conf", "roles": "roles.csv"}
    return policy_sets.parse(tiny() | {names[name]: content for name, content in changed.items()})


def replaced(name: str, old: str, new: str) -> bytes:
    text = tiny()[name].decode()
    assert old in text
    return text.replace(old, new).encode()


def test_the_compiled_rule_and_casbin_agree_on_every_question() -> None:
    policy = parsed()
    rule, divisions = Rule.compile(policy), acts.law().divisions
    enforcer = fresh_enforcer(policy, divisions)
    yes = 0
    for role in policy.catalogue.roles:
        for act in ("read", "write", "delete", "ask"):
            for status in ("active", "archived", ""):
                for who in ("admin", ""):
                    for soft in ("true", "false", ""):
                        traits = {"subject.role": who, "resource.status": status, "action.soft": soft}
                        asked = (Part(role), act, "record", "", None, divisions)
                        mine = rule.permits(*asked, traits)  # type: ignore[arg-type]
                        parties = (
                            SimpleNamespace(role=who),
                            SimpleNamespace(soft=soft),
                            SimpleNamespace(status=status),
                        )
                        assert enforcer.enforce(Part(role), act, "record", "", None, *parties) is (mine is not None)
                        yes += mine is not None
    assert 0 < yes < 100


def test_a_set_with_grants_knows_no_attributes_and_no_cast() -> None:
    """The production set never hears a role that a question says: there is nowhere to declare one."""
    assert (acts.law().policy.catalogue.attributes, acts.law().policy.catalogue.cast) == ({}, {})
    real = policies.files(acts.FOLDER)
    for more in ('[attributes]\n"subject.role" = ["admin"]\n', "[cast.user]\nalice = {}\n"):
        with pytest.raises(BadTable):
            policy_sets.parse(real | {"catalogue.toml": real["catalogue.toml"] + more.encode()})
    believing = real["model.conf"].replace(
        b"live(r.holding, r.at)", b'live(r.holding, r.at) || r.subject.role == "admin"'
    )
    with pytest.raises(ValueError, match="admitted"):
        Rule.compile(policy_sets.parse(real | {"model.conf": believing}))


def test_a_role_said_in_a_question_changes_nothing_in_production(database: World) -> None:
    said = {"role": "county_admin", "roles": ["region_approver"], "status": "active"}
    with Town(database) as town:
        town.delegated(town.granted()[0])
        for action in ("update", "delete"):
            for person in (worlds.COLLECTOR, worlds.OTHER_COLLECTOR):
                resource = {
                    "type": "monitored.income",
                    "id": "h-monitored",
                    "properties": {"data_year": int(worlds.today()[:4])},
                }
                plain = {"subject": {"type": "person", "id": person}, "action": {"name": action}, "resource": resource}
                loud = copy.deepcopy(plain)
                for part in loud.values():
                    part["properties"] = part.get("properties", {}) | said
                answers = [town.post("/access/v1/evaluation", AUDITOR, each).json() for each in (plain, loud)]
                assert answers == [{"decision": (person, action) == (worlds.COLLECTOR, "update")}] * 2


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("model.conf", '"archived" && r', '"shelved" && r'), ("model.conf", "r.subject.role", "r.subject.rank"),
        ("model.conf", 'r.subject.role == "admin"', "r.subject.role == p.role"),
        ("model.conf", 'r.subject.role == "admin"', '"admin" == r.subject.role'),
        ("model.conf", ", subject, action, resource", ""), ("model.conf", "subject, action", "action, subject"),
    ],
)  # fmt: skip
def test_a_matcher_that_compares_an_attribute_otherwise_is_refused(name: str, old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r"model\.conf"):
        Rule.compile(parsed(**{name.partition(".")[0]: replaced(name, old, new)}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"subject.role" = ["admin"]', '"subject.role" = []'), ('"subject.role" = ["admin"]', '"subject.role" = "admin"'),
        ('"subject.role"', '"person.role"'), ('["active", "archived"]', '["active", "active"]'),
        ('holds = "writer"', 'holds = "emperor"'), ('role = "admin" }', 'role = "clerk" }'),
        ('{ status = "active" }', '{ colour = "red" }'), ('{ status = "active" }', "7"), ("grants = false", "grants = true"),
    ],
)  # fmt: skip
def test_a_cast_or_attribute_that_is_not_whole_is_refused(old: str, new: str) -> None:
    with pytest.raises(BadTable):
        parsed(catalogue=replaced("catalogue.toml", old, new))


def test_nobody_can_serve_with_it(tmp_path: Path) -> None:
    book = founding.read_lawbook(folder(tmp_path / "policies"))
    with pytest.raises(Misconfigured):
        founding.fit(book)
    founding.fit(founding.read_lawbook(Settings.read({}).policies))


def test_nobody_can_adopt_it() -> None:
    with pytest.raises(BadTable, match="without grants"):
        amendment.whole(tiny())
    assert amendment.whole(policies.files(acts.FOLDER)).catalogue.grants
