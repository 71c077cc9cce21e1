"""A request that nobody can answer says so: by the rules that will judge each step, with the signature and afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conftest import World
from offices import NOW, ROLES, TEXT, WAY, Office
from worlds import ADMIN, APPROVER, AUDITOR, CLERK, HANDLER, OBSERVER, REGION_LEAD, SIGNATORY, SYSTEM_ADMIN, Town

from authz import competence, refusal, step
from authz.fact import Where, parse
from authz.post import Post

HOME = "u-64-lead"


def kept(office: Office, *people: str) -> Office:
    """Only these of the region's people are still in office."""
    rows = office.rows
    rows.staff[HOME] = [
        each if each.person in people else replace(each, valid_until=NOW) for each in rows.staff[HOME]
    ]  # fmt: skip
    for each in rows.staff[HOME]:
        rows.posts[each.person] = [each]
    return office


def lacking(office: Office) -> tuple[str, ...]:
    return competence.lacks(office.row, office.scene("p-22"))


@pytest.mark.parametrize(
    ("people", "found"),
    [
        (("p-44", "p-55"), ()),
        (("p-45", "p-54"), ()),
        ((), ("handler", "approver")),
        (("p-55",), ("handler",)),
        (("p-44",), ("approver",)),
        (("p-44", "p-45"), ("two",)),
        (("p-14", "p-25"), ("handler", "approver")),
        (("p-14", "p-55"), ("handler",)),
        (("p-44", "p-15"), ("approver",)),
        (("p-44", "p-35"), ("approver",)),
        (("p-34", "p-55"), ()),
        (("p-24", "p-55"), ("handler",)),
    ],
)
def test_two_human_beings_who_may_must_be_in_office(people: tuple[str, ...], found: tuple[str, ...]) -> None:
    """p-1. drafted, p-2. signs, p-33 works for the county: her account in the region may handle, and not decide."""
    office = kept(Office().run("draft"), *people)
    assert lacking(office) == found, "told of the draft already, as if it were signed"
    office.run("sign")
    assert lacking(office) == found
    told = competence.noted(office.row, office.row["body"]["hands"], office.scene("p-22"))
    assert [(each.subject, each.short_unit, each.lacks) for each in told] == ([(0, HOME, found)] if found else [])


def test_a_draft_that_names_a_signatory_nobody_knows_is_told_of_the_rest() -> None:
    office = Office().run("draft", text=replace(TEXT, signatory="p-999"))
    assert lacking(kept(office, "p-44", "p-55")) == ()
    assert lacking(kept(office, "p-55")) == ("handler",)


def test_who_may_fill_the_gap_is_who_may_give_both_posts() -> None:
    office = Office()
    told = competence.appointing("64", office.scene("p-22"))
    words = office.law.policy.catalogue
    assert [each["role"] for each in told] == ["system_admin"]
    assert [each for each in words.roles if words.may_appoint(each, "region_approver")] == ["system_admin"]
    appoint = {**words.appoint, "county_admin": words.appoint["county_admin"] | {"region_handler"}}
    office.law = replace(office.law, policy=replace(office.law.policy, catalogue=replace(words, appoint=appoint)))
    assert competence.appointing("64", office.scene("p-22")) == told, "one of the two is not enough"


def test_what_is_told_is_what_the_steps_do() -> None:
    """The oracle takes the steps: with any two of the region's people, a request is answered when nothing is lacking."""
    region = [f"p-{natural}{mark}" for natural in "12345" for mark, role in ROLES.items() if role.startswith("region")]
    answered = 0
    for one in region:
        for other in region:
            office = kept(Office().run("draft", "sign"), one, other)
            can = any(_answers(one, other, handler, approver) for handler in (one, other) for approver in (one, other))
            assert (lacking(office) == ()) is can, (one, other)
            answered += can
    assert 0 < answered < len(region) ** 2


def _answers(one: str, other: str, handler: str, approver: str) -> bool:
    office = kept(Office().run("draft", "sign"), one, other)
    try:
        office.run("receive", "propose", "decide", who={"receive": handler, "propose": handler, "decide": approver})
    except refusal.Refusal:
        return False
    return True


def test_only_what_is_left_to_do_is_asked() -> None:
    office = Office().run(*WAY[:3])
    assert lacking(kept(office, "p-55")) == ("handler",), "received, and nobody left to propose"
    office = kept(Office().run(*WAY[:4]), "p-55")
    assert lacking(office) == (), "proposed: only a decision is left"
    assert lacking(kept(office, "p-44")) == ("approver",)
    assert lacking(kept(office, "p-45")) == ("approver",), "who handled it cannot decide it under another account"


