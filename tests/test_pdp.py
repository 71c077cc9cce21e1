"""The decision point: compiled rule, a fresh Casbin and a ten-line oracle agree; the library's traps are shut."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import policies
from authz import matcher
from authz.division import Divisions
from authz.pdp import Rule, fresh_enforcer
from authz.policy import Link, PolicySet, RuleRow

HOME = Path(__file__).parent.parent / "policies"
POLICY = policies.load(HOME)
RULE = Rule.compile(POLICY)
NINGXIA = policies.load_divisions(HOME)
START = datetime(2026, 12, 1, tzinfo=UTC)
PLACES = ["64", "6403", "640324", "640324100", "640324100201", "640324101", "640422", "640399", "", "64032"]


@dataclass(frozen=True)
class Held:
    """A grant or a post as small as a test wants it."""

    role: str
    division: str
    acts: frozenset[str]
    objects: frozenset[str]
    until: datetime

    def includes(self, act: str, object: str) -> bool:
        return act in self.acts and object in self.objects

    def covers(self, division: str, divisions: Divisions) -> bool:
        return divisions.covers(self.division, division)

    def live(self, at: datetime) -> bool:
        return at < self.until


ROLES = ["grid_worker", "village_collector", "township_admin", "county_admin", "auditor"]
GROUPS = ["grassroots", "township_staff", "overseer"]
ACTS = ["collect", "update", "query", "decide", "read"]
CELLS = ["monitored.base", "lifted_out.income", "request", "log"]
KINDS = ["plain_cells", "every_cell"]


def rows() -> st.SearchStrategy[tuple[RuleRow, ...]]:
    row = st.tuples(
        st.sampled_from(ROLES + GROUPS), st.sampled_from(ACTS), st.sampled_from(CELLS + KINDS),
        st.sampled_from(["allow", "allow", "deny"]),
    )  # fmt: skip
    found = st.lists(row, min_size=1, max_size=12, unique=True)
    return found.map(lambda each: tuple(RuleRow(f"roles.csv:{n}", *fields) for n, fields in enumerate(each)))


def links(children: list[str], parents: list[str]) -> st.SearchStrategy[tuple[Link, ...]]:
    pair = st.tuples(st.sampled_from(children), st.sampled_from(parents))
    return st.lists(pair, max_size=5, unique=True).map(lambda found: tuple(Link(*each) for each in found))


def closed(names: list[str], found: tuple[Link, ...]) -> dict[str, frozenset[str]]:
    return {name: frozenset({name, *(link.parent for link in found if link.child == name)}) for name in names}


@st.composite
def worlds(draw: st.DrawFn) -> PolicySet:
    role_links, object_links = draw(links(ROLES, GROUPS)), draw(links(CELLS, KINDS))
    return replace(
        POLICY, rows=draw(rows()), role_links=role_links, object_links=object_links,
        roles=closed(ROLES + GROUPS, role_links), objects=closed(CELLS + KINDS, object_links),
    )  # fmt: skip


def holdings() -> st.SearchStrategy[Held]:
    return st.builds(
        Held, st.sampled_from([*ROLES, "nobody", ""]), st.sampled_from(PLACES),
        st.sets(st.sampled_from(ACTS), min_size=2).map(frozenset),
        st.sets(st.sampled_from(CELLS), min_size=2).map(frozenset),
        st.sampled_from([START, START + timedelta(days=9)]),
    )  # fmt: skip


def asked() -> st.SearchStrategy[tuple[str, str, str, datetime]]:
    return st.tuples(
        st.sampled_from([*ACTS, "smuggle", ""]), st.sampled_from([*CELLS, "treasury", ""]), st.sampled_from(PLACES),
        st.sampled_from([START - timedelta(seconds=1), START, START + timedelta(days=10)]),
    )  # fmt: skip


def oracle(world: PolicySet, held: Held, question: tuple[str, str, str, datetime]) -> bool:
    """The rule in ten lines, with neither table nor engine."""
    act, object, place, at = question
    roles = {held.role} | {link.parent for link in world.role_links if link.child == held.role}
    objects = {object} | {link.parent for link in world.object_links if link.child == object}
    inside = NINGXIA.known(place) and held.division in NINGXIA.path(place)
    good = act in held.acts and object in held.objects and inside and at < held.until
    effects = {r.eft for r in world.rows if r.role in roles and r.act == act and r.object in objects} if good else set()
    return effects == {"allow"}


@settings(max_examples=120, deadline=None)
@given(worlds(), st.lists(st.tuples(holdings(), asked()), min_size=4, max_size=8))
def test_rule_casbin_and_oracle_agree(
    world: PolicySet, questions: list[tuple[Held, tuple[str, str, str, datetime]]]
) -> None:
    rule, enforcer = Rule.compile(world), fresh_enforcer(world, NINGXIA)
    for held, (act, object, place, at) in questions:
        row = rule.permits(held, act, object, place, at, NINGXIA)
        assert (row is not None) == enforcer.enforce(held, act, object, place, at)
        assert (row is not None) == oracle(world, held, (act, object, place, at))
        if row is not None:
            assert next(each for each in world.rows if each.id == row).act == act


def test_the_real_policy_agrees_with_a_fresh_casbin() -> None:
    enforcer, answers = fresh_enforcer(POLICY, NINGXIA), set()
    for number, (role, act, object) in enumerate(POLICY.triples()):
        if number % 7 == 0:
            held = Held(role, "640324", frozenset({act}), frozenset({object}), START + timedelta(days=1))
            ours = RULE.permits(held, act, object, "640324100201", START, NINGXIA) is not None
            assert ours == enforcer.enforce(held, act, object, "640324100201", START)
            answers.add(ours)
    assert answers == {True, False}


def test_a_permit_names_the_row_and_each_axis_is_needed() -> None:
    held = Held("grid_worker", "640324100", frozenset({"update"}), frozenset({"monitored.income"}), START)
    before = START - timedelta(seconds=1)
    row = RULE.permits(held, "update", "monitored.income", "640324100201", before, NINGXIA)
    assert row is not None
    line = (HOME / "roles.csv").read_text("utf-8").split("\n")[int(row.split(":")[1]) - 1]
    assert line == "p,grassroots,update,daily_cells,allow"
    wrong = [
        (replace(held, role="auditor"), "update", "monitored.income", "640324100201", before),
        (replace(held, role="grassroots"), "update", "monitored.income", "640324100201", before),
        (held, "verify", "monitored.income", "640324100201", before),
        (held, "update", "monitored.base", "640324100201", before),
        (held, "update", "daily_cells", "640324100201", before),
        (held, "update", "monitored.income", "640324101201", before),
        (held, "update", "monitored.income", "640324100201", START),
    ]
    assert not any(RULE.permits(*each, NINGXIA) for each in wrong)


MATCHER = next(line for line in POLICY.model.split("\n") if line.startswith("m = "))
ALL = "includes(r.holding, r.act, r.object) && covers(r.holding, r.division) && live(r.holding, r.at)"
WORDS = "g(r.holding.role, p.role) && r.act == p.act && g2(r.object, p.object)"
SMUGGLED = [
    "eval(p.act)", "eval('True')", "regexMatch(r.object, p.object)", "keyMatch(r.object, p.object)", "True", "1",
    "r.act in ('update', p.act)", "r.act == p.act == p.role", "r.act < p.act", "r.act + p.act == p.object", "r.act",
    "r.holding.secret == p.role", "r.holding.__class__ == p.role", "covers(r.division, r.holding)", "r.act == ''",
    "live(r.holding, at=r.at)", "(lambda: True)()", "[True][0]", "timeMatch(r.at, p.act)", "g(r.act)", "g3(r.act, 'x')",
    "covers(*r.holding)",
    "r.act == p.act if r.act else True", "f'{r.act}' == p.act", "r.division == p.object", "(x := True)", "r.act ==", "",
]  # fmt: skip


def with_matcher(text: str) -> PolicySet:
    return replace(POLICY, model=POLICY.model.replace(MATCHER, f"m = {text}"))


@pytest.mark.parametrize("smuggled", SMUGGLED)
def test_an_unknown_construct_is_refused(smuggled: str) -> None:
    with pytest.raises(ValueError, match=r"model\.conf"):
        Rule.compile(with_matcher(f"{WORDS} && {ALL} && {smuggled}"))
    with pytest.raises(ValueError, match=r"model\.conf"):
        Rule.compile(with_matcher(smuggled))


UNBOUND = [
    ("r_holding.role", f"r.act == p.act && g2(r.object, p.object) && {ALL}"),
    ("r_act", f"g(r.holding.role, p.role) && g2(r.object, p.object) && {ALL}"),
    ("r_object", f"g(r.holding.role, p.role) && r.act == p.act && {ALL}"),
    ("r_act", f"{WORDS} && {ALL} || r.act != p.act && {ALL}"),
    ("includes", f"{WORDS} && covers(r.holding, r.division) && live(r.holding, r.at)"),
    ("covers", f"{WORDS} && includes(r.holding, r.act, r.object) && live(r.holding, r.at)"),
    ("live", f"{WORDS} && includes(r.holding, r.act, r.object) && covers(r.holding, r.division)"),
    ("live", f"{WORDS} && {ALL} || {WORDS} && covers(r.holding, r.division) && includes(r.holding, r.act, r.object)"),
    ("live", f"{WORDS} && {ALL.replace('live', '!live')}"),
]


@pytest.mark.parametrize(("missing", "text"), UNBOUND)
def test_a_matcher_that_forgets_to_ask_is_refused(missing: str, text: str) -> None:
    with pytest.raises(ValueError, match=missing):
        Rule.compile(with_matcher(text))


def test_other_spellings_of_the_rule_are_the_same_rule() -> None:
    spelled = Rule.compile(with_matcher(f"{ALL} && !(r.act != p.act) && ({WORDS} || p.role == 'x' && {WORDS})"))
    acts, objects = frozenset({"update"}), frozenset({"monitored.base"})
    held = Held("grid_worker", "640324", acts, objects, START + timedelta(days=1))
    for place in PLACES:
        asks = (held, "update", "monitored.base", place, START, NINGXIA)
        assert spelled.permits(*asks) == RULE.permits(*asks)


EFFECT = next(line for line in POLICY.model.split("\n") if line.startswith("e = "))
MODELS = [
    ("effect", lambda text: text.replace(" && !some(where (p.eft == deny))", "")),
    ("effect", lambda text: text.replace("some(where (p.eft == allow)) && ", "")),
    ("effect", lambda text: text.replace("e = some", "e = any")),
    ("effect", lambda text: text.replace(EFFECT, "e = priority(p.eft) || deny")),
    ("policy definition", lambda text: text.replace("p = role, act, object, eft", "p = role, object, act, eft")),
    ("request", lambda text: text.replace("r = holding, act, object, division, at", "r = holding, act, object, at")),
    ("once", lambda text: text.replace("g2 = _, _", "")),
    ("two names", lambda text: text.replace("g2 = _, _", "g2 = _, _, _")),
    ("once", lambda text: text + "m2 = r.act == p.act\n"),
    ("once", lambda _: ""),
    ("not a model", lambda _: "[request_definition\nr"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "change"), MODELS, ids=range(len(MODELS)))
def test_another_model_is_refused(reason: str, change: object) -> None:
    changed = change(POLICY.model)  # type: ignore[operator]
    assert changed != POLICY.model
    with pytest.raises(ValueError, match=reason):
        Rule.compile(replace(POLICY, model=changed))


@given(st.text(max_size=40))
def test_any_text_as_a_matcher_is_refused_or_read_but_never_crashes(text: str) -> None:
    try:
        read = matcher.parse(text)
    except ValueError:
        return
    assert read.node[0] in {"and", "or", "not", "same", "link", "ask"}


def test_only_the_living_casbin_is_installed() -> None:
    assert importlib.metadata.version("pycasbin")
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("casbin")


@pytest.mark.parametrize("number", range(0, len(POLICY.rows), 9))
def test_one_flipped_row_is_noticed_by_the_comparison(number: int) -> None:
    row = POLICY.rows[number]
    flipped = replace(row, eft="deny" if row.eft == "allow" else "allow")
    other = Rule.compile(replace(POLICY, rows=tuple(flipped if each == row else each for each in POLICY.rows)))
    assert {role for role in POLICY.catalogue.roles if other.rights(role) != RULE.rights(role)}
