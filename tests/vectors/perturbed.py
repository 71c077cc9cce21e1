"""Right proofs, notes and values, and each with one thing wrong."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = Path(__file__).parent
LEAVES = [f"entry {number}".encode() for number in range(40)]
INCLUDED = ((1, 0), (2, 1), (3, 2), (5, 4), (7, 3), (8, 5), (13, 12), (33, 32), (40, 17))
GROWN = ((1, 2), (1, 3), (2, 5), (3, 7), (4, 8), (6, 8), (7, 13), (32, 33), (21, 40))
EMPTY = hashlib.sha256(b"").digest()
TEXT = "mandate.test/log\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
ALICE, BOB = "alice.example/log", "bob.example/log"


# --- the definitions of RFC 6962 section 2.1, word for word -------------------------------------------------------------
def leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def mth(contents: Sequence[bytes]) -> bytes:
    if len(contents) < 2:
        return leaf(contents[0]) if contents else EMPTY
    cut = half(len(contents))
    return hashlib.sha256(b"\x01" + mth(contents[:cut]) + mth(contents[cut:])).digest()


def half(width: int) -> int:
    cut = 1
    while cut * 2 < width:
        cut *= 2
    return cut


def path(index: int, contents: Sequence[bytes]) -> list[bytes]:
    if len(contents) < 2:
        return []
    cut = half(len(contents))
    if index < cut:
        return [*path(index, contents[:cut]), mth(contents[cut:])]
    return [*path(index - cut, contents[cut:]), mth(contents[:cut])]


def subproof(first: int, contents: Sequence[bytes], whole: bool) -> list[bytes]:
    if first == len(contents):
        return [] if whole else [mth(contents)]
    cut = half(len(contents))
    if first <= cut:
        return [*subproof(first, contents[:cut], whole), mth(contents[cut:])]
    return [*subproof(first - cut, contents[cut:], False), mth(contents[:cut])]


# --- one thing wrong ------------------------------------------------------------------------------------------------
def hashes(proof: list[bytes], root: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A path with one thing wrong."""
    yield "trailing garbage", [*proof, b""]
    yield "preceding garbage", [b"", *proof]
    yield "trailing root", [*proof, root]
    yield "preceding root", [root, *proof]
    if proof:
        middle = len(proof) // 2
        yield "removed component", [*proof[:middle], *proof[middle + 1 :]]
        yield "inserted component", [*proof[:middle], EMPTY, *proof[middle:]]
        yield "component of 31 bytes", [proof[0][:31], *proof[1:]]
        yield "component of 33 bytes", [proof[0] + b"\x00", *proof[1:]]
    if len(proof) > 1 and proof[0] != proof[1]:
        yield "swapped components", [proof[1], proof[0], *proof[2:]]
    for place, each in enumerate(proof):
        yield f"modified proof[{place}] bit 3", [*proof[:place], bent(each), *proof[place + 1 :]]


def roots(root: bytes) -> Iterator[tuple[str, bytes]]:
    """A root with one thing wrong."""
    yield "empty root", b""
    yield "random root", leaf(b"somewhere else")
    yield "modified root bit 3", bent(root)
    yield "root of 31 bytes", root[:31]
    yield "root of nothing", EMPTY


def bent(hashed: bytes) -> bytes:
    return bytes((hashed[0] ^ 8,)) + hashed[1:]


