"""The written request: what a county asks of the region, and every step until it is answered (S31, S32).

    drafted -> filed -> received -> approved | partial | rejected
       ^         |          |
       |         `-> returned <-'     signing a returned request that had been received: `received` again
       `- changed while drafted; while returned its lines may only narrow
    withdrawn: from drafted, filed, received or returned

A request is named by the entry that drafted it. Texts lie in the vault; the register keeps what later steps are judged
on. `hands` lists [act, person] of everybody who had a hand in it, so that duties are kept apart by natural persons.
"""

from __future__ import annotations

from typing import Any, Final

from authz.fact import Amend, Change, Fact, Put, Where, instant

OPEN: Final = frozenset({"drafted", "filed", "received", "returned"})
DECIDED: Final = frozenset({"approved", "partial", "rejected"})
ALLOWED: Final = {
    "request.change": frozenset({"drafted", "returned"}),
    "request.sign": frozenset({"drafted", "returned"}),
    "request.receive": frozenset({"filed"}),
    "request.return": frozenset({"filed", "received"}),
    "request.propose": frozenset({"received"}),
    "request.decide": frozenset({"received"}),
    "request.scan": DECIDED,
    "request.withdraw": OPEN,
}
"""In which states each step may be taken."""

Line = dict[str, Any]
"""line, division, cells, operations, data_year, from, until, max_records; instants in canonical spelling; and, only where
the line asks to prolong a grant, `renews`: its number (`authz/renewal.py`)."""
Hands = tuple[tuple[str, ...], ...]


def _amended(subject: int, state: str | None, body: dict[str, Any]) -> tuple[Change, ...]:
    """The members of `body` replace those of the same name on record."""
    return (Amend("request", (subject,), {"body": body} if state is None else {"state": state, "body": body}),)


def _text(fact: RequestDrafted | RequestChanged, where: Where) -> dict[str, Any]:
    return {
        "unit": fact.applicant,
        "document": {
            "kind": fact.document_kind, "number": fact.document, "raw": fact.document_raw, "dated": fact.dated,
            "signatory": fact.signatory, "addressee": fact.addressee, "cc": list(fact.cc),
        },
        "contact": fact.contact, "ground": fact.ground, "lines": list(fact.lines),
        "attachments": list(fact.attachments), "hands": [list(each) for each in fact.hands], "text": where.number,
    }  # fmt: skip


class RequestDrafted(Fact):
    """A county clerk wrote a request. `title`, `ground_text` and `phone` are commitments."""

    division: str
    applicant: str
    document_kind: str
    document: str
    document_raw: str
    title: str
    dated: str
    signatory: str
    addressee: str
    cc: tuple[str, ...]
    contact: str | None
    phone: str | None
    ground: str
    ground_text: str | None
    lines: tuple[Line, ...]
    attachments: tuple[str, ...]
    hands: Hands

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (
            Put(
                "request", (where.number,), {"state": "drafted", "division": self.division, "body": _text(self, where)}
            ),
        )


class RequestChanged(Fact):
    """The draft was written anew; all of it stands here."""

    subject: int
    division: str
    applicant: str
    document_kind: str
    document: str
    document_raw: str
    title: str
    dated: str
    signatory: str
    addressee: str
    cc: tuple[str, ...]
    contact: str | None
    phone: str | None
    ground: str
    ground_text: str | None
    lines: tuple[Line, ...]
    attachments: tuple[str, ...]
    hands: Hands

    def changes(self, where: Where) -> tuple[Change, ...]:
        return _amended(self.subject, None, _text(self, where))


