"""Sheets: rows as files that offices open, with nothing in them that a spreadsheet would compute.

CSV is RFC 4180 with a byte order mark, for Excel; a cell that could be taken for a formula is led by an apostrophe.
xlsx cells are strings, whatever they look like.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

LINES = 1_048_576
_PIECE = 65_536
# Also behind a semicolon or a quote: where a list separator is set to ";", a cell begins there.
_FORMULA = re.compile(r"""(?:^|[;"'])\s*[=+\-@＝＋－＠]|^[\t\r\n]""")


def harmless(value: Any) -> str:
    """The cell as text that no spreadsheet computes."""
    written = "" if value is None else str(value)
    return f"'{written}" if _FORMULA.search(written) else written


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """A CSV file, piece by piece."""
    yield "\ufeff".encode()
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(each) for each in row])
        if lines.tell() > _PIECE:
            yield lines.getvalue().encode()
            lines.seek(0)
            lines.truncate()
    yield lines.getvalue().encode()


def as_xlsx(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """An Excel file; a sheet that is full is followed by another."""
    with tempfile.TemporaryFile() as file:
        plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        book = xlsxwriter.Workbook(file, {"constant_memory": True, **plain})
        sheet, line = None, LINES
        for row in rows:
            if sheet is None or line >= LINES:
                sheet, line = _sheet(book, header), 1
            _write(sheet, line, row)
            line += 1
        if sheet is None:
            _sheet(book, header)
        book.close()
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def _sheet(book: Any, header: Sequence[str]) -> Any:
    sheet = book.add_worksheet()
    _write(sheet, 0, header)
    return sheet


def _write(sheet: Any, line: int, row: Sequence[Any]) -> None:
    for column, each in enumerate(row):
        if each is not None:
            sheet.write_string(line, column, str(each)[:32_767])
