"""Proofs about the tree (RFC 6962 §2.1, verified as RFC 9162 §2.1.3 and §2.1.4): that an entry is in it, and that it
only grew.

Verifying needs nothing but hashes, so that a verifier who trusts nobody can take this file and `audit/tree.py` alone.
Making a proof asks for roots of perfect subtrees: `node(level, index)` is the root over the leaves
index * 2**level up to (index + 1) * 2**level. A proof asks for at most 2 * log2(size) of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit import tree
from audit.tree import SHA256, Hashing

Place = tuple[int, int]
"""Level and index of a perfect subtree."""
Nodes = Callable[[int, int], bytes]
_BYTES = 32
_MOST = 63


class BadProof(ValueError):
    """This does not prove what it should."""


def verify_inclusion(
    index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes, hashing: Hashing = SHA256
) -> None:
    """Return if the leaf hash stands at this index in the tree of this size and root; else BadProof."""
    if not 0 <= index < size:
        raise BadProof("the index lies outside the tree")
    _shaped(leaf, root, *path)
    place, last, found = index, size - 1, leaf
    for each in path:
        if last == 0:
            raise BadProof("the proof is too long")
        if place & 1 or place == last:
            found = tree.node(each, found, hashing)
            place, last = _climbed(place, last)
        else:
            found = tree.node(found, each, hashing)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise BadProof("the proof is too short")
    if found != root:
        raise BadProof("the proof leads to another root")


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes], hashing: Hashing = SHA256
) -> None:
    """Return if the tree of size `first` is the beginning of the one of size `second`; else BadProof.

    Every tree begins with the empty one, so that a proof from size 0 would prove nothing: it fails.
    """
    if not 0 < first <= second:
        raise BadProof("the sizes are out of order, or the first is 0")
    _shaped(first_root, second_root, *path)
    if first == second:
        if path or first_root != second_root:
            raise BadProof("one size has one root and an empty proof")
        return
    rest = list(path)
    if first & (first - 1) == 0:
        rest.insert(0, first_root)
    if not rest:
        raise BadProof("the proof is too short")
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = rest[0]
    for each in rest[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if place & 1 or place == last:
            older, newer = tree.node(each, older, hashing), tree.node(each, newer, hashing)
            place, last = _climbed(place, last)
        else:
            newer = tree.node(newer, each, hashing)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise BadProof("the proof is too short")
    if older != first_root or newer != second_root:
        raise BadProof("the proof leads to another root")


def _climbed(place: int, last: int) -> Place:
    """Up to where this subtree is a right child, or the top."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _shaped(*hashes: bytes) -> None:
    if len(hashes) > _MOST * 2 or any(len(each) != _BYTES for each in hashes):
        raise BadProof("a hash has 32 bytes")


def inclusion(index: int, size: int, node: Nodes, hashing: Hashing = SHA256) -> tuple[bytes, ...]:
    """The audit path of a leaf (RFC 6962 §2.1.1); BadProof if it lies outside the tree."""
    return tuple(_folded(span, node, hashing) for span in inclusion_spans(index, size))


def consistency(first: int, second: int, node: Nodes, hashing: Hashing = SHA256) -> tuple[bytes, ...]:
    """The proof between two sizes (RFC 6962 §2.1.2); BadProof if the first is 0 or larger than the second."""
    return tuple(_folded(span, node, hashing) for span in consistency_spans(first, second))


def root(size: int, node: Nodes, hashing: Hashing = SHA256) -> bytes:
    """The root of the tree of this size."""
    return _folded(perfect(0, size), node, hashing) if size else hashing(b"").digest()


def inclusion_spans(index: int, size: int) -> list[list[Place]]:
    """For each hash of an audit path, the perfect subtrees it consists of, the largest first."""
    if not 0 <= index < size:
        raise BadProof("the index lies outside the tree")
    spans = []
    begin, end = 0, size
    while end - begin > 1:
        cut = begin + _half(end - begin)
        if index < cut:
            spans.append(perfect(cut, end))
            end = cut
        else:
            spans.append(perfect(begin, cut))
            begin = cut
    return spans[::-1]


def consistency_spans(first: int, second: int) -> list[list[Place]]:
    """For each hash of a consistency proof, the perfect subtrees it consists of, the largest first."""
    if not 0 < first <= second:
        raise BadProof("the sizes are out of order, or the first is 0")
    spans = []
    begin, end = 0, second
    while first != end:
        cut = begin + _half(end - begin)
        if first <= cut:
            spans.append(perfect(cut, end))
            end = cut
        else:
            spans.append(perfect(begin, cut))
            begin = cut
    if begin:
        spans.append(perfect(begin, end))
    return spans[::-1]


def perfect(begin: int, end: int) -> list[Place]:
    """The perfect subtrees over the leaves begin up to end, the largest first; `begin` ends a larger one or is 0."""
    found = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        found.append((level, begin >> level))
        begin += 1 << level
    return found


def _half(width: int) -> int:
    """The largest power of two smaller than this."""
    return 1 << ((width - 1).bit_length() - 1)


def _folded(span: Sequence[Place], node: Nodes, hashing: Hashing) -> bytes:
    found = node(*span[-1])
    for each in reversed(span[:-1]):
        found = tree.node(node(*each), found, hashing)
    return found
