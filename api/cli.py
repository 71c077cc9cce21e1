"""The command line. It translates words into calls and failures into a sentence; it decides nothing.

mandate run                          the service with a demo world
mandate serve                        the service
mandate token PERSON                 a token for a person of a demo world; --role, --division: the first such person
mandate token --once PERSON          a token of ten minutes, handed out by the bootstrap administrator, recorded
mandate demo                         the ten scenarios against a running service
mandate fsck [--checkpoint FILE]     verify the whole log, fold the present again and compare; with what was signed
mandate verify FILE                  verify an evidence file: no database, no network; --key, --witness
mandate verify --paper               compare three printed checkpoint lines with the log; --url, --key
mandate witness [init NAME]          watch logs as an outside witness; init makes its key and prints what to hand out
mandate log rotate-key               replace the log's signing key, on record; --device FILE, --yes
mandate log resume                   set aside, on record, a verdict that has halted the log, after it was looked into
mandate retention                    what has passed its term; --apply drops it, on record
mandate policies lint|test|diff      look a policy folder through, try its truth tables, compare it with what is in force
mandate policies adopt               hand in a folder, or put in force what somebody else handed in
mandate policies restore             put back the files of a law on record from the folder of then
mandate version
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib import metadata
from pathlib import Path

from api.commands import checking, drafting, handing, serving, upkeep, verifying
from api.commands.progress import say
from api.database import DatabaseUnfit
from api.demo import scenes
from api.demo.client import Client, Unreachable
from api.identity import BadKeys
from api.postgres import opening
from api.postgres.cluster import ClusterError
from api.settings import Misconfigured, Settings
from api.witness import watch, witnessing
from authz.refusal import Refusal
from authz.table import BadTable

FAILED, MISUSED = 1, 2
NAMES = tuple(entry.name for entry in fields(Settings))


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    _write_anywhere()
    asked = _parser().parse_args(words)
    try:
        return int(asked.command(asked))
    except (Misconfigured, DatabaseUnfit, ClusterError, BadKeys, BadTable, Unreachable, handing.NotHanded) as fault:
        say(str(fault), sys.stderr)
    except Refusal as refused:
        say(refused.detail or refused.title, sys.stderr)
    except KeyboardInterrupt:
        say("已中断。", sys.stderr)
        return FAILED
    except OSError as fault:
        if fault.filename is None:
            raise
        say(f"无法读写 {fault.filename}：{fault.strerror}。请检查该文件或目录的权限和磁盘空间。", sys.stderr)
    return MISUSED


def _write_anywhere() -> None:
    """A console of another alphabet gets question marks instead of a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mandate", description="防返贫监测数据授权治理平台")
    commands = parser.add_subparsers(metavar="命令", required=True)

    def command(name: str, does: str, call: object, **more: object) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=does, description=does)
        made.set_defaults(command=call, **more)
        return made

    _with_settings(command("run", "启动演示环境", _serve, demo=True))
    _with_settings(command("serve", "启动正式服务", _serve, demo=False))
    token = _with_settings(command("token", "打印登录凭证", _token))
    token.add_argument("person", nargs="?", help="人员编号，如 p-1002")
    token.add_argument("--once", action="store_true", help="由首任系统管理员发放一次，10 分钟有效，留痕")
    token.add_argument("--role", help="按角色查找，如 township_admin")
    token.add_argument("--division", help="按行政区划查找，如 640324100")
    token.add_argument("--url", help="服务地址")
    demo = _with_settings(command("demo", "演示十个场景", _demo))
    demo.add_argument("--url", help="服务地址")
    check = _with_settings(command("fsck", "核验全部记录", _fsck))
    check.add_argument("--checkpoint", type=Path, action="append", default=[], help="另行保存的检查点文件，可写多次")
    check.add_argument("--live", action="store_true", help="服务应在运行：长时间没有任何记录也算异常")
    proving = command("verify", "核对证据文件，或核对纸上的检查点", _verify)
    proving.add_argument("file", nargs="?", type=Path, help="证据文件")
    proving.add_argument("--paper", action="store_true", help="录入纸上的三行检查点")
    proving.add_argument("--key", help="日志公钥，或保存公钥的文件")
    proving.add_argument("--witness", action="append", default=[], help="见证人公钥，可写多次")
    proving.add_argument("--url", default="http://127.0.0.1:8080", help="服务地址")
    witness = command("witness", "作为见证人核对并联署日志", _witness)
    witness.add_argument("action", nargs="?", choices=["init"], help="init：生成见证密钥和配置")
    witness.add_argument("name", nargs="?", help="见证人名称，如 witness.yanchi.nx.gov.cn")
    witness.add_argument("--config", type=Path, default=Path("witness.toml"), help="见证人配置文件")
    drafting.arguments(_with_settings(command("policies", "检查、比较、提出、采用和补回规则", _policies)))
    log = _with_settings(command("log", "更换日志签名密钥，或解除停办", _log))
    log.add_argument("action", choices=["rotate-key", "resume"], help="rotate-key：更换密钥；resume：查明后解除停办")
    log.add_argument("--device", type=Path, help="改由签名设备签署：该设备的 .signer 文件")
    log.add_argument("--yes", action="store_true", help="不再询问")
    kept = _with_settings(command("retention", "列出或清理保存期已满的原值和附件", _retention))
    kept.add_argument("--apply", action="store_true", help="执行清理并留痕，不能恢复")
    command("version", "版本", _version)
    return parser


