"""Published test vectors run against our code: `python -m tests.conformance FOLDER` (`make conformance VECTORS=FOLDER`).

The folder holds vectors of other projects, each kind where its name is found; what is not there is not run, and a kind
that is there must hold at least one case. Nothing of it is copied into this repository. The vectors of our own, in
`tests/vectors`, have the same forms, and `make test` runs them.

    merkle/inclusion/**.json            inclusion proofs, right and perturbed (transparency-dev/merkle)
    merkle/consistency/**.json          consistency proofs, the same
    rfc6962_reference_tree.json         leaf hashes and roots of a tree of eight leaves
    signed_note.json                    notes, keys, and what is malformed (golang.org/x/mod/sumdb/note, C2SP)
    jcs/testdata/{input,output}         RFC 8785 pairs, in the whole encoder and in that of entries
    sm3.json                            SM3 (GB/T 32905-2016)
"""

from __future__ import annotations

import base64
import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from audit import canonical, checkpoint, note, proof
from audit.canonical import Malformed
from audit.checkpoint import Ed25519Signer, Verifier
from audit.note import BadNote, Note, Signature
from audit.proof import BadProof
from audit.tree import SM3, Edge, leaf

Case = tuple[str, Callable[[], bool]]
"""A name, and a question that is answered yes if we do as the vector wants."""


def cases(folder: Path) -> Iterator[tuple[str, Case]]:
    """Every case of a folder with its kind."""
    for kind, found in KINDS.items():
        yield from ((kind, case) for case in found(folder))


# --- the tree -------------------------------------------------------------------------------------------------------
def inclusion(folder: Path) -> Iterator[Case]:
    for name, told in _files(folder, "merkle/inclusion"):
        yield name, partial(_included, told)


def _included(told: dict[str, Any]) -> bool:
    hashes = [_bytes(each) for each in told["proof"] or ()]
    try:
        proof.verify_inclusion(
            told["leafIdx"], told["treeSize"], _bytes(told["leafHash"]), hashes, _bytes(told["root"])
        )
    except BadProof:
        return bool(told["wantErr"])
    return not told["wantErr"]


def consistency(folder: Path) -> Iterator[Case]:
    for name, told in _files(folder, "merkle/consistency"):
        yield name, partial(_consistent, told)


def _consistent(told: dict[str, Any]) -> bool:
    hashes = [_bytes(each) for each in told["proof"] or ()]
    roots = _bytes(told["root1"]), _bytes(told["root2"])
    try:
        proof.verify_consistency(told["size1"], told["size2"], *roots, hashes)
    except BadProof:
        return bool(told["wantErr"])
    return not told["wantErr"]


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def reference(folder: Path) -> Iterator[Case]:
    for _, told in _files(folder, "rfc6962_reference_tree.json"):
        leaves = [leaf(bytes.fromhex(each)) for each in told["leaf_inputs_hex"]]
        for number, want in enumerate(told["leaf_hashes"]):
            yield f"leaf {number}", partial(_same, leaves[number].hex(), want)
        for size, want in enumerate(told["roots_by_size"]):
            yield f"root of {size}", partial(_same, Edge().extend(leaves[:size]).root.hex(), want)


def _same(found: object, want: object) -> bool:
    return found == want


# --- notes ----------------------------------------------------------------------------------------------------------
def notes(folder: Path) -> Iterator[Case]:
    for _, told in _files(folder, "signed_note.json"):
        yield "sign", partial(_signed, told)
        for number, each in enumerate(told["verify"]):
            yield f"verify {each.get('name', number)}", partial(_verified, each)
        malformed = [*told["malformed"], *(each.encode("latin-1") for each in told["malformed_bytes_latin1"])]
        for number, text in enumerate(malformed):
            yield f"malformed {number}", partial(_refused, note.parse, [text])
        for number, text in enumerate(told["bad_vkeys"]):
            yield f"bad key {number}", partial(_refused, Verifier.from_vkey, [text])
        whole = told["verify"][0]["vkeys"][0]
        yield "every piece of a key", partial(_refused, Verifier.from_vkey, [*pieces(whole)])
        yield "every byte of a key", partial(_refused, Verifier.from_vkey, [*steps(whole)])


def _signed(told: dict[str, Any]) -> bool:
    signer = Ed25519Signer.from_skey(told["test_signing_key_public_fixture"] + "\n")
    text = told["sign"]["text"]
    made = Note(text, (Signature(signer.name, signer.verifier.key_id, signer.sign(text.encode())),))
    return note.format(made) == told["sign"]["want"]


