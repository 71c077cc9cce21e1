"""The bridge: how a start goes on where the files of the law on record are not kept (a log of an earlier version).

Whatever the folder has under exactly the digests on record is put back. What is in force and still missing stops the
service: it is handed in by `mandate policies restore FOLDER`, which takes nothing but bytes of a digest on record. A
practice log goes on with the rules and calendars of its folder, as it does whenever these differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, Engine

from audit import charter as charters
from audit.batch import Laws
from audit.charter import Part
from audit.lawbook import Lawbook
from authz.decision import Law
from authz.refusal import Closed

NAMES: Final = {"policy": "规则", "edition": "行政区划", "calendar": "工作日历", "narrowing": "县级规则"}
LEFT: Final = ("policy", "calendar")
"""What a practice log takes from its folder at every start."""
COMMAND: Final = "mandate policies restore 文件夹"


def called(part: Part) -> str:
    """A part of the law in words, with its digest."""
    name, _, county = part.name.partition(" ")
    return f"{NAMES[name]}{county and f' {county}'}（版本 {part.digest}）"


def bridged(engine: Engine, charter: Mapping[str, str], book: Lawbook, *, practice: bool) -> Laws:
    """What judges the next acts of a start, after the folder has put back what it can; Closed if that is not enough."""
    with engine.begin() as connection:
        charters.restore(connection, book.bundles.values())
        lost = [each for each in charters.lost(connection) if each.in_force]
    if not lost:
        return book
    if not practice or any(each.name not in LEFT for each in lost):
        raise Closed(
            f"数据库中没有在用{'、'.join(map(called, lost))}的文件，不能启动。请找到启用该版本时的规则文件夹，"
            f"执行 {COMMAND}（只接受与该版本完全一致的文件），再重新启动；找不到的，请从备份恢复数据库。"
        )
    names = {each.name for each in lost}

    def leaving(connection: Connection, now: Mapping[str, str]) -> Law:
        """The law of the folder under the digest on record, for the entry that takes it: nobody is judged by it."""
        known = {name: book.charter[name] for name in names if now[name] == charter[name]}
        law = book(connection, {**now, **known})
        return replace(law, policy=replace(law.policy, digest=now["policy"]))

    return leaving


def remark(lost: Iterable[Part]) -> str:
    """What to tell at the console of laws of the past that cannot be read any more; empty if there are none."""
    found = "、".join(map(called, lost))
    if not found:
        return ""
    return (
        f"\n注意：数据库中没有下列文件，查询当时的判定时会提示暂停办理，其他不受影响：{found}。"
        f"找到当时的规则文件夹后，执行 {COMMAND} 即可补回。"
    )
