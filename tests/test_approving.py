"""Approving beforehand, and withdrawing a tie: by other hands than the deed, known ones, and no longer than it takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from test_clash import BACK, DAY, MARK, changed
from test_duty_rows import HOUSE, LAW, NOW, SINCE, UNIT, scene

from authz import clash, kin, refusal
from authz.clash import Deed
from authz.decision import Scene
from authz.fact import instant
from authz.grant import Grant
from authz.kin import MEMBER
from authz.post import FAR, Person, Post


def approving(person: str = "p-8", until: Any = NOW + DAY, deed: Deed = BACK,
              where: Scene | None = None, employed: Any = FAR) -> Any:  # fmt: skip
    where = where or scene(LAW, issued_by="p-9")
    where.rows.posts.setdefault(
        person, [Post(50, person, UNIT, "640324100", "township_reviewer", "t", SINCE, employed)]
    )
    try:
        return clash.approve(deed, person, until, "c", where)
    except refusal.Refusal as refused:
        return refused.code


def narrowed(*operations: str) -> Scene:
    return changed(scene(LAW, issued_by="p-9"), operations=frozenset(operations))


def test_who_approves_what_for_whom_and_until_when() -> None:
    days = LAW.policy.number(clash.LONGEST)
    fact = approving()
    assert (fact.person_id, fact.operation, fact.data_year, fact.quarter, fact.grant) == (
        "p-8",
        "rollback_elimination",
        2026,
        4,
        6,
    )
    assert approving(until=NOW + days * DAY).until == instant(NOW + days * DAY)
    for until in (NOW, SINCE, NOW + days * DAY + timedelta(microseconds=1)):
        assert approving(until=until) == "empty_interval", until
    assert approving(deed=replace(MARK, operation="mark_eliminated")).operation == "mark_eliminated", (
        "either side of the duty"
    )
    assert approving(deed=replace(MARK, operation="verify")) == "unacceptable", "needs none"
    for person in ("p-7", "p-1"):
        assert approving(person) == "duty_conflict", "another account of his own"
    assert approving("p-404") == "unfit_holder"
    assert approving(employed=NOW) == "unfit_holder"
    for operations, told in ((("verify",), 6), (("review",), 6), (("rollback_elimination",), "outside_operation")):
        found = approving(where=narrowed(*operations))
        assert getattr(found, "grant", found) == told, operations
    both: list[Grant] = [replace(scene(LAW).rows.grants[6], number=n, path=(5, n), issued_by="p-8") for n in (7, 8)]
    where = narrowed("verify")
    for each, operations in zip(both, (("verify",), ("review",)), strict=True):
        made = replace(each, scope=replace(each.scope, operations=frozenset(operations)))
        where.rows.grants[each.number] = made
        where.rows.by_unit[UNIT].append(made)
    assert approving(where=where).grant == 8, "by the right to review, if there is one"


def test_nobody_approves_for_his_own_household_nor_as_somebody_unknown() -> None:
    assert approving(where=scene(LAW, (MEMBER, "n-1"), issued_by="p-9")) == "duty_conflict"
    assert getattr(approving(where=scene(LAW, (MEMBER, "n-5"), issued_by="p-9")), "grant", None) == 6
    assert getattr(approving(where=scene(LAW, ("update", "n-1"), issued_by="p-9")), "grant", None) == 6, "worked there"
    back = scene(LAW, issued_by="p-9")
    gone = Post(51, "p-8", UNIT, "640324100", "township_reviewer", "t", SINCE, NOW)
    back.rows.posts["p-8"] = [gone, replace(gone, number=52, valid_until=FAR)]
    assert getattr(approving(where=back), "grant", None) == 6, "in one post he is in office"
    unknown = scene(LAW, person="p-3", natural="p-3", issued_by="p-9")
    assert approving(where=unknown) == "duty_conflict"
    theirs = scene(LAW, issued_by="p-9")
    theirs.rows.people["p-5"] = Person("p-5", "p-5", 0)
    assert approving("p-5", where=theirs) == "duty_conflict"
    deputy = scene(LAW, deputy_of="p-9", issued_by="p-8")
    assert approving("p-9", where=deputy) == "duty_conflict", "a deputy approves nothing of whom he stands in for"


# --- ties -------------------------------------------------------------------------------------------------------------
def test_no_hand_that_may_be_his_own_withdraws_a_tie() -> None:
    """A second account that nobody has identified is no way around."""
    row = {"number": 7, "person": "p-1", "household": HOUSE, "withdrawn_by": None}
    for natural, hands, missing in (
        ("n-1", {"n-1"}, "duty"), ("n-1", {"n-2", "n-1"}, "duty"), ("n-1", {"p-9"}, "identity"), ("p-1", {"n-2"}, "identity"),
        ("n-1", {"n-2", "p-9"}, "identity"), ("n-1", {"n-2"}, None),
    ):  # fmt: skip
        if missing is None:
            assert kin.withdraw(row, natural, hands, "c").subject == 7
            continue
        with pytest.raises(refusal.DutyConflict) as caught:
            kin.withdraw(row, natural, hands, "c")
        assert caught.value.members["missing"] == missing, (natural, hands)
