"""The rules on the command line: look a folder through, try its truth tables, compare it, and hand it in.

mandate policies lint [FOLDER]                 what is wrong with it; --division: with what a county wants to narrow
mandate policies test [FOLDER]                 every row of its truth tables
mandate policies diff [FOLDER]                 against what the service has in force; --against: two folders
mandate policies adopt FOLDER --reason TEXT    propose it over HTTP
mandate policies adopt DIGEST                  adopt what somebody else proposed
mandate policies restore FOLDER                put back the files of a law on record (`replacing`)

Whoever proposes and adopts is known by a token: MANDATE_TOKEN in the environment, or `--as PERSON` in a demo world.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from api import founding, policies
from api.commands import handing, replacing
from api.commands.progress import say
from api.demo.client import Answer, Client, Signs
from api.settings import Misconfigured, Settings
from authz import amendment, difference, lint, narrowing, policy, spec, table
from authz.pdp import Rule
from authz.policy import PolicySet

ACTIONS = ("lint", "test", "diff", "adopt", "restore")
FAILED = 1
HELD = "MANDATE_TOKEN"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PROPOSES, _ADOPTS = "p-1042", "p-1012"
"""Who does it in the demo world, unless said otherwise."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `mandate policies` takes."""
    parser.add_argument(
        "action", choices=ACTIONS, help="lint 检查，test 逐行核对真值表，diff 比较，adopt 提出或采用，restore 补回文件"
    )
    parser.add_argument("folder", nargs="?", help="规则文件夹；adopt 时也可写规则版本（64 位）")
    parser.add_argument("--against", type=Path, help="diff：与另一个文件夹比较，而不是与在用规则比较")
    parser.add_argument("--reason", help="adopt：提出的理由")
    parser.add_argument("--division", help="adopt、lint：所属区划；县级只能提出收窄本县权限的规则")
    parser.add_argument("--as", dest="person", help="adopt：演示环境中以谁的身份办理，如 p-1042")
    parser.add_argument("--url", help="adopt：服务地址")


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """One of the actions; its exit status."""
    if asked.action == "adopt":
        return _adopt(asked, settings)
    if asked.action == "restore":
        return replacing.run(asked.folder, settings)
    folder = Path(asked.folder).absolute() if asked.folder else settings.policies
    try:
        if asked.action == "diff":
            return _diff(folder, asked, settings)
        return _lint(folder, asked.division, settings) if asked.action == "lint" else _test(folder)
    except (OSError, ValueError) as fault:
        sys.stderr.write(f"{fault}\n")
        return FAILED


def _lint(folder: Path, division: str | None, settings: Settings) -> int:
    """A whole set; with a division, what a county wants to narrow, read under the rules of the folder in use."""
    if division:
        made = narrowing.parse(division, _narrowing(folder), policies.load(settings.policies))
        say(f"收窄 {len(made.forbids)} 项：没有发现问题。")
        say(f"规则版本 {made.digest}")
        return 0
    found = policies.files(folder)
    set_ = policy.parse(found)
    Rule.compile(set_)
    faults = lint.faults(set_)
    for each in faults:
        line = each.line(found[each.file])
        sys.stderr.write(f"{each.file}{f':{line}' if line else ''}: {each.zh} ({each.en})，依据 {each.clause}\n")
    for remark in lint.warnings(set_):
        say(f"提示 {remark.file}: {remark.zh}")
    told = f"规则 {len(set_.rows)} 条，职责分离 {len(set_.duties)} 条{_beside(folder)}"
    say(f"{told}：{f'{len(faults)} 处有误，不能采用。' if faults else '没有发现问题。'}")
    say(f"规则版本 {set_.digest}")
    return FAILED if faults else 0


def _beside(folder: Path) -> str:
    """What else lies in a folder that founds a new log, read whole as a start would; a policy set alone goes without."""
    if not (folder / "divisions").is_dir():
        return ""
    return f"，行政区划 {len(founding.read_lawbook(folder).law.divisions)} 个"


def _narrowing(folder: Path) -> dict[str, bytes]:
    return {narrowing.FILE: (folder / narrowing.FILE).read_bytes()}