class RequestSigned(Fact):
    """The text is frozen and the document number taken for good. `state` is `filed`, or `received` on refiling.

    `filed_at` is the first filing; `paused` the rests of the handling clock, all of them ended.
    """

    subject: int
    division: str
    applicant: str
    document: str
    lines: tuple[Line, ...]
    attachments: tuple[str, ...]
    state: str
    filed_at: str
    paused: tuple[tuple[str | None, ...], ...]
    hands: Hands

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {
            "filed_at": self.filed_at, "filed_lines": list(self.lines), "signed": where.number,
            "paused": [list(each) for each in self.paused], "hands": [list(each) for each in self.hands],
        }  # fmt: skip
        taken = Put("document", (self.document,), {"issuer": self.applicant, "thing": self.subject})
        return (*_amended(self.subject, self.state, body), taken)


class RequestReceived(Fact):
    """The region entered the letter in its register of incoming mail; the handling clock starts."""

    subject: int
    division: str
    register_no: str
    received_on: str
    hands: Hands

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {
            "register_no": self.register_no, "received_on": self.received_on, "clock": instant(where.at), "paused": [],
            "hands": [list(each) for each in self.hands],
        }  # fmt: skip
        return _amended(self.subject, "received", body)


class RequestReturned(Fact):
    """Sent back for correction. `reasons` holds [path, commitment]; a running clock rests: the last of `paused` is open."""

    subject: int
    division: str
    reasons: tuple[tuple[str, ...], ...]
    paused: tuple[tuple[str | None, ...], ...]
    hands: Hands

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {
            "returned": {"entry": where.number, "paths": [path for path, _ in self.reasons]}, "proposal": None,
            "paused": [list(each) for each in self.paused], "hands": [list(each) for each in self.hands],
        }  # fmt: skip
        return _amended(self.subject, "returned", body)


class RequestProposed(Fact):
    """A handler's opinion. Each of `lines` has line, outcome, scope (null unless narrowed) and a committed reason."""

    subject: int
    division: str
    lines: tuple[Line, ...]
    opinion: str
    hands: Hands

    def changes(self, where: Where) -> tuple[Change, ...]:
        proposal = {"entry": where.number, "by": where.person, "at": instant(where.at), "lines": list(self.lines)}
        return _amended(self.subject, None, {"proposal": proposal, "hands": [list(each) for each in self.hands]})


class RequestDecided(Fact):
    """The region's answer, line by line. `document` is the reply's number; `cites` that of the request."""

    subject: int
    division: str
    outcome: str
    document_kind: str
    document: str
    document_raw: str
    title: str | None
    dated: str
    cites: str
    issuer: str
    lines: tuple[Line, ...]
    opinion: str
    attachments: tuple[str, ...]
    hands: Hands

    def changes(self, where: Where) -> tuple[Change, ...]:
        decision = {
            "entry": where.number, "by": where.person, "at": instant(where.at), "unit": self.issuer,
            "document": {"kind": self.document_kind, "number": self.document, "raw": self.document_raw,
                         "dated": self.dated, "cites": self.cites},
            "lines": list(self.lines),
        }  # fmt: skip
        body = {"decision": decision, "scan": list(self.attachments), "hands": [list(each) for each in self.hands]}
        taken = Put("document", (self.document,), {"issuer": self.issuer, "thing": self.subject})
        return (*_amended(self.subject, self.outcome, body), taken)


class DecisionScanned(Fact):
    """The sealed scan of the reply followed. `scan` holds all its files, earlier ones first."""

    subject: int
    division: str
    scan: tuple[str, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        return _amended(self.subject, None, {"scan": list(self.scan)})


class RequestWithdrawn(Fact):
    """The county took its request back before it was answered. `reason` is a commitment."""

    subject: int
    division: str
    reason: str
    hands: Hands

    def changes(self, where: Where) -> tuple[Change, ...]:
        body = {"withdrawn": where.number, "proposal": None, "hands": [list(each) for each in self.hands]}
        return _amended(self.subject, "withdrawn", body)


class AttachmentStored(Fact):
    """A sealed letter, a scan or an annex is kept whole under its digest. `name` is a commitment."""

    authority = False
    sha256: str
    size: int
    media_type: str
    name: str | None