def inclusion(size: int, index: int) -> list[dict[str, Any]]:
    right = {
        "leafIdx": index, "treeSize": size, "root": mth(LEAVES[:size]), "leafHash": leaf(LEAVES[index]),
        "proof": path(index, LEAVES[:size]), "desc": "happy path", "wantErr": False,
    }  # fmt: skip
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("index plus 1", {"leafIdx": index + 1}), ("index minus 1", {"leafIdx": index - 1}),
        ("index xor 2", {"leafIdx": index ^ 2}), ("index is the size", {"leafIdx": size}),
        ("size times 2", {"treeSize": size * 2}), ("size by 2", {"treeSize": size // 2}), ("size 0", {"treeSize": 0}),
        ("wrong leaf", {"leafHash": leaf(b"another entry")}), ("empty leaf", {"leafHash": b""}),
        ("leaf is the entry", {"leafHash": LEAVES[index]}),
    ]  # fmt: skip
    wrong += [(name, {"root": each}) for name, each in roots(right["root"])]
    wrong += [(name, {"proof": each}) for name, each in hashes(right["proof"], right["root"])]
    if right["proof"]:
        # Both together hash to the same node: only the length of each hash tells.
        both, first = right["leafHash"], right["proof"][0]
        right_hand = index % 2 == 0 and index + 1 < size
        moved = (both[:31], both[31:] + first) if right_hand else (both[1:], first + both[:1])
        wrong.append(
            ("byte moved from leaf to proof", {"leafHash": moved[0], "proof": [moved[1], *right["proof"][1:]]})
        )
    return _written(right, wrong)


def consistency(first: int, second: int) -> list[dict[str, Any]]:
    right = {
        "size1": first, "size2": second, "root1": mth(LEAVES[:first]), "root2": mth(LEAVES[:second]),
        "proof": subproof(first, LEAVES[:second], True), "desc": "happy path", "wantErr": False,
    }  # fmt: skip
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("sizes swapped", {"size1": second, "size2": first}), ("size 1 is 0", {"size1": 0}),
        ("size 1 is 0 and nothing shown", {"size1": 0, "root1": EMPTY, "proof": []}),
        ("size 1 negative", {"size1": -1}), ("sizes equal", {"size1": second}),
        ("size 1 plus 1", {"size1": first + 1}), ("size 1 minus 1", {"size1": first - 1}),
        ("size 2 times 4", {"size2": second * 4}),
        ("roots swapped", {"root1": right["root2"], "root2": right["root1"]}),
        ("roots equal", {"root1": right["root2"]}),
        ("another first history", {"root1": mth([b"forged", *LEAVES[1:first]])}),
        ("another second history", {"root2": mth([b"forged", *LEAVES[1:second]])}),
    ]  # fmt: skip
    wrong += [(f"{name} 1", {"root1": each}) for name, each in roots(right["root1"])]
    wrong += [(f"{name} 2", {"root2": each}) for name, each in roots(right["root2"])]
    wrong += [(name, {"proof": each}) for name, each in hashes(right["proof"], right["root2"])]
    return _written(right, wrong)


