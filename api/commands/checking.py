"""`mandate fsck`: the whole check, with every checkpoint at hand that lies outside of the database.

The last checkpoint beside the key is read by itself; others (from a witness, from paper) are given as files. They are
read before the database is, so that a log that grows meanwhile is never taken for a shorter one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from api.checkpoints import FOLDER
from api.commands import verifying
from api.commands.progress import Bar, say
from api.commands.verifying import NotVerified
from api.database import Database, open_engine
from api.founding import DEMO_ORIGIN
from api.settings import Misconfigured, Settings
from audit import bridge, charter, fsck, keyring, retiring
from audit.checkpoint import Checkpoint
from audit.fsck import Report

SILENCE = 900
"""Seconds without any entry after which a running log counts as silent: three heartbeats (local)."""


def check(database: Database, settings: Settings, files: Iterable[Path], *, live: bool) -> Report:
    """Check and say what was found."""
    origin = settings.origin or DEMO_ORIGIN
    trusted = [_read(each, origin) for each in files]
    beside = settings.keys / FOLDER / f"{keyring.stem(origin)}.last"
    if beside.exists():
        trusted.append(_read(beside, origin))
    url = settings.owner_url or database.owner_url
    if url is None:
        raise Misconfigured("核验要重新推算全部登记，需要库所有者的账号：请用 MANDATE_OWNER_URL 给出它的地址。")
    engine = open_engine(url, 2)
    try:
        report = fsck.check(engine, Bar("正在核验"), trusted)
        with engine.connect() as connection:
            retired = 0 if report.findings else sum(each.values for each in retiring.performed(connection))
            remark = bridge.remark(charter.lost(connection))
    finally:
        engine.dispose()
    silent = fsck.stale(report, datetime.now(UTC), SILENCE) if live else None
    if silent is not None:
        report = replace(report, findings=(*report.findings, silent))
    for each in report.findings:
        say(f"{each.kind} {'' if each.number is None else each.number} {each.detail}")
    say(
        f"{report.verdict}：共 {report.size} 条，根 {report.root.hex()}，已擦除 {max(report.erased - retired, 0)} 项，到期清理 {retired} 项，对照检查点 {len(trusted)} 个"
    )
    if remark:
        say(remark.strip())
    return report


def _read(file: Path, origin: str) -> Checkpoint:
    try:
        found = verifying.stated(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NotVerified):
        raise Misconfigured(f"{file.name} 不是检查点文件：应为三行（名称、条数、根），或带签名的检查点。") from None
    if found.origin != origin:
        raise Misconfigured(
            f"{file.name} 是另一个日志的检查点（{found.origin}），本日志是 {origin}。请核对 MANDATE_ORIGIN。"
        )
    return found
