"""Rules handed in by somebody hostile or careless: what passes must leave a service that runs and can be mended."""

from __future__ import annotations

import importlib
import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from acts import FOLDER
from conftest import World
from test_amendments import adopted, proposed, texts
from worlds import ADMIN, ADMIN_B, APPROVER, CLERK, COUNTY, SECURITY_ADMIN, SIGNATORY, SYSTEM_ADMIN, Town

from api import policies
from api.wire import fields
from authz import amendment, bundle, lint, policy, table
from authz.post import PostAssigned

FILES = policies.files(FOLDER)
SET = policy.parse(FILES)
ROOT = Path(lint.__file__).parents[1]
ASKED = re.compile(r"""(?:\bnumber\(|handling\.get\()(?:"(\w+)"|([A-Z]+)\b|name\) for name in ([A-Z]+))""")
CODES = re.compile(r"""(?:separated|overlap)\([^()]*?, "(\w+)\"""")


def sources() -> Iterator[tuple[str, str]]:
    for room in ("authz", "api", "audit"):
        for file in sorted((ROOT / room).glob("*.py")):
            yield f"{room}.{file.stem}", file.read_text()


def asked_numbers() -> set[str]:
    """Every number the code asks for, by its name or by a constant that holds the name."""
    found: set[str] = set()
    for module, text in sources():
        for plain, constant, several in ASKED.findall(text):
            if plain:
                found.add(plain)
            else:
                held = getattr(importlib.import_module(module), constant or several)
                found |= {held} if isinstance(held, str) else set(held)
    return found


def refused(**changed: str) -> str:
    """Why a set with these files is refused; fails where it is not."""
    files = FILES | {name.replace("__", ".").replace("_csv", ".csv"): text.encode() for name, text in changed.items()}
    made = amendment.draft("64", files, SET, SET.digest, region=True)
    assert made.fault is not None
    return str(made.fault.detail)


def written(name: str) -> str:
    return FILES[name].decode()


def number(name: str, value: int) -> str:
    """handling.toml with another value and without the limits that the file sets itself."""
    head, block, tail = re.split(rf"(^\[{name}\]\n[^\[]*)", written("handling.toml"), flags=re.MULTILINE)
    return head + re.sub(r"(?:floor|ceiling) = .*\n", "", re.sub(r"value = \d+", f"value = {value}", block)) + tail


# --- what the code asks for by name ------------------------------------------------------------------------------------
def test_every_number_the_code_asks_for_is_demanded_or_optional_with_limits() -> None:
    found = asked_numbers()
    assert {"idempotency_hours", "deputy_days", "approval_days", "intake_days", "staffing_consequence"} <= found
    assert found <= {*lint.NUMBERS, *lint.CHOICES}


def test_every_duty_the_code_asks_for_by_code_is_demanded() -> None:
    found = {code for _, text in sources() for code in CODES.findall(text)}
    assert found == set(lint.PAIRS)


def test_the_roles_that_can_be_asked_for_are_those_of_the_lint() -> None:
    assert set(typing.get_args(fields.Role)) == lint.ROLES == set(SET.catalogue.roles)


@pytest.mark.parametrize("name", sorted(lint.NUMBERS))
def test_a_set_without_a_number_is_refused(name: str) -> None:
    left = re.sub(rf"^\[{name}\]\n[^\[]*", "", written("handling.toml"), flags=re.MULTILINE)
    assert name in refused(handling__toml=left)


@pytest.mark.parametrize("name", sorted({*lint.NUMBERS, *lint.CHOICES} & {*SET.handling}))
def test_a_number_that_nothing_could_run_with_is_refused(name: str) -> None:
    least, most = (lint.NUMBERS | lint.CHOICES)[name]
    assert least <= SET.number(name) <= most
    for value in ({least - 1} if least else set()) | {most + 1, 10**30}:
        assert name in refused(handling__toml=number(name, value))