def _verified(told: dict[str, Any]) -> bool:
    try:
        found = note.parse(told["note"])
        good = checkpoint.verify(found, [Verifier.from_vkey(each) for each in told["vkeys"]])
    except BadNote:
        return "error" in told
    known = [each.name for each in good]
    rest = [each.name for each in found.signatures if each not in good]
    return "error" not in told and (known, rest) == (told["verified"], told["unverified"])


def _refused(read: Callable[[Any], object], texts: list[Any]) -> bool:
    for each in texts:
        try:
            read(each)
        except BadNote:
            continue
        return False
    return True


def pieces(text: str) -> Iterator[str]:
    """Every proper piece of a text."""
    for begin in range(len(text)):
        yield from (text[begin:end] for end in range(begin, len(text) + 1) if end - begin < len(text))


def steps(text: str) -> Iterator[str]:
    """The text with each byte one higher."""
    for place in range(len(text)):
        yield text[:place] + chr(ord(text[place]) + 1) + text[place + 1 :]


# --- bytes ----------------------------------------------------------------------------------------------------------
def canonicals(folder: Path) -> Iterator[Case]:
    """Pairs of RFC 8785, byte for byte."""
    for name, plain, want in _pairs(folder):
        yield name, partial(_printed, plain, want)


def profile(folder: Path) -> Iterator[Case]:
    """The same pairs in the encoder of entries: the same bytes where our narrow profile has the value, else a refusal."""
    for name, plain, want in _pairs(folder):
        yield name, partial(_admitted, plain, want if narrow(plain) else None)


def _pairs(folder: Path) -> Iterator[tuple[str, Any, bytes]]:
    for file in sorted((folder / "jcs/testdata/input").glob("*.json")):
        plain = json.loads(file.read_bytes(), parse_int=_number)
        yield file.stem, plain, (folder / "jcs/testdata/output" / file.name).read_bytes()


def _number(text: str) -> int | float:
    """Numbers of JSON are doubles (RFC 8785, section 3.2.2.3); integers that are exact stay what they are."""
    return float(text) if abs(int(text)) >= 2**53 else int(text)


def _printed(plain: Any, want: bytes) -> bool:
    return canonical.rfc8785(plain) == want


def _admitted(plain: Any, want: bytes | None) -> bool:
    try:
        return canonical.canonical(plain) == want
    except Malformed:
        return want is None


def narrow(plain: Any) -> bool:
    """Whether docs/formats.md has bytes for this value: ASCII names, integers, text in normal form C."""
    if isinstance(plain, dict):
        return all(name.isascii() and narrow(each) for name, each in plain.items())
    if isinstance(plain, list):
        return all(map(narrow, plain))
    if isinstance(plain, str):
        return unicodedata.is_normalized("NFC", plain)
    return plain is None or isinstance(plain, int)


def sm3(folder: Path) -> Iterator[Case]:
    for _, told in _files(folder, "sm3.json"):
        for content, want in told["sm3"]:
            found = SM3(bytes.fromhex(content)).hexdigest()
            yield f"sm3 of {len(content) // 2} bytes", partial(_same, found, want)


def _files(folder: Path, place: str) -> Iterator[tuple[str, Any]]:
    """The vectors below a place: one a file, or a list of them, each named by what was done to it."""
    found = folder / place
    for file in [found] if found.is_file() else sorted(found.rglob("*.json")):
        told = json.loads(file.read_bytes())
        name = file.relative_to(folder).as_posix()
        yield from ((f"{name}: {each['desc']}", each) for each in told) if isinstance(told, list) else [(name, told)]


KINDS: dict[str, Callable[[Path], Iterator[Case]]] = {
    "inclusion proofs": inclusion,
    "consistency proofs": consistency,
    "reference tree": reference,
    "signed notes": notes,
    "canonical JSON": canonicals,
    "entry profile": profile,
    "SM3": sm3,
}


def main(folder: str) -> int:
    """Run every case of a folder, print a line per kind, and answer whether all of them held."""
    ran, failed = Counter[str](), []
    for kind, (name, question) in cases(Path(folder)):
        ran[kind] += 1
        if not question():
            failed.append(f"{kind}: {name}")
    for kind, count in ran.items():
        wrong = sum(each.startswith(f"{kind}: ") for each in failed)
        sys.stdout.write(f"{kind:<20} {count - wrong:>4} of {count:>4} as published\n")
    sys.stdout.writelines(f"NOT as published: {each}\n" for each in failed)
    if not ran:
        sys.stdout.write("no vectors found in this folder\n")
    return 0 if ran and not failed else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.conformance FOLDER")
    sys.exit(main(sys.argv[1]))
