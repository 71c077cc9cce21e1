"""The policy decision point: the one rule of `policies/model.conf`, compiled once per policy digest.

Casbin holds the law, not the grants. Its own parser reads the model and its own effector weighs the effects; the
matcher is answered ahead for every row (`authz/matcher.py`), so that a check asks only the holding. A property test
holds this rule, a fresh `casbin.Enforcer` and a ten-line oracle together. Casbin itself never runs in a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NoReturn

import casbin
from casbin.effect import effect_to_bool, get_effector
from casbin.effect.effector import Effector

from authz import matcher, table
from authz.division import Divisions
from authz.matcher import Holding, Left, Matcher, Test, Traits
from authz.policy import PolicySet, RuleRow

__all__ = ["Clause", "Holding", "Rule", "fresh_enforcer"]

_REQUEST: Final = ("r_holding", "r_act", "r_object", "r_division", "r_at")
_PARTIES: Final = ("r_subject", "r_action", "r_resource")
"""What a request also holds where attributes are declared."""
_POLICY: Final = ("p_role", "p_act", "p_object", "p_eft")
_SECTIONS: Final = {"r": ["r"], "p": ["p"], "g": ["g", "g2"], "e": ["e"], "m": ["m"]}
_MEANS: Final = {"includes": "所持授权含有这项操作", "covers": "所持授权覆盖该地", "live": "所持授权在有效期内"}
_NONSENSE: Final = "\0"
_NOTHING: Final[Traits] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Clause:
    """The rows that hang on one question about the holding: the first that allows, and whether one denies."""

    left: Left
    test: Test
    allow: str | None
    deny: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """The compiled rule of one policy set. Immutable; share it between threads as one reference."""

    digest: str
    clauses: Mapping[tuple[str, str, str], tuple[Clause, ...]]

    @classmethod
    def compile(cls, policy: PolicySet) -> Rule:
        """The rule of a policy set; `BadTable` for a model with anything unknown in it."""
        model = _model(policy)
        _check_effect(policy, model["e"]["e"].value)
        try:
            matching = matcher.parse(model["m"]["m"].value, policy.catalogue.attributes)
        except table.BadTable as fault:
            _bad(policy, "m", fault.zh, fault.en)
        _must_bind_every_axis(matching, policy)
        compiled = _table(matching, policy)
        kept = {key: found for key, found in compiled.items() if any(clause.allow for clause in found)}
        if policy.catalogue.grants:
            _must_ask_everything(policy, kept)
        return cls(policy.digest, MappingProxyType(kept))

    def permits(
        self, holding: Holding, act: str, object: str, division: str, at: datetime, divisions: Divisions,
        traits: Traits = _NOTHING,
    ) -> str | None:  # fmt: skip
        """The id of the row that decides for yes (`roles.csv:17`), or None for no: a deny outweighs every allow."""
        decisive: str | None = None
        for clause in self.clauses.get((holding.role, act, object), ()):
            if clause.test(holding, act, object, division, at, divisions, traits):
                if clause.deny:
                    return None
                decisive = decisive or clause.allow
        return decisive

    def rights(self, role: str) -> tuple[tuple[str, str], ...]:
        """The (act, object) pairs within reach of a role, given a holding that contains, covers and lives."""
        reach = ((key, found) for key, found in self.clauses.items() if key[0] == role)
        return tuple((act, object) for (_, act, object), found in reach if not any(clause.deny for clause in found))


def fresh_enforcer(policy: PolicySet, divisions: Divisions) -> casbin.Enforcer:
    """A real Casbin enforcer on the same model and rows: the second opinion of the tests, never asked in service."""
    enforcer = casbin.Enforcer(_model(policy))
    enforcer.add_function("includes", lambda holding, act, object: holding.includes(act, object))
    enforcer.add_function("covers", lambda holding, division: holding.covers(division, divisions))
    enforcer.add_function("live", lambda holding, at: holding.live(at))
    for link in policy.role_links:
        enforcer.add_named_grouping_policy("g", [*link])
    for link in policy.object_links:
        enforcer.add_named_grouping_policy("g2", [*link])
    for row in policy.rows:
        enforcer.add_policy([row.role, row.act, row.object, row.eft])
    return enforcer


def _model(policy: PolicySet) -> Any:
    """Casbin's own parsed model, with exactly the definitions this service knows."""
    asked = _REQUEST + _PARTIES if policy.catalogue.attributes else _REQUEST
    model = casbin.Model()
    try:
        model.load_model_from_text(policy.model)
    except Exception as error:
        raise table.BadTable(matcher.FILE, 1, "不是一份判定模型", "not a model") from error
    if {section: list(found) for section, found in model.items()} != _SECTIONS:
        _bad(policy, "", "须定义 r、p、g、g2、e、m 各一次，不得有其他内容",
             "must define r, p, g, g2, e and m, each once, and nothing else")  # fmt: skip
    if tuple(model["r"]["r"].tokens) != asked or tuple(model["p"]["p"].tokens) != _POLICY:
        part = "p" if tuple(model["r"]["r"].tokens) == asked else "r"
        _bad(policy, part, "请求或规则的栏目与服务所用的不同，请恢复原样", "unexpected request or policy definition")
    if any(model["g"][key].value.replace(" ", "") != "_,_" for key in ("g", "g2")):
        _bad(policy, "g", "g 和 g2 各有两栏，应写作 _, _", "g and g2 take two names")
    return model


