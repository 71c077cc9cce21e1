"""What a witness is told to watch: its configuration, `witness.toml`.

    name = "witness.yanchi.nx.gov.cn"
    key = "witness.key"                  beside the configuration; mode 0600, made by `mandate witness init`
    state = "state"                      folder of the last checkpoints: never to be deleted
    listen = "127.0.0.1:8090"            left out: nothing comes in

    [[logs]]
    origin = "mandate.xiangzhen.nx.gov.cn/log"
    vkey = "mandate...+a1b2c3d4+AQ..."   several entries of one origin: several keys
    pull = "https://mandate.xiangzhen.nx.gov.cn"         left out: the log comes to us
    seconds = 60

Whatever is unknown, missing or of another type is refused by name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.settings import Misconfigured
from api.witness.outbound import allowed
from audit.checkpoint import COSIGNATURE, ED25519, Cosigner, Ed25519Signer, Verifier
from audit.note import BadNote, named
from audit.witness import Shelf, Witness

USUAL_SECONDS = 60
LONGEST_SECONDS = 86_400
SAMPLE = """# 见证人配置。填写要见证的日志后运行 mandate witness。
name = "{name}"
key = "witness.key"
state = "state"
listen = "127.0.0.1:8090"

# [[logs]]
# origin = "日志名称"
# vkey = "日志的公钥，由自治区提供，须当面或电话核对"
# pull = "https://自治区服务地址"   # 本机在防火墙之后、外面连不进来时填写
# seconds = 60
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """A log to watch, one of its keys, and where to fetch its checkpoints if it does not bring them."""

    origin: str
    verifier: Verifier
    pull: str | None
    seconds: int


@dataclass(frozen=True, slots=True)
class Watch:
    """The configuration of a witness."""

    name: str
    key: Path
    state: Path
    listen: tuple[str, int] | None
    logs: tuple[Watched, ...]

    def witness(self) -> Witness:
        """The witness of this configuration."""
        logs: dict[str, list[Verifier]] = {}
        for each in self.logs:
            logs.setdefault(each.origin, []).append(each.verifier)
        try:
            signer = Ed25519Signer.load(self.key)
            cosigner = Cosigner(signer)
        except FileNotFoundError:
            raise Misconfigured(f"没有找到见证密钥 {self.key.name}，请先运行 mandate witness init 名称。") from None
        except BadNote as fault:
            raise Misconfigured(
                f"见证密钥不可用：{self.key.name}（须为见证密钥，且只有本人可读，chmod 600）。"
            ) from fault
        if signer.name != self.name:
            raise Misconfigured("配置中的 name 与密钥的名称不同，请改回密钥的名称。")
        return Witness(cosigner, logs, Shelf(self.state))


def init(config: Path, name: str) -> str:
    """Make a key and a configuration; the vkey to hand to the logs. What exists is never replaced."""
    if not named(name) or not name.isascii() or '"' in name or "\\" in name or not name.isprintable():
        raise Misconfigured("见证人名称应形如 witness.yanchi.nx.gov.cn：不含空格、引号和加号。")
    folder = config.absolute().parent
    key = folder / "witness.key"
    if config.exists() or key.exists():
        raise Misconfigured(f"{config.name} 或 {key.name} 已经存在，不会覆盖。一个见证人只建一次密钥。")
    folder.mkdir(parents=True, exist_ok=True)
    signer = Ed25519Signer.create(key, name, COSIGNATURE)
    config.write_text(SAMPLE.format(name=name), encoding="utf-8")
    return signer.verifier.vkey


def read(config: Path) -> Watch:
    """The configuration in this file; Misconfigured says what is wrong with it."""
    told = tables(config)
    _only(told, {"name", "key", "state", "listen", "logs"}, config.name)
    folder = config.absolute().parent
    listen = told.get("listen")
    logs = told.get("logs", [])
    if not isinstance(logs, list) or not logs:
        raise Misconfigured(f"{config.name} 中没有 [[logs]]，请填写要见证的日志。")
    watched = tuple(_log(each, config.name) for each in logs)
    address = None if listen is None else _address(listen, config.name)
    if address is None and not any(each.pull for each in watched):
        raise Misconfigured(f"{config.name} 中既没有 listen，也没有 pull，见证人什么也看不到。")
    return Watch(
        text(told, "name", config.name),
        folder / text(told, "key", config.name),
        folder / text(told, "state", config.name),
        address,
        watched,
    )


def tables(file: Path) -> dict[str, Any]:
    """The TOML of a file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise Misconfigured(f"无法读取 {file.name}，请检查路径，或先运行 mandate witness init 名称。") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise Misconfigured(f"{file.name} 不是正确的 TOML 文件。") from fault


def text(told: Mapping[str, Any], name: str, where: str) -> str:
    """A member that must be there and be text."""
    found = told.get(name)
    if not isinstance(found, str) or not found:
        raise Misconfigured(f"{where} 中缺少 {name}，或写法不对。")
    return found


def verifier(vkey: str, kind: int, where: str) -> Verifier:
    """The key of a vkey, of the kind that is wanted here."""
    try:
        found = Verifier.from_vkey(vkey)
    except BadNote as fault:
        raise Misconfigured(f"{where} 中的 vkey 不正确，请向对方重新索取。") from fault
    if found.kind != kind:
        wanted = "见证人" if kind == COSIGNATURE else "日志"
        raise Misconfigured(f"{where} 中的 vkey 不是{wanted}的公钥，请向对方重新索取。")
    return found


def _log(told: Any, where: str) -> Watched:
    if not isinstance(told, dict):
        raise Misconfigured(f"{where} 中的 logs 应写成 [[logs]]。")
    _only(told, {"origin", "vkey", "pull", "seconds"}, where)
    pull, seconds = told.get("pull"), told.get("seconds", USUAL_SECONDS)
    if pull is not None and not (isinstance(pull, str) and allowed(pull)):
        raise Misconfigured(f"{where} 中的 pull 应形如 https://mandate.example.gov.cn。")
    if type(seconds) is not int or not 1 <= seconds <= LONGEST_SECONDS:
        raise Misconfigured(f"{where} 中的 seconds 应为 1 至 {LONGEST_SECONDS} 的整数。")
    return Watched(
        text(told, "origin", where), verifier(text(told, "vkey", where), ED25519, where), pull, seconds
    )  # fmt: skip


def _address(told: Any, where: str) -> tuple[str, int]:
    host, _, port = told.rpartition(":") if isinstance(told, str) else ("", "", "")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 2**16:
        raise Misconfigured(f"{where} 中的 listen 应形如 127.0.0.1:8090。")
    return host.strip("[]"), int(port)


def _only(told: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(told) - known)
    if unknown:
        raise Misconfigured(f"{where} 中有不认识的项：{'、'.join(unknown)}。")
