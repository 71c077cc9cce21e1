"""A remark on a policy set: what is wrong or worth a second look, in which file and line, and what demands it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """What is wrong, where to look, in Chinese and in English; `clause` is what demands it (`local`: the product).

    `mark` is how the line begins that it is about; empty where something is missing, so that nobody looks at a wrong one.
    """

    file: str
    zh: str
    en: str
    clause: str
    mark: str = ""

    def line(self, data: bytes) -> int:
        """The number of that line in the file, or 0."""
        written = enumerate(data.decode().split("\n"), start=1)
        return next((number for number, text in written if self.mark and text.startswith(self.mark)), 0)
