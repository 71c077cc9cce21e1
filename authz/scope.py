"""What may be asked or opened at all: cells and operations that exist, and an interval that is one.

`risk_elimination` of lifted-out households does not exist (S12); an operation of risk elimination exists on no other
cell. A scope is cells × operations, so every pair of it must exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from authz import refusal
from authz.catalogue import Catalogue
from authz.fact import instant, moment
from authz.grant import Scope

NEVER: Final = "lifted_out.risk_elimination"


def check(
    words: Catalogue, cells: Iterable[str], operations: Iterable[str], begin: datetime, end: datetime, pointer: str = ""
) -> None:
    """Refuse a scope that is empty, ends before it begins, or names what does not exist."""
    cells, operations = tuple(cells), tuple(operations)
    if NEVER in cells:
        raise refusal.NoSuchCell(missing="cell", pointers=[_at(pointer, "cells", refusal.NoSuchCell.title)])
    if not cells or not operations:
        raise refusal.Unacceptable(pointers=[_at(pointer, "cells", "数据类别和操作都至少填写一项")])
    wrong = [op for op in operations if not all(words.possible(op, cell) for cell in cells)]
    if wrong:
        names = "、".join(words.operations[op].zh if op in words.operations else "未知操作" for op in wrong)
        raise refusal.Unacceptable(
            f"所填数据类别没有这些操作：{names}；风险消除标注、再标注、回退请单独列为一项，只选监测对象的风险消除",
            pointers=[_at(pointer, "operations", "该操作不适用于所填的数据类别")],
        )
    if begin >= end:
        raise refusal.EmptyInterval(
            "开始时间应早于结束时间，请核对", pointers=[_at(pointer, "until", "应晚于开始时间")]
        )


def _at(pointer: str, name: str, message: str) -> dict[str, str]:
    return {"pointer": f"{pointer}/{name}", "message": message}


def of(line: dict[str, Any]) -> Scope:
    """The scope of a line as the register keeps it."""
    return Scope(
        line["division"], frozenset(line["cells"]), frozenset(line["operations"]), line["data_year"], moment(line["from"]),
        moment(line["until"]), line["max_records"],
    )  # fmt: skip


def plain(scope: Scope) -> dict[str, Any]:
    """A scope as the register keeps it."""
    return {
        "division": scope.division, "cells": sorted(scope.cells), "operations": sorted(scope.operations),
        "data_year": scope.data_year, "from": instant(scope.valid_from), "until": instant(scope.valid_until),
        "max_records": scope.max_records,
    }  # fmt: skip
