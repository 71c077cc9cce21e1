"""People and posts over HTTP: who registers, appoints and removes whom, who sees whom, and what I am told about myself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from acts import caller, submitted
from conftest import World
from worlds import (
    ADMIN,
    ADMIN_B,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_COLLECTOR,
    GRID_WORKER,
    LEAD,
    REGION_LEAD,
    REVIEWER,
    SIGNATORY,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

from api import pep
from api.me import ObjectAttribution
from api.people import ReasonBody
from audit import listing
from authz import refusal
from authz.fact import instant
from authz.post import PersonRegistered, PostAssigned, UnitEstablished

NUMBER, SAME_NUMBER = "11010519491231002X", "11010519491231002x"
NAME = "\U00020bb7野䶮"
VILLAGE_UNIT = f"u-{VILLAGE}-village"


def register(town: Town, person: str = ADMIN, **body: Any) -> Any:
    return town.post("/v1/people", person, {"name": "马秀兰"} | body)


def appoint(
    town: Town, person: str, by: str = ADMIN, unit: str = VILLAGE_UNIT, role: str = "grid_worker", **more: Any
) -> Any:
    return town.post("/v1/posts", by, {"person": person, "unit": unit, "role": role} | more)


def test_a_person_is_registered_appointed_and_read_back(database: World) -> None:
    """Attack 36: a rare name returns as written. The identity number and the telephone never do."""
    with Town(database) as town:
        answer = register(town, name=NAME, identity_number=NUMBER, phone="13812345678")
        assert answer.status_code == 201
        person = answer.json()["id"]
        assert person == f"p-{900_000_000_000 + answer.json()['entry']}"
        told = appoint(town, person, post="village_head")
        assert told.status_code == 201
        seen = town.get(f"/v1/people/{person}", ADMIN)
        assert (seen.json()["name"], seen.json()["phone"]) == (NAME, "138****5678")
        (post,) = seen.json()["posts"]
        assert (post["post"], post["role"], post["title"], post["live"]) == (
            told.json()["id"],
            "grid_worker",
            "village_head",
            True,
        )
        assert all(NUMBER not in each.text for each in (answer, told, seen))
        with database.engine.connect() as connection:
            for table in ("entry", "vault", "person", "idempotency"):
                rows = connection.exec_driver_sql(f"SELECT t::text FROM {table} t").scalars()
                hexed = NUMBER.encode().hex()
                assert not any(NUMBER in row or hexed in row for row in rows), table


def test_wrong_numbers_and_names_are_refused_and_not_echoed(database: World) -> None:
    """Attacks 33, 35 and 45."""
    with Town(database) as town:
        for body in (
            {"identity_number": "110105194912310021"}, {"identity_number": "324"}, {"phone": "12345678901"}, {"name": ""},
            {"name": "马\u202e兰"}, {"id": "p-１"}, {"id": "root"}, {"id": "p-900000000001"}, {"natural": "x"}, {"name": "马" * 65},
        ):  # fmt: skip
            answer = register(town, **body)
            assert answer.status_code == 422, body
            assert all(value not in answer.text for value in body.values() if len(value) > 1)
        assert register(town, id=COLLECTOR).json()["code"] == "already_registered"
        assert register(town, COLLECTOR).json()["code"] == "no_role"


def test_attack_46_and_72_two_accounts_of_one_human_are_one(database: World) -> None:
    """An auditor takes no audited post, whatever account is used: `x` and `X` are one number."""
    with Town(database) as town:
        first = register(town, id="p-7001", identity_number=NUMBER)
        second = register(town, id="p-7002", identity_number=SAME_NUMBER)
        assert (first.status_code, second.status_code) == (201, 201)
        assert appoint(town, "p-7001", SYSTEM_ADMIN, "u-64-audit", "auditor").status_code == 201
        for person in ("p-7001", "p-7002"):
            answer = appoint(town, person, SYSTEM_ADMIN)
            assert (answer.status_code, answer.json()["code"]) == (403, "duty_conflict"), person
        other = register(town, id="p-7003")
        assert other.status_code == 201
        assert appoint(town, "p-7003").status_code == 201


APPOINTMENTS = [
    (ADMIN, VILLAGE_UNIT, "grid_worker", 201), (ADMIN, LEAD, "county_clerk", 201), (ADMIN, LEAD, "county_admin", 403),
    (ADMIN, LEAD, "county_signatory", 403), (SYSTEM_ADMIN, LEAD, "county_admin", 201), (SYSTEM_ADMIN, REGION_LEAD, "audit_admin", 403),
    (SYSTEM_ADMIN, REGION_LEAD, "system_admin", 403), (ADMIN, "u-64-audit", "auditor", 403), (ADMIN, VILLAGE_UNIT, "township_admin", 422),
    (ADMIN, "u-640324101-township", "township_admin", 422), (TOWN_ADMIN, VILLAGE_UNIT, "grid_worker", 403),
    (AUDITOR, VILLAGE_UNIT, "grid_worker", 403), (CLERK, VILLAGE_UNIT, "grid_worker", 403),
    (ADMIN, REGION_LEAD, "assistance_person", 403),
]  # fmt: skip


def test_attacks_80_and_92_who_appoints_whom(database: World) -> None:
    with Town(database) as town:
        for place, (by, unit, role, status) in enumerate(APPOINTMENTS):
            person = f"p-80{place:02}"
            assert register(town, SYSTEM_ADMIN, id=person).status_code == 201
            assert appoint(town, person, by, unit, role).status_code == status, (by, unit, role)
        assert appoint(town, "p-404").json()["code"] == "unfit_holder"
        now = datetime.now(UTC)
        ended = appoint(town, "p-8001", until=(now - timedelta(days=1)).isoformat())
        assert (ended.status_code, ended.json()["code"]) == (422, "empty_interval")
        admin_as_clerk = appoint(town, ADMIN_B, unit=LEAD, role="county_clerk")
        assert admin_as_clerk.json()["noted"] == ["admin_applicant"]


def test_nobody_is_appointed_from_outside_ones_reach(database: World) -> None:
    """Regression catalogue: nobody files for a person outside own reach; the region may."""
    abroad = (
        UnitEstablished(unit="u-640422-lead", unit_kind="lead", division="640422", name="n", earlier_name=None),
        PersonRegistered(person_id="p-3001", natural="f" * 64, name="0" * 64, phone=None),
        PostAssigned(person_id="p-3001", post_unit="u-640422-lead", division="640422", role="county_clerk", title="t",
                     valid_from=instant(datetime(2026, 1, 1, tzinfo=UTC)), valid_until=None),
    )  # fmt: skip
    with Town(database, more=abroad) as town:
        refused = appoint(town, "p-3001")
        assert (refused.status_code, refused.json()["code"]) == (422, "unfit_holder")
        assert appoint(town, "p-3001", SYSTEM_ADMIN).status_code == 201


def post_of(town: Town, person: str) -> str:
    return f"/v1/posts/{town.get(f'/v1/people/{person}', SYSTEM_ADMIN).json()['posts'][0]['post']}"


def test_a_post_ends_and_with_it_all_authority(database: World) -> None:
    """Attacks 92 and 94, P16: ended at once; what was done stays; the last administrator does not remove himself."""
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
        path = post_of(town, COLLECTOR)
        assert town.post(f"{path}/end", ADMIN, {"reason": "调离"}).status_code == 428
        for person, status in ((FAR_COLLECTOR, 404), (TOWN_ADMIN, 403), (AUDITOR, 403), (ADMIN, 200)):
            seen = town.get(path, ADMIN).headers["etag"]
            answer = town.post(f"{path}/end", person, {"reason": "调离"}, if_match=seen)
            assert answer.status_code == status, person
        refused = town.post("/v1/edits", COLLECTOR, town.edit())
        assert (refused.status_code, refused.json()["code"]) == (403, "not_employed")
        assert town.change(f"{path}/end", ADMIN, {"reason": "调离"}).json()["code"] == "wrong_state"
        mine, theirs = post_of(town, ADMIN), post_of(town, ADMIN_B)
        assert town.change(f"{theirs}/end", ADMIN, {"reason": "调离"}).json()["code"] == "no_role"
        assert town.change(f"{mine}/end", ADMIN, {"reason": "调离"}).status_code == 200
        last = town.change(f"{theirs}/end", ADMIN_B, {"reason": "调离"})
        assert (last.status_code, last.json()["code"]) == (409, "wrong_state")
        assert town.change(f"{theirs}/end", SYSTEM_ADMIN, {"reason": "调离"}).status_code == 200


def test_attack_94_only_the_chosen_post_acts(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        second = appoint(town, COLLECTOR, unit=f"u-{VILLAGE}-village", role="first_secretary").json()["id"]
        told = town.post("/v1/edits", COLLECTOR, town.edit())
        assert (told.status_code, told.json()["code"]) == (422, "post_required")
        posts = {each["role"]: each["post"] for each in town.get("/v1/me", COLLECTOR).json()["posts"]}
        assert posts["first_secretary"] == second
        good, bad = (str(posts[role]) for role in ("village_collector", "first_secretary"))
        assert town.post("/v1/edits", COLLECTOR, town.edit(), mandate_post=good).status_code == 201
        assert town.post("/v1/edits", COLLECTOR, town.edit(), mandate_post=bad).status_code == 403


def test_attack_120_voided_tokens_are_void_from_the_next_request(database: World) -> None:
    with Town(database) as town:
        path = f"/v1/people/{COLLECTOR}/tokens/revocation"
        assert town.get("/v1/me", COLLECTOR).status_code == 200
        for person, status in ((FAR_COLLECTOR, 404), (TOWN_ADMIN, 403), (ADMIN, 200)):
            assert town.post(path, person, {"reason": "手机遗失"}).status_code == status, person
        assert town.get("/v1/me", COLLECTOR).status_code == 401
        assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 401
        assert town.get("/v1/me", GRID_WORKER).status_code == 200


def test_who_is_on_the_roster_for_whom(database: World) -> None:
    """Attack 81: filtered by reach; the list agrees with the single answer."""
    with Town(database) as town:
        everybody = {each["id"] for each in town.get("/v1/people?limit=1000", SYSTEM_ADMIN).json()["items"]}
        for person, some in (
            (ADMIN, True),
            (TOWN_ADMIN, True),
            (AUDITOR, True),
            (COLLECTOR, False),
            (REVIEWER, False),
            (SIGNATORY, False),
        ):
            answer = town.get("/v1/people", person)
            assert (answer.status_code == 200) is some, person
            listed = {each["id"] for each in answer.json()["items"]} if some else {person}
            for other in everybody:
                assert (town.get(f"/v1/people/{other}", person).status_code == 200) is (other in listed), (
                    person,
                    other,
                )
        roles = town.get(f"/v1/people?role=village_collector&division={VILLAGE}", ADMIN).json()["items"]
        assert [each["id"] for each in roles] == [COLLECTOR]
        units = town.get("/v1/people?unit=u-640324100-township", ADMIN).json()["items"]
        assert [each["id"] for each in units] == [TOWN_ADMIN, REVIEWER]
        first = town.get("/v1/people?limit=5", ADMIN)
        assert town.get(first.links["next"]["url"], ADMIN).json()["items"][0]["id"] > first.json()["items"][-1]["id"]


def test_me_tells_my_posts_acts_and_grants(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        assert town.get("/v1/me", COLLECTOR).json()["grants"] == []
        grant = town.delegated(root)
        told = town.get("/v1/me", COLLECTOR).json()
        assert (told["id"], [each["id"] for each in told["grants"]]) == (COLLECTOR, [grant])
        assert set(told["grants"][0]["usable"]) == {
            f"{act} {cell}"
            for act in ("collect", "update", "verify")
            for cell in ("monitored.income", "lifted_out.income")
        }
        acts = town.get("/v1/me", ADMIN).json()["acts"][0]["acts"]
        assert "grant.delegate" in acts
        assert "request.decide" not in acts
        assert "grant.delegate" not in town.get("/v1/me", AUDITOR).json()["acts"][0]["acts"]


def test_what_others_wrote_in_my_name_i_see_and_contest(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        town.delegated(root, holder=VILLAGE_UNIT, role="grid_worker")
        mine = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
        named = town.edit(
            responsibility={"collected_by": COLLECTOR, "provided_by": None, "verified_by": None, "monitored_by": None}
        )
        answer = town.post("/v1/edits", GRID_WORKER, named)
        assert answer.status_code == 201, answer.text
        entry = answer.json()["entry"]
        (seen,) = town.get("/v1/me/attributions", COLLECTOR).json()["items"]
        assert (seen["entry"], seen["by"], seen["named_as"], seen["objection"]) == (
            entry,
            GRID_WORKER,
            ["collected_by"],
            None,
        )
        assert town.get("/v1/me/attributions", GRID_WORKER).json()["items"] == []
        reason = {"reason": "当日未入户采集"}
        for number, person in ((mine, COLLECTOR), (entry, GRID_WORKER), (entry, FAR_COLLECTOR), (10**9, COLLECTOR)):
            assert town.post(f"/v1/me/attributions/{number}/objection", person, reason).status_code == 404
        done = town.post(f"/v1/me/attributions/{entry}/objection", COLLECTOR, reason)
        assert (done.status_code, done.json()["subject"]) == (201, entry)
        again = town.post(f"/v1/me/attributions/{entry}/objection", COLLECTOR, reason)
        assert again.json()["code"] == "already_registered"
        assert town.get("/v1/me/attributions", COLLECTOR).json()["items"][0]["objection"] == done.json()["entry"]


def test_one_person_objects_once_however_close_his_two_objections_are(database: World) -> None:
    """Two asked side by side wait for the same lock; in one batch the second is judged on what the first left."""
    with Town(database) as town:
        (root,) = town.granted()
        town.delegated(root)
        town.delegated(root, holder=VILLAGE_UNIT, role="grid_worker")
        named = town.edit(
            responsibility={"collected_by": COLLECTOR, "provided_by": None, "verified_by": None, "monitored_by": None}
        )
        for apart in (False, True):
            number = town.post("/v1/edits", GRID_WORKER, named).json()["entry"]
            with database.engine.connect() as connection:
                entry = listing.entry_at(connection, number)
            wish = pep.Wish(ReasonBody(reason="当日未入户采集"))
            acts = [
                ObjectAttribution(
                    ref=pep.new_ref(), caller=caller(COLLECTOR), number=number, entry=entry, wish=wish, reason="c"
                )
                for _ in range(2)
            ]
            batches = [[each] for each in acts] if apart else [acts]
            first, second = (one for batch in batches for one in submitted(town.deployment.ledger, batch))
            assert first.refused is None
            assert isinstance(second.refused, refusal.AlreadyRegistered), f"apart: {apart}"
