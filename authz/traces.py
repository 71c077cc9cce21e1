"""Traces: the questions to the log whose hands were on a household, and what a second person agreed to about it;
with them those to the register which request lines cite a grant (`authz/citation.py`).

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
    if reads.approved:
        for row in ask(APPROVALS, {"tokens": sorted(reads.approved), "known": known}):
            rows.approvals.setdefault(row.household, []).append(Approval(*row))


HANDS: Final = """
    WITH hand AS (
        SELECT e.household, e.cell, e.data_year, e.quarter, e.operation, told.fact ->> 'collected_by' AS who,
            told.fact ->> 'collected_post' AS post
        FROM entry e, LATERAL (SELECT convert_from(e.bytes, 'UTF8')::jsonb -> 'fact' AS fact) told
        WHERE e.household = ANY(:collected) AND e.kind = 'EditPermitted'
        AND e.operation IN ('collect', 'update') AND (CAST(:known AS bigint) IS NULL OR e.number < :known)
        UNION ALL
        SELECT e.household, e.cell, e.data_year, e.quarter, e.operation,
            CASE e.operation WHEN 'verify' THEN told.whole -> 'fact' ->> 'verified_by' ELSE e.person END,
            CASE e.operation WHEN 'verify' THEN told.whole -> 'fact' ->> 'verified_post' ELSE told.whole ->> 'post' END
        FROM entry e, LATERAL (SELECT convert_from(e.bytes, 'UTF8')::jsonb AS whole) told
        WHERE e.household = ANY(:checked) AND e.kind = 'EditPermitted' AND e.operation IN
            ('verify', 'review', 'mark_eliminated', 'remark_risk', 'rollback_elimination', 'delete')
        AND (CAST(:known AS bigint) IS NULL OR e.number < :known)
        AND (e.operation NOT IN ('verify', 'review') OR NOT EXISTS (
            SELECT 1 FROM entry newer WHERE newer.household = e.household AND newer.number > e.number
            AND newer.kind = 'EditPermitted' AND newer.operation IN ('collect', 'update') AND newer.cell = e.cell
            AND newer.data_year = e.data_year AND newer.quarter IS NOT DISTINCT FROM e.quarter
            AND (CAST(:known AS bigint) IS NULL OR newer.number < :known)))
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
"""
"""A deputy's hands are also those of whom he stood in for. A verification or review stands until its record is collected
anew; what was verified since is another record. Whose hands an account is may come on record later
(`authz/identification.py`), so hands are compared as they were known at the position asked about."""

REPORTED: Final = """
    SELECT DISTINCT e.household, e.cell, e.data_year, e.quarter, e.operation, p."natural"
    FROM entry e, LATERAL (SELECT convert_from(e.bytes, 'UTF8')::jsonb -> 'fact' AS fact) told, person p
    WHERE e.household = ANY(:tokens) AND e.kind = 'EditImported' AND (CAST(:known AS bigint) IS NULL OR e.number < :known)
    AND CASE WHEN CAST(:known AS bigint) IS NULL
        THEN p.ended IS NULL ELSE p.since < :known AND (p.ended IS NULL OR p.ended >= :known) END
    AND p.id = COALESCE(told.fact ->> CASE WHEN e.operation IN ('collect', 'update')
        THEN 'collected_by' WHEN e.operation = 'verify' THEN 'verified_by' END, told.fact ->> 'person_id')
"""
"""Edits made elsewhere: they bind nobody, and are set against each other only when one more is reported."""

APPROVALS: Final = """
    SELECT a.number, a.person, a.household, a.cell, a.operation, a.data_year, a.quarter, a.until, a.approved_by, p."natural"
    FROM approval a JOIN person p ON p.id = a.approved_by AND CASE WHEN CAST(:known AS bigint) IS NULL
        THEN p.ended IS NULL ELSE p.since < :known AND (p.ended IS NULL OR p.ended >= :known) END
    WHERE a.household = ANY(:tokens) AND a.used IS NULL AND CASE WHEN CAST(:known AS bigint) IS NULL
        THEN a.ended IS NULL ELSE a.since < :known AND (a.ended IS NULL OR a.ended >= :known) END
    ORDER BY a.number
"""
