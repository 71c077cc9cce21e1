"""Every single condition of the decision, of containment and of delegation is needed: spoil it, and a check fails.

`mutants.py` makes the mutants, `killers.py` holds the checks, `relapses.py` the failures of other systems. With
CONTAINMENT_SEQUENCES set (torture), every mutant that is listed as equivalent is hunted through more lives.
"""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType

import pytest
from killers import APART, FIRST, LAST, caught, checks
from mutants import Mutant, mutants
from relapses import RELAPSES, relapsed

from authz import (
    approval,
    asking,
    clash,
    competence,
    confirmation,
    decision,
    delegation,
    deputy,
    duty,
    edit,
    edition,
    grant,
    handover,
    household,
    kin,
    law,
    renewal,
    reply,
    revocation,
    step,
    tenure,
    window,
)

HUNT = 1000 if "CONTAINMENT_SEQUENCES" in os.environ else LAST
WORDING = frozenset({"who_can_grant", "_giver"})
"""What only says how a refusal could be mended."""

MODULES: dict[str, tuple[ModuleType, int]] = {
    "decision": (decision, 3), "grant": (grant, 2), "delegation": (delegation, 3), "revocation": (revocation, 2),
    "reply": (reply, 1), "window": (window, 1), "law": (law, 1), "clash": (clash, 1), "duty": (duty, 1), "kin": (kin, 1),
    "approval": (approval, 1), "step": (step, 1), "competence": (competence, 1), "edition": (edition, 1),
    "handover": (handover, 2), "tenure": (tenure, 1), "edit": (edit, 1), "deputy": (deputy, 1), "confirmation": (confirmation, 1),
    "renewal": (renewal, 1), "household": (household, 1), "asking": (asking, 1),
}  # fmt: skip
"""Each module, and into how many parts its mutants are split."""

EQUIVALENT = {
    "law.Law.permits: row is None or not self.narrowings or (not self.divisions.known(division)) | without `row is None`":
        "a short cut: no is no, whatever a county narrows",
    "law.Law.permits: row is None or not self.narrowings or (not self.divisions.known(division)) | without `not self.narrowings`":
        "a short cut: without narrowings none of them forbids",
    "law.Law.permits: row is None or not self.narrowings or (not self.divisions.known(division)) | without `not self.divisions.known(division)`":
        "an unknown place is covered by nothing, so the answer is no before",
    "delegation.wider: scope is not None and scope != issued | without `scope != issued`":
        "a short cut: what is equal has no misfit",
    "delegation._not_lent: by.operations or () | without `()`":
        "there is an operation beyond only where operations are listed",
    "window.counties: inside or outer is None | without `inside`":
        "a place that lies in a county and has counties inside is that county",
    "clash._clashes: grant.issued_by or '' | without `''`":
        "nobody has no account either",
    "clash.heed: if caller != mine | always":
        "a duty that is told twice is heeded once",
    "clash._members: deed.operation in CHECKING and (not all(map(duty.known, hands))) | without `not all(map(duty.known, hands))`":
        "what belongs to other known people clashes with nobody",
    "duty.apart: if not done | never":
        "a short cut: with nothing that was done nothing comes together",
    "edition.standing: grant.edition < divisions.edition | LtE for Lt":
        "nothing is newer than the edition in force",
    "edition.standing: older and divisions.newest_between(held, asked) > grant.edition | without `older`":
        "a short cut: nothing is newer than the edition in force",
    "edition.settled: heir(known.moving_to, law) if known.moving_to is not None else None | always":
        "nowhere has no heir",
    "step.visible: post is None or not scene.may('request.read', row['division']) | without `post is None`":
        "without a post nobody may anything",
    "step.state: limited and limit and (at >= moment(filed) + timedelta(days=limit.value)) | without `limit`":
        "what is limited has a limit; said for the checker of types",
    "confirmation.inherited: row.since > since and own(row.code) | without `row.since > since`":
        "what stands and lay in a place that is no more lies elsewhere since, so it has changed since",
    "confirmation.inherited: row.since > since | GtE for Gt":
        "the same: it has changed since, and not when the grant was given",
    "confirmation.carried: place is None or place not in found | without `place is None`":
        "nothing is among no places; said for the checker of types",
    "renewal.outgrown: asked.data_year > held.data_year | GtE for Gt":
        "the same year is put in its own place",
    "asking.ask: asked.wish if isinstance(asked, Edit) else asked | never":
        "an edit says all that a wish says, by the same names",
    "asking._reached: _RANK.get(str(refused.members.get('missing')), -1) if refused else -1 | always":
        "what is no permit has a refusal; said for the checker of types",
    "asking._reached: 1 | 2 for 1":
        "what has no rank stands below every rank, however far",
    "asking._reached: 1 | 2 for 1 #2":
        "the same",
    "asking.documented_later: grant.issued_at > at and _judged(_only(dated, grant.number), each, wish, at).decision | without `grant.issued_at > at`":
        "a short cut: nothing above a grant is recorded after it, so nothing of its chain is late",
    "asking.documented_later: grant.issued_at > at | GtE for Gt":
        "the same",
    "asking.documented_later: link.scope.valid_from <= at < link.scope.valid_until | LtE for Lt":
        "under a link that ends then nothing is permitted then: asked before",
    "asking._as_written: for each in chain(grant, rows.grants) if each.issued_at > at | without if `each.issued_at > at`":
        "who would begin earlier so is named only if a late link covers the instant, and then begins as early anyway",
    "asking._as_written: each.issued_at > at | GtE for Gt":
        "the same",
    "edit.judged: if actor is not scene.post | always":
        "a short cut: the caller's own fields were looked at just before",
    "deputy._must_be_two: scene.person is not None and scene.person.natural == deputy.natural | without `scene.person is not None`":
        "whoever acts in a post is somebody; said for the checker of types",
}  # fmt: skip
"""Mutants that change nothing, and why."""


