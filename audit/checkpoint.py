"""A checkpoint: the name, size and root of a log (C2SP tlog-checkpoint), signed as a note with Ed25519.

    mandate.nx.example/log                          origin
    20852163                                        size, decimal
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=    root, base64

    key id  = first 4 bytes of SHA-256(name || 0x0A || kind || public key)
    vkey    = name+<key id, 8 hex digits>+<base64 of kind || public key>
    skey    = PRIVATE+KEY+name+<key id>+<base64 of kind || seed>        the key file, mode 0600, never in the database

Kind 0x01 signs the text itself; kind 0x04 is a witness (cosignature/v1): eight bytes of Unix time, then a signature
of "cosignature/v1\\ntime <time>\\n" and the text. There are no extension lines: what is not these three lines is
refused. Everything refused here is a BadNote.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.note import ID_BYTES, BadNote, Note, Signature, decoded, named
from audit.note import parse as parse_note

ED25519 = 0x01
COSIGNATURE = 0x04
KINDS = (ED25519, COSIGNATURE)
KEY_BYTES = 32
STAMP_BYTES = 8
LARGEST = 2**63
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_PRIVATE = "PRIVATE+KEY+"


class BadCheckpoint(BadNote):
    """The text is not the three lines of a checkpoint."""


class BadKey(BadNote):
    """This is not a key of a note."""


class Unverified(BadNote):
    """No known key has signed this, or a known key's signature is wrong."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its origin, its size, and the root over all its entries."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not named(self.origin) or not 0 <= self.size < LARGEST or len(self.root) != KEY_BYTES:
            raise BadCheckpoint("a checkpoint has an origin without blanks, a size and a root of 32 bytes")

    @property
    def text(self) -> str:
        """The three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse(text: str) -> Checkpoint:
    """The checkpoint whose text this is; BadCheckpoint unless it is printed in exactly this way."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not _SIZE.fullmatch(lines[1]):  # noqa: PLR2004 three lines and their end
        raise BadCheckpoint("a checkpoint is three lines: origin, size, root")
    try:
        found = Checkpoint(lines[0], int(lines[1]), decoded(lines[2]))
    except BadNote as error:
        raise BadCheckpoint(str(error)) from None
    if found.text != text:
        raise BadCheckpoint("the checkpoint is not printed in its one form")
    return found


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half of a key with the name it signs under."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        if not named(self.name) or len(self.public) != KEY_BYTES or self.kind not in KINDS:
            raise BadKey("a key has a name without blanks or plus, 32 bytes, and a known kind")

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes((self.kind,)) + self.public).digest()[:ID_BYTES]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes((self.kind,)) + self.public).decode()}"

    @classmethod
    def from_vkey(cls, text: str) -> Verifier:
        """The key of a vkey; BadKey unless `vkey` would print exactly this."""
        parts = _VKEY.fullmatch(text)
        if parts is None:
            raise BadKey("a vkey is name+hash+base64")
        try:
            content = decoded(parts[3])
            found = cls(parts[1], content[1:], content[0])
            same = found.vkey == text
        except (BadNote, UnicodeEncodeError):
            raise BadKey("a vkey is name+hash+base64") from None
        if not same:
            raise BadKey("the hash of the vkey is that of another key")
        return found

    def signed(self, text: str, blob: bytes) -> bool:
        """Whether this key made this signature of the text."""
        message = text.encode()
        if self.kind == COSIGNATURE:
            if len(blob) < STAMP_BYTES:
                return False
            message, blob = cosigned_message(stamp(blob), text), blob[STAMP_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(blob, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer(Protocol):
    """Whoever can sign a text: a key file here, or a driver for PKCS#11 or SM2 of the deployment's own."""

    @property
    def name(self) -> str: ...

    @property
    def verifier(self) -> Verifier: ...

    def sign(self, text: bytes) -> bytes:
        """The signature of these bytes, without key id."""
        ...


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """A key in a file that only its owner may read. `kind` says whether it signs for a log or as a witness."""

    name: str
    kind: int
    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def create(cls, path: Path, name: str, kind: int = ED25519) -> Ed25519Signer:
        """A new key in a new file, mode 0600, on the disk before this returns; FileExistsError if there is one."""
        signer = cls(name, kind, Ed25519PrivateKey.generate())
        seed = base64.b64encode(bytes((kind,)) + signer.private.private_bytes_raw()).decode()
        text = f"{_PRIVATE}{name}+{signer.verifier.key_id.hex()}+{seed}\n"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(text.encode())
            out.flush()
            os.fsync(out.fileno())
        settle(path.parent)
        return signer

    @classmethod
    def load(cls, path: Path) -> Ed25519Signer:
        """The key of a file; BadKey if others may read it or it is not a key file."""
        if path.stat().st_mode & 0o077:
            raise BadKey(f"密钥文件可被他人读取：{path.name}，请先执行 chmod 600")
        with contextlib.suppress(UnicodeDecodeError):
            return cls.from_skey(path.read_text(encoding="utf-8"))
        raise BadKey(f"不是日志签名密钥文件：{path.name}")

    @classmethod
    def from_skey(cls, text: str) -> Ed25519Signer:
        """The key of the text of a key file; BadKey unless `create` would have written exactly this."""
        parts = _VKEY.fullmatch(text.removeprefix(_PRIVATE).removesuffix("\n"))
        if parts is None or not text.startswith(_PRIVATE):
            raise BadKey("not a key file")
        content = decoded(parts[3])
        if len(content) != KEY_BYTES + 1 or content[0] not in KINDS:
            raise BadKey("not a key of a known kind")
        signer = cls(parts[1], content[0], Ed25519PrivateKey.from_private_bytes(content[1:]))
        if signer.verifier.key_id.hex() != parts[2]:
            raise BadKey("the hash of the key file is that of another key")
        return signer

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.private.public_key().public_bytes_raw(), self.kind)

    def sign(self, text: bytes) -> bytes:
        return self.private.sign(text)


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's hand: it signs a checkpoint together with the second at which it was seen."""

    signer: Signer

    def __post_init__(self) -> None:
        if self.signer.verifier.kind != COSIGNATURE:
            raise BadKey("a witness signs with a key of kind 4")

    @property
    def verifier(self) -> Verifier:
        return self.signer.verifier

    def cosign(self, text: str, time: int) -> Signature:
        """The cosignature/v1 of a checkpoint's text at this Unix time."""
        blob = time.to_bytes(STAMP_BYTES, "big") + self.signer.sign(cosigned_message(time, text))
        return Signature(self.signer.name, self.verifier.key_id, blob)


def cosigned_message(time: int, text: str) -> bytes:
    """What a witness signs (C2SP tlog-cosignature, cosignature/v1)."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def stamp(blob: bytes) -> int:
    """The Unix time in a cosignature."""
    return int.from_bytes(blob[:STAMP_BYTES], "big")


def sign(checkpoint: Checkpoint, *signers: Signer) -> Note:
    """The note of a checkpoint with a signature of each of these."""
    text = checkpoint.text.encode()
    return Note(checkpoint.text, tuple(Signature(each.name, each.verifier.key_id, each.sign(text)) for each in signers))


def verify(note: Note, verifiers: Iterable[Verifier]) -> tuple[Signature, ...]:
    """The good signatures of known keys, one of each; unknown ones are passed over, a bad one of a known key is not."""
    known: dict[tuple[str, bytes], list[Verifier]] = {}
    for each in verifiers:
        known.setdefault((each.name, each.key_id), []).append(each)
    good: dict[tuple[str, bytes], Signature] = {}
    for signature in note.signatures:
        key = (signature.name, signature.key_id)
        if key not in known:
            continue
        if len(known[key]) > 1:
            raise Unverified("two keys answer to one name and key id")
        if not known[key][0].signed(note.text, signature.blob):
            raise Unverified("a signature of a known key is wrong")
        good.setdefault(key, signature)
    if not good:
        raise Unverified("no signature of a known key")
    return tuple(good.values())


def open(note_text: str, verifiers: Iterable[Verifier]) -> tuple[Checkpoint, tuple[Signature, ...]]:
    """The checkpoint of a printed note and the good signatures of known keys; BadNote if there is none or a bad one."""
    note = parse_note(note_text)
    signatures = verify(note, verifiers)
    return parse(note.text), signatures


def write(path: Path, text: str) -> None:
    """Replace a file whole: on the disk before it has its name, and the name on the disk before this returns."""
    beside = path.with_name(f"{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(text.encode())
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)
    settle(path.parent)


def settle(folder: Path) -> None:
    """Bring the names of a folder onto the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
