"""Lines of an import: read from a stream of any length, a piece at a time, each with its form and its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from api import edits, pep, problems
from api.edits import EditBody
from api.pep import Wish
from api.wire import boundary, fields
from audit.act import Sealed
from authz import hindsight, refusal
from authz.edit import Edit
from authz.hindsight import Judgement
from authz.refusal import Refusal

PIECE = 200
ROOM = 2 * boundary.MEGABYTE
"""A piece is so many lines, or so many bytes."""
LONGEST = 64 * boundary.KILOBYTE


class ImportLine(EditBody):
    ref: fields.Mark
    person: fields.PersonId
    occurred_at: fields.Instant


@dataclass(slots=True)
class Line:
    """One line: its place, its form, and what it comes to before it is recorded."""

    place: int
    wish: Wish[ImportLine]
    name: str = ""
    edit: Edit | None = None
    sealed: tuple[Sealed, ...] = ()
    found: Judgement | None = None
    told: bytes | None = None

    @property
    def body(self) -> ImportLine:
        return self.wish.take()


async def lines(chunks: AsyncIterator[bytes], limit: int = LONGEST) -> AsyncIterator[bytes | None]:
    """The lines of a stream; None for one that is too long, of which no more than the limit is ever held."""
    rest, over = b"", False
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield None if over or len(line) > limit else line.removesuffix(b"\r")
            over = False
        if len(rest) > limit:
            rest, over = b"", True
    if over or rest:
        yield None if over else rest


async def pieces(chunks: AsyncIterator[bytes], source: str) -> AsyncIterator[list[Line]]:
    """The lines read, some at a time; no ref stands twice in a piece."""
    piece: list[Line] = []
    names: set[str] = set()
    size = place = 0
    async for raw in lines(chunks):
        place += 1
        if raw is not None and not raw.strip():
            continue
        line = _read(place, raw, source)
        if piece and (line.name in names or len(piece) == PIECE or size > ROOM):
            yield piece
            piece, names, size = [], set(), 0
        piece.append(line)
        names |= {line.name} if line.name else set()
        size += len(raw or b"")
    if piece:
        yield piece


def _read(place: int, raw: bytes | None, source: str) -> Line:
    if raw is None:
        return Line(place, Wish(None), told=problem(place, refusal.TooLarge("本行超过 64 KB，请拆分或删减后重新提交")))
    try:
        wish = pep.shaped(pep.gate_parsed(raw), ImportLine)
    except Refusal as fault:  # no JSON at all
        return Line(place, Wish(None), told=problem(place, fault))
    if wish.got is None:
        return Line(place, wish, told=problem(place, wish.fault or refusal.Misshapen()))
    sealed, commitments = pep.seal(edits.values(wish.got))
    return Line(place, wish, hindsight.name(source, wish.got.ref), edits.edit(wish.got, commitments), sealed)


def problem(place: int, fault: Refusal, entry: int | None = None) -> bytes:
    """The answer to a line that cannot be taken."""
    return pep.encoded({"line": place} | problems.problem(fault, entry))
