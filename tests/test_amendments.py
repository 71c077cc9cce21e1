"""Rules change on record and by two persons: proposed, adopted, in force in every process from that entry on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from acts import FOLDER, as_superuser, rows
from conftest import World
from worlds import ADMIN, APPROVER, AUDITOR, CLERK, COLLECTOR, COUNTY, SECURITY_ADMIN, SIGNATORY, Town

from api import amendments, founding, policies
from authz import amendment, bundle, lint, narrowing, policy, table
from authz.difference import between, rights, told
from authz.pdp import Rule

FILES = policies.files(FOLDER)
SET = policy.parse(FILES)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
DENY = "p,grassroots,update,monitored.income,deny\n"
ALONE = "p,grid_worker,update,daily_cells,allow\np,grid_worker,query,daily_cells,allow\n"


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        yield made


def texts(**changed: Callable[[str], str]) -> dict[str, str]:
    """The files of the repository, some of them changed; a name is written with _ for . and /."""
    found = {name: data.decode() for name, data in FILES.items()}
    return {name: changed.get(name.replace(".", "_").replace("/", "_"), str)(text) for name, text in found.items()}


def less(text: str) -> str:
    return text.replace("p,grassroots,verify,daily_cells,allow\n", "")


def regroup(text: str) -> str:
    """Grid workers stand alone: whatever a county forbids to the group no longer reaches them."""
    return text.replace("g,grid_worker,grassroots\n", "g,grid_worker,registered\n") + ALONE


def proposed(town: Town, files: dict[str, str], *, person: str = SECURITY_ADMIN, division: str = "64") -> Any:
    return town.post("/v1/policies", person, {"division": division, "files": files, "reason": "按通知调整"})


def adopted(town: Town, digest: str, person: str = APPROVER) -> Any:
    return town.change(f"/v1/policies/{digest}/adoption", person)


# --- the whole set ------------------------------------------------------------------------------------------------------
def test_a_set_proposed_by_one_and_adopted_by_another_decides_from_that_entry_on(database: World) -> None:
    with Town(database) as town:
        town.delegated(town.granted()[0])
        verify = town.edit(operation="verify", changes=[], quarter=4)
        assert town.post("/v1/edits", COLLECTOR, verify).status_code == 201
        made = proposed(town, texts(roles_csv=less))
        assert (made.status_code, made.json()["gained"]) == (201, [])
        assert {each.split()[1] for each in made.json()["lost"]} == {"verify"}
        assert town.post("/v1/edits", COLLECTOR, verify | {"quarter": 3}).status_code == 201
        digest = made.json()["policy"]
        done = adopted(town, digest)
        assert (done.status_code, done.json()["state"]) == (200, "adopted")
        refused = town.post("/v1/edits", COLLECTOR, verify | {"quarter": 2})
        assert (refused.status_code, refused.json()["code"]) == (403, "no_role")
        assert town.get("/v1/policies", AUDITOR).json()["in_force"] == digest
        with database.engine.connect() as connection:
            book = founding.read_lawbook(FOLDER)
            assert book.on_record(connection).policy.digest == digest
            assert book.on_record(connection, done.json()["entry"]).policy.digest == SET.digest
        shown = town.get(f"/v1/policies/{digest}", AUDITOR).json()
        assert shown["in_force"]
        assert shown["files"]["roles.csv"] == less(FILES["roles.csv"].decode())


def test_the_door_back_is_the_same_door(database: World) -> None:
    with Town(database) as town:
        digest = proposed(town, texts(roles_csv=less)).json()["policy"]
        adopted(town, digest)
        back = proposed(town, texts())
        assert back.status_code == 201
        assert back.json()["policy"] == SET.digest
        assert adopted(town, SET.digest).status_code == 200
        assert town.get("/v1/policies", AUDITOR).json()["in_force"] == SET.digest


@pytest.mark.parametrize("person", [ADMIN, CLERK, COLLECTOR, AUDITOR, APPROVER, SIGNATORY])
def test_only_the_appointed_propose_for_the_region(town: Town, person: str) -> None:
    assert proposed(town, texts(roles_csv=less), person=person).status_code == 403


def test_nobody_adopts_alone(database: World) -> None:
    """Roles keep the two ends apart, and so does the duty where one natural person has both."""
    with Town(database) as town:
        digest = proposed(town, texts(roles_csv=less)).json()["policy"]
        assert adopted(town, digest, SECURITY_ADMIN).status_code == 403
        database.intact = False
        as_superuser(
            database,
            f"""UPDATE person SET "natural" = (SELECT "natural" FROM person WHERE id = '{APPROVER}'
            AND ended IS NULL) WHERE id = '{SECURITY_ADMIN}'""",
        )
        refused = adopted(town, digest)
        assert (refused.status_code, refused.json()["code"]) == (403, "duty_conflict")


def test_what_was_compared_with_another_set_is_proposed_anew(town: Town) -> None:
    first = proposed(town, texts(roles_csv=less)).json()["policy"]
    second = proposed(town, texts(roles_csv=lambda text: less(text) + "# again\n")).json()["policy"]
    assert adopted(town, first).status_code == 200
    late = adopted(town, second)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
    assert adopted(town, first).status_code in (409, 412)


def test_a_proposal_is_withdrawn_once(town: Town) -> None:
    digest = proposed(town, texts(roles_csv=less)).json()["policy"]
    refused = town.ask("POST", f"/v1/policies/{digest}/withdrawal", CLERK, {"reason": "x"}, if_match='"1"')
    assert refused.status_code == 404
    assert town.change(f"/v1/policies/{digest}/withdrawal", APPROVER, {"reason": "x"}).status_code == 200
    assert adopted(town, digest).status_code == 409
    assert town.get("/v1/policies", AUDITOR).json()["items"][0]["state"] == "withdrawn"


@pytest.mark.parametrize(("body", "status"), [
    ({"division": "64", "files": {}, "reason": "x"}, 422), ({"division": "64", "files": {"roles.csv": "p"}, "reason": "x"}, 422),
    ({"division": "6403", "files": texts(), "reason": "x"}, 422), ({"division": "64", "files": texts() | {"../x.csv": "a"}, "reason": "x"}, 422),
    ({"division": "64", "files": texts()}, 422), ({"division": "64", "files": texts(), "reason": "x"}, 422),
])  # fmt: skip
def test_what_is_no_proposal_is_refused(town: Town, body: dict[str, Any], status: int) -> None:
    assert town.post("/v1/policies", SECURITY_ADMIN, body).status_code == status


# --- the narrowing of a county ---------------------------------------------------------------------------------------------
def test_a_county_only_takes_away_and_only_at_home(database: World) -> None:
    with Town(database) as town:
        town.delegated(town.granted()[0])
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
        made = proposed(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY)
        assert made.status_code == 201, made.text
        digest = made.json()["policy"]
        assert adopted(town, digest, ADMIN).status_code == 403
        assert adopted(town, digest, SIGNATORY).status_code == 200
        refused = town.post("/v1/edits", COLLECTOR, town.edit())
        assert (refused.status_code, refused.json()["code"]) == (403, "no_role")
        law = town.deployment.law
        assert (law.policy.digest, list(law.narrowings)) == (SET.digest, [COUNTY])
        shown = town.get("/v1/policies", AUDITOR).json()
        assert shown["narrowings"] == [{"division": COUNTY, "policy": digest}]
        assert town.get(f"/v1/policies/{digest}", ADMIN).json()["files"] == {"roles.csv": DENY}
        for number in range(3):
            assert rows(database, "SELECT count(*) FROM amendment WHERE ended IS NULL")[0][0] == 1, number


def test_a_narrowed_law_permits_a_subset_of_what_it_permitted() -> None:
    """Metamorphic: for every right of every role, at home only what the rows forbid is gone, elsewhere nothing is."""
    made = narrowing.parse(COUNTY, {"roles.csv": DENY.encode()}, SET)
    book = policies.open_lawbook(FOLDER)
    law = replace(book.law, narrowings={COUNTY: made})
    for role, act, object_ in sorted(rights(SET)):
        for place in ("640324", "640324100201", "640323", "64"):
            holding = Everything(role)
            plain = book.law.permits(holding, act, object_, place, NOW)
            narrowed = law.permits(holding, act, object_, place, NOW)
            gone = (role, act, object_) in made.forbids and place.startswith(COUNTY)
            assert narrowed == (None if gone else plain)


class Everything:
    """A holding that contains everything, everywhere, always."""

    def __init__(self, role: str) -> None:
        self.role = role

    def includes(self, act: str, object: str) -> bool:
        return True

    def covers(self, division: str, divisions: Any) -> bool:
        return True

    def live(self, at: Any) -> bool:
        return True


@pytest.mark.parametrize("text", [
    "p,grassroots,update,monitored.income,allow\n", "g,grassroots,registered\n", "p,auditor,read,log,deny\n",
    "p,county_admin,revoke,grant,deny\n", "p,region_approver,decide,request,deny\n", "p,king,update,monitored.income,deny\n",
    "p,grassroots,update,everything,deny\n", "p,registered,read,division,deny\n", "p,grassroots,rollback_elimination,monitored.base,deny\n",
])  # fmt: skip
def test_what_does_more_than_take_from_ones_own_is_no_narrowing(text: str) -> None:
    with pytest.raises(table.BadTable):
        narrowing.parse(COUNTY, {"roles.csv": text.encode()}, SET)


def test_a_county_may_not_touch_another_or_the_region(town: Town) -> None:
    assert proposed(town, {"roles.csv": DENY}, person=ADMIN, division="640323").status_code == 403
    assert proposed(town, texts(roles_csv=less), person=ADMIN, division="64").status_code == 403
    refused = proposed(town, {"roles.csv": DENY.replace("deny", "allow")}, person=ADMIN, division=COUNTY)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_policy")


def test_a_county_goes_back_to_the_rules_of_the_region(database: World) -> None:
    """By the same two persons; the way back is the way in, and nothing but it gives the right back."""
    with Town(database) as town:
        town.delegated(town.granted()[0])
        empty = {"roles.csv": "# 恢复执行自治区的规则\n"}
        nothing = proposed(town, empty, person=ADMIN, division=COUNTY)
        assert (nothing.status_code, nothing.json()["code"]) == (422, "nothing_changed")
        narrowed = proposed(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY).json()
        assert adopted(town, narrowed["policy"], SIGNATORY).status_code == 200
        back = proposed(town, empty, person=ADMIN, division=COUNTY).json()
        assert (back["base"], back["gained"], back["lost"]) == (narrowed["policy"], narrowed["lost"], [])
        assert {each.split()[1] for each in back["gained"]} == {"update"}
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 403
        assert adopted(town, back["policy"], ADMIN).status_code == 403
        assert adopted(town, back["policy"], SIGNATORY).status_code == 200
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
        assert town.get("/v1/policies", AUDITOR).json()["narrowings"] == []
        again = proposed(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY).json()
        assert (again["base"], again["lost"]) == (back["policy"], narrowed["lost"])


# --- reading ----------------------------------------------------------------------------------------------------------------
def test_the_difference_is_told_both_ways() -> None:
    new = policy.parse({name: text.encode() for name, text in texts(roles_csv=less).items()})
    there, back = between(SET, new), between(new, SET)
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert there.lost
    assert not there.gained
    assert between(SET, SET) == between(new, new)
    assert not list(told(between(SET, SET), SET))
    assert all(line.startswith("-") for line in told(there, new))


def test_the_rules_of_the_repository_have_no_fault() -> None:
    assert lint.faults(SET) == ()
    assert lint.warnings(SET) == ()
    assert set(lint.NUMBERS) <= set(SET.handling)
    assert amendment.whole(FILES).digest == bundle.digest(FILES) == SET.digest


def test_reading_a_set_again_compiles_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each set is compiled once by a process, however often it is read beside the one in force."""
    digest = proposed(town, texts(roles_csv=less)).json()["policy"]
    first = town.get(f"/v1/policies/{digest}", AUDITOR).json()
    assert first["difference"]["lost"]
    compiled: list[str] = []
    compile_ = Rule.compile

    def counted(made: policy.PolicySet) -> Rule:
        compiled.append(made.digest)
        return compile_(made)

    monkeypatch.setattr(Rule, "compile", counted)
    assert town.get(f"/v1/policies/{digest}", AUDITOR).json() == first
    assert town.get(f"/v1/policies/{SET.digest}", AUDITOR).json()["difference"]["lost"] == []
    assert compiled == []
    monkeypatch.setattr(amendments, "between", lambda old, new, rules: between(old, new))  # the control
    assert town.get(f"/v1/policies/{digest}", AUDITOR).json() == first
    assert compiled == [SET.digest, digest]
