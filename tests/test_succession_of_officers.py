"""An officer who is gone, or must not stay, is replaced by two others; he has no say in it, and no office stands empty."""

from __future__ import annotations

import pytest
from bureau import HOUR, REGION, START, SYSTEM, Bureau
from conftest import World
from test_officers_route import REASON, candidate
from worlds import APPROVER, AUDIT_ADMIN, AUDITOR, REGION_LEAD, SECURITY_ADMIN, SYSTEM_ADMIN, Town

from authz import refusal
from authz.fact import Where, instant, parse
from authz.officer import OfficerReplaced, OfficerSuccessionProposed

SECURITY, AUDITING, BUREAU = "p-71", "p-61", "p-51"


@pytest.fixture
def bureau() -> Bureau:
    made = Bureau()
    made.employ(SECURITY, REGION, "security_admin")
    made.employ(BUREAU, REGION, "region_approver")
    return made


def mine(bureau: Bureau, person: str = SYSTEM) -> int:
    return bureau.rows.posts[person][0].number


def test_two_others_replace_an_officer_who_does_not_go(bureau: Bureau) -> None:
    bureau.employ(AUDITING, REGION, "audit_admin")
    number = bureau.propose("p-11", "system_admin", SECURITY, replaces=mine(bureau))
    with pytest.raises(refusal.DutyConflict):
        bureau.approve(number, BUREAU)
    with pytest.raises(refusal.DutyConflict):
        bureau.approve(number, SYSTEM)
    bureau.approve(number, AUDITING)
    assert not bureau.rows.post[mine(bureau)].live(bureau.at)
    assert [each.role for each in bureau.rows.posts["p-11"] if each.live(bureau.at)] == ["system_admin"]


def test_the_only_other_officer_has_no_say_in_his_own_going(bureau: Bureau) -> None:
    """With nobody else in office, the approver of the bureau agrees; to an appointment beside him he would have to."""
    beside = bureau.propose("p-11", "system_admin", SECURITY)
    with pytest.raises(refusal.DutyConflict):
        bureau.approve(beside, BUREAU)
    number = bureau.propose("p-11", "system_admin", SECURITY, replaces=mine(bureau))
    with pytest.raises(refusal.DutyConflict):
        bureau.approve(number, SYSTEM)
    bureau.approve(number, BUREAU)
    assert not bureau.rows.post[mine(bureau)].live(bureau.at)


def test_the_old_post_lasts_until_the_new_one_begins(bureau: Bureau) -> None:
    begin = bureau.at + 5 * HOUR
    bureau.approve(bureau.propose("p-11", "system_admin", SECURITY, begin, replaces=mine(bureau)), BUREAU)
    old, new = bureau.rows.post[mine(bureau)], bureau.rows.posts["p-11"][0]
    assert (old.valid_until, new.valid_from) == (begin, begin)
    assert old.live(bureau.at)


def test_only_a_post_of_the_same_office_is_taken_over(bureau: Bureau) -> None:
    bureau.employ(AUDITING, REGION, "audit_admin")
    bureau.employ("p-991", REGION, "system_admin", START, START + HOUR)
    bureau.at += 2 * HOUR
    for number in (mine(bureau, AUDITING), mine(bureau, BUREAU), mine(bureau, "p-991"), 4040):
        with pytest.raises(refusal.UnfitHolder) as caught:
            bureau.propose("p-11", "system_admin", SECURITY, replaces=number)
        assert caught.value.members["missing"] == "replaces"
    first = bureau.propose("p-11", "system_admin", SECURITY, replaces=mine(bureau))
    second = bureau.propose("p-21", "system_admin", SECURITY, replaces=mine(bureau))
    bureau.approve(first, AUDITING)
    with pytest.raises(refusal.UnfitHolder):
        bureau.approve(second, AUDITING)


def test_the_facts_read_back_as_themselves() -> None:
    proposed = OfficerSuccessionProposed(person_id="p-1", post_unit=REGION, division="64", role="audit_admin", title="t",
                                         valid_from=None, replaces=7, reason="c")  # fmt: skip
    replaced = OfficerReplaced(subject=3, post=7, person_id="p-2", division="64", role="audit_admin",
                               valid_until=instant(START))  # fmt: skip
    for fact in (proposed, replaced):
        assert parse(fact.plain()) == fact
        fact.changes(Where(1, START))


def test_over_http_the_replaced_officer_is_nobody_from_that_entry_on(database: World) -> None:
    with Town(database) as town:
        person = candidate(town)
        post = town.get("/v1/me", SYSTEM_ADMIN).json()["posts"][0]["post"]
        body = {"person": person, "unit": REGION_LEAD, "role": "system_admin", "replaces": post, **REASON}
        wrong = town.post("/v1/officers", SECURITY_ADMIN, body | {"role": "audit_admin"})
        assert (wrong.status_code, wrong.json()["missing"]) == (422, "replaces")
        made = town.post("/v1/officers", SECURITY_ADMIN, body)
        assert made.status_code == 201, made.text
        path = f"/v1/officers/{made.json()['id']}"
        assert town.get(path, AUDITOR).json()["replaces"] == post
        for by in (SYSTEM_ADMIN, APPROVER, SECURITY_ADMIN):
            assert town.change(f"{path}/approval", by).status_code == 403
        done = town.change(f"{path}/approval", AUDIT_ADMIN)
        assert (done.status_code, done.json()["replaced"]) == (200, post)
        assert len(done.json()["entries"]) == 3
        assert town.post("/v1/people", SYSTEM_ADMIN, {"name": "某"}).json()["code"] == "not_employed"
        assert town.post("/v1/people", person, {"name": "某"}).status_code == 201
