"""Words on a terminal while something takes long: a bar that is redrawn where a person watches, a line elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TextIO

WIDTH = 30


def say(text: str, out: TextIO | None = None) -> None:
    """One line for the person who started this."""
    put(text + "\n", out or sys.stdout)


def put(text: str, out: TextIO | None) -> None:
    """Write, if somebody is there: a closed terminal, a cut pipe or no stream at all never stops the service."""
    if out is not None:
        with contextlib.suppress(OSError):
            out.write(text)
            out.flush()


class Bar:
    """`演示数据 [██████····] 12/22`, redrawn in place on a terminal; elsewhere one line when it is full."""

    def __init__(self, title: str, out: TextIO | None = None) -> None:
        self.title, self.out = title, out or sys.stderr
        self.began = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        full = done >= total
        if self.out is not None and self.out.isatty():
            filled = WIDTH * done // max(total, 1)
            bar = f"\r{self.title} [{'█' * filled}{'·' * (WIDTH - filled)}] {done}/{total}"
            put(bar + ("\n" if full else ""), self.out)
        elif full:
            put(f"{self.title}：{total}/{total}，用时 {time.monotonic() - self.began:.1f} 秒\n", self.out)
