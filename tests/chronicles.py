"""A log in memory with its key, and a witness of it on a folder: what tests of witnesses tell stories with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from audit import checkpoint, proof, tree
from audit.checkpoint import COSIGNATURE, Checkpoint, Cosigner, Ed25519Signer
from audit.note import Note
from audit.submission import Submission
from audit.witness import Shelf, Witness

ORIGIN = "mandate.test/log"
WITNESS = "witness.test"
AT = 1_800_000_000
SEED = b"\x07" * 32


def seeded(name: str, kind: int, seed: bytes) -> Ed25519Signer:
    return Ed25519Signer(name, kind, checkpoint.Ed25519PrivateKey.from_private_bytes(seed))


LOG = seeded(ORIGIN, checkpoint.ED25519, SEED)
STRANGER = seeded(ORIGIN, checkpoint.ED25519, b"\x08" * 32)
EYES = seeded(WITNESS, COSIGNATURE, b"\x09" * 32)


@dataclass(frozen=True)
class Chronicle:
    """A history: one letter for each entry. Two histories are the same as long as their letters are."""

    letters: str

    def size(self) -> int:
        return len(self.letters)

    def root(self, size: int) -> bytes:
        return proof.root(size, self._node)

    def path(self, first: int, second: int) -> tuple[bytes, ...]:
        return proof.consistency(first, second, self._node)

    def checkpoint(self, size: int | None = None, origin: str = ORIGIN) -> Checkpoint:
        size = self.size() if size is None else size
        return Checkpoint(origin, size, self.root(size))

    def signed(self, size: int | None = None, signer: Ed25519Signer = LOG, origin: str = ORIGIN) -> Note:
        return checkpoint.sign(self.checkpoint(size, origin), signer)

    def asked(self, old: int, size: int | None = None) -> Submission:
        """The honest submission of this history from a size."""
        size = self.size() if size is None else size
        return Submission(old, self.path(old, size) if 0 < old < size else (), self.signed(size))

    def _node(self, level: int, index: int) -> bytes:
        hashes = [tree.leaf(each.encode()) for each in self.letters[index << level : (index + 1) << level]]
        while len(hashes) > 1:
            hashes = [tree.node(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
        return hashes[0]


def witness(folder: Path, signer: Ed25519Signer = EYES) -> Witness:
    """A witness of that log, as a fresh process would make it on this folder."""
    return Witness(Cosigner(signer), {ORIGIN: (LOG.verifier,)}, Shelf(folder))


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
