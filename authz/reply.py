"""The reply: the region's half of a written request, as pure rules (S32).

A handler receives, returns or proposes; an approver, who is another natural person and nobody of the applicant's,
decides line by line. An approved or narrowed line becomes one grant in the hands of the county's administrators; a
narrowed one is never wider than what was asked. 请示 is answered by 批复, 函 by 复函, under a number of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from authz import citation, document, filing, refusal, renewal, scope, step, succession, term
from authz.decision import Scene
from authz.document import Kind
from authz.fact import Fact, instant
from authz.grant import GrantIssued, Scope, misfits
from authz.request import (
    DecisionScanned,
    Line,
    RequestDecided,
    RequestProposed,
    RequestReceived,
    RequestReturned,
)  # fmt: skip

GRANTED: Final = ("approved", "narrowed")
COUNTY_ROLE: Final = "county_admin"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to become of one line. `narrower` holds only the axes that were given; `reason` is a commitment."""

    line: int
    outcome: str
    narrower: dict[str, Any] | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """The letter of reply. `title` is a commitment; `kind` and `cites` may be left to the rule."""

    kind: str | None
    number: str
    title: str | None
    dated: date
    cites: str | None
    note: str | None = None


def received(row: dict[str, Any], register_no: str, received_on: date, scene: Scene) -> RequestReceived:
    """Registered as incoming mail."""
    step.must_stand("request.receive", row, scene)
    if received_on < date.fromisoformat(row["body"]["document"]["dated"]):
        raise refusal.DatedBefore("收文日期不得早于来文的成文日期，请核对")
    document.must_not_be_ahead(received_on, scene.at, "/received_on")
    _must_be_new(register_no, received_on, row["body"]["document"]["addressee"], scene)
    return RequestReceived(
        subject=row["number"], division=row["division"], register_no=register_no, received_on=received_on.isoformat(),
        hands=step.hand("request.receive", row, scene),
    )  # fmt: skip


def _must_be_new(register_no: str, received_on: date, unit: str, scene: Scene) -> None:
    """Refuse a number that the register of incoming mail of this unit gave to another letter of that year."""
    year = str(received_on.year)
    letters = scene.rows.mail.get(citation.folded(register_no), ())
    if any((each.unit, each.year) == (unit, year) for each in letters):
        raise refusal.AlreadyRegistered("该收文登记号本年度已用于另一份来文，请核对收文登记簿后重新填写")


def returned(row: dict[str, Any], reasons: tuple[tuple[str, str], ...], scene: Scene) -> RequestReturned:
    """Sent back with reasons; a running clock rests."""
    step.must_stand("request.return", row, scene)
    body = row["body"]
    paused = tuple(tuple(each) for each in body.get("paused", ()))
    if body.get("clock") is not None:
        paused = (*paused, (instant(scene.at), None))
    return RequestReturned(
        subject=row["number"], division=row["division"], reasons=reasons, paused=paused,
        hands=step.hand("request.return", row, scene),
    )  # fmt: skip


def proposed(row: dict[str, Any], answers: tuple[Answer, ...], opinion: str, scene: Scene) -> RequestProposed:
    """A handler's opinion, line by line; a later one takes its place."""
    step.must_stand("request.propose", row, scene)
    return RequestProposed(
        subject=row["number"], division=row["division"], lines=_answered(row, answers, scene), opinion=opinion,
        hands=step.hand("request.propose", row, scene),
    )  # fmt: skip


def decided(
    row: dict[str, Any], reply: Reply, answers: tuple[Answer, ...], opinion: str, scans: tuple[str, ...], scene: Scene
) -> tuple[Fact, ...]:
    """The decision and its grants, one per approved or narrowed line."""
    step.must_stand("request.decide", row, scene)
    step.must_be_outside(row, scene)
    if row["body"].get("proposal") is None:
        raise refusal.WrongState("还没有拟办意见，请先由承办人提出拟办意见再审批", state=row["state"])
    number = document.parse(reply.number)
    if number.text in scene.rows.documents:
        raise refusal.NumberTaken()
    letter = row["body"]["document"]
    kind = _kind(reply, letter)
    document.must_fit_date(number, reply.dated, reply.note)
    document.must_not_be_ahead(reply.dated, scene.at, "/document/dated")
    assert scene.post is not None
    filing.must_own(number, kind.name, scene.post.unit, scene)
    document.must_not_be_older(reply.dated, date.fromisoformat(letter["dated"]))
    if reply.cites is not None and document.parse(reply.cites).text != letter["number"]:
        raise refusal.BadDocumentNumber("批复所引来文的发文字号与申请不一致，请核对")
    lines = _answered(row, answers, scene)
    decision = RequestDecided(
        subject=row["number"], division=row["division"], outcome=outcome(lines), document_kind=kind.name,
        document=number.text, document_raw=number.raw, title=reply.title, dated=reply.dated.isoformat(),
        cites=letter["number"], issuer=scene.post.unit, lines=lines, opinion=opinion, attachments=scans,
        hands=step.hand("request.decide", row, scene),
    )  # fmt: skip
    granted = _granted(row, lines, scene)
    holder = row["body"]["unit"]
    return (decision, *(_grant(decision, line["line"], given, holder, scene) for line, given in granted))


