"""Officers over HTTP: proposed by one, approved by another kind; the last stays; none of the three writes business."""

from __future__ import annotations

from typing import Any

import routes
import worlds
from conftest import World
from routes import Round, Things
from worlds import (
    ADMIN,
    APPROVER,
    AUDIT_ADMIN,
    AUDITOR,
    REGION_LEAD,
    SECURITY_ADMIN,
    SYSTEM_ADMIN,
    Town,
)  # fmt: skip

NUMBER = "11010519491231002X"
REASON = {"reason": "轮岗"}
OFFICERS = (SYSTEM_ADMIN, SECURITY_ADMIN, AUDIT_ADMIN)


def candidate(town: Town, **more: Any) -> str:
    answer = town.post("/v1/people", SYSTEM_ADMIN, {"name": "马秀兰", "identity_number": NUMBER} | more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def proposed(town: Town, person: str, by: str = SYSTEM_ADMIN, role: str = "system_admin") -> Any:
    return town.post("/v1/officers", by, {"person": person, "unit": REGION_LEAD, "role": role, **REASON})


def test_attack_92_the_first_system_admin_has_a_successor_and_goes(database: World) -> None:
    with Town(database) as town:
        mine = f"/v1/posts/{town.get('/v1/me', SYSTEM_ADMIN).json()['posts'][0]['post']}"
        last = town.change(f"{mine}/end", SYSTEM_ADMIN, REASON)
        assert (last.status_code, last.json()["code"]) == (409, "wrong_state")
        person = candidate(town)
        path = f"/v1/officers/{proposed(town, person).json()['id']}"
        for by, status in ((SYSTEM_ADMIN, 403), (APPROVER, 403), (ADMIN, 404), (AUDITOR, 403), (SECURITY_ADMIN, 200)):
            answer = town.post(f"{path}/approval", by, None, if_match=town.get(path, AUDITOR).headers["etag"])
            assert answer.status_code == status, (by, answer.text)
        assert town.get(path, AUDITOR).json()["answered_by"] == SECURITY_ADMIN
        assert town.get("/v1/me", person).json()["posts"][0]["post"] == answer.json()["post"]
        assert town.change(f"{mine}/end", SYSTEM_ADMIN, REASON).status_code == 200
        assert town.post("/v1/people", SYSTEM_ADMIN, {"name": "某"}).json()["code"] == "not_employed"
        assert town.post("/v1/people", person, {"name": "某"}).status_code == 201


def test_officers_of_the_other_kinds_also_leave_only_when_replaced(database: World) -> None:
    with Town(database) as town:
        for person in (SECURITY_ADMIN, AUDIT_ADMIN):
            path = f"/v1/posts/{town.get('/v1/me', person).json()['posts'][0]['post']}"
            seen = town.get(path, SYSTEM_ADMIN).headers["etag"]
            assert town.post(f"{path}/end", person, REASON, if_match=seen).status_code == 409
            assert town.post(f"{path}/end", SYSTEM_ADMIN, REASON, if_match=seen).status_code == 403


def test_nobody_holds_two_kinds_under_any_account(database: World) -> None:
    with Town(database) as town:
        first, second = candidate(town), candidate(town)
        path = f"/v1/officers/{proposed(town, first).json()['id']}"
        assert town.change(f"{path}/approval", SECURITY_ADMIN, None).status_code == 200
        for by, person, role, code in (
            (SYSTEM_ADMIN, second, "audit_admin", "duty_conflict"), (SYSTEM_ADMIN, second, "system_admin", "already_registered"),
            (SYSTEM_ADMIN, worlds.CLERK, "audit_admin", "duty_conflict"), (AUDITOR, second, "system_admin", "no_role"),
            (SYSTEM_ADMIN, candidate(town, identity_number=None), "system_admin", "unfit_holder"),
            (SYSTEM_ADMIN, "p-404", "system_admin", "unfit_holder"),
        ):  # fmt: skip
            assert proposed(town, person, by, role).json()["code"] == code, (person, role)
        business = {"person": second, "unit": worlds.LEAD, "role": "county_clerk"}
        assert town.post("/v1/posts", ADMIN, business).json()["code"] in ("duty_conflict", "unfit_holder")
        assert town.post("/v1/posts", SYSTEM_ADMIN, business).json()["code"] == "duty_conflict"
        dropped = proposed(town, candidate(town, identity_number="640324190402290028"), role="audit_admin").json()["id"]
        assert town.change(f"/v1/officers/{dropped}/rejection", AUDIT_ADMIN, REASON).status_code == 200
        assert town.change(f"/v1/officers/{dropped}/approval", AUDIT_ADMIN, None).json()["code"] == "wrong_state"


ALLOWED = ("/v1/people", "/v1/posts", "/v1/units", "/v1/transfers", "/v1/deputies", "/v1/staffing/pairs", "/v1/officers",
           "/v1/policies", "/v1/erasures", "/v1/divisions/editions", "/v1/calendars", "/v1/bootstrap", "/v1/cosignatures")  # fmt: skip


def test_attack_93_each_officer_against_every_write(database: World) -> None:
    """With the example body of every write: what is no running of the service is refused to all three."""
    with Town(database) as town:
        walk = Round(town, Things.on(town))
        tried = 0
        for route in routes.routes(town.app):
            if route.writes and not route.path.startswith((*ALLOWED, "/access/")):
                for officer in OFFICERS:
                    tried += 1
                    told = walk.ask(route, town.token(officer))
                    results = told.json().get("results", [told.json()])
                    refused = told.status_code in (403, 404) or all(
                        each.get("status") in (403, 404) for each in results
                    )
                    assert refused, (str(route), officer, told.status_code, told.text[:200])
        assert tried > 60
        assert walk.complaints == []
