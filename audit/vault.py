"""The vault: every name, free text, phone number and measured value, each beside the salt of its commitment.

    commitment = SHA-256("mandate/v1/sealed" || 0x00 || salt (16 bytes) || path || 0x00 || canonical JSON of the value)

The log holds only commitments, so a value can be checked against the log, and dropping salt and value erases it while
every proof stays valid. No decision reads the vault.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, text

from audit.act import Sealed

_TAG = b"mandate/v1/sealed\x00"
_encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def commit(sealed: Sealed) -> str:
    """The commitment to a sealed value: 64 hex digits."""
    return commitment(sealed.path, sealed.salt, encoded(sealed))


def commitment(path: str, salt: bytes, encoded: str) -> str:
    """The commitment to an already encoded value."""
    return hashlib.sha256(_TAG + salt + path.encode() + b"\x00" + encoded.encode()).hexdigest()


def encoded(sealed: Sealed) -> str:
    """The canonical JSON text that is stored. Money is whole numbers, so most values are spelled without an encoder."""
    return str(sealed.value) if type(sealed.value) is int else _encoder.encode(sealed.value)


def read(connection: Connection, numbers: Iterable[int]) -> Mapping[int, dict[str, Any]]:
    """Values by entry number and path; erased ones are absent."""
    found: dict[int, dict[str, Any]] = {}
    rows = connection.execute(
        text("SELECT entry, path, value FROM vault WHERE entry = ANY(:numbers)"), {"numbers": list(numbers)}
    )
    for number, path, value in rows:
        found.setdefault(number, {})[path] = json.loads(value)
    return found