def _granted(row: dict[str, Any], lines: tuple[Line, ...], scene: Scene) -> list[tuple[Line, Scope]]:
    """What was asked and is given for each approved or narrowed line, no longer than any term and renewing what may be."""
    asked = {each["line"]: each for each in row["body"]["lines"]}
    found = [
        (asked[each["line"]], scope.of(asked[each["line"]] | (each["scope"] or {})))
        for each in lines if each["outcome"] in GRANTED
    ]  # fmt: skip
    for _, given in found:
        term.must_fit(scene.law.policy, given.valid_from, given.valid_until, "/lines")
    renewal.must_stand(found, scene)
    return found


def scanned(row: dict[str, Any], scans: tuple[str, ...], scene: Scene) -> DecisionScanned:
    """The sealed scan that followed."""
    step.must_stand("request.scan", row, scene)
    whole = tuple(dict.fromkeys((*row["body"].get("scan", ()), *scans)))
    return DecisionScanned(subject=row["number"], division=row["division"], scan=whole)


def outcome(lines: tuple[Line, ...]) -> str:
    """`approved` if every line was approved as asked, `rejected` if none was granted, else `partial`."""
    found = {each["outcome"] for each in lines}
    if found == {"approved"}:
        return "approved"
    return "rejected" if found == {"rejected"} else "partial"


def _kind(reply: Reply, letter: dict[str, Any]) -> Kind:
    asked = Kind[letter["kind"]]
    assert asked.reply is not None
    given = asked.reply if reply.kind is None else Kind[reply.kind]
    document.must_answer(given, asked)
    return given


def _answered(row: dict[str, Any], answers: tuple[Answer, ...], scene: Scene) -> tuple[Line, ...]:
    """Every line answered once; all that is wider than asked is listed."""
    asked = {each["line"]: each for each in row["body"]["lines"]}
    if sorted(each.line for each in answers) != sorted(asked):
        _refuse("lines", "每项申请须答复一次，不能遗漏、重复或增加，请核对编号")
    wider: list[dict[str, Any]] = []
    found: list[Line] = []
    for place, each in enumerate(answers):
        if (each.outcome == "narrowed") != (each.narrower is not None):
            _refuse(f"lines/{place}/scope", "缩小范围批准的，须填写缩小后的范围；同意或不同意的，不填范围")
        granted = None
        if each.narrower is not None:
            line = asked[each.line]
            narrow = scope.of(line | each.narrower)
            scene.law.divisions.get(narrow.division)
            check = (narrow.cells, narrow.operations, narrow.valid_from, narrow.valid_until)
            scope.check(scene.law.policy.catalogue, *check, f"/lines/{place}/scope")
            held = scope.of(line)
            if narrow == held:
                _refuse(f"lines/{place}/scope", "所填范围与申请的相同，没有缩小；同意全部请直接选同意")
            wider += [{"line": each.line, **one.plain()} for one in misfits(held, narrow, scene.law.divisions)]
            granted = scope.plain(narrow)
        found.append({"line": each.line, "outcome": each.outcome, "scope": granted, "reason": each.reason})
    given = [each.line for each in answers if each.outcome in GRANTED]
    succession.must_stand(row["body"]["lines"], given, scene.law)
    if wider:
        raise refusal.WiderThanAsked(misfits=wider)
    return tuple(found)


def _grant(decision: RequestDecided, line: int, granted: Scope, holder: str, scene: Scene) -> GrantIssued:
    divisions = scene.law.divisions
    return GrantIssued(
        origin="request", division=granted.division, cells=tuple(sorted(granted.cells)),
        operations=tuple(sorted(granted.operations)), data_year=granted.data_year,
        valid_from=instant(granted.valid_from), valid_until=instant(granted.valid_until),
        max_records=granted.max_records, households=None, holder_unit=holder, holder_person=None,
        role=COUNTY_ROLE, request=decision.subject, line=line, window=None, parent=None, path=(),
        document=decision.document, document_sha256=decision.attachments[0] if decision.attachments else None,
        edition=divisions.edition, division_name=divisions.get(granted.division).name, issuer_unit=decision.issuer,
        reason=None,
    )  # fmt: skip


def _refuse(pointer: str, message: str) -> None:
    raise refusal.Unacceptable(message, pointers=[{"pointer": f"/{pointer}", "message": message}])
