"""The caller's own scopes over HTTP: what `GET /v1/me` says may be done is what an edit is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import worlds
from conftest import World
from worlds import ADMIN, COLLECTOR, VILLAGE, Town


def test_me_tells_scopes_that_hold(database: World) -> None:
    soon = (datetime.now(UTC) + timedelta(days=13)).isoformat()
    with Town(database) as town:
        assert town.get("/v1/me", COLLECTOR).json()["scopes"] == []
        town.delegated(town.granted()[0])
        base = town.granted(town.line(cells=["monitored.base"]))[0]
        below = town.delegated(base, cells=["monitored.base"], operations=["update"], until=soon)
        scopes = town.get("/v1/me", COLLECTOR).json()["scopes"]
        assert [(each["cells"], each["expires_soon"]) for each in scopes] == [
            (["lifted_out.income", "monitored.income"], False), (["monitored.base"], True),
        ]  # fmt: skip
        for each in scopes:
            assert (each["division"], each["division_name"], each["households"]) == (VILLAGE, "城北村委会", None)
            for cell in each["cells"]:
                home = "h-monitored" if cell.startswith("monitored") else "h-lifted"
                for operation in each["operations"]:
                    edit = town.edit(cell=cell, operation=operation, household=home, changes=[])
                    answer = town.post("/v1/edits", COLLECTOR, edit)
                    assert answer.status_code == 201 or answer.json()["code"] == "duty_conflict"
        stop = town.change(f"/v1/grants/{below}/suspension", ADMIN, {"reason": "核查"})
        assert stop.is_success
        assert [each["cells"] for each in town.get("/v1/me", COLLECTOR).json()["scopes"]] == [worlds.INCOME[::-1]]
