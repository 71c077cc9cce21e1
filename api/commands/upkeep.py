"""The upkeep of a log at its machine: `mandate log rotate-key`, `mandate log resume`, `mandate retention`.

Each says what it will do, asks a person, and puts on record what was done.
"""

from __future__ import annotations

import sys
from pathlib import Path

from api import checkpoints, founding, pep
from api.commands.progress import say
from api.database import Database
from api.founding import DEMO_ORIGIN, Deed
from api.settings import Misconfigured, Settings
from audit import head, retiring
from authz.erasure import LEAST

YES = ("是", "yes", "y")


def confirmed(question: str, *, yes: bool) -> None:
    """Return if a person says yes, or has said so on the command line; else Misconfigured."""
    if yes:
        return
    sys.stderr.write(f"{question}请输入“是”继续：")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in YES:
        raise Misconfigured("没有确认，什么也没有改动。无人值守时请加上 --yes。")


def rotate(settings: Settings, database: Database, device: Path | None) -> None:
    """Replace the log's signing key and say what is to be done now."""
    origin = settings.origin or DEMO_ORIGIN
    book = founding.read_lawbook(settings.policies)
    made = checkpoints.rotate(database, book, settings.keys, origin, device)
    say(made.vkey)
    say(
        "已更换并留痕，运行中的服务几秒内自动启用。请把上面的公钥当面或电话告知每个见证人，由其写入 witness.toml（保留旧公钥）。"
        f"旧密钥文件仍在 {settings.keys / checkpoints.FOLDER}，检查点同时由新旧密钥签署；全部见证人添加新公钥后，移走旧密钥文件。"
        "在别的机器上也签署的，先把新密钥文件复制过去。",
        sys.stderr,
    )


def resume(settings: Settings, database: Database) -> None:
    """Set aside what halts the log."""
    found = checkpoints.resume(database, founding.read_lawbook(settings.policies))
    for each in found:
        say(each)
    say("已解除并留痕。问题仍在的，服务会再次停办。" if found else "没有需要解除的停办。", sys.stderr)


def retention(settings: Settings, database: Database, *, apply: bool) -> None:
    """Say what has passed its term; with `apply`, drop it: on record first, then in the database."""
    book = founding.read_lawbook(settings.policies)
    with founding.alone(database):
        with head.reading(database.engine) as connection:
            number = book.on_record(connection).policy.number
            days = {name: max(number(name), LEAST[name]) for name in ("vault_days", "content_days")}
            clock = head.read(connection).clock
            values, content = (retiring.cut(connection, clock, each) for each in days.values())
            found = retiring.due(connection, values, content)
        for kind, count in found.counted.items():
            say(f"{kind} {count}")
        say(
            f"到期的原值 {len(found.values)} 项（{days['vault_days']} 天），附件 {len(found.attachments)} 个（{days['content_days']} 天）。"
        )
        say("日志记录、规则文件永久保存；本服务不另存导出文件；网络日志由运行环境保存，不少于 180 天。")
        if not apply:
            say("以上只是清单，没有删除。加上 --apply 执行，执行后不能恢复。", sys.stderr)
            return
        if not found.values and not found.attachments:
            say("没有到期的内容。", sys.stderr)
            return
        founding.record(database, book, [Deed(ref=pep.new_ref(), facts=(retiring.fact(values, content, found),))])
        retiring.repeat(database.engine)
    say("已清理并留痕。", sys.stderr)
