"""Revocation: a grant ends, rests, goes on or reaches less, by its issuer or whoever stands above it in the chain (S34).

One fact does it. The grants below have no authority of their own, so nothing is written about them: `cut` only says
which of them ended with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from authz import delegation, edition, refusal
from authz.decision import Scene
from authz.fact import instant
from authz.grant import (
    Grant,
    GrantNarrowed,
    GrantResumed,
    GrantRevoked,
    GrantSuspended,
    chain,
    misfits,
)
from authz.tenure import worth

REGION = "region_approver"
MOST_CUT = 1_500
"""Numbers in one fact at most (an entry has 65,535 bytes, and a thousand households may stand beside them); the grants below are known from their paths anyway."""


def revoke(links: Sequence[Grant], reason: str, scene: Scene) -> tuple[GrantRevoked, tuple[int, ...]]:
    """The grant ends for good. With the fact: every grant below that was worth something until now."""
    grant = ruled(links, scene)
    cut = _living(grant, scene)
    return GrantRevoked(grant=grant.number, division=grant.scope.division, reason=reason, cut=cut[:MOST_CUT]), cut


def suspend(links: Sequence[Grant], reason: str, scene: Scene) -> tuple[GrantSuspended, tuple[int, ...]]:
    """The grant rests; everything below it rests with it."""
    grant = ruled(links, scene)
    if grant.suspended(scene.at):
        raise refusal.WrongState("该授权已经停用，无需重复停用")
    return rest(grant, reason, scene)


def rest(grant: Grant, reason: str, scene: Scene) -> tuple[GrantSuspended, tuple[int, ...]]:
    """The fact that a grant rests, whoever ordered it."""
    cut = _living(grant, scene)
    fact = GrantSuspended(
        grant=grant.number, division=grant.scope.division, reason=reason, cut=cut[:MOST_CUT],
        suspensions=_spans(grant),
    )  # fmt: skip
    return fact, cut


def resume(links: Sequence[Grant], reason: str, scene: Scene) -> GrantResumed:
    """The grant may be used again; what a higher unit suspended only that unit, or one above it, resumes."""
    grant = ruled(links, scene)
    if not grant.suspended(scene.at):
        raise refusal.WrongState("该授权没有停用，无需恢复")
    assert scene.post is not None
    if scene.post.role != REGION and grant.rested_by not in (None, *_from(scene.post.unit, links)):
        raise refusal.Denied("该授权由上级停用，请由上级恢复", missing="issuer")
    return GrantResumed(grant=grant.number, division=grant.scope.division, reason=reason, suspensions=_spans(grant))


def narrow(
    links: Sequence[Grant], changed: Mapping[str, Any], reason: str, scene: Scene
) -> tuple[GrantNarrowed, tuple[int, ...]]:
    """The grant reaches less: `changed` are the axes of its scope with their new limits. What lies below and no longer
    fits is cut by the chain, and its numbers are given with the fact."""
    grant, divisions = ruled(links, scene), scene.law.divisions
    scope = replace(grant.scope, **changed)
    place = divisions.get(scope.division) if scope.division != grant.scope.division else None
    # An unchanged place is no widening, even where a later edition does not know it any more.
    found = [each for each in misfits(grant.scope, scope, divisions) if each.axis != "division" or place is not None]
    if found:
        raise refusal.WiderThanHeld("收窄后的范围不得宽于原授权", misfits=[each.plain() for each in found])
    if place is not None:
        edition.must_be_confirmed((grant,), place.code, scene.law)
    if scope == grant.scope:
        raise refusal.NothingNarrowed()
    if max(scope.valid_from, scene.at) >= scope.valid_until:
        raise refusal.EmptyInterval("收窄后的结束时间应晚于现在；要立即终止请办理收回")
    seats, known = scene.rows.posts, scene.rows.grants | {grant.number: replace(grant, scope=scope)}
    cut = tuple(
        each.number for each in scene.rows.below(grant.number)
        if worth(chain(each, known), seats, scene.at)[0] != worth(chain(each, scene.rows.grants), seats, scene.at)[0]
        or (misfits(scope, each.scope, divisions) and not misfits(grant.scope, each.scope, divisions))
    )  # fmt: skip
    return GrantNarrowed(
        grant=grant.number, division=scope.division, cells=tuple(sorted(scope.cells)),
        operations=tuple(sorted(scope.operations)), data_year=scope.data_year, valid_from=instant(scope.valid_from),
        valid_until=instant(scope.valid_until), max_records=scope.max_records, households=delegation.listed(scope),
        edition=divisions.edition if place else grant.edition, division_name=place.name if place else grant.division_name,
        reason=reason, cut=cut[:MOST_CUT],
    ), cut  # fmt: skip


def _from(unit: str, links: Sequence[Grant]) -> tuple[str, ...]:
    """The units that issued in the chain, from this one down."""
    issuers = [each.issuer_unit for each in links]
    return tuple(issuers[issuers.index(unit) :]) if unit in issuers else ()


def ruled(links: Sequence[Grant], scene: Scene) -> Grant:
    """The grant, if the acting post issued it or stands above it in the chain, and it has not ended."""
    grant, post = links[-1], scene.post
    if post is None:
        raise refusal.NotEmployed(missing="post")
    if post.role != REGION and not _from(post.unit, links):
        raise refusal.Denied("只有授权的发出单位或其上级可以办理", missing="issuer", grant=grant.number)
    state = grant.state(scene.at)
    if state in ("revoked", "expired"):
        raise refusal.WrongState("该授权已收回，不能再办理" if state == "revoked" else "该授权已到期，不能再办理")
    return grant


def _living(grant: Grant, scene: Scene) -> tuple[int, ...]:
    known, seats, at = scene.rows.grants, scene.rows.posts, scene.at
    below = scene.rows.below(grant.number)
    return tuple(each.number for each in below if worth(chain(each, known), seats, at)[0] in ("live", "pending"))


def _spans(grant: Grant) -> tuple[tuple[str | None, ...], ...]:
    return tuple((instant(begin), instant(end) if end else None, by) for begin, end, by in grant.rests)
