"""Content: attachments kept whole under the SHA-256 of their bytes, never unpacked, never changed.

A digest names the bytes for ever, so storing them again changes nothing, and what is known to be kept stays kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

BUNDLE: Final = "application/vnd.mandate.bundle"


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored attachment."""

    sha256: str
    media_type: str
    size: int
    content: bytes


def digest(content: bytes) -> str:
    """The name of these bytes: 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def store(connection: Connection, content: bytes, media_type: str, stored_by: str) -> str:
    """Keep these bytes; their digest, computed here and nowhere believed."""
    name = digest(content)
    connection.execute(
        text(
            "INSERT INTO content (sha256, media_type, size, name, bytes, stored_by)"
            " VALUES (:sha256, :media_type, :size, NULL, :content, :stored_by) ON CONFLICT (sha256) DO NOTHING"
        ),
        {"sha256": name, "media_type": media_type, "size": len(content), "content": content, "stored_by": stored_by},
    )
    return name


def kept(connection: Connection, digests: Iterable[str]) -> frozenset[str]:
    """Those of the digests whose bytes are kept; the files of the law lie here too and are nobody's paper."""
    wanted = sorted(set(digests))
    if not wanted:
        return frozenset()
    statement = "SELECT sha256 FROM content WHERE sha256 = ANY(:wanted) AND media_type <> :bundle"
    found = connection.execute(text(statement), {"wanted": wanted, "bundle": BUNDLE})
    return frozenset(found.scalars())


def keeper(connection: Connection, sha256: str) -> str | None:
    """Who first handed in these bytes, or None if they are not kept."""
    found: str | None = connection.execute(
        text("SELECT stored_by FROM content WHERE sha256 = :name"), {"name": sha256}
    ).scalar()
    return found


def givers(connection: Connection, sha256: str) -> frozenset[str]:
    """The units whose people handed in these bytes."""
    found = connection.execute(
        text("SELECT DISTINCT unit FROM entry WHERE kind = 'AttachmentStored' AND position(:name IN bytes) > 0"),
        {"name": f'"sha256":"{sha256}"'.encode()},
    )
    return frozenset(unit for unit in found.scalars() if unit is not None)


def read(connection: Connection, sha256: str) -> Kept | None:
    """The attachment, or None. Bytes that no longer fit their name are not given out."""
    row = connection.execute(
        text("SELECT sha256, media_type, size, bytes FROM content WHERE sha256 = :sha256"), {"sha256": sha256}
    ).one_or_none()
    if row is None or digest(bytes(row.bytes)) != sha256:
        return None
    return Kept(row.sha256, row.media_type, row.size, bytes(row.bytes))


def citing(connection: Connection, sha256: str) -> list[int]:
    """The requests that cite an attachment, in the letter or in the scan of the reply, or did before they were changed."""
    found = connection.execute(
        text(
            "SELECT DISTINCT number FROM request"
            " WHERE body->'attachments' @> CAST(:one AS jsonb) OR body->'scan' @> CAST(:one AS jsonb) ORDER BY number"
        ),
        {"one": f'["{sha256}"]'},
    )
    return list(found.scalars())
