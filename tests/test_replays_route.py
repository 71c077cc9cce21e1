"""Replays over HTTP: a draft over real past edits, in pieces of any size, for those whom the rules concern."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import worlds
from acts import law, rows
from conftest import World
from histories import History
from test_amendments import DENY, FILES, adopted, proposed, regroup, texts
from test_redecision import decisions, row
from worlds import ADMIN, APPROVER, AUDITOR, CLERK, COLLECTOR, COUNTY, SECURITY_ADMIN, Town

from audit import replay
from audit.lawbook import Lawbook
from authz import redecision
from authz.decision import Scene
from authz.refusal import WrongState

LINE = "p,grassroots,update,daily_cells,allow"
NOTHING = ({"permit_to_deny": 0, "deny_to_permit": 0, "unclear": 0}, [])


def without(*lines: str, more: str = "") -> dict[str, str]:
    """The files of the repository less some lines, and with others at the end; all rows keep their numbers."""
    text = FILES["roles.csv"].decode()
    for line in lines:
        assert f"\n{line}\n" in text
        text = text.replace(f"\n{line}\n", "\n#\n")
    return {name: data.decode() for name, data in FILES.items()} | {"roles.csv": text + more}


def draft(town: Town, files: dict[str, str], **more: Any) -> str:
    answer = proposed(town, files, **more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["policy"])


def wish(digest: str, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    begin, until = (now - timedelta(days=1)).isoformat(), (now + timedelta(days=1)).isoformat()
    return {"policy": digest, "from": begin, "until": until} | more


def asked(town: Town, digest: str, person: str = SECURITY_ADMIN, **more: Any) -> int:
    answer = town.post("/v1/replays", person, wish(digest, **more))
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "asked"
    return int(answer.json()["id"])


def finished(town: Town, number: int, person: str = AUDITOR) -> dict[str, Any]:
    """The replay, asked until it is done, with all its pages."""
    for _ in range(1000):
        told = town.get(f"/v1/replays/{number}?limit=3", person)
        assert told.status_code == 200, told.text
        if told.json()["state"] == "done":
            break
    found: dict[str, Any] = told.json()
    while "cursor" in told.json():
        told = town.get(f"/v1/replays/{number}?limit=3&cursor={told.json()['cursor']}", person)
        found["items"] += told.json()["items"]
    return found


def differences(found: dict[str, Any]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    return {name: count for name, count in found["counts"].items() if name != "same"}, found["items"]


@pytest.mark.parametrize("seed", range(2))
def test_a_dropped_row_changes_exactly_what_it_decided(
    database: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Town(database) as town:
        history = History(town, seed)
        history.run(60)
        recorded = decisions(town)
        # The control first: the rules in force change nothing, whether the cells are compared beforehand or not.
        assert differences(finished(town, asked(town, law().policy.digest))) == NOTHING
        with monkeypatch.context() as blind:
            blind.setattr(redecision, "touched", lambda then, draft: None)
            told = finished(town, asked(town, law().policy.digest))
            assert (told["counts"]["permit_to_deny"], told["counts"]["deny_to_permit"], told["items"]) == (0, 0, [])
        number = asked(town, draft(town, without(LINE)))
        monkeypatch.setattr(replay, "PAGE", 5)
        monkeypatch.setattr(replay.Replay.advance, "__defaults__", (7,))
        told = finished(town, number)
        named = {each.number for each in recorded if any(each.edit.named.values()) and each.edit.operation != "update"}
        decided = {each.number for each in recorded if each.code is None and each.fact.plain()["rule"] == row(LINE)}
        changed = {each["entry"] for each in told["items"]}
        assert decided
        assert decided <= changed <= decided | named
        assert all((each["change"], each["before"]) == ("permit_to_deny", row(LINE)) for each in told["items"])
        assert told["counts"]["permit_to_deny"] == len(told["items"])
        assert sum(sum(each[name] for name in redecision.CHANGES) for each in told["units"]) == sum(
            each.decisions for each in recorded
        )
        # Worked out again from nothing, in pieces of another size, it is the same; so it is if every cell is looked at.
        monkeypatch.undo()
        with monkeypatch.context() as blind:
            blind.setattr(redecision, "touched", lambda then, draft: None)
            every = finished(town, asked(town, told["policy"], until=told["until"], **{"from": told["from"]}))
            assert every["items"] == told["items"]
        again = finished(town, asked(town, told["policy"], until=told["until"], **{"from": told["from"]}))
        names = ("counts", "units", "items")
        assert [again[name] for name in names] == [told[name] for name in names]


def test_an_officer_learns_how_many_and_not_which(database: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes rules is no reader of what people did: he is told the counts, also by unit, and no entry."""
    with Town(database) as town:
        town.delegated(town.granted()[0])
        made = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
        number = asked(town, draft(town, without(LINE)))
        whole, counted = finished(town, number), finished(town, number, SECURITY_ADMIN)
        assert ([each["entry"] for each in whole["items"]], whole["listed"]) == ([made], True)
        assert (counted["items"], counted["listed"]) == ([], False)
        assert [counted[name] for name in ("counts", "units")] == [whole[name] for name in ("counts", "units")]
        assert counted["counts"]["permit_to_deny"] == 1
        assert "cursor" not in town.get(f"/v1/replays/{number}?limit=1", SECURITY_ADMIN).json()
        with monkeypatch.context() as careless:  # the control: a right to the log is what shows them
            may = Scene.may
            careless.setattr(Scene, "may", lambda self, act, place: act == "log.read" or may(self, act, place))
            assert finished(town, number, SECURITY_ADMIN)["items"] == whole["items"]


