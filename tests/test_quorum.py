"""P12: nobody approves his own request, alone, or beyond his power; shown on thousands of offices of few."""

from __future__ import annotations

import os

import pytest
from acts import law
from quorum import played, without

from authz import step
from authz.decision import Scene

SEQUENCES = int(os.environ.get("QUORUM_SEQUENCES", "8000"))
ENOUGH = 200
"""Decisions without which a quiet run would show nothing."""


def test_nobody_approves_his_own_request_alone_or_beyond_his_power() -> None:
    faults, decided = played(law(), range(SEQUENCES))
    assert (faults, decided > ENOUGH) == (set(), True), decided


DROPPED = {
    "clerk_signatory": "signed by its clerk",
    "receiver_approver": "received it himself",
    "handler_approver": "proposed it himself",
    "applicant_approver": "own",
}


@pytest.fixture
def floor_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table alone: without what the code says whatever the table says."""
    monkeypatch.setattr(step, "_must_be_four", lambda act, history, mine: None)
    monkeypatch.setattr(step, "must_be_outside", lambda row, scene: None)


@pytest.mark.usefixtures("floor_removed")
def test_the_rows_alone_keep_the_hands_apart() -> None:
    faults, decided = played(law(), range(SEQUENCES // 4))
    assert decided > ENOUGH // 8
    assert faults <= {"decided from within"}


@pytest.mark.usefixtures("floor_removed")
@pytest.mark.parametrize(("code", "fault"), DROPPED.items())
def test_a_dropped_row_is_noticed(code: str, fault: str) -> None:
    faults, _ = played(without(law(), code), range(SEQUENCES), fault)
    assert fault in faults


@pytest.mark.parametrize("code", DROPPED)
def test_a_dropped_row_does_not_lower_the_floor(code: str) -> None:
    assert played(without(law(), code), range(SEQUENCES // 8))[0] == set()


def test_an_approver_within_the_applicant_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "must_be_outside", lambda row, scene: None)
    assert "decided from within" in played(law(), range(SEQUENCES), "decided from within")[0]


def test_power_nobody_has_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scene, "must", lambda self, act, division: "roles.csv:0")
    assert "beyond power" in played(law(), range(SEQUENCES), "beyond power")[0]
