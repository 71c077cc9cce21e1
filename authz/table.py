"""A strict reading of the small tables in `policies/`: every line is used, or the whole file is refused.

RFC 4180 with a narrow profile: UTF-8 without mark, LF, one header (or none), the same number of fields in every line,
no field that goes over a line end. A lenient reader drops what it does not know, and a dropped deny row is an allow.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NoReturn

BASIS: Final = re.compile(r"S[0-5][0-9]|M[0-9]{1,2}|local|GB/T [0-9]+-[0-9]{4}|(?:PIPL|Cybersecurity Law) [0-9]+")
"""How a table says what demands a row: a clause of the notice, a case, a law, or the product itself."""

_STRANGE: Final = (
    ("\ufeff", "有字节顺序标记（BOM），请另存为不带 BOM 的 UTF-8 编码", "byte order mark"),
    ("\0", "有空字符，请检查文件是否损坏", "NUL"),
    ("\r", "有回车符（Windows 换行），请把全文换行改为 LF（Unix 换行）", "carriage return"),
)
_PLACE: Final = re.compile(r"\(at line ([0-9]+), column ([0-9]+)\)$")


class BadTable(ValueError):
    """The reason why a file of the policy folder was refused, with its name and line, in Chinese and in English.

    Where something is missing altogether there is no line to look at: `line` is 0, and nobody is sent to a wrong one.
    """

    def __init__(self, file: str, line: int, zh: str, en: str) -> None:
        super().__init__(f"{file}:{line}: {zh} ({en})" if line else f"{file}: {zh} ({en})")
        self.file, self.line, self.zh, self.en = file, line, zh, en

    @property
    def told(self) -> str:
        """The same for whoever wrote the file."""
        return f"{self.file} 第 {self.line} 行：{self.zh}" if self.line else f"{self.file}：{self.zh}"


class Line(NamedTuple):
    """One line of a table: where it stands and what it holds."""

    number: int
    fields: tuple[str, ...]


def text(file: str, data: bytes) -> str:
    """The characters of a file, strictly."""
    try:
        read = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        bad(file, line, "不是 UTF-8 编码（可能是 GBK 或 UTF-16），请另存为 UTF-8 编码", "not valid UTF-8")
    for mark, zh, en in _STRANGE:
        if mark in read:
            bad(file, read.count("\n", 0, read.index(mark)) + 1, zh, en)
    return read


def lines(file: str, data: bytes, *, comments: bool = False) -> tuple[Line, ...]:
    """All lines of a CSV without header; with `comments`, blank lines and lines that begin with # are for readers."""
    found: list[Line] = []
    for number, written in enumerate(text(file, data).split("\n"), start=1):
        if comments and (not written.strip() or written.startswith("#")):
            continue
        if not written:
            continue
        try:
            parsed = list(csv.reader(io.StringIO(written), strict=True))
        except csv.Error:
            bad(file, number, "引号不成对，无法分列", "unbalanced quotes")
        found.append(Line(number, tuple(parsed[0])))
    return tuple(found)


def rows(file: str, data: bytes, columns: tuple[str, ...], *, comments: bool = False) -> tuple[Line, ...]:
    """All lines below a header that must be exactly `columns`."""
    head, *body = lines(file, data, comments=comments) or (Line(1, ()),)
    if head.fields != columns:
        bad(file, head.number, f"表头应为 {','.join(columns)}", "unexpected header")
    for line in body:
        if len(line.fields) != len(columns):
            bad(file, line.number, f"应有 {len(columns)} 列", f"expected {len(columns)} fields")
    return tuple(body)


def toml(file: str, data: bytes) -> Mapping[str, Any]:
    """The tables of a TOML file; a key given twice is an error of the format itself."""
    try:
        return tomllib.loads(text(file, data))
    except tomllib.TOMLDecodeError as error:
        told, place = str(error), _PLACE.search(str(error))
        twice = "twice" in told or "overwrite" in told
        zh = "同一个名称写了两次" if twice else "写法不合 TOML 格式，请检查引号、括号、等号和全角字符"
        at = f"（第 {place[2]} 列附近）" if place else "（文件在此处没有写完）"
        bad(file, int(place[1]) if place else data.count(b"\n") + 1, zh + at, f"not valid TOML: {told}")
    except RecursionError:
        bad(file, 1, "嵌套过深", "nested too deep")


def bad(file: str, line: int, zh: str, en: str) -> NoReturn:
    """Refuse the file."""
    raise BadTable(file, line, zh, en)
