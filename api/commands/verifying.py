"""Verifying from outside: an evidence file, or three lines of paper against the log as it is now.

    mandate verify FILE [--key VKEY] [--witness VKEY]...     no database, no network
    mandate verify --paper [--url URL] [--key VKEY]          asks only what anybody may ask of the log

Three lines once printed are enough: if the log of today is no continuation of them, history was rewritten.
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from api.commands.progress import say
from audit import checkpoint, note, proof, verify
from audit.checkpoint import Checkpoint, Verifier
from audit.note import BadNote
from audit.proof import BadProof
from audit.verify import BadEvidence

SECONDS = 20
LARGEST = 1_000_000
OK = 200


class NotVerified(Exception):
    """What was given could not be verified, or was verified to be wrong. The text is Chinese."""


def key(given: str | None) -> str | None:
    """A vkey, given itself or as a file that holds it."""
    if given is None or "+" in given:
        return given
    try:
        return Path(given).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise NotVerified("读不到公钥文件，请直接写公钥，形如 mandate.example.gov.cn/log+1a2b3c4d+AV…") from None


def file(path: Path, vkey: str | None, witnesses: Sequence[str]) -> None:
    """Verify an evidence file and say what it proves and what not."""
    try:
        content = path.read_bytes()
    except OSError:
        raise NotVerified(f"读不到文件 {path}") from None
    try:
        told = verify.verify(content, vkey, witnesses)
    except BadEvidence as bad:
        raise NotVerified(f"不能采信：{bad}。") from None
    say(f"核对通过：记录 {told.number}")
    say("证明了：")
    _listed(told.proved)
    say("没有证明：")
    _listed(told.unproved)


def _listed(sentences: Iterable[str]) -> None:
    for number, each in enumerate(sentences, start=1):
        say(f"  {number}. {each}。")


def paper(url: str, vkey: str | None, ask: Callable[[], str] | None = None) -> None:
    """Compare typed-in checkpoint lines with the log that answers at this address."""
    old = typed(ask or sys.stdin.readline)
    answered = _asked(url, "/log/checkpoint")
    try:
        known = [] if vkey is None else [Verifier.from_vkey(vkey)]
        now = checkpoint.open(answered.decode(), known)[0] if known else checkpoint.parse(note.parse(answered).text)
    except (BadNote, UnicodeDecodeError):
        raise NotVerified("日志现在的检查点没有您给出的公钥的有效签名。") from None
    compare(old, now, lambda: _path(url, old, now))
    say(f"一致：纸上 {old.size} 条记录逐字节仍在原处，日志现有 {now.size} 条。")
    if vkey is None:
        say("没有给出公钥（--key），因此没有核对现在的检查点由谁签名；历史是否被改写不受影响。")


def typed(ask: Callable[[], str]) -> Checkpoint:
    """The three lines as typed; blanks around them are forgiven, anything else is not."""
    lines = []
    for name in ("名称", "条数", "根"):
        if sys.stdin.isatty():
            sys.stderr.write(f"检查点{name}：")
            sys.stderr.flush()
        lines.append(ask().strip())
    return stated("\n".join((*lines, "")))


def stated(text: str) -> Checkpoint:
    """A checkpoint as three bare lines or as a signed note, whose signature is not asked for here."""
    try:
        body = note.parse(text).text if "\n\n" in text else text
        return checkpoint.parse(body)
    except BadNote:
        raise NotVerified("录入的不是检查点，请核对三行：名称、条数、根（44 个字符，以 = 结尾）。") from None


def compare(old: Checkpoint, now: Checkpoint, path: Callable[[], Sequence[bytes]]) -> None:
    """Return if `now` continues `old`; else NotVerified with the verdict."""
    if old.origin != now.origin:
        raise NotVerified(f"不是同一个日志：纸上是 {old.origin}，这里是 {now.origin}。请核对地址。")
    if old.size > now.size:
        raise NotVerified(f"ROLLBACK：纸上的日志有 {old.size} 条，现在只有 {now.size} 条，记录被删除或恢复了旧备份。")
    try:
        if old.size:
            proof.verify_consistency(old.size, now.size, old.root, now.root, path() if old.size < now.size else ())
    except BadProof:
        raise NotVerified(
            f"FORK：现在的日志不是纸上那份日志的延续，前 {old.size} 条中有记录被改写。请先核对录入有无笔误，确认后立即报告审计部门。"
        ) from None


def _path(url: str, old: Checkpoint, now: Checkpoint) -> list[bytes]:
    """The consistency proof that the service offers; what cannot be read as one is none."""
    try:
        told: Any = json.loads(_asked(url, f"/v1/consistency?from={old.size}&to={now.size}"))
        return [base64.b64decode(each, validate=True) for each in told["path"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadProof("no proof") from None


def _asked(url: str, path: str) -> bytes:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read(LARGEST)
    except (OSError, http.client.HTTPException):
        raise NotVerified(f"连接不上 {url}，请核对地址，或请服务方恢复后再试。") from None
    finally:
        connection.close()
    if answer.status != OK:
        raise NotVerified(f"服务没有给出{'检查点' if 'checkpoint' in path else '一致性证明'}（{answer.status}）。")
    return content
