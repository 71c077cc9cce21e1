"""A question to a draft is answered as in the world where the draft is the law, beside what the law says; and decides nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from acts import law
from conftest import World
from questions import MANY, ONE, YEAR, kinds, question
from test_amendments import DENY, adopted, proposed, regroup, texts
from worlds import (
    ADMIN,
    APPROVER,
    AUDIT_ADMIN,
    AUDITOR,
    CLERK,
    COLLECTOR,
    COUNTY,
    GRID_WORKER,
    REVIEWER,
    SECURITY_ADMIN,
    SIGNATORY,
    SYSTEM_ADMIN,
    VILLAGE,
    Town,
)  # fmt: skip

from authz import refusal
from authz.decision import Law, Scene
from authz.rows import Rows
from authz.supposing import Supposed

ROW = "p,grassroots,update,daily_cells,allow\n"
PEOPLE = (COLLECTOR, GRID_WORKER, ADMIN, REVIEWER, CLERK, "p-9")
COMPARED = ("code", "rule", "grant", "chain", "missing", "duty", "document", "post")


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        root = made.granted(made.line(operations=["collect", "update", "verify", "query", "delete"]))[0]
        for role in ("village_collector", "grid_worker"):
            made.delegated(root, role=role, operations=["collect", "update", "verify", "query", "delete"])
        yield made


def every() -> list[dict[str, Any]]:
    """Questions of every sort: about cells of two households, about the service's own acts, about nobody."""
    found = [
        question(person, action, options={"explain": True}, resource={"type": cell, "id": house, "properties": {"data_year": YEAR}})
        for person in PEOPLE for action in ("update", "verify", "delete", "query")
        for cell, house in (("monitored.income", "h-monitored"), ("lifted_out.income", "h-lifted"))
    ]  # fmt: skip
    own = {"type": "request", "id": COUNTY}
    return found + [question(each, "request.draft", options={"explain": True}, resource=own) for each in PEOPLE]


def told(answer: dict[str, Any]) -> dict[str, Any]:
    return {"decision": answer["decision"]} | {name: answer.get("context", {}).get(name) for name in COMPARED}


def in_force(town: Town, asker: str = AUDITOR) -> list[dict[str, Any]]:
    """What the law in force answers, by the door of every other question."""
    answer = town.post(MANY, asker, {"evaluations": every(), "options": {"explain": True}})
    assert answer.status_code == 200, answer.text
    return [told(each) for each in answer.json()["evaluations"]]


