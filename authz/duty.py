"""Separation of duty: which hands may not be the same hand (三员分设, 经办与签发分离, 采集与核实分离).

Hands are natural persons, never accounts: two accounts of one human being are one key, and whoever stands in for
somebody acts with two pairs of hands. Of an account without an identity number nobody can tell whose it is; a duty
that cannot be shown to be kept counts as broken.

block   refuses
trim    leaves the holding that clashes out of account, as if it were not held; of two roles, the one on the right
extra   asks for a second person's approval beforehand
record  lets pass, and makes it visible
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from authz import refusal
from authz.policy import Duty, PolicySet

UNKNOWN = "p-"
"""How the key of an account begins whose identity number is not on record: it is the account's own id."""


def known(natural: str) -> bool:
    """Whether it is on record which human being this is."""
    return not natural.startswith(UNKNOWN)


def overlap(policy: PolicySet, code: str, *persons: str | None) -> Duty | None:
    """The duty, if two of the persons are one; None stands for "nobody yet". An unknown code is a bug."""
    duty = policy.duties[code]
    found = [person for person in persons if person is not None]
    if "" in found:
        raise ValueError("a natural person has a key")
    return duty if len(set(found)) < len(found) else None


def separated(policy: PolicySet, code: str, *persons: str | None) -> None:
    """Refuse if a blocking duty would fall together in one person."""
    found = overlap(policy, code, *persons)
    if found is not None and found.strength == "block":
        refuse(found)


def acted(
    policy: PolicySet, kind: str, history: Iterable[tuple[str, str]], act: str, *persons: str
) -> tuple[Duty, ...]:
    """The duties of a kind that come together if these hands now do `act` on a thing with this (act, person) history.

    For `request` and `policy` acts are written `request.sign`; for `record` they are operations on one household, cell
    and quarter; for `household` the history names its members. Who already did the one side may not do the other, in
    whichever order. Where either side is a human being nobody knows, it is not shown that there are two.
    """
    done = tuple(history)
    mine = {each for each, who in done if who in persons}
    doubtful = {each for each, who in done if not (known(who) and all(map(known, persons)))}
    return tuple(
        duty for duty in policy.duties.values() if duty.kind == kind and _joins(duty, act, mine | doubtful)
    )  # fmt: skip


def apart(
    policy: PolicySet, kind: str, history: Iterable[tuple[str, str]], act: str, *persons: str
) -> tuple[Duty, ...]:
    """Refuse on the first blocking duty of `acted`; return the others, which the caller has to heed."""
    done = tuple(history)
    if not done:
        return ()
    found = acted(policy, kind, done, act, *persons)
    mine = {each for each, who in done if who in persons}
    for duty in found:
        if duty.strength == "block":
            refuse(duty, unknown=not _joins(duty, act, mine))
    return found


def roles_clash(policy: PolicySet, held: Iterable[str], role: str) -> tuple[Duty, ...]:
    """The static duties that come together if one person with these roles is given another one."""
    mine = set(held)
    return tuple(duty for duty in policy.duties.values() if duty.kind == "roles" and _joins(duty, role, mine))


def roles_apart(policy: PolicySet, held: Iterable[str], role: str) -> tuple[Duty, ...]:
    """Refuse a role that a blocking duty keeps away from the roles already held; return the softer ones."""
    found = roles_clash(policy, held, role)
    for duty in found:
        if duty.strength == "block":
            refuse(duty)
    return found


def refuse(duty: Duty, *, unknown: bool = False) -> NoReturn:
    """Say no, and what to do: another person, or first the identity number without which nobody is another person."""
    if unknown:
        told = f"{duty.zh}；双方有人没有登记身份证件号码，无法确认是两个人，请先登记身份证件号码再办理"
        raise refusal.DutyConflict(told, missing="identity", duty=duty.code)
    raise refusal.DutyConflict(f"{duty.zh}，请改由其他同志办理", missing="duty", duty=duty.code)


def _joins(duty: Duty, new: str, mine: set[str]) -> bool:
    return bool((new in duty.left and mine & duty.right) or (new in duty.right and mine & duty.left))
