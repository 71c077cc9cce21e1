"""The derivation of a decision: how it follows from the entries that explain it, worked out from their bytes alone.

Both who makes an evidence file and who verifies it work it out, so that a trace is believed nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Plain = dict[str, Any]


class BadEvidence(ValueError):
    """The file proves nothing. The text says in Chinese what is wrong."""


def trace(number: int, entries: Mapping[int, Plain], policy: Plain | None, places: Sequence[str]) -> list[Plain]:
    """How the decision of an entry follows from the other entries; BadEvidence where it does not."""
    entry = entries[number]
    fact = entry["fact"]
    steps: list[Plain] = []

    def step(check: str, at: int, says: Any, holds: bool) -> None:
        if not holds:
            raise BadEvidence(f"记录 {at} 的 {check} 不支持记录 {number} 的结论")
        steps.append({"check": check, "entry": at, "says": str(says)})

    try:
        post = entry.get("post")
        if post is not None and post in entries:
            held = entries[post]["fact"]
            step("post", post, held["role"], held["kind"] == "PostAssigned" and held["person_id"] == entry["person"])
        above: list[int] = []
        for each in chain_of(number, fact):
            link = entries[each]["fact"] if each in entries else None
            if link is None:
                raise BadEvidence(f"授权链中的记录 {each} 没有包含在文件中")
            step("chain", each, link["holder_unit"], link["kind"] == "GrantIssued" and list(link["path"]) == above)
            above.append(each)
            if fact["kind"] == "EditPermitted":
                held = link | {"division": _seat(step, each, link["division"], number, entries)}
                _covers(step, each, held, entry, places)
        if fact["kind"] == "EditPermitted":
            root = entries[above[0]]["fact"]
            step("document", above[0], root["document"], root["document"] == fact["document"])
            _ruled(step, number, fact, policy)
        if fact["kind"] == "Refused":
            step("refused", number, fact["code"], True)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise error if isinstance(error, BadEvidence) else BadEvidence("记录的内容与其类别不符") from None
    return steps


def chain_of(number: int, fact: Plain) -> list[int]:
    """The grants an entry rests on, the regional one first."""
    if fact["kind"] == "GrantIssued":
        return [*fact["path"], number]
    return list(fact["chain"]) if fact["kind"] == "EditPermitted" else []


def _seat(step: Any, grant: int, issued: str, number: int, entries: Mapping[int, Plain]) -> str:
    """Where a link holds: as it was issued, or where it went on by the confirmations before the entry, each from the last."""
    division = issued
    for at, each in sorted(entries.items()):
        fact = each["fact"]
        if at < number and fact["kind"] == "GrantConfirmed" and fact["grant"] == grant:
            step("confirmed", at, f"{fact['left']} → {fact['division']}", fact["left"] == division)
            division = fact["division"]
    return str(division)


def _covers(step: Any, number: int, link: Plain, entry: Plain, places: Sequence[str]) -> None:
    """Every axis of one link; a later narrowing only takes away from what was issued."""
    fact = entry["fact"]
    step("division", number, link["division"], link["division"] in places and fact["division"] in places)
    step("cell", number, fact["cell"], fact["cell"] in link["cells"])
    step("operation", number, fact["operation"], fact["operation"] in link["operations"])
    step("data_year", number, link["data_year"] or "", link["data_year"] in (None, fact["data_year"]))
    step("households", number, "", link["households"] is None or fact["household"] in link["households"])
    span = f"{link['valid_from']}/{link['valid_until']}"
    step("period", number, span, link["valid_from"] <= entry["at"] < link["valid_until"])


def _ruled(step: Any, number: int, fact: Plain, policy: Plain | None) -> None:
    """The row of the rules that the decision cites."""
    if policy is None:
        return
    file, _, line = fact["rule"].partition(":")
    rows = policy["files"][file].split("\n")
    row = rows[int(line) - 1].rstrip("\r") if line.isdecimal() and 0 < int(line) <= len(rows) else ""
    parts = row.split(",")
    step("rule", number, row, len(parts) == 5 and (parts[0], parts[4]) == ("p", "allow"))  # noqa: PLR2004 a p row
