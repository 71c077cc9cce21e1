"""A submission: what a log hands to a witness, the body of C2SP tlog-witness `add-checkpoint`.

    old 20852014                                      size of the checkpoint the witness holds
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=      consistency proof (RFC 6962 section 2.1.2), one hash a line
                                                      an empty line
    example.com/log                                   the signed checkpoint note
    ...

What `parse` accepts is exactly what `format` prints: it prints again and compares.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from audit import note
from audit.note import Note

MOST_HASHES = 63
LONGEST = 64 * 1024
HASH = 32
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_HIGHEST = 2**63 - 1


class Malformed(ValueError):
    """The bytes are no submission."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The size the witness is believed to hold, the proof from there, and the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """The submission these bytes are; anything `format` would not have printed is Malformed."""
        if len(body) > LONGEST:
            raise Malformed("too long")
        try:
            text = body.decode("utf-8")
            head, gap, rest = text.partition("\n\n")
            first, *hashes = head.split("\n")
            size = _OLD.fullmatch(first)
            if not gap or size is None or int(size[1]) > _HIGHEST or len(hashes) > MOST_HASHES:
                raise Malformed("no old size, too many hashes, or no empty line")
            found = cls(int(size[1]), tuple(map(_hash, hashes)), note.parse(rest))
        except (UnicodeDecodeError, note.BadNote) as error:
            raise Malformed("not a signed note") from error
        if found.format() != body:
            raise Malformed("another spelling of a submission")
        return found

    def format(self) -> bytes:
        """The body to send."""
        lines = [f"old {self.old}", *(base64.b64encode(each).decode() for each in self.proof)]
        return ("\n".join(lines) + "\n\n" + note.format(self.note)).encode()


def _hash(line: str) -> bytes:
    found = note.decoded(line)
    if len(found) != HASH:
        raise Malformed("a proof line is not a hash of 32 bytes")
    return found
