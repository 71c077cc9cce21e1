"""The keyring of a log: its signing keys, in files outside the database, and their public halves on record.

    <keys>/log/<origin>.key, <origin>.2.key, ...    mode 0600; the charter says which one is in force

A new key is signed by the one before it, so that whoever knows the first can follow (`handed_on`). Public halves stay
in the log for ever.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

from sqlalchemy import Connection, text

from audit import note
from audit.checkpoint import BadKey, Ed25519Signer, Verifier
from audit.note import BadNote
from authz.signing import LogKeyRotated


def stem(origin: str) -> str:
    """The origin as the beginning of a file name."""
    return re.sub("[^a-z0-9.~-]", "_", origin)


def first_key(folder: Path, origin: str) -> Ed25519Signer:
    """The key of a new log: made, or found if an earlier start got only so far."""
    path = folder / f"{stem(origin)}.key"
    return Ed25519Signer.load(path) if path.exists() else Ed25519Signer.create(path, origin)


def keys(folder: Path, origin: str) -> list[Ed25519Signer]:
    """Every key of this log that lies here; BadKey if one of them may be read by others."""
    found = [Ed25519Signer.load(path) for path in sorted(folder.glob("*.key"))]
    return [each for each in found if each.name == origin]


def signer(folder: Path, origin: str, vkey: str | None) -> Ed25519Signer | None:
    """The key in force, if it lies here."""
    return next((each for each in keys(folder, origin) if each.verifier.vkey == vkey), None)


def verifiers(connection: Connection) -> list[Verifier]:
    """Every key that ever signed this log, the one in force first."""
    found = connection.execute(text("SELECT value FROM charter WHERE name = 'log_key' ORDER BY since DESC")).scalars()
    return [Verifier.from_vkey(each) for each in found]


def rotate(folder: Path, origin: str, vkey: str) -> LogKeyRotated:
    """Make a new key, signed by the one in force; the fact to record. BadKey if that one is not here."""
    earlier = signer(folder, origin, vkey)
    if earlier is None:
        raise BadKey("正在使用的日志签名密钥不在本机，无法更换；请在保存该密钥的机器上操作")
    number = len(keys(folder, origin)) + 1
    while (path := folder / f"{stem(origin)}.{number}.key").exists():
        number += 1
    made = Ed25519Signer.create(path, origin).verifier.vkey
    signed = base64.b64encode(earlier.sign(_handing(origin, made))).decode()
    return LogKeyRotated(vkey=made, earlier=vkey, signature=signed)


def handed_on(fact: LogKeyRotated, origin: str) -> bool:
    """Whether the earlier key itself signed that this one follows it."""
    try:
        earlier, signed = Verifier.from_vkey(fact.earlier), note.decoded(fact.signature)
        Verifier.from_vkey(fact.vkey)
    except BadNote:
        return False
    return earlier.signed(_handing(origin, fact.vkey).decode(), signed)


def _handing(origin: str, vkey: str) -> bytes:
    return f"mandate/v1/log-key\n{origin}\n{vkey}\n".encode()
