"""Settlement: what became of a batch whose COMMIT was sent but never answered.

Lost is not failed. The act references tell: under the log's lock, an act whose reference is on record has happened
exactly as judged; one that is absent has not happened at all and may be judged afresh.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from audit.act import Act, Recorded
from audit.batch import LOCK


class InDoubt(Exception):
    """The commit of these outcomes (in the order of their acts) was sent, and its answer lost."""

    def __init__(self, outcome: list[Recorded | Exception]) -> None:
        super().__init__("a commit was not answered")
        self.outcome = outcome


def find(connection: Connection, acts: list[Act], doubt: InDoubt) -> dict[str, Recorded | Exception]:
    """The outcomes that stand, by act reference: those on record, and those that had nothing to record."""
    with connection.begin():
        connection.execute(text(LOCK))
        found = connection.execute(
            text("SELECT ref FROM act WHERE ref = ANY(CAST(:refs AS uuid[]))"), {"refs": [each.ref for each in acts]}
        )
        known = {row.ref.hex for row in found}
    standing = {}
    for act, outcome in zip(acts, doubt.outcome, strict=True):
        if act.ref in known or (isinstance(outcome, Recorded) and outcome.stored is not None):
            standing[act.ref] = outcome
    return standing
