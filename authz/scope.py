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


def fits_ground(words: Catalogue, ground: str, operations: Iterable[str], pointer: str) -> None:
    """Refuse a high-risk operation that is asked for on a ground which is not its own (a local rule; DOMAIN, part 5)."""
    for each in sorted(set(operations)):
        proper = words.operations[each].grounds
        if proper and ground not in proper:
            names = "、".join(words.grounds[one] for one in words.grounds if one in proper)
            told = f"{words.operations[each].zh}属于高风险操作，事由须为：{names}；其他事由请另行申请，一文一事"
            raise refusal.Unacceptable(told, missing="ground", pointers=[_at(pointer, "operations", told)])


def fits_window(words: Catalogue, operations: Iterable[str]) -> None:
    """Refuse to open a high-risk operation to a whole region by one window (a local rule)."""
    kept = [words.operations[each].zh for each in sorted(set(operations)) if not words.operations[each].unified]
    if kept:
        told = f"{'、'.join(kept)}属于高风险操作，不随统一授权开放，请由县级书面申请"
        raise refusal.Unacceptable(told, missing="operation", pointers=[_at("", "operations", told)])


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
