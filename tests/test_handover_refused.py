"""Handovers refused: all or none, only what rested, nothing that ended, and nothing the region gave."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_handover import CELLS, END, GONE, HEIR, LEFT, NEAR, OPERATIONS, START, VILLAGE, Story, left

from authz import handover, refusal
from authz.delegation import Wanted
from authz.handover import Handover
from authz.transfer import TransferRecorded


def told(story: Story, wanted: Handover, *numbers: int, by: str = "p-4") -> refusal.Refusal:
    with pytest.raises(refusal.Refusal) as caught:
        handover.hand_over(wanted, numbers or wanted.transfer.grants, "r", story.realm.scene(by))
    return caught.value


def test_all_of_them_or_none_and_only_what_rested() -> None:
    story = Story(1)
    wanted = left(story)
    (number,) = wanted.transfer.grants
    parent = story.realm.rows.grants[number].parent
    assert parent is not None
    other = told(story, wanted, number, parent)
    assert (other.members["missing"], other.members["grants"]) == ("grants", [parent])
    assert handover.hindrance(story.realm.rows.grants[number], wanted, story.realm.scene("p-4")) is None
    story.realm.rule("p-2", parent, "narrow", {"cells": frozenset(CELLS[:1]), "operations": frozenset(OPERATIONS[:1])})
    wide = told(story, wanted)
    assert (wide.code, "一项也未交接" in str(wide.detail)) == ("wider_than_held", True)
    assert [(each["grant"], each["axis"]) for each in wide.members["misfits"]] == [
        (number, "cells"),
        (number, "operations"),
    ]
    hindered = handover.hindrance(story.realm.rows.grants[number], wanted, story.realm.scene("p-4"))
    assert hindered is not None
    assert (hindered.code, hindered.members["missing"]) == ("wider_than_held", "cells")
    assert hindered.members["misfits"] == [
        {k: v for k, v in each.items() if k != "grant"} for each in wide.members["misfits"]
    ]


def test_what_ended_is_not_handed_over_nor_what_the_region_gave() -> None:
    story = Story(1)
    wanted = left(story)
    (number,) = wanted.transfer.grants
    story.realm.rule("p-4", number, "revoke")
    assert "已收回或已到期" in str(told(story, wanted).detail)
    assert "已收回或已到期" in str(
        handover.hindrance(story.realm.rows.grants[number], wanted, story.realm.scene("p-4")).detail
    )  # type: ignore[union-attr]
    regional = replace(wanted, transfer=TransferRecorded(
        **{name: each for name, each in wanted.transfer.plain().items() if name not in ("kind", "grants")}, grants=(story.root,),
    ))  # fmt: skip
    assert "请由自治区办理" in str(told(story, regional, by="p-2").detail)
    story = Story(1)
    wish = Wanted(GONE, "village_collector", VILLAGE, frozenset(CELLS), frozenset(OPERATIONS), START, END, 2026, None)
    story.realm.delegate("p-2", story.root, wish)
    first, facts = story.realm.transfer(LEFT, NEAR, "grid_worker")
    assert isinstance(facts[-1], TransferRecorded)
    near = Handover(first + len(facts) - 1, facts[-1], story.realm.rows.post[LEFT], HEIR)
    passed = handover.hand_over(near, facts[-1].grants, "r", story.realm.scene("p-2"))
    assert [each.kind for each in passed] == ["GrantIssued", "GrantRevoked", "DutyHandedOver"], (
        "given by the county itself"
    )
