"""A county that gets another code, is merged or is no more: what is under way is not lost, and nobody gains by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import counties
import editions
import pytest
import routes
from conftest import World
from counties import NEIGHBOUR, RENAMED
from test_amendments import Everything, adopted, proposed
from worlds import (
    ADMIN,
    ADMIN_B,
    APPROVER,
    AUDITOR,
    CLERK,
    COLLECTOR,
    COUNTY,
    HANDLER,
    INCOME,
    LEAD,
    OTHER_COLLECTOR,
    OTHER_GRID,
    OTHER_VILLAGE,
    SIGNATORY,
    SYSTEM_ADMIN,
    VILLAGE,
    YUHAI,
    Town,
    today,
)

REASON = {"reason": "区划调整后核对无误"}
DENY = {"roles.csv": "p,grassroots,verify,lifted_out.measures,deny\n"}
UNITS = (LEAD, f"u-{YUHAI}-township", f"u-{VILLAGE}-village", f"u-{OTHER_VILLAGE}-village")


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def step(town: Town, number: int, name: str, person: str, body: Any = None) -> Any:
    """A step of a request, taken on the version that whoever oversees it sees."""
    tag = town.get(f"/v1/requests/{number}", person).headers.get("etag", '"0"')
    return town.post(f"/v1/requests/{number}/{name}", person, body, if_match=tag)


def proposal(outcome: str) -> dict[str, Any]:
    line = {"line": 1, "outcome": outcome} | ({} if outcome == "approved" else {"reason": "该县已撤销"})
    return {"lines": [line], "opinion": "拟办"}


def reply(number: int, outcome: str) -> dict[str, Any]:
    year = today()[:4]
    document = {"kind": "PIFU", "number": f"宁乡振发〔{year}〕{number}号", "title": "批复", "dated": today()}
    return {"document": document, **proposal(outcome)}


def rewritten(town: Town, number: int, division: str) -> Any:
    """The request written anew for the code that holds now, under the number it has."""
    seen = town.get(f"/v1/requests/{number}", CLERK)
    document = {"number": seen.json()["document"]["number"]}
    line = {**seen.json()["lines"][0], "division": division}
    body = town.draft({name: line[name] for name in town.line()}, **document)
    return town.ask("PUT", f"/v1/requests/{number}", CLERK, body, if_match=seen.headers["etag"])


def carried(town: Town, *units: str) -> None:
    for each in units or UNITS:
        answer = town.post(f"/v1/units/{each}/confirmation", SYSTEM_ADMIN, REASON)
        assert answer.status_code == 200, answer.text


def confirmed(town: Town, grant: int, person: str, **more: str) -> Any:
    return town.change(f"/v1/grants/{grant}/confirmation", person, REASON | more)


def narrowed(town: Town) -> None:
    digest = proposed(town, DENY, person=ADMIN, division=COUNTY).json()["policy"]
    assert adopted(town, digest, SIGNATORY).status_code == 200


def forbidden(town: Town, place: str) -> bool:
    """Whether a village collector may not verify measures there, whatever he was granted."""
    law, now = town.deployment.law, datetime.now(UTC)
    return law.permits(Everything("village_collector"), "verify", "lifted_out.measures", place, now) is None


def nothing_breaks(town: Town, *people: str) -> None:
    things = routes.Things(sha256="0" * 64)
    for route in (each for each in routes.routes(town.app) if not each.writes):
        for who in people:
            answer = town.get(things.url(route.path), who)
            assert answer.status_code < 500, (str(route), who, answer.text)


# --- another code ---------------------------------------------------------------------------------------------------
def test_the_requests_of_a_county_with_another_code_go_on_in_its_hands(database: World) -> None:
    with Town(database) as town:
        drafted, asked, returned = town.drafted(), town.received(), town.received()
        assert step(town, asked, "proposal", HANDLER, proposal("approved")).status_code == 200
        assert step(town, returned, "return", HANDLER, {"reasons": [{"path": "/lines/0", "text": "请核对"}]}).is_success
        editions.in_force(town, counties.recoded())
        # Nobody of the county acts before its lead body is carried over; the region does, but grants nothing unasked.
        assert town.get(f"/v1/requests/{drafted}", CLERK).status_code == 404
        refused = step(town, asked, "decision", APPROVER, reply(71, "approved"))
        assert (code(refused), RENAMED in refused.json()["detail"]) == ((422, "unacceptable"), True)
        nothing_breaks(town, CLERK, HANDLER, AUDITOR)
        carried(town, LEAD)
        nothing_breaks(town, CLERK, ADMIN)
        assert {each["id"] for each in town.get("/v1/requests", CLERK).json()["items"]} == {drafted, asked, returned}
        assert code(step(town, drafted, "signature", SIGNATORY)) == (422, "unacceptable")
        for number, wide in ((drafted, False), (returned, True)):
            assert not wide or code(rewritten(town, number, RENAMED)) == (422, "wider_than_filed")
            assert rewritten(town, number, f"{RENAMED}100").status_code == 200
            assert step(town, number, "signature", SIGNATORY).status_code == 200
        assert step(town, asked, "return", HANDLER, {"reasons": [{"path": "/lines/0", "text": "区划"}]}).is_success
        assert step(town, asked, "withdrawal", SIGNATORY, REASON).status_code == 200
        assert step(town, returned, "proposal", HANDLER, proposal("approved")).status_code == 200
        done = step(town, returned, "decision", APPROVER, reply(72, "approved"))
        assert done.status_code == 200, done.text
        (grant,) = [each["grant"] for each in done.json()["grants"]]
        told = town.get(f"/v1/grants/{grant}", ADMIN).json()
        assert (told["holder"]["unit"] if isinstance(told["holder"], dict) else told["holder"]) == LEAD
        wish = town.edit(division=f"{RENAMED}100201", household="h-new")
        assert town.post("/v1/edits", ADMIN, wish).status_code == 201
        assert town.post("/v1/requests", CLERK, town.draft(town.line(division=RENAMED))).status_code == 201


def test_what_was_granted_narrowed_and_lent_goes_on_after_confirmation(database: World) -> None:
    with Town(database) as town:
        narrowed(town)
        root = town.granted(town.line(division=COUNTY))[0]
        low = town.delegated(root)
        old = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
        shut = town.post("/v1/windows", APPROVER, window("64")).json()["id"]
        post = town.get(f"/v1/people/{OTHER_COLLECTOR}", SYSTEM_ADMIN).json()["posts"][0]["post"]
        lent = {"post": post, "deputy": OTHER_GRID, "until": _soon(), "reason": "学习"}
        deputy = town.post("/v1/deputies", ADMIN, lent).json()["id"]
        village = f"{RENAMED}100201"
        editions.in_force(town, counties.recoded())
        assert [forbidden(town, each) for each in (village, RENAMED, "640323", NEIGHBOUR)] == [True, True, False, False]
        assert code(town.post("/v1/edits", COLLECTOR, town.edit(division=village))) == (403, "scope_needs_confirmation")
        assert code(town.post("/v1/edits", ADMIN, town.edit(division=village))) == (403, "scope_needs_confirmation")
        carried(town)
        assert code(confirmed(town, low, ADMIN)) == (403, "scope_needs_confirmation"), "the parent comes first"
        assert confirmed(town, root, APPROVER).json()["division"] == RENAMED
        assert confirmed(town, low, ADMIN).json()["division"] == village
        assert town.post("/v1/edits", COLLECTOR, town.edit(division=village)).status_code == 201
        # The past of the place stays with those who answer for it now, and with nobody else.
        path = f"/v1/entries?division={VILLAGE}&kind=EditPermitted"
        assert [each["number"] for each in town.get(path, ADMIN).json()["items"]] == [old]
        assert town.get(f"/v1/people/{OTHER_GRID}", SYSTEM_ADMIN).json()["posts"][-1]["division"] == f"{RENAMED}100202"
        assert town.get(f"/v1/deputies/{deputy}", SYSTEM_ADMIN).json()["division"] == f"{RENAMED}100202"
        # What was opened before still ends; a later window finds the lead body under the id it always had.
        assert town.change(f"/v1/windows/{shut}/closure", APPROVER, REASON).status_code == 200
        opened = town.post("/v1/windows", APPROVER, window(RENAMED))
        assert [each["holder"] for each in opened.json()["grants"]] == [LEAD], opened.text
        # What the county forbade itself stands until it lifts it, under the name it was given.
        listed = town.get("/v1/policies", ADMIN).json()["narrowings"]
        assert [each["division"] for each in listed] == [COUNTY]
        lifted = proposed(town, {"roles.csv": "# nothing\n"}, person=ADMIN, division=COUNTY)
        assert lifted.status_code == 201, lifted.text
        assert adopted(town, lifted.json()["policy"], SIGNATORY).status_code == 200
        assert not forbidden(town, village)


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(days=9)).isoformat()


def window(division: str) -> dict[str, Any]:
    notice = {"title": "关于统一开放的通知", "issuer": "自治区", "dated": today()}
    return {
        "notice": notice, "division": division, "cells": INCOME[:1], "operations": ["update"],
        "data_year": int(today()[:4]), "from": datetime.now(UTC).isoformat(), "until": _soon(),
    }  # fmt: skip


@pytest.mark.parametrize("said", [True, False])
def test_a_county_with_another_name_goes_on_or_waits_as_was_declared(database: World, said: bool) -> None:
    """A name alone does not tell a renaming from a second use of the code; the requests are of the code either way."""
    named = {COUNTY: editions.line(COUNTY, "清水市", "6403")}
    with Town(database) as town:
        root = town.granted(town.line(division=COUNTY))[0]
        drafted, asked = town.drafted(), town.received()
        opened = town.post("/v1/windows", APPROVER, window(COUNTY)).json()["id"]
        editions.in_force(town, editions.body(named, *([f"renamed,{COUNTY},{COUNTY}"] if said else [])))
        edit = town.post("/v1/edits", ADMIN, town.edit())
        assert code(edit) == ((201, "") if said else (403, "scope_needs_confirmation"))
        waiting = {each["id"] for each in town.get("/v1/grants?unconfirmed=true", APPROVER).json()["items"]}
        assert waiting == (set() if said else {root, opened + 1})
        assert step(town, drafted, "signature", SIGNATORY).status_code == 200
        assert step(town, asked, "proposal", HANDLER, proposal("approved")).status_code == 200
        assert step(town, asked, "decision", APPROVER, reply(74, "approved")).status_code == 200
        assert town.post("/v1/edits", ADMIN, town.edit(household="h-new")).status_code == 201
        shut = town.change(f"/v1/windows/{opened}/closure", APPROVER, REASON)
        assert (shut.status_code, shut.json()["cut"]) == (200, [opened + 1])
        nothing_breaks(town, ADMIN, COLLECTOR)


# --- merged ---------------------------------------------------------------------------------------------------------
def test_a_county_that_was_merged_brings_its_rules_and_gains_nothing(database: World) -> None:
    with Town(database) as town:
        narrowed(town)
        root = town.granted(town.line(division=COUNTY))[0]
        low = town.delegated(root)
        editions.in_force(town, counties.merged())
        village = town.deployment.law.lineage.sole[VILLAGE]
        township = village[:9]
        theirs = next(
            each.code for each in town.deployment.law.divisions.children(NEIGHBOUR) if each.code < f"{NEIGHBOUR}9"
        )
        assert [forbidden(town, each) for each in (village, township, NEIGHBOUR, theirs)] == [True, True, False, False]
        carried(town)
        for person in (COLLECTOR, ADMIN):
            told = town.post("/v1/edits", person, town.edit(division=village))
            assert code(told) == (403, "scope_needs_confirmation")
        asked = confirmed(town, root, APPROVER)
        assert (code(asked), NEIGHBOUR in asked.json()["choices"]) == ((422, "unacceptable"), True)
        assert confirmed(town, root, APPROVER, division=township).status_code == 200
        assert confirmed(town, low, ADMIN).json()["division"] == village
        assert town.post("/v1/edits", COLLECTOR, town.edit(division=village)).status_code == 201
        for place in (theirs, NEIGHBOUR):
            wish = town.edit(division=place, household="h-theirs")
            assert town.post("/v1/edits", ADMIN, wish).status_code in (403, 422)
        nothing_breaks(town, ADMIN, CLERK, SYSTEM_ADMIN)


# --- abolished ------------------------------------------------------------------------------------------------------
def test_a_county_without_a_successor_is_wound_up(database: World) -> None:
    with Town(database) as town:
        asked = town.received()
        root = town.granted(town.line(division=COUNTY))[0]
        low = town.delegated(root)
        editions.in_force(town, counties.abolished())
        nothing_breaks(town, ADMIN, CLERK, HANDLER, AUDITOR, SYSTEM_ADMIN)
        assert code(step(town, asked, "proposal", HANDLER, proposal("approved"))) == (422, "unacceptable")
        assert step(town, asked, "proposal", HANDLER, proposal("rejected")).status_code == 200
        assert step(town, asked, "decision", APPROVER, reply(73, "rejected")).status_code == 200
        for person in (COLLECTOR, ADMIN):
            assert town.post("/v1/edits", person, town.edit()).status_code in (403, 422)
        for answer in (
            confirmed(town, root, APPROVER),
            town.post(f"/v1/units/{LEAD}/confirmation", SYSTEM_ADMIN, REASON),
        ):
            assert (code(answer), answer.json()["choices"]) == ((422, "unacceptable"), [])
            assert "没有接替" in answer.json()["detail"]
        assert town.change(f"/v1/grants/{root}/revocation", APPROVER, REASON).status_code == 200
        assert town.get(f"/v1/grants/{low}", APPROVER).json()["state"] == "revoked"
        post = town.get(f"/v1/people/{ADMIN}", SYSTEM_ADMIN).json()["posts"][0]["post"]
        assert town.change(f"/v1/posts/{post}/end", SYSTEM_ADMIN, REASON).status_code == 200
        wish = {"person": ADMIN, "unit": "u-64-lead", "role": "region_handler"}
        assert town.post("/v1/posts", SYSTEM_ADMIN, wish).status_code == 201


def test_a_code_with_people_on_it_is_not_used_again(database: World) -> None:
    """Their posts would speak for another place, and nobody would have said so."""
    village = {VILLAGE: ""}
    with Town(database) as town:
        editions.in_force(town, editions.body(village, f"abolished,{VILLAGE},"))
        back = editions.body({}, f"returned,,{VILLAGE}", edition="2026-07-31")
        told = town.post("/v1/divisions/editions", SYSTEM_ADMIN, back)
        assert (code(told), len(told.json()["posts"]), told.json()["households"]) == ((422, "unacceptable"), 2, 2)
        for post in told.json()["posts"]:
            assert town.change(f"/v1/posts/{post}/end", SYSTEM_ADMIN, REASON).status_code == 200
        told = town.post("/v1/divisions/editions", SYSTEM_ADMIN, back)
        assert (code(told), told.json()["missing"]) == ((422, "unacceptable"), "households")
        for token in ("h-monitored", "h-lifted"):
            move = {"division": OTHER_VILLAGE, "reason": "原村撤销"}
            assert town.change(f"/v1/households/{token}/move", ADMIN, move).status_code == 200
            assert town.change(f"/v1/households/{token}/acceptance", ADMIN_B).is_success
        editions.in_force(town, back)
        assert town.get(f"/v1/divisions/{VILLAGE}", COLLECTOR).json()["abolished"] is False


# --- deadlines ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("wish", "ours", "theirs"), [
    (counties.recoded, f"{RENAMED}100201", "640323"), (counties.merged, f"{NEIGHBOUR}900201", NEIGHBOUR),
])  # fmt: skip
def test_the_days_off_of_a_county_stay_where_its_people_live(
    database: World, wish: Any, ours: str, theirs: str
) -> None:
    days = {"first": "2027-01-01", "last": "2027-12-31", "source": "县庆放假的决定"}
    days |= {"layer": COUNTY, "days": [{"date": "2027-01-12", "name": "县庆", "kind": "off"}]}  # type: ignore[dict-item]
    with Town(database) as town:
        assert town.post("/v1/calendars", SYSTEM_ADMIN, days).status_code == 201

        def date(place: str) -> str:
            return str(town.get(f"/v1/deadline?from=2027-01-11&days=1&division={place}", AUDITOR).json()["date"])

        asked = town.received()
        assert (date(COUNTY), date(theirs)) == ("2027-01-13", "2027-01-12")
        editions.in_force(town, wish())
        assert (date(ours), date(theirs)) == ("2027-01-13", "2027-01-12")
        assert town.get(f"/v1/requests/{asked}", HANDLER).json()["clock"]["days"] == 0
