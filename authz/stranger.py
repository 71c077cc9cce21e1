"""Strangers: requests of people we do not know are counted, one entry per address and minute."""

from __future__ import annotations

from authz.fact import Fact


class StrangersCounted(Fact):
    """`count` requests came from `address` in the minute that began at `minute` and were answered `status` (401, 429)."""

    authority = False
    address: str
    minute: str
    status: int
    count: int