def test_a_row_more_permits_what_was_refused(database: World) -> None:
    with Town(database) as town:
        grant = town.granted(town.line(operations=["collect", "update", "verify", "delete"]))[0]
        town.delegated(grant, operations=["update", "delete"])
        refused = town.post("/v1/edits", COLLECTOR, town.edit(operation="delete", changes=[])).json()
        assert refused["code"] == "no_role"
        assert town.post("/v1/edits", COLLECTOR, town.edit(quarter=1)).status_code == 201
        files = without(more="p,grassroots,delete,monitored.income,allow\n")
        told = finished(town, asked(town, draft(town, files)))
        assert [(each["entry"], each["change"], each["before"]) for each in told["items"]] == [
            (refused["entry"], "deny_to_permit", "no_role")
        ]
        assert told["counts"] == {"same": 1, "permit_to_deny": 0, "deny_to_permit": 1, "unclear": 0}
        # Identical refusals of one batch share an entry, and each of them was an edit.
        assert town.post("/v1/edits/batch", COLLECTOR, [town.edit(operation="delete", changes=[])] * 7).is_success
        told = finished(town, asked(town, told["policy"]))
        assert [each["count"] for each in told["items"]] == [1, 7]
        assert told["counts"] == {"same": 1, "permit_to_deny": 0, "deny_to_permit": 8, "unclear": 0}


def test_a_narrowing_is_tried_out_before_it_is_adopted(database: World) -> None:
    with Town(database) as town:
        town.delegated(town.granted()[0])
        made = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
        kept = town.post("/v1/edits", COLLECTOR, town.edit(operation="collect", changes=[])).json()["entry"]
        digest = draft(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY)
        told = finished(town, asked(town, digest, ADMIN), ADMIN)
        assert [each["entry"] for each in told["items"]] == [made]
        assert (told["items"][0]["after"], told["counts"]["same"]) == ("no_role", 1)
        assert told["items"][0]["unit"] == f"u-{worlds.VILLAGE}-village"
        assert kept > made
        # Once it is adopted, the past stays what it was, and the same question has the same answer.
        assert adopted(town, digest, worlds.SIGNATORY).status_code == 200
        assert finished(town, asked(town, digest, ADMIN), ADMIN)["items"] == told["items"]
        assert finished(town, told["id"], AUDITOR)["items"] == told["items"]