def _written(right: dict[str, Any], wrong: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    found = [right, *(right | change | {"desc": name, "wantErr": True} for name, change in wrong)]
    return [{name: _plain(value) for name, value in each.items()} for each in found]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return [_plain(each) for each in value] if isinstance(value, list) else value


# --- notes ----------------------------------------------------------------------------------------------------------
def key(name: str, kind: int = 1) -> tuple[str, str, Ed25519PrivateKey, bytes]:
    """skey, vkey, private half and key id of a name; the seed is the name's hash."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    tagged = bytes((kind,)) + private.public_key().public_bytes_raw()
    ident = hashlib.sha256(name.encode() + b"\n" + tagged).digest()[:4]
    coded = base64.b64encode(bytes((kind,)) + private.private_bytes_raw()).decode()
    return (
        f"PRIVATE+KEY+{name}+{ident.hex()}+{coded}", f"{name}+{ident.hex()}+{base64.b64encode(tagged).decode()}", private, ident,
    )  # fmt: skip


def line(name: str, text: str = TEXT, time: int | None = None) -> str:
    """The signature line of a name under a text; with a time, a cosignature."""
    _, _, private, ident = key(name, 1 if time is None else 4)
    blob = private.sign(text.encode())
    if time is not None:
        blob = time.to_bytes(8, "big") + private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    return f"— {name} {base64.b64encode(ident + blob).decode()}\n"


def note() -> dict[str, Any]:
    alice, bob, seen = line(ALICE), line(BOB), line(BOB, time=1_800_000_000)
    a, b, w = key(ALICE)[1], key(BOB)[1], key(BOB, 4)[1]
    whole = f"{TEXT}\n{alice}"
    forged = line(ALICE, "another text\n")

    def verify(name: str, lines: str, vkeys: list[str], *good: str, rest: Sequence[str] = ()) -> dict[str, Any]:
        told = {"name": name, "note": f"{TEXT}\n{lines}", "vkeys": vkeys}
        return told | ({"verified": list(good), "unverified": list(rest)} if good else {"error": name})

    return {
        "test_signing_key_public_fixture": key(ALICE)[0],
        "sign": {"text": TEXT, "want": whole},
        "verify": [
            verify("one signature", alice, [a], ALICE),
            verify("unknown signature kept", alice + bob, [a], ALICE, rest=[BOB]),
            verify("two signatures", alice + bob, [b, a], ALICE, BOB),
            verify("cosignature", alice + seen, [a, w], ALICE, BOB),
            verify("cosignature alone", seen, [w], BOB),
            verify("no known key", alice, [b]),
            verify("no key", alice, []),
            verify("key given twice", alice, [a, a]),
            verify("signature of another text", forged, [a]),
            verify("good and bad of one key", alice + forged, [a]),
            verify("known key bad, other good", forged + bob, [a, b]),
            verify("cosignature taken for a signature", seen, [b]),
            verify("time of a cosignature changed", seen.replace(seen.split()[2], _later(seen.split()[2])), [w]),
            verify("100 signatures", alice + bob * 99, [a], ALICE, rest=[BOB] * 99),
            verify("101 signatures", alice + bob * 100, [a]),
        ],
        "malformed": [
            "", "\n", TEXT, TEXT + "\n", whole[:-1], whole + "\n", whole + "more\n", "\x07" + whole, "\t" + whole,
            whole.replace("\n", "\r\n"), whole.replace("—", "-"), whole.replace("— ", "—"), whole.replace("— ", "—\u00a0"),
            whole.replace(ALICE, "alice example"), whole.replace(ALICE, "alice+example"), whole[:-2] + "\n",
            f"{TEXT}\n— {ALICE} \n", f"{TEXT}\n— {ALICE} AAAAAA==\n", f"{TEXT}\n—  AAAAAAAA\n", f"{TEXT}\n— {ALICE} AAAAAAAA AAAA\n",
        ],
        "malformed_bytes_latin1": ["ÿ" + TEXT + "\n", "a\n\n\x97 x AAAAAAAA\n"],
        "bad_vkeys": ["", "+", a + "=", a.upper(), a.replace("+", " "), key(ALICE, 2)[1], f"{ALICE}+{key(ALICE)[3].hex()}+AQ=="],
    }  # fmt: skip


def _later(coded: str) -> str:
    content = bytearray(base64.b64decode(coded))
    content[11] ^= 1
    return base64.b64encode(bytes(content)).decode()


# --- bytes ----------------------------------------------------------------------------------------------------------
PAIRS = {
    "members by name": ('{"b": 1, "a": [ true, false, null ], "A": {}}', '{"A":{},"a":[true,false,null],"b":1}'),
    "shortest escapes": ('"\\u0041\\/\\u000a\\u0001\\u007f\\"\\\\"', '"A/\\n\\u0001\x7f\\"\\\\"'),
    "text stays": ('"\\u76d0\\u6c60\\ud83d\\ude02"', '"盐池😂"'),
    "largest integers": ("[9007199254740991, -9007199254740991, 0]", "[9007199254740991,-9007199254740991,0]"),
    "fraction": ("[1.5]", "[1.5]"),
    "exponent": ("[1e3]", "[1000]"),
    "name beyond ASCII": ('{"é": 1}', '{"é":1}'),
    "text not in form C": ('"A\\u030a"', '"A\u030a"'),
    "names by UTF-16 unit": (
        '{"\\ufb33": 1, "\\ud83d\\ude00": 2, "\\u20ac": 3, "\\r": 4, "1": 5}',
        '{"\\r":4,"1":5,"\u20ac":3,"\U0001f600":2,"\ufb33":1}',
    ),
    "exponents begin": (
        "[1e21, 999999999999999900000, 1e-6, 1e-7, -1.5e-9, 1.5e+300]",
        "[1e+21,999999999999999900000,0.000001,1e-7,-1.5e-9,1.5e+300]",
    ),
    "ends of the doubles": (
        "[5e-324, 1.7976931348623157e308, -0.0, -0, 2.2250738585072014e-308]",
        "[5e-324,1.7976931348623157e+308,0,0,2.2250738585072014e-308]",
    ),
    "shortest digits": (
        "[0.1, 0.30000000000000004, 333333333.33333329, 4.50, 100.0, 1E30, 123456789012345680000]",
        "[0.1,0.30000000000000004,333333333.3333333,4.5,100,1e+30,123456789012345680000]",
    ),
    "beyond 2**53": (
        "[9007199254740992, 9007199254740994, 1152921504606846976]",
        "[9007199254740992,9007199254740994,1152921504606847000]",
    ),
    "all short escapes": ('"\\u0008\\u0009\\u000c\\u000d\\u001f\\u2028\\u0000"', '"\\b\\t\\f\\r\\u001f\u2028\\u0000"'),
    "empty things": ('{"": [], "a": {}, "b": ""}', '{"":[],"a":{},"b":""}'),
}

ABC = (
    ("616263", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    ("61626364" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
)
"""The examples of GB/T 32905-2016, annex A."""


def write(folder: Path) -> None:
    """Every file of the folder."""
    files: dict[str, Any] = {"signed_note.json": note()}
    files |= {f"merkle/inclusion/{index}-of-{size}.json": inclusion(size, index) for size, index in INCLUDED}
    files |= {f"merkle/consistency/{first}-to-{second}.json": consistency(first, second) for first, second in GROWN}
    files["rfc6962_reference_tree.json"] = {
        "leaf_inputs_hex": [each.hex() for each in LEAVES], "leaf_hashes": [leaf(each).hex() for each in LEAVES],
        "roots_by_size": [mth(LEAVES[:size]).hex() for size in range(len(LEAVES) + 1)],
    }  # fmt: skip
    files["sm3.json"] = {"sm3": ABC}
    for name, told in files.items():
        _put(folder / name, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    for name, (given, want) in PAIRS.items():
        _put(folder / f"jcs/testdata/input/{name}.json", given)
        _put(folder / f"jcs/testdata/output/{name}.json", want)


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
