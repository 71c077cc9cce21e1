"""The offline verifier of an evidence file: no database, no network, hashes and signatures only.

    {"checkpoint":"<signed note>","documents":[...],"entries":[{"bytes":"{...}","number":42,"path":["<base64>",...]},...],
     "format":"mandate-evidence/1","key":"<vkey>","number":42,"opened":[...],"places":[...],"policy":{...},"trace":[...]}

The file is RFC 8785 in the profile of an entry, but of any length up to `LARGEST`. `parse` accepts only what `printed`
prints. `verify` derives everything itself, the trace too, and says in Chinese what it found proved and what it did not.
All that can be wrong is one error, BadEvidence. Nothing of the service is needed beside `derivation`, `note`,
`checkpoint`, `proof` and `tree`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from audit import checkpoint, proof, tree
from audit.checkpoint import COSIGNATURE, Checkpoint, Verifier
from audit.derivation import BadEvidence, Plain, chain_of, trace
from audit.note import BadNote, decoded
from audit.note import parse as parse_note
from audit.proof import BadProof

FORMAT: Final = "mandate-evidence/1"
LARGEST: Final = 16_000_000
_BOUND = 2**53
_TAG = b"mandate/v1/sealed\x00"
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

__all__ = ["BadEvidence", "chain_of", "included", "loaded", "parse", "printed", "trace", "verify"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a file proves and what it leaves open, in plain sentences."""

    number: int
    checkpoint: Checkpoint
    witnesses: int
    proved: tuple[str, ...]
    unproved: tuple[str, ...]


# --- the form -------------------------------------------------------------------------------------------------------
_SHAPE: Final[Mapping[str, Any]] = {
    "format": str, "number": int, "checkpoint": str, "key": str, "places": [str],
    "entries": [{"number": int, "bytes": str, "path": [str]}],
    "policy": (None, {"digest": str, "files": {str: str}}),
    "documents": [{"sha256": str, "size": (None, int), "media_type": (None, str)}],
    "opened": [{"entry": int, "path": str, "salt": str, "value": str}],
    "trace": [{"check": str, "entry": int, "says": str}],
}  # fmt: skip


def printed(plain: Plain) -> bytes:
    """The one form of an evidence file; BadEvidence for a value that has none."""
    _shaped(plain, _SHAPE, "")
    try:
        found = _encode(plain).encode()
    except UnicodeEncodeError:
        raise BadEvidence("文件含有无效字符") from None
    if len(found) > LARGEST:
        raise BadEvidence("文件过大")
    return found


def parse(content: bytes) -> Plain:
    """The plain value of an evidence file; BadEvidence unless `printed` prints exactly these bytes."""
    if len(content) > LARGEST:
        raise BadEvidence("文件过大，不是证据文件")
    plain = loaded(content)
    _shaped(plain, _SHAPE, "")
    found: Plain = plain
    if found["format"] != FORMAT:
        raise BadEvidence("不是本版本能核对的证据文件")
    if printed(found) != content:
        raise BadEvidence("文件不是规范写法，可能被改动过")
    return found


def loaded(content: bytes) -> Any:
    """The value of these bytes of JSON."""
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError):
        raise BadEvidence("文件不是有效的 JSON") from None


def _shaped(value: Any, shape: Any, place: str) -> None:
    """Exactly this form and nothing more."""
    if isinstance(shape, tuple):
        if value is None:
            return
        shape = shape[1]
    if isinstance(shape, list):
        good = type(value) is list
        for number, each in enumerate(value if good else ()):
            _shaped(each, shape[0], f"{place}/{number}")
    elif shape == {str: str}:
        good = type(value) is dict and all(type(name) is str and name.isascii() for name in value)
        good = good and all(type(each) is str for each in value.values())
    elif isinstance(shape, Mapping):
        good = type(value) is dict and value.keys() == shape.keys()
        for name in shape if good else ():
            _shaped(value[name], shape[name], f"{place}/{name}")
    else:
        good = type(value) is shape and (shape is not int or 0 <= value < _BOUND)
    if not good:
        raise BadEvidence(f"文件的 {place or '/'} 处与格式不符")


# --- the proof ------------------------------------------------------------------------------------------------------
def verify(content: bytes, key: str | None = None, witnesses: Sequence[str] = ()) -> Told:
    """What this file proves. `key` is the log's vkey as the reader knows it from elsewhere, `witnesses` theirs."""
    plain = parse(content)
    stated, named = _opened_note(plain, key, witnesses)
    facts = included(plain, stated)
    if plain["number"] not in facts:
        raise BadEvidence("文件没有包含它所说明的那条记录")
    _policy_fits(plain, facts)
    if plain["trace"] != trace(plain["number"], facts, plain["policy"], plain["places"]):
        raise BadEvidence("判定过程与记录推不出同样的结论")
    _opened_fit(plain, facts)
    proved = (*_proved(plain, facts, stated, key), *((f"有 {named} 个您指定的见证人签过同一检查点",) if named else ()))
    return Told(plain["number"], stated, named, proved, tuple(_unproved(plain, key, named)))


