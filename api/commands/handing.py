"""The handing out of tokens on the command line: for anybody in a demo world, else once and on record."""

from __future__ import annotations

import secrets
import time
from urllib.parse import urlencode

from api import founding, pep
from api.bootstrap import HandToken
from api.database import Database
from api.demo.client import Client
from api.identity import LONGEST_LIFETIME, BadKeys, Signer
from api.settings import Settings
from audit.act import Caller
from audit.batch import Laws
from audit.ledger import Ledger

ASKING = "p-1041"
"""The system administrator of the demo world, who may look people up."""


class NotHanded(Exception):
    """No token is handed out here, or not to this person. The text says why."""


def demo_signer(settings: Settings) -> Signer:
    """The issuer of a demo world; it exists nowhere else."""
    if not (settings.keys / f"{founding.DEMO}.key").exists():
        raise NotHanded(
            f"{settings.keys} 中没有演示环境的签发密钥：本命令只用于演示环境。请先执行 mandate run，或用 --data / --keys 指明演示数据的目录。"
        )
    return Signer.load(settings.keys, founding.DEMO)


def printed(signer: Signer, person: str) -> str:
    """A token of a demo world; it lasts for months, nothing there is real."""
    try:
        return signer.mint(person, signer.max_lifetime, time.time(), secrets.token_hex(16))
    except ValueError:
        raise NotHanded("人员编号应形如 p-1002。") from None


def first(client: Client, role: str | None, division: str | None) -> str:
    """The first person that the service lists under this role and division."""
    if role is None and division is None:
        raise NotHanded("请写明人员编号，或用 --role 和 --division 查找。")
    asked = {name: value for name, value in (("role", role), ("division", division)) if value}
    answer = client.get(ASKING, f"/v1/people?{urlencode(asked)}&limit=1")
    if not answer.ok or not answer.members.get("items"):
        raise NotHanded(answer.members.get("detail") or "没有找到符合条件的人员。")
    return str(answer.members["items"][0]["id"])


def once(settings: Settings, database: Database, person: str) -> str:
    """A token of ten minutes, handed out in the name of the first administrator, on record before it is printed."""
    lawbook = founding.read_lawbook(settings.policies)
    with founding.alone(database) as charter:
        administrator = charter.get("administrator")
    try:
        signer = Signer.load(settings.keys, founding.BOOTSTRAP)
    except BadKeys:
        administrator = None
    if administrator is None:
        raise NotHanded("尚无首任系统管理员，或本机没有其签发密钥。请先启动 mandate serve 并凭一次性口令登记。")
    jti = secrets.token_hex(16)
    _record(database, lawbook, HandToken(
        ref=pep.new_ref(), caller=Caller(administrator, int(time.time())), person=person, jti=jti,
        region=lawbook.law.divisions.roots()[0].code,
    ))  # fmt: skip
    return signer.mint(person, LONGEST_LIFETIME, time.time(), jti)


def _record(database: Database, laws: Laws, act: HandToken) -> None:
    ledger = Ledger(database.engine, laws)
    ledger.start()
    try:
        recorded = ledger.record(act)
    finally:
        ledger.stop()
    if recorded.refused is not None:
        raise recorded.refused
