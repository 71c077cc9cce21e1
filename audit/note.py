"""A C2SP signed note: a text, a blank line, and one line per signature.

    mandate.nx.example/log
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
                                                            <- blank line
    — mandate.nx.example/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

A signature line holds a name and the base64 of a key id (4 bytes) and the signature proper. `parse` accepts only what
`format` prints. Nothing is verified here: who signed is asked by `audit.checkpoint`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

MOST = 100
"""Signatures a note may carry (C2SP signed-note asks for at least 16)."""
LARGEST = 1_000_000
ID_BYTES = 4
_DASH = "\N{EM DASH} "
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")


class BadNote(ValueError):
    """This is not a note that `format` would print."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note: the signer's name, the first four bytes of his key's hash, and the signature."""

    name: str
    key_id: bytes
    blob: bytes

    @property
    def line(self) -> str:
        """The line as printed, line end included."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.blob).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a line end, and its signatures in the order printed."""

    text: str
    signatures: tuple[Signature, ...]


def format(note: Note) -> str:
    """The note as printed; BadNote for one that has no printed form."""
    if not note.text.endswith("\n"):
        raise BadNote("the text of a note ends with a line end")
    if not 0 < len(note.signatures) <= MOST:
        raise BadNote(f"a note has 1 to {MOST} signatures")
    for each in note.signatures:
        if not named(each.name) or len(each.key_id) != ID_BYTES or not each.blob:
            raise BadNote("a signature has a name without blanks or plus, a key id of 4 bytes, and something after it")
    printed = f"{note.text}\n{''.join(each.line for each in note.signatures)}"
    if len(printed) > LARGEST or _CONTROL.search(printed):
        raise BadNote("a note is too long or holds control characters")
    try:
        printed.encode()
    except UnicodeEncodeError:
        raise BadNote("a note holds a lone surrogate") from None
    return printed


def parse(printed: str | bytes) -> Note:
    """The note that was printed so; BadNote unless `format` would print exactly this."""
    if isinstance(printed, bytes):
        try:
            printed = printed.decode()
        except UnicodeDecodeError:
            raise BadNote("a note is UTF-8") from None
    split = printed.rfind("\n\n")
    if split < 0 or len(printed) > LARGEST or not printed.endswith("\n"):
        raise BadNote("a note is a text, a blank line and signatures")
    text, lines = printed[: split + 1], printed[split + 2 :].split("\n")[:-1]
    if len(lines) > MOST:
        raise BadNote(f"a note has 1 to {MOST} signatures")
    note = Note(text, tuple(_signature(line) for line in lines))
    if format(note) != printed:
        raise BadNote("the note is not printed in its one form")
    return note


def named(name: str) -> bool:
    """Whether this may name a key or an origin: not empty, no blank of any script, no plus."""
    return bool(name) and "+" not in name and not any(each.isspace() for each in name)


def decoded(text: str) -> bytes:
    """The bytes of canonical padded base64 (RFC 4648 §4); BadNote for any other spelling."""
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise BadNote("not base64") from None
    if base64.b64encode(found).decode() != text:
        raise BadNote("not canonical base64")
    return found


def _signature(line: str) -> Signature:
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2:  # noqa: PLR2004 name and base64
        raise BadNote("a signature line is a dash, a name and base64")
    blob = decoded(parts[1])
    return Signature(parts[0], blob[:ID_BYTES], blob[ID_BYTES:])
