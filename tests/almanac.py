"""The published tables of the five real editions, read and judged by nothing of ours: what a change of places must mean.

A code lies in its own beginnings of exact width (true of these editions, and checked by the tables themselves). A name
is the same name if what is left without the places written before it and the word for its body is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from acts import FOLDER

FILES = {file.name: file.read_bytes() for file in sorted((FOLDER / "divisions").glob("*.csv"))}
Answer = Literal["permit", "waits", "outside"]
COUNTY, TOWN, VILLAGE = 6, 9, 12
LEVELS = {2: "region", 4: "city", 6: "county", 9: "township", 12: "village"}


def _read(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(FILES[name].decode("utf-8"))))


HISTORY = {row["code"]: row for row in _read("ningxia_history.csv")}
CHANGES = _read("ningxia_changes_2019_2023.csv")
NOW = {row["code"]: row for row in _read("ningxia.csv")}
EDITIONS = tuple(name for name in next(iter(HISTORY.values())) if name not in ("code", "level"))
STEPS = tuple(pairwise(EDITIONS))


def name(code: str, edition: str) -> str:
    """What a code was called in an edition; empty if it was not there. Region and cities never changed."""
    return HISTORY[code][edition] if code in HISTORY else NOW[code]["name"] if len(code) < COUNTY else ""


def standing(edition: str) -> list[str]:
    short = [code for code in NOW if len(code) < COUNTY]
    return sorted([*short, *(code for code in HISTORY if name(code, edition))])


def outer(code: str) -> tuple[str, ...]:
    """The code and all it lies in, the county first."""
    return tuple(code[:width] for width in (COUNTY, TOWN, VILLAGE) if width <= len(code))


def lies(inner: str, place: str) -> bool:
    return place in ("64", inner[:4]) or place in outer(inner)


def rows(until: str, *kinds: str) -> list[dict[str, str]]:
    return [row for row in CHANGES if row["as_of_to"] == until and (not kinds or row["change"] in kinds)]


def tree(edition: str) -> bytes:
    """The edition as it is handed in."""
    found = ["code,name,level,parent_code,code12"]
    for code in standing(edition):
        parent = next((code[:width] for width in (9, 6, 4, 2) if width < len(code)), "")
        found.append(f"{code},{name(code, edition)},{LEVELS[len(code)]},{parent},{code.ljust(12, '0')}")
    return "\n".join([*found, ""]).encode()


def declared(until: str) -> str:
    """What a filer has to say of a step: where people went, and what ends without an heir."""
    said = [f"successor,{row['old_code']},{row['new_code']}" for row in rows(until, "recoded_same_name")]
    said += [f"abolished,{row['old_code']}," for row in rows(until, "removed")]
    return "\n".join(["change,old_code,new_code", *said, ""])


def bundle(edition: str) -> dict[str, bytes]:
    """The three tables as they stood at an edition, the first one or a later one."""
    past = [each for each in EDITIONS if each <= edition]
    history = [",".join(["code", "level", *past])]
    for code, row in HISTORY.items():
        if any(row[each] for each in past):
            history.append(",".join([code, row["level"], *(row[each] for each in past)]))
    lines = FILES["ningxia_changes_2019_2023.csv"].decode().splitlines()
    changed = [lines[0], *(each for each in lines[1:] if each.split(",")[1] <= edition)]
    return {
        "ningxia.csv": tree(edition), "ningxia_history.csv": "\n".join([*history, ""]).encode(),
        "ningxia_changes_2019_2023.csv": "\n".join([*changed, ""]).encode(),
    }  # fmt: skip


# --- names ----------------------------------------------------------------------------------------------------------
_BODIES = (
    "社区居民委员会", "社区居委会", "居民委员会", "居委会", "社区", "村村民委员会", "村民委员会", "村村委会", "村委会", "村委员会",
    "村", "街道办事处", "街道",
)  # fmt: skip
_BEFORE = re.compile("^.*(?:街道|镇|乡)(?=..)|^.*区(?=..+(?:街道|镇|乡)$)")


def core(text: str) -> str:
    kept = _BEFORE.sub("", text)
    body = next((each for each in _BODIES if kept.endswith(each) and len(kept) > len(each)), "")
    return kept[: len(kept) - len(body)] if body else kept


def alike(one: str, other: str) -> bool:
    """Whether two names are the same but for the way they are written."""
    ours, theirs = core(one), core(other)
    return ours == theirs or ours in (theirs + "村", theirs[:-1] if theirs.endswith("村") else "")


# --- what a step means ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Step:
    """One step between two editions. `other` are renamed codes that count as another place although they are written alike."""

    before: str
    until: str
    other: frozenset[str] = frozenset()

    @cached_property
    def new(self) -> frozenset[str]:
        """The codes that are not who they were."""
        return frozenset(code for code in standing(self.until) if self.is_new(code))

    def is_new(self, code: str) -> bool:
        """Whether the code is not who it was: it came up, or its name became another one."""
        old, new = name(code, self.before), name(code, self.until)
        return bool(new) and (not old or code in self.other or (old != new and not alike(old, new)))

    def went(self, code: str) -> frozenset[str]:
        """Where the people of a code, and of all codes in it, live now under another code."""
        return frozenset(
            row["new_code"] for row in rows(self.until, "recoded_same_name") if lies(row["old_code"], code)
        )

    def answer(self, holds: Iterable[str], asked: str) -> Answer:
        """What a chain of grants at these places, given before the step, says about a place after it."""
        found = [self._one(place, asked) for place in holds]
        return "outside" if "outside" in found else "waits" if "waits" in found else "permit"

    def _one(self, place: str, asked: str) -> Answer:
        stands, there = bool(name(place, self.until)), bool(name(asked, self.until))
        if not there:
            gains = not stands or any(lies(each, place) for each in self.new)
            return "waits" if lies(asked, place) and gains else "outside"
        if not stands:
            return "waits" if asked in self.went(place) else "outside"
        if not lies(asked, place):
            return "outside"
        way = [each for each in outer(asked) if len(each) >= len(place)]
        return "waits" if any(self.is_new(each) for each in way) else "permit"
