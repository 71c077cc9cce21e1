"""Section D of the list of attacks: authority that grows on the way, is borrowed, or is agreed among friends."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import World
from starlette.testclient import TestClient
from worlds import (
    ADMIN,
    ADMIN_B,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_ADMIN,
    FAR_COLLECTOR,
    FAR_VILLAGE,
    GRID_WORKER,
    HANDLER,
    LEAD,
    OBSERVER,
    OTHER_VILLAGE,
    PAPER,
    REVIEWER,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

from api import founding
from api.app import create_app
from authz import household
from authz.fact import Fact, instant
from authz.household import Household
from authz.post import PersonRegistered, PostAssigned, UnitEstablished

VILLAGE_UNIT = f"u-{VILLAGE}-village"
SINCE = instant(datetime(2026, 1, 1, tzinfo=UTC))


def someone(person: str, unit: str, role: str, natural: str | None = None) -> tuple[Fact, ...]:
    """A person with one post, on record from the first day."""
    key = natural or person.removeprefix("p-").rjust(64, "e")
    return (
        PersonRegistered(person_id=person, natural=key, name="0" * 64, phone=None),
        PostAssigned(person_id=person, post_unit=unit, division=unit.split("-")[1], role=role, title=role,
                     valid_from=SINCE, valid_until=None),
    )  # fmt: skip


NEIGHBOUR, NEIGHBOUR_CLERK, TOWN_ADMIN_B = "p-3001", "p-3002", "p-3003"
ABROAD: tuple[Fact, ...] = (
    UnitEstablished(unit="u-640422-lead", unit_kind="lead", division="640422", name="n", earlier_name=None),
    *someone(NEIGHBOUR, "u-640422-lead", "county_admin"), *someone(NEIGHBOUR_CLERK, "u-640422-lead", "county_clerk"),
    *someone(TOWN_ADMIN_B, "u-640324100-township", "township_admin"),
)  # fmt: skip


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


# --- 63: whose household it is ----------------------------------------------------------------------------------------
def test_63_two_of_the_receiving_side_do_not_take_a_household_over(database: World) -> None:
    """Both sides consent, whoever asks first: two colleagues could otherwise fetch any household of the region."""
    with Town(database, more=ABROAD) as town:
        path, body = "/v1/households/h-far", {"division": OTHER_VILLAGE, "reason": "投亲"}
        assert town.post(f"{path}/move", TOWN_ADMIN, body).status_code == 200
        stolen = town.change(f"{path}/acceptance", TOWN_ADMIN_B)
        assert told(stolen) == (403, "outside_division")
        assert town.get(path, FAR_ADMIN).json()["division"] == FAR_VILLAGE
        assert town.change(f"{path}/acceptance", FAR_ADMIN).status_code == 200
        assert town.get(path, TOWN_ADMIN).json()["division"] == OTHER_VILLAGE


def test_63_an_asker_who_left_speaks_for_nobody(database: World) -> None:
    """Neither side has consented any more: only somebody who oversees both may accept."""
    with Town(database, more=ABROAD) as town:
        path, body = "/v1/households/h-monitored", {"division": FAR_VILLAGE, "reason": "搬迁"}
        assert town.change(f"{path}/move", TOWN_ADMIN_B, body).status_code == 200
        post = town.get(f"/v1/people/{TOWN_ADMIN_B}", ADMIN).json()["posts"][0]["post"]
        assert town.change(f"/v1/posts/{post}/end", ADMIN, {"reason": "调离"}).status_code == 200
        assert town.change(f"{path}/acceptance", FAR_ADMIN).status_code == 403
        assert town.change(f"{path}/acceptance", TOWN_ADMIN).status_code == 403
        assert town.change(f"{path}/acceptance", ADMIN).status_code == 200


@pytest.mark.parametrize(
    ("left", "to", "missing"),
    [(True, False, ("b",)), (True, True, ("b",)), (False, True, ("a",)), (False, False, ("a", "b"))],
)
def test_63_whose_consent_is_missing(left: bool, to: bool, missing: tuple[str, ...]) -> None:
    assert household.consents(Household("h", "a", "monitored", "b", "p-1"), left, to) == missing


def test_63_nothing_is_verified_or_deleted_before_it_was_recorded(database: World) -> None:
    """A household nobody has collected is not put on the register by verifying, reviewing or deleting it."""
    with Town(database) as town:
        (root,) = town.granted(town.line(operations=["collect", "update", "verify", "review", "delete", "query"]))
        town.delegated(root)
        for operation in ("verify",):
            wish = town.edit(household="h-unheard", operation=operation)
            assert told(town.post("/v1/edits", COLLECTOR, wish)) == (403, "wrong_household")
        for operation in ("review", "delete"):
            wish = town.edit(household="h-unheard", operation=operation)
            assert told(town.post("/v1/edits", ADMIN, wish)) == (403, "wrong_household")
        assert town.get("/v1/households/h-unheard", ADMIN).status_code == 404
        assert (
            town.post("/v1/edits", COLLECTOR, town.edit(household="h-unheard", operation="collect")).status_code == 201
        )
        assert (
            town.post("/v1/edits", COLLECTOR, town.edit(household="h-unheard", operation="update")).status_code == 201
        )


# --- 72: the hands of one record ----------------------------------------------------------------------------------------
def test_72_nobody_verifies_in_the_same_act_what_he_collected(database: World) -> None:
    """S08, S09: naming oneself as verifier needs the grant to verify, and another natural person than the collector."""
    twin = someone("p-3009", VILLAGE_UNIT, "grid_worker", natural=_natural(COLLECTOR))
    with Town(database, more=twin) as town:
        (root,) = town.granted()
        town.delegated(root, operations=["update"])
        town.delegated(root, holder=VILLAGE_UNIT, role="grid_worker", operations=["collect", "update", "verify"])
        both = {"collected_by": COLLECTOR, "verified_by": COLLECTOR, "provided_by": None, "monitored_by": None}
        wish = town.edit(responsibility=both)
        assert told(town.post("/v1/edits", COLLECTOR, wish)) == (422, "not_responsible")
        wish = town.edit(responsibility={"collected_by": GRID_WORKER, "verified_by": GRID_WORKER})
        assert told(town.post("/v1/edits", GRID_WORKER, wish)) == (403, "duty_conflict")
        wish = town.edit(responsibility={"collected_by": COLLECTOR, "verified_by": "p-3009"})
        assert told(town.post("/v1/edits", COLLECTOR, wish)) == (403, "duty_conflict")
        wish = town.edit(responsibility={"collected_by": COLLECTOR, "verified_by": GRID_WORKER})
        assert town.post("/v1/edits", COLLECTOR, wish).status_code == 201


def _natural(person: str) -> str:
    return hashlib.sha256(f"natural{person}".encode()).hexdigest()


def test_72_an_account_of_nobody_known_is_noted_with_its_appointment(database: World) -> None:
    """Without an identity number nobody can tell whose second account it is: told at once, and on record."""
    with Town(database) as town:
        plain = town.post("/v1/people", SYSTEM_ADMIN, {"name": "甲"}).json()["id"]
        known = town.post("/v1/people", SYSTEM_ADMIN, {"name": "乙", "identity_number": "11010519491231002X"}).json()[
            "id"
        ]
        for person, noted in ((plain, ["identity_unknown"]), (known, [])):
            wish = {"person": person, "unit": "u-640324-lead", "role": "county_clerk"}
            answer = town.post("/v1/posts", SYSTEM_ADMIN, wish)
            assert (answer.status_code, answer.json()["noted"]) == (201, noted)
        found = town.get("/v1/entries?kind=DutyNoted", AUDITOR).json()["items"]
        assert [(each["fact"]["duty"], each["fact"]["person_id"]) for each in found] == [("identity_unknown", plain)]
        checking = {"person": plain, "unit": "u-64-lead", "role": "region_approver"}
        refused = town.post("/v1/posts", SYSTEM_ADMIN, checking)
        assert (refused.status_code, refused.json()["missing"]) == (422, "identity"), "whoever checks others is known"


# --- 65, 67, 69: what is hidden is hidden everywhere --------------------------------------------------------------------
def test_69_the_handlers_proposal_is_hidden_from_the_applicant_at_every_door(database: World) -> None:
    """An alternate endpoint for the same object answers the same: the dossier hides it, and so does the log."""
    with Town(database) as town:
        number = town.received()
        lines = [{"line": 1, "outcome": "rejected", "reason": "拟不同意"}]
        made = town.change(f"/v1/requests/{number}/proposal", HANDLER, {"lines": lines, "opinion": "拟不同意"})
        entry = made.json()["entry"]
        for person in (ADMIN, OBSERVER):
            assert town.get(f"/v1/entries/{entry}", person).text == town.get("/v1/entries/999999", person).text
            for query in ("kind=RequestProposed", "q=RequestProposed", "limit=1000"):
                seen = town.get(f"/v1/entries?{query}", person)
                assert entry not in [each["number"] for each in seen.json()["items"]]
                assert "拟不同意" not in seen.text
            assert "拟不同意" not in town.get("/v1/entries/export?format=csv", person).text
        assert town.get(f"/v1/entries/{entry}", AUDITOR).status_code == 200


def test_69_a_draft_is_no_telephone_book(database: World) -> None:
    """Naming anybody of the region as signatory or contact tells nothing of his name."""
    with Town(database, more=ABROAD) as town:
        hidden = town.post("/v1/people", SYSTEM_ADMIN, {"name": "哈丽娅"}).json()["id"]
        assert town.get(f"/v1/people/{hidden}", CLERK).status_code == 404
        known = {"name": "马建军", "identity_number": "11010519491231002X"}
        near = town.post("/v1/people", SYSTEM_ADMIN, known).json()["id"]
        wish = {"person": near, "unit": LEAD, "role": "county_signatory"}
        assert town.post("/v1/posts", SYSTEM_ADMIN, wish).status_code == 201
        number = town.drafted(signatory=near, contact={"person": hidden})
        page = town.get(f"/v1/requests/{number}/print", CLERK)
        assert page.status_code == 200
        assert "马建军" in page.text
        assert "哈丽娅" not in page.text


def test_69_citing_a_digest_gives_no_file(database: World) -> None:
    """A county that knows the digest of another county's letter does not get the letter by citing it."""
    with Town(database, more=ABROAD) as town:
        theirs = town.paper(CLERK)
        draft = town.draft(number="原乡振发〔2026〕1号", cc=["u-6404-lead"]) | {"attachments": [theirs]}
        draft["lines"][0]["division"] = "640422100"
        made = town.post("/v1/requests", NEIGHBOUR_CLERK, draft)
        assert made.status_code == 201, made.text
        assert town.get(f"/v1/attachments/{theirs}", NEIGHBOUR_CLERK).status_code == 404
        assert town.get(f"/v1/attachments/{theirs}", CLERK).content == PAPER
        assert town.paper(NEIGHBOUR_CLERK) == theirs
        assert town.get(f"/v1/attachments/{theirs}", NEIGHBOUR_CLERK).content == PAPER


