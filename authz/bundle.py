"""A bundle: the files of one part of the law as one stream of bytes, so that one digest names them all.

    <name> NUL <length in decimal> NUL <content>     for each file, by name

The digest on record is the SHA-256 of exactly these bytes; whoever has the bytes can rebuild the files and check it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

__all__ = ["digest", "pack", "unpack"]


def pack(files: Mapping[str, bytes]) -> bytes:
    """The stream of these files. Each is framed by name and length, so that no two sets of files share a stream."""
    return b"".join(b"%s\0%d\0%s" % (name.encode(), len(files[name]), files[name]) for name in sorted(files))


def digest(files: Mapping[str, bytes]) -> str:
    """The name of these files together: 64 hex digits."""
    return hashlib.sha256(pack(files)).hexdigest()


def unpack(stream: bytes) -> dict[str, bytes]:
    """The files of a stream; ValueError for anything `pack` would not have written."""
    files: dict[str, bytes] = {}
    rest = stream
    while rest:
        name, found, rest = rest.partition(b"\0")
        length, also, rest = rest.partition(b"\0")
        if not (found and also and length.isdigit() and len(rest) >= int(length)):
            raise ValueError("not a bundle")
        files[name.decode()], rest = rest[: int(length)], rest[int(length) :]
    if pack(files) != stream:
        raise ValueError("not a bundle")
    return files
