"""Attacks on versions and townships: of two changes of one version one stands, and nothing is handed on beyond."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from conftest import World
from worlds import (
    ADMIN,
    ADMIN_B,
    COUNTY,
    FAR_VILLAGE,
    TOWN_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

from authz.fact import instant

VILLAGE_UNIT = f"u-{VILLAGE}-village"
SINCE = instant(datetime(2026, 1, 1, tzinfo=UTC))


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_76_97_of_two_changes_of_one_version_one_stands(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted()
        grant = town.delegated(root)
        seen = town.get(f"/v1/grants/{grant}", ADMIN).headers["etag"]
        with ThreadPoolExecutor(2) as pool:
            asked = [
                pool.submit(town.post, f"/v1/grants/{grant}/revocation", who, {"reason": "调整"}, if_match=seen)
                for who in (ADMIN, ADMIN_B)
            ]
            assert sorted(each.result().status_code for each in asked) in ([200, 409], [200, 412])


def test_78_a_township_hands_nothing_beyond_its_township(database: World) -> None:
    with Town(database) as town:
        (root,) = town.granted(town.line(division=COUNTY))
        child = town.delegated(root, holder="u-640324100-township", role="township_admin", division="640324100")
        now = datetime.now(UTC)
        wish = {
            "holder": f"u-{FAR_VILLAGE}-village", "role": "village_collector", "division": FAR_VILLAGE,
            "cells": ["monitored.income"], "operations": ["update"], "from": now.isoformat(),
            "until": (now + timedelta(days=9)).isoformat(), "reason": "越界",
        }  # fmt: skip
        assert told(town.post(f"/v1/grants/{child}/delegations", TOWN_ADMIN, wish)) == (422, "unfit_holder")
        wish |= {"holder": VILLAGE_UNIT}
        answer = town.post(f"/v1/grants/{child}/delegations", TOWN_ADMIN, wish)
        assert (answer.status_code, [each["axis"] for each in answer.json()["misfits"]]) == (422, ["division"])
