"""Candidates: who, and which households, a search has to ask the law about; never fewer than it would say yes to.

Each is a keyset walk over what was on record at a log position. They only bound the work: the answer is the law's.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

_ON_RECORD = "since < :known AND (ended IS NULL OR ended >= :known)"
_HOLDERS = f"""
    SELECT DISTINCT person FROM post WHERE person > :after AND {_ON_RECORD} AND unit IN (
        SELECT holder_unit FROM grants WHERE {_ON_RECORD} AND division = ANY(:path)
        AND :cell = ANY(cells) AND :operation = ANY(operations))
    ORDER BY person LIMIT :limit
"""  # noqa: S608
_OFFICERS = f"""
    SELECT DISTINCT person FROM post WHERE person > :after AND {_ON_RECORD} AND division = ANY(:path)
    AND role = ANY(:roles) ORDER BY person LIMIT :limit
"""  # noqa: S608
_HOUSEHOLDS = f"""
    SELECT token FROM household WHERE token > :after AND {_ON_RECORD} AND population = :population
    AND division = ANY(:codes) ORDER BY token LIMIT :limit
"""  # noqa: S608


def holders(
    connection: Connection, cell: str, operation: str, path: Collection[str], known: int, after: str, limit: int
) -> list[str]:
    """Persons behind `after` with a post in a unit that has a grant of this operation on this cell over the place.

    `path` holds the place and every division around it.
    """
    binds = {"cell": cell, "operation": operation, "path": sorted(path), "known": known, "after": after, "limit": limit}
    return list(connection.execute(text(_HOLDERS), binds).scalars())


def officers(
    connection: Connection, roles: Collection[str], path: Collection[str], known: int, after: str, limit: int
) -> list[str]:
    """Persons behind `after` with a post of one of these roles over the place."""
    binds = {"roles": sorted(roles), "path": sorted(path), "known": known, "after": after, "limit": limit}
    return list(connection.execute(text(_OFFICERS), binds).scalars())


def households(
    connection: Connection, population: str, codes: Collection[str], known: int, after: str, limit: int
) -> list[str]:
    """Tokens behind `after` of the households of a population registered in these divisions."""
    binds = {"population": population, "codes": sorted(codes), "known": known, "after": after, "limit": limit}
    return list(connection.execute(text(_HOUSEHOLDS), binds).scalars())
