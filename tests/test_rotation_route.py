"""Rotation of village cadres: who answers now and who did then, no village silently without hands, tenure that lapses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import World
from questions import ONE, question
from routes import Things
from test_features_shown import employed, told
from test_handover_route import HEIR, hand, moved, post_of
from worlds import (
    ADMIN,
    ADMIN_B,
    AUDITOR,
    CLERK,
    COLLECTOR,
    COUNTY,
    FAR_ADMIN,
    FAR_COLLECTOR,
    FAR_GRID,
    FAR_VILLAGE,
    GRID_WORKER,
    HANDLER,
    LEAD,
    OTHER_COLLECTOR,
    OTHER_GRID,
    OTHER_VILLAGE,
    SECURITY_ADMIN,
    SIGNATORY,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

from api import departures
from audit import roster, unfinished
from authz.approval import ApprovalGiven
from authz.post import PersonRegistered, PostAssigned
from authz.proposal import AccessProposed

HELPER, NEXT_HELPER, PASSING = "p-4005", "p-4006", "p-4007"
REASON = {"reason": "村干部轮换"}
TENURE = timedelta(days=20)


def passing() -> tuple[PersonRegistered, PostAssigned]:
    """A collector of the far village whose tenure ends by itself in twenty days."""
    registered, assigned = employed(PASSING, f"u-{FAR_VILLAGE}-village", "village_collector")
    end = (datetime.now(UTC) + TENURE).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return registered, PostAssigned(**assigned.__dict__ | {"valid_until": end})


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    more = (
        *employed(HEIR, f"u-{VILLAGE}-village", "village_collector"), *employed(HELPER, LEAD, "assistance_person"),
        *employed(NEXT_HELPER, LEAD, "assistance_person"), *passing(),
    )  # fmt: skip
    with Town(database, more=more) as made:
        yield made


def answering(town: Town, cell: str = "monitored.income", at: str = "", household: str = "h-monitored") -> Any:
    query = f"household={household}&cell={cell}&data_year={town.edit()['data_year']}" + (f"&at={at}" if at else "")
    return town.get(f"/v1/responsibility?{query}", AUDITOR).json()


def now(town: Town) -> tuple[str | None, int | None]:
    """Who answers now for the figure, and since which entry."""
    found = answering(town)["collected_by"]["now"]
    return (found["person"] or {}).get("id"), found["since"]


# --- who answers ----------------------------------------------------------------------------------------------------
def test_the_figure_stays_his_and_the_successor_answers_now(town: Town) -> None:
    (root,) = town.granted()
    town.delegated(root)
    assert town.post("/v1/edits", COLLECTOR, town.edit(operation="collect")).status_code == 201
    assert now(town) == (COLLECTOR, None)
    first = moved(town)["id"]
    assert now(town) == (HEIR, first)
    assert answering(town)["collected_by"]["person"]["id"] == COLLECTOR
    second = moved(town, HEIR, successor=GRID_WORKER)["id"]
    assert now(town) == (GRID_WORKER, second)
    third = moved(town, GRID_WORKER, successor=None)["id"]
    assert now(town) == (None, third), "nobody has taken over"
    assert answering(town)["collected_by"]["person"]["id"] == COLLECTOR


def test_who_takes_over_what_he_once_left_answers_again(town: Town) -> None:
    (root,) = town.granted()
    town.delegated(root)
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
    moved(town)
    back = moved(town, HEIR, successor=COLLECTOR)["id"]
    assert now(town) == (COLLECTOR, back)


def test_who_stood_in_leaves_it_to_whom_he_stood_in_for(town: Town) -> None:
    (root,) = town.granted()
    town.delegated(root)
    wish = {"post": post_of(town, COLLECTOR), "deputy": GRID_WORKER, **REASON,
            "until": (datetime.now(UTC) + timedelta(days=9)).isoformat()}  # fmt: skip
    number = town.post("/v1/deputies", ADMIN, wish).json()["id"]
    assert town.post("/v1/edits", GRID_WORKER, town.edit(), mandate_post=str(number)).status_code == 201
    assert now(town) == (GRID_WORKER, None)
    assert town.change(f"/v1/deputies/{number}/end", ADMIN, REASON).is_success
    assert now(town)[0] == COLLECTOR
    transfer = moved(town)["id"]
    assert now(town) == (HEIR, transfer)


def test_a_household_list_passes_to_the_next_helper(town: Town) -> None:
    (root,) = town.granted(town.line(cells=["monitored.measures"]))
    own = town.delegated(
        root, holder=HELPER, role="assistance_person", households=["h-monitored"], cells=["monitored.measures"],
        operations=["update"],
    )  # fmt: skip
    edit = town.edit(cell="monitored.measures", changes=[])
    assert town.post("/v1/edits", HELPER, edit).status_code == 201
    before = datetime.now(UTC).isoformat().replace("+", "%2B")
    done = moved(town, HELPER, unit="u-640324-civil_affairs", role="department_officer", successor=NEXT_HELPER)
    seen = answering(town, "monitored.measures")
    assert (seen["assistance"], seen["collected_by"]["now"]["person"]["id"]) == ([], NEXT_HELPER)
    renewed = hand(town, done["id"], own).json()["grants"][0]["renewed"]
    (helper,) = answering(town, "monitored.measures")["assistance"]
    assert (helper["person"]["id"], helper["grant"]) == (NEXT_HELPER, renewed)
    (then,) = answering(town, "monitored.measures", before)["assistance"]
    assert (then["person"]["id"], then["grant"]) == (HELPER, own)
    assert town.post("/v1/edits", NEXT_HELPER, edit).status_code == 201
    assert told(town.post("/v1/edits", NEXT_HELPER, edit | {"household": "h-lifted"}))[0] == 403
    assert told(town.post("/v1/edits", HELPER, edit))[0] == 403


# --- no village without hands ---------------------------------------------------------------------------------------
def test_a_village_left_without_hands_is_named_with_what_lies_about_it(town: Town) -> None:
    (root,) = town.granted(town.line(division="640324105"))
    own = town.delegated(root, holder=f"u-{FAR_VILLAGE}-village", division=FAR_VILLAGE)
    assert town.change("/v1/households/h-far/move", FAR_ADMIN, {"division": OTHER_VILLAGE, **REASON}).is_success
    for person in (FAR_GRID, PASSING):
        assert moved(town, person, successor=None)["warnings"] == []
    (warning,) = moved(town, FAR_COLLECTOR, successor=HEIR)["warnings"]
    assert (warning["lack"], warning["division"]) == ("orphan", FAR_VILLAGE)
    assert warning["name"] in warning["text"]
    assert {(each["kind"], each["id"]) for each in warning["work"]} == {("move", "h-far"), ("grant", str(own))}
    (orphan,) = town.get("/v1/staffing", ADMIN).json()["orphans"]
    assert (orphan["division"], orphan["work"]) == (FAR_VILLAGE, warning["work"])


def test_the_end_of_a_post_warns_alike(town: Town) -> None:
    for person, lacks in ((FAR_GRID, []), (PASSING, []), (FAR_COLLECTOR, ["orphan"])):
        answer = town.change(f"/v1/posts/{post_of(town, person)}/end", ADMIN, REASON).json()
        assert [each["lack"] for each in answer["warnings"]] == lacks, person
    assert answer["warnings"][0]["name"] in answer["warnings"][0]["text"]


def test_who_only_changes_his_role_in_the_village_leaves_no_orphan(town: Town) -> None:
    for person in (FAR_GRID, PASSING):
        moved(town, person, successor=None)
    there = {"unit": f"u-{FAR_VILLAGE}-village", "role": "grid_worker"}
    assert moved(town, FAR_COLLECTOR, successor=None, **there)["warnings"] == []
    assert town.get("/v1/staffing", ADMIN).json()["orphans"] == []


def test_hands_without_a_usable_grant_are_told_until_it_is_handed_over(town: Town) -> None:
    (root,) = town.granted()
    own = town.delegated(root, holder=COLLECTOR)
    done = moved(town)
    assert [(each["lack"], each["division"]) for each in done["warnings"]] == [("idle", VILLAGE)]
    (orphan,) = town.get("/v1/staffing", ADMIN).json()["orphans"]
    assert (orphan["division"], orphan["why"], orphan["grants"]) == (VILLAGE, "no_usable_grant", [own])
    assert hand(town, done["id"], own).status_code == 201
    assert town.get("/v1/staffing", ADMIN).json()["orphans"] == []


def test_a_grant_suspended_for_a_reason_makes_no_orphan(town: Town) -> None:
    (root,) = town.granted()
    own = town.delegated(root, holder=COLLECTOR)
    assert town.change(f"/v1/grants/{own}/suspension", ADMIN, REASON).is_success
    assert town.get("/v1/staffing", ADMIN).json()["orphans"] == []


# --- tenure ---------------------------------------------------------------------------------------------------------
def test_a_grant_lapses_with_the_tenure_it_rests_on(town: Town) -> None:
    """No job ends anything: at the last instant of the tenure the answer is yes, at the next one it is no."""
    (root,) = town.granted(town.line(division="640324105"))
    for person in (PASSING, FAR_COLLECTOR):
        town.delegated(root, holder=person, division=FAR_VILLAGE)
    (post,) = town.get(f"/v1/people/{PASSING}", SYSTEM_ADMIN).json()["posts"]
    end = datetime.fromisoformat(post["until"])

    def may(person: str, at: datetime) -> bool:
        asked = question(person, resource={"type": "monitored.income", "id": "h-far", "properties": {
            "division": FAR_VILLAGE, "data_year": town.edit()["data_year"]}}, context={"time": at.isoformat()})  # fmt: skip
        return bool(town.post(ONE, ADMIN, asked).json()["decision"])

    tick = timedelta(seconds=1)
    assert [may(PASSING, at) for at in (end - tick, end, end + tick)] == [True, False, False]
    assert [may(FAR_COLLECTOR, at) for at in (end - tick, end, end + tick)] == [True, True, True]
    for person in (FAR_GRID, FAR_COLLECTOR):
        moved(town, person, successor=None)
    for at, orphans in ((end - tick, []), (end, [FAR_VILLAGE])):
        query = at.isoformat().replace("+", "%2B")
        seen = town.get(f"/v1/staffing?at={query}", ADMIN).json()["orphans"]
        assert [each["division"] for each in seen] == orphans, at


# --- what waits -------------------------------------------------------------------------------------------------------
def waiting() -> tuple[Any, ...]:
    """A question to the clerk, and an approval that nobody has used, both of the collector."""
    until = (datetime.now(UTC) + TENURE).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    deed: dict[str, Any] = {"household": "h-monitored", "cell": "monitored.income", "data_year": 2026}
    asked = AccessProposed(
        division=COUNTY, person_id=COLLECTOR, place=VILLAGE, operation="update", until=None, emergency=False, code="no_grant",
        denied=1, question="0" * 64, **deed,
    )  # fmt: skip
    agreed = ApprovalGiven(
        person_id=COLLECTOR,
        division=VILLAGE,
        operation="verify",
        quarter=None,
        until=until,
        grant=1,
        reason="c",
        **deed,
    )
    return asked, agreed


def test_every_kind_of_work_is_found_by_its_own_hand_and_by_no_other(database: World) -> None:
    with Town(database, more=waiting()) as town:
        things = Things.on(town)
        assert town.change("/v1/households/h-far/move", FAR_ADMIN, {"division": OTHER_VILLAGE, **REASON}).is_success
        with town.deployment.database.engine.connect() as connection:
            posts = {each.person: each for each, _ in roster.posts(connection, "deputy_for IS NULL")}
            at = datetime.now(UTC)
            found = {person: unfinished.of_person(connection, person, post, at) for person, post in posts.items()}
            states = unfinished.states(connection, [(each.kind, each.id) for all in found.values() for each in all], at)
        kinds = {person: sorted({each.kind for each in work}) for person, work in found.items() if work}
        assert kinds == {
            CLERK: ["request"], SIGNATORY: ["request"], HANDLER: ["request"], ADMIN: ["approval", "policy"],
            ADMIN_B: ["approval"], FAR_ADMIN: ["move"],
            SECURITY_ADMIN: ["erasure"], SYSTEM_ADMIN: ["edition", "officer"], COLLECTOR: ["approval", "proposal"],
            OTHER_COLLECTOR: ["deputy"], OTHER_GRID: ["deputy"],
        }  # fmt: skip
        assert {each.kind for work in found.values() for each in work} == set(departures.WORDS) - {"grant"}
        told = {(each.kind, each.id): each.state for work in found.values() for each in work}
        assert states == told | {each: "ended" for each in told if each[0] == "deputy"}
        assert {each.id for each in found[CLERK]} == {str(things.request)}, "those that were decided are done"


def test_a_deputyship_that_leans_on_the_post_is_told_with_its_end(town: Town) -> None:
    wish = {"post": post_of(town, COLLECTOR), "deputy": GRID_WORKER, **REASON,
            "until": (datetime.now(UTC) + timedelta(days=9)).isoformat()}  # fmt: skip
    number = town.post("/v1/deputies", ADMIN, wish).json()["id"]
    answer = town.change(f"/v1/posts/{post_of(town, COLLECTOR)}/end", ADMIN, REASON).json()
    assert [(each["kind"], each["id"]) for each in answer["work"]] == [("deputy", str(number))]
    assert town.get(f"/v1/deputies/{number}", ADMIN).json()["live"] is False


def test_who_left_which_post_is_listed_where_people_are_read(town: Town) -> None:
    near, far = moved(town)["id"], moved(town, FAR_GRID, successor=None)["id"]

    def seen(person: str, query: str = "") -> list[int]:
        answer = town.get(f"/v1/transfers?{query}", person)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]

    assert seen(ADMIN) == seen(SYSTEM_ADMIN) == [far, near]
    assert (seen(FAR_ADMIN), seen(TOWN_ADMIN)) == ([far], [near])
    assert (seen(ADMIN, f"person={COLLECTOR}"), seen(ADMIN, f"division={FAR_VILLAGE}"), seen(ADMIN, "person=p-20")) == (
        [near], [far], [],
    )  # fmt: skip
    first = town.get("/v1/transfers?limit=1", ADMIN).json()
    assert [each["id"] for each in first["items"]] == [far]
    assert seen(ADMIN, f"limit=1&cursor={first['cursor']}") == [near]
    assert told(town.get("/v1/transfers", COLLECTOR)) == (403, "no_role")


def test_the_end_of_a_post_names_the_grants_that_lapse_with_it(town: Town) -> None:
    (root,) = town.granted()
    own, _ = town.delegated(root, holder=COLLECTOR), town.delegated(root)
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
    answer = town.change(f"/v1/posts/{post_of(town, COLLECTOR)}/end", ADMIN, REASON).json()
    assert answer["lapsing"] == [own], "what the unit holds stays with the unit"
    assert told(town.post("/v1/edits", COLLECTOR, town.edit()))[0] == 403
    assert town.post("/v1/edits", HEIR, town.edit()).status_code == 201
