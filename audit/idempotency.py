"""Idempotency: the answer to a keyed request, stored in the transaction of its act and repeated for `idempotency_hours`.

A key belongs to a person and a route. The same request under it gets the same bytes; another request is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from audit.act import Act

Stored = dict[tuple[str, str, str], tuple[str, int, bytes]]


def find(connection: Connection, acts: list[Act], at: datetime, hours: int) -> Stored:
    """Answers on record for the keys of these acts, no older than so many hours."""
    keyed = [act.once for act in acts if act.once is not None]
    if not keyed:
        return {}
    rows = connection.execute(
        text(
            "SELECT person, route, key, request, status, body FROM idempotency WHERE at > :since AND (person, route, key) IN"
            " (SELECT * FROM unnest(CAST(:persons AS text[]), CAST(:routes AS text[]), CAST(:keys AS text[])))"
        ),
        {
            "since": at - timedelta(hours=hours),
            "persons": [each.person for each in keyed],
            "routes": [each.route for each in keyed],
            "keys": [each.key for each in keyed],
        },
    )
    return {(row.person, row.route, row.key): (row.request, row.status, bytes(row.body)) for row in rows}


def keep(connection: Connection, answers: list[tuple[Act, int, bytes]], at: datetime) -> None:
    """Store answers; one that has outlived its day is replaced."""
    kept = [(act.once, status, body) for act, status, body in answers if act.once is not None]
    if not kept:
        return
    connection.execute(
        text(
            "INSERT INTO idempotency (person, route, key, request, status, body, at) SELECT *, :at FROM"
            " unnest(CAST(:persons AS text[]), CAST(:routes AS text[]), CAST(:keys AS text[]), CAST(:requests AS text[]),"
            " CAST(:statuses AS integer[]), CAST(:bodies AS bytea[])) ON CONFLICT (person, route, key) DO UPDATE SET"
            " request = excluded.request, status = excluded.status, body = excluded.body, at = excluded.at"
        ),
        {
            "at": at,
            "persons": [once.person for once, _, _ in kept],
            "routes": [once.route for once, _, _ in kept],
            "keys": [once.key for once, _, _ in kept],
            "requests": [once.request for once, _, _ in kept],
            "statuses": [status for _, status, _ in kept],
            "bodies": [body for _, _, body in kept],
        },
    )


def forget(connection: Connection, hours: int, most: int) -> int:
    """Drop at most so many answers that have outlived their hours; how many were dropped."""
    found = connection.execute(
        text(
            "DELETE FROM idempotency WHERE (person, route, key) IN (SELECT person, route, key FROM idempotency"
            " WHERE at < clock_timestamp() - make_interval(hours => :hours) ORDER BY at LIMIT :most FOR UPDATE SKIP LOCKED)"
        ),
        {"hours": hours, "most": most},
    )
    return found.rowcount
