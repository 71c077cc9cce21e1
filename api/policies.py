"""The reading of a policy folder: the only place where policies touch a disk; `authz` makes values of the bytes."""

from __future__ import annotations

from pathlib import Path

from authz import calendar, division, policy


def load(folder: Path) -> policy.PolicySet:
    """The policy set of a folder, whole, or ValueError with file, line and reason."""
    return policy.parse({name: (folder / name).read_bytes() for name in policy.FILES if (folder / name).is_file()})


def load_divisions(folder: Path, edition: str = "2023-06-30") -> division.Divisions:
    """The divisions that a new installation starts with."""
    file = folder / "divisions" / "ningxia.csv"
    return division.parse_divisions(edition, file.name, file.read_bytes())


def load_lineage(folder: Path) -> division.Lineage:
    """What the codes were called before, and what took their place."""
    history, changes = (folder / "divisions" / f"ningxia_{name}.csv" for name in ("history", "changes_2019_2023"))
    return division.parse_lineage(history.name, history.read_bytes(), changes.name, changes.read_bytes())


def load_calendar(folder: Path) -> calendar.Calendar:
    """The working days of the nation and of the regions that declare their own."""
    home = folder / "calendars"
    index = (home / "layers.csv").read_bytes()
    return calendar.parse(index, {name: (home / name).read_bytes() for name in calendar.files_of(index)})
