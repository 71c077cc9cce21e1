"""Filing: the county's half of a written request, as pure rules (S31).

Only the lead body of a county files, with the regional lead body as its one addressee; the city is copied to and never
approves. Signing freezes the text and takes the document number for good, and wants the sealed letter attached.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from authz import document, refusal, renewal, scope, step, succession, term
from authz.decision import Scene
from authz.document import DocumentNumber, Kind
from authz.fact import instant
from authz.grant import Misfit, misfits
from authz.request import Line, RequestChanged, RequestDrafted, RequestSigned, RequestWithdrawn

MOST_LINES = 100
COPY = "skip_level_copy"


@dataclass(frozen=True, slots=True)
class Text:
    """What a clerk writes, of the right form. `title`, `ground_text` and `phone` are commitments."""

    kind: str
    number: str
    title: str
    dated: date
    signatory: str
    addressee: str
    cc: tuple[str, ...]
    contact: str | None
    phone: str | None
    ground: str
    ground_text: str | None
    lines: tuple[Line, ...]
    attachments: tuple[str, ...]


def applicant(scene: Scene) -> tuple[str, str]:
    """Unit and county of the caller, who must act for the lead body of a county."""
    post = scene.post
    if post is None:
        raise refusal.NotEmployed(missing="post")
    place = scene.law.divisions.get(post.division)
    if place.level != "county" or not post.unit.endswith(succession.LEAD):
        raise refusal.NoRole("书面申请只能由县级乡村振兴机构提出", missing="role")
    return post.unit, place.code


def drafted(text: Text, scene: Scene) -> RequestDrafted:
    """A new draft."""
    unit, county = applicant(scene)
    number = _checked(text, county, scene)
    numbers = sorted(each["line"] for each in text.lines)
    if numbers != list(range(1, len(numbers) + 1)):
        _refuse("lines", "申请事项应从 1 起连续编号，不能重复")
    renewal.must_renew(text.lines, unit, None, scene)
    return RequestDrafted(
        division=county, applicant=unit, hands=step.hand("request.draft", None, scene), **_written(text, number)
    )


def changed(row: dict[str, Any], text: Text, scene: Scene) -> RequestChanged:
    """The draft written anew; a returned one may only narrow, under the number it already has."""
    step.must_stand("request.change", row, scene)
    number = _checked(text, succession.present(row["division"], scene.law), scene)
    numbers = sorted(each["line"] for each in text.lines)
    filed = row["body"].get("filed_lines")
    if filed is not None:
        _must_narrow(filed, text.lines, scene)
        if number.text != row["body"]["document"]["number"]:
            _refuse("document/number", "已签发的发文字号不能更改；更换文号请另行发文")
    elif numbers != list(range(1, len(numbers) + 1)):
        _refuse("lines", "申请事项应从 1 起连续编号，不能重复")
    renewal.must_renew(text.lines, row["body"]["unit"], row, scene)
    return RequestChanged(
        subject=row["number"], division=row["division"], applicant=row["body"]["unit"],
        hands=step.hand("request.draft", row, scene), **_written(text, number),
    )  # fmt: skip


def signed(row: dict[str, Any], stored: frozenset[str], scene: Scene) -> RequestSigned:
    """The text frozen, the number taken. `stored` are the cited attachments that are kept here."""
    step.must_stand("request.sign", row, scene)
    body = row["body"]
    letter = body["document"]
    taken = scene.rows.documents.get(letter["number"])
    if taken is not None and taken["thing"] != row["number"]:
        raise refusal.NumberTaken()
    if not body["attachments"] or not stored.issuperset(body["attachments"]):
        raise refusal.NotInWriting(missing="attachment")
    assert scene.person is not None
    if letter["signatory"] != scene.person.id:
        raise refusal.NotSignatory()
    number = document.parse(letter["raw"])
    document.must_fit_date(number, date.fromisoformat(letter["dated"]))
    document.must_not_be_ahead(date.fromisoformat(letter["dated"]), scene.at, "/document/dated")
    must_own(number, letter["kind"], body["unit"], scene)
    succession.must_stand(body["lines"], [each["line"] for each in body["lines"]], scene.law)
    _must_copy(letter, succession.present(row["division"], scene.law), scene)
    for place, line in enumerate(body["lines"]):
        _must_be_short(line, place, scene)
    renewal.must_renew(body["lines"], body["unit"], row, scene)
    at = instant(scene.at)
    received = body.get("clock") is not None
    return RequestSigned(
        subject=row["number"], division=row["division"], applicant=body["unit"], document=letter["number"],
        lines=tuple(body["lines"]), attachments=tuple(body["attachments"]), state="received" if received else "filed",
        filed_at=body.get("filed_at") or at,
        paused=tuple((begin, end or at) for begin, end in body.get("paused", ())),
        hands=step.hand("request.sign", row, scene),
    )  # fmt: skip


def withdrawn(row: dict[str, Any], reason: str, scene: Scene) -> RequestWithdrawn:
    """Taken back: by a clerk before it was ever signed, by a signatory after."""
    step.must_stand("request.withdraw", row, scene)
    must_withdraw(row, scene)
    hands = tuple(tuple(each) for each in row["body"]["hands"])
    return RequestWithdrawn(subject=row["number"], division=row["division"], reason=reason, hands=hands)


def must_withdraw(row: dict[str, Any], scene: Scene) -> None:
    """Refuse a clerk after the first signature, and a signatory before it."""
    assert scene.post is not None
    signed_once = row["body"].get("filed_at") is not None
    if scene.post.role != ("county_signatory" if signed_once else "county_clerk"):
        who = "已签发的申请应由签发人撤回" if signed_once else "未签发的申请应由经办人撤回"
        raise refusal.NoRole(who, missing="role")


def must_own(number: DocumentNumber, kind: str, unit: str, scene: Scene) -> None:
    """Refuse a code word that is not registered to the unit for this kind of document."""
    word = scene.law.policy.codewords.get(number.word)
    if word is None or word.unit != unit or kind not in word.kinds:
        raise refusal.ForeignCodeWord(
            pointers=[{"pointer": "/document/number", "message": refusal.ForeignCodeWord.title}]
        )


def _checked(text: Text, county: str, scene: Scene) -> DocumentNumber:
    """The number of a text whose every part may be asked; uniqueness is judged when it is signed."""
    number = document.parse(text.number)
    divisions, words = scene.law.divisions, scene.law.policy.catalogue
    if Kind[text.kind].reply is None:
        _refuse("document/kind", "申请的文种应为请示或函")
    if text.addressee != f"u-{divisions.path(county)[0]}-lead":
        _refuse("document/addressee", "主送机关应为自治区乡村振兴机构，且只能有一个")
    for place, unit in enumerate(text.cc):
        divisions.get(unit.split("-")[1])
        if unit == text.addressee or unit in text.cc[:place]:
            _refuse(f"document/cc/{place}", "抄送单位不能与主送机关相同，也不能重复")
    if text.ground not in words.grounds:
        _refuse("ground/code", "事由代码不在目录中，可填：" + "、".join(words.grounds))
    if not 1 <= len(text.lines) <= MOST_LINES:
        _refuse("lines", f"申请事项应为 1 至 {MOST_LINES} 项")
    for place, line in enumerate(text.lines):
        divisions.get(line["division"])
        asked = scope.of(line)
        scope.check(words, line["cells"], line["operations"], asked.valid_from, asked.valid_until, f"/lines/{place}")
        scope.fits_ground(words, text.ground, line["operations"], f"/lines/{place}")
        _must_be_short(line, place, scene)
        if not divisions.covers(county, line["division"]):
            _refuse(f"lines/{place}/division", "申请的区划应在本县（市、区）范围内")
    return number


def _must_be_short(line: Line, place: int, scene: Scene) -> None:
    asked = scope.of(line)
    term.must_fit(scene.law.policy, asked.valid_from, asked.valid_until, f"/lines/{place}/until")


def _must_narrow(filed: list[Line], lines: tuple[Line, ...], scene: Scene) -> None:
    old = {each["line"]: each for each in filed}
    found: list[dict[str, Any]] = []
    if len({each["line"] for each in lines}) != len(lines):
        _refuse("lines", "申请事项编号不能重复")
    for line in lines:
        if line["line"] not in old:
            found.append({"line": line["line"], "axis": "line", "held": None, "asked": line["line"]})
            continue
        before = old[line["line"]]
        before = before | {"division": succession.present(before["division"], scene.law)}
        wider = list(misfits(scope.of(before), scope.of(line), scene.law.divisions))
        if before.get("renews") != line.get("renews"):
            wider.append(Misfit("renews", before.get("renews"), line.get("renews")))
        found += [{"line": line["line"], **each.plain()} for each in wider]
    if found:
        raise refusal.WiderThanFiled(misfits=found)


def _must_copy(letter: dict[str, Any], county: str, scene: Scene) -> None:
    """A county that writes past its city copies the letter to it (local setting)."""
    setting = scene.law.policy.handling.get(COPY)
    if setting is not None and setting.value == 0:
        return
    cities = [code for code in scene.law.divisions.path(county) if scene.law.divisions.get(code).level == "city"]
    if any(f"u-{city}-lead" not in letter["cc"] for city in cities):
        raise refusal.NotCopied(pointers=[{"pointer": "/document/cc", "message": refusal.NotCopied.title}])


def _written(text: Text, number: DocumentNumber) -> dict[str, Any]:
    return {
        "document_kind": text.kind, "document": number.text, "document_raw": number.raw, "title": text.title,
        "dated": text.dated.isoformat(), "signatory": text.signatory, "addressee": text.addressee, "cc": text.cc,
        "contact": text.contact, "phone": text.phone, "ground": text.ground, "ground_text": text.ground_text,
        "lines": text.lines, "attachments": text.attachments,
    }  # fmt: skip


def _refuse(pointer: str, message: str) -> None:
    raise refusal.Unacceptable(message, pointers=[{"pointer": f"/{pointer}", "message": message}])