def _opened_note(plain: Plain, key: str | None, witnesses: Sequence[str]) -> tuple[Checkpoint, int]:
    if key is not None and key != plain["key"]:
        raise BadEvidence("文件中的日志公钥不是您给出的公钥")
    try:
        log = Verifier.from_vkey(plain["key"])
        others = [Verifier.from_vkey(each) for each in dict.fromkeys(witnesses)]
        stated, good = checkpoint.open(plain["checkpoint"], [log, *others])
    except BadNote:
        raise BadEvidence("检查点的签名与公钥不符") from None
    if log.kind == COSIGNATURE or log.name != stated.origin or (log.name, log.key_id) not in {
        (each.name, each.key_id) for each in good
    }:  # fmt: skip
        raise BadEvidence("检查点没有日志自己的签名")
    return stated, len({(each.name, each.key_id) for each in good}) - 1


def included(plain: Plain, stated: Checkpoint) -> dict[int, Plain]:
    """The entries by number, each parsed; BadEvidence unless every one is proved to stand in the signed tree."""
    found: dict[int, Plain] = {}
    last = -1
    for each in plain["entries"]:
        number, content = each["number"], each["bytes"].encode()
        if number <= last:
            raise BadEvidence("文件中的记录没有按编号排列")
        last = number
        try:
            path = [decoded(one) for one in each["path"]]
            proof.verify_inclusion(number, stated.size, tree.leaf(content), path, stated.root)
        except (BadNote, BadProof):
            raise BadEvidence(f"记录 {number} 不在签名的日志中，或内容被改动过") from None
        entry = loaded(content)
        if type(entry) is not dict or entry.get("number") != number or type(entry.get("fact")) is not dict:
            raise BadEvidence(f"记录 {number} 的内容不是一条记录")
        found[number] = entry
    return found


def _policy_fits(plain: Plain, entries: Mapping[int, Plain]) -> None:
    policy = plain["policy"]
    if policy is None:
        return
    whole = hashlib.sha256()
    for name, text in sorted(policy["files"].items()):
        content = text.encode()
        whole.update(b"%s\0%d\0%s" % (name.encode(), len(content), content))
    if whole.hexdigest() != policy["digest"] or entries[plain["number"]]["fact"].get("policy") != policy["digest"]:
        raise BadEvidence("规则原文与记录中的规则摘要不符")


def _opened_fit(plain: Plain, entries: Mapping[int, Plain]) -> None:
    for each in plain["opened"]:
        try:
            salt = bytes.fromhex(each["salt"])
        except ValueError:
            raise BadEvidence("随机数的写法不正确") from None
        made = hashlib.sha256(_TAG + salt + each["path"].encode() + b"\x00" + each["value"].encode()).hexdigest()
        fact = entries.get(each["entry"], {}).get("fact")
        if fact is None or len(salt) != 16 or f'"{made}"' not in _encode(fact):  # noqa: PLR2004 bytes of a salt
            raise BadEvidence(f"打开的值与记录 {each['entry']} 中的承诺不符")


# --- the words ------------------------------------------------------------------------------------------------------
def _proved(plain: Plain, entries: Mapping[int, Plain], stated: Checkpoint, key: str | None) -> Iterable[str]:
    entry = entries[plain["number"]]
    signer = "您给出的公钥" if key is not None else "文件自带的公钥"
    yield f"记录 {plain['number']}（{entry['fact']['kind']}，{entry.get('at')}）逐字节在日志 {stated.origin} 中"
    yield f"检查点（共 {stated.size} 条）由{signer}签名，文件中的 {len(entries)} 条记录都在其中"
    steps = plain["trace"]
    links = [str(each["entry"]) for each in steps if each["check"] == "chain"]
    if links:
        yield f"授权链完整：{' → '.join(links)}，逐级持有，自上而下"
    moved = sum(each["check"] == "confirmed" for each in steps)
    if moved:
        yield f"区划调整后，授权链中有 {moved} 次确认，授权在接替的区划继续有效"
    for each in steps:
        if each["check"] == "document" and each["says"] != "None":
            yield f"授权链的起点是文件 {each['says']}（记录 {each['entry']}）"
        if each["check"] == "rule":
            yield f"所依据的规则原文：{each['says']}，规则全文与记录中的摘要一致"
        if each["check"] == "refused":
            yield f"这是一次不予办理，原因代码 {each['says']}"
    if plain["opened"]:
        yield f"打开的 {len(plain['opened'])} 项原值与当时写下的承诺一致"


def _unproved(plain: Plain, key: str | None, named: int) -> Iterable[str]:
    if key is None:
        yield "公钥是否属于该日志：文件自带的公钥人人可造，请用 --key 给出您从别处得知的公钥"
    if not named:
        others = len(parse_note(plain["checkpoint"]).signatures) - 1
        yield f"有没有另一份不同的日志：没有核对见证签名（文件中有 {others} 个），请用 --witness 给出见证人公钥，或核对纸质检查点"
    yield "有没有文件未列出的其他记录，例如之后的收回、停用；这要查阅日志本身"
    yield "所记内容是否真实：日志证明先后和未被改动，不证明所填情况属实"
    if plain["places"]:
        yield "区划的上下级关系由服务方陈述，请与公布的区划版本核对"
    if plain["documents"]:
        yield f"附件本身不在文件中，只有 {len(plain['documents'])} 个摘要，请用 sha256sum 核对原件"
    if plain["policy"] is None:
        yield "规则全文不在文件中"
    if not plain["opened"]:
        yield "原值不在文件中，只有承诺，没有随机数就看不出也改不了"