def test_66_a_valid_number_below_another_thing_is_absent(database: World) -> None:
    """No path nests a thing below a parent of the caller's choice, so there is none to mix up."""
    with Town(database, more=ABROAD) as town:
        number = town.filed()
        absent = town.get("/v1/requests/999999", NEIGHBOUR)
        for path in (f"/v1/requests/{number}", f"/v1/requests/{number}/timeline", f"/v1/requests/{number}/print"):
            answer = town.get(path, NEIGHBOUR)
            assert (answer.status_code, answer.content) == (404, absent.content)
        assert town.get(f"/v1/counties/640422/requests/{number}", NEIGHBOUR).status_code == 404


# --- 71, 87: one question, its own answer -------------------------------------------------------------------------------
def test_70_71_87_the_same_item_in_other_words_is_answered_on_its_own(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        good, other = town.edit(), town.edit(data_year=datetime.now(UTC).year - 1)
        results = town.post("/v1/edits/batch", COLLECTOR, [good, other, good, town.edit(division=OTHER_VILLAGE)]).json()
        codes = [each.get("code", each["decision"]) for each in results["results"]]
        assert codes == ["permit", "wrong_year", "permit", "outside_division"]
        assert len({each["entry"] for each in results["results"]}) == 4
        assert told(town.post("/v1/edits", COLLECTOR, other)) == (403, "wrong_year")


def test_77_no_step_is_skipped_and_93_officers_touch_no_data(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        for person in (AUDITOR, SYSTEM_ADMIN, OBSERVER, REVIEWER, FAR_COLLECTOR):
            assert town.post("/v1/edits", person, town.edit()).status_code == 403, person
        assert town.get("/v1/entries", SYSTEM_ADMIN).status_code == 403
        number = town.drafted()
        seen = town.get(f"/v1/requests/{number}", CLERK).headers["etag"]
        body = {"lines": [{"line": 1, "outcome": "approved"}], "opinion": "同意"}
        answer = town.post(f"/v1/requests/{number}/proposal", HANDLER, body, if_match=seen)
        assert told(answer) == (404, "unknown"), "what is not signed is absent for the region"
        answer = town.change(f"/v1/requests/{town.filed()}/proposal", HANDLER, body)
        assert told(answer) == (409, "wrong_state")


def test_91_a_county_at_rest_writes_nothing(database: World) -> None:
    """Suspending the regional grants of a county stops everything below at the next decision."""
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
        assert town.change(f"/v1/grants/{root}/suspension", "p-1012", {"reason": "整改"}).status_code == 200
        assert told(town.post("/v1/edits", COLLECTOR, town.edit())) == (403, "suspended")
        assert told(town.post("/v1/edits", ADMIN, town.edit())) == (403, "suspended")


# --- 96: two applications on one database -------------------------------------------------------------------------------
def test_96_an_edit_after_the_answered_revocation_is_refused_by_every_process(database: World) -> None:
    """P4 on two applications: in the log no permit of the grant stands behind its revocation."""
    with Town(database) as town:
        (root,) = town.granted()
        grant = town.delegated(root)
        lawbook = founding.read_lawbook(town.settings.policies)
        second = founding.deploy(town.settings, town.deployment.database, lawbook, demo=True)
        with TestClient(create_app(second), base_url="http://127.0.0.1:8080") as other, ThreadPoolExecutor(4) as pool:

            def edit(number: int) -> int:
                asked = town.client if number % 2 else other
                answer = asked.post("/v1/edits", json=town.edit(), headers=town.headers(COLLECTOR))
                return int(answer.status_code)

            running = [pool.submit(edit, number) for number in range(40)]
            revoked = town.change(f"/v1/grants/{grant}/revocation", ADMIN_B, {"reason": "调整"})
            assert revoked.status_code == 200
            assert [edit(number) for number in range(6)] == [403] * 6
            assert {each.result() for each in running} <= {201, 403}
        last = town.get(f"/v1/entries?grant={grant}&decision=permit&limit=1", AUDITOR).json()["items"]
        assert all(each["number"] < revoked.json()["entry"] for each in last)