def test_a_deputy_who_may_do_one_step_is_counted_for_that_step() -> None:
    office = kept(Office().run("draft", "sign"), "p-44", "p-55", "p-64")
    rows, (base,) = office.rows, office.rows.posts["p-44"]
    own = next(each for each in rows.staff[HOME] if each.person == "p-64")

    def lent(*acts: str) -> Post:
        return replace(
            own, number=900, deputy_for=base.number, rests_on=own.number, principal=base, footing=own,
            acts=frozenset(acts),
        )  # fmt: skip

    approver = next(each for each in rows.staff[HOME] if each.person == "p-55")
    rows.staff[HOME] = [lent("request.receive", "request.read"), approver]
    assert lacking(office) == ("handler",)
    rows.staff[HOME] = [lent("request.propose", "request.read"), approver]
    assert lacking(office) == ("handler",)
    office.row["state"] = "received"
    assert lacking(office) == (), "what is received needs a proposal only"
    office.row["state"] = "filed"
    rows.staff[HOME] = [lent("request.receive", "request.read"), lent("request.propose", "request.read"), approver]
    assert lacking(office) == ()
    rows.staff[HOME] = [lent("request.receive", "request.propose"), approver]
    assert lacking(office) == ("handler",), "who may not read a request handles none"


def test_the_fact_reads_back_as_itself() -> None:
    fact = competence.AnswererLacked(subject=7, division="640324", short_unit=HOME, lacks=("handler", "approver"))
    assert parse(fact.plain()) == fact
    assert not fact.changes(Where(9, NOW))
    assert set(competence.WORDS) == {"handler", "approver", "two"}
    assert set(competence.ROLES) <= {*ROLES.values()}
    assert {competence.DECIDE, *competence.HANDLING} <= set(step.SIDES)


# --- over HTTP --------------------------------------------------------------------------------------------------------
def left(town: Town, person: str) -> dict[str, Any]:
    number = town.get(f"/v1/people/{person}", SYSTEM_ADMIN).json()["posts"][0]["post"]
    answer = town.change(f"/v1/posts/{number}/end", SYSTEM_ADMIN, {"reason": "调离"})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_request_without_an_approver_says_so_at_submission_and_on_record(database: World) -> None:
    """Row 14: it is filed all the same, and everybody who can do something about it is told what."""
    with Town(database) as town:
        well = town.drafted()
        assert town.get(f"/v1/requests/{well}", CLERK).json()["warnings"] == []
        told = town.change(f"/v1/requests/{well}/signature", SIGNATORY).json()
        assert (told["state"], told["warnings"]) == ("filed", [])
        assert town.get("/v1/staffing", SYSTEM_ADMIN).json()["unanswered"] == []

        assert [each["lack"] for each in left(town, APPROVER)["warnings"]] == ["answer"], (
            "whoever ends the post is told"
        )
        number = town.drafted()
        (early,) = town.get(f"/v1/requests/{number}", CLERK).json()["warnings"]
        answer = town.change(f"/v1/requests/{number}/signature", SIGNATORY)
        assert (answer.status_code, answer.json()["state"]) == (200, "filed")
        warning = {each["lack"]: each for each in answer.json()["warnings"]}.get("approver")
        assert warning is not None
        assert (early, answer.json()["warnings"], warning["unit"]) == (warning, [warning], REGION_LEAD)
        for word in ("目前没有可以审批的在任审批人", "系统管理员", "无需重报", "POST /v1/posts"):
            assert word in warning["text"]
        assert warning["who_can_mend"] == [{"division": "64", "role": "system_admin", "how": "appointment"}]

        (entry,) = town.get("/v1/entries?kind=AnswererLacked", AUDITOR).json()["items"]
        assert entry["number"] == answer.json()["entry"] + 1
        course = town.get(f"/v1/requests/{number}/timeline", SIGNATORY).json()["items"]
        assert [each["kind"] for each in course] == ["RequestDrafted", "RequestSigned", "AnswererLacked"]
        assert "缺少" in course[-1]["what"]
        for person in (CLERK, HANDLER, OBSERVER):
            assert [each["lack"] for each in town.get(f"/v1/requests/{well}", person).json()["warnings"]] == [
                "approver"
            ]
        (listed,) = town.get("/v1/staffing", SYSTEM_ADMIN).json()["unanswered"]
        assert (listed["lack"], listed["requests"]) == ("approver", [well, number])
        assert town.get("/v1/staffing", ADMIN).json()["unanswered"] == [], (
            "the region's people are not a county's report"
        )

        body = {"person": APPROVER, "unit": REGION_LEAD, "role": "region_approver"}
        assert town.post("/v1/posts", SYSTEM_ADMIN, body).status_code == 201
        assert town.get(f"/v1/requests/{number}", CLERK).json()["warnings"] == []
        assert town.get("/v1/staffing", SYSTEM_ADMIN).json()["unanswered"] == []


def test_whoever_leaves_last_is_told_once_and_an_answered_request_lacks_nobody(database: World) -> None:
    with Town(database) as town:
        number = town.received()
        done = town.decided(number, [{"line": 1, "outcome": "approved"}])
        assert done.is_success, done.text
        assert [each["lack"] for each in left(town, HANDLER)["warnings"]] == ["answer"]
        assert left(town, APPROVER)["warnings"] == [], "it was so before"
        assert town.get(f"/v1/requests/{number}", CLERK).json()["warnings"] == []
        listed = town.get("/v1/staffing", SYSTEM_ADMIN).json()["unanswered"]
        assert [(each["lack"], each["requests"]) for each in listed] == [("handler", []), ("approver", [])]
