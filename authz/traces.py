"""Traces: the questions to the log whose hands were on a household, and what a second person agreed to about it;
with them those which request lines cite a grant (`authz/citation.py`), and who has objected to an edit.

They are asked once for all households of a batch, and what they cost is bounded by the entries of these households.
`:known` is a log position, null for now.
"""

from __future__ import annotations

from typing import Final

from authz import citation
from authz.approval import Approval
from authz.citation import Ask
from authz.rows import Reads, Rows


def follow(ask: Ask, reads: Reads, rows: Rows, known: int | None) -> None:
    """Fill in whose hands were on a household, who belongs to it, what was approved about it, and what cites what."""
    if reads.renewals:
        rows.renewals = citation.citing(ask, reads.renewals, known)
    if reads.mail:
        rows.mail = citation.mail(ask, reads.mail, known)
    if reads.collected or reads.checked:
        binds = {"collected": sorted(reads.collected), "checked": sorted(reads.checked), "known": known}
        for token, *hand in ask(HANDS, binds):
            rows.hands.setdefault(token, set()).add((hand[0], hand[1], hand[2], hand[3], hand[4]))
    for token, *hand in ask(REPORTED, {"tokens": sorted(reads.reported), "known": known}) if reads.reported else ():
        rows.reported.setdefault(token, set()).add((hand[0], hand[1], hand[2], hand[3], hand[4]))
    if reads.contested:
        found = ask(OBJECTED, {"entries": sorted(reads.contested), "known": known})
        rows.objected.update((row.subject, row.person) for row in found)
    if reads.approved:
        for row in ask(APPROVALS, {"tokens": sorted(reads.approved), "known": known}):
            rows.approvals.setdefault(row.household, []).append(Approval(*row))


def _said(name: str) -> str:
    """The canonical bytes from this member on, as text. No text of anybody's holds a member: its quotes are escaped."""
    return f"""encode(substring(e.bytes FROM position('"{name}":'::bytea IN e.bytes) FOR 120), 'escape')"""


_ALREADY: Final = "(CAST(:known AS bigint) IS NULL OR e.number < :known)"
# Cut at its quotes, `"verified_by":"p-2001","verified_post":17}` is told by its fourth piece and its seventh.
_WHO: Final = "CASE WHEN split_part(told, '\"', 3) = ':' THEN split_part(told, '\"', 4) END"
_POST: Final = "NULLIF(btrim(split_part(told, '\"', 7), ':,}'), 'null')"

HANDS: Final = f"""
    WITH said AS (
        SELECT e.number, e.household, e.cell, e.data_year, e.quarter, e.operation, {_said("collected_by")} AS told
        FROM entry e WHERE e.household = ANY(:collected) AND e.kind = 'EditPermitted'
        AND e.operation IN ('collect', 'update') AND {_ALREADY}
        UNION ALL
        SELECT e.number, e.household, e.cell, e.data_year, e.quarter, e.operation,
            CASE e.operation WHEN 'verify' THEN {_said("verified_by")} ELSE {_said("person")} END
        FROM entry e WHERE e.household = ANY(:checked) AND e.kind = 'EditPermitted' AND e.operation IN
            ('verify', 'review', 'mark_eliminated', 'remark_risk', 'rollback_elimination', 'delete') AND {_ALREADY}
    ), latest AS (
        SELECT household, cell, data_year, quarter, operation, {_WHO} AS who, {_POST} AS post, max(number) AS number
        FROM said GROUP BY 1, 2, 3, 4, 5, 6, 7
    ), hand AS (
        SELECT l.household, l.cell, l.data_year, l.quarter, l.operation, l.who, l.post FROM latest l
        WHERE l.operation NOT IN ('verify', 'review') OR NOT EXISTS (
            SELECT 1 FROM entry e WHERE e.household = l.household AND e.number > l.number
            AND e.kind = 'EditPermitted' AND e.operation IN ('collect', 'update') AND e.cell = l.cell
            AND e.data_year = l.data_year AND e.quarter IS NOT DISTINCT FROM l.quarter AND {_ALREADY})
        UNION ALL
        SELECT t.household, NULL, NULL, NULL, 'member', t.person, NULL FROM tie t
        WHERE t.household = ANY(:checked) AND t.withdrawn_by IS NULL AND CASE WHEN CAST(:known AS bigint) IS NULL
            THEN t.ended IS NULL ELSE t.since < :known AND (t.ended IS NULL OR t.ended >= :known) END
    ), actor AS (
        SELECT h.*, h.who AS account FROM hand h
        UNION ALL
        SELECT h.*, principal.person FROM hand h
        JOIN post deputy ON deputy.number = CAST(h.post AS bigint) AND deputy.ended IS NULL
        JOIN post principal ON principal.number = deputy.deputy_for AND principal.ended IS NULL
    )
    SELECT DISTINCT a.household, a.cell, a.data_year, a.quarter, a.operation, p."natural" FROM actor a
    JOIN person p ON p.id = a.account AND CASE WHEN CAST(:known AS bigint) IS NULL
        THEN p.ended IS NULL ELSE p.since < :known AND (p.ended IS NULL OR p.ended >= :known) END
"""  # noqa: S608 our own words
"""A deputy's hands are also those of whom he stood in for. A verification or review stands until its record is collected
anew; what was verified since is another record. Whose hands an account is may come on record later
(`authz/identification.py`), so hands are compared as they were known at the position asked about.

One household may have any number of entries, and all wait while this is asked under the lock. So no entry is parsed, the
same hand is looked into once, and of several verifications by one hand only the last: if any stands, that one does."""

REPORTED: Final = f"""
    WITH said AS (
        SELECT e.household, e.cell, e.data_year, e.quarter, e.operation, {_said("person_id")} AS made,
            CASE WHEN e.operation IN ('collect', 'update') THEN {_said("collected_by")}
                WHEN e.operation = 'verify' THEN {_said("verified_by")} END AS told
        FROM entry e WHERE e.household = ANY(:tokens) AND e.kind = 'EditImported' AND {_ALREADY}
    ), hand AS (
        SELECT DISTINCT household, cell, data_year, quarter, operation, COALESCE({_WHO}, split_part(made, '"', 4)) AS who FROM said
    )
    SELECT DISTINCT h.household, h.cell, h.data_year, h.quarter, h.operation, p."natural" FROM hand h
    JOIN person p ON p.id = h.who AND CASE WHEN CAST(:known AS bigint) IS NULL
        THEN p.ended IS NULL ELSE p.since < :known AND (p.ended IS NULL OR p.ended >= :known) END
"""  # noqa: S608 our own words
"""Edits made elsewhere: they bind nobody, and are set against each other only when one more is reported."""

OBJECTED: Final = f"""
    SELECT e.subject, e.person FROM entry e
    WHERE e.subject = ANY(:entries) AND e.kind = 'AttributionObjected' AND {_ALREADY}
"""  # noqa: S608 our own words

APPROVALS: Final = """
    SELECT a.number, a.person, a.household, a.cell, a.operation, a.data_year, a.quarter, a.until, a.approved_by, p."natural"
    FROM approval a JOIN person p ON p.id = a.approved_by AND CASE WHEN CAST(:known AS bigint) IS NULL
        THEN p.ended IS NULL ELSE p.since < :known AND (p.ended IS NULL OR p.ended >= :known) END
    WHERE a.household = ANY(:tokens) AND a.used IS NULL AND CASE WHEN CAST(:known AS bigint) IS NULL
        THEN a.ended IS NULL ELSE a.since < :known AND (a.ended IS NULL OR a.ended >= :known) END
    ORDER BY a.number
"""