# --- nobody above, and the way back -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("duties.csv", "applicant_approver,request,", "applicant_approver,policy,", "request.decide"),
        ("duties.csv", "proposer_adopter,policy,", "proposer_adopter,request,", "policy.adopt"),
        ("duties.csv", "primary_deputy,pair,", "primary_deputy,grant,", "primary_deputy"),
        ("duties.csv", "officers_business,roles", "officers_business,roles_", "类别"),
        ("duties.csv", "audit_admin,region_handler region_approver", "audit_admin,region_handler", "region_approver"),
        ("catalogue.toml", 'county_admin = ["department_officer"', 'county_admin = ["audit_admin"', "三员"),
        ("catalogue.toml", '[delegation]\nroles = [', '[delegation]\nroles = ["region_approver", ', "不得持有授权"),
        ("catalogue.toml", '[delegation]\nroles = [', '[delegation]\nroles = ["audit_admin", ', "不得持有授权"),
        ("roles.csv", "p,region_staff,read,policy,allow\n", "", "采用规则"),
        ("roles.csv", "p,security_admin,propose,officer,allow\n", "p,security_admin,propose,officer,deny\n", ""),
    ],
)  # fmt: skip
def test_what_would_seat_somebody_above_or_lock_the_door_is_refused(file: str, old: str, new: str, told: str) -> None:
    assert old in written(file)
    files = FILES | {file: written(file).replace(old, new, 1).encode()}
    made = amendment.draft("64", files, SET, SET.digest, region=True)
    assert (made.fault is None) == (told == ""), made
    assert made.fault is None or told in str(made.fault.detail)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"lifted_out.base" = ', '"monitored.basis" = '),
        ("correction = ", "corrections = "),
        ("export = {", "exports = {"),
    ],
)
def test_words_that_entries_are_told_in_stay(old: str, new: str) -> None:
    words = written("catalogue.toml")
    assert old in words
    assert refused(catalogue__toml=words.replace(old, new))


# --- any bytes --------------------------------------------------------------------------------------------------------------
JUNK = ["0", "true", '"x"', "[]", "[[]]", "{}", "nan", "1979-05-27", "[{}]", "9" * 40]


@pytest.mark.parametrize("junk", JUNK)
def test_a_value_of_another_type_is_refused_with_its_file(junk: str) -> None:
    for file in ("handling.toml", "catalogue.toml"):
        for line in {each for each in written(file).split("\n") if " = " in each}:
            name = line.partition(" = ")[0]
            if name in ("floor", "ceiling", "value", "cells", "base", "income", "monitored_since", "review"):
                text = written(file).replace(line, f"{name} = {junk}", 1)
                try:
                    policy.parse(FILES | {file: text.encode()})
                except table.BadTable as bad:
                    assert bad.file == file  # noqa: PT017 what passes is as good: a table may be empty
    part = f'monitored_since = ["识别监测时间", {junk}, "open"]'
    text = written("catalogue.toml").replace('monitored_since = ["识别监测时间", "month", "open"]', part)
    with pytest.raises(table.BadTable):
        policy.parse(FILES | {"catalogue.toml": text.encode()})


@pytest.mark.parametrize("file", ["handling.toml", "catalogue.toml", "model.conf"])
def test_what_is_nested_without_end_is_refused(file: str) -> None:
    deep = written(file).replace("m = ", "m = " + "!" * 30_000) if file == "model.conf" else "a = " + "[" * 50_000
    made = amendment.draft("64", FILES | {file: deep.encode()}, SET, SET.digest, region=True)
    assert made.fault is not None


@pytest.mark.parametrize("count", [policy.MOST_ACTS, 4_000])
def test_a_set_that_nobody_could_compile_in_time_is_refused_before_it_is_tried(count: int) -> None:
    verbs = ", ".join(f'v{each} = "x"' for each in range(count))
    words = written("catalogue.toml") + f'[objects.more]\nzh = "x"\nacts = {{ {verbs} }}\n'
    rows = written("roles.csv") + "".join(f"p,registered,v{each},more,allow\n" for each in range(count))
    assert "过多" in refused(catalogue__toml=words, roles_csv=rows)


def test_what_is_told_of_a_proposal_fits_an_entry() -> None:
    """A name is short, so that two lists of two hundred rights stay far below the longest entry."""
    word = "a" * 40
    words = tomllib.loads(written("catalogue.toml"))
    assert refused(
        catalogue__toml=written("catalogue.toml") + f'[objects.{word}a]\nzh = "x"\nacts = {{ read = "x" }}\n'
    )
    longest = max(map(len, words["roles"])) + len(word) * 2 + len(',"  "')
    assert 2 * amendment.MOST_TOLD * longest < 60_000


