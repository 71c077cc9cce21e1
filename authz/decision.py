"""The decision: whether what a person holds permits an act, and if not, the first thing missing.

A `Scene` is everything a decision may look at: what is on record, the instant, who acts in which post, and the law in
force. `must` decides the service's own acts by the post (a role of the register, never of the token); `decide` decides
operations on cells by a grant: the holding itself must satisfy the one rule of `policies/model.conf`, and every
ancestor up to the regional grant must be live and contain the act too (parental consent, S34).

A refusal names the axis on which the best grant failed. "Best" is the grant that got furthest along
division, cell, operation, data year, households, period, revocation, suspension, holders above in office, record cap,
confirmation after the divisions changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authz import edition, refusal, tenure, trim
from authz.fact import Fact
from authz.grant import Grant, chain
from authz.law import Law
from authz.post import Person, Post
from authz.refusal import Denied
from authz.register import Rows
from authz.tenure import rests

__all__ = ["AXES", "Law", "Permit", "Refused", "Scene", "Wish", "decide", "held", "sensible", "who_can_grant"]


class Refused(Fact):
    """A known person was told no, for the reason `code`; `count` identical refusals of one batch share the entry."""

    decision = "deny"
    authority = False
    act: str
    code: str
    missing: str | None
    subject: int | None
    division: str | None
    cell: str | None
    operation: str | None
    data_year: int | None
    quarter: int | None
    household: str | None
    grant: int | None
    policy: str
    count: int


@dataclass(slots=True)
class Scene:
    """What one act is judged on. `size` is the log position: entries before this act."""

    rows: Rows
    at: datetime
    size: int
    law: Law
    person: Person | None = None
    post: Post | None = None
    settled: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was worked out of rows that no act changes which shares them; a scene made of this one begins without."""

    def enter(self, person: str, issued_at: int, post: int | None) -> None:
        """Place who asks: the person on record, with a token of this epoch, in the one live post that acts."""
        self.person = self.rows.people.get(person)
        if self.person is None or issued_at < self.person.epoch:
            raise refusal.Stranger()
        live = [each for each in self.rows.posts.get(person, ()) if each.live(self.at) and post in (None, each.number)]
        if len(live) > 1:
            raise refusal.PostRequired(posts=sorted(each.number for each in live))
        self.post = live[0] if live else None

    def must(self, act: str, division: str) -> str:
        """The policy row that lets the acting post do `request.decide` and the like over this division, or a refusal."""
        noun, _, verb = act.partition(".")
        if self.post is None:
            raise refusal.NotEmployed(missing="post")
        edition.must_stand(self.post, self.law)
        if (rule := trim.left_out(self.law.policy, self.rows, self.post, self.at)) is not None:
            told = f"{rule.zh}；您另有岗位与此岗位不相容，此岗位的权限不计入"
            raise refusal.NoRole(told, missing="role", duty=rule.code)
        for place in edition.seats(division, self.law):
            if (row := self.law.permits(self.post, verb, noun, place, self.at)) is not None:
                return row
        if self.law.permits(self.post, verb, noun, self.post.division, self.at) is not None:
            raise refusal.OutsideDivision("该事项不在您岗位的管辖区划内", missing="division")
        raise refusal.NoRole(missing="role")

    def fresh(self, table: str, key: Any, seen: str | None) -> None:
        """Refuse a change that does not say, or says wrongly, which version of the thing it was decided on (If-Match)."""
        if seen is None:
            raise refusal.Unconditional()
        if seen != f'"{self.rows.versions.get((table, key))}"':
            raise refusal.Stale()

    def may(self, act: str, division: str) -> bool:
        """`must` as a question."""
        try:
            self.must(act, division)
        except Denied:
            return False
        return True


@dataclass(slots=True)  # not frozen: one is made per edit, and a frozen one is set member by member
class Wish:
    """An operation somebody wants to do on a cell of a household at a place."""

    operation: str
    cell: str
    division: str
    data_year: int | None
    household: str | None


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes, by this grant, its chain (regional grant first) and this policy row."""

    grant: Grant
    chain: tuple[Grant, ...]
    rule: str


def sensible(scene: Scene, wish: Wish) -> None:
    """Refuse a wish about nothing: a cell that does not exist (S12), or a division the edition does not know."""
    if wish.cell == "lifted_out.risk_elimination":
        raise refusal.NoSuchCell(missing="cell")
    if not (scene.law.divisions.known(wish.division) or scene.law.lineage.known_once(wish.division)):
        raise refusal.BadDivisionCode(pointers=[{"pointer": "/division", "message": refusal.BadDivisionCode.title}])


def held(rows: Rows, post: Post) -> Iterator[Grant]:
    """The grants a post may use: made out to its unit and role; if to one person, to him in this post.

    A grant made out to a person rests on the post he held when it was issued, and does not come back with another one.
    """
    for grant in rows.by_unit.get(post.unit, ()):
        if grant.role == post.role and (grant.holder_person is None or rests(grant, post)):
            yield grant


def decide(scene: Scene, post: Post, wish: Wish, at: datetime | None = None) -> Permit:
    """A permit, or the refusal that names the first thing missing and who may grant it. `at` defaults to the scene's."""
    at = at or scene.at
    if not post.live(at):
        raise refusal.NotEmployed(missing="post")
    edition.must_stand(post, scene.law)
    if not post.lends(wish.operation, wish.division, scene.law.divisions):
        raise refusal.OutsideDeputyship(missing="deputy")
    best: tuple[int, type[Denied], Grant] | None = None
    for grant in held(scene.rows, post):
        links = chain(grant, scene.rows.grants)
        failed = _first_missing(scene, links, wish, at)
        if failed is None:
            row = scene.law.permits(grant, wish.operation, wish.cell, wish.division, at)
            if row is not None:
                return Permit(grant, links, row)
            failed = (len(AXES), refusal.NoRole)
        if best is None or failed[0] > best[0]:
            best = (*failed, grant)
    if best is None:
        raise refusal.NoGrant(missing="grant", who_can_grant=who_can_grant(scene, post, wish, at))
    missing = AXES[best[0]] if best[0] < len(AXES) else "role"
    told = edition.closed(wish.division, scene.law) if missing == "division" else None
    raise best[1](told, missing=missing, grant=best[2].number, who_can_grant=who_can_grant(scene, post, wish, at))


