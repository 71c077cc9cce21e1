"""The tree by its right edge against the recursive definition of RFC 6962 §2.1, and its published reference values."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tree import EMPTY, Edge, leaf, node

# The reference tree used by implementations of RFC 6962: eight leaf inputs, and the root of each size.
INPUTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def mth(contents: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not contents:
        return hashlib.sha256(b"").digest()
    if len(contents) == 1:
        return hashlib.sha256(b"\x00" + contents[0]).digest()
    k = 1
    while k * 2 < len(contents):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(contents[:k]) + mth(contents[k:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_reference_tree_has_its_published_roots(size: int) -> None:
    contents = [bytes.fromhex(each) for each in INPUTS[:size]]
    assert Edge().extend(map(leaf, contents)).root.hex() == ROOTS[size]
    assert mth(contents).hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=4), max_size=70), st.integers(0, 70))
def test_an_edge_extended_in_pieces_is_the_tree_of_the_definition(contents: list[bytes], cut: int) -> None:
    edge = Edge().extend(map(leaf, contents[:cut]))
    edge = Edge.read(edge.size, edge.packed).extend(map(leaf, contents[cut:]))
    assert (edge.size, edge.root) == (len(contents), mth(contents))
    assert len(edge.hashes) == len(contents).bit_count()


def test_a_leaf_is_no_node_and_order_matters() -> None:
    one, two = leaf(b"1"), leaf(b"2")
    assert leaf(one + two) != node(one, two) != node(two, one)
    assert Edge().root == EMPTY


@pytest.mark.parametrize(
    ("size", "packed"), [(1, b""), (0, b"x" * 32), (3, b"x" * 32), (1, b"x" * 31), (2, b"x" * 33), (-1, b"")]
)
def test_an_edge_of_another_shape_is_refused(size: int, packed: bytes) -> None:
    with pytest.raises(ValueError, match="one hash"):
        Edge.read(size, packed)