# --- over HTTP ----------------------------------------------------------------------------------------------------------------
def undelegable(text: str) -> str:
    return text.replace(
        '"first_secretary", "grid_worker", "assistance_person"]\n\n# Names', '"assistance_person"]\n\n# Names'
    )


DENY = {"roles.csv": "p,grid_worker,update,monitored.income,deny\n"}


def test_a_narrowing_that_no_longer_holds_is_not_adopted_and_the_service_goes_on(database: World) -> None:
    with Town(database) as town:
        narrowing = proposed(town, DENY, person=ADMIN, division=COUNTY).json()["policy"]
        whole = proposed(town, texts(catalogue_toml=undelegable))
        assert whole.status_code == 201, whole.text
        assert adopted(town, whole.json()["policy"]).status_code == 200
        late = adopted(town, narrowing, SIGNATORY)
        assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
        assert proposed(town, texts()).status_code == 201


def test_a_set_under_which_a_narrowing_does_not_hold_is_not_adopted(database: World) -> None:
    with Town(database) as town:
        whole = proposed(town, texts(catalogue_toml=undelegable)).json()["policy"]
        narrowing = proposed(town, DENY, person=ADMIN, division=COUNTY).json()["policy"]
        assert adopted(town, narrowing, SIGNATORY).status_code == 200
        late = adopted(town, whole)
        assert (late.status_code, late.json()["missing"]) == (409, "narrowing")
        other = proposed(town, texts(roles_csv=lambda text: text + "# again\n")).json()["policy"]
        assert adopted(town, other).status_code == 200


def test_whoever_stands_in_for_the_proposer_neither_adopts_nor_proposes(database: World) -> None:
    """The county's administrator also signs; his deputy as signatory has his hands."""
    second = PostAssigned(
        person_id=ADMIN, post_unit="u-640324-lead", division=COUNTY, role="county_signatory", title="x",
        valid_from="2026-01-01T00:00:00.000000Z", valid_until=None,
    )  # fmt: skip
    with Town(database, more=(second,)) as town:
        posts = {each["role"]: each["post"] for each in town.get("/v1/me", ADMIN).json()["posts"]}
        wish = {
            "post": posts["county_signatory"],
            "deputy": ADMIN_B,
            "until": "2027-01-15T00:00:00+08:00",
            "reason": "x",
        }
        deputyship = town.post("/v1/deputies", SYSTEM_ADMIN, wish)
        assert deputyship.status_code == 201, deputyship.text
        body = {"division": COUNTY, "files": DENY, "reason": "x"}
        made = town.post("/v1/policies", ADMIN, body, mandate_post=str(posts["county_admin"])).json()
        path, as_deputy = f"/v1/policies/{made['policy']}/adoption", {"mandate_post": str(deputyship.json()["id"])}
        tag = town.get(path.rpartition("/")[0], SIGNATORY).headers["etag"]
        refusal = town.post(path, ADMIN_B, if_match=tag, **as_deputy)
        assert (refusal.status_code, refusal.json().get("duty")) == (403, "proposer_adopter")
        assert town.post(path, SIGNATORY, if_match=tag).status_code == 200


def test_the_digest_of_a_set_is_not_an_attachment(database: World) -> None:
    """The files of the law lie among the contents; nothing that erases papers reaches them."""
    with Town(database) as town:
        wish = {"household": "h-monitored", "attachments": [SET.digest], "reason": "x"}
        assert town.post("/v1/erasures", SECURITY_ADMIN, wish).status_code == 422
        assert town.get(f"/v1/attachments/{SET.digest}", APPROVER).status_code == 404
        assert town.filed()
        number = town.post("/v1/requests", CLERK, town.draft() | {"attachments": [SET.digest]}).json()["id"]
        signed = town.change(f"/v1/requests/{number}/signature", SIGNATORY)
        assert signed.status_code == 422, signed.text
        assert bundle.digest(FILES) == SET.digest
