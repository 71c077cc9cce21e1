"""A whole county gets another code: what was done under the old one stays readable and provable."""

from __future__ import annotations

import editions
from conftest import World
from worlds import AUDITOR, COLLECTOR, COUNTY, Town

OTHER = "640399"


def recoded() -> dict[str, object]:
    """The edition in which the county and everything in it have other codes."""
    lines = [line for line in editions.TREE.splitlines(keepends=True) if line.startswith(COUNTY)]
    wish = editions.body({"": ""})
    for line in lines:
        code, name, _, parent, _ = line.split(",")
        outer = parent.replace(COUNTY, OTHER, 1)
        wish["tree"] = wish["tree"].replace(line, editions.line(code.replace(COUNTY, OTHER, 1), name, outer))
        wish["changes"] += f"successor,{code},{code.replace(COUNTY, OTHER, 1)}\n"
    return wish


def test_what_was_done_under_the_old_code_is_read_and_proved(database: World) -> None:
    with Town(database) as town:
        town.delegated(town.granted()[0])
        edit = town.post("/v1/edits", COLLECTOR, town.edit()).json()["entry"]
        request = town.received()
        editions.in_force(town, recoded())
        shown = town.get(f"/v1/requests/{request}", AUDITOR)
        assert (shown.status_code, shown.json().get("division")) == (200, COUNTY), shown.text
        proof = town.get(f"/v1/entries/{edit}/evidence", AUDITOR)
        assert proof.status_code == 200, proof.text
