"""Wording: one pass over the sections of a TOML file of words; the first bad word refuses the file, with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from authz import table

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}(?:[.][a-z][a-z0-9_]{0,39})?")
"""Names are short and plain: they stand in entries, two hundred of them in one."""


class Reading:
    """A parsed file; keeps the text, and which section is being read, to say in which line a bad word stands."""

    def __init__(self, file: str, text: str, sections: Mapping[str, Any]) -> None:
        self.file, self.text, self.sections, self.under = file, text, sections, ""

    def need(self, good: bool, word: object, zh: str, en: str) -> None:
        if not good:
            table.bad(self.file, self.line(str(word)), f"{zh}：{word}", f"{en}: {word}")

    def line(self, word: str) -> int:
        """Where a word stands in the section that is being read: as a key, else in quotes, else anywhere; or its heading.

        The same word is a role here, a field there and an operation elsewhere, so the whole file is the last resort.
        """
        lines = list(enumerate(self.text.split("\n"), start=1))
        head = next(
            (n for n, text in lines if self.under and text.startswith((f"[{self.under}]", f"[{self.under}."))), 0
        )
        ends = (
            n for n, text in lines if n > head > 0 and text.startswith("[") and not text.startswith(f"[{self.under}")
        )
        mine = lines[max(head - 1, 0) : next(ends, len(lines) + 1) - 1]
        for within in (mine, lines):
            for found in (
                lambda text: text.partition("=")[0].strip().strip('"') == word,
                lambda text: f'"{word}"' in text,
                lambda text: word in text,
            ):
                stands = next((n for n, text in within if found(text) and not text.startswith("#")), 0)
                if stands:
                    return stands
        return head

    def dictionary(self, section: str, key: Callable[[str], object] = NAME.fullmatch) -> Mapping[str, Any]:
        words, self.under = self.sections[section], section
        self.need(isinstance(words, dict) and bool(words), section, "章节为空", "empty section")
        for word in words:
            self.need(bool(key(word)), word, "名称不规范", "bad name")
        return MappingProxyType(dict(words))

    def titles(self, section: str) -> Mapping[str, str]:
        words = self.dictionary(section, WORD.fullmatch)
        for word, zh in words.items():
            self.title(word, zh)
        return words

    def title(self, word: str, zh: object) -> str:
        self.need(isinstance(zh, str) and bool(zh.strip()), word, "缺少中文名称", "no Chinese name")
        return str(zh)

    def subset(self, word: str, found: object, of: Any) -> frozenset[str]:
        self.need(isinstance(found, list) and bool(found), word, "清单为空", "empty list")
        assert isinstance(found, list)
        for each in found:
            self.need(isinstance(each, str) and each in of, each, "清单中有未知名称", "unknown name in list")
        self.need(len(set(found)) == len(found), word, "清单有重复", "repeated name in list")
        return frozenset(found)

    def shape(self, word: str, row: object, must: set[str], may: frozenset[str] = frozenset()) -> Mapping[str, Any]:
        self.need(isinstance(row, dict), word, "格式不正确", "wrong form")
        assert isinstance(row, dict)
        self.need(must <= set(row) <= must | may, word, "栏目缺少或多余", "missing or unknown key")
        if "zh" in must:
            self.title(word, row["zh"])
        return row
