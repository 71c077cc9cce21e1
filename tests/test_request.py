"""The rules of the written request, without a database: four hands, one number, one letter, nothing wider than asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from acts import law
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from offices import LINE, NOW, PAPER, REPLY, TEXT, WAY, YES, Office, faults

from authz import filing, refusal, reply, step
from authz.fact import instant
from authz.filing import Text
from authz.grant import GrantIssued
from authz.policy import Setting
from authz.refusal import Refusal
from authz.reply import Answer, Reply
from authz.request import ALLOWED, RequestDecided


def test_the_usual_way_ends_in_one_grant_of_the_county() -> None:
    office = Office().run(*WAY)
    assert office.row["state"] == "approved"
    assert faults(office) == []
    decided, grant = office.facts[-2:]
    assert isinstance(decided, RequestDecided)
    assert isinstance(grant, GrantIssued)
    assert (grant.holder_unit, grant.role, grant.document) == ("u-640324-lead", "county_admin", "宁乡振发〔2026〕12号")


@pytest.mark.parametrize("spoil", [
    lambda office: office.row["body"]["hands"].append(["request.decide", "p-15"]),
    lambda office: office.row["body"].update(attachments=[]),
    lambda office: office.rows.documents.clear(),
    lambda office: office.facts.pop(),
    lambda office: office.row["body"]["lines"][0].update(max_records=99),
])  # fmt: skip
def test_the_invariant_sees_a_forged_record(spoil: Callable[[Office], Any]) -> None:
    office = Office().run("draft", "sign", "receive", "propose", "decide", text=replace(TEXT, lines=({**LINE},)))
    spoil(office)
    assert faults(office)


def _line(**more: Any) -> Text:
    return replace(TEXT, lines=({**LINE, **more},))


EARLIER, LATER = instant(NOW - timedelta(days=1)), instant(NOW + timedelta(days=31))
DRAFTS: list[tuple[Text, type[Refusal]]] = [
    (replace(TEXT, number="同乡振发202631号"), refusal.BadDocumentNumber),
    (replace(TEXT, kind="PIFU"), refusal.Unacceptable),
    (replace(TEXT, addressee="u-6403-lead"), refusal.Unacceptable),
    (replace(TEXT, cc=("u-64-lead",)), refusal.Unacceptable),
    (replace(TEXT, ground="because"), refusal.Unacceptable),
    (replace(TEXT, lines=()), refusal.Unacceptable),
    (replace(TEXT, lines=({**LINE, "line": 2},)), refusal.Unacceptable),
    (replace(TEXT, lines=(LINE, LINE)), refusal.Unacceptable),
    (_line(division="640302"), refusal.Unacceptable),
    (_line(division="6403"), refusal.Unacceptable),
    (_line(division="640324999"), refusal.BadDivisionCode),
    (_line(cells=[]), refusal.Unacceptable),
    (_line(operations=[]), refusal.Unacceptable),
    (_line(cells=["lifted_out.risk_elimination"]), refusal.NoSuchCell),
    (_line(operations=["mark_eliminated"]), refusal.Unacceptable),
    (_line(until=LINE["from"]), refusal.EmptyInterval),
]


@pytest.mark.parametrize(("text", "kind"), DRAFTS)
def test_what_may_not_even_be_drafted(text: Text, kind: type[Refusal]) -> None:
    with pytest.raises(kind):
        Office().run("draft", text=text)


SIGNATURES: list[tuple[Text, frozenset[str], type[Refusal]]] = [
    (replace(TEXT, attachments=()), frozenset((PAPER,)), refusal.NotInWriting),
    (TEXT, frozenset(), refusal.NotInWriting),
    (replace(TEXT, number="宁乡振发〔2026〕31号"), frozenset((PAPER,)), refusal.ForeignCodeWord),
    (replace(TEXT, number="吴乡振发〔2026〕31号"), frozenset((PAPER,)), refusal.ForeignCodeWord),
    (replace(TEXT, number="同乡振发〔2025〕31号"), frozenset((PAPER,)), refusal.BadDocumentNumber),
    (replace(TEXT, cc=()), frozenset((PAPER,)), refusal.NotCopied),
    (replace(TEXT, signatory="p-32"), frozenset((PAPER,)), refusal.NotSignatory),
]


@pytest.mark.parametrize(("text", "stored", "kind"), SIGNATURES)
def test_what_may_not_be_signed(text: Text, stored: frozenset[str], kind: type[Refusal]) -> None:
    office = Office().run("draft", text=text)
    with pytest.raises(kind):
        office.run("sign", stored=stored)
    assert not office.rows.documents


def test_the_copy_to_the_city_is_a_local_setting() -> None:
    alone = replace(TEXT, cc=())
    policy = law().policy
    lax = replace(policy, handling={**policy.handling, filing.COPY: replace(policy.handling[filing.COPY], value=0)})
    for used, kind in ((lax, None), (policy, refusal.NotCopied)):
        office = Office(replace(law(), policy=used)).run("draft", text=alone)
        with pytest.raises(kind) if kind else contextlib.nullcontext():
            office.run("sign")
        assert (office.row["state"] == "filed") is (kind is None)


DECISIONS: list[tuple[Reply, tuple[Answer, ...], type[Refusal]]] = [
    (replace(REPLY, number="同乡振发〔2026〕31号"), YES, refusal.NumberTaken),
    (replace(REPLY, number="宁乡振发〔2025〕12号"), YES, refusal.BadDocumentNumber),
    (replace(REPLY, number="同乡振发〔2026〕12号"), YES, refusal.ForeignCodeWord),
    (replace(REPLY, kind="FUHAN"), YES, refusal.Unacceptable),
    (replace(REPLY, dated=date(2026, 11, 19)), YES, refusal.DatedBefore),
    (replace(REPLY, cites="同乡振发〔2026〕30号"), YES, refusal.BadDocumentNumber),
    (REPLY, (), refusal.Unacceptable),
    (REPLY, YES * 2, refusal.Unacceptable),
    (REPLY, (Answer(2, "approved", None, None),), refusal.Unacceptable),
    (REPLY, (Answer(1, "narrowed", None, None),), refusal.Unacceptable),
    (REPLY, (Answer(1, "approved", {"max_records": 1}, None),), refusal.Unacceptable),
    (REPLY, (Answer(1, "narrowed", {"max_records": 101}, None),), refusal.WiderThanAsked),
    (REPLY, (Answer(1, "narrowed", {"division": "640324"}, None),), refusal.WiderThanAsked),
    (REPLY, (Answer(1, "narrowed", {"cells": ["lifted_out.income"]}, None),), refusal.WiderThanAsked),
    (REPLY, (Answer(1, "narrowed", {"from": EARLIER}, None),), refusal.WiderThanAsked),
    (REPLY, (Answer(1, "narrowed", {"until": LATER}, None),), refusal.WiderThanAsked),
    (REPLY, (Answer(1, "narrowed", {"until": LINE["from"]}, None),), refusal.EmptyInterval),
]


@pytest.mark.parametrize(("answer", "answers", "kind"), DECISIONS)
def test_what_may_not_be_decided(answer: Reply, answers: tuple[Answer, ...], kind: type[Refusal]) -> None:
    office = Office().run("draft", "sign", "receive", "propose")
    with pytest.raises(kind):
        office.run("decide", answer=answer, answers=answers)
    assert faults(office) == []


@pytest.mark.parametrize(
    "steps", [("draft", "sign", "receive"), ("draft", "sign", "receive", "propose", "return", "sign")]
)
def test_a_decision_needs_a_proposal_that_has_not_fallen(steps: tuple[str, ...]) -> None:
    office = Office().run(*steps)
    with pytest.raises(refusal.WrongState):
        office.run("decide")


@pytest.mark.parametrize("who", [
    {"sign": "p-12"}, {"receive": "p-14"}, {"receive": "p-24"}, {"propose": "p-14"}, {"decide": "p-15"},
    {"decide": "p-25"}, {"decide": "p-45"}, {"decide": "p-35"}, {"draft": "p-21"},
])  # fmt: skip
def test_two_accounts_of_one_person_are_one_hand(who: dict[str, str]) -> None:
    office, text = Office(), replace(TEXT, signatory=who.get("sign", "p-22"))
    with pytest.raises(refusal.DutyConflict):
        office.run(*WAY, who=who, text=text)
    assert faults(office) == []


@pytest.mark.parametrize(("text", "wider"), [
    (_line(operations=["collect"]), False), (_line(max_records=99), False), (_line(max_records=None), True),
    (_line(operations=["collect", "update", "verify"]), True), (_line(data_year=2025), True),
    (replace(TEXT, lines=(LINE, {**LINE, "line": 2})), True),
])  # fmt: skip
def test_a_returned_request_may_only_narrow(text: Text, wider: bool) -> None:
    office = Office().run("draft", "sign", "receive", "return")
    if wider:
        with pytest.raises(refusal.WiderThanFiled) as found:
            office.run("change", text=text)
        assert found.value.members["misfits"]
    else:
        office.run("change", "sign", text=text)
        assert office.row["state"] == "received"


def test_a_number_once_signed_is_never_exchanged() -> None:
    other = replace(TEXT, number="同乡振发〔2026〕32号")
    assert Office().run("draft").run("change", text=other).row["body"]["document"]["number"] == other.number
    office = Office().run("draft", "sign", "return")
    with pytest.raises(refusal.Unacceptable):
        office.run("change", text=other)


def test_the_clock_rests_while_returned_and_the_register_number_stays() -> None:
    office = Office().run("draft", "sign", "receive", "return")
    assert [list(each) for each in office.row["body"]["paused"]] == [[instant(NOW), None]]
    office.run("sign")
    assert office.row["body"]["paused"] == [[instant(NOW), instant(NOW)]]
    assert (office.row["state"], office.row["body"]["register_no"]) == ("received", "1")
    never = Office().run("draft", "sign", "return", "sign")
    assert (never.row["state"], never.row["body"]["paused"]) == ("filed", [])


def test_expiry_only_where_a_limit_is_set() -> None:
    office = Office().run("draft", "sign")
    policy = law().policy
    setting = Setting(step.LIMIT, "zh", 30, "day", "local", "L")
    limited = replace(policy, handling={**policy.handling, step.LIMIT: setting})
    late = NOW + timedelta(days=30)
    assert step.state(office.row, policy, late) == "filed"
    assert step.state(office.row, limited, late) == "expired"
    assert step.state(office.row, limited, late - timedelta(seconds=1)) == "filed"
    assert not any("expired" in states for states in ALLOWED.values())


NATURALS = st.sampled_from("123456")
STEPS = ["change", "sign", "receive", "return", "propose", "decide"]


class Trip(RuleBasedStateMachine):
    """Anybody tries anything in any order: no grant without four people, a letter, and two numbers of its own."""

    @initialize(clerk=NATURALS, signatory=NATURALS, sealed=st.booleans())
    def begin(self, clerk: str, signatory: str, sealed: bool) -> None:
        self.office = Office()
        text = replace(TEXT, signatory=f"p-{signatory}2", attachments=(PAPER,) if sealed else ())
        self.text = text
        self.office.run("draft", text=text, who={"draft": f"p-{clerk}1"})

    @rule(natural=NATURALS, number=st.sampled_from([TEXT.number, REPLY.number]), outcome=st.sampled_from(reply.GRANTED))
    def advance(self, natural: str, number: str, outcome: str) -> None:
        """The step that brings the request on, by somebody in the right role."""
        row = self.office.row
        ready = "decide" if row["body"].get("proposal") else "propose"
        name = {"drafted": "sign", "returned": "sign", "filed": "receive", "received": ready}.get(
            row["state"], "decide"
        )
        mark = "5" if name == "decide" else "4"
        self.attempt(name, self.text.signatory if name == "sign" else f"p-{natural}{mark}", number, outcome)

    @rule(name=st.sampled_from(STEPS), natural=NATURALS, mark=st.sampled_from("12345"))
    def stray(self, name: str, natural: str, mark: str) -> None:
        """Any step by anybody, which mostly comes to nothing."""
        self.attempt(name, f"p-{natural}{mark}", REPLY.number, "approved")

    def attempt(self, name: str, person: str, number: str, outcome: str) -> None:
        narrower = {"max_records": 1} if outcome == "narrowed" else None
        answers = (Answer(1, outcome, narrower, None),)
        with contextlib.suppress(Refusal):
            self.office.run(
                name, who={name: person}, text=self.text, answer=replace(REPLY, number=number), answers=answers
            )

    @invariant()
    def sound(self) -> None:
        if hasattr(self, "office"):
            assert faults(self.office) == []


Trip.TestCase.settings = settings(max_examples=100, stateful_step_count=16, deadline=None)
test_trip = Trip.TestCase
