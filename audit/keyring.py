"""The keyring of a log: its signing keys, in files outside the database, and their public halves on record.

    <keys>/log/<origin>.key, <origin>.2.key, ...    mode 0600; the charter says which one is in force
    <keys>/log/<origin>.3.signer                    a key in a device (`audit/device.py`)

A new key is signed by the one before it, so that whoever knows the first can follow (`handed_on`). Public halves stay
in the log for ever. As long as an earlier key lies here it signs too, so that whoever knows only that one is not lost;
whoever takes its file away ends this.
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

from sqlalchemy import Connection, text

from audit import checkpoint, note
from audit.checkpoint import BadKey, Ed25519Signer, Signer, Verifier
from audit.device import SUFFIX, DeviceSigner
from audit.note import BadNote
from authz.signing import LogKeyRotated

LOST = (
    "正在使用的日志签名密钥不在本机，不能更换：新密钥须由它签署才能让外部相信。"
    "请在保存该密钥的机器上操作；密钥确已丢失的，请先从备份找回密钥文件"
)


def stem(origin: str) -> str:
    """The origin as the beginning of a file name."""
    return re.sub("[^a-z0-9.~-]", "_", origin)


def first_key(folder: Path, origin: str) -> Ed25519Signer:
    """The key of a new log: made, or found if an earlier start got only so far."""
    path = folder / f"{stem(origin)}.key"
    return Ed25519Signer.load(path) if path.exists() else Ed25519Signer.create(path, origin)


def keys(folder: Path, origin: str) -> list[Signer]:
    """Every key of this log that lies here; BadKey if one of them may be read by others."""
    found: list[Signer] = [Ed25519Signer.load(path) for path in sorted(folder.glob("*.key"))]
    found += [DeviceSigner.load(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    return [each for each in found if each.name == origin]


def signer(folder: Path, origin: str, vkey: str | None) -> Signer | None:
    """The key in force, if it lies here."""
    return next((each for each in keys(folder, origin) if each.verifier.vkey == vkey), None)


def earlier(connection: Connection, folder: Path, origin: str, vkey: str) -> list[Signer]:
    """The keys that once were in force and still lie here."""
    known = {each.vkey for each in verifiers(connection)} - {vkey}
    return [each for each in keys(folder, origin) if each.verifier.vkey in known]


def verifiers(connection: Connection) -> list[Verifier]:
    """Every key that ever signed this log, the one in force first."""
    found = connection.execute(text("SELECT value FROM charter WHERE name = 'log_key' ORDER BY since DESC")).scalars()
    return [Verifier.from_vkey(each) for each in found]


def rotate(folder: Path, origin: str, vkey: str, device: Path | None = None) -> LogKeyRotated:
    """Lay a new key here, signed by the one in force; the fact to record. BadKey if that one is not here.

    `device` is the file of a device that signs from now on; it must have signed once before it is taken.
    """
    before = signer(folder, origin, vkey)
    if before is None:
        raise BadKey(LOST)
    number = len(keys(folder, origin)) + 1
    while any((folder / f"{stem(origin)}.{number}{kind}").exists() for kind in (".key", SUFFIX)):
        number += 1
    made = _made(folder, origin, number) if device is None else _taken(folder, origin, number, device, vkey)
    signed = base64.b64encode(before.sign(_handing(origin, made))).decode()
    return LogKeyRotated(vkey=made, earlier=vkey, signature=signed)


def _made(folder: Path, origin: str, number: int) -> str:
    path = folder / f"{stem(origin)}.{number}.key"
    made = Ed25519Signer.create(path, origin).verifier.vkey
    _give(path, folder)
    return made


def _taken(folder: Path, origin: str, number: int, device: Path, vkey: str) -> str:
    found = DeviceSigner.load(device)
    if found.name != origin or found.verifier.kind != checkpoint.ED25519 or found.verifier.vkey == vkey:
        raise BadKey(f"{device.name} 中的 vkey 不是本日志的新密钥，名称须为 {origin}")
    found.sign(_handing(origin, found.verifier.vkey))
    path = folder / f"{stem(origin)}.{number}{SUFFIX}"
    checkpoint.write(path, device.read_text(encoding="utf-8"))
    _give(path, folder)
    return found.verifier.vkey


def _give(path: Path, folder: Path) -> None:
    """To whoever runs the service and owns the folder: the superuser's file could not be read there."""
    owner = folder.stat()
    if os.geteuid() != owner.st_uid:
        os.chown(path, owner.st_uid, owner.st_gid)


def handed_on(fact: LogKeyRotated, origin: str) -> bool:
    """Whether the earlier key itself signed that this one follows it."""
    try:
        before, signed = Verifier.from_vkey(fact.earlier), note.decoded(fact.signature)
        Verifier.from_vkey(fact.vkey)
    except BadNote:
        return False
    return before.signed(_handing(origin, fact.vkey).decode(), signed)


def _handing(origin: str, vkey: str) -> bytes:
    return f"mandate/v1/log-key\n{origin}\n{vkey}\n".encode()
