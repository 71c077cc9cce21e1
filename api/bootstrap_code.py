"""The one-time code of the first start: shown once on the console, kept only as its digest.

7K2QF-0M9XT-4ZB1C-H6WRN     100 bits in Crockford's base 32; case, spaces and hyphens do not count
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def draw_code() -> tuple[str, str]:
    """A new one-time code of 100 bits to show once, and the digest to keep."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(20))
    return "-".join(letters[start : start + 5] for start in range(0, 20, 5)), code_digest(letters)


def code_digest(code: str) -> str:
    """The digest of a code, however it was typed: case, spaces and hyphens do not count."""
    return hashlib.sha256(re.sub("[ -]", "", code).upper().encode()).hexdigest()


def code_matches(code: str, digest: str) -> bool:
    """Whether this is the code, compared in constant time."""
    return hmac.compare_digest(code_digest(code), digest)
