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


class BadTable(ValueError):
    """The reason why a file of the policy folder was refused, with its name and line, in Chinese and in English."""

    def __init__(self, file: str, line: int, zh: str, en: str) -> None:
        super().__init__(f"{file}:{line}: {zh} ({en})")
        self.file, self.line, self.zh, self.en = file, line, zh, en


class Line(NamedTuple):
    """One line of a table: where it stands and what it holds."""

    number: int
    fields: tuple[str, ...]


def text(file: str, data: bytes) -> str:
    """The characters of a file, strictly."""
    try:
        read = data.decode("utf-8")
    except UnicodeDecodeError:
        bad(file, 1, "不是有效的 UTF-8 文本", "not valid UTF-8")
    if read.startswith("\ufeff") or "\r" in read or "\0" in read:
        bad(file, 1, "不得含字节顺序标记、回车符或空字符", "byte order mark, carriage return or NUL")
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
        bad(file, getattr(error, "lineno", 1), "不是有效的 TOML", f"not valid TOML: {error}")
    except RecursionError:
        bad(file, 1, "嵌套过深", "nested too deep")


def bad(file: str, line: int, zh: str, en: str) -> NoReturn:
    """Refuse the file."""
    raise BadTable(file, line, zh, en)
