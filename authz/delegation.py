"""Delegation: a county hands on what the region gave it, a township what the county gave it, never more (S28, S34).

who       an administrator in the unit that holds the grant
what      contained, on every axis, in the grant and in each of its ancestors; all misfits are named at once
to whom   a unit or a person inside the delegator's division, in a role of the catalogue, never himself
how deep  `delegation_depth` of handling.toml, counted in grants from the regional one down
how long  `longest_term_days` of it (`authz/term.py`)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from authz import edition, refusal, staffing, term, trim
from authz.decision import Scene
from authz.division import Divisions
from authz.fact import instant
from authz.grant import Grant, GrantIssued, Misfit, Scope, chain, misfits
from authz.post import Post, Unit
from authz.tenure import VACATED, rests, worth


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be handed on. A null limit means that of the grant it comes from."""

    holder: str
    role: str
    division: str
    cells: frozenset[str]
    operations: frozenset[str]
    valid_from: datetime
    valid_until: datetime
    data_year: int | None = None
    max_records: int | None = None
    households: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A delegation thought through: the scope it would have, who would hold it, and on which axes it does not fit."""

    scope: Scope
    unit: str
    person: str | None
    misfits: tuple[Misfit, ...]


def visible(grant: Grant, scene: Scene) -> bool:
    """Whether the acting post may know of the grant: it oversees the place, or its own unit holds the grant."""
    return scene.post is not None and (
        scene.post.unit == grant.holder_unit or scene.may("grant.read", grant.scope.division)
    )


def wider(issued: Scope, held: Iterable[Scope | None], divisions: Divisions) -> bool:
    """Whether a grant as issued exceeds the request line or the parent it came from. Codes that the present edition
    does not know are compared as they are written."""
    return any(
        each.axis != "division" or (divisions.known(issued.division) and divisions.known(scope.division))
        for scope in held if scope is not None and scope != issued
        for each in misfits(scope, issued, divisions)
    )  # fmt: skip


def find(number: int, scene: Scene) -> tuple[Grant, ...]:
    """The chain of a grant the acting post may know of; Unknown for absent and hidden alike."""
    grant = scene.rows.grants.get(number)
    if grant is None or not visible(grant, scene):
        raise refusal.Unknown()
    return chain(grant, scene.rows.grants)


def reach(links: Sequence[Grant]) -> Scope:
    """What a whole chain leaves over: every limit at its tightest; the division is that of the last link."""
    scopes = [each.scope for each in links]
    lists = [each.households for each in scopes if each.households is not None]
    caps = [each.max_records for each in scopes if each.max_records is not None]
    return Scope(
        division=scopes[-1].division,
        cells=frozenset.intersection(*(each.cells for each in scopes)),
        operations=frozenset.intersection(*(each.operations for each in scopes)),
        data_year=next((each.data_year for each in reversed(scopes) if each.data_year is not None), None),
        valid_from=max(each.valid_from for each in scopes),
        valid_until=min(each.valid_until for each in scopes),
        max_records=min(caps, default=None),
        households=frozenset.intersection(*lists) if lists else None,
    )


def outgrown(links: Sequence[Grant], asked: Scope, divisions: Divisions) -> tuple[Misfit, ...]:
    """Every axis on which `asked` leaves the chain, each named once: against the tightest limit of all ancestors."""
    found = {each.axis: each for each in misfits(reach(links), asked, divisions)}
    for link in reversed(links):
        for each in misfits(link.scope, asked, divisions):
            found.setdefault(each.axis, each)
    return tuple(found.values())


def plan(wanted: Wanted, links: Sequence[Grant], scene: Scene) -> Plan:
    """Think a delegation through. Refuses what no other scope would mend; what does not fit is listed in the plan."""
    by = _delegator(links, scene)
    staffing.must_be_staffed(scene)
    held = reach(links)
    scope = Scope(
        scene.law.divisions.get(wanted.division).code, wanted.cells, wanted.operations,
        held.data_year if wanted.data_year is None else wanted.data_year,
        max(wanted.valid_from, scene.at), wanted.valid_until,
        held.max_records if wanted.max_records is None else wanted.max_records,
        held.households if wanted.households is None else wanted.households,
    )  # fmt: skip
    if scope.valid_from >= scope.valid_until:
        raise refusal.EmptyInterval()
    if wanted.role == "assistance_person" and scope.households is None:
        raise refusal.UnfitHolder("转授给帮扶责任人须列明所帮扶农户的名单（households）", missing="households")
    edition.must_be_confirmed(links, scope.division, scene.law)
    unit, person = _holder(wanted, scope, by, scene)
    found = [
        *outgrown(links, scope, scene.law.divisions),
        *_not_lent(by, scope, scene),
        *_strangers(wanted, scope, scene),
    ]
    most, depth = scene.law.policy.number("delegation_depth"), len(links) + 1
    if depth > most:
        found.append(Misfit("depth", most, depth))
    if term.exceeds(scene.law.policy, scope.valid_from, scope.valid_until):
        asked = term.days(scope.valid_from, scope.valid_until)
        found.append(Misfit("term", term.longest(scene.law.policy), asked))
    return Plan(scope, unit, person, tuple(found))


def issue(planned: Plan, wanted: Wanted, links: Sequence[Grant], reason: str, scene: Scene) -> GrantIssued:
    """The fact of a delegation that fits; otherwise WiderThanHeld with every misfit."""
    if planned.misfits:
        axes = [each.axis for each in planned.misfits]
        told = term.words(scene.law.policy) if axes == ["term"] else None
        raise refusal.WiderThanHeld(told, missing=axes[0], misfits=[each.plain() for each in planned.misfits])
    parent, scope, divisions = links[-1], planned.scope, scene.law.divisions
    assert scene.post is not None
    return GrantIssued(
        origin="delegated", division=scope.division, cells=tuple(sorted(scope.cells)),
        operations=tuple(sorted(scope.operations)), data_year=scope.data_year, valid_from=instant(scope.valid_from),
        valid_until=instant(scope.valid_until), max_records=scope.max_records, households=listed(scope),
        holder_unit=planned.unit, holder_person=planned.person, role=wanted.role, request=parent.request,
        line=parent.line, window=parent.window, parent=parent.number, path=parent.path, document=parent.document,
        document_sha256=parent.document_sha256, edition=divisions.edition,
        division_name=divisions.get(scope.division).name, issuer_unit=scene.post.unit, reason=reason,
    )  # fmt: skip


def _delegator(links: Sequence[Grant], scene: Scene) -> Post:
    """The acting post, if it administers the unit that holds a living chain."""
    parent, post = links[-1], scene.post
    if post is None:
        raise refusal.NotEmployed(missing="post")
    if post.unit != parent.holder_unit or not (parent.holder_person is None or rests(parent, post)):
        raise refusal.Denied("只有持有该授权的单位的管理员可以转授", missing="holder", grant=parent.number)
    state, because = worth(links, scene.rows.posts, scene.at)
    told = {"revoked": refusal.Revoked, "suspended": refusal.Suspended, VACATED: refusal.Vacated}
    ended = told.get(state, refusal.OutsidePeriod)
    if state != "live":
        raise ended(missing="grant", grant=because)
    return post


def _holder(wanted: Wanted, scope: Scope, by: Post, scene: Scene) -> tuple[str, str | None]:
    """Unit and person that would hold the grant. Absent and out of reach are one answer."""
    words, divisions, rows = scene.law.policy.catalogue, scene.law.divisions, scene.rows
    if wanted.role not in words.delegable:
        raise refusal.UnfitHolder("该角色不能持有数据授权，请改选其他角色", missing="role")
    if wanted.holder.startswith("u-"):
        unit = rows.units.get(wanted.holder)
        if unit is None or not divisions.covers(by.division, unit.division):
            raise refusal.UnfitHolder("在您管辖的区划内没有这个单位，请核对单位编号", missing="holder")
        _must_seat(unit, wanted.role, scene)
        if any(each.unit == unit.id and each.role == wanted.role for each in trim.own(by, scene.rows, scene.at)):
            raise refusal.DutyConflict("不能把授权转授给自己", missing="holder", duty="self_delegation")
        return unit.id, None
    person, me = rows.people.get(wanted.holder), scene.person
    seated = [each for each in _live(wanted.holder, scene) if each.role == wanted.role]
    posts = [each for each in seated if divisions.covers(by.division, each.division)]
    if person is None or me is None or not posts:
        raise refusal.UnfitHolder("在您管辖的区划内没有以此角色在任的这位人员，请核对人员编号与角色", missing="holder")
    if person.natural in rows.naturals(by):
        raise refusal.DutyConflict("不能把授权转授给自己", missing="holder", duty="self_delegation")
    near = [each for each in posts if divisions.covers(each.division, scope.division)]
    return min(near or posts, key=lambda each: each.number).unit, person.id


def _must_seat(unit: Unit, role: str, scene: Scene) -> None:
    if not scene.law.policy.catalogue.may_hold(unit.kind, scene.law.divisions.get(unit.division).level, role):
        raise refusal.UnfitHolder("该类单位不设此角色，请核对单位与角色", missing="role")


def _live(person: str, scene: Scene) -> list[Post]:
    return [each for each in scene.rows.posts.get(person, ()) if each.live(scene.at)]


def _not_lent(by: Post, scope: Scope, scene: Scene) -> Iterable[Misfit]:
    """What a deputy may not hand on, because it was not lent to him."""
    beyond = sorted(each for each in scope.operations if not by.lends(each, by.division, scene.law.divisions))
    if beyond:
        yield Misfit("operations", sorted(by.operations or ()), beyond)
    if by.deputy_for is not None and not by.covers(scope.division, scene.law.divisions):
        yield Misfit("division", by.division, scope.division)


def _strangers(wanted: Wanted, scope: Scope, scene: Scene) -> Iterable[Misfit]:
    """Listed households that are on record outside the scope's division."""
    known = scene.rows.households
    listed = [edition.settled(known.get(token), scene.law) for token in wanted.households or ()]
    far = sum(each is not None and not scene.law.divisions.covers(scope.division, each.division) for each in listed)
    if far:
        yield Misfit("household_division", scope.division, far)


def listed(scope: Scope) -> tuple[str, ...] | None:
    """The households of a scope as a fact keeps them."""
    return None if scope.households is None else tuple(sorted(scope.households))
