"""Rows of `duties.csv` that would do nothing, or refuse for ever, are refused by the lint; each of them is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from test_duty_rows import HOUSE, LAW, NOW, done, outcome, scene

from authz import clash, lint, policy
from authz.approval import Approval
from authz.decision import Law
from authz.edit import Edit
from authz.policy import DUTY_KINDS, STRENGTHS, Duty
from authz.rows import Reads

BOTH = ("collect update", "collect update")


def row(left: str, right: str, strength: str, kind: str = "record") -> Duty:
    return Duty("tried", kind, frozenset(left.split()), frozenset(right.split()), strength, "local", "试写的一行")


def having(*duties: Duty) -> Law:
    """The law with these duties alone beside those the lint asks for."""
    kept = {code: each for code, each in LAW.policy.duties.items() if each.kind not in ("record", "household")}
    made = type(LAW.policy)(**{name: getattr(LAW.policy, name) for name in policy.PolicySet.__dataclass_fields__})
    object.__setattr__(made, "duties", MappingProxyType(kept | {each.code: each for each in duties}))
    return replace(LAW, policy=made)


def refused(duty: Duty) -> list[str]:
    return [each.zh for each in lint.faults(having(duty).policy)]


# Operations on both sides, and whether a row of each strength can be heeded.
ROWS: list[tuple[str, str, str, dict[str, bool]]] = [
    ("record", "collect update", "verify", {"block": True, "trim": True, "extra": False, "record": True}),
    ("record", "verify", "collect update", {"block": True, "trim": True, "extra": False, "record": True}),
    ("record", *BOTH, dict.fromkeys(STRENGTHS, False)),
    ("record", "update", "collect verify", dict.fromkeys(STRENGTHS, False)),
    ("record", "query", "verify", dict.fromkeys(STRENGTHS, False)),
    ("record", "verify", "review", dict.fromkeys(STRENGTHS, True)),
    ("record", "mark_eliminated", "rollback_elimination", dict.fromkeys(STRENGTHS, True)),
    ("household", "collect update", "member", {"block": True, "trim": True, "extra": False, "record": True}),
    ("household", "query export", "member", {"block": True, "trim": True, "extra": False, "record": True}),
    ("household", "verify delete", "member", dict.fromkeys(STRENGTHS, True)),
    ("request", "request.receive", "request.sign", {"block": True, "trim": False, "extra": False, "record": False}),
    ("policy", "policy.withdraw", "policy.adopt", {"block": True, "trim": False, "extra": False, "record": False}),
    ("pair", "primary", "deputy", {"block": True, "trim": False, "extra": False, "record": False}),
    ("grant", "grant.delegate", "holder", {"block": False, "trim": True, "extra": False, "record": False}),
    ("grant", "holder", "grant.delegate", dict.fromkeys(STRENGTHS, False)),
    ("grant", "grant.revoke", "holder", dict.fromkeys(STRENGTHS, False)),
    ("roles", "township_admin", "township_reviewer", {"block": True, "trim": True, "extra": False, "record": True}),
    ("household", "verify", "delete", dict.fromkeys(STRENGTHS, False)),
]
CASES = [(kind, left, right, strength, fits) for kind, left, right, all_ in ROWS for strength, fits in all_.items()]


@pytest.mark.parametrize(("kind", "left", "right", "strength", "fits"), CASES)
def test_a_row_that_nobody_would_heed_is_refused_in_plain_words(
    kind: str, left: str, right: str, strength: str, fits: bool
) -> None:
    assert {kind} < {*DUTY_KINDS}
    told = refused(row(left, right, strength, kind))
    assert (told == []) == fits, told
    assert all("tried" in each for each in told)
    assert all(each.mark == "tried," for each in lint.faults(having(row(left, right, strength, kind)).policy))


@pytest.mark.parametrize(("left", "right", "strength", "before", "now"), [
    (left, right, strength, before, now)
    for kind, left, right, all_ in ROWS if kind == "record"
    for strength, fits in all_.items() if fits
    for one, other in ((left, right), (right, left)) for before in one.split() for now in other.split()
])  # fmt: skip
def test_a_row_that_is_let_through_is_met_by_an_edit_as_it_is_read(
    left: str, right: str, strength: str, before: str, now: str
) -> None:
    """With no more on record than what an edit of that operation asks the log about."""
    used = having(row(left, right, strength))
    assert outcome("tried", as_read(used, before, now, "n-1")) == strength
    assert outcome("tried", as_read(used, before, now, "n-2")) == "none"
    if strength == "extra":
        assert outcome("tried", as_read(used, before, now, "n-1", approved=True)) == "none"


@pytest.mark.parametrize(("before", "now", "strength"), [("collect", "update", "block"), ("verify", "update", "extra")])
def test_a_row_that_is_refused_would_indeed_not_have_worked(before: str, now: str, strength: str) -> None:
    """The control: nothing is found of collectors, and an approval is not found by everyday edits."""
    used = having(row(before, now, strength))
    assert lint.faults(used.policy)
    found = outcome("tried", as_read(used, before, now, "n-1", approved=True))
    assert found == ("none" if strength == "block" else "extra")


def as_read(used: Law, before: str, now: str, who: str, *, approved: bool = False) -> Callable[[], Any]:
    """The operation `now` after `before` by `who`, on what its reads bring of hands and approvals."""

    def happen() -> Any:
        where = scene(used, (before, who))
        reads = edit_reads(now)
        mine = where.rows.hands[HOUSE]
        where.rows.hands[HOUSE] = {
            each for each in mine
            if HOUSE in (reads.collected if each[3] in clash.COLLECTING else reads.checked)
        }  # fmt: skip
        if approved and HOUSE in reads.approved:
            cell = next(iter(mine))[0] or ""
            given = Approval(9, "p-1", HOUSE, cell, now, 2026, 4, NOW + timedelta(days=1), "p-9", "n-9")
            where.rows.approvals[HOUSE] = [given]
        return done(now, where)

    return happen


def edit_reads(operation: str) -> Reads:
    """What an edit of this operation reads; nothing else of it matters."""
    told: dict[str, Any] = dict.fromkeys(each.name for each in fields(Edit))
    return Edit(**told | {"household": HOUSE, "operation": operation, "named": {}}).reads


@pytest.mark.parametrize(("code", "told"), [
    ("collector_verifier", ["同一记录的采集人与核实人", "同一记录的更新人与核实人"]),
    ("own_household", ["办理人与本人或亲属家庭的数据"]),
    ("self_delegation", ["转授人与本人所持的转授授权"]),
    ("mark_rollback", []),
])  # fmt: skip
def test_what_is_not_kept_apart_at_all_is_pointed_out(code: str, told: list[str]) -> None:
    kept = {name: each for name, each in LAW.policy.duties.items() if name != code}
    made = replace(LAW.policy, duties=MappingProxyType(kept))
    assert [each.zh for each in lint.warnings(made)] == [f"没有一行把{each}分开" for each in told]
    assert lint.warnings(LAW.policy) == ()