Links = tuple[Grant, ...]


def _elsewhere(scene: Scene, links: Links, wish: Wish, at: datetime) -> bool:
    return any(edition.standing(each, wish.division, scene.law) == "outside" for each in links)


def _unconfirmed(scene: Scene, links: Links, wish: Wish, at: datetime) -> bool:
    return any(edition.standing(each, wish.division, scene.law) != "covers" for each in links)


def _other_year(scene: Scene, links: Links, wish: Wish, at: datetime) -> bool:
    return any(each.scope.data_year not in (None, wish.data_year) for each in links)


def _left(scene: Scene, links: Links, wish: Wish, at: datetime) -> bool:
    return any(tenure.vacant(each, scene.rows.posts, at) for each in links[:-1])


def _off_list(scene: Scene, links: Links, wish: Wish, at: datetime) -> bool:
    return any(each.scope.households is not None and wish.household not in each.scope.households for each in links)


# The axes in the order in which a refusal names them: name, refusal, and the question whether the chain misses it.
_ASKED: tuple[tuple[str, type[Denied], Callable[[Scene, Links, Wish, datetime], bool]], ...] = (
    ("division", refusal.OutsideDivision, _elsewhere),
    (
        "cell",
        refusal.OutsideCell,
        lambda scene, links, wish, at: not all(wish.cell in each.scope.cells for each in links),
    ),
    (
        "operation",
        refusal.OutsideOperation,
        lambda scene, links, wish, at: not all(wish.operation in each.scope.operations for each in links),
    ),
    ("data_year", refusal.WrongYear, _other_year),
    ("households", refusal.OutsideHouseholds, _off_list),
    ("period", refusal.OutsidePeriod, lambda scene, links, wish, at: not all(each.current(at) for each in links)),
    ("revoked", refusal.Revoked, lambda scene, links, wish, at: any(each.revoked(at) for each in links)),
    ("suspended", refusal.Suspended, lambda scene, links, wish, at: any(each.suspended(at) for each in links)),
    ("holder", refusal.Vacated, _left),
    ("max_records", refusal.RecordLimit, lambda scene, links, wish, at: not within_cap(scene.rows, links, wish)),
    ("edition", refusal.ScopeNeedsConfirmation, _unconfirmed),
)
AXES = tuple(name for name, _, _ in _ASKED)


def _first_missing(scene: Scene, links: Links, wish: Wish, at: datetime) -> tuple[int, type[Denied]] | None:
    for place, (_, refused, missing) in enumerate(_ASKED):
        if missing(scene, links, wish, at):
            return place, refused
    return None


def within_cap(rows: Rows, links: tuple[Grant, ...], wish: Wish) -> bool:
    """Whether one more distinct household fits under every cap of the chain; reading never counts."""
    if wish.household is None or wish.operation in ("query", "export"):
        return True
    return all(
        each.scope.max_records is None
        or (each.number, wish.household) in rows.seen
        or rows.used.get(each.number, 0) < each.scope.max_records
        for each in links
    )


def who_can_grant(scene: Scene, post: Post, wish: Wish, at: datetime) -> list[dict[str, Any]]:
    """Who could give what is missing: a unit above that holds it, else the county by delegation or written request."""
    found: list[dict[str, Any]] = []
    for grant in held(scene.rows, post):
        for each in reversed(chain(grant, scene.rows.grants)[:-1]):
            if (
                each.live(at)
                and not tenure.vacant(each, scene.rows.posts, at)
                and each.covers(wish.division, scene.law.divisions)
                and each.includes(wish.operation, wish.cell)
            ):
                found.append({"unit": each.holder_unit, "how": "delegation", "grant": each.number, "role": each.role})
                break
    if found:
        return [min(found, key=lambda each: -each["grant"])]
    divisions = scene.law.divisions
    if not divisions.known(wish.division):
        return []
    path = divisions.path(wish.division)
    county = next((code for code in path if len(code) == len("640324")), None)
    if county is None or not divisions.covers(county, post.division):
        county = next((code for code in divisions.path(post.division) if len(code) == len("640324")), None)
    region = {"unit": f"u-{path[0]}-lead", "how": "written_request"} | _giver(scene, path[0], "decide", "request")
    if county is None:
        return [region]
    return [
        {"unit": f"u-{county}-lead", "how": "delegation"} | _giver(scene, county, "delegate", "grant"),
        region | {"applicant": f"u-{county}-lead"},
    ]


def _giver(scene: Scene, code: str, act: str, object: str) -> dict[str, str]:
    """The role of the lead body at a place that may do this, where the policy has one."""
    words, divisions = scene.law.policy.catalogue, scene.law.divisions
    level, lead = divisions.get(code).level if divisions.known(code) else "", words.unit_kinds.get("lead")
    for role in sorted(lead.roles if lead is not None else ()):
        if level in words.roles[role].levels and (role, act, object) in scene.law.rule.clauses:
            return {"role": role}
    return {}