@cache
def made(name: str) -> list[Mutant]:
    return mutants(MODULES[name][0], WORDING)


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name, (_, parts) in MODULES.items() for part in range(parts)]
)
def test_every_spoilt_condition_is_noticed(name: str, part: int) -> None:
    survivors = []
    for each in made(name)[part :: MODULES[name][1]]:
        with each.alive():
            if caught(name, HUNT) is None:
                survivors.append(each.name)
    assert [each for each in survivors if each not in EQUIVALENT] == []


def test_the_list_of_equivalent_mutants_is_short_and_true() -> None:
    known = {each.name for name in MODULES for each in made(name)}
    assert [each for each in EQUIVALENT if each not in known] == [], "a mutant that is not made any more"
    assert len(EQUIVALENT) <= len(known) / 50


@pytest.mark.parametrize("name", RELAPSES)
def test_a_failure_of_others_is_noticed(name: str) -> None:
    with relapsed(name) as module:
        assert caught(module.__name__.split(".")[-1]) is not None


@pytest.mark.parametrize("name", MODULES)
def test_unspoilt_rules_pass_every_check(name: str) -> None:
    """Negative control: what catches mutants is silent on the rules as they are, and they are put back whole."""
    whole = [(function, function.__code__) for each in made(name)[:20] for function, _ in each.codes]
    for each in made(name)[:20]:
        with each.alive():
            assert all(function.__code__ is code for function, code in each.codes)
    assert all(function.__code__ is code for function, code in whole)
    assert caught(name) is None
    assert len(list(checks(name))) > (FIRST if name in APART else LAST)


def test_there_are_mutants_of_every_kind() -> None:
    kinds = {each.name.rpartition("| ")[2].split(" `")[0].split(" #")[0] for name in MODULES for each in made(name)}
    for kind in (
        "never",
        "always",
        "without",
        "without not",
        "without if",
        "dropped",
        "LtE for Lt",
        "GtE for Gt",
        "NotIn for In",
        "any for all",
    ):
        assert kind in kinds, kind
