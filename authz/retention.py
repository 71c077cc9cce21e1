"""Retention: what nobody needs any more is dropped when its term is over; the log itself is kept for ever.

Terms are `vault_days` and `content_days` of handling.toml, never under `authz.erasure.LEAST`. What has passed its term:

    values of edits and of searches in the log
    texts of a request that is over, with all its grants, since before the term
    name and telephone number of a person whose last post ended before the term
    attachments that nothing younger than the term names, and no request or grant that still stands

Never the bundles of the law, never names of units, never what anything standing rests on. Nothing is dropped by itself:
a person at the machine runs `mandate retention --apply`, and the fact comes first.
"""

from __future__ import annotations

from typing import Any, Final

from authz.fact import Fact

DATA: Final = ("EditPermitted", "EditImported", "LogRead")
LETTERS: Final = (
    "RequestDrafted", "RequestChanged", "RequestReceived", "RequestReturned", "RequestProposed", "RequestDecided",
    "RequestWithdrawn",
)  # fmt: skip
PERSONS: Final = ("PersonRegistered",)
OVER: Final = ("approved", "partial", "rejected", "withdrawn")
"""States of a request in which nobody has to do anything more about it."""


class RetentionPerformed(Fact):
    """What had passed its term was dropped: `values` under entries before `values_below`, and `attachments` that only
    entries before `content_below` name. `values_at`, `content_at` are the instants where the terms begin.

    `counted` says how many values under which kind of entry; `digest` is the SHA-256 of the lines "<entry> <path>\\n"
    and then "<sha256>\\n". It is performed again after a restore.
    """

    authority = False
    values_below: int
    values_at: str
    content_below: int
    content_at: str
    values: int
    attachments: int
    counted: dict[str, Any]
    digest: str