def _with_settings(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    group = parser.add_argument_group("设置（也可用环境变量 MANDATE_…）")
    for name in NAMES:
        group.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="值", help=f"MANDATE_{name.upper()}")
    return parser


def _settings(asked: argparse.Namespace) -> Settings:
    return Settings.read(os.environ, **{name: getattr(asked, name) for name in NAMES})


def _serve(asked: argparse.Namespace) -> int:
    serving.serve(_settings(asked), demo=asked.demo)
    return 0


def _token(asked: argparse.Namespace) -> int:
    settings = _settings(asked)
    if asked.once:
        if asked.person is None:
            raise handing.NotHanded("请写明人员编号，例如 mandate token --once p-12。")
        with opening.visited(settings) as database:
            say(handing.once(settings, database, asked.person))
        return 0
    signer = handing.demo_signer(settings)
    person = asked.person
    if person is None:
        with Client(asked.url or settings.base_url, signer) as client:
            person = handing.first(client, asked.role, asked.division)
        sys.stderr.write(f"{person}\n")
    say(handing.printed(signer, person))
    return 0


def _demo(asked: argparse.Namespace) -> int:
    settings = _settings(asked)
    with Client(asked.url or settings.base_url, handing.demo_signer(settings)) as client:
        return FAILED if scenes.play(client, say) else 0


def _fsck(asked: argparse.Namespace) -> int:
    settings = _settings(asked)
    with opening.visited(settings) as database:
        report = checking.check(database, settings, asked.checkpoint, live=asked.live)
    return FAILED if report.findings else 0


def _verify(asked: argparse.Namespace) -> int:
    try:
        vkey, witnesses = verifying.key(asked.key), [verifying.key(each) or "" for each in asked.witness]
        if asked.paper:
            verifying.paper(asked.url, vkey)
        elif asked.file is not None:
            verifying.file(asked.file, vkey, witnesses)
        else:
            raise Misconfigured("请写明证据文件，或用 --paper 录入纸上的检查点。")
    except verifying.NotVerified as fault:
        sys.stderr.write(f"{fault}\n")
        return FAILED
    return 0


def _witness(asked: argparse.Namespace) -> int:
    if asked.action is None:
        witnessing.run(watch.read(asked.config))
        return 0
    if asked.name is None:
        raise Misconfigured("请写明见证人名称，例如 mandate witness init witness.yanchi.nx.gov.cn。")
    say(watch.init(asked.config, asked.name))
    return 0


def _log(asked: argparse.Namespace) -> int:
    settings = _settings(asked)
    rotating = asked.action == "rotate-key"
    question = "将更换日志签名密钥，并记入日志。" if rotating else "将解除停办，并记入日志；原因须已查明。"
    with opening.visited(settings) as database:
        upkeep.confirmed(question, yes=asked.yes)
        if rotating:
            upkeep.rotate(settings, database, asked.device)
        else:
            upkeep.resume(settings, database)
    return 0


def _retention(asked: argparse.Namespace) -> int:
    settings = _settings(asked)
    with opening.visited(settings) as database:
        upkeep.retention(settings, database, apply=asked.apply)
    return 0


def _policies(asked: argparse.Namespace) -> int:
    given = {name: value for name, value in os.environ.items() if name != drafting.HELD}
    return drafting.run(asked, Settings.read(given, **{name: getattr(asked, name) for name in NAMES}))


def _version(asked: argparse.Namespace) -> int:
    del asked
    say(f"mandate {metadata.version('mandate')}")
    return 0
