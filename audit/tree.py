"""The Merkle tree of RFC 6962 §2.1, kept by its right edge.

    leaf(d)    = SHA-256(0x00 || d)
    node(l, r) = SHA-256(0x01 || l || r)

An `Edge` holds the roots of the perfect subtrees a tree of `size` leaves consists of, largest first: one per set bit
of `size`. Appending a leaf and naming the root take O(log size) and need nothing else, so the edge in the head row is
all the writer ever reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

Hashing = Callable[[bytes], "hashlib._Hash"]
"""A hash function of 32 bytes, called as those of hashlib are."""
SHA256: Hashing = hashlib.sha256
SM3: Hashing = partial(hashlib.new, "sm3")
"""GB/T 32905-2016, for a second tree over the same bytes."""
EMPTY = hashlib.sha256(b"").digest()
TILE = 8
"""Levels in a tile (C2SP tlog-tiles): 256 hashes wide. Nodes are stored where one tile ends and the next begins."""
Node = tuple[int, int, bytes]
"""Level, index and hash of a completed perfect subtree."""


def leaf(content: bytes, hashing: Hashing = SHA256) -> bytes:
    """The leaf hash of an entry's canonical bytes: 32 bytes."""
    return hashing(b"\x00" + content).digest()


def node(left: bytes, right: bytes, hashing: Hashing = SHA256) -> bytes:
    """The hash of an inner node: 32 bytes."""
    return hashing(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree of `size` leaves: hashes of 32 bytes, largest subtree first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if (
            self.size < 0
            or len(self.hashes) != self.size.bit_count()
            or any(len(each) != len(EMPTY) for each in self.hashes)
        ):
            raise ValueError("an edge has one hash of 32 bytes per set bit of its size")

    @classmethod
    def read(cls, size: int, packed: bytes) -> Edge:
        """The edge stored as hashes end to end."""
        return cls(size, tuple(packed[i : i + 32] for i in range(0, len(packed), 32)))

    @property
    def packed(self) -> bytes:
        return b"".join(self.hashes)

    def extend(self, leaves: Iterable[bytes]) -> Edge:
        """The edge after these leaf hashes."""
        return self.grow(leaves)[0]

    def grow(self, leaves: Iterable[bytes], hashing: Hashing = SHA256) -> tuple[Edge, list[Node]]:
        """The edge after these leaf hashes, and the subtrees that became whole where a tile ends."""
        size, hashes = self.size, list(self.hashes)
        whole: list[Node] = []
        for each in leaves:
            carry, rest, level = each, size, 0
            while rest & 1:
                carry = node(hashes.pop(), carry, hashing)
                rest >>= 1
                level += 1
                if not level % TILE:
                    whole.append((level, size >> level, carry))
            hashes.append(carry)
            size += 1
        return Edge(size, tuple(hashes)), whole

    @property
    def root(self) -> bytes:
        """The Merkle tree hash; of no leaves, the hash of nothing (RFC 6962 §2.1)."""
        return self.top()

    def top(self, hashing: Hashing = SHA256) -> bytes:
        """The root as this hash function makes it."""
        if not self.hashes:
            return hashing(b"").digest()
        found = self.hashes[-1]
        for each in reversed(self.hashes[:-1]):
            found = node(each, found, hashing)
        return found
