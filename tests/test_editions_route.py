"""Divisions that change, over the whole application: filed, confirmed by another, and what waits until it is confirmed."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime
from typing import Any

import editions
import pytest
from conftest import World
from worlds import (
    ADMIN,
    APPROVER,
    AUDITOR,
    COLLECTOR,
    FAR_ADMIN,
    HANDLER,
    LEAD,
    OTHER_VILLAGE,
    REGION_LEAD,
    SYSTEM_ADMIN,
    TOWN_ADMIN,
    VILLAGE,
    WANGTUAN,
    YUHAI,
    Town,
)

from audit.entry import parse
from authz.fact import instant
from authz.gazette import EditionConfirmed, EditionFiled
from authz.post import PersonRegistered, PostAssigned

REASON = {"reason": "区划调整后核对无误"}
NEW = "640324105900"
RECODED = {VILLAGE: editions.line(NEW, editions.name(VILLAGE), WANGTUAN)}
EDGE = f"successor,{VILLAGE},{NEW}"
MOVED = {OTHER_VILLAGE: editions.line(OTHER_VILLAGE, editions.name(OTHER_VILLAGE), WANGTUAN)}
NAMED = {YUHAI: editions.line(YUHAI, "清水镇", "640324")}
URL = "/v1/divisions/editions"


def edit(town: Town, division: str, person: str = ADMIN, household: str | None = None) -> tuple[int, str]:
    token = household or f"h-{division}"
    answer = town.post("/v1/edits", person, town.edit(division=division, household=token))
    return answer.status_code, answer.json().get("code", "")


def confirm(town: Town, grant: int, person: str, **more: str) -> Any:
    return town.change(f"/v1/grants/{grant}/confirmation", person, REASON | more)


# --- filing and confirming ------------------------------------------------------------------------------------------
def test_an_edition_is_filed_by_one_and_put_in_force_by_another(database: World) -> None:
    with Town(database) as town:
        root = town.granted(town.line(division="640324"))[0]
        lower = town.delegated(root)
        number = editions.filed(town, editions.body(RECODED, EDGE))
        told = town.get(f"{URL}/{number}", AUDITOR).json()
        assert (told["state"], told["base"], told["edition"]) == ("filed", "2023-06-30", "2026-06-30")
        assert [each["kind"] for each in told["changes"]] == ["recoded_same_name"]
        assert (told["grants"], told["units_touched"]) == ([root, lower], [f"u-{VILLAGE}-village"])
        assert (len(told["posts_touched"]), told["households_touched"]) == (2, 2)
        assert town.get(f"{URL}/{number}", COLLECTOR).json()["grants"] == []
        assert edit(town, VILLAGE, COLLECTOR, "h-monitored") == (201, "")  # nothing holds before it is confirmed
        again = town.post(URL, SYSTEM_ADMIN, editions.body(NAMED))
        assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
        path = f"{URL}/{number}/confirmation"
        for person in (SYSTEM_ADMIN, HANDLER, ADMIN):
            assert town.change(path, person).status_code == 403
        assert town.post(path, APPROVER).status_code == 428
        assert town.change(path, APPROVER).json()["state"] == "confirmed"
        assert town.change(path, APPROVER).status_code == 409
        assert town.get("/v1/divisions", COLLECTOR).json()["edition"] == "2026-06-30"
        assert [each["state"] for each in town.get(URL, AUDITOR).json()["items"]] == ["confirmed"]


def test_who_files_under_another_account_does_not_confirm(database: World) -> None:
    since, natural = (
        instant(datetime(2026, 1, 1, tzinfo=UTC)),
        hashlib.sha256(f"natural{SYSTEM_ADMIN}".encode()).hexdigest(),
    )
    second = (
        PersonRegistered(person_id="p-77", natural=natural, name="n", phone=None),
        PostAssigned(
            person_id="p-77", post_unit=REGION_LEAD, division="64", role="region_approver", title="t", valid_from=since,
            valid_until=None,
        ),
    )  # fmt: skip
    with Town(database, more=second) as town:
        number = editions.filed(town, editions.body(NAMED))
        answer = town.change(f"{URL}/{number}/confirmation", "p-77")
        assert (answer.status_code, answer.json()["code"]) == (403, "duty_conflict")
        assert town.change(f"{URL}/{number}/confirmation", APPROVER).status_code == 200


@pytest.mark.parametrize(
    ("person", "step", "state"), [(APPROVER, "refusal", "refused"), (SYSTEM_ADMIN, "withdrawal", "withdrawn")]
)
def test_what_is_refused_or_withdrawn_never_holds(database: World, person: str, step: str, state: str) -> None:
    with Town(database) as town:
        number = editions.filed(town, editions.body(NAMED))
        other = SYSTEM_ADMIN if person == APPROVER else APPROVER
        assert town.change(f"{URL}/{number}/{step}", other, REASON).status_code == 403
        assert town.change(f"{URL}/{number}/{step}", person, REASON).json()["state"] == state
        assert town.change(f"{URL}/{number}/confirmation", APPROVER).status_code == 409
        assert town.get("/v1/divisions", COLLECTOR).json()["edition"] == "2023-06-30"
        editions.in_force(town, editions.body(NAMED))


@pytest.mark.parametrize("person", [ADMIN, APPROVER, COLLECTOR, AUDITOR, TOWN_ADMIN])
def test_only_the_system_administrator_files(database: World, person: str) -> None:
    with Town(database) as town:
        answer = town.post(URL, person, editions.body(NAMED))
        assert (answer.status_code, "entry" in answer.json()) == (403, True)
        assert town.post(URL, person, {"edition": 3}).status_code == 403


BAD = [
    (editions.body({}, "successor,640324100201,640324105900"), "changes", 2),
    (editions.body({VILLAGE: ""}), "changes", 1),
    (editions.body(NAMED, edition="2023-06-30"), "tree", 1),
    (editions.body({YUHAI: editions.line(YUHAI, "清水镇", "640399")}), "tree", None),
]


@pytest.mark.parametrize(("wish", "file", "line"), BAD)
def test_one_bad_line_refuses_the_whole(database: World, wish: dict[str, Any], file: str, line: int | None) -> None:
    with Town(database) as town:
        told = town.post(URL, SYSTEM_ADMIN, wish)
        assert (told.status_code, told.json()["file"]) == (422, file)
        assert line is None or told.json()["line"] == line
        assert town.get(URL, COLLECTOR).json()["items"] == []


# --- what waits ------------------------------------------------------------------------------------------------------
def test_59_an_abolished_code_waits_and_goes_on_in_its_successor(database: World) -> None:
    with Town(database) as town:
        root = town.granted(town.line(division="640324"))[0]
        lower = town.delegated(root)
        assert edit(town, VILLAGE, COLLECTOR, "h-monitored") == (201, "")
        editions.in_force(town, editions.body(RECODED, EDGE))
        for code in (VILLAGE, NEW):
            assert edit(town, code, COLLECTOR, "h-monitored") == (403, "scope_needs_confirmation")
        assert edit(town, NEW) == (403, "scope_needs_confirmation")  # the county's own grant reaches it, and waits too
        assert edit(town, "640324105200", ADMIN, "h-far") == (201, "")  # whatever has not changed goes on
        waiting = town.get("/v1/grants?unconfirmed=true", ADMIN).json()["items"]
        assert [each["id"] for each in waiting] == [lower, root]
        first = confirm(town, lower, ADMIN)
        assert (first.status_code, first.json()["code"]) == (403, "scope_needs_confirmation")  # the parent comes first
        assert confirm(town, root, ADMIN).status_code == 403  # nobody confirms what he was given himself
        assert confirm(town, root, APPROVER).status_code == 200
        assert edit(town, NEW) == (201, "")
        assert confirm(town, lower, ADMIN).json() | {"entry": 0} == {
            "entry": 0, "id": lower, "division": NEW, "division_name": editions.name(VILLAGE), "left": VILLAGE, "edition": "2026-06-30",
        }  # fmt: skip
        # The unit of the village has still to be carried over; until then nobody acts from a place that is no more.
        assert edit(town, NEW, COLLECTOR, "h-monitored") == (403, "scope_needs_confirmation")
        unit = f"/v1/units/u-{VILLAGE}-village/confirmation"
        assert town.post(unit, ADMIN, REASON).status_code == 403
        assert town.post(unit, SYSTEM_ADMIN, REASON | {"division": YUHAI}).status_code == 422
        assert len(town.post(unit, SYSTEM_ADMIN, REASON).json()["posts"]) == 2
        # The household keeps the code of its time; its one successor is the same place.
        assert edit(town, NEW, COLLECTOR, "h-monitored") == (201, "")
        told = town.post("/v1/edits", COLLECTOR, town.edit(division=VILLAGE)).json()
        assert (told["code"], NEW in told["pointers"][0]["message"]) == ("bad_division_code", True)
        told = town.post(
            "/v1/units", SYSTEM_ADMIN, {"division": VILLAGE, "kind": "village", "name": "城北村委会"}
        ).json()
        assert (told["code"], NEW in told["detail"]) == (
            "bad_division_code",
            True,
        )  # wherever an abolished code is named
        assert town.get("/v1/grants?unconfirmed=true", ADMIN).json()["items"] == []


def test_60_a_code_used_again_is_bound_to_the_edition_it_was_given_under(database: World) -> None:
    with Town(database) as town:
        root = town.granted(town.line(division=YUHAI))[0]
        editions.in_force(town, editions.body(NAMED))
        assert edit(town, VILLAGE) == (403, "scope_needs_confirmation")
        assert confirm(town, root, APPROVER).json()["division_name"] == "清水镇"
        assert edit(town, VILLAGE) == (201, "")


def test_60_a_name_declared_to_be_of_the_same_place_waits_for_nobody(database: World) -> None:
    with Town(database) as town:
        root = town.granted(town.line(division=YUHAI))[0]
        editions.in_force(town, editions.body(NAMED, f"renamed,{YUHAI},{YUHAI}"))
        assert town.get(f"{URL}/{town.get(URL, AUDITOR).json()['items'][0]['id']}", AUDITOR).json()["grants"] == []
        assert edit(town, VILLAGE) == (201, "")
        assert confirm(town, root, APPROVER).status_code == 409


def test_61_a_village_that_moved_is_lost_at_once_and_gained_by_confirmation(database: World) -> None:
    with Town(database) as town:
        here = town.granted(town.line(division="640324"))[0]
        held: dict[str, Any] = {"operations": ["collect", "update"], "role": "township_admin"}
        loses = town.delegated(here, holder=f"u-{YUHAI}-township", division=YUHAI, **held)
        gains = town.delegated(here, holder=f"u-{WANGTUAN}-township", division=WANGTUAN, **held)
        assert edit(town, OTHER_VILLAGE, TOWN_ADMIN) == (201, "")
        assert edit(town, OTHER_VILLAGE, FAR_ADMIN) == (403, "outside_division")
        told = town.get(f"{URL}/{editions.in_force(town, editions.body(MOVED))}", AUDITOR).json()
        assert (told["grants"], told["waiting"]) == ([here, loses, gains], [here, gains])
        assert edit(town, OTHER_VILLAGE, TOWN_ADMIN) == (403, "outside_division")
        assert edit(town, OTHER_VILLAGE, FAR_ADMIN) == (403, "scope_needs_confirmation")
        assert confirm(town, here, APPROVER).status_code == 200
        assert edit(town, OTHER_VILLAGE, FAR_ADMIN) == (403, "scope_needs_confirmation")
        assert confirm(town, gains, ADMIN).status_code == 200
        assert edit(town, OTHER_VILLAGE, FAR_ADMIN) == (201, "")
        assert edit(town, VILLAGE, TOWN_ADMIN) == (201, "")


def test_nothing_is_handed_on_or_narrowed_around_a_confirmation(database: World) -> None:
    with Town(database) as town:
        root = town.granted(town.line(division="640324"))[0]
        gains = town.delegated(root, holder=f"u-{WANGTUAN}-township", role="township_admin", division=WANGTUAN)
        editions.in_force(town, editions.body(MOVED))
        wish = {"division": OTHER_VILLAGE, **REASON}
        answer = town.change(f"/v1/grants/{gains}/narrowing", ADMIN, wish)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_needs_confirmation")
        assert confirm(town, root, APPROVER).status_code == 200
        assert confirm(town, gains, ADMIN).status_code == 200
        assert town.change(f"/v1/grants/{gains}/narrowing", ADMIN, wish).status_code == 200


# --- the order of the log, and the names of a time -------------------------------------------------------------------
def test_64_an_update_and_edits_have_one_order_and_each_is_judged_by_it(database: World) -> None:
    """Rule P4: what stands before the confirmation was judged by the old edition, what stands behind it by the new."""
    with Town(database) as town:
        town.granted(town.line(division="640324"))
        number = editions.filed(town, editions.body(RECODED, EDGE))
        tag = town.get(f"{URL}/{number}", APPROVER).headers["etag"]
        found: list[tuple[int, str]] = []

        def work(place: int) -> None:
            for count in range(12):
                code = VILLAGE if count % 2 else NEW
                answer = town.post("/v1/edits", ADMIN, town.edit(division=code, household=f"h-{place}-{count}"))
                if "entry" in answer.json():
                    found.append((answer.json()["entry"], f"{code} {answer.status_code} {answer.json().get('code')}"))

        threads = [threading.Thread(target=work, args=(place,)) for place in range(3)]
        for each in threads:
            each.start()
        entry = town.post(f"{URL}/{number}/confirmation", APPROVER, if_match=tag).json()["entry"]
        for each in threads:
            each.join()
        for n in range(2):  # whatever the race did, there is something on the far side
            work(10 + n)
        before, after = ({told for at, told in found if (at < entry) is side} for side in (True, False))
        assert before <= {f"{VILLAGE} 201 None"}
        assert after == {f"{code} 403 scope_needs_confirmation" for code in (VILLAGE, NEW)}


def test_g19_history_is_read_under_the_names_of_its_time(database: World) -> None:
    with Town(database) as town:
        root = town.granted(town.line(division="640324"))[0]
        town.delegated(root)
        told = town.post("/v1/edits", COLLECTOR, town.edit()).json()
        editions.in_force(town, editions.body({YUHAI: NAMED[YUHAI], **RECODED}, EDGE))
        assert town.get(f"/v1/entries/{told['entry']}", AUDITOR).json()["division"] == {
            "code": VILLAGE, "name": editions.name(VILLAGE)
        }  # fmt: skip
        items = town.get(f"/v1/entries?division={VILLAGE}&kind=EditPermitted", ADMIN).json()["items"]
        assert [each["number"] for each in items] == [told["entry"]]
        for at, name, gone in (
            ("2026-06-29", editions.name(VILLAGE), False),
            ("2026-07-01", editions.name(VILLAGE), True),
        ):
            one = town.get(f"/v1/divisions/{VILLAGE}?at={at}", COLLECTOR).json()
            assert (one["name"], one["abolished"], one["successors"]) == (name, gone, [NEW])
        assert town.get(f"/v1/divisions/{YUHAI}?at=2026-06-29", COLLECTOR).json()["name"] == "豫海镇"
        assert town.get(f"/v1/divisions/{YUHAI}?at=2026-07-01", COLLECTOR).json()["name"] == "清水镇"


def test_the_entries_say_what_happened(database: World) -> None:
    with Town(database) as town:
        number = editions.in_force(town, editions.body(RECODED, EDGE))
        with database.engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT bytes FROM entry WHERE kind LIKE 'Edition%%' AND kind <> 'EditionLoaded'"
            )
            facts = [parse(bytes(each)).fact for each in rows.scalars()]
        one, two = facts
        assert isinstance(one, EditionFiled)
        assert isinstance(two, EditionConfirmed)
        assert (one.document, one.counts["recoded_same_name"], one.households) == ("宁政函〔2026〕21号", 1, 2)
        assert (two.subject, two.sha256, two.base, two.count) == (number, one.sha256, "2023-06-30", 3199)
        assert LEAD not in str(one.plain())