def _check_effect(policy: PolicySet, expression: str) -> None:
    """Ask Casbin's effector for every verdict `permits` relies on: nothing means no, one deny outweighs every allow."""
    try:
        effector = get_effector(expression)
    except RuntimeError:
        _bad(policy, "e", "没有这种效力合成方式，请恢复原样", "unknown policy effect")
    allow, deny, nothing = Effector.ALLOW, Effector.DENY, Effector.INDETERMINATE
    verdicts = {(): False, (nothing,): False, (allow,): True, (deny,): False}
    verdicts |= {(allow, deny): False, (deny, allow): False}
    for effects, verdict in verdicts.items():
        on_the_way = [effector.intermediate_effect({*effects[: n + 1]}) for n in range(len(effects))]
        settled = next((found for found in on_the_way if found != nothing), effector.final_effect({*effects}))
        if effect_to_bool(settled) is not verdict:
            _bad(policy, "e", "须默认不许可，且一条不许可压倒所有许可",
                 "the effect must deny by default and let a deny outweigh every allow")  # fmt: skip


def _words(row: RuleRow, role: str, act: str, object: str) -> dict[str, str]:
    asked = {"r_holding.role": role, "r_act": act, "r_object": object}
    return asked | {"p_role": row.role, "p_act": row.act, "p_object": row.object}


def _groups(policy: PolicySet) -> Mapping[str, matcher.Groups]:
    return {"g": policy.roles, "g2": policy.objects}


def _matches(matching: Matcher, policy: PolicySet, row: RuleRow) -> Iterator[tuple[tuple[str, str, str], Left]]:
    """Every (role, act, object) the row is about, with what is left to ask; one axis after the other.

    Groups are names of the policy, not of the world: nobody holds one and nothing is one.
    """
    known = {"p_role": row.role, "p_act": row.act, "p_object": row.object}
    found: list[tuple[tuple[str, ...], Left]] = [((), True)]
    words = policy.catalogue
    acts = dict.fromkeys(each.act for each in policy.rows)
    for names in (words.roles, acts, (*words.cells, *words.objects)):
        wider = [(*key, name) for key, _ in found for name in names]
        asked = (known | dict(zip(matcher.AXES, key, strict=False)) for key in wider)
        lefts = (matching.left(each, _groups(policy)) for each in asked)
        found = [(key, left) for key, left in zip(wider, lefts, strict=True) if left is not False]
    yield from (((role, act, object), left) for (role, act, object), left in found)


def _table(matching: Matcher, policy: PolicySet) -> dict[tuple[str, str, str], tuple[Clause, ...]]:
    grouped: dict[tuple[str, str, str], dict[Left, list[RuleRow]]] = {}
    for row in policy.rows:
        for key, left in _matches(matching, policy, row):
            grouped.setdefault(key, {}).setdefault(left, []).append(row)
    tests = {left: matcher.test(left) for lefts in grouped.values() for left in lefts}
    return {
        key: tuple(
            Clause(
                left,
                tests[left],
                next((row.id for row in rows if row.eft == "allow"), None),
                any(row.eft == "deny" for row in rows),
            )
            for left, rows in lefts.items()
        )
        for key, lefts in grouped.items()
    }


def _must_bind_every_axis(matching: Matcher, policy: PolicySet) -> None:
    """The canary: a role, act or object nobody knows matches no row, so the table holds every possible yes."""
    for row in policy.rows:
        for axis in matcher.AXES:
            words = _words(row, row.role, row.act, row.object) | {axis: _NONSENSE}
            if matching.left(words, _groups(policy)) is not False:
                _bad(
                    policy,
                    "m",
                    f"[matchers] 的判定式没有核对 {axis.removeprefix('r_')}",
                    f"the matcher does not bind {axis}",
                )


def _must_ask_everything(policy: PolicySet, kept: Mapping[Any, tuple[Clause, ...]]) -> None:
    """Refuse a matcher that can be satisfied without asking what the holding contains, reaches, and until when."""
    for left in {clause.left for found in kept.values() for clause in found}:
        for question in matcher.QUESTIONS.values():
            if matcher.truth(left, {other: other != question for other in matcher.QUESTIONS.values()}):
                _bad(
                    policy,
                    "m",
                    f"[matchers] 的判定式须核对 {question}：{_MEANS[question]}",
                    f"a permit must depend on {question}",
                )


def _bad(policy: PolicySet, name: str, zh: str, en: str) -> NoReturn:
    """Refuse the model at the line that defines `name`."""
    lines = enumerate(policy.model.split("\n"), start=1)
    found = next((n for n, line in lines if name and line.partition("=")[0].strip() == name), 0)
    table.bad(matcher.FILE, found, zh, en)
