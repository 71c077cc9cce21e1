"""The failures of others at the door: each put back into the running service while an ordinary test of a route is led there.

`relapses.py` holds those of the rules alone. A check must fail by what it asserts; one that only breaks shows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import routes
import test_asking
import test_attacks_authority
import test_competence
import test_grants_route
import test_mask
import test_requests_limits
import test_three_officers
import worlds
from conftest import World

import api.founding
import api.grants
import api.pep
from audit import search
from authz import competence, explanation
from authz.pdp import Rule

Patch = tuple[Any, str, Any]
Check = Callable[[World], object]
_PERMITS, _VALIDATE, _AXES, _CALLER = Rule.permits, api.pep.fields.validate, explanation.axes, api.pep.caller


def _super_user(self: Rule, holding: Any, *asked: Any) -> str | None:
    """The table gives the system administrator what the region's approver has."""
    found = _PERMITS(self, holding, *asked)
    if found is None and holding.role == "system_admin":
        return _PERMITS(self, replace(holding, role="region_approver"), *asked)
    return found


def _passed_over(model: Any, parsed: Any) -> Any:
    """A member that no body has is taken for one, and dropped."""
    if isinstance(parsed, dict):
        known = {each.alias or name for name, each in model.model_fields.items()}
        parsed = {name: value for name, value in parsed.items() if name in known}
    return _VALIDATE(model, parsed)


def _by_token(request: Any) -> Any:
    """An entry says with which token it was made."""
    return replace(_CALLER(request), client=request.headers["authorization"].split(" ")[1])


def _contented(*given: Any) -> list[dict[str, Any]]:
    """Every axis of a refusal is shown as kept."""
    return [each | {"fits": True} for each in _AXES(*given)]


def _officers(database: World) -> None:
    with worlds.Town(database) as town:
        walk = routes.Round(town, routes.Things.on(town), only="/v1/requests")
        assert test_three_officers.allowed(walk) == {}


def _mass_assignment(database: World) -> None:
    with worlds.Town(database) as town:
        test_requests_limits.test_mass_assignment(town, "approved_by")


def _explained(database: World) -> None:
    for axis in test_asking.MISFITS:
        test_asking.test_a_refusal_shows_the_axis_that_failed(axis)


LEAKS: dict[str, tuple[tuple[Patch, ...], Check]] = {
    # Keycloak 50616
    "the log shows what the dossier hides": (
        ((search, "INNER", ()),),
        test_attacks_authority.test_69_the_handlers_proposal_is_hidden_from_the_applicant_at_every_door,
    ),
    "the list of grants is everybody's": (
        ((api.grants, "overseen", lambda scene, act: None),),
        test_grants_route.test_who_sees_a_grant_sees_it_in_the_list_too,
    ),
    # openbkn 147
    "the system administrator is a super-user": (
        ((Rule, "permits", _super_user),),
        _officers,
    ),
    # Casdoor
    "what the client says of the approver is passed over": (
        ((api.pep.fields, "validate", _passed_over),),
        _mass_assignment,
    ),
    # TEAM 356, 423
    "a request without an approver is filed in silence": (
        ((competence, "noted", lambda row, hands, scene: ()),),
        test_competence.test_a_request_without_an_approver_says_so_at_submission_and_on_record,
    ),
    "whoever leaves last is not told": (
        ((competence, "unanswering", lambda unit, division, staff, scene: ()),),
        test_competence.test_whoever_leaves_last_is_told_once_and_an_answered_request_lacks_nobody,
    ),
    # midPoint advisory 027
    "the identity number itself names a person": (
        ((api.founding, "natural", lambda key, number: number),),
        test_mask.test_the_log_shows_no_token_and_no_identity_number,
    ),
    "the log names the token that was used": (
        ((api.pep, "caller", _by_token),),
        test_mask.test_the_log_shows_no_token_and_no_identity_number,
    ),
    # SpiceDB 2068
    "an explanation says that everything fits": (((explanation, "axes", _contented),), _explained),
}


@contextmanager
def leaking(name: str) -> Iterator[Check]:
    """While this lasts, the failure is back; what has to notice it."""
    patches, check = LEAKS[name]
    with ExitStack() as stack:
        for place, attribute, value in patches:
            stack.enter_context(patch.object(place, attribute, value))
        yield check
