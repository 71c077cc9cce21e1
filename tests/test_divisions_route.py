"""Divisions, units and deadlines over HTTP."""

from __future__ import annotations

import counties
import editions
import pytest
from conftest import World
from worlds import ADMIN, COLLECTOR, COUNTY, OTHER_VILLAGE, SYSTEM_ADMIN, VILLAGE, WANGTUAN, YUHAI, Town

CHILDREN = {"": 1, "parent=64": 5, "parent=6403": 5, "parent=640324": 11, f"parent={VILLAGE}": 0}


def test_the_tree_is_walked_by_direct_children(database: World) -> None:
    with Town(database) as town:
        for query, count in CHILDREN.items():
            answer = town.get(f"/v1/divisions?{query}", COLLECTOR).json()
            codes = [each["code"] for each in answer["items"]]
            assert (len(codes), codes) == (count, sorted(codes)), query
            assert all(each["parent"] == (query.partition("=")[2] or None) for each in answer["items"])
        for query in ("parent=64030", "parent=640399", "parent=６４", "at=2026-02-30", "parent=64&parent=6403", "x=1"):
            assert town.get(f"/v1/divisions?{query}", COLLECTOR).status_code == 422, query


PAST = [
    ("640303400", "2019-12-01", "红寺堡工业园区管委会", False),
    ("640303400", "2022-01-01", "工业园区管委会", False),
    ("640303400", "2026-01-01", "吴忠太阳山开发区", False),
    ("640323104", "2020-12-31", "盐州路街道花马池镇", False),
    ("640323104", "2026-01-01", "盐州路街道花马池镇", True),
    ("640104", "2020-12-31", "兴庆区", False),
]


def test_attack_60_a_code_is_named_as_in_its_edition(database: World) -> None:
    """G11, G12, G19: a re-used code has the name of its time, an abolished one still resolves, an unknown one does not."""
    with Town(database) as town:
        for code, at, name, abolished in PAST:
            told = town.get(f"/v1/divisions/{code}?at={at}", COLLECTOR).json()
            assert (told["name"], told["abolished"]) == (name, abolished), (code, at)
        for code in ("640399", "99", "640324000000", "64030", "６４", "%2e%2e"):
            assert town.get(f"/v1/divisions/{code}", COLLECTOR).status_code == 404, code
        now = {each["code"] for each in town.get("/v1/divisions?parent=640323", ADMIN).json()["items"]}
        then = {each["code"] for each in town.get("/v1/divisions?parent=640323&at=2020-12-31", ADMIN).json()["items"]}
        assert "640323104" in then - now


def test_a_past_day_has_the_tree_of_the_edition_in_force_then(database: World) -> None:
    """The width of a code says where it was first put, and nothing of where it lay on a day."""
    moved = {OTHER_VILLAGE: editions.line(OTHER_VILLAGE, editions.name(OTHER_VILLAGE), WANGTUAN)}
    city = {"6403": "6403,吴中市,city,64,640300000000\n"}
    with Town(database) as town:
        editions.in_force(town, editions.body(moved | city, "renamed,6403,6403"))
        editions.in_force(town, editions.body({}, "renamed,6403,6403", edition="2026-07-31"))
        for at, parent, name in (
            ("2026-06-29", YUHAI, "吴忠市"), ("2026-07-01", WANGTUAN, "吴中市"), ("2026-08-01", YUHAI, "吴忠市"),
        ):  # fmt: skip
            told = town.get(f"/v1/divisions/{OTHER_VILLAGE}?at={at}", COLLECTOR).json()
            assert (told["parent"], told["abolished"]) == (parent, False), at
            for place in (YUHAI, WANGTUAN):
                listed = town.get(f"/v1/divisions?parent={place}&at={at}", COLLECTOR).json()
                assert (OTHER_VILLAGE in [each["code"] for each in listed["items"]]) is (place == parent), (at, place)
                assert listed["edition"] == told["edition"]
            assert town.get(f"/v1/divisions/6403?at={at}", COLLECTOR).json()["name"] == name
            cities = town.get(f"/v1/divisions?parent=64&at={at}", COLLECTOR).json()["items"]
            assert name in [each["name"] for each in cities]


def test_a_place_of_the_past_has_children_only_then(database: World) -> None:
    with Town(database) as town:
        editions.in_force(town, counties.recoded())
        for at, old, new in (("2026-06-29", 11, 0), ("2026-07-01", 0, 11)):
            for place, count in ((COUNTY, old), (counties.RENAMED, new)):
                told = town.get(f"/v1/divisions?parent={place}&at={at}", COLLECTOR)
                assert (told.status_code, told.json()["total"]) == (200, count), (at, place)
        assert town.get("/v1/divisions?parent=640399&at=2026-06-29", COLLECTOR).status_code == 422


DEADLINES = [
    ("from=2026-11-23&days=20", "2026-12-21", False),
    ("from=2026-11-21&days=20", "2026-12-18", False),
    ("from=2026-02-14&days=20", "2026-03-20", False),
    ("from=2026-12-04&days=20", None, True),
    ("from=2021-05-06&days=20", "2021-06-02", False),
    ("from=2021-05-06&days=20&division=640324", "2021-06-04", False),
]


def test_deadlines_are_the_golden_ones(database: World) -> None:
    """Attack 109 and DOMAIN section 9: with the days of Ningxia where a place in Ningxia is named."""
    with Town(database) as town:
        for query, date, provisional in DEADLINES:
            told = town.get(f"/v1/deadline?{query}", COLLECTOR).json()
            assert (date is None or told["date"] == date, told["provisional"]) == (True, provisional), query
        for query in (
            "days=20",
            "from=2026-11-23",
            "from=2026-11-23&days=0",
            "from=2026-02-30&days=1",
            "from=2026-11-23&days=99999",
        ):
            assert town.get(f"/v1/deadline?{query}", COLLECTOR).status_code == 422, query


@pytest.mark.parametrize(("person", "kind", "division", "status"), [
    (SYSTEM_ADMIN, "township", "640324101", 201), (SYSTEM_ADMIN, "township", "640324100", 409),
    (SYSTEM_ADMIN, "township", "640324", 422), (SYSTEM_ADMIN, "castle", "640324", 422),
    (SYSTEM_ADMIN, "lead", "640399", 422), (ADMIN, "township", "640324101", 403),
])  # fmt: skip
def test_a_unit_is_established_once_where_it_belongs(
    database: World, person: str, kind: str, division: str, status: int
) -> None:
    with Town(database) as town:
        answer = town.post("/v1/units", person, {"division": division, "kind": kind, "name": "河西镇人民政府"})
        assert answer.status_code == status
        listed = [each["id"] for each in town.get(f"/v1/units?division={division}", COLLECTOR).json().get("items", [])]
        assert listed == sorted(listed)
        assert (f"u-{division}-{kind}" in listed) is (status in (201, 409))
        if status == 201:
            assert answer.json()["id"] == f"u-{division}-{kind}"
