"""Reading the log over HTTP: filters, pages that never shift, files, what is recorded, and who sees what."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import worlds
from conftest import World

from api import sheets
from audit import search

YEAR_EDIT = {"changes": [{"field": "wage_income", "before": 1200000, "after": 1350000}]}


@pytest.fixture
def town(database: World) -> Iterator[worlds.Town]:
    with worlds.Town(database) as made:
        yield made


@pytest.fixture
def busy(town: worlds.Town) -> worlds.Town:
    """A town with a grant, two permitted edits and a refused one."""
    grant = town.granted(town.line(division=worlds.COUNTY))[0]
    town.delegated(grant)
    assert town.post("/v1/edits", worlds.COLLECTOR, town.edit()).status_code == 201
    assert town.post("/v1/edits", worlds.COLLECTOR, town.edit(household="h-new")).status_code == 201
    assert (
        town.post(
            "/v1/edits", worlds.FAR_COLLECTOR, town.edit(household="h-far", division=worlds.FAR_VILLAGE)
        ).status_code
        == 403
    )
    return town


def listed(town: worlds.Town, query: str = "", person: str = worlds.AUDITOR) -> list[dict[str, Any]]:
    answer = town.get(f"/v1/entries?limit=1000&{query}", person)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def test_every_filter_is_the_same_as_choosing_from_the_whole(busy: worlds.Town) -> None:
    whole = listed(busy)
    inside = busy.deployment.law.divisions.below(worlds.YUHAI)
    cases = {
        f"person={worlds.COLLECTOR}": lambda e: (e["person"] or {}).get("id") == worlds.COLLECTOR,
        f"unit={worlds.LEAD}": lambda e: (e["unit"] or {}).get("id") == worlds.LEAD,
        f"division={worlds.YUHAI}": lambda e: e["division"] is not None and e["division"]["code"] in inside,
        "cell=monitored.income": lambda e: e["fact"].get("cell") == "monitored.income",
        "operation=update": lambda e: e["fact"].get("operation") == "update",
        "kind=EditPermitted": lambda e: e["kind"] == "EditPermitted",
        "decision=deny": lambda e: e["decision"] == "deny",
        "household=h-new": lambda e: e["fact"].get("household") == "h-new" and e["kind"] != "LogRead",
        f"from={quote(whole[5]['at'])}": lambda e: e["at"] >= whole[5]["at"],
        f"until={quote(whole[5]['at'])}": lambda e: e["at"] < whole[5]["at"],
        f"q={quote('同乡振发')}": lambda e: "同乡振发" in json.dumps(e["fact"], ensure_ascii=False),
        "q=" + quote("100%"): lambda e: False,
        "q=h_new": lambda e: False,
    }  # fmt: skip
    for query, chosen in cases.items():
        found = [each["number"] for each in listed(busy, query) if each["number"] <= whole[0]["number"]]
        assert found == [each["number"] for each in whole if chosen(each)], query
    grant = next(e["fact"]["grant"] for e in whole if e["kind"] == "EditPermitted")
    assert len([e for e in listed(busy, f"grant={grant}") if e["kind"] == "EditPermitted"]) == 2
    assert len(whole) == whole[0]["number"] + 1


def test_pages_do_not_shift_while_entries_are_written(busy: worlds.Town) -> None:
    first = busy.get("/v1/entries?limit=7", worlds.AUDITOR)
    bound = first.json()["size"]
    seen, path = [e["number"] for e in first.json()["items"]], first.headers["link"]
    while path:
        busy.post("/v1/edits", worlds.COLLECTOR, busy.edit(household="h-far"))
        answer = busy.get(path.split("<")[1].split(">")[0], worlds.AUDITOR)
        seen += [e["number"] for e in answer.json()["items"]]
        path = answer.headers.get("link")
    assert seen == list(range(bound - 1, -1, -1))


def test_a_cursor_of_other_filters_or_of_nobody_is_refused(busy: worlds.Town) -> None:
    cursor = busy.get("/v1/entries?limit=2", worlds.AUDITOR).json()["cursor"]
    number, bound, mark = cursor.split(".")
    for query in (
        f"limit=2&kind=LogRead&cursor={cursor}", "cursor=x", f"cursor={bound}.{number}.{mark}", f"cursor={number}.99999.{mark}",
        f"cursor={number}.{bound}", f"cursor={number}.{bound}.0000000000000000",
    ):  # fmt: skip
        assert busy.get(f"/v1/entries?{query}", worlds.AUDITOR).status_code == 422, query


def test_a_reading_is_recorded_before_it_is_answered_and_does_not_show_itself(busy: worlds.Town) -> None:
    size = busy.size()
    answer = busy.get(f"/v1/entries?q={quote('同乡振发')}&household=h-new", worlds.AUDITOR)
    assert busy.size() == size + 1
    assert answer.json()["size"] == size
    entry = busy.get(f"/v1/entries/{size}", worlds.AUDITOR).json()
    assert (entry["kind"], entry["person"]["id"], entry["fact"]["household"]) == ("LogRead", worlds.AUDITOR, "h-new")
    assert "同乡振发" not in json.dumps(entry["fact"], ensure_ascii=False)
    assert entry["values"] == {"/q": "同乡振发"}
    assert busy.size() == size + 2


@pytest.mark.parametrize("form", ["csv", "ndjson", "xlsx"])
def test_a_file_is_one_entry_and_holds_what_the_pages_hold(busy: worlds.Town, form: str) -> None:
    whole = [each["number"] for each in listed(busy, "kind=EditPermitted")]
    size = busy.size()
    answer = busy.get(f"/v1/entries/export?format={form}&kind=EditPermitted", worlds.AUDITOR)
    assert busy.size() == size + 1
    assert f"entries-{size}.{form}" in answer.headers["content-disposition"]
    if form == "ndjson":
        found = [json.loads(line)["number"] for line in answer.text.splitlines()]
    elif form == "csv":
        assert answer.content.startswith("\ufeff".encode())
        found = [
            int(row["number"]) for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
        ]
    else:
        with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
            assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
            assert b"EditPermitted" in book.read("xl/worksheets/sheet1.xml")
        return
    assert found == whole


FORMULAS = ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "＝1", "＋1", "－1", "＠a", "a;=1", 'a"=1', " =1", "a;+1"]


def test_no_cell_of_a_sheet_is_a_formula() -> None:
    header = [f"c{n}" for n in range(len(FORMULAS))]
    told = b"".join(sheets.as_csv(header, [FORMULAS, ["甲,乙"] * len(FORMULAS)])).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(told, newline="")))
    assert rows[1] == [f"'{each}" for each in FORMULAS]
    assert rows[2] == ["甲,乙"] * len(FORMULAS)
    with zipfile.ZipFile(io.BytesIO(b"".join(sheets.as_xlsx(header, [FORMULAS])))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "<v>" not in sheet.replace('t="s"><v>', "")


def test_one_sees_the_log_of_ones_own_division_only(busy: worlds.Town) -> None:
    whole, mine = listed(busy), listed(busy, person=worlds.ADMIN)
    inside = busy.deployment.law.divisions.below(worlds.COUNTY)
    assert [e["number"] for e in mine if e["kind"] != "LogRead"] == [
        e["number"] for e in whole
        if (e["division"] is not None and e["division"]["code"] in inside and e["kind"] not in search.INNER)
        or (e["division"] is None and (e["person"] or {}).get("id") == worlds.ADMIN)
    ]  # fmt: skip
    hidden = next(e["number"] for e in whole if e["division"] is None and e["person"] is None)
    size = busy.size()
    for number in (hidden, 10**9, "01", "x", "-1"):
        assert busy.get(f"/v1/entries/{number}", worlds.ADMIN).status_code == 404
    assert busy.size() == size


def test_who_may_not_read_the_log_is_refused_on_record(busy: worlds.Town) -> None:
    for person, path, code in (
        (worlds.COLLECTOR, "/v1/entries", "no_role"),
        (worlds.COLLECTOR, "/v1/entries/export?format=csv", "no_role"),
        (worlds.ADMIN, "/v1/entries?division=640105", "outside_division"),
        (worlds.ADMIN, "/v1/entries?division=64", "outside_division"),
    ):
        size = busy.size()
        answer = busy.get(path, person)
        assert (answer.status_code, answer.json()["code"], answer.json()["entry"]) == (403, code, size), path
    assert busy.get("/v1/entries", None).status_code == 401


@pytest.mark.parametrize(
    "query", ["division=649999", "division=64030", "cell=x", "person=1", "limit=0", "limit=1001", "q=", "from=2026-01-01",
              "decision=maybe", "nothing=1", "kind=1", "person=p-1&person=p-1", "format=pdf", "grant=-1"]
)  # fmt: skip
def test_a_misshapen_query_is_refused_and_not_recorded(town: worlds.Town, query: str) -> None:
    size = town.size()
    path = "/v1/entries/export" if query.startswith("format") else "/v1/entries"
    assert town.get(f"{path}?{query}", worlds.AUDITOR).status_code == 422
    assert town.size() == size


def test_values_are_shown_to_those_who_may_and_are_gone_when_erased(busy: worlds.Town) -> None:
    edit = listed(busy, "kind=EditPermitted&household=h-monitored")[0]
    assert edit["values"] == {"/changes/0/before": 1200000, "/changes/0/after": 1350000}
    assert listed(busy, "kind=EditPermitted", worlds.OBSERVER)[0]["values"] == {}
    with busy.deployment.database.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM vault WHERE entry = {edit['number']}")
    assert listed(busy, "kind=EditPermitted&household=h-monitored")[0]["values"] == {}


def test_the_four_responsible_are_told_with_their_authority(busy: worlds.Town) -> None:
    year = busy.edit()["data_year"]
    path = f"/v1/responsibility?household=h-monitored&cell=monitored.income&data_year={year}&quarter=4"
    size = busy.size()
    told = busy.get(path, worlds.ADMIN).json()
    assert busy.size() == size + 1
    who = told["collected_by"]
    assert (who["person"]["id"], who["unit"]["id"]) == (worlds.COLLECTOR, f"u-{worlds.VILLAGE}-village")
    assert who["role"] == "village_collector"
    assert who["document"].startswith("同乡振发") or who["document"].startswith("宁乡振发")
    assert len(who["chain"]) == 2
    assert told["verified_by"] is None
    before = quote("2026-01-01T00:00:00+08:00")
    for query in (
        f"{path}&at={before}",
        path.replace("h-monitored", "h-none"),
        path.replace("monitored.income", "lifted_out.income"),
    ):
        assert busy.get(query, worlds.ADMIN).status_code == 404
    assert busy.get("/v1/responsibility?household=h-monitored", worlds.ADMIN).status_code == 422
    assert busy.get(path, worlds.FAR_COLLECTOR).status_code in (403, 404)
