"""The reading of a policy folder: the only place where policies touch a disk; `authz` makes values of the bytes."""

from __future__ import annotations

from pathlib import Path

from audit.lawbook import Lawbook
from authz import calendar, division, lineage, policy

EDITION = "2023-06-30"
"""The edition of the divisions that lie in the folder."""


def files(folder: Path) -> dict[str, bytes]:
    """The files of the policy set in a folder, by name."""
    return {name: (folder / name).read_bytes() for name in policy.FILES if (folder / name).is_file()}


def tables(folder: Path) -> dict[str, bytes]:
    """The tables of a folder of facts (divisions, calendars), by name."""
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.csv"))}


def load(folder: Path) -> policy.PolicySet:
    """The policy set of a folder, whole, or ValueError with file, line and reason."""
    return policy.parse(files(folder))


def load_divisions(folder: Path) -> division.Divisions:
    """The divisions that a new installation starts with."""
    return lineage.parse_bundle(EDITION, tables(folder / "divisions"))[0]


def load_lineage(folder: Path) -> lineage.Lineage:
    """What the codes were called before, and what took their place."""
    return lineage.parse_bundle(EDITION, tables(folder / "divisions"))[1]


def load_calendar(folder: Path) -> calendar.Calendar:
    """The working days of the nation and of the regions that declare their own."""
    return calendar.parse_bundle(tables(folder / "calendars"))


def open_lawbook(folder: Path) -> Lawbook:
    """The law of a folder, which founds a new log; ValueError with file, line and reason if anything in it is wrong."""
    parts = {"policy": files(folder), "edition": tables(folder / "divisions"), "calendar": tables(folder / "calendars")}
    return Lawbook(parts, EDITION)
