"""A department writes only its own fields (row 68 of the attacks): the section, the rule and the routes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import acts
import pytest
import worlds
from conftest import World
from realm import COUNTY, START, Realm
from worlds import OFFICER, Town

from authz import edit as rule
from authz import lint, policy, refusal, remit, spec, table
from authz.delegation import Wanted
from authz.edit import Edit
from authz.post import FAR, Person, Post, Unit
from authz.window import Opening

HOME = Path(__file__).parent.parent / "policies"
FILES = {name: (HOME / name).read_bytes() for name in policy.FILES}
CATALOGUE = "catalogue.toml"
POLICY = acts.law().policy
WORDS = POLICY.catalogue
# The table as it is written, read by nothing of ours.
WRITTEN: dict[str, dict[str, list[str]]] = tomllib.loads(FILES[CATALOGUE].decode())["departments"]["fields"]
CELLS = ("monitored.base", "monitored.measures", "monitored.income")
FIELDS = [(cell, field) for cell in CELLS for field in WORDS.cells[cell].fields]


# --- the section ----------------------------------------------------------------------------------------------------
def with_change(old: str, new: str) -> dict[str, bytes]:
    assert old.encode() in FILES[CATALOGUE]
    return {**FILES, CATALOGUE: FILES[CATALOGUE].replace(old.encode(), new.encode(), 1)}


HEAD = '[departments]\nroles = ["department_officer"]\nsource = "local"\n'
BAD = [
    (with_change('base = ["health"]', 'base = ["wealth"]'), 'base = ["wealth"]', "unknown field: wealth"),
    (with_change('base = ["health"]', 'base = ["wage_income"]'), 'base = ["wage_income"]', "unknown field: wage_income"),
    (with_change('base = ["health"]', 'base = ["health", "health"]'), 'base = ["health", "health"]', "repeated"),
    (with_change('base = ["health"]', "base = []"), "base = []", "empty"),
    (with_change('base = ["health"]', "base = [1]"), "base = [1]", "form"),
    (with_change('measures = ["water"]', 'wealth = ["water"]'), 'wealth = ["water"]', "unknown module"),
    (with_change("[departments.fields.water]", "[departments.fields.weather]"), "[departments.fields.weather]", "unknown unit"),
    (with_change("[departments.fields.water]", "[departments.fields.lead]"), "[departments.fields.lead]", "holds no such role"),
    (with_change("[departments.fields.emergency]\n", ""), "[departments]", "no fields listed for emergency"),
    (with_change(HEAD, HEAD.replace("department_officer", "emperor")), 'roles = ["emperor"]', "unknown role"),
    (with_change(HEAD, HEAD.replace('"local"', '"because"')), 'source = "because"', "source"),
    (with_change(HEAD, HEAD.replace('source = "local"\n', "")), "[departments]", "must have"),
    (with_change(HEAD, HEAD + "more = 1\n"), "[departments]", "must have"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "line", "reason"), BAD, ids=[row[2] for row in BAD])
def test_a_bad_section_refuses_the_whole_set_at_its_line(files: dict[str, bytes], line: str, reason: str) -> None:
    with pytest.raises(table.BadTable, match=reason) as caught:
        policy.parse(files)
    told = files[CATALOGUE].decode().split("\n")[caught.value.line - 1]
    assert (caught.value.file, told) == (CATALOGUE, line)
    assert caught.value.zh


def test_the_section_is_read_as_it_is_written() -> None:
    found = {(kind, module): frozenset(names) for kind, parts in WRITTEN.items() for module, names in parts.items()}
    assert WORDS.remits.fields == found
    assert WORDS.remits.source == "local"
    assert WORDS.remits.owners("base", "labour_skill") == ("disabled_federation", "human_resources")
    assert not WORDS.remits.owners("income", "net_income_per_capita")


def test_a_set_without_the_section_bounds_nobody() -> None:
    text = FILES[CATALOGUE].decode()
    bare = text[: text.index("[departments]")] + text[text.index("# Who may appoint whom") :]
    old = policy.parse({**FILES, CATALOGUE: bare.encode()})
    assert old.catalogue.remits == remit.NONE
    assert not any(map(old.catalogue.remits.bounds, old.catalogue.roles))
    assert {role for role in WORDS.roles if WORDS.remits.bounds(role)} == {"department_officer"}


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_truth_table_notices_every_field_given_or_taken(kind: str) -> None:
    data, listed = (HOME / spec.FIELDS).read_bytes(), WORDS.remits.fields
    assert not list(spec.fields(data, POLICY))
    for cell, field in FIELDS:
        module = WORDS.cells[cell].module
        changed = {**listed, (kind, module): listed.get((kind, module), frozenset()) ^ {field}}
        spoilt = replace(WORDS, remits=replace(WORDS.remits, fields=MappingProxyType(changed)))
        told = list(spec.fields(data, replace(POLICY, catalogue=spoilt)))
        assert told
        assert all(kind in each and f"{module}.{field}" in each for each in told)


TABLE = [
    "emperor,base.name,allow,x", "health,base.wealth,allow,x", "health,name,allow,x", "health,,allow,x",
    "health,base.health,Allow,x", "health,base.health,allow,", "health,base.health,allow",
]  # fmt: skip


@pytest.mark.parametrize("line", TABLE)
def test_a_bad_line_of_the_truth_table_is_refused(line: str) -> None:
    with pytest.raises(table.BadTable) as caught:
        list(spec.fields(f"unit_kind,field,expected,because\n{line}\n".encode(), POLICY))
    assert (caught.value.file, caught.value.line) == (spec.FIELDS, 2)


def test_the_lint_tells_what_a_reader_should_look_at_twice() -> None:
    assert lint.warnings(POLICY) == ()
    text = FILES[CATALOGUE].decode()
    bare = text[: text.index("[departments]")] + text[text.index("# Changes that are let pass") :]
    idle = text.replace('base = ["health"]', 'base = ["health"]\nrisk_elimination = ["risk_1"]')
    free = text.replace(', grounds = ["elimination_rollback"]', "")
    for spoilt, word in (
        (bare, "no departments"),
        (idle, "health lists fields of risk_elimination"),
        (free, "any ground"),
    ):
        (told,) = lint.warnings(policy.parse({**FILES, CATALOGUE: spoilt.encode()}))
        assert word in told.en
        assert told.file == CATALOGUE


# --- the rule -------------------------------------------------------------------------------------------------------
def edit(cell: str, *fields: str, **more: Any) -> Edit:
    return Edit(**{
        "household": "h-1", "member": None, "division": "640324100201", "cell": cell, "operation": "update", "data_year": 2026,
        "quarter": 4, "occurred_at": None, "channel": "t", "named": {}, "evidence": (), "ruleset": None, "checks_failed": (),
        "changes_made": tuple((each, None, "c") for each in fields), "checks_overridden": (), "campaign": None,
    } | more)  # fmt: skip


@pytest.fixture(scope="module")
def departments() -> Realm:
    """A county where every department holds the same wide grant, and so do its own workers."""
    realm, operations = Realm(), ("collect", "update", "verify")
    window = Opening(
        COUNTY,
        CELLS,
        operations,
        2026,
        START,
        datetime(2027, 1, 1, tzinfo=START.tzinfo),
        "c",
        "c",
        "2026-12-01",
        None,
        None,
    )
    root = realm.open(window)[0] + 1
    holders = {f"u-{COUNTY}-{kind}": "department_officer" for kind in WRITTEN} | {f"u-{COUNTY}-lead": "county_clerk"}
    for number, (unit, role) in enumerate(holders.items()):
        kind = remit.kind(unit)
        realm.rows.units[unit] = Unit(unit, kind, COUNTY, unit, None)
        realm.rows.people[f"p-{kind}"] = Person(f"p-{kind}", f"n-{kind}", 0)
        realm.seat(Post(1000 + number, f"p-{kind}", unit, COUNTY, role, role, START - timedelta(days=9), FAR))
        wish = Wanted(
            unit, role, COUNTY, frozenset(CELLS), frozenset(operations), START, START + timedelta(days=20), 2026
        )
        realm.delegate("p-2", root, wish)
    return realm


def outcome(realm: Realm, kind: str, asked: Edit) -> refusal.Refusal | None:
    try:
        rule.permit(asked, realm.scene(f"p-{kind}"))
    except refusal.Refusal as refused:
        return refused
    return None


@pytest.mark.parametrize("kind", [*WRITTEN, "lead"])
def test_every_field_of_every_department(departments: Realm, kind: str) -> None:
    for cell, field in FIELDS:
        mine = kind == "lead" or field in WRITTEN[kind].get(cell.partition(".")[2], ())
        for operation in ("collect", "update", "verify"):
            refused = outcome(departments, kind, edit(cell, field, operation=operation))
            assert (refused is None) == mine, (cell, field, operation)
            if refused is not None:
                assert (refused.code, refused.members["missing"]) == ("outside_field", "field")
                assert WORDS.cells[cell].fields[field].zh in str(refused.detail)
    # A statement without values ("verified, no change") touches no field.
    assert all(outcome(departments, kind, edit(cell)) is None for cell in CELLS)


def test_one_field_too_many_refuses_the_whole_edit(departments: Realm) -> None:
    """Row 68: the forbidden field stands first, last, or between; who answers for it is told."""
    own, other = ("subsistence_benefit", "extreme_poverty_benefit"), "wage_income"
    assert outcome(departments, "civil_affairs", edit("monitored.income", *own)) is None
    for place in range(3):
        mixed = [*own[:place], other, *own[place:]]
        refused = outcome(departments, "civil_affairs", edit("monitored.income", *mixed))
        assert refused is not None
        assert refused.members["fields"] == [other]
        assert refused.members["who_can_write"] == [{"field": other, "unit_kinds": ["human_resources", "lead"]}]
        assert "人力资源和社会保障部门" in str(refused.detail)
    nobodys = outcome(departments, "civil_affairs", edit("monitored.income", "asset_dividend"))
    assert nobodys is not None
    assert nobodys.members["who_can_write"] == [{"field": "asset_dividend", "unit_kinds": ["lead"]}]


def test_nobody_writes_through_another_hand_what_he_may_not_write_himself(departments: Realm) -> None:
    named = {"collected_by": "p-civil_affairs"}
    told = outcome(departments, "lead", edit("monitored.income", "wage_income", named=named))
    assert told is not None
    assert told.code == "outside_field"
    assert outcome(departments, "lead", edit("monitored.income", "subsistence_benefit", named=named)) is None
    assert outcome(departments, "lead", edit("monitored.income", "wage_income")) is None


def test_without_the_section_the_same_edit_is_as_before(departments: Realm) -> None:
    """The control: it is the section that refuses."""
    asked = edit("monitored.income", "wage_income")
    scene = departments.scene("p-civil_affairs")
    with pytest.raises(refusal.OutsideField):
        rule.permit(asked, scene)
    bare = replace(POLICY, catalogue=replace(WORDS, remits=remit.NONE))
    rule.permit(asked, replace(scene, law=replace(scene.law, policy=bare)))


# --- the routes -----------------------------------------------------------------------------------------------------
@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        (root,) = made.granted()
        made.delegated(root, holder="u-640324-civil_affairs", role="department_officer")
        made.delegated(root)
        yield made


def changes(*fields: str) -> list[dict[str, Any]]:
    return [{"field": each, "before": 100, "after": 200} for each in fields]


def test_68_a_change_with_one_forbidden_field_is_refused_and_nothing_of_it_applied(town: Town) -> None:
    before, fresh = town.size(), {"household": "h-fresh"}
    mixed = town.edit(changes=changes("subsistence_benefit", "wage_income"), **fresh)
    answer = town.post("/v1/edits", OFFICER, mixed)
    told = answer.json()
    assert (answer.status_code, told["code"], told["missing"]) == (403, "outside_field", "field")
    assert told["fields"] == ["wage_income"]
    assert town.size() == before + 1, "the refusal and nothing else"
    entry = town.get(f"/v1/entries/{told['entry']}", worlds.AUDITOR).json()
    assert (entry["decision"], entry["person"]["id"]) == ("deny", OFFICER)
    assert town.get("/v1/households/h-fresh", worlds.ADMIN).status_code == 404
    results = town.post("/v1/edits/batch", OFFICER, [mixed, town.edit(changes=changes("subsistence_benefit"))]).json()
    assert [each.get("code", each["decision"]) for each in results["results"]] == ["outside_field", "permit"]
    # The control: the village's collector is bounded by his grant alone.
    assert town.post("/v1/edits", worlds.COLLECTOR, mixed).status_code == 201


def test_68_an_edit_made_elsewhere_is_judged_by_the_same_list(town: Town) -> None:
    at = datetime.now(START.tzinfo).isoformat()
    body = town.edit(person=OFFICER, occurred_at=at, ref="1")
    own = body | {"ref": "2", "changes": changes("subsistence_benefit")}
    sent = "\n".join(map(json.dumps, (body, own))).encode()
    answer = town.post("/v1/edits/import", worlds.ADMIN, sent, content_type="application/x-ndjson")
    found = [json.loads(each) for each in answer.text.splitlines()]
    assert [(each["verdict"], each.get("code")) for each in found] == [
        ("not_allowed_then", "outside_field"), ("allowed_then", None),
    ]  # fmt: skip