def test_a_narrowing_that_names_a_group_is_read_anew_under_the_draft(
    database: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever leaves the group in the draft is no longer reached by what the county forbids to the group."""
    with Town(database) as town:
        town.delegated(town.granted()[0], role="grid_worker")
        narrowed = draft(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY)
        assert adopted(town, narrowed, worlds.SIGNATORY).status_code == 200
        refused = town.post("/v1/edits", worlds.GRID_WORKER, town.edit()).json()
        assert refused["code"] == "no_role"
        files = texts(roles_csv=regroup)
        told = finished(town, asked(town, draft(town, files)))
        assert [(each["entry"], each["change"]) for each in told["items"]] == [(refused["entry"], "deny_to_permit")]

        def nowhere(*asked: Any) -> Any:
            raise WrongState()

        monkeypatch.setattr(Lawbook, "supposed", nowhere)  # the control: the county as it was read before
        assert finished(town, asked(town, told["policy"]))["items"] == []


def test_each_edit_is_judged_by_the_law_of_its_own_time(database: World) -> None:
    with Town(database) as town:
        town.delegated(town.granted()[0])
        first = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
        old, new = law().policy.digest, draft(town, without(LINE))
        assert adopted(town, new).status_code == 200
        refused = town.post("/v1/edits", COLLECTOR, town.edit()).json()
        assert refused["code"] == "no_role"
        told = finished(town, asked(town, new))
        assert [(each["entry"], each["change"]) for each in told["items"]] == [(first, "permit_to_deny")]
        # The rules that were in force before are asked about without being proposed anew.
        told = finished(town, asked(town, old))
        assert [(each["entry"], each["change"]) for each in told["items"]] == [(refused["entry"], "deny_to_permit")]


def test_a_replay_is_seen_by_whom_it_concerns_and_of_a_range(database: World) -> None:
    with Town(database) as town:
        town.delegated(town.granted()[0])
        made = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
        middle = datetime.now(UTC).isoformat()
        later = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
        digest = draft(town, without(LINE))
        ranges = {"from": middle}, {"until": middle}, {}, {"division": "640521"}, {"division": worlds.OTHER_VILLAGE}
        told = [finished(town, asked(town, digest, **each)) for each in ranges]
        assert [[each["entry"] for each in found["items"]] for found in told] == [
            [later],
            [made],
            [made, later],
            [],
            [],
        ]
        assert town.get(f"/v1/replays/{told[0]['id']}", ADMIN).status_code == 404, "the whole region's"
        for person in (CLERK, COLLECTOR, worlds.SYSTEM_ADMIN, worlds.AUDIT_ADMIN):
            assert town.post("/v1/replays", person, wish(digest)).status_code == 403
            assert town.get(f"/v1/replays/{told[0]['id']}", person).status_code == 404
        for person in (APPROVER, AUDITOR):
            assert town.get(f"/v1/replays/{told[0]['id']}", person).status_code == 200
        mine = {"division": COUNTY}
        assert town.post("/v1/replays", ADMIN, wish(digest, **mine)).status_code == 404, "a regional draft"
        assert town.post("/v1/replays", ADMIN, wish(law().policy.digest, **mine)).status_code == 201
        assert town.post("/v1/replays", ADMIN, wish(digest, division="640521")).status_code == 403
        assert town.post("/v1/replays", SECURITY_ADMIN, wish("0" * 64)).status_code == 404
        assert town.get("/v1/replays/3", AUDITOR).status_code == 404
        size = town.size()
        for bad in (
            {"policies": digest},
            {"until": "2001-01-01T00:00:00+08:00"},
            {"division": "640999"},
            {"policy": None},
        ):
            assert town.post("/v1/replays", SECURITY_ADMIN, wish(digest) | bad).status_code == 422, bad
        assert town.size() == size
        assert rows(database, "SELECT count(*) FROM replay")[0][0] == len(told)
