"""Separation of duty: which hands may not be the same hand (三员分设, 经办与签发分离, 采集与核实分离).

Hands are natural persons, never accounts: two accounts of one human being are one key. `block` refuses, `extra` asks
for a second person, `trim` leaves the holding out of account, `record` lets it pass and makes it visible.
"""

from __future__ import annotations

from collections.abc import Iterable

from authz import refusal
from authz.policy import Duty, PolicySet


def overlap(policy: PolicySet, code: str, *persons: str | None) -> Duty | None:
    """The duty, if two of the persons are one; None stands for "nobody yet". An unknown code is a bug."""
    duty = policy.duties[code]
    known = [person for person in persons if person is not None]
    if "" in known:
        raise ValueError("a natural person has a key")
    return duty if len(set(known)) < len(known) else None


def separated(policy: PolicySet, code: str, *persons: str | None) -> None:
    """Refuse if a blocking duty would fall together in one person."""
    _refuse(overlap(policy, code, *persons))


def acted(policy: PolicySet, kind: str, history: Iterable[tuple[str, str]], act: str, person: str) -> tuple[Duty, ...]:
    """The duties of a kind that come together if `person` now does `act` on a thing with this (act, person) history.

    For `request` and `policy` acts are written `request.sign`; for `record` they are operations on one household, cell
    and quarter. Who already did the one side may not do the other, in whichever order.
    """
    mine = {done for done, who in history if who == person}
    return tuple(duty for duty in policy.duties.values() if duty.kind == kind and _joins(duty, act, mine))


def apart(policy: PolicySet, kind: str, history: Iterable[tuple[str, str]], act: str, person: str) -> tuple[Duty, ...]:
    """Refuse on the first blocking duty of `acted`; return the others, which the caller has to heed."""
    found = acted(policy, kind, history, act, person)
    for duty in found:
        _refuse(duty)
    return found


def roles_clash(policy: PolicySet, held: Iterable[str], role: str) -> tuple[Duty, ...]:
    """The static duties that come together if one person with these roles is given another one."""
    mine = set(held)
    return tuple(duty for duty in policy.duties.values() if duty.kind == "roles" and _joins(duty, role, mine))


def roles_apart(policy: PolicySet, held: Iterable[str], role: str) -> tuple[Duty, ...]:
    """Refuse a role that a blocking duty keeps away from the roles already held; return the softer ones."""
    found = roles_clash(policy, held, role)
    for duty in found:
        _refuse(duty)
    return found


def _joins(duty: Duty, new: str, mine: set[str]) -> bool:
    return bool((new in duty.left and mine & duty.right) or (new in duty.right and mine & duty.left))


def _refuse(duty: Duty | None) -> None:
    if duty is not None and duty.strength == "block":
        raise refusal.DutyConflict(f"{duty.zh}，请改由其他同志办理", missing="duty", duty=duty.code)