def under(town: Town, digest: str, asker: str = AUDITOR) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What is answered by the law in force and what under the draft, question by question."""
    now, then = [], []
    for each in every():
        answer = town.post(f"/v1/policies/{digest}/questions", asker, each)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        now.append(told(found["answers"]["in_force"]))
        then.append(told(found["answers"]["draft"]))
        change = {(True, False): "permit_to_deny", (False, True): "deny_to_permit"}
        assert found["change"] == change.get((now[-1]["decision"], then[-1]["decision"]), "same")
        assert found["draft"] is True
        assert "decision" not in found, "it is no answer that a data system could take for one"
    return now, then


def drop(text: str) -> str:
    return text.replace(ROW, "#\n")


def more(text: str) -> str:
    return text + "p,grassroots,delete,monitored.income,allow\n"


def chance(seed: int) -> Any:
    """A draft by chance: some rows about cells gone, some new ones, and one that surely takes something away."""

    def change(text: str) -> str:
        dice = random.Random(seed)  # noqa: S311 a draft is named by its seed
        lines = [each for each in text.splitlines() if each.startswith("p,") and each.endswith("_cells,allow")]
        for line in dice.sample(lines, 5):
            text = text.replace(f"{line}\n", "#\n")
        roles, acts = (
            ("grassroots", "county_worker", "grid_worker", "village_collector"),
            ("update", "verify", "delete"),
        )
        made = {(dice.choice(roles), dice.choice(acts), dice.choice(("allow", "deny"))) for _ in range(4)}
        rows = [f"p,{role},{act},monitored.income,{effect}\n" for role, act, effect in sorted(made)]
        return text + "".join([*rows, "p,county_worker,query,monitored.income,deny\n"])

    change.__name__ = f"chance_{seed}"
    return change


@pytest.mark.parametrize("change", [drop, more, regroup, *map(chance, range(3))], ids=lambda each: each.__name__)
def test_the_answer_under_a_draft_is_that_of_the_world_where_it_is_the_law(
    town: Town, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change is regroup:
        narrowed = proposed(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY).json()["policy"]
        assert adopted(town, narrowed, SIGNATORY).status_code == 200
    digest = proposed(town, texts(roles_csv=change)).json()["policy"]
    before = in_force(town)
    now, then = under(town, digest)
    assert now == before
    with monkeypatch.context() as blind:  # the control: a draft that is not heard is noticed
        blind.setattr(Supposed, "beside", lambda self, scene: scene)
        deaf = under(town, digest)[1]
    assert adopted(town, digest).status_code == 200
    after = in_force(town)
    assert then == after
    assert after != before
    assert deaf != after


def test_the_same_of_a_narrowing_and_of_the_way_back(town: Town) -> None:
    digest = proposed(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY).json()["policy"]
    before, (now, then) = in_force(town, ADMIN), under(town, digest, ADMIN)
    assert adopted(town, digest, SIGNATORY).status_code == 200
    assert (now, then) == (before, in_force(town, ADMIN))
    assert then != before
    back = proposed(town, {"roles.csv": "# 恢复自治区规则\n"}, person=ADMIN, division=COUNTY).json()["policy"]
    assert under(town, back, ADMIN) == (then, before)


def test_it_is_recorded_as_a_question_and_permits_nothing(town: Town) -> None:
    digest = proposed(town, texts(roles_csv=more)).json()["policy"]
    size = town.size()
    asked = question(action="delete")
    found = town.post(f"/v1/policies/{digest}/questions", AUDITOR, asked).json()
    assert (found["change"], found["answers"]["draft"]["decision"]) == ("deny_to_permit", True)
    assert "不许可" in found["difference"]
    assert kinds(town, size) == ["DraftQuestioned"]
    entry = town.get(f"/v1/entries/{found['entry']}", AUDITOR).json()
    fact = entry["fact"]
    assert (entry["decision"], fact["answer"], fact["now_answer"], fact["now_code"]) == (
        None,
        "permit",
        "deny",
        "no_role",
    )
    assert (fact["policy"], fact["standing"]) == (digest, town.deployment.law.policy.digest)
    refused = town.post("/v1/edits", COLLECTOR, town.edit(operation="delete", changes=[]))
    assert (refused.status_code, refused.json()["code"]) == (403, "no_role")
    assert town.post(ONE, AUDITOR, asked).json()["decision"] is False


def test_who_may_ask_a_draft(town: Town) -> None:
    region = proposed(town, texts(roles_csv=drop)).json()["policy"]
    county = proposed(town, {"roles.csv": DENY}, person=ADMIN, division=COUNTY).json()["policy"]
    standing = town.deployment.law.policy.digest
    expected = {
        AUDITOR: (200, 200, 200), APPROVER: (200, 200, 200), ADMIN: (404, 200, 200), SECURITY_ADMIN: (403, 403, 403),
        COLLECTOR: (404, 404, 404), CLERK: (404, 403, 403), SYSTEM_ADMIN: (404, 404, 404), AUDIT_ADMIN: (403, 403, 403),
    }  # fmt: skip
    for person, statuses in expected.items():
        found = tuple(
            town.post(f"/v1/policies/{each}/questions", person, question()).status_code
            for each in (region, county, standing)
        )
        assert found == statuses, person
    mine = town.post(f"/v1/policies/{region}/questions", SECURITY_ADMIN, question(SECURITY_ADMIN))
    assert (mine.status_code, mine.json()["change"]) == (200, "same")
    assert town.post(f"/v1/policies/{'0' * 64}/questions", AUDITOR, question()).status_code == 404


@pytest.mark.parametrize("change", [
    {"context": {"time": "2026-10-01T00:00:00+08:00"}}, {"context": {"as_known_at": 3}}, {"subject": {"type": "person"}},
    {"resource": {"type": "monitored.income", "id": "h-monitored", "properties": {"data_year": "2026"}}}, {"action": None},
])  # fmt: skip
def test_what_is_no_question_about_now_is_refused_and_not_recorded(town: Town, change: dict[str, Any]) -> None:
    digest = proposed(town, texts(roles_csv=drop)).json()["policy"]
    size = town.size()
    refused = town.post(f"/v1/policies/{digest}/questions", AUDITOR, question() | change)
    assert (refused.status_code, refused.json()["code"]) == (422, "misshapen")
    assert town.size() == size


def test_a_draft_whose_place_has_changed_meanwhile_is_put_there_anew(town: Town) -> None:
    base = law()
    scene = Scene(Rows(), replace_now(town), 1, base)
    whole = Supposed("0" * 64, "policy", None, base, base)
    assert whole.beside(scene).law is base
    later: Law = replace(base, digests={**base.digests, "edition": "1" * 64})
    with pytest.raises(refusal.WrongState):
        whole.beside(replace(scene, law=later))


def replace_now(town: Town) -> Any:
    with town.deployment.database.engine.connect() as connection:
        return connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()


def test_a_draft_under_which_a_county_would_not_hold_is_told(town: Town) -> None:
    """The county has to change first; the same reason stands in the way of the adoption."""
    narrowed = proposed(
        town, {"roles.csv": DENY.replace("grassroots", "first_secretary")}, person=ADMIN, division=COUNTY
    )
    assert adopted(town, narrowed.json()["policy"], SIGNATORY).status_code == 200
    files = texts(catalogue_toml=lambda text: text.replace('"first_secretary", "grid_worker", "assistance_person"]\n\n# Names', '"grid_worker", "assistance_person"]\n\n# Names'))  # fmt: skip
    digest = proposed(town, files).json()["policy"]
    refused = town.post(f"/v1/policies/{digest}/questions", AUDITOR, question(properties={"division": VILLAGE}))
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert adopted(town, digest).status_code == 409