def _test(folder: Path) -> int:
    found = {name: (folder / name).read_bytes() for name in spec.FILES if (folder / name).is_file()}
    failures, rows = spec.failures(found, policies.load(folder))
    for each in failures:
        sys.stderr.write(f"{each}\n")
    say(f"真值表 {rows} 行，不符 {len(failures)} 处。")
    return FAILED if failures else 0


def _diff(folder: Path, asked: argparse.Namespace, settings: Settings) -> int:
    new = policies.load(folder)
    old = policies.load(asked.against.absolute()) if asked.against else _in_force(asked, settings)
    lines = list(difference.told(difference.between(old, new), new))
    for each in lines:
        say(each)
    say(f"在用 {old.digest}" if asked.against is None else f"对照 {old.digest}")
    say(f"此套 {new.digest}：{f'{len(lines)} 处变化。' if lines else '内容相同。'}")
    return 0


def _in_force(asked: argparse.Namespace, settings: Settings) -> PolicySet:
    """The rules the service decides by, asked over HTTP: the folder on this machine says nothing about them."""
    person = asked.person or _ADOPTS
    with Client(asked.url or settings.base_url, _signer(settings)) as client:
        listed = client.get(person, "/v1/policies?limit=1")
        seen = client.get(person, f"/v1/policies/{listed.members.get('in_force')}") if listed.ok else listed
        if not seen.ok:
            raise handing.NotHanded(_told(seen))
    return policy.parse({name: text.encode() for name, text in seen.members["files"].items()})


def _signer(settings: Settings) -> Signs:
    token = os.environ.get(HELD)
    return Given(token) if token else handing.demo_signer(settings)


@dataclass(frozen=True)
class Given:
    """A token that somebody was handed, instead of a key that makes them."""

    token: str

    def mint(self, person: str, lifetime: int, now: float, jti: str) -> str:
        del person, lifetime, now, jti
        return self.token


def _adopt(asked: argparse.Namespace, settings: Settings) -> int:
    if not asked.folder:
        raise Misconfigured("请写明要提出的规则文件夹，或要采用的规则版本（64 位）。")
    with Client(asked.url or settings.base_url, _signer(settings)) as client:
        if _DIGEST.fullmatch(asked.folder):
            return _adopted(client, asked.folder, asked.person or _ADOPTS)
        return _proposed(client, Path(asked.folder), asked, settings)


def _proposed(client: Client, folder: Path, asked: argparse.Namespace, settings: Settings) -> int:
    if not asked.reason:
        raise Misconfigured("请用 --reason 写明提出的理由。")
    try:
        files = _narrowing(folder) if asked.division else policies.files(folder)
        if not asked.division:
            amendment.whole(files)
    except (OSError, table.BadTable) as fault:
        sys.stderr.write(f"{fault}\n")
        return FAILED
    body = {
        "division": asked.division or policies.load_divisions(settings.policies).roots()[0].code,
        "files": {name: data.decode() for name, data in files.items()}, "reason": asked.reason,
    }  # fmt: skip
    answer = client.ask(asked.person or _PROPOSES, "POST", "/v1/policies", body)
    if not answer.ok:
        return _refused(answer)
    for mark in ("gained", "lost"):
        for each in answer.members[mark]:
            say(f"{'+' if mark == 'gained' else '-'} {each}")
    say(f"已提出（记录 {answer.members['entry']}）。请另一位有权采用的同志核对后执行：")
    say(f"  mandate policies adopt {answer.members['policy']}")
    return 0


def _adopted(client: Client, digest: str, person: str) -> int:
    seen = client.get(person, f"/v1/policies/{digest}")
    if not seen.ok:
        return _refused(seen)
    answer = client.ask(person, "POST", f"/v1/policies/{digest}/adoption", None, if_match=seen.headers.get("etag", ""))
    if not answer.ok:
        return _refused(answer)
    say(f"已采用（记录 {answer.members['entry']}），自该条记录起生效：{digest}")
    return 0


def _refused(answer: Answer) -> int:
    sys.stderr.write(f"{_told(answer)}\n")
    return FAILED


def _told(answer: Answer) -> str:
    return str(answer.members.get("detail") or answer.members.get("title") or answer.status)
