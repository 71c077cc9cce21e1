"""The bundles that a folder of policies may hold, for `mandate policies restore` (`audit/bridge.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from api import policies
from authz import bundle, narrowing


def streams(folder: Path) -> Iterator[bytes]:
    """Every bundle that a folder may hold: a whole policy folder, one of its parts, or the narrowing of a county."""
    found = [policies.files(folder)]
    found += [policies.tables(each) for each in (folder, folder / "divisions", folder / "calendars") if each.is_dir()]
    if (folder / narrowing.FILE).is_file():
        found.append({narrowing.FILE: (folder / narrowing.FILE).read_bytes()})
    yield from (bundle.pack(files) for files in found if files)
