"""Words on a terminal while something takes long: a bar that is redrawn where a person watches, a line elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 30


def say(text: str, out: TextIO | None = None) -> None:
    """One line for the person who started this."""
    out = out or sys.stdout
    out.write(text + "\n")
    out.flush()


class Bar:
    """`演示数据 [██████····] 12/22`, redrawn in place on a terminal; elsewhere one line when it is full."""

    def __init__(self, title: str, out: TextIO | None = None) -> None:
        self.title, self.out = title, out or sys.stderr
        self.began = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        full = done >= total
        if self.out.isatty():
            filled = WIDTH * done // max(total, 1)
            self.out.write(
                f"\r{self.title} [{'█' * filled}{'·' * (WIDTH - filled)}] {done}/{total}" + ("\n" if full else "")
            )
        elif full:
            self.out.write(f"{self.title}：{total}/{total}，用时 {time.monotonic() - self.began:.1f} 秒\n")
        self.out.flush()
