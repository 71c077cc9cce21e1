"""Three officers: two persons appoint one, nobody holds two kinds, the last of a kind stays, and there is no super-user."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from acts import law
from bureau import AUDIT, HOUR, LEAD, REGION, START, SYSTEM, Bureau

from authz import duty, refusal
from authz.fact import Where, instant, parse
from authz.office import IDENTIFIED, OFFICERS
from authz.officer import OfficerApproved, OfficerDropped, OfficerProposed, drop

SECURITY, AUDITING, APPROVER = "p-71", "p-61", "p-51"
POLICY = law().policy


@pytest.fixture
def bureau() -> Bureau:
    made = Bureau()
    made.employ(SECURITY, REGION, "security_admin")
    made.employ(AUDITING, REGION, "audit_admin")
    made.employ(APPROVER, REGION, "region_approver")
    return made


def alone() -> Bureau:
    """The first day: one officer, and the approver of the bureau."""
    made = Bureau()
    made.employ(APPROVER, REGION, "region_approver")
    return made


def test_a_successor_is_appointed_by_two_and_then_the_first_may_go(bureau: Bureau) -> None:
    """Attack 92: the last of a kind does not end himself; with a successor in office he may."""
    mine = bureau.rows.posts[SYSTEM][0].number
    with pytest.raises(refusal.WrongState):
        bureau.end(mine, by=SYSTEM)
    number = bureau.propose("p-11", "system_admin", SYSTEM)
    with pytest.raises(refusal.WrongState):
        bureau.end(mine, by=SYSTEM)
    bureau.approve(number, SECURITY)
    bureau.end(mine, by=SYSTEM)
    with pytest.raises(refusal.WrongState):
        bureau.end(bureau.rows.posts["p-11"][0].number, by="p-11")


@pytest.mark.parametrize(
    ("person", "role"), [(SYSTEM, "system_admin"), (SECURITY, "security_admin"), (AUDITING, "audit_admin")]
)
def test_attack_92_the_last_of_each_kind_stays(bureau: Bureau, person: str, role: str) -> None:
    """Neither a successor to come, nor one who leaves again, nor his own second account is one."""
    mine = bureau.rows.posts[person][0].number
    bureau.employ("p-11", REGION, role, START + HOUR)
    bureau.employ("p-21", REGION, role, START, START + 9 * HOUR)
    bureau.employ(f"{person[:-1]}9", REGION, role)
    with pytest.raises(refusal.WrongState):
        bureau.end(mine, by=person)
    bureau.at += 2 * HOUR
    bureau.end(mine, by=person)


@pytest.mark.parametrize(("proposer", "approver", "candidate", "outcome"), [
    (SYSTEM, SECURITY, "p-11", None), (SYSTEM, AUDITING, "p-11", None), (SECURITY, SYSTEM, "p-11", None),
    (SYSTEM, SYSTEM, "p-11", refusal.DutyConflict), (SYSTEM, "p-909", "p-11", refusal.DutyConflict),
    (SYSTEM, APPROVER, "p-11", refusal.DutyConflict), (SYSTEM, SECURITY, APPROVER, refusal.DutyConflict),
    (SYSTEM, SECURITY, "p-72", refusal.DutyConflict), (SYSTEM, SECURITY, "p-01", refusal.UnfitHolder),
    (APPROVER, SECURITY, "p-11", refusal.NoRole), (SYSTEM, SECURITY, "p-902", refusal.AlreadyRegistered),
])  # fmt: skip
def test_who_proposes_and_who_approves_a_system_admin(
    bureau: Bureau, proposer: str, approver: str, candidate: str, outcome: type[refusal.Refusal] | None
) -> None:
    """p-909 is another system administrator; p-72 the security administrator's second account; p-01 nobody knows."""
    bureau.employ("p-991", REGION, "system_admin")
    approver = "p-991" if approver == "p-909" else approver

    def happen() -> None:
        bureau.approve(bureau.propose(candidate, "system_admin", proposer), approver)

    if outcome is None:
        happen()
        assert [each.role for each in bureau.rows.posts[candidate] if each.live(bureau.at)] == ["system_admin"]
        return
    with pytest.raises(outcome):
        happen()
    assert not any(
        each.live(bureau.at) and each.role == "system_admin" for each in bureau.rows.posts.get(candidate, ())
    )


