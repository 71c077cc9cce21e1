"""The failures of others, one by one, put into our rules: each row of the regression catalogue as a mutant.

A relapse replaces names of a module while it lasts. `regressions.csv` says which row each belongs to, and which checks
have to notice it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any
from unittest.mock import patch

from authz import decision, delegation, document, filing, refusal, reply, revocation, scope, step, window
from authz import grant as grants
from authz import post as posts
from authz.decision import Permit, Scene, Wish
from authz.grant import Grant

Patch = tuple[Any, str, Any]


def _everything(scene: Scene, post: Any, wish: Wish, at: Any = None) -> Permit:
    """A decision point that says yes to all."""
    found = next(iter(scene.rows.grants.values()))
    return Permit(found, grants.chain(found, scene.rows.grants), "roles.csv:1")


def _always_500(scene: Scene, post: Any, wish: Wish, at: Any = None) -> Permit:
    raise RuntimeError("500")


_DECIDE = decision.decide


def _wrong_id(scene: Scene, post: Any, wish: Wish, at: Any = None) -> Permit:
    """The right answer under the number of another grant."""
    told = _DECIDE(scene, post, wish, at)
    other = scene.rows.grants[max(scene.rows.grants)]
    return replace(told, grant=other)


def _merged(scene: Scene, post: Any, wish: Wish, at: Any = None) -> Permit:
    """Grants of one holder flow together: the cell of one, the operation of another."""
    mine = list(decision.held(scene.rows, post))
    for one, other in itertools.product(mine, mine):
        both = replace(wish, cell=min(other.scope.cells))
        if wish.cell in one.scope.cells and one.live(at or scene.at):
            try:
                return _DECIDE(scene, post, both, at)
            except refusal.Denied:
                continue
    return _DECIDE(scene, post, wish, at)


def _no_shrink(self: Any, where: Any) -> tuple[()]:
    return ()


def _post_kept(self: Scene, person: str, issued_at: int, post: int | None) -> None:
    """Whoever once had a post has it for ever."""
    self.person = self.rows.people[person]
    self.post = next((each for each in self.rows.posts.get(person, ()) if post in (None, each.number)), None)


def _asked_without(*names: str) -> tuple[Patch, ...]:
    kept = tuple(row for row in decision._ASKED if row[0] not in names)
    return (decision, "_ASKED", kept), (decision, "AXES", tuple(row[0] for row in kept))


def _fits(*given: Any, **named: Any) -> tuple[()]:
    return ()


def _passes(*given: Any, **named: Any) -> None:
    return None


def _hand(act: str, row: Any, scene: Scene) -> Any:
    """One account may do every step."""
    assert scene.person is not None
    known = () if row is None else tuple(tuple(each) for each in row["body"]["hands"])
    return (*known, (act, scene.person.id))


RELAPSES: dict[str, tuple[ModuleType, tuple[Patch, ...]]] = {
    # RuoYi CVE-2026-37669, Keycloak CVE-2026-14614 and the like: more than one's own envelope
    "a delegation may be wider than what is held": (delegation, ((delegation, "outgrown", _fits),)),
    "a narrowing may widen": (revocation, ((revocation, "misfits", _fits),)),
    "a listed household may live elsewhere": (delegation, ((delegation, "_strangers", _fits),)),
    # Ranger RANGER-5793: an edit that changes nothing, or only an end, needs full authority as well
    "anybody ends, rests and narrows": (revocation, ((revocation, "ruled", lambda links, scene: links[-1]),)),
    "a lower unit lifts the rest of a higher one": (revocation, ((revocation, "_from", lambda unit, links: (unit, *(each.issuer_unit for each in links))),)),
    # Keycloak CVE-2026-15945
    "whoever asks for a child learns of the parent": (delegation, ((delegation, "visible", lambda grant, scene: True),)),
    # RANGER-5592, RANGER-5598
    "an expired grant is used on": (grants, ((Grant, "current", lambda self, at: self.scope.valid_from <= at and self.issued_at <= at),)),
    "expiry is asked of the last link only": (decision, ((decision, "chain", lambda grant, known: (grant,)),)),
    "a delegation outlives its parent": (delegation, ((delegation, "worth", lambda links, seats, at: ("live", 0)),)),
    # JumpServer 7128
    "an approver who left decides on": (decision, ((Scene, "enter", _post_kept),)),
    "a post that ended still permits": (decision, ((posts.Post, "live", lambda self, at: True),)),
    # bk-iam 2759
    "one files for another county": (reply, ((filing, "_checked", lambda text, county, scene: document.parse(text.number)),)),
    "a holder outside one's own people": (delegation, ((delegation, "_holder", lambda wanted, scope, by, scene: (wanted.holder, None)),)),
    # Teleport 5622, 31538
    "a decided request is decided again": (reply, ((step, "must_stand", _passes),)),
    "a revoked grant comes back": (revocation, ((grants.GrantRevoked, "changes", _no_shrink),)),
    "a closed window is closed again": (window, ((window, "must_be_open", _passes),)),
    # midPoint: a special approval rule switches off the default one
    "who drafts may sign, handle and decide": (reply, ((step, "hand", _hand),)),
    "the applicant's own people may decide": (reply, ((step, "must_be_outside", _passes),)),
    # JIT Groups: a lower level loosens what it inherited
    "only the parent is asked, not its ancestors": (delegation, ((delegation, "reach", lambda links: links[-1].scope),
                                                                 (delegation, "outgrown", lambda links, asked, tree: grants.misfits(links[-1].scope, asked, tree)))),
    "a reply may give more than was asked": (reply, ((reply, "misfits", _fits),)),
    # JumpServer 12982
    "a line without cells or operations": (reply, ((scope, "check", _passes),)),
    # the public harnesses: points that always fail, answer another question, or say yes
    "always yes": (decision, ((decision, "decide", _everything),)),
    "always an error": (decision, ((decision, "decide", _always_500),)),
    "the right answer to another question": (decision, ((decision, "decide", _wrong_id),)),
    # RANGER-4714
    "two grants flow together": (decision, ((decision, "decide", _merged),)),
    # removed whole rows of the decision
    **{f"the decision does not ask for {row[0]}": (decision, _asked_without(row[0])) for row in decision._ASKED},
}  # fmt: skip


@contextmanager
def relapsed(name: str) -> Iterator[ModuleType]:
    """While this lasts, the failure is back; the module whose checks are asked."""
    module, patches = RELAPSES[name]
    with ExitStack() as stack:
        for place, attribute, value in patches:
            stack.enter_context(patch.object(place, attribute, value))
        yield module
