"""Handover over HTTP (权限交接): open work listed, each grant made out anew by its giver or none of them, never wider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import World
from test_features_shown import employed, told
from worlds import (
    ADMIN,
    APPROVER,
    AUDITOR,
    CLERK,
    COLLECTOR,
    FAR_ADMIN,
    FAR_COLLECTOR,
    GRID_WORKER,
    HANDLER,
    LEAD,
    OTHER_COLLECTOR,
    OTHER_VILLAGE,
    SIGNATORY,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    YUHAI,
    Town,
)  # fmt: skip

HEIR, NEXT_CLERK, TWIN = "p-4003", "p-4002", "p-4004"
REASON = {"reason": "工作调动"}


def twin() -> tuple[Any, ...]:
    """A second account of the collector, employed as one beside him."""
    registered, assigned = employed(TWIN, f"u-{VILLAGE}-village", "village_collector")
    return type(registered)(**registered.__dict__ | {"natural": NATURAL}), assigned


NATURAL = employed(COLLECTOR, LEAD, "county_clerk")[0].natural


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    more = (
        *employed(HEIR, f"u-{VILLAGE}-village", "village_collector"), *employed(NEXT_CLERK, LEAD, "county_clerk"), *twin(),
    )  # fmt: skip
    with Town(database, more=more) as made:
        yield made


def post_of(town: Town, person: str) -> int:
    return int(town.get(f"/v1/people/{person}", SYSTEM_ADMIN).json()["posts"][0]["post"])


def moved(town: Town, person: str = COLLECTOR, by: str = ADMIN, **more: Any) -> dict[str, Any]:
    """The person is transferred to the other village; the answer."""
    wish = {"person": person, "from_post": post_of(town, person), "unit": f"u-{OTHER_VILLAGE}-village",
            "role": "first_secretary", "successor": HEIR, **REASON}  # fmt: skip
    answer = town.post("/v1/transfers", by, wish | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def hand(town: Town, transfer: int, *grants: int, by: str = ADMIN, **more: Any) -> Any:
    return town.post(f"/v1/transfers/{transfer}/grants", by, {"grants": list(grants), **REASON} | more)


def grant(town: Town, number: int) -> dict[str, Any]:
    return dict(town.get(f"/v1/grants/{number}", ADMIN).json())


def scope(told: dict[str, Any]) -> dict[str, Any]:
    """The limits of a grant but its beginning, which is never before the handover."""
    return {name: value for name, value in told["scope"].items() if name != "from"}


# --- grants -------------------------------------------------------------------------------------------------------
def test_a_grant_passes_to_the_successor_with_its_whole_scope(town: Town) -> None:
    (root,) = town.granted()
    own = town.delegated(root, holder=COLLECTOR, households=["h-monitored"], max_records=5)
    transfer = moved(town)["id"]
    before = grant(town, own)
    (listed,) = town.get(f"/v1/transfers/{transfer}", ADMIN).json()["grants"]
    assert (listed["grant"], listed["state"], listed["renewed"]) == (own, "suspended", None)
    assert {each["act"]: each["fits"] for each in listed["choices"]} == {
        "grant.delegate": True, "grant.revoke": True,
    }  # fmt: skip
    assert told(town.post("/v1/edits", HEIR, town.edit())) == (403, "no_grant")
    answer = hand(town, transfer, own)
    assert answer.status_code == 201, answer.text
    ((passed),) = answer.json()["grants"]
    renewed = passed["renewed"]
    after = grant(town, renewed)
    assert (passed["grant"], len(answer.json()["entries"])) == (own, 3)
    assert scope(after) == scope(before)
    assert (after["holder_person"], after["parent"], after["origin"], after["state"]) == (
        HEIR,
        root,
        "delegated",
        "live",
    )
    assert [each["id"] for each in after["chain"]] == [root, renewed]
    assert grant(town, own)["state"] == "revoked"
    assert town.post("/v1/edits", HEIR, town.edit()).json()["grant"] == renewed
    assert told(town.post("/v1/edits", HEIR, town.edit(household="h-lifted", cell="lifted_out.income")))[0] == 403
    assert told(town.post("/v1/edits", COLLECTOR, town.edit()))[0] == 403
    assert told(hand(town, transfer, own)) == (409, "wrong_state")
    (listed,) = town.get(f"/v1/transfers/{transfer}", ADMIN).json()["grants"]
    assert (listed["successor"], listed["renewed"], listed["choices"]) == (HEIR, renewed, [])
    entry = town.get(f"/v1/entries?kind=DutyHandedOver&grant={own}", AUDITOR).json()["items"][0]["fact"]
    assert (entry["subject"], entry["renewed"], entry["person_id"], entry["successor"]) == (
        transfer, renewed, COLLECTOR, HEIR,
    )  # fmt: skip


def test_whom_and_by_whom_it_cannot_be_handed_over(town: Town) -> None:
    (root,) = town.granted()
    own, other = town.delegated(root, holder=COLLECTOR), town.delegated(root, holder=GRID_WORKER, role="grid_worker")
    transfer, size = moved(town)["id"], len(town.get("/v1/grants?limit=1000", ADMIN).json()["items"])
    for change, by, status, code in (
        ({}, CLERK, 403, "no_role"), ({}, AUDITOR, 403, "no_role"), ({}, FAR_ADMIN, 404, "unknown"),
        ({}, FAR_COLLECTOR, 404, "unknown"), ({}, COLLECTOR, 403, "no_role"), ({}, HEIR, 403, "no_role"),
        ({}, TOWN_ADMIN, 403, "denied"), ({}, SYSTEM_ADMIN, 403, "no_role"), ({"successor": GRID_WORKER}, ADMIN, 422, "unfit_holder"),
        ({"successor": OTHER_COLLECTOR}, ADMIN, 422, "unfit_holder"), ({"successor": TWIN}, ADMIN, 422, "unfit_holder"),
        ({"successor": COLLECTOR}, ADMIN, 422, "unfit_holder"), ({"successor": "p-404"}, ADMIN, 422, "unfit_holder"),
        ({"grants": [own, other]}, ADMIN, 422, "unacceptable"), ({"grants": [root]}, ADMIN, 422, "unacceptable"),
        ({"grants": []}, ADMIN, 422, "misshapen"), ({"reason": ""}, ADMIN, 422, "misshapen"),
    ):  # fmt: skip
        answer = hand(town, transfer, own, by=by, **change)
        assert told(answer) == (status, code), (change, by, answer.text)
    for number in (root, transfer - 1, 10**6):
        assert told(hand(town, number, own)) == (404, "unknown")
    assert len(town.get("/v1/grants?limit=1000", ADMIN).json()["items"]) == size
    assert hand(town, transfer, own).status_code == 201, "the same grant, the right successor and the right hand"


def test_one_misfit_and_none_is_handed_over(town: Town) -> None:
    """The chain was narrowed since: what the old grant says is more than its parent now holds."""
    (root,) = town.granted()
    wide = town.delegated(root, holder=COLLECTOR)
    slim = town.delegated(root, holder=COLLECTOR, cells=["monitored.income"], operations=["update"])
    transfer = moved(town)["id"]
    narrowed = {"operations": ["update"], "reason": "收窄"}
    assert town.change(f"/v1/grants/{root}/narrowing", APPROVER, narrowed).is_success
    refused = hand(town, transfer, slim, wide)
    assert told(refused) == (422, "wider_than_held")
    assert {(each["grant"], each["axis"]) for each in refused.json()["misfits"]} == {(wide, "operations")}
    states = {each["grant"]: each for each in town.get(f"/v1/transfers/{transfer}", ADMIN).json()["grants"]}
    assert {each["state"] for each in states.values()} == {"suspended"}
    fits = {
        number: next(c["fits"] for c in each["choices"] if c["act"] == "grant.delegate")
        for number, each in states.items()
    }
    assert fits == {wide: False, slim: True}
    assert hand(town, transfer, slim).status_code == 201


def test_each_giver_hands_over_what_he_gave(town: Town) -> None:
    """The county transfers; the township's own delegation is the township's to hand over."""
    (root,) = town.granted()
    unit = town.delegated(root, holder="u-640324100-township", role="township_admin", division=YUHAI)
    until = (datetime.now(UTC) + timedelta(days=60)).isoformat()
    low = town.delegated(unit, TOWN_ADMIN, holder=COLLECTOR, until=until)
    high = town.delegated(root, holder=COLLECTOR)
    transfer = moved(town)["id"]
    assert told(hand(town, transfer, low, high)) == (403, "denied")
    assert told(hand(town, transfer, low, high, by=TOWN_ADMIN)) == (403, "denied")
    done = hand(town, transfer, low, by=TOWN_ADMIN).json()["grants"][0]["renewed"]
    assert [each["id"] for each in grant(town, done)["chain"]] == [root, unit, done]
    assert hand(town, transfer, high).status_code == 201


def test_a_cap_is_not_filled_twice(town: Town) -> None:
    """What the one who left has used is used; a cap that a link above counts for both stays as it is."""
    root, capped = town.granted(town.line(), town.line(2, max_records=2))
    own, same = town.delegated(root, holder=COLLECTOR, max_records=2), town.delegated(capped, holder=COLLECTOR)
    assert town.post("/v1/edits", COLLECTOR, town.edit()).json()["grant"] == own
    transfer = moved(town)["id"]
    made = {each["grant"]: grant(town, each["renewed"]) for each in hand(town, transfer, own, same).json()["grants"]}
    assert (made[own]["scope"]["max_records"], made[same]["scope"]["max_records"]) == (1, 2)
    assert town.post("/v1/edits", HEIR, town.edit()).status_code == 201


def test_a_cap_that_is_used_up_has_nothing_to_hand_over(town: Town) -> None:
    (root,) = town.granted()
    own = town.delegated(root, holder=COLLECTOR, max_records=1)
    assert town.post("/v1/edits", COLLECTOR, town.edit()).status_code == 201
    assert told(hand(town, moved(town)["id"], own)) == (409, "wrong_state")


def test_without_a_successor_on_record_one_has_to_be_named(town: Town) -> None:
    (root,) = town.granted()
    own = town.delegated(root, holder=COLLECTOR)
    transfer = moved(town, successor=None)["id"]
    (listed,) = town.get(f"/v1/transfers/{transfer}", ADMIN).json()["grants"]
    assert next(each["code"] for each in listed["choices"] if each["act"] == "grant.delegate") == "no_successor"
    assert told(hand(town, transfer, own)) == (422, "unfit_holder")
    assert hand(town, transfer, own, successor=HEIR).json()["successor"] == HEIR


def test_nobody_succeeds_himself_under_another_account(town: Town) -> None:
    wish = {"person": COLLECTOR, "from_post": post_of(town, COLLECTOR), "unit": f"u-{OTHER_VILLAGE}-village",
            "role": "first_secretary", **REASON}  # fmt: skip
    assert told(town.post("/v1/transfers", ADMIN, wish | {"successor": TWIN})) == (422, "unfit_holder")
    assert town.post("/v1/transfers", ADMIN, wish | {"successor": HEIR}).status_code == 201


# --- open work ----------------------------------------------------------------------------------------------------
def test_the_open_work_of_a_clerk_is_listed_and_followed(town: Town) -> None:
    drafted, filed, received = town.drafted(), town.filed(), town.received()
    town.granted()
    done = moved(town, CLERK, unit="u-640324-civil_affairs", role="department_officer", successor=NEXT_CLERK)
    assert {(each["kind"], int(each["id"]), each["state"]) for each in done["work"]} == {
        ("request", drafted, "drafted"), ("request", filed, "filed"), ("request", received, "received"),
    }, "the decided one is no work any more"  # fmt: skip
    assert told(town.get(f"/v1/transfers/{done['id']}", FAR_COLLECTOR)) == (404, "unknown")
    assert town.change(f"/v1/requests/{drafted}/signature", SIGNATORY).is_success
    for reader in (ADMIN, NEXT_CLERK, AUDITOR, SYSTEM_ADMIN):
        seen = town.get(f"/v1/transfers/{done['id']}", reader).json()
        assert {int(each["id"]): each["state"] for each in seen["work"]} == {
            drafted: "filed", filed: "filed", received: "received",
        }  # fmt: skip
    assert (seen["person"], seen["successor"], seen["by"]) == (CLERK, NEXT_CLERK, ADMIN)
    kinds = [each["kind"] for each in town.get("/v1/entries?kind=WorkHandedOver", AUDITOR).json()["items"]]
    assert kinds == ["WorkHandedOver"]


def test_a_handlers_work_is_what_he_received_and_a_move_what_he_asked_for(town: Town) -> None:
    received, _ = town.received(), town.drafted()
    assert town.change("/v1/households/h-monitored/move", TOWN_ADMIN, {"division": OTHER_VILLAGE, **REASON}).is_success
    other = moved(town, HANDLER, SYSTEM_ADMIN, unit="u-64-lead", role="region_approver", successor=APPROVER)
    assert [(each["kind"], int(each["id"])) for each in other["work"]] == [("request", received)]
    town_admin = moved(town, TOWN_ADMIN, unit=LEAD, role="county_clerk", successor=NEXT_CLERK)
    assert [(each["kind"], each["id"]) for each in town_admin["work"]] == [("move", "h-monitored")]
    accepted = town.change("/v1/households/h-monitored/acceptance", ADMIN)
    assert accepted.status_code == 200, accepted.text
    (work,) = town.get(f"/v1/transfers/{town_admin['id']}", ADMIN).json()["work"]
    assert work["state"] == "ended"