def test_on_the_first_day_the_bureaus_approver_is_the_second_person() -> None:
    bureau = alone()
    bureau.approve(bureau.propose("p-11", "security_admin", SYSTEM), APPROVER)
    later = bureau.propose("p-21", "audit_admin", SYSTEM)
    with pytest.raises(refusal.DutyConflict):
        bureau.approve(later, APPROVER)
    bureau.approve(later, "p-11")
    with pytest.raises(refusal.WrongState):
        bureau.approve(later, "p-11")


def test_a_proposal_is_answered_once_and_not_after_its_proposer_left(bureau: Bureau) -> None:
    number = bureau.propose("p-11", "system_admin", SECURITY)
    bureau.employ("p-31", REGION, "security_admin")
    bureau.end(bureau.rows.posts[SECURITY][0].number, by=SECURITY)
    with pytest.raises(refusal.WrongState):
        bureau.approve(number, SYSTEM)
    bureau.record(drop(bureau.rows.officers[number], "c"))
    with pytest.raises(refusal.WrongState):
        drop(bureau.rows.officers[number], "c")
    with pytest.raises(refusal.WrongState):
        bureau.approve(number, SYSTEM)


# --- no way round -----------------------------------------------------------------------------------------------------
def combined(bureau: Bureau) -> list[str]:
    """Human beings who, at any instant, hold an office together with anything else."""
    found = []
    marks = sorted({at for post in bureau.rows.post.values() for at in (post.valid_from, post.valid_until)})
    for natural in {each.natural for each in bureau.rows.people.values()}:
        held = [post for who, posts in bureau.rows.posts.items() for post in posts
                if bureau.rows.people[who].natural == natural]  # fmt: skip
        for at in marks:
            roles = {post.role for post in held if post.live(at)}
            if len(roles) > 1 and roles & {*OFFICERS, "auditor"} and roles != {"auditor", "city_observer"}:
                found.append(f"{natural} {sorted(roles)}")
    return found


def wandered(seed: int) -> Bureau:
    """A random sequence of appointments, proposals, approvals, ends and deputies over few people with two accounts."""
    dice, bureau = random.Random(seed), alone()  # noqa: S311 a sequence is named by its seed
    for _ in range(60):
        bureau.at += dice.choice((0, 1, 5)) * HOUR
        try:
            _stumble(bureau, dice)
        except (refusal.Refusal, IndexError):
            continue
    return bureau


def _stumble(bureau: Bureau, dice: random.Random) -> None:
    people = [f"p-{natural}{account}" for natural in (1, 2, 3) for account in (1, 2)]
    places = [(REGION, "region_handler"), (LEAD, "county_clerk"), (LEAD, "county_signatory"), (AUDIT, "auditor")]
    serving = [post.person for post in bureau.rows.post.values() if post.role in OFFICERS and post.live(bureau.at)]
    person, by = dice.choice(people), dice.choice([APPROVER, *serving, dice.choice(people)])
    begin = bureau.at + dice.choice((0, 0, 9)) * HOUR
    until, (unit, role) = begin + dice.choice((5, 30)) * HOUR, dice.choice(places)
    posts, waiting = (
        [*bureau.rows.post][1:],
        [n for n, row in bureau.rows.officers.items() if row["state"] == "proposed"],
    )
    ways: dict[str, Callable[[], Any]] = {
        "appoint": lambda: bureau.appoint(person, unit, role, begin=begin, end=dice.choice((until, None))),
        "propose": lambda: bureau.propose(person, dice.choice(OFFICERS), by, begin),
        "approve": lambda: bureau.approve(dice.choice(waiting), by),
        "deputise": lambda: bureau.deputise(dice.choice(posts), person, begin=dice.choice((None, begin)), end=until),
        "end": lambda: bureau.end(dice.choice(posts), until=begin),
    }  # fmt: skip
    ways[dice.choice([*ways, "approve", "propose"])]()


