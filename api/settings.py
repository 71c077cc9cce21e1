"""The settings: one frozen value, read once from the environment (`MANDATE_*`) and the options of the command line.

    MANDATE_LISTEN        127.0.0.1:8080         where to listen
    MANDATE_BASE_URL      http://<listen>        how others reach us; https unless that is this machine
    MANDATE_ORIGIN        (none)                 the name of the log, for ever
    MANDATE_DATA          ./var                  data folder of the embedded database
    MANDATE_DATABASE_URL  (embedded)             a PostgreSQL of your own
    MANDATE_OWNER_URL     (none)                 the owner's address of it; only migrates
    MANDATE_POLICIES      policies               the policy set
    MANDATE_WORKERS       1                      server processes
    MANDATE_KEYS          <data>/keys            signing keys and the issuers' public keys
    MANDATE_WITNESSES     (none)                 file that names the witnesses
    MANDATE_PROXIES       (none)                 networks whose forwarded addresses are believed, comma-separated

A wrong value is named by its setting and never repeated: it may hold a password.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import urlsplit

PREFIX = "MANDATE_"
MOST_WORKERS = 64
HIGHEST_PORT = 65535


class Misconfigured(Exception):
    """A setting is wrong or missing. The text is Chinese, names every such setting and says what to write."""


@dataclass(frozen=True)
class Settings:
    """Everything a deployment may decide. There is no other way in: nothing else reads the environment."""

    listen: str
    base_url: str
    origin: str | None
    data: Path
    database_url: str | None = field(repr=False)
    owner_url: str | None = field(repr=False)
    policies: Path
    workers: int
    keys: Path
    witnesses: Path | None
    proxies: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def read(cls, environ: Mapping[str, str], **overrides: str | None) -> Settings:
        """Options win over the environment; what is absent or empty has the default of the table above."""
        names = {entry.name for entry in fields(cls)}
        given = {name[len(PREFIX) :].lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
        given |= {name: text for name, text in overrides.items() if text is not None}
        _refuse_unknown(set(given) - names, names)
        return _build({name: text.strip() for name, text in given.items() if text.strip()})

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names a request may carry."""
        own = urlsplit(self.base_url).hostname or ""
        return tuple(dict.fromkeys((own, "localhost", "127.0.0.1", "[::1]") if _loopback(own) else (own,)))

    def for_service(self) -> Settings:
        """The same settings, if they are whole enough for `mandate serve`; else every missing one is named at once."""
        missing = []
        if self.origin is None:
            missing.append("MANDATE_ORIGIN（日志名称，一经启用不可更改，形如 mandate.xiangzhen.nx.gov.cn/log）")
        if not _loopback(self.address[0]) and not self.base_url.startswith("https://"):
            missing.append("MANDATE_BASE_URL（对外地址，须以 https:// 开头）")
        if missing:
            raise Misconfigured("尚未配置完整，不能启动正式服务。请设置：" + "；".join(missing) + "。")
        return self


def _refuse_unknown(unknown: set[str], names: set[str]) -> None:
    """A misspelt security setting must not pass for a default."""
    if not unknown:
        return
    told = []
    for name in sorted(unknown):
        near = difflib.get_close_matches(name, names, 1)
        told.append(f"{PREFIX}{name.upper()}" + (f"（是否应为 {PREFIX}{near[0].upper()}？）" if near else ""))
    raise Misconfigured("不认识的设置：" + "、".join(told) + "。请更正或删除后重新启动。")


def _build(given: dict[str, str]) -> Settings:
    faults: list[str] = []
    listen = _listen(given.get("listen", "127.0.0.1:8080"), faults)
    data = Path(given.get("data", "var")).absolute()
    policies = _folder(given.get("policies"), faults)
    workers = given.get("workers", "1")
    if not re.fullmatch("[0-9]{1,2}", workers) or not 1 <= int(workers) <= MOST_WORKERS:
        faults.append(f"MANDATE_WORKERS 应为 1 至 {MOST_WORKERS} 的整数")
    if "owner_url" in given and "database_url" not in given:
        faults.append("设置了 MANDATE_OWNER_URL 就必须同时设置 MANDATE_DATABASE_URL（应用账号的地址）")
    base_url = _base_url(given.get("base_url", f"http://{listen}"), faults)
    origin = _origin(given.get("origin"), faults)
    proxies = _networks(given.get("proxies", ""), faults)
    witnesses = Path(given["witnesses"]).absolute() if "witnesses" in given else None
    if witnesses is not None and not witnesses.is_file():
        faults.append("MANDATE_WITNESSES 应是一个可以读取的 TOML 文件（每个见证方一节 [[witness]]）")
    if faults:
        raise Misconfigured("设置有误：" + "；".join(faults) + "。请更正后重新启动。")
    return Settings(
        listen=listen,
        base_url=base_url,
        origin=origin,
        data=data,
        database_url=given.get("database_url"),
        owner_url=given.get("owner_url"),
        policies=policies,
        workers=int(workers),
        keys=Path(given["keys"]).absolute() if "keys" in given else data / "keys",
        witnesses=witnesses,
        proxies=proxies,
    )


def _folder(given: str | None, faults: list[str]) -> Path:
    folder = Path(given).absolute() if given else Path(__file__).resolve().parent.parent / "policies"
    if not folder.is_dir():
        faults.append("MANDATE_POLICIES 应是存放政策文件的文件夹")
    return folder


def _listen(text: str, faults: list[str]) -> str:
    host, _, port = text.rpartition(":")
    known = bool(re.fullmatch(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]", host))
    if not known or not re.fullmatch("[0-9]{1,5}", port) or int(port) > HIGHEST_PORT:
        faults.append("MANDATE_LISTEN 应形如 127.0.0.1:8080")
        return "127.0.0.1:8080"
    return text


def _base_url(text: str, faults: list[str]) -> str:
    """An origin (RFC 6454) and nothing more: scheme, host, port. Clear text never leaves the machine."""
    try:
        parts = urlsplit(text)
        whole = parts.port != 0 and bool(parts.hostname) and text.isascii() and not re.search(r"[\s\\]", text)
    except ValueError:
        faults.append("MANDATE_BASE_URL 应形如 https://mandate.example.gov.cn")
        return text
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    if not whole or extra or parts.scheme not in ("http", "https"):
        faults.append("MANDATE_BASE_URL 应形如 https://mandate.example.gov.cn，不带路径和账号")
    elif parts.scheme == "http" and not (_loopback(parts.hostname or "") or parts.hostname == "0.0.0.0"):  # noqa: S104 refused by for_service
        faults.append("MANDATE_BASE_URL 除本机外必须使用 https")
    return text.rstrip("/")


def _origin(text: str | None, faults: list[str]) -> str | None:
    """A checkpoint's first line: C2SP tlog-checkpoint wants no space and no plus in it, and no scheme."""
    if text is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[A-Za-z0-9._~-]+)*", text):
        faults.append("MANDATE_ORIGIN 应形如 mandate.example.gov.cn/log，不带 https:// 和空格")
    return text


def _networks(text: str, faults: list[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The believed proxies. A network that holds everybody would believe everybody."""
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            network = ipaddress.ip_network(part)
        except ValueError:
            faults.append("MANDATE_PROXIES 应为网段，多个以逗号分隔，形如 10.0.0.1/32,10.1.0.0/24")
            break
        if network.prefixlen == 0:
            faults.append("MANDATE_PROXIES 不能包含所有地址")
            break
        found.append(network)
    return tuple(found)


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
