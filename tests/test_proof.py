"""Proofs against the definition of RFC 6962 §2.1, and every perturbation of a right one refused."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import proof
from audit.proof import BadProof
from audit.tree import EMPTY, SHA256, SM3, Edge, Hashing, leaf, node

MOST = 70
LEAVES = [leaf(bytes((each,))) for each in range(MOST)]


def mth(leaves: Sequence[bytes], hashing: Hashing = SHA256) -> bytes:
    """The tree hash over leaf hashes, as defined."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashing(b"").digest()
    cut = half(len(leaves))
    return hashing(b"\x01" + mth(leaves[:cut], hashing) + mth(leaves[cut:], hashing)).digest()


def half(width: int) -> int:
    cut = 1
    while cut * 2 < width:
        cut *= 2
    return cut


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 §2.1.1, word for word."""
    if len(leaves) < 2:
        return []
    cut = half(len(leaves))
    if index < cut:
        return [*path(index, leaves[:cut]), mth(leaves[cut:])]
    return [*path(index - cut, leaves[cut:]), mth(leaves[:cut])]


def subproof(first: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2, word for word."""
    if first == len(leaves):
        return [] if whole else [mth(leaves)]
    cut = half(len(leaves))
    if first <= cut:
        return [*subproof(first, leaves[:cut], whole), mth(leaves[cut:])]
    return [*subproof(first - cut, leaves[cut:], False), mth(leaves[:cut])]


@cache
def stored(level: int, index: int) -> bytes:
    return mth(LEAVES[index << level : (index + 1) << level])


sizes = st.integers(1, MOST)


@given(st.data())
def test_inclusion_is_as_defined_and_verifies(data: st.DataObject) -> None:
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    made = proof.inclusion(index, size, stored)
    assert list(made) == path(index, LEAVES[:size])
    root = mth(LEAVES[:size])
    assert proof.root(size, stored) == root
    proof.verify_inclusion(index, size, LEAVES[index], made, root)
    wrong = data.draw(st.integers(-1, MOST))
    if wrong != index:
        with pytest.raises(BadProof):
            proof.verify_inclusion(wrong, size, LEAVES[index], made, root)


@given(st.data())
def test_consistency_is_as_defined_and_verifies(data: st.DataObject) -> None:
    second = data.draw(sizes)
    first = data.draw(st.integers(1, second))
    made = proof.consistency(first, second, stored)
    assert list(made) == subproof(first, LEAVES[:second], True)
    roots = mth(LEAVES[:first]), mth(LEAVES[:second])
    proof.verify_consistency(first, second, *roots, made)
    if first != second:
        with pytest.raises(BadProof):
            proof.verify_consistency(first, second, *roots[::-1], made)
        bent = [*LEAVES]
        bent[data.draw(st.integers(0, first - 1))] = EMPTY
        with pytest.raises(BadProof):
            proof.verify_consistency(first, second, mth(bent[:first]), roots[1], made)


@given(st.data())
def test_no_perturbed_path_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, MOST))
    index = data.draw(st.integers(0, size - 1))
    right = list(proof.inclusion(index, size, stored))
    grown = list(proof.consistency(index + 1, size, stored))
    wrong = {
        "longer": lambda each: [*each, EMPTY],
        "before": lambda each: [EMPTY, *each],
        "shorter": lambda each: each[:-1],
        "headless": lambda each: each[1:],
        "bit": lambda each: [bytes((each[0][0] ^ 4,)) + each[0][1:], *each[1:]],
        "wide": lambda each: [each[0] + b"x", *each[1:]],
        "narrow": lambda each: [each[0][:31], *each[1:]],
        "empty_hash": lambda each: [b"", *each[1:]],
        "endless": lambda each: each * 80,
    }
    bend = wrong[data.draw(st.sampled_from(sorted(wrong)))]
    with pytest.raises(BadProof):
        proof.verify_inclusion(index, size, LEAVES[index], bend(right), mth(LEAVES[:size]))
    if grown:
        with pytest.raises(BadProof):
            proof.verify_consistency(index + 1, size, mth(LEAVES[: index + 1]), mth(LEAVES[:size]), bend(grown))


hashes = st.binary(max_size=33)


@given(st.integers(-2, 2**65), st.integers(-2, 2**65), hashes, st.lists(hashes, max_size=8), hashes)
def test_nonsense_is_a_bad_proof_and_nothing_else(
    one: int, two: int, first: bytes, rest: list[bytes], top: bytes
) -> None:
    for verify in (
        lambda: proof.verify_inclusion(one, two, first, rest, top),
        lambda: proof.verify_consistency(one, two, first, top, rest),
    ):
        try:
            verify()
        except BadProof:
            continue
        assert (one, two) in ((0, 1), (one, one))


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 5), (6, 5), (-1, 5)])
def test_a_proof_from_nothing_or_backwards_does_not_exist(first: int, second: int) -> None:
    with pytest.raises(BadProof):
        proof.consistency(first, second, stored)
    with pytest.raises(BadProof):
        proof.verify_consistency(first, second, EMPTY, EMPTY, [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_an_entry_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(BadProof):
        proof.inclusion(index, size, stored)
    with pytest.raises(BadProof):
        proof.verify_inclusion(index, size, EMPTY, [], EMPTY)


@given(st.integers(1, 2**40), st.data())
def test_a_proof_asks_for_few_subtrees(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    for spans in (proof.inclusion_spans(index, size), proof.consistency_spans(index + 1, size)):
        assert sum(map(len, spans)) <= 2 * size.bit_length()


@given(st.integers(0, 600), st.integers(0, 600))
def test_an_edge_names_each_subtree_that_ends_a_tile_once(size: int, cut: int) -> None:
    leaves = [leaf(each.to_bytes(2, "big")) for each in range(size)]
    edge, before = Edge().grow(leaves[:cut])
    edge, after = edge.grow(leaves[cut:])
    want = [(8, index, mth(leaves[index << 8 : (index + 1) << 8])) for index in range(size >> 8)]
    assert before + after == want
    assert edge == Edge().extend(leaves)


def test_the_same_tree_grows_with_another_hash() -> None:
    leaves = [leaf(bytes((each,)), SM3) for each in range(11)]
    edge, _ = Edge().grow(leaves, SM3)
    assert edge.top(SM3) == mth(leaves, SM3) != mth(leaves)
    assert Edge().top(SM3) == SM3(b"").digest()
    made = proof.inclusion(3, 11, lambda level, index: mth(leaves[index << level : (index + 1) << level], SM3), SM3)
    proof.verify_inclusion(3, 11, leaves[3], made, edge.top(SM3), SM3)
    with pytest.raises(BadProof):
        proof.verify_inclusion(3, 11, leaves[3], made, edge.top(SM3))
    assert node(b"a" * 32, b"b" * 32, SM3) != node(b"a" * 32, b"b" * 32)
