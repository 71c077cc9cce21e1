"""Citations: the questions to the register which lines cite a grant to renew it, and which letters bear a register number.

Both go through the requests on record, of which a region has some thousands, and are asked only where a line renews
or a letter is received. `:known` is a log position, null for now.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Ask = Callable[[str, Mapping[str, Any]], Iterable[Any]]
"""Executes a statement with its binds."""


@dataclass(frozen=True, slots=True)
class Citing:
    """A line of a request that cites a grant. `grant` is what was issued for the line, null before or without it."""

    renews: int
    request: int
    state: str
    filed_at: str | None
    line: int
    grant: int | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter in the register of incoming mail of a unit, in a year."""

    request: int
    unit: str
    year: str


def folded(register_no: str) -> str:
    """A register number in the one spelling in which it is compared: NFKC, without spaces."""
    return "".join(unicodedata.normalize("NFKC", register_no).split())


_STANDING = (
    "CASE WHEN CAST(:known AS bigint) IS NULL THEN {0}.ended IS NULL"
    " ELSE {0}.since < :known AND ({0}.ended IS NULL OR {0}.ended >= :known) END"
)
CITING: Final = f"""
    SELECT CAST(cited.line ->> 'renews' AS bigint) AS renews, r.number, r.state, r.body ->> 'filed_at' AS filed_at,
        CAST(cited.line ->> 'line' AS integer) AS line, g.number AS issued, g.revoked_at
    FROM request r CROSS JOIN LATERAL jsonb_array_elements(r.body -> 'lines') AS cited(line)
    LEFT JOIN grants g ON g.request = r.number AND g.parent IS NULL AND g.line = CAST(cited.line ->> 'line' AS integer)
        AND {_STANDING.format("g")}
    WHERE CAST(cited.line ->> 'renews' AS bigint) = ANY(:grants) AND {_STANDING.format("r")}
    ORDER BY r.number, 5
"""  # noqa: S608 our own words
MAIL: Final = f"""
    SELECT r.number, r.body -> 'document' ->> 'addressee' AS unit, r.body ->> 'received_on' AS received_on,
        r.body ->> 'register_no' AS register_no
    FROM request r WHERE r.body ? 'register_no' AND {_STANDING.format("r")}
    AND regexp_replace(normalize(r.body ->> 'register_no', NFKC), '\\s', '', 'g') = ANY(:numbers)
    ORDER BY r.number
"""  # noqa: S608 our own words


def citing(ask: Ask, grants: Iterable[int], known: int | None) -> dict[int, list[Citing]]:
    """The lines that cite these grants, the oldest request first."""
    found: dict[int, list[Citing]] = {}
    for row in ask(CITING, {"grants": sorted(grants), "known": known}):
        found.setdefault(row.renews, []).append(Citing(*row))
    return found


def mail(ask: Ask, numbers: Iterable[str], known: int | None) -> dict[str, list[Letter]]:
    """The letters that bear these register numbers, by the number as it is compared."""
    found: dict[str, list[Letter]] = {}
    for row in ask(MAIL, {"numbers": sorted(numbers), "known": known}):
        found.setdefault(folded(row.register_no), []).append(Letter(row.number, row.unit, row.received_on[:4]))
    return found
