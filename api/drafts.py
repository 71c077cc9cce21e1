"""Drafts: what of a request its applicant has not signed is nobody else's to read.

A request that was never signed is absent for the region and the city. While a returned one is being mended, they go on
reading the text that was signed; the new one is theirs with the next signature.
"""

from __future__ import annotations

from typing import Any

from audit.entry import Entry
from authz import register, step
from authz.decision import Scene
from authz.register import Reads

Row = dict[str, Any]
WRITTEN = ("document", "contact", "ground", "lines", "attachments", "text")
"""What a clerk writes, of the body of a request."""


def shown(connection: Any, row: Row, scene: Scene) -> Row:
    """The request as the acting post may read it: to others than the applicant, its text is the one that was signed."""
    signed = row["body"].get("signed")
    if signed is None or step.inside(scene, row) or not step.unsigned(row):
        return row
    # The version that the signature made; what it says of the text stands until the next one.
    then = register.fetch(connection, Reads(requests=frozenset((row["number"],))), scene.at, signed + 1)
    body = then.requests[row["number"]]["body"]
    return row | {"body": row["body"] | {name: body[name] for name in WRITTEN}}


def hidden(entry: Entry, row: Row, scene: Scene) -> bool:
    """Whether an entry of the course of a request belongs to a text that is not signed yet."""
    signed = row["body"].get("signed")
    return (
        entry.fact.kind == "RequestChanged"
        and not step.inside(scene, row)
        and (signed is None or entry.number > signed)
    )