def test_no_sequence_of_appointments_makes_one_person_two_officers_or_an_officer_with_business() -> None:
    made = [wandered(seed) for seed in range(300)]
    assert [found for each in made for found in combined(each)] == []
    officers = sum(post.role in OFFICERS for each in made for post in each.rows.post.values()) - len(made)
    deputies = sum(post.deputy_for is not None for each in made for post in each.rows.post.values())
    assert (officers > 30, deputies > 30) == (True, True), "the sequences are about something"


def test_the_sequences_notice_a_register_that_forgets_second_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bureau, "held", lambda self, person: list(self.rows.posts.get(person, ())))
    assert [found for seed in range(80) for found in combined(wandered(seed))]


def test_the_sequences_notice_a_duty_that_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty, "roles_apart", lambda policy, held, role: ())
    assert [found for seed in range(80) for found in combined(wandered(seed))]


# --- no super-user ----------------------------------------------------------------------------------------------------
RIGHTS = {role: {f"{noun}.{act}" for act, noun in law().rule.rights(role)} for role in POLICY.catalogue.roles}
PUBLIC = {"division.read", "window.read"}
MAY: dict[str, set[str]] = {
    "system_admin": PUBLIC | {f"people.{act}" for act in ("register", "post", "end", "transfer", "deputy", "token", "read", "staff", "reveal")}
    | {"division.load", "calendar.load"},
    "security_admin": PUBLIC | {"policy.propose", "policy.read", "policy.replay", "erasure.ask", "erasure.read"},
    "audit_admin": PUBLIC | {"log.read", "policy.read", "erasure.read"},
}  # fmt: skip


@pytest.mark.parametrize("role", OFFICERS)
def test_attack_93_an_officer_may_what_runs_the_service_and_nothing_of_its_business(role: str) -> None:
    officer = {"officer.propose", "officer.approve", "officer.read"}
    assert officer <= RIGHTS[role] <= MAY[role] | officer
    forbidden = (
        "request.",
        "grant.",
        "edit.",
        "household.",
        "attachment.",
        "finding.",
        "case.",
        *POLICY.catalogue.cells,
    )
    assert not [each for each in RIGHTS[role] if each.startswith(forbidden)]


def test_no_role_is_a_super_user() -> None:
    """No role has every right, none the rights of two officers, and who appoints officers is an officer."""
    everything = set().union(*RIGHTS.values())
    for role, mine in RIGHTS.items():
        assert mine < everything
        assert sum(RIGHTS[each] - PUBLIC <= mine for each in OFFICERS) == (role in OFFICERS), role
        assert ("officer.propose" in mine) == (role in OFFICERS)
        assert not set(POLICY.catalogue.appoint.get(role, ())) & set(OFFICERS)


@pytest.mark.parametrize("role", sorted(POLICY.catalogue.roles))
def test_whoever_checks_others_is_known_by_an_identity_number(role: str) -> None:
    if role in OFFICERS:
        return
    bureau = Bureau()
    units = [(LEAD, "640324"), (REGION, "64"), (AUDIT, "64")]
    for unit, division in units:
        kind = unit.rpartition("-")[2]
        if POLICY.catalogue.may_hold(kind, law().divisions.get(division).level, role) and POLICY.catalogue.may_appoint(
            "system_admin", role
        ):
            bureau.appoint("p-11", unit, role)
            if role in IDENTIFIED:
                with pytest.raises(refusal.UnfitHolder) as caught:
                    bureau.appoint("p-02", unit, role)
                assert caught.value.members["missing"] == "identity"
            else:
                bureau.appoint("p-02", unit, role)


def test_facts_read_back_as_themselves() -> None:
    proposed = OfficerProposed(person_id="p-1", post_unit=REGION, division="64", role="audit_admin", title="t",
                               valid_from=instant(START + timedelta(days=1)), reason="c")  # fmt: skip
    approved = OfficerApproved(subject=3, person_id="p-1", division="64", role="audit_admin")
    for fact in (proposed, approved, OfficerDropped(subject=3, division="64", reason="c")):
        assert parse(fact.plain()) == fact
        fact.changes(Where(1, START))
